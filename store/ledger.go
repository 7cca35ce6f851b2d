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
	decided     bool // against what administrators decided before
}

// credit makes the ledger's balance of each source equal to its entry, by appending (study.Repost).
// Again it changes nothing. An entry of 0 hours takes back what stands. Of two transactions that
// credit one source the later one waits for the earlier one and finds what it wrote. What an administrator decided
// about a source stands against what is counted (study.LedgerFacts).
func credit(ctx context.Context, s *Store, tx *gorm.DB, now time.Time, entries []study.LedgerEntry, by correction) error {
	q := under(tx)
	wanted := map[study.Source]study.LedgerEntry{} // where a source is named twice the last word counts
	for _, e := range entries {
		wanted[e.Of()] = e
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
		var decided map[study.Source]bool
		if !by.decided {
			if decided, err = decidedOf(ctx, q, part); err != nil {
				return err
			}
		}
		for _, e := range part {
			if decided[e.Of()] {
				continue
			}
			for _, p := range study.Repost(posted[e.Of()], e) {
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

// byKind groups the keys of entries by their kinds.
func byKind(entries []study.LedgerEntry) map[study.SourceKind][]any {
	out := map[study.SourceKind][]any{}
	for _, e := range entries {
		out[e.Kind] = append(out[e.Kind], e.Key)
	}
	return out
}

// postings reads and locks what the ledger has of the entries' sources, in the order of their parts.
func (s *Store) postings(ctx context.Context, q querier, entries []study.LedgerEntry) (map[study.Source][]study.Posting, error) {
	keys := byKind(entries)
	out := map[study.Source][]study.Posting{}
	for _, kind := range slices.Sorted(maps.Keys(keys)) {
		err := each(ctx, q, func(rows *sql.Rows) error {
			p, err := scanPosting(rows)
			out[p.Of()] = append(out[p.Of()], p)
			return err
		}, "SELECT "+postingColumns+" FROM ledger"+s.by("ledger_source")+
			" WHERE source_kind = ? AND source_key IN "+marks(len(keys[kind]))+" ORDER BY source_key, part"+s.forUpdate(),
			append([]any{string(kind)}, keys[kind]...)...)
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// decidedOf are those sources of the entries about which an administrator decided.
func decidedOf(ctx context.Context, q querier, entries []study.LedgerEntry) (map[study.Source]bool, error) {
	out := map[study.Source]bool{}
	for kind, keys := range byKind(entries) {
		err := each(ctx, q, func(rows *sql.Rows) error {
			k := study.Source{Kind: kind}
			err := rows.Scan(&k.Key)
			out[k] = true
			return err
		}, "SELECT DISTINCT source_key FROM ledger_corrections WHERE source_kind = ? AND source_key IN "+marks(len(keys)), append([]any{string(kind)}, keys...)...)
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// CorrectHours makes the hours of sources what an administrator says, with the reason: an entry that stands
// is reversed and replaced, never changed. 0 hours take it back. The decision is kept, and stands against whatever
// is counted for the source later.
func (s *Store) CorrectHours(ctx context.Context, now time.Time, actor, reason string, entries []study.LedgerEntry) error {
	err := s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		if err := credit(ctx, s, tx, now, entries, correction{actor: actor, note: reason, decided: true}); err != nil {
			return err
		}
		kept := insert{table: "ledger_corrections", columns: strings.Fields("learner_id enrolment_id course_id source_kind source_key hundredths rule day actor note delegate corrected_at")}
		for _, e := range entries {
			kept.add(int64(e.Learner), int64(e.Enrolment), e.Course, string(e.Kind), e.Key, int(e.Hours), e.Rule, string(e.Day), cut(actor, 120), cut(reason, 200), e.Delegate, toMs(now))
		}
		if err := kept.exec(ctx, under(tx)); err != nil {
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
