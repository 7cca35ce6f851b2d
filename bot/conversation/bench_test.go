package conversation_test

import (
	"encoding/json"
	"testing"

	"github.com/tiangeng/tiangeng/bot/conversation"
)

// BenchmarkAnswer is one marked answer in the middle of a quiz: Need, Step and the state's JSON.
func BenchmarkAnswer(b *testing.B) {
	w := newWorld(b)
	w.given(b, "已绑定 张三 ban-1")
	if _, err := w.send(inbound(b, "学习")); err != nil {
		b.Fatal(err)
	}
	in := inbound(b, "我选B。")
	facts := conversation.Facts{Now: w.now, Identity: w.identity}
	b.ReportAllocs()
	for b.Loop() {
		var s conversation.State
		if err := json.Unmarshal(w.state, &s); err != nil {
			b.Fatal(err)
		}
		if w.engine.Need(s, in) != (conversation.Needs{}) {
			b.Fatal("a middle answer needs facts")
		}
		turn := w.engine.Step(s, in, facts)
		if len(turn.Effects) != 1 {
			b.Fatal("not marked")
		}
		if _, err := json.Marshal(turn.After); err != nil {
			b.Fatal(err)
		}
	}
}
