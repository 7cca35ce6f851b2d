package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// recipient is what is known now about how a learner can be reached.
type recipient struct {
	facts    delivery.Facts
	learner  people.Learner
	identity conversation.IdentityID
	to       channel.Address
	hour     string
}

// today and month are what counts of messages hold for.
func today(now time.Time) string { return string(study.DayOf(now)) }

func month(now time.Time) string { return today(now)[:len("2026-03")] }

// recipients reads learners with their phones. Of several phones the one that wrote last is taken:
// its reply window is the widest. A page of people costs two statements.
func (s *Store) recipients(ctx context.Context, q querier, now time.Time, learners []people.LearnerID) (map[people.LearnerID]*recipient, error) {
	return s.reach(ctx, q, now, learners, learnerColumns, " LEFT JOIN org_units u ON u.code = l.unit_code")
}

// addressees is recipients without what a message has no use for: of a learner it knows number, name and
// wish.
func (s *Store) addressees(ctx context.Context, q querier, now time.Time, learners []people.LearnerID) (map[people.LearnerID]*recipient, error) {
	return s.reach(ctx, q, now, learners, "l.id, l.name, '', '', '', l.push", "")
}

func (s *Store) reach(ctx context.Context, q querier, now time.Time, learners []people.LearnerID, columns, join string) (map[people.LearnerID]*recipient, error) {
	out := make(map[people.LearnerID]*recipient, len(learners))
	day, monthNow := today(now), month(now)
	err := chunks(learners, func(part []people.LearnerID) error {
		return each(ctx, q, func(rows *sql.Rows) error {
			var r recipient
			var p phone
			if err := rows.Scan(append(append(learnerFields(&r.learner), &r.hour), p.fields()...)...); err != nil {
				return err
			}
			r.identity, r.to = p.id, p.to
			r.facts = p.facts(day, monthNow)
			r.facts.Push = r.learner.Push
			if before, seen := out[r.learner.ID]; !seen || better(r.facts, before.facts) {
				out[r.learner.ID] = &r
			}
			return nil
		}, "SELECT "+columns+`, l.push_hour, COALESCE(i.id, 0), COALESCE(i.channel, ''), COALESCE(i.account, ''), COALESCE(i.external_id, ''),
			COALESCE(i.following, 0), COALESCE(i.refusing, 0), COALESCE(i.typed_at, 0), COALESCE(i.tap_at, 0), COALESCE(i.sent_since, 0),
			COALESCE(i.contact_day, ''), COALESCE(i.contacts, 0), COALESCE(i.mass_month, ''), COALESCE(i.mass_sent, 0)
			FROM learners l`+s.by("PRIMARY")+join+` LEFT JOIN profiles p`+s.by("profiles_learner")+` ON p.learner_id = l.id LEFT JOIN identities i`+s.by("PRIMARY")+` ON i.id = p.identity_id
			WHERE l.id IN `+marks(len(part))+" ORDER BY l.id, i.id", anys(part)...)
	})
	if err != nil {
		return nil, err
	}
	byPhone := make(map[conversation.IdentityID][]*recipient, len(out))
	for _, r := range out {
		if r.identity != 0 {
			byPhone[r.identity] = append(byPhone[r.identity], r)
		}
	}
	return out, s.grants(ctx, q, keys(byPhone), func(id conversation.IdentityID, g delivery.Grant) {
		for _, r := range byPhone[id] {
			r.facts.Grants = append(r.facts.Grants, g)
		}
	})
}

// phonesOf are the numbers of the phones that people are reached by.
func phonesOf(known map[people.LearnerID]*recipient) (phones []int64) {
	for _, r := range known {
		if r.identity != 0 {
			phones = append(phones, int64(r.identity))
		}
	}
	return phones
}

func keys[K comparable, V any](m map[K]V) []K {
	out := make([]K, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	return out
}

// grants reads what phones have left of what they allowed, in one order always.
func (s *Store) grants(ctx context.Context, q querier, phones []conversation.IdentityID, found func(conversation.IdentityID, delivery.Grant)) error {
	return chunks(phones, func(part []conversation.IdentityID) error {
		return each(ctx, q, func(rows *sql.Rows) error {
			var id conversation.IdentityID
			var g delivery.Grant
			if err := rows.Scan(&id, &g.Template, &g.Scene, &g.Left); err != nil {
				return err
			}
			found(id, g)
			return nil
		}, "SELECT identity_id, template, scene, left_count FROM grants"+s.by("PRIMARY")+" WHERE left_count <> 0 AND identity_id IN "+marks(len(part))+
			" ORDER BY identity_id, template, scene", anys(part)...)
	})
}

// phone is what an identity's row says about reaching it.
type phone struct {
	id                  conversation.IdentityID
	to                  channel.Address
	following, refusing bool
	typed, tap          int64
	sentSince           int
	contactDay          string
	contacts            int
	massMonth           string
	massSent            int
}

const phoneColumns = `i.id, i.channel, i.account, i.external_id, i.following, i.refusing, i.typed_at, i.tap_at, i.sent_since,
	i.contact_day, i.contacts, i.mass_month, i.mass_sent`

func (p *phone) fields() []any {
	return []any{
		&p.id, &p.to.Channel, &p.to.Account, &p.to.External, &p.following, &p.refusing, &p.typed, &p.tap, &p.sentSince,
		&p.contactDay, &p.contacts, &p.massMonth, &p.massSent,
	}
}

// facts are the phone's on a day of a month; counts of other days and months are over.
func (p *phone) facts(day, month string) delivery.Facts {
	f := delivery.Facts{
		Bound: p.id != 0, Following: p.following, Refusing: p.refusing,
		TypedAt: fromMs(p.typed), TapAt: fromMs(p.tap), SentSince: p.sentSince,
	}
	if p.contactDay == day {
		f.Contacts = p.contacts
	}
	if p.massMonth == month {
		f.Mass = p.massSent
	}
	return f
}

func better(a, b delivery.Facts) bool {
	if a.Following != b.Following {
		return a.Following
	}
	return a.TypedAt.After(b.TypedAt)
}
