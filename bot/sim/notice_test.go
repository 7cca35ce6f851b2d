package sim

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	templatePath = "/cgi-bin/message/template/send"
	bizPath      = "/cgi-bin/message/subscribe/bizsend"
	oncePath     = "/cgi-bin/message/template/subscribe"
	massAll      = "/cgi-bin/message/mass/sendall"
	massList     = "/cgi-bin/message/mass/send"
)

func notice(openid, template, clientID string, data map[string]string) map[string]any {
	values := map[string]any{}
	for k, v := range data {
		values[k] = map[string]any{"value": v}
	}
	return map[string]any{"touser": openid, "template_id": template, "client_msg_id": clientID, "data": values, "url": "https://h5.example/a?b=1&c=2"}
}

var course = map[string]string{"thing1": "村务公开", "time2": "12月1日"}

func setupNotices(t *testing.T) (*bench, *User) {
	t.Helper()
	b := setup(t)
	b.p.AddTemplate("T1", "签到结果", false, "thing1", "time2")
	b.p.AddTemplate("LONG", "学习提醒", true, "thing1")
	return b, b.follower(anna)
}

func TestTemplateMessagesAreAcceptedThenReported(t *testing.T) {
	t.Parallel()
	b, _ := setupNotices(t)
	answer := b.call(templatePath, notice(anna, "T1", "", map[string]string{"thing1": strings.Repeat("长", 21), "time2": "一\n二"}))
	b.wants("send", errcode(answer), 0)
	seen := b.p.Ledger().Via(anna, "template")
	want := &templateCard{Title: "签到结果", URL: "https://h5.example/a?b=1&c=2", Fields: []templateField{{"thing1", strings.Repeat("长", 20)}, {"time2", "一 二"}}}
	if len(seen) != 1 {
		t.Fatalf("%d seen", len(seen))
	}
	if d := cmp.Diff(want, seen[0].Item.Template); d != "" {
		t.Errorf("card (-want +got):\n%s", d)
	}
	if got := b.bot.events("TEMPLATESENDJOBFINISH"); len(got) != 0 {
		t.Error("reported before it can be")
	}
	b.advance(receiptAfter)
	got := b.bot.events("TEMPLATESENDJOBFINISH")
	if len(got) != 1 || !strings.Contains(got[0].Plain, fmt.Sprintf("<MsgID>%v</MsgID><Status><![CDATA[success]]></Status></xml>", answer["msgid"])) {
		t.Errorf("reports %v, want number %v", got, answer["msgid"])
	}
}

func TestTemplateMessagesAreRefused(t *testing.T) {
	t.Parallel()
	b, _ := setupNotices(t)
	b.p.As(bert)
	for _, c := range []struct {
		name string
		body any
		want int
	}{
		{"stranger", notice(unknown, "T1", "", course), 40003},
		{"no follower", notice(bert, "T1", "", course), 43004},
		{"unknown template", notice(anna, "T9", "", course), 40037},
		{"template of notices", notice(anna, "LONG", "", course), 40037},
		{"field missing", notice(anna, "T1", "", map[string]string{"thing1": "x"}), 47003},
	} {
		b.wants(c.name, b.code(templatePath, c.body), c.want)
	}
	if got := b.p.Ledger().All(); len(got) != 0 {
		t.Errorf("seen: %v", got)
	}
}

func TestOneClientMessageIDIsSentOnceInTenMinutes(t *testing.T) {
	t.Parallel()
	b, _ := setupNotices(t)
	b.follower(bert)
	first := b.call(templatePath, notice(anna, "T1", "d1", course))["msgid"]
	if again := b.call(templatePath, notice(anna, "T1", "d1", course))["msgid"]; again != first {
		t.Errorf("number %v, want the first, %v", again, first)
	}
	b.call(templatePath, notice(bert, "T1", "d1", course))
	b.call(templatePath, notice(anna, "T1", "d2", course))
	b.advance(10 * time.Minute)
	b.call(templatePath, notice(anna, "T1", "d1", course))
	if a, o := len(b.p.Ledger().Via(anna, "template")), len(b.p.Ledger().Via(bert, "template")); a != 3 || o != 1 {
		t.Errorf("seen %d and %d, want 3 and 1", a, o)
	}
}

