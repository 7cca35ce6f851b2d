package wechat

import (
	"context"
	"crypto/rand"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tiangeng/tiangeng/bot/channel"
)

// PageConfig is what a page inside WeChat needs to use the platform's script: wx.config. It is for
// that one address.
type PageConfig struct {
	AppID     string
	Timestamp int64 // Unix seconds
	Nonce     string
	Signature string
}

// pageTicket is the platform's secret for signing pages, kept in each process: a new one does not
// end the one before.
type pageTicket struct {
	mu    sync.Mutex
	value string
	until time.Time
}

// ticketMargin is how long before its end a ticket is renewed.
const ticketMargin = 5 * time.Minute

// SignPage signs a page's address, without its fragment, for the platform's script.
func (c *Client) SignPage(ctx context.Context, address string) (PageConfig, error) {
	ticket, err := c.pageTicket(ctx)
	if err != nil {
		return PageConfig{}, fmt.Errorf("signing a page: %w", err)
	}
	nonce := make([]byte, 8)
	_, _ = rand.Read(nonce) // never fails
	p := PageConfig{AppID: c.o.AppID, Timestamp: c.o.Now().Unix(), Nonce: hex.EncodeToString(nonce)}
	p.Signature = pageSignature(ticket, p.Nonce, p.Timestamp, address)
	return p, nil
}

func pageSignature(ticket, nonce string, timestamp int64, address string) string {
	address, _, _ = strings.Cut(address, "#")
	sum := sha1.Sum([]byte("jsapi_ticket=" + ticket + "&noncestr=" + nonce + "&timestamp=" + strconv.FormatInt(timestamp, 10) + "&url=" + address))
	return hex.EncodeToString(sum[:])
}

func (c *Client) pageTicket(ctx context.Context) (string, error) {
	c.page.mu.Lock()
	defer c.page.mu.Unlock()
	now := c.o.Now()
	if c.page.value != "" && now.Before(c.page.until) {
		return c.page.value, nil
	}
	var out struct {
		Ticket  string `json:"ticket"`
		Expires int64  `json:"expires_in"`
	}
	const path = "/cgi-bin/ticket/getticket?type=jsapi"
	if _, err := c.call(ctx, path, nil, &out); err != nil {
		return "", err
	}
	if out.Ticket == "" {
		return "", &APIError{Path: path, Verdict: channel.Unknown, Reason: "unparsable", class: channel.ClassLater}
	}
	c.page.value, c.page.until = out.Ticket, now.Add(time.Duration(out.Expires)*time.Second-ticketMargin)
	return c.page.value, nil
}
