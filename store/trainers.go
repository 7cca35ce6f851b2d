package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/study"
)

// PutTrainer makes a learner a trainer, changes the scope, or with an empty one ends it.
func (s *Store) PutTrainer(ctx context.Context, now time.Time, actor string, t bot.Trainer) error {
	scope, err := json.Marshal(t.Scope)
	if err != nil {
		return fmt.Errorf("writing a scope: %w", err)
	}
	err = s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		q := under(tx)
		var name string
		if err := q.QueryRowContext(ctx, "SELECT name FROM learners WHERE id = ?", int64(t.Learner)).Scan(&name); err != nil {
			return err
		}
		a := act{At: now, Actor: actor, Action: "trainer.put", Object: "learner " + strconv.FormatInt(int64(t.Learner), 10), Result: string(scope)}
		if len(t.Scope.Prefixes()) == 0 {
			a.Action, a.Result = "trainer.end", ""
			if _, err := q.ExecContext(ctx, "DELETE FROM trainers WHERE learner_id = ?", int64(t.Learner)); err != nil {
				return err
			}
			return appendAudit(ctx, s, tx, a)
		}
		since := t.Since
		if since == "" {
			since = study.DayOf(now)
		}
		i := insert{table: "trainers", columns: []string{"learner_id", "name", "scope", "since", "created_at", "updated_at"}, tail: s.upsert("learner_id", "name", "scope", "updated_at")}
		i.add(int64(t.Learner), cut(name, 120), string(scope), string(since), toMs(now), toMs(now))
		if err := i.exec(ctx, q); err != nil {
			return err
		}
		return appendAudit(ctx, s, tx, a)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return fault.New(fault.NotFound, "announce.number_unknown", fault.A("value", t.Learner))
	}
	if err != nil {
		return fmt.Errorf("naming a trainer: %w", err)
	}
	return nil
}

// Trainers lists learners who are trainers, and the keys in force without their holders' end.
func (s *Store) Trainers(ctx context.Context) ([]bot.Trainer, error) {
	var list []bot.Trainer
	err := each(ctx, s.reads, func(rows *sql.Rows) error {
		var t bot.Trainer
		var scope []byte
		if err := rows.Scan(&t.Learner, &t.Name, &scope, &t.Since); err != nil {
			return err
		}
		list = append(list, t)
		return fromJSON(scope, &list[len(list)-1].Scope)
	}, "SELECT t.learner_id, COALESCE(l.name, t.name), t.scope, t.since FROM trainers t LEFT JOIN learners l ON l.id = t.learner_id ORDER BY t.learner_id")
	if err != nil {
		return nil, fmt.Errorf("listing trainers: %w", plain(err))
	}
	return list, nil
}

// PutAPIKey stores the hash of a key. Two keys of one holder may be in force, so that one can be
// replaced without a gap.
func (s *Store) PutAPIKey(ctx context.Context, now time.Time, actor string, hash [32]byte, holder bot.Trainer, until time.Time) error {
	scope, err := json.Marshal(holder.Scope)
	if err != nil {
		return fmt.Errorf("writing a scope: %w", err)
	}
	err = s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		i := insert{table: "api_keys", columns: []string{"key_hash", "name", "scope", "since", "until_at", "created_at"}}
		i.add(hash[:], cut(holder.Name, 120), string(scope), string(holder.Since), toMs(until), toMs(now))
		if err := i.exec(ctx, under(tx)); err != nil {
			return err
		}
		return appendAudit(ctx, s, tx, act{At: now, Actor: actor, Action: "apikey.put", Object: "key " + holder.Name, Result: string(scope)})
	})
	if err != nil {
		return fmt.Errorf("storing a key: %w", err)
	}
	return nil
}

// RevokeAPIKey ends every key of that name.
func (s *Store) RevokeAPIKey(ctx context.Context, now time.Time, actor, name string) error {
	err := s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		r, err := under(tx).ExecContext(ctx, "UPDATE api_keys SET revoked_at = ? WHERE name = ? AND revoked_at = 0", toMs(now), name)
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		if err != nil {
			return err
		}
		return appendAudit(ctx, s, tx, act{At: now, Actor: actor, Action: "apikey.revoke", Object: "key " + name, Result: strconv.FormatInt(n, 10)})
	})
	if err != nil {
		return fmt.Errorf("revoking a key: %w", err)
	}
	return nil
}

// APIKey returns the holder of a key in force.
func (s *Store) APIKey(ctx context.Context, now time.Time, hash [32]byte) (bot.Trainer, error) {
	var t bot.Trainer
	var scope []byte
	err := s.reads.QueryRowContext(ctx, "SELECT name, scope, since FROM api_keys WHERE key_hash = ? AND revoked_at = 0 AND until_at > ?", hash[:], toMs(now)).Scan(&t.Name, &scope, &t.Since)
	if errors.Is(err, sql.ErrNoRows) {
		return bot.Trainer{}, fault.New(fault.Forbidden, "api.key")
	}
	if err == nil {
		err = fromJSON(scope, &t.Scope)
	}
	if err != nil {
		return bot.Trainer{}, fmt.Errorf("looking up a key: %w", plain(err))
	}
	return t, nil
}
