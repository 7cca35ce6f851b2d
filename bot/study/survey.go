package study

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
)

// SurveyID is our number of a survey; 0 means none.
type SurveyID int64

// QuestionKind is how a question of a survey is answered.
type QuestionKind string

// The kinds.
const (
	QuestionChoice QuestionKind = "choice" // one of the options
	QuestionScale  QuestionKind = "scale"  // 1 to ScaleTop
	QuestionText   QuestionKind = "text"   // own words
)

// Limits of a survey.
const (
	ScaleTop          = 5
	SurveyQuestions   = 30
	SurveyOptions     = 8
	SurveyTitleRunes  = 40
	SurveyTextRunes   = 80 // of a question
	SurveyOptionRunes = 24
	SurveyIntroRunes  = 160
	SurveyWordsRunes  = 500 // of an answer in own words
	// SmallGroup is the least number of people whose answers to an anonymous survey are shown
	// together; fewer could be told apart.
	SmallGroup = 5
)

// Question is one question of a survey. It has no key: no answer is right or wrong.
type Question struct {
	ID       string       `json:"id" yaml:"id"` // [a-z0-9-]
	Kind     QuestionKind `json:"kind" yaml:"kind"`
	Text     string       `json:"text" yaml:"text"`
	Options  []string     `json:"options,omitempty" yaml:"options"` // of a choice
	Low      string       `json:"low,omitempty" yaml:"low"`         // what 1 means, of a scale
	High     string       `json:"high,omitempty" yaml:"high"`       // what ScaleTop means
	Optional bool         `json:"optional,omitempty" yaml:"optional"`
}

// Survey is a quiz without a key (问卷).
type Survey struct {
	ID        SurveyID         `json:"id"`
	Code      string           `json:"code"`
	Title     string           `json:"title"`
	Intro     string           `json:"intro"`
	Anonymous bool             `json:"anonymous"`
	Opens     Day              `json:"opens"`
	Closes    Day              `json:"closes"` // last day
	Unit      people.OrgCode   `json:"unit"`   // whose people are asked
	Cohort    string           `json:"cohort"` // only those in this class; "" for all
	By        people.Level     `json:"by"`     // units of which level are told apart; LevelNone for none
	Parts     []people.OrgCode `json:"parts"`  // units of that level with at least SmallGroup people who are asked
	Questions []Question       `json:"questions"`
}

var surveyCode = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)

// Check refuses a survey that cannot be asked.
func (s Survey) Check() error {
	bad := func(what string) error {
		return fault.New(fault.Invalid, "survey.bad_"+what, fault.A("code", s.Code))
	}
	switch {
	case !surveyCode.MatchString(s.Code):
		return bad("code")
	case !fits(s.Title, SurveyTitleRunes):
		return bad("title")
	case utf8.RuneCountInString(s.Intro) > SurveyIntroRunes:
		return bad("intro")
	case !s.Opens.Valid() || !s.Closes.Valid() || s.Closes < s.Opens:
		return bad("days")
	case s.Unit.Level() == people.LevelNone:
		return bad("unit")
	case s.By < people.LevelNone || s.By > people.LevelTownship:
		return bad("by") // a village is too small to hide in
	case len(s.Questions) == 0 || len(s.Questions) > SurveyQuestions:
		return bad("questions")
	}
	seen := map[string]bool{}
	for i, q := range s.Questions {
		if seen[q.ID] || !q.fine() {
			return fault.New(fault.Invalid, "survey.bad_question", fault.A("number", i+1), fault.A("code", s.Code))
		}
		seen[q.ID] = true
	}
	return nil
}

func fits(s string, most int) bool {
	return strings.TrimSpace(s) != "" && utf8.RuneCountInString(s) <= most
}

func (q Question) fine() bool {
	if !surveyCode.MatchString(q.ID) || len(q.ID) > 20 || !fits(q.Text, SurveyTextRunes) {
		return false
	}
	switch q.Kind {
	case QuestionChoice:
		return len(q.Options) >= 2 && len(q.Options) <= SurveyOptions && !slices.ContainsFunc(q.Options, func(o string) bool { return !fits(o, SurveyOptionRunes) })
	case QuestionScale:
		return len(q.Options) == 0 && fits(q.Low, 20) && fits(q.High, 20)
	case QuestionText:
		return len(q.Options) == 0
	}
	return false
}

