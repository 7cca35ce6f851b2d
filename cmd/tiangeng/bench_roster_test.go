//go:build bench

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tiangeng/tiangeng/store/storetest"
)

// TestRosterSideBySide imports 35,000 and 350,000 people, new and again and with a change each, in the built binary. It
// fails only when an import does, never for being slow.
func TestRosterSideBySide(t *testing.T) {
	bin := buildBinary(t)
	for _, engine := range []string{"sqlite", "mariadb"} {
		for _, n := range []int{35_000, 350_000} {
			dir := t.TempDir()
			dsn := "sqlite://" + filepath.Join(dir, "b.db")
			if engine == "mariadb" {
				dsn = storetest.MariaDB(t)
			}
			env := append(os.Environ(), "TIANGENG_DATABASE_DSN="+dsn, "TIANGENG_REDIS_URL="+storetest.Redis(t), "TIANGENG_LOG_LEVEL=error",
				"TIANGENG_ROSTER_PHONE_KEYS=k1:"+strings.Repeat("A", 43)+"=", "TIANGENG_ROSTER_PHONE_LOOKUP_KEY="+strings.Repeat("B", 43)+"=")
			mustRun(t, bin, env, "migrate")
			file := filepath.Join(dir, "r.csv")
			people := bigRoster(n, 0)
			for _, step := range []struct{ what, data string }{
				{"new", people}, {"again", people}, {"changed", strings.ReplaceAll(people, "村干部", "村医")},
			} {
				write(t, file, step.data)
				cmd := exec.CommandContext(t.Context(), bin, "roster", "import", file)
				cmd.Env = env
				began := time.Now()
				peak := peakOf(t, cmd)
				if cmd.ProcessState.ExitCode() != 0 {
					t.Fatalf("%s %s: exit %d", engine, step.what, cmd.ProcessState.ExitCode())
				}
				t.Logf("%-8s %7d %-8s %6.1f s, processor %5.1f s, peak %3d MB", engine, n, step.what, time.Since(began).Seconds(), cmd.ProcessState.UserTime().Seconds()+cmd.ProcessState.SystemTime().Seconds(), peak>>10)
			}
		}
	}
}
