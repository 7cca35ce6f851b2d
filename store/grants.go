package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
)

// longGrant is the count of a long-term notice, which has no end.
const longGrant = -1

// ApplyGrants changes what phones have allowed. Who allows something and was not known yet gets an
// identity, as with a message: it is often the first thing we hear of somebody.
func (s *Store) ApplyGrants(ctx context.Context, now time.Time, events []bot.GrantEvent) error {
	if len(events) == 0 {
		return nil
	}
	err := s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		a := applying{s: s, q: under(tx), now: toMs(now)}
		return a.apply(ctx, events)
	})
	if err != nil {
		return fmt.Errorf("applying grants: %w", err)
	}
	return nil
}

// applying is one page of grant events.
type applying struct {
	s   *Store
	q   querier
	now int64
}

// grantRow is a row of grants.
type grantRow struct {
	identity int64
	template string
	scene    int
}

type grantState struct {
	left    int
	decided int64
}

func (a *applying) apply(ctx context.Context, events []bot.GrantEvent) error {
	fresh, err := a.fresh(ctx, events)
	if err != nil || len(fresh) == 0 {
		return err
	}
	// Older decisions first: of one page, the last word counts.
	slices.SortStableFunc(fresh, func(x, y bot.GrantEvent) int { return x.At.Compare(y.At) })
	phones, err := a.phones(ctx, fresh)
	if err != nil {
		return err
	}
	rows, err := a.rows(ctx, phones)
	if err != nil {
		return err
	}
	changed := map[grantRow]bool{}
	for _, e := range fresh {
		if phones[e.From] == 0 {
			continue // somebody unknown takes back what nobody noted
		}
		key := grantRow{phones[e.From], cut(e.Grant.Template, 80), e.Scene}
		rows[key] = decide(rows[key], e)
		changed[key] = true
	}
	keys := make([]grantRow, 0, len(changed))
	for key := range changed {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(x, y grantRow) int {
		return cmp.Or(cmp.Compare(x.identity, y.identity), cmp.Compare(x.template, y.template), cmp.Compare(x.scene, y.scene))
	})
	i := insert{
		table: "grants", columns: []string{"identity_id", "template", "scene", "left_count", "decided_at", "updated_at"},
		tail: a.s.upsert("identity_id, template, scene", "left_count", "decided_at", "updated_at"),
	}
	for _, key := range keys {
		i.add(key.identity, key.template, key.scene, rows[key].left, rows[key].decided, a.now)
	}
	return i.exec(ctx, a.q)
}

// decide is what an event makes of a grant. Events may come late: one that is older than a refusal
// grants nothing, and a refusal that is older than the last decision takes nothing.
func decide(g grantState, e bot.GrantEvent) grantState {
	at := toMs(e.At)
	late := at < g.decided
	switch {
	case !e.Grant.Accepted:
		if !late {
			g.left = 0
		}
	case late && g.left == 0:
	case e.Long:
		g.left = longGrant
	case e.Scene != 0:
		g.left = 1 // a one-time scene does not stack
	case g.left >= 0:
		g.left++
	}
	g.decided = max(g.decided, at)
	return g
}

// fresh keeps the events that were not applied before, and notes that they are now. The locks on the
// keys hold a repeat on another replica back until this page is decided.
func (a *applying) fresh(ctx context.Context, events []bot.GrantEvent) ([]bot.GrantEvent, error) {
	places := map[[32]byte]bot.GrantEvent{}
	for _, e := range events {
		key := sha256.Sum256(fmt.Appendf(nil, "%q %q %d", e.Key, e.Grant.Template, e.Scene))
		if _, there := places[key]; !there {
			places[key] = e
		}
	}
	keys := make([]any, 0, len(places))
	for key := range places {
		keys = append(keys, key[:])
	}
	// In one order on every replica, so that two that hold the same events wait and do not deadlock.
	slices.SortFunc(keys, func(x, y any) int { return slices.Compare(x.([]byte), y.([]byte)) })
	i := insert{table: "grant_events", columns: []string{"event_key", "applied_at"}, tail: a.s.orIgnore("applied_at")}
	for _, key := range keys {
		i.add(key, int64(0))
	}
	if err := i.exec(ctx, a.q); err != nil {
		return nil, err
	}
	err := each(ctx, a.q, func(rows *sql.Rows) error {
		var key []byte
		if err := rows.Scan(&key); err != nil {
			return err
		}
		delete(places, [32]byte(key))
		return nil
	}, "SELECT event_key FROM grant_events WHERE applied_at > 0 AND event_key IN "+marks(len(keys)), keys...)
	if err != nil || len(places) == 0 {
		return nil, err
	}
	if _, err := a.q.ExecContext(ctx, "UPDATE grant_events SET applied_at = ? WHERE applied_at = 0 AND event_key IN "+marks(len(keys)),
		append([]any{a.now}, keys...)...); err != nil {
		return nil, err
	}
	list := make([]bot.GrantEvent, 0, len(places))
	for _, e := range events { // in the order they came
		key := sha256.Sum256(fmt.Appendf(nil, "%q %q %d", e.Key, e.Grant.Template, e.Scene))
		if _, there := places[key]; there {
			list = append(list, e)
			delete(places, key)
		}
	}
	return list, nil
}

