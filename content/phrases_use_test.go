package content_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tiangeng/tiangeng/content"
)

// finished are the sections in which every sentence must be used by some code. A section joins the
// list when the code that speaks it is complete.
var finished = []string{"announce", "bind", "calendar", "certificate", "class", "content", "error", "follow", "help", "leave", "ledger", "notice", "order", "push", "quiz", "report", "roster", "schedule", "sheet", "sign", "study", "survey", "tag", "trainer", "units", "why"}

// awaited are the sections whose sentences are still being written. The list may not outlive its
// reason: a section that lacks nothing any more must leave it.
var awaited = []string{}

// lacking collects the sentences that are not there.
type lacking map[string]bool // section → something is missing

func (l lacking) miss(t *testing.T, key, message string) {
	t.Helper()
	section, _, _ := strings.Cut(key, ".")
	l[section] = true
	if !slices.Contains(awaited, section) {
		t.Error(message)
	}
}

// use is what the code of the module says about phrase keys.
type use struct {
	said     []saying            // keys handed to a function that wants one
	literals map[string]bool     // every string that has the form of a key
	prefixes map[string]bool     // "push.state_" of "push.state_" + x
	words    map[string]bool     // every string that may be that x
	values   map[string][]string // "bot/delivery.Why" → the constants of that type
}

// made are keys that are put together at run time: prefix + a constant of a type. Every constant
// needs its sentence, but for the empty one.
var made = []struct{ prefix, of string }{
	{"quiz.kind_", "content.ItemKind"},
	{"quiz.how_", "content.ItemKind"},
	{"quiz.doubt_", "bot/conversation.Doubt"},
	{"push.state_", "bot/delivery.State"},
	{"push.", "bot.Skip"},
	{"why.", "bot/delivery.Why"},
	{"announce.status_", "bot.CampaignStatus"},
	{"announce.kind_", "bot/delivery.Kind"},
	{"announce.rung_", "bot/delivery.Rung"},
	{"announce.way_", "bot/channel.Way"},
	{"follow.status_", "bot/study.RectifyStatus"},
	{"follow.evidence_", "bot/study.Evidence"},
	{"trainer.file_", "bot/conversation.FileProblem"},
	{"ledger.hours_", "bot/study.SourceKind"},
	{"units.kind_", "bot/people.UnitChangeKind"},
	{"units.problem_", "bot/people.UnitProblemKind"},
}

// saying is one call with a literal key.
type saying struct {
	at   token.Position
	key  string
	args []string // names of its arguments
	all  bool     // args is complete: no argument comes from elsewhere
}

var (
	keyForm    = regexp.MustCompile(`^[a-z]+(?:\.[a-z][a-z0-9_]*)+$`)
	prefixForm = regexp.MustCompile(`^[a-z]+\.(?:[a-z0-9_.]*[_.])?$`)
	wordForm   = regexp.MustCompile(`^[a-z0-9_]+$`)
	inTemplate = regexp.MustCompile("[\"`]([a-z]+(?:\\.[a-z][a-z0-9_]*)+)[\"`]")
)

