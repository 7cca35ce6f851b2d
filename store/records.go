package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// RecordImport is a list of study elsewhere, with who vouches for it and by what.
type RecordImport struct {
	File     string // its name; "" for none
	SaidBy   string // a person or an office; at most 60 characters
	Evidence string // number of the document, or what was seen; at most 200 characters
	Rows     []study.RecordRow
	Today    study.Day
	DryRun   bool // only look
	// BadPercent is how many rows of a hundred may be refused, of those and of Rejected ones before; more, and
	// nothing is written.
	BadPercent int
	Rejected   int
}

// RecordResult is what came of it. New + Same + Rejected are all rows.
type RecordResult struct {
	Batch    int64          `json:"batch"` // 0 when nothing was written
	New      int            `json:"new"`
	Same     int            `json:"same"` // were there already
	Rejected int            `json:"rejected"`
	Problems []*fault.Error `json:"-"` // with row and column
}

// errDry ends the transaction of a dry run.
var errDry = errors.New("only looking")

// ImportRecords credits study elsewhere to people of a scope, once for each source and number. Rows that name
// nobody of the scope, or a number that is there with another content, are refused with the reason. The same list
// again changes nothing.
func (s *Store) ImportRecords(ctx context.Context, now time.Time, actor string, scope people.Scope, in RecordImport) (RecordResult, error) {
	var out RecordResult
	in.SaidBy, in.Evidence = strings.TrimSpace(in.SaidBy), strings.TrimSpace(in.Evidence)
	if in.SaidBy == "" || in.Evidence == "" || len([]rune(in.SaidBy)) > 60 || len([]rune(in.Evidence)) > 200 {
		return out, fault.New(fault.Invalid, "ledger.record_unproven")
	}
	err := s.transact(ctx, s.bulkORM, func(tx *gorm.DB) error {
		out = RecordResult{Rejected: in.Rejected}
		w := &recordWriter{s: s, q: under(tx), scope: scope, in: in, out: &out, have: map[string]haveRecord{}}
		fresh, err := w.fresh(ctx)
		if err != nil {
			return err
		}
		if all := len(in.Rows) + in.Rejected; out.Rejected*100 > all*in.BadPercent {
			return errDry
		}
		if in.DryRun || len(fresh) == 0 {
			return errDry
		}
		if out.Batch, err = w.write(ctx, now, actor, fresh); err != nil {
			return err
		}
		var entries []study.LedgerEntry
		for _, r := range fresh {
			entries = append(entries, r.Entry())
		}
		if err := credit(ctx, s, tx, now, entries, correction{actor: actor, note: in.Evidence}); err != nil {
			return err
		}
		return appendAudit(ctx, s, tx, act{At: now, Actor: actor, Action: "record.import", Object: fmt.Sprintf("batch %d", out.Batch), Result: fmt.Sprintf(
			"new %d, same %d, rejected %d, vouched for by %s", out.New, out.Same, out.Rejected, in.SaidBy)})
	})
	if all := len(in.Rows) + in.Rejected; errors.Is(err, errDry) && !in.DryRun && out.Rejected*100 > all*in.BadPercent {
		return out, fault.New(fault.Invalid, "roster.too_many_bad", fault.A("good", out.New+out.Same), fault.A("bad", out.Rejected), fault.A("cap", in.BadPercent)).At(in.File, 0, "")
	}
	if err != nil && !errors.Is(err, errDry) {
		return RecordResult{}, fmt.Errorf("importing records: %w", err)
	}
	return out, nil
}

type haveRecord struct {
	id int64
	study.Record
	undone int64
}

type recordWriter struct {
	s     *Store
	q     querier
	scope people.Scope
	in    RecordImport
	out   *RecordResult
	have  map[string]haveRecord
}

func (w *recordWriter) reject(r study.RecordRow, column, key string, args ...fault.Arg) {
	w.out.Rejected++
	w.out.Problems = append(w.out.Problems, fault.New(fault.Invalid, key, args...).At(w.in.File, r.Row, column))
}

type personKey struct {
	unit people.OrgCode
	name string
}

