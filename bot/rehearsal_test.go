package bot_test

import (
	"os"
	"strconv"
	"testing"
	"testing/synctest"
)

// seedsInCI is how many seeds `go test` rehearses: TIANGENG_SEEDS changes it, TIANGENG_SEED=n
// rehearses one and tells its story.
const seedsInCI = 5_000

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

// Delivery never lies, whatever happens between two of its steps (D1–D7, Q1).
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
	seeds := fromEnvironment(t, "TIANGENG_SEEDS", seedsInCI)
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
