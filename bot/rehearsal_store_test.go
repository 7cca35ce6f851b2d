package bot_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/people"
)

// person is somebody, as the platform knows them (truth) and as the database does (known). What the
// database knows may be older.
type person struct {
	id          people.LearnerID
	to          channel.Address
	truth       contacts
	known       contacts
	allowed     map[allowance]int // known
	left        map[string]int    // true: messages left by template
	scene       int
	offSince    time.Time // when "stop" was committed, zero while they want messages
	windowSends int       // proactive window messages since typedAt, true
	massTrue    int
	pushAt      time.Time // when the wish changed last
	hour        string    // own hour of lessons, "" for the class's
	opened      string    // the day on which a lesson was opened last
}

type contacts struct {
	following       bool
	refusing        bool
	push            people.Push
	typedAt         time.Time
	sentSince       int
	mass, contacted int
	massMonth, day  string
}

// allowance names what a person allows: messages of a template, or of one scene of it.
type allowance struct {
	template string
	scene    int
}

// allowance is the one of a template.
func (p *person) allowance(template string) allowance {
	if template == "O" {
		return allowance{template, p.scene}
	}
	return allowance{template: template}
}

// grant lets a person allow n messages of a template, and everybody know.
func (p *person) grant(template string, n int) {
	if p.left == nil {
		p.left, p.allowed = map[string]int{}, map[allowance]int{}
	}
	p.left[template], p.allowed[p.allowance(template)] = n, n
}

// grants are what the database knows to be left.
func (p *person) grants() (list []delivery.Grant) {
	for a, n := range p.allowed {
		if n != 0 {
			list = append(list, delivery.Grant{Template: a.template, Scene: a.scene, Left: n})
		}
	}
	slices.SortFunc(list, func(a, b delivery.Grant) int {
		return cmp.Or(strings.Compare(a.Template, b.Template), cmp.Compare(a.Scene, b.Scene))
	})
	return list
}

// needed is what a call uses up; need is false for rungs that use nothing, left below 0 has no end.
func needed(d bot.ClaimedDelivery) (a allowance, left int, need bool) {
	switch d.Rung {
	case delivery.RungLong, delivery.RungNotice, delivery.RungOnce:
	default:
		return a, 0, false
	}
	for _, g := range d.Facts.Grants {
		if g.Template == d.Template && (g.Scene > 0) == (d.Rung == delivery.RungOnce) && g.Left != 0 {
			return allowance{g.Template, g.Scene}, g.Left, true
		}
	}
	return allowance{template: d.Template}, 0, true
}

// modelDelivery is a row of the outbox.
type modelDelivery struct {
	bot.ClaimedDelivery
	who       *person
	why       delivery.Why
	notBefore time.Time
	changed   time.Time // when the row was written last
	ambiguous int
	tried     []delivery.Rung
	messageID string
	batch     int64
	verdict   channel.Verdict  // of the call under way
	guessed   bool             // joined to a receipt that did not name it
	phone     people.LearnerID // whose phone the row knows: everybody has one, of the same number; 0 for none yet
}

func (d *modelDelivery) String() string {
	return fmt.Sprintf("delivery %d to %s (%s by %s, owner %s, term %d, attempt %d, ambiguous %d)", d.ID, d.who.to.External, d.State, d.Rung, d.Owner, d.Term, d.Attempt, d.ambiguous)
}

type modelCampaign struct {
	bot.Campaign
	rows      []*modelDelivery
	frozenTo  people.LearnerID
	stopSince time.Time // when a person's pause or cancel was committed; zero while it runs
	fired     *firing   // of what the schedule sends, nil for others
}

// modelStore is the database: the rules of bot.Store in memory. What dispatching does not need is not
// there.
type modelStore struct {
	bot.Store
	w         *world
	people    []*person
	campaigns []*modelCampaign
	rows      []*modelDelivery
	batches   []*modelBatch
	calls     map[string]*callCount
	receipts  []*storedReceipt
	at        time.Time // of the transaction
	classes   []*modelClass
	watermark time.Time
}

