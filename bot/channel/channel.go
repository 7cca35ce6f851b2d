// Package channel holds the neutral values that pass between a messaging platform's adapter and
// the service: what came in, what shall go out, what became of it. It knows no platform, no
// lesson and no HTTP; adapters (channel/wechat first) translate to and from it.
package channel

import (
	"errors"
	"time"
)

// Address names one person's account on one platform account.
type Address struct {
	Channel  string // adapter, for example "wechat"
	Account  string // our name of the platform account, for example "default"
	External string // the platform's id of the person (openid); case-sensitive, at most 64 bytes; never logged
}

// InboundKind is what arrived.
type InboundKind string

// The kinds. Anything an adapter does not know is KindOther: it is acknowledged and counted.
const (
	KindText     InboundKind = "text"     // typed text, or a tapped message-menu item (MenuItem is set)
	KindVoice    InboundKind = "voice"    // Text holds the platform's recognition, "" when there is none
	KindImage    InboundKind = "image"    //
	KindVideo    InboundKind = "video"    //
	KindLocation InboundKind = "location" // a point the person chose: no proof of presence
	KindLink     InboundKind = "link"     //
	KindTap      InboundKind = "tap"      // menu button; EventKey is its key
	KindView     InboundKind = "view"     // menu link opened; EventKey is the URL
	KindScan     InboundKind = "scan"     // QR of ours scanned by a follower, or by a scan button; EventKey is the scene
	KindFollow   InboundKind = "follow"   // EventKey is the scene of the QR, "" without one
	KindUnfollow InboundKind = "unfollow" // from here on nothing may be sent, and platform data is deleted
	KindReceipt  InboundKind = "receipt"  // Receipts says what became of earlier sends
	KindGrant    InboundKind = "grant"    // Grants says what the person allowed or took back
	KindOther    InboundKind = "other"
)

// Contact says which right to answer a message gives by the platform's rules (wechat-protocol §3).
type Contact string

// The contacts.
const (
	ContactNone  Contact = ""      // gives nothing
	ContactTyped Contact = "typed" // real message: 5 sends in 48 h on WeChat
	ContactTap   Contact = "tap"   // menu tap, follow, scan, message-menu item: 3 sends in 1 min on WeChat
)

// Inbound is one message or event, already authenticated.
type Inbound struct {
	Key      string // the same for every repeat of one platform message: 64 lower-case hex digits
	From     Address
	At       time.Time // the platform's own time, UTC
	Kind     InboundKind
	Contact  Contact
	Text     string // as typed or recognised, untrimmed
	Media    string `json:",omitempty"` // of KindImage and KindVoice: the platform's id of the file, which it keeps for some days; "" when there is none
	MenuItem string // id of a tapped message-menu item
	EventKey string // see the kinds
	Point    *Point `json:",omitempty"` // of KindLocation, where the platform gives one; kept nowhere
	Receipts []Receipt
	Grants   []Grant
}

// Point is a place on earth that a person chose, in degrees by the platform's map.
type Point struct{ Latitude, Longitude float64 }

// Why a file that a person sent cannot be had, whatever is tried again.
var (
	ErrMediaGone = errors.New("the platform does not have the file any more")
	ErrMediaBig  = errors.New("the file is larger than was asked for")
)

// Grant is one decision of a person about notices of one template.
type Grant struct {
	Template string // the platform's id of the template
	Accepted bool   // false: refused, or switched off in the settings
}

// MessageKind is the shape of an outgoing message.
type MessageKind string

// The shapes.
const (
	MessageNone  MessageKind = ""      // nothing to say
	MessageText  MessageKind = "text"  // Text
	MessageCards MessageKind = "cards" // Cards; one card when it answers a message
	MessageMenu  MessageKind = "menu"  // Text, Options, Tail; only as a customer-service message
	MessageImage MessageKind = "image" // Media
	MessageVoice MessageKind = "voice" // Media

	// MessageUnkept is no message: an event could not be stored, so the platform must not be told that
	// it was received, and sends it again.
	MessageUnkept MessageKind = "unkept"
)

// Message is what a person shall see. It is stored as JSON with the turn that caused it, so that
// a platform's repeat gets the same answer.
type Message struct {
	Kind    MessageKind `json:"kind,omitempty"`
	Text    string      `json:"text,omitempty"` // line breaks are \n
	Cards   []Card      `json:"cards,omitempty"`
	Options []Option    `json:"options,omitempty"`
	Tail    string      `json:"tail,omitempty"`
	Media   string      `json:"media,omitempty"` // the adapter's media id
}

