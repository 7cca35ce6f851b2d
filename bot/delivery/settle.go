package delivery

import (
	"slices"
	"time"

	"github.com/tiangeng/tiangeng/bot/channel"
)

// MaxAttempts is how often the platform may refuse one delivery before it has failed. Crashes,
// lost leases and our own errors do not count (reliability §5.2, rule 8; B7).
const MaxAttempts = 5

// How long the platform remembers a client id, less a margin for a call under way (wechat-protocol
// §3: template 10 minutes, mass send 24 hours).
const (
	TemplateRepeat = 9 * time.Minute
	MassRepeat     = 23 * time.Hour
)

// retryDelays are the pauses before the next try, by attempt (reliability §5.2, rule 8).
var retryDelays = [...]time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute}

// repeatDelay is the pause before a deduplicated call of unknown outcome is repeated.
const repeatDelay = 30 * time.Second

// Call is one call that was made for a delivery.
type Call struct {
	Rung      Rung
	Attempt   int       // 1-based number of this attempt
	First     time.Time // first attempt of the delivery, UTC
	Ambiguous bool      // an earlier attempt may have reached the person
	Request   Request
	Facts     Facts // as they were before the call
	Account   Account
	Policy    Policy
}

// Settle says what the platform's answer makes of a delivery in state Sending. A refusal that is
// about this person and this rung goes on with the next lawful rung, where there is one; a call
// whose outcome nobody knows is repeated only where the platform removes duplicates (D2, D3).
// Source: reliability §5.4.
func Settle(o channel.Outcome, c Call, now time.Time) Settlement {
	s := Settlement{Outcome: o}
	switch o.Verdict {
	case channel.Accepted:
		s.To = Accepted
		return s
	case channel.Unsent:
		if stops(o.Class) { // for example the token endpoint's 40164: nothing goes out until somebody acts
			return c.stop(s, now)
		}
		return c.retry(s, max(o.RetryAfter, delay(c.Attempt)), now)
	case channel.Refused:
		return c.refused(s, now)
	}
	s.Ambiguous = true
	if c.Rung == RungTemplate && c.Attempt < MaxAttempts {
		return c.retry(s, repeatDelay, now) // the same client id: the person sees it once
	}
	s.To, s.Why = Unknown, WhyAmbiguous
	return s
}

func (c Call) refused(s Settlement, now time.Time) Settlement {
	o := s.Outcome
	switch o.Class {
	case channel.ClassRetry, channel.ClassLater, channel.ClassToken:
		if c.Attempt >= MaxAttempts {
			return c.fail(s)
		}
		return c.retry(s, max(o.RetryAfter, delay(c.Attempt)), now)
	case channel.ClassCampaign, channel.ClassOperator:
		if o.Reason == ReasonQuotaSpent { // only this way is shut until midnight; the plan knows the others
			return c.retry(s, 0, now)
		}
		return c.stop(s, now)
	case channel.ClassRecipient, channel.ClassOurs:
		return c.climb(s, now)
	}
	return c.fail(s)
}

// climb goes on with the next lawful rung. What the platform said of the person counts at once.
func (c Call) climb(s Settlement, now time.Time) Settlement {
	s.CloseWindow = s.Outcome.Reason == ReasonWindowClosed || s.Outcome.Reason == ReasonWindowSpent
	s.Unfollowed = s.Outcome.Reason == ReasonNotFollowing
	s.Refusing = s.Outcome.Reason == ReasonRefusing || s.Outcome.Reason == ReasonBlacklisted
	s.NoGrant = s.Outcome.Reason == ReasonNoGrant
	s.Tried = c.Rung
	if c.Ambiguous || c.Attempt >= MaxAttempts {
		return c.fail(s)
	}
	f := c.Facts
	f.Tried = append(slices.Clone(f.Tried), c.Rung)
	f.Following = f.Following && !s.Unfollowed
	f.Refusing = f.Refusing || s.Refusing
	d := Plan(f, c.Account, c.Policy, c.Request, now)
	if d.Rung == RungPull {
		return c.fail(s)
	}
	s.To, s.Due = Pending, now
	if d.NotBefore.After(now) {
		s.Due = d.NotBefore
	}
	return s
}

