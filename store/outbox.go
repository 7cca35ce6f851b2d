package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/people"
)

// lane is the pending deliveries of one campaign by one rung. The index deliveries_due leads from lane
// to lane, so what may not go now hides nothing that may (B5), and costs as little with 350,000 rows as
// with ten.
type lane struct {
	campaign bot.CampaignID
	rung     delivery.Rung
	due      int64 // when its first is due
	after    int64 // rows due then up to this number have been looked at
}

// lanesFrom walks the lanes of the campaigns from one number on, by a look into the index for each.
// visit returns false to stop. GROUP BY would do it in one statement, but MariaDB and SQLite read every
// pending row for it (measured: 10 ms for 50,000).
func (s *Store) lanesFrom(ctx context.Context, q querier, from bot.CampaignID, visit func([]lane) bool) error {
	for after := int64(from) - 1; ; {
		var list []lane
		l, err := s.lane(ctx, q, "campaign_id > ?", after)
		for ; err == nil && l != nil; l, err = s.lane(ctx, q, "campaign_id = ? AND rung > ?", int64(l.campaign), string(l.rung)) {
			list = append(list, *l)
		}
		if err != nil || len(list) == 0 {
			return err
		}
		after = int64(list[0].campaign)
		if !visit(list) {
			return nil
		}
	}
}

// lane is the first that a condition names, nil for none.
func (s *Store) lane(ctx context.Context, q querier, where string, args ...any) (*lane, error) {
	var l lane
	err := q.QueryRowContext(ctx, "SELECT campaign_id, rung, not_before FROM deliveries"+s.by("deliveries_due")+" WHERE state = 'pending' AND "+where+
		" ORDER BY campaign_id, rung, not_before LIMIT 1", args...).Scan(&l.campaign, &l.rung, &l.due)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return &l, err
}

// frame is what deliveries need to know of their campaign.
type frame struct {
	id       bot.CampaignID
	kind     delivery.Kind
	status   bot.CampaignStatus
	title    string
	body     bot.Body
	wantsAck bool
	deadline time.Time
	paused   bool
}

// runs reports whether its deliveries may begin.
func (f *frame) runs() bool { return f != nil && f.status == bot.CampaignRunning && !f.paused }

// frames reads campaigns by number.
func (s *Store) frames(ctx context.Context, q querier, now time.Time, ids []bot.CampaignID) (map[bot.CampaignID]*frame, error) {
	out := make(map[bot.CampaignID]*frame, len(ids))
	return out, chunks(ids, func(part []bot.CampaignID) error {
		return each(ctx, q, func(rows *sql.Rows) error {
			var f frame
			var body []byte
			var pausedBy string
			var until, deadline int64
			if err := rows.Scan(&f.id, &f.kind, &f.status, &f.title, &body, &f.wantsAck, &deadline, &pausedBy, &until); err != nil {
				return err
			}
			f.deadline = fromMs(deadline)
			f.paused = pausedBy != "" && (until == 0 || until > toMs(now))
			out[f.id] = &f
			return fromJSON(body, &f.body)
		}, "SELECT id, kind, status, title, body, wants_ack, deadline_at, paused_by, paused_until FROM campaigns WHERE id IN "+marks(len(part)), anys(part)...)
	})
}

// fromJSON reads a JSON column; ” is nothing.
func fromJSON(text []byte, to any) error {
	if len(text) == 0 {
		return nil
	}
	return json.Unmarshal(text, to)
}

// claimCampaigns is how many campaigns share one claim, besides the urgent ones, which are in every one.
const claimCampaigns = 24

// open picks the campaigns that share a claim, with their lanes that are due: the urgent ones, and the
// next ones from a number that is drawn, so that none waits for ever.
func (s *Store) open(ctx context.Context, q querier, now time.Time, wanted func(delivery.Rung) bool) ([][]lane, map[bot.CampaignID]*frame, error) {
	o := opening{s: s, q: q, now: now, wanted: wanted, frames: map[bot.CampaignID]*frame{}}
	urgent, err := numbers(ctx, q, "SELECT id FROM campaigns WHERE status = ? AND kind = ? AND deadline_at > ? ORDER BY id", string(bot.CampaignRunning), string(delivery.KindUrgent), toMs(now))
	if err != nil {
		return nil, nil, err
	}
	for _, id := range urgent {
		err := s.lanesFrom(ctx, q, bot.CampaignID(id), func(l []lane) bool {
			if l[0].campaign == bot.CampaignID(id) {
				o.add(l)
			}
			return false
		})
		if err != nil {
			return nil, nil, err
		}
	}
	if err := o.judge(ctx); err != nil {
		return nil, nil, err
	}
	var last int64
	if err := q.QueryRowContext(ctx, "SELECT COALESCE(MAX(id), 0) FROM campaigns").Scan(&last); err != nil {
		return nil, nil, err
	}
	start := bot.CampaignID(1)
	if last > claimCampaigns { // few enough are all looked at
		start += bot.CampaignID(rand.Int64N(last)) //nolint:gosec // a fair turn needs no secrecy
	}
	room := len(o.out) + claimCampaigns
	for _, part := range [][2]bot.CampaignID{{start, bot.CampaignID(last) + 1}, {1, start}} {
		if err := o.walk(ctx, part[0], part[1], room); err != nil {
			return nil, nil, err
		}
	}
	return o.out, o.frames, nil
}