// Text makes a text message; "" makes the message that says nothing.
func Text(s string) Message {
	if s == "" {
		return Message{}
	}
	return Message{Kind: MessageText, Text: s}
}

// Silent reports that there is nothing to say.
func (m Message) Silent() bool { return m.Kind == MessageNone }

// Card is a picture with a title that opens a page.
type Card struct {
	Title   string `json:"title"`
	Summary string `json:"summary,omitempty"`
	Picture string `json:"picture,omitempty"` // absolute URL
	URL     string `json:"url"`               // absolute URL
}

// Option is one line of a message menu; ID is numeric (an SDK of the platform fails on others).
type Option struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

// Way is how a proactive message travels. Each has its own call, its own right and its own limits
// (wechat-protocol §3).
type Way string

// The ways.
const (
	WayWindow   Way = "window"   // customer-service message: Message
	WayNotice   Way = "notice"   // subscription notice: Form
	WayOnce     Way = "once"     // one-time subscribe message: Form with Scene
	WayTemplate Way = "template" // template message: Form; deduplicated by ClientID for 10 minutes
	WayMass     Way = "mass"     // mass send to a list: see MassOutbound
)

// Outbound is one proactive message to one person.
type Outbound struct {
	To       Address
	Way      Way     // "" is WayWindow
	Message  Message // of WayWindow
	Form     Form    // of the others
	ClientID string  // letters and digits, at most 32, fixed for the life of the delivery
}

// Form is a message in the fields of one of the account's templates.
type Form struct {
	Template string            // the platform's id
	Fields   map[string]string // by the template's own names; the platform cuts each at 20 characters
	URL      string            // opened by a tap; "" for none
	Title    string            // of WayOnce, at most 15 characters
	Scene    int               // of WayOnce, 0 to 10,000, as it was granted
}

// MassOutbound is one text to a list of people, by one call: 2 to 10,000 of one account.
type MassOutbound struct {
	Account  string
	To       []string // the platform's ids
	Text     string
	ClientID string // deduplicates for 24 hours; at most 32 letters and digits
}

// Quota is how often a way may be used on one day of the platform (Asia/Shanghai).
type Quota struct {
	Limit int // calls a day; 0 when the platform does not say
	Used  int // calls the platform has counted so far
}

// Verdict is what is certain about a send.
type Verdict string

// The verdicts. Accepted is not delivered; a time-out after the request was written is Unknown.
const (
	Accepted Verdict = "accepted" // the platform took it
	Refused  Verdict = "refused"  // the platform certainly did not take it
	Unsent   Verdict = "unsent"   // it never reached the platform: connection refused, no token
	Unknown  Verdict = "unknown"  // nobody can tell
)

// Class says what to do about a refusal (wechat-protocol §5).
type Class string

// The classes.
const (
	ClassNone      Class = ""
	ClassRetry     Class = "retry"     // again soon
	ClassLater     Class = "later"     // again later, slower
	ClassToken     Class = "token"     // refresh the token, repeat once (the adapter did so already)
	ClassRecipient Class = "recipient" // this person cannot be reached this way
	ClassCampaign  Class = "campaign"  // stop the campaign or the channel
	ClassOperator  Class = "operator"  // a person must act
	ClassOurs      Class = "ours"      // our request is wrong
)

// Outcome is the platform's answer to one send. It is a value, not an error.
type Outcome struct {
	Verdict    Verdict
	Class      Class
	Code       int    // the platform's error code, 0 when none
	Reason     string // short English word for logs and tables, for example "window_closed"
	RequestID  string // the platform's rid, "" when none
	MessageID  string // the platform's id of the message, "" when none
	RetryAfter time.Duration
}

// Receipt tells the later fate of a send. It is stored first and joined later.
type Receipt struct {
	Kind      string // platform's event name
	To        Address
	MessageID string // "" or "0" when the platform gave none
	Status    string // the platform's words
	Delivered bool
	Job       *Job      // of a send to many: its totals, and nobody can tell who; nil when it is about To
	At        time.Time // UTC
}

// Job holds a platform's totals of one send to many.
type Job struct {
	Total    int // asked for
	Filtered int // left after the platform took out refusers and people over the month's limit
	Sent     int
	Failed   int
}
