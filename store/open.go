package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/libtnb/sqlite"
	gormmysql "gorm.io/driver/mysql"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/tiangeng/tiangeng/bot"
)

// Options opens a Store.
type Options struct {
	DSN         string       // mysql://user:password@host:port/database or sqlite:///path/file
	Connections int          // open connections at most on the path of the turns, 2 or more; 0 means 16
	Phones      *PhoneKeys   // seal telephone numbers; nil keeps none
	Logger      *slog.Logger // nil discards; no personal data is written to it
}

// Store is the database. It is safe for concurrent use; several processes may share a MySQL one,
// one process a SQLite one.
type Store struct {
	dialect dialect
	log     *slog.Logger
	phones  *PhoneKeys

	// db serves turns and deliveries: short statements, short time-outs. On SQLite it is the one
	// connection that writes.
	db *sql.DB
	// reads serves short reads: db itself on MySQL, several read-only connections on SQLite.
	reads *sql.DB
	// bulk serves imports, lists and migrations: long time-outs and few connections, so that no
	// export can starve an answer (reliability §2.2, 5 and 34). On SQLite it reads only.
	bulk *sql.DB

	orm     *gorm.DB // over db
	bulkORM *gorm.DB // over bulk on MySQL; over db on SQLite, where one connection writes
	readORM *gorm.DB // over reads
	listORM *gorm.DB // over bulk: reads of lists
}

var _ bot.Store = (*Store)(nil)

const bulkConnections = 4

// Open connects. It does not migrate. The error never holds the password.
func Open(ctx context.Context, o Options) (*Store, error) {
	a, err := parseDSN(o.DSN)
	if err != nil {
		return nil, err
	}
	if o.Connections == 0 {
		o.Connections = 16
	}
	if o.Connections < 2 {
		return nil, errors.New("the database needs at least 2 connections")
	}
	s := &Store{dialect: a.dialect, log: o.Logger, phones: o.Phones}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if a.dialect == dialectMySQL {
		err = s.openMySQL(a.mysql, o.Connections)
	} else {
		err = s.openSQLite(a.path, o.Connections)
	}
	if err == nil {
		err = s.db.PingContext(ctx)
	}
	if err == nil {
		err = s.wrap()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the database: %w", plain(err)), s.Close())
	}
	return s, nil
}

// session prepares a fresh connection of a driver.
type session struct {
	driver.Connector
	statements []string
}

// Connect opens a connection and runs the statements on it.
func (c session) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	e, ok := conn.(driver.ExecerContext)
	if !ok {
		return nil, errors.Join(errors.New("the driver cannot execute"), conn.Close())
	}
	for _, q := range c.statements {
		if _, err := e.ExecContext(ctx, q, nil); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	return conn, nil
}

// Read committed: no gap locks, so inserts of different people do not lock one another out; the
// invariants rest on unique keys and compare-and-set. Strict mode: too long is an error, not a cut.
// A lock is waited for at most 2 s, well inside the time a reply has.
var mysqlSession = []string{
	"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
	"SET SESSION sql_mode = 'STRICT_ALL_TABLES,ONLY_FULL_GROUP_BY,NO_ENGINE_SUBSTITUTION'",
	"SET SESSION innodb_lock_wait_timeout = 2",
}

func (s *Store) openMySQL(c *mysql.Config, connections int) error {
	// The driver's own logger would print to standard error beside slog.
	c.Logger = &mysql.NopLogger{}
	open := func(c *mysql.Config, n int) (*sql.DB, error) {
		connector, err := mysql.NewConnector(c)
		if err != nil {
			return nil, err
		}
		db := sql.OpenDB(session{connector, mysqlSession})
		db.SetMaxOpenConns(n)
		db.SetMaxIdleConns(n)
		db.SetConnMaxLifetime(30 * time.Minute) // below every server's and balancer's time-out
		db.SetConnMaxIdleTime(5 * time.Minute)
		return db, nil
	}
	var err error
	if s.db, err = open(c, connections); err != nil {
		return err
	}
	s.reads = s.db
	slow := c.Clone()
	slow.ReadTimeout, slow.WriteTimeout = max(c.ReadTimeout, 5*time.Minute), max(c.WriteTimeout, time.Minute)
	s.bulk, err = open(slow, bulkConnections)
	return err
}

