package wechat

import (
	"net/url"
	"strings"
)

// query holds the parameters of a push that mean something to us; "" is absent. openid is not
// among them: it is not signed, the sender is read from the verified message only.
type query struct {
	signature, timestamp, nonce string
	echostr                     string
	encryptType, msgSignature   string
}

const (
	maxQuery   = 4 << 10 // bytes of the raw query; real ones have about 250
	maxNonce   = 128     // bytes; real ones have about 10
	maxEchostr = 256     // bytes; real ones have about 20
)

// parseQuery reads a raw query string. It refuses what url.ParseQuery forgives: a known parameter
// given twice (which of the two was signed?), semicolons, broken escapes. Unknown ones are skipped.
func parseQuery(raw string) (q query, ok bool) {
	if len(raw) > maxQuery {
		return q, false
	}
	var seen [6]bool
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		if name, ok = unescape(name); !ok {
			return q, false
		}
		if value, ok = unescape(value); !ok {
			return q, false
		}
		slot, index := q.slot(name)
		if slot == nil {
			continue
		}
		if seen[index] {
			return q, false
		}
		seen[index] = true
		*slot = value
	}
	return q, q.wellFormed(seen)
}

func (q *query) slot(name string) (slot *string, index int) {
	switch name {
	case "signature":
		return &q.signature, 0
	case "timestamp":
		return &q.timestamp, 1
	case "nonce":
		return &q.nonce, 2
	case "echostr":
		return &q.echostr, 3
	case "encrypt_type":
		return &q.encryptType, 4
	case "msg_signature":
		return &q.msgSignature, 5
	}
	return nil, 0
}

func (q *query) wellFormed(seen [6]bool) bool {
	if seen[0] && !isSignature(q.signature) || seen[5] && !isSignature(q.msgSignature) {
		return false
	}
	if q.nonce == "" || len(q.nonce) > maxNonce || !visible(q.nonce) {
		return false
	}
	return len(q.echostr) <= maxEchostr && visible(q.echostr)
}

func unescape(s string) (string, bool) {
	if strings.IndexByte(s, ';') >= 0 {
		return "", false
	}
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s, true
	}
	u, err := url.QueryUnescape(s)
	return u, err == nil
}

func isSignature(s string) bool {
	if len(s) != signatureSize {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func visible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// parseInt reads a canonical decimal number from 0 to the end of int64: no sign, no leading zero,
// no space. 32 bits would end in 2038 (B13).
func parseInt[T string | []byte](s T) (n int64, ok bool) {
	if len(s) == 0 || len(s) > 19 || s[0] == '0' && len(s) > 1 {
		return 0, false
	}
	for i := range len(s) {
		d := s[i] - '0'
		if d > 9 {
			return 0, false
		}
		n = n*10 + int64(d)
		if n < 0 {
			return 0, false
		}
	}
	return n, true
}
