package sim

import "time"

// outgoing is a message of the API as the chat shows it.
type outgoing struct {
	ToUser  string `json:"touser"`
	MsgType string `json:"msgtype"`
	Text    struct {
		Content string `json:"content"`
	} `json:"text"`
	Image struct {
		MediaID string `json:"media_id"`
	} `json:"image"`
	Voice struct {
		MediaID string `json:"media_id"`
	} `json:"voice"`
	News struct {
		Articles []struct {
			Title       string `json:"title"`
			Description string `json:"description"`
			URL         string `json:"url"`
			PicURL      string `json:"picurl"`
		} `json:"articles"`
	} `json:"news"`
	MsgMenu struct {
		Head string     `json:"head_content"`
		List []menuItem `json:"list"`
		Tail string     `json:"tail_content"`
	} `json:"msgmenu"`
}

// item makes the chat item; code is the refusal, 0 for none.
func (c *call) item(m outgoing, via string) (ChatItem, int) {
	item := ChatItem{From: "bot", Via: via, Kind: m.MsgType, Text: m.Text.Content, Status: "delivered"}
	switch m.MsgType {
	case "text":
		if m.Text.Content == "" {
			return item, 44004
		}
		if len(m.Text.Content) > c.p.o.TextLimit {
			return item, 45002
		}
	case "news":
		if n := len(m.News.Articles); n == 0 || n > 1 { // one article (doc)
			return item, 45008
		}
		for _, a := range m.News.Articles {
			item.Articles = append(item.Articles, Article{Title: a.Title, Description: a.Description, PicURL: a.PicURL, URL: a.URL})
		}
	case "msgmenu":
		if len(m.MsgMenu.List) == 0 {
			return item, 40035
		}
		item.Menu = &menuMessage{Head: m.MsgMenu.Head, Items: m.MsgMenu.List, Tail: m.MsgMenu.Tail}
	case "image":
		item.Media = m.Image.MediaID
		return item, c.p.mediaCode(item.Media)
	case "voice":
		item.Media = m.Voice.MediaID
		return item, c.p.mediaCode(item.Media)
	case "video", "music", "mpnewsarticle", "miniprogrampage", "wxcard":
	default:
		return item, 40008
	}
	return item, 0
}

// customSend is the customer-service message: inside a window only, and it is counted (doc).
func (c *call) customSend() answer {
	p := c.p
	var m outgoing
	if a := c.decode(&m); a != nil {
		return a
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.st.Users[m.ToUser]
	if a == nil {
		return p.refuse(40003)
	}
	item, code := c.item(m, "custom")
	if code != 0 {
		return p.refuse(code)
	}
	if code := a.mayReceive(p.clock.Now()); code != 0 {
		return p.refuse(code)
	}
	a.Window.use()
	p.saw(a, item)
	return ok
}

// mayReceive says why a customer-service message may not be sent, 0 when it may.
func (a *account) mayReceive(now time.Time) int {
	kind, left, _ := a.Window.open(now)
	switch {
	case a.Blocked:
		return 43019
	case !a.Following:
		return 45015 // "subscription is canceled" is part of this code's words (doc)
	case a.Refuses:
		return 48002
	case kind == "none":
		return 45015
	case left == 0:
		return 45047
	}
	return 0
}
