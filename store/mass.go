package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/people"
)

// A batch is one call of a mass send; its members are deliveries that go where it goes. While nothing
// of it may have reached anybody a batch that is not sent is dissolved, so that the next one is made
// of fresh facts; from the first ambiguous call on it is kept, with its client id (D2).

// massCall is a locked row of mass_batches.
type massCall struct {
	bot.MassBatch
	state     delivery.State
	leased    bool
	ambiguous int
	errcode   int // of the answer being settled
	updatedAt int64
}

const batchColumns = "b.id, b.campaign_id, b.state, b.channel, b.account, b.owner, b.term, b.attempts, b.first_attempt_at, b.ambiguous, b.updated_at, b.lease_until > "

// lockBatch locks a batch and reads its campaign; nil when there is none.
func (s *Store) lockBatch(ctx context.Context, q querier, now time.Time, id int64) (*massCall, *frame, error) {
	var b massCall
	var first int64
	err := q.QueryRowContext(ctx, "SELECT "+batchColumns+s.dbNow()+" FROM mass_batches b WHERE b.id = ?"+s.forUpdate(), id).Scan(
		&b.ID, &b.Campaign, &b.state, &b.Channel, &b.Account, &b.Owner, &b.Term, &b.Attempt, &first, &b.ambiguous, &b.updatedAt, &b.leased)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	b.First, b.Ambiguous = fromMs(first), b.ambiguous > 0
	frames, err := s.frames(ctx, q, now, []bot.CampaignID{b.Campaign})
	if err != nil {
		return nil, nil, err
	}
	f := frames[b.Campaign]
	if f == nil {
		return nil, nil, fmt.Errorf("mass batch %d has no campaign", id)
	}
	b.Deadline, b.Kind, b.Title, b.Body, b.WantsAck = f.deadline, f.kind, f.title, f.body, f.wantsAck
	return &b, f, nil
}

// moveBatch puts a batch and all its members into a state. set and args are of both tables, more of the batch.
func (s *Store) moveBatch(ctx context.Context, q querier, now time.Time, b *massCall, to delivery.State, why delivery.Why, set string, args []any, more string, moreArgs ...any) error {
	members, err := numbers(ctx, q, "SELECT id FROM deliveries"+s.by("deliveries_batch")+" WHERE batch_id = ? AND state = ? ORDER BY id"+s.forUpdate(), b.ID, string(b.state))
	if err != nil {
		return err
	}
	var m moves
	m.add(move{b.state, to, why, b.Owner, b.Term, b.Attempt, b.errcode}, members...)
	if err := m.write(ctx, q, now); err != nil {
		return err
	}
	head := append([]any{string(to), string(why), toMs(now)}, args...)
	_, err = q.ExecContext(ctx, "UPDATE deliveries"+s.by("deliveries_batch")+" SET state = ?, why = ?, updated_at = ?"+set+" WHERE batch_id = ? AND state = ?",
		append(slices.Clone(head), b.ID, string(b.state))...)
	if err != nil {
		return err
	}
	_, err = q.ExecContext(ctx, "UPDATE mass_batches SET state = ?, why = ?, updated_at = ?"+set+more+" WHERE id = ?", append(append(head, moreArgs...), b.ID)...)
	b.state = to
	return err
}

// dissolve gives the members of a batch that has reached nobody back, each on its own.
func (s *Store) dissolve(ctx context.Context, q querier, now time.Time, b *massCall, due time.Time, attempts int) error {
	if err := s.moveBatch(ctx, q, now, b, delivery.Pending, delivery.WhyNone, ", owner = ''", nil, ""); err != nil {
		return err
	}
	_, err := q.ExecContext(ctx, "UPDATE deliveries"+s.by("deliveries_batch")+` SET batch_id = 0, attempts = ?, not_before = CASE WHEN not_before < ? THEN ? ELSE not_before END
		WHERE batch_id = ? AND state = 'pending'`, attempts, toMs(due), toMs(due), b.ID)
	if err == nil {
		_, err = q.ExecContext(ctx, "DELETE FROM mass_batches WHERE id = ?", b.ID)
	}
	return err
}

