package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestFollowersAreListedInPages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.follower(anna)
	b.p.As(unknown) // does not follow
	b.follower(bert)
	got := jsonOf(t, b.call("/cgi-bin/user/get", nil))
	want := fmt.Sprintf(`{"count":2,"data":{"openid":["%s","%s"]},"next_openid":"%s","total":2}`, anna, bert, bert)
	if got != want {
		t.Errorf("first page %s, want %s", got, want)
	}
	if got := jsonOf(t, b.call("/cgi-bin/user/get?next_openid="+bert, nil)); got != `{"count":0,"next_openid":"","total":2}` {
		t.Errorf("last page %s", got)
	}
}

func TestPeoplesFactsAreWhatThePlatformStillGives(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.must(b.p.As(anna).Follow(t.Context(), "s7-a1b2"))
	b.p.As(bert)
	got := b.call("/cgi-bin/user/info?openid="+anna, nil)
	if fmt.Sprintln(got["subscribe"], got["qr_scene_str"], got["subscribe_scene"], got["nickname"]) != "1 s7-a1b2 ADD_SCENE_QR_CODE <nil>\n" {
		t.Errorf("info %v", got)
	}
	if got := jsonOf(t, b.call("/cgi-bin/user/info?openid="+bert, nil)); got != `{"openid":"`+bert+`","subscribe":0}` {
		t.Errorf("no follower: %s", got)
	}
	b.wants("stranger", b.code("/cgi-bin/user/info?openid="+unknown, nil), 40003)
	list := func(n int) map[string]any {
		var l []any
		for range n {
			l = append(l, map[string]any{"openid": anna})
		}
		return map[string]any{"user_list": l}
	}
	if got, _ := b.call("/cgi-bin/user/info/batchget", list(100))["user_info_list"].([]any); len(got) != 100 {
		t.Errorf("%d facts, want 100", len(got))
	}
	b.wants("101 people", b.code("/cgi-bin/user/info/batchget", list(101)), 40035)
}

func TestTagsHaveLimits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.follower(anna)
	create := func(name string) map[string]any {
		return b.call("/cgi-bin/tags/create", map[string]any{"tag": map[string]any{"name": name}})
	}
	change := func(what string, id any, name string) int {
		return b.code("/cgi-bin/tags/"+what, map[string]any{"tag": map[string]any{"id": id, "name": name}})
	}
	members := func(what string, id any, openids ...string) int {
		return b.code("/cgi-bin/tags/members/batch"+what, map[string]any{"tagid": id, "openid_list": openids})
	}
	one := create("一班")["tag"].(map[string]any)["id"]
	two := create("二班")["tag"].(map[string]any)["id"]
	b.wants("the same name", errcode(create("一班")), 45157)
	b.wants("a long name", errcode(create(strings.Repeat("长", 11))), 45158)
	b.wants("rename", change("update", two, "三班"), 0)
	b.wants("rename to a name that is there", change("update", two, "一班"), 45157)
	b.wants("rename the platform's", change("update", 2, "x"), 45058)
	b.wants("delete the platform's", change("delete", 0, ""), 45058)
	b.wants("rename none", change("update", 999, "x"), 45159)
	b.wants("tag", members("tagging", one, anna), 0)
	b.wants("tag again", members("tagging", one, anna), 0)
	b.wants("tag by none", members("tagging", 999, anna), 45159)
	b.wants("tag a stranger", members("tagging", one, unknown), 40003)
	b.wants("tag nobody", members("tagging", one), 40032)
	b.wants("tag 51", members("tagging", one, make([]string, 51)...), 40032)
	ofAnna := func() string { return jsonOf(t, b.call("/cgi-bin/tags/getidlist", map[string]any{"openid": anna})) }
	if got := ofAnna(); got != `{"tagid_list":[100]}` {
		t.Errorf("tags of the person %s", got)
	}
	if got := jsonOf(t, b.call("/cgi-bin/user/tag/get", map[string]any{"tagid": one})); got != `{"count":1,"data":{"openid":["`+anna+`"]},"next_openid":"`+anna+`"}` {
		t.Errorf("people of the tag %s", got)
	}
	if got := jsonOf(t, b.call("/cgi-bin/tags/get", nil)); got != `{"tags":[{"count":1,"id":100,"name":"一班"},{"count":0,"id":101,"name":"三班"}]}` {
		t.Errorf("tags %s", got)
	}
	b.wants("delete", change("delete", one, ""), 0)
	if got := ofAnna(); got != `{"tagid_list":[]}` {
		t.Errorf("tags after deleting %s", got)
	}
	if id := create("新班")["tag"].(map[string]any)["id"]; fmt.Sprint(id) != "102" {
		t.Errorf("number %v, want one that nobody had", id)
	}
	b.wants("untag", members("untagging", two, anna), 0)
	for i := range 98 {
		b.wants("fill", errcode(create(fmt.Sprint("n", i))), 0)
	}
	b.wants("101 tags", errcode(create("more")), 45056)
	for id := 101; id < 121; id++ {
		b.wants("twenty tags", members("tagging", id, anna), 0)
	}
	b.wants("21 tags of a person", members("tagging", 121, anna), 45059)
}

