package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"time"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// apikeyCmd is about the keys with which other programs use the HTTP API.
type apikeyCmd struct {
	New    apikeyNewCmd    `cmd:"" help:"Make a key and print it. It is shown this once: only its fingerprint is kept."`
	Revoke apikeyRevokeCmd `cmd:"" help:"End a key at once."`
}

// keyName keeps the name short: it stands in front of the keys of its campaigns.
var keyName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,23}$`)

const keyNameRule = "the name must be 1 to 24 lower-case letters, digits and hyphens"

type apikeyNewCmd struct {
	configFlag
	Name  string   `arg:"" help:"Name of the key, for the audit: lower-case letters, digits and hyphens."`
	Scope []string `required:"" help:"Units that the key may write to, and all below (codes of 2, 4, 6, 9 or 12 digits)." placeholder:"CODE"`
	Days  int      `default:"90" help:"Days it works, 1 to 366."`
	JSON  bool     `help:"Print JSON."`
}

func (c *apikeyNewCmd) run(ctx context.Context, p *program) error {
	switch {
	case !keyName.MatchString(c.Name):
		return misuse{keyNameRule}
	case c.Days < 1 || c.Days > 366:
		return misuse{"--days must be 1 to 366"}
	}
	scope, err := units("--scope", c.Scope)
	if err != nil {
		return err
	}
	if len(scope) == 0 {
		return misuse{"--scope: name at least one unit"}
	}
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	key, now := newAPIKey(), a.clock.Now()
	until := now.Add(time.Duration(c.Days) * 24 * time.Hour)
	holder := bot.Trainer{Name: c.Name, Scope: people.Scope{Units: scope}, Since: study.DayOf(now)}
	if err := a.store.PutAPIKey(ctx, now, actor(), sha256.Sum256([]byte(key)), holder, until); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p, map[string]any{"name": c.Name, "key": key, "scope": scope, "until": until.Format(time.RFC3339)})
	}
	fmt.Fprintln(p.stdout, key)
	fmt.Fprintln(p.stderr, a.subject.phrases.Say("announce.key_made", fault.A("name", c.Name), fault.A("until", stamp(until))))
	return nil
}

// newAPIKey makes tg_ and 43 letters and digits: 256 random bits in base 62.
func newAPIKey() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	text := new(big.Int).SetBytes(b).Text(62)
	return "tg_" + strings.Repeat("0", 43-len(text)) + text
}

type apikeyRevokeCmd struct {
	configFlag
	Name string `arg:"" help:"Name of the key."`
}

func (c *apikeyRevokeCmd) run(ctx context.Context, p *program) error {
	if !keyName.MatchString(c.Name) {
		return misuse{keyNameRule}
	}
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	if err := a.store.RevokeAPIKey(ctx, a.clock.Now(), actor(), c.Name); err != nil {
		return err
	}
	fmt.Fprintln(p.stdout, a.subject.phrases.Say("announce.key_revoked", fault.A("name", c.Name)))
	return nil
}
