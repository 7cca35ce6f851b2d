package wechat

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tiangeng/tiangeng/bot/channel"
)

// Mode is the message mode chosen in WeChat's console.
type Mode int

// The modes. The zero value accepts encrypted pushes only.
const (
	// ModeSafe wants encrypt_type=aes and a right msg_signature; a body with a readable sender is
	// refused.
	ModeSafe Mode = iota
	// ModeCompat is ModeSafe for bodies that carry the plain message beside the ciphertext. Only the
	// ciphertext is read: the plain part is not covered by any signature.
	ModeCompat
	// ModePlain reads unencrypted bodies too. The signature does not cover them, so whoever has seen
	// one URL can write anything: for development only.
	ModePlain
)

// Result is what became of one request, for metrics.
type Result string

// The results.
const (
	Answered      Result = "answered"       // passive reply
	Acknowledged  Result = "acknowledged"   // "success"
	Handshake     Result = "handshake"      // GET
	Late          Result = "late"           // Handle was not back in time
	Unkept        Result = "unkept"         // Handle could not keep an event: the platform shall send it again
	Panicked      Result = "panicked"       // Handle panicked
	BadMethod     Result = "bad_method"     //
	BadSource     Result = "bad_source"     // address not allowed
	BadQuery      Result = "bad_query"      // parameter missing, doubled or malformed
	BadTimestamp  Result = "bad_timestamp"  // outside the window
	BadSignature  Result = "bad_signature"  // signature or msg_signature
	BadEncryption Result = "bad_encryption" // not encrypted, or with another key, or for another app
	BadBody       Result = "bad_body"       // the envelope is not what the platform writes
	BadMessage    Result = "bad_message"    // verified, yet malformed inside
	BadNonce      Result = "bad_nonce"      // nonce used for another message
	TooLarge      Result = "too_large"      //
	TooSlow       Result = "too_slow"       // the body did not arrive in time
)

// Defaults of ReceiverOptions. The platform waits 5 s.
const (
	DefaultWindow   = 5 * time.Minute
	DefaultDeadline = 4500 * time.Millisecond
	DefaultBudget   = 4200 * time.Millisecond
	DefaultReadTime = 2 * time.Second
	MaxBody         = 64 << 10
)

// ReceiverOptions sets up a Receiver.
type ReceiverOptions struct {
	Account    string // our name of the account, goes to channel.Address.Account; required
	AppID      string // required
	OriginalID string // gh_…; "" accepts any ToUserName
	Keys       []Key  // the current one first; during a rotation also the previous one; at least one
	Mode       Mode

	// Handle does the work and returns the answer. ctx ends Budget after the request came in and is
	// not cancelled when the platform hangs up, so a commit is not torn. It may be called at any
	// number of requests at once.
	Handle func(ctx context.Context, in channel.Inbound, req Request) channel.Message

	// LateText is answered when Handle is not back at the Deadline; "" answers "success". Handle
	// knows more and answers better: this is for a Handle that hangs.
	LateText string

	// Remember notes that a nonce belongs to a message key and returns the key it belonged to
	// before, "" when it is new. nil remembers nothing: the message key alone stops replays then.
	Remember func(ctx context.Context, nonce, key string, ttl time.Duration) (before string)

	Now      func() time.Time // the platform's time; required
	Window   time.Duration    // how far a timestamp may be off; 0 means DefaultWindow
	Deadline time.Duration    // for the whole answer; 0 means DefaultDeadline
	Budget   time.Duration    // for Handle; 0 means DefaultBudget, and never more than Deadline
	ReadTime time.Duration    // for the body; 0 means DefaultReadTime

	Allowed []netip.Prefix // source addresses; empty allows all. See also Receiver.Allow
	Trusted []netip.Prefix // proxies whose X-Forwarded-For is believed

	Logger  *slog.Logger                      // nil discards
	Observe func(Result, channel.InboundKind) // called once per request; kind "" when unknown; nil is fine
}