func TestQRCodesHaveLimitsAndAnEnd(t *testing.T) {
	t.Parallel()
	b := setup(t)
	u := b.follower(anna)
	create := func(action string, expire int, scene map[string]any) map[string]any {
		return b.call("/cgi-bin/qrcode/create", map[string]any{"action_name": action, "expire_seconds": expire, "action_info": map[string]any{"scene": scene}})
	}
	text := func(s string) map[string]any { return map[string]any{"scene_str": s} }
	for _, c := range []struct {
		action string
		expire int
		scene  map[string]any
		want   int
	}{
		{"QR_STR_SCENE", 2_592_000, text(strings.Repeat("s", 64)), 0},
		{"QR_STR_SCENE", 2_592_001, text("s"), 40035},
		{"QR_STR_SCENE", 60, text(strings.Repeat("s", 65)), 40035},
		{"QR_STR_SCENE", 60, text(""), 40035},
		{"QR_SCENE", 60, map[string]any{"scene_id": 0}, 40035},
		{"QR_SCENE", 60, map[string]any{"scene_id": 4294967296}, 40035},
		{"QR_LIMIT_SCENE", 0, map[string]any{"scene_id": 100_000}, 0},
		{"QR_LIMIT_SCENE", 0, map[string]any{"scene_id": 100_001}, 40035},
		{"QR_LIMIT_STR_SCENE", 0, text("forever"), 0},
		{"QR_POEM", 0, text("x"), 40035},
	} {
		b.wants(fmt.Sprint(c.action, c.scene, c.expire), errcode(create(c.action, c.expire, c.scene)), c.want)
	}
	ticket := fmt.Sprint(create("QR_STR_SCENE", 30, text("s7-a1b2"))["ticket"])
	status, data := b.request(http.MethodGet, "/cgi-bin/showqrcode?ticket="+url.QueryEscape(ticket), nil)
	if _, err := png.Decode(bytes.NewReader(data)); err != nil || status != http.StatusOK {
		t.Errorf("status %d, picture: %v", status, err)
	}
	b.must(u.ScanTicket(t.Context(), ticket))
	if got := b.bot.events("SCAN"); len(got) != 1 || !strings.Contains(got[0].Plain, "<EventKey><![CDATA[s7-a1b2]]></EventKey><Ticket><![CDATA["+ticket+"]]></Ticket>") {
		t.Errorf("pushed %v", got)
	}
	b.advance(30 * time.Second)
	if _, err := u.ScanTicket(t.Context(), ticket); err == nil {
		t.Error("an expired QR can be scanned")
	}
	if status, _ := b.request(http.MethodGet, "/cgi-bin/showqrcode?ticket="+url.QueryEscape(ticket), nil); status != http.StatusNotFound {
		t.Errorf("an expired QR is shown with status %d", status)
	}
}

func click(name, key string) map[string]any {
	return map[string]any{"type": "click", "name": name, "key": key}
}

