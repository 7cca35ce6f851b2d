package content

import (
	"slices"
	"strings"
)

// Tier is the weight of a course (课程类别).
type Tier string

// The tiers of DESIGN §3.
const (
	TierRequired Tier = "required" // 必修课
	TierCore     Tier = "core"     // 重点课
	TierElective Tier = "elective" // 选修课
	// TierNone is for Course.Tiers alone: the course is not offered to these people (不开).
	TierNone Tier = "none"
)

// OtherCategories stands in Course.Tiers for every cadre category that is not named there.
const OtherCategories = "其他"

// Ref names one immutable version of a course.
type Ref struct {
	Course  string `json:"course"`  // course id: lower-case letters, digits, hyphens; at most 40 bytes
	Version string `json:"version"` // first 16 hex digits of the SHA-256 of the course's canonical JSON
}

// Course is one version of a course. It never changes once made; do not modify a Course or
// anything it points to.
type Course struct {
	ID       string `json:"id"`
	Number   int    `json:"number"` // the version the author wrote, 1 or more; content under a number in use may not change
	Title    string `json:"title"`
	Summary  string `json:"summary"`
	Tier     Tier   `json:"tier"`
	PassMark int    `json:"passMark"` // per cent, 1 to 100
	// Regions are the units a local course (特色课) is made for: statistics codes cut to their level, 2, 4,
	// 6, 9 or 12 digits. None makes it a common one (通用主课).
	Regions []string `json:"regions,omitempty"`
	// Replaces is the id of the common course whose place this one takes in the menus of its regions.
	Replaces string          `json:"replaces,omitempty"`
	Tiers    map[string]Tier `json:"tiers,omitempty"` // by cadre category, where it is not Tier
	Keywords []string        `json:"keywords,omitempty"`
	Authors  []string        `json:"authors"`
	Sources  []Source        `json:"sources"`
	Lessons  []Lesson        `json:"lessons"` // in teaching order, at least one
	// Media maps each picture and recording that a lesson names (path below the course folder) to
	// the SHA-256 of its bytes in hex: another picture is another version. nil when there is none.
	Media map[string]string `json:"media,omitempty"`

	ref Ref
}

// Ref is the name of this very version.
func (c *Course) Ref() Ref { return c.ref }

// Lesson returns the lesson with that id and its 0-based place, or nil and -1.
func (c *Course) Lesson(id string) (*Lesson, int) {
	for i := range c.Lessons {
		if c.Lessons[i].ID == id {
			return &c.Lessons[i], i
		}
	}
	return nil, -1
}

// Local reports whether it is a local course (特色课).
func (c *Course) Local() bool { return len(c.Regions) > 0 }

// IsFor reports whether the course is made for a unit, by its 12-digit code.
func (c *Course) IsFor(unit string) bool {
	return !c.Local() || slices.ContainsFunc(c.Regions, func(r string) bool { return strings.HasPrefix(unit, r) })
}

// TierFor is the course's tier for people of a cadre category; TierNone when it is not offered to them.
func (c *Course) TierFor(category string) Tier {
	for _, name := range []string{category, OtherCategories} {
		if t, ok := c.Tiers[name]; ok {
			return t
		}
	}
	return c.Tier
}

// Source is where a statement comes from, as an inspector can look it up.
type Source struct {
	Title string `json:"title"`
	From  string `json:"from,omitempty"` // issuing body
	Date  string `json:"date,omitempty"` // 2006-01-02, 2006-01 or 2006
	URL   string `json:"url,omitempty"`  // https only
}

// Lesson is one micro-lesson (微课): something to read, then a quiz.
type Lesson struct {
	ID      string `json:"id"` // unique in the course: lower-case letters, digits, hyphens; at most 40 bytes
	Title   string `json:"title"`
	Lead    string `json:"lead"`              // one sentence that invites; at most 60 characters
	Seconds int    `json:"seconds"`           // length of the courseware: decides study hours
	Body    string `json:"body"`              // plain text for a chat; paragraphs parted by a blank line
	Audio   string `json:"audio,omitempty"`   // path below the course folder
	Picture string `json:"picture,omitempty"` // path below the course folder
	Items   []Item `json:"items"`             // at least one
}

// ItemKind is the form of a question.
type ItemKind string

// The forms.
const (
	Single    ItemKind = "single"    // 单选
	Multiple  ItemKind = "multiple"  // 多选
	TrueFalse ItemKind = "truefalse" // 判断
	Fill      ItemKind = "fill"      // 填空
	Numeric   ItemKind = "numeric"   // 填数
)

// Item is one question (试题).
type Item struct {
	ID          string   `json:"id"` // unique in the lesson; at most 20 bytes
	Kind        ItemKind `json:"kind"`
	Stem        string   `json:"stem"`
	Options     []Option `json:"options,omitempty"`   // single and multiple: 2 to 8, lettered A to H by place
	True        bool     `json:"true,omitempty"`      // truefalse: the statement is right
	Accept      []string `json:"accept,omitempty"`    // fill: every wording that is right
	Number      float64  `json:"value,omitempty"`     // numeric: the key
	Tolerance   float64  `json:"tolerance,omitempty"` // numeric: how far off is still right, 0 or more
	Unit        string   `json:"unit,omitempty"`      // numeric: a unit that may be typed behind the number
	Explanation string   `json:"explanation"`
}

// Option is one choice (选项).
type Option struct {
	Text    string `json:"text"`
	Correct bool   `json:"correct,omitempty"`
}

// Problem is one thing wrong with a content file, in plain Chinese, with its place.
type Problem struct {
	File    string `json:"file"`   // path below the content folder
	Line    int    `json:"line"`   // 1-based; 0 when the whole file is meant
	Column  int    `json:"column"` // 1-based, in characters; 0 when the whole line is meant
	Warning bool   `json:"warning,omitempty"`
	Text    string `json:"text"` // what is wrong and what to do
}
