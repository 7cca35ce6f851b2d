package study_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

var party = study.Fence{Required: true, Latitude: 25.04, Longitude: 102.71, Metres: 300, Law: "县组通〔2026〕9号"}

func TestWhereAPhoneIs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		at   study.Point
		want study.Distance
	}{
		"there":                 {study.Point{Latitude: 25.04, Longitude: 102.71}, study.DistanceInside},
		"300 m north, just in":  {study.Point{Latitude: 25.042697, Longitude: 102.71}, study.DistanceInside},
		"301 m north, just out": {study.Point{Latitude: 25.042708, Longitude: 102.71}, study.DistanceNear},
		"1.29 km east":          {study.Point{Latitude: 25.04, Longitude: 102.7228}, study.DistanceNear},
		"1.32 km east":          {study.Point{Latitude: 25.04, Longitude: 102.7231}, study.DistanceFar},
		"the other side":        {study.Point{Latitude: -25.04, Longitude: -77.29}, study.DistanceFar},
	} {
		if got := party.Class(c.at); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	for name, bad := range map[string]func(*study.Fence){
		"nowhere": func(f *study.Fence) { f.Latitude, f.Longitude = 0, 0 }, "no earth": func(f *study.Fence) { f.Latitude = 91 },
		"too narrow": func(f *study.Fence) { f.Metres = 49 }, "too wide": func(f *study.Fence) { f.Metres = 20_001 }, "nobody demands it": func(f *study.Fence) { f.Law = "" },
	} {
		f := party
		if bad(&f); f.Valid() || !party.Valid() {
			t.Error(name)
		}
	}
	k, other := study.SignKey{Session: 3, Secret: []byte("s")}, study.SignKey{Session: 4, Secret: []byte("s")}
	here, same, beside := study.Point{Latitude: 25.040001, Longitude: 102.71}, study.Point{Latitude: 25.0400014, Longitude: 102.7100003}, study.Point{Latitude: 25.04002, Longitude: 102.71}
	if len(k.Spot(here)) != 4 || k.Spot(here) != k.Spot(same) || k.Spot(here) == k.Spot(beside) || k.Spot(here) == other.Spot(here) {
		t.Error(k.Spot(here), k.Spot(same), k.Spot(beside), other.Spot(here))
	}
}

func located(d study.Distance, doubts ...study.Doubt) study.AttendanceEvent {
	return study.AttendanceEvent{Kind: study.Located, Distance: d, Doubts: doubts}
}

// Where a session asks for the place, what is not there or not told is doubtful, never refused.
func TestAttendInsideAFence(t *testing.T) {
	t.Parallel()
	type events = []study.AttendanceEvent
	for name, c := range map[string]struct {
		events events
		want   study.Presence
		doubts []study.Doubt
	}{
		"not told":                {events{minute(0, phone())}, study.PresenceDoubt, []study.Doubt{study.DoubtNoPlace}},
		"inside":                  {events{minute(0, phone()), minute(1, located(study.DistanceInside))}, study.Present, nil},
		"told before signing in":  {events{minute(-2, located(study.DistanceInside)), minute(0, phone())}, study.Present, nil},
		"outside":                 {events{minute(0, phone()), minute(1, located(study.DistanceNear))}, study.PresenceDoubt, []study.Doubt{study.DoubtFar}},
		"outside, then inside":    {events{minute(0, phone()), minute(1, located(study.DistanceFar)), minute(2, located(study.DistanceInside))}, study.Present, nil},
		"where others are":        {events{minute(0, phone()), minute(1, located(study.DistanceInside, study.DoubtSamePlot))}, study.PresenceDoubt, []study.Doubt{study.DoubtSamePlot}},
		"not told, confirmed":     {events{minute(0, phone()), minute(9, confirm)}, study.Present, []study.Doubt{study.DoubtNoPlace}},
		"only told where":         {events{minute(1, located(study.DistanceInside))}, study.Absent, nil},
		"a trainer's tick":        {events{minute(1, tick)}, study.Present, nil},
		"told after the end":      {events{minute(0, phone()), minute(181, located(study.DistanceInside))}, study.PresenceDoubt, []study.Doubt{study.DoubtNoPlace}},
		"far, refuted, in again":  {events{minute(0, phone()), minute(1, located(study.DistanceFar)), minute(2, refute), minute(3, phone())}, study.PresenceDoubt, []study.Doubt{study.DoubtFar}},
		"late and not told where": {events{minute(30, phone()), minute(40, confirm)}, study.Late, []study.Doubt{study.DoubtNoPlace}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := morning()
			s.Fence, s.ClosedAt = party, s.Ends
			got := study.ClassRule2026.Attend(s, []people.LearnerID{7}, c.events, nil)[0]
			if got.Presence != c.want || !cmp.Equal(got.Doubts, c.doubts) {
				t.Errorf("%q %v, want %q %v", got.Presence, got.Doubts, c.want, c.doubts)
			}
			s.Fence = study.Fence{}
			if got := study.ClassRule2026.Attend(s, []people.LearnerID{7}, c.events, nil)[0]; got.Presence == study.PresenceDoubt {
				t.Errorf("without a fence: %v", got.Doubts)
			}
		})
	}
}

