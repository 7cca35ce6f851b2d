package bot

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// What a campaign may hold: a text has to fit into one message with its frame.
const (
	maxTitle = 40  // characters
	maxText  = 600 // characters
	maxKey   = 80  // bytes

	maxMessage = 2048 // bytes of a text message with its frame (wechat-protocol §3)
)

// campaignLife is how long a campaign without a deadline of its own may take. A customer-service
// window lasts two days, and whoever opens one in this time still gets it.
const campaignLife = 48 * time.Hour

// DraftCampaign checks a campaign and writes it as a draft; nobody gets it yet. The same Key again
// returns what was written first, created false. A zero DueAt means at once, a zero Deadline two days
// after it.
func (s *Service) DraftCampaign(ctx context.Context, c Campaign) (stored Campaign, created bool, err error) {
	now := s.o.Now()
	c = c.filled(now)
	if err := s.checkCampaign(c, now); err != nil {
		return Campaign{}, false, err
	}
	if c.Body.Media != "" {
		if err := s.o.Store.HasMedia(ctx, c.Body.Media); err != nil {
			return Campaign{}, false, fmt.Errorf("looking for the picture or sound: %w", err)
		}
	}
	return s.o.Store.CreateCampaign(ctx, now, c)
}

// filled is the campaign without stray blanks and with the times that were left open.
func (c Campaign) filled(now time.Time) Campaign {
	if c.DueAt.IsZero() {
		c.DueAt = now
	}
	if c.Deadline.IsZero() {
		c.Deadline = c.DueAt.Add(campaignLife)
	}
	c.Title, c.Body.Text = strings.TrimSpace(c.Title), strings.TrimSpace(c.Body.Text)
	c.Audience.Tags = foldTags(c.Audience.Tags)
	if c.Audience.Except != nil {
		except := *c.Audience.Except
		except.Tags = foldTags(except.Tags)
		c.Audience.Except = &except
	}
	return c
}

func foldTags(list []string) (out []string) {
	for _, t := range list {
		out = append(out, people.FoldTag(t))
	}
	return out
}

// checkCampaign finds what would be refused, the text as it is sent included: with a long link, or in signs
// of four bytes, 600 characters are more than the platform takes, and that would be noticed one refused
// person after the other.
func (s *Service) checkCampaign(c Campaign, now time.Time) error {
	if err := checkCampaign(c, now); err != nil {
		return err
	}
	longest := 0
	if c.Body.URL == "" || c.WantsAck || c.Kind == delivery.KindUrgent || c.Kind == delivery.KindDigest { // else it is a card: no mass send
		longest = len(s.campaignText(c.Kind, c.Title, c.Body, c.WantsAck))
	}
	if c.WantsAck {
		longest = max(longest, len(s.campaignText(delivery.KindReminder, c.Title, Body{Text: c.Body.Text}, true)))
	}
	if longest > maxMessage {
		return fault.New(fault.Invalid, "campaign.message_too_long", fault.A("count", (longest-maxMessage+2)/3))
	}
	return nil
}

func checkCampaign(c Campaign, now time.Time) error {
	invalid := func(key string, args ...fault.Arg) error { return fault.New(fault.Invalid, "campaign."+key, args...) }
	links := []string{c.Body.URL, c.Body.Picture}
	switch {
	case c.Key == "" || len(c.Key) > maxKey:
		return invalid("key_bad")
	case !slices.Contains([]delivery.Kind{delivery.KindAnnouncement, delivery.KindUrgent, delivery.KindReminder, delivery.KindDigest}, c.Kind):
		return invalid("kind_bad", fault.A("kind", c.Kind))
	case c.Title == "":
		return invalid("title_missing")
	case utf8.RuneCountInString(c.Title) > maxTitle:
		return invalid("title_too_long", fault.A("limit", maxTitle))
	case c.Body.Text == "" && c.Body.Media == "":
		return invalid("text_empty")
	case utf8.RuneCountInString(c.Body.Text) > maxText:
		return invalid("text_too_long", fault.A("limit", maxText))
	case c.Body.Media != "" && (c.Body.Text != "" || c.Body.URL != "" || c.Body.Picture != ""):
		return invalid("media_alone")
	case c.Body.Picture != "" && c.Body.URL == "":
		return invalid("picture_alone")
	case !now.Before(c.Deadline) || !c.DueAt.Before(c.Deadline):
		return invalid("too_late")
	case len(c.Scope.Prefixes()) == 0:
		return fault.New(fault.Forbidden, "campaign.no_scope")
	}
	if err := checkAudience(c.Audience); err != nil {
		return err
	}
	for _, l := range links {
		if u, err := url.Parse(l); l != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http") {
			return invalid("link_bad", fault.A("link", l))
		}
	}
	return nil
}

