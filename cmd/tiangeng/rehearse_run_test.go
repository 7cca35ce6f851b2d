package main

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"testing"

	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/store/storetest"
)

// The whole rehearsal by the built program, on both databases: everybody is reached once, the platform
// says so too, and the scratch database is gone afterwards.
func TestRehearsing(t *testing.T) {
	t.Parallel()
	bin := buildBinary(t)
	for name, args := range map[string][]string{
		"mass":    {"--people", "300", "--mass", "--compare"},
		"sqlite":  {"--people", "300", "--compare"},
		"mariadb": {"--people", "300", "--rate", "100", "--dsn", storetest.MariaDB(t)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), bin, append([]string{"rehearse", "--json", "--workers", "4"}, args...)...)
			cmd.Env = []string{"HOME=" + t.TempDir(), "TMPDIR=" + t.TempDir(), "TIANGENG_WECHAT_API_BASE=https://must-not-be-called.invalid", "TIANGENG_WECHAT_APP_SECRET=canary"}
			var errs bytes.Buffer
			cmd.Stderr = &errs
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v\n%s%s", err, out, errs.String())
			}
			var all []rehearsal
			if err := json.Unmarshal(out, &all); err != nil || len(all) == 0 {
				t.Fatalf("%v: %s", err, out)
			}
			for _, r := range all {
				if len(r.Problems) > 0 || r.States[delivery.Accepted] != r.People || r.Seen.Reached != r.People || r.Seen.Twice != 0 || (r.BareRate <= 0) != (name == "mass") || r.Mass && r.CallsUsed > 2 || r.SendRate <= 0 || r.PlanTime <= 0 {
					t.Errorf("%+v", r)
				}
				if name == "mariadb" && r.Answers.People == 0 {
					t.Errorf("nobody wrote in %f s", r.SendTime)
				}
				// Ten seconds' worth at the rate is more than all of them, so the time it took tells.
				if name == "mariadb" && r.SendRate > 120 {
					t.Errorf("%f messages a second at a rate of 100", r.SendRate)
				}
			}
			if last := all[len(all)-1]; last.People != 300 {
				t.Errorf("%d people", last.People)
			}
		})
	}
}
