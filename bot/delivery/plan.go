package delivery

import (
	"time"

	"github.com/tiangeng/tiangeng/bot/people"
)

// What WeChat permits after a contact (wechat-protocol §3, customer-service messages).
const (
	TypedWindow   = 48 * time.Hour
	TypedMessages = 5
	TapWindow     = time.Minute
	TapMessages   = 3
)

// sendMargin is how long before a window shuts we stop sending: a call takes up to 8 s and the
// platform's clock decides, not ours.
const sendMargin = 30 * time.Second

// Left tells how many customer-service messages a person may still be sent at now, and when the
// window shuts (UTC). Both are zero when no window is open. A message tapped or typed later than
// now (clocks differ) opens a window from then on.
//
// There is no error: whatever is unknown is a shut window. Keeps D5.
func Left(f Facts, now time.Time) (left int, until time.Time) {
	opened, window, messages := f.TypedAt, TypedWindow, TypedMessages
	if f.TapAt.After(f.TypedAt) && now.Before(f.TapAt.Add(TapWindow)) {
		// A tap inside a typed window does not shrink it (assumed: the larger right stays), so
		// the tap counts only where no typed window is open.
		if f.TypedAt.IsZero() || !now.Before(f.TypedAt.Add(TypedWindow)) {
			opened, window, messages = f.TapAt, TapWindow, TapMessages
		}
	}
	if opened.IsZero() || !now.Before(opened.Add(window)) {
		return 0, time.Time{}
	}
	return max(0, messages-f.SentSince), opened.Add(window)
}

// Plan decides how one person may be reached with one lesson push, from facts and a time alone.
//
//	due       when the push is due, UTC
//	deadline  after this nothing is sent, UTC
//
// It returns RungWindow with the span in which the message may go, or RungPull with the reason.
// Equal arguments give equal decisions. Keeps D5.
func Plan(f Facts, p Policy, due, deadline, now time.Time) Decision {
	if why := unreachable(f); why != WhyNone {
		return pull(why)
	}
	at := now
	if due.After(at) {
		at = due
	}
	at = p.afterQuiet(at)
	switch {
	case !now.Before(deadline):
		return pull(WhyDeadline)
	case !at.Before(deadline):
		return pull(WhyQuiet)
	case !p.Window:
		return pull(WhyNoWindow)
	}
	left, until := Left(f, at)
	until = until.Add(-sendMargin)
	switch {
	case left == 0 && until.Before(at), !at.Before(until):
		return pull(WhyNoWindow)
	case left <= p.KeepFree:
		return pull(WhyWindowSpent)
	}
	d := Decision{Rung: RungWindow, NotAfter: deadline}
	if at.After(now) {
		d.NotBefore = at
	}
	if until.Before(deadline) {
		d.NotAfter = until
	}
	return d
}

func pull(why Why) Decision { return Decision{Rung: RungPull, Why: why} }

func unreachable(f Facts) Why {
	switch {
	case !f.Due:
		return WhyNothingDue
	case f.Push == people.PushPaused:
		return WhyPaused
	case f.Push == people.PushOff:
		return WhyOptedOut
	case !f.Bound:
		return WhyNotBound
	case !f.Following:
		return WhyNotFollowing
	}
	return WhyNone
}

// shanghai is fixed: China has had no summer time since 1991 and one zone throughout; the rooms
// that handle calendar days use study.Zone, which agrees for every day after that.
var shanghai = time.FixedZone("Asia/Shanghai", 8*60*60)

// afterQuiet returns t, or the end of the quiet hours that t lies in.
func (p Policy) afterQuiet(t time.Time) time.Time {
	if p.QuietFrom == p.QuietUntil {
		return t
	}
	local := t.In(shanghai)
	midnight := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, shanghai)
	since := local.Sub(midnight)
	switch {
	case p.QuietFrom < p.QuietUntil: // for example 12:00 to 14:00
		if since >= p.QuietFrom && since < p.QuietUntil {
			return midnight.Add(p.QuietUntil).UTC()
		}
	case since >= p.QuietFrom: // for example 21:00 to 07:00, in the evening
		return midnight.Add(24 * time.Hour).Add(p.QuietUntil).UTC()
	case since < p.QuietUntil: // … in the small hours
		return midnight.Add(p.QuietUntil).UTC()
	}
	return t
}
