package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tiangeng/tiangeng/store"
)

// Migrating takes a second and more under the race detector. Tests that are not about migrating take a database that is
// migrated and otherwise empty: of SQLite a copy of one file, of MariaDB one that an earlier test had and that was emptied.

// template is the migrated SQLite file of this process.
var template struct {
	once sync.Once
	file []byte
}

// MigratedSQLiteFile is the content of a SQLite file that has nothing but its schema.
func MigratedSQLiteFile(tb testing.TB) []byte {
	tb.Helper()
	template.once.Do(func() {
		dir, err := os.MkdirTemp("", "tiangeng-template-") // not the test's: its name may hold what a DSN may not
		if err != nil {
			tb.Fatal(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		name := filepath.Join(dir, "template.db")
		migrate(tb, "sqlite://"+name)
		file, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		template.file = file
	})
	if template.file == nil {
		tb.Fatal("the migrated SQLite file could not be made, see the first test that wanted it")
	}
	return template.file
}

// MigratedSQLite returns the DSN of a fresh SQLite file that has nothing but its schema.
func MigratedSQLite(tb testing.TB) string {
	tb.Helper()
	name := filepath.Join(tb.TempDir(), "store.db")
	if err := os.WriteFile(name, MigratedSQLiteFile(tb), 0o600); err != nil {
		tb.Fatal(err)
	}
	return "sqlite://" + name
}

func migrate(tb testing.TB, dsn string) {
	tb.Helper()
	s, err := store.Open(tb.Context(), store.Options{DSN: dsn})
	if err != nil {
		tb.Fatal(err)
	}
	if err := s.Migrate(tb.Context()); err != nil {
		tb.Fatalf("Migrate: %v", err)
	}
	if err := s.Close(); err != nil {
		tb.Fatal(err)
	}
}

// pool are the migrated databases of the shared MariaDB that no test has now.
var pool struct {
	once  sync.Once
	admin *sql.DB
	like  string   // the migrated database that the others are like; no test gets it
	tbls  []string // its tables
	seeds []string // those of them that migrations write rows to

	mu   sync.Mutex
	free []string
}

// MigratedMariaDB returns the DSN of a database, on the MariaDB that all tests of this process share, that has nothing but
// its schema. It goes to other tests later: who changes the schema takes MariaDB and migrates.
func MigratedMariaDB(tb testing.TB) string {
	tb.Helper()
	server := sharedMariaDB(tb)
	pool.once.Do(func() { preparePool(tb, server) })
	if pool.seeds == nil {
		tb.Fatal("the migrated MariaDB database could not be made, see the first test that wanted it")
	}
	name := ""
	pool.mu.Lock()
	if n := len(pool.free); n > 0 {
		name, pool.free = pool.free[n-1], pool.free[:n-1]
	}
	pool.mu.Unlock()
	if name == "" {
		name = alike(tb, server)
	}
	tb.Cleanup(func() { giveBack(tb, name) })
	return server.dsn(name)
}

func preparePool(tb testing.TB, server *Server) {
	tb.Helper()
	dsn := server.NewDatabase(tb)
	migrate(tb, dsn)
	pool.like = databaseOf(dsn)
	var err error
	if pool.admin, err = sql.Open("mysql", fmt.Sprintf("root@tcp(127.0.0.1:%d)/?interpolateParams=true&multiStatements=true", server.port)); err != nil {
		tb.Fatal(err)
	}
	pool.tbls = tables(tb, pool.like)
	pool.seeds = used(tb, pool.like)
}

func databaseOf(dsn string) string { return dsn[strings.LastIndexByte(dsn, '/')+1:] }

// alike makes one more database like the migrated one.
func alike(tb testing.TB, server *Server) string {
	tb.Helper()
	name := databaseOf(server.NewDatabase(tb))
	var b strings.Builder
	for _, t := range pool.tbls {
		fmt.Fprintf(&b, "CREATE TABLE %s.%s LIKE %s.%s;", name, t, pool.like, t)
	}
	for _, t := range pool.seeds {
		fmt.Fprintf(&b, "INSERT INTO %s.%s SELECT * FROM %s.%s;", name, t, pool.like, t)
	}
	administer(tb, b.String())
	return name
}

// giveBack empties a database after a test, so that the next one finds what the first one found: no rows, and numbers from
// one on. What a test has broken, and what a failed test leaves, is dropped.
func giveBack(tb testing.TB, name string) {
	tb.Helper()
	abandon(tb, name)
	if tb.Failed() || !slices.Equal(tables(tb, name), pool.tbls) || len(column(tb, "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = ?", name)) > 0 {
		administer(tb, "DROP DATABASE "+name)
		return
	}
	var b strings.Builder
	for _, t := range used(tb, name) {
		if !slices.Contains(pool.seeds, t) {
			fmt.Fprintf(&b, "TRUNCATE TABLE %s.%s;", name, t)
		}
	}
	for _, t := range pool.seeds {
		fmt.Fprintf(&b, "DELETE FROM %s.%s; INSERT INTO %s.%s SELECT * FROM %s.%s;", name, t, name, t, pool.like, t)
	}
	administer(tb, b.String())
	pool.mu.Lock()
	defer pool.mu.Unlock()
	pool.free = append(pool.free, name)
}

// abandon ends what connections of killed programs still do in a database.
func abandon(tb testing.TB, name string) {
	tb.Helper()
	limit := time.Now().Add(startLimit)
	for {
		ids := column(tb, "SELECT id FROM information_schema.processlist WHERE db = ?", name)
		if len(ids) == 0 {
			return
		}
		if time.Now().After(limit) {
			tb.Fatalf("connections to %s do not end", name)
		}
		for _, id := range ids {
			_, _ = pool.admin.ExecContext(context.Background(), "KILL "+id) // it may just have ended by itself
		}
	}
}

// tables are the names of a database's tables.
func tables(tb testing.TB, name string) []string {
	tb.Helper()
	return column(tb, "SELECT table_name FROM information_schema.tables WHERE table_schema = ? ORDER BY table_name", name)
}

// used are the tables of a database that have rows or have given numbers.
func used(tb testing.TB, name string) []string {
	tb.Helper()
	queries := []string{"SELECT CONVERT(table_name USING utf8mb4) FROM information_schema.tables WHERE table_schema = ? AND auto_increment > 1"}
	for _, t := range pool.tbls {
		queries = append(queries, fmt.Sprintf("SELECT '%s' FROM DUAL WHERE EXISTS (SELECT 1 FROM %s.%s)", t, name, t))
	}
	return column(tb, strings.Join(queries, " UNION "), name)
}

// column are the values of a query's only column. Not with the test's context: that ends before its cleanups.
func column(tb testing.TB, query string, args ...any) []string {
	tb.Helper()
	rows, err := pool.admin.QueryContext(context.Background(), query, args...)
	if err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
	defer func() { _ = rows.Close() }()
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			tb.Fatal(err)
		}
		out = append(out, s)
	}
	if err := rows.Err(); err != nil {
		tb.Fatal(err)
	}
	return out
}

func administer(tb testing.TB, statements string) {
	tb.Helper()
	if _, err := pool.admin.ExecContext(context.Background(), statements); err != nil {
		tb.Fatalf("%s: %v", statements, err)
	}
}