// fail ends a delivery that the platform refused. Where an earlier attempt may have reached the
// person, nobody may say that it did not.
func (c Call) fail(s Settlement) Settlement {
	s.To, s.Why = Failed, WhyPlatform
	if c.Ambiguous {
		s.To, s.Why = Unknown, WhyAmbiguous
	}
	return s
}

// Words of channel.Outcome.Reason that change what we believe. Adapters use them.
const (
	ReasonWindowClosed = "window_closed"
	ReasonWindowSpent  = "window_spent"
	ReasonNotFollowing = "not_following"
	ReasonRefusing     = "receiving_switched_off"
	ReasonBlacklisted  = "blacklisted"
	ReasonNoGrant      = "no_grant"
	ReasonQuotaSpent   = "quota_spent"
	ReasonMediaInvalid = "media_invalid"
	ReasonMediaMissing = "media_missing"
)

// stops tells whether a class concerns all deliveries alike.
func stops(c channel.Class) bool { return c == channel.ClassCampaign || c == channel.ClassOperator }

func (c Call) stop(s Settlement, now time.Time) Settlement {
	s.StopCampaign = true
	return c.retry(s, max(s.Outcome.RetryAfter, 5*time.Minute), now)
}

func delay(attempt int) time.Duration {
	return retryDelays[min(max(attempt, 1), len(retryDelays))-1]
}

func (c Call) retry(s Settlement, after time.Duration, now time.Time) Settlement {
	s.Due = now.Add(after)
	ambiguous := c.Ambiguous || s.Ambiguous
	if s.Due.Before(c.Request.Deadline) && (!ambiguous || Repeatable(c.Rung, c.First, s.Due)) {
		s.To = Pending
		return s
	}
	s.To, s.Why = Expired, WhyDeadline
	if ambiguous {
		s.To, s.Why = Unknown, WhyAmbiguous
	}
	return s
}

// Repeatable reports whether the platform would still recognise a call at that time as one it has
// had since first, so that a person who got it does not get it again. A delivery with an ambiguous
// attempt is sent only so, and by the rung of that attempt (D2; reliability §5.2, rule 7).
func Repeatable(r Rung, first, at time.Time) bool {
	switch r {
	case RungTemplate:
		return at.Before(first.Add(TemplateRepeat))
	case RungMass:
		return at.Before(first.Add(MassRepeat))
	}
	return false
}

// SettleMass says what the platform's answer makes of a batch of a mass send. Of the call it looks at
// attempt, first attempt, ambiguity and the request's deadline. Its client id is good for a day, so an
// unknown outcome is repeated, though not past the deadline: the first call may have reached nobody,
// and then the repeat is the send (D5). Who of an accepted batch got it is not knowable.
func SettleMass(o channel.Outcome, c Call, now time.Time) Settlement {
	c.Rung = RungMass
	s := Settlement{Outcome: o}
	switch o.Verdict {
	case channel.Accepted:
		s.To = Accepted
		return s
	case channel.Unsent:
		if stops(o.Class) {
			return c.stop(s, now)
		}
		return c.retry(s, max(o.RetryAfter, delay(c.Attempt)), now)
	case channel.Refused:
		switch o.Class {
		case channel.ClassRetry, channel.ClassLater, channel.ClassToken:
			if c.Attempt < MaxAttempts {
				return c.retry(s, max(o.RetryAfter, delay(c.Attempt)), now)
			}
		case channel.ClassCampaign, channel.ClassOperator:
			return c.stop(s, now)
		}
		return c.fail(s)
	}
	s.Ambiguous = true
	return c.retry(s, max(repeatDelay, delay(c.Attempt)), now)
}
