package content

import (
	_ "embed" // the catalogue below
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/tiangeng/tiangeng/bot/fault"
)

//go:embed phrases.yaml
var phrasesFile []byte

// Phrases is the catalogue of every sentence the program says to a person. It is immutable and may
// be used by many goroutines.
type Phrases struct {
	sentences map[string]sentence
	missing   func(key, argument string)
}

// sentence is a text cut at its placeholders: text, name, text, name … text.
type sentence []string

// placeholders are the names in braces, each once, sorted.
func (s sentence) placeholders() []string {
	var names []string
	for i := 1; i < len(s); i += 2 {
		names = append(names, s[i])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// DefaultPhrases is the built-in catalogue.
func DefaultPhrases() *Phrases { return defaultPhrases() }

var defaultPhrases = sync.OnceValue(func() *Phrases {
	p, err := LoadPhrases(phrasesFile)
	if err != nil {
		panic("phrases.yaml: " + err.Error()) // a test reads the same bytes
	}
	return p
})

// problemPhrases says what is wrong with a content file.
func problemPhrases() *Phrases { return defaultPhrases() }

// LoadPhrases reads a catalogue: YAML, nested keys joined by dots, sentences with {name}
// placeholders. The error is a *ProblemsError with everything that is wrong.
func LoadPhrases(data []byte) (*Phrases, error) {
	found, err := readPhrases(data)
	if err != nil {
		return nil, err
	}
	p := &Phrases{sentences: make(map[string]sentence, len(found))}
	for key, x := range found {
		p.sentences[key] = x.sentence
	}
	return p, nil
}

// With returns a catalogue in which the sentences of an override file (same form, any part of the
// keys) replace the old ones. A key that does not exist, a placeholder that is lost and one that is
// unknown are problems; the error is a *ProblemsError with all of them.
func (p *Phrases) With(overrides []byte) (*Phrases, error) {
	found, err := readPhrases(overrides)
	if err != nil {
		return nil, err
	}
	f := phraseFindings{file: phrasesName}
	n := &Phrases{sentences: maps.Clone(p.sentences), missing: p.missing}
	for key, x := range found {
		old, ok := p.sentences[key]
		if !ok {
			f.wrong(x.line, x.column, "这里没有叫“"+key+"”的句子。请对照原来的话语表，看键名有没有写错。")
			continue
		}
		was, is := old.placeholders(), x.sentence.placeholders()
		for _, name := range was {
			if !slices.Contains(is, name) {
				f.wrong(x.line, x.column, "句子“"+key+"”里少了 {"+name+"}。请把它补上，程序会在这个位置填上具体内容。")
			}
		}
		for _, name := range is {
			if !slices.Contains(was, name) {
				f.wrong(x.line, x.column, "句子“"+key+"”里的 {"+name+"} 程序不认识。这一句能用的有："+braced(was)+"。")
			}
		}
		n.sentences[key] = x.sentence
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	return n, nil
}

func braced(names []string) string {
	if len(names) == 0 {
		return "没有"
	}
	return "{" + strings.Join(names, "}、{") + "}"
}

// OnMissing returns the same catalogue that calls f whenever Say lacks a sentence (argument is
// "") or an argument of it. f must be safe for many goroutines.
func (p *Phrases) OnMissing(f func(key, argument string)) *Phrases {
	n := *p
	n.missing = f
	return &n
}

// Say is the sentence of a key with its arguments put in. A missing sentence gives the key in 〔〕,
// a missing argument its name in 〔〕: a person can report it, and nothing else stops. Arguments that
// the sentence does not use are left out; braces inside an argument mean nothing.
func (p *Phrases) Say(key string, args ...fault.Arg) string {
	s, ok := p.sentences[key]
	if !ok {
		p.report(key, "")
		return "〔" + key + "〕"
	}
	if len(s) == 1 {
		return s[0]
	}
	var b strings.Builder
	for i, part := range s {
		if i%2 == 0 {
			b.WriteString(part)
			continue
		}
		at := slices.IndexFunc(args, func(a fault.Arg) bool { return a.Name == part })
		if at < 0 {
			p.report(key, part)
			b.WriteString("〔" + part + "〕")
			continue
		}
		fmt.Fprint(&b, args[at].Value)
	}
	return b.String()
}

func (p *Phrases) report(key, argument string) {
	if p.missing != nil {
		p.missing(key, argument)
	}
}

// Has reports whether there is a sentence with that key.
func (p *Phrases) Has(key string) bool {
	_, ok := p.sentences[key]
	return ok
}

// Keys are all keys, sorted.
func (p *Phrases) Keys() []string { return slices.Sorted(maps.Keys(p.sentences)) }

// Placeholders are the arguments that the sentence of a key wants, sorted; nil without any.
func (p *Phrases) Placeholders(key string) []string { return p.sentences[key].placeholders() }

// Fault is the sentence of an error with its place in front: 文件 x 第 n 行“列”：… . It is "" for nil.
func (p *Phrases) Fault(err *fault.Error) string {
	if err == nil {
		return ""
	}
	var place []string
	if err.File != "" {
		place = append(place, "文件 "+err.File)
	}
	if err.Row > 0 {
		place = append(place, "第 "+strconv.Itoa(err.Row)+" 行")
	}
	at := strings.Join(place, " ")
	if err.Column != "" {
		if _, e := strconv.Atoi(err.Column); e == nil {
			at += strings.TrimPrefix(" 第 "+err.Column+" 列", ifEmpty(at, " "))
		} else {
			at += "“" + err.Column + "”"
		}
	}
	if at != "" {
		at += "："
	}
	return at + p.Say(err.Key, err.Args...)
}

func ifEmpty(s, then string) string {
	if s == "" {
		return then
	}
	return ""
}

// phrasesName is how problems name a catalogue: its reader got bytes, not a path.
const phrasesName = "phrases.yaml"

// placed is a sentence with the place it was read from.
type placed struct {
	sentence     sentence
	line, column int
}

// phraseFindings collects what is wrong with a catalogue. Its sentences stand here and not in the
// catalogue: they must be there when the catalogue cannot be read.
type phraseFindings findings

func (f *phraseFindings) wrong(line, column int, text string) {
	f.list = append(f.list, Problem{File: f.file, Line: line, Column: column, Text: text})
}

func (f *phraseFindings) err() error {
	if len(f.list) == 0 {
		return nil
	}
	return &ProblemsError{Problems: sorted(f.list)}
}

func readPhrases(data []byte) (map[string]placed, error) {
	f := phraseFindings{file: phrasesName}
	var doc yaml.Node
	if len(data) > MaxFileBytes {
		f.wrong(0, 0, "话语表太大了。请检查是不是选错了文件。")
		return nil, f.err()
	}
	if err := yaml.Unmarshal([]byte(strings.TrimPrefix(string(data), "\ufeff")), &doc); err != nil {
		number := 0
		if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
			number, _ = strconv.Atoi(m[1]) // digits
		}
		f.wrong(number, 0, "这个文件的格式读不懂。请检查这一行附近：冒号要用英文冒号，后面空一格；行首空格要对齐，不能用 Tab；文件要存成 UTF-8。")
		return nil, f.err()
	}
	found := make(map[string]placed)
	if len(doc.Content) > 0 && doc.Content[0].Tag != "!!null" {
		f.walk(found, "", doc.Content[0])
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	return found, nil
}

var keyPattern = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// walk takes all sentences below one mapping.
func (f *phraseFindings) walk(found map[string]placed, prefix string, n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		f.wrong(n.Line, n.Column, "这里要写“键名: 句子”，一行一句。")
		return
	}
	seen := make(map[string]bool)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		key := prefix + k.Value
		switch {
		case !keyPattern.MatchString(k.Value):
			f.wrong(k.Line, k.Column, "键名“"+k.Value+"”只能用小写英文字母、数字和下划线，字母开头。")
		case seen[k.Value]:
			f.wrong(k.Line, k.Column, "“"+key+"”写了两次，请删掉一个。")
		case v.Kind == yaml.ScalarNode && v.Tag == "!!null" && prefix == "":
			// a section without sentences yet
		case v.Kind == yaml.ScalarNode:
			f.take(found, key, v)
		default:
			f.walk(found, key+".", v)
		}
		seen[k.Value] = true
	}
}

func (f *phraseFindings) take(found map[string]placed, key string, v *yaml.Node) {
	value := strings.TrimRight(v.Value, "\n")
	if strings.TrimSpace(value) == "" || v.Tag == "!!null" {
		f.wrong(v.Line, v.Column, "“"+key+"”后面没有写句子。")
		return
	}
	if v.LineComment != "" {
		f.wrong(v.Line, v.Column, "“"+key+"”里有 #，它后面的字会被丢掉。请把整句话用英文双引号括起来。")
		return
	}
	if strings.ContainsFunc(value, forbidden) {
		f.wrong(v.Line, v.Column, "“"+key+"”里有看不见的控制符号或者乱码，请删掉重打。")
		return
	}
	s, ok := cut(value)
	if !ok {
		f.wrong(v.Line, v.Column, "“"+key+"”里的花括号不对。花括号要成对，里面只写英文名字，例如 {name}。")
		return
	}
	found[key] = placed{sentence: s, line: v.Line, column: v.Column}
}

var hole = regexp.MustCompile(`\{([a-z][A-Za-z0-9_]*)\}`)

// cut splits a text at its placeholders; false when a brace belongs to none.
func cut(s string) (sentence, bool) {
	var out sentence
	end := 0
	for _, m := range hole.FindAllStringSubmatchIndex(s, -1) {
		out = append(out, s[end:m[0]], s[m[2]:m[3]])
		end = m[1]
	}
	out = append(out, s[end:])
	for i := 0; i < len(out); i += 2 {
		if strings.ContainsAny(out[i], "{}") {
			return nil, false
		}
	}
	return out, true
}