// fresh finds who the rows are about and returns those that are to be written.
func (w *recordWriter) fresh(ctx context.Context) ([]study.RecordRow, error) {
	byID, byName, err := w.people(ctx)
	if err != nil {
		return nil, err
	}
	if err := w.known(ctx); err != nil {
		return nil, err
	}
	var out []study.RecordRow
	seen := map[string]bool{}
	for _, r := range w.in.Rows {
		named := byName[personKey{r.Unit, r.Name}]
		key := study.RecordKey(r.Source, r.Number)
		if p := r.Problem(w.in.Today); p != nil {
			w.out.Rejected++
			w.out.Problems = append(w.out.Problems, p.At(w.in.File, r.Row, p.Column))
			continue
		}
		switch {
		case r.Learner != 0 && !byID[r.Learner]:
			w.reject(r, "学员编号", "announce.number_unknown", fault.A("value", int64(r.Learner)))
			continue
		case r.Learner == 0 && len(named) == 0:
			w.reject(r, "姓名", "announce.name_unknown", fault.A("name", r.Name), fault.A("unit", r.Unit))
			continue
		case r.Learner == 0 && len(named) > 1:
			w.reject(r, "姓名", "announce.name_twice", fault.A("name", r.Name), fault.A("count", len(named)))
			continue
		case r.Learner == 0:
			r.Learner = named[0]
		}
		h, known := w.have[key]
		switch {
		case seen[key]:
			w.reject(r, "记录编号", "ledger.record_again")
		case known && h.undone == 0 && h.Record == r.Record:
			w.out.Same++
		case known && h.undone == 0:
			w.reject(r, "记录编号", "ledger.record_other")
		default:
			w.out.New++
			out = append(out, r)
		}
		seen[key] = true
	}
	return out, nil
}

// people finds those of the scope whom the rows name.
func (w *recordWriter) people(ctx context.Context) (map[people.LearnerID]bool, map[personKey][]people.LearnerID, error) {
	ids, units := map[int64]bool{}, map[string]bool{}
	for _, r := range w.in.Rows {
		if r.Learner != 0 {
			ids[int64(r.Learner)] = true
		} else {
			units[string(r.Unit)] = true
		}
	}
	byID, byName := map[people.LearnerID]bool{}, map[personKey][]people.LearnerID{}
	where, args := scoped(w.scope)
	read := func(condition string, values []any) error {
		return each(ctx, w.q, func(rows *sql.Rows) error {
			var id people.LearnerID
			var k personKey
			if err := rows.Scan(&id, &k.unit, &k.name); err != nil {
				return err
			}
			byID[id] = true
			byName[k] = append(byName[k], id)
			return nil
		}, "SELECT l.id, l.unit_code, l.name FROM learners l WHERE "+where+" AND "+condition+" ORDER BY l.id", append(append([]any{}, args...), values...)...)
	}
	// By unit first: then the names are complete, and reading by number adds nobody to them.
	if err := chunks(keysOf(units), func(part []any) error { return read("l.unit_code IN "+marks(len(part)), part) }); err != nil {
		return nil, nil, err
	}
	names := byName
	byName = map[personKey][]people.LearnerID{}
	err := chunks(keysOf(ids), func(part []any) error { return read("l.id IN "+marks(len(part)), part) })
	return byID, names, err
}

// known reads and locks the records that are there already.
func (w *recordWriter) known(ctx context.Context) error {
	var keys []any
	for _, r := range w.in.Rows {
		keys = append(keys, study.RecordKey(r.Source, r.Number))
	}
	return chunks(keys, func(part []any) error {
		return each(ctx, w.q, func(rows *sql.Rows) error {
			var key string
			var h haveRecord
			err := rows.Scan(&h.id, &key, &h.Source, &h.Number, &h.Learner, &h.Title, &h.Hours, &h.Day, &h.undone)
			w.have[key] = h
			return err
		}, "SELECT id, record_key, source, number, learner_id, title, hundredths, day, undone_at FROM records WHERE record_key IN "+marks(len(part))+w.s.forUpdate(), part...)
	})
}

func (w *recordWriter) write(ctx context.Context, now time.Time, actor string, fresh []study.RecordRow) (int64, error) {
	r, err := w.q.ExecContext(ctx, "INSERT INTO record_batches (file, said_by, evidence, records, actor, imported_at) VALUES (?, ?, ?, ?, ?, ?)",
		cut(w.in.File, 200), w.in.SaidBy, w.in.Evidence, len(fresh), cut(actor, 120), toMs(now))
	if err != nil {
		return 0, err
	}
	batch, err := r.LastInsertId()
	if err != nil {
		return 0, err
	}
	rows := insert{table: "records", columns: strings.Fields("batch_id record_key source number learner_id title hundredths day undone_at"),
		tail: w.s.upsert("record_key", "batch_id", "learner_id", "title", "hundredths", "day", "undone_at")}
	for _, x := range fresh {
		rows.add(batch, study.RecordKey(x.Source, x.Number), x.Source, x.Number, int64(x.Learner), x.Title, int(x.Hours), string(x.Day), 0)
	}
	return batch, rows.exec(ctx, w.q)
}

