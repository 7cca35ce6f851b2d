package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/people"
)

// flightPause is how long a delivery waits when its recipient's phone is being sent another one.
const flightPause = 5 * time.Second

// BeginSending writes ahead of the calls: from here on a crash means unknown. The claim's facts may be
// older than a slow platform's answers to those before, so the phones' rows are locked and looked at
// once more: who has paused, left or been sent something since is not sent this (D4, D5), nor is a
// campaign that was paused or cancelled, and no phone has two calls in flight (reliability §5.2, rule
// 9). Such a delivery goes back to pending, where the next claim brings what is true now.
func (s *Store) BeginSending(ctx context.Context, now time.Time, group []bot.ClaimedDelivery) ([]bool, error) {
	var out []bool
	err := s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		out = make([]bool, len(group))
		b := beginning{s: s, q: under(tx), now: now}
		if err := b.look(ctx, group); err != nil {
			return err
		}
		for i, d := range group {
			out[i] = b.begin(d)
		}
		if err := b.useGrants(ctx); err != nil {
			return err
		}
		return s.write(ctx, b.q, now, b.changed)
	})
	if err != nil {
		return make([]bool, len(group)), fmt.Errorf("writing ahead of sends: %w", err)
	}
	return out, nil
}

// beginning is what a group of sends is checked against, read under locks.
type beginning struct {
	s       *Store
	q       querier
	now     time.Time
	jobs    map[int64]*job
	frames  map[bot.CampaignID]*frame
	phones  map[channel.Address]*phone
	wishes  map[use]people.Push // who uses which phone, and what they wish
	flying  map[conversation.IdentityID]bool
	grants  map[conversation.IdentityID][]delivery.Grant
	used    []grantUse
	changed []*job
}

// use is a learner at a phone.
type use struct {
	phone   conversation.IdentityID
	learner people.LearnerID
}

// look locks the phones, then the rows, each in the order of their numbers, and reads the rest.
func (b *beginning) look(ctx context.Context, group []bot.ClaimedDelivery) (err error) {
	ids := make([]int64, len(group))
	var campaigns []bot.CampaignID
	for i, d := range group {
		ids[i] = d.ID
		campaigns = append(campaigns, d.Campaign)
	}
	if err := b.lookAtPhones(ctx, group); err != nil {
		return err
	}
	if b.jobs, err = b.s.jobs(ctx, b.q, ids); err != nil {
		return err
	}
	slices.Sort(campaigns)
	b.frames, err = b.s.frames(ctx, b.q, b.now, slices.Compact(campaigns))
	return err
}

func (b *beginning) lookAtPhones(ctx context.Context, group []bot.ClaimedDelivery) error {
	b.phones, b.wishes = map[channel.Address]*phone{}, map[use]people.Push{}
	b.flying, b.grants = map[conversation.IdentityID]bool{}, map[conversation.IdentityID][]delivery.Grant{}
	numbers, err := b.numbers(ctx, group)
	if err != nil || len(numbers) == 0 {
		return err
	}
	slices.Sort(numbers)
	byID := map[conversation.IdentityID]*phone{}
	in := marks(len(numbers))
	err = each(ctx, b.q, func(rows *sql.Rows) error {
		var p phone
		err := rows.Scan(p.fields()...)
		byID[p.id], b.phones[p.to] = &p, &p
		return err
	}, "SELECT "+phoneColumns+" FROM identities i"+b.s.by("PRIMARY")+" WHERE i.id IN "+in+" ORDER BY i.id"+b.s.forUpdate(), anys(numbers)...)
	if err != nil {
		return err
	}
	// Statements of their own, after the locks: they must see what the locks were waited for.
	err = each(ctx, b.q, func(rows *sql.Rows) error {
		var u use
		var wish people.Push
		err := rows.Scan(&u.phone, &u.learner, &wish)
		b.wishes[u] = wish
		return err
	}, "SELECT p.identity_id, p.learner_id, l.push FROM profiles p JOIN learners l ON l.id = p.learner_id WHERE p.identity_id IN "+in, anys(numbers)...)
	if err != nil {
		return err
	}
	if b.flying, err = b.s.flights(ctx, b.q, numbers); err != nil {
		return err
	}
	phones := make([]conversation.IdentityID, len(numbers))
	for i, n := range numbers {
		phones[i] = conversation.IdentityID(n)
	}
	return b.s.grants(ctx, b.q, phones, func(id conversation.IdentityID, g delivery.Grant) { b.grants[id] = append(b.grants[id], g) })
}

// flights tells which of the phones are being sent something. They are locked: nobody can begin a call to
// one meanwhile. A look at each phone by itself, because of an IN of many MariaDB may make one pass over
// the whole index while the table's statistics are young (seen: 19,000 entries read for 256 phones).
func (s *Store) flights(ctx context.Context, q querier, phones []int64) (map[conversation.IdentityID]bool, error) {
	out := map[conversation.IdentityID]bool{}
	return out, chunks(phones, func(part []int64) error {
		return each(ctx, q, func(rows *sql.Rows) error {
			var id conversation.IdentityID
			err := rows.Scan(&id)
			out[id] = true
			return err
		}, "SELECT i.id FROM identities i"+s.by("PRIMARY")+" WHERE i.id IN "+marks(len(part))+
			" AND (SELECT COUNT(*) FROM deliveries d"+s.by("deliveries_identity")+" WHERE d.identity_id = i.id AND d.state = 'sending') > 0", anys(part)...)
	})
}

