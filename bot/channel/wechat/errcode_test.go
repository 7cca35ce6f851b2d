package wechat

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot/channel"
)

// The table of wechat-protocol §5, class by class, and the codes reliability §5.4 adds. It is
// written from the document, not from the code.
var documented = map[channel.Class][]int{
	channel.ClassRetry: {43108},
	channel.ClassLater: {45011, 45066, 53501},
	channel.ClassToken: {40001, 40014, 42001},
	channel.ClassRecipient: {
		40003, 43004, 50005, 43005, 43019, 43101, 43117, 45015, 45047, 46004, 48002, 49003, 50002,
	},
	channel.ClassCampaign: {
		40007, 46001, 40037, 40164, 61004, 45035, 43107, 45009, 45028, 45166, 45168, 48001, 48003, 48008,
	},
	channel.ClassOperator: {
		40002, 40013, 40125, 40243, 43100, 45026, 45027, 45064, 46002, 46003, 48004, 48005, 48006, 50001, 53500, 53502, 61003, 61007,
	},
	channel.ClassOurs: {
		40008, 40035, 40038, 40097, 40130, 40031, 40032, 41001, 41002, 41003, 41004, 41005, 41006, 41007, 41008, 41009, 41030,
		40029, 40163, 42003, 40030, 42002, 42007, 43001, 43002, 43003, 44001, 44002, 44003, 44004,
		45001, 45002, 45003, 45004, 45005, 45006, 45007, 45008, 45056, 45057, 45058, 45059, 45157, 45158, 45159, 45067, 45083, 45084,
		47001, 47003, 53600, 63002, 65301, 65303, 65317, 76003,
	},
}

// B8: every code of the table in a 200 body; none but 0 and 45065 ends as accepted.
func TestEveryErrorCodeInA200Body(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	send := func(code int) channel.Outcome {
		p.api = func(string) (int, string) {
			return 200, fmt.Sprintf(`{"errcode":%d,"errmsg":"some words rid: 6aac0001-%d","msg_id":3147480001}`, code, code)
		}
		return p.client().Send(t.Context(), textTo("你好")) // a fresh one: token codes leave a mark
	}
	listed := map[int]bool{0: true, -1: true, 45065: true}
	for class, codes := range documented {
		for _, code := range codes {
			listed[code] = true
			o := send(code)
			if o.Verdict != channel.Refused || o.Class != class || o.Code != code || o.Reason == "" || o.Reason == reasonUnlisted {
				t.Errorf("%d: %+v, want class %s", code, o, class)
			}
			if want := fmt.Sprintf("6aac0001-%d", code); o.RequestID != want {
				t.Errorf("%d: rid %q", code, o.RequestID)
			}
		}
	}
	for code := range rules {
		if !listed[code] {
			t.Errorf("%d is in the code, not in the document's table", code)
		}
	}
	for code, want := range map[int]channel.Outcome{
		0:     {Verdict: channel.Accepted, RequestID: "6aac0001-0", MessageID: "3147480001"},
		45065: {Verdict: channel.Accepted, Code: 45065, Reason: "duplicate", RequestID: "6aac0001-45065", MessageID: "3147480001"},
		// Undocumented whether a busy system took it: unknown (reliability §5.4).
		-1: {Verdict: channel.Unknown, Class: channel.ClassLater, Code: -1, Reason: "busy", RequestID: "6aac0001--1", RetryAfter: 5 * time.Second},
	} {
		if d := cmp.Diff(want, send(code)); d != "" {
			t.Errorf("%d: -want +got\n%s", code, d)
		}
	}
}

func TestUnlistedCodesFailOneDeliveryAndAreSeen(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	c := p.client()
	for i := range 200 {
		code := []int{-2 - i, 1 + i, 99000 + i, 2147483647 - i}[i%4]
		p.api = func(string) (int, string) { return 200, fmt.Sprintf(`{"errcode":%d,"errmsg":"?"}`, code) }
		want := channel.Outcome{Verdict: channel.Refused, Class: channel.ClassOurs, Code: code, Reason: "unlisted"}
		if d := cmp.Diff(want, c.Send(t.Context(), textTo("x"))); d != "" {
			t.Errorf("%d: %s", code, d)
		}
	}
}

// The words other rooms act on.
func TestReasonsThatChangeWhatWeBelieveOfAPerson(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]string{
		45015: "window_closed", 45047: "window_spent", 43004: "not_following", 50005: "not_following", 48002: "receiving_switched_off",
		43101: "no_grant", 43019: "blacklisted", 40164: "address_not_listed", 48004: "api_banned", 45009: "quota_spent",
	} {
		if got := Classify(code).Reason; got != want {
			t.Errorf("%d: %s, want %s", code, got, want)
		}
	}
	for code, want := range map[int]time.Duration{45011: time.Minute, 45066: time.Minute} {
		if got := Classify(code).RetryAfter; got < want {
			t.Errorf("%d: again after %v, want at least %v", code, got, want)
		}
	}
}