// ClaimMassBatch claims a batch whose call is to be repeated, or makes a new one.
func (s *Store) ClaimMassBatch(ctx context.Context, now time.Time, owner string, limit int, lease time.Duration, decide func(delivery.Facts, bot.Campaign) delivery.Decision) (*bot.MassBatch, error) {
	var out *bot.MassBatch
	err := s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		q := under(tx)
		out = nil
		b, err := s.oldBatch(ctx, q, now, owner, lease, decide)
		if b == nil && err == nil {
			b, err = s.newBatch(ctx, q, now, owner, limit, lease, decide)
		}
		if b != nil {
			out = &b.MassBatch
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claiming a mass send: %w", err)
	}
	return out, nil
}

// oldBatch claims a batch that may have reached its members and is to be asked about again.
func (s *Store) oldBatch(ctx context.Context, q querier, now time.Time, owner string, lease time.Duration, decide func(delivery.Facts, bot.Campaign) delivery.Decision) (*massCall, error) {
	ids, err := numbers(ctx, q, "SELECT id FROM mass_batches WHERE state = 'pending' AND not_before <= ? ORDER BY not_before, id"+s.skipLocked(), toMs(now))
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		b, f, err := s.lockBatch(ctx, q, now, id)
		if err != nil {
			return nil, err
		}
		if b == nil || !f.runs() || !delivery.Repeatable(delivery.RungMass, b.First, now) || !now.Before(b.Deadline) {
			continue // a sweep ends those whose time is over
		}
		if err := s.stillMembers(ctx, q, now, b, f, decide); err != nil {
			return nil, err
		}
		if len(b.To) < fewest {
			if err := s.moveBatch(ctx, q, now, b, delivery.Unknown, delivery.WhyAmbiguous, "", nil, ""); err != nil {
				return nil, err
			}
			continue
		}
		b.Owner, b.Term = owner, b.Term+1
		err = s.moveBatch(ctx, q, now, b, delivery.Claimed, delivery.WhyNone, ", owner = ?, term = ?, lease_until = "+s.dbNow()+" + ?",
			[]any{owner, b.Term, lease.Milliseconds()}, "")
		return b, err
	}
	return nil, nil
}

// stillMembers fills in whom the repeated call names. Whoever may not be sent to any more is left out:
// if the first call reached nobody, this one is the send (D4). For them nobody can tell.
func (s *Store) stillMembers(ctx context.Context, q querier, now time.Time, b *massCall, f *frame, decide func(delivery.Facts, bot.Campaign) delivery.Decision) error {
	ids, err := numbers(ctx, q, "SELECT id FROM deliveries"+s.by("deliveries_batch")+" WHERE batch_id = ? AND state = 'pending' ORDER BY id", b.ID)
	if err != nil {
		return err
	}
	locked, err := s.jobs(ctx, q, ids)
	if err != nil {
		return err
	}
	jobs := make([]*job, 0, len(ids))
	for _, id := range ids {
		jobs = append(jobs, locked[id])
	}
	known, err := s.members(ctx, q, now, jobs)
	if err != nil {
		return err
	}
	var left []*job
	for _, j := range jobs {
		r := known[people.LearnerID(j.learner)]
		facts := r.facts
		facts.Due, facts.Tried = true, rungs(j.tried)
		// The first call is counted already, and this is the same message.
		facts.Mass, facts.Contacts = max(0, facts.Mass-1), max(0, facts.Contacts-1)
		if int64(r.identity) == j.identity && r.identity != 0 {
			if d := decide(facts, f.campaign()); d.Rung == delivery.RungMass && !d.NotBefore.After(now) {
				b.To = append(b.To, r.to.External)
				continue
			}
		}
		j.end(delivery.Unknown, delivery.WhyAmbiguous)
		j.batch = 0
		left = append(left, j)
	}
	return s.write(ctx, q, now, left)
}

