package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// act is one privileged act.
type act struct {
	At        time.Time
	Actor     string // who did it, as the command line or the console knows them
	Action    string // for example "roster.apply"
	Object    string // on what
	Result    string // what came of it
	RequestID string
}

// appendAudit writes one act in the transaction of the act itself (L1). Writers queue at the one
// row of audit_head, so call it last.
func appendAudit(ctx context.Context, s *Store, tx *gorm.DB, a act) error {
	return writeAudit(ctx, s, under(tx), a)
}

// AuditRefusal records that somebody was refused something, in a transaction of its own: nothing was
// done. The caller bounds how many there are.
func (s *Store) AuditRefusal(ctx context.Context, now time.Time, actor, object, result, request string) error {
	err := s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		return appendAudit(ctx, s, tx, act{At: now, Actor: actor, Action: "api.refused", Object: object, Result: result, RequestID: request})
	})
	if err != nil {
		return fmt.Errorf("recording a refusal: %w", err)
	}
	return nil
}

// writeAudit is appendAudit for a transaction without GORM.
func writeAudit(ctx context.Context, s *Store, q querier, a act) error {
	if mistake("an act without its audit") {
		return nil
	}
	a.Actor, a.Object, a.RequestID = cut(a.Actor, 120), cut(a.Object, 200), cut(a.RequestID, 64)
	var before []byte
	if err := q.QueryRowContext(ctx, "SELECT hash FROM audit_head WHERE id = 1"+s.forUpdate()).Scan(&before); err != nil {
		return fmt.Errorf("reading the audit's head: %w", err)
	}
	hash := a.hash(before)
	i := insert{table: "audit", columns: []string{"acted_at", "actor", "action", "object", "result", "request_id", "prev_hash", "hash"}}
	i.add(toMs(a.At), a.Actor, a.Action, a.Object, a.Result, a.RequestID, before, hash)
	if err := i.exec(ctx, q); err != nil {
		return fmt.Errorf("writing the audit: %w", err)
	}
	if _, err := q.ExecContext(ctx, "UPDATE audit_head SET hash = ? WHERE id = 1", hash); err != nil {
		return fmt.Errorf("writing the audit's head: %w", err)
	}
	return nil
}

// hash chains the act to the one before: SHA-256 over the hash before and the fields, each with
// its length in front.
func (a act) hash(before []byte) []byte {
	h := sha256.New()
	field := func(b []byte) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	field(before)
	field(binary.BigEndian.AppendUint64(nil, uint64(toMs(a.At))))
	for _, s := range []string{a.Actor, a.Action, a.Object, a.Result, a.RequestID} {
		field([]byte(s))
	}
	return h.Sum(nil)
}

// VerifyAudit recomputes the chain and returns its length. An error says at which act it breaks.
func (s *Store) VerifyAudit(ctx context.Context) (acts int, err error) {
	before := make([]byte, sha256.Size)
	err = each(ctx, s.bulk, func(rows *sql.Rows) error {
		var id, at int64
		var a act
		var prev, hash []byte
		if err := rows.Scan(&id, &at, &a.Actor, &a.Action, &a.Object, &a.Result, &a.RequestID, &prev, &hash); err != nil {
			return err
		}
		a.At = fromMs(at)
		if string(prev) != string(before) || string(hash) != string(a.hash(before)) {
			return fmt.Errorf("the audit's chain is broken at act %d", id)
		}
		before = hash
		acts++
		return nil
	}, "SELECT id, acted_at, actor, action, object, result, request_id, prev_hash, hash FROM audit ORDER BY id")
	if err != nil {
		return acts, fmt.Errorf("verifying the audit: %w", plain(err))
	}
	var head []byte
	if err := s.bulk.QueryRowContext(ctx, "SELECT hash FROM audit_head WHERE id = 1").Scan(&head); err != nil {
		return acts, fmt.Errorf("verifying the audit: %w", plain(err))
	}
	if string(head) != string(before) {
		return acts, errors.New("verifying the audit: acts are missing at its end")
	}
	return acts, nil
}

// cut shortens to n characters.
func cut(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}
