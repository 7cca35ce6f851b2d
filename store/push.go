package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// DueEnrolments returns the active places of a class that have no delivery of that day yet, by id.
func (s *Store) DueEnrolments(ctx context.Context, _ time.Time, cohort string, day study.Day, after study.EnrolmentID, limit int) ([]bot.DueEnrolment, error) {
	// The page's numbers first, by a range of the index. LEFT JOIN, because NOT EXISTS makes MariaDB
	// gather every delivery there ever was, for every page (measured: 64 s of a push to 350,000).
	var class int64
	err := s.reads.QueryRowContext(ctx, "SELECT COALESCE(MAX(id), 0) FROM cohorts WHERE code = ?", cohort).Scan(&class)
	if err != nil {
		return nil, fmt.Errorf("reading who is due: %w", plain(err))
	}
	var ids []int64
	err = each(ctx, s.reads, func(rows *sql.Rows) error {
		var id int64
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	}, "SELECT e.id FROM enrolments e"+s.by("enrolments_active")+" LEFT JOIN deliveries d"+s.by("deliveries_day")+` ON d.enrolment_id = e.id AND d.day = ?
		WHERE e.cohort_id = ? AND e.status = ? AND e.id > ? AND d.id IS NULL ORDER BY e.id LIMIT ?`,
		string(day), class, string(study.Active), int64(after), limit)
	if err != nil {
		return nil, fmt.Errorf("reading who is due: %w", plain(err))
	}
	if len(ids) == 0 {
		return nil, nil
	}
	list, err := s.enrolments(ctx, s.reads, "e.id IN "+marks(len(ids)), anys(ids)...)
	if err != nil {
		return nil, fmt.Errorf("reading who is due: %w", plain(err))
	}
	learners := make([]people.LearnerID, len(list))
	for i, e := range list {
		learners[i] = e.Learner
	}
	facts, err := s.recipients(ctx, s.reads, learners)
	if err != nil {
		return nil, fmt.Errorf("reading recipients: %w", plain(err))
	}
	due := make([]bot.DueEnrolment, len(list))
	for i, e := range list {
		due[i] = bot.DueEnrolment{Enrolment: *e, Facts: facts[e.Learner].facts}
	}
	return due, nil
}

// recipient is what is known now about how a learner can be reached.
type recipient struct {
	facts    delivery.Facts
	learner  people.Learner
	identity conversation.IdentityID
	to       [3]string // channel, account, external id
}

// recipients reads learners with their phones. Of several phones the one that wrote last is taken:
// its reply window is the widest.
func (s *Store) recipients(ctx context.Context, q querier, learners []people.LearnerID) (map[people.LearnerID]recipient, error) {
	out := make(map[people.LearnerID]recipient, len(learners))
	return out, each(ctx, q, func(rows *sql.Rows) error {
		var r recipient
		var typed, tap int64
		err := rows.Scan(append(learnerFields(&r.learner), &r.identity, &r.to[0], &r.to[1], &r.to[2], &r.facts.Following, &typed, &tap, &r.facts.SentSince)...)
		if err != nil {
			return err
		}
		r.facts.Bound, r.facts.Push = r.identity != 0, r.learner.Push
		r.facts.TypedAt, r.facts.TapAt = fromMs(typed), fromMs(tap)
		if before, seen := out[r.learner.ID]; !seen || better(r.facts, before.facts) {
			out[r.learner.ID] = r
		}
		return nil
	}, "SELECT "+learnerColumns+`, COALESCE(i.id, 0), COALESCE(i.channel, ''), COALESCE(i.account, ''), COALESCE(i.external_id, ''),
		COALESCE(i.following, 0), COALESCE(i.typed_at, 0), COALESCE(i.tap_at, 0), COALESCE(i.sent_since, 0)
		FROM learners l LEFT JOIN org_units u ON u.code = l.unit_code
		LEFT JOIN profiles p`+s.by("profiles_learner")+` ON p.learner_id = l.id LEFT JOIN identities i`+s.by("PRIMARY")+` ON i.id = p.identity_id
		WHERE l.id IN `+marks(len(learners))+" ORDER BY l.id, i.id", anys(learners)...)
}

func better(a, b delivery.Facts) bool {
	if a.Following != b.Following {
		return a.Following
	}
	return a.TypedAt.After(b.TypedAt)
}

