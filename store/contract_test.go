package store_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tiangeng/tiangeng/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// sqlite is the DSN of a fresh file.
func sqlite(t *testing.T) string {
	t.Helper()
	return "sqlite://" + filepath.Join(t.TempDir(), "store.db")
}

func mariaDB(t *testing.T) string {
	t.Helper()
	return storetest.MariaDB(t)
}

func TestContractOnSQLite(t *testing.T) {
	t.Parallel()
	storetest.Exercise(t, sqlite)
}

func TestContractOnMariaDB(t *testing.T) {
	t.Parallel()
	storetest.Exercise(t, mariaDB)
}
