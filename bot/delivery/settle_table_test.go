package delivery

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tiangeng/tiangeng/bot/channel"
)

func verdicts() []channel.Verdict {
	return []channel.Verdict{channel.Accepted, channel.Refused, channel.Unsent, channel.Unknown, "", "new"}
}

func classes() []channel.Class {
	return []channel.Class{channel.ClassNone, channel.ClassRetry, channel.ClassLater, channel.ClassToken,
		channel.ClassRecipient, channel.ClassCampaign, channel.ClassOperator, channel.ClassOurs, "new"}
}

func reasons() []string {
	return []string{"", ReasonWindowClosed, ReasonWindowSpent, ReasonNotFollowing, ReasonRefusing, ReasonBlacklisted, ReasonNoGrant, ReasonQuotaSpent, "unlisted"}
}

// answer is one call and what became of it.
type answer struct {
	o   channel.Outcome
	c   Call
	now time.Time
}

func (a answer) String() string {
	return fmt.Sprintf("%s by %s: %s %s %q, attempt %d, %s after the first, ambiguous before %v, %s to the deadline",
		a.c.Request.Kind, a.c.Rung, a.o.Verdict, a.o.Class, a.o.Reason, a.c.Attempt, a.now.Sub(a.c.First), a.c.Ambiguous, a.c.Request.Deadline.Sub(a.now))
}

// Every verdict × class × reason × rung × kind × attempt × time since the first × ambiguity ×
// deadline: what must hold of a settlement holds (D2, D3, D5; reliability §5.2 and §5.4).
func TestEverySettlement(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)
	since := []time.Duration{0, 8*time.Minute + 29*time.Second, 8*time.Minute + 30*time.Second, 10 * time.Minute, 22 * time.Hour, 23 * time.Hour}
	left := []time.Duration{-time.Second, 3 * time.Second, time.Hour, 48 * time.Hour}
	for _, v := range verdicts() {
		for _, class := range classes() {
			for _, reason := range reasons() {
				for _, rung := range append(Rungs(), RungPull) {
					for i := range len(Kinds()) * 4 * len(since) * 2 * len(left) {
						pick := func(n int) int { x := i % n; i /= n; return x }
						k := Kinds()[pick(len(Kinds()))]
						f, a := opened(k, 32-1-2)
						f.TypedAt = begin.Add(-time.Hour)
						c := Call{Rung: rung, First: begin, Facts: f, Account: a, Policy: quiet, Attempt: []int{1, 2, MaxAttempts, MaxAttempts + 40}[pick(4)]}
						now := begin.Add(since[pick(len(since))])
						c.Ambiguous = pick(2) == 1
						c.Request = Request{Kind: k, Due: begin, Deadline: now.Add(left[pick(len(left))])}
						x := answer{channel.Outcome{Verdict: v, Class: class, Reason: reason}, c, now}
						s := Settle(x.o, c, now)
						if p := x.problem(s); p != "" {
							t.Fatalf("%s\n%s\n%+v", x, p, s)
						}
						if rung == RungMass {
							s := SettleMass(x.o, c, now)
							if p := x.common(s); p != "" {
								t.Fatalf("a batch: %s\n%s\n%+v", x, p, s)
							}
						}
					}
				}
			}
		}
	}
}

// common is what holds of persons and of batches.
func (a answer) common(s Settlement) string {
	certain := a.o.Verdict == channel.Refused || a.o.Verdict == channel.Unsent
	ambiguous := a.c.Ambiguous || !certain
	accepted := a.o.Verdict == channel.Accepted
	switch {
	case (s.To == Accepted) != accepted:
		return "accepted is the platform's word and nothing else"
	case accepted:
		if s.Ambiguous || s.Why != WhyNone || s.StopCampaign {
			return "an accepted call has no fault"
		}
		return ""
	case !slices.Contains([]State{Pending, Unknown, Failed, Expired}, s.To):
		return "no such end of a call"
	case s.Ambiguous != !certain:
		return "ambiguous is what nobody can tell"
	case ambiguous && s.To != Unknown && s.To != Pending:
		return "an ambiguous delivery is unknown, or asked again: not failed, expired or skipped"
	case ambiguous && s.To == Pending && !Repeatable(a.c.Rung, a.c.First, s.Due):
		return "an ambiguous call is repeated although the platform has forgotten it"
	case !ambiguous && s.To == Unknown:
		return "what is certain is called unknown"
	case s.To == Pending && (s.Due.Before(a.now) || !s.Due.Before(a.c.Request.Deadline)):
		return "the next try is in the past, or not before the deadline"
	case s.To != Pending && s.Why == WhyNone:
		return "an end without a reason"
	case a.o.Verdict == channel.Unsent && s.To == Failed:
		return "what never reached the platform has not been refused (B7)"
	}
	return ""
}

