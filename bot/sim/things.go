package sim

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"rsc.io/qr"
)

// menu is the account's menu, in the platform's own JSON.
type menu struct {
	Button []button `json:"button"`
}

type button struct {
	Name string   `json:"name"`
	Type string   `json:"type,omitempty"`
	Key  string   `json:"key,omitempty"`
	URL  string   `json:"url,omitempty"`
	Sub  []button `json:"sub_button,omitempty"`
}

func (m *menu) find(key string) *button {
	if m == nil {
		return nil
	}
	for i := range m.Button {
		if m.Button[i].Key == key && key != "" {
			return &m.Button[i]
		}
		for j := range m.Button[i].Sub {
			if m.Button[i].Sub[j].Key == key && key != "" {
				return &m.Button[i].Sub[j]
			}
		}
	}
	return nil
}

// menuCreate replaces the menu: 1 to 3 buttons of 1 to 5 each, names of 16 and 60 bytes, keys of
// 128 (doc).
func (c *call) menuCreate() answer {
	var m menu
	if a := c.decode(&m); a != nil {
		return a
	}
	if len(m.Button) == 0 || len(m.Button) > 3 {
		return c.p.refuse(40016)
	}
	for _, b := range m.Button {
		if code := b.code(16); code != 0 {
			return c.p.refuse(code)
		}
		if len(b.Sub) > 5 {
			return c.p.refuse(40016)
		}
		for _, s := range b.Sub {
			if code := s.code(60); code != 0 {
				return c.p.refuse(code)
			}
		}
	}
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	c.p.st.Menu = &m
	return ok
}

func (b button) code(nameBytes int) int {
	if b.Name == "" || len(b.Name) > nameBytes {
		return 40018
	}
	if len(b.Sub) == 0 && b.Type != "view" && b.Type != "miniprogram" && (b.Key == "" || len(b.Key) > 128) {
		return 40019
	}
	return 0
}

func (c *call) menuGet() answer {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	if c.p.st.Menu == nil {
		return c.p.refuse(46003)
	}
	return answer{"menu": c.p.st.Menu}
}

func (c *call) menuDelete() answer {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	c.p.st.Menu = nil
	return ok
}

// media is an uploaded file; temporary ones live three days (doc).
type media struct {
	Type string    `json:"type"`
	At   time.Time `json:"at"`
	Data []byte    `json:"data"`
}

const mediaLife = 3 * 24 * time.Hour

func (c *call) mediaUpload() answer {
	r := c.r.Clone(c.r.Context())
	r.Body = io.NopCloser(strings.NewReader(string(c.body)))
	file, _, err := r.FormFile("media")
	kind := c.query.Get("type")
	if err != nil || (kind != "image" && kind != "voice" && kind != "video" && kind != "thumb") {
		return c.p.refuse(40008)
	}
	data, err := io.ReadAll(file)
	if err != nil {
		return c.p.refuse(40008)
	}
	id := "sim-" + kind + "-" + digits(12)
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	now := c.p.clock.Now()
	c.p.st.Media[id] = media{Type: kind, At: now, Data: data}
	return answer{"type": kind, "media_id": id, "created_at": now.Unix()}
}

// mediaCode is 40007 for a file that is gone; the caller holds mu.
func (c *call) mediaCode(id string) int {
	m, there := c.p.st.Media[id]
	if !there || c.p.clock.Now().Sub(m.At) > mediaLife {
		return 40007
	}
	return 0
}

func (p *Platform) mediaGet(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	m, there := p.st.Media[r.URL.Query().Get("media_id")]
	now := p.clock.Now()
	p.mu.Unlock()
	if !there || now.Sub(m.At) > mediaLife {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(p.refuse(40007)) // the caller left
		return
	}
	w.Header().Set("Content-Type", http.DetectContentType(m.Data))
	_, _ = w.Write(m.Data) // the caller left
}

// qrTicket is a parametric QR.
type qrTicket struct {
	Scene   string    `json:"scene"`
	Expires time.Time `json:"expires"` // zero for never
}

