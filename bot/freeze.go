package bot

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// Freeze writes the audiences of the campaigns whose hour has come. A restart goes on where the
// pages end; two replicas doing the same write each row once.
func (s *Service) Freeze(ctx context.Context) error {
	campaigns, err := s.o.Store.CampaignsToFreeze(ctx, s.o.Now())
	if err != nil {
		return fmt.Errorf("reading what is due: %w", err)
	}
	for _, c := range campaigns {
		if err := s.freeze(ctx, c); err != nil {
			return fmt.Errorf("freezing campaign %d: %w", c.ID, err)
		}
		s.KickSending()
	}
	return nil
}

func (s *Service) freeze(ctx context.Context, c Campaign) error {
	after, err := s.o.Store.FrozenTo(ctx, c.ID)
	if err != nil {
		return fmt.Errorf("reading how far it is: %w", err)
	}
	request := delivery.Request{Kind: c.Kind, Due: c.DueAt, Deadline: c.Deadline}
	planned := 0
	for {
		now := s.o.Now()
		account := s.account(ctx, now)
		page, err := s.o.Store.Recipients(ctx, now, c.Scope, c.Audience, after, s.o.FreezePage)
		if err != nil {
			return fmt.Errorf("reading the audience: %w", err)
		}
		rows := make([]PlannedRecipient, len(page))
		for i, r := range page {
			after = r.Learner.ID
			rows[i] = PlannedRecipient{Learner: r.Learner.ID, Phone: r.Phone, Decision: delivery.Plan(r.Facts, account, s.o.Policy, request, now)}
		}
		last := len(page) < s.o.FreezePage
		if mistake("checkpoint on fetch") {
			if _, err := s.o.Store.FreezeRecipients(ctx, now, c.ID, nil, after, false); err != nil {
				return err
			}
		}
		if _, err := s.o.Store.FreezeRecipients(ctx, now, c.ID, rows, after, last); err != nil {
			return fmt.Errorf("writing the audience: %w", err)
		}
		planned += len(page)
		if last {
			s.o.Logger.Info("campaign frozen", "campaign", c.ID, "kind", c.Kind, "planned", planned)
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// ForecastDrafts counts the drafts that were made in the chat and sends the figures to whoever
// made them.
func (s *Service) ForecastDrafts(ctx context.Context) error {
	drafts, err := s.o.Store.DraftsToForecast(ctx)
	if err != nil {
		return fmt.Errorf("reading drafts: %w", err)
	}
	for _, c := range drafts {
		f, err := s.forecast(ctx, c)
		if err != nil {
			return fmt.Errorf("forecasting campaign %d: %w", c.ID, err)
		}
		told := func(channel.Address) (channel.Message, error) {
			return channel.Text(f.Words().Text(s.o.Phrases, c.Title)), nil
		}
		if err := s.tellMaker(ctx, c, told); err != nil {
			// They can ask for it by a word; the figures are kept.
			s.o.Logger.Warn("sending a forecast", "campaign", c.ID, "err", err)
		}
	}
	return nil
}

// maker is who wrote a campaign on a phone; false when it was written elsewhere.
func (c Campaign) maker() (people.LearnerID, bool) {
	number, ok := strings.CutPrefix(c.By, "learner:")
	id, err := strconv.ParseInt(number, 10, 64)
	return people.LearnerID(id), ok && err == nil
}

// Words is the forecast as the chat and the command line say it.
func (f Forecast) Words() conversation.Forecast {
	w := conversation.Forecast{Audience: f.Audience, Reachable: f.Reachable(), Later: f.Later, Seconds: f.Seconds, Partial: !f.Complete}
	for _, r := range delivery.Rungs() {
		if f.Rungs[r] > 0 {
			w.Rungs = append(w.Rungs, conversation.Count{Why: string(r), Count: f.Rungs[r]})
		}
	}
	for why, n := range f.Unreachable {
		w.Reasons = append(w.Reasons, conversation.Count{Why: string(why), Count: n})
	}
	slices.SortFunc(w.Reasons, func(a, b conversation.Count) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Why, b.Why))
	})
	for _, way := range slices.Sorted(maps.Keys(f.Calls)) {
		left, known := f.Quota[way]
		if !known {
			left = -1
		}
		w.Calls = append(w.Calls, conversation.Calls{Way: string(way), Needed: f.Calls[way], Left: left})
	}
	return w
}

// day is today of the platform and of every rule.
func (s *Service) day() string { return dayOf(s.o.Now()) }

func dayOf(t time.Time) string { return string(study.DayOf(t)) }