// Receiver is the webhook of one account. Nothing a caller sends makes it touch anything but its
// own memory before the signature is verified, and it never panics.
type Receiver struct {
	o        ReceiverOptions
	secrets  []*secret
	original []byte
	allowed  atomic.Pointer[[]netip.Prefix]
	pool     sync.Pool // *work
	handling sync.WaitGroup
	refusals refusalLog
}

// NewReceiver checks the options. Its errors are for the operator and hold no secret.
func NewReceiver(o ReceiverOptions) (*Receiver, error) {
	switch {
	case o.Account == "" || o.AppID == "":
		return nil, errors.New("wechat receiver: Account and AppID are required")
	case o.Handle == nil || o.Now == nil:
		return nil, errors.New("wechat receiver: Handle and Now are required")
	case len(o.Keys) == 0:
		return nil, errors.New("wechat receiver: at least one key is required")
	case o.Mode < ModeSafe || o.Mode > ModePlain:
		return nil, fmt.Errorf("wechat receiver: unknown mode %d", o.Mode)
	}
	r := &Receiver{o: o, original: []byte(o.OriginalID)}
	for i, k := range o.Keys {
		s, err := newSecret(k)
		if err != nil {
			return nil, fmt.Errorf("wechat receiver: key %d: %w", i+1, err)
		}
		if s.aes == nil && o.Mode != ModePlain {
			return nil, fmt.Errorf("wechat receiver: key %d: EncodingAESKey is required unless the mode is plain", i+1)
		}
		r.secrets = append(r.secrets, s)
	}
	r.o.Keys = nil
	r.defaults()
	r.Allow(o.Allowed)
	r.pool.New = func() any { return new(work) }
	return r, nil
}

func (r *Receiver) defaults() {
	r.o.Window = orDefault(r.o.Window, DefaultWindow)
	r.o.Deadline = orDefault(r.o.Deadline, DefaultDeadline)
	r.o.Budget = min(orDefault(r.o.Budget, DefaultBudget), r.o.Deadline)
	r.o.ReadTime = orDefault(r.o.ReadTime, DefaultReadTime)
	if r.o.Logger == nil {
		r.o.Logger = slog.New(slog.DiscardHandler)
	}
	r.o.Logger = r.o.Logger.With("account", r.o.Account)
	if r.o.Observe == nil {
		r.o.Observe = func(Result, channel.InboundKind) {}
	}
	r.refusals = refusalLog{now: r.o.Now, log: r.o.Logger}
}

func orDefault(d, fallback time.Duration) time.Duration {
	if d <= 0 {
		return fallback
	}
	return d
}

// Allow replaces the allowed source addresses, for the daily refresh from the platform's list. An
// empty list allows all.
func (r *Receiver) Allow(prefixes []netip.Prefix) {
	p := append([]netip.Prefix(nil), prefixes...)
	r.allowed.Store(&p)
}

// Drain waits until every Handle has returned, also those whose request was answered already.
// Call it after the HTTP server stopped taking requests.
func (r *Receiver) Drain(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		r.handling.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for messages in work: %w", ctx.Err())
	}
}

// String hides the secrets from logs.
func (r *Receiver) String() string { return "wechat.Receiver{" + r.o.Account + "}" }

// GoString hides the secrets from %#v.
func (r *Receiver) GoString() string { return r.String() }

// work is the memory of one request, pooled.
type work struct {
	body   []byte
	query  []byte // timestamp and nonce as bytes
	sign   []byte
	opened []byte // decrypted; the message fields point into it
	out    []byte
	sealed []byte
	crypt  []byte
	outer  fields
	inner  fields
	reader reader
}

// ServeHTTP answers the handshake (GET) and pushes (POST).
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	defer r.rescue(w)
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if req.Method != http.MethodGet && req.Method != http.MethodPost {
		h.Set("Allow", "GET, POST")
		r.refuse(w, req, http.StatusMethodNotAllowed, BadMethod)
		return
	}
	if !r.sourceAllowed(req) {
		r.refuse(w, req, http.StatusForbidden, BadSource)
		return
	}
	q, ok := parseQuery(req.URL.RawQuery)
	if !ok {
		r.refuse(w, req, http.StatusForbidden, BadQuery)
		return
	}
	if !r.inWindow(q.timestamp) {
		r.refuse(w, req, http.StatusForbidden, BadTimestamp)
		return
	}
	x := r.pool.Get().(*work) //nolint:forcetypeassert // the pool holds nothing else
	defer r.pool.Put(x)
	if req.Method == http.MethodGet {
		r.handshake(w, req, x, q)
		return
	}
	r.push(w, req, x, q)
}