// RecordBatch is one import of study elsewhere.
type RecordBatch struct {
	ID       int64     `json:"id"`
	File     string    `json:"file"`
	SaidBy   string    `json:"saidBy"`
	Evidence string    `json:"evidence"`
	Records  int       `json:"records"` // that count now
	Actor    string    `json:"actor"`
	At       time.Time `json:"at"`
	UndoneBy string    `json:"undoneBy"` // "" when it counts
	Why      string    `json:"why"`      // it was undone
}

// RecordBatches lists imports of study elsewhere of people of a scope, newest first.
func (s *Store) RecordBatches(ctx context.Context, scope people.Scope) ([]RecordBatch, error) {
	list := []RecordBatch{}
	where, args := scoped(scope)
	err := each(ctx, s.reads, func(rows *sql.Rows) error {
		var b RecordBatch
		var at int64
		err := rows.Scan(&b.ID, &b.File, &b.SaidBy, &b.Evidence, &b.Records, &b.Actor, &at, &b.UndoneBy, &b.Why)
		b.At = fromMs(at)
		list = append(list, b)
		return err
	}, `SELECT b.id, b.file, b.said_by, b.evidence, SUM(CASE WHEN r.undone_at = 0 THEN 1 ELSE 0 END), b.actor, b.imported_at, b.undone_by, b.undone_why
		FROM record_batches b JOIN records r ON r.batch_id = b.id JOIN learners l ON l.id = r.learner_id WHERE `+where+`
		GROUP BY b.id, b.file, b.said_by, b.evidence, b.actor, b.imported_at, b.undone_by, b.undone_why ORDER BY b.id DESC`, args...)
	if err != nil {
		return nil, fmt.Errorf("reading the imports of records: %w", plain(err))
	}
	return list, nil
}

// UndoRecords takes back what an import credited, with the reason, and tells how many records. An import with
// people outside the scope is fault.NotFound. Again it changes nothing.
func (s *Store) UndoRecords(ctx context.Context, now time.Time, actor string, scope people.Scope, batch int64, why string) (undone int, err error) {
	if why = strings.TrimSpace(why); why == "" || len([]rune(why)) > 200 {
		return 0, fault.New(fault.Invalid, "class.reason_bad", fault.A("limit", 200))
	}
	err = s.transact(ctx, s.bulkORM, func(tx *gorm.DB) error {
		undone = 0
		q := under(tx)
		where, args := scoped(scope)
		var all, seen int
		err := q.QueryRowContext(ctx, "SELECT COUNT(*), COALESCE(SUM(CASE WHEN "+where+" THEN 1 ELSE 0 END), 0) FROM records r LEFT JOIN learners l ON l.id = r.learner_id WHERE r.batch_id = ?",
			append(append([]any{}, args...), batch)...).Scan(&all, &seen)
		if err != nil {
			return err
		}
		if all == 0 || seen < all {
			return fault.New(fault.NotFound, "ledger.no_batch", fault.A("id", batch))
		}
		var entries []study.LedgerEntry
		err = each(ctx, q, func(rows *sql.Rows) error {
			var r study.Record
			err := rows.Scan(&r.Learner, &r.Source, &r.Number, &r.Day)
			entries = append(entries, r.Entry())
			return err
		}, "SELECT learner_id, source, number, day FROM records WHERE undone_at = 0 AND batch_id = ?"+s.forUpdate(), batch)
		if err != nil || len(entries) == 0 {
			return err
		}
		undone = len(entries)
		if _, err := q.ExecContext(ctx, "UPDATE records SET undone_at = ? WHERE undone_at = 0 AND batch_id = ?", toMs(now), batch); err != nil {
			return err
		}
		if _, err := q.ExecContext(ctx, "UPDATE record_batches SET undone_at = ?, undone_by = ?, undone_why = ? WHERE id = ?", toMs(now), cut(actor, 120), why, batch); err != nil {
			return err
		}
		if err := credit(ctx, s, tx, now, entries, correction{actor: actor, note: why}); err != nil {
			return err
		}
		return appendAudit(ctx, s, tx, act{At: now, Actor: actor, Action: "record.undo", Object: fmt.Sprintf("batch %d", batch), Result: fmt.Sprintf("%d records: %s", undone, why)})
	})
	if err != nil {
		return 0, fmt.Errorf("undoing an import of records: %w", err)
	}
	return undone, nil
}
