package sim

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// templates is one template of the account.
type templates struct {
	Title    string   `json:"title"`
	Keys     []string `json:"keys"`               // fields in order; empty takes whatever comes
	LongTerm bool     `json:"longTerm,omitempty"` // long-term notice
}

// sentID remembers a client_msg_id.
type sentID struct {
	At    time.Time `json:"at"`
	MsgID int64     `json:"msgId"`
}

// AddTemplate puts a template into the account.
func (p *Platform) AddTemplate(id, title string, longTerm bool, keys ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.st.Template[id] = &templates{Title: title, Keys: keys, LongTerm: longTerm}
}

type templateMessage struct {
	ToUser      string `json:"touser"`
	TemplateID  string `json:"template_id"`
	URL         string `json:"url"`
	ClientMsgID string `json:"client_msg_id"`
	Scene       string `json:"scene"`
	Title       string `json:"title"`
	Data        map[string]struct {
		Value string `json:"value"`
	} `json:"data"`
}

// card makes what the person sees; over-long values are cut, not refused (doc).
func (t *templates) card(m templateMessage) *templateCard {
	c := &templateCard{Title: t.Title, URL: m.URL}
	keys := slices.Clone(t.Keys)
	if len(keys) == 0 {
		for k := range m.Data {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys[len(t.Keys):]) // a map has no order
	for _, k := range keys {
		v := strings.Join(strings.Fields(m.Data[k].Value), " ") // one line (doc)
		if utf8.RuneCountInString(v) > 20 {
			v = string([]rune(v)[:20])
		}
		c.Fields = append(c.Fields, templateField{Name: k, Value: v})
	}
	return c
}

// refuseField names the field that is empty or against its type.
func (p *Platform) refuseField(key string) answer {
	a := p.refuse(47003)
	a["errmsg"] = strings.Replace(fmt.Sprint(a["errmsg"]), "argument invalid", "argument invalid! data."+key+".value invalid", 1)
	return a
}

// clientIDLife is how long a client_msg_id is remembered (doc).
const clientIDLife = 10 * time.Minute

// receiptAfter is how long the platform takes to report a template message (assumed).
const receiptAfter = 2 * time.Second

// templateSend accepts, and reports by TEMPLATESENDJOBFINISH what became of it (doc).
func (c *call) templateSend() answer {
	p := c.p
	var m templateMessage
	if a := c.decode(&m); a != nil {
		return a
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	a, now := p.st.Users[m.ToUser], p.clock.Now()
	t := p.st.Template[m.TemplateID]
	switch {
	case a == nil:
		return p.refuse(40003)
	case t == nil || t.LongTerm:
		return p.refuse(40037)
	case !a.Following:
		return p.refuse(43004)
	case a.Blocked:
		return p.refuse(43019)
	}
	for _, k := range t.Keys {
		if m.Data[k].Value == "" {
			return p.refuseField(k)
		}
	}
	key := m.ToUser + " " + m.ClientMsgID
	if s, seen := p.st.Sent[key]; seen && m.ClientMsgID != "" && now.Sub(s.At) < clientIDLife {
		return answer{"errcode": 0, "errmsg": "ok", "msgid": s.MsgID} // sent once (doc)
	}
	p.st.MsgID++
	id := p.st.MsgID
	if m.ClientMsgID != "" {
		if len(p.st.Sent) > 10_000 {
			maps.DeleteFunc(p.st.Sent, func(_ string, s sentID) bool { return now.Sub(s.At) >= clientIDLife })
		}
		p.st.Sent[key] = sentID{At: now, MsgID: id}
	}
	status, fault := "success", p.faults.ofReceipt(c.path)
	switch {
	case a.Refuses:
		status = "failed:user block"
	case fault.Kind == FaultStatus:
		status = fault.Text // like "failed: system failed" or "failed:freq limit" (doc)
	default:
		p.saw(a, ChatItem{From: "bot", Via: "template", Kind: "template", Template: t.card(m), Status: "delivered"})
	}
	p.receipt(fault, m.ToUser, receiptAfter, id, func(msgID int64) string {
		return cdata("MsgType", "event") + cdata("Event", "TEMPLATESENDJOBFINISH") + element("MsgID", msgID) + cdata("Status", status)
	})
	return answer{"errcode": 0, "errmsg": "ok", "msgid": id}
}

// bizSend is the subscription notice: one message for a grant, without end for a long-term one (doc).
func (c *call) bizSend() answer {
	p := c.p
	var m templateMessage
	if a := c.decode(&m); a != nil {
		return a
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	a, t := p.st.Users[m.ToUser], p.st.Template[m.TemplateID]
	switch {
	case a == nil:
		return p.refuse(40003)
	case t == nil:
		return p.refuse(40037)
	case a.Grants[m.TemplateID] == 0:
		return p.refuse(43101)
	}
	for _, k := range t.Keys {
		if m.Data[k].Value == "" {
			return p.refuseField(k)
		}
	}
	if a.Grants[m.TemplateID] > 0 {
		a.Grants[m.TemplateID]--
	}
	code, status, fault := 0, "success", p.faults.ofReceipt(c.path)
	if fault.Kind == FaultStatus {
		code, status = fault.Code, fault.Text
	} else {
		p.saw(a, ChatItem{From: "bot", Via: "subscribe", Kind: "template", Template: t.card(m), Status: "delivered"})
	}
	p.st.MsgID++
	p.receipt(fault, m.ToUser, receiptAfter, p.st.MsgID, func(id int64) string {
		return cdata("MsgType", "event") + cdata("Event", "subscribe_msg_sent_event") + "<SubscribeMsgSentEvent><List>" + cdata("TemplateId", m.TemplateID) +
			element("MsgID", id) + element("ErrorCode", code) + cdata("ErrorStatus", status) + "</List></SubscribeMsgSentEvent>"
	})
	return ok
}

// GrantScene lets the person allow one old-style one-time message for a scene (0 to 10000, doc).
func (u *User) GrantScene(scene int, template string) {
	u.p.mu.Lock()
	defer u.p.mu.Unlock()
	a := u.p.user(u.openid)
	if a.Scenes == nil {
		a.Scenes = map[int]string{}
	}
	a.Scenes[scene] = template // the same scene does not accumulate (doc)
}

// subscribeOnce is the old one-time message (doc).
func (c *call) subscribeOnce() answer {
	p := c.p
	var m templateMessage
	if a := c.decode(&m); a != nil {
		return a
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.st.Users[m.ToUser]
	scene, err := strconv.Atoi(m.Scene)
	switch {
	case a == nil:
		return p.refuse(40003)
	case err != nil || scene < 0 || scene > 10000 || utf8.RuneCountInString(m.Title) > 15 || m.Data["content"].Value == "":
		return p.refuse(47003)
	case a.Scenes[scene] != m.TemplateID || m.TemplateID == "":
		return p.refuse(43101)
	}
	delete(a.Scenes, scene)
	p.saw(a, ChatItem{From: "bot", Via: "subscribe", Kind: "template", Status: "delivered", Template: &templateCard{
		Title: m.Title, URL: m.URL, Fields: []templateField{{Name: "content", Value: m.Data["content"].Value}},
	}})
	return ok
}

// RevokeNotice switches a notice off in the settings: only that is told to the bot (doc).
func (u *User) RevokeNotice(ctx context.Context, template string) (Exchange, error) {
	return u.do(ctx, act{
		item:   ChatItem{From: "system", Via: "event", Kind: "event", Text: "关闭了订阅通知"},
		change: func(a *account, _ time.Time) { delete(a.Grants, template) },
		body: func(*account) string {
			return cdata("MsgType", "event") + cdata("Event", "subscribe_msg_change_event") + "<SubscribeMsgChangeEvent><List>" +
				cdata("TemplateId", template) + cdata("SubscribeStatusString", "reject") + "</List></SubscribeMsgChangeEvent>"
		},
	})
}