// rescue is for what must not happen: a panic outside Handle, in a hook or in our own parsing.
func (r *Receiver) rescue(w http.ResponseWriter) {
	if p := recover(); p != nil {
		r.o.Logger.Error("webhook panicked", "panic", fmt.Sprintf("%T", p))
		writeText(w, http.StatusOK, success)
	}
}

func (r *Receiver) inWindow(timestamp string) bool {
	at, ok := parseInt(timestamp)
	if !ok {
		return false
	}
	off := at - r.o.Now().Unix() // both are not negative: no overflow
	window := int64(r.o.Window / time.Second)
	return -window <= off && off <= window
}

func (r *Receiver) handshake(w http.ResponseWriter, req *http.Request, x *work, q query) {
	if q.echostr == "" {
		r.refuse(w, req, http.StatusForbidden, BadQuery)
		return
	}
	if r.signedBy(x, q, q.signature, nil) == nil {
		r.refuse(w, req, http.StatusForbidden, BadSignature)
		return
	}
	r.o.Observe(Handshake, "")
	writeText(w, http.StatusOK, q.echostr)
}

// signedBy returns the secret whose token made the signature over timestamp, nonce and, for
// msg_signature, the ciphertext; nil when none did. All secrets are tried, so the time does not
// tell which one.
func (r *Receiver) signedBy(x *work, q query, signature string, ciphertext []byte) *secret {
	x.query = append(append(x.query[:0], q.timestamp...), q.nonce...)
	timestamp, nonce := x.query[:len(q.timestamp)], x.query[len(q.timestamp):]
	var given [signatureSize]byte
	n := copy(given[:], signature)
	var match *secret
	for i := len(r.secrets) - 1; i >= 0; i-- {
		var want [signatureSize]byte
		want, x.sign = sign(x.sign, r.secrets[i].token, timestamp, nonce, ciphertext)
		if sameSignature(want, given[:n]) {
			match = r.secrets[i]
		}
	}
	return match
}

func (r *Receiver) push(w http.ResponseWriter, req *http.Request, x *work, q query) {
	encrypted := q.encryptType == "aes"
	if !encrypted && (r.o.Mode != ModePlain || q.encryptType != "" && q.encryptType != "raw" || q.msgSignature != "") {
		r.refuse(w, req, http.StatusForbidden, BadEncryption)
		return
	}
	if encrypted && q.msgSignature == "" || !encrypted && q.signature == "" {
		r.refuse(w, req, http.StatusForbidden, BadQuery)
		return
	}
	// Whoever does not know the token is sent away before his body is read (reliability §2.2, 44).
	by := r.signedBy(x, q, q.signature, nil)
	if by == nil && q.signature != "" {
		r.refuse(w, req, http.StatusForbidden, BadSignature)
		return
	}
	if status, why := r.readBody(w, req, x); status != 0 {
		w.Header().Set("Connection", "close")
		r.refuse(w, req, status, why)
		return
	}
	message := x.body
	var cipher *envelope
	if encrypted {
		var why Result
		if message, by, cipher, why = r.open(x, q); why != "" {
			r.refuse(w, req, http.StatusForbidden, why)
			return
		}
	}
	in, extra, err := r.parse(x, message)
	if err != nil {
		// Verified, so it is the platform's own: worth a line that names the fault, never the content.
		r.o.Logger.Warn("verified message is malformed", "error", err)
		r.refuse(w, req, http.StatusBadRequest, BadMessage)
		return
	}
	extra.Nonce = q.timestamp + "." + q.nonce
	if !r.remember(req.Context(), in.Key, &extra) {
		r.refuse(w, req, http.StatusForbidden, BadNonce)
		return
	}
	answer, result := r.handle(req.Context(), in, extra)
	if answer.Kind == channel.MessageUnkept {
		r.o.Observe(Unkept, in.Kind)
		http.Error(w, http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable)
		return
	}
	r.answer(w, x, answer, result, in.Kind, by, cipher)
}

