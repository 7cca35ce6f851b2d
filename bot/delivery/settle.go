package delivery

import (
	"time"

	"github.com/tiangeng/tiangeng/bot/channel"
)

// MaxAttempts is how often the platform may refuse one delivery before it has failed. Crashes,
// lost leases and our own errors do not count (reliability §5.2, rule 8; B7).
const MaxAttempts = 5

// retryDelays are the pauses before the next try, by attempt (reliability §5.2, rule 8).
var retryDelays = [...]time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute}

// Settle says what the platform's answer makes of a customer-service delivery in state Sending.
//
//	attempt   1-based number of the attempt that got this answer
//	deadline  when the delivery expires, UTC
//
// A customer-service message has no idempotency key: an unknown outcome is never repeated, it is
// counted (D2, D3). Source: reliability §5.4.
func Settle(o channel.Outcome, attempt int, deadline, now time.Time) Settlement {
	s := Settlement{Outcome: o}
	switch o.Verdict {
	case channel.Accepted:
		s.To = Accepted
		return s
	case channel.Unsent:
		if stops(o.Class) { // for example the token endpoint's 40164: nothing goes out until somebody acts
			return stop(s, deadline, now)
		}
		return retry(s, max(o.RetryAfter, delay(attempt)), deadline, now)
	case channel.Refused:
		return settleRefusal(s, attempt, deadline, now)
	default:
		s.To, s.Why = Unknown, WhyAmbiguous
		return s
	}
}

func settleRefusal(s Settlement, attempt int, deadline, now time.Time) Settlement {
	o := s.Outcome
	switch o.Class {
	case channel.ClassRetry, channel.ClassLater, channel.ClassToken:
		if attempt >= MaxAttempts {
			s.To, s.Why = Failed, WhyPlatform
			return s
		}
		return retry(s, max(o.RetryAfter, delay(attempt)), deadline, now)
	case channel.ClassCampaign, channel.ClassOperator:
		return stop(s, deadline, now)
	case channel.ClassRecipient:
		s.CloseWindow = o.Reason == ReasonWindowClosed || o.Reason == ReasonWindowSpent
		s.Unfollowed = o.Reason == ReasonNotFollowing
	}
	s.To, s.Why = Failed, WhyPlatform
	return s
}

// Words of channel.Outcome.Reason that change what we believe about a person. Adapters use them.
const (
	ReasonWindowClosed = "window_closed"
	ReasonWindowSpent  = "window_spent"
	ReasonNotFollowing = "not_following"
)

// stops tells whether a class concerns all deliveries alike.
func stops(c channel.Class) bool { return c == channel.ClassCampaign || c == channel.ClassOperator }

func stop(s Settlement, deadline, now time.Time) Settlement {
	s.StopCampaign = true
	return retry(s, max(s.Outcome.RetryAfter, 5*time.Minute), deadline, now)
}

func delay(attempt int) time.Duration {
	return retryDelays[min(max(attempt, 1), len(retryDelays))-1]
}

func retry(s Settlement, after time.Duration, deadline, now time.Time) Settlement {
	s.Due = now.Add(after)
	if !s.Due.Before(deadline) {
		s.To, s.Why = Expired, WhyDeadline
		return s
	}
	s.To = Pending
	return s
}
