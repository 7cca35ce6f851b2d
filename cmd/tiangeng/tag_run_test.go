package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/sim"
)

// Tags are given by filters, by file and by the API within its key, and an announcement goes to those
// who have one.
func TestTagsAreGivenAndWrittenTo(t *testing.T) {
	t.Parallel()
	b := openBureau(t, "")
	tag := func(args ...string) tagged {
		t.Helper()
		var got tagged
		if err := json.Unmarshal([]byte(b.must(append([]string{"tag", args[0], "-c", b.config, "--json"}, args[1:]...)...)), &got); err != nil {
			t.Fatal(err)
		}
		return got
	}
	write(t, b.path("people.csv"), "姓名,单位代码\n岩温,"+southVillage+"\n")
	for _, c := range []struct {
		args []string
		want tagged
	}{
		{[]string{"add", " 防汛 骨干", "--unit", northVillage, "--except-learners", b.path("people.csv")}, tagged{"防汛 骨干", 3, 3}},
		{[]string{"add", "防汛 骨干", "--learners", b.path("people.csv")}, tagged{"防汛 骨干", 1, 1}},
		{[]string{"add", "防汛 骨干", "--everyone"}, tagged{"防汛 骨干", 6, 2}},
		{[]string{"remove", "防汛 骨干", "--unit", southVillage, "--except-learners", b.path("people.csv")}, tagged{"防汛 骨干", 2, 2}},
		{[]string{"add", "新任", "--tag", "防汛 骨干", "--except-unit", southVillage}, tagged{"新任", 3, 3}},
	} {
		if got := tag(c.args...); got != c.want {
			t.Errorf("%q: %+v, want %+v", c.args, got, c.want)
		}
	}
	if got := strings.Fields(b.must("tag", "list", "-c", b.config)); strings.Join(got, " ") != "新任 3 防汛 骨干 4" {
		t.Errorf("the list: %q", got)
	}
	if got := b.must("tag", "list", "-c", b.config, "防汛 骨干"); strings.Count(got, "\n") != 4 || !strings.Contains(got, "岩温") || strings.Contains(got, "王芳") {
		t.Errorf("its people:\n%s", got)
	}
	b.refused(statusMisused, "say who", "tag", "add", "-c", b.config, "x")
	b.refused(statusFailed, "电话或者证件号码", "tag", "add", "-c", b.config, "13800001111", "--everyone")
	b.refused(statusFailed, "一个人也没有", "tag", "add", "-c", b.config, "x", "--category", "没有的类别")

	key := strings.TrimSpace(b.must("apikey", "new", "-c", b.config, "--scope", southVillage, "village-office"))
	b.withAPI(key, func(c *client) {
		var list struct{ Tags []people.TagCount }
		c.known("TagList", c.call(http.MethodGet, "/api/v1/tags", "", http.StatusOK, &list))
		if len(list.Tags) != 1 || list.Tags[0] != (people.TagCount{Tag: "防汛 骨干", People: 1}) {
			t.Errorf("the key sees %+v", list.Tags)
		}
		var got tagged
		c.known("TagAnswer", c.call(http.MethodPost, "/api/v1/tags/add", `{"tag":"外勤","everyone":true}`, http.StatusOK, &got))
		if got != (tagged{"外勤", 3, 3}) {
			t.Errorf("added: %+v", got)
		}
		c.call(http.MethodPost, "/api/v1/tags/add", `{"tag":"外勤","audience":{"units":["`+northVillage+`"]}}`, http.StatusNotFound, nil)
		c.call(http.MethodPost, "/api/v1/tags/add", `{"tag":"外勤"}`, http.StatusBadRequest, nil)
		c.call(http.MethodPost, "/api/v1/tags/remove", `{"tag":"a,b","everyone":true}`, http.StatusBadRequest, nil)
		var seen []string
		path := "/api/v1/tags/people?limit=2&tag=%E5%A4%96%E5%8B%A4"
		for pages, next := 0, ""; pages == 0 || next != ""; pages++ {
			var page struct {
				People []struct{ Name string }
				Next   string
			}
			c.known("TaggedList", c.call(http.MethodGet, path+"&cursor="+next, "", http.StatusOK, &page))
			for _, p := range page.People {
				seen = append(seen, p.Name)
			}
			if next = page.Next; pages > 3 {
				t.Fatal("the pages have no end")
			}
		}
		if strings.Join(seen, " ") != "岩温 王芳 赵明" {
			t.Errorf("page by page: %q", seen)
		}
		c.call(http.MethodGet, path+"&cursor=x", "", http.StatusBadRequest, nil)
	})

	id := b.draft("--title", "防汛", "--text", "今晚值班。", "--tag", "防汛 骨干", "--except-tag", "外勤")
	b.announce("send", id)
	b.deliver()
	if s := b.summary(id); s.Audience != 3 {
		t.Errorf("an announcement to the tag goes to %d", s.Audience)
	}
}