// checkAudience finds conditions that nobody can meet: an announcement that goes to nobody would be
// noticed when it is too late.
func checkAudience(a Audience) error {
	if p := a.Progress; p != nil {
		known := slices.Contains([]ProgressIs{ProgressNotBegun, ProgressNotDone, ProgressBegun, ProgressBehind, ProgressDone, ProgressFailed}, p.Is)
		if !known || p.Course == "" || p.Is == ProgressBehind && p.At < 1 || p.Is == ProgressFailed && (p.Lesson == "" || p.Item == "") {
			return fault.New(fault.Invalid, "campaign.progress_bad", fault.A("state", p.Is))
		}
	}
	for _, t := range a.Tags {
		if problem := people.TagProblem(people.FoldTag(t)); problem != "" {
			return fault.New(fault.Invalid, problem, fault.A("limit", people.MaxTagRunes))
		}
	}
	if a.Except != nil {
		except := *a.Except
		except.Except = nil
		return checkAudience(except)
	}
	return nil
}

// Campaign returns one that scope sees.
func (s *Service) Campaign(ctx context.Context, scope people.Scope, id CampaignID) (Campaign, error) {
	return s.o.Store.Campaign(ctx, scope, id)
}

// Campaigns lists what scope sees of the kinds (none: all), newest first; with before only older ones.
func (s *Service) Campaigns(ctx context.Context, scope people.Scope, kinds []delivery.Kind, before CampaignID, limit int) ([]Campaign, error) {
	return s.o.Store.Campaigns(ctx, scope, kinds, before, limit)
}

// CampaignSummary counts what became of a campaign.
func (s *Service) CampaignSummary(ctx context.Context, scope people.Scope, id CampaignID) (CampaignSummary, error) {
	return s.o.Store.CampaignSummary(ctx, s.o.Now(), scope, id)
}

// UnreachedPeople lists by name whom a campaign did not reach, or with acks also who has not
// acknowledged it.
func (s *Service) UnreachedPeople(ctx context.Context, scope people.Scope, id CampaignID, acks bool, after people.LearnerID, limit int) ([]Unreached, error) {
	return s.o.Store.UnreachedPeople(ctx, scope, id, acks, after, limit)
}

// ActOnCampaign does what a person wants done. A campaign to more people than one person may write
// to waits for a second one; who makes it cannot release it.
func (s *Service) ActOnCampaign(ctx context.Context, scope people.Scope, id CampaignID, act CampaignAct, actor string) (Campaign, error) {
	to := CampaignStatus("")
	switch act {
	case ActSubmit:
		c, err := s.o.Store.Campaign(ctx, scope, id)
		if err != nil {
			return c, err
		}
		n, err := s.o.Store.AudienceSize(ctx, c.Scope, c.Audience)
		if err != nil {
			return c, fmt.Errorf("counting the audience: %w", err)
		}
		if n == 0 && c.Status == CampaignDraft {
			return c, fault.New(fault.Invalid, "campaign.no_audience")
		}
		to = CampaignScheduled
		if s.o.ReleaseAbove > 0 && n > s.o.ReleaseAbove {
			to = CampaignAwaiting
		}
	case ActRelease:
		to = CampaignScheduled
	case ActPause, ActResume, ActCancel:
	default:
		return Campaign{}, fault.New(fault.Invalid, "campaign.act_unknown", fault.A("act", act))
	}
	c, err := s.o.Store.ActOnCampaign(ctx, s.o.Now(), scope, id, act, actor, to)
	if err == nil {
		s.KickSending()
	}
	return c, err
}

// forecastPage is how many people are looked at in one read.
const forecastPage = 2000

// ForecastCampaign says what would happen if the campaign went out at its hour, from what is known
// now, and keeps it with the campaign.
func (s *Service) ForecastCampaign(ctx context.Context, scope people.Scope, id CampaignID) (Forecast, error) {
	c, err := s.o.Store.Campaign(ctx, scope, id)
	if err != nil {
		return Forecast{}, err
	}
	return s.forecast(ctx, c)
}

// TryCampaign checks and forecasts a campaign that is not written: nothing is kept of it.
func (s *Service) TryCampaign(ctx context.Context, c Campaign) (Forecast, error) {
	now := s.o.Now()
	c = c.filled(now)
	if err := s.checkCampaign(c, now); err != nil {
		return Forecast{}, err
	}
	return s.foresee(ctx, c)
}

func (s *Service) forecast(ctx context.Context, c Campaign) (Forecast, error) {
	f, err := s.foresee(ctx, c)
	if err != nil {
		return f, err
	}
	if err := s.o.Store.SaveForecast(ctx, c.ID, f); err != nil {
		return f, fmt.Errorf("keeping a forecast: %w", err)
	}
	return f, nil
}

