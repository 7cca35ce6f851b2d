package wechat

import (
	"context"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/tiangeng/tiangeng/bot/sim"
)

// The menu of a group is written once, follows its members, and goes when nobody is left; whoever is
// not in the group keeps the default menu.
func TestGroupMenu(t *testing.T) {
	t.Parallel()
	platform, err := sim.New(sim.Options{AppID: testApp, AppSecret: testSecret, Token: testToken, AESKey: testAES, Webhook: "http://127.0.0.1:1/"})
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(platform.Handler())
	t.Cleanup(func() {
		api.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := platform.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	c, err := NewClient(ClientOptions{AppID: testApp, AppSecret: testSecret, APIBase: api.URL, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	var people []string
	for i := range 60 {
		id := fmt.Sprintf("oSIM_trainer_%012d", i)
		people = append(people, id)
		if _, err := platform.As(id).Follow(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	usual := Menu{Buttons: []Button{{Name: "学习", Type: "click", Key: "TODAY"}}}
	group := GroupMenu{Tag: "教员", Menu: Menu{Buttons: []Button{{Name: "发通知", Type: "click", Key: "ANNOUNCE"}}}}
	apply := func(members []string, want bool) {
		t.Helper()
		group.Members = members
		changed, err := c.ApplyGroupMenu(ctx, group)
		if err != nil || changed != want {
			t.Errorf("%d members: changed %v, %v; want %v", len(members), changed, err, want)
		}
	}
	if _, err := c.ApplyMenu(ctx, usual); err != nil {
		t.Fatal(err)
	}
	apply(nil, false)
	apply(people, true)
	apply(people, false)
	tag, _, err := c.tag(ctx, "教员", false)
	if err != nil || tag == 0 {
		t.Fatal(tag, err)
	}
	if got, err := c.tagged(ctx, tag); err != nil || len(got) != 60 {
		t.Errorf("%d have the tag, %v", len(got), err)
	}
	group.Menu.Buttons[0].Name = "写通知"
	apply(people, true)
	apply(people[:3], true)
	if got, err := c.tagged(ctx, tag); err != nil || len(got) != 3 {
		t.Errorf("%d have the tag, %v", len(got), err)
	}
	if changed, err := c.ApplyMenu(ctx, usual); err != nil || changed {
		t.Errorf("the default menu was touched: %v, %v", changed, err)
	}
	apply(nil, true)
	apply(nil, false)
}
