package delivery

import (
	"slices"
	"time"

	"github.com/tiangeng/tiangeng/bot/people"
)

// What WeChat permits after a contact, and in a month (wechat-protocol §3).
const (
	TypedWindow   = 48 * time.Hour
	TypedMessages = 5
	TapWindow     = time.Minute
	TapMessages   = 3
	MassPerMonth  = 4
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

// Request is one message that somebody should get.
type Request struct {
	Kind     Kind
	Due      time.Time // UTC; not before
	Deadline time.Time // UTC; nothing is sent from then on
}

// Plan decides how one person may be reached with one message, from facts and a time alone: the
// first lawful rung with those behind it, or RungPull with the reason. NotBefore may lie on the
// next day when today's rights are spent and the deadline allows it. Equal arguments give equal
// decisions. Keeps D5.
func Plan(f Facts, a Account, p Policy, r Request, now time.Time) Decision {
	l := p.ladder(r.Kind)
	if why := unreachable(f, r.Kind); why != WhyNone {
		return pull(why)
	}
	if !now.Before(r.Deadline) {
		return pull(WhyDeadline)
	}
	at := now
	if r.Due.After(at) {
		at = r.Due
	}
	at = p.quietEnd(l, at)
	if !at.Before(r.Deadline) {
		return pull(WhyQuiet)
	}
	rungs, why := lawful(f, a, p, r.Kind, now, at)
	if len(rungs) == 0 && (why == WhyContacted || why == WhyQuota) {
		// Today's rights come back with the day.
		tomorrow := p.quietEnd(l, nextDay(at))
		if tomorrow.Before(r.Deadline) {
			if later, _ := lawful(f, a, p, r.Kind, now, tomorrow); len(later) > 0 {
				at, rungs = tomorrow, later
			}
		}
	}
	if len(rungs) == 0 {
		return pull(why)
	}
	d := Decision{Rung: rungs[0], NotAfter: r.Deadline}
	if len(rungs) > 1 {
		d.Next = rungs[1:]
	}
	if at.After(now) {
		d.NotBefore = at
	}
	return d
}

func pull(why Why) Decision { return Decision{Rung: RungPull, Why: why} }

// ladder is the policy's for a kind, or the table's.
func (p Policy) ladder(k Kind) Ladder {
	if l, ok := p.Ladders[k]; ok {
		return l
	}
	for _, r := range parsedLadders() {
		if r.Kind == k {
			return r.Ladder
		}
	}
	return Ladder{Quiet: true} // nobody has said that it may be sent
}

func unreachable(f Facts, k Kind) Why {
	switch {
	case !f.Due:
		return WhyNothingDue
	case f.Push == people.PushOff:
		return WhyOptedOut
	case f.Push == people.PushPaused && k != KindUrgent && k != KindReceipt:
		return WhyPaused
	case !f.Bound:
		return WhyNotBound
	case !f.Following:
		return WhyNotFollowing
	}
	return WhyNone
}

// lawful lists the rungs that may be used at a moment, in the ladder's order; why says what stands
// in the way when there is none: what ends by itself first.
func lawful(f Facts, a Account, p Policy, k Kind, now, at time.Time) (rungs []Rung, why Why) {
	l := p.ladder(k)
	today := sameDay(now, at)
	if today && l.PerDay > 0 && f.Contacts >= l.PerDay {
		return nil, WhyContacted
	}
	reasons := map[Why]bool{}
	for _, r := range l.Rungs {
		no := f.shut(a, p, k, r, now, at)
		switch {
		case no == WhyNone && today && a.Spent[r]:
			reasons[WhyQuota] = true
		case no == WhyNone:
			rungs = append(rungs, r)
		default:
			reasons[no] = true
		}
	}
	for _, w := range []Why{WhyQuota, WhyPlatform, WhyWindowSpent, WhyRefusing} {
		if reasons[w] {
			return rungs, w
		}
	}
	return rungs, WhyNoWindow
}

// shut says why a rung cannot be used for a person at a moment; WhyNone when it can.
func (f Facts) shut(a Account, p Policy, k Kind, r Rung, now, at time.Time) Why {
	if slices.Contains(f.Tried, r) {
		return WhyPlatform
	}
	switch r {
	case RungLong, RungNotice:
		t, ok := a.Notices[k]
		if !ok || t.Long != (r == RungLong) || !f.granted(t.ID, t.Long) {
			return WhyNoWindow
		}
		return WhyNone
	case RungOnce:
		if _, ok := f.Scene(a.Once); !ok {
			return WhyNoWindow
		}
		return WhyNone
	}
	if f.Refusing {
		return WhyRefusing
	}
	switch r {
	case RungWindow:
		left, until := Left(f, at)
		switch {
		case !a.Window, until.IsZero(), !at.Before(until.Add(-sendMargin)):
			return WhyNoWindow
		case left <= p.KeepFree:
			return WhyWindowSpent
		}
		return WhyNone
	case RungTemplate:
		if _, ok := a.Templates[k]; !ok {
			return WhyNoWindow
		}
		return WhyNone
	case RungMass:
		if !a.Mass || sameMonth(now, at) && f.Mass >= MassPerMonth {
			return WhyNoWindow
		}
		return WhyNone
	}
	return WhyNoWindow
}

// granted reports whether the person allows a notice of the template.
func (f Facts) granted(template string, long bool) bool {
	return slices.ContainsFunc(f.Grants, func(g Grant) bool {
		return g.Template == template && g.Scene == 0 && (g.Left < 0 || !long && g.Left > 0)
	})
}

// Scene returns a scene for which the person has allowed a one-time subscribe message.
func (f Facts) Scene(template string) (int, bool) {
	if template == "" {
		return 0, false
	}
	for _, g := range f.Grants {
		if g.Template == template && g.Scene > 0 && g.Left > 0 {
			return g.Scene, true
		}
	}
	return 0, false
}

// shanghai is fixed: China has had no summer time since 1991 and one zone throughout; the rooms
// that handle calendar days use study.Zone, which agrees for every day after that.
var shanghai = time.FixedZone("Asia/Shanghai", 8*60*60)

func sameDay(a, b time.Time) bool {
	return a.In(shanghai).Format(time.DateOnly) == b.In(shanghai).Format(time.DateOnly)
}

func sameMonth(a, b time.Time) bool {
	return a.In(shanghai).Format("2006-01") == b.In(shanghai).Format("2006-01")
}

func nextDay(t time.Time) time.Time { return midnight(t).Add(24 * time.Hour).UTC() }

func midnight(t time.Time) time.Time {
	local := t.In(shanghai)
	return time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, shanghai)
}

// quietEnd returns t, or the end of the quiet hours that t lies in where the ladder respects them.
func (p Policy) quietEnd(l Ladder, t time.Time) time.Time {
	if !l.Quiet || p.QuietFrom == p.QuietUntil {
		return t
	}
	day := midnight(t)
	since := t.Sub(day)
	switch {
	case p.QuietFrom < p.QuietUntil: // for example 12:00 to 14:00
		if since >= p.QuietFrom && since < p.QuietUntil {
			return day.Add(p.QuietUntil).UTC()
		}
	case since >= p.QuietFrom: // for example 21:00 to 07:00, in the evening
		return day.Add(24 * time.Hour).Add(p.QuietUntil).UTC()
	case since < p.QuietUntil: // … in the small hours
		return day.Add(p.QuietUntil).UTC()
	}
	return t
}
