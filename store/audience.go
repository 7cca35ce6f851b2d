package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/people"
)

// meets is the WHERE over learners l of who meets an audience within a scope. The scope is always in
// it: no scope, no rows (DESIGN rule 5).
func meets(scope people.Scope, a bot.Audience) clause {
	var c clause
	where, args := scoped(scope)
	c.add(onRoster+" AND "+where, args...)
	if len(scope.Prefixes()) == 0 { // nobody is seen, whatever is asked
		return c
	}
	if own := conditions(a); own.text.Len() > 0 {
		c.add(" AND ")
		c.join(own)
	}
	if a.Except != nil {
		except := conditions(*a.Except)
		if except.text.Len() == 0 {
			except.add("1 = 1") // who asks nothing of those to be left out leaves out everybody
		}
		c.add(" AND NOT (")
		c.join(except)
		c.add(")")
	}
	return c
}

// hasIt is the condition that a delivery d has come to its person, may have, or was read in the chat.
const hasIt = "(d.state IN ('accepted', 'delivered', 'unknown') OR d.pulled_at > 0)"

// Places that count for classes and progress.
const placeCounts = "e.status IN ('active', 'completed')"

// conditions joins what an audience asks, without its Except; empty when it asks nothing.
func conditions(a bot.Audience) clause {
	var c clause
	if len(a.Units) > 0 {
		where, args := scoped(people.Scope{Units: a.Units})
		c.sep(" AND ", where, args...)
	}
	if len(a.Categories) > 0 {
		c.sep(" AND ", "l.category IN "+marks(len(a.Categories)), anys(a.Categories)...)
	}
	if len(a.Cohorts) > 0 {
		c.sep(" AND ", "EXISTS (SELECT 1 FROM enrolments e JOIN cohorts c ON c.id = e.cohort_id WHERE e.learner_id = l.id AND "+placeCounts+" AND c.code IN "+marks(len(a.Cohorts))+")", anys(a.Cohorts)...)
	}
	if a.Progress != nil {
		is := progress(*a.Progress)
		c.sep(" AND ", "EXISTS (SELECT 1 FROM enrolments e JOIN cohort_courses k ON k.cohort_id = e.cohort_id AND k.course_id = ? WHERE e.learner_id = l.id AND "+placeCounts+" AND ", a.Progress.Course)
		c.join(is)
		c.add(")")
	}
	if len(a.Tags) > 0 {
		c.sep(" AND ", "EXISTS (SELECT 1 FROM learner_tags t WHERE t.learner_id = l.id AND t.tag IN "+marks(len(a.Tags))+")", anys(a.Tags)...)
	}
	if len(a.Learners) > 0 {
		c.sep(" AND ", "l.id IN ("+numberList(a.Learners)+")")
	}
	if a.Unacked != 0 {
		c.sep(" AND ", "EXISTS (SELECT 1 FROM deliveries d WHERE d.campaign_id = ? AND d.learner_id = l.id AND d.acked_at = 0 AND "+hasIt+")", int64(a.Unacked))
	}
	return c
}

// numberList writes numbers into the statement itself: an explicit list may be longer than a statement's
// parameters, and a number can carry no SQL.
func numberList(list []people.LearnerID) string {
	var b strings.Builder
	for i, id := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatInt(int64(id), 10))
	}
	return b.String()
}

// progress is a condition on a place e in a class that has the course.
func progress(p bot.Progress) (c clause) {
	const finished = "EXISTS (SELECT 1 FROM course_completions f WHERE f.enrolment_id = e.id AND f.course_id = ?)"
	switch p.Is {
	case bot.ProgressNotBegun:
		c.add("NOT EXISTS (SELECT 1 FROM openings o WHERE o.enrolment_id = e.id AND o.course_id = ?)", p.Course)
	case bot.ProgressNotDone:
		c.add("NOT "+finished, p.Course)
	case bot.ProgressDone:
		c.add(finished, p.Course)
	case bot.ProgressBegun:
		c.add(`EXISTS (SELECT 1 FROM openings o LEFT JOIN lesson_completions n ON n.enrolment_id = o.enrolment_id AND n.course_id = o.course_id AND n.lesson_id = o.lesson_id
			WHERE o.enrolment_id = e.id AND o.course_id = ? AND n.lesson_id IS NULL)`, p.Course)
	case bot.ProgressBehind:
		c.add("(SELECT COUNT(*) FROM lesson_completions n WHERE n.enrolment_id = e.id AND n.course_id = ?) < ?", p.Course, p.At)
	case bot.ProgressFailed:
		c.add(`EXISTS (SELECT 1 FROM responses r WHERE r.enrolment_id = e.id AND r.course_id = ? AND r.lesson_id = ? AND r.item_id = ? AND r.correct = 0
			AND NOT EXISTS (SELECT 1 FROM responses z WHERE z.enrolment_id = e.id AND z.course_id = r.course_id AND z.lesson_id = r.lesson_id AND z.item_id = r.item_id
				AND z.attempt > r.attempt AND z.correct = 1))`, p.Course, p.Lesson, p.Item)
	default:
		c.add("1 = 0") // nobody meets what nobody knows
	}
	return c
}

// AudienceSize counts who meets the audience within the scope.
func (s *Store) AudienceSize(ctx context.Context, scope people.Scope, a bot.Audience) (n int, err error) {
	where := meets(scope, a)
	if err := s.reads.QueryRowContext(ctx, "SELECT COUNT(*) FROM learners l WHERE "+where.text.String(), where.args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("counting an audience: %w", plain(err))
	}
	return n, nil
}

// Recipients returns a page of who meets the audience within the scope. The numbers come first, along
// the primary key, so that all pages together read the roster once.
func (s *Store) Recipients(ctx context.Context, now time.Time, scope people.Scope, a bot.Audience, after people.LearnerID, limit int) ([]bot.Recipient, error) {
	where := meets(scope, a)
	ids, err := numbers(ctx, s.reads, "SELECT l.id FROM learners l"+s.by("PRIMARY")+" WHERE l.id > ? AND "+where.text.String()+" ORDER BY l.id LIMIT ?",
		append(append([]any{int64(after)}, where.args...), limit)...)
	if err != nil {
		return nil, fmt.Errorf("reading an audience: %w", plain(err))
	}
	learners := make([]people.LearnerID, len(ids))
	for i, id := range ids {
		learners[i] = people.LearnerID(id)
	}
	known, err := s.recipients(ctx, s.reads, now, learners)
	if err != nil {
		return nil, fmt.Errorf("reading recipients: %w", plain(err))
	}
	list := make([]bot.Recipient, 0, len(learners))
	for _, id := range learners {
		r := known[id]
		if r == nil {
			continue // taken off the roster since
		}
		r.facts.Due = true
		list = append(list, bot.Recipient{Learner: r.learner, To: r.to, Phone: r.identity, Facts: r.facts})
	}
	return list, nil
}
