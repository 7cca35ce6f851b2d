package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
)

// CreateCampaign writes a draft; one with the same key stays as it is and is returned.
func (s *Store) CreateCampaign(ctx context.Context, now time.Time, c bot.Campaign) (stored bot.Campaign, created bool, err error) {
	err = s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		q := under(tx)
		if err := knowAudience(ctx, q, c.Audience); err != nil {
			return err
		}
		id, made, err := s.draft(ctx, q, now, c)
		if err != nil {
			return err
		}
		created = made
		if stored, err = s.campaign(ctx, q, c.Scope, id, ""); err != nil || !made {
			if fault.CodeOf(err) == fault.NotFound { // somebody else's: it is not shown
				return fault.New(fault.Conflict, "campaign.key_bad")
			}
			return err
		}
		return appendAudit(ctx, s, tx, campaignAct(now, c.By, "create", id, string(c.Kind)))
	})
	if err != nil {
		return bot.Campaign{}, false, told("creating a campaign", err)
	}
	return stored, created, nil
}

// knowAudience refuses classes and units that there are not. One of several that is misspelt would leave its people out
// without a word, and one in the exception would send it to those who were to be spared.
func knowAudience(ctx context.Context, q querier, a bot.Audience) error {
	if err := knowUnits(ctx, q, a.Units); err != nil {
		return err
	}
	for _, code := range a.Cohorts {
		var known bool
		if err := q.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM cohorts WHERE code = ?)", code).Scan(&known); err != nil {
			return plain(err)
		}
		if !known {
			return fault.New(fault.Invalid, "push.no_cohort", fault.A("cohort", code))
		}
	}
	if a.Except != nil {
		except := *a.Except
		except.Except = nil
		return knowAudience(ctx, q, except)
	}
	return nil
}

// KnowAudience refuses what CreateCampaign refuses, where nothing is to be written.
func (s *Store) KnowAudience(ctx context.Context, a bot.Audience) error {
	return told("looking for classes and units", knowAudience(ctx, s.bulk, a))
}