// scan reads all Go files and templates of the module that are not tests.
func scan(t *testing.T) use {
	t.Helper()
	u := use{literals: make(map[string]bool), prefixes: make(map[string]bool), words: make(map[string]bool), values: make(map[string][]string)}
	files := token.NewFileSet()
	n := 0
	err := filepath.WalkDir("..", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name != ".." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		switch {
		case filepath.Ext(name) == ".html":
			data, err := os.ReadFile(name)
			for _, m := range inTemplate.FindAllStringSubmatch(string(data), -1) {
				u.literals[m[1]] = true
			}
			return err
		case filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(files, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		n++
		ast.Inspect(file, func(node ast.Node) bool {
			u.visit(files, filepath.ToSlash(strings.TrimPrefix(filepath.Dir(name), "../")), node)
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < 20 || len(u.said) < 50 {
		t.Fatalf("only %d files with %d sentences: the module was not found", n, len(u.said))
	}
	return u
}

func (u *use) visit(files *token.FileSet, dir string, node ast.Node) {
	switch x := node.(type) {
	case *ast.BasicLit:
		s, ok := literal(x)
		if ok && keyForm.MatchString(s) {
			u.literals[s] = true
		}
		if ok && prefixForm.MatchString(s) {
			u.prefixes[s] = true
		}
		if ok && wordForm.MatchString(s) {
			u.words[s] = true
		}
	case *ast.ValueSpec:
		name, typed := x.Type.(*ast.Ident)
		for _, v := range x.Values {
			if s, ok := literal(v); ok && typed && s != "" {
				u.values[dir+"."+name.Name] = append(u.values[dir+"."+name.Name], s)
			}
		}
	case *ast.CallExpr:
		u.call(files, x)
	}
}

// call notes the key of p.Say("key", …), fault.New(code, "key", …), fault.Wrap(cause, code, "key",
// …), and of any other function that takes a key together with arguments fault.A("name", …).
func (u *use) call(files *token.FileSet, x *ast.CallExpr) {
	s := saying{at: files.Position(x.Pos()), all: !x.Ellipsis.IsValid()}
	speaks := strings.EqualFold(callee(x), "say") || callee(x) == "fault.New" || callee(x) == "fault.Wrap"
	for _, a := range x.Args {
		text, isText := literal(a)
		name, isArg := argument(a)
		switch {
		case isArg:
			speaks = true
			s.args = append(s.args, name)
			s.all = s.all && name != ""
		case s.key == "" && isText && keyForm.MatchString(text):
			s.key = text
		case s.key != "":
			s.all = false // something behind the key that is not fault.A("name", …)
		}
	}
	if speaks && s.key != "" {
		u.said = append(u.said, s)
	}
}

// callee is "Say" for p.Say, "fault.New" for fault.New.
func callee(x *ast.CallExpr) string {
	switch f := x.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		if p, ok := f.X.(*ast.Ident); ok && p.Name == "fault" {
			return "fault." + f.Sel.Name
		}
		return f.Sel.Name
	}
	return ""
}

// argument is the name of fault.A("name", …); "" when the name is not a literal.
func argument(e ast.Expr) (name string, ok bool) {
	c, ok := e.(*ast.CallExpr)
	if !ok || callee(c) != "fault.A" || len(c.Args) != 2 {
		return "", false
	}
	name, _ = literal(c.Args[0])
	return name, true
}

func literal(e ast.Expr) (string, bool) {
	b, ok := e.(*ast.BasicLit)
	if !ok || b.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(b.Value)
	return s, err == nil
}

func TestEverySentenceThatIsSaidExists(t *testing.T) {
	t.Parallel()
	p, u, l := content.DefaultPhrases(), scan(t), make(lacking)
	for _, s := range u.said {
		if !p.Has(s.key) {
			l.miss(t, s.key, fmt.Sprintf("%s: phrases.yaml has no sentence %q", s.at, s.key))
			continue
		}
		for _, name := range p.Placeholders(s.key) {
			if s.all && !slices.Contains(s.args, name) {
				t.Errorf("%s: the sentence %q wants {%s}, the call gives %q", s.at, s.key, name, s.args)
			}
		}
	}
	for _, m := range made {
		values := u.values[m.of]
		if len(values) < 2 {
			t.Errorf("%s: only the constants %q were found", m.of, values)
		}
		for _, v := range values {
			if !p.Has(m.prefix + v) {
				l.miss(t, m.prefix+v, fmt.Sprintf("phrases.yaml has no sentence %q for the constant %q of %s", m.prefix+v, v, m.of))
			}
		}
	}
	for _, section := range awaited {
		if !l[section] {
			t.Errorf("section %q is complete: take it off the list of awaited ones", section)
		}
	}
}

// puts reports that key can be a prefix in the code and a word in the code, or a number, together;
// or another key and an ending: "study.next" + "_open".
func (u *use) puts(key string) bool {
	for prefix := range u.prefixes {
		rest, ok := strings.CutPrefix(key, prefix)
		if ok && (u.words[rest] || strings.Trim(rest, "0123456789") == "") {
			return true
		}
	}
	end := strings.LastIndexByte(key, '_')
	return end > 0 && u.literals[key[:end]] && u.words[key[end:]]
}

func TestEverySentenceIsUsed(t *testing.T) {
	t.Parallel()
	u := scan(t)
	for _, key := range content.DefaultPhrases().Keys() {
		section, _, _ := strings.Cut(key, ".")
		if !slices.Contains(finished, section) || u.literals[key] {
			continue
		}
		if !u.puts(key) {
			t.Errorf("nothing says %q: use it, or take it out of phrases.yaml", key)
		}
	}
}

// The words of the chat are read on small phones by tired people: no sentence may be a wall.
func TestSentencesFitIntoOneReply(t *testing.T) {
	t.Parallel()
	p := content.DefaultPhrases()
	for _, key := range p.Keys() {
		if n := len(p.Say(key)); n > content.ReplyBytes-content.FrameBytes {
			t.Errorf("%s has %d bytes", key, n)
		}
	}
}
