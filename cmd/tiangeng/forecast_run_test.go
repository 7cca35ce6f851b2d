package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/sim"
)

// The same announcement, written on a phone, on the command line and by the API, has the same forecast: by which way each is
// reached, who is not and why, how many calls of how many left, and how long it takes; in numbers and in words.
func TestTheForecastIsTheSameEverywhere(t *testing.T) {
	t.Parallel()
	b := openBureau(t, `  daily_reserve: 1
  day_limits: {window: 10, notice: 1}
  rates: {window: 1, notice: 1}
  notices: [{id: NOTICE-T1-0123456789abcdef, kind: announcement, fields: {thing1: title}}]
`)
	b.platform.Faults().Add(sim.Fault{Path: "/cgi-bin/openapi/quota/get", Kind: sim.FaultErrcode, Code: 48001}) // the limits are those of the configuration
	trainer := sim.CrowdID("S", 1)
	b.must("trainer", "add", "-c", b.config, "--scope", "539901100", "1")
	key := strings.TrimSpace(b.must("apikey", "new", "-c", b.config, "--scope", "539901100", "town-office"))
	b.clock.Set(b.clock.Now().Add(5 * 24 * time.Hour)) // every window is shut; it is Sunday, and no lesson goes out

	var chat, api bot.Forecast
	var reply string
	b.open(func(a *app) {
		ctx, stop := context.WithCancel(t.Context())
		var serving sync.WaitGroup
		serving.Go(func() { a.service.Run(ctx) })
		defer serving.Wait()
		defer stop()
		n := 0
		does := func(phone string, in channel.Inbound) string {
			n++
			in.Key = strings.Repeat("b", 62) + string(rune('0'+n/10)) + string(rune('0'+n%10))
			in.From, in.At = channel.Address{Channel: "wechat", Account: account, External: phone}, a.clock.Now()
			return a.service.HandleInbound(t.Context(), in).Text
		}
		says := func(phone, text string) string {
			return does(phone, channel.Inbound{Kind: channel.KindText, Contact: channel.ContactTyped, Text: text})
		}
		says(sim.CrowdID("S", 2), "你好") // a window
		says(sim.CrowdID("S", 3), "暂停") // wants nothing
		for _, i := range []int{4, 5} { // allow a notice, of which the day has one
			does(sim.CrowdID("S", i), channel.Inbound{Kind: channel.KindGrant, Grants: []channel.Grant{{Template: "NOTICE-T1-0123456789abcdef", Accepted: true}}})
		}
		says(trainer, "你好") // takes the privacy notice
		for _, text := range []string{"发通知", "1", "明天上午九点开会"} {
			reply = says(trainer, text)
		}
		if !strings.Contains(reply, "正在统计") {
			t.Fatal(reply)
		}
		eventually(t, 20*time.Second, "it is counted", func() bool {
			reply = says(trainer, "人数")
			return !strings.Contains(reply, "还在统计")
		})
		list, err := a.service.Campaigns(t.Context(), people.Scope{Units: []people.OrgCode{"539901100000"}}, []delivery.Kind{delivery.KindAnnouncement}, 0, 1)
		if err != nil || len(list) != 1 || list[0].Forecast == nil {
			t.Fatalf("%+v, %v", list, err)
		}
		chat = *list[0].Forecast
		if want := chat.Words().Text(a.subject.phrases, list[0].Title); !strings.Contains(reply, want) {
			t.Errorf("the phone says\n%s\nwant\n%s", reply, want)
		}
		receiver, err := a.receiver()
		if err != nil {
			t.Fatal(err)
		}
		handler, err := a.public(receiver)
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(handler)
		defer server.Close()
		c := &client{t: t, base: server.URL, key: key}
		var made apiCampaign
		c.call(http.MethodPost, "/api/v1/campaigns", `{"title":"明天上午九点开会","text":"明天上午九点开会","everyone":true}`, http.StatusCreated, &made)
		c.call(http.MethodPost, "/api/v1/campaigns/"+jsonNumber(made.ID)+"/forecast", "", http.StatusOK, &api)
	})
	var cli bot.Forecast
	new := []string{"--title", "明天上午九点开会", "--text", "明天上午九点开会", "--unit", "539901100"}
	if err := json.Unmarshal([]byte(b.announce(append([]string{"new", "--dry-run", "--json"}, new...)...)), &cli); err != nil {
		t.Fatal(err)
	}
	want := bot.Forecast{
		Audience: 6, Rungs: map[delivery.Rung]int{delivery.RungWindow: 2, delivery.RungNotice: 2}, Complete: true, Seconds: 3,
		Unreachable: map[delivery.Why]int{delivery.WhyPaused: 1, delivery.WhyNoWindow: 1},
		Calls:       map[channel.Way]int{channel.WayWindow: 2, channel.WayNotice: 2}, Quota: map[channel.Way]int{channel.WayWindow: 9, channel.WayNotice: 1},
	}
	for name, got := range map[string]bot.Forecast{"chat": chat, "command line": cli, "API": api} {
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(bot.Forecast{}, "At")); diff != "" || got.At.IsZero() {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	printed := b.announce(append([]string{"new", "--dry-run"}, new...)...)
	b.open(func(a *app) {
		costs := want.Words().Costs(a.subject.phrases)
		for _, line := range costs {
			if !strings.Contains(printed, line) || !strings.Contains(reply, line) {
				t.Errorf("%q is not said everywhere:\n%s\n%s", line, printed, reply)
			}
		}
		if len(costs) != 3 || !strings.Contains(costs[0], "只剩 1 次") {
			t.Errorf("%q", costs)
		}
	})
	t.Logf("on the phone:\n%s", reply)
}
