package sim

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTheHandshakeWantsTheEcho(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if err := b.p.Handshake(t.Context()); err != nil {
		t.Error(err)
	}
	wrong := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	t.Cleanup(wrong.Close)
	other := setup(t, func(o *Options) { o.Webhook = wrong.URL })
	if err := other.p.Handshake(t.Context()); err == nil {
		t.Error("a webhook without the echo passes")
	}
}

func TestEveryModePushesWhatItMust(t *testing.T) {
	t.Parallel()
	for mode, c := range map[Mode]struct{ plain, sealed bool }{ModeSafe: {false, true}, ModeCompat: {true, true}, ModePlain: {true, false}} {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(o *Options) { o.Mode = mode })
			u := b.follower(anna)
			b.bot.does(func(w http.ResponseWriter, _ *http.Request, _ pushed) {
				reply := textReply(anna, "收到")
				if mode != ModePlain {
					reply = b.bot.sealed(reply)
				}
				_, _ = io.WriteString(w, reply)
			})
			e := b.must(u.Type(t.Context(), "今日一课"))
			got := b.bot.pushes()[1]
			if plain := strings.Contains(got.Raw, "今日一课"); plain != c.plain {
				t.Errorf("plaintext in the body: %v", plain)
			}
			if sealed := strings.Contains(got.Raw, "<Encrypt>"); sealed != c.sealed {
				t.Errorf("ciphertext in the body: %v", sealed)
			}
			if aes := got.Query.Get("encrypt_type") == "aes" && got.Query.Has("msg_signature"); aes != c.sealed {
				t.Errorf("encryption in the address: %v", aes)
			}
			if !strings.Contains(got.Plain, "<Content><![CDATA[今日一课]]></Content>") || got.Query.Get("openid") != anna {
				t.Errorf("the bot reads %q", got.Plain)
			}
			if e.Reply.Text != "收到" || e.Notice != "" {
				t.Errorf("the person sees %+v, notice %q", e.Reply, e.Notice)
			}
			if len(b.bot.bad) > 0 {
				t.Errorf("the bot finds wrong: %v", b.bot.bad)
			}
		})
	}
}

func TestAnswersShowWhatTheDocumentsSay(t *testing.T) {
	t.Parallel()
	news := func(n, count int) string {
		item := "<item>" + cdata("Title", "t") + cdata("Description", "d") + cdata("PicUrl", "https://e.example/p") + cdata("Url", "https://e.example/u") + "</item>"
		return "<xml>" + cdata("ToUserName", anna) + cdata("FromUserName", testGH) + element("CreateTime", 1) + cdata("MsgType", "news") +
			element("ArticleCount", count) + "<Articles>" + strings.Repeat(item, n) + "</Articles></xml>"
	}
	for _, c := range []struct {
		name, answer string
		plainMode    bool
		sealed       bool
		kind, text   string
		notice       bool
	}{
		{name: "success", answer: "success"},
		{name: "nothing", answer: ""},
		{name: "sealed success", answer: "success", sealed: true},
		{name: "sealed text", answer: textReply(anna, "好的"), sealed: true, kind: "text", text: "好的"},
		{name: "sealed article", answer: news(1, 1), sealed: true, kind: "news"},
		{name: "plain text in plain mode", answer: textReply(anna, "好的"), plainMode: true, kind: "text", text: "好的"},
		{name: "plain text in safe mode", answer: textReply(anna, "好的"), notice: true},
		{name: "two articles for a message", answer: news(2, 2), sealed: true, notice: true},
		{name: "articles miscounted", answer: news(1, 2), sealed: true, notice: true},
		{name: "empty content", answer: textReply(anna, ""), sealed: true, notice: true},
		{name: "too long", answer: textReply(anna, strings.Repeat("学", 683)), sealed: true, notice: true},
		{name: "just not too long", answer: textReply(anna, strings.Repeat("学", 682)), sealed: true, kind: "text", text: strings.Repeat("学", 682)},
		{name: "to somebody else", answer: textReply(bert, "好的"), sealed: true, notice: true},
		{name: "addresses not swapped", answer: strings.ReplaceAll(textReply(anna, "好的"), testGH, anna), sealed: true, notice: true},
		{name: "without a time", answer: strings.Replace(textReply(anna, "好的"), "1790000000", "0", 1), sealed: true, notice: true},
		{name: "something behind the message", answer: textReply(anna, "好的") + "x", sealed: true, notice: true},
		{name: "unknown kind", answer: strings.Replace(textReply(anna, "好的"), "[text]", "[poem]", 1), sealed: true, notice: true},
		{name: "picture that nobody uploaded", answer: strings.Replace(textReply(anna, "x"), "[text]", "[image]", 1), sealed: true, notice: true},
		{name: "JSON", answer: `{"errcode":0}`, notice: true},
		{name: "garbage", answer: "SUCCESS", notice: true},
		{name: "tampered", answer: "<xml><Encrypt>AAAA</Encrypt><MsgSignature>x</MsgSignature><TimeStamp>1</TimeStamp><Nonce>2</Nonce></xml>", notice: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(o *Options) {
				if c.plainMode {
					o.Mode = ModePlain
				}
			})
			u := b.follower(anna)
			answer := c.answer
			if c.sealed {
				answer = b.bot.sealed(answer)
			}
			b.bot.says(answer)
			e := b.must(u.Type(t.Context(), "你好"))
			if len(e.Deliveries) != 1 {
				t.Errorf("%d deliveries, want 1", len(e.Deliveries))
			}
			if e.Reply.Kind != c.kind || e.Reply.Text != c.text || (e.Notice == OutOfService) != c.notice {
				t.Errorf("the person sees %+v, notice %q", e.Reply, e.Notice)
			}
			want := []string(nil)
			if c.notice {
				want = []string{OutOfService}
			} else if c.kind != "" {
				want = []string{c.text}
			}
			if d := cmp.Diff(want, b.p.Ledger().Texts(anna)); d != "" {
				t.Errorf("ledger (-want +got):\n%s", d)
			}
		})
	}
}

