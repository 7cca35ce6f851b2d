package study

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// SignKey is what the codes of one session are made from.
type SignKey struct {
	Session SessionID
	Secret  []byte // of the session, random, never shown
}

// The code of a session is another one in every slot of time. Whoever has an old picture of it is told so.
const (
	codePrefix = "tg1."
	// codeSlots and numberSlots are how many slots a code and a number are good for, the running one with them: a
	// code is read at once, a number is typed by slow fingers.
	codeSlots, numberSlots = 2, 4
	numberModulus          = 1_000_000
)

// CodeCheck is what a code is worth.
type CodeCheck string

// The values.
const (
	CodeGood  CodeCheck = "good"
	CodeOld   CodeCheck = "old"   // it was one of this session
	CodeWrong CodeCheck = "wrong" // it never was
)

func (r ClassRule) slot(at time.Time) int64 { return at.UnixMilli() / r.Slot.Milliseconds() }

func (k SignKey) sum(purpose string, slot int64) []byte {
	m := hmac.New(sha256.New, k.Secret)
	fmt.Fprintf(m, "%s %d %d", purpose, k.Session, slot)
	return m.Sum(nil)
}

func (k SignKey) code(slot int64) string {
	return codePrefix + strconv.FormatInt(int64(k.Session), 36) + "." + strconv.FormatInt(slot, 36) + "." + hex.EncodeToString(k.sum("code", slot)[:8])
}

func (k SignKey) number(slot int64) string {
	return fmt.Sprintf("%06d", binary.BigEndian.Uint64(k.sum("number", slot))%numberModulus)
}

// Codes returns what the screen of a session shows at an instant: the text of the picture, the number to type,
// and when they change.
func (r ClassRule) Codes(k SignKey, now time.Time) (code, number string, until time.Time) {
	slot := r.slot(now)
	return k.code(slot), k.number(slot), time.UnixMilli((slot + 1) * r.Slot.Milliseconds()).UTC()
}

// SignSession returns which session a scanned text is the code of; false when it is none of ours.
func SignSession(text string) (SessionID, bool) {
	rest, ours := strings.CutPrefix(text, codePrefix)
	part, _, found := strings.Cut(rest, ".")
	id, err := strconv.ParseInt(part, 36, 64)
	return SessionID(id), ours && found && err == nil && id > 0
}

// CheckCode judges a scanned text.
func (r ClassRule) CheckCode(k SignKey, now time.Time, text string) CodeCheck {
	parts := strings.Split(text, ".")
	if len(parts) != 4 {
		return CodeWrong
	}
	slot, err := strconv.ParseInt(parts[2], 36, 64)
	if err != nil || !hmac.Equal([]byte(k.code(slot)), []byte(text)) {
		return CodeWrong
	}
	// The replica that drew it may be a second ahead of this one.
	if age := r.slot(now) - slot; age >= -1 && age < codeSlots {
		return CodeGood
	}
	return CodeOld
}

// CheckNumber judges a typed number. An old one is not told from a wrong one.
func (r ClassRule) CheckNumber(k SignKey, now time.Time, number string) CodeCheck {
	last, good := r.slot(now), false
	for i := range int64(numberSlots + 1) { // with the next one: another replica may be a second ahead
		good = hmac.Equal([]byte(k.number(last+1-i)), []byte(number)) || good
	}
	if good {
		return CodeGood
	}
	return CodeWrong
}

// ScreenToken is what the address of the session's projector page ends with.
func (k SignKey) ScreenToken() string { return hex.EncodeToString(k.sum("screen", 0)[:16]) }

// DeviceMark is a phone as one session knows it: it can be compared inside the session and says nothing outside.
func (k SignKey) DeviceMark(phone int64) string {
	return hex.EncodeToString(k.sum("phone", phone)[:12])
}