func TestMenusHaveLimits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	buttons := func(n int) []any {
		var l []any
		for range n {
			l = append(l, click("学", "K"))
		}
		return l
	}
	with := func(x ...any) []any { return x }
	b.wants("no menu", b.code("/cgi-bin/menu/get", nil), 46003)
	for _, c := range []struct {
		name    string
		buttons []any
		want    int
	}{
		{"none", nil, 40016},
		{"four", buttons(4), 40016},
		{"six below one", with(map[string]any{"name": "更多", "sub_button": buttons(6)}), 40016},
		{"long name", with(click("一二三四五六", "K")), 40018},
		{"long name below", with(map[string]any{"name": "更多", "sub_button": with(click(strings.Repeat("长", 21), "K"))}), 40018},
		{"no key", with(click("学", "")), 40019},
		{"long key", with(click("学", strings.Repeat("k", 129))), 40019},
		{"no link", with(map[string]any{"type": "view", "name": "看"}), 40020},
		{"long link", with(map[string]any{"type": "view", "name": "看", "url": strings.Repeat("u", 1025)}), 40020},
		{"unknown type", with(map[string]any{"type": "poem", "name": "看"}), 40017},
		{"good", with(click("今日学习", "TODAY"), map[string]any{"name": "更多", "sub_button": with(map[string]any{"type": "view", "name": "看", "url": "https://h5.example/?a=1&b=2"})}), 0},
	} {
		b.wants(c.name, b.code("/cgi-bin/menu/create", map[string]any{"button": c.buttons}), c.want)
	}
	_, raw := b.request(http.MethodGet, "/cgi-bin/menu/get?access_token="+b.token(), nil)
	if !strings.Contains(string(raw), `"url":"https://h5.example/?a=1&b=2"`) {
		t.Errorf("the link is not as it was given: %s", raw)
	}
	b.wants("delete", b.code("/cgi-bin/menu/delete", nil), 0)
	b.wants("deleted", b.code("/cgi-bin/menu/get", nil), 46003)
}

func TestSomePeopleSeeAnotherMenu(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.follower(anna)
	b.follower(bert)
	special := func(rule map[string]any) map[string]any {
		return b.call("/cgi-bin/menu/addconditional", map[string]any{"button": []any{click("管理", "ADMIN")}, "matchrule": rule})
	}
	b.wants("without a default", errcode(special(map[string]any{"tag_id": "100"})), 65303)
	b.wants("default", b.code("/cgi-bin/menu/create", map[string]any{"button": []any{click("今日学习", "TODAY")}}), 0)
	b.wants("without a rule", errcode(special(nil)), 65304)
	b.call("/cgi-bin/tags/create", map[string]any{"tag": map[string]any{"name": "教员"}})
	b.wants("tag", b.code("/cgi-bin/tags/members/batchtagging", map[string]any{"tagid": 100, "openid_list": []string{bert}}), 0)
	id := special(map[string]any{"tag_id": 100})["menuid"]
	try := func(openid string) string {
		return jsonOf(t, b.call("/cgi-bin/menu/trymatch", map[string]any{"user_id": openid}))
	}
	if got := try(anna); !strings.Contains(got, "TODAY") {
		t.Errorf("without the tag: %s", got)
	}
	if got := try(bert); !strings.Contains(got, "ADMIN") {
		t.Errorf("with the tag: %s", got)
	}
	b.wants("no follower", b.code("/cgi-bin/menu/trymatch", map[string]any{"user_id": unknown}), 65302)
	b.wants("delete none", b.code("/cgi-bin/menu/delconditional", map[string]any{"menuid": "1"}), 65301)
	b.wants("delete", b.code("/cgi-bin/menu/delconditional", map[string]any{"menuid": id}), 0)
	if got := try(bert); !strings.Contains(got, "TODAY") {
		t.Errorf("after deleting: %s", got)
	}
}

// upload uploads a file and returns the answer.
func (b *bench) upload(kind string, data []byte) map[string]any {
	b.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	part, err := w.CreateFormFile("media", "a.png")
	if err != nil {
		b.t.Fatal(err)
	}
	_, _ = part.Write(data)
	if err := w.Close(); err != nil {
		b.t.Fatal(err)
	}
	resp, err := http.Post(b.url()+"/cgi-bin/media/upload?type="+kind+"&access_token="+b.token(), w.FormDataContentType(), &body)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var m map[string]any
	d := json.NewDecoder(resp.Body)
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		b.t.Fatal(err)
	}
	return m
}

