package bot_test

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tiangeng/tiangeng/bot/delivery"
)

// seedsInCI is how many seeds `go test` rehearses: TIANGENG_SEEDS changes it, TIANGENG_SEED=n
// rehearses one and tells its story. Under the race detector, which takes ten times as long, a tenth is rehearsed.
func seedsInCI() uint64 {
	if raceEnabled {
		return 2_000
	}
	return 20_000
}

// atATime is how many seeds share a bubble: making one costs more than a rehearsal.
const atATime = 50

func fromEnvironment(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// Delivery never lies, whatever happens between two of its steps (D1–D7, Q1), and a class's hour fires once,
// whatever stops, restarts or reads another clock (Z1).
func TestRehearsal(t *testing.T) {
	t.Parallel()
	if seed := fromEnvironment(t, "TIANGENG_SEED", 0); seed != 0 {
		synctest.Test(t, func(t *testing.T) {
			w := rehearse(seed, os.Getenv("TIANGENG_PLANTED"), true)
			t.Log("\n" + w.story())
			if w.broken != "" {
				t.Error(w.broken)
			}
		})
		return
	}
	seeds := fromEnvironment(t, "TIANGENG_SEEDS", seedsInCI())
	const lanes = 4
	for lane := range uint64(lanes) {
		t.Run(strconv.FormatUint(lane, 10), func(t *testing.T) {
			t.Parallel()
			for from := 1 + lane*atATime; from <= seeds && !t.Failed(); from += lanes * atATime {
				synctest.Test(t, func(t *testing.T) {
					for seed := from; seed < from+atATime && seed <= seeds; seed++ {
						if w := rehearse(seed, "", false); w.broken != "" {
							t.Errorf("%s\nTIANGENG_SEED=%d go test -run TestRehearsal -v ./bot", w.broken, seed)
							return
						}
					}
				})
			}
		})
	}
}

// planted are mistakes that others have made (reliability §1.2), and those that this design is made
// to be safe from: each is put into the model of database or platform, and the invariants must
// notice. A checker that never fails proves nothing.
var planted = map[string]string{
	"errcode ignored":          "D3",       // a 200 is taken for a yes (B8)
	"lease ignored":            "D2 D3 D5", // two replicas hold one delivery
	"no fencing":               "D7",       // who lost the lease writes its result over the next owner's
	"no write-ahead":           "D2 D3 D5", // the call is made before it is written down that it will be
	"checkpoint on claim":      "D3",       // what was looked at counts as done (B1)
	"checkpoint on fetch":      "D1",       // the audience moves on before it is written (B1)
	"frozen twice":             "D1",       // a restart writes the audience again (B2)
	"resumed from the start":   "D2 D3 D5", // (B2)
	"unknown sent again":       "D2 D3 D5", // a time-out is taken for a no
	"sending swept to pending": "D2 D3 D5", // a crash is taken for "was not sent"
	"ambiguity forgotten":      "D2",       // … and not counted
	"another client id":        "D2",       // the platform cannot tell that it is the same message
	"cancel not looked at":     "D4",
	"wish not looked at":       "D4",
	"flights not looked at":    "R9", // two messages of one phone at once
	"contacts not looked at":   "D5",
	"month not looked at":      "D5",
	"sends not counted":        "D5",
	"quota of each replica":    "Q1",
	"late failure wins":        "D7",
	"any candidate taken":      "D3", // a receipt without a number is given to anybody

	"watermark moved on reading":   "Z1", // what was looked for counts as fired
	"fired twice after a restart":  "Z1", // another process fires the day anew
	"a class's hour in its zone":   "Z1", // the day begins where the host is
	"broken off firing is the end": "D1", // whom the first page left out is left out
}

// plantedWithin is how many seeds a planted mistake may survive.
const plantedWithin = 10_000

func TestRehearsalFindsPlantedMistakes(t *testing.T) {
	t.Parallel()
	for mistake, want := range planted {
		t.Run(mistake, func(t *testing.T) {
			t.Parallel()
			for from := uint64(1); from <= plantedWithin; from += atATime {
				found := ""
				synctest.Test(t, func(*testing.T) {
					for seed := from; seed < from+atATime && found == ""; seed++ {
						found = rehearse(seed, mistake, false).broken
					}
				})
				if found != "" {
					if id, _, _ := strings.Cut(found, ":"); !slices.Contains(strings.Fields(want), id) {
						t.Errorf("found as %q, expected %s", found, want)
					}
					t.Logf("within %d seeds: %s", from+atATime, found)
					return
				}
			}
			t.Errorf("not found within %d seeds", plantedWithin)
		})
	}
}

// The rehearsals go where mistakes could hide: every state, every way, both kinds of repeat, receipts of
// all sorts, every fault.
func TestRehearsalGoesEverywhere(t *testing.T) {
	t.Parallel()
	met := map[string]int{}
	synctest.Test(t, func(*testing.T) {
		for seed := uint64(1); seed <= 400; seed++ {
			w := rehearse(seed, "", false)
			for what, n := range w.met {
				met[what] += n
			}
			for _, d := range w.store.rows {
				met["ends "+string(d.State)]++
				if d.State == delivery.Accepted || d.State == delivery.Delivered {
					met["taken by "+string(d.Rung)]++
				}
			}
		}
	})
	for _, what := range []string{
		"ends delivered", "ends accepted", "ends unknown", "ends failed", "ends refused", "ends skipped", "ends pending", "ends cancelled", "ends expired",
		"taken by window", "taken by notice", "taken by once", "taken by template", "taken by mass",
		"transaction refused", "transaction applied, answer lost", "transaction applied late", "killed in write-ahead", "killed in settle", "killed on the wire",
		"frozen", "asked to stop", "written ahead by the claim", "several lanes", "removed as a copy", "fresh lease lost", "second page frozen", "quota spent", "receipt without a number", "receipt twice", "success after failure",
		"fired lesson", "fired reminder", "fired too late", "second page fired", "another day", "a machine's clock stands", "another clock of the database",
	} {
		if met[what] == 0 {
			t.Errorf("no rehearsal met: %s", what)
		}
	}
	t.Log(met)
}
