package sim

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const customPath = "/cgi-bin/message/custom/send"

// sends sends n customer-service messages and returns their errcodes.
func (b *bench) sends(n int) []int {
	b.t.Helper()
	var codes []int
	for range n {
		codes = append(codes, b.code(customPath, customText(anna, "课")))
	}
	return codes
}

func TestWindowsLimitCustomerServiceMessages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		acts func(b *bench, u *User)
		want []int
	}{
		{"message: five", func(b *bench, u *User) { b.must(u.Type(b.t.Context(), "你好")) }, []int{0, 0, 0, 0, 0, 45047}},
		{"message, to the end of 48 hours", func(b *bench, u *User) {
			b.must(u.Type(b.t.Context(), "你好"))
			b.advance(48*time.Hour - time.Minute)
		}, []int{0}},
		{"message, after 48 hours", func(b *bench, u *User) {
			b.must(u.Type(b.t.Context(), "你好"))
			b.advance(48 * time.Hour)
		}, []int{45015}},
		{"two messages do not add up", func(b *bench, u *User) {
			b.must(u.Type(b.t.Context(), "你"))
			b.must(u.Type(b.t.Context(), "好"))
		}, []int{0, 0, 0, 0, 0, 45047}},
		{"a message counts anew", func(b *bench, u *User) {
			b.must(u.Type(b.t.Context(), "你"))
			b.sends(6)
			b.must(u.Voice(b.t.Context(), "好"))
		}, []int{0, 0, 0, 0, 0, 45047}},
		{"following: three", func(*bench, *User) {}, []int{0, 0, 0, 45047}},
		{"tap: three", func(b *bench, u *User) { b.must(u.Tap(b.t.Context(), "K")) }, []int{0, 0, 0, 45047}},
		{"tap, after a minute", func(b *bench, u *User) {
			b.must(u.Tap(b.t.Context(), "K"))
			b.advance(time.Minute)
		}, []int{45015}},
		{"tapping an answer is no message", func(b *bench, u *User) { b.must(u.TapMenuItem(b.t.Context(), "1", "A")) }, []int{0, 0, 0, 45047}},
		{"scan: three", func(b *bench, u *User) {
			b.advance(time.Hour)
			b.must(u.Scan(b.t.Context(), "s"))
		}, []int{0, 0, 0, 45047}},
		{"a link opens nothing", func(b *bench, u *User) {
			b.advance(time.Hour)
			b.must(u.View(b.t.Context(), "https://e.example"))
			b.must(u.Enter(b.t.Context()))
		}, []int{45015}},
		{"a tap does not shrink an open window", func(b *bench, u *User) {
			b.must(u.Type(b.t.Context(), "你好"))
			b.must(u.Tap(b.t.Context(), "K"))
		}, []int{0, 0, 0, 0, 0, 45047}},
		{"a tap gives its minute to a spent window only", func(b *bench, u *User) {
			b.must(u.Type(b.t.Context(), "你好"))
			b.sends(5)
			b.must(u.Tap(b.t.Context(), "K"))
			b.sends(1)
			b.advance(time.Minute)
		}, []int{45047}},
		{"unfollowed", func(b *bench, u *User) { b.must(u.Unfollow(b.t.Context())) }, []int{45015}},
		{"back, but silent", func(b *bench, u *User) {
			b.must(u.Type(b.t.Context(), "你好"))
			b.must(u.Unfollow(b.t.Context()))
			b.must(u.Follow(b.t.Context(), ""))
		}, []int{0, 0, 0, 45047}},
		{"refuses", func(_ *bench, u *User) { u.Refuse(true) }, []int{48002}},
		{"refuses no more", func(_ *bench, u *User) { u.Refuse(true); u.Refuse(false) }, []int{0}},
		{"blacklisted", func(b *bench, _ *User) {
			b.wants("blacklist", b.code("/cgi-bin/tags/members/batchblacklist", map[string]any{"openid_list": []string{anna}}), 0)
		}, []int{43019}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			u := b.follower(anna)
			c.acts(b, u)
			before := len(b.p.Ledger().Via(anna, "custom"))
			got := b.sends(len(c.want))
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("errcodes (-want +got):\n%s", d)
			}
			accepted := 0
			for _, code := range got {
				if code == 0 {
					accepted++
				}
			}
			if seen := len(b.p.Ledger().Via(anna, "custom")) - before; seen != accepted {
				t.Errorf("%d accepted, %d seen", accepted, seen)
			}
		})
	}
}

func TestCustomerServiceMessagesAreChecked(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.follower(anna)
	menu := map[string]any{"head_content": "选", "list": []any{map[string]any{"id": "101", "content": "A"}}, "tail_content": ""}
	article := map[string]any{"title": "t", "description": "d", "url": "https://e.example", "picurl": ""}
	for _, c := range []struct {
		name string
		body any
		want int
	}{
		{"stranger", customText(unknown, "x"), 40003},
		{"empty", customText(anna, ""), 44004},
		{"unknown kind", map[string]any{"touser": anna, "msgtype": "poem"}, 40008},
		{"no body", "", 44002},
		{"no JSON", "{", 47001},
		{"two articles", map[string]any{"touser": anna, "msgtype": "news", "news": map[string]any{"articles": []any{article, article}}}, 45008},
		{"one article", map[string]any{"touser": anna, "msgtype": "news", "news": map[string]any{"articles": []any{article}}}, 0},
		{"menu", map[string]any{"touser": anna, "msgtype": "msgmenu", "msgmenu": menu}, 0},
		{"unknown picture", map[string]any{"touser": anna, "msgtype": "image", "image": map[string]any{"media_id": "m"}}, 40007},
	} {
		b.wants(c.name, b.code(customPath, c.body), c.want)
	}
	b.wants("GET", b.code(customPath, nil), 43002)
	chat := b.p.As(anna).Chat()
	last := chat[len(chat)-1]
	if last.Kind != "msgmenu" || last.Menu == nil || last.Menu.Items[0] != (menuItem{ID: "101", Content: "A"}) || last.Status != "delivered" {
		t.Errorf("the chat ends with %+v", last)
	}
}