// A spent quota comes back at midnight in Shanghai, whatever zone the host is in.
func TestSpentQuotaWaitsForMidnightInShanghai(t *testing.T) {
	t.Parallel()
	for at, want := range map[string]time.Duration{
		"2026-09-21T14:13:20Z": 1*time.Hour + 46*time.Minute + 40*time.Second,
		"2026-09-21T15:59:59Z": time.Second,
		"2026-09-21T16:00:00Z": 24 * time.Hour,
		"2026-12-31T15:00:00Z": time.Hour,
	} {
		p := newPlatform(t)
		now, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		p.now = now
		p.api = func(string) (int, string) {
			return 200, `{"errcode":45009,"errmsg":"reach max api daily quota limit rid: 1"}`
		}
		o := p.client().Send(t.Context(), textTo("x"))
		if o.Class != channel.ClassCampaign || o.RetryAfter != want {
			t.Errorf("at %s: %+v, want %v", at, o, want)
		}
	}
}

// What is not exactly one JSON object with a whole errcode says nothing about the message.
func TestMalformedAnswersAreUnknown(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	c := p.client()
	ok := `{"errcode":0,"errmsg":"ok"}`
	bodies := []string{
		"", " ", "\n", "ok", "success", "null", "true", "0", `"ok"`, "[]", "[" + ok + "]", "{", "}", "{}", `{"errmsg":"ok"}`,
		`{"errcode":}`, `{"errcode":null}`, `{"errcode":true}`, `{"errcode":""}`, `{"errcode":"ok"}`, `{"errcode":[0]}`, `{"errcode":{}}`,
		`{"errcode":0.5}`, `{"errcode":0.0}`, `{"errcode":1e0}`, `{"errcode":0x0}`, `{"errcode":00}`, `{"errcode":+0}`, `{"errcode":NaN}`,
		`{"errcode":2147483648}`, `{"errcode":-2147483649}`, `{"errcode":99999999999999999999}`, `{"errcode":"0 "}`, `{"errcode":" 0"}`,
		`{"ERRCODE":0}`, `{"ErrCode":0}`, `{"err_code":0}`, `{errcode:0}`, `{'errcode':0}`, ok + ok, ok + "x", ok + "\x00", "x" + ok,
		"\ufeff" + ok, "<html><body>502 Bad Gateway</body></html>", "<xml><errcode>0</errcode></xml>", "callback(" + ok + ")",
		"\xff\xfe" + ok, `{"errcode":0,"errmsg":"` + "\xff" + `"}`, `{"errcode":0,"errmsg":"a` + "\n" + `b"}`,
		"// ok\n" + ok, ok[:len(ok)-1] + ",}", strings.Repeat("[", 20000), `{"a":` + strings.Repeat("[", 12000) + strings.Repeat("]", 12000) + `,"errcode":0}`,
	}
	for i := 1; i < len(ok); i++ {
		bodies = append(bodies, ok[:i])
	}
	for _, code := range []string{"45015", "45047", "-1", "40003"} { // cut refusals are no refusals
		whole := `{"errcode":` + code + `,"errmsg":"x"}`
		for _, cut := range []int{12, 14, len(whole) - 2, len(whole) - 1} {
			bodies = append(bodies, whole[:cut])
		}
	}
	if len(bodies) < 90 {
		t.Fatalf("only %d bodies", len(bodies))
	}
	want := channel.Outcome{Verdict: channel.Unknown, Class: channel.ClassLater, Reason: "unparsable"}
	for _, body := range bodies {
		p.api = func(string) (int, string) { return 200, body }
		if d := cmp.Diff(want, c.Send(t.Context(), textTo("x"))); d != "" {
			t.Errorf("%.60q: %s", body, d)
		}
	}
}

func TestAnswersThatAreWellFormedInTheirOwnWay(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	c := p.client()
	for body, want := range map[string]channel.Outcome{
		` {"errcode" : 0 , "errmsg" : "ok" } ` + "\n": {Verdict: channel.Accepted},
		`{"errcode":"0"}`: {Verdict: channel.Accepted},
		`{"errcode":0,"errmsg":null,"more":[1,{"errcode":1}]}`:      {Verdict: channel.Accepted},
		`{"errcode":0,"errmsg":7}`:                                  {Verdict: channel.Accepted},
		`{"errcode":0,"msgid":3487000000000000001}`:                 {Verdict: channel.Accepted, MessageID: "3487000000000000001"},
		`{"errcode":0,"msgid":"abc"}`:                               {Verdict: channel.Accepted, MessageID: "abc"},
		`{"errcode":0,"msgid":null}`:                                {Verdict: channel.Accepted},
		`{"errcode":45047,"errmsg":"out of response count limit"}`:  {Verdict: channel.Refused, Class: channel.ClassRecipient, Code: 45047, Reason: "window_spent"},
		`{"errcode":"45047","errmsg":"x rid: abc-1 tail"}`:          {Verdict: channel.Refused, Class: channel.ClassRecipient, Code: 45047, Reason: "window_spent", RequestID: "abc-1"},
		`{"errmsg":"hint: [x] rid: 6aac-77, more","errcode":40003}`: {Verdict: channel.Refused, Class: channel.ClassRecipient, Code: 40003, Reason: "openid_invalid", RequestID: "6aac-77"},
	} {
		p.api = func(string) (int, string) { return 200, body }
		if d := cmp.Diff(want, c.Send(t.Context(), textTo("x"))); d != "" {
			t.Errorf("%s: %s", body, d)
		}
	}
}