// open verifies msg_signature, then decrypts.
func (r *Receiver) open(x *work, q query) (message []byte, by *secret, cipher *envelope, why Result) {
	if err := x.reader.read(x.body, envelopeRoot, &x.outer); err != nil || len(x.outer.value[encrypted]) == 0 {
		return nil, nil, nil, BadBody
	}
	if r.o.Mode == ModeSafe && (x.outer.found[fromUserName] || x.outer.found[msgType]) {
		return nil, nil, nil, BadEncryption
	}
	ciphertext := x.outer.value[encrypted]
	if by = r.signedBy(x, q, q.msgSignature, ciphertext); by == nil {
		return nil, nil, nil, BadSignature
	}
	// Token and AES key may be changed one after the other: every key is tried, the token's first.
	for i := -1; i < len(r.secrets); i++ {
		s := by
		if i >= 0 {
			s = r.secrets[i]
		}
		if s.aes == nil || i >= 0 && s == by {
			continue
		}
		var ok bool
		if message, x.opened, ok = s.aes.open(x.opened, ciphertext, r.o.AppID); ok {
			return message, by, s.aes, ""
		}
	}
	return nil, nil, nil, BadEncryption
}

func (r *Receiver) parse(x *work, message []byte) (channel.Inbound, Request, error) {
	if err := x.reader.read(message, messageRoot, &x.inner); err != nil {
		return channel.Inbound{}, Request{}, err
	}
	if len(r.original) > 0 && string(x.inner.value[toUserName]) != string(r.original) {
		return channel.Inbound{}, Request{}, errors.New("message is for another original id")
	}
	return x.inner.inbound(r.o.Account)
}

// remember reports false when the nonce brought another message before. A nonce that brought this
// very message is a repeat: it goes the normal way and gets the stored reply. Timestamp and nonce
// are remembered together: ten digits alone would meet by chance within the window.
func (r *Receiver) remember(ctx context.Context, key string, req *Request) bool {
	if r.o.Remember == nil {
		return true
	}
	before := r.o.Remember(ctx, req.Nonce, key, 2*r.o.Window)
	req.Repeat = before == key
	return before == "" || req.Repeat
}

// handle runs Handle and waits for it until the deadline.
func (r *Receiver) handle(ctx context.Context, in channel.Inbound, req Request) (channel.Message, Result) {
	type outcome struct {
		m      channel.Message
		result Result
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.o.Budget)
	done := make(chan outcome, 1)
	r.handling.Add(1)
	go func() {
		defer r.handling.Done()
		defer cancel()
		o := outcome{result: Panicked}
		defer func() {
			if p := recover(); p != nil {
				// The value may hold what the person wrote: its type and the kind are enough.
				r.o.Logger.Error("handler panicked", "panic", fmt.Sprintf("%T", p), "kind", in.Kind)
			}
			done <- o
		}()
		o.m = r.o.Handle(ctx, in, req)
		o.result = Answered
	}()
	timer := time.NewTimer(r.o.Deadline)
	defer timer.Stop()
	select {
	case o := <-done:
		return o.m, o.result
	case <-timer.C:
		r.o.Logger.Warn("answer is late", "kind", in.Kind)
		return channel.Text(r.o.LateText), Late
	}
}

const success = "success"