// campaign is what a decision about a delivery may look at.
func (f *frame) campaign() bot.Campaign {
	return bot.Campaign{ID: f.id, Kind: f.kind, Status: f.status, Title: f.title, Body: f.body, WantsAck: f.wantsAck, Deadline: f.deadline}
}

// members reads how the learners of deliveries can be reached now; everybody has an entry.
func (s *Store) members(ctx context.Context, q querier, now time.Time, jobs []*job) (map[people.LearnerID]*recipient, error) {
	learners := make([]people.LearnerID, len(jobs))
	for i, j := range jobs {
		learners[i] = people.LearnerID(j.learner)
	}
	known, err := s.addressees(ctx, q, now, learners)
	if err != nil {
		return nil, err
	}
	for _, l := range learners {
		if known[l] == nil {
			known[l] = &recipient{}
		}
	}
	return known, nil
}

// newBatch makes one of the pending deliveries of a campaign.
func (s *Store) newBatch(ctx context.Context, q querier, now time.Time, owner string, limit int, lease time.Duration, decide func(delivery.Facts, bot.Campaign) delivery.Decision) (*massCall, error) {
	campaigns, frames, err := s.open(ctx, q, now, func(r delivery.Rung) bool { return r == delivery.RungMass })
	if err != nil {
		return nil, err
	}
	for _, lanes := range campaigns {
		f := frames[lanes[0].campaign]
		// One at a time makes batches of a campaign. Of two that pass over each other's rows one may be left with a single
		// person, who could have been in either and can be sent nothing alone. Who meets another here comes back later.
		mine, err := numbers(ctx, q, "SELECT id FROM campaigns WHERE id = ?"+s.skipLocked(), int64(f.id))
		if err != nil {
			return nil, err
		}
		if len(mine) == 0 {
			continue
		}
		jobs, err := s.pick(ctx, q, now, &lanes[0], limit+fewest)
		if err != nil {
			return nil, err
		}
		if len(jobs) == 0 {
			continue
		}
		m := mustering{now: now, frame: f, decide: decide, seen: map[conversation.IdentityID]bool{}}
		if m.known, err = s.members(ctx, q, now, jobs); err != nil {
			return nil, err
		}
		if m.flying, err = s.flights(ctx, q, phonesOf(m.known)); err != nil {
			return nil, err
		}
		for _, j := range jobs {
			m.muster(j)
		}
		more := len(jobs) == limit+fewest // there may be others behind them
		m.leave(limit, more)
		if len(m.members) == 1 && more && len(m.changed) > 0 {
			m.members = nil // it waits for those behind, who are seen when the changed ones are out of the way
		}
		if len(m.members) == 1 {
			m.members[0].end(delivery.Skipped, delivery.WhyNoWindow)
			m.changed, m.members = append(m.changed, m.members[0]), nil
		}
		if len(m.members) > 0 {
			b, err := s.makeBatch(ctx, q, now, owner, lease, &m)
			if err != nil {
				return nil, err
			}
			return b, s.write(ctx, q, now, append(m.changed, m.members...))
		}
		if err := s.write(ctx, q, now, m.changed); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// fewest is how few people a mass send may name: the platform takes no fewer.
const fewest = 2

// leave takes no more than limit members, and so many that of those who stay behind, whom nobody has counted, nobody is
// alone: 10,001 are 9,999 and 2.
func (m *mustering) leave(limit int, more bool) {
	n := len(m.members)
	if n > limit || more && n >= 2*fewest {
		n = min(limit, max(fewest, n-fewest))
	}
	m.members, m.to = m.members[:n], m.to[:n]
	for _, j := range m.members {
		m.attempt = max(m.attempt, j.attempts)
	}
}

// mustering parts the deliveries that were to go by mass send.
type mustering struct {
	now     time.Time
	frame   *frame
	decide  func(delivery.Facts, bot.Campaign) delivery.Decision
	known   map[people.LearnerID]*recipient
	flying  map[conversation.IdentityID]bool
	seen    map[conversation.IdentityID]bool // phones of the batch: a phone is named once
	members []*job
	to      []string
	of      channel.Address // whose account the batch is of
	changed []*job
	attempt int
}

func (m *mustering) muster(j *job) {
	r := m.known[people.LearnerID(j.learner)]
	facts := r.facts
	facts.Due, facts.Tried = true, rungs(j.tried)
	d := m.decide(facts, m.frame.campaign())
	switch {
	case d.Rung == delivery.RungPull && d.Why == delivery.WhyDeadline:
		j.end(delivery.Expired, d.Why)
	case d.Rung == delivery.RungPull && d.Why == delivery.WhyPlatform:
		j.end(delivery.Failed, d.Why)
	case d.Rung == delivery.RungPull:
		j.end(delivery.Skipped, d.Why)
	case d.Rung != delivery.RungMass || d.NotBefore.After(m.now):
		j.rung = d.Rung
		j.notBefore = max(j.notBefore, toMs(d.NotBefore))
	case m.flying[r.identity] || m.seen[r.identity]:
		j.notBefore = max(j.notBefore, toMs(m.now.Add(flightPause)))
	case len(m.members) > 0 && (r.to.Channel != m.of.Channel || r.to.Account != m.of.Account):
		return // of another account: it waits for that one's batch
	default:
		m.of, m.seen[r.identity] = r.to, true
		m.members, m.to = append(m.members, j), append(m.to, r.to.External)
		j.identity = int64(r.identity)
		return
	}
	m.changed = append(m.changed, j)
}

// makeBatch writes the batch of the members and puts them into it; their rows are written later.
func (s *Store) makeBatch(ctx context.Context, q querier, now time.Time, owner string, lease time.Duration, m *mustering) (*massCall, error) {
	f := m.frame
	r, err := q.ExecContext(ctx, `INSERT INTO mass_batches (campaign_id, state, channel, account, people, owner, term, lease_until, attempts, created_at, updated_at)
		VALUES (?, 'claimed', ?, ?, ?, ?, 1, `+s.dbNow()+` + ?, ?, ?, ?)`,
		int64(f.id), m.of.Channel, m.of.Account, len(m.members), owner, lease.Milliseconds(), m.attempt, toMs(now), toMs(now))
	if err != nil {
		return nil, err
	}
	id, err := r.LastInsertId()
	if err != nil {
		return nil, err
	}
	for _, j := range m.members {
		j.state, j.why, j.batch, j.owner, j.attempts = delivery.Claimed, delivery.WhyNone, id, owner, m.attempt
	}
	b := &massCall{MassBatch: bot.MassBatch{
		ID: id, Campaign: f.id, Owner: owner, Term: 1, Attempt: m.attempt, Deadline: f.deadline, Kind: f.kind, Title: f.title, Body: f.body,
		WantsAck: f.wantsAck, Channel: m.of.Channel, Account: m.of.Account, To: m.to,
	}}
	return b, nil
}

// BeginMassBatch writes ahead of a batch's call.
func (s *Store) BeginMassBatch(ctx context.Context, now time.Time, b bot.MassBatch) (bool, error) {
	begun := false
	err := s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		q := under(tx)
		begun = false
		x, f, err := s.lockBatch(ctx, q, now, b.ID)
		if err != nil || x == nil || x.state != delivery.Claimed || x.Owner != b.Owner || x.Term != b.Term || !x.leased {
			return err
		}
		changed, err := s.membersChanged(ctx, q, now, x, len(b.To))
		if err != nil {
			return err
		}
		if !f.runs() || changed {
			var due time.Time
			if x.ambiguous > 0 { // the same members again: not before what was in the way may be over
				due = now.Add(flightPause)
			}
			return s.giveBackBatch(ctx, q, now, x, due, x.Attempt)
		}
		begun = true
		x.Attempt++
		first := "first_attempt_at = CASE WHEN first_attempt_at = 0 THEN ? ELSE first_attempt_at END"
		return s.moveBatch(ctx, q, now, x, delivery.Sending, delivery.WhyNone, ", attempts = ?, "+first, []any{x.Attempt, toMs(now)}, "")
	})
	if err != nil {
		return false, fmt.Errorf("writing ahead of a mass send: %w", err)
	}
	return begun, nil
}

