package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

func emptyState() state {
	return state{
		MsgID: 24_000_000_000_000_000, Users: map[string]*account{}, Tokens: map[string]*tokens{}, Media: map[string]media{},
		Tags: map[int]string{}, Tickets: map[string]qrTicket{}, Used: map[string]int{}, Clears: map[string]int{},
		Template: map[string]*templates{}, Mass: map[string]*mass{}, Sent: map[string]sentID{}, Codes: map[string]*webCode{}, MassToAll: map[string]int{}, Minute: map[string]int{},
	}
}

func (p *Platform) load() error {
	p.st = emptyState()
	if p.o.Dir != "" {
		data, err := os.ReadFile(filepath.Join(p.o.Dir, "platform.json"))
		switch {
		case err == nil:
			if err := json.Unmarshal(data, &p.st); err != nil {
				return fmt.Errorf("reading the platform's state: %w", err)
			}
			p.clock.setOffset(time.Duration(p.st.OffsetMs) * time.Millisecond)
		case !errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("reading the platform's state: %w", err)
		}
	}
	for _, persona := range p.o.Personas {
		p.user(persona.OpenID).Persona = persona
	}
	return nil
}

// save writes the state so that a crash leaves the old or the new one.
func (p *Platform) save() error {
	if p.o.Dir == "" {
		return nil
	}
	p.mu.Lock()
	p.st.OffsetMs = p.clock.Offset().Milliseconds()
	data, err := json.Marshal(&p.st)
	p.mu.Unlock()
	if err != nil {
		return fmt.Errorf("saving the platform's state: %w", err)
	}
	name := filepath.Join(p.o.Dir, "platform.json")
	if err := os.WriteFile(name+".new", data, 0o600); err != nil {
		return fmt.Errorf("saving the platform's state: %w", err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		return fmt.Errorf("saving the platform's state: %w", err)
	}
	return nil
}
