package sim

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// changing finds what differs from push to push.
var changing = regexp.MustCompile(`<(CreateTime|MsgId)>\d+</|sim-(voice|image)-\d+`)

func TestActsPushTheDocumentedFields(t *testing.T) {
	t.Parallel()
	const prefix = "<xml><ToUserName><![CDATA[gh_sim000000001]]></ToUserName><FromUserName><![CDATA[oSIM_user_0000000000000001]]></FromUserName><CreateTime></CreateTime>"
	for _, c := range []struct {
		kind string
		act  func(b *bench, u *User) (Exchange, error)
		want string // between prefix and </xml>
	}{
		{"text", func(b *bench, u *User) (Exchange, error) { return u.Type(b.t.Context(), "今日一课") },
			"<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[今日一课]]></Content><MsgId></MsgId>"},
		{"text that ends CDATA", func(b *bench, u *User) (Exchange, error) { return u.Type(b.t.Context(), "a]]>b<&") },
			"<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[a]]]]><![CDATA[>b<&]]></Content><MsgId></MsgId>"},
		{"msgmenu", func(b *bench, u *User) (Exchange, error) {
			return u.TapMenuItem(b.t.Context(), "102", "B. 三会一课")
		},
			"<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[B. 三会一课]]></Content><MsgId></MsgId><bizmsgmenuid>102</bizmsgmenuid>"},
		{"image", func(b *bench, u *User) (Exchange, error) { return u.Image(b.t.Context()) },
			"<MsgType><![CDATA[image]]></MsgType><PicUrl><![CDATA[http://mmbiz.example/sim.jpg]]></PicUrl><MediaId><![CDATA[]]></MediaId><MsgId></MsgId>"},
		{"voice", func(b *bench, u *User) (Exchange, error) { return u.Voice(b.t.Context(), "我来签到") },
			"<MsgType><![CDATA[voice]]></MsgType><MediaId><![CDATA[]]></MediaId><Format><![CDATA[amr]]></Format><Recognition><![CDATA[我来签到]]></Recognition><MsgId></MsgId>"},
		{"voice not understood", func(b *bench, u *User) (Exchange, error) { return u.Voice(b.t.Context(), "") },
			"<MsgType><![CDATA[voice]]></MsgType><MediaId><![CDATA[]]></MediaId><Format><![CDATA[amr]]></Format><MsgId></MsgId>"},
		{"location", func(b *bench, u *User) (Exchange, error) {
			return u.Location(b.t.Context(), 26.57, 106.71, "某村委会")
		},
			"<MsgType><![CDATA[location]]></MsgType><Location_X>26.57</Location_X><Location_Y>106.71</Location_Y><Scale>15</Scale><Label><![CDATA[某村委会]]></Label><MsgId></MsgId>"},
		{"link", func(b *bench, u *User) (Exchange, error) {
			return u.Link(b.t.Context(), "t", "d", "https://e.example/a")
		},
			"<MsgType><![CDATA[link]]></MsgType><Title><![CDATA[t]]></Title><Description><![CDATA[d]]></Description><Url><![CDATA[https://e.example/a]]></Url><MsgId></MsgId>"},
		{"unsubscribe", func(b *bench, u *User) (Exchange, error) { return u.Unfollow(b.t.Context()) },
			"<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[unsubscribe]]></Event><EventKey><![CDATA[]]></EventKey>"},
		{"SCAN", func(b *bench, u *User) (Exchange, error) { return u.Scan(b.t.Context(), "s7-a1b2") },
			"<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[SCAN]]></Event><EventKey><![CDATA[s7-a1b2]]></EventKey><Ticket><![CDATA[gSIM==s7-a1b2]]></Ticket>"},
		{"LOCATION", func(b *bench, u *User) (Exchange, error) { return u.Enter(b.t.Context()) },
			"<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[LOCATION]]></Event><Latitude>26.570000</Latitude><Longitude>106.710000</Longitude><Precision>40.0</Precision>"},
		{"CLICK", func(b *bench, u *User) (Exchange, error) { return u.Tap(b.t.Context(), "TODAY_LESSON") },
			"<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[CLICK]]></Event><EventKey><![CDATA[TODAY_LESSON]]></EventKey>"},
		{"VIEW", func(b *bench, u *User) (Exchange, error) { return u.View(b.t.Context(), "https://h5.example/l/1") },
			"<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[VIEW]]></Event><EventKey><![CDATA[https://h5.example/l/1]]></EventKey><MenuId>400000001</MenuId>"},
		{"scancode", func(b *bench, u *User) (Exchange, error) {
			return u.ScanButton(b.t.Context(), "CHECKIN", "s7-a1b2", true)
		},
			"<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[scancode_waitmsg]]></Event><EventKey><![CDATA[CHECKIN]]></EventKey><ScanCodeInfo><ScanType><![CDATA[qrcode]]></ScanType><ScanResult><![CDATA[s7-a1b2]]></ScanResult></ScanCodeInfo>"},
		{"popup", func(b *bench, u *User) (Exchange, error) { return u.Subscribe(b.t.Context(), "T1", true, false) },
			"<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[subscribe_msg_popup_event]]></Event><SubscribeMsgPopupEvent><List><TemplateId><![CDATA[T1]]></TemplateId><SubscribeStatusString><![CDATA[accept]]></SubscribeStatusString><PopupScene>1</PopupScene></List></SubscribeMsgPopupEvent>"},
		{"change", func(b *bench, u *User) (Exchange, error) { return u.RevokeNotice(b.t.Context(), "T1") },
			"<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[subscribe_msg_change_event]]></Event><SubscribeMsgChangeEvent><List><TemplateId><![CDATA[T1]]></TemplateId><SubscribeStatusString><![CDATA[reject]]></SubscribeStatusString></List></SubscribeMsgChangeEvent>"},
	} {
		t.Run(c.kind, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			u := b.follower(anna)
			b.must(c.act(b, u))
			pushes := b.bot.pushes()
			if len(pushes) != 2 {
				t.Fatalf("%d pushes", len(pushes))
			}
			got := changing.ReplaceAllStringFunc(pushes[1].Plain, func(s string) string {
				if name, _, found := strings.Cut(strings.TrimPrefix(s, "<"), ">"); found {
					return "<" + name + "></"
				}
				return ""
			})
			if d := cmp.Diff(prefix+c.want+"</xml>", got); d != "" {
				t.Errorf("push (-want +got):\n%s", d)
			}
		})
	}
}

