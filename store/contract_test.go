package store_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tiangeng/tiangeng/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// sqlite is the DSN of a fresh file without a schema.
func sqlite(t *testing.T) string {
	t.Helper()
	return "sqlite://" + filepath.Join(t.TempDir(), "store.db")
}

// mariaDB is the DSN of a fresh database without a schema.
func mariaDB(t *testing.T) string {
	t.Helper()
	return storetest.MariaDB(t)
}

func TestContractOnSQLite(t *testing.T) {
	t.Parallel()
	storetest.Exercise(t, func(t *testing.T) string { t.Helper(); return storetest.MigratedSQLite(t) })
}

func TestContractOnMariaDB(t *testing.T) {
	t.Parallel()
	storetest.Exercise(t, func(t *testing.T) string { t.Helper(); return storetest.MigratedMariaDB(t) })
}
