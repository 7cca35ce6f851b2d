package store

import (
	"context"
	"errors"
	"time"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// What follows is replaced method by method: whoever writes the real one deletes it here.

var errUnfinished = errors.New("store: not there yet")

func (s *Store) BegunEnrolments(context.Context, time.Time, string, study.Day, study.EnrolmentID, int) ([]bot.DueEnrolment, error) {
	return nil, nil
}

func (s *Store) CreateCampaign(context.Context, time.Time, bot.Campaign) (bot.Campaign, bool, error) {
	return bot.Campaign{}, false, errUnfinished
}

func (s *Store) Campaign(context.Context, people.Scope, bot.CampaignID) (bot.Campaign, error) {
	return bot.Campaign{}, errUnfinished
}

func (s *Store) Campaigns(context.Context, people.Scope, []delivery.Kind, int) ([]bot.Campaign, error) {
	return nil, errUnfinished
}

func (s *Store) ActOnCampaign(context.Context, time.Time, people.Scope, bot.CampaignID, bot.CampaignAct, string, bot.CampaignStatus) (bot.Campaign, error) {
	return bot.Campaign{}, errUnfinished
}

func (s *Store) PauseCampaign(context.Context, time.Time, bot.CampaignID, string, time.Time) error {
	return errUnfinished
}

func (s *Store) AudienceSize(context.Context, people.Scope, bot.Audience) (int, error) {
	return 0, errUnfinished
}

func (s *Store) Recipients(context.Context, time.Time, people.Scope, bot.Audience, people.LearnerID, int) ([]bot.Recipient, error) {
	return nil, errUnfinished
}

func (s *Store) SaveForecast(context.Context, bot.CampaignID, bot.Forecast) error {
	return errUnfinished
}

func (s *Store) DraftsToForecast(context.Context) ([]bot.Campaign, error) { return nil, nil }

func (s *Store) NoteSent(context.Context, channel.Address) error { return errUnfinished }

func (s *Store) CampaignsToFreeze(context.Context, time.Time) ([]bot.Campaign, error) {
	return nil, nil
}

func (s *Store) FreezeRecipients(context.Context, time.Time, bot.CampaignID, []bot.PlannedRecipient, people.LearnerID, bool) (int, error) {
	return 0, errUnfinished
}

func (s *Store) FrozenTo(context.Context, bot.CampaignID) (people.LearnerID, error) {
	return 0, errUnfinished
}

func (s *Store) CampaignSummary(context.Context, time.Time, people.Scope, bot.CampaignID) (bot.CampaignSummary, error) {
	return bot.CampaignSummary{}, errUnfinished
}

func (s *Store) UnreachedPeople(context.Context, people.Scope, bot.CampaignID, bool, people.LearnerID, int) ([]bot.Unreached, error) {
	return nil, errUnfinished
}

func (s *Store) ClaimMassBatch(context.Context, time.Time, string, int, time.Duration, func(delivery.Facts, bot.Campaign) delivery.Decision) (*bot.MassBatch, error) {
	return nil, errUnfinished
}

func (s *Store) BeginMassBatch(context.Context, time.Time, bot.MassBatch) (bool, error) {
	return false, errUnfinished
}

func (s *Store) SettleMassBatch(context.Context, time.Time, bot.MassBatch, delivery.Settlement) (bool, error) {
	return false, errUnfinished
}

func (s *Store) PutMedia(context.Context, time.Time, bot.Media) error { return errUnfinished }

func (s *Store) Media(context.Context, string) (bot.Media, error) {
	return bot.Media{}, errUnfinished
}

func (s *Store) MediaUploaded(context.Context, string, string, time.Time) error {
	return errUnfinished
}

func (s *Store) PutTrainer(context.Context, time.Time, string, bot.Trainer) error {
	return errUnfinished
}

func (s *Store) Trainers(context.Context) ([]bot.Trainer, error) { return nil, errUnfinished }

func (s *Store) PutAPIKey(context.Context, time.Time, string, [32]byte, bot.Trainer, time.Time) error {
	return errUnfinished
}

func (s *Store) RevokeAPIKey(context.Context, time.Time, string, string) error { return errUnfinished }

func (s *Store) APIKey(context.Context, time.Time, [32]byte) (bot.Trainer, error) {
	return bot.Trainer{}, errUnfinished
}
