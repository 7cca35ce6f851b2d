package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/sim"
)

// Somebody who has not written for days allows one message on the platform's page; the next
// announcement goes by it, the one after does not, and where the platform knows nothing of it any more
// (43101) that is believed.
func TestAMessageIsAllowedOnceOnThePlatformsPage(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	public := "http://" + l.Addr().String()
	b := openBureau(t, "  once_template: ONCE-T1-0123456789abcdef0123456789abcdefghij\npublic_url: "+public+"\n")
	phone := sim.CrowdID("S", 1)
	user := b.platform.As(phone)
	link := regexp.MustCompile(`http\S+/l/once/[0-9a-f]{32}`)
	b.open(func(a *app) {
		receiver, err := a.receiver()
		if err != nil {
			t.Fatal(err)
		}
		handler, err := a.public(receiver)
		if err != nil {
			t.Fatal(err)
		}
		server := &httptest.Server{Listener: l, Config: &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}}
		server.Start()
		defer server.Close()
		ctx, stop := context.WithCancel(t.Context())
		var serving sync.WaitGroup
		serving.Go(func() { a.service.Run(ctx) })
		defer serving.Wait()
		defer stop()
		n := 0
		asks := func() string {
			n++
			in := channel.Inbound{
				Key: strings.Repeat("a", 62) + string(rune('0'+n/10)) + string(rune('0'+n%10)), From: channel.Address{Channel: "wechat", Account: account, External: phone}, At: a.clock.Now(),
				Kind: channel.KindText, Contact: channel.ContactTyped, Text: "订阅",
			}
			return link.FindString(a.service.HandleInbound(t.Context(), in).Text)
		}
		opens := func(address string, allow bool) (int, string) {
			t.Helper()
			status, page, err := user.ConfirmOnce(t.Context(), address, allow)
			if err != nil {
				t.Fatal(err)
			}
			return status, page
		}
		first := asks() // the first reply of all may be taken up by the privacy notice
		if first == "" {
			first = asks()
		}
		if first == "" {
			t.Fatal("there is no link")
		}
		if status, page := opens(first, false); status != http.StatusOK || !strings.Contains(page, "没有开启") {
			t.Errorf("not allowed: %d\n%s", status, page)
		}
		if status, page := opens(first, true); status != http.StatusNotFound || !strings.Contains(page, "链接过时了") {
			t.Errorf("the link again: %d\n%s", status, page)
		}
		second := asks()
		if status, page := opens(second, true); status != http.StatusOK || !strings.Contains(page, "好了") {
			t.Errorf("allowed: %d\n%s", status, page)
		}
		if status, _ := opens(asks(), true); status != http.StatusOK {
			t.Errorf("another scene: %d", status)
		}
		user.GrantScene(2, "another template") // the platform has forgotten it
		// Made up: a secret that is none, and a good one for another person, scene or act.
		last := asks()
		secret := last[strings.LastIndexByte(last, '/')+1:]
		for _, q := range []url.Values{
			{"openid": {phone}, "template_id": {"ONCE-T1-0123456789abcdef0123456789abcdefghij"}, "action": {"confirm"}, "scene": {"3"}, "reserved": {strings.Repeat("0", 32)}},
			{"openid": {sim.CrowdID("S", 2)}, "template_id": {"ONCE-T1-0123456789abcdef0123456789abcdefghij"}, "action": {"confirm"}, "scene": {"3"}, "reserved": {secret}},
			{"openid": {phone}, "template_id": {"ONCE-T1-0123456789abcdef0123456789abcdefghij"}, "action": {"confirm"}, "scene": {"2"}, "reserved": {secret}},
			{"openid": {phone}, "template_id": {"ONCE-T1-0123456789abcdef0123456789abcdefghij"}, "action": {"x"}, "scene": {"3"}, "reserved": {secret}},
		} {
			r, err := http.Get(public + "/l/once/back?" + q.Encode())
			if err != nil || r.StatusCode != http.StatusNotFound {
				t.Errorf("%v: %v %v", q, r, err)
			}
		}
	})
	b.clock.Set(b.clock.Now().Add(3 * 24 * time.Hour)) // every window is shut
	send := func(key string) map[delivery.State]int {
		t.Helper()
		id := b.draft("--title", "换届会", "--text", "后天上午开换届会。", "--unit", northVillage, "--key", key)
		b.announce("send", id)
		b.deliver()
		return b.summary(id).States
	}
	if s := send("one"); s[delivery.Accepted] != 1 || s[delivery.Skipped] != 2 {
		t.Errorf("the first: %v", s)
	}
	if list := b.platform.Ledger().Via(phone, "subscribe"); len(list) != 1 || list[0].Item.Template.Title != "换届会" {
		t.Errorf("the phone shows %+v", list)
	}
	if s := send("two"); s[delivery.Accepted] != 0 || s[delivery.Skipped]+s[delivery.Failed] != 3 {
		t.Errorf("the second, which the platform refuses with 43101: %v", s)
	}
	calls := b.platform.Used("/cgi-bin/message/template/subscribe")
	if s := send("three"); s[delivery.Skipped] != 3 || b.platform.Used("/cgi-bin/message/template/subscribe") != calls || calls != 2 {
		t.Errorf("the third, with nothing allowed: %v, %d calls", s, calls)
	}
	if list := b.platform.Ledger().Via(phone, "subscribe"); len(list) != 1 {
		t.Errorf("the phone shows %+v", list)
	}
}