func (r *Receiver) answer(w http.ResponseWriter, x *work, m channel.Message, result Result,
	kind channel.InboundKind, by *secret, cipher *envelope,
) {
	now := r.o.Now().Unix()
	to := replyTo{person: x.inner.value[fromUserName], account: x.inner.value[toUserName], seconds: now}
	var spoken bool
	x.out, spoken = appendReply(x.out[:0], to, m, r.o.Logger)
	if !spoken {
		if !m.Silent() {
			r.o.Logger.Error("reply cannot be sent as a passive reply", "message", string(m.Kind))
		}
		if result == Answered {
			result = Acknowledged
		}
		r.o.Observe(result, kind)
		writeText(w, http.StatusOK, success) // never encrypted
		return
	}
	body := x.out
	if cipher != nil {
		body = r.seal(x, now, by, cipher)
	}
	r.o.Observe(result, kind)
	w.Header().Set("Content-Type", "application/xml; charset=utf-8")
	_, _ = w.Write(body) // the platform hung up: it will ask again and get the stored reply
}

// seal encrypts x.out with fresh random bytes, nonce and time.
func (r *Receiver) seal(x *work, now int64, by *secret, cipher *envelope) []byte {
	var random [16 + 10]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand ends the program instead
	for i := range random[:16] {
		random[i] = alphabet[random[i]&63]
	}
	for i := 16; i < len(random); i++ {
		random[i] = '0' + random[i]%10
	}
	nonce := random[16:]
	x.sealed, x.crypt = cipher.seal(x.sealed[:0], x.crypt, x.out, [16]byte(random[:16]), r.o.AppID)
	x.query = appendInt(x.query[:0], now)
	var signature [signatureSize]byte
	signature, x.sign = sign(x.sign, by.token, x.query, nonce, x.sealed)
	out := append(x.out[:0], "<xml><Encrypt><![CDATA["...)
	out = append(out, x.sealed...)
	out = append(out, "]]></Encrypt><MsgSignature><![CDATA["...)
	out = append(out, signature[:]...)
	out = append(out, "]]></MsgSignature><TimeStamp>"...)
	out = append(out, x.query...)
	out = append(out, "</TimeStamp><Nonce><![CDATA["...)
	out = append(out, nonce...)
	x.out = append(out, "]]></Nonce></xml>"...)
	return x.out
}

// alphabet keeps the random bytes printable, as the platform's own are.
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// readBody fills x.body. status is 0 when the whole body is there.
func (r *Receiver) readBody(w http.ResponseWriter, req *http.Request, x *work) (status int, why Result) {
	if req.ContentLength > MaxBody {
		return http.StatusRequestEntityTooLarge, TooLarge
	}
	// A deadline in the past, set when the time is over, ends a read that hangs; a deadline in the
	// future would need the host's clock, and ours may be a virtual one.
	control := http.NewResponseController(w)
	var slow atomic.Bool
	timer := time.AfterFunc(r.o.ReadTime, func() {
		slow.Store(true)
		_ = control.SetReadDeadline(time.Unix(1, 0)) // a writer without deadlines has its own limits
	})
	defer timer.Stop()
	if cap(x.body) == 0 {
		x.body = make([]byte, 0, 2<<10)
	}
	x.body = x.body[:0]
	for {
		if len(x.body) == cap(x.body) {
			x.body = append(x.body, 0)[:len(x.body)]
		}
		n, err := req.Body.Read(x.body[len(x.body):cap(x.body)])
		x.body = x.body[:len(x.body)+n]
		switch {
		case len(x.body) > MaxBody:
			return http.StatusRequestEntityTooLarge, TooLarge
		case err == io.EOF:
			return 0, ""
		case err != nil && slow.Load():
			return http.StatusRequestTimeout, TooSlow
		case err != nil:
			return http.StatusBadRequest, BadBody
		}
	}
}

// refuse answers with a text that tells nothing but the status's name.
func (r *Receiver) refuse(w http.ResponseWriter, req *http.Request, status int, why Result) {
	r.o.Observe(why, "")
	r.refusals.note(why, req.RemoteAddr)
	text := "forbidden"
	switch status {
	case http.StatusMethodNotAllowed:
		text = "method not allowed"
	case http.StatusRequestEntityTooLarge:
		text = "request too large"
	case http.StatusRequestTimeout:
		text = "request timeout"
	case http.StatusBadRequest:
		text = "bad request"
	}
	writeText(w, status, text)
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // nobody is left to tell
}
