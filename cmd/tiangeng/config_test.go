package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/configs"
)

// The configuration may not know package delivery, so its words are written there a second time.
func TestTheConfigurationSpeaksOfTheKindsThatThereAre(t *testing.T) {
	t.Parallel()
	var kinds []string
	for _, k := range delivery.Kinds() {
		kinds = append(kinds, string(k))
	}
	if d := cmp.Diff(kinds, configs.Kinds()); d != "" {
		t.Error(d)
	}
	// A template message is accepted for receipts alone, because the ladder uses it for nothing else.
	for _, r := range delivery.LadderRules() {
		for _, rung := range r.Rungs {
			if rung == delivery.RungTemplate && r.Kind != delivery.KindReceipt {
				t.Errorf("the ladder uses templates for %s, the configuration refuses them", r.Kind)
			}
		}
	}
}

func TestTheAccountIsWhatTheConfigurationSays(t *testing.T) {
	t.Parallel()
	id := strings.Repeat("a", 43)
	fields := map[string]string{"thing1": "title"}
	c := &configs.Config{WeChat: configs.WeChat{
		Window: true, Mass: true, OnceTemplate: id,
		Notices:   []configs.Notice{{Template: configs.Template{ID: id, Kind: "lesson", Fields: fields}, Long: true}},
		Templates: []configs.Template{{ID: id, Kind: "receipt", Fields: fields}},
	}}
	want := delivery.Account{
		Window: true, Mass: true, Once: id,
		Notices:   map[delivery.Kind]delivery.Template{delivery.KindLesson: {ID: id, Long: true, Fields: fields}},
		Templates: map[delivery.Kind]delivery.Template{delivery.KindReceipt: {ID: id, Fields: fields}},
	}
	if d := cmp.Diff(want, capabilities(c)); d != "" {
		t.Error(d)
	}
}
