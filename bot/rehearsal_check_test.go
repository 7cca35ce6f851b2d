package bot_test

import (
	"context"
	"strings"
	"time"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/people"
)

// patience is how long after a stop was committed a call may still begin (D4).
const patience = 5 * time.Second

// mayBegin looks at a call as it begins: D4, D5, and one call in flight for each phone (R9).
func (w *world) mayBegin(ctx context.Context, d *modelDelivery, way channel.Way) {
	now, p, slack := w.now(), d.who, w.slack(ctx)
	w.mayBeginOf(d, way, slack)
	if !p.offSince.IsZero() && now.Sub(p.offSince) > patience && (p.known.push == people.PushOff || d.Kind != delivery.KindUrgent && d.Kind != delivery.KindReceipt) {
		w.breaks("D4", "%s is called %v after the person said stop", d, now.Sub(p.offSince))
	}
	if way == channel.WayWindow && (p.truth.typedAt.IsZero() || !now.Before(p.truth.typedAt.Add(48*time.Hour+slack))) {
		w.breaks("D5", "%s is called outside the window", d)
	}
	for _, o := range w.store.rows {
		if o != d && o.who == p && o.State == delivery.Sending && o.batch == 0 && d.State == delivery.Sending {
			w.breaks("R9", "%s is called while %s is on the wire", d, o)
		}
	}
	if limit := delivery.Ladders()[d.Kind].PerDay; limit > 0 && p.known.day == day(now.Add(-slack)) && p.known.day == day(now.Add(slack)) && p.known.contacted >= limit {
		w.breaks("D5", "%s is called on a day with %d contacts", d, p.known.contacted)
	}
	if way == channel.WayTemplate && d.Kind != delivery.KindReceipt {
		w.breaks("D5", "%s: a template message is for receipts", d)
	}
}

// mayBeginOf is what holds of single calls and of batches.
func (w *world) mayBeginOf(d *modelDelivery, way channel.Way, slack time.Duration) {
	now, c := w.now(), w.store.campaign(d.Campaign)
	if !c.stopSince.IsZero() && now.Sub(c.stopSince) > patience {
		w.breaks("D4", "%s is called %v after the campaign was stopped", d, now.Sub(c.stopSince))
	}
	if !now.Before(d.Deadline.Add(slack)) {
		w.breaks("D5", "%s is called by %s %v after its deadline", d, way, now.Sub(d.Deadline))
	}
	if due := w.due(c, d); now.Before(due.Add(-slack)) {
		w.breaks("D5", "%s is called by %s %v before its hour", d, way, due.Sub(now))
	}
	if quiet(now.Add(-slack)) && quiet(now.Add(slack)) && delivery.Ladders()[d.Kind].Quiet {
		w.breaks("D5", "%s is called in quiet hours", d)
	}
}

func quiet(at time.Time) bool {
	hour := at.In(china).Hour()
	return hour >= 21 || hour < 7
}

// due is when a delivery is due: at its campaign's hour, or at a learner's own, later one.
func (w *world) due(c *modelCampaign, d *modelDelivery) time.Time {
	if c.fired == nil || c.Kind != delivery.KindLesson || d.who.hour == "" {
		return c.DueAt
	}
	own, err := time.ParseInLocation("2006-01-02 15:04", string(c.fired.push.Day)+" "+d.who.hour, china)
	if err != nil || own.Before(c.DueAt) {
		return c.DueAt
	}
	return own
}

func (w *world) mayBeginMass(ctx context.Context, b *modelBatch) {
	slack := w.slack(ctx)
	for _, d := range b.in() {
		if p := d.who; !p.offSince.IsZero() && w.now().Sub(p.offSince) > patience && (p.known.push == people.PushOff || d.Kind != delivery.KindUrgent) {
			w.breaks("D4", "%s is named by a mass send %v after the person said stop", d, w.now().Sub(p.offSince))
		}
		if n := min(d.who.facts(nil, w.now().Add(-slack)).Mass, d.who.facts(nil, w.now().Add(slack)).Mass); n >= delivery.MassPerMonth && b.ambiguous == 0 {
			w.breaks("D5", "%s is named by a mass send, the person has had %d this month", d, n)
		}
		w.mayBeginOf(d, channel.WayMass, slack)
	}
}

// seenBy counts the copies of a delivery that its recipient saw, alone or with a batch.
func (p *modelPlatform) seenBy(d *modelDelivery) int {
	n := p.seen[of("d", d.ID)][d.who.to.External]
	if d.batch != 0 {
		n += p.seen[of("m", d.batch)][d.who.to.External]
	}
	return n
}

func (p *modelPlatform) tookOf(d *modelDelivery) bool {
	return p.took[of("d", d.ID)][d.who.to.External] || d.batch != 0 && p.took[of("m", d.batch)][d.who.to.External]
}

