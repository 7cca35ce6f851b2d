package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot/study"
)

// correction says who changes credited hours and why. The zero value is study itself.
type correction struct {
	actor, note string
}

// source names what a ledger entry is for.
type source struct {
	kind study.SourceKind
	key  string
}

// credit makes the ledger's balance of each source equal to its entry, by appending (study.Repost).
// Again it changes nothing. An entry of 0 hours takes back what stands. Of two transactions that
// credit one source the later one waits for the earlier one and finds what it wrote.
func credit(ctx context.Context, s *Store, tx *gorm.DB, now time.Time, entries []study.LedgerEntry, by correction) error {
	q := under(tx)
	wanted := map[source]study.LedgerEntry{} // where a source is named twice the last word counts
	for _, e := range entries {
		wanted[source{e.Kind, e.Key}] = e
	}
	entries = slices.SortedFunc(maps.Values(wanted), func(a, b study.LedgerEntry) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key))
	})
	rows := ledgerRows()
	err := chunks(entries, func(part []study.LedgerEntry) error {
		posted, err := s.postings(ctx, q, part)
		if err != nil {
			return err
		}
		for _, e := range part {
			for _, p := range study.Repost(posted[source{e.Kind, e.Key}], e) {
				rows.add(int64(p.Learner), int64(p.Enrolment), p.Course, string(p.Kind), p.Key, int(p.Hours), p.Rule, string(p.Day), p.Part,
					cut(by.actor, 120), cut(by.note, 200), p.Delegate, toMs(now))
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading the ledger: %w", err)
	}
	if err := rows.exec(ctx, q); err != nil {
		return fmt.Errorf("appending to the ledger: %w", err)
	}
	return nil
}

// ledgerColumns are what a row of the ledger is written with.
const ledgerColumns = "learner_id enrolment_id course_id source_kind source_key hundredths rule day part actor note delegate credited_at"

func ledgerRows() *insert {
	return &insert{table: "ledger", columns: strings.Fields(ledgerColumns)}
}

// postings reads and locks what the ledger has of the entries' sources, in the order of their parts.
func (s *Store) postings(ctx context.Context, q querier, entries []study.LedgerEntry) (map[source][]study.Posting, error) {
	byKind := map[study.SourceKind][]any{}
	for _, e := range entries {
		byKind[e.Kind] = append(byKind[e.Kind], e.Key)
	}
	out := map[source][]study.Posting{}
	for _, kind := range slices.Sorted(maps.Keys(byKind)) {
		err := each(ctx, q, func(rows *sql.Rows) error {
			var p study.Posting
			err := rows.Scan(&p.Learner, &p.Enrolment, &p.Course, &p.Kind, &p.Key, &p.Hours, &p.Rule, &p.Day, &p.Part, &p.Delegate)
			k := source{p.Kind, p.Key}
			out[k] = append(out[k], p)
			return err
		}, "SELECT learner_id, enrolment_id, course_id, source_kind, source_key, hundredths, rule, day, part, delegate FROM ledger"+s.by("ledger_source")+
			" WHERE source_kind = ? AND source_key IN "+marks(len(byKind[kind]))+" ORDER BY source_key, part"+s.forUpdate(),
			append([]any{string(kind)}, byKind[kind]...)...)
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// CorrectHours makes the hours of sources what an administrator says, with the reason: an entry that stands
// is reversed and replaced, never changed. 0 hours take it back.
func (s *Store) CorrectHours(ctx context.Context, now time.Time, actor, reason string, entries []study.LedgerEntry) error {
	err := s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		if err := credit(ctx, s, tx, now, entries, correction{actor: actor, note: reason}); err != nil {
			return err
		}
		for _, e := range entries {
			err := appendAudit(ctx, s, tx, act{
				At: now, Actor: actor, Action: "ledger.correct", Object: string(e.Kind) + "/" + e.Key, Result: e.Hours.String(),
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("correcting hours: %w", err)
	}
	return nil
}
