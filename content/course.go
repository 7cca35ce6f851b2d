package content

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/tiangeng/tiangeng/bot/fault"
)

// The keys of course.yaml.
const (
	keyName     = "名称"
	keyNumber   = "版本"
	keyTier     = "类别"
	keyPassMark = "及格线"
	keySummary  = "简介"
	keyAuthors  = "作者"
	keySources  = "来源"

	keyScope    = "范围"
	keyRegions  = "地区"
	keyReplaces = "替代"
	keyTiers    = "适用"
	keyKeywords = "关键词"

	keyFrom = "发布"
	keyDate = "日期"
	keyURL  = "网址"
)

var (
	courseKeys = []string{keyName, keyNumber, keyTier, keyPassMark, keySummary, keyAuthors, keySources}
	// peopleKeys say for whom a course is; none of them has to be there.
	peopleKeys = []string{keyScope, keyRegions, keyReplaces, keyTiers, keyKeywords}
	sourceKeys = []string{keyTitle, keyFrom, keyDate, keyURL}
)

// tierNames are the tiers in the notation.
var tierNames = map[string]Tier{"必修课": TierRequired, "重点课": TierCore, "选修课": TierElective}

// tierNone is TierNone in the notation.
const tierNone = "不开"

func tierName(t Tier) string {
	if t == TierNone {
		return tierNone
	}
	for name, tier := range tierNames {
		if tier == t {
			return name
		}
	}
	return string(t)
}

// parseCourse reads course.yaml. The course is complete, but for its lessons, only when no
// problem is more than a warning.
func (r Rules) parseCourse(f *findings, id string, data []byte) *Course {
	c := &Course{ID: id, Authors: []string{}, Sources: []Source{}, Lessons: []Lesson{}}
	text, ok := textOf(f, data)
	if !ok {
		return c
	}
	for i, l := range strings.Split(text, "\n") {
		checkCharacters(f, i+1, l)
	}
	if broken(f.list) {
		return c
	}
	text, widened := halfWidthColons(text)
	before := len(f.list)
	if root := yamlRoot(f, text); root != nil {
		r.courseFields(f, c, root)
		f.scoped(c)
	} else if len(f.list) == before {
		f.wrong(0, 0, "content.file_empty")
	}
	for i := before; i < len(f.list); i++ {
		if p := &f.list[i]; p.Column > 1 && widened[p.Line] > 0 && p.Column > widened[p.Line] {
			p.Column--
		}
	}
	return c
}

var (
	wideColon = regexp.MustCompile(`^(\s*(?:-\s+)?(?:` + strings.Join(slices.Concat(courseKeys, peopleKeys, sourceKeys, packKeys), "|") + `))\s*：`)
	// Below the line 适用 stand names of categories, which are nobody's keys.
	tiersBegin    = regexp.MustCompile(`^` + keyTiers + `\s*[:：]\s*$`)
	wideTierColon = regexp.MustCompile(`^(\s+[^\s:：#-][^:：]*?)\s*：`)
)

// halfWidthColons turns the Chinese colon behind a key into the one YAML wants. widened holds, for
// lines that grew by a blank, the column of the colon.
func halfWidthColons(text string) (out string, widened map[int]int) {
	widened = make(map[int]int)
	lines := strings.Split(text, "\n")
	tiers := false
	for i, l := range lines {
		m := wideColon.FindStringSubmatch(l)
		tiers = tiersBegin.MatchString(l) || tiers && strings.HasPrefix(l, " ")
		if m == nil && tiers {
			m = wideTierColon.FindStringSubmatch(l)
		}
		if m == nil {
			continue
		}
		_, rest, _ := strings.Cut(l, "：")
		lines[i] = m[1] + ":" + rest
		if rest != "" && !strings.HasPrefix(rest, " ") {
			lines[i] = m[1] + ": " + rest
			widened[i+1] = utf8.RuneCountInString(m[1]) + 1
		}
	}
	return strings.Join(lines, "\n"), widened
}

