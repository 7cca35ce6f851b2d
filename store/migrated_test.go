package store_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	who "github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/store"
	"github.com/tiangeng/tiangeng/store/storetest"
)

// The tests share databases one after the other. Whatever the one before did, the next finds what migrating makes: no rows,
// numbers from one on, nobody else in it.
func TestADatabaseIsTheSameForTheNextTest(t *testing.T) { //nolint:paralleltest // alone, so that the same database comes back
	everything := func(t *testing.T, dsn string) map[string][]string {
		t.Helper()
		all := map[string][]string{"tables": storetest.Rows(t, dsn, "SELECT table_name, auto_increment FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY table_name")}
		for _, line := range all["tables"] {
			table, _, _ := strings.Cut(line, "|")
			query := "SELECT * FROM " + table
			if table == "goose_db_version" {
				query = "SELECT id, version_id, is_applied FROM " + table // it has the time too
			}
			all[table] = storetest.Rows(t, dsn, query)
		}
		all["others"] = storetest.Rows(t, dsn, "SELECT info FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID() AND info LIKE 'INSERT%'")
		return all
	}
	migrated := mariaDB(t)
	s, err := store.Open(t.Context(), store.Options{DSN: migrated})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	want, dsns := everything(t, migrated), map[string]bool{}
	for _, name := range []string{"first", "second", "third"} { //nolint:paralleltest // one after the other, see above
		t.Run(name, func(t *testing.T) {
			dsn := storetest.MigratedMariaDB(t)
			dsns[dsn] = true
			if diff := cmp.Diff(want, everything(t, dsn)); diff != "" {
				t.Errorf("-migrated +used again:\n%s", diff)
			}
			s, err := store.Open(t.Context(), store.Options{DSN: dsn})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			rows := []who.RosterRow{{Unit: "530112001201", Units: []who.OrgUnit{{Code: "530112001201", Name: "村"}}, Name: "张三", Category: "村干部", Code: "AAAA"}}
			if _, err := s.ApplyRoster(t.Context(), instant, "test", rows, ""); err != nil {
				t.Fatal(err)
			}
			raw := storetest.Raw(t, dsn)
			for _, q := range []string{
				"DELETE FROM learners", // its numbers go on
				"UPDATE audit_head SET id = 2",
				"DELETE FROM goose_db_version WHERE version_id > 5",
				map[string]string{"second": "CREATE TRIGGER boom BEFORE INSERT ON learners FOR EACH ROW SET NEW.name = 'x'"}[name],
			} {
				if q == "" {
					continue
				}
				if _, err := raw.ExecContext(t.Context(), q); err != nil {
					t.Fatal(err)
				}
			}
			if name == "first" { // a program is killed, and its statement goes on
				go func() {
					_, _ = raw.ExecContext(t.Context(), "INSERT INTO audit_head (id, hash) SELECT 9 + SLEEP(60), x'00'") // ended by whoever gives the database back
				}()
				for len(storetest.Rows(t, dsn, "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID() AND info LIKE 'INSERT%'")) == 0 {
					continue
				}
			}
		})
	}
	if len(dsns) != 2 { // the second left a trigger: its database is not used again
		t.Errorf("%d databases were used by three tests", len(dsns))
	}
}
