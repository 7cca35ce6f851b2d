package bot

import (
	"context"
	"time"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/people"
)

// CampaignStore is what campaigns need of the database. One method is one transaction. Whatever a
// scope limits carries it in the query: a campaign is visible to a scope that contains all of the
// campaign's own.
type CampaignStore interface {
	// CreateCampaign writes a draft. A campaign with the same Key is returned as it is, created
	// false: two starts are one campaign. Its audit row is in the same transaction.
	CreateCampaign(ctx context.Context, now time.Time, c Campaign) (stored Campaign, created bool, err error)

	// Campaign returns one; fault.NotFound "campaign.not_found" also when scope does not see it.
	Campaign(ctx context.Context, scope people.Scope, id CampaignID) (Campaign, error)

	// Campaigns lists what scope sees of the kinds (none: all), newest first, at most limit; with
	// before only those with a smaller number.
	Campaigns(ctx context.Context, scope people.Scope, kinds []delivery.Kind, before CampaignID, limit int) ([]Campaign, error)

	// ActOnCampaign changes a campaign as a person wants. to is the status that submit or release
	// leads to; the others ignore it. An act that does not fit the status is fault.Conflict
	// "campaign.wrong_status"; the same act again (submit of a scheduled one, pause of a paused one)
	// changes nothing and is no error. A release by the maker is fault.Forbidden "campaign.own_release".
	// Cancelling moves pending rows to cancelled in portions; those with an ambiguous attempt become
	// unknown. One audit row.
	ActOnCampaign(ctx context.Context, now time.Time, scope people.Scope, id CampaignID, act CampaignAct, actor string, to CampaignStatus) (Campaign, error)

	// PauseCampaign stops a campaign because the platform made us, until a time.
	PauseCampaign(ctx context.Context, now time.Time, id CampaignID, why string, until time.Time) error

	// AudienceSize counts who meets the audience within the scope.
	AudienceSize(ctx context.Context, scope people.Scope, a Audience) (int, error)

	// Recipients returns who meets the audience within the scope, with fresh facts, by learner id
	// above after, at most limit.
	Recipients(ctx context.Context, now time.Time, scope people.Scope, a Audience, after people.LearnerID, limit int) ([]Recipient, error)

	// SaveForecast keeps the last forecast with the campaign. DraftsToForecast returns drafts that were
	// made in the chat and have none yet, oldest first, at most 20.
	SaveForecast(ctx context.Context, id CampaignID, f Forecast) error
	DraftsToForecast(ctx context.Context) ([]Campaign, error)

	// NoteSent counts a message of ours that was no delivery (a forecast, a test) against the reply
	// window of an address.
	NoteSent(ctx context.Context, to channel.Address) error

	// CampaignsToFreeze returns the scheduled campaigns that are due and those in freezing, not
	// paused. A scheduled one past its deadline is set to expired here and not returned.
	CampaignsToFreeze(ctx context.Context, now time.Time) ([]Campaign, error)

	// FreezeRecipients writes a page of the frozen audience; after is the last learner looked at.
	// It sets scheduled to freezing with the first page and to running, with FrozenAt, when last
	// says so. Unique on (campaign, learner): again changes nothing. resume is up to where the
	// audience has been written, so that a restart goes on there.
	FreezeRecipients(ctx context.Context, now time.Time, id CampaignID, page []PlannedRecipient, after people.LearnerID, last bool) (written int, err error)
	FrozenTo(ctx context.Context, id CampaignID) (people.LearnerID, error)

	// CampaignSummary counts; UnreachedPeople lists by name who was not reached or cannot be told
	// (states skipped, failed, refused, unknown, expired, cancelled; with acks also those who have
	// not acknowledged), by learner id above after.
	CampaignSummary(ctx context.Context, now time.Time, scope people.Scope, id CampaignID) (CampaignSummary, error)
	UnreachedPeople(ctx context.Context, scope people.Scope, id CampaignID, acks bool, after people.LearnerID, limit int) ([]Unreached, error)

	// ClaimMassBatch takes pending deliveries of one running campaign whose rung is mass, asks decide
	// for each on fresh facts, and makes those that stay with the mass one batch of 2 to limit
	// members in state claimed, so that nobody stays behind alone; nil when there is none. Whom decide sends another way becomes pending
	// on that rung, whom it sends no way is skipped with its reason, and a single one left is skipped
	// (no_window). A batch whose call is to be repeated with its client id (BatchClientID) comes first.
	ClaimMassBatch(ctx context.Context, now time.Time, owner string, limit int, lease time.Duration, decide func(delivery.Facts, Campaign) delivery.Decision) (*MassBatch, error)

	// BeginMassBatch and SettleMassBatch are BeginSending and SettleDelivery for a batch: one row
	// of mass_batches, and the members' state with it, one statement.
	BeginMassBatch(ctx context.Context, now time.Time, b MassBatch) (bool, error)
	SettleMassBatch(ctx context.Context, now time.Time, b MassBatch, s delivery.Settlement) (bool, error)

	// PutMedia stores a picture or sound, once for one content; one that no campaign says is purged after
	// a week. Audited. HasMedia is fault.NotFound when there is none; Media returns one, content and all;
	// MediaUploaded notes the platform's id.
	PutMedia(ctx context.Context, now time.Time, actor string, m Media) error
	HasMedia(ctx context.Context, id string) error
	Media(ctx context.Context, id string) (Media, error)
	MediaUploaded(ctx context.Context, id, platformID string, at time.Time) error

	// ClaimFiles takes up to limit files that drafts wait for and whose time has come, and puts each off until then:
	// whoever claims it fetches it. Fetching one twice does no harm, so the service's clock is good enough.
	ClaimFiles(ctx context.Context, now, until time.Time, limit int) ([]WantedFile, error)
	// KeepFile stores a fetched file and makes it the content of the draft that waits for it, audited as PutMedia.
	// DropFile notes why the file will not come. RetryFile says when it is looked for again. false: nobody waits for
	// it any more, or it is known already, and nothing was written.
	KeepFile(ctx context.Context, now time.Time, id CampaignID, m Media) (bool, error)
	DropFile(ctx context.Context, id CampaignID, why conversation.FileProblem) (bool, error)
	RetryFile(ctx context.Context, id CampaignID, at time.Time) error

	// PutTrainer makes a learner a trainer or changes the scope; an empty scope ends it. Audited.
	PutTrainer(ctx context.Context, now time.Time, actor string, t Trainer) error
	Trainers(ctx context.Context) ([]Trainer, error)

	// PutAPIKey stores the SHA-256 of a key with its holder's name and scope; RevokeAPIKey ends it.
	// APIKey returns the holder of a key that is in force at now; fault.Forbidden "api.key" else.
	PutAPIKey(ctx context.Context, now time.Time, actor string, hash [32]byte, holder Trainer, until time.Time) error
	RevokeAPIKey(ctx context.Context, now time.Time, actor, name string) error
	APIKey(ctx context.Context, now time.Time, hash [32]byte) (Trainer, error)
}

