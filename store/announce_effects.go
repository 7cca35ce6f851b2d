package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/people"
)

// chatCampaignLife is how long a campaign from the chat may take, as bot gives one without a deadline.
const chatCampaignLife = 48 * time.Hour

// byLearner is how a campaign and the audit name a trainer who acts in the chat.
func byLearner(id people.LearnerID) string { return "learner:" + strconv.FormatInt(int64(id), 10) }

// noticeEffect collects what learners do about announcements; trainers' acts wait for the end of the
// transaction, because they look before they write, and the audit is written last.
func (w *turnWriter) noticeEffect(e conversation.Effect) error {
	// One campaign and the reminders of it.
	const these = " AND campaign_id IN (SELECT c.id FROM campaigns c WHERE c.id = ? OR c.of_id = ?)"
	switch e := e.(type) {
	case conversation.SetHour:
		w.after("UPDATE learners SET push_hour = ?, updated_at = ? WHERE id = ?", e.Hour, w.now, int64(e.Learner))
	case conversation.Acknowledge:
		w.after("UPDATE deliveries SET acked_at = ? WHERE learner_id = ? AND acked_at = 0"+these, w.now, int64(e.Learner), e.Campaign, e.Campaign)
	case conversation.ReadNotices:
		for _, id := range e.Campaigns {
			w.after("UPDATE deliveries SET pulled_at = ? WHERE learner_id = ? AND pulled_at = 0 AND state NOT IN ('accepted', 'delivered')"+these,
				w.now, int64(e.Learner), id, id)
		}
	case conversation.DraftCampaign, conversation.AmendCampaign, conversation.SubmitCampaign, conversation.ReleaseCampaign, conversation.CancelCampaign:
		w.trainers = append(w.trainers, e)
	default:
		return fmt.Errorf("the store has no case for the effect %T", e)
	}
	return nil
}

// trainerActs writes what trainers did, and then the audit of it (L1). What does not fit the campaign
// as it is now is errLost: the turn is stepped again and says the truth.
func (w *turnWriter) trainerActs(ctx context.Context) error {
	acts := make([]act, 0, len(w.trainers))
	for _, e := range w.trainers {
		a, err := w.trainerAct(ctx, e)
		if err != nil {
			return fmt.Errorf("writing a trainer's act: %w", err)
		}
		acts = append(acts, a)
	}
	for _, a := range acts {
		a.At = fromMs(w.now)
		if err := writeAudit(ctx, w.s, w.tx, a); err != nil {
			return err
		}
	}
	return nil
}

func (w *turnWriter) trainerAct(ctx context.Context, e conversation.Effect) (act, error) {
	switch e := e.(type) {
	case conversation.DraftCampaign:
		return w.draft(ctx, e)
	case conversation.AmendCampaign:
		return w.amend(ctx, e)
	case conversation.SubmitCampaign:
		to := bot.CampaignScheduled
		if e.Await {
			to = bot.CampaignAwaiting
		}
		return w.moveCampaign(ctx, "campaign.submit", byLearner(e.Learner), to, bot.CampaignDraft, "request_key = ? AND made_by = ?", e.Key, byLearner(e.Learner))
	case conversation.ReleaseCampaign:
		_, scope, err := trainerScope(ctx, w.tx, e.Learner)
		if err != nil {
			return act{}, err
		}
		visible, args := seesCampaigns(scope)
		a, err := w.moveCampaign(ctx, "campaign.release", byLearner(e.Learner), bot.CampaignScheduled, bot.CampaignAwaiting,
			"id = ? AND made_by <> ? AND "+visible, append([]any{e.Campaign, byLearner(e.Learner)}, args...)...)
		if err == nil {
			_, err = w.tx.ExecContext(ctx, "UPDATE campaigns SET released_by = ? WHERE id = ?", byLearner(e.Learner), e.Campaign)
		}
		return a, err
	case conversation.CancelCampaign:
		where, of := "request_key = ? AND made_by = ?", any(e.Key)
		if e.Key == "" {
			where, of = "id = ? AND made_by = ?", e.Campaign
		}
		if bot.CampaignStatus(e.Status) == bot.CampaignDraft {
			return w.discard(ctx, byLearner(e.Learner), where, of, byLearner(e.Learner))
		}
		return w.moveCampaign(ctx, "campaign.cancel", byLearner(e.Learner), bot.CampaignCancelled, bot.CampaignStatus(e.Status), where, of, byLearner(e.Learner))
	}
	return act{}, fmt.Errorf("the store has no case for the effect %T", e)
}

// trainerScope reads a trainer's name and scope; errLost when the learner is none (any more).
func trainerScope(ctx context.Context, q querier, id people.LearnerID) (name string, scope people.Scope, err error) {
	var text []byte
	err = q.QueryRowContext(ctx, "SELECT name, scope FROM trainers WHERE learner_id = ?", int64(id)).Scan(&name, &text)
	if errors.Is(err, sql.ErrNoRows) {
		return "", scope, errLost
	}
	if err == nil {
		err = json.Unmarshal(text, &scope)
	}
	if err == nil && len(scope.Prefixes()) == 0 {
		err = errLost
	}
	return name, scope, err
}

// seesCampaigns is the condition on campaigns that a scope may see: it contains all of the campaign's.
func seesCampaigns(scope people.Scope) (where string, args []any) {
	inside, args := "1 = 0", []any(nil)
	for _, p := range scope.Prefixes() {
		inside += " OR x.prefix LIKE ?"
		args = append(args, p+"%")
	}
	return `EXISTS (SELECT 1 FROM campaign_scopes x WHERE x.campaign_id = campaigns.id)
		AND NOT EXISTS (SELECT 1 FROM campaign_scopes x WHERE x.campaign_id = campaigns.id AND NOT (` + inside + "))", args
}

