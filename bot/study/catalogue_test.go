package study_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/mozillazg/go-pinyin"
	"pgregory.net/rapid"

	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

func titled(id, title string, words ...string) *content.Course {
	return content.Seal(content.Course{ID: id, Title: title, Summary: "短课。", Tier: content.TierElective, Keywords: words, Lessons: []content.Lesson{{ID: "01-a", Title: "第一节" + id, Seconds: 120}}})
}

// manyCourses are n different courses, as a province might have.
func manyCourses(n int) *content.Library {
	topics := []string{"水管", "道路", "烤烟", "核桃", "肉牛", "生猪", "防汛", "防火", "低保", "医保", "养老", "集市", "土地", "林权", "宅基地", "合作社", "电商", "直播", "垃圾", "厕所"}
	acts := []string{"怎么管", "怎样防病", "政策问答", "常见纠纷", "验收要点", "账目公开", "安全检查", "村规民约", "典型案例", "台账少填"}
	var list []*content.Course
	for i := range n {
		topic, act := topics[i%len(topics)], acts[i/len(topics)%len(acts)]
		c := content.Course{
			ID: fmt.Sprintf("ke-%03d", i), Number: 1, Title: fmt.Sprintf("村里的%s%s（%d）", topic, act, i), Summary: "几节短课，讲清" + topic + act + "，少走弯路，出了事找得到人。",
			Tier: []content.Tier{content.TierElective, content.TierCore, content.TierRequired}[i%3], PassMark: 60, Keywords: []string{topic, act, "村务"},
		}
		for k := range 8 {
			c.Lessons = append(c.Lessons, content.Lesson{ID: fmt.Sprintf("%02d-a", k+1), Title: fmt.Sprintf("%s第%d讲", topic, k+1), Seconds: 180})
		}
		list = append(list, content.Seal(c))
	}
	return content.NewLibrary(nil, list...)
}

func TestSearch(t *testing.T) {
	t.Parallel()
	c := study.NewCatalogue(content.NewLibrary(nil,
		titled("shui", "村里的自来水怎么管", "水管", "停水"), titled("lu", "乡村道路养护"), titled("niu", "肉牛常见病", "养牛"),
		titled("yan", "烤烟移栽"), titled("wifi", "5G 和 WiFi 常识"), titled("nong", "农药安全", "绿色"), titled("long", "龙头企业带农户"),
		titled("fang", "防汛要点"), titled("fangh", "防火要点"),
	))
	for query, want := range map[string]string{
		"水":                     "shui",
		"自来水":                   "shui",
		"自來水":                   "shui", // traditional characters
		"shuiguan":              "shui",
		"SHUI GUAN":             "shui",
		"suiguan":               "shui", // as it is spoken
		"zilaishui":             "shui",
		"zls":                   "shui",
		"sg":                    "shui",
		"水馆":                    "shui", // of the same sound
		"shuigan":               "shui", // a letter missing
		"水管冻裂怎么办":               "shui",
		"有没有水管的课":               "shui",
		"道路":                    "lu",
		"daolu":                 "lu",
		"dl":                    "lu",
		"daonu":                 "lu", // n for l
		"牛":                     "niu",
		"niu":                   "niu",
		"养牛":                    "niu",
		"kaoyan":                "yan",
		"kaoyang":               "yan",
		"wifi":                  "wifi",
		"5g":                    "wifi",
		"ｗｉｆｉ":                  "wifi",
		"防 要点":                  "fang fangh",
		"防汛":                    "fang",
		"fxyd":                  "fang",
		"要点":                    "fang fangh",
		"第一节yan":                "yan", // a lesson's title
		"nongyao":               "nong",
		"水 道路":                  "shui lu", // none has both
		"":                      "",
		"？！":                    "",
		"养猪":                    "",
		"q":                     "",
		"xyzxyz":                "",
		strings.Repeat("水", 41): "",
	} {
		var got []string
		for _, f := range c.Search(query) {
			got = append(got, f.Course.ID)
		}
		slices.Sort(got)
		ids := strings.Fields(want)
		slices.Sort(ids)
		if diff := cmp.Diff(ids, got); diff != "" && len(ids)+len(got) > 0 {
			t.Errorf("%q (-want +got): %s", query, diff)
		}
	}
	order := c.Search("防")
	if len(order) != 2 || order[0].Score < order[1].Score {
		t.Errorf("%+v", order)
	}
	if best := study.NewCatalogue(content.NewLibrary(nil, titled("a", "农药", "水管"), titled("b", "水管"), titled("c", "山里的水管"))).Search("shuiguan"); best[0].Course.ID != "b" || best[1].Course.ID != "c" || best[2].Course.ID != "a" {
		t.Errorf("a title that begins so is not before one that has it, and a keyword not last: %+v", best)
	}
	var none *study.Catalogue
	if none.Search("水") != nil || none.Courses() != nil || none.Course("x") != nil || none.Menu(people.Learner{}, nil) != nil || len(study.NewCatalogue(nil).Search("水")) != 0 {
		t.Error("a nil catalogue is not empty")
	}
}

