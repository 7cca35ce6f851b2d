package study_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/study"
)

func keyOf(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Key
	}
	return ""
}

// Every status and act: what is not allowed changes nothing.
func TestRectificationMoves(t *testing.T) {
	t.Parallel()
	got := map[string]string{}
	for _, from := range []study.RectifyStatus{study.RectifyOpen, study.RectifyClosed, study.RectifyWithdrawn, ""} {
		for _, act := range []study.RectifyAct{study.RectifyClose, study.RectifyReopen, study.RectifyWithdraw, "burn"} {
			to, err := study.Rectification{Status: from}.Decide(study.Decision{Act: act, Evidence: study.EvidenceNote, Proof: "看过"})
			if err != nil && keyOf(err) != "follow.act_impossible" {
				t.Errorf("%s %s: %v", from, act, err)
			}
			if err == nil {
				got[string(from)+" "+string(act)] = string(to)
			}
		}
	}
	if diff := cmp.Diff(map[string]string{"open close": "closed", "open withdraw": "withdrawn", "closed reopen": "open", "withdrawn reopen": "open"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestDecisionsSayWhy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		d    study.Decision
		want string
	}{
		"no evidence":             {study.Decision{Act: study.RectifyClose, Proof: "x"}, "follow.evidence_bad"},
		"a course is not claimed": {study.Decision{Act: study.RectifyClose, Evidence: study.EvidenceCourse, Proof: "x"}, "follow.evidence_bad"},
		"no number":               {study.Decision{Act: study.RectifyClose, Evidence: study.EvidenceDocument, Proof: "  "}, "follow.proof_bad"},
		"too long":                {study.Decision{Act: study.RectifyWithdraw, Proof: strings.Repeat("字", study.ProofRunes+1)}, "follow.proof_bad"},
		"fine":                    {study.Decision{Act: study.RectifyClose, Evidence: study.EvidenceDocument, Proof: "县组发〔2026〕9号"}, ""},
	} {
		if _, err := (study.Rectification{Status: study.RectifyOpen}).Decide(c.d); keyOf(err) != c.want {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestOverdue(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status study.RectifyStatus
		due    study.Day
		want   bool
	}{
		"before": {study.RectifyOpen, "2026-12-02", false}, "on the day": {study.RectifyOpen, "2026-12-01", false},
		"after": {study.RectifyOpen, "2026-11-30", true}, "closed": {study.RectifyClosed, "2026-11-30", false}, "withdrawn": {study.RectifyWithdrawn, "2026-11-30", false},
	} {
		if got := (study.Rectification{Status: c.status, Due: c.due}).Overdue("2026-12-01"); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// On the due day every lesson is released, and no more than one before its day where the days suffice.
func TestRectifyStartReleasesInTime(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const today = study.Day("2026-12-01")
		lessons, days := rapid.IntRange(1, 40).Draw(t, "lessons"), rapid.IntRange(0, 60).Draw(t, "days")
		start, err := study.RectifyStart(today, today.Add(days), lessons)
		if err != nil {
			t.Fatal(err)
		}
		s := study.Schedule{Start: start, Hour: "08:00", Weekdays: everyDay}
		at, err := s.At(today.Add(days))
		if err != nil {
			t.Fatal(err)
		}
		n, err := study.Released(s, study.Calendar{}, start, today.Add(days), at)
		if err != nil || n < lessons {
			t.Fatalf("%d of %d lessons are released on the due day, %v", n, lessons, err)
		}
		if days+1 >= lessons && start != today {
			t.Fatalf("start is %s although %d days suffice for %d lessons", start, days+1, lessons)
		}
		if days+1 < lessons && n != lessons {
			t.Fatalf("%d released, %d there are", n, lessons)
		}
	})
	if _, err := study.RectifyStart("2026-12-01", "2026-11-30", 1); keyOf(err) != "follow.due_bad" {
		t.Errorf("a due day in the past: %v", err)
	}
}

func TestFindingCheck(t *testing.T) {
	t.Parallel()
	good := study.Finding{Source: "县委巡察", Document: "巡察〔2026〕3号", Found: "2026-11-20", Unit: "530112000000", Problem: "村务公开不及时"}
	today := study.DayOf(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC))
	if err := good.Check(today); err != nil {
		t.Error(err)
	}
	for key, change := range map[string]func(*study.Finding){
		"follow.source_bad":   func(f *study.Finding) { f.Source = " " },
		"follow.document_bad": func(f *study.Finding) { f.Document = "" },
		"follow.problem_bad":  func(f *study.Finding) { f.Problem = strings.Repeat("字", study.FindingProblemRunes+1) },
		"follow.found_bad":    func(f *study.Finding) { f.Found = "2026-12-02" },
		"follow.unit_bad":     func(f *study.Finding) { f.Unit = "53" },
	} {
		f := good
		change(&f)
		if err := f.Check(today); keyOf(err) != key {
			t.Errorf("%s: %v", key, err)
		}
	}
}
