package content

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tiangeng/tiangeng/bot/fault"
)

// yamlRoot parses one YAML document and returns its root node, nil when the document is empty or
// cannot be read (which is reported). Values are taken by their text, whatever type YAML sees in
// them, so a year and a date need no quotes.
func yamlRoot(f *findings, text string) *yaml.Node {
	for i, l := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.TrimLeft(l, " "), "\t") {
			f.wrong(i+1, 0, "content.yaml_tab")
			return nil
		}
	}
	d := yaml.NewDecoder(bytes.NewReader([]byte(text)))
	var doc yaml.Node
	err := d.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		yamlProblem(f, err)
		return nil
	}
	var second yaml.Node
	switch err := d.Decode(&second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		yamlProblem(f, err)
		return nil
	default:
		f.wrong(second.Line, 0, "content.yaml_two_documents")
	}
	if len(doc.Content) == 0 {
		return nil
	}
	return doc.Content[0]
}

var (
	yamlLine = regexp.MustCompile(`line (\d+): (.*)`)
	// yamlReasons map the parser's words to ours. The first that fits is taken.
	yamlReasons = []struct{ part, key string }{
		{"mapping values are not allowed", "content.yaml_colon"},
		{"could not find expected ':'", "content.yaml_no_colon"},
		{"quoted scalar", "content.yaml_quote"},
		{"unexpected end of stream", "content.yaml_quote"},
		{"did not find expected", "content.yaml_indent"},
	}
)

// yamlProblem says in plain words what the parser said.
func yamlProblem(f *findings, err error) {
	number, reason := 1, err.Error() // the parser leaves the line out when it is the first
	if m := yamlLine.FindStringSubmatch(reason); m != nil {
		number, _ = strconv.Atoi(m[1]) // digits
		reason = m[2]
	}
	for _, r := range yamlReasons {
		if strings.Contains(reason, r.part) {
			f.wrong(number, 0, r.key)
			return
		}
	}
	f.wrong(number, 0, "content.yaml_unreadable")
}

// scalar returns the text of a node that must be a single value, trimmed.
func scalar(f *findings, n *yaml.Node, key string) (string, bool) {
	if n.Kind != yaml.ScalarNode {
		f.wrong(n.Line, n.Column, "content.value_not_single", fault.A("key", key))
		return "", false
	}
	checkCharacters(f, n.Line, strings.ReplaceAll(n.Value, "\n", ""))
	s := strings.Map(func(r rune) rune {
		if unseen(r) {
			return -1
		}
		return r
	}, n.Value)
	s = strings.TrimSpace(s)
	if s == "" || n.Tag == "!!null" {
		f.wrong(n.Line, 0, "content.key_empty", fault.A("key", key))
		return "", false
	}
	return s, true
}

// pair is one key of a mapping with its value.
type pair struct {
	key   string
	node  *yaml.Node // the key's node, for its place
	value *yaml.Node
}

// pairs returns the keys of a mapping in order, and reports keys that are not in known or appear
// twice; these are left out.
func pairs(f *findings, n *yaml.Node, known []string) []pair {
	if n.Kind != yaml.MappingNode {
		f.wrong(n.Line, n.Column, "content.yaml_not_keys", fault.A("keys", strings.Join(known, "、")))
		return nil
	}
	var out []pair
	seen := make(map[string]bool)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		key := strings.TrimSpace(k.Value)
		switch {
		case !slices.Contains(known, key):
			f.wrong(k.Line, k.Column, "content.header_unknown", fault.A("key", key), fault.A("keys", strings.Join(known, "、")))
		case seen[key]:
			f.wrong(k.Line, k.Column, "content.key_twice", fault.A("key", key))
		default:
			seen[key] = true
			out = append(out, pair{key: key, node: k, value: v})
		}
	}
	return out
}
