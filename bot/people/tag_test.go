package people_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tiangeng/tiangeng/bot/people"
)

func TestTags(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ typed, folded, problem string }{
		{"防汛", "防汛", ""},
		{"　防汛 骨干 ", "防汛 骨干", ""},
		{"ＡＢ组\u200b", "AB组", ""},
		{"2026新任", "2026新任", ""},
		{"", "", "tag.empty"},
		{" \u200b ", "", "tag.empty"},
		{strings.Repeat("汛", 20), strings.Repeat("汛", 20), ""},
		{strings.Repeat("汛", 21), strings.Repeat("汛", 21), "tag.long"},
		{"13800001111", "13800001111", "tag.digits"},
		{"张三530112", "张三530112", "tag.digits"},
		{"12345甲12345", "12345甲12345", ""},
		{"防汛,抗旱", "防汛,抗旱", "tag.sign"},
		{"防汛、抗旱", "防汛、抗旱", "tag.sign"},
		{"=1+1", "=1+1", "tag.sign"},
		{"a'b", "a'b", "tag.sign"},
	} {
		if got := people.FoldTag(c.typed); got != c.folded || people.TagProblem(got) != c.problem {
			t.Errorf("%q: %q %q, want %q %q", c.typed, got, people.TagProblem(got), c.folded, c.problem)
		}
	}
}

func FuzzTag(f *testing.F) {
	for _, s := range []string{"防汛", " A\u200bB ", "１２３", "\xff", "e\u200d\u0301"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		folded := people.FoldTag(s)
		if again := people.FoldTag(folded); again != folded {
			t.Errorf("%q folds to %q, and that to %q", s, folded, again)
		}
		if people.TagProblem(folded) == "" && (!utf8.ValidString(folded) || folded != strings.TrimSpace(folded) || strings.ContainsAny(folded, "\n\t,;'\"")) {
			t.Errorf("%q is taken as a tag", folded)
		}
	})
}
