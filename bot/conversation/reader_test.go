package conversation_test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

// answerCase is one line of testdata/answers.txt.
type answerCase struct {
	line int
	item content.Item
	said string
	want string
}

func answerCases(t testing.TB) []answerCase {
	t.Helper()
	data, err := os.ReadFile("testdata/answers.txt")
	if err != nil {
		t.Fatal(err)
	}
	var cases []answerCase
	var item content.Item
	for i, line := range strings.Split(string(data), "\n") {
		switch {
		case strings.TrimSpace(line) == "", strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "=="):
			item = headedItem(t, strings.TrimSpace(strings.TrimPrefix(line, "==")))
		default:
			said, want, ok := strings.Cut(line, "=>")
			if !ok {
				t.Fatalf("answers.txt:%d has no =>", i+1)
			}
			said = strings.ReplaceAll(strings.TrimSuffix(said, " "), `\n`, "\n")
			cases = append(cases, answerCase{i + 1, item, said, strings.TrimSpace(want)})
		}
	}
	return cases
}

func headedItem(t testing.TB, head string) content.Item {
	t.Helper()
	kind, rest, _ := strings.Cut(head, ":")
	var fields []string
	for f := range strings.SplitSeq(rest, "|") {
		fields = append(fields, strings.TrimSpace(f))
	}
	switch kind {
	case "单选", "多选":
		item := content.Item{Kind: content.Single}
		if kind == "多选" {
			item.Kind = content.Multiple
		}
		for _, f := range fields {
			item.Options = append(item.Options, content.Option{Text: f})
		}
		return item
	case "判断":
		return content.Item{Kind: content.TrueFalse}
	case "填空":
		return content.Item{Kind: content.Fill, Stem: fields[0], Accept: fields[1:]}
	case "填数":
		return content.Item{Kind: content.Numeric, Stem: fields[0], Unit: fields[1]}
	}
	t.Fatalf("no such kind: %s", kind)
	return content.Item{}
}

// written is a reading as the right side of a case writes it.
func written(r conversation.Reading) string {
	out := r.Normal
	if r.Doubt != conversation.DoubtNone {
		out = "?" + string(r.Doubt)
		if r.Guess != "" {
			out += " " + r.Guess
		}
		if r.Firm {
			out += " " + strings.ToUpper(r.Normal) + "!"
		}
	}
	if r.Question != 0 {
		out += " @" + strconv.Itoa(r.Question)
	}
	return out
}

func TestReadUnderstandsWhatPeopleType(t *testing.T) {
	t.Parallel()
	cases := answerCases(t)
	if len(cases) < 400 {
		t.Errorf("only %d cases", len(cases))
	}
	for _, c := range cases {
		if got := written(conversation.Read(c.item, c.said)); got != c.want {
			t.Errorf("answers.txt:%d: %q is read as %q, want %q", c.line, c.said, got, c.want)
		}
	}
}

// A clear reading never depends on blanks and stops around the words, nor on case and width.
func TestReadIgnoresDress(t *testing.T) {
	t.Parallel()
	for _, c := range answerCases(t) {
		if strings.ContainsAny(c.said, "?？") || strings.HasPrefix(c.want, "?") || c.item.Kind == content.Fill {
			continue
		}
		for _, dressed := range []string{" " + c.said + " ", c.said + "。", "\u3000" + c.said + "！", strings.ToLower(c.said), strings.ToUpper(c.said)} {
			if got := written(conversation.Read(c.item, dressed)); got != c.want {
				t.Errorf("answers.txt:%d: dressed as %q it is read as %q, want %q", c.line, dressed, got, c.want)
			}
		}
	}
}

func TestReadRefusesWhatIsTooLong(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("我选B", 200)
	for _, kind := range []content.ItemKind{content.Single, content.Multiple, content.TrueFalse, content.Fill, content.Numeric} {
		if r := conversation.Read(content.Item{Kind: kind}, long); r.Doubt != conversation.DoubtLong || r.Firm {
			t.Errorf("%s: %+v", kind, r)
		}
	}
	if r := conversation.Read(content.Item{Kind: "essay"}, "B"); r.Doubt != conversation.DoubtUnknown {
		t.Errorf("an unknown kind is not answered: %+v", r)
	}
}

// FuzzRead: total, and what is clear is a possible answer of that item.
func FuzzRead(f *testing.F) {
	for _, c := range answerCases(f) {
		if c.line%7 == 0 {
			f.Add(c.said)
		}
	}
	f.Add("\xff选B")
	f.Add(strings.Repeat("第", 299) + "B")
	f.Add("99999999999999999999亿亿亿")
	f.Add("百分之百分之5")
	f.Add("十百千万亿点")
	items := []content.Item{
		{Kind: content.Single, Options: []content.Option{{Text: "甲"}, {Text: "乙", Correct: true}, {Text: "丙"}}},
		{Kind: content.Multiple, Options: []content.Option{{Text: "甲", Correct: true}, {Text: "乙", Correct: true}, {Text: "丙"}}},
		{Kind: content.TrueFalse},
		{Kind: content.Fill, Stem: "以____为单位", Accept: []string{"家庭"}},
		{Kind: content.Numeric, Stem: "多少？", Unit: "万元", Number: 5},
		{Kind: content.Numeric, Stem: "多少？", Unit: "%", Number: 5},
	}
	f.Fuzz(func(t *testing.T, said string) {
		for _, item := range items {
			r := conversation.Read(item, said)
			if r.Doubt != conversation.DoubtNone && !r.Firm {
				if r.Normal != "" || len(r.Answer.Choices) > 0 {
					t.Fatalf("%s: a doubt carries an answer: %+v", item.Kind, r)
				}
				continue
			}
			if r.Normal == "" || len(r.Normal) > 400 {
				t.Fatalf("%s: no normal form, or a long one: %+v", item.Kind, r)
			}
			last := -1
			for _, c := range r.Answer.Choices {
				if c <= last || c >= len(item.Options) {
					t.Fatalf("%s: choices %v", item.Kind, r.Answer.Choices)
				}
				last = c
			}
			if item.Kind == content.Single && len(r.Answer.Choices) != 1 {
				t.Fatalf("a single choice of %v", r.Answer.Choices)
			}
			study.Mark(item, r.Answer)
			if item.Kind == content.Single || item.Kind == content.Multiple {
				if again := conversation.Read(item, r.Normal); again.Normal != r.Normal {
					t.Fatalf("%s: normal form %q is read as %+v", item.Kind, r.Normal, again)
				}
			}
		}
	})
}
