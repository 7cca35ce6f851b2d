package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

// The migrations: equal numbers in both folders. Each statement can be repeated (IF NOT EXISTS),
// because MySQL cannot roll DDL back and a half-done run must be able to go on.
//
//go:embed migrations
var migrations embed.FS

// MigrationStatus says where the schema is.
type MigrationStatus struct {
	Current int64 // last number applied, 0 for none
	Latest  int64 // last number this program has
	Pending int
}

func (s *Store) provider() (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations/"+string(s.dialect))
	if err != nil {
		return nil, err
	}
	d := goose.DialectMySQL
	if s.dialect == dialectSQLite {
		d = goose.DialectSQLite3
	}
	return goose.NewProvider(d, s.writer(), files, goose.WithDisableGlobalRegistry(true))
}

// Migrate brings the schema up to date. Of several replicas one does it and the others wait.
func (s *Store) Migrate(ctx context.Context) (err error) {
	p, err := s.provider()
	if err != nil {
		return fmt.Errorf("reading the migrations: %w", err)
	}
	unlock, err := s.lockSchema(ctx)
	if err != nil {
		return fmt.Errorf("waiting for another migration: %w", plain(err))
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrating: %w", plain(err))
	}
	return nil
}

// lockSchema takes the one right to migrate. The lock belongs to a connection: when this process
// dies the server frees it. SQLite belongs to one process.
func (s *Store) lockSchema(ctx context.Context) (unlock func() error, err error) {
	if s.dialect == dialectSQLite {
		return func() error { return nil }, nil
	}
	conn, err := s.bulk.Conn(ctx)
	if err != nil {
		return nil, err
	}
	for held := (sql.NullInt64{}); held.Int64 != 1; {
		if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK(CONCAT('tiangeng/', LEFT(MD5(DATABASE()), 16)), 5)").Scan(&held); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	return func() error {
		_, err := conn.ExecContext(context.WithoutCancel(ctx), "DO RELEASE_LOCK(CONCAT('tiangeng/', LEFT(MD5(DATABASE()), 16)))")
		return errors.Join(err, conn.Close())
	}, nil
}

// MigrationStatus says where the schema is. It changes nothing.
func (s *Store) MigrationStatus(ctx context.Context) (MigrationStatus, error) {
	p, err := s.provider()
	if err != nil {
		return MigrationStatus{}, fmt.Errorf("reading the migrations: %w", err)
	}
	status, err := p.Status(ctx)
	if err != nil {
		return MigrationStatus{}, fmt.Errorf("reading the schema's version: %w", plain(err))
	}
	var m MigrationStatus
	for _, x := range status {
		m.Latest = max(m.Latest, x.Source.Version)
		if x.State == goose.StateApplied {
			m.Current = max(m.Current, x.Source.Version)
		} else {
			m.Pending++
		}
	}
	return m, nil
}
