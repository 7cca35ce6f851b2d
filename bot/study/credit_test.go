package study_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

func TestCreditRuleAtItsBorders(t *testing.T) {
	t.Parallel()
	r := study.Rule2024
	for seconds, want := range map[int]study.StudyHours{
		0: 25, 1: 25, 150: 25,
		15*60 - 1: 25, 15 * 60: 25, 15*60 + 1: 50, // 15 min is still short, 15.01 min is not
		29*60 + 58: 50, 30*60 - 1: 50, 30 * 60: 100, 30*60 + 1: 100, 7200: 100,
	} {
		if got := r.Lesson(seconds); got != want {
			t.Errorf("Lesson(%d s) = %d, want %d", seconds, got, want)
		}
	}
	for _, c := range []struct {
		mean, mark int
		want       study.StudyHours
	}{{60, 60, 50}, {59, 60, 0}, {100, 100, 50}, {0, 1, 0}} {
		if got := r.Course(c.mean, c.mark); got != c.want {
			t.Errorf("Course(%d of %d) = %d, want %d", c.mean, c.mark, got, c.want)
		}
	}
	if r.Version == "" {
		t.Error("a rule without a version cannot be kept beside a credit")
	}
}

func TestStudyHoursForPeople(t *testing.T) {
	t.Parallel()
	for h, want := range map[study.StudyHours]string{0: "0", 25: "0.25", 50: "0.5", 100: "1", 125: "1.25", 5: "0.05", 5000: "50", -25: "-0.25", 1210: "12.1"} {
		if got := h.String(); got != want {
			t.Errorf("%d is written %q, want %q", int(h), got, want)
		}
	}
}

func TestScoresRoundHalfUp(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ right, asked, want int }{{0, 0, 0}, {0, 3, 0}, {1, 3, 33}, {2, 3, 67}, {3, 3, 100}, {1, 8, 13}, {1, 2, 50}, {5, 8, 63}} {
		if got := study.Score(c.right, c.asked); got != c.want {
			t.Errorf("Score(%d, %d) = %d, want %d", c.right, c.asked, got, c.want)
		}
	}
	if got := study.Mean([]int{100, 67, 67}); got != 78 {
		t.Errorf("Mean = %d", got)
	}
	if got := study.Mean([]int{60, 61}); got != 61 {
		t.Errorf("Mean rounds half up: %d", got)
	}
	if study.Mean(nil) != 0 {
		t.Error("the mean of nothing is 0")
	}
}

func options(key string) []content.Option {
	var out []content.Option
	for _, letter := range "ABCD" {
		o := content.Option{Text: "选项" + string(letter)}
		for _, k := range key {
			o.Correct = o.Correct || k == letter
		}
		out = append(out, o)
	}
	return out
}

