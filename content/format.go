package content

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Format writes a course in the notation: file name below the course folder → bytes. Pictures and
// recordings are not among them; Course.Media names them. It is an error when the notation cannot
// say what the course says (only a course that never was a file): what Format returns always reads
// back as the same course.
func Format(c *Course) (map[string][]byte, error) {
	head, err := formatCourse(c)
	if err != nil {
		return nil, fmt.Errorf("writing course %s: %w", c.ID, err)
	}
	files := map[string][]byte{courseFile: head}
	for i := range c.Lessons {
		name := c.Lessons[i].ID + ".md"
		if !lessonPattern.MatchString(c.Lessons[i].ID) || files[name] != nil {
			return nil, fmt.Errorf("writing course %s: lesson id %q names no file of its own", c.ID, c.Lessons[i].ID)
		}
		files[name] = formatLesson(&c.Lessons[i])
	}
	if err := readsBack(c, files); err != nil {
		return nil, fmt.Errorf("writing course %s: %w", c.ID, err)
	}
	return files, nil
}

// readsBack proves that files say what c says.
func readsBack(c *Course, files map[string][]byte) error {
	f := findings{file: courseFile}
	got := Rules{}.parseCourse(&f, c.ID, files[courseFile])
	for i := range c.Lessons {
		f.file = c.Lessons[i].ID + ".md"
		l, _ := Rules{}.parseLesson(&f, c.Lessons[i].ID, files[f.file])
		got.Lessons = append(got.Lessons, l)
	}
	if broken(f.list) {
		return &ProblemsError{Problems: slices.DeleteFunc(sorted(f.list), func(p Problem) bool { return p.Warning })}
	}
	slices.SortFunc(got.Lessons, func(a, b Lesson) int { return strings.Compare(a.ID, b.ID) })
	got.Media = c.Media
	if !bytes.Equal(got.Encode(), Seal(*c).Encode()) {
		return errors.New("the notation cannot say everything that this course says")
	}
	return nil
}

func formatCourse(c *Course) ([]byte, error) {
	root := &yaml.Node{Kind: yaml.MappingNode}
	put := func(n *yaml.Node, key string, value *yaml.Node) { n.Content = append(n.Content, text(key), value) }
	put(root, keyName, text(c.Title))
	put(root, keyNumber, number(c.Number))
	put(root, keyTier, text(tierName(c.Tier)))
	putPeople(c, func(key string, value *yaml.Node) { put(root, key, value) })
	put(root, keyPassMark, number(c.PassMark))
	put(root, keySummary, text(c.Summary))
	put(root, keyAuthors, list(c.Authors))
	sources := &yaml.Node{Kind: yaml.SequenceNode}
	for _, s := range c.Sources {
		n := &yaml.Node{Kind: yaml.MappingNode}
		for _, x := range []struct{ key, value string }{{keyTitle, s.Title}, {keyFrom, s.From}, {keyDate, s.Date}, {keyURL, s.URL}} {
			if x.value != "" {
				put(n, x.key, text(x.value))
			}
		}
		sources.Content = append(sources.Content, n)
	}
	put(root, keySources, sources)
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(root); err != nil {
		return nil, err
	}
	if err := e.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// putPeople writes for whom the course is.
func putPeople(c *Course, put func(key string, value *yaml.Node)) {
	if c.Local() {
		put(keyRegions, list(c.Regions))
	}
	if c.Replaces != "" {
		put(keyReplaces, text(c.Replaces))
	}
	if len(c.Tiers) > 0 {
		tiers := &yaml.Node{Kind: yaml.MappingNode}
		for _, category := range slices.Sorted(maps.Keys(c.Tiers)) {
			tiers.Content = append(tiers.Content, text(category), text(tierName(c.Tiers[category])))
		}
		put(keyTiers, tiers)
	}
	if len(c.Keywords) > 0 {
		put(keyKeywords, list(c.Keywords))
	}
}

func list(words []string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, w := range words {
		n.Content = append(n.Content, text(w))
	}
	return n
}

func text(s string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(s)
	return n
}

func number(n int) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.Itoa(n)}
}

func formatLesson(l *Lesson) []byte {
	var b bytes.Buffer
	b.WriteString("---\n")
	for _, x := range []struct{ key, value string }{
		{keyTitle, l.Title}, {keyLead, l.Lead}, {keyTime, formatDuration(l.Seconds)}, {keyPicture, clean(l.Picture)}, {keyAudio, clean(l.Audio)},
	} {
		if x.value != "" {
			fmt.Fprintf(&b, "%s: %s\n", x.key, x.value)
		}
	}
	fmt.Fprintf(&b, "---\n%s\n\n## 测验\n", l.Body)
	for i := range l.Items {
		formatItem(&b, i+1, &l.Items[i])
	}
	return b.Bytes()
}

func clean(name string) string {
	if name == "" {
		return ""
	}
	return path.Clean(name)
}

func formatItem(b *bytes.Buffer, place int, it *Item) {
	fmt.Fprintf(b, "\n%d. [%s] %s\n", place, kindName(it.Kind), it.Stem)
	for i, o := range it.Options {
		fmt.Fprintf(b, "%c. %s\n", 'A'+i, o.Text)
	}
	fmt.Fprintf(b, "答案: %s\n解析: %s\n", formatAnswer(it), it.Explanation)
}

func formatAnswer(it *Item) string {
	switch it.Kind {
	case TrueFalse:
		if it.True {
			return "对"
		}
		return "错"
	case Fill:
		return strings.Join(it.Accept, " | ")
	case Numeric:
		s := strconv.FormatFloat(it.Number, 'f', -1, 64) + " ± " + strconv.FormatFloat(it.Tolerance, 'f', -1, 64)
		return strings.TrimSpace(s + " " + it.Unit)
	default:
		var letters []byte
		for i, o := range it.Options {
			if o.Correct {
				letters = append(letters, byte('A'+i))
			}
		}
		return string(letters)
	}
}
