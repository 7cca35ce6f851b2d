package conversation

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

// Whatever somebody types: what is looked for is short, on one line and reads as itself again; in the menu it
// never becomes an act that is none, and out of it only what begins with one of the words is a search.
func FuzzSearchReader(f *testing.F) {
	for _, s := range []string{"搜 水", "搜shuiguan", "搜索：水管", "有没有水管的课？", "有的课", "搜", "点 2", "点三", "第2门", "要 99", "搜\x00水", "搜 \u200b", "\xff搜", "先学 2", "下一页", "下", "B", "对", strings.Repeat("搜", 99)} {
		f.Add(s)
	}
	e := New(Options{Phrases: content.DefaultPhrases(), Library: content.NewLibrary(nil)})
	f.Fuzz(func(t *testing.T, text string) {
		words, ok := cutSearch(text)
		if ok != (words != "") {
			t.Fatalf("%q: %q, %t", text, words, ok)
		}
		for _, w := range []string{words, query(text)} {
			if utf8.RuneCountInString(w) > study.MaxQueryRunes || !utf8.ValidString(w) || strings.ContainsFunc(w, unicode.IsControl) || query(w) != w {
				t.Fatalf("%q: %q", text, w)
			}
		}
		if n := orderNumber(study.Fold(text)); n < 0 || n > 99 {
			t.Fatalf("%q: number %d", text, n)
		}
		in := channel.Inbound{Kind: channel.KindText, Contact: channel.ContactTyped, Text: text}
		inMenu := e.read(State{Mode: ModeMenu, Menu: &MenuState{Shown: []string{"a", "b"}, Course: "a"}}, in)
		if inMenu.act == "" || inMenu.act == actSearch && inMenu.text != query(inMenu.text) {
			t.Fatalf("%q: %+v", text, inMenu)
		}
		if out := e.read(State{}, in); out.act == actSearch && (!ok || out.text != words) || out.act == actPick || out.act == actOrder {
			t.Fatalf("%q: %+v", text, out)
		}
	})
}
