package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot/conversation"
)

// scratchPrefix begins the name of every database that Scratch makes, and of none else: what drop
// drops carries it.
const scratchPrefix = "tiangeng_scratch_"

// Scratch makes an empty database of its own on the MySQL server that dsn names, for rehearsals;
// the database that dsn names is not touched. drop removes it again.
func Scratch(ctx context.Context, dsn string) (scratch string, drop func(context.Context) error, err error) {
	a, err := parseDSN(dsn)
	if err != nil {
		return "", nil, err
	}
	if a.dialect != dialectMySQL {
		return "", nil, errors.New("a scratch database is made on a MySQL server: the DSN begins with mysql://")
	}
	suffix := make([]byte, 6)
	_, _ = rand.Read(suffix) // never fails
	name := scratchPrefix + hex.EncodeToString(suffix)
	if err := onServer(ctx, a.mysql, "CREATE DATABASE "+name+" CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"); err != nil {
		return "", nil, fmt.Errorf("making a scratch database (the user needs the right to create databases): %w", err)
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return "", nil, errors.New("the DSN cannot be read") // parseDSN has read it
	}
	u.Path = "/" + name
	drop = func(ctx context.Context) error {
		if err := onServer(ctx, a.mysql, "DROP DATABASE "+name); err != nil {
			return fmt.Errorf("dropping the scratch database %s: %w", name, err)
		}
		return nil
	}
	return u.String(), drop, nil
}

// ServerProcessFile is the path, on the server's machine, of the file with its process number.
func ServerProcessFile(ctx context.Context, dsn string) (path string, err error) {
	a, err := parseDSN(dsn)
	if err != nil {
		return "", err
	}
	connector, err := mysql.NewConnector(a.mysql)
	if err != nil {
		return "", plain(err)
	}
	db := sql.OpenDB(connector)
	err = db.QueryRowContext(ctx, "SELECT @@pid_file").Scan(&path)
	return path, plain(errors.Join(err, db.Close()))
}

// onServer runs one statement outside any store.
func onServer(ctx context.Context, c *mysql.Config, statement string) error {
	long := c.Clone()
	long.ReadTimeout, long.WriteTimeout = time.Minute, time.Minute // dropping large tables takes time
	connector, err := mysql.NewConnector(long)
	if err != nil {
		return plain(err)
	}
	db := sql.OpenDB(connector)
	_, err = db.ExecContext(ctx, statement)
	return plain(errors.Join(err, db.Close()))
}

// BindCrowd gives everybody on the roster a phone that follows and has typed at now: the fixture of
// a rehearsal. external names the platform's id of the nth person by number, n from 1 on. It works
// on a database without a single phone only, so that it cannot touch real people.
func (s *Store) BindCrowd(ctx context.Context, now time.Time, channel, account string, external func(n int) string) (people int, err error) {
	state, err := encodeState(conversation.State{})
	if err != nil {
		return 0, err
	}
	err = s.transact(ctx, s.bulkORM, func(tx *gorm.DB) error {
		q := under(tx)
		var phones int
		if err := q.QueryRowContext(ctx, `SELECT COUNT(*) FROM identities`).Scan(&phones); err != nil {
			return fmt.Errorf("looking for phones: %w", err)
		}
		if phones > 0 {
			return fmt.Errorf("the database has %d phones already: a crowd is for an empty one", phones)
		}
		ids, err := learnersOf(ctx, q)
		if err != nil {
			return err
		}
		people = 0
		for len(ids) > 0 {
			n := min(len(ids), crowdChunk)
			if err := bindSome(ctx, q, toMs(now), ids[:n], people, state, channel, account, external); err != nil {
				return err
			}
			people, ids = people+n, ids[n:]
		}
		_, err = q.ExecContext(ctx, `UPDATE learners SET bound_at = ?`, toMs(now))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("binding a crowd: %w", err)
	}
	return people, nil
}

// crowdChunk is how many rows one statement writes: SQLite takes 32,766 values.
const crowdChunk = 2000

func learnersOf(ctx context.Context, q querier) ([]int64, error) {
	rows, err := q.QueryContext(ctx, `SELECT id FROM learners ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("reading the roster: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var ids []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("reading the roster: %w", err)
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// bindSome writes phones and who uses them. The table is empty, so the numbers are the person's own.
func bindSome(ctx context.Context, q querier, now int64, ids []int64, before int, state, channel, account string, external func(int) string) error {
	phones, users := make([]any, 0, 8*len(ids)), make([]any, 0, 3*len(ids))
	for i, id := range ids {
		phones = append(phones, id, channel, account, external(before+i+1), id, now, now, state)
		users = append(users, id, id, now)
	}
	rows := func(form string) string { return strings.TrimSuffix(strings.Repeat(form+",", len(ids)), ",") }
	if _, err := q.ExecContext(ctx, `INSERT INTO identities (id, channel, account, external_id, learner_id, followed_at, typed_at, state, following, notice_version, seq, created_at) VALUES `+
		rows(`(?, ?, ?, ?, ?, ?, ?, ?, 1, 1, 1, 0)`), phones...); err != nil {
		return fmt.Errorf("writing phones: %w", err)
	}
	if _, err := q.ExecContext(ctx, `INSERT INTO profiles (identity_id, learner_id, created_at) VALUES `+rows(`(?, ?, ?)`), users...); err != nil {
		return fmt.Errorf("writing who uses them: %w", err)
	}
	return nil
}