// draft writes a draft with its trainer's scope.
func (w *turnWriter) draft(ctx context.Context, e conversation.DraftCampaign) (act, error) {
	_, scope, err := trainerScope(ctx, w.tx, e.Learner)
	if err != nil {
		return act{}, err
	}
	var audience bot.Audience
	if e.To.Unit != "" {
		audience.Units = []people.OrgCode{e.To.Unit}
	}
	if e.To.Cohort != "" {
		audience.Cohorts = []string{e.To.Cohort}
	}
	if e.To.Is != "" {
		audience.Progress = &bot.Progress{Course: e.To.Course, Is: bot.ProgressIs(e.To.Is)}
	}
	kind := delivery.KindAnnouncement
	if e.Urgent {
		kind = delivery.KindUrgent
	}
	due := fromMs(w.now)
	if !e.At.IsZero() {
		due = e.At
	}
	texts := make([]string, 3)
	for i, v := range []any{bot.Body{Text: e.Text}, audience, scope} {
		text, err := json.Marshal(v)
		if err != nil {
			return act{}, err
		}
		texts[i] = string(text)
	}
	i := insert{table: "campaigns", columns: []string{
		"request_key", "kind", "status", "title", "body", "audience", "scope", "wants_ack", "made_by", "due_at", "deadline_at", "forecast", "created_at",
	}}
	i.add(e.Key, string(kind), string(bot.CampaignDraft), cut(e.Title, 40), texts[0], texts[1], texts[2], e.WantsAck, byLearner(e.Learner),
		toMs(due), toMs(due.Add(chatCampaignLife)), "", w.now)
	if err := i.exec(ctx, w.tx); err != nil {
		return act{}, err
	}
	id, _, err := w.lockCampaign(ctx, bot.CampaignDraft, "request_key = ? AND made_by = ?", e.Key, byLearner(e.Learner))
	if err != nil {
		return act{}, err
	}
	scopes := insert{table: "campaign_scopes", columns: []string{"campaign_id", "prefix"}, tail: w.s.orIgnore("prefix")}
	for _, p := range scope.Prefixes() {
		scopes.add(id, p)
	}
	return act{Actor: byLearner(e.Learner), Action: "campaign.create", Object: strconv.FormatInt(id, 10)}, scopes.exec(ctx, w.tx)
}

// lockCampaign finds the one campaign that meets where and holds it to the end of the transaction;
// errLost when there is none in that status.
func (w *turnWriter) lockCampaign(ctx context.Context, status bot.CampaignStatus, where string, args ...any) (id, due int64, err error) {
	err = w.tx.QueryRowContext(ctx, "SELECT id, due_at FROM campaigns WHERE status = ? AND "+where+w.s.forUpdate(), append([]any{string(status)}, args...)...).Scan(&id, &due)
	if errors.Is(err, sql.ErrNoRows) {
		err = errLost
	}
	return id, due, err
}

// amend changes a draft's time and its wish for acknowledgements. Another time needs another forecast.
func (w *turnWriter) amend(ctx context.Context, e conversation.AmendCampaign) (act, error) {
	id, due, err := w.lockCampaign(ctx, bot.CampaignDraft, "request_key = ? AND made_by = ?", e.Key, byLearner(e.Learner))
	if err != nil {
		return act{}, err
	}
	to := min(due, w.now) // at once: whatever it was before, if it has come
	if !e.At.IsZero() {
		to = toMs(e.At)
	}
	query := "UPDATE campaigns SET wants_ack = ?, due_at = ?, deadline_at = ?"
	if to != due {
		query += ", forecast = ''"
	}
	_, err = w.tx.ExecContext(ctx, query+" WHERE id = ?", e.WantsAck, to, to+chatCampaignLife.Milliseconds(), id)
	return act{Actor: byLearner(e.Learner), Action: "campaign.amend", Object: strconv.FormatInt(id, 10)}, err
}

// discard deletes a draft: nobody but its maker has seen it, and it must not stand among what was sent.
func (w *turnWriter) discard(ctx context.Context, actor, where string, args ...any) (act, error) {
	id, _, err := w.lockCampaign(ctx, bot.CampaignDraft, where, args...)
	for _, query := range []string{"DELETE FROM campaign_scopes WHERE campaign_id = ?", "DELETE FROM campaigns WHERE id = ?"} {
		if err == nil {
			_, err = w.tx.ExecContext(ctx, query, id)
		}
	}
	return act{Actor: actor, Action: "campaign.discard", Object: strconv.FormatInt(id, 10)}, err
}

// moveCampaign moves the one campaign that meets where from a status to another. One that goes out
// and whose hour has come takes its time from now.
func (w *turnWriter) moveCampaign(ctx context.Context, action, actor string, to, from bot.CampaignStatus, where string, args ...any) (act, error) {
	id, due, err := w.lockCampaign(ctx, from, where, args...)
	if err != nil {
		return act{}, err
	}
	if to == bot.CampaignScheduled && due < w.now {
		_, err = w.tx.ExecContext(ctx, "UPDATE campaigns SET status = ?, due_at = ?, deadline_at = ? WHERE id = ?", string(to), w.now, w.now+chatCampaignLife.Milliseconds(), id)
	} else {
		_, err = w.tx.ExecContext(ctx, "UPDATE campaigns SET status = ? WHERE id = ?", string(to), id)
	}
	return act{Actor: actor, Action: action, Object: strconv.FormatInt(id, 10), Result: string(to)}, err
}
