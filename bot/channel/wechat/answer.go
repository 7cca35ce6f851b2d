package wechat

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// answerHead is what every answer of the platform may begin with.
type answerHead struct {
	coded bool // errcode was there
	code  int
	text  string // errmsg, shortened, printable, without the rid
	rid   string
	msgID string // msg_id or msgid, "" when none
}

// rid is the platform's request id: the key for its own log, at the end of errmsg.
var rid = regexp.MustCompile(`rid:\s*([0-9A-Za-z-]{1,64})`)

const maxErrmsg = 200

// decodeHead reads errcode, errmsg and message id of one answer. ok is false when the body is not
// exactly one JSON object or its errcode is not a whole number: then nobody knows what happened.
func decodeHead(body []byte) (h answerHead, ok bool) {
	if !utf8.Valid(body) {
		return h, false
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(body, &raw); err != nil || raw == nil {
		return h, false
	}
	if c, there := raw["errcode"]; there {
		n, err := strconv.ParseInt(unquote(c), 10, 32)
		if err != nil {
			return h, false
		}
		h.coded, h.code = true, int(n)
	}
	if m, there := raw["errmsg"]; there {
		var s string
		if json.Unmarshal(m, &s) == nil {
			h.rid, h.text = splitErrmsg(s)
		}
	}
	for _, name := range []string{"msg_id", "msgid"} {
		if v := unquote(raw[name]); v != "" && len(v) <= 64 && visible(v) && v != "null" {
			h.msgID = v
			break
		}
	}
	return h, true
}

// unquote takes numbers also where the platform writes them as text.
func unquote(raw json.RawMessage) string {
	s := strings.TrimSpace(string(raw))
	if len(s) >= 2 && s[0] == '"' {
		return s[1 : len(s)-1]
	}
	return s
}

func splitErrmsg(s string) (id, text string) {
	if m := rid.FindStringSubmatch(s); m != nil {
		id = m[1]
		s = strings.Replace(s, m[0], "", 1)
	}
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return ' '
		}
		return r
	}, strings.TrimSpace(s))
	return id, cutText(s, maxErrmsg)
}
