package sim

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Exchange is one push and what came of it.
type Exchange struct {
	Deliveries []Attempt `json:"deliveries"`
	Reply      Reply     `json:"reply"`
	Notice     string    `json:"notice,omitempty"` // system notice that the person saw

	left error // why the caller did not wait for the end
}

// Attempt is one delivery of a push.
type Attempt struct {
	Status int    `json:"status"`
	Raw    string `json:"raw"`
	Plain  string `json:"plain"`
	Error  string `json:"error,omitempty"`
	Ms     int64  `json:"ms"`
}

// OutOfService is what the person reads when a bot does not answer as it must (doc).
const OutOfService = "该公众号提供的服务出现故障，请稍后再试"

// maxReply is how much of an answer the platform reads (assumed).
const maxReply = 1 << 20

// push delivers a message until somebody answers it: the first delivery and Options.Repeats more,
// the same body with a fresh signature (doc). wantReply is false for events nobody looks at.
func (p *Platform) push(ctx context.Context, openid, body string, wantReply bool) Exchange {
	p.inFlight.add()
	defer p.inFlight.done()
	var e Exchange
	if until := p.blackout(); !until.IsZero() {
		if wantReply {
			e.Notice = OutOfService
		}
		p.wires.add(p.hub, Wire{At: p.clock.Now(), Dir: "push", OpenID: openid, RequestPlain: body, Note: "blackout: not pushed"})
		return e
	}
	for n := range p.o.Repeats + 1 {
		a, silent := p.round(ctx, openid, body, n)
		e.Deliveries = append(e.Deliveries, a)
		if !silent {
			p.answered(true)
			e.Reply, e.Notice = p.read(a, openid, body, wantReply)
			return e
		}
		if e.left = ctx.Err(); e.left != nil {
			return e // the caller left: nobody's failure
		}
	}
	p.answered(false)
	if wantReply {
		e.Notice = OutOfService
	}
	return e
}

// round delivers once: to the next webhook, or to all of them when Options.Double is set.
func (p *Platform) round(ctx context.Context, openid, body string, n int) (Attempt, bool) {
	if !p.o.Double || len(p.webhooks) == 1 {
		return p.deliver(ctx, p.webhooks[int(p.turn.Add(1)-1)%len(p.webhooks)], openid, body, n)
	}
	attempts := make([]Attempt, len(p.webhooks))
	silent := make([]bool, len(p.webhooks))
	var wg sync.WaitGroup
	for i, w := range p.webhooks {
		wg.Go(func() { attempts[i], silent[i] = p.deliver(ctx, w, openid, body, n) })
	}
	wg.Wait()
	first := int(p.turn.Add(1)-1) % len(p.webhooks)
	for i := range attempts {
		if k := (first + i) % len(attempts); !silent[k] {
			return attempts[k], false
		}
	}
	return attempts[first], true
}

// deliver makes one delivery, as the faults want it.
func (p *Platform) deliver(ctx context.Context, webhook, openid, body string, n int) (Attempt, bool) {
	fault := p.faults.ofPush()
	switch fault.Kind {
	case FaultResetBefore:
		a := Attempt{Error: "connection reset (fault)"}
		p.wires.add(p.hub, Wire{At: p.clock.Now(), Dir: "push", OpenID: openid, Attempt: n + 1, Method: http.MethodPost, URL: webhook, RequestPlain: body, Note: "fault: " + fault.Kind})
		return a, true
	case FaultLatency:
		wait := time.NewTimer(time.Duration(fault.Ms) * time.Millisecond)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-ctx.Done():
		}
	case FaultDuplicate:
		var twin sync.WaitGroup
		twin.Go(func() { p.request(ctx, webhook, openid, body, n) })
		defer twin.Wait()
	case FaultResetAfter:
		a, _ := p.request(ctx, webhook, openid, body, n)
		return Attempt{Error: "the answer was lost (fault)", Ms: a.Ms}, true
	}
	return p.request(ctx, webhook, openid, body, n)
}

