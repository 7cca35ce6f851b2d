package wechat

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/tiangeng/tiangeng/bot/channel"
)

// Channel is the name of this adapter in channel.Address.
const Channel = "wechat"

// Request is what a push says beyond channel.Inbound.
type Request struct {
	Nonce  string // of the signed URL, joined with its timestamp
	Repeat bool   // the same URL brought the same message before; the stored reply is the answer
	Event  string // the platform's name of the event, "" for messages; also of events we map to KindOther
}

const (
	maxOpenID     = 64           // bytes; real ones have 28
	maxMediaID    = 200          // bytes; real ones have 64 to about 110
	maxEventKey   = 1 << 10      // bytes; the longest legal one is the URL of a menu link
	maxCreateTime = 253402300799 // 9999-12-31T23:59:59Z
)

// inbound turns the fields of a verified message into neutral values. account is our name of the
// platform account. The only source of the sender is the message itself.
func (f *fields) inbound(account string) (in channel.Inbound, req Request, err error) {
	from, kind := f.value[fromUserName], f.value[msgType]
	if len(from) == 0 || len(from) > maxOpenID || !visible(string(from)) {
		return in, req, fmt.Errorf("%w: FromUserName", errXML)
	}
	if len(f.value[toUserName]) == 0 || len(kind) == 0 {
		return in, req, fmt.Errorf("%w: ToUserName or MsgType", errXML)
	}
	at, ok := parseInt(f.value[createTime])
	if !ok || at > maxCreateTime {
		return in, req, fmt.Errorf("%w: CreateTime", errXML)
	}
	in.From = channel.Address{Channel: Channel, Account: account, External: string(from)}
	in.At = time.Unix(at, 0).UTC()
	if string(kind) == "event" {
		err = f.event(&in, &req)
	} else {
		err = f.message(&in)
	}
	return in, req, err
}

func (f *fields) message(in *channel.Inbound) error {
	in.Contact = channel.ContactTyped
	switch string(f.value[msgType]) {
	case "text":
		in.Kind = channel.KindText
		in.Text = string(f.value[content])
		// A tapped item arrives as text but opens one minute, not 48 hours (wechat-protocol §3).
		if f.found[menuItem] {
			in.MenuItem = string(f.value[menuItem])
			in.Contact = channel.ContactTap
		}
	case "voice":
		in.Kind = channel.KindVoice
		in.Text, in.Media = string(f.value[recognition]), f.media()
	case "image":
		in.Kind, in.Media = channel.KindImage, f.media()
	case "video", "shortvideo":
		in.Kind = channel.KindVideo
	case "location":
		in.Kind = channel.KindLocation
		in.Point = f.point()
	case "link":
		in.Kind = channel.KindLink
	default:
		// Nobody knows what right an unknown message gives: none.
		in.Kind, in.Contact = channel.KindOther, channel.ContactNone
		if !f.found[msgID] {
			in.Key = f.eventIdentity(in.From.Account)
			return nil
		}
	}
	id, ok := parseInt(f.value[msgID])
	if !ok || id == 0 {
		return fmt.Errorf("%w: MsgId", errXML)
	}
	in.Key = digest([]byte("message"), []byte(in.From.Account), f.value[msgID])
	return nil
}

// media is the id of the file that a message brings; "" when it is none that could be asked for.
func (f *fields) media() string {
	id := f.value[mediaID]
	if len(id) > maxMediaID || !visible(string(id)) {
		return ""
	}
	return string(id)
}

// point is where a location message says to be; nil when that cannot be read.
func (f *fields) point() *channel.Point {
	x, errX := strconv.ParseFloat(string(f.value[latitude]), 64)
	y, errY := strconv.ParseFloat(string(f.value[longitude]), 64)
	if errX != nil || errY != nil || !(math.Abs(x) <= 90) || !(math.Abs(y) <= 180) { // NaN is neither
		return nil
	}
	return &channel.Point{Latitude: x, Longitude: y}
}

func (f *fields) event(in *channel.Inbound, req *Request) error {
	name, key := f.value[event], f.value[eventKey]
	if len(name) == 0 || len(key) > maxEventKey || len(f.value[scanResult]) > maxEventKey {
		return fmt.Errorf("%w: Event or EventKey", errXML)
	}
	req.Event = string(name)
	in.Key = f.eventIdentity(in.From.Account)
	in.Kind = channel.KindOther
	switch req.Event {
	case "subscribe":
		in.Kind, in.Contact = channel.KindFollow, channel.ContactTap
		in.EventKey = string(bytes.TrimPrefix(key, []byte("qrscene_")))
	case "unsubscribe":
		in.Kind = channel.KindUnfollow
	case "SCAN":
		in.Kind, in.Contact, in.EventKey = channel.KindScan, channel.ContactTap, string(key)
	case "scancode_push", "scancode_waitmsg":
		in.Kind, in.Contact, in.EventKey = channel.KindScan, channel.ContactTap, string(f.value[scanResult])
	case "CLICK":
		in.Kind, in.Contact, in.EventKey = channel.KindTap, channel.ContactTap, string(key)
	case "VIEW", "view_miniprogram":
		in.Kind, in.EventKey = channel.KindView, string(key)
	case "TEMPLATESENDJOBFINISH", "MASSSENDJOBFINISH", "PUBLISHJOBFINISH", "subscribe_msg_sent_event":
		in.Kind = channel.KindReceipt
		in.Receipts = f.receipts(in, req.Event)
	case "subscribe_msg_popup_event", "subscribe_msg_change_event":
		in.Kind, in.Grants = channel.KindGrant, f.grants()
	}
	return nil
}

// eventIdentity makes the key of what carries no MsgId. The platform advises sender and second;
// name, key and the ids inside are added so that two real events of one second survive. Only what
// a repeat must repeat goes in.
func (f *fields) eventIdentity(account string) string {
	parts := make([][]byte, 0, 16)
	parts = append(parts, []byte("event"), []byte(account), f.value[fromUserName], f.value[createTime], f.value[msgType],
		f.value[event], f.value[eventKey], f.value[resultID], f.value[msgID], f.value[scanResult], f.value[publishID])
	for i := range f.items {
		it := &f.items[i]
		parts = append(parts, it[itemTemplate], it[itemStatus], it[itemID], it[itemScene])
	}
	return digest(parts...)
}

// digest is hex SHA-256 over length-prefixed parts: no two lists of parts share a digest by
// moving a border.
func digest(parts ...[]byte) string {
	var stack [512]byte
	b := stack[:0]
	for _, p := range parts {
		b = binary.AppendUvarint(b, uint64(len(p)))
		b = append(b, p...)
	}
	sum := sha256.Sum256(b)
	var out [2 * sha256.Size]byte
	hex.Encode(out[:], sum[:])
	return string(out[:])
}
