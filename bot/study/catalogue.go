package study

import (
	"cmp"
	mathbits "math/bits"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tiangeng/tiangeng/content"
)

// Catalogue finds courses by words and by pinyin. It is made once for a library, does not change and may be
// used by many goroutines. nil is an empty one.
type Catalogue struct {
	courses []*content.Course // by the sound of their titles
	byID    map[string]int
	entries []entry
	// Every tail of a title or keyword that begins with a syllable, in letters and in initials, sorted: what
	// somebody types is looked up as a beginning of one.
	letters  []tail
	initials []tail
	has      map[rune]bits // the courses in whose entry a character stands
}

// bits is a set of courses.
type bits []uint64

func (b bits) add(i int) { b[i/64] |= 1 << (i % 64) }

// each calls found with every member.
func (b bits) each(found func(i int)) {
	for k, word := range b {
		for ; word != 0; word &= word - 1 {
			found(k*64 + mathbits.TrailingZeros64(word))
		}
	}
}

// entry is what is looked through for one course, folded.
type entry struct {
	title string
	words []string // keywords
	text  string   // summary and titles of lessons
	sound string   // letters of title and keywords, blurred, parted by blanks
	all   string   // title, keywords and text
}

// tail is the end of a title or keyword.
type tail struct {
	text   string
	course int
	score  int
}

// Scores of what a word is found in. The better one wins; of several words all must be found.
const (
	scoreTitle         = 100 // is the title
	scoreTitleBegin    = 90
	scoreTitleIn       = 80
	scoreSoundTitle    = 75 // pinyin from the title's beginning
	scoreKeyword       = 70
	scoreKeywordIn     = 65
	scoreSoundIn       = 60
	scoreSoundWord     = 55 // pinyin of a keyword
	scoreInitialsTitle = 50
	scoreInitialsIn    = 46
	scoreInitialsWord  = 43
	scoreText          = 40
	scoreAlike         = 38 // another character of the same sound
	scoreNear          = 30 // a letter wrong, missing or too much
	scorePart          = 10 // some of the characters together
)

// NewCatalogue makes the index of a library's current courses.
func NewCatalogue(l *content.Library) *Catalogue {
	c := &Catalogue{byID: map[string]int{}, has: map[rune]bits{}}
	sounds := map[string]string{}
	for _, x := range l.Courses() {
		c.courses = append(c.courses, x)
		letters, _ := spell(Fold(x.Title))
		sounds[x.ID] = letters[0]
	}
	slices.SortStableFunc(c.courses, func(a, b *content.Course) int { return cmp.Compare(sounds[a.ID], sounds[b.ID]) })
	for i, x := range c.courses {
		c.byID[x.ID] = i
		c.add(i, x)
	}
	for _, list := range []*[]tail{&c.letters, &c.initials} {
		slices.SortFunc(*list, func(a, b tail) int {
			return cmp.Or(strings.Compare(a.text, b.text), cmp.Compare(a.course, b.course), cmp.Compare(b.score, a.score))
		})
	}
	return c
}

func (c *Catalogue) add(i int, x *content.Course) {
	e := entry{title: Fold(x.Title)}
	text := []string{Fold(x.Summary)}
	for k := range x.Lessons {
		text = append(text, Fold(x.Lessons[k].Title))
	}
	e.text = strings.Join(text, "\n")
	sound := []string{c.spelled(i, e.title, scoreSoundTitle, scoreSoundIn, scoreInitialsTitle, scoreInitialsIn)}
	for _, w := range x.Keywords {
		w = Fold(w)
		e.words = append(e.words, w)
		sound = append(sound, c.spelled(i, w, scoreSoundWord, scoreSoundWord, scoreInitialsWord, scoreInitialsWord))
	}
	e.sound = strings.Join(sound, " ")
	e.all = strings.Join(append([]string{e.title, e.text}, e.words...), "\n")
	for _, r := range e.all {
		if c.has[r] == nil {
			c.has[r] = make(bits, (len(c.courses)+63)/64)
		}
		c.has[r].add(i)
	}
	c.entries = append(c.entries, e)
}

// spelled adds the tails of a text, and returns its letters.
func (c *Catalogue) spelled(course int, text string, first, in, firstInitials, inInitials int) string {
	letters, initials := spell(text)
	for k := range letters {
		full, short := in, inInitials
		if k == 0 {
			full, short = first, firstInitials
		}
		c.letters = append(c.letters, tail{BlurSound(letters[k]), course, full})
		c.initials = append(c.initials, tail{initials[k], course, short})
	}
	return BlurSound(letters[0])
}

