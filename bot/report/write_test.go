package report_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/report"
	"github.com/tiangeng/tiangeng/bot/study"
)

var formats = []report.Format{report.CSV, report.XLSX, report.JSON, report.HTML}

var titles = map[string]string{"fang-fanpin": "防止返贫监测与帮扶政策常识", "shanqu": "=山区防灾避险"}

func at(s string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04:05", s, study.Zone)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

// sample is a small list with everything in it.
func sample() (report.Head, []report.Line) {
	lines := []report.Line{
		{Prefecture: "西双版纳州", County: "景洪市", Township: "嘎洒镇", Village: "曼播村委会", Unit: "532801101203", Learner: 1, Name: "岩温·香", Category: "村党组织书记",
			Cohort: "村干部轮训班", CohortCode: "demo-2026", Course: "fang-fanpin", Status: report.Complete, Lessons: 8, Done: 8, Delegate: 3, Score: 92, Hours: 250,
			FirstAt: at("2026-03-02 08:05:11"), LastAt: at("2026-03-11 23:59:59")},
		{Prefecture: "西双版纳州", County: "景洪市", Township: "嘎洒镇", Village: "曼播村委会", Unit: "532801101203", Learner: 1, Name: "岩温·香", Category: "村党组织书记",
			Cohort: "村干部轮训班", CohortCode: "demo-2026", Course: "shanqu", Status: report.Learning, Lessons: 7, Done: 1, Score: 0, Hours: 25,
			FirstAt: at("2026-03-12 00:00:00"), LastAt: at("2026-03-12 00:00:00")},
		{County: "景洪市", Unit: "532801000000", Learner: 2, Name: "=HYPERLINK(\"http://x\")", Cohort: "村干部轮训班", CohortCode: "demo-2026", Course: "fang-fanpin", Status: report.NotStarted, Lessons: 8},
		{County: "景洪市", Unit: "532801000000", Learner: 3, Name: "李<四>&", Category: "0042", Cohort: "村干部轮训班", CohortCode: "demo-2026", Course: "fang-fanpin", Status: report.NotBound, Lessons: 8},
		{County: "景洪市", Unit: "532801000000", Learner: 4, Name: "王五", Cohort: "村干部轮训班", CohortCode: "demo-2026", Course: "unknown", Status: report.Away, Lessons: 8, Done: 2, Score: 100, Hours: 50,
			FirstAt: at("2026-03-02 08:00:00"), LastAt: at("2026-03-03 08:00:00")},
	}
	head := report.Head{
		Query:  report.Query{Scope: people.Everyone(), Cohort: "demo-2026", Unit: "532801000000", From: "2026-03-01", To: "2026-03-31", CutOff: at("2026-03-31 18:00:00")},
		Roster: "9f86d081884c7d65", Lines: len(lines), CohortName: "村干部轮训班", UnitName: "西双版纳州·景洪市",
	}
	return head, lines
}

func seq(lines []report.Line) iter.Seq2[report.Line, error] {
	return func(yield func(report.Line, error) bool) {
		for _, l := range lines {
			if !yield(l, nil) {
				return
			}
		}
	}
}

func write(t testing.TB, f report.Format, head report.Head, lines []report.Line) ([]byte, report.Totals) {
	t.Helper()
	var b bytes.Buffer
	totals, err := report.Write(&b, f, head, titles, seq(lines))
	if err != nil {
		t.Fatalf("%s: %v", f, err)
	}
	return b.Bytes(), totals
}

func TestEveryFormatHoldsTheSameList(t *testing.T) {
	t.Parallel()
	head, lines := sample()
	checkSame(t, head, lines)
	head.Lines = 0
	checkSame(t, head, nil)
}

func TestEveryFormatHoldsAnyList(t *testing.T) {
	t.Parallel()
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "张三", "=1+1", "＠x", "\t-1", "a\nb\r\nc", "<td>", "&lt;", "]]>", "'0042", "0042", "_x000A_", "\x00\x1f", "\xff", " x ", "岩温·香"}))
	rapid.Check(t, func(rt *rapid.T) {
		lines := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) report.Line {
			l := report.Line{
				Prefecture: text.Draw(rt, "prefecture"), County: text.Draw(rt, "county"), Township: text.Draw(rt, "township"), Village: text.Draw(rt, "village"),
				Learner: people.LearnerID(rapid.Int64Range(-2, 5).Draw(rt, "learner")), Name: text.Draw(rt, "name"), Category: text.Draw(rt, "category"),
				Cohort: text.Draw(rt, "cohort"), Course: rapid.SampledFrom([]string{"fang-fanpin", "shanqu", "unknown"}).Draw(rt, "course"),
				Status:  rapid.SampledFrom([]report.Status{report.NotBound, report.NotStarted, report.Learning, report.Complete, report.Away}).Draw(rt, "status"),
				Lessons: rapid.IntRange(0, 300).Draw(rt, "lessons"), Done: rapid.IntRange(0, 3).Draw(rt, "done"), Delegate: rapid.IntRange(0, 3).Draw(rt, "delegate"), Score: rapid.IntRange(0, 100).Draw(rt, "score"),
				Hours: study.StudyHours(rapid.IntRange(0, 99_999).Draw(rt, "hours")),
			}
			if rapid.Bool().Draw(rt, "learned") {
				l.FirstAt = time.Unix(rapid.Int64Range(1e9, 4e9).Draw(rt, "first"), 123e6).UTC() // from 2001: China had summer time until 1991
				l.LastAt = l.FirstAt.Add(time.Hour)
			}
			return l
		}), 0, 5).Draw(rt, "lines")
		checkSame(rt, report.Head{Lines: len(lines), Query: report.Query{CutOff: at("2026-12-31 18:00:00")}}, lines)
	})
}