// ReceiptStore is what receipts, grants and quotas need of the database.
type ReceiptStore interface {
	// JoinReceipts matches up to limit stored receipts with deliveries and mass batches, oldest
	// first: by message id; with none or 0, the only accepted, sending or unknown delivery by a rung
	// that gives receipts (notice, long, template) of that address with its first attempt in the last 24 h.
	// A pending or claimed one with an ambiguous attempt may have arrived too and is a candidate like those:
	// left out of the count, its receipt would be given to another (found by the rehearsal).
	// Success wins over failure whatever the order (D7). A receipt without a match is tried again for
	// an hour and then counted as unmatched.
	JoinReceipts(ctx context.Context, now time.Time, limit int) (Joined, error)

	// ApplyGrants changes the grants of people's phones; an event seen before changes nothing.
	// Accepting a one-time notice adds one; a long-term one is set; refusing or switching off sets 0.
	ApplyGrants(ctx context.Context, now time.Time, events []GrantEvent) error

	// ReserveCalls takes up to n calls of a way for the platform's day, so that the day's total over
	// all replicas stays at most limit (Q1); granted may be less, also 0. ReturnCalls gives back what
	// was not called. limit 0 counts without limiting. SpendCalls notes that the platform said the
	// day's calls are used up; CallsLeft tells what ReserveCalls would still grant.
	ReserveCalls(ctx context.Context, day string, account string, way channel.Way, n, limit int) (granted int, err error)
	ReturnCalls(ctx context.Context, day string, account string, way channel.Way, n int) error
	SpendCalls(ctx context.Context, day string, account string, way channel.Way) error
	CallsLeft(ctx context.Context, day string, account string, way channel.Way, limit int) (left int, spent bool, err error)
}
