package web

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"

	"github.com/tiangeng/tiangeng/bot/fault"
)

// A cursor says where a long list goes on. It is opaque to who uses it: the list's name and a number,
// with a check against slips. It gives no right: the list is read within the key's scope all the same.
type cursor struct {
	list string // of which list it is: one of another list is refused
	at   int64  // the last number that was seen, above 0
}

const cursorCheck = 4 // bytes

func (c cursor) String() string {
	b := binary.AppendUvarint(nil, uint64(c.at))
	sum := c.sum(b)
	return base64.RawURLEncoding.EncodeToString(append(b, sum[:cursorCheck]...))
}

func (c cursor) sum(b []byte) [sha256.Size]byte {
	return sha256.Sum256(append([]byte("cursor/"+c.list+"/"), b...))
}

// parseCursor reads a cursor of a list; "" is the beginning, 0. Only what String writes is taken.
func parseCursor(list, s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	bad := fault.New(fault.Invalid, "announce.api_body_bad", fault.A("problem", "cursor must be the next of an answer of this list"))
	if len(s) > 24 {
		return 0, bad
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) <= cursorCheck {
		return 0, bad
	}
	n, size := binary.Uvarint(b)
	c := cursor{list, int64(n)}
	if size <= 0 || c.at <= 0 || c.String() != s {
		return 0, bad
	}
	return c.at, nil
}

// next is the cursor behind a page whose last number is given: "" when the page is not full.
func next(list string, last int64, count, limit int) string {
	if count < limit {
		return ""
	}
	return cursor{list, last}.String()
}
