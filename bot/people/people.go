// Package people knows who is on the roster and where they belong: units and their codes,
// learners, binding, the scope of an administrator, and the difference between two rosters.
// It is pure: no clock, no storage; and it must not know WeChat or courses.
package people

import "time"

// LearnerID is our own number of a person on the roster; 0 means nobody.
type LearnerID int64

// Learner is a person on the roster (学员).
type Learner struct {
	ID       LearnerID `json:"id"`
	Name     string    `json:"name"`
	Unit     OrgCode   `json:"unit"`
	UnitName string    `json:"unitName"` // name of the unit with its parents where needed, for people
	Category string    `json:"category"` // CadreCategory 干部类别; data, not a constant
	Push     Push      `json:"push,omitempty"`
}

// Push is what a learner has said about being sent lessons. The zero value means: send.
type Push string

// The wishes. A learner can always pull a lesson, whatever the wish.
const (
	PushOn     Push = ""       // send
	PushPaused Push = "paused" // 暂停: until 恢复
	PushOff    Push = "off"    // 退订
)

// Candidate is a roster row that may be the person who is binding.
type Candidate struct {
	Learner Learner `json:"learner"`
	Code    string  `json:"-"` // the short code from the township; compared, never shown or stored in a state
	Bound   bool    `json:"bound"`
	// Former are full names that the unit had, or that units had which became part of it.
	Former []string `json:"former,omitempty"`
	// Handset is the phone that the person bound last, MovedAt when the person went from one to another; zero for never.
	Handset HandsetID `json:"-"`
	MovedAt time.Time `json:"-"`
	// Out are the codes of classes that the person has left or need not learn in; only an administrator takes back.
	Out []string `json:"-"`
}

// OrgUnit is one unit (单位) of the administrative tree.
type OrgUnit struct {
	Code OrgCode
	Name string // short name as the roster gives it, for example 新村村民委员会
	Full string // names of the chain below the province, joined by ·, for people
}