// hang keeps the delivery open until the platform gives up.
func hang(_ http.ResponseWriter, r *http.Request, _ pushed) { <-r.Context().Done() }

func status(code int) func(http.ResponseWriter, *http.Request, pushed) {
	return func(w http.ResponseWriter, _ *http.Request, _ pushed) { w.WriteHeader(code) }
}

func TestASilentBotGetsTheSameMessageAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		does  func(http.ResponseWriter, *http.Request, pushed)
		error string
	}{
		"time-out": {hang, "time-out"},
		"5xx":      {status(503), "status 503"},
		"redirect": {status(302), "status 302"},
		"reset":    {func(http.ResponseWriter, *http.Request, pushed) { panic(http.ErrAbortHandler) }, "no answer"},
		"cut short": {func(w http.ResponseWriter, _ *http.Request, _ pushed) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "succ")
		}, "the answer broke off"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(o *Options) { o.Timeout = 300 * time.Millisecond })
			u := b.follower(anna)
			b.bot.does(c.does)
			e := b.must(u.Type(t.Context(), "你好"))
			got := b.bot.pushes()[1:]
			if len(got) != 4 || len(e.Deliveries) != 4 {
				t.Fatalf("%d deliveries, the bot got %d, want 1 and 3 more", len(e.Deliveries), len(got))
			}
			for i, p := range got[1:] {
				if p.Plain != got[0].Plain {
					t.Errorf("delivery %d is another message: %s", i+2, p.Plain)
				}
				for _, name := range []string{"nonce", "signature", "msg_signature"} {
					if p.Query.Get(name) == got[i].Query.Get(name) {
						t.Errorf("delivery %d has the %s of the one before", i+2, name)
					}
				}
			}
			for _, d := range e.Deliveries {
				if d.Error != c.error {
					t.Errorf("error %q, want %q", d.Error, c.error)
				}
			}
			if e.Notice != OutOfService {
				t.Errorf("notice %q", e.Notice)
			}
			if len(b.bot.bad) > 0 {
				t.Errorf("the bot finds wrong: %v", b.bot.bad)
			}
		})
	}
}

func TestALateBotIsHeardAtTheNextDelivery(t *testing.T) {
	t.Parallel()
	b := setup(t)
	u := b.follower(anna)
	var mu sync.Mutex
	n := 0
	b.bot.does(func(w http.ResponseWriter, _ *http.Request, _ pushed) {
		mu.Lock()
		defer mu.Unlock()
		if n++; n < 3 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_, _ = io.WriteString(w, b.bot.sealed(textReply(anna, "收到")))
	})
	e := b.must(u.Type(t.Context(), "你好"))
	if len(e.Deliveries) != 3 || e.Reply.Text != "收到" || e.Notice != "" {
		t.Errorf("%d deliveries, %+v, notice %q", len(e.Deliveries), e.Reply, e.Notice)
	}
}

func TestManyFailuresBlackOutThePushes(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.FailuresMax = 2 })
	u := b.follower(anna)
	b.bot.does(status(500))
	b.must(u.Type(t.Context(), "一"))
	b.must(u.Type(t.Context(), "二"))
	b.bot.says("success")
	before := len(b.bot.pushes())
	if e := b.must(u.Type(t.Context(), "三")); len(e.Deliveries) != 0 || e.Notice != OutOfService {
		t.Errorf("pushed during the blackout: %+v", e)
	}
	if e := b.must(u.View(t.Context(), "https://e.example")); e.Notice != "" {
		t.Errorf("an event that wants no reply shows %q", e.Notice)
	}
	if got := len(b.bot.pushes()); got != before {
		t.Errorf("the bot got %d pushes during the blackout", got-before)
	}
	b.advance(59 * time.Second)
	if e := b.must(u.Type(t.Context(), "四")); len(e.Deliveries) != 0 {
		t.Error("pushed a second before the end of the blackout")
	}
	b.advance(time.Second)
	if e := b.must(u.Type(t.Context(), "五")); len(e.Deliveries) != 1 {
		t.Errorf("%d deliveries after the blackout", len(e.Deliveries))
	}
}

