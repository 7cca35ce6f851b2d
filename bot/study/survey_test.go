package study_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

func survey() study.Survey {
	return study.Survey{
		Code: "q4", Title: "四季度问卷", Anonymous: true, Opens: "2026-12-01", Closes: "2026-12-10", Unit: "530100000000", By: people.LevelTownship,
		Parts: []people.OrgCode{"530112001000", "530112002000"},
		Questions: []study.Question{
			{ID: "use", Kind: study.QuestionChoice, Text: "课程有用吗？", Options: []string{"有用", "一般", "没用"}},
			{ID: "hard", Kind: study.QuestionScale, Text: "难不难？", Low: "很容易", High: "很难"},
			{ID: "more", Kind: study.QuestionText, Text: "还想学什么？", Optional: true},
		},
	}
}

func TestReadReply(t *testing.T) {
	t.Parallel()
	q := survey().Questions
	type out struct {
		r        study.Reply
		skip, ok bool
	}
	choice := func(n int) out { return out{study.Reply{Choice: n}, false, true} }
	for _, c := range []struct {
		q    int
		text string
		want out
	}{
		{0, "A", choice(1)}, {0, "ｂ", choice(2)}, {0, "3", choice(3)}, {0, "选C。", choice(3)}, {0, "第二个", choice(2)}, {0, "没用", choice(3)},
		{0, "D", out{}}, {0, "4", out{}}, {0, "0", out{}}, {0, "AB", out{}}, {0, "", out{}}, {0, "跳过", out{}},
		{1, "1", choice(1)}, {1, "５", choice(5)}, {1, "4分", choice(4)}, {1, "五", choice(5)}, {1, "6", out{}}, {1, "A", out{}}, {1, "3.5", out{}}, {1, "-1", out{}},
		{2, " 想学养牛 ", out{study.Reply{Words: "想学养牛"}, false, true}}, {2, "跳过", out{skip: true, ok: true}}, {2, "  ", out{}}, {2, strings.Repeat("字", study.SurveyWordsRunes+1), out{}},
	} {
		r, skip, ok := q[c.q].ReadReply(c.text)
		if diff := cmp.Diff(c.want, out{r, skip, ok}, cmp.AllowUnexported(out{})); diff != "" {
			t.Errorf("%s %q: %s", q[c.q].ID, c.text, diff)
		}
	}
}

func TestSurveyCheck(t *testing.T) {
	t.Parallel()
	if err := survey().Check(); err != nil {
		t.Error(err)
	}
	for want, changes := range map[string][]func(*study.Survey){
		"survey.bad_code":      {func(s *study.Survey) { s.Code = "四季度" }},
		"survey.bad_title":     {func(s *study.Survey) { s.Title = " " }},
		"survey.bad_intro":     {func(s *study.Survey) { s.Intro = strings.Repeat("字", study.SurveyIntroRunes+1) }},
		"survey.bad_days":      {func(s *study.Survey) { s.Closes = "2026-11-30" }, func(s *study.Survey) { s.Opens = "1.12." }},
		"survey.bad_unit":      {func(s *study.Survey) { s.Unit = "" }},
		"survey.bad_by":        {func(s *study.Survey) { s.By = people.LevelVillage }},
		"survey.bad_questions": {func(s *study.Survey) { s.Questions = nil }},
		"survey.bad_question": {
			func(s *study.Survey) { s.Questions[1].ID = "use" }, func(s *study.Survey) { s.Questions[0].Options = []string{"有"} },
			func(s *study.Survey) { s.Questions[1].Low = "" }, func(s *study.Survey) { s.Questions[2].Kind = "song" }, func(s *study.Survey) { s.Questions[2].Options = []string{"a"} },
		},
	} {
		for i, change := range changes {
			s := survey()
			change(&s)
			if err := s.Check(); keyOf(err) != want {
				t.Errorf("%s %d: %v", want, i, err)
			}
		}
	}
}

func TestPartOf(t *testing.T) {
	t.Parallel()
	s := survey()
	for unit, want := range map[people.OrgCode]people.OrgCode{
		"530112001201": "530112001000", "530112001000": "530112001000", "530112003201": "", "530112000000": "", "": "",
	} {
		if got := s.PartOf(unit); got != want {
			t.Errorf("%s: %q, want %q", unit, got, want)
		}
	}
	s.By = people.LevelNone
	if got := s.PartOf("530112001201"); got != "" {
		t.Errorf("units are not told apart: %q", got)
	}
}

