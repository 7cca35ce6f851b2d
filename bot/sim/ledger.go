package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Seen is one message that a person truly saw.
type Seen struct {
	At     time.Time `json:"at"` // the platform's time
	OpenID string    `json:"openid"`
	Item   ChatItem  `json:"item"`
}

// Ledger is the ground truth of a run: everything that people saw, in order.
type Ledger struct {
	mu   sync.Mutex
	list []Seen
	file *os.File
}

func openLedger(dir string) (*Ledger, error) {
	l := &Ledger{}
	if dir == "" {
		return l, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the platform's folder: %w", err)
	}
	name := filepath.Join(dir, "ledger.jsonl")
	data, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the ledger: %w", err)
	}
	for line := range bytes.Lines(data) {
		var s Seen
		if json.Unmarshal(line, &s) == nil { // a line cut by a crash is left out
			l.list = append(l.list, s)
		}
	}
	if l.file, err = os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return nil, fmt.Errorf("opening the ledger: %w", err)
	}
	if len(data) > 0 && data[len(data)-1] != '\n' { // the next line must not join the cut one
		if _, err := l.file.WriteString("\n"); err != nil {
			return nil, fmt.Errorf("mending the ledger: %w", err)
		}
	}
	return l, nil
}

func (l *Ledger) add(s Seen) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, s)
	if l.file != nil {
		if line, err := json.Marshal(s); err == nil {
			_, _ = l.file.Write(append(line, '\n')) // the copy in memory counts
		}
	}
}

func (l *Ledger) close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

// All returns everything seen so far.
func (l *Ledger) All() []Seen { return l.SeenBy("") }

// SeenBy returns what one person saw; "" means everybody.
func (l *Ledger) SeenBy(openid string) []Seen {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []Seen
	for _, s := range l.list {
		if openid == "" || s.OpenID == openid {
			out = append(out, s)
		}
	}
	return out
}

// Via returns what one person ("" for everybody) saw by one way: passive, custom, template …
func (l *Ledger) Via(openid, via string) []Seen {
	var out []Seen
	for _, s := range l.SeenBy(openid) {
		if s.Item.Via == via {
			out = append(out, s)
		}
	}
	return out
}

// Texts returns the texts that a person saw.
func (l *Ledger) Texts(openid string) []string {
	var out []string
	for _, s := range l.SeenBy(openid) {
		out = append(out, s.Item.Text)
	}
	return out
}
