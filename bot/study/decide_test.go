package study_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/study"
)

func TestATrainersWordBecomesAnEvent(t *testing.T) {
	t.Parallel()
	starts := time.Date(2026, 12, 7, 1, 0, 0, 0, time.UTC)
	s, now := study.Session{ID: 7, Starts: starts, Ends: starts.Add(150 * time.Minute)}, starts.Add(4*time.Hour)
	event := func(kind study.EventKind, way study.Way, mark study.Presence, at time.Time, key, note string, doubts ...study.Doubt) study.AttendanceEvent {
		return study.AttendanceEvent{Key: key, Session: 7, Learner: 3, Kind: kind, Way: way, Mark: mark, At: at, Received: now, Actor: "a", Note: note, Doubts: doubts}
	}
	early := starts.Add(5 * time.Minute)
	for name, c := range map[string]struct {
		in   study.AttendanceDecision
		want study.AttendanceEvent
		bad  string
	}{
		"tick with a true time":    {in: study.AttendanceDecision{As: "tick", At: early}, want: event(study.SignedIn, study.WayTrainer, "", early, "tick:7:3:1796605500000", "")},
		"tick now":                 {in: study.AttendanceDecision{As: "tick"}, want: event(study.SignedIn, study.WayTrainer, "", now, "tick:7:3:1796619600000", "")},
		"paper":                    {in: study.AttendanceDecision{As: "paper", Note: " 第2页 "}, want: event(study.SignedIn, study.WayPaper, "", now, "paper:7:3:1796619600000", "第2页")},
		"told by a queue":          {in: study.AttendanceDecision{As: "confirm", ID: "4f1c-77aa"}, want: event(study.Confirmed, study.WayTrainer, "", now, "id:7:4f1c-77aa", "")},
		"refute":                   {in: study.AttendanceDecision{As: "refute", Note: "代签"}, want: event(study.Refuted, study.WayTrainer, "", now, "refute:7:3:1796619600000", "代签")},
		"a decision":               {in: study.AttendanceDecision{As: "absent", Note: "点名不在"}, want: event(study.Marked, study.WayTrainer, study.Absent, now, "absent:7:3:1796619600000", "点名不在")},
		"a clock that runs ahead":  {in: study.AttendanceDecision{As: "tick", ID: "12345678", At: now.Add(time.Hour)}, want: event(study.SignedIn, study.WayTrainer, "", now, "id:7:12345678", "", study.DoubtClock)},
		"a clock of another year":  {in: study.AttendanceDecision{As: "tick", ID: "12345678", At: now.AddDate(-1, 0, 0)}, want: event(study.SignedIn, study.WayTrainer, "", now, "id:7:12345678", "", study.DoubtClock)},
		"refute without a reason":  {in: study.AttendanceDecision{As: "refute"}, bad: "class.reason_bad"},
		"decision without one":     {in: study.AttendanceDecision{As: "late", Note: " "}, bad: "class.reason_bad"},
		"a long note":              {in: study.AttendanceDecision{As: "tick", Note: strings.Repeat("长", 201)}, bad: "class.reason_bad"},
		"no word":                  {in: study.AttendanceDecision{}, bad: "class.word_unknown"},
		"made up is another thing": {in: study.AttendanceDecision{As: "made_up", Note: "x"}, bad: "class.word_unknown"},
		"an odd id":                {in: study.AttendanceDecision{As: "tick", ID: "a/b c d e f"}, bad: "class.id_bad"},
	} {
		c.in.Learner = 3
		got, err := study.DecideAttendance(s, now, "a", c.in)
		var f *fault.Error
		switch {
		case c.bad != "" && (!errors.As(err, &f) || f.Key != c.bad):
			t.Errorf("%s: %v, want %s", name, err, c.bad)
		case c.bad == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.bad == "":
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
	}
}