func (r Rules) courseFields(f *findings, c *Course, root *yaml.Node) {
	found := make(map[string]bool)
	for _, p := range pairs(f, root, append(slices.Clone(courseKeys), peopleKeys...)) {
		found[p.key] = true
		if slices.Contains(peopleKeys, p.key) {
			f.people(c, p)
			continue
		}
		switch p.key {
		case keyAuthors:
			c.Authors = authors(f, p)
			continue
		case keySources:
			c.Sources = r.sources(f, p.value)
			continue
		}
		s, ok := scalar(f, p.value, p.key)
		if !ok {
			continue
		}
		courseField(f, c, p, s)
	}
	if root.Kind != yaml.MappingNode {
		return
	}
	for _, key := range courseKeys {
		switch {
		case found[key]:
		case key == keySources:
			f.warn(0, 0, "content.sources_missing")
		default:
			f.wrong(0, 0, "content.key_missing", fault.A("key", key))
		}
	}
}

// courseField takes one plain value.
func courseField(f *findings, c *Course, p pair, s string) {
	n := p.value
	switch p.key {
	case keyName:
		c.Title = s
		switch count := utf8.RuneCountInString(s); {
		case strings.Contains(s, "\n"):
			f.wrong(n.Line, n.Column, "content.value_many_lines", fault.A("key", p.key))
		case count > MaxTitleChars:
			f.warn(n.Line, n.Column, "content.title_long", fault.A("count", count), fault.A("limit", MaxTitleChars))
		}
	case keyNumber:
		number, err := strconv.Atoi(foldText(s))
		if err != nil || number < 1 || number > 1_000_000 {
			f.wrong(n.Line, n.Column, "content.version_bad", fault.A("value", s))
		}
		c.Number = number
	case keyTier:
		tier, ok := tierNames[s]
		if !ok {
			f.wrong(n.Line, n.Column, "content.tier_unknown", fault.A("value", s))
		}
		c.Tier = tier
	case keyPassMark:
		mark, err := strconv.Atoi(strings.TrimSuffix(foldText(s), "%"))
		if err != nil || mark < 1 || mark > 100 {
			f.wrong(n.Line, n.Column, "content.pass_mark_bad", fault.A("value", s))
		}
		c.PassMark = mark
	case keySummary:
		c.Summary = s
	}
}

// authors takes a list, or one name.
func authors(f *findings, p pair) []string {
	list := []*yaml.Node{p.value}
	if p.value.Kind == yaml.SequenceNode {
		list = p.value.Content
	}
	out := []string{}
	for _, n := range list {
		if s, ok := scalar(f, n, keyAuthors); ok {
			out = append(out, s)
		}
	}
	if len(list) == 0 {
		f.wrong(p.node.Line, 0, "content.key_empty", fault.A("key", keyAuthors))
	}
	return out
}

// sources takes the list of sources.
func (r Rules) sources(f *findings, n *yaml.Node) []Source {
	out := []Source{}
	if n.Kind != yaml.SequenceNode {
		f.wrong(n.Line, n.Column, "content.sources_not_list")
		return out
	}
	for _, x := range n.Content {
		if x.Kind != yaml.MappingNode {
			f.wrong(x.Line, x.Column, "content.source_not_keys")
			continue
		}
		out = append(out, r.source(f, x))
	}
	return out
}

func (r Rules) source(f *findings, n *yaml.Node) Source {
	var s Source
	titled := false
	for _, p := range pairs(f, n, sourceKeys) {
		titled = titled || p.key == keyTitle
		value, ok := scalar(f, p.value, p.key)
		if !ok {
			continue
		}
		switch p.key {
		case keyTitle:
			s.Title = value
		case keyFrom:
			s.From = value
		case keyDate:
			s.Date = value
			if !isDate(value) {
				f.wrong(p.value.Line, p.value.Column, "content.date_bad", fault.A("value", value))
			}
		case keyURL:
			s.URL = value
			if !strings.Contains(value, "://") || strings.ContainsAny(value, " \n") {
				f.wrong(p.value.Line, p.value.Column, "content.link_unreadable", fault.A("link", value))
				continue
			}
			r.checkLink(f, p.value.Line, p.value.Column, value)
		}
	}
	if !titled {
		f.wrong(n.Line, n.Column, "content.source_untitled")
	}
	return s
}

// isDate reports 2021, 2021-05 or 2021-05-19.
func isDate(s string) bool {
	for _, layout := range []string{"2006", "2006-01", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil && t.Year() >= 1900 {
			return true
		}
	}
	return false
}
