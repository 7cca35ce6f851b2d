package bot

import (
	"strconv"
	"time"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// CampaignID is our number of a campaign (推送任务).
type CampaignID int64

// CampaignStatus is where a campaign stands. Whether it has finished is a question to its
// deliveries, not a status (reliability §5.2, rule 11).
type CampaignStatus string

// The statuses.
const (
	CampaignDraft     CampaignStatus = "draft"     // written; nobody will get it
	CampaignAwaiting  CampaignStatus = "awaiting"  // larger than one person may send: a second one has to release it
	CampaignScheduled CampaignStatus = "scheduled" // released; its audience is frozen at DueAt
	CampaignFreezing  CampaignStatus = "freezing"  // its audience is being written
	CampaignRunning   CampaignStatus = "running"   // frozen; deliveries go out
	CampaignCancelled CampaignStatus = "cancelled" // a person stopped it
	CampaignExpired   CampaignStatus = "expired"   // its hour was missed: no audience was frozen
)

// Campaign is one message to many.
type Campaign struct {
	ID       CampaignID     `json:"id"`
	Key      string         `json:"key"` // at most 80 characters, unique: the same start again is this campaign
	Kind     delivery.Kind  `json:"kind"`
	Status   CampaignStatus `json:"status"`
	Title    string         `json:"title"` // at most 40 characters, for lists and notices
	Body     Body           `json:"body"`
	Audience Audience       `json:"audience"`
	Scope    people.Scope   `json:"scope"` // of whoever made it: nobody outside is ever in the audience
	DueAt    time.Time      `json:"dueAt"` // UTC
	Deadline time.Time      `json:"deadline"`
	WantsAck bool           `json:"wantsAck"` // 回执: the learner types 收到
	By       string         `json:"by"`       // who made it: "cli:root", "api:name", "learner:17"
	Released string         `json:"released,omitempty"`
	Of       CampaignID     `json:"of,omitempty"` // the campaign that this one reminds of

	PausedBy    string    `json:"pausedBy,omitempty"` // "" when it is not paused; "platform" when the platform made us stop
	PausedWhy   string    `json:"pausedWhy,omitempty"`
	PausedUntil time.Time `json:"pausedUntil,omitzero"` // zero: until somebody resumes it

	Forecast  *Forecast `json:"forecast,omitempty"` // the last one that was asked for
	CreatedAt time.Time `json:"createdAt"`
	FrozenAt  time.Time `json:"frozenAt,omitzero"` // when the audience was complete
}

// Body is what a campaign says.
type Body struct {
	Text    string `json:"text,omitempty"`    // at most 600 characters; of a card: its summary
	URL     string `json:"url,omitempty"`     // absolute; with it the message is a card
	Picture string `json:"picture,omitempty"` // absolute URL of the card's picture
	// Certificate is the number of a certificate: the message is its picture, drawn when it is sent.
	Certificate string `json:"certificate,omitempty"`
	Media       string `json:"media,omitempty"` // our id of a stored picture or sound (see Media): the message is that alone
}

// Audience is the rule (Segment) a recipient has to meet. Lists of one field are alternatives;
// fields are conditions that must all hold; an empty field asks nothing. The scope of the
// campaign always holds besides.
type Audience struct {
	Units      []people.OrgCode   `json:"units,omitempty"`      // lives in one of these, or below
	Categories []string           `json:"categories,omitempty"` // 干部类别
	Cohorts    []string           `json:"cohorts,omitempty"`    // codes of classes with an active or completed place
	Progress   *Progress          `json:"progress,omitempty"`
	Tags       []string           `json:"tags,omitempty"`
	Learners   []people.LearnerID `json:"learners,omitempty"` // an explicit list
	Unacked    CampaignID         `json:"unacked,omitempty"`  // was sent this campaign, or read it in the chat, and has not acknowledged
	Except     *Audience          `json:"except,omitempty"`   // whoever meets this is left out; its own Except is not looked at
}

// ProgressIs is a state of somebody's way through a course.
type ProgressIs string

// The states.
const (
	ProgressNotBegun ProgressIs = "not_begun" // no lesson of the course opened
	ProgressNotDone  ProgressIs = "not_done"  // the course is not complete
	ProgressBegun    ProgressIs = "begun"     // opened a lesson that is not complete
	ProgressBehind   ProgressIs = "behind"    // fewer lessons complete than At
	ProgressDone     ProgressIs = "done"      // the course is complete
	ProgressFailed   ProgressIs = "failed"    // answered item Item of lesson Lesson wrongly, and not rightly since
)

// Progress is a condition on an active or completed place in a class that has the course.
type Progress struct {
	Course string     `json:"course"`
	Is     ProgressIs `json:"is"`
	At     int        `json:"at,omitempty"`     // of behind: lessons that should be complete
	Lesson string     `json:"lesson,omitempty"` // of failed
	Item   string     `json:"item,omitempty"`   // of failed
}

// Recipient is somebody who meets an audience, with what is known about them now.
type Recipient struct {
	Learner people.Learner
	To      channel.Address // zero when nobody's phone is bound
	Phone   conversation.IdentityID
	Facts   delivery.Facts // Due is true
}

// PlannedRecipient is one row of a campaign's frozen audience.
type PlannedRecipient struct {
	Learner  people.LearnerID
	Phone    conversation.IdentityID // as planned, 0 for none; the call goes where the learner is then
	Decision delivery.Decision
}

// CampaignAct is what a person does with a campaign.
type CampaignAct string

// The acts.
const (
	ActSubmit  CampaignAct = "submit"  // draft → scheduled, or awaiting when it is large
	ActRelease CampaignAct = "release" // awaiting → scheduled; by somebody other than its maker
	ActPause   CampaignAct = "pause"
	ActResume  CampaignAct = "resume"
	ActCancel  CampaignAct = "cancel" // whatever has not begun is cancelled
)

// Forecast says before sending what would happen now.
type Forecast struct {
	At          time.Time             `json:"at"`
	Audience    int                   `json:"audience"`
	Rungs       map[delivery.Rung]int `json:"rungs"`       // by the first rung; without RungPull
	Unreachable map[delivery.Why]int  `json:"unreachable"` // Audience = sum of Rungs + sum of Unreachable
	Later       int                   `json:"later"`       // of Rungs: not before tomorrow
	Calls       map[channel.Way]int   `json:"calls"`       // calls needed
	Quota       map[channel.Way]int   `json:"quota"`       // calls left today less the reserve; absent: not limited or not known
	Seconds     int                   `json:"seconds"`     // at the configured rates; 0 when there is no limit
	Complete    bool                  `json:"complete"`    // every recipient was looked at
}

// CampaignSummary is the truth about a campaign. The counts of States add up to Audience (D1).
type CampaignSummary struct {
	Campaign  Campaign               `json:"campaign"`
	Audience  int                    `json:"audience"`
	States    map[delivery.State]int `json:"states"`
	Reasons   map[delivery.Why]int   `json:"reasons"`
	Words     map[string]int         `json:"words"`     // the platform's words of failed and refused ones
	Rungs     map[delivery.Rung]int  `json:"rungs"`     // of those accepted, delivered or unknown
	Ambiguous int                    `json:"ambiguous"` // deliveries with an attempt that nobody can tell about
	Silent    int                    `json:"silent"`    // accepted more than 24 h ago, a receipt was to be expected, none came
	Pulled    int                    `json:"pulled"`    // unreached ones who have asked for it since
	Acked     int                    `json:"acked"`     // have typed 收到
	Unacked   int                    `json:"unacked"`   // have it, or read it in the chat, and have not; 0 when none is wanted
	Finished  bool                   `json:"finished"`  // nothing pending, claimed or sending
	Mass      []MassResult           `json:"mass,omitempty"`
}

// MassResult is the platform's report on one batch of a mass send: totals only, nobody can tell who.
type MassResult struct {
	People int    `json:"people"` // in the batch
	Status string `json:"status"` // "" until it is reported
	Sent   int    `json:"sent"`
	Failed int    `json:"failed"`
	// Filtered is how many the platform was left with after refusers and people over the month's limit.
	Filtered int `json:"filtered"`
}

// Unreached is one person whom a campaign did not reach, or for whom nobody can tell.
type Unreached struct {
	Learner people.Learner `json:"learner"`
	State   delivery.State `json:"state"`
	Why     delivery.Why   `json:"why"`
	Word    string         `json:"word,omitempty"` // the platform's
	Code    int            `json:"code,omitempty"` // the platform's
	Pulled  time.Time      `json:"pulled,omitzero"`
	Acked   time.Time      `json:"acked,omitzero"`
}

// BatchClientID is the client id of a mass batch's call, fixed for its life (see clientID).
func BatchClientID(id int64, first time.Time) string { return clientID("m", id, first) }

// clientID makes an id by which the platform removes duplicates, of a row's number and the time of its first attempt. The number
// alone would not do: a database that was restored from a backup, or a second one at the same account, gives out numbers that the
// platform has seen, and what it then calls a duplicate reached nobody. Letters and digits, at most 24.
func clientID(kind string, id int64, first time.Time) string {
	return kind + strconv.FormatInt(id, 36) + "T" + strconv.FormatInt(first.UnixMilli(), 36)
}

// MassBatch is one call of a mass send, held under a lease.
type MassBatch struct {
	ID        int64
	Campaign  CampaignID
	Owner     string
	Term      int64
	Attempt   int // attempts so far
	First     time.Time
	Ambiguous bool
	Deadline  time.Time
	Kind      delivery.Kind
	Title     string
	Body      Body
	WantsAck  bool
	Channel   string
	Account   string
	To        []string // the platform's ids of the members
}

// Media is a stored picture or sound of a campaign. The platform keeps an upload three days, so it is
// uploaded anew when it is older than that.
type Media struct {
	ID         string // SHA-256 of the content, hex
	Kind       channel.MessageKind
	Name       string // file name with the extension the platform wants
	Content    []byte // nil when only the upload was asked for
	PlatformID string // "" when it was never uploaded
	UploadedAt time.Time
}

// WantedFile is a picture or a recording that a trainer sent in the chat for a draft, and that is still with the platform.
type WantedFile struct {
	Campaign CampaignID
	By       string // who made it, as in Campaign
	Title    string
	File     conversation.SentFile
	Tries    int // how often it has been claimed, this time included
}

// Joined counts what joining receipts changed.
type Joined struct {
	Looked                      int // receipts that were looked at; fewer than the limit: no more are due
	Delivered, Refused, Settled int // Settled: unknown → accepted
	Mass                        int // batches reported
	Unmatched                   int // receipts that fit no delivery, or more than one
}

// GrantEvent is what a person allowed or took back.
type GrantEvent struct {
	Key   string // of the inbound message: the same event again changes nothing
	From  channel.Address
	At    time.Time
	Grant channel.Grant
	Long  bool // the template is a long-term notice
	Scene int  // of a one-time subscribe message; else 0
}

// OnceReturn is what the platform sends a person back with who was asked for a one-time subscribe message.
type OnceReturn struct {
	Secret   string // of the link
	External string // the platform's id of the person
	Template string
	Scene    int
	Allowed  bool
}

// Trainer is somebody who may send campaigns, from a phone or by a key.
type Trainer struct {
	Learner people.LearnerID `json:"learner"` // whose phone; 0 for a key of the API
	Name    string           `json:"name"`
	Scope   people.Scope     `json:"scope"`
	Since   study.Day        `json:"since"`
}
