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

// DueEnrolments returns the active places of a class that have no lesson of that day yet, by id.
func (s *Store) DueEnrolments(ctx context.Context, now time.Time, cohort string, day study.Day, after study.EnrolmentID, limit int) ([]bot.DueEnrolment, error) {
	var class, campaign int64
	err := s.reads.QueryRowContext(ctx, "SELECT COALESCE(MAX(id), 0) FROM cohorts WHERE code = ?", cohort).Scan(&class)
	if err == nil {
		err = s.reads.QueryRowContext(ctx, "SELECT COALESCE(MAX(id), 0) FROM campaigns WHERE request_key = ?", pushKey(delivery.KindLesson, cohort, day)).Scan(&campaign)
	}
	if err != nil {
		return nil, fmt.Errorf("reading who is due: %w", plain(err))
	}
	// The page's numbers first, by a range of the index. LEFT JOIN, because NOT EXISTS makes MariaDB
	// gather every delivery there ever was, for every page (measured: 64 s of a push to 350,000).
	list, err := s.dueEnrolments(ctx, now, "SELECT e.id FROM enrolments e"+s.by("enrolments_active")+" LEFT JOIN deliveries d"+s.by("deliveries_recipient")+
		` ON d.campaign_id = ? AND d.learner_id = e.learner_id WHERE e.cohort_id = ? AND e.status = ? AND e.id > ? AND d.id IS NULL AND `+learnerStays+` ORDER BY e.id LIMIT ?`,
		campaign, class, string(study.Active), int64(after), limit)
	if err != nil {
		return nil, fmt.Errorf("reading who is due: %w", plain(err))
	}
	return list, nil
}

// BegunEnrolments returns the active places of a class whose learner opened a lesson on that day and
// has not completed it, by id.
func (s *Store) BegunEnrolments(ctx context.Context, now time.Time, cohort string, day study.Day, after study.EnrolmentID, limit int) ([]bot.DueEnrolment, error) {
	from, err := time.ParseInLocation(time.DateOnly, string(day), study.Zone)
	if err != nil {
		return nil, fault.New(fault.Invalid, "push.bad_day", fault.A("day", day))
	}
	list, err := s.dueEnrolments(ctx, now, `SELECT e.id FROM enrolments e`+s.by("enrolments_active")+` WHERE e.cohort_id = (SELECT c.id FROM cohorts c WHERE c.code = ?)
		AND e.status = ? AND e.id > ? AND `+learnerStays+` AND EXISTS (SELECT 1 FROM openings o LEFT JOIN lesson_completions k ON k.enrolment_id = o.enrolment_id AND k.course_id = o.course_id AND k.lesson_id = o.lesson_id
			WHERE o.enrolment_id = e.id AND o.opened_at >= ? AND o.opened_at < ? AND k.lesson_id IS NULL) ORDER BY e.id LIMIT ?`,
		cohort, string(study.Active), int64(after), toMs(from), toMs(from.Add(24*time.Hour)), limit)
	if err != nil {
		return nil, fmt.Errorf("reading who has begun: %w", plain(err))
	}
	return list, nil
}

// learnerStays is onRoster for places e.
// A value and no EXISTS, which a planner might turn round and read the roster first.
const learnerStays = "(SELECT l.left_day FROM learners l WHERE l.id = e.learner_id) = ''"

// dueEnrolments reads the places that a query names, with the facts of their recipients.
func (s *Store) dueEnrolments(ctx context.Context, now time.Time, query string, args ...any) ([]bot.DueEnrolment, error) {
	ids, err := numbers(ctx, s.reads, query, args...)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	list, err := s.enrolments(ctx, s.reads, "PRIMARY", "e.id IN "+marks(len(ids)), anys(ids)...)
	if err != nil {
		return nil, err
	}
	learners := make([]people.LearnerID, len(list))
	for i, e := range list {
		learners[i] = e.Learner
	}
	known, err := s.recipients(ctx, s.reads, now, learners)
	if err != nil {
		return nil, err
	}
	due := make([]bot.DueEnrolment, len(list))
	for i, e := range list {
		if r := known[e.Learner]; r != nil {
			due[i].Facts, due[i].Phone, due[i].Hour = r.facts, r.identity, r.hour
		}
		due[i].Enrolment = *e
	}
	return due, nil
}

// numbers reads one column of numbers.
func numbers(ctx context.Context, q querier, query string, args ...any) (list []int64, err error) {
	return list, each(ctx, q, func(rows *sql.Rows) error {
		var n int64
		err := rows.Scan(&n)
		list = append(list, n)
		return err
	}, query, args...)
}

// pushKey is the request key of a class's push of a day: two starts are one campaign (Z1).
func pushKey(kind delivery.Kind, cohort string, day study.Day) string {
	return string(kind) + "/" + cohort + "/" + string(day)
}