// phones finds or makes the senders' identities, and holds them: two pages about one phone are applied
// one after the other.
func (a *applying) phones(ctx context.Context, events []bot.GrantEvent) (map[channel.Address]int64, error) {
	wanted := map[channel.Address][]any{} // by account; External is left empty
	allows := map[channel.Address]bool{}  // by person
	for _, e := range events {
		if _, seen := allows[e.From]; !seen {
			account := channel.Address{Channel: e.From.Channel, Account: e.From.Account}
			wanted[account] = append(wanted[account], e.From.External)
		}
		allows[e.From] = allows[e.From] || e.Grant.Accepted
	}
	phones := map[channel.Address]int64{}
	for account, externals := range wanted {
		if err := a.find(ctx, account, externals, phones); err != nil {
			return nil, err
		}
	}
	made, err := a.make(ctx, allows, phones)
	if err != nil {
		return nil, err
	}
	for account, externals := range made {
		if err := a.find(ctx, account, externals, phones); err != nil {
			return nil, err
		}
	}
	return phones, nil
}

func (a *applying) find(ctx context.Context, account channel.Address, externals []any, phones map[channel.Address]int64) error {
	return each(ctx, a.q, func(rows *sql.Rows) error {
		var id int64
		at := account
		err := rows.Scan(&id, &at.External)
		phones[at] = id
		return err
	}, "SELECT id, external_id FROM identities"+a.s.by("identities_address")+" WHERE channel = ? AND account = ? AND external_id IN "+marks(len(externals))+
		" ORDER BY id"+a.s.forUpdate(), append([]any{account.Channel, account.Account}, externals...)...)
}

// make makes identities of those who allow something and have none. It returns them by account.
func (a *applying) make(ctx context.Context, allows map[channel.Address]bool, phones map[channel.Address]int64) (map[channel.Address][]any, error) {
	state, err := encodeState(conversation.State{})
	if err != nil {
		return nil, err
	}
	made := map[channel.Address][]any{}
	i := insert{
		table: "identities", columns: []string{"channel", "account", "external_id", "following", "state", "created_at"},
		tail: a.s.orIgnore("created_at"),
	}
	for at, allowed := range allows {
		if !allowed || phones[at] != 0 {
			continue
		}
		i.add(at.Channel, at.Account, at.External, 1, state, a.now)
		account := channel.Address{Channel: at.Channel, Account: at.Account}
		made[account] = append(made[account], at.External)
	}
	return made, i.exec(ctx, a.q)
}

// rows reads what the phones have allowed so far.
func (a *applying) rows(ctx context.Context, phones map[channel.Address]int64) (map[grantRow]grantState, error) {
	ids := make([]any, 0, len(phones))
	for _, id := range phones {
		ids = append(ids, id)
	}
	rows := map[grantRow]grantState{}
	return rows, each(ctx, a.q, func(r *sql.Rows) error {
		var key grantRow
		var g grantState
		err := r.Scan(&key.identity, &key.template, &key.scene, &g.left, &g.decided)
		rows[key] = g
		return err
	}, "SELECT identity_id, template, scene, left_count, decided_at FROM grants WHERE identity_id IN "+marks(len(ids)), ids...)
}
