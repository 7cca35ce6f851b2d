package wechat

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tiangeng/tiangeng/bot/channel"
)

// Limits of messages in fields (wechat-protocol §3). The platform cuts a value silently; we cut it
// before, so that what is logged and tested is what is seen.
const (
	maxField       = 20  // characters
	maxOnceTitle   = 15  // characters
	maxOnceContent = 200 // characters
	maxScene       = 10_000
	maxClientID    = 32 // letters and digits
)

// formValue is a field's value in the platform's JSON.
type formValue struct {
	Value string `json:"value"`
}

// formBody is the body of a subscription notice, a one-time subscribe message or a template message.
// Nothing empty is sent: an empty mini-program object has been refused.
type formBody struct {
	To       string               `json:"touser"`
	Template string               `json:"template_id"`
	URL      string               `json:"url,omitempty"`
	Page     string               `json:"page,omitempty"` // a subscription notice's address
	Scene    string               `json:"scene,omitempty"`
	Title    string               `json:"title,omitempty"`
	ClientID string               `json:"client_msg_id,omitempty"`
	Data     map[string]formValue `json:"data"`
}

// formMessage makes the body; wrong is a short word when the message cannot be one.
func formMessage(out channel.Outbound) (body formBody, wrong string) {
	to, in := out.To.External, out.Form
	switch {
	case to == "" || len(to) > maxOpenID || !visible(to):
		return body, "openid_invalid"
	case in.Template == "" || len(in.Fields) == 0:
		return body, "template_argument"
	case !clientID(out.ClientID):
		return body, "client_id"
	}
	limit := maxField
	if out.Way == channel.WayOnce {
		limit = maxOnceContent
	}
	body = formBody{To: to, Template: in.Template, Data: make(map[string]formValue, len(in.Fields))}
	for name, value := range in.Fields {
		v := oneLine(value, limit)
		if name == "" || v == "" {
			return body, "template_argument"
		}
		body.Data[name] = formValue{v}
	}
	switch out.Way {
	case channel.WayNotice:
		body.Page = in.URL
	case channel.WayOnce:
		body.URL, body.Title, body.Scene = in.URL, oneLine(in.Title, maxOnceTitle), strconv.Itoa(in.Scene)
		if in.Scene < 0 || in.Scene > maxScene || body.Title == "" || body.Data["content"].Value == "" {
			return body, "template_argument"
		}
	case channel.WayTemplate:
		body.URL, body.ClientID = in.URL, out.ClientID
	}
	return body, ""
}

// oneLine makes blanks of line breaks and cuts at n characters.
func oneLine(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) > n {
		s = string([]rune(s)[:n])
	}
	return s
}

// clientID reports whether an id is in the form that every API takes; "" is for APIs without one.
func clientID(s string) bool {
	if len(s) > maxClientID {
		return false
	}
	for _, r := range s {
		if (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return false
		}
	}
	return true
}