// replicaStore is a replica's connection to it.
type replicaStore struct{ *modelStore }

type callCount struct {
	used  int
	spent bool
}

func newModelStore(w *world) *modelStore {
	return &modelStore{w: w, calls: map[string]*callCount{}}
}

func (s *modelStore) campaign(id bot.CampaignID) *modelCampaign { return s.campaigns[id-1] }

func (s *modelStore) row(id int64) *modelDelivery { return s.rows[id-1] }

// runs reports whether deliveries of a campaign may begin.
func (c *modelCampaign) runs(now time.Time) bool {
	return c.Status == bot.CampaignRunning && (c.PausedBy == "" || !c.PausedUntil.IsZero() && !now.Before(c.PausedUntil))
}

// move changes a row's state and checks that such a change is lawful (D7).
func (s *modelStore) move(d *modelDelivery, to delivery.State, why delivery.Why, byReceipt bool) {
	if s.w.tracing {
		s.w.trace("%s → %s %s", d, to, why)
	}
	if d.State != to && !lawfulMove(d.State, to, byReceipt) {
		s.w.breaks("D7", "%s becomes %s (by a receipt: %v)", d, to, byReceipt)
	}
	d.State, d.why, d.changed = to, why, s.at
}

func lawfulMove(from, to delivery.State, byReceipt bool) bool {
	if byReceipt {
		switch to {
		case delivery.Delivered:
			return slices.Contains([]delivery.State{delivery.Pending, delivery.Claimed, delivery.Accepted, delivery.Sending, delivery.Unknown, delivery.Refused}, from)
		case delivery.Accepted:
			return from == delivery.Unknown || from == delivery.Refused
		case delivery.Refused:
			return slices.Contains([]delivery.State{delivery.Pending, delivery.Claimed, delivery.Accepted, delivery.Sending, delivery.Unknown}, from)
		}
		return false
	}
	switch from {
	case delivery.Pending:
		return to != delivery.Accepted && to != delivery.Delivered && to != delivery.Refused && to != delivery.Sending
	case delivery.Claimed:
		return to != delivery.Accepted && to != delivery.Delivered && to != delivery.Refused
	case delivery.Sending:
		return slices.Contains([]delivery.State{delivery.Accepted, delivery.Pending, delivery.Failed, delivery.Unknown, delivery.Expired}, to)
	}
	return false // the others are ends, but for receipts
}

func day(t time.Time) string { return t.In(china).Format(time.DateOnly) }

func (p *person) facts(d *modelDelivery, now time.Time) delivery.Facts {
	f := delivery.Facts{
		Bound: true, Following: p.known.following, Refusing: p.known.refusing, Push: p.known.push, TypedAt: p.known.typedAt, SentSince: p.known.sentSince,
		Grants: p.grants(), Due: true,
	}
	if d != nil {
		f.Tried = slices.Clone(d.tried)
	}
	if p.known.massMonth == day(now)[:7] {
		f.Mass = p.known.mass
	}
	if p.known.day == day(now) {
		f.Contacts = p.known.contacted
	}
	return f
}

// counted notes that a message of ours reached a person, or may have.
func (p *person) counted(r delivery.Rung, k delivery.Kind, now time.Time) {
	if k != delivery.KindReceipt {
		if p.known.day != day(now) {
			p.known.day, p.known.contacted = day(now), 0
		}
		p.known.contacted++
	}
	switch r {
	case delivery.RungWindow:
		p.known.sentSince++
	case delivery.RungMass:
		if p.known.massMonth != day(now)[:7] {
			p.known.massMonth, p.known.mass = day(now)[:7], 0
		}
		p.known.mass++
	}
}

