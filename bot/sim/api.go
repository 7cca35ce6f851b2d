package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// answer is the body of an API answer.
type answer map[string]any

var ok = answer{"errcode": 0, "errmsg": "ok"}

// errmsg are the platform's words for the codes that this simulator gives.
var errmsg = map[int]string{
	-1: "system error", 40001: "invalid credential, access_token is invalid or not latest", 40002: "invalid grant_type", 40003: "invalid openid",
	40004: "invalid media type", 40007: "invalid media_id", 40008: "invalid message type", 40013: "invalid appid", 40014: "invalid access_token", 40029: "invalid code",
	40035: "invalid parameter", 40037: "invalid template_id", 40125: "invalid appsecret", 40130: "invalid openid list size, at least two openid",
	40163: "code been used", 40164: "invalid ip, not in whitelist", 41001: "access_token missing", 42001: "access_token expired",
	43002: "require POST method", 43004: "require subscribe", 43019: "require remove blacklist", 43101: "user refuse to accept the msg",
	41005: "media data missing", 44002: "empty post data", 44004: "empty content", 45001: "media size out of limit", 45002: "content size out of limit", 45008: "article size out of limit", 45009: "reach max api daily quota limit",
	45011: "api minute-quota reach limit, must slower, retry next minute", 45015: "response out of time limit or subscription is canceled",
	45028: "has no masssend quota", 45047: "out of response count limit", 40031: "invalid openid list", 40032: "invalid openid list size", 40059: "invalid msg id", 40020: "invalid url size", 40017: "invalid button type", 45056: "too many tags", 45057: "can't delete the tag that has too many fans", 45058: "can't modify sys tag", 45059: "can not tag a user with too many tags", 45157: "invalid tag name, duplicated", 45158: "invalid tag name, too long", 45159: "invalid tag id", 65301: "no such menu id", 65302: "no such user", 65304: "match rule is empty", 65307: "menu is empty", 40243: "appsecret frozen", 48001: "api unauthorized", 48004: "api forbidden", 50002: "user limited", 43005: "friend relation needed", 46004: "user not exist", 45065: "clientmsgid exist", 45066: "same clientmsgid retry too fast",
	45067: "clientmsgid size out of limit", 46003: "menu no exist", 47001: "data format error", 47003: "argument invalid", 48002: "user block receive message",
	48006: "forbid to clear quota because of reaching the limit", 65303: "there is no selfmenu, please create selfmenu first", 76003: "invalid cgi_path",
	40016: "invalid button size", 40018: "invalid button name size", 40019: "invalid button key size",
}

func (p *Platform) refuse(code int) answer {
	now := p.clock.Now().Unix()
	words, known := errmsg[code]
	if !known {
		words = "error " + strconv.Itoa(code)
	}
	return answer{"errcode": code, "errmsg": fmt.Sprintf("%s rid: %08x-%08x-%08x", words, now, code&0xffffff, now%97)}
}

// call is one API call in work.
type call struct {
	p     *Platform
	r     *http.Request
	path  string
	query url.Values
	body  []byte
	file  []byte // answer that is not JSON

	refresh *Refresh // nil unless it asked for a forced refresh
}

// decode reads the JSON body; the answer is the platform's refusal, nil when it was read.
func (c *call) decode(v any) answer {
	if c.r.Method != http.MethodPost {
		return c.p.refuse(43002)
	}
	if len(bytes.TrimSpace(c.body)) == 0 {
		return c.p.refuse(44002)
	}
	if json.Unmarshal(c.body, v) != nil {
		return c.p.refuse(47001)
	}
	return nil
}