func TestFilesLiveThreeDays(t *testing.T) {
	t.Parallel()
	b := setup(t)
	u := b.follower(anna)
	id := fmt.Sprint(b.upload("image", Photo(0))["media_id"])
	picture := map[string]any{"touser": anna, "msgtype": "image", "image": map[string]any{"media_id": id}}
	if status, data := b.request(http.MethodGet, "/cgi-bin/media/get?media_id="+id+"&access_token="+b.token(), nil); status != http.StatusOK || !bytes.Equal(data, Photo(0)) {
		t.Errorf("status %d, %d bytes", status, len(data))
	}
	b.wants("unknown kind", errcode(b.upload("poem", Photo(0))), 40004)
	b.wants("too large", errcode(b.upload("thumb", make([]byte, 65<<10))), 45001)
	b.wants("without a token", errcode(b.get("/cgi-bin/media/get?media_id="+id)), 41001)
	b.advance(3*24*time.Hour - time.Minute)
	b.must(u.Type(t.Context(), "你好"))
	b.wants("at the end of three days", b.code(customPath, picture), 0)
	b.advance(2 * time.Minute)
	b.wants("after three days", b.code(customPath, picture), 40007)
	b.wants("get after three days", b.code("/cgi-bin/media/get?media_id="+id, nil), 40007)
}

// What a phone sends is a file that the platform gives by the id in the message, and that the page of phones shows.
func TestPeoplesPicturesAndRecordingsCanBeFetched(t *testing.T) {
	t.Parallel()
	b := setup(t)
	u := b.follower(anna)
	b.must(u.Show(t.Context(), Photo(7)))
	b.must(u.Voice(t.Context(), ""))
	pushes := b.bot.pushes()
	for i, want := range [][]byte{Photo(7), Recording(1)} {
		id := between(pushes[1+i].Plain, "<MediaId><![CDATA[", "]]>")
		if _, data := b.request(http.MethodGet, "/cgi-bin/media/get?media_id="+id+"&access_token="+b.token(), nil); !bytes.Equal(data, want) || !bytes.Equal(b.p.File(id), want) {
			t.Errorf("%d: %q", i, data)
		}
		if status, data := b.request(http.MethodGet, fileAt(id), nil); status != http.StatusOK || !bytes.Equal(data, want) {
			t.Errorf("%d on the page: %d", i, status)
		}
		b.wants("nobody's", b.code("/cgi-bin/media/get?media_id="+id+"x", nil), 40007)
	}
	if c, _, err := image.DecodeConfig(bytes.NewReader(Photo(7))); err != nil || c.Width != 48 || bytes.Equal(Photo(7), Photo(8)) {
		t.Errorf("%+v, %v", c, err)
	}
	if status, _ := b.request(http.MethodGet, fileAt("sim-image-0"), nil); status != http.StatusNotFound {
		t.Errorf("a file that is not there: %d", status)
	}
}

func TestWebCodesAreGoodOnceAndNotForLong(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.follower(anna)
	authorize := func(change string) (int, url.Values) {
		status, to := b.request(http.MethodGet, "/connect/oauth2/authorize?appid="+testAppID+"&redirect_uri="+url.QueryEscape("https://h5.example/back?x=1")+
			"&response_type=code&openid="+anna+change, nil)
		u, err := url.Parse(string(to))
		if err != nil || status != http.StatusFound {
			return status, nil
		}
		return status, u.Query()
	}
	exchange := func(code string) map[string]any {
		return b.get("/sns/oauth2/access_token?grant_type=authorization_code&appid=" + testAppID + "&secret=" + testSecret + "&code=" + code)
	}
	_, back := authorize("&scope=snsapi_base&state=abc1")
	if back.Get("state") != "abc1" || back.Get("x") != "1" {
		t.Errorf("back with %v", back)
	}
	if got := exchange(back.Get("code")); got["openid"] != anna || got["scope"] != "snsapi_base" || got["is_snapshotuser"] != nil {
		t.Errorf("exchanged into %v", got)
	}
	b.wants("again", errcode(exchange(back.Get("code"))), 40163)
	b.wants("unknown", errcode(exchange("C1")), 40029)
	_, back = authorize("&scope=snsapi_base&state=")
	b.advance(5*time.Minute + time.Second)
	b.wants("late", errcode(exchange(back.Get("code"))), 42003)
	_, back = authorize("&scope=snsapi_base&snapshot=1")
	if got := exchange(back.Get("code")); got["openid"] == anna || fmt.Sprint(got["is_snapshotuser"]) != "1" {
		t.Errorf("a snapshot gives %v", got)
	}
	for _, bad := range []string{"&scope=x", "&scope=snsapi_base&state=a%20b"} {
		if status, _ := authorize(bad); status != http.StatusBadRequest {
			t.Errorf("%s: status %d", bad, status)
		}
	}
	b.wants("wrong secret", errcode(b.get("/sns/oauth2/access_token?appid="+testAppID+"&secret=x&code=C1")), 40125)
}

