package wechat

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/tiangeng/tiangeng/bot/channel"
)

// CheckItem is the outcome of one probe of Check.
type CheckItem struct {
	Name      string // "token", "addresses", "callback", "quota", "menu"
	OK        bool
	Code      int    // the platform's error code, 0 when none
	Reason    string // short English word, for example "address_not_listed"
	Message   string // the platform's errmsg
	RequestID string
}

// CheckReport is what Check found. Values of failed probes are zero.
type CheckReport struct {
	Items     []CheckItem
	Addresses []netip.Prefix // the platform pushes from these
	Quota     Quota          // of customer-service messages
	Menu      Menu
}

// Quota is one API's quota of today.
type Quota struct {
	Limit     int64 `json:"daily_limit"`
	Used      int64 `json:"used"`
	Remaining int64 `json:"remain"`
}

// OK reports that every probe went well.
func (r CheckReport) OK() bool {
	for _, i := range r.Items {
		if !i.OK {
			return false
		}
	}
	return len(r.Items) > 0
}

// Check asks the platform whether this account works from here. It changes nothing. Without a
// token the other probes are not tried.
func (c *Client) Check(ctx context.Context) CheckReport {
	var r CheckReport
	add := func(name string, err error) bool {
		r.Items = append(r.Items, checkItem(name, err))
		return err == nil
	}
	if _, err := c.tokens.current(ctx); !add("token", err) {
		return r
	}
	var err error
	r.Addresses, err = c.CallbackAddresses(ctx)
	add("addresses", err)
	add("callback", c.checkCallback(ctx))
	r.Quota, err = c.quota(ctx, sendPath)
	add("quota", err)
	r.Menu, err = c.Menu(ctx)
	add("menu", err)
	return r
}

func checkItem(name string, err error) CheckItem {
	i := CheckItem{Name: name, OK: err == nil}
	var e *APIError
	if errors.As(err, &e) {
		i.Code, i.Reason, i.Message, i.RequestID = e.Code, e.Reason, e.Message, e.RequestID
	} else if err != nil {
		i.Reason = err.Error()
	}
	return i
}

// CallbackAddresses lists the addresses the platform pushes from, for Receiver.Allow.
func (c *Client) CallbackAddresses(ctx context.Context) ([]netip.Prefix, error) {
	const path = "/cgi-bin/getcallbackip"
	var out struct {
		List []string `json:"ip_list"`
	}
	if _, err := c.call(ctx, path, nil, &out); err != nil {
		return nil, err
	}
	var all []netip.Prefix
	for _, s := range out.List {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			a, err := netip.ParseAddr(s)
			if err != nil { // half a list would shut the platform out
				return nil, &APIError{Path: path, Verdict: channel.Unknown, Reason: "unparsable", class: channel.ClassLater}
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		all = append(all, p)
	}
	return all, nil
}

// checkCallback lets the platform resolve and ping our webhook's host.
func (c *Client) checkCallback(ctx context.Context) error {
	const path = "/cgi-bin/callback/check"
	in := map[string]string{"action": "all", "check_operator": "DEFAULT"}
	var out struct {
		DNS []struct {
			IP string `json:"ip"`
		} `json:"dns"`
		Ping []struct {
			Loss string `json:"package_loss"`
		} `json:"ping"`
	}
	if _, err := c.call(ctx, path, in, &out); err != nil {
		return err
	}
	for _, p := range out.Ping {
		if p.Loss == "100%" {
			return &APIError{Path: path, Verdict: channel.Refused, Reason: "callback_unreachable", class: channel.ClassOperator}
		}
	}
	return nil
}

// Quota reads today's quota of the API that a way is sent by.
func (c *Client) Quota(ctx context.Context, way channel.Way) (channel.Quota, error) {
	path, ok := wayPaths[way]
	if !ok {
		return channel.Quota{}, fmt.Errorf("reading a quota: no API sends by %q", way)
	}
	q, err := c.quota(ctx, path)
	return channel.Quota{Limit: int(q.Limit), Used: int(q.Used)}, err
}

// quota reads today's quota of one API, given by its path.
func (c *Client) quota(ctx context.Context, path string) (Quota, error) {
	var out struct {
		Quota Quota `json:"quota"`
	}
	_, err := c.call(ctx, "/cgi-bin/openapi/quota/get", map[string]string{"cgi_path": path}, &out)
	return out.Quota, err
}
