package sim

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// account is one person's phone as the platform knows it. Guarded by Platform.mu but for turn.
type account struct {
	Persona
	Following  bool      `json:"following"`
	Subscribed time.Time `json:"subscribed"`
	Scene      string    `json:"scene,omitempty"`
	Refuses    bool      `json:"refuses,omitempty"`
	Blocked    bool      `json:"blocked,omitempty"` // in the account's blacklist
	Window     window    `json:"window"`
	Tags       []int     `json:"tags,omitempty"`
	// Grants counts one-time notices by template; -1 is a long-term grant.
	Grants map[string]int `json:"grants,omitempty"`
	// Scenes are grants of the old one-time message, by scene.
	Scenes map[int]string   `json:"scenes,omitempty"`
	Month  map[string]int   `json:"month,omitempty"` // mass messages by month
	Chat   []ChatItem       `json:"chat"`
	Unread int              `json:"unread"`
	Tries  map[string]int64 `json:"tries,omitempty"`

	turn sync.Mutex // pushes of one person go out in order
}

// window is what customer-service messages the account may send this person.
type window struct {
	TypedUntil time.Time `json:"typedUntil"`
	TypedLeft  int       `json:"typedLeft"`
	TapUntil   time.Time `json:"tapUntil"`
	TapLeft    int       `json:"tapLeft"`
}

// Rights that acts give (doc). That a new act sets the count to its maximum and does not add to it
// is assumed; so is that the right of a tap ends with its minute and leaves that of a typed message
// as it was, less what was sent.
const (
	typedWindow, typedLeft = 48 * time.Hour, 5
	tapWindow, tapLeft     = time.Minute, 3
)

func (a *account) typed(now time.Time) {
	a.Window.TypedUntil, a.Window.TypedLeft = now.Add(typedWindow), typedLeft
}

func (a *account) tapped(now time.Time) {
	a.Window.TapUntil, a.Window.TapLeft = now.Add(tapWindow), tapLeft
}

// open says what is open: "typed", "tap" or "none", how many messages are left, and until when.
func (w window) open(now time.Time) (kind string, left int, until time.Time) {
	kind = "none"
	if now.Before(w.TypedUntil) {
		kind, left, until = "typed", w.TypedLeft, w.TypedUntil
	}
	if now.Before(w.TapUntil) && (kind == "none" || w.TapLeft > left) {
		kind, left, until = "tap", w.TapLeft, w.TapUntil
	}
	return kind, left, until
}

// use takes one message from whatever is open: rights do not add up.
func (w *window) use() {
	w.TypedLeft, w.TapLeft = max(0, w.TypedLeft-1), max(0, w.TapLeft-1)
}

// ChatItem is one line of a chat.
type ChatItem struct {
	ID          int64          `json:"id"`
	At          string         `json:"at"`
	From        string         `json:"from"` // user, bot, system
	Via         string         `json:"via"`  // passive, custom, template, subscribe, mass, event, notice
	Kind        string         `json:"kind"`
	Text        string         `json:"text,omitempty"`
	Recognition string         `json:"recognition,omitempty"`
	Articles    []Article      `json:"articles,omitempty"`
	Menu        *menuMessage   `json:"menu,omitempty"`
	Template    *templateCard  `json:"template,omitempty"`
	Location    *locationPoint `json:"location,omitempty"`
	PicURL      string         `json:"picUrl,omitempty"`
	Media       string         `json:"media,omitempty"` // id of the picture or recording
	Status      string         `json:"status,omitempty"`
}

type menuMessage struct {
	Head  string     `json:"head"`
	Items []menuItem `json:"items"`
	Tail  string     `json:"tail"`
}

type menuItem struct {
	ID      string `json:"id"`
	Content string `json:"content"`
}

type templateCard struct {
	Title  string          `json:"title"`
	Fields []templateField `json:"fields"`
	URL    string          `json:"url,omitempty"`
}

