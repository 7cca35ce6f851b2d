package wechat

import (
	"errors"
	"net/url"
	"strings"
	"sync"
	"time"
)

// awayFor is how long a host that failed is asked after the others.
const awayFor = 5 * time.Minute

// onlyAsks are the calls that change nothing at the platform: they may be made again at another host
// also when nobody knows whether the first one had them (wechat-protocol §2).
var onlyAsks = map[string]bool{
	"/cgi-bin/openapi/quota/get": true, "/cgi-bin/menu/get": true, "/cgi-bin/getcallbackip": true, "/cgi-bin/ticket/getticket?type=jsapi": true, "/cgi-bin/tags/get": true, mediaPath: true,
}

// hosts are the platform's addresses, the usual one first.
type hosts struct {
	all []*url.URL
	now func() time.Time

	mu   sync.Mutex
	away map[*url.URL]time.Time // until when a host is asked last
}

func newHosts(list []string, now func() time.Time) (*hosts, error) {
	h := &hosts{now: now, away: map[*url.URL]time.Time{}}
	for _, text := range list {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil ||
			strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
			return nil, errors.New("wechat client: the API base must be a scheme and a host, for example " + DefaultAPIBase)
		}
		u.Path = ""
		h.all = append(h.all, u)
	}
	return h, nil
}

// order lists the hosts as they are to be asked: those that failed lately last.
func (h *hosts) order() []*url.URL {
	if len(h.all) == 1 {
		return h.all
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	var well, away []*url.URL
	for _, u := range h.all {
		if now.Before(h.away[u]) {
			away = append(away, u)
		} else {
			well = append(well, u)
		}
	}
	return append(well, away...)
}

func (h *hosts) failed(u *url.URL) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.away[u] = h.now().Add(awayFor)
}

func (h *hosts) worked(u *url.URL) {
	if len(h.all) == 1 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.away, u)
}
