package study_test

import (
	"fmt"
	"math/rand"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// drawFacts draws what a few people did, two classes each. Every source stands once.
func drawFacts(t *rapid.T) study.LedgerFacts {
	var f study.LedgerFacts
	day := rapid.SampledFrom([]study.Day{"2026-12-31", "2027-01-01"})
	at := rapid.Custom(func(t *rapid.T) time.Time { return time.UnixMilli(rapid.Int64Range(0, 3).Draw(t, "at")) })
	for e := range study.EnrolmentID(rapid.IntRange(0, 4).Draw(t, "enrolments")) {
		who := people.LearnerID(e/2 + 1)
		for l := range rapid.IntRange(0, 3).Draw(t, "lessons") {
			f.Lessons = append(f.Lessons, study.LessonDone{
				Learner: who, Enrolment: e + 1, Course: "a", Lesson: fmt.Sprint("l", l), Day: day.Draw(t, "day"), At: at.Draw(t, "at"), Delegate: rapid.Bool().Draw(t, "delegate"),
				Seconds: rapid.SampledFrom([]int{0, 900, 901, 1799, 1800}).Draw(t, "seconds"),
			})
		}
		if rapid.Bool().Draw(t, "course") {
			f.Courses = append(f.Courses, study.CourseDone{Learner: who, Enrolment: e + 1, Course: "a", Mean: rapid.SampledFrom([]int{59, 60}).Draw(t, "mean"), PassMark: 60, Day: day.Draw(t, "day"), At: at.Draw(t, "at")})
		}
		if rapid.Bool().Draw(t, "session") {
			f.Sessions = append(f.Sessions, study.LedgerEntry{
				Learner: who, Enrolment: e + 1, Kind: study.SourceSession, Key: fmt.Sprintf("%d/%d", e, who), Day: day.Draw(t, "day"),
				Hours: study.StudyHours(rapid.SampledFrom([]int{0, 400}).Draw(t, "hours")),
			})
		}
		if rapid.Bool().Draw(t, "record") {
			f.Records = append(f.Records, study.Record{Learner: who, Source: "old", Number: fmt.Sprint(e), Hours: 150, Day: day.Draw(t, "day")})
		}
	}
	for s, e := range study.Rule2024.Recount(f) {
		if rapid.IntRange(0, 3).Draw(t, "corrected") == 0 {
			for range rapid.IntRange(1, 2).Draw(t, "times") {
				e.Kind, e.Key, e.Hours = s.Kind, s.Key, study.StudyHours(rapid.IntRange(0, 3).Draw(t, "corrected to")*50)
				f.Corrections = append(f.Corrections, e)
			}
		}
	}
	return f
}

// post makes a ledger by crediting entries one after the other.
func post(entries []study.LedgerEntry) []study.Posting {
	bySource := map[study.Source][]study.Posting{}
	var all []study.Posting
	for _, e := range entries {
		more := study.Repost(bySource[e.Of()], e)
		bySource[e.Of()] = append(bySource[e.Of()], more...)
		all = append(all, more...)
	}
	return all
}

func entriesOf(f study.LedgerFacts) []study.LedgerEntry {
	base := f
	base.Corrections = nil
	var list []study.LedgerEntry
	for _, e := range study.Rule2024.Recount(base) {
		list = append(list, e)
	}
	return list
}

func shuffled[T any](list []T, seed int64) []T {
	list = slices.Clone(list)
	rand.New(rand.NewSource(seed)).Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

// Whatever the order in which study arrives, crediting it gives what a recount gives; corrections come after.
func TestTheLedgerIsWhatARecountGives(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := drawFacts(t)
		seed := rapid.Int64().Draw(t, "order")
		posted := post(append(shuffled(entriesOf(f), seed), f.Corrections...))
		want := study.Rule2024.Recount(f)
		if got := study.Differences(want, shuffled(posted, seed)); got != nil {
			t.Fatalf("%+v", got)
		}
		mixed := study.LedgerFacts{
			Lessons: shuffled(f.Lessons, seed), Courses: shuffled(f.Courses, seed), Sessions: shuffled(f.Sessions, seed), Records: shuffled(f.Records, seed),
			Corrections: f.Corrections,
		}
		if diff := cmp.Diff(want, study.Rule2024.Recount(mixed)); diff != "" {
			t.Fatal(diff)
		}
		// The sum of all postings of a person and day is that of what is wanted.
		type place struct {
			who people.LearnerID
			day study.Day
		}
		sums := map[place]study.StudyHours{}
		for _, p := range posted {
			sums[place{p.Learner, p.Day}] += p.Hours
		}
		for _, e := range want {
			sums[place{e.Learner, e.Day}] -= e.Hours
		}
		for p, sum := range sums {
			if sum != 0 {
				t.Fatalf("%v is off by %v", p, sum)
			}
		}
	})
}

// Taking everything back leaves nothing.
func TestAReversedLedgerIsZero(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := drawFacts(t)
		all := append(entriesOf(f), f.Corrections...)
		for _, e := range slices.Clone(all) {
			e.Hours = 0
			all = append(all, e)
		}
		posted := post(all)
		var sum study.StudyHours
		for _, p := range posted {
			sum += p.Hours
		}
		if sum != 0 {
			t.Fatalf("%v is left", sum)
		}
		if got := study.Differences(nil, posted); got != nil {
			t.Fatalf("%+v", got)
		}
	})
}