type templateField struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type locationPoint struct {
	Lat   float64 `json:"lat"`
	Lng   float64 `json:"lng"`
	Label string  `json:"label"`
}

// User is a phone in somebody's hand.
type User struct {
	p      *Platform
	openid string
}

// As takes the phone with that openid; it exists from then on.
func (p *Platform) As(openid string) *User {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.user(openid)
	return &User{p: p, openid: openid}
}

// user finds or makes an account; the caller holds mu.
func (p *Platform) user(openid string) *account {
	a := p.st.Users[openid]
	if a == nil {
		a = &account{Persona: Persona{OpenID: openid, Name: openid, Avatar: "?", Color: "#888888"}}
		p.st.Users[openid] = a
		p.st.Order = append(p.st.Order, openid)
	}
	return a
}

// act is one thing a person does: what stands in the chat, what it permits, what is pushed.
type act struct {
	item      ChatItem
	change    func(a *account, now time.Time) // under mu
	body      func(a *account) string         // the message without common fields; "" pushes nothing
	tail      string                          // after MsgId
	wantReply bool
	needs     bool // only a follower can do it
	msgID     bool
}

// do performs an act and waits until the push was answered or given up.
func (u *User) do(ctx context.Context, x act) (Exchange, error) {
	p := u.p
	p.mu.Lock()
	a := p.user(u.openid)
	p.mu.Unlock()
	a.turn.Lock()
	defer a.turn.Unlock()
	p.mu.Lock()
	if x.needs && !a.Following {
		p.mu.Unlock()
		return Exchange{}, fmt.Errorf("%s does not follow the account", a.Name)
	}
	now := p.clock.Now()
	if x.change != nil {
		x.change(a, now)
	}
	p.say(a, x.item)
	body := ""
	if inner := x.body(a); inner != "" {
		body = "<xml>" + cdata("ToUserName", p.o.OriginalID) + cdata("FromUserName", u.openid) + element("CreateTime", now.Unix()) + inner
		if x.msgID {
			p.st.MsgID++
			body += element("MsgId", p.st.MsgID)
		}
		body += x.tail + "</xml>"
	}
	p.mu.Unlock()
	p.touch()
	if body == "" {
		return Exchange{}, nil
	}
	e := p.push(ctx, u.openid, body, x.wantReply)
	p.show(a, e)
	if e.left != nil {
		return e, fmt.Errorf("pushing: %w", e.left)
	}
	return e, nil
}

// show puts the reply, or the system's notice, into the chat and the ledger.
func (p *Platform) show(a *account, e Exchange) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case e.Notice != "":
		p.saw(a, ChatItem{From: "system", Via: "notice", Kind: "notice", Text: e.Notice})
	case e.Reply.Kind != "" && a.Following:
		p.saw(a, ChatItem{From: "bot", Via: "passive", Kind: e.Reply.Kind, Text: e.Reply.Text, Articles: e.Reply.Articles, Media: e.Reply.Media})
	}
}

// say adds an item to the chat; the caller holds mu.
func (p *Platform) say(a *account, item ChatItem) ChatItem {
	p.st.NextID++
	if p.o.Lean {
		return item
	}
	item.ID, item.At = p.st.NextID, stamp(p.clock.Now())
	a.Chat = append(a.Chat, item)
	if len(a.Chat) > 500 {
		a.Chat = a.Chat[len(a.Chat)-500:]
	}
	if p.hub.watched() {
		p.hub.send("chat", map[string]any{"openid": a.OpenID, "item": item})
		p.hub.send("users", map[string]any{"users": p.userViews()})
	}
	p.touch()
	return item
}

// saw is say for what the person sees: it stands in the ledger too. The caller holds mu.
func (p *Platform) saw(a *account, item ChatItem) {
	a.Unread++
	if item.Kind == "image" && item.Media != "" {
		item.PicURL = fileAt(item.Media)
	}
	item = p.say(a, item)
	if p.o.Lean {
		p.tally.add(a.OpenID, p.clock.Now())
		return
	}
	p.ledger.add(Seen{At: p.clock.Now(), OpenID: a.OpenID, Item: item})
}