// qrCreate makes a ticket: temporary ones up to 30 days, 60 s by default (doc; the default is assumed).
func (c *call) qrCreate() answer {
	var in struct {
		Expire int    `json:"expire_seconds"`
		Action string `json:"action_name"`
		Info   struct {
			Scene struct {
				ID  int64  `json:"scene_id"`
				Str string `json:"scene_str"`
			} `json:"scene"`
		} `json:"action_info"`
	}
	if a := c.decode(&in); a != nil {
		return a
	}
	scene := in.Info.Scene.Str
	temporary := false
	switch in.Action {
	case "QR_SCENE", "QR_LIMIT_SCENE":
		temporary = in.Action == "QR_SCENE"
		if in.Info.Scene.ID <= 0 || (!temporary && in.Info.Scene.ID > 100_000) {
			return c.p.refuse(40035)
		}
		scene = number(in.Info.Scene.ID)
	case "QR_STR_SCENE", "QR_LIMIT_STR_SCENE":
		temporary = in.Action == "QR_STR_SCENE"
		if len(scene) == 0 || len(scene) > 64 {
			return c.p.refuse(40035)
		}
	default:
		return c.p.refuse(40035)
	}
	t := qrTicket{Scene: scene}
	a := answer{}
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	if temporary {
		if in.Expire == 0 {
			in.Expire = 60
		}
		if in.Expire < 0 || in.Expire > 2_592_000 {
			return c.p.refuse(40035)
		}
		t.Expires = c.p.clock.Now().Add(time.Duration(in.Expire) * time.Second)
		a["expire_seconds"] = in.Expire
	}
	ticket := "gSIM" + digits(20)
	c.p.st.Tickets[ticket] = t
	a["ticket"], a["url"] = ticket, "http://weixin.qq.com/q/"+ticket
	return a
}

func (p *Platform) showQR(w http.ResponseWriter, r *http.Request) {
	ticket := r.URL.Query().Get("ticket")
	p.mu.Lock()
	_, there := p.st.Tickets[ticket]
	p.mu.Unlock()
	if !there {
		http.NotFound(w, r)
		return
	}
	code, err := qr.Encode("http://weixin.qq.com/q/"+ticket, qr.M)
	if err != nil {
		http.Error(w, "no code", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "image/png")
	_, _ = w.Write(code.PNG()) // the caller left
}

// ScanTicket scans a QR that the API made; an expired one does nothing.
func (u *User) ticketScene(ticket string) (string, bool) {
	u.p.mu.Lock()
	defer u.p.mu.Unlock()
	t, there := u.p.st.Tickets[ticket]
	return t.Scene, there && (t.Expires.IsZero() || u.p.clock.Now().Before(t.Expires))
}

// webCode is a code of the web authorisation.
type webCode struct {
	OpenID   string    `json:"openid"`
	At       time.Time `json:"at"`
	Used     bool      `json:"used"`
	Scope    string    `json:"scope"`
	Snapshot bool      `json:"snapshot,omitempty"` // page opened without consent: a virtual person (doc)
}

// webCodeLife is how long a code is good (doc says five minutes in places; assumed).
const webCodeLife = 5 * time.Minute

var webState = regexp.MustCompile(`^[a-zA-Z0-9]{0,128}$`)

// authorize is the web authorisation page of a person that `openid` names here (the real one knows
// who holds the phone); it sends the browser back with a code. snapshot=1 opens the page as a
// snapshot does.
func (p *Platform) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	target, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || q.Get("appid") != p.o.AppID || q.Get("response_type") != "code" || (target.Scheme != "http" && target.Scheme != "https") {
		http.Error(w, "redirect_uri 参数错误", http.StatusBadRequest)
		return
	}
	scope := q.Get("scope")
	if (scope != "snsapi_base" && scope != "snsapi_userinfo") || !webState.MatchString(q.Get("state")) {
		http.Error(w, "Scope 或 state 参数错误", http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.st.Users[q.Get("openid")] == nil {
		http.Error(w, "模拟平台需要 openid 参数：哪一部手机打开网页", http.StatusBadRequest)
		return
	}
	code, now := "C"+digits(30), p.clock.Now()
	maps.DeleteFunc(p.st.Codes, func(_ string, c *webCode) bool { return now.Sub(c.At) > time.Hour })
	p.st.Codes[code] = &webCode{OpenID: q.Get("openid"), At: now, Scope: scope, Snapshot: q.Get("snapshot") == "1"}
	back := target.Query()
	back.Set("code", code)
	back.Set("state", q.Get("state"))
	target.RawQuery = back.Encode()
	http.Redirect(w, r, target.String(), http.StatusFound)
}

// oauthToken changes a code into an openid, once (doc).
func (c *call) oauthToken() answer {
	p := c.p
	if code := p.credentials(c.query.Get("appid"), c.query.Get("secret")); code != 0 {
		return p.refuse(code)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	code := p.st.Codes[c.query.Get("code")]
	switch {
	case code == nil:
		return p.refuse(40029)
	case code.Used:
		return p.refuse(40163)
	case p.clock.Now().Sub(code.At) > webCodeLife:
		return p.refuse(42003)
	}
	code.Used = true
	a := answer{"access_token": "SNS" + digits(20), "expires_in": 7200, "refresh_token": "R" + digits(20), "openid": code.OpenID, "scope": code.Scope}
	if code.Snapshot {
		a["openid"], a["is_snapshotuser"] = "oSNAP"+digits(23), 1
	}
	return a
}
