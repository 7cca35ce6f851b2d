package wechat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tiangeng/tiangeng/bot/channel"
)

// Defaults of ClientOptions.
const (
	DefaultAPIBase = "https://api.weixin.qq.com"
	DefaultTimeout = 8 * time.Second
	maxAnswer      = 1 << 20
)

// ClientOptions sets up a Client.
type ClientOptions struct {
	AppID     string // required
	AppSecret string // required
	APIBase   string // scheme and host; "" means DefaultAPIBase. Plain http is for simulators

	// Fallbacks are further hosts of the platform, tried in order when the one before cannot be
	// reached at all, or gives no clear answer to a call that only asks. What sends something is never
	// made twice by this.
	Fallbacks []string

	// Transport carries the calls; nil means one with bounded pools. Redirects are refused, answers
	// capped and calls timed whatever it does.
	Transport http.RoundTripper

	Tokens    TokenStore       // nil: the token is kept in this process only
	Refreshes RefreshLedger    // nil: a forced refresh is never asked for
	Now       func() time.Time // required
	Timeout   time.Duration    // of one call; 0 means DefaultTimeout
	Logger    *slog.Logger     // nil discards

	// Observe is called once per API call with its path, the error code (0 also when there was no
	// answer) and the word of what went wrong, "" when nothing. nil is fine.
	Observe func(path string, code int, reason string)
}

// Client calls the platform for one account. It is safe for concurrent use. Neither its errors nor
// its log lines hold the secret, a token or an openid.
type Client struct {
	o      ClientOptions
	hosts  *hosts
	http   *http.Client
	tokens *tokens
	page   pageTicket
}

// NewClient checks the options; it calls nobody.
func NewClient(o ClientOptions) (*Client, error) {
	if o.AppID == "" || o.AppSecret == "" || o.Now == nil {
		return nil, errors.New("wechat client: AppID, AppSecret and Now are required")
	}
	if o.APIBase == "" {
		o.APIBase = DefaultAPIBase
	}
	hosts, err := newHosts(append([]string{o.APIBase}, o.Fallbacks...), o.Now)
	if err != nil {
		return nil, err
	}
	o.Timeout = orDefault(o.Timeout, DefaultTimeout)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Observe == nil {
		o.Observe = func(string, int, string) {}
	}
	if o.Transport == nil {
		o.Transport = newTransport()
	}
	c := &Client{o: o, hosts: hosts}
	c.http = &http.Client{
		Transport:     o.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	c.tokens = newTokens(c)
	return c, nil
}

func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   5 * time.Second,
		MaxIdleConns:          64,
		MaxIdleConnsPerHost:   64,
		MaxConnsPerHost:       128,
		IdleConnTimeout:       30 * time.Second, // below the platform's own, so that few posts meet a closing connection
		ResponseHeaderTimeout: DefaultTimeout,
		ForceAttemptHTTP2:     true,
	}
}

// String hides the secrets from logs.
func (c *Client) String() string { return "wechat.Client{" + c.o.AppID + "}" }

// GoString hides the secrets from %#v.
func (c *Client) GoString() string { return c.String() }

// APIError is a call that did not succeed.
type APIError struct {
	Path      string          // of the API, without parameters
	Verdict   channel.Verdict // Unsent, Unknown, or Refused when the platform answered with a code
	Code      int             // the platform's, 0 when it gave none
	Reason    string          // short English word
	Message   string          // the platform's errmsg, shortened
	RequestID string          // the platform's rid
	class     channel.Class
	wait      time.Duration
	cause     error // context errors and our own only: nothing else is known to be free of secrets
}

// Error names the call and what went wrong.
func (e *APIError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "calling %s: %s (%s)", e.Path, e.Reason, e.Verdict)
	if e.Code != 0 {
		fmt.Fprintf(&b, " errcode %d", e.Code)
	}
	if e.Message != "" {
		fmt.Fprintf(&b, " %q", e.Message)
	}
	if e.RequestID != "" {
		fmt.Fprintf(&b, " rid %s", e.RequestID)
	}
	return b.String()
}

// Unwrap returns context.Canceled, context.DeadlineExceeded, channel.ErrMediaGone or channel.ErrMediaBig, if that was
// the cause.
func (e *APIError) Unwrap() error { return e.cause }

// call asks one API with the account's token: GET when in is nil, else POST with in as JSON. The
// answer is decoded into out unless out is nil. A rejected token is renewed and the call repeated
// once: the platform certainly did not act on it. Every error is an *APIError.
func (c *Client) call(ctx context.Context, path string, in, out any) (answerHead, error) {
	token, err := c.tokens.current(ctx)
	if err != nil {
		return answerHead{}, err
	}
	head, err := c.attempt(ctx, path, token, in, out)
	if !tokenRejected(err) || mistake("token kept after 40001") {
		return head, err
	}
	fresh, renewErr := c.tokens.replace(ctx, token)
	if renewErr != nil {
		// The refusal of the call is what the caller asked about; why no new token came is logged.
		c.o.Logger.Warn("token could not be replaced", "error", renewErr)
		return head, err
	}
	head, err = c.attempt(ctx, path, fresh, in, out)
	if tokenRejected(err) {
		c.tokens.reject(ctx, fresh)
	}
	return head, err
}

func tokenRejected(err error) bool {
	var e *APIError
	return errors.As(err, &e) && e.class == channel.ClassToken
}