// IsOpen reports whether the survey is asked on that day.
func (s Survey) IsOpen(today Day) bool { return s.Opens <= today && today <= s.Closes }

// PartOf is the unit under which a person's answers are counted; "" where the units are not told
// apart, or the person's has too few people.
func (s Survey) PartOf(unit people.OrgCode) people.OrgCode {
	if s.By == people.LevelNone || unit.Level() < s.By {
		return ""
	}
	if p := unit.Ancestor(s.By); slices.Contains(s.Parts, p) {
		return p
	}
	return ""
}

// Reply is an answer to one question. The zero value is none: an optional question was passed over.
type Reply struct {
	Choice int    `json:"choice"` // 1-based option, or the degree of a scale
	Words  string `json:"words"`  // own words
}

// Top is the highest choice of a question; 0 where it is answered in words.
func (q Question) Top() int {
	switch q.Kind {
	case QuestionChoice:
		return len(q.Options)
	case QuestionScale:
		return ScaleTop
	case QuestionText:
	}
	return 0
}

// Count is how often something was chosen in one part of a survey.
type Count struct {
	Question string
	Part     people.OrgCode
	Choice   int
	N        int
}

// SurveyResult is what came of a survey.
type SurveyResult struct {
	Survey    Survey           `json:"survey"`
	Asked     int              `json:"asked"`    // people who are asked, now
	Begun     int              `json:"begun"`    // of these, have answered something
	Finished  int              `json:"finished"` // … everything
	Waits     bool             `json:"waits"`    // anonymous and not closed: nothing more is told until then
	Questions []QuestionResult `json:"questions"`
}

// QuestionResult is what came of one question.
type QuestionResult struct {
	ID      string       `json:"id"`
	Hidden  bool         `json:"hidden"`  // fewer than SmallGroup answers to an anonymous question
	Answers int          `json:"answers"` // 0 when hidden
	Choices []int        `json:"choices"` // answers by option or degree
	Words   []string     `json:"words"`   // in the order of the alphabet
	Parts   []PartResult `json:"parts"`
}

// PartResult is the same for one unit. Unit "" has all that are too small to stand alone.
type PartResult struct {
	Unit    people.OrgCode `json:"unit"`
	Answers int            `json:"answers"`
	Choices []int          `json:"choices"`
}

// FoldSurvey makes results of counts. Of an anonymous survey nothing is told before it has closed:
// two looks at it would tell what the person in between has answered. Nor are small groups shown,
// or such as could be found by subtracting.
func FoldSurvey(s Survey, today Day, counts []Count, words map[string][]string) []QuestionResult {
	out := make([]QuestionResult, 0, len(s.Questions))
	if s.Anonymous && today <= s.Closes {
		return out
	}
	for _, q := range s.Questions {
		r := QuestionResult{ID: q.ID, Choices: make([]int, q.Top()), Words: slices.Clone(words[q.ID]), Parts: []PartResult{}}
		if r.Words == nil {
			r.Words = []string{}
		}
		slices.Sort(r.Words)
		r.Answers = len(r.Words)
		parts := map[people.OrgCode]*PartResult{}
		for _, c := range counts {
			if c.Question != q.ID || c.Choice < 1 || c.Choice > q.Top() {
				continue
			}
			r.Answers += c.N
			r.Choices[c.Choice-1] += c.N
			p := parts[c.Part]
			if p == nil {
				p = &PartResult{Unit: c.Part, Choices: make([]int, q.Top())}
				parts[c.Part] = p
			}
			p.Answers += c.N
			p.Choices[c.Choice-1] += c.N
		}
		if s.Anonymous && r.Answers < SmallGroup {
			out = append(out, QuestionResult{ID: q.ID, Hidden: true, Choices: []int{}, Words: []string{}, Parts: []PartResult{}})
			continue
		}
		if s.By != people.LevelNone && q.Top() > 0 {
			r.Parts = shownParts(s, parts)
		}
		out = append(out, r)
	}
	return out
}