// foresee plans for everybody in the audience and writes nothing.
func (s *Service) foresee(ctx context.Context, c Campaign) (Forecast, error) {
	now := s.o.Now()
	f := Forecast{
		At: now, Rungs: map[delivery.Rung]int{}, Unreachable: map[delivery.Why]int{},
		Calls: map[channel.Way]int{}, Quota: map[channel.Way]int{},
	}
	account := s.account(ctx, now)
	request := delivery.Request{Kind: c.Kind, Due: c.DueAt, Deadline: c.Deadline}
	for after, more := people.LearnerID(0), true; more; {
		page, err := s.o.Store.Recipients(ctx, now, c.Scope, c.Audience, after, forecastPage)
		if err != nil {
			return f, fmt.Errorf("reading the audience: %w", err)
		}
		for _, r := range page {
			after = r.Learner.ID
			f.count(delivery.Plan(r.Facts, account, s.o.Policy, request, now), now)
		}
		more = len(page) == forecastPage
	}
	f.Complete = true
	f.Calls[channel.WayMass] = (f.Calls[channel.WayMass] + massMembers - 1) / massMembers
	for way, n := range f.Calls {
		if n == 0 {
			delete(f.Calls, way)
			continue
		}
		if limit := s.dayLimit(ctx, way, now); limit > 0 {
			left, _, err := s.o.Store.CallsLeft(ctx, s.day(), s.o.AccountName, way, limit)
			if err != nil {
				return f, fmt.Errorf("reading the day's calls: %w", err)
			}
			f.Quota[way] = left
		}
		if rate := s.o.Rates[way]; rate > 0 {
			f.Seconds = max(f.Seconds, int(float64(n)/rate)+1)
		}
	}
	return f, nil
}

func (f *Forecast) count(d delivery.Decision, now time.Time) {
	f.Audience++
	if d.Rung == delivery.RungPull {
		f.Unreachable[d.Why]++
		return
	}
	f.Rungs[d.Rung]++
	f.Calls[d.Rung.Way()]++
	if d.NotBefore.After(now) && dayOf(d.NotBefore) != dayOf(now) {
		f.Later++
	}
}

// Reachable is how many would be sent something.
func (f Forecast) Reachable() int {
	n := 0
	for _, x := range f.Rungs {
		n += x
	}
	return n
}

// TestCampaign sends a campaign to one phone, that of whoever wants to see it, outside every count
// but that of the reply window. The outcome is the platform's.
func (s *Service) TestCampaign(ctx context.Context, scope people.Scope, id CampaignID, to people.LearnerID) (channel.Outcome, error) {
	c, err := s.o.Store.Campaign(ctx, scope, id)
	if err != nil {
		return channel.Outcome{}, err
	}
	if c.Body == (Body{}) {
		return channel.Outcome{}, fault.New(fault.Conflict, "campaign.file_missing")
	}
	list, err := s.o.Store.Recipients(ctx, s.o.Now(), scope, Audience{Learners: []people.LearnerID{to}}, 0, 1)
	if err != nil {
		return channel.Outcome{}, fmt.Errorf("reading the tester: %w", err)
	}
	if len(list) == 0 || list[0].To.External == "" {
		return channel.Outcome{}, fault.New(fault.NotFound, "campaign.tester_unbound")
	}
	d := ClaimedDelivery{
		Campaign: c.ID, Kind: c.Kind, Title: c.Title, Body: c.Body, WantsAck: c.WantsAck,
		Learner: list[0].Learner, To: list[0].To, Rung: delivery.RungWindow,
	}
	message, err := s.windowMessage(ctx, d)
	if err != nil {
		return channel.Outcome{}, fmt.Errorf("making the message: %w", err)
	}
	return s.tell(ctx, list[0].To, message)
}

// tell sends something to a person who is waiting for it: a forecast, a test. It is no delivery.
func (s *Service) tell(ctx context.Context, to channel.Address, m channel.Message) (channel.Outcome, error) {
	sender := s.o.Senders[to.Channel]
	if sender == nil {
		return channel.Outcome{}, fmt.Errorf("nobody serves channel %q", to.Channel)
	}
	o := sender.Send(ctx, channel.Outbound{To: to, Way: channel.WayWindow, Message: m})
	if o.Verdict == channel.Accepted || o.Verdict == channel.Unknown {
		if err := s.o.Store.NoteSent(ctx, to); err != nil {
			return o, fmt.Errorf("counting a message: %w", err)
		}
	}
	return o, nil
}

// RemindUnacked makes a campaign to those who were sent id and have not acknowledged it, and
// submits it. The same day's reminder again is the same campaign.
func (s *Service) RemindUnacked(ctx context.Context, scope people.Scope, id CampaignID, actor string) (Campaign, error) {
	c, err := s.o.Store.Campaign(ctx, scope, id)
	if err != nil {
		return c, err
	}
	if c.Of != 0 { // a reminder of a reminder is one of the first
		return s.RemindUnacked(ctx, scope, c.Of, actor)
	}
	if !c.WantsAck {
		return c, fault.New(fault.Conflict, "campaign.no_ack_wanted")
	}
	r, _, err := s.DraftCampaign(ctx, Campaign{
		Key: conversation.RemindKey(int64(id), study.DayOf(s.o.Now())), Kind: delivery.KindReminder, Title: c.Title,
		Body:     Body{Text: orText(c.Body.Text, c.Title)}, // of a picture or a sound there is only the title
		Audience: Audience{Unacked: id}, Scope: c.Scope, WantsAck: true, By: actor, Of: id,
	})
	if err != nil {
		return r, err
	}
	if r.Status != CampaignDraft {
		return r, nil
	}
	return s.ActOnCampaign(ctx, scope, r.ID, ActSubmit, actor)
}