// Follow scans the QR with that scene, or finds the account by name when scene is "".
func (u *User) Follow(ctx context.Context, scene string) (Exchange, error) {
	u.p.mu.Lock()
	already := u.p.user(u.openid).Following
	u.p.mu.Unlock()
	if already {
		if scene == "" {
			return Exchange{}, nil
		}
		return u.Scan(ctx, scene)
	}
	return u.follow(ctx, scene, "gSIM=="+scene)
}

func (u *User) follow(ctx context.Context, scene, ticket string) (Exchange, error) {
	return u.do(ctx, act{
		item: ChatItem{From: "system", Via: "event", Kind: "event", Text: "关注了公众号"},
		change: func(a *account, now time.Time) {
			a.Following, a.Subscribed, a.Scene, a.Refuses = true, now, scene, false
			a.tapped(now)
		},
		body: func(*account) string {
			body := cdata("MsgType", "event") + cdata("Event", "subscribe")
			if scene == "" {
				return body + cdata("EventKey", "")
			}
			return body + cdata("EventKey", "qrscene_"+scene) + cdata("Ticket", ticket)
		},
		wantReply: true,
	})
}

// Unfollow leaves; nothing can be sent any more.
func (u *User) Unfollow(ctx context.Context) (Exchange, error) {
	return u.do(ctx, act{
		item: ChatItem{From: "system", Via: "event", Kind: "event", Text: "取消了关注"},
		change: func(a *account, _ time.Time) {
			a.Following, a.Window, a.Tags = false, window{}, nil // grants of notices need no following (doc)
		},
		body: func(*account) string {
			return cdata("MsgType", "event") + cdata("Event", "unsubscribe") + cdata("EventKey", "")
		},
		needs: true,
	})
}

func typed(a *account, now time.Time)  { a.typed(now); a.Unread = 0 }
func tapped(a *account, now time.Time) { a.tapped(now); a.Unread = 0 }

// Type sends a typed text.
func (u *User) Type(ctx context.Context, text string) (Exchange, error) {
	return u.do(ctx, act{
		item: ChatItem{From: "user", Via: "event", Kind: "text", Text: text}, change: typed, needs: true, wantReply: true, msgID: true,
		body: func(*account) string { return cdata("MsgType", "text") + cdata("Content", text) },
	})
}

// TapMenuItem taps an item of a msgmenu: a text arrives, but it opens a minute only (doc).
func (u *User) TapMenuItem(ctx context.Context, id, content string) (Exchange, error) {
	return u.do(ctx, act{
		item: ChatItem{From: "user", Via: "event", Kind: "text", Text: content}, change: tapped, needs: true, wantReply: true, msgID: true,
		body: func(*account) string { return cdata("MsgType", "text") + cdata("Content", content) },
		tail: element("bizmsgmenuid", id),
	})
}

// Voice sends a voice message of a second; recognition "" means the platform recognised nothing.
func (u *User) Voice(ctx context.Context, recognition string) (Exchange, error) {
	return u.Say(ctx, Recording(1), recognition)
}

// Say sends a recording.
func (u *User) Say(ctx context.Context, recording []byte, recognition string) (Exchange, error) {
	id := u.keeps("voice", recording)
	return u.do(ctx, act{
		item: ChatItem{From: "user", Via: "event", Kind: "voice", Text: "语音", Recognition: recognition, Media: id}, change: typed, needs: true, wantReply: true, msgID: true,
		body: func(*account) string {
			body := cdata("MsgType", "voice") + cdata("MediaId", id) + cdata("Format", "amr")
			if recognition != "" {
				body += cdata("Recognition", recognition)
			}
			return body
		},
	})
}

