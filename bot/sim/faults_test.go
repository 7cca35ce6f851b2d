package sim

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestFaultsHitCalls(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault    Fault
		happened bool
		status   int    // 0 for no answer
		body     string // part of it
	}{
		{Fault{Kind: FaultLatency, Ms: 20}, true, 200, `"errmsg":"ok"`},
		{Fault{Kind: FaultResetBefore}, false, 0, ""},
		{Fault{Kind: FaultResetAfter}, true, 0, ""},
		{Fault{Kind: FaultSilent}, true, 0, ""},
		{Fault{Kind: FaultErrcode, Code: -1}, false, 200, `"errcode":-1`},
		{Fault{Kind: Fault502}, false, 502, "Bad Gateway"},
		{Fault{Kind: FaultHTML}, false, 200, "<html>"},
		{Fault{Kind: FaultTruncated}, true, 200, `{"err`},
		{Fault{Kind: FaultSlow, Ms: 20}, true, 200, `"errmsg":"ok"`},
	} {
		t.Run(c.fault.Kind, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.must(b.follower(anna).Type(t.Context(), "你好"))
			path := customPath + "?access_token=" + b.token()
			c.fault.Path, c.fault.Times = "/cgi-bin/message/*", 1
			b.p.Faults().Add(c.fault)
			body, err := json.Marshal(customText(anna, "课"))
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if c.fault.Kind == FaultSilent { // give up once it has happened
				events := b.p.hub.open()
				go func() {
					<-events
					cancel()
				}()
			}
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.url()+path, strings.NewReader(string(body)))
			if err != nil {
				t.Fatal(err)
			}
			status, got := 0, ""
			if resp, err := noRedirects.Do(req); err == nil {
				data, err := io.ReadAll(resp.Body)
				if err != nil {
					t.Error(err)
				}
				_ = resp.Body.Close()
				status, got = resp.StatusCode, string(data)
			}
			if status != c.status || !strings.Contains(got, c.body) {
				t.Errorf("status %d, body %q", status, got)
			}
			if c.fault.Kind == FaultTruncated && json.Valid([]byte(got)) {
				t.Errorf("%q is whole", got)
			}
			// Who was cut off may be ahead of the ledger by a moment.
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			happened := func() bool { return len(b.p.Ledger().Via(anna, "custom")) == 1 }
			for limit := time.Now().Add(10 * time.Second); c.happened && !happened() && time.Now().Before(limit); {
				<-tick.C
			}
			if happened() != c.happened {
				t.Errorf("happened: %v", happened())
			}
			if len(b.p.Faults().List()) != 0 {
				t.Error("the fault is still there after its one time")
			}
			b.wants("afterwards", b.code(customPath, customText(anna, "课")), 0)
		})
	}
}

func TestASharedFaultHitsTheSameCallsEachTime(t *testing.T) {
	t.Parallel()
	draw := func() string {
		f := &Faults{}
		f.Add(Fault{Path: "/a", Kind: FaultSilent, Share: 0.5, Seed: 7})
		var hits strings.Builder
		for range 64 {
			hits.WriteString(f.ofCall("/a").Kind + " ")
		}
		return hits.String()
	}
	one := draw()
	if one != draw() {
		t.Error("the same seed draws differently")
	}
	if n := strings.Count(one, FaultSilent); n < 16 || n > 48 {
		t.Errorf("%d of 64 calls are hit, want about half", n)
	}
}

func TestFaultsHitTheirOwnKindOnly(t *testing.T) {
	t.Parallel()
	f := &Faults{}
	f.Add(Fault{Path: "*", Kind: FaultSilent})
	f.Add(Fault{Path: "/a", Kind: FaultLost})
	if got := f.ofPush().Kind + f.ofReceipt("/b").Kind; got != "" {
		t.Errorf("hit by %s", got)
	}
	if got := f.ofReceipt("/a").Kind + f.ofCall("/a").Kind; got != FaultLost+FaultSilent {
		t.Errorf("hit by %s", got)
	}
	f.Clear(1)
	if got := f.ofCall("/a").Kind; got != "" {
		t.Errorf("hit by %s, which was cleared", got)
	}
}