// opening collects the campaigns of one claim.
type opening struct {
	s      *Store
	q      querier
	now    time.Time
	wanted func(delivery.Rung) bool
	frames map[bot.CampaignID]*frame
	found  [][]lane // not judged yet
	out    [][]lane
}

// add keeps a campaign's lanes that are due and wanted.
func (o *opening) add(list []lane) {
	list = slices.DeleteFunc(list, func(l lane) bool { return l.due > toMs(o.now) || !o.wanted(l.rung) })
	if len(list) > 0 {
		o.found = append(o.found, list)
	}
}

// judge keeps of the found campaigns those that run.
func (o *opening) judge(ctx context.Context) error {
	found := slices.DeleteFunc(o.found, func(l []lane) bool { return o.frames[l[0].campaign] != nil })
	o.found = nil
	var ids []bot.CampaignID
	for _, l := range found {
		ids = append(ids, l[0].campaign)
	}
	frames, err := o.s.frames(ctx, o.q, o.now, ids)
	if err != nil {
		return err
	}
	maps.Copy(o.frames, frames)
	for _, l := range found {
		if frames[l[0].campaign].runs() {
			o.out = append(o.out, l)
		}
	}
	return nil
}

// walk collects from campaigns from up to before until, while there is room.
func (o *opening) walk(ctx context.Context, from, until bot.CampaignID, room int) error {
	for from < until && len(o.out) < room {
		next := until
		err := o.s.lanesFrom(ctx, o.q, from, func(l []lane) bool {
			if l[0].campaign >= until {
				return false
			}
			o.add(l)
			next = l[0].campaign + 1
			return len(o.found) < room-len(o.out)
		})
		if err != nil {
			return err
		}
		if len(o.found) < room-len(o.out) {
			next = until // the walk came to its end
		}
		if err := o.judge(ctx); err != nil {
			return err
		}
		from = next
	}
	return nil
}

// ClaimDeliveries takes due deliveries for c.Owner. Rows that another claimer holds are passed over
// where the database can (SKIP LOCKED); on every one they are claimed under their locks.
func (s *Store) ClaimDeliveries(ctx context.Context, now time.Time, c bot.Claim) ([]bot.ClaimedDelivery, error) {
	var list []bot.ClaimedDelivery
	err := s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		q := under(tx)
		list = nil
		campaigns, frames, err := s.open(ctx, q, now, func(r delivery.Rung) bool { return r != delivery.RungMass })
		if err != nil {
			return err
		}
		var jobs []*job
		for left := c.Limit; left > 0 && len(campaigns) > 0; left = c.Limit - len(jobs) {
			// Shares, then shares of what others have left.
			share := max(1, left/len(campaigns))
			var more [][]lane
			for _, lanes := range campaigns {
				got, err := s.take(ctx, q, now, lanes, min(share, c.Limit-len(jobs)))
				if err != nil {
					return err
				}
				if jobs = append(jobs, got...); len(got) == share {
					more = append(more, lanes)
				}
			}
			campaigns = more
		}
		if len(jobs) == 0 {
			return nil
		}
		cl := claiming{Claim: c, beginning: beginning{s: s, q: q, now: now, frames: frames, flying: map[conversation.IdentityID]bool{}}}
		list, err = cl.claim(ctx, jobs)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claiming deliveries: %w", err)
	}
	return list, nil
}

// take locks up to n more rows of a campaign, those due longest of each rung first.
func (s *Store) take(ctx context.Context, q querier, now time.Time, lanes []lane, n int) (jobs []*job, err error) {
	for i := range lanes {
		if len(jobs) >= n {
			break
		}
		some, err := s.pick(ctx, q, now, &lanes[i], n-len(jobs))
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, some...)
	}
	return jobs, nil
}

// pick locks up to n due rows of a lane that are in no batch, and moves the lane behind them.
func (s *Store) pick(ctx context.Context, q querier, now time.Time, l *lane, n int) (jobs []*job, err error) {
	err = each(ctx, q, func(rows *sql.Rows) error {
		var j job
		err := j.scan(rows)
		jobs = append(jobs, &j)
		return err
	}, "SELECT "+jobColumns+s.dbNow()+" FROM deliveries"+s.by("deliveries_due")+` WHERE state = 'pending' AND campaign_id = ? AND rung = ?
		AND not_before <= ? AND (not_before > ? OR not_before = ? AND id > ?) AND batch_id = 0 ORDER BY not_before, id LIMIT ?`+s.skipLocked(),
		int64(l.campaign), string(l.rung), toMs(now), l.due, l.due, l.after, n)
	if len(jobs) > 0 {
		last := jobs[len(jobs)-1]
		l.due, l.after = last.notBefore, last.id
	}
	return jobs, err
}

