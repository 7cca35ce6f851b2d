package sim

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"
)

// mass is one mass message.
type mass struct {
	MsgID   int64     `json:"msgId"`
	At      time.Time `json:"at"`
	Running bool      `json:"running"`
	Deleted bool      `json:"deleted,omitempty"`
	// To and Item are kept while it runs.
	To   []string  `json:"to,omitempty"`
	Item *ChatItem `json:"item,omitempty"`
}

type massMessage struct {
	outgoing
	ToUsers any `json:"touser"`
	Filter  struct {
		All bool `json:"is_to_all"`
		Tag int  `json:"tag_id"`
	} `json:"filter"`
	ClientMsgID string `json:"clientmsgid"`
}

// Rules of mass messages to the followers of a service account (doc).
const (
	massPerMonth   = 4
	massIDLife     = 24 * time.Hour
	massIDBytes    = 64
	massTakes      = 60 * time.Second // until it is reported (assumed)
	massListAtMost = 10_000
)

func (c *call) massSendAll() answer {
	return c.mass(func(m massMessage) ([]string, int) {
		var list []string
		for _, id := range c.p.st.Order {
			a := c.p.st.Users[id]
			if a.Following && (m.Filter.All || slices.Contains(a.Tags, m.Filter.Tag)) {
				list = append(list, id)
			}
		}
		return list, 0
	})
}

func (c *call) massSend() answer {
	return c.mass(func(m massMessage) ([]string, int) {
		raw, _ := m.ToUsers.([]any)
		var list []string
		for _, x := range raw {
			if s, isString := x.(string); isString {
				list = append(list, s)
			}
		}
		if len(list) < 2 {
			return nil, 40130
		}
		if len(list) > massListAtMost {
			return nil, 40032
		}
		return list, 0
	})
}

// mass starts a mass message; it is accepted now and reported later.
func (c *call) mass(audience func(massMessage) ([]string, int)) answer {
	p := c.p
	var m massMessage
	if a := c.decode(&m); a != nil {
		return a
	}
	if len(m.ClientMsgID) > massIDBytes {
		return p.refuse(45067)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	to, code := audience(m)
	if code != 0 {
		return p.refuse(code)
	}
	m.MsgType = orText(m.MsgType)
	item, code := c.item(outgoingMass(m), "mass")
	if code != 0 {
		return p.refuse(code)
	}
	key, now := m.ClientMsgID, p.clock.Now()
	if key == "" { // the platform takes a digest of audience and content (doc)
		sum := sha256.Sum256(plainJSON([]any{m.Filter, m.ToUsers, item}))
		key = "digest " + hex.EncodeToString(sum[:])
	}
	if old := p.st.Mass[key]; old != nil && now.Sub(old.At) < massIDLife {
		if old.Running && now.Sub(old.At) < time.Minute {
			return p.refuse(45066)
		}
		a := p.refuse(45065)
		a["msg_id"] = old.MsgID
		return a
	}
	if m.Filter.All && !p.mayMassToAll(now) {
		return p.refuse(45028)
	}
	if old := p.st.Mass[key]; old != nil { // its id may be used again, its number lives on
		p.st.Mass["before "+number(old.MsgID)] = old
	}
	p.st.MsgID++
	job := &mass{MsgID: p.st.MsgID, At: now, Running: true, To: to, Item: &item}
	p.st.Mass[key] = job
	p.later(due{At: now.Add(massTakes), Mass: key})
	return answer{"errcode": 0, "errmsg": "send job submission success", "msg_id": job.MsgID, "msg_data_id": job.MsgID % 1_000_000_000}
}

// mayMassToAll takes one of the sends to everybody: one a day and four a month (doc).
func (p *Platform) mayMassToAll(now time.Time) bool {
	day := now.In(shanghai).Format(time.DateOnly)
	month := 0
	for d, n := range p.st.MassToAll {
		if d[:7] == day[:7] {
			month += n
		}
	}
	if p.st.MassToAll[day] >= 1 || month >= massPerMonth {
		return false
	}
	p.st.MassToAll[day]++
	return true
}

func orText(kind string) string {
	if kind == "mpnews" || kind == "images" || kind == "mpvideo" {
		return "mpnewsarticle"
	}
	return kind
}

func outgoingMass(m massMessage) outgoing {
	o := m.outgoing
	o.MsgType = m.MsgType
	return o
}

// operator is whom the platform names as sender of reports on mass messages: the account's
// administrator, not a follower.
const operator = "oSIM_operator_00000000000001"

// endMass gives everybody their copy and reports totals: who refuses, or had four this month, is
// filtered out (doc).
func (p *Platform) endMass(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	job := p.st.Mass[key]
	month := p.clock.Now().In(shanghai).Format("2006-01")
	total, sent := len(job.To), 0
	fault := p.faults.ofReceipt("/cgi-bin/message/mass/sendall")
	status := "send success"
	if fault.Kind == FaultStatus {
		status = fault.Text // like err(20001) (doc)
	}
	for _, id := range job.To {
		a := p.st.Users[id]
		if fault.Kind == FaultStatus || a == nil || !a.Following || a.Refuses || a.Blocked || a.Month[month] >= massPerMonth {
			continue
		}
		if a.Month == nil {
			a.Month = map[string]int{}
		}
		a.Month[month]++
		p.saw(a, *job.Item)
		sent++
	}
	job.Running, job.To, job.Item = false, nil, nil
	p.receipt(fault, operator, 0, job.MsgID, func(id int64) string {
		return cdata("MsgType", "event") + cdata("Event", "MASSSENDJOBFINISH") + element("MsgID", id) + cdata("Status", status) +
			element("TotalCount", total) + element("FilterCount", sent) + element("SentCount", sent) + element("ErrorCount", 0) +
			"<CopyrightCheckResult><Count>0</Count><ResultList></ResultList><CheckState>0</CheckState></CopyrightCheckResult>"
	})
	p.touch()
}

func (c *call) massGet() answer {
	var in struct {
		MsgID json.Number `json:"msg_id"`
	}
	if a := c.decode(&in); a != nil {
		return a
	}
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	for _, m := range c.p.st.Mass {
		if in.MsgID.String() == number(m.MsgID) {
			status := "SEND_SUCCESS"
			switch {
			case m.Running:
				status = "SENDING"
			case m.Deleted:
				status = "DELETE"
			}
			return answer{"msg_id": m.MsgID, "msg_status": status}
		}
	}
	return c.p.refuse(40035)
}

// massDelete takes a sent mass message back (doc); the chats keep it here, as phones keep texts.
func (c *call) massDelete() answer {
	var in struct {
		MsgID json.Number `json:"msg_id"`
	}
	if a := c.decode(&in); a != nil {
		return a
	}
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	for _, m := range c.p.st.Mass {
		if in.MsgID.String() == number(m.MsgID) && !m.Running {
			m.Deleted = true
			return ok
		}
	}
	return c.p.refuse(40059) // one that still runs cannot be deleted (assumed)
}

// massPreview shows a mass message to one person.
func (c *call) massPreview() answer {
	p := c.p
	var m outgoing
	if a := c.decode(&m); a != nil {
		return a
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.st.Users[m.ToUser]
	if a == nil || !a.Following {
		return p.refuse(40003)
	}
	m.MsgType = orText(m.MsgType)
	item, code := c.item(m, "mass")
	if code != 0 {
		return p.refuse(code)
	}
	p.saw(a, item)
	return answer{"errcode": 0, "errmsg": "preview success"}
}
