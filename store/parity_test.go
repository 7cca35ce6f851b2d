package store_test

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	lite "github.com/libtnb/sqlite"

	"github.com/tiangeng/tiangeng/store"
)

// Both databases have the same tables, columns (with their lengths and NULLs) and keys.
func TestSchemasAreTheSame(t *testing.T) {
	t.Parallel()
	my, file := mariaDB(t), sqlite(t)
	for _, dsn := range []string{my, file} {
		s, err := store.Open(t.Context(), store.Options{DSN: dsn})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	rest := strings.TrimPrefix(my, "mysql://")
	host, name, _ := strings.Cut(strings.TrimPrefix(rest, "root@"), "/")
	a := schema(t, "mysql", "root@tcp("+host+")/"+name, []string{
		`SELECT table_name, column_name, CASE is_nullable WHEN 'YES' THEN 1 ELSE 0 END, CASE WHEN data_type IN ('varchar', 'varbinary') THEN character_maximum_length ELSE 0 END
			FROM information_schema.columns WHERE table_schema = DATABASE()`,
		`SELECT table_name, CONCAT(CASE WHEN index_name = 'PRIMARY' THEN 'primary' WHEN non_unique = 0 THEN 'unique' ELSE 'key' END, ' ', GROUP_CONCAT(column_name ORDER BY seq_in_index)), 0, 0
			FROM information_schema.statistics WHERE table_schema = DATABASE() GROUP BY table_name, index_name, non_unique`,
	})
	b := schema(t, lite.DriverName, "file:"+strings.TrimPrefix(file, "sqlite://"), []string{
		// A column's length stands in its CHECK, because SQLite itself takes any.
		`SELECT m.name, c.name, CASE c."notnull" WHEN 1 THEN 0 ELSE 1 END,
			CASE WHEN instr(m.sql, 'length(' || c.name || ') <= ') > 0 THEN CAST(substr(m.sql, instr(m.sql, '(length(' || c.name || ') <= ') + length('(length(' || c.name || ') <= '), 5) AS INTEGER) ELSE 0 END
			FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'`,
		`SELECT m.name, CASE i.origin WHEN 'pk' THEN 'primary ' ELSE CASE i."unique" WHEN 1 THEN 'unique ' ELSE 'key ' END END ||
			(SELECT group_concat(x.name, ',') FROM (SELECT name FROM pragma_index_info(i.name) ORDER BY seqno) x), 0, 0
			FROM sqlite_master m, pragma_index_list(m.name) i WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'`,
		`SELECT m.name, 'primary id', 0, 0 FROM sqlite_master m WHERE m.type = 'table' AND m.sql LIKE '%PRIMARY KEY AUTOINCREMENT%'`,
	})
	if len(a) < 100 {
		t.Fatalf("only %d columns and keys were found", len(a))
	}
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("(-MariaDB +SQLite):\n%s", diff)
	}
}

func schema(t *testing.T, driver, dsn string, queries []string) []string {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var list []string
	for _, q := range queries {
		rows, err := db.QueryContext(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var table, what string
			var null, length int
			if err := rows.Scan(&table, &what, &null, &length); err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(table, "goose_") {
				list = append(list, fmt.Sprintf("%s.%s null=%d length=%d", table, what, null, length))
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		_ = rows.Close()
	}
	slices.Sort(list)
	return list
}