// routes makes the handler of everything.
func (p *Platform) routes() http.Handler {
	mux := http.NewServeMux()
	open := func(path string, f func(*call) answer) { mux.HandleFunc(path, p.serveAPI(f, false)) }
	api := func(path string, f func(*call) answer) { mux.HandleFunc(path, p.serveAPI(f, true)) }
	open("/cgi-bin/token", (*call).token)
	open("/cgi-bin/stable_token", (*call).stableToken)
	open("/sns/oauth2/access_token", (*call).oauthToken)
	open("/cgi-bin/clear_quota/v2", (*call).clearQuota)
	api("/cgi-bin/message/custom/send", (*call).customSend)
	api("/cgi-bin/message/custom/typing", func(*call) answer { return ok })
	api("/cgi-bin/message/template/send", (*call).templateSend)
	api("/cgi-bin/message/template/subscribe", (*call).subscribeOnce)
	api("/cgi-bin/message/subscribe/bizsend", (*call).bizSend)
	api("/cgi-bin/message/mass/sendall", (*call).massSendAll)
	api("/cgi-bin/message/mass/send", (*call).massSend)
	api("/cgi-bin/message/mass/get", (*call).massGet)
	api("/cgi-bin/message/mass/preview", (*call).massPreview)
	api("/cgi-bin/user/get", (*call).userGet)
	api("/cgi-bin/user/info", (*call).userInfo)
	api("/cgi-bin/user/info/batchget", (*call).userBatch)
	api("/cgi-bin/tags/create", (*call).tagCreate)
	api("/cgi-bin/message/mass/delete", (*call).massDelete)
	api("/cgi-bin/tags/update", (*call).tagChange)
	api("/cgi-bin/tags/delete", (*call).tagChange)
	api("/cgi-bin/tags/getidlist", (*call).tagsOf)
	api("/cgi-bin/menu/addconditional", (*call).menuAddConditional)
	api("/cgi-bin/menu/delconditional", (*call).menuDeleteConditional)
	api("/cgi-bin/menu/trymatch", (*call).menuTry)
	api("/cgi-bin/openapi/quota/clear", (*call).clearQuota)
	api("/cgi-bin/tags/get", (*call).tagGet)
	api("/cgi-bin/tags/members/batchtagging", (*call).tagMembers)
	api("/cgi-bin/tags/members/batchuntagging", (*call).tagMembers)
	api("/cgi-bin/user/tag/get", (*call).tagUsers)
	api("/cgi-bin/tags/members/batchblacklist", (*call).blacklist)
	api("/cgi-bin/tags/members/batchunblacklist", (*call).blacklist)
	api("/cgi-bin/qrcode/create", (*call).qrCreate)
	api("/cgi-bin/menu/create", (*call).menuCreate)
	api("/cgi-bin/menu/get", (*call).menuGet)
	api("/cgi-bin/menu/delete", (*call).menuDelete)
	api("/cgi-bin/media/upload", (*call).mediaUpload)
	api("/cgi-bin/ticket/getticket", (*call).jsTicket)
	api("/cgi-bin/getcallbackip", func(*call) answer { return answer{"ip_list": []string{"127.0.0.1/32"}} })
	api("/cgi-bin/get_api_domain_ip", func(*call) answer { return answer{"ip_list": []string{"127.0.0.1"}} })
	api("/cgi-bin/callback/check", (*call).callbackCheck)
	api("/cgi-bin/openapi/quota/get", (*call).quotaGet)
	api("/cgi-bin/clear_quota", (*call).clearQuota)
	mux.HandleFunc("GET /cgi-bin/showqrcode", p.showQR)
	api("/cgi-bin/media/get", (*call).mediaGet)
	mux.HandleFunc("GET /connect/oauth2/authorize", p.authorize)
	p.control(mux)
	return mux
}

// maxCall is the largest body of an API call; media are the largest.
const maxCall = 12 << 20

