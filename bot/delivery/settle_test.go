package delivery

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tiangeng/tiangeng/bot/channel"
)

func TestSettle(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	later := now.Add(4 * time.Hour)
	refused := func(c channel.Class, reason string) channel.Outcome {
		return channel.Outcome{Verdict: channel.Refused, Class: c, Reason: reason}
	}
	cases := []struct {
		name     string
		outcome  channel.Outcome
		attempt  int
		deadline time.Time
		want     Settlement
	}{
		{"accepted is accepted, not delivered", channel.Outcome{Verdict: channel.Accepted}, 1, later, Settlement{To: Accepted}},
		{"a time-out is unknown and is not repeated", channel.Outcome{Verdict: channel.Unknown}, 1, later, Settlement{To: Unknown, Why: WhyAmbiguous, Ambiguous: true}},
		{"an empty outcome is unknown", channel.Outcome{}, 1, later, Settlement{To: Unknown, Why: WhyAmbiguous, Ambiguous: true}},
		{"never reached the platform: again in 5 s", channel.Outcome{Verdict: channel.Unsent}, 1, later, Settlement{To: Pending, Due: now.Add(5 * time.Second)}},
		{"never reached it, many times: still pending (B7)", channel.Outcome{Verdict: channel.Unsent}, 40, later, Settlement{To: Pending, Due: now.Add(30 * time.Minute)}},
		{"busy: again later", refused(channel.ClassLater, ""), 2, later, Settlement{To: Pending, Due: now.Add(30 * time.Second)}},
		{"busy five times has failed", refused(channel.ClassLater, ""), 5, later, Settlement{To: Failed, Why: WhyPlatform}},
		{"the platform names its own pause", channel.Outcome{Verdict: channel.Refused, Class: channel.ClassLater, RetryAfter: time.Minute}, 1, later, Settlement{To: Pending, Due: now.Add(time.Minute)}},
		{"window shut", refused(channel.ClassRecipient, ReasonWindowClosed), 1, later, Settlement{To: Failed, Why: WhyPlatform, CloseWindow: true, Tried: RungWindow}},
		{"window spent", refused(channel.ClassRecipient, ReasonWindowSpent), 1, later, Settlement{To: Failed, Why: WhyPlatform, CloseWindow: true, Tried: RungWindow}},
		{"does not follow", refused(channel.ClassRecipient, ReasonNotFollowing), 1, later, Settlement{To: Failed, Why: WhyPlatform, Unfollowed: true, Tried: RungWindow}},
		{"our mistake has failed", refused(channel.ClassOurs, ""), 1, later, Settlement{To: Failed, Why: WhyPlatform, Tried: RungWindow}},
		{"an unlisted code has failed", refused(channel.ClassNone, "unlisted"), 1, later, Settlement{To: Failed, Why: WhyPlatform}},
		{"quota used up: all rest, nobody is lost", refused(channel.ClassCampaign, ""), 1, later, Settlement{To: Pending, Due: now.Add(5 * time.Minute), StopCampaign: true}},
		{"the operator must act: all rest", refused(channel.ClassOperator, ""), 9, later, Settlement{To: Pending, Due: now.Add(5 * time.Minute), StopCampaign: true}},
		{"the token is refused to this host: nothing was sent, all rest", channel.Outcome{Verdict: channel.Unsent, Class: channel.ClassOperator}, 1, later, Settlement{To: Pending, Due: now.Add(5 * time.Minute), StopCampaign: true}},
		{"no time left for another try", channel.Outcome{Verdict: channel.Unsent}, 1, now.Add(3 * time.Second), Settlement{To: Expired, Why: WhyDeadline, Due: now.Add(5 * time.Second)}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.want.Outcome = c.outcome
			call := Call{Rung: RungWindow, Attempt: c.attempt, First: now, Request: Request{Kind: KindLesson, Deadline: c.deadline}}
			if diff := cmp.Diff(c.want, Settle(c.outcome, call, now)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// Only the platform's word makes a delivery accepted (D3), and only certainty makes it pending again.
func TestSettleNeverLies(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		o := channel.Outcome{
			Verdict: rapid.SampledFrom([]channel.Verdict{"", channel.Accepted, channel.Refused, channel.Unsent, channel.Unknown, "new"}).Draw(t, "verdict"),
			Class: rapid.SampledFrom([]channel.Class{channel.ClassNone, channel.ClassRetry, channel.ClassLater, channel.ClassToken,
				channel.ClassRecipient, channel.ClassCampaign, channel.ClassOperator, channel.ClassOurs, "new"}).Draw(t, "class"),
		}
		s := Settle(o, Call{
			Rung: RungWindow, Attempt: rapid.IntRange(-1, 9).Draw(t, "attempt"), First: now,
			Request: Request{Kind: KindLesson, Deadline: now.Add(time.Duration(rapid.IntRange(-9, 900).Draw(t, "left")) * time.Second)},
		}, now)
		certain := o.Verdict == channel.Refused || o.Verdict == channel.Unsent
		switch {
		case s.To == Accepted && o.Verdict != channel.Accepted:
			t.Fatalf("%+v ends as accepted", o)
		case s.To == Pending && !certain:
			t.Fatalf("%+v is repeated", o)
		case !certain && o.Verdict != channel.Accepted && s.To != Unknown:
			t.Fatalf("%+v ends as %s", o, s.To)
		}
	})
}