// membersChanged reports whether somebody of a claimed batch has left, paused, stopped or read it in the
// chat since (D4), is being sent something, or has had the month's mass sends meanwhile (D5). The
// phones are locked, so that of two batches that name one the second sees the first, and the members,
// so that nobody is taken out between this look and the write-ahead; named is how many the call names.
func (s *Store) membersChanged(ctx context.Context, q querier, now time.Time, b *massCall, named int) (bool, error) {
	phones, err := numbers(ctx, q, "SELECT identity_id FROM deliveries"+s.by("deliveries_batch")+" WHERE batch_id = ? AND state = 'claimed' ORDER BY identity_id", b.ID)
	if err != nil {
		return true, err
	}
	full := 0
	err = chunks(phones, func(part []int64) error {
		sent, err := numbers(ctx, q, "SELECT CASE WHEN mass_month = ? THEN mass_sent ELSE 0 END FROM identities"+s.by("PRIMARY")+" WHERE id IN "+marks(len(part))+" ORDER BY id"+s.forUpdate(),
			append([]any{month(now)}, anys(part)...)...)
		for _, n := range sent {
			full += b2i(n >= delivery.MassPerMonth)
		}
		return err
	})
	if err != nil || full > 0 && b.ambiguous == 0 { // a repeat is counted already
		return true, err
	}
	members, err := numbers(ctx, q, "SELECT id FROM deliveries"+s.by("deliveries_batch")+" WHERE batch_id = ? AND state = 'claimed' ORDER BY id"+s.forUpdate(), b.ID)
	if err != nil || len(members) != named {
		return true, err
	}
	flying, err := s.flights(ctx, q, phones)
	if err != nil || len(flying) > 0 {
		return true, err
	}
	var n int
	err = q.QueryRowContext(ctx, "SELECT COUNT(*) FROM deliveries d"+s.by("deliveries_batch")+` LEFT JOIN profiles p ON p.identity_id = d.identity_id AND p.learner_id = d.learner_id
		LEFT JOIN learners l ON l.id = d.learner_id
		WHERE d.batch_id = ? AND d.state = 'claimed' AND (p.learner_id IS NULL OR l.id IS NULL OR l.push = ? OR l.push <> '' AND l.updated_at >= ?)`,
		b.ID, string(people.PushOff), b.updatedAt).Scan(&n)
	return n > 0, err
}

