// Package channel holds the neutral values that pass between a messaging platform's adapter and
// the service: what came in, what shall go out, what became of it. It knows no platform, no
// lesson and no HTTP; adapters (channel/wechat first) translate to and from it.
package channel

import "time"

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
	MenuItem string // id of a tapped message-menu item
	EventKey string // see the kinds
	Receipts []Receipt
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

// Outbound is one proactive message.
type Outbound struct {
	To       Address
	Message  Message
	ClientID string // letters and digits, at most 32, fixed for the life of the delivery
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
	At        time.Time // UTC
}