// Every course is found by its title, its title's pinyin and the initials of it, whatever the catalogue.
func TestEveryCourseIsFoundByItsName(t *testing.T) {
	t.Parallel()
	library := manyCourses(128)
	c := study.NewCatalogue(library)
	for _, x := range library.Courses() {
		title, _, _ := strings.Cut(x.Title, "（")
		full, initials := "", ""
		for _, r := range title {
			full += study.Syllable(r)
			initials += study.Syllable(r)[:1]
		}
		for _, query := range []string{x.Title, title, full, initials, full[:len(full)-1]} {
			if !slices.ContainsFunc(c.Search(query), func(f study.Found) bool { return f.Course.ID == x.ID }) {
				t.Errorf("%s is not found by %q", x.Title, query)
			}
		}
	}
}

func FuzzSearch(f *testing.F) {
	for _, s := range []string{"水", "shuiguan", "sg", "水 管", "水馆", "有关水管的课", "\xff水", "ＳＧ", "٣", "a b c d e f g h", "课", "怎么课"} {
		f.Add(s)
	}
	c := study.NewCatalogue(manyCourses(40))
	f.Fuzz(func(t *testing.T, query string) {
		found := c.Search(query)
		seen := map[string]bool{}
		for i, x := range found {
			if x.Score <= 0 || seen[x.Course.ID] || i > 0 && x.Score > found[i-1].Score {
				t.Fatalf("%q: %+v", query, found)
			}
			seen[x.Course.ID] = true
		}
		if utf8.RuneCountInString(query) > study.MaxQueryRunes && found != nil {
			t.Fatalf("%q is too long to be looked for", query)
		}
	})
}

// With any courses and any of the words they are made of, what is found has the word, and the rest has not.
func TestPlainSearchIsExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		runes := rapid.SampledFrom([]rune("水管路牛羊猪田"))
		text := func(label string, most int) string { return string(rapid.SliceOfN(runes, 1, most).Draw(r, label)) }
		var list []*content.Course
		for i := range rapid.IntRange(1, 12).Draw(r, "courses") {
			list = append(list, content.Seal(content.Course{ID: fmt.Sprint("c", i), Title: text("title", 6), Summary: text("summary", 6), Keywords: []string{text("keyword", 3)}}))
		}
		c := study.NewCatalogue(content.NewLibrary(nil, list...))
		query := text("query", 3)
		want := map[string]bool{}
		for _, x := range list {
			if strings.Contains(x.Title+"|"+x.Summary+"|"+x.Keywords[0], query) {
				want[x.ID] = true
			}
		}
		got := map[string]bool{}
		for _, f := range c.Search(query) {
			got[f.Course.ID] = true
		}
		if len(want) > 0 && !cmp.Equal(want, got) {
			r.Fatalf("%q: %v, want %v", query, got, want)
		}
	})
}

// The plain pinyin is the library's, without its regular expressions.
func TestSyllables(t *testing.T) {
	t.Parallel()
	args, n := pinyin.NewArgs(), 0
	for r := rune(0x4e00); r <= 0x9fff; r++ {
		want := ""
		if p := pinyin.SinglePinyin(r, args); len(p) > 0 {
			want = p[0]
		}
		if got := study.Syllable(r); got != want {
			if n++; n < 10 {
				t.Errorf("%c: %q, want %q", r, got, want)
			}
		}
	}
	if study.Syllable('x') != "" || study.Syllable('，') != "" || study.Syllable('女') != "nv" {
		t.Error(study.Syllable('女'))
	}
}

func BenchmarkCatalogue(b *testing.B) {
	for _, n := range []int{128, 512, 2048} {
		library := manyCourses(n)
		c := study.NewCatalogue(library)
		who := people.Learner{Unit: "530102001001", Category: "村干部"}
		b.Run(fmt.Sprintf("index/%d", n), func(b *testing.B) {
			for range b.N {
				study.NewCatalogue(library)
			}
		})
		b.Run(fmt.Sprintf("menu/%d", n), func(b *testing.B) {
			for range b.N {
				c.Menu(who, nil)
			}
		})
		for name, query := range map[string]string{"word": "核桃", "pinyin": "hetao", "initials": "ht", "sound": "何涛", "near": "hetaozhengcewenda1", "nothing": "量子力学", "long": "有关 核桃 政策 问答 怎么 管"} {
			b.Run(fmt.Sprintf("search-%s/%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				for range b.N {
					c.Search(query)
				}
			})
		}
	}
}