func (a answer) problem(s Settlement) string {
	if p := a.common(s); p != "" {
		return p
	}
	refused := a.o.Verdict == channel.Refused
	person := refused && (a.o.Class == channel.ClassRecipient || a.o.Class == channel.ClassOurs)
	platform := a.o.Class == channel.ClassCampaign || a.o.Class == channel.ClassOperator
	stop := platform && (a.o.Verdict == channel.Unsent || refused && a.o.Reason != ReasonQuotaSpent)
	switch {
	case s.StopCampaign != stop:
		return "all rest when the platform refuses all, and only then"
	case refused && s.To == Pending && a.c.Attempt >= MaxAttempts && !platform:
		return "refused once too often, and tried again"
	case person != (s.Tried == a.c.Rung) || !person && s.Tried != "":
		return "a rung is tried when it was refused to this person, and only then"
	case s.CloseWindow && !person, s.NoGrant && !person, s.Unfollowed && !person, s.Refusing && !person:
		return "only an answer about this person teaches about this person"
	case a.o.Verdict == channel.Unknown && s.To == Pending && (a.c.Rung != RungTemplate || a.c.Attempt >= MaxAttempts):
		return "only a template call is repeated on an unknown answer"
	}
	if !person || s.To != Pending {
		return ""
	}
	// It climbs: to a rung of the same ladder, in its order, that was not tried.
	f := a.c.Facts
	f.Tried = []Rung{s.Tried}
	if s.Unfollowed {
		return "goes on with somebody who does not follow"
	}
	d := Plan(f, a.c.Account, a.c.Policy, a.c.Request, a.now)
	if d.Rung == RungPull || d.Rung == a.c.Rung {
		return "climbs to nowhere, or to the same rung"
	}
	return ""
}

// Whoever refuses rung after rung is asked by each at most once, and it ends.
func TestAClimbEnds(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)
	for _, k := range Kinds() {
		f, a := opened(k, 32-1-2)
		f.TypedAt = now.Add(-time.Hour)
		r := Request{Kind: k, Due: now, Deadline: now.Add(4 * time.Hour)}
		var calls []Rung
		for {
			d := Plan(f, a, quiet, r, now)
			if d.Rung == RungPull {
				t.Fatalf("%s: the settlement had promised another rung after %v", k, calls)
			}
			if slices.Contains(calls, d.Rung) {
				t.Fatalf("%s: %s twice after %v", k, d.Rung, calls)
			}
			calls = append(calls, d.Rung)
			s := Settle(channel.Outcome{Verdict: channel.Refused, Class: channel.ClassRecipient, Reason: "person_limit"},
				Call{Rung: d.Rung, Attempt: len(calls), First: now, Request: r, Facts: f, Account: a, Policy: quiet}, now)
			if s.To != Pending {
				if s.To != Failed {
					t.Fatalf("%s ends as %s", k, s.To)
				}
				break
			}
			f.Tried = append(f.Tried, s.Tried)
		}
		want := slices.DeleteFunc(slices.Clone(handWritten()[k].rungs), func(r Rung) bool { return r == RungNotice }) // the account has a long-term one
		want = want[:min(len(want), MaxAttempts)]
		if !slices.Equal(calls, want) {
			t.Errorf("%s was tried by %v, want %v", k, calls, want)
		}
	}
}

// What an answer teaches about the person, one line for each word of an adapter.
func TestWhatAnAnswerTeaches(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)
	for reason, want := range map[string]Settlement{
		ReasonWindowClosed: {CloseWindow: true},
		ReasonWindowSpent:  {CloseWindow: true},
		ReasonNotFollowing: {Unfollowed: true},
		ReasonRefusing:     {Refusing: true},
		ReasonBlacklisted:  {Refusing: true},
		ReasonNoGrant:      {NoGrant: true},
		"person_limit":     {},
	} {
		s := Settle(channel.Outcome{Verdict: channel.Refused, Class: channel.ClassRecipient, Reason: reason},
			Call{Rung: RungWindow, Attempt: 1, First: now, Request: Request{Kind: KindLesson, Deadline: now.Add(time.Hour)}}, now)
		got := Settlement{CloseWindow: s.CloseWindow, Unfollowed: s.Unfollowed, Refusing: s.Refusing, NoGrant: s.NoGrant}
		if got.CloseWindow != want.CloseWindow || got.Unfollowed != want.Unfollowed || got.Refusing != want.Refusing || got.NoGrant != want.NoGrant {
			t.Errorf("%s teaches %+v, want %+v", reason, got, want)
		}
	}
}

// The pauses of reliability §5.2, rule 8, and of a platform that names its own.
func TestPauses(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)
	for attempt, want := range map[int]time.Duration{-1: 5 * time.Second, 0: 5 * time.Second, 1: 5 * time.Second, 2: 30 * time.Second, 3: 2 * time.Minute, 4: 10 * time.Minute, 5: 30 * time.Minute, 99: 30 * time.Minute} {
		c := Call{Rung: RungWindow, Attempt: attempt, First: now, Request: Request{Kind: KindLesson, Deadline: now.Add(24 * time.Hour)}}
		if got := Settle(channel.Outcome{Verdict: channel.Unsent}, c, now).Due.Sub(now); got != want {
			t.Errorf("attempt %d waits %v, want %v", attempt, got, want)
		}
		if got := Settle(channel.Outcome{Verdict: channel.Unsent, RetryAfter: time.Hour}, c, now).Due.Sub(now); got != time.Hour {
			t.Errorf("attempt %d waits %v though the platform asked for an hour", attempt, got)
		}
	}
}