// serveAPI does what every call shares: address list, token, quota, faults, the wire.
func (p *Platform) serveAPI(f func(*call) answer, token bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxCall))
		if err != nil {
			return
		}
		c := &call{p: p, r: r, path: r.URL.Path, query: r.URL.Query(), body: body}
		fault := p.faults.ofCall(c.path)
		var a answer
		switch {
		case fault.Kind == FaultResetBefore || fault.Kind == Fault502 || fault.Kind == FaultHTML:
		case fault.Kind == FaultErrcode:
			a = p.refuse(fault.Code)
		case !p.mayCall(r):
			a = p.refuse(40164)
		case token && c.tokenCode() != 0:
			a = p.refuse(c.tokenCode())
		default:
			if code := p.useQuota(c.path); code != 0 {
				a = p.refuse(code)
			} else {
				a = f(c)
			}
		}
		status, out := p.respond(w, c, a, fault)
		c.answered()
		if p.o.Lean {
			return
		}
		wire := Wire{
			At: p.clock.Now(), Dir: "api", Method: r.Method, URL: r.URL.RequestURI(), RequestRaw: clip(body), RequestPlain: clip(body),
			Status: status, ResponseRaw: out, ResponsePlain: out, Ms: time.Since(began).Milliseconds(), OpenID: openidOf(body),
		}
		wire.Errcode, _ = a["errcode"].(int)
		if fault.Kind != "" {
			wire.Note = "fault: " + fault.Kind
		}
		p.wires.add(p.hub, wire)
		p.touch()
	}
}

func clip(b []byte) string {
	if len(b) > 16<<10 {
		return fmt.Sprintf("(%d bytes)", len(b))
	}
	return string(b)
}

func openidOf(body []byte) string {
	var x struct {
		ToUser any `json:"touser"`
	}
	_ = json.Unmarshal(body, &x) // media and the like have none
	s, _ := x.ToUser.(string)
	return s
}

// plainJSON writes JSON as the platform does: & and < stay what they are.
func plainJSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // answers are ours
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// respond writes the answer as the fault wants it.
func (p *Platform) respond(w http.ResponseWriter, c *call, a answer, fault Fault) (int, string) {
	r, data, kind := c.r, plainJSON(a), "application/json; encoding=utf-8"
	if c.file != nil {
		data, kind = c.file, http.DetectContentType(c.file)
	}
	wait := time.Duration(fault.Ms) * time.Millisecond
	switch fault.Kind {
	case FaultResetBefore, FaultResetAfter:
		reset(w)
		return 0, ""
	case FaultSilent:
		select {
		case <-r.Context().Done():
		case <-p.stopped:
		}
		return 0, ""
	case Fault502:
		http.Error(w, "<html><h1>502 Bad Gateway</h1></html>", http.StatusBadGateway)
		return http.StatusBadGateway, "502"
	case FaultHTML:
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<html><body>busy</body></html>"))
		return http.StatusOK, "<html>"
	case FaultTruncated:
		data = data[:len(data)/2]
	case FaultLatency:
		pause(r, wait)
	}
	w.Header().Set("Content-Type", kind)
	if fault.Kind == FaultSlow {
		for i := range data {
			pause(r, wait/time.Duration(len(data)))
			_, _ = w.Write(data[i : i+1])
			_ = http.NewResponseController(w).Flush()
		}
		return http.StatusOK, string(data)
	}
	_, _ = w.Write(data) // the caller left
	return http.StatusOK, clip(data)
}

func pause(r *http.Request, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.Context().Done():
	}
}

// reset breaks the connection so that the caller sees a reset, not a clean end.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, isTCP := conn.(*net.TCPConn); isTCP {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

func (p *Platform) mayCall(r *http.Request) bool {
	if len(p.o.AllowedIPs) == 0 {
		return true
	}
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	return slices.Contains(p.o.AllowedIPs, host)
}

// dailyQuota are the documented calls a day; others have none here.
var dailyQuota = map[string]int{
	"/cgi-bin/token": 2000, "/cgi-bin/stable_token": 500_000, "/cgi-bin/message/custom/send": 500_000, "/cgi-bin/message/template/send": 100_000,
	"/cgi-bin/message/template/subscribe": 100_000, "/cgi-bin/user/get": 500, "/cgi-bin/qrcode/create": 100_000, "/cgi-bin/menu/create": 1000,
	"/cgi-bin/message/mass/sendall": 100, "/cgi-bin/message/mass/send": 100,
}