// check compares the table with what people truly saw, after every step.
func (w *world) check() {
	w.checkSchedule(false)
	for _, c := range w.store.campaigns {
		if c.fired == nil && c.Status == bot.CampaignRunning && len(c.rows) != len(w.store.people) {
			w.breaks("D1", "campaign %d: %d of %d people are in the frozen audience", c.ID, len(c.rows), len(w.store.people))
		}
	}
	for _, d := range w.store.rows {
		seen := w.platform.seenBy(d)
		switch {
		case seen > 1 && d.ambiguous == 0:
			w.breaks("D2", "%s was seen %d times and is not counted as ambiguous", d, seen)
		case seen > 1:
			w.breaks("D2", "%s was seen %d times: a call that may have arrived is not repeated unless the platform removes duplicates", d, seen)
		}
		switch d.State {
		case delivery.Accepted, delivery.Delivered:
			if !w.platform.tookOf(d) {
				w.breaks("D3", "%s, and the platform never took it", d)
			}
			if d.State == delivery.Delivered && seen == 0 {
				w.breaks("D3", "%s, and nobody saw it", d)
			}
		case delivery.Failed, delivery.Refused, delivery.Skipped, delivery.Expired, delivery.Cancelled:
			// The platform may say both of one message; until its success has come, it says no.
			if seen > 0 && !(d.State == delivery.Refused && w.platform.contradicts[d.ID]) {
				w.breaks("D3", "%s, and it was seen", d)
			}
		case delivery.Unknown:
			if d.ambiguous == 0 {
				w.breaks("D2", "%s is not counted as ambiguous", d)
			}
		}
	}
	for _, p := range w.store.people {
		if p.windowSends > 5-rehearsalPolicy.KeepFree {
			w.breaks("D5", "%s had %d messages of one window: what is kept for replies is gone", p.to.External, p.windowSends)
		}
		if p.massTrue > delivery.MassPerMonth {
			w.breaks("D5", "%s had %d mass sends", p.to.External, p.massTrue)
		}
	}
	if w.platform.quota > 0 {
		reserve := min(w.platform.reserve, w.platform.quota/10) // at most a tenth is kept back
		for k, n := range w.platform.used {
			if n > w.platform.quota-reserve {
				w.breaks("Q1", "%d calls on %s, the quota is %d less %d", n, k, w.platform.quota, reserve)
			}
		}
	}
}

// checkRest looks whether a world without faults has come to rest: nothing is held (D6), and what
// may still be sent has been (B1).
func (w *world) checkRest() {
	now := w.now()
	w.checkSchedule(true)
	for _, r := range w.store.receipts {
		if d := r.about; d != nil && r.Delivered && d.State != delivery.Delivered {
			w.breaks("D7", "%s, and a receipt said that it was delivered", d)
		}
		if b := r.joined; b != nil && r.Status == sentWell && b.state != delivery.Accepted {
			w.breaks("D7", "mass send %d is %s, and its report said that it was sent", b.ID, b.state)
		}
	}
	for _, d := range w.store.rows {
		switch d.State {
		case delivery.Claimed, delivery.Sending:
			w.breaks("D6", "%s is held by nobody who lives", d)
		case delivery.Pending:
			if now.Sub(d.Deadline) > 30*time.Second {
				w.breaks("D6", "%s is past its deadline", d)
			}
			due := d.notBefore
			if d.batch != 0 {
				due = w.store.batches[d.batch-1].due
			}
			if w.store.campaign(d.Campaign).runs(now) && now.Sub(due) > 30*time.Second && w.platform.quota == 0 {
				w.breaks("B1", "%s was forgotten: it has been due since %v", d, due.In(china))
			}
		}
	}
}

// somebodyActs lets a learner or a trainer do something.
func (w *world) somebodyActs() {
	p := w.store.people[w.draw(len(w.store.people))]
	c := w.store.campaigns[w.draw(len(w.store.campaigns))]
	now := w.now()
	if len(w.store.classes) > 0 && w.draw(6) == 0 {
		p.opened = day(now)
		w.trace("%s opens a lesson", p.to.External)
		return
	}
	what := w.draw(16) // above 11: somebody allows, writes or wants messages again
	switch what {
	case 12:
		what = 10
	case 13:
		what = 7
	case 14, 15:
		what = 8
	}
	switch what {
	case 0, 1, 2:
		p.truth.typedAt, p.truth.refusing, p.windowSends = now, false, 0
		p.known.typedAt, p.known.sentSince, p.known.refusing = now, 0, false
	case 3:
		p.truth.refusing = true // nobody tells us
	case 4:
		p.truth.following = !p.truth.following
		p.known.following = p.truth.following
	case 5:
		p.known.push = people.PushOff
	case 6:
		p.known.push = people.PushPaused
	case 7:
		p.known.push = people.PushOn
	case 8:
		p.grant("N", p.left["N"]+1)
	case 9:
		w.store.act(c, bot.ActPause)
	case 10:
		w.store.act(c, bot.ActResume)
	case 11:
		if w.draw(3) == 0 {
			w.store.act(c, bot.ActCancel)
		}
	}
	if what >= 5 && what <= 7 {
		p.pushAt = now
	}
	switch {
	case p.known.push == people.PushOn:
		p.offSince = time.Time{}
	case p.offSince.IsZero() || what == 5:
		p.offSince = now
	}
	if what < 9 {
		w.trace("%s: %s", p.to.External, strings.Fields("writes writes writes refuses follows-or-not stops pauses resumes allows")[what])
	}
}