// request makes one signed request. silent means that the platform will deliver again: nobody
// answered in time, or not with 200 (that a 5xx repeats is assumed).
func (p *Platform) request(ctx context.Context, webhook, openid, body string, n int) (a Attempt, silent bool) {
	ctx, cancel := context.WithTimeout(ctx, p.o.Timeout)
	defer cancel()
	target, envelope := p.sign(webhook, openid, body)
	began := time.Now()
	w := Wire{At: p.clock.Now(), Dir: "push", OpenID: openid, Attempt: n + 1, Method: http.MethodPost, URL: target, RequestRaw: envelope, RequestPlain: body}
	defer func() {
		a.Ms = time.Since(began).Milliseconds()
		w.Ms, w.Status, w.ResponseRaw, w.ResponsePlain, w.Note = a.Ms, a.Status, a.Raw, a.Plain, a.Error
		if n > 0 {
			w.Note = strings.TrimSpace(fmt.Sprintf("delivery %d of %d %s", n+1, p.o.Repeats+1, a.Error))
		}
		p.wires.add(p.hub, w)
	}()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(envelope))
	if err != nil {
		a.Error = err.Error()
		return a, true
	}
	req.Header.Set("Content-Type", "text/xml")
	req.Header.Set("User-Agent", "Mozilla/4.0")
	resp, err := p.o.HTTP.Do(req)
	if err != nil {
		a.Error = "no answer"
		if errors.Is(err, context.DeadlineExceeded) {
			a.Error = "time-out"
		}
		return a, true
	}
	defer func() { _ = resp.Body.Close() }() // read below
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	a.Status, a.Raw = resp.StatusCode, string(data)
	switch {
	case err != nil:
		a.Error = "the answer broke off"
		return a, true
	case resp.StatusCode != http.StatusOK:
		a.Error = fmt.Sprintf("status %d", resp.StatusCode)
		return a, true
	}
	a.Plain = p.openReply(a.Raw)
	return a, false
}

// sign makes address and body of a request, with fresh timestamp, nonce and signatures.
func (p *Platform) sign(webhook, openid, body string) (target, envelope string) {
	timestamp, nonce := strconv.FormatInt(p.clock.Now().Unix(), 10), digits(10)
	q := url.Values{"signature": {Sign(p.o.Token, timestamp, nonce)}, "timestamp": {timestamp}, "nonce": {nonce}, "openid": {openid}}
	envelope = body
	if p.envelope != nil {
		sealed := p.envelope.Seal(body)
		q.Set("encrypt_type", "aes")
		q.Set("msg_signature", Sign(p.o.Token, timestamp, nonce, sealed))
		inner := "<ToUserName><![CDATA[" + p.o.OriginalID + "]]></ToUserName>"
		if p.o.Mode == ModeCompat {
			inner = strings.TrimSuffix(strings.TrimPrefix(body, "<xml>"), "</xml>")
		}
		envelope = "<xml>" + inner + "<Encrypt><![CDATA[" + sealed + "]]></Encrypt></xml>"
	}
	sep := "?"
	if strings.Contains(webhook, "?") {
		sep = "&"
	}
	return webhook + sep + q.Encode(), envelope
}

func digits(n int) string {
	v, err := rand.Int(rand.Reader, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil))
	if err != nil {
		panic("the system has no randomness: " + err.Error())
	}
	return v.String()
}

// openReply decrypts an encrypted answer and checks its signature; other answers stay as they are.
func (p *Platform) openReply(raw string) string {
	var r struct {
		XMLName      xml.Name `xml:"xml"`
		Encrypt      string
		MsgSignature string
		TimeStamp    string
		Nonce        string
	}
	if p.envelope == nil || xml.Unmarshal([]byte(raw), &r) != nil || r.Encrypt == "" {
		return raw
	}
	if Sign(p.o.Token, r.TimeStamp, r.Nonce, r.Encrypt) != r.MsgSignature {
		return "(the reply's signature is wrong)"
	}
	plain, err := p.envelope.Open(r.Encrypt)
	if err != nil {
		return "(the reply cannot be decrypted)"
	}
	return plain
}

// Reply is a passive reply as the person sees it; Kind "" means none.
type Reply struct {
	Kind     string    `json:"kind,omitempty"`
	Text     string    `json:"text,omitempty"`
	Articles []Article `json:"articles,omitempty"`
	Media    string    `json:"media,omitempty"`
}