func TestReceiptsGoWrongAsTold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		fault  Fault
		refuse bool
		want   []string // parts of the reports in order; # is the message's number
		seen   int
	}{
		{name: "user block", refuse: true, want: []string{"#failed:user block"}},
		{name: "lost", fault: Fault{Path: "receipt", Kind: FaultLost}, seen: 1},
		{name: "doubled", fault: Fault{Path: "receipt", Kind: FaultDoubled}, want: []string{"#success", "#success"}, seen: 1},
		{name: "number zero", fault: Fault{Path: templatePath, Kind: FaultMsgIDZero}, want: []string{"0success"}, seen: 1},
		{name: "frequency", fault: Fault{Path: "push", Kind: FaultStatus, Text: "failed:freq limit"}, want: []string{"#failed:freq limit"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b, u := setupNotices(t)
			u.Refuse(c.refuse)
			if c.fault.Kind != "" {
				b.p.Faults().Add(c.fault)
			}
			id := fmt.Sprint(b.call(templatePath, notice(anna, "T1", "", course))["msgid"])
			b.advance(time.Minute)
			var got []string
			for _, p := range b.bot.events("TEMPLATESENDJOBFINISH") {
				got = append(got, strings.Replace(between(p.Plain, "<MsgID>", "</MsgID>"), id, "#", 1)+between(p.Plain, "<Status><![CDATA[", "]]>"))
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("reports (-want +got):\n%s", d)
			}
			if n := len(b.p.Ledger().Via(anna, "template")); n != c.seen {
				t.Errorf("%d seen, want %d", n, c.seen)
			}
		})
	}
}

func TestAReorderedReceiptComesAfterTheNext(t *testing.T) {
	t.Parallel()
	b, _ := setupNotices(t)
	b.p.Faults().Add(Fault{Path: "receipt", Kind: FaultReordered, Times: 1})
	one := fmt.Sprint(b.call(templatePath, notice(anna, "T1", "", course))["msgid"])
	two := fmt.Sprint(b.call(templatePath, notice(anna, "T1", "", course))["msgid"])
	b.advance(time.Minute)
	var got []string
	for _, p := range b.bot.events("TEMPLATESENDJOBFINISH") {
		got = append(got, between(p.Plain, "<MsgID>", "</MsgID>"))
	}
	if d := cmp.Diff([]string{two, one}, got); d != "" {
		t.Errorf("order (-want +got):\n%s", d)
	}
}

func TestSilentBotsGetReceiptsAgain(t *testing.T) {
	t.Parallel()
	b, _ := setupNotices(t)
	b.call(templatePath, notice(anna, "T1", "", course))
	b.bot.does(status(500))
	b.advance(time.Minute)
	if got := len(b.bot.events("TEMPLATESENDJOBFINISH")); got != 4 {
		t.Errorf("%d deliveries, want 4", got)
	}
	if got := b.p.Ledger().Via(anna, "notice"); len(got) != 0 {
		t.Errorf("the person sees %v", got)
	}
}

func TestNoticesNeedGrants(t *testing.T) {
	t.Parallel()
	b, u := setupNotices(t)
	send := func(template string) int {
		return b.code(bizPath, notice(anna, template, "", course))
	}
	b.wants("never asked", send("T1"), 43101)
	b.must(u.Subscribe(t.Context(), "T1", true, false))
	b.must(u.Subscribe(t.Context(), "T1", true, false))
	b.wants("granted", send("T1"), 0)
	b.wants("granted twice is granted once", send("T1"), 43101)
	b.must(u.Subscribe(t.Context(), "T1", true, false))
	b.must(u.Subscribe(t.Context(), "T1", false, false))
	b.wants("refused", send("T1"), 43101)
	b.must(u.Subscribe(t.Context(), "LONG", true, true))
	b.must(u.Unfollow(t.Context()))
	for range 3 {
		b.wants("long-term, not following", send("LONG"), 0)
	}
	b.must(u.RevokeNotice(t.Context(), "LONG"))
	b.wants("switched off", send("LONG"), 43101)
	b.wants("unknown template", send("T9"), 40037)
	b.must(u.Subscribe(t.Context(), "T1", true, false))
	answer := b.call(bizPath, notice(anna, "T1", "", map[string]string{"thing1": "x"}))
	b.wants("field missing", errcode(answer), 47003)
	if !strings.Contains(fmt.Sprint(answer["errmsg"]), "data.time2.value") {
		t.Errorf("errmsg %v does not name the field", answer["errmsg"])
	}
	b.advance(time.Minute)
	if got := b.bot.events("subscribe_msg_sent_event"); len(got) != 4 || !strings.Contains(got[0].Plain, "<ErrorCode>0</ErrorCode><ErrorStatus><![CDATA[success]]></ErrorStatus></List></SubscribeMsgSentEvent>") {
		t.Errorf("reports: %v", got)
	}
}

