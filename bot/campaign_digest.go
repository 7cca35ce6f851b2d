package bot

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/people"
)

// Digest is the fingerprint of what a campaign says, to whom and when, 40 hex digits: the key of a
// campaign that was given none, so that a double start is one campaign. Who makes it is part of it
// by the scope alone, and numbers, statuses and moments of the writing are not.
func (c Campaign) Digest() string {
	b, err := json.Marshal(struct {
		Kind          delivery.Kind
		Title         string
		Body          Body
		Audience      Audience
		Scope         people.Scope
		Due, Deadline time.Time
		WantsAck      bool
	}{c.Kind, c.Title, c.Body, c.Audience, c.Scope, c.DueAt.UTC(), c.Deadline.UTC(), c.WantsAck})
	if err != nil {
		panic("bot: a campaign of plain values cannot be written: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:20])
}

// Matches reports whether stored says what c asks for: the same key was used for the same thing.
// Times that c leaves open match any.
func (c Campaign) Matches(stored Campaign) bool {
	open := c
	if c.DueAt.IsZero() {
		open.DueAt = stored.DueAt
	}
	if c.Deadline.IsZero() {
		open.Deadline = stored.Deadline
	}
	return open.filled(stored.DueAt).Digest() == stored.Digest()
}