// FirePush writes a page of a day's deliveries; who has one of that push keeps it.
func (s *Store) FirePush(ctx context.Context, now time.Time, push bot.Push, planned []bot.PlannedDelivery) (written int, err error) {
	err = s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		written = 0
		q := under(tx)
		id, status, err := s.pushCampaign(ctx, q, now, push)
		if err != nil || len(planned) == 0 || status == bot.CampaignCancelled {
			return err
		}
		f := freezer{campaign: id, deadline: push.Deadline, now: now}
		for _, p := range planned {
			f.add(p.Learner, p.Phone, p.Decision, int64(p.Enrolment), p.Lesson)
		}
		written, err = f.exec(ctx, s, q)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("firing a push: %w", err)
	}
	return written, nil
}

// freezer collects rows of a frozen audience.
type freezer struct {
	campaign int64
	deadline time.Time
	now      time.Time
	rows     []any
}

var frozenColumns = []string{"campaign_id", "learner_id", "enrolment_id", "course_id", "version", "lesson_id", "state", "why", "rung", "not_before", "not_after", "identity_id", "created_at", "updated_at"}

func (f *freezer) add(l people.LearnerID, phone conversation.IdentityID, d delivery.Decision, place int64, lesson study.LessonRef) {
	state := delivery.Pending
	if d.Rung == delivery.RungPull {
		state = delivery.Skipped
	}
	// Sweeps look at a campaign's rows when its own deadline is over: none may end before.
	until := max(toMs(d.NotAfter), toMs(f.deadline))
	f.rows = append(f.rows, f.campaign, int64(l), place, lesson.Course.Course, lesson.Course.Version, lesson.Lesson,
		string(state), string(d.Why), string(d.Rung), toMs(d.NotBefore), until, int64(phone), toMs(f.now), toMs(f.now))
}

// exec writes the rows that are not there yet and returns how many these were.
func (f *freezer) exec(ctx context.Context, s *Store, q querier) (int, error) {
	i := insert{table: "deliveries", columns: frozenColumns, args: f.rows, tail: s.orIgnore("created_at")}
	n, err := i.count(ctx, q)
	return int(n), err
}

// pushCampaign finds or makes the day's campaign and locks it, so that pages of one push that two
// replicas write come one after the other.
func (s *Store) pushCampaign(ctx context.Context, q querier, now time.Time, push bot.Push) (id int64, status bot.CampaignStatus, err error) {
	kind := push.Kind
	if kind == "" {
		kind = delivery.KindLesson
	}
	status = bot.CampaignRunning
	if push.Expired {
		status = bot.CampaignExpired
	}
	key := pushKey(kind, push.Cohort, push.Day)
	if mistake("a day fired anew") {
		key += now.String()
	}
	r, err := q.ExecContext(ctx, `INSERT INTO campaigns (request_key, kind, status, cohort_id, day, body, audience, scope, forecast, made_by, due_at, deadline_at, frozen_at, created_at)
		SELECT ?, ?, ?, c.id, ?, '', '', ?, '', ?, ?, ?, ?, ? FROM cohorts c WHERE c.code = ?`+s.orIgnore("campaigns.created_at"),
		key, string(kind), string(status), string(push.Day), everybody, byProgram, toMs(push.DueAt), toMs(push.Deadline), toMs(now), toMs(now), push.Cohort)
	if err != nil {
		return 0, "", err
	}
	made, err := r.RowsAffected()
	if err != nil {
		return 0, "", err
	}
	if err := q.QueryRowContext(ctx, "SELECT id, status FROM campaigns WHERE request_key = ?"+s.forUpdate(), key).Scan(&id, &status); err != nil {
		return 0, "", err
	}
	if made == 0 {
		return id, status, nil
	}
	return id, status, writeScope(ctx, q, id, people.Everyone())
}

// byProgram makes what the schedule sends, for everybody.
const (
	byProgram = "schedule"
	everybody = `{"units":["*"]}`
)

// PushSummary counts the deliveries of a day's lessons by state and reason.
func (s *Store) PushSummary(ctx context.Context, cohort string, day study.Day) (bot.PushSummary, error) {
	sum := bot.PushSummary{Push: bot.Push{Kind: delivery.KindLesson, Cohort: cohort, Day: day}, States: map[delivery.State]int{}, Reasons: map[delivery.Why]int{}}
	var id, due, deadline int64
	var status bot.CampaignStatus
	err := s.reads.QueryRowContext(ctx, `SELECT id, due_at, deadline_at, status FROM campaigns WHERE request_key = ?`,
		pushKey(delivery.KindLesson, cohort, day)).Scan(&id, &due, &deadline, &status)
	if errors.Is(err, sql.ErrNoRows) {
		return sum, fault.New(fault.NotFound, "push.not_fired", fault.A("day", day))
	}
	if err != nil {
		return sum, fmt.Errorf("reading a push: %w", plain(err))
	}
	sum.Push.DueAt, sum.Push.Deadline, sum.Push.Expired = fromMs(due), fromMs(deadline), status == bot.CampaignExpired
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