func TestOldOneTimeMessagesNeedTheirScene(t *testing.T) {
	t.Parallel()
	b := setup(t)
	u := b.p.As(anna)
	u.GrantScene(7, "ONCE")
	u.GrantScene(7, "ONCE")
	send := func(scene, title string) int {
		m := notice(anna, "ONCE", "", map[string]string{"content": "开会"})
		m["scene"], m["title"] = scene, title
		return b.code(oncePath, m)
	}
	b.wants("another scene", send("8", "通知"), 43101)
	b.wants("long title", send("7", strings.Repeat("长", 16)), 47003)
	b.wants("scene out of range", send("10001", "通知"), 47003)
	b.wants("granted, not following", send("7", "通知"), 0)
	b.wants("does not add up", send("7", "通知"), 43101)
	if got := b.p.Ledger().Via(anna, "subscribe"); len(got) != 1 {
		t.Errorf("%d seen", len(got))
	}
}

func massText(clientID, text string, more map[string]any) map[string]any {
	m := map[string]any{"msgtype": "text", "text": map[string]any{"content": text}}
	if clientID != "" {
		m["clientmsgid"] = clientID
	}
	for k, v := range more {
		m[k] = v
	}
	return m
}

func toPeople(openids ...string) map[string]any { return map[string]any{"touser": openids} }

func TestMassMessagesAreSentOnceADay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.follower(anna)
	b.follower(bert)
	first := b.call(massList, massText("c1", "周报", toPeople(anna, bert)))
	b.wants("first", errcode(first), 0)
	b.wants("again while it runs", b.code(massList, massText("c1", "周报", toPeople(anna, bert))), 45066)
	if got := fmt.Sprint(b.call("/cgi-bin/message/mass/get", map[string]any{"msg_id": first["msg_id"]})["msg_status"]); got != "SENDING" {
		t.Errorf("status %s", got)
	}
	b.wants("delete while it runs", b.code("/cgi-bin/message/mass/delete", map[string]any{"msg_id": first["msg_id"]}), 40059)
	b.advance(time.Minute)
	again := b.call(massList, massText("c1", "周报", toPeople(anna, bert)))
	b.wants("again", errcode(again), 45065)
	if again["msg_id"] != first["msg_id"] {
		t.Errorf("number %v, want the first, %v", again["msg_id"], first["msg_id"])
	}
	if got := fmt.Sprint(b.call("/cgi-bin/message/mass/get", map[string]any{"msg_id": first["msg_id"]})["msg_status"]); got != "SEND_SUCCESS" {
		t.Errorf("status %s", got)
	}
	done := b.bot.events("MASSSENDJOBFINISH")
	if len(done) != 1 || !strings.Contains(done[0].Plain, fmt.Sprintf("<MsgID>%v</MsgID><Status><![CDATA[send success]]></Status><TotalCount>2</TotalCount><FilterCount>2</FilterCount><SentCount>2</SentCount><ErrorCount>0</ErrorCount>", first["msg_id"])) {
		t.Errorf("reports: %v", done)
	}
	b.wants("without an id", b.code(massList, massText("", "周报", toPeople(anna, bert))), 0)
	b.advance(time.Minute)
	b.wants("without an id, again", b.code(massList, massText("", "周报", toPeople(anna, bert))), 45065)
	b.wants("without an id, other words", b.code(massList, massText("", "月报", toPeople(anna, bert))), 0)
	b.advance(24 * time.Hour)
	b.wants("a day later", b.code(massList, massText("c1", "周报", toPeople(anna, bert))), 0)
	b.wants("delete", b.code("/cgi-bin/message/mass/delete", map[string]any{"msg_id": first["msg_id"]}), 0)
	b.wants("long id", b.code(massList, massText(strings.Repeat("x", 65), "周报", toPeople(anna, bert))), 45067)
	b.wants("one person", b.code(massList, massText("", "x", toPeople(anna))), 40130)
	b.wants("too many people", b.code(massList, massText("", "x", toPeople(make([]string, 10_001)...))), 40032)
}