// spell returns the tails of a folded text in letters and in initials, one for each character. There is
// always one.
func spell(text string) (letters, initials []string) {
	var full, short strings.Builder
	var atFull, atShort []int
	for _, r := range text {
		atFull, atShort = append(atFull, full.Len()), append(atShort, short.Len())
		if p := Syllable(r); p != "" {
			full.WriteString(p)
			short.WriteByte(p[0])
			continue
		}
		full.WriteRune(r)
		short.WriteRune(r)
	}
	f, s := full.String(), short.String()
	for i := range atFull {
		letters, initials = append(letters, f[atFull[i]:]), append(initials, s[atShort[i]:])
	}
	if len(letters) == 0 {
		return []string{""}, []string{""}
	}
	return letters, initials
}

// Courses are all courses, by the sound of their titles.
func (c *Catalogue) Courses() []*content.Course {
	if c == nil {
		return nil
	}
	return slices.Clone(c.courses)
}

// Course is the course with that id, nil when there is none.
func (c *Catalogue) Course(id string) *content.Course {
	if c == nil {
		return nil
	}
	i, ok := c.byID[id]
	if !ok {
		return nil
	}
	return c.courses[i]
}

// Found is a course that fits what was looked for.
type Found struct {
	Course *content.Course
	Score  int
}

// Limits of what is looked for.
const (
	MaxQueryRunes = 40
	maxQueryWords = 6
)

// Search looks for courses by words: characters of title, keyword, summary or a lesson's title, pinyin in
// full (shuiguan) or by initials (sg), also with a letter wrong, or with other characters of the same
// sound. The best come first. Where no course has every word, those that have some are found. A query
// without words, or longer than MaxQueryRunes, finds nothing.
func (c *Catalogue) Search(query string) []Found {
	if c == nil || utf8.RuneCountInString(query) > MaxQueryRunes {
		return nil
	}
	words := queryWords(query)
	if len(words) == 0 {
		return nil
	}
	sum, hits := make([]int, len(c.courses)), make([]int, len(c.courses))
	score := make([]int, len(c.courses))
	for _, w := range words {
		clear(score)
		c.word(w, score)
		for i, s := range score {
			if s > 0 {
				sum[i] += s
				hits[i]++
			}
		}
	}
	most := slices.Max(append(hits, 0))
	var out []Found
	for i := range c.courses {
		if hits[i] == most && most > 0 {
			out = append(out, Found{c.courses[i], sum[i]})
		}
	}
	slices.SortStableFunc(out, func(a, b Found) int { return cmp.Compare(b.Score, a.Score) })
	return out
}

// queryWords parts what was typed into folded words.
func queryWords(query string) []string {
	var out []string
	for _, w := range strings.FieldsFunc(strings.ToLower(Simplify(query)), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) }) {
		if w = Fold(w); w != "" && !slices.Contains(out, w) && len(out) < maxQueryWords {
			out = append(out, w)
		}
	}
	return out
}

// fillers stand around the word that matters: 水管的课, 有关水管.
var (
	fillersBefore = []string{"有没有", "有关", "关于", "怎么", "怎样", "如何"}
	fillersBehind = []string{"方面的课程", "方面的课", "的课程", "的课", "的知识", "课程", "知识", "怎么办", "课"}
)

// word scores one word, with what is more tolerant only where nothing else was found.
func (c *Catalogue) word(w string, score []int) {
	if c.plain(w, score) || c.tolerant(w, score) {
		return
	}
	short := w
	for _, f := range fillersBefore {
		short = strings.TrimPrefix(short, f)
	}
	for _, f := range fillersBehind {
		short = strings.TrimSuffix(short, f)
	}
	if short != w && short != "" && (c.plain(short, score) || c.tolerant(short, score)) {
		return
	}
	c.parts(short, score)
}

func better(score []int, i, s int) {
	if s > score[i] {
		score[i] = s
	}
}

