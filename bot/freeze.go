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
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/fault"
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
		told := func(channel.Address) (channel.Message, error) { return s.forecastMessage(c, f), nil }
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

// forecastMessage says a forecast in the chat.
func (s *Service) forecastMessage(c Campaign, f Forecast) channel.Message {
	args := append(f.numbers(), fault.A("title", c.Title))
	blocks := []string{s.o.Phrases.Say("push.forecast", args...)}
	for _, w := range f.reasons() {
		blocks = append(blocks, s.o.Phrases.Say("push.forecast_reason", fault.A("reason", s.o.Phrases.Say("why."+string(w))), fault.A("count", f.Unreachable[w])))
	}
	return channel.Text(strings.Join(append(blocks, s.o.Phrases.Say("push.forecast_next")), "\n"))
}

// reasons are why people cannot be reached, the commonest first.
func (f Forecast) reasons() []delivery.Why {
	list := slices.Collect(maps.Keys(f.Unreachable))
	slices.SortFunc(list, func(a, b delivery.Why) int {
		return cmp.Or(cmp.Compare(f.Unreachable[b], f.Unreachable[a]), cmp.Compare(a, b))
	})
	return list
}

// day is today of the platform and of every rule.
func (s *Service) day() string { return dayOf(s.o.Now()) }

func dayOf(t time.Time) string { return string(study.DayOf(t)) }

// numbers are the arguments of a sentence about a forecast.
func (f Forecast) numbers() []fault.Arg {
	unreachable := f.Audience - f.Reachable()
	return []fault.Arg{fault.A("audience", f.Audience), fault.A("reachable", f.Reachable()), fault.A("unreachable", unreachable), fault.A("later", f.Later)}
}
