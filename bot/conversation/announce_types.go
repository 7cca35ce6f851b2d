package conversation

import (
	"strconv"
	"time"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// Draft is the announcement (通知) that a trainer is writing in the chat.
type Draft struct {
	By       people.LearnerID `json:"by"`            // another person of the same phone has none of it
	Key      string           `json:"key,omitempty"` // of the draft in the database; "" until the text is there
	Urgent   bool             `json:"urgent,omitempty"`
	Options  []string         `json:"options,omitempty"` // audiences as they were listed; see option
	To       Target           `json:"to"`
	Name     string           `json:"name,omitempty"` // the audience in words
	Size     int              `json:"size,omitempty"` // people in it when it was chosen; negative: not counted
	WantsAck bool             `json:"ack,omitempty"`
	At       int64            `json:"at,omitempty"`    // Unix ms; 0: at once
	Shown    int64            `json:"shown,omitempty"` // Unix ms, when it was last shown as a whole
	Media    *DraftMedia      `json:"media,omitempty"` // picture or recording that is, or may become, the content
	Of       int64            `json:"of,omitempty"`    // the campaign that it reminds of: its text is not the trainer's to change
}

// RemindKey names the one reminder of a campaign that a day has, whoever makes it.
func RemindKey(campaign int64, day study.Day) string {
	return "remind/" + strconv.FormatInt(campaign, 10) + "/" + string(day)
}

// Target is whom an announcement written in the chat is for. Fields are conditions that must all
// hold; an empty one asks nothing. The trainer's scope always holds besides.
type Target struct {
	Unit   people.OrgCode `json:"unit,omitempty"`
	Cohort string         `json:"cohort,omitempty"` // code of a class
	// Category and Tag are those of people of the scope.
	Category string `json:"category,omitempty"` // 干部类别
	Tag      string `json:"tag,omitempty"`      // 标签
	Course   string `json:"course,omitempty"`   // with Is
	Is       string `json:"is,omitempty"`       // "not_begun" or "not_done": see Trainer
}

// Trainer is what is known about the active learner as a trainer (教员).
type Trainer struct {
	Scope      people.Scope
	Name       string           // names of the scope's units, for people
	Size       int              // people in the scope; negative when they are too many to be counted while somebody waits
	People     int              // with Needs.Help: people in the scope
	Rectifying Rectifying       // with Needs.Rectify
	Followed   []study.Followed // … by unit and name; nil when they are too many for an answer
	Leaves     []LeaveAsked     // with Needs.Leaves: oldest first
	Ticking    []Ticking        // with Needs.Ticking: first what begins first, at most TickingShown
	Tagged     bool             // with Needs.Audiences: somebody of the scope has a tag
	Cohorts    []TrainerClass   // with Needs.Audiences: classes with people of the scope, newest first, at most 5
}

// TrainerClass is a class that a trainer may write to.
type TrainerClass struct {
	Code    string
	Name    string
	Courses []string // ids in teaching order
	Size    int      // people of the scope in it; negative when not counted
}

// GroupKind is what people are put together by.
type GroupKind string

// The kinds.
const (
	GroupCategory GroupKind = "category" // 干部类别
	GroupTag      GroupKind = "tag"      // 标签
)

// GroupsShown is how many groups of a kind are listed; the others are called by their names.
const GroupsShown = 9

// Group is the people of the trainer's scope who have a category or a tag.
type Group struct {
	Kind GroupKind
	Name string
	Size int
}

// Unit is a unit inside the trainer's scope.
type Unit struct {
	Code people.OrgCode
	Name string // with its parents, joined by ·
	Size int    // people in it and below; negative when not counted
}

// The statuses of a campaign that the chat tells apart; the words are those of the store.
const (
	statusDraft     = "draft"
	statusAwaiting  = "awaiting"
	statusScheduled = "scheduled"
	statusFreezing  = "freezing"
	statusRunning   = "running"
	statusCancelled = "cancelled"
	statusExpired   = "expired"
)

// DraftFacts is a draft as the database has it.
type DraftFacts struct {
	ID       int64
	Status   string
	Title    string
	Text     string
	Size     int         // with Needs.Size: people in the audience now
	Awaits   bool        // its picture or recording is not here: it cannot be sent
	Problem  FileProblem // why the file will not come; "" while it is awaited
	Forecast *Forecast   // nil until it has been counted
}

// Result is what became of a campaign so far. Delivered to Waiting add up to Audience.
type Result struct {
	ID       int64
	Title    string
	Text     string
	Status   string
	At       time.Time // when it was or is to be sent
	Paused   bool
	WantsAck bool
	Reminder bool // it reminds of another one, whose title it has

	Audience  int // people on its frozen list; 0 until there is one
	Delivered int // a receipt says so
	Accepted  int // the platform took it and has said no more
	Unknown   int // nobody can tell
	Failed    int // the platform refused it, at once or later
	Unsent    int // not sent: it waits until the person asks
	Stopped   int // cancelled
	Expired   int // its time was over
	Waiting   int // in the queue, or being sent
	Pulled    int // unreached ones who have read it in the chat since
	Acked     int
	Silent    int     // have it, or have read it, and have not acknowledged it
	Reasons   []Count // of Failed, Unsent and Expired, commonest first

	RemindedToday bool    // a reminder of it was sent today
	Names         []Named // with Needs.Names: one page, in the order of the roster
	MoreNames     bool    // there is a page behind it
}

// over reports that nothing more will be sent.
func (r Result) over() bool {
	switch r.Status {
	case statusCancelled, statusExpired:
		return true
	case statusRunning:
		return r.Waiting == 0
	}
	return false
}

// Waiting is a campaign that waits for a second person's release.
type Waiting struct {
	ID    int64
	Title string
	Text  string
	Media channel.MessageKind // of a picture or a recording, which no reply can hold; else MessageNone
	By    string              // name of whoever wrote it; "" when it is no learner
	Own   bool                // the active learner wrote it
	Size  int                 // people in its audience; negative when not counted
	At    time.Time
	// Units and Cohorts are the names of what it is for; none of either: everybody in its scope.
	Units   []string
	Cohorts []string
	Groups  []string // categories and tags
	More    bool     // it has conditions besides

	Reminder bool // of those who have the announcement of this title and have not acknowledged it
}

// NoticeFact is an announcement that is addressed to the learner.
type NoticeFact struct {
	Campaign int64 // of a reminder: the campaign that it reminds of
	Title    string
	Text     string
	URL      string              // "" for none
	Media    channel.MessageKind // of a picture or a recording, which no reply can hold; else MessageNone
	At       time.Time           // when it was sent, or its list was made
	WantsAck bool
	Acked    bool
	Seen     bool // it reached the learner, may have, or was read in the chat
}
