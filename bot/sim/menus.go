package sim

import (
	"slices"
	"strings"
)

// menuID is the number of the default menu; those of conditional menus follow.
const menuID = 400000001

// menu is the account's menu, in the platform's own JSON.
type menu struct {
	Button []button `json:"button"`
}

type button struct {
	Name      string   `json:"name"`
	Type      string   `json:"type,omitempty"`
	Key       string   `json:"key,omitempty"`
	URL       string   `json:"url,omitempty"`
	MediaID   string   `json:"media_id,omitempty"`
	ArticleID string   `json:"article_id,omitempty"`
	AppID     string   `json:"appid,omitempty"`
	PagePath  string   `json:"pagepath,omitempty"`
	Sub       []button `json:"sub_button,omitempty"`
}

// condMenu is a menu for some people only. The platform has more rules; those known are kept.
type condMenu struct {
	menu
	Rule matchRule `json:"matchrule"`
	ID   int64     `json:"menuid"`
}

type matchRule struct {
	Tag    flexible `json:"tag_id,omitempty"`
	Client flexible `json:"client_platform_type,omitempty"` // 1 iOS, 2 Android, 3 others
}

// flexible is a number that callers write with or without quotes.
type flexible string

// UnmarshalJSON takes "2" and 2.
func (f *flexible) UnmarshalJSON(data []byte) error {
	*f = flexible(strings.Trim(string(data), `"`))
	return nil
}

// phones are Android ones here (assumed).
const clientPlatform = "2"

func (r matchRule) matches(a *account) bool {
	if r.Client != "" && r.Client != clientPlatform {
		return false
	}
	return r.Tag == "" || slices.ContainsFunc(a.Tags, func(t int) bool { return flexible(number(int64(t))) == r.Tag })
}

// menuOf is the menu that a person sees, nil for none: the newest conditional one that matches
// (precedence is not documented; assumed), else the default. The caller holds mu.
func (p *Platform) menuOf(a *account) *menu {
	for i := range slices.Backward(p.st.Cond) {
		if p.st.Cond[i].Rule.matches(a) {
			return &p.st.Cond[i].menu
		}
	}
	return p.st.Menu
}

func (m *menu) find(key string) *button {
	if m == nil || key == "" {
		return nil
	}
	for i := range m.Button {
		if m.Button[i].Key == key {
			return &m.Button[i]
		}
		for j := range m.Button[i].Sub {
			if m.Button[i].Sub[j].Key == key {
				return &m.Button[i].Sub[j]
			}
		}
	}
	return nil
}

// code checks a menu: 1 to 3 buttons of 1 to 5 each, names of 16 and 60 bytes, keys of 128, links
// of 1,024 (doc).
func (m *menu) code() int {
	if len(m.Button) == 0 || len(m.Button) > 3 {
		return 40016
	}
	for _, b := range m.Button {
		if b.Name == "" || len(b.Name) > 16 {
			return 40018
		}
		if len(b.Sub) == 0 {
			if code := b.code(); code != 0 {
				return code
			}
			continue
		}
		if len(b.Sub) > 5 {
			return 40016
		}
		for _, s := range b.Sub {
			if s.Name == "" || len(s.Name) > 60 {
				return 40018
			}
			if code := s.code(); code != 0 {
				return code
			}
		}
	}
	return 0
}

func (b button) code() int {
	switch b.Type {
	case "click", "scancode_push", "scancode_waitmsg", "pic_sysphoto", "pic_photo_or_album", "pic_weixin", "location_select":
		if b.Key == "" || len(b.Key) > 128 {
			return 40019
		}
	case "view", "miniprogram":
		if b.URL == "" || len(b.URL) > 1024 {
			return 40020
		}
	case "media_id", "article_id", "article_view_limited":
		if b.MediaID == "" && b.ArticleID == "" {
			return 40007
		}
	default:
		return 40017
	}
	return 0
}

// menuCreate replaces the default menu.
func (c *call) menuCreate() answer {
	var m menu
	if a := c.decode(&m); a != nil {
		return a
	}
	if code := m.code(); code != 0 {
		return c.p.refuse(code)
	}
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	c.p.st.Menu = &m
	return ok
}

func (c *call) menuGet() answer {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	if c.p.st.Menu == nil {
		return c.p.refuse(46003)
	}
	a := answer{"menu": answer{"button": c.p.st.Menu.Button, "menuid": menuID}}
	if len(c.p.st.Cond) > 0 {
		a["conditionalmenu"] = slices.Clone(c.p.st.Cond)
	}
	return a
}

// menuDelete deletes all menus, the conditional ones too (doc).
func (c *call) menuDelete() answer {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	c.p.st.Menu, c.p.st.Cond = nil, nil
	return ok
}

// menuAddConditional adds a menu for some people; there must be a default one (doc).
func (c *call) menuAddConditional() answer {
	var m condMenu
	if a := c.decode(&m); a != nil {
		return a
	}
	p := c.p
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.st.Menu == nil:
		return p.refuse(65303)
	case m.Rule == matchRule{}:
		return p.refuse(65304)
	case len(m.Button) == 0:
		return p.refuse(65307)
	}
	if code := m.code(); code != 0 {
		return p.refuse(code)
	}
	m.ID = menuID + 1
	if n := len(p.st.Cond); n > 0 {
		m.ID = p.st.Cond[n-1].ID + 1
	}
	p.st.Cond = append(p.st.Cond, m)
	return answer{"menuid": number(m.ID)}
}

func (c *call) menuDeleteConditional() answer {
	var in struct {
		ID flexible `json:"menuid"`
	}
	if a := c.decode(&in); a != nil {
		return a
	}
	p := c.p
	p.mu.Lock()
	defer p.mu.Unlock()
	left := slices.DeleteFunc(slices.Clone(p.st.Cond), func(m condMenu) bool { return number(m.ID) == string(in.ID) })
	if len(left) == len(p.st.Cond) {
		return p.refuse(65301)
	}
	p.st.Cond = left
	return ok
}

// menuTry shows the menu that one person sees.
func (c *call) menuTry() answer {
	var in struct {
		User string `json:"user_id"`
	}
	if a := c.decode(&in); a != nil {
		return a
	}
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	a := c.p.st.Users[in.User]
	if a == nil || !a.Following {
		return c.p.refuse(65302)
	}
	m := c.p.menuOf(a)
	if m == nil {
		return c.p.refuse(46003)
	}
	return answer{"button": m.Button}
}