// giveBackBatch makes a batch pending again: as it is when it may have reached somebody, else dissolved.
func (s *Store) giveBackBatch(ctx context.Context, q querier, now time.Time, b *massCall, due time.Time, attempts int) error {
	if b.ambiguous == 0 {
		return s.dissolve(ctx, q, now, b, due, attempts)
	}
	return s.moveBatch(ctx, q, now, b, delivery.Pending, delivery.WhyNone, ", owner = '', attempts = ?, not_before = ?", []any{attempts, toMs(due)}, "")
}

// SettleMassBatch writes what became of a batch's call.
func (s *Store) SettleMassBatch(ctx context.Context, now time.Time, b bot.MassBatch, t delivery.Settlement) (bool, error) {
	settled := false
	err := s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		q := under(tx)
		settled = false
		x, f, err := s.lockBatch(ctx, q, now, b.ID)
		if err != nil || x == nil || x.state != delivery.Sending && x.state != delivery.Claimed || x.Owner != b.Owner || x.Term != b.Term {
			return err
		}
		settled = true
		return s.settleBatch(ctx, q, now, x, f, t)
	})
	if err != nil {
		return false, fmt.Errorf("settling a mass send: %w", err)
	}
	return settled, nil
}

func (s *Store) settleBatch(ctx context.Context, q querier, now time.Time, b *massCall, f *frame, t delivery.Settlement) error {
	o := t.Outcome
	attempts := b.Attempt
	b.errcode = o.Code
	if o.Verdict == channel.Unsent && b.state == delivery.Sending { // it does not count (B7)
		attempts--
	}
	counted := b.ambiguous > 0
	if t.Ambiguous {
		b.ambiguous++
	}
	if !counted && (t.To == delivery.Accepted || t.Ambiguous) {
		if err := s.countMass(ctx, q, now, b, f.kind); err != nil {
			return err
		}
	}
	to, why := t.To, t.Why
	if b.ambiguous > 0 && to != delivery.Accepted && to != delivery.Pending {
		to, why = delivery.Unknown, delivery.WhyAmbiguous
	}
	set, args := ", ambiguous = ?, attempts = ?, verdict = ?, errcode = ?, reason = ?, rid = ?",
		[]any{b.ambiguous, attempts, string(o.Verdict), o.Code, cut(o.Reason, 40), cut(o.RequestID, 80)}
	if to == delivery.Pending && b.ambiguous == 0 {
		if err := s.moveBatch(ctx, q, now, b, to, why, set, args, ""); err != nil {
			return err
		}
		return s.dissolve(ctx, q, now, b, t.Due, attempts)
	}
	return s.moveBatch(ctx, q, now, b, to, why, set+", not_before = ?", append(args, toMs(t.Due)), ", message_id = ?", cut(o.MessageID, 80))
}