// Article is one card.
type Article struct {
	Title       string `json:"title"`
	Description string `json:"description"`
	PicURL      string `json:"picUrl" xml:"PicUrl"`
	URL         string `json:"url" xml:"Url"`
}

// read makes of an answer what the person sees, and judges whether it may be one (doc: anything but
// success, nothing, or a valid reply shows the notice).
func (p *Platform) read(a Attempt, openid, pushed string, wantReply bool) (Reply, string) {
	bad := func() (Reply, string) {
		if wantReply {
			return Reply{}, OutOfService
		}
		return Reply{}, ""
	}
	if a.Plain == "success" || a.Plain == "" {
		return Reply{}, ""
	}
	if p.o.Mode == ModeSafe && a.Plain == a.Raw {
		return bad() // safe mode wants ciphertext (doc)
	}
	var x struct {
		XMLName                           xml.Name `xml:"xml"`
		ToUserName, FromUserName, MsgType string
		CreateTime                        int64
		Content                           string
		ArticleCount                      int
		Articles                          struct {
			Item []Article `xml:"item"`
		}
		Image struct{ MediaId string }
		Voice struct{ MediaId string }
	}
	d := xml.NewDecoder(strings.NewReader(a.Plain))
	if d.Decode(&x) != nil || strings.TrimSpace(a.Plain[d.InputOffset():]) != "" || x.ToUserName != openid || x.FromUserName != p.o.OriginalID || x.CreateTime == 0 {
		return bad()
	}
	r := Reply{Kind: x.MsgType, Text: x.Content, Articles: x.Articles.Item}
	switch x.MsgType {
	case "text":
		if x.Content == "" || len(x.Content) > p.o.TextLimit {
			return bad()
		}
	case "news":
		limit := 8
		if !strings.Contains(pushed, "<MsgType><![CDATA[event]]>") {
			limit = 1 // answering a message: one article (doc)
		}
		if len(r.Articles) == 0 || len(r.Articles) != x.ArticleCount || len(r.Articles) > limit {
			return bad()
		}
	case "image", "voice":
		r.Media = cmp.Or(x.Image.MediaId, x.Voice.MediaId)
		p.mu.Lock()
		code := p.mediaCode(r.Media)
		p.mu.Unlock()
		if code != 0 {
			return bad()
		}
	case "video", "music", "transfer_customer_service":
	default:
		return bad()
	}
	return r, ""
}

// answered counts pushes that nobody answered; too many in a row stop the pushes for a while (doc).
func (p *Platform) answered(ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ok {
		p.failures = 0
		return
	}
	if p.failures++; p.failures >= p.o.FailuresMax {
		p.failures = 0
		p.pausedTo = p.clock.Now().Add(p.o.Blackout)
	}
}

// blackout returns until when nothing is pushed, zero for not at all.
func (p *Platform) blackout() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.clock.Now().Before(p.pausedTo) {
		return p.pausedTo
	}
	return time.Time{}
}

// Handshake asks the webhook as the console does when the address is saved: it must answer the echo.
func (p *Platform) Handshake(ctx context.Context) error {
	for _, w := range p.webhooks {
		echo, timestamp, nonce := digits(18), strconv.FormatInt(p.clock.Now().Unix(), 10), digits(10)
		q := url.Values{"signature": {Sign(p.o.Token, timestamp, nonce)}, "timestamp": {timestamp}, "nonce": {nonce}, "echostr": {echo}}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, w+"?"+q.Encode(), nil)
		if err != nil {
			return err
		}
		resp, err := p.o.HTTP.Do(req)
		if err != nil {
			return fmt.Errorf("the webhook does not answer: %w", err)
		}
		data, err := io.ReadAll(io.LimitReader(resp.Body, 1024))
		_ = resp.Body.Close() // read
		if err != nil || resp.StatusCode != http.StatusOK || string(data) != echo {
			return fmt.Errorf("the webhook answers %d and not the echo", resp.StatusCode)
		}
	}
	return nil
}

// cdata writes one element of a push.
func cdata(name, value string) string {
	return "<" + name + "><![CDATA[" + strings.ReplaceAll(value, "]]>", "]]]]><![CDATA[>") + "]]></" + name + ">"
}

func element(name string, value any) string {
	return "<" + name + ">" + html.EscapeString(fmt.Sprint(value)) + "</" + name + ">"
}
