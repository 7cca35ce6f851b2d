package study_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tiangeng/tiangeng/bot/study"
)

func TestRepost(t *testing.T) {
	t.Parallel()
	entry := study.LedgerEntry{Learner: 7, Enrolment: 9, Kind: study.SourceSession, Key: "3/7", Hours: 400, Rule: "r1", Day: "2026-12-30"}
	with := func(change func(*study.LedgerEntry)) study.LedgerEntry {
		e := entry
		change(&e)
		return e
	}
	reversed := with(func(e *study.LedgerEntry) { e.Hours = -400 })
	next := with(func(e *study.LedgerEntry) { e.Day, e.Hours = "2027-01-02", 200 })
	none := with(func(e *study.LedgerEntry) { e.Hours = 0 })
	helped := func(e study.LedgerEntry) study.LedgerEntry { e.Delegate = true; return e }
	for name, c := range map[string]struct {
		posted []study.Posting
		want   study.LedgerEntry
		out    []study.Posting
	}{
		"a first entry":           {nil, entry, []study.Posting{{entry, 0}}},
		"no hours":                {nil, none, nil},
		"the same again":          {[]study.Posting{{entry, 0}}, entry, nil},
		"the same by a new rule":  {[]study.Posting{{entry, 0}}, with(func(e *study.LedgerEntry) { e.Rule = "r2" }), nil},
		"taken back":              {[]study.Posting{{entry, 0}}, none, []study.Posting{{reversed, 1}}},
		"taken back twice":        {[]study.Posting{{entry, 0}, {reversed, 1}}, none, nil},
		"other hours, other year": {[]study.Posting{{entry, 0}}, next, []study.Posting{{reversed, 1}, {next, 2}}},
		"in another's place":      {[]study.Posting{{helped(entry), 0}}, entry, nil},
		"… and corrected":         {[]study.Posting{{helped(entry), 0}}, next, []study.Posting{{helped(reversed), 1}, {helped(next), 2}}},
		"… and given again":       {[]study.Posting{{helped(entry), 0}, {helped(reversed), 1}}, entry, []study.Posting{{helped(entry), 2}}},
		"given again":             {[]study.Posting{{entry, 0}, {reversed, 1}}, entry, []study.Posting{{entry, 2}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.out, study.Repost(c.posted, c.want)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// After any corrections the sum of every year is what was wanted last, and wanting it again adds nothing.
func TestRepostAmountsToWhatIsWanted(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var posted []study.Posting
		for range rapid.IntRange(1, 8).Draw(t, "corrections") {
			want := study.LedgerEntry{
				Learner: 1, Kind: study.SourceRecord, Key: "k", Rule: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "rule"),
				Hours: study.StudyHours(rapid.IntRange(0, 3).Draw(t, "hours")), Day: rapid.SampledFrom([]study.Day{"2026-12-31", "2027-01-01"}).Draw(t, "day"),
			}
			before := len(posted)
			posted = append(posted, study.Repost(posted, want)...)
			sums := map[study.Day]study.StudyHours{}
			for i, p := range posted {
				if p.Part != i {
					t.Fatalf("part %d at place %d, %d were there", p.Part, i, before)
				}
				sums[p.Day] += p.Hours
			}
			for day, sum := range sums {
				if day == want.Day && sum != want.Hours || day != want.Day && sum != 0 {
					t.Fatalf("%s amounts to %v, wanted %v on %s", day, sum, want.Hours, want.Day)
				}
			}
			if more := study.Repost(posted, want); more != nil {
				t.Fatalf("wanted again: %v", more)
			}
		}
	})
}