func TestOneSuccessForgetsTheFailures(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.FailuresMax = 2 })
	u := b.follower(anna)
	for range 3 {
		b.bot.does(status(500))
		b.must(u.Type(t.Context(), "坏"))
		b.bot.says("success")
		if e := b.must(u.Type(t.Context(), "好")); len(e.Deliveries) != 1 {
			t.Fatal("blackout although a push was answered in between")
		}
	}
}

func TestACallerThatLeavesIsNobodysFailure(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.FailuresMax = 1 })
	u := b.follower(anna)
	ctx, cancel := context.WithCancel(t.Context())
	b.bot.does(func(_ http.ResponseWriter, r *http.Request, _ pushed) {
		cancel()
		<-r.Context().Done()
	})
	if _, err := u.Type(ctx, "你好"); err == nil {
		t.Error("no error for a caller that left")
	}
	b.bot.says("success")
	if e := b.must(u.Type(t.Context(), "你好")); len(e.Deliveries) != 1 {
		t.Error("it caused a blackout")
	}
}

func TestDoubleDeliversToEveryReplica(t *testing.T) {
	t.Parallel()
	second := newBot(t)
	b := setup(t, func(o *Options) {
		o.Webhook += ", " + second.URL
		o.Double = true
	})
	b.follower(anna)
	one, two := b.bot.pushes(), second.pushes()
	if len(one) != 1 || len(two) != 1 || one[0].Plain != two[0].Plain || one[0].Query.Get("nonce") == two[0].Query.Get("nonce") {
		t.Errorf("replicas got %d and %d pushes", len(one), len(two))
	}
}

func TestReplicasTakeTurns(t *testing.T) {
	t.Parallel()
	second := newBot(t)
	b := setup(t, func(o *Options) { o.Webhook += "," + second.URL })
	u := b.follower(anna)
	for range 3 {
		b.must(u.Type(t.Context(), "你好"))
	}
	if one, two := len(b.bot.pushes()), len(second.pushes()); one != 2 || two != 2 {
		t.Errorf("replicas got %d and %d pushes", one, two)
	}
}

func TestOnePersonsMessagesComeInOrder(t *testing.T) {
	t.Parallel()
	b := setup(t)
	u := b.follower(anna)
	var mu sync.Mutex
	inside, most := 0, 0
	b.bot.does(func(w http.ResponseWriter, _ *http.Request, _ pushed) {
		mu.Lock()
		inside++
		most = max(most, inside)
		mu.Unlock()
		_, _ = io.WriteString(w, "success")
		mu.Lock()
		inside--
		mu.Unlock()
	})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { _, _ = u.Type(t.Context(), "你好") })
	}
	all.Wait()
	if most != 1 {
		t.Errorf("%d pushes of one person at the same time", most)
	}
	var ids []string
	for _, p := range b.bot.pushes()[1:] {
		ids = append(ids, between(p.Plain, "<MsgId>", "</MsgId>"))
	}
	if !slices.IsSorted(ids) || len(ids) != 20 {
		t.Errorf("numbers %v", ids)
	}
}

func between(s, from, to string) string {
	_, s, _ = strings.Cut(s, from)
	s, _, _ = strings.Cut(s, to)
	return s
}

func TestFaultsHitPushes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind       string
		got        int // deliveries that the bot gets
		deliveries int
	}{
		{FaultResetBefore, 1, 2}, {FaultResetAfter, 2, 2}, {FaultDuplicate, 2, 1}, {FaultLatency, 1, 1},
	} {
		t.Run(c.kind, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			u := b.follower(anna)
			b.bot.says(b.bot.sealed(textReply(anna, "收到")))
			b.p.Faults().Add(Fault{Path: "push", Kind: c.kind, Times: 1, Ms: 1})
			e := b.must(u.Type(t.Context(), "你好"))
			if got := len(b.bot.pushes()) - 1; got != c.got || len(e.Deliveries) != c.deliveries || e.Reply.Text != "收到" {
				t.Errorf("the bot got %d, deliveries %d, reply %+v", got, len(e.Deliveries), e.Reply)
			}
			if len(b.p.Ledger().Texts(anna)) != 1 {
				t.Errorf("the person saw %v", b.p.Ledger().Texts(anna))
			}
		})
	}
}
