package sim

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"rsc.io/qr"
)

// media is an uploaded file; temporary ones live three days (doc).
type media struct {
	Type string    `json:"type"`
	At   time.Time `json:"at"`
	Data []byte    `json:"data"`
}

const mediaLife = 3 * 24 * time.Hour

// Photo is the picture that phones send unless they are given another: a JPEG of a field under a sky. Each
// number gives another picture.
func Photo(number uint8) []byte {
	img := image.NewRGBA(image.Rect(0, 0, 48, 32))
	for y := range 32 {
		c := color.RGBA{0x8f, 0xc1, 0xe3, 0xff}
		if y > 18 {
			c = color.RGBA{0x4a, 0x7c, 0x59 + number, 0xff}
		}
		for x := range 48 {
			img.SetRGBA(x, y, c)
		}
	}
	var b bytes.Buffer
	_ = jpeg.Encode(&b, img, nil) // into memory, of a small picture
	return b.Bytes()
}

// Recording is what phones record: so many seconds of narrow-band AMR at 12.2 kbit/s, 50 frames of 32 bytes a
// second, all silent.
func Recording(seconds int) []byte {
	frame := append([]byte{7 << 3}, make([]byte, 31)...)
	return append([]byte("#!AMR\n"), bytes.Repeat(frame, 50*seconds)...)
}

// File is what the platform has under an id; nil when it is gone.
func (p *Platform) File(id string) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mediaCode(id) != 0 {
		return nil
	}
	return p.st.Media[id].Data
}

// showFile is a file for the page of phones.
func (p *Platform) showFile(w http.ResponseWriter, r *http.Request) {
	data := p.File(r.PathValue("id"))
	if data == nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", http.DetectContentType(data))
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(data) // the page left
}

// fileAt is where the page of phones finds a file.
func fileAt(id string) string { return "/sim/api/media/" + id }

// keepMedia stores a file and forgets those that are gone; the caller holds mu.
func (p *Platform) keepMedia(kind string, data []byte) string {
	now := p.clock.Now()
	maps.DeleteFunc(p.st.Media, func(_ string, m media) bool { return now.Sub(m.At) > 2*mediaLife })
	id := "sim-" + kind + "-" + digits(12)
	p.st.Media[id] = media{Type: kind, At: now, Data: data}
	return id
}

// mediaLimits are bytes by kind (sources differ for pictures; the larger).
var mediaLimits = map[string]int{"image": 10 << 20, "voice": 2 << 20, "video": 10 << 20, "thumb": 64 << 10}

func (c *call) mediaUpload() answer {
	r := c.r.Clone(c.r.Context())
	r.Body = io.NopCloser(strings.NewReader(string(c.body)))
	file, _, err := r.FormFile("media")
	kind := c.query.Get("type")
	if mediaLimits[kind] == 0 {
		return c.p.refuse(40004)
	}
	if err != nil {
		return c.p.refuse(41005)
	}
	data, err := io.ReadAll(file)
	if err != nil {
		return c.p.refuse(41005)
	}
	if len(data) == 0 || len(data) > mediaLimits[kind] {
		return c.p.refuse(45001)
	}
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	return answer{"type": kind, "media_id": c.p.keepMedia(kind, data), "created_at": c.p.clock.Now().Unix()}
}

// mediaCode is 40007 for a file that is gone; the caller holds mu.
func (p *Platform) mediaCode(id string) int {
	m, there := p.st.Media[id]
	if !there || p.clock.Now().Sub(m.At) > mediaLife {
		return 40007
	}
	return 0
}

// mediaGet gives a file as it is; a refusal is JSON (doc).
func (c *call) mediaGet() answer {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	id := c.query.Get("media_id")
	if code := c.p.mediaCode(id); code != 0 {
		return c.p.refuse(code)
	}
	c.file = c.p.st.Media[id].Data
	return ok
}

// qrTicket is a parametric QR.
type qrTicket struct {
	Scene   string    `json:"scene"`
	Expires time.Time `json:"expires"` // zero for never
}

func (t qrTicket) good(now time.Time) bool { return t.Expires.IsZero() || now.Before(t.Expires) }

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
		if in.Info.Scene.ID <= 0 || in.Info.Scene.ID > math.MaxUint32 || (!temporary && in.Info.Scene.ID > 100_000) {
			return c.p.refuse(40035)
		}
		scene = number(in.Info.Scene.ID)
	case "QR_STR_SCENE", "QR_LIMIT_STR_SCENE":
		temporary = in.Action == "QR_STR_SCENE"
		if n := utf8.RuneCountInString(scene); n == 0 || n > 64 {
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
	now := c.p.clock.Now()
	maps.DeleteFunc(c.p.st.Tickets, func(_ string, t qrTicket) bool { return !t.good(now) })
	ticket := "gSIM" + digits(20)
	c.p.st.Tickets[ticket] = t
	a["ticket"], a["url"] = ticket, "http://weixin.qq.com/q/"+ticket
	return a
}

func (p *Platform) showQR(w http.ResponseWriter, r *http.Request) {
	ticket := r.URL.Query().Get("ticket")
	p.mu.Lock()
	t, there := p.st.Tickets[ticket]
	p.mu.Unlock()
	if !there || !t.good(p.clock.Now()) {
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