func TestMassMessagesLeaveOutWhoMayNotGetThem(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.p.Clock().Set(time.Date(2026, 12, 1, 8, 0, 0, 0, shanghai))
	b.follower(anna)
	b.follower(bert).Refuse(true)
	for i := range 6 {
		b.wants("send", b.code(massList, massText(fmt.Sprint("c", i), "通知", toPeople(anna, bert, unknown))), 0)
		b.advance(time.Minute)
	}
	if a, o := len(b.p.Ledger().Via(anna, "mass")), len(b.p.Ledger().Via(bert, "mass")); a != 4 || o != 0 {
		t.Errorf("seen %d and %d, want 4 and 0", a, o)
	}
	done := b.bot.events("MASSSENDJOBFINISH")
	if last := done[len(done)-1].Plain; !strings.Contains(last, "<TotalCount>3</TotalCount><FilterCount>0</FilterCount><SentCount>0</SentCount>") {
		t.Errorf("last report %s", last)
	}
	b.p.Clock().Set(time.Date(2027, 1, 1, 8, 0, 0, 0, shanghai))
	b.wants("next month", b.code(massList, massText("n", "通知", toPeople(anna, bert))), 0)
	b.advance(time.Minute)
	if a := len(b.p.Ledger().Via(anna, "mass")); a != 5 {
		t.Errorf("seen %d, want 5", a)
	}
}

func TestEverybodyGetsOneADayAndFourAMonth(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.p.Clock().Set(time.Date(2026, 12, 1, 8, 0, 0, 0, shanghai))
	b.follower(anna)
	all := map[string]any{"filter": map[string]any{"is_to_all": true}}
	for day := range 4 {
		b.wants("first of the day", b.code(massAll, massText(fmt.Sprint("a", day), "通知", all)), 0)
		b.wants("second of the day", b.code(massAll, massText(fmt.Sprint("b", day), "通知", all)), 45028)
		b.advance(24 * time.Hour)
	}
	b.wants("fifth of the month", b.code(massAll, massText("e", "通知", all)), 45028)
	if a := len(b.p.Ledger().Via(anna, "mass")); a != 4 {
		t.Errorf("seen %d, want 4", a)
	}
}

func TestMassMessagesGoToATagOrAPreview(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.follower(anna)
	b.follower(bert)
	tag := b.call("/cgi-bin/tags/create", map[string]any{"tag": map[string]any{"name": "一班"}})["tag"].(map[string]any)["id"]
	b.wants("tag", b.code("/cgi-bin/tags/members/batchtagging", map[string]any{"openid_list": []string{bert}, "tagid": tag}), 0)
	b.wants("send", b.code(massAll, massText("t", "通知", map[string]any{"filter": map[string]any{"tag_id": tag}})), 0)
	b.advance(time.Minute)
	b.wants("preview", b.code("/cgi-bin/message/mass/preview", massText("", "预览", map[string]any{"touser": anna})), 0)
	if d := cmp.Diff([][]string{{"预览"}, {"通知"}}, [][]string{b.p.Ledger().Texts(anna), b.p.Ledger().Texts(bert)}); d != "" {
		t.Errorf("seen (-want +got):\n%s", d)
	}
}

// The page for one-time messages asks whose phone it is, allows or not, and goes back with what was chosen.
func TestThePageForOneTimeMessages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.follower(anna)
	page := oncePage + "?" + url.Values{
		"action": {"get_confirm"}, "appid": {testAppID}, "scene": {"2"}, "template_id": {"T1"}, "redirect_url": {"https://h5.example/back?x=1"}, "reserved": {"abc"},
	}.Encode()
	if status, data := b.request(http.MethodGet, page, nil); status != http.StatusOK || !strings.Contains(string(data), anna) || !strings.Contains(string(data), "同意") {
		t.Errorf("the page: %d\n%s", status, data)
	}
	if status, _ := b.request(http.MethodGet, strings.Replace(page, "scene=2", "scene=10001", 1), nil); status != http.StatusBadRequest {
		t.Errorf("a scene that is none: %d", status)
	}
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	post := func(form url.Values) (int, url.Values) {
		t.Helper()
		r, err := browser.PostForm(b.url()+page, form)
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Body.Close()
		to, err := url.Parse(r.Header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		return r.StatusCode, to.Query()
	}
	for allow, want := range map[string]string{"no": "cancel", "yes": "confirm"} {
		status, q := post(url.Values{"openid": {anna}, "allow": {allow}})
		if status != http.StatusSeeOther || q.Get("action") != want || q.Get("openid") != anna || q.Get("scene") != "2" || q.Get("reserved") != "abc" || q.Get("x") != "1" {
			t.Errorf("%s: %d %v", allow, status, q)
		}
	}
	if status, _ := post(url.Values{"openid": {"nobody"}, "allow": {"yes"}}); status != http.StatusBadRequest {
		t.Errorf("a phone that is not there: %d", status)
	}
	b.p.mu.Lock()
	defer b.p.mu.Unlock()
	if got := b.p.st.Users[anna].Scenes[2]; got != "T1" {
		t.Errorf("allowed: %q", got)
	}
}