// FirePush writes a page of a day's deliveries; who has one of that day keeps it.
func (s *Store) FirePush(ctx context.Context, now time.Time, push bot.Push, planned []bot.PlannedDelivery) (written int, err error) {
	err = s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		written = 0
		q := under(tx)
		campaign, err := s.campaign(ctx, q, now, push)
		if err != nil || len(planned) == 0 {
			return err
		}
		before, err := countDeliveries(ctx, q, campaign, planned)
		if err != nil {
			return err
		}
		i := insert{table: "deliveries", tail: s.orIgnore("created_at"), columns: []string{
			"campaign_id", "enrolment_id", "learner_id", "day", "course_id", "version", "lesson_id", "state", "why", "rung", "not_before", "not_after", "created_at", "updated_at",
		}}
		for _, p := range planned {
			state := delivery.Pending
			if p.Decision.Rung != delivery.RungWindow {
				state = delivery.Skipped
			}
			i.add(campaign, int64(p.Enrolment), int64(p.Learner), string(push.Day), p.Lesson.Course.Course, p.Lesson.Course.Version, p.Lesson.Lesson,
				string(state), string(p.Decision.Why), string(p.Decision.Rung), toMs(p.Decision.NotBefore), toMs(p.Decision.NotAfter), toMs(now), toMs(now))
		}
		if err := i.exec(ctx, q); err != nil {
			return err
		}
		after, err := countDeliveries(ctx, q, campaign, planned)
		written = after - before
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("firing a push: %w", err)
	}
	return written, nil
}

// countDeliveries counts those of a page alone: a push of many pages must not count them all for each.
func countDeliveries(ctx context.Context, q querier, campaign int64, page []bot.PlannedDelivery) (n int, err error) {
	places := make([]int64, len(page))
	for i := range page {
		places[i] = int64(page[i].Enrolment)
	}
	err = chunks(places, func(part []int64) error {
		var some int
		err := q.QueryRowContext(ctx, "SELECT COUNT(*) FROM deliveries WHERE campaign_id = ? AND enrolment_id IN "+marks(len(part)), append([]any{campaign}, anys(part)...)...).Scan(&some)
		n += some
		return err
	})
	return n, err
}

// lessonPush is the kind of campaign that a day's push is.
const lessonPush = "lesson"

// campaign finds or makes the day's campaign. Its row is locked: pages of one push that two replicas
// write are counted one after the other.
func (s *Store) campaign(ctx context.Context, q querier, now time.Time, push bot.Push) (int64, error) {
	_, err := q.ExecContext(ctx, `INSERT INTO campaigns (kind, cohort_id, day, due_at, deadline_at, expired, fired_at)
		SELECT ?, c.id, ?, ?, ?, ?, ? FROM cohorts c WHERE c.code = ?`+s.orIgnore("campaigns.fired_at"),
		lessonPush, string(push.Day), toMs(push.DueAt), toMs(push.Deadline), push.Expired, toMs(now), push.Cohort)
	if err != nil {
		return 0, err
	}
	var id int64
	err = q.QueryRowContext(ctx, "SELECT m.id FROM campaigns m JOIN cohorts c ON c.id = m.cohort_id WHERE m.kind = ? AND c.code = ? AND m.day = ?"+s.forUpdate(),
		lessonPush, push.Cohort, string(push.Day)).Scan(&id)
	return id, err
}

// PushSummary counts the deliveries of a day's push by state and reason.
func (s *Store) PushSummary(ctx context.Context, cohort string, day study.Day) (bot.PushSummary, error) {
	sum := bot.PushSummary{Push: bot.Push{Cohort: cohort, Day: day}, States: map[delivery.State]int{}, Reasons: map[delivery.Why]int{}}
	var id, due, deadline int64
	err := s.reads.QueryRowContext(ctx, `SELECT m.id, m.due_at, m.deadline_at, m.expired FROM campaigns m JOIN cohorts c ON c.id = m.cohort_id
		WHERE m.kind = ? AND c.code = ? AND m.day = ?`, lessonPush, cohort, string(day)).Scan(&id, &due, &deadline, &sum.Push.Expired)
	if errors.Is(err, sql.ErrNoRows) {
		return sum, fault.New(fault.NotFound, "push.not_fired", fault.A("day", day))
	}
	if err != nil {
		return sum, fmt.Errorf("reading a push: %w", plain(err))
	}
	sum.Push.DueAt, sum.Push.Deadline = fromMs(due), fromMs(deadline)
	err = each(ctx, s.reads, func(rows *sql.Rows) error {
		var state delivery.State
		var why delivery.Why
		var n, pulled int
		if err := rows.Scan(&state, &why, &n, &pulled); err != nil {
			return err
		}
		sum.Audience += n
		sum.States[state] += n
		if why != delivery.WhyNone {
			sum.Reasons[why] += n
		}
		sum.Pulled += pulled
		return nil
	}, `SELECT state, why, COUNT(*), SUM(CASE WHEN pulled_at > 0 THEN 1 ELSE 0 END) FROM deliveries WHERE campaign_id = ? GROUP BY state, why`, id)
	if err != nil {
		return sum, fmt.Errorf("counting a push: %w", plain(err))
	}
	return sum, nil
}