// A picture is uploaded once and sent; what a list has more of is asked for by its cursor.
func TestTheAPITakesPicturesAndGoesOnInLists(t *testing.T) {
	t.Parallel()
	b := openBureau(t, "")
	key := strings.TrimSpace(b.must("apikey", "new", "-c", b.config, "--scope", northVillage, "village-office"))
	sound := "#!AMR\n\x04            "
	var id string
	b.withAPI(key, func(c *client) {
		var m struct{ ID, Kind string }
		c.known("Media", c.call(http.MethodPost, "/api/v1/media", sound, http.StatusCreated, &m, "Content-Type", "image/png"))
		if m.Kind != "voice" || len(m.ID) != 64 {
			t.Errorf("%+v", m)
		}
		c.call(http.MethodPost, "/api/v1/media", "<svg>", http.StatusBadRequest, nil)
		c.call(http.MethodPost, "/api/v1/campaigns", `{"title":"录音","everyone":true,"media":"`+strings.Repeat("0", 64)+`"}`, http.StatusNotFound, nil)
		c.call(http.MethodPost, "/api/v1/campaigns", `{"title":"录音","text":"字","everyone":true,"media":"`+m.ID+`"}`, http.StatusBadRequest, nil)
		var made apiCampaign
		c.call(http.MethodPost, "/api/v1/campaigns", `{"title":"录音","everyone":true,"media":"`+m.ID+`"}`, http.StatusCreated, &made)
		id = jsonNumber(made.ID)
		c.call(http.MethodPost, "/api/v1/campaigns/"+id+"/submit", "", http.StatusOK, nil)
		for _, title := range []string{"二", "三", "四"} {
			c.call(http.MethodPost, "/api/v1/campaigns", `{"title":"`+title+`","text":"内容","everyone":true}`, http.StatusCreated, nil)
		}
		var titles []string
		for pages, next := 0, ""; pages == 0 || next != ""; pages++ {
			var page struct {
				Campaigns []apiCampaign
				Next      string
			}
			c.known("CampaignList", c.call(http.MethodGet, "/api/v1/campaigns?limit=3&cursor="+next, "", http.StatusOK, &page))
			for _, x := range page.Campaigns {
				titles = append(titles, x.Title)
			}
			if next = page.Next; pages > 3 {
				t.Fatal("the pages have no end")
			}
		}
		if strings.Join(titles, " ") != "四 三 二 录音" {
			t.Errorf("page by page: %q", titles)
		}
		c.call(http.MethodGet, "/api/v1/campaigns?cursor=AAAA", "", http.StatusBadRequest, nil)
	})
	b.deliver()
	s := b.summary(id)
	if s.Audience != 3 || s.States["accepted"] != 3 {
		t.Errorf("the sound: %+v", s.States)
	}
	for n := 1; n <= 3; n++ {
		if list := b.platform.Ledger().SeenBy(sim.CrowdID("S", n)); len(list) != 1 || list[0].Item.Kind != "voice" {
			t.Errorf("phone %d shows %+v", n, list)
		}
	}
}