// plain looks for the word itself, and where it is written in letters only, for pinyin.
func (c *Catalogue) plain(w string, score []int) bool {
	found := false
	c.holding(w, func(i int) {
		better(score, i, c.entries[i].plain(w))
		found = true
	})
	if len(w) < 2 || !isLetters(w) {
		return found
	}
	for _, list := range []struct {
		tails []tail
		begin string
	}{{c.letters, BlurSound(w)}, {c.initials, w}} {
		for _, t := range beginning(list.tails, list.begin) {
			better(score, t.course, t.score)
			found = true
		}
	}
	return found
}

// holding calls found with every course whose entry holds a word: first those that have all its characters
// anywhere, and of these the ones that have them in a row.
func (c *Catalogue) holding(w string, found func(i int)) {
	var all bits
	for _, r := range w {
		has := c.has[r]
		if has == nil {
			return
		}
		if all == nil {
			all = slices.Clone(has)
			continue
		}
		for k := range all {
			all[k] &= has[k]
		}
	}
	all.each(func(i int) {
		if strings.Contains(c.entries[i].all, w) {
			found(i)
		}
	})
}

// plain scores a word that the entry holds.
func (e *entry) plain(w string) int {
	switch {
	case e.title == w:
		return scoreTitle
	case strings.HasPrefix(e.title, w):
		return scoreTitleBegin
	case strings.Contains(e.title, w):
		return scoreTitleIn
	case slices.Contains(e.words, w):
		return scoreKeyword
	case slices.ContainsFunc(e.words, func(k string) bool { return strings.Contains(k, w) }):
		return scoreKeywordIn
	}
	return scoreText
}

// beginning are the tails that begin so.
func beginning(tails []tail, with string) []tail {
	from, _ := slices.BinarySearchFunc(tails, with, func(t tail, s string) int { return strings.Compare(t.text, s) })
	to := from
	for to < len(tails) && strings.HasPrefix(tails[to].text, with) {
		to++
	}
	return tails[from:to]
}

func isLetters(w string) bool {
	return strings.IndexFunc(w, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }) < 0
}

// tolerant looks for what sounds the same, and then for what is a letter away from it.
func (c *Catalogue) tolerant(w string, score []int) bool {
	letters, _ := spell(w)
	sound := BlurSound(letters[0])
	found := false
	if !isLetters(w) && isLetters(sound) && len(sound) > 1 {
		for _, t := range beginning(c.letters, sound) {
			better(score, t.course, scoreAlike)
			found = true
		}
	}
	least := minNear
	if !isLetters(w) { // characters are seldom a slip of one letter
		least = minNearHan
	}
	if n := nearTo(sound, least); !found && n.last != 0 {
		for i := range c.entries {
			if n.in(c.entries[i].sound) {
				better(score, i, scoreNear)
				found = true
			}
		}
	}
	return found
}

// parts looks for pairs of neighbouring characters: 水管冻裂 finds 水管. A third of them must be there.
func (c *Catalogue) parts(w string, score []int) {
	r := []rune(w)
	if len(r) < 3 || isLetters(w) {
		return
	}
	count, pairs := make([]int, len(c.entries)), len(r)-1
	for i := range pairs {
		c.holding(string(r[i:i+2]), func(i int) { count[i]++ })
	}
	for i, n := range count {
		if n > 0 && n*3 >= pairs {
			better(score, i, scorePart+scorePart*n/pairs)
		}
	}
}

// near finds letters in a text although one is wrong, missing or too much (bitap, Wu and Manber 1992).
type near struct {
	masks [128]uint64
	last  uint64 // 0: the letters are too few to be guessed at, or too many
}

// Letters that are guessed at: fewer fit anything.
const (
	minNear    = 6
	minNearHan = 9
	maxNear    = 60
)

func nearTo(letters string, least int) near {
	var n near
	if len(letters) < least || len(letters) > maxNear || !isLetters(letters) {
		return n
	}
	for i := range len(letters) {
		n.masks[letters[i]] |= 1 << i
	}
	n.last = 1 << (len(letters) - 1)
	return n
}

func (n *near) in(text string) bool {
	exact, off := uint64(0), uint64(1)
	for i := range len(text) {
		c := text[i]
		if c >= 128 || c == ' ' {
			exact, off = 0, 1
			continue
		}
		next := (exact<<1 | 1) & n.masks[c]
		off = (off<<1|1)&n.masks[c] | exact | (exact|next)<<1 | 1
		exact = next
		if off&n.last != 0 {
			return true
		}
	}
	return false
}
