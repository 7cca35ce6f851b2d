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
	urgent, err := numbers(ctx, q, "SELECT id FROM campaigns WHERE status = ? AND kind = ? AND deadline_at > ?", string(bot.CampaignRunning), string(delivery.KindUrgent), toMs(now))
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

// ClaimDeliveries takes due deliveries for owner. Rows that another claimer holds are passed over
// where the database can (SKIP LOCKED); the UPDATE's own WHERE keeps a row from being claimed twice
// on every one.
func (s *Store) ClaimDeliveries(ctx context.Context, now time.Time, owner string, limit int, lease time.Duration) ([]bot.ClaimedDelivery, error) {
	var list []bot.ClaimedDelivery
	err := s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		q := under(tx)
		list = nil
		campaigns, frames, err := s.open(ctx, q, now, func(r delivery.Rung) bool { return r != delivery.RungMass })
		if err != nil {
			return err
		}
		var ids []int64
		for left := limit; left > 0 && len(campaigns) > 0; left = limit - len(ids) {
			// Shares, then shares of what others have left.
			share := max(1, left/len(campaigns))
			var more [][]lane
			for _, c := range campaigns {
				got, err := s.claim(ctx, q, now, c, owner, min(share, limit-len(ids)), lease)
				if err != nil {
					return err
				}
				if ids = append(ids, got...); len(got) == share {
					more = append(more, c)
				}
			}
			campaigns = more
		}
		if len(ids) == 0 {
			return nil
		}
		if list, err = s.claimed(ctx, q, now, owner, ids, frames); err != nil {
			return err
		}
		h := history()
		for _, d := range list {
			h.add(d.ID, string(delivery.Pending), string(delivery.Claimed), "", owner, d.Term, d.Attempt, 0, toMs(now))
		}
		return h.exec(ctx, q)
	})
	if err != nil {
		return nil, fmt.Errorf("claiming deliveries: %w", err)
	}
	return list, nil
}

// claim takes up to n rows of a campaign, those due longest of each rung first.
func (s *Store) claim(ctx context.Context, q querier, now time.Time, lanes []lane, owner string, n int, lease time.Duration) (ids []int64, err error) {
	for _, l := range lanes {
		if len(ids) >= n {
			break
		}
		some, err := s.pick(ctx, q, now, l, n-len(ids))
		if err != nil {
			return nil, err
		}
		ids = append(ids, some...)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	_, err = q.ExecContext(ctx, "UPDATE deliveries SET state = 'claimed', owner = ?, term = term + 1, lease_until = "+s.dbNow()+
		" + ?, updated_at = ? WHERE state = 'pending' AND id IN "+marks(len(ids)), append([]any{owner, lease.Milliseconds(), toMs(now)}, anys(ids)...)...)
	return ids, err
}

// pick locks up to n due rows of a lane that are in no batch.
func (s *Store) pick(ctx context.Context, q querier, now time.Time, l lane, n int) ([]int64, error) {
	return numbers(ctx, q, "SELECT id FROM deliveries"+s.by("deliveries_due")+` WHERE state = 'pending' AND campaign_id = ? AND rung = ? AND not_before <= ? AND batch_id = 0
		ORDER BY not_before, id LIMIT ?`+s.skipLocked(), int64(l.campaign), string(l.rung), toMs(now), n)
}

// claimed reads claimed rows with fresh facts of their recipients.
func (s *Store) claimed(ctx context.Context, q querier, now time.Time, owner string, ids []int64, frames map[bot.CampaignID]*frame) ([]bot.ClaimedDelivery, error) {
	var list []bot.ClaimedDelivery
	var learners []people.LearnerID
	err := chunks(ids, func(part []int64) error {
		return each(ctx, q, func(rows *sql.Rows) error {
			d := bot.ClaimedDelivery{Owner: owner}
			var deadline, lease, first int64
			var tried string
			l := &d.Lesson
			if err := rows.Scan(&d.ID, &d.Campaign, &d.Term, &d.Attempt, &first, &d.Ambiguous, &d.State, &d.Rung, &tried, &deadline,
				&l.Course.Course, &l.Course.Version, &l.Lesson, &d.Learner.ID, &lease); err != nil {
				return err
			}
			f := frames[d.Campaign]
			d.Kind, d.Title, d.Body, d.WantsAck = f.kind, f.title, f.body, f.wantsAck
			d.Deadline, d.LeaseEnd, d.First, d.Facts.Tried = fromMs(deadline), fromMs(lease), fromMs(first), rungs(tried)
			list = append(list, d)
			learners = append(learners, d.Learner.ID)
			return nil
		}, `SELECT id, campaign_id, term, attempts, first_attempt_at, ambiguous > 0, state, rung, tried, not_after, course_id, version, lesson_id, learner_id, lease_until
			FROM deliveries`+s.by("PRIMARY")+` WHERE state = 'claimed' AND owner = ? AND id IN `+marks(len(part))+" ORDER BY id", append([]any{owner}, anys(part)...)...)
	})
	if err != nil {
		return nil, err
	}
	known, err := s.recipients(ctx, q, now, learners)
	if err != nil {
		return nil, err
	}
	for i := range list {
		d := &list[i]
		if r := known[d.Learner.ID]; r != nil {
			tried := d.Facts.Tried
			d.Learner, d.Facts, d.To = r.learner, r.facts, r.to
			d.Facts.Tried = tried
		}
		d.Facts.Due = true
	}
	return list, nil
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