// rolled is the register of the morning for people 1 to n.
func rolled(s study.Session, n int, events []study.AttendanceEvent) []study.RollLine {
	var members []study.Member
	for i := range n {
		members = append(members, study.Member{Learner: people.Learner{ID: people.LearnerID(i + 1)}, Enrolment: study.EnrolmentID(i + 1), Status: study.Active})
	}
	return study.ClassRule2026.Roll([]study.Session{s}, members, events, nil)
}

// What only shows in what everybody did together is marked on all of them.
func TestDoubtsAboutMany(t *testing.T) {
	t.Parallel()
	var rush, steady, plots []study.AttendanceEvent
	for i := range 16 {
		e := phone()
		e.Learner, e.Key, e.Device = people.LearnerID(i+1), string(rune('a'+i)), string(rune('A'+i))
		rush = append(rush, minute(0, e))
		steady = append(steady, minute(0, e))
		steady[i].At = steady[i].At.Add(time.Duration(i) * 100 * time.Millisecond)
	}
	for i := range 4 {
		e := located(study.DistanceInside)
		e.Learner, e.Key, e.Spot = people.LearnerID(i+1), "plot"+string(rune('a'+i)), "abcd"
		if i == 3 {
			e.Spot = "ffff"
		}
		plots = append(plots, minute(1, e))
	}
	s := morning()
	if n := study.Tally(rolled(s, 16, rush), 0); n[study.PresenceDoubt] != 16 {
		t.Errorf("sixteen in one second: %v", n)
	}
	if n := study.Tally(rolled(s, 15, rush[:15]), 0); n[study.Present] != 15 {
		t.Errorf("fifteen in one second: %v", n)
	}
	if n := study.Tally(rolled(s, 16, steady), 0); n[study.Present] != 16 {
		t.Errorf("sixteen in two seconds: %v", n)
	}
	s.Fence = party
	lines := rolled(s, 4, append(steady[:4:4], plots...))
	if n := study.Tally(lines, 0); n[study.PresenceDoubt] != 3 || lines[3].Attended[0].Presence != study.Present {
		t.Errorf("three at one place: %v", n)
	}
	// What stays when the spots go says the same.
	kept := steady[:4:4]
	for _, e := range plots {
		e.Spot = ""
		kept = append(kept, e)
	}
	kept = append(kept, study.ClassRule2026.SettleSpots(plots)...)
	if diff := cmp.Diff(lines, rolled(s, 4, kept)); diff != "" {
		t.Error(diff)
	}
}

// The register does not depend on the order in which events are told, nor on being told twice.
func TestARegisterIgnoresOrderAndRepeats(t *testing.T) {
	t.Parallel()
	kinds := []study.AttendanceEvent{phone(), phone(), tick, leaving, confirm, refute, madeUp, mark(study.Absent), located(study.DistanceInside), located(study.DistanceFar)}
	rapid.Check(t, func(t *rapid.T) {
		var events []study.AttendanceEvent
		for i := range rapid.IntRange(0, 40).Draw(t, "events") {
			e := rapid.SampledFrom(kinds).Draw(t, "kind")
			e.Learner, e.Key = people.LearnerID(rapid.IntRange(1, 6).Draw(t, "learner")), string(rune('a'+i))
			e.Device, e.Spot = rapid.SampledFrom([]string{"p", "q", "r", "s"}).Draw(t, "device"), ""
			if e.Kind == study.Located {
				e.Device, e.Spot = "", rapid.SampledFrom([]string{"1", "2"}).Draw(t, "spot")
			}
			events = append(events, minute(rapid.IntRange(-40, 200).Draw(t, "minute"), e))
		}
		s := morning()
		if rapid.Bool().Draw(t, "fenced") {
			s.Fence = party
		}
		if rapid.Bool().Draw(t, "closed") {
			s.ClosedAt = s.Ends
		}
		want := rolled(s, 5, events) // the sixth is a guest of another list
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 2))
		again := append(append([]study.AttendanceEvent{}, events...), events...)
		rng.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
		if diff := cmp.Diff(want, rolled(s, 5, again)); diff != "" {
			t.Fatal(diff)
		}
	})
}