func (s *Store) openSQLite(path string, connections int) error {
	open := func(n int, pragmas ...string) (*sql.DB, error) {
		v := url.Values{"_pragma": pragmas, "_txlock": {"immediate"}}
		u := url.URL{Scheme: "file", Path: path, RawQuery: v.Encode()}
		db, err := sql.Open(sqlite.DriverName, u.String())
		if err != nil {
			return nil, err
		}
		db.SetMaxOpenConns(n)
		db.SetMaxIdleConns(n)
		return db, nil
	}
	var err error
	// FULL: in WAL mode NORMAL may lose the last commits when the machine dies.
	if s.db, err = open(1, "busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)"); err != nil {
		return err
	}
	if s.reads, err = open(connections, "busy_timeout(5000)", "query_only(1)"); err != nil {
		return err
	}
	s.bulk, err = open(bulkConnections, "busy_timeout(5000)", "query_only(1)")
	return err
}

// wrap puts GORM over the pools.
func (s *Store) wrap() error {
	config := func() *gorm.Config {
		return &gorm.Config{
			SkipDefaultTransaction:                   true,
			TranslateError:                           false, // errors.go reads the drivers' own errors
			DisableForeignKeyConstraintWhenMigrating: true,
			Logger:                                   logger.Discard, // it would print parameters, which are personal data
			NowFunc:                                  func() time.Time { return time.Time{} },
		}
	}
	over := func(db *sql.DB) (*gorm.DB, error) {
		if s.dialect == dialectSQLite {
			return gorm.Open(sqlite.New(sqlite.Config{Conn: db}), config())
		}
		// Without RETURNING: with it, MariaDB's row counts lie about ignored duplicates.
		return gorm.Open(gormmysql.New(gormmysql.Config{Conn: db, DisableWithReturning: true}), config())
	}
	var err error
	if s.orm, err = over(s.db); err != nil {
		return err
	}
	if s.readORM, err = over(s.reads); err != nil {
		return err
	}
	if s.listORM, err = over(s.bulk); err != nil {
		return err
	}
	s.bulkORM = s.listORM
	if s.dialect == dialectSQLite {
		s.bulkORM = s.orm
	}
	return nil
}

// writer is the pool that long writes use.
func (s *Store) writer() *sql.DB {
	if s.dialect == dialectSQLite {
		return s.db
	}
	return s.bulk
}

// Close closes every connection. A Store that did not open is fine.
func (s *Store) Close() error {
	var err error
	if s.reads != nil && s.reads != s.db {
		err = errors.Join(err, s.reads.Close())
	}
	for _, c := range []*sql.DB{s.bulk, s.db} {
		if c != nil {
			err = errors.Join(err, io.Closer(c).Close())
		}
	}
	return err
}

// Ping reports whether the database answers, and its clock (UTC, ms).
func (s *Store) Ping(ctx context.Context) (time.Time, error) {
	now, err := s.clock(ctx, s.db)
	if err != nil {
		return time.Time{}, fmt.Errorf("asking the database: %w", plain(err))
	}
	return fromMs(now), nil
}

// Engine names the database and its version, for people.
func (s *Store) Engine(ctx context.Context) string {
	q, name := "SELECT VERSION()", "MySQL "
	if s.dialect == dialectSQLite {
		q, name = "SELECT sqlite_version()", "SQLite "
	}
	var v string
	if err := s.reads.QueryRowContext(ctx, q).Scan(&v); err != nil {
		return name + "?"
	}
	return name + v
}