func TestMark(t *testing.T) {
	t.Parallel()
	single := content.Item{Kind: content.Single, Options: options("B")}
	multiple := content.Item{Kind: content.Multiple, Options: options("ABD")}
	yes := content.Item{Kind: content.TrueFalse, True: true}
	no := content.Item{Kind: content.TrueFalse}
	fill := content.Item{Kind: content.Fill, Accept: []string{"一户一策", "3.5米", "防 灾"}}
	number := content.Item{Kind: content.Numeric, Number: 0.3, Tolerance: 0.1}
	exact := content.Item{Kind: content.Numeric, Number: 5}
	for _, c := range []struct {
		name string
		item content.Item
		a    study.Answer
		want bool
	}{
		{"single right", single, study.Answer{Choices: []int{1}}, true},
		{"single wrong", single, study.Answer{Choices: []int{0}}, false},
		{"single, two given", single, study.Answer{Choices: []int{0, 1}}, false},
		{"single, none given", single, study.Answer{}, false},
		{"multiple right", multiple, study.Answer{Choices: []int{0, 1, 3}}, true},
		{"multiple, one missing", multiple, study.Answer{Choices: []int{0, 1}}, false},
		{"multiple, one too many", multiple, study.Answer{Choices: []int{0, 1, 2, 3}}, false},
		{"no key, no right answer", content.Item{Kind: content.Single, Options: options("")}, study.Answer{}, false},
		{"true is true", yes, study.Answer{True: true}, true},
		{"false is not true", yes, study.Answer{}, false},
		{"false is false", no, study.Answer{}, true},
		{"fill", fill, study.Answer{Text: "一户一策"}, true},
		{"fill with a stop", fill, study.Answer{Text: "一户一策。"}, true},
		{"fill, traditional", fill, study.Answer{Text: "一戶一策"}, true},
		{"fill, blanks on either side", fill, study.Answer{Text: "防灾"}, true},
		{"fill, a point counts", fill, study.Answer{Text: "35米"}, false},
		{"fill, a point counts and is right", fill, study.Answer{Text: "３．５米"}, true},
		{"fill, empty", fill, study.Answer{Text: " 。"}, false},
		{"number in the middle", number, study.Answer{Number: 0.3}, true},
		{"number at the border", number, study.Answer{Number: 0.4}, true},
		{"number at the other border", number, study.Answer{Number: 0.2}, true},
		{"number beyond", number, study.Answer{Number: 0.401}, false},
		{"number exact", exact, study.Answer{Number: 5}, true},
		{"number close is not exact", exact, study.Answer{Number: 5.0001}, false},
		{"not a number", exact, study.Answer{Number: math.NaN()}, false},
		{"an unknown kind is never right", content.Item{Kind: "essay"}, study.Answer{}, false},
	} {
		if got := study.Mark(c.item, c.a); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}

func TestFold(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "  ": "", " Ｂ。": "b", "選擇Ｂ": "选择b", "農戶 家庭！": "农户家庭", "3.5": "3.5", "3。5": "35", "-5": "-5", "A-B": "ab",
		"20%": "20%", "２０％": "20%", "√": "√", "×": "×", "a\u200bb": "ab", "\xff对": "对", "≥3": "≥3", "“一户一策”": "一户一策",
	} {
		if got := study.Fold(in); got != want {
			t.Errorf("Fold(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzFold(f *testing.F) {
	for _, s := range []string{"", "選B", "3.5", "-1.2%", "√×", "İ", "\u0301a", "Ⅳ", "㍻", "乾坤"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once := study.Fold(s)
		if twice := study.Fold(once); twice != once {
			t.Fatalf("Fold(%q) = %q, again %q", s, once, twice)
		}
	})
}

func twoCourses() []*content.Course {
	return []*content.Course{
		{ID: "a", PassMark: 60, Lessons: []content.Lesson{{ID: "01"}, {ID: "02"}}},
		{ID: "b", PassMark: 60, Lessons: []content.Lesson{{ID: "01"}}},
	}
}

func TestProgressOf(t *testing.T) {
	t.Parallel()
	courses := twoCourses()
	a1, a2, b1 := study.Done{Course: "a", Lesson: "01", Score: 100}, study.Done{Course: "a", Lesson: "02", Score: 67}, study.Done{Course: "b", Lesson: "01", Score: 80}
	place := func(c, l, inCourse, inClass int) *study.Place {
		return &study.Place{Course: courses[c], Lesson: &courses[c].Lessons[l], InCourse: inCourse, InClass: inClass}
	}
	for _, tt := range []struct {
		name     string
		done     []study.Done
		released int
		want     study.Progress
	}{
		{"before the first day", nil, 0, study.Progress{Total: 3, Next: place(0, 0, 1, 1)}},
		{"the first day", nil, 1, study.Progress{Total: 3, Released: 1, Behind: 1, Next: place(0, 0, 1, 1), Open: true}},
		{"up to date", []study.Done{a1}, 1, study.Progress{Total: 3, Released: 1, Done: 1, Next: place(0, 1, 2, 2)}},
		{"two behind", []study.Done{a1}, 3, study.Progress{Total: 3, Released: 3, Done: 1, Behind: 2, Next: place(0, 1, 2, 2), Open: true}},
		{"a hole is filled first", []study.Done{a1, b1}, 3, study.Progress{Total: 3, Released: 3, Done: 2, Behind: 1, Next: place(0, 1, 2, 2), Open: true}},
		{"into the second course", []study.Done{a1, a2}, 5, study.Progress{Total: 3, Released: 3, Done: 2, Behind: 1, Next: place(1, 0, 1, 3), Open: true}},
		{"all done", []study.Done{a1, a2, b1}, 9, study.Progress{Total: 3, Released: 3, Done: 3, Finished: true}},
		{"a dropped lesson does not count", []study.Done{{Course: "a", Lesson: "99"}, a1}, 1, study.Progress{Total: 3, Released: 1, Done: 1, Next: place(0, 1, 2, 2)}},
	} {
		if diff := cmp.Diff(tt.want, study.ProgressOf(courses, tt.done, tt.released), cmpopts.IgnoreUnexported(content.Course{})); diff != "" {
			t.Errorf("%s:\n%s", tt.name, diff)
		}
	}
	if p := study.ProgressOf(nil, nil, 5); p.Finished || p.Next != nil {
		t.Errorf("a class without courses is not finished: %+v", p)
	}
}

func TestCourseResult(t *testing.T) {
	t.Parallel()
	c := twoCourses()[0]
	done := []study.Done{{Course: "a", Lesson: "01", Score: 60}, {Course: "b", Lesson: "02", Score: 10}, {Course: "a", Lesson: "01", Score: 100}}
	if _, complete := study.CourseResult(c, done); complete {
		t.Error("a lesson of another course does not complete this one")
	}
	done = append(done, study.Done{Course: "a", Lesson: "02", Score: 67})
	if mean, complete := study.CourseResult(c, done); !complete || mean != 64 {
		t.Errorf("mean %d, complete %t: the first completion of a lesson counts", mean, complete)
	}
	if !study.IsDone(done, "b", "02") || study.IsDone(done, "b", "01") {
		t.Error("IsDone looks at course and lesson")
	}
}
