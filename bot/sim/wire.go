package sim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Wire is one exchange as it went over the wire.
type Wire struct {
	ID            int64     `json:"id"`
	At            time.Time `json:"at"`
	Dir           string    `json:"dir"` // push or api
	OpenID        string    `json:"openid,omitempty"`
	Attempt       int       `json:"attempt,omitempty"`
	Ms            int64     `json:"ms"`
	Method        string    `json:"method"`
	URL           string    `json:"url"`
	RequestRaw    string    `json:"requestRaw"`
	RequestPlain  string    `json:"requestPlain"`
	Status        int       `json:"status"`
	ResponseRaw   string    `json:"responseRaw"`
	ResponsePlain string    `json:"responsePlain"`
	Errcode       int       `json:"errcode"`
	Note          string    `json:"note,omitempty"`
}

// wireKept is how many exchanges the page can look back on.
const wireKept = 1000

type wireLog struct {
	mu   sync.Mutex
	list []Wire
	next int64
}

// secretInWire finds what must not be read off a screen: secrets and tokens.
var secretInWire = regexp.MustCompile(`((?:access_token|refresh_token|ticket|secret|appsecret)["']?\s*[=:]\s*["']?)([A-Za-z0-9_-]{4})[A-Za-z0-9_-]{4,}([A-Za-z0-9_-]{2})`)

// mask looks for the words first: most of what is sent is encrypted and long, and has none of them.
func mask(s string) string {
	if !strings.Contains(s, "token") && !strings.Contains(s, "ticket") && !strings.Contains(s, "secret") {
		return s
	}
	return secretInWire.ReplaceAllString(s, "$1$2…$3")
}

func (l *wireLog) add(h *hub, w Wire) {
	w.URL, w.RequestRaw, w.RequestPlain, w.ResponseRaw, w.ResponsePlain = mask(w.URL), mask(w.RequestRaw), mask(w.RequestPlain), mask(w.ResponseRaw), mask(w.ResponsePlain)
	l.mu.Lock()
	defer l.mu.Unlock() // until the pages have it: ids reach them in order
	l.next++
	w.ID = l.next
	l.list = append(l.list, w)
	if len(l.list) > wireKept {
		l.list = append(l.list[:0:0], l.list[len(l.list)-wireKept:]...)
	}
	h.send("wire", w)
}

func (l *wireLog) after(id int64, openid string) []Wire {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := []Wire{}
	for _, w := range l.list {
		if w.ID > id && (openid == "" || w.OpenID == openid) {
			out = append(out, w)
		}
	}
	return out
}

// hub sends what happens to the open pages, as Server-Sent Events.
type hub struct {
	mu     sync.Mutex
	pages  map[chan []byte]struct{}
	closed bool
}

func newHub() *hub { return &hub{pages: make(map[chan []byte]struct{})} }

// open starts the queue of a page; it is closed already after close.
func (h *hub) open() chan []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	page := make(chan []byte, 256)
	if h.closed {
		close(page)
	} else {
		h.pages[page] = struct{}{}
	}
	return page
}

// leave ends the queue of a page unless it has ended already.
func (h *hub) leave(page chan []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, there := h.pages[page]; there {
		delete(h.pages, page)
		close(page)
	}
}

// close ends the streams of all pages.
func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for page := range h.pages {
		delete(h.pages, page)
		close(page)
	}
}

// watched tells whether any page is open.
func (h *hub) watched() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.pages) > 0
}

// send never blocks, and a page sees all events or none: the stream of one that cannot keep up
// ends, and the page comes back and asks for what it missed by id.
func (h *hub) send(event string, v any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.pages) == 0 {
		return
	}
	data, err := json.Marshal(v)
	if err != nil {
		return
	}
	line := fmt.Appendf(nil, "event: %s\ndata: %s\n\n", event, data)
	for page := range h.pages {
		select {
		case page <- line:
		default:
			delete(h.pages, page)
			close(page)
		}
	}
}

func (h *hub) stream(w http.ResponseWriter, r *http.Request) {
	page := h.open()
	defer h.leave(page)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	rc := http.NewResponseController(w)
	if _, err := w.Write([]byte(": hello\n\n")); err != nil || rc.Flush() != nil {
		return
	}
	ping := time.NewTicker(15 * time.Second)
	defer ping.Stop()
	for {
		line := []byte(": ping\n\n")
		select {
		case <-r.Context().Done():
			return
		case next, more := <-page:
			if !more {
				return
			}
			line = next
		case <-ping.C:
		}
		if _, err := w.Write(line); err != nil || rc.Flush() != nil {
			return
		}
	}
}
