package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
)

// TagPeople gives a tag (标签) to whoever meets the audience within the scope, or with on false takes it
// from them. It returns how many meet it and for how many that changed something; fault.NotFound
// "tag.nobody" when nobody meets it. One audit row.
func (s *Store) TagPeople(ctx context.Context, now time.Time, actor string, scope people.Scope, who bot.Audience, tag string, on bool) (met, changed int, err error) {
	err = s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		q := under(tx)
		where := meets(scope, who)
		text, args := where.text.String(), where.args
		if err := q.QueryRowContext(ctx, "SELECT COUNT(*) FROM learners l WHERE "+text, args...).Scan(&met); err != nil {
			return err
		}
		if met == 0 {
			return fault.New(fault.NotFound, "tag.nobody")
		}
		// The people are chosen in a derived table: MySQL does not let a statement read the table that it
		// changes, and the audience may ask for tags itself.
		query, action := `INSERT INTO learner_tags (learner_id, tag) SELECT x.id, ? FROM (SELECT l.id FROM learners l WHERE `+text+`) x
			WHERE NOT EXISTS (SELECT 1 FROM learner_tags t WHERE t.learner_id = x.id AND t.tag = ?)`+s.orIgnore("tag"), "tag.add"
		all := slices.Concat([]any{tag}, args, []any{tag})
		if !on {
			query, action = "DELETE FROM learner_tags WHERE tag = ? AND learner_id IN (SELECT x.id FROM (SELECT l.id FROM learners l WHERE "+text+") x)", "tag.remove"
			all = slices.Concat([]any{tag}, args)
		}
		r, err := q.ExecContext(ctx, query, all...)
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		if err != nil {
			return err
		}
		changed = int(n)
		return appendAudit(ctx, s, tx, act{At: now, Actor: actor, Action: action, Object: "tag " + tag, Result: fmt.Sprintf("%d of %d people", changed, met)})
	})
	if err != nil {
		return 0, 0, told("tagging people", err)
	}
	return met, changed, nil
}

// Tags counts the people of a scope by tag, in the order of the tags.
func (s *Store) Tags(ctx context.Context, scope people.Scope) (list []people.TagCount, err error) {
	where, args := scoped(scope)
	err = each(ctx, s.reads, func(rows *sql.Rows) error {
		var t people.TagCount
		err := rows.Scan(&t.Tag, &t.People)
		list = append(list, t)
		return err
	}, "SELECT t.tag, COUNT(*) FROM learner_tags t JOIN learners l ON l.id = t.learner_id WHERE "+onRoster+" AND "+where+" GROUP BY t.tag ORDER BY t.tag", args...)
	if err != nil {
		return nil, fmt.Errorf("counting tags: %w", plain(err))
	}
	return list, nil
}