func TestPagesGetATicket(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one, two := b.call("/cgi-bin/ticket/getticket?type=jsapi", nil), b.call("/cgi-bin/ticket/getticket?type=jsapi", nil)
	if one["ticket"] == "" || one["ticket"] != two["ticket"] || fmt.Sprint(one["expires_in"]) != "7200" {
		t.Errorf("tickets %v and %v", one, two)
	}
}

func TestQuotasEndAndCanBeCleared(t *testing.T) {
	t.Parallel()
	const path = "/cgi-bin/getcallbackip"
	b := setup(t, func(o *Options) {
		o.Quotas = map[string]int{path: 2}
		o.PerMinute = map[string]int{"/cgi-bin/user/get": 1}
	})
	b.p.Clock().Set(time.Date(2026, 12, 1, 8, 0, 0, 0, shanghai))
	quota := func() string {
		return jsonOf(t, b.call("/cgi-bin/openapi/quota/get", map[string]any{"cgi_path": path})["quota"])
	}
	b.wants("first", b.code(path, nil), 0)
	if got := quota(); got != `{"daily_limit":2,"remain":1,"used":1}` {
		t.Errorf("quota %s", got)
	}
	b.wants("second", b.code(path, nil), 0)
	b.wants("third", b.code(path, nil), 45009)
	b.p.LimitCalls(path, 3)
	if got := quota(); got != `{"daily_limit":3,"remain":1,"used":2}` {
		t.Errorf("quota that was raised %s", got)
	}
	b.wants("third, with a larger quota", b.code(path, nil), 0)
	b.p.LimitCalls(path, 2)
	b.wants("fourth", b.code(path, nil), 45009)
	b.wants("bad path", b.code("/cgi-bin/openapi/quota/get", map[string]any{"cgi_path": "x"}), 76003)
	b.wants("clear with a wrong secret", errcode(b.post("/cgi-bin/clear_quota/v2", map[string]any{"appid": testAppID, "appsecret": "x"})), 40125)
	for i := range 10 {
		var code int
		switch i % 3 {
		case 0:
			code = b.code("/cgi-bin/clear_quota", map[string]any{"appid": testAppID})
		case 1:
			code = errcode(b.post("/cgi-bin/clear_quota/v2", map[string]any{"appid": testAppID, "appsecret": testSecret}))
		default:
			code = b.code("/cgi-bin/openapi/quota/clear", map[string]any{"cgi_path": path})
		}
		b.wants("clear", code, 0)
		b.wants("first after clearing", b.code(path, nil), 0)
		b.wants("second after clearing", b.code(path, nil), 0)
		b.wants("third after clearing", b.code(path, nil), 45009)
	}
	b.wants("clear the 11th time", b.code("/cgi-bin/clear_quota", map[string]any{"appid": testAppID}), 48006)
	b.wants("first of the minute", b.code("/cgi-bin/user/get", nil), 0)
	b.wants("second of the minute", b.code("/cgi-bin/user/get", nil), 45011)
	b.advance(time.Minute)
	b.wants("next minute", b.code("/cgi-bin/user/get", nil), 0)
	b.advance(16 * time.Hour)
	b.wants("next day", b.code(path, nil), 0)
	b.p.Clock().Set(time.Date(2027, 1, 1, 8, 0, 0, 0, shanghai))
	b.wants("clear in the next month", b.code("/cgi-bin/clear_quota", map[string]any{"appid": testAppID}), 0)
}

func TestErrorsCarryWordsAndANumberToAskBy(t *testing.T) {
	t.Parallel()
	b := setup(t)
	got := fmt.Sprint(b.get("/cgi-bin/getcallbackip?access_token=x")["errmsg"])
	if !strings.HasPrefix(got, "invalid credential, access_token is invalid or not latest rid: ") {
		t.Error(got)
	}
	if d := cmp.Diff(3, len(strings.Split(between(got, "rid: ", " "), "-"))); d != "" {
		t.Error(d)
	}
}
