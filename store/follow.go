package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// followPage is how many people are looked at together: their lessons and wrong answers take memory.
const followPage = 1000

// FollowedPeople yields what is known of each person of a scope, by unit and name, for the list of
// those who need help. No transaction is held while the consumer works.
func (s *Store) FollowedPeople(ctx context.Context, scope people.Scope) iter.Seq2[study.Followed, error] {
	return func(yield func(study.Followed, error) bool) {
		ids, err := followedIDs(ctx, s.bulk, scope, math.MaxInt32)
		for page := range slices.Chunk(ids, followPage) {
			list, e := s.followed(ctx, s.bulk, page)
			if err = e; err != nil {
				break
			}
			for _, f := range list {
				if !yield(f, nil) {
					return
				}
			}
		}
		if err != nil {
			yield(study.Followed{}, fmt.Errorf("reading who needs help: %w", plain(err)))
		}
	}
}

func followedIDs(ctx context.Context, q querier, scope people.Scope, limit int) ([]int64, error) {
	where, args := scoped(scope)
	var ids []int64
	err := each(ctx, q, func(rows *sql.Rows) error {
		var id int64
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	}, "SELECT l.id FROM learners l WHERE "+onRoster+" AND "+where+" ORDER BY l.unit_code, l.name, l.id LIMIT ?", append(args, limit)...)
	return ids, err
}

// followed reads people by their numbers, in that order.
func (s *Store) followed(ctx context.Context, q querier, ids []int64) ([]study.Followed, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	list := make([]study.Followed, 0, len(ids))
	place := make(map[people.LearnerID]int, len(ids))
	err := each(ctx, q, func(rows *sql.Rows) error {
		var f study.Followed
		var bound int64
		if err := rows.Scan(append(learnerFields(&f.Learner), &bound)...); err != nil {
			return err
		}
		f.Bound = bound > 0
		list = append(list, f)
		return nil
	}, "SELECT "+learnerColumns+", l.bound_at FROM learners l LEFT JOIN org_units u ON u.code = l.unit_code WHERE l.id IN "+marks(len(ids)), anys(ids)...)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b study.Followed) int {
		return cmp.Or(cmp.Compare(a.Learner.Unit, b.Learner.Unit), cmp.Compare(a.Learner.Name, b.Learner.Name), cmp.Compare(a.Learner.ID, b.Learner.ID))
	})
	for i := range list {
		place[list[i].Learner.ID] = i
	}
	enrolments, err := s.enrolments(ctx, q, "enrolments_learner", "e.learner_id IN "+marks(len(ids)), anys(ids)...)
	if err != nil || len(enrolments) == 0 {
		return list, err
	}
	numbers := make([]int64, len(enrolments))
	for i, e := range enrolments {
		numbers[i] = int64(e.ID)
		f := &list[place[e.Learner]]
		f.Places = append(f.Places, study.FollowedPlace{Enrolment: e.Enrolment, Done: e.Done})
	}
	return list, each(ctx, q, func(rows *sql.Rows) error {
		var learner people.LearnerID
		var w study.Stuck
		if err := rows.Scan(&learner, &w.Course, &w.Lesson, &w.Item, &w.Wrong); err != nil {
			return err
		}
		if i, ok := place[learner]; ok {
			list[i].Stuck = append(list[i].Stuck, w)
		}
		return nil
	}, `SELECT r.learner_id, r.course_id, r.lesson_id, r.item_id, SUM(CASE WHEN r.correct = 0 THEN 1 ELSE 0 END)
		FROM responses r`+s.by("PRIMARY")+" WHERE r.enrolment_id IN "+marks(len(numbers))+`
		GROUP BY r.enrolment_id, r.learner_id, r.course_id, r.lesson_id, r.item_id
		HAVING SUM(CASE WHEN r.correct = 0 THEN 1 ELSE 0 END) > 1
		AND MAX(CASE WHEN r.correct = 0 THEN r.attempt ELSE 0 END) > MAX(CASE WHEN r.correct = 1 THEN r.attempt ELSE 0 END)
		ORDER BY r.learner_id, r.enrolment_id, r.course_id, r.lesson_id, r.item_id`, anys(numbers)...)
}