// numbers finds the phones' numbers by their addresses. Openids of one account are looked up together.
func (b *beginning) numbers(ctx context.Context, group []bot.ClaimedDelivery) (ids []int64, err error) {
	accounts := map[[2]string][]any{}
	for _, d := range group {
		if d.To.External != "" {
			k := [2]string{d.To.Channel, d.To.Account}
			accounts[k] = append(accounts[k], d.To.External)
		}
	}
	for k, list := range accounts {
		err := each(ctx, b.q, func(rows *sql.Rows) error {
			var id int64
			err := rows.Scan(&id)
			ids = append(ids, id)
			return err
		}, "SELECT id FROM identities"+b.s.by("identities_address")+" WHERE channel = ? AND account = ? AND external_id IN "+marks(len(list)), append([]any{k[0], k[1]}, list...)...)
		if err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// begin decides about one delivery.
func (b *beginning) begin(d bot.ClaimedDelivery) bool {
	j := held(b.jobs, d)
	if j == nil || !j.leased {
		return false
	}
	b.changed = append(b.changed, j)
	f := b.frames[d.Campaign]
	switch {
	case f != nil && f.status == bot.CampaignCancelled:
		j.end(delivery.Cancelled, delivery.WhyCancelled)
		return false
	case !f.runs():
		j.back(0)
		return false
	}
	p := b.phones[d.To]
	if p == nil || !b.asClaimed(p, d) {
		j.back(0)
		return false
	}
	grant, need := grantOf(d)
	if b.flying[p.id] {
		j.back(toMs(b.now.Add(flightPause)))
		return false
	}
	if need && !slices.ContainsFunc(b.grants[p.id], func(g delivery.Grant) bool { return g.Template == grant.Template && g.Scene == grant.Scene }) {
		j.back(0)
		return false
	}
	d.Phone = p.id
	b.start(j, d)
	return true
}

// start makes a row one whose call is under way, and uses up the grant that the call needs.
func (b *beginning) start(j *job, d bot.ClaimedDelivery) {
	b.flying[d.Phone] = true
	if grant, need := grantOf(d); need && grant.Left > 0 {
		b.used = append(b.used, grantUse{d.Phone, grant.Template, grant.Scene})
	}
	j.state, j.why, j.rung, j.identity = delivery.Sending, delivery.WhyNone, d.Rung, int64(d.Phone)
	j.attempts++
	j.verdict = ""
	if j.first == 0 {
		j.first = toMs(b.now)
	}
}

// asClaimed reports whether the plan for a delivery still stands on what is true of its phone.
func (b *beginning) asClaimed(p *phone, d bot.ClaimedDelivery) bool {
	wish, used := b.wishes[use{p.id, d.Learner.ID}]
	f := p.facts(today(b.now), month(b.now))
	return used && wish == d.Facts.Push && f.Following == d.Facts.Following && f.Refusing == d.Facts.Refusing &&
		f.SentSince <= d.Facts.SentSince && f.Contacts <= d.Facts.Contacts && !f.TypedAt.Before(d.Facts.TypedAt) && !f.TapAt.Before(d.Facts.TapAt)
}

// grantUse is one message of what a phone allowed.
type grantUse struct {
	phone    conversation.IdentityID
	template string
	scene    int
}

// grantOf is the grant that a call uses; need is false for rungs without. Left below 0 has no end.
func grantOf(d bot.ClaimedDelivery) (g delivery.Grant, need bool) {
	switch d.Rung {
	case delivery.RungLong, delivery.RungNotice, delivery.RungOnce:
	default:
		return g, false
	}
	for _, g := range d.Facts.Grants {
		if g.Template == d.Template && (g.Scene > 0) == (d.Rung == delivery.RungOnce) && g.Left != 0 {
			return g, true
		}
	}
	return delivery.Grant{Template: d.Template}, true // none: nobody has it either
}

func (b *beginning) useGrants(ctx context.Context) error {
	return addGrants(ctx, b.q, toMs(b.now), b.used, "left_count = left_count - 1", "left_count > 0")
}

// addGrants changes grants, those of one template by one statement.
func addGrants(ctx context.Context, q querier, now int64, list []grantUse, set, where string) error {
	type kind struct {
		template string
		scene    int
	}
	groups := map[kind][]any{}
	for _, u := range list {
		k := kind{u.template, u.scene}
		groups[k] = append(groups[k], int64(u.phone))
	}
	order := keys(groups)
	slices.SortFunc(order, func(a, b kind) int {
		if a.template != b.template {
			return strings.Compare(a.template, b.template)
		}
		return a.scene - b.scene
	})
	for _, k := range order {
		_, err := q.ExecContext(ctx, "UPDATE grants SET "+set+", updated_at = ? WHERE template = ? AND scene = ? AND "+where+" AND identity_id IN "+marks(len(groups[k])),
			append([]any{now, k.template, k.scene}, groups[k]...)...)
		if err != nil {
			return err
		}
	}
	return nil
}