// Image sends a picture.
func (u *User) Image(ctx context.Context) (Exchange, error) { return u.Show(ctx, Photo(0)) }

// Show sends that picture.
func (u *User) Show(ctx context.Context, picture []byte) (Exchange, error) {
	id := u.keeps("image", picture)
	return u.do(ctx, act{
		item: ChatItem{From: "user", Via: "event", Kind: "image", Text: "图片", PicURL: fileAt(id), Media: id}, change: typed, needs: true, wantReply: true, msgID: true,
		body: func(*account) string {
			return cdata("MsgType", "image") + cdata("PicUrl", "http://mmbiz.example/sim.jpg") + cdata("MediaId", id)
		},
	})
}

// keeps puts a file of this phone onto the platform and returns its id.
func (u *User) keeps(kind string, data []byte) string {
	u.p.mu.Lock()
	defer u.p.mu.Unlock()
	return u.p.keepMedia(kind, data)
}

// Location sends a chosen point.
func (u *User) Location(ctx context.Context, lat, lng float64, label string) (Exchange, error) {
	return u.do(ctx, act{
		item:   ChatItem{From: "user", Via: "event", Kind: "location", Location: &locationPoint{lat, lng, label}},
		change: typed, needs: true, wantReply: true, msgID: true,
		body: func(*account) string {
			return cdata("MsgType", "location") + element("Location_X", lat) + element("Location_Y", lng) + element("Scale", 15) + cdata("Label", label)
		},
	})
}

// Link sends a link.
func (u *User) Link(ctx context.Context, title, description, url string) (Exchange, error) {
	return u.do(ctx, act{
		item: ChatItem{From: "user", Via: "event", Kind: "link", Text: title}, change: typed, needs: true, wantReply: true, msgID: true,
		body: func(*account) string {
			return cdata("MsgType", "link") + cdata("Title", title) + cdata("Description", description) + cdata("Url", url)
		},
	})
}

func event(name, key string) string {
	return cdata("MsgType", "event") + cdata("Event", name) + cdata("EventKey", key)
}

// Tap taps a menu button of type click.
func (u *User) Tap(ctx context.Context, key string) (Exchange, error) {
	name := key
	u.p.mu.Lock()
	if b := u.p.menuOf(u.p.user(u.openid)).find(key); b != nil {
		name = b.Name
	}
	u.p.mu.Unlock()
	return u.do(ctx, act{
		item: ChatItem{From: "user", Via: "event", Kind: "event", Text: "点了菜单“" + name + "”"}, change: tapped, needs: true, wantReply: true,
		body: func(*account) string { return event("CLICK", key) },
	})
}

// View opens a link of the menu; it gives the account no right to write.
func (u *User) View(ctx context.Context, url string) (Exchange, error) {
	return u.do(ctx, act{
		item: ChatItem{From: "user", Via: "event", Kind: "event", Text: "打开了 " + url}, needs: true,
		body: func(*account) string { return event("VIEW", url) + element("MenuId", menuID) },
	})
}

// Scan scans a QR of the account; somebody who does not follow yet is asked to, and does.
func (u *User) Scan(ctx context.Context, scene string) (Exchange, error) {
	return u.scan(ctx, scene, "gSIM=="+scene)
}

// ScanTicket scans a QR that the API made; an expired or unknown one is an error and pushes nothing.
func (u *User) ScanTicket(ctx context.Context, ticket string) (Exchange, error) {
	u.p.mu.Lock()
	t, there := u.p.st.Tickets[ticket]
	there = there && t.good(u.p.clock.Now())
	u.p.mu.Unlock()
	if !there {
		return Exchange{}, errors.New("the QR has expired")
	}
	return u.scan(ctx, t.Scene, ticket)
}