// LimitCalls sets how many calls a day a path has from now on; 0 is no limit.
func (p *Platform) LimitCalls(path string, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	quotas := map[string]int{path: n}
	for other, m := range p.o.Quotas {
		if other != path {
			quotas[other] = m
		}
	}
	p.o.Quotas = quotas
}

// quota is what a path has a day, 0 for no limit. p.mu is held.
func (p *Platform) quota(path string) int {
	if n, named := p.o.Quotas[path]; named {
		return n
	}
	return dailyQuota[path]
}

// minuteQuota are the documented calls a minute.
var minuteQuota = map[string]int{"/cgi-bin/stable_token": 10_000, "/cgi-bin/message/mass/sendall": 60, "/cgi-bin/message/mass/send": 60}

func (p *Platform) usedKey(path string) string {
	return p.clock.Now().In(shanghai).Format(time.DateOnly) + " " + path
}

// Used tells how many calls of a path were counted today.
func (p *Platform) Used(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.st.Used[p.usedKey(path)]
}

// useQuota takes one call of today's and of this minute's; the code is 45009 or 45011 when none is
// left. What days and minutes before used is forgotten.
func (p *Platform) useQuota(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.clock.Now().In(shanghai)
	today, minute := now.Format(time.DateOnly), now.Format("2006-01-02 15:04")
	maps.DeleteFunc(p.st.Used, func(key string, _ int) bool { return !strings.HasPrefix(key, today) })
	maps.DeleteFunc(p.st.Minute, func(key string, _ int) bool { return !strings.HasPrefix(key, minute) })
	perMinute, named := p.o.PerMinute[path]
	if !named {
		perMinute = minuteQuota[path]
	}
	if perMinute > 0 && p.st.Minute[minute+" "+path] >= perMinute {
		return 45011
	}
	key, limit := p.usedKey(path), p.quota(path)
	if limit > 0 && p.st.Used[key] >= limit {
		return 45009
	}
	p.st.Minute[minute+" "+path]++
	p.st.Used[key]++
	return 0
}

func (c *call) quotaGet() answer {
	var in struct {
		Path string `json:"cgi_path"`
	}
	if a := c.decode(&in); a != nil {
		return a
	}
	if !strings.HasPrefix(in.Path, "/") {
		return c.p.refuse(76003)
	}
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	limit, used := c.p.quota(in.Path), c.p.st.Used[c.p.usedKey(in.Path)]
	return answer{"errcode": 0, "errmsg": "ok", "quota": answer{"daily_limit": limit, "used": used, "remain": max(0, limit-used)}}
}

// clearQuota forgets today's calls, of one path for quota/clear: ten times a month (doc). The call
// by secret needs no token.
func (c *call) clearQuota() answer {
	var in struct {
		AppID  string `json:"appid"`
		Secret string `json:"appsecret"`
		Path   string `json:"cgi_path"`
	}
	if a := c.decode(&in); a != nil {
		return a
	}
	p := c.p
	one := c.path == "/cgi-bin/openapi/quota/clear"
	switch {
	case one && !strings.HasPrefix(in.Path, "/"):
		return p.refuse(76003)
	case !one && in.AppID != p.o.AppID:
		return p.refuse(40013)
	case c.path == "/cgi-bin/clear_quota/v2" && in.Secret != p.o.AppSecret:
		return p.refuse(40125)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	month := p.clock.Now().In(shanghai).Format("2006-01")
	if p.st.Clears[month] >= 10 {
		return p.refuse(48006)
	}
	p.st.Clears[month]++
	if one {
		delete(p.st.Used, p.usedKey(in.Path))
	} else {
		clear(p.st.Used)
	}
	return ok
}

func (c *call) callbackCheck() answer {
	return answer{"errcode": 0, "errmsg": "ok", "dns": []answer{{"ip": "127.0.0.1", "real_operator": "CAP"}}, "ping": []answer{{"ip": "127.0.0.1", "package_loss": "0%", "time": "1ms"}}}
}