func TestFollowingTellsTheScene(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.must(b.p.As(anna).Follow(t.Context(), ""))
	b.must(b.p.As(bert).Scan(t.Context(), "s7-a1b2"))
	if got := b.bot.pushes()[0].Plain; !strings.Contains(got, "<EventKey><![CDATA[]]></EventKey></xml>") {
		t.Errorf("found by name: %s", got)
	}
	if got := b.bot.pushes()[1].Plain; !strings.Contains(got, "<EventKey><![CDATA[qrscene_s7-a1b2]]></EventKey><Ticket><![CDATA[gSIM==s7-a1b2]]></Ticket>") {
		t.Errorf("by QR: %s", got)
	}
	b.must(b.p.As(anna).Follow(t.Context(), ""))
	if got := len(b.bot.pushes()); got != 2 {
		t.Errorf("following twice pushes: %d pushes", got)
	}
}

func TestChoosingAPlaceIsAnEventAndAMessage(t *testing.T) {
	t.Parallel()
	b := setup(t)
	u := b.follower(anna)
	b.must(u.SelectLocation(t.Context(), "LOC", 26.57, 106.71, "某村"))
	got := b.bot.pushes()
	want := "<Event><![CDATA[location_select]]></Event><EventKey><![CDATA[LOC]]></EventKey><SendLocationInfo><Location_X><![CDATA[26.57]]></Location_X><Location_Y><![CDATA[106.71]]></Location_Y><Scale><![CDATA[15]]></Scale><Label><![CDATA[某村]]></Label><Poiname><![CDATA[]]></Poiname></SendLocationInfo>"
	if len(got) != 3 || !strings.Contains(got[1].Plain, want) || !strings.Contains(got[2].Plain, "[location]") {
		t.Errorf("%d pushes: %v", len(got), got)
	}
}

func TestOnlyFollowersCanWrite(t *testing.T) {
	t.Parallel()
	b := setup(t)
	u := b.p.As(anna)
	for name, act := range map[string]func() (Exchange, error){
		"type":     func() (Exchange, error) { return u.Type(t.Context(), "你好") },
		"tap":      func() (Exchange, error) { return u.Tap(t.Context(), "K") },
		"unfollow": func() (Exchange, error) { return u.Unfollow(t.Context()) },
	} {
		if _, err := act(); err == nil {
			t.Errorf("%s works without following", name)
		}
	}
	if got := b.bot.pushes(); len(got) != 0 {
		t.Errorf("pushed: %v", got)
	}
}

func TestReplyToUnfollowingIsSeenByNobody(t *testing.T) {
	t.Parallel()
	b := setup(t)
	u := b.follower(anna)
	b.bot.says(b.bot.sealed(textReply(anna, "再见")))
	b.must(u.Unfollow(t.Context()))
	if got := b.p.Ledger().Texts(anna); len(got) != 0 {
		t.Errorf("seen: %v", got)
	}
}