func (u *User) scan(ctx context.Context, scene, ticket string) (Exchange, error) {
	u.p.mu.Lock()
	following := u.p.user(u.openid).Following
	u.p.mu.Unlock()
	if !following {
		return u.follow(ctx, scene, ticket)
	}
	return u.do(ctx, act{
		item: ChatItem{From: "user", Via: "event", Kind: "event", Text: "扫了二维码"}, change: tapped, needs: true, wantReply: true,
		body: func(*account) string { return event("SCAN", scene) + cdata("Ticket", ticket) },
	})
}

// ScanButton scans with a menu button; wait is the kind that waits for an answer.
func (u *User) ScanButton(ctx context.Context, key, result string, wait bool) (Exchange, error) {
	name := "scancode_push"
	if wait {
		name = "scancode_waitmsg"
	}
	return u.do(ctx, act{
		item: ChatItem{From: "user", Via: "event", Kind: "event", Text: "扫码：" + result}, change: tapped, needs: true, wantReply: wait,
		body: func(*account) string {
			return event(name, key) + "<ScanCodeInfo>" + cdata("ScanType", "qrcode") + cdata("ScanResult", result) + "</ScanCodeInfo>"
		},
	})
}

// SelectLocation chooses a point with a menu button; a location message follows (assumed).
func (u *User) SelectLocation(ctx context.Context, key string, lat, lng float64, label string) (Exchange, error) {
	e, err := u.do(ctx, act{
		item: ChatItem{From: "user", Via: "event", Kind: "event", Text: "选择了位置"}, needs: true,
		body: func(*account) string {
			return event("location_select", key) + "<SendLocationInfo>" + cdata("Location_X", fmt.Sprint(lat)) + cdata("Location_Y", fmt.Sprint(lng)) +
				cdata("Scale", "15") + cdata("Label", label) + cdata("Poiname", "") + "</SendLocationInfo>"
		},
	})
	if err != nil {
		return e, err
	}
	return u.Location(ctx, lat, lng, label)
}

// Enter opens the chat with position reports switched on.
func (u *User) Enter(ctx context.Context) (Exchange, error) {
	return u.do(ctx, act{
		item: ChatItem{From: "system", Via: "event", Kind: "event", Text: "进入会话，上报了位置"}, needs: true,
		body: func(*account) string {
			return cdata("MsgType", "event") + cdata("Event", "LOCATION") + element("Latitude", "26.570000") + element("Longitude", "106.710000") + element("Precision", "40.0")
		},
	})
}

// Subscribe answers the subscribe component of a page: accept or reject a notice template.
func (u *User) Subscribe(ctx context.Context, template string, accept, longTerm bool) (Exchange, error) {
	status := "reject"
	if accept {
		status = "accept"
	}
	return u.do(ctx, act{
		item: ChatItem{From: "system", Via: "event", Kind: "event", Text: "订阅通知：" + strings.NewReplacer("accept", "允许", "reject", "拒绝").Replace(status)},
		change: func(a *account, _ time.Time) {
			if a.Grants == nil {
				a.Grants = map[string]int{}
			}
			switch {
			case !accept:
				delete(a.Grants, template)
			case longTerm:
				a.Grants[template] = -1
			default:
				a.Grants[template] = 1 // that accepts do not stack is assumed
			}
		},
		body: func(*account) string {
			return cdata("MsgType", "event") + cdata("Event", "subscribe_msg_popup_event") + "<SubscribeMsgPopupEvent><List>" +
				cdata("TemplateId", template) + cdata("SubscribeStatusString", status) + element("PopupScene", 1) + "</List></SubscribeMsgPopupEvent>"
		},
	})
}

// Refuse switches receiving of messages off or on.
func (u *User) Refuse(refuses bool) {
	u.p.mu.Lock()
	defer u.p.mu.Unlock()
	u.p.user(u.openid).Refuses = refuses
}

// Chat returns the chat as it stands on the phone.
func (u *User) Chat() []ChatItem {
	u.p.mu.Lock()
	defer u.p.mu.Unlock()
	return append([]ChatItem(nil), u.p.user(u.openid).Chat...)
}