// Every single thing that is wrong in a ledger is found, and nothing else is said to be.
func TestEveryPlantedDifferenceIsFound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := drawFacts(t)
		want := study.Rule2024.Recount(f)
		posted := post(append(entriesOf(f), f.Corrections...))
		if len(posted) == 0 {
			return
		}
		i := rapid.IntRange(0, len(posted)-1).Draw(t, "place")
		source := posted[i].Of()
		switch rapid.IntRange(0, 7).Draw(t, "damage") {
		case 0:
			posted = slices.Delete(posted, i, i+1)
		case 1:
			posted[i].Hours++
		case 2:
			posted[i].Day = "2020-01-01"
		case 3:
			posted[i].Learner += 100
		case 4:
			posted[i].Delegate = !posted[i].Delegate
		case 5:
			posted[i].Enrolment += 100
		case 6:
			extra := posted[i]
			extra.Key, extra.Part = "nothing", 0
			extra.Hours = 25
			posted, source = append(posted, extra), extra.Of()
		case 7:
			posted = append(posted, posted[i])
		}
		got := study.Differences(want, posted)
		if len(got) != 1 || got[0].Source != source {
			t.Fatalf("planted in %v, found %+v", source, got)
		}
	})
}

func TestDifferencesSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	e := study.Record{Learner: 7, Source: "old", Number: "1", Hours: 100, Day: "2026-05-01"}.Entry()
	at := func(change func(*study.LedgerEntry)) study.LedgerEntry { c := e; change(&c); return c }
	back := study.Posting{LedgerEntry: at(func(e *study.LedgerEntry) { e.Hours = -100 }), Part: 1}
	first := study.Posting{LedgerEntry: e}
	wanted := map[study.Source]study.LedgerEntry{e.Of(): e}
	for name, c := range map[string]struct {
		want   map[study.Source]study.LedgerEntry
		posted []study.Posting
		fault  study.LedgerFault
	}{
		"equal":                {wanted, []study.Posting{first}, ""},
		"missing":              {wanted, nil, study.LedgerMissing},
		"taken back":           {wanted, []study.Posting{first, back}, study.LedgerMissing},
		"extra":                {nil, []study.Posting{first}, study.LedgerExtra},
		"taken back as wanted": {nil, []study.Posting{first, back}, ""},
		"hours":                {wanted, []study.Posting{{LedgerEntry: at(func(e *study.LedgerEntry) { e.Hours = 50 })}}, study.LedgerHours},
		"another day":          {wanted, []study.Posting{{LedgerEntry: at(func(e *study.LedgerEntry) { e.Day = "2027-05-01" })}}, study.LedgerPlace},
		"another person":       {wanted, []study.Posting{{LedgerEntry: at(func(e *study.LedgerEntry) { e.Learner = 8 })}}, study.LedgerPlace},
		"in another's place":   {wanted, []study.Posting{{LedgerEntry: at(func(e *study.LedgerEntry) { e.Delegate = true })}}, study.LedgerMark},
		"a newer rule":         {wanted, []study.Posting{{LedgerEntry: at(func(e *study.LedgerEntry) { e.Rule = "record-2099" })}}, ""},
		"a hole":               {wanted, []study.Posting{{LedgerEntry: e, Part: 2}}, study.LedgerBroken},
		"a reversal first":     {nil, []study.Posting{back}, study.LedgerBroken},
	} {
		got := study.Differences(c.want, c.posted)
		if c.fault == "" && got != nil || c.fault != "" && (len(got) != 1 || got[0].Fault != c.fault || got[0].Learner != 7 && c.fault != study.LedgerPlace) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestRecordsHaveOneKeyEach(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, r := range [][2]string{{"云岭先锋", "1"}, {"云岭先锋", "2"}, {"云岭先锋1", ""}, {"云岭先", "锋1"}, {"", "云岭先锋1"}} {
		k := study.RecordKey(r[0], r[1])
		if other, twice := seen[k]; twice || len(k) != 40 {
			t.Errorf("%v and %s have the key %s", r, other, k)
		}
		seen[k] = fmt.Sprint(r)
	}
}

// A lesson and a course's test give hours once a year, those of the class where they were completed first.
func TestHoursAreCreditedOnceAYear(t *testing.T) {
	t.Parallel()
	at := func(minute int) time.Time { return time.Date(2026, 5, 1, 8, minute, 0, 0, time.UTC) }
	lesson := func(who people.LearnerID, e study.EnrolmentID, minute int, day study.Day) study.LessonDone {
		return study.LessonDone{Learner: who, Enrolment: e, Course: "a", Lesson: "l", Day: day, At: at(minute)}
	}
	test := func(e study.EnrolmentID, minute, mean int) study.CourseDone {
		return study.CourseDone{Learner: 1, Enrolment: e, Course: "a", Mean: mean, PassMark: 60, Day: "2026-05-01", At: at(minute)}
	}
	got := map[string]study.StudyHours{}
	for s, e := range study.Rule2024.Recount(study.LedgerFacts{
		// Class 5 was first; class 7 is of the next year, class 9 of another person.
		Lessons: []study.LessonDone{lesson(1, 3, 2, "2026-05-01"), lesson(1, 5, 1, "2026-05-01"), lesson(1, 7, 3, "2027-01-01"), lesson(2, 9, 4, "2026-05-01")},
		// What was not passed gives nothing and takes nothing from the one that was.
		Courses: []study.CourseDone{test(3, 1, 59), test(5, 2, 60), test(7, 3, 100)},
		// A decision about one source leaves the others as they are.
		Corrections: []study.LedgerEntry{{Learner: 1, Enrolment: 5, Course: "a", Kind: study.SourceLesson, Key: study.LessonKey(5, "a", "l"), Hours: 0, Day: "2026-05-01"}},
	}) {
		got[string(s.Kind)+" "+s.Key] = e.Hours
	}
	want := map[string]study.StudyHours{"lesson 5/a/l": 0, "lesson 7/a/l": 25, "lesson 9/a/l": 25, "test 5/a": 50}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
