package content

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/tiangeng/tiangeng/bot/fault"
)

// place is a line and column of a file; zero for none.
type place struct{ line, column int }

func placeOf(n *yaml.Node) place { return place{n.Line, n.Column} }

// scopeNote is what 范围 says, and where.
type scopeNote struct {
	place
	local, common bool
}

// regionPattern are the lengths of a statistics code cut to its level.
var regionPattern = regexp.MustCompile(`^(?:[0-9]{2}|[0-9]{4}|[0-9]{6}|[0-9]{9}|[0-9]{12})$`)

// foldRegion cuts a code to its level: 530100000000 and 5301 are the same prefecture.
func foldRegion(s string) (string, bool) {
	s = strings.ReplaceAll(foldText(s), " ", "")
	if !regionPattern.MatchString(s) {
		return "", false
	}
	for _, cut := range [][2]int{{12, 9}, {9, 6}, {6, 4}, {4, 2}} {
		if len(s) == cut[0] && strings.Trim(s[cut[1]:], "0") == "" {
			s = s[:cut[1]]
		}
	}
	return s, strings.Trim(s, "0") != ""
}

// people takes what course.yaml says about for whom the course is.
func (f *findings) people(c *Course, p pair) {
	switch p.key {
	case keyRegions:
		f.regions = placeOf(p.value)
		c.Regions = f.regionsOf(p)
	case keyTiers:
		c.Tiers = f.tiers(p)
	case keyKeywords:
		c.Keywords = f.words(p)
	case keyReplaces:
		f.replaces = placeOf(p.value)
		if s, ok := scalar(f, p.value, p.key); ok {
			c.Replaces = s
			if !idPattern.MatchString(s) || len(s) > MaxIDBytes || s == c.ID {
				f.wrong(p.value.Line, p.value.Column, "content.replaces_bad", fault.A("value", s))
			}
		}
	case keyScope:
		s, ok := scalar(f, p.value, p.key)
		if !ok {
			return
		}
		f.scope = scopeNote{placeOf(p.value), s == "特色课" || s == "特色", s == "通用主课" || s == "通用"}
		if !f.scope.local && !f.scope.common {
			f.wrong(p.value.Line, p.value.Column, "content.scope_unknown", fault.A("value", s))
		}
	}
}

// scoped compares what the keys say with one another, as far as no pack has to be known.
func (f *findings) scoped(c *Course) {
	if f.scope.common && c.Local() {
		f.wrong(f.scope.line, f.scope.column, "content.scope_common")
	}
}

// listOf are the nodes of a list, or the one value.
func listOf(p pair) []*yaml.Node {
	if p.value.Kind == yaml.SequenceNode {
		return p.value.Content
	}
	return []*yaml.Node{p.value}
}

func (f *findings) regionsOf(p pair) []string {
	var out []string
	for _, n := range listOf(p) {
		s, ok := scalar(f, n, p.key)
		if !ok {
			continue
		}
		code, ok := foldRegion(s)
		if !ok {
			f.wrong(n.Line, n.Column, "content.region_bad", fault.A("value", s))
			continue
		}
		out = append(out, code)
	}
	if len(listOf(p)) == 0 {
		f.wrong(p.node.Line, 0, "content.key_empty", fault.A("key", p.key))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (f *findings) tiers(p pair) map[string]Tier {
	if p.value.Kind != yaml.MappingNode || len(p.value.Content) == 0 {
		f.wrong(p.value.Line, p.value.Column, "content.tiers_not_keys")
		return nil
	}
	out, seen := make(map[string]Tier), make(map[string]bool)
	for i := 0; i+1 < len(p.value.Content); i += 2 {
		k, v := p.value.Content[i], p.value.Content[i+1]
		category, ok := scalar(f, k, p.key)
		if !ok {
			continue
		}
		if utf8.RuneCountInString(category) > MaxCategoryChars || strings.Contains(category, "\n") {
			f.wrong(k.Line, k.Column, "content.category_long", fault.A("limit", MaxCategoryChars))
			continue
		}
		if seen[category] {
			f.wrong(k.Line, k.Column, "content.key_twice", fault.A("key", category))
			continue
		}
		seen[category] = true
		s, ok := scalar(f, v, category)
		if !ok {
			continue
		}
		tier, known := tierNames[s]
		if s == tierNone {
			tier, known = TierNone, true
		}
		if !known {
			f.wrong(v.Line, v.Column, "content.tier_of_unknown", fault.A("value", s))
			continue
		}
		out[category] = tier
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func (f *findings) words(p pair) []string {
	var out []string
	for _, n := range listOf(p) {
		s, ok := scalar(f, n, p.key)
		if !ok {
			continue
		}
		if utf8.RuneCountInString(s) > MaxKeywordChars || strings.Contains(s, "\n") {
			f.wrong(n.Line, n.Column, "content.keyword_long", fault.A("value", s), fault.A("limit", MaxKeywordChars))
			continue
		}
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	switch {
	case len(listOf(p)) == 0:
		f.wrong(p.node.Line, 0, "content.key_empty", fault.A("key", p.key))
	case len(out) > MaxKeywords:
		f.wrong(p.node.Line, 0, "content.keywords_many", fault.A("limit", MaxKeywords))
	}
	return out
}

// inside reports whether every region lies inside one of the others.
func inside(regions, of []string) bool {
	return !slices.ContainsFunc(regions, func(r string) bool {
		return !slices.ContainsFunc(of, func(o string) bool { return strings.HasPrefix(r, o) })
	})
}