func (s *modelStore) ClaimDeliveries(ctx context.Context, now time.Time, c bot.Claim) (list []bot.ClaimedDelivery, err error) {
	err = s.w.tx(ctx, "claim", func() {
		s.at, list = now, nil
		var rows []*modelDelivery
		open := s.open(now, func(d *modelDelivery) bool {
			stolen := s.w.planted == "lease ignored" && d.State == delivery.Sending && d.Owner != c.Owner
			return (d.State == delivery.Pending || stolen) && d.Rung != delivery.RungMass
		})
		for len(rows) < c.Limit && len(open) > 0 { // shares, then shares of what others have left
			share := max(1, (c.Limit-len(rows))/len(open))
			var more [][]*modelDelivery
			for _, due := range open {
				n := min(share, c.Limit-len(rows), len(due))
				if rows = append(rows, due[:n]...); n == share {
					more = append(more, due[n:])
				}
			}
			open = more
		}
		for _, d := range rows {
			if d.State == delivery.Sending {
				d.State = delivery.Claimed
			}
			list = append(list, s.claimed(now, d, c))
		}
		list = s.ahead(now, c, rows, list)
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// claimed is what a row is once it is claimed.
func (s *modelStore) claimed(now time.Time, d *modelDelivery, c bot.Claim) bot.ClaimedDelivery {
	out := d.ClaimedDelivery
	out.State, out.Owner, out.LeaseEnd, out.Term = delivery.Claimed, c.Owner, s.w.dbNow().Add(c.Lease), d.Term+1
	out.Facts, out.To, out.Ambiguous = d.who.facts(d, now), d.who.to, d.ambiguous > 0
	return out
}

// ahead writes a claim, and ahead of the calls that are wanted at once.
func (s *modelStore) ahead(now time.Time, c bot.Claim, rows []*modelDelivery, list []bot.ClaimedDelivery) (out []bot.ClaimedDelivery) {
	wanted := slices.Clone(list)
	if c.Ahead != nil && s.w.planted != "checkpoint on claim" {
		c.Ahead(wanted)
	}
	locked := map[people.LearnerID]bool{}
	for _, d := range rows {
		locked[d.phone] = true
	}
	for i, d := range rows {
		begins := wanted[i].State == delivery.Sending && locked[d.who.id]
		if begins && s.flying(d) {
			d.notBefore, d.changed = now.Add(5*time.Second), now
			continue
		}
		if d.State != delivery.Claimed {
			s.move(d, delivery.Claimed, "", false)
		}
		d.Owner, d.LeaseEnd, d.Term = list[i].Owner, list[i].LeaseEnd, list[i].Term
		switch {
		case begins:
			s.w.met["written ahead by the claim"]++
			if s.w.planted != "no write-ahead" {
				s.start(d, wanted[i], now)
			}
			out = append(out, wanted[i].Begun(now))
			continue
		case s.w.planted == "checkpoint on claim":
			d.State = delivery.Accepted // whoever was looked at counts as done
		}
		out = append(out, list[i])
	}
	return out
}

// flying reports whether another call to the phone is under way.
func (s *modelStore) flying(d *modelDelivery) bool {
	return s.w.planted != "flights not looked at" && slices.ContainsFunc(s.rows, func(o *modelDelivery) bool {
		return o != d && o.who == d.who && o.State == delivery.Sending
	})
}

// start makes a row one whose call is under way, and uses up what the call needs.
func (s *modelStore) start(r *modelDelivery, d bot.ClaimedDelivery, now time.Time) {
	s.move(r, delivery.Sending, "", false)
	r.Rung, r.Attempt, r.phone, r.verdict = d.Rung, r.Attempt+1, r.who.id, ""
	if r.First.IsZero() {
		r.First = now
	}
	if a, left, need := needed(d); need && left > 0 && r.who.allowed[a] > 0 {
		r.who.allowed[a]--
	}
}

// held finds the row that a claim still holds in a state.
func (s *modelStore) held(d bot.ClaimedDelivery) *modelDelivery {
	r := s.row(d.ID)
	if r.Owner != "" && r.Owner != d.Owner {
		s.w.met["fresh lease lost"]++
	}
	if r.State != d.State || r.Owner != d.Owner || r.Term != d.Term {
		if s.w.planted != "no fencing" {
			return nil
		}
	}
	return r
}

func (s *modelStore) BeginSending(ctx context.Context, now time.Time, group []bot.ClaimedDelivery) ([]bool, error) {
	out := make([]bool, len(group))
	err := s.w.tx(ctx, "write-ahead", func() {
		s.at = now
		for i, d := range group {
			out[i] = s.begin(now, d)
		}
	})
	return out, err
}

func (s *modelStore) begin(now time.Time, d bot.ClaimedDelivery) bool {
	r := s.held(d)
	if r == nil || !s.w.dbNow().Before(r.LeaseEnd) {
		return false
	}
	back := func(due time.Time) bool {
		s.back(r, due)
		return false
	}
	c, p := s.campaign(d.Campaign), r.who
	stopped := !c.runs(now) && s.w.planted != "cancel not looked at"
	f := p.facts(nil, now)
	changed := f.Push != d.Facts.Push || f.Following != d.Facts.Following || f.Refusing != d.Facts.Refusing || f.TypedAt.Before(d.Facts.TypedAt)
	a, _, need := needed(d)
	switch {
	case stopped && c.Status == bot.CampaignCancelled:
		s.end(r, delivery.Cancelled, delivery.WhyCancelled)
		return false
	case f.Contacts > d.Facts.Contacts && s.w.planted != "contacts not looked at":
		return back(time.Time{})
	case stopped, changed && s.w.planted != "wish not looked at", f.SentSince > d.Facts.SentSince && s.w.planted != "flights not looked at":
		return back(time.Time{})
	case s.flying(r):
		return back(now.Add(5 * time.Second))
	case need && p.allowed[a] == 0:
		return back(time.Time{})
	}
	if s.w.planted != "no write-ahead" {
		s.start(r, d, now)
	}
	return true
}

// back gives a row back, not before due.
func (s *modelStore) back(r *modelDelivery, due time.Time) {
	s.move(r, delivery.Pending, "", false)
	r.Owner = ""
	if due.After(r.notBefore) {
		r.notBefore = due
	}
}

func (s *modelStore) SettleDeliveries(ctx context.Context, now time.Time, group []bot.SettledDelivery) ([]bool, error) {
	out := make([]bool, len(group))
	err := s.w.tx(ctx, "settle", func() {
		s.at = now
		for i, d := range group {
			r := s.held(d.ClaimedDelivery)
			if s.w.planted == "no write-ahead" && r == nil {
				c := d.ClaimedDelivery
				c.State = delivery.Claimed
				if r = s.held(c); r != nil {
					r.State = delivery.Sending
				}
			}
			if out[i] = r != nil; r != nil {
				s.settle(now, r, d.ClaimedDelivery, d.Settlement)
				continue
			}
			r = s.row(d.ID)
			// A sweep called it unknown and counted it, a receipt settled it: only now comes the answer.
			late := d.State == delivery.Sending && r.Owner == d.Owner && r.Term == d.Term && r.verdict == "" && r.closed()
			if out[i] = late; late {
				r.verdict, r.messageID = d.Settlement.Outcome.Verdict, d.Settlement.Outcome.MessageID
				s.learn(r, d.ClaimedDelivery, d.Settlement)
			}
		}
	})
	return out, err
}

func (s *modelStore) settle(now time.Time, r *modelDelivery, d bot.ClaimedDelivery, t delivery.Settlement) {
	if s.w.planted == "unknown sent again" && t.To == delivery.Unknown && r.Rung == delivery.RungWindow {
		t.To, t.Due, t.Ambiguous = delivery.Pending, now, false
	}
	s.move(r, t.To, t.Why, false)
	r.notBefore, r.messageID, r.verdict = t.Due, t.Outcome.MessageID, t.Outcome.Verdict
	if t.Outcome.Verdict == channel.Unsent {
		r.Attempt--
	}
	if t.Ambiguous {
		r.ambiguous++
	}
	p := r.who
	if (t.To == delivery.Accepted || t.Ambiguous) && s.w.planted != "sends not counted" {
		p.counted(r.Rung, r.Kind, now)
	}
	if t.Tried != "" && !slices.Contains(r.tried, t.Tried) {
		r.tried = append(r.tried, t.Tried)
	}
	s.learn(r, d, t)
}

// learn keeps what an answer says of the person.
func (s *modelStore) learn(r *modelDelivery, d bot.ClaimedDelivery, t delivery.Settlement) {
	p := r.who
	if t.CloseWindow {
		p.known.typedAt, p.known.sentSince = time.Time{}, 0
	}
	a, left, need := needed(d)
	certain := t.Outcome.Verdict == channel.Refused || t.Outcome.Verdict == channel.Unsent
	switch {
	case !need:
	case t.NoGrant:
		p.allowed[a] = 0
	case certain && left > 0 && p.allowed[a] >= 0: // it was written ahead and not used
		p.allowed[a]++
	}
	p.known.following = p.known.following && !t.Unfollowed
	p.known.refusing = p.known.refusing || t.Refusing
}

func (s *modelStore) ReleaseDeliveries(ctx context.Context, now time.Time, group []bot.ReleasedDelivery) ([]bool, error) {
	out := make([]bool, len(group))
	err := s.w.tx(ctx, "give back", func() {
		s.at = now
		for i, d := range group {
			r := s.held(d.ClaimedDelivery)
			if out[i] = r != nil; r == nil {
				continue
			}
			s.end(r, d.To, d.Why)
			r.Rung, r.Owner = d.Rung, ""
			if !d.Due.IsZero() {
				r.notBefore = d.Due
			}
		}
	})
	return out, err
}

// end moves a row that is not sent. Where an attempt may have reached the person, nobody can tell.
func (s *modelStore) end(r *modelDelivery, to delivery.State, why delivery.Why) {
	if r.ambiguous > 0 && to != delivery.Pending {
		to, why = delivery.Unknown, delivery.WhyAmbiguous
	}
	s.move(r, to, why, false)
}

func (s *modelStore) SweepLeases(ctx context.Context, now time.Time) (swept bot.Swept, err error) {
	err = s.w.tx(ctx, "sweep", func() {
		s.at = now
		for _, r := range s.rows {
			if over := s.w.dbNow().After(r.LeaseEnd); r.batch == 0 && r.State == delivery.Claimed && over {
				s.back(r, time.Time{})
				swept.Released++
			}
		}
		for _, r := range s.rows {
			switch over := s.w.dbNow().After(r.LeaseEnd); {
			case r.batch != 0 || r.State != delivery.Sending || !over: // a batch's rows go with it
			case s.w.planted == "sending swept to pending":
				s.move(r, delivery.Pending, "", false)
			default:
				s.move(r, delivery.Unknown, delivery.WhyAmbiguous, false)
				if s.w.planted != "ambiguity forgotten" {
					r.ambiguous++
				}
				r.who.counted(r.Rung, r.Kind, now)
				swept.Ambiguous++
			}
		}
		s.sweepBatches(now)
		for _, r := range s.rows {
			switch c := s.campaign(r.Campaign); {
			case r.batch != 0 || r.State != delivery.Pending:
			case c.Status == bot.CampaignCancelled:
				s.end(r, delivery.Cancelled, delivery.WhyCancelled)
			case !now.Before(c.Deadline) && !now.Before(r.Deadline):
				s.end(r, delivery.Expired, delivery.WhyDeadline)
				swept.Expired++
			}
		}
	})
	return swept, err
}
