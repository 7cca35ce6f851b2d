package content

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tiangeng/tiangeng/bot/fault"
)

// String is the problem as one line for a terminal: file, line, column, what is wrong and what to
// do. Parts that are 0 are left out.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
		if p.Column > 0 {
			fmt.Fprintf(&b, ":%d", p.Column)
		}
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	if p.Warning {
		b.WriteString("提醒：")
	}
	b.WriteString(p.Text)
	return b.String()
}

// ProblemsError is a file that cannot be used, with everything that is wrong in it.
type ProblemsError struct {
	Problems []Problem // sorted, at least one
}

// Error is one line a problem.
func (e *ProblemsError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// findings collects the problems of one file.
type findings struct {
	file string
	list []Problem

	scope             scopeNote // of a course.yaml
	regions, replaces place     // where these keys stand
}

// wrong adds a problem that keeps the file from being used. line and column as in Problem; key is
// a sentence of the catalogue.
func (f *findings) wrong(line, column int, key string, args ...fault.Arg) {
	f.list = append(f.list, Problem{File: f.file, Line: line, Column: column, Text: problemPhrases().Say(key, args...)})
}

// warn adds something that is probably a slip but can be lived with.
func (f *findings) warn(line, column int, key string, args ...fault.Arg) {
	f.list = append(f.list, Problem{File: f.file, Line: line, Column: column, Warning: true, Text: problemPhrases().Say(key, args...)})
}

// broken reports whether any problem is more than a warning.
func broken(problems []Problem) bool {
	return slices.ContainsFunc(problems, func(p Problem) bool { return !p.Warning })
}

// sorted orders problems by place and drops repeats, so that equal files give equal lists.
func sorted(problems []Problem) []Problem {
	slices.SortFunc(problems, compareProblems)
	return slices.Compact(problems)
}

func compareProblems(a, b Problem) int {
	return cmp.Or(
		cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
		compareBool(a.Warning, b.Warning), cmp.Compare(a.Text, b.Text),
	)
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}