// claiming is a claim: of some of its deliveries the call is written ahead in the same commit.
type claiming struct {
	bot.Claim
	beginning
	locked map[conversation.IdentityID]bool // phones that nobody else can begin a call to meanwhile
}

// claim makes the rows the owner's and tells about them.
func (c *claiming) claim(ctx context.Context, jobs []*job) ([]bot.ClaimedDelivery, error) {
	if err := c.lockPhones(ctx, jobs); err != nil {
		return nil, err
	}
	learners := make([]people.LearnerID, len(jobs))
	for i, j := range jobs {
		learners[i] = people.LearnerID(j.learner)
	}
	known, err := c.s.addressees(ctx, c.q, c.now, learners)
	if err != nil {
		return nil, err
	}
	list := make([]bot.ClaimedDelivery, len(jobs))
	for i, j := range jobs {
		j.state, j.why, j.owner, j.holder, j.lease, j.fresh = delivery.Claimed, delivery.WhyNone, c.Owner, c.Owner, j.clock+c.Lease.Milliseconds(), true
		j.term++
		list[i] = c.describe(j, known[people.LearnerID(j.learner)])
	}
	if c.Ahead != nil {
		if list, err = c.ahead(ctx, jobs, list); err != nil {
			return nil, err
		}
	}
	return list, c.s.write(ctx, c.q, c.now, jobs)
}

// lockPhones locks the phones that the rows are for, as the audience was frozen. Nobody is waited for:
// whose phone is busy is begun later.
func (c *claiming) lockPhones(ctx context.Context, jobs []*job) error {
	c.locked = make(map[conversation.IdentityID]bool, len(jobs))
	if c.Ahead == nil {
		return nil
	}
	ids := make([]int64, 0, len(jobs))
	for _, j := range jobs {
		if j.identity != 0 {
			ids = append(ids, j.identity)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	got, err := numbers(ctx, c.q, "SELECT id FROM identities"+c.s.by("PRIMARY")+" WHERE id IN "+marks(len(ids))+" ORDER BY id"+c.s.skipLocked(), anys(ids)...)
	for _, id := range got {
		c.locked[conversation.IdentityID(id)] = true
	}
	return err
}

// describe is a claimed row with what is known of its recipient.
func (c *claiming) describe(j *job, r *recipient) bot.ClaimedDelivery {
	f := c.frames[bot.CampaignID(j.campaign)]
	d := bot.ClaimedDelivery{
		ID: j.id, Owner: j.owner, Term: j.term, Attempt: j.attempts, First: fromMs(j.first), Ambiguous: j.ambiguous > 0, State: j.state, Rung: j.rung,
		Deadline: fromMs(j.deadline), Campaign: f.id, Kind: f.kind, Title: f.title, Body: f.body, WantsAck: f.wantsAck, Lesson: j.lesson, LeaseEnd: fromMs(j.lease),
	}
	d.Learner.ID = people.LearnerID(j.learner)
	if r != nil {
		d.Learner, d.Facts, d.To, d.Phone = r.learner, r.facts, r.to, r.identity
	}
	d.Facts.Tried, d.Facts.Due = rungs(j.tried), true
	return d
}

// ahead writes ahead of the calls that c.Ahead wants to make at once. Their facts were read after their
// phones were locked, so there is nothing to be looked at again but what is in flight.
func (c *claiming) ahead(ctx context.Context, jobs []*job, list []bot.ClaimedDelivery) ([]bot.ClaimedDelivery, error) {
	wanted := slices.Clone(list)
	c.Ahead(wanted)
	var phones []int64
	for i := range wanted {
		if wanted[i].State == delivery.Sending && c.locked[wanted[i].Phone] {
			phones = append(phones, int64(wanted[i].Phone))
		}
	}
	if len(phones) == 0 {
		return list, nil
	}
	flying, err := c.s.flights(ctx, c.q, phones)
	if err != nil {
		return nil, err
	}
	c.flying = flying
	left := list[:0]
	for i, j := range jobs {
		d := wanted[i]
		switch {
		case d.State != delivery.Sending || !c.locked[d.Phone]:
			left = append(left, list[i])
		case c.flying[d.Phone]: // not claimed at all: it waits
			term := j.term - 1
			j.jobState, j.term, j.fresh, j.holder = j.was, term, false, j.was.owner
			j.notBefore = toMs(c.now.Add(flightPause))
		default:
			c.start(j, d)
			left = append(left, d.Begun(c.now))
		}
	}
	return left, c.useGrants(ctx)
}

// rungs and joined are the form of a list of rungs in the database.
func rungs(list string) (out []delivery.Rung) {
	for word := range strings.SplitSeq(list, ",") {
		if word != "" {
			out = append(out, delivery.Rung(word))
		}
	}
	return out
}

func tried(list string, r delivery.Rung) string {
	if r == "" || slices.Contains(rungs(list), r) {
		return list
	}
	if list == "" {
		return string(r)
	}
	return list + "," + string(r)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