func (c *Client) attempt(ctx context.Context, path, token string, in, out any) (answerHead, error) {
	head, body, err := c.exchange(ctx, path, url.Values{"access_token": {token}}, in, token)
	switch into := out.(type) {
	case nil:
	case *[]byte: // a file
		*into = body
	default:
		if err == nil && json.Unmarshal(body, out) != nil {
			err = &APIError{Path: path, Verdict: channel.Unknown, Reason: "unparsable", RequestID: head.rid}
		}
	}
	var e *APIError
	if errors.As(err, &e) {
		c.o.Observe(path, e.Code, e.Reason)
	} else {
		c.o.Observe(path, 0, "")
	}
	return head, err
}

// exchange asks the hosts in turn until one of them has certainly had the call; most often that is one
// HTTP round trip. secrets are removed from whatever the platform says back.
func (c *Client) exchange(ctx context.Context, path string, query url.Values, in any, secrets ...string) (head answerHead, body []byte, err error) {
	for _, host := range c.hosts.order() {
		head, body, err = c.roundTrip(ctx, host, path, query, in, secrets...)
		var e *APIError
		if !errors.As(err, &e) {
			c.hosts.worked(host)
			return head, body, err
		}
		if ctx.Err() != nil { // the caller has no more time: whether the host works nobody knows
			return head, body, err
		}
		if e.Verdict != channel.Unsent && (e.Verdict != channel.Unknown || !onlyAsks[path]) {
			return head, body, err
		}
		c.hosts.failed(host)
	}
	return head, body, err
}

// roundTrip is one HTTP request to one host.
func (c *Client) roundTrip(ctx context.Context, host *url.URL, path string, query url.Values, in any, secrets ...string) (answerHead, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	req, err := request(ctx, host, path, query, in)
	if err != nil {
		return answerHead{}, nil, &APIError{Path: path, Verdict: channel.Refused, Reason: "request", class: channel.ClassOurs}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return answerHead{}, nil, transportError(path, connected.Load(), err)
	}
	defer func() { _ = resp.Body.Close() }() // everything wanted of it was read
	limit := maxAnswer
	file, isFile := in.(download)
	if isFile {
		limit = max(file.limit, maxErrorAnswer)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, int64(limit)+1))
	unknown := &APIError{Path: path, Verdict: channel.Unknown, class: channel.ClassLater}
	if mistake("5xx taken for a no") {
		unknown.Verdict = channel.Unsent
	}
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		unknown.Reason = "redirect"
	case resp.StatusCode != http.StatusOK:
		unknown.Reason = fmt.Sprintf("http_%d", resp.StatusCode)
	case err != nil:
		unknown.Reason, unknown.cause = "answer_cut", contextError(err)
	case isFile && someFile(body) && len(body) > file.limit:
		return answerHead{}, nil, &APIError{Path: path, Verdict: channel.Refused, Reason: "file_too_large", class: channel.ClassOurs, cause: channel.ErrMediaBig}
	case len(body) > limit:
		unknown.Reason = "answer_too_large"
	case isFile && someFile(body):
		return answerHead{}, body, nil
	}
	if unknown.Reason != "" {
		return answerHead{}, nil, unknown
	}
	head, ok := decodeHead(body)
	if !ok {
		unknown.Reason = "unparsable"
		return answerHead{}, nil, unknown
	}
	switch {
	case head.coded && head.code != 0:
		return head, nil, c.refusal(path, head, secrets)
	case isFile: // an answer, and no file: nobody knows why
		unknown.Reason = "no_file"
		return head, nil, unknown
	}
	return head, body, nil
}

func request(ctx context.Context, host *url.URL, path string, query url.Values, in any) (*http.Request, error) {
	u := *host
	name, fixed, _ := strings.Cut(path, "?") // parameters that belong to the API come first
	u.Path, u.RawQuery = name, query.Encode()
	if fixed != "" {
		u.RawQuery = fixed + "&" + u.RawQuery
	}
	if file, ok := in.(download); ok {
		u.RawQuery += "&media_id=" + url.QueryEscape(file.id)
		in = nil
	}
	if in == nil {
		return http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	}
	if file, ok := in.(upload); ok {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(file.body))
		if err == nil {
			req.Header.Set("Content-Type", file.contentType)
		}
		return req, err
	}
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false) // WeChat shows \u0026 to the person as it stands
	if err := enc.Encode(in); err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), &body)
	if err == nil {
		req.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
	return req, err
}

// transportError tells what certainly never left us from what may have arrived. Until a connection
// (with TLS) was there, nothing was written; from then on nobody can tell: the request may sit in
// a buffer of either side. The text of err is dropped, it holds the URL and so the token.
func transportError(path string, connected bool, err error) *APIError {
	e := &APIError{Path: path, Verdict: channel.Unsent, Reason: "no_connection", class: channel.ClassLater, cause: contextError(err)}
	var timeout net.Error
	if connected && !mistake("time-out taken for a no") {
		e.Verdict, e.Reason = channel.Unknown, "answer_lost"
		if errors.As(err, &timeout) && timeout.Timeout() {
			e.Reason = "timeout"
		}
	}
	return e
}

func contextError(err error) error {
	for _, c := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, c) {
			return c
		}
	}
	return nil
}

func (c *Client) refusal(path string, h answerHead, secrets []string) *APIError {
	rule := Classify(h.code)
	e := &APIError{
		Path: path, Verdict: rule.Verdict, Code: h.code, Reason: rule.Reason,
		Message: h.text, RequestID: h.rid, class: rule.Class, wait: rule.RetryAfter,
	}
	for _, s := range append(secrets, c.o.AppSecret) {
		if s != "" {
			e.Message = strings.ReplaceAll(e.Message, s, "***")
		}
	}
	if e.Code == 45009 {
		e.wait = untilMidnight(c.o.Now())
	}
	return e
}