// Blur is what must be taken out of the answers to a question once an anonymous survey has closed, so that no small
// group is left even in the database.
type Blur struct {
	Question string
	Delete   bool             // all answers: fewer than SmallGroup
	Parts    []people.OrgCode // units whose answers belong to no unit from now on
}

// BlurSurvey says what must go. Blurred counts give the same results.
func BlurSurvey(s Survey, today Day, counts []Count, words map[string][]string) []Blur {
	var out []Blur
	for _, r := range FoldSurvey(s, today, counts, words) {
		b := Blur{Question: r.ID, Delete: r.Hidden}
		for _, c := range counts {
			stays := slices.ContainsFunc(r.Parts, func(p PartResult) bool { return p.Unit == c.Part })
			if c.Question == r.ID && c.Part != "" && !r.Hidden && !stays && !slices.Contains(b.Parts, c.Part) {
				b.Parts = append(b.Parts, c.Part)
			}
		}
		if b.Delete || len(b.Parts) > 0 {
			out = append(out, b)
		}
	}
	return out
}

// shownParts pools units that are too small, and with them the next smallest when what is pooled
// would still be too small: the pool is what all others leave of the whole.
func shownParts(s Survey, parts map[people.OrgCode]*PartResult) []PartResult {
	list := slices.SortedFunc(maps.Values(parts), func(a, b *PartResult) int {
		return cmp.Or(cmp.Compare(a.Answers, b.Answers), cmp.Compare(a.Unit, b.Unit))
	})
	out := []PartResult{}
	var pool *PartResult
	join := func(p *PartResult) {
		if pool == nil {
			pool = &PartResult{Choices: make([]int, len(p.Choices))}
		}
		pool.Answers += p.Answers
		for i, n := range p.Choices {
			pool.Choices[i] += n
		}
	}
	if p := parts[""]; p != nil {
		join(p)
	}
	for _, p := range list {
		switch {
		case p.Unit == "":
		case s.Anonymous && (p.Answers < SmallGroup || pool != nil && pool.Answers < SmallGroup):
			join(p)
		default:
			out = append(out, *p)
		}
	}
	slices.SortFunc(out, func(a, b PartResult) int { return cmp.Compare(a.Unit, b.Unit) })
	if pool != nil {
		out = append(out, *pool)
	}
	return out
}

// ReadReply reads an answer as it is typed: a letter, a number, own words. ok is false when it is
// none; then the question is asked again. skip says that an optional question is passed over.
func (q Question) ReadReply(text string) (r Reply, skip, ok bool) {
	folded := Fold(text)
	if q.Optional && (folded == "跳过" || folded == "略" || folded == "不填") {
		return Reply{}, true, true
	}
	if q.Kind == QuestionText {
		w := strings.TrimSpace(strings.ToValidUTF8(text, ""))
		if w == "" || utf8.RuneCountInString(w) > SurveyWordsRunes {
			return Reply{}, false, false
		}
		return Reply{Words: w}, false, true
	}
	n := 0
	for _, w := range []string{"第", "选", "我选"} {
		folded = strings.TrimPrefix(folded, w)
	}
	for _, w := range []string{"个", "项", "分"} {
		folded = strings.TrimSuffix(folded, w)
	}
	if len(folded) == 1 {
		switch c := folded[0]; {
		case c >= '1' && c <= '9':
			n = int(c - '0')
		case q.Kind == QuestionChoice && c >= 'a' && c <= 'h':
			n = int(c-'a') + 1
		case q.Kind == QuestionChoice && c >= 'A' && c <= 'H':
			n = int(c-'A') + 1
		}
	} else if i := strings.Index("一二三四五六七八", folded); folded != "" && i >= 0 && utf8.RuneCountInString(folded) == 1 {
		n = i/len("一") + 1
	}
	if n == 0 && q.Kind == QuestionChoice {
		n = 1 + slices.IndexFunc(q.Options, func(o string) bool { return Fold(o) == Fold(text) })
	}
	if n < 1 || n > q.Top() {
		return Reply{}, false, false
	}
	return Reply{Choice: n}, false, true
}

// NamedAnswers is what one person answered to a survey that says it is not anonymous.
type NamedAnswers struct {
	Learner people.Learner   `json:"learner"`
	Replies map[string]Reply `json:"replies"` // by question
}