// told wraps an error with what was being done, unless it is for people.
func told(doing string, err error) error {
	if err == nil {
		return nil
	}
	if fault.CodeOf(err) != fault.Internal {
		return err
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// campaignAct is a privileged act on a campaign.
func campaignAct(now time.Time, actor, action string, id bot.CampaignID, result string) act {
	return act{At: now, Actor: actor, Action: "campaign." + action, Object: strconv.FormatInt(int64(id), 10), Result: result}
}

// draft writes a campaign in status draft unless its key is there, and returns its number.
func (s *Store) draft(ctx context.Context, q querier, now time.Time, c bot.Campaign) (id bot.CampaignID, made bool, err error) {
	var texts [3][]byte
	for i, v := range []any{c.Body, c.Audience, c.Scope} {
		if texts[i], err = json.Marshal(v); err != nil {
			return 0, false, err
		}
	}
	i := insert{table: "campaigns", tail: s.orIgnore("created_at"), columns: strings.Fields(
		"request_key kind status title body audience scope forecast wants_ack made_by of_id due_at deadline_at created_at")}
	i.add(c.Key, string(c.Kind), string(bot.CampaignDraft), cut(c.Title, 40), string(texts[0]), string(texts[1]), string(texts[2]), "", c.WantsAck,
		cut(c.By, 120), int64(c.Of), toMs(c.DueAt), toMs(c.Deadline), toMs(now))
	n, err := i.count(ctx, q)
	if err != nil {
		return 0, false, err
	}
	if err := q.QueryRowContext(ctx, "SELECT id FROM campaigns WHERE request_key = ?"+s.forUpdate(), c.Key).Scan(&id); err != nil {
		return 0, false, err
	}
	if n == 0 {
		return id, false, nil
	}
	return id, true, writeScope(ctx, q, id, c.Scope)
}

// writeScope keeps whose a campaign is. Of no scope it is visible to nobody: see visible.
func writeScope[ID int64 | bot.CampaignID](ctx context.Context, q querier, id ID, scope people.Scope) error {
	i := insert{table: "campaign_scopes", columns: []string{"campaign_id", "prefix"}}
	seen := map[string]bool{}
	for _, p := range scope.Prefixes() {
		if !seen[p] {
			seen[p] = true
			i.add(int64(id), p)
		}
	}
	return i.exec(ctx, q)
}

// visible is the WHERE of a scope over campaigns m: it must contain all of the campaign's own.
func visible(scope people.Scope) (string, []any) {
	var parts []string
	var args []any
	for _, p := range scope.Prefixes() {
		if p == "" {
			return "1 = 1", nil
		}
		parts = append(parts, "x.prefix LIKE ?")
		args = append(args, p+"%")
	}
	if len(parts) == 0 && mistake("no scope sees everything") {
		return "1 = 1", nil
	}
	if len(parts) == 0 {
		return "1 = 0", nil
	}
	return `EXISTS (SELECT 1 FROM campaign_scopes x WHERE x.campaign_id = m.id)
		AND NOT EXISTS (SELECT 1 FROM campaign_scopes x WHERE x.campaign_id = m.id AND NOT (` + strings.Join(parts, " OR ") + "))", args
}

const campaignColumns = `m.id, m.request_key, m.kind, m.status, m.title, m.body, m.audience, m.scope, m.due_at, m.deadline_at, m.wants_ack, m.made_by, m.released_by, m.of_id,
	m.paused_by, m.paused_why, m.paused_until, m.forecast, m.created_at, m.frozen_at`

func scanCampaign(scan func(...any) error) (c bot.Campaign, err error) {
	var body, audience, scope, forecast []byte
	var due, deadline, until, created, frozen int64
	err = scan(&c.ID, &c.Key, &c.Kind, &c.Status, &c.Title, &body, &audience, &scope, &due, &deadline, &c.WantsAck, &c.By, &c.Released, &c.Of,
		&c.PausedBy, &c.PausedWhy, &until, &forecast, &created, &frozen)
	if err != nil {
		return c, err
	}
	c.DueAt, c.Deadline, c.PausedUntil, c.CreatedAt, c.FrozenAt = fromMs(due), fromMs(deadline), fromMs(until), fromMs(created), fromMs(frozen)
	if len(forecast) > 0 {
		c.Forecast = &bot.Forecast{}
	}
	for _, x := range []struct {
		text []byte
		to   any
	}{{body, &c.Body}, {audience, &c.Audience}, {scope, &c.Scope}, {forecast, c.Forecast}} {
		if err := fromJSON(x.text, x.to); err != nil {
			return c, fmt.Errorf("reading campaign %d: %w", c.ID, err)
		}
	}
	return c, nil
}

// campaign reads one that scope sees. lock is forUpdate or nothing.
func (s *Store) campaign(ctx context.Context, q querier, scope people.Scope, id bot.CampaignID, lock string) (bot.Campaign, error) {
	where, args := visible(scope)
	c, err := scanCampaign(q.QueryRowContext(ctx, "SELECT "+campaignColumns+" FROM campaigns m WHERE m.id = ? AND "+where+lock, append([]any{int64(id)}, args...)...).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return c, fault.New(fault.NotFound, "campaign.not_found")
	}
	return c, err
}

// campaigns reads those that a condition names.
func (s *Store) campaigns(ctx context.Context, q querier, where string, args ...any) (list []bot.Campaign, err error) {
	return list, each(ctx, q, func(rows *sql.Rows) error {
		c, err := scanCampaign(rows.Scan)
		list = append(list, c)
		return err
	}, "SELECT "+campaignColumns+" FROM campaigns m WHERE "+where, args...)
}

// Campaign returns one that scope sees.
func (s *Store) Campaign(ctx context.Context, scope people.Scope, id bot.CampaignID) (bot.Campaign, error) {
	c, err := s.campaign(ctx, s.reads, scope, id, "")
	if err != nil {
		return bot.Campaign{}, told("reading a campaign", plain(err))
	}
	return c, nil
}

// Campaigns lists what scope sees, newest first; before, when it is not 0, only those older than that.
func (s *Store) Campaigns(ctx context.Context, scope people.Scope, kinds []delivery.Kind, before bot.CampaignID, limit int) ([]bot.Campaign, error) {
	where, args := visible(scope)
	if before > 0 {
		where, args = where+" AND m.id < ?", append(args, int64(before))
	}
	if len(kinds) > 0 {
		where += " AND m.kind IN " + marks(len(kinds))
		for _, k := range kinds {
			args = append(args, string(k))
		}
	}
	list, err := s.campaigns(ctx, s.reads, where+" ORDER BY m.id DESC LIMIT ?", append(args, limit)...)
	if err != nil {
		return nil, fmt.Errorf("listing campaigns: %w", plain(err))
	}
	return list, nil
}

// SaveForecast keeps the last forecast.
func (s *Store) SaveForecast(ctx context.Context, id bot.CampaignID, f bot.Forecast) error {
	text, err := json.Marshal(f)
	if err == nil {
		_, err = s.db.ExecContext(ctx, "UPDATE campaigns SET forecast = ? WHERE id = ?", string(text), int64(id))
	}
	if err != nil {
		return fmt.Errorf("keeping a forecast: %w", plain(err))
	}
	return nil
}

// DraftsToForecast returns drafts of trainers in the chat that have no forecast and await no file, oldest first.
func (s *Store) DraftsToForecast(ctx context.Context) ([]bot.Campaign, error) {
	list, err := s.campaigns(ctx, s.reads, "m.status = ? AND m.made_by LIKE 'learner:%' AND m.forecast = '' AND m.body <> '"+saysNothing+"' ORDER BY m.id LIMIT 20", string(bot.CampaignDraft))
	if err != nil {
		return nil, fmt.Errorf("reading drafts: %w", plain(err))
	}
	return list, nil
}

// NoteSent counts a message that was no delivery against the reply window.
func (s *Store) NoteSent(ctx context.Context, to channel.Address) error {
	_, err := s.db.ExecContext(ctx, "UPDATE identities SET sent_since = sent_since + 1 WHERE channel = ? AND account = ? AND external_id = ?", to.Channel, to.Account, to.External)
	if err != nil {
		return fmt.Errorf("counting a message: %w", plain(err))
	}
	return nil
}