// Nothing of an anonymous survey is told before it has closed.
func TestAnonymousResultsWait(t *testing.T) {
	t.Parallel()
	s := survey()
	counts := []study.Count{{Question: "use", Choice: 1, N: 50}}
	for _, day := range []study.Day{"2026-12-01", "2026-12-10"} {
		if got := study.FoldSurvey(s, day, counts, nil); len(got) != 0 {
			t.Errorf("%s: %v", day, got)
		}
	}
	if got := study.FoldSurvey(s, "2026-12-11", counts, nil); len(got) != 3 || got[0].Answers != 50 || !got[1].Hidden {
		t.Errorf("%+v", got)
	}
	s.Anonymous = false
	if got := study.FoldSurvey(s, "2026-12-01", []study.Count{{Question: "use", Choice: 1, N: 1}}, nil); len(got) != 3 || got[0].Answers != 1 || got[0].Hidden {
		t.Errorf("%+v", got)
	}
}

// Every group that is shown, and whatever others leave of the whole, has five answers or none.
func TestSmallGroupsCannotBeFound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := survey()
		units := []people.OrgCode{"", "530112001000", "530112002000", "530112003000", "530113001000"}
		var counts []study.Count
		sum := make([]int, 3)
		for _, u := range units {
			for choice := 1; choice <= 3; choice++ {
				if n := rapid.IntRange(0, 6).Draw(t, "n"); n > 0 {
					counts = append(counts, study.Count{Question: "use", Part: u, Choice: choice, N: n})
					sum[choice-1] += n
				}
			}
		}
		r := study.FoldSurvey(s, "2026-12-31", counts, nil)[0]
		total := sum[0] + sum[1] + sum[2]
		if total < study.SmallGroup {
			if blur := study.BlurSurvey(s, "2026-12-31", counts, nil); total > 0 && !blur[0].Delete {
				t.Fatalf("%d answers are left: %+v", total, blur)
			}
			if !r.Hidden || r.Answers != 0 || len(r.Parts) != 0 {
				t.Fatalf("%d answers are shown: %+v", total, r)
			}
			return
		}
		if diff := cmp.Diff(sum, r.Choices); diff != "" || r.Answers != total {
			t.Fatal(diff)
		}
		blurred := slices.Clone(counts)
		for _, b := range study.BlurSurvey(s, "2026-12-31", counts, nil) {
			for i, c := range blurred {
				if b.Question == c.Question && slices.Contains(b.Parts, c.Part) {
					blurred[i].Part = ""
				}
			}
		}
		if diff := cmp.Diff(r, study.FoldSurvey(s, "2026-12-31", blurred, nil)[0]); diff != "" {
			t.Fatalf("blurring changed the result:\n%s", diff)
		}
		groups := map[people.OrgCode]int{}
		for _, c := range blurred {
			groups[c.Part] += c.N
		}
		for u, n := range groups {
			if n < study.SmallGroup {
				t.Fatalf("%d answers of %q are left", n, u)
			}
		}
		left := total
		for _, p := range r.Parts {
			if p.Answers < study.SmallGroup {
				t.Fatalf("%d answers of %q are shown", p.Answers, p.Unit)
			}
			left -= p.Answers
		}
		if left != 0 {
			t.Fatalf("%d answers are in no part", left)
		}
	})
}

// Whatever is typed, an answer that is taken is one that the question has.
func FuzzReadReply(f *testing.F) {
	for _, s := range []string{"A", "ｂ", "3", "选C。", "第二个", "跳过", "没用", "五", "4分", "h", "一二", "\xff", "①", "Ａ　", "😀"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, q := range survey().Questions {
			r, skip, ok := q.ReadReply(text)
			switch {
			case !ok && (skip || r != study.Reply{}), skip && (!q.Optional || r != study.Reply{}):
				t.Errorf("%s %q: %+v, skipped %v, taken %v", q.ID, text, r, skip, ok)
			case !ok || skip:
			case q.Top() > 0 && (r.Choice < 1 || r.Choice > q.Top() || r.Words != ""):
				t.Errorf("%s %q: %+v", q.ID, text, r)
			case q.Top() == 0 && (r.Choice != 0 || r.Words == "" || !utf8.ValidString(r.Words) || len([]rune(r.Words)) > study.SurveyWordsRunes):
				t.Errorf("%s %q: %+v", q.ID, text, r)
			}
		}
	})
}