func TestTotalsAreTheFoldOfTheLines(t *testing.T) {
	t.Parallel()
	head, lines := sample()
	_, got := write(t, report.CSV, head, lines)
	want := report.Totals{Lines: 5, Learners: 4, Complete: 1, Learning: 1, NotStarted: 1, NotBound: 1, Away: 1, Hours: 325}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for _, c := range []struct{ lines, away, complete, want int }{{0, 0, 0, 0}, {3, 3, 0, 0}, {3, 0, 1, 333}, {2000, 0, 1999, 999}, {5, 1, 4, 1000}} {
		if got := (report.Totals{Lines: c.lines, Away: c.away, Complete: c.complete}).Rate(); got != c.want {
			t.Errorf("%d of %d without %d: %d, want %d", c.complete, c.lines, c.away, got, c.want)
		}
	}
}

func TestTallyKnowsPeopleApart(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOf(rapid.OneOf(rapid.Int64Range(0, 300), rapid.Int64Range(1<<26-2, 1<<26+2), rapid.Int64())).Draw(t, "ids")
		want := map[int64]bool{}
		var tally report.Tally
		for _, id := range ids {
			want[id] = true
			tally.Add(&report.Line{Learner: people.LearnerID(id)})
		}
		if tally.Totals.Learners != len(want) {
			t.Fatalf("%d people, want %d", tally.Totals.Learners, len(want))
		}
	})
}

func TestSameListSameBytes(t *testing.T) {
	t.Parallel()
	head, lines := sample()
	for _, f := range formats {
		a, _ := write(t, f, head, lines)
		b, _ := write(t, f, head, lines)
		if !bytes.Equal(a, b) {
			t.Errorf("%s: two runs differ", f)
		}
	}
}

func TestHeadReachesTheReaderBeforeTheFirstLine(t *testing.T) {
	t.Parallel()
	head, lines := sample()
	for _, f := range formats {
		var b bytes.Buffer
		early := 0
		_, err := report.Write(&b, f, head, titles, func(yield func(report.Line, error) bool) {
			early = b.Len()
			seq(lines)(yield)
		})
		if err != nil || early == 0 {
			t.Errorf("%s: %d bytes before the first line, %v", f, early, err)
		}
	}
}

var errBroken = errors.New("connection lost")

// TestABrokenListIsUnusable: whoever finds the bytes of a list that broke off sees that they are
// not a list.
func TestABrokenListIsUnusable(t *testing.T) {
	t.Parallel()
	head, lines := sample()
	brokenOff := func(yield func(report.Line, error) bool) {
		_ = yield(lines[0], nil) && yield(lines[1], nil) && yield(report.Line{}, errBroken)
	}
	for _, f := range formats {
		for name, rows := range map[string]iter.Seq2[report.Line, error]{
			"broken off": brokenOff,
			"too short":  seq(lines[:4]),
			"too long":   seq(append(lines, lines[0])),
		} {
			t.Run(fmt.Sprintf("%s, %s", f, name), func(t *testing.T) {
				t.Parallel()
				var b bytes.Buffer
				_, err := report.Write(&b, f, head, titles, rows)
				if name == "broken off" && !errors.Is(err, errBroken) || name != "broken off" && fault.CodeOf(err) != fault.Conflict {
					t.Fatalf("error is %v", err)
				}
				switch f {
				case report.CSV, report.HTML:
					text := b.String()
					if i := strings.LastIndex(text, "不完整，请勿使用"); i < 0 || i < strings.LastIndex(text, "岩温") {
						t.Errorf("does not end with a warning:\n%s", text)
					}
				default:
					if _, err := parse(f, b.Bytes()); err == nil {
						t.Error("a parser takes it for a list")
					}
				}
			})
		}
	}
}

type fullDisk struct{ left int }

var errFull = errors.New("no space left")

func (d *fullDisk) Write(p []byte) (int, error) {
	if d.left -= len(p); d.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestWriteReportsAFullDisk(t *testing.T) {
	t.Parallel()
	head, lines := sample()
	for _, f := range formats {
		whole, _ := write(t, f, head, lines)
		for _, room := range []int{0, len(whole) / 2, len(whole) - 1} {
			if _, err := report.Write(&fullDisk{room}, f, head, titles, seq(lines)); !errors.Is(err, errFull) {
				t.Errorf("%s with room for %d of %d bytes: %v", f, room, len(whole), err)
			}
		}
	}
}

func TestWriteKnowsItsFormats(t *testing.T) {
	t.Parallel()
	_, err := report.Write(io.Discard, "pdf", report.Head{}, nil, seq(nil))
	var e *fault.Error
	if !errors.As(err, &e) || e.Key != "report.format_unknown" {
		t.Errorf("got %v", err)
	}
}
