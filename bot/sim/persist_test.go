package sim

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// reopen closes the platform and makes another on the same folder.
func (b *bench) reopen() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 10*time.Second)
	defer cancel()
	if err := b.p.Close(ctx); err != nil {
		b.t.Fatal(err)
	}
	o := b.p.o
	o.Clock = nil
	b.p = openPlatform(b.t, o)
	if b.api != nil {
		b.api.Config.Handler = b.p.Handler()
	}
}

func TestAClosedPlatformGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := setup(t, func(o *Options) { o.Dir = dir })
	b.p.AddTemplate("T1", "签到结果", false, "thing1")
	u := b.follower(anna)
	b.p.Clock().Advance(72 * time.Hour)
	b.bot.says(b.bot.sealed(textReply(anna, "收到")))
	b.must(u.Type(t.Context(), "你好"))
	token := b.token()
	b.wants("custom", b.code(customPath, customText(anna, "课")), 0)
	b.wants("template", b.code(templatePath, notice(anna, "T1", "", course)), 0)
	b.wants("mass", b.code(massAll, massText("m", "群发", map[string]any{"filter": map[string]any{"is_to_all": true}})), 0)
	chat, seen := u.Chat(), b.p.Ledger().All()
	b.bot.says("success")

	b.reopen()
	if d := cmp.Diff(chat, b.p.As(anna).Chat()); d != "" {
		t.Errorf("chat (-before +after):\n%s", d)
	}
	if d := cmp.Diff(seen, b.p.Ledger().All()); d != "" {
		t.Errorf("ledger (-before +after):\n%s", d)
	}
	if got := b.p.Clock().Offset(); got != 72*time.Hour {
		t.Errorf("the clock is ahead by %v", got)
	}
	if got := b.token(); got != token {
		t.Error("another token")
	}
	if d := cmp.Diff([]int{0, 0, 0, 0, 45047}, b.sends(5)); d != "" {
		t.Errorf("window (-want +got):\n%s", d)
	}
	b.advance(2 * time.Minute)
	if r, m := len(b.bot.events("TEMPLATESENDJOBFINISH")), len(b.bot.events("MASSSENDJOBFINISH")); r != 1 || m != 1 {
		t.Errorf("%d reports of the template and %d of the mass message, want 1 and 1", r, m)
	}
	if got := b.p.Ledger().Via(anna, "mass"); len(got) != 1 {
		t.Errorf("%d mass messages seen", len(got))
	}
}

func TestAClosedPlatformDoesNothingMore(t *testing.T) {
	t.Parallel()
	b, _ := setupNotices(t)
	b.wants("template", b.code(templatePath, notice(anna, "T1", "", course)), 0)
	if err := b.p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.advance(time.Minute)
	if got := b.bot.events("TEMPLATESENDJOBFINISH"); len(got) != 0 {
		t.Errorf("it reported %d times after Close", len(got))
	}
}

func TestALedgerCutByACrashIsMended(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := setup(t, func(o *Options) { o.Dir = dir })
	b.follower(anna)
	b.wants("one", b.code(customPath, customText(anna, "一")), 0)
	name := filepath.Join(dir, "ledger.jsonl")
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"at":"2026-`); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	b.reopen()
	b.wants("two", b.code(customPath, customText(anna, "二")), 0)
	b.reopen()
	if d := cmp.Diff([]string{"一", "二"}, b.p.Ledger().Texts(anna)); d != "" {
		t.Errorf("ledger (-want +got):\n%s", d)
	}
}

func TestASpoiltStateIsNotOverwritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "platform.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{AppID: testAppID, Token: testToken, AESKey: testKey, Webhook: "http://127.0.0.1:1", Dir: dir}); err == nil {
		t.Error("a spoilt state is taken")
	}
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{
		"no app id":  {Token: testToken, AESKey: testKey, Webhook: "http://127.0.0.1:1"},
		"no webhook": {AppID: testAppID, Token: testToken, AESKey: testKey},
		"short key":  {AppID: testAppID, Token: testToken, AESKey: "x", Webhook: "http://127.0.0.1:1"},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