// countMass counts a batch's message with each of its members.
func (s *Store) countMass(ctx context.Context, q querier, now time.Time, b *massCall, kind delivery.Kind) error {
	ids, err := numbers(ctx, q, "SELECT identity_id FROM deliveries"+s.by("deliveries_batch")+" WHERE batch_id = ? AND state = ? AND identity_id > 0", b.ID, string(b.state))
	if err != nil {
		return err
	}
	l := lessons{now: now}
	for _, id := range ids {
		l.massSent = append(l.massSent, conversation.IdentityID(id))
	}
	if kind != delivery.KindReceipt {
		l.contact = slices.Clone(l.massSent)
	}
	return l.write(ctx, q)
}

// sweepBatches recovers batches whose holder has lost them, and ends those whose time is over.
func (s *Store) sweepBatches(ctx context.Context, now time.Time) error {
	for _, where := range []string{"state = 'claimed' AND lease_until < " + s.dbNow(), "state = 'sending' AND lease_until < " + s.dbNow(), "state = 'pending'"} {
		ids, err := numbers(ctx, s.db, "SELECT id FROM mass_batches WHERE "+where+" ORDER BY id")
		if err != nil {
			return plain(err)
		}
		for _, id := range ids {
			if err := s.transact(ctx, s.orm, func(tx *gorm.DB) error { return s.sweepBatch(ctx, under(tx), now, id) }); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) sweepBatch(ctx context.Context, q querier, now time.Time, id int64) error {
	b, f, err := s.lockBatch(ctx, q, now, id)
	if err != nil || b == nil {
		return err
	}
	over := !now.Before(b.Deadline) || f.status == bot.CampaignCancelled || !delivery.Repeatable(delivery.RungMass, b.First, now)
	switch {
	case b.state == delivery.Claimed && !b.leased:
		err = s.giveBackBatch(ctx, q, now, b, time.Time{}, b.Attempt)
	case b.state == delivery.Sending && !b.leased:
		t := delivery.SettleMass(channel.Outcome{Verdict: channel.Unknown}, delivery.Call{
			Attempt: b.Attempt, First: b.First, Ambiguous: b.Ambiguous, Request: delivery.Request{Kind: b.Kind, Deadline: b.Deadline},
		}, now)
		err = s.settleBatch(ctx, q, now, b, f, t)
	case b.state == delivery.Pending && over:
		err = s.moveBatch(ctx, q, now, b, delivery.Unknown, delivery.WhyAmbiguous, "", nil, "")
	}
	return err
}
