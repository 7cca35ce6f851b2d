package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// chatCampaignLife is how long a campaign from the chat may take, as bot gives one without a deadline.
const chatCampaignLife = 48 * time.Hour

// mine is the condition on a trainer's own campaign m by its key.
const mine = "m.request_key = ? AND m.made_by = ?"

// saysNothing is the body of a draft whose picture or recording has not been fetched.
const saysNothing = "{}"

// releasable is the condition on a waiting campaign m that it can still go out: one from the chat has
// no last hour of its own, it gets one when it goes.
const releasable = "(m.deadline_at > ? OR m.request_key LIKE 'chat/%')"

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
		w.pulls = append(w.pulls, pull{e.Learner, e.Campaign, delivery.WhyAcked})
		w.after("UPDATE deliveries SET acked_at = ? WHERE learner_id = ? AND acked_at = 0"+these, w.now, int64(e.Learner), e.Campaign, e.Campaign)
	case conversation.ReadNotices:
		for _, id := range e.Campaigns {
			w.pulls = append(w.pulls, pull{e.Learner, id, delivery.WhyPulled})
			w.after("UPDATE deliveries SET pulled_at = ? WHERE learner_id = ? AND pulled_at = 0 AND state NOT IN ('accepted', 'delivered')"+these,
				w.now, int64(e.Learner), id, id)
		}
	case conversation.AnswerSurvey:
		w.surveys = append(w.surveys, e)
	case conversation.DraftCampaign, conversation.AmendCampaign, conversation.SubmitCampaign, conversation.ReleaseCampaign, conversation.CancelCampaign:
		w.trainers = append(w.trainers, e)
	default:
		return fmt.Errorf("the store has no case for the effect %T", e)
	}
	return nil
}

// pull is a campaign that somebody has read or acknowledged in the chat: what waits of it, and of the
// reminders of it, need not be sent any more.
type pull struct {
	learner  people.LearnerID
	campaign int64
	why      delivery.Why
}

// openedLesson is a lesson that somebody has opened in the chat, so that the push of it that waits need not be sent, or
// has completed: nobody may be told then that they have not.
type openedLesson struct {
	learner        people.LearnerID
	enrolment      study.EnrolmentID
	course, lesson string
}

// settlePulls ends the deliveries that wait for what was read in the chat. The rows are locked, as a dispatcher's
// write-ahead locks them: either the call has begun, and the row stays as it is, or it never begins.
func (w *turnWriter) settlePulls(ctx context.Context) error {
	if mistake("sent although it was read") {
		return nil
	}
	for _, p := range w.pulls {
		ids, err := numbers(ctx, w.tx, `SELECT d.id FROM deliveries d`+w.s.by("deliveries_learner")+` JOIN campaigns c ON c.id = d.campaign_id
			WHERE d.learner_id = ? AND d.state IN ('pending', 'claimed') AND (c.id = ? OR c.of_id = ?) ORDER BY d.id`, int64(p.learner), p.campaign, p.campaign)
		if err != nil {
			return fmt.Errorf("finding what was pulled: %w", err)
		}
		if err := w.settlePulled(ctx, ids, p.why); err != nil {
			return err
		}
	}
	for _, x := range []struct {
		lessons []openedLesson
		kind    delivery.Kind
		why     delivery.Why
	}{{w.opened, delivery.KindLesson, delivery.WhyPulled}, {w.completed, delivery.KindReminder, delivery.WhyNothingDue}} {
		ids, err := w.waitingFor(ctx, x.lessons, x.kind)
		if err != nil {
			return fmt.Errorf("finding what was opened or completed: %w", err)
		}
		if err := w.settlePulled(ctx, ids, x.why); err != nil {
			return err
		}
	}
	return nil
}

// waitingFor are the deliveries of a kind that wait for these lessons; one statement for all who share the commit.
func (w *turnWriter) waitingFor(ctx context.Context, lessons []openedLesson, kind delivery.Kind) (ids []int64, err error) {
	if len(lessons) == 0 {
		return nil, nil
	}
	opened, learners := map[openedLesson]bool{}, map[int64]bool{}
	for _, o := range lessons {
		opened[o], learners[int64(o.learner)] = true, true
	}
	return ids, each(ctx, w.tx, func(rows *sql.Rows) error {
		var id int64
		var o openedLesson
		err := rows.Scan(&id, &o.learner, &o.enrolment, &o.course, &o.lesson)
		if opened[o] {
			ids = append(ids, id)
		}
		return err
	}, `SELECT d.id, d.learner_id, d.enrolment_id, d.course_id, d.lesson_id FROM deliveries d`+w.s.by("deliveries_learner")+` JOIN campaigns c ON c.id = d.campaign_id
		WHERE d.learner_id IN `+marks(len(learners))+` AND d.state IN ('pending', 'claimed') AND c.kind = ? ORDER BY d.id`, append(keysOf(learners), string(kind))...)
}

func (w *turnWriter) settlePulled(ctx context.Context, ids []int64, why delivery.Why) error {
	if len(ids) == 0 {
		return nil
	}
	jobs, err := w.s.jobs(ctx, w.tx, ids)
	if err != nil {
		return fmt.Errorf("locking what was pulled: %w", err)
	}
	var changed []*job
	for _, id := range ids {
		j := jobs[id]
		if j == nil || j.state != delivery.Pending && j.state != delivery.Claimed {
			continue // the call began while we waited for the lock
		}
		j.end(delivery.Skipped, why)
		j.owner, j.batch = "", 0 // a mass send that has it is mustered anew: see BeginMassBatch
		changed = append(changed, j)
	}
	if err := w.s.write(ctx, w.tx, fromMs(w.now), changed); err != nil {
		return fmt.Errorf("settling what was pulled: %w", err)
	}
	return nil
}

// trainerActs writes what trainers did, and then the audit of it and of the acts before (L1). What does not fit the campaign
// as it is now is errLost: the turn is stepped again and says the truth.
func (w *turnWriter) trainerActs(ctx context.Context, acts []act) error {
	for _, e := range w.trainers {
		a, err := w.trainerAct(ctx, e)
		if err != nil {
			return fmt.Errorf("writing a trainer's act: %w", err)
		}
		acts = append(acts, a)
	}
	for _, a := range acts {
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
		return w.moveCampaign(ctx, "submit", byLearner(e.Learner), to, bot.CampaignDraft, mine+" AND m.body <> '"+saysNothing+"'", e.Key, byLearner(e.Learner))
	case conversation.ReleaseCampaign:
		scope, err := trainerScope(ctx, w.tx, e.Learner)
		if err != nil {
			return act{}, err
		}
		seen, args := visible(scope)
		a, err := w.moveCampaign(ctx, "release", byLearner(e.Learner), bot.CampaignScheduled, bot.CampaignAwaiting,
			"m.id = ? AND m.made_by <> ? AND "+releasable+" AND "+seen, append([]any{e.Campaign, byLearner(e.Learner), w.now}, args...)...)
		if err == nil {
			_, err = w.tx.ExecContext(ctx, "UPDATE campaigns SET released_by = ? WHERE id = ?", byLearner(e.Learner), e.Campaign)
		}
		return a, err
	case conversation.CancelCampaign:
		where, of := mine, any(e.Key)
		if e.Key == "" {
			where, of = "m.id = ? AND m.made_by = ?", e.Campaign
		}
		if bot.CampaignStatus(e.Status) == bot.CampaignDraft {
			return w.discard(ctx, byLearner(e.Learner), where, of, byLearner(e.Learner))
		}
		return w.moveCampaign(ctx, "cancel", byLearner(e.Learner), bot.CampaignCancelled, bot.CampaignStatus(e.Status), where, of, byLearner(e.Learner))
	}
	return act{}, fmt.Errorf("the store has no case for the effect %T", e)
}

// trainerScope reads a trainer's scope; errLost when the learner is none (any more).
func trainerScope(ctx context.Context, q querier, id people.LearnerID) (scope people.Scope, err error) {
	var text []byte
	err = q.QueryRowContext(ctx, "SELECT scope FROM trainers WHERE learner_id = ?", int64(id)).Scan(&text)
	if err == nil {
		err = fromJSON(text, &scope)
	}
	if errors.Is(err, sql.ErrNoRows) || err == nil && len(scope.Prefixes()) == 0 {
		err = errLost
	}
	return scope, err
}

// draft writes a draft with its trainer's scope.
func (w *turnWriter) draft(ctx context.Context, e conversation.DraftCampaign) (act, error) {
	scope, err := trainerScope(ctx, w.tx, e.Learner)
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
	if e.To.Category != "" {
		audience.Categories = []string{e.To.Category}
	}
	if e.To.Tag != "" {
		audience.Tags = []string{e.To.Tag}
	}
	if e.To.Is != "" {
		audience.Progress = &bot.Progress{Course: e.To.Course, Is: bot.ProgressIs(e.To.Is)}
	}
	if e.Text == "" && e.File.ID == "" { // else it would wait for ever for a file
		return act{}, errors.New("a draft that says nothing")
	}
	kind := delivery.KindAnnouncement
	if e.Urgent {
		kind = delivery.KindUrgent
	}
	body := bot.Body{Text: e.Text}
	if e.Of != 0 {
		if body.Text, err = w.remindOf(ctx, e); err != nil {
			return act{}, err
		}
		kind, audience = delivery.KindReminder, bot.Audience{Unacked: bot.CampaignID(e.Of)}
	}
	due := fromMs(w.now)
	if !e.At.IsZero() {
		due = e.At
	}
	c := bot.Campaign{
		Key: e.Key, Kind: kind, Title: e.Title, Body: body, Audience: audience, Scope: scope,
		DueAt: due, Deadline: due.Add(chatCampaignLife), WantsAck: e.WantsAck, By: byLearner(e.Learner), Of: bot.CampaignID(e.Of),
	}
	id, made, err := w.s.draft(ctx, w.tx, fromMs(w.now), c)
	if err == nil && !made {
		err = errLost // the key is somebody else's: the message is a repeat of one that took effect
	}
	if err == nil && e.File.ID != "" {
		i := insert{table: "wanted_files", columns: strings.Fields("campaign_id channel platform_id kind")}
		i.add(int64(id), e.File.Channel, e.File.ID, string(e.File.Kind))
		err = i.exec(ctx, w.tx)
	}
	return campaignAct(fromMs(w.now), c.By, "create", id, string(kind)), err
}

// remindOf makes room for a reminder of the trainer's own campaign and returns what it says. A reminder
// of the same day that was never sent is given up for it, whoever began it; of one that was sent the
// turn knew nothing.
func (w *turnWriter) remindOf(ctx context.Context, e conversation.DraftCampaign) (text string, err error) {
	var body []byte
	var title string
	err = w.tx.QueryRowContext(ctx, "SELECT title, body FROM campaigns WHERE id = ? AND made_by = ? AND wants_ack = 1 AND of_id = 0", e.Of, byLearner(e.Learner)).Scan(&title, &body)
	if errors.Is(err, sql.ErrNoRows) {
		return "", errLost
	}
	var b bot.Body
	if err == nil {
		err = fromJSON(body, &b)
	}
	if err != nil {
		return "", err
	}
	var old int64
	var status bot.CampaignStatus
	err = w.tx.QueryRowContext(ctx, "SELECT id, status FROM campaigns WHERE request_key = ?"+w.s.forUpdate(), e.Key).Scan(&old, &status)
	switch {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return "", err
	case status != bot.CampaignDraft:
		return "", errLost
	default:
		if _, err := w.discard(ctx, byLearner(e.Learner), "m.id = ?", old); err != nil {
			return "", err
		}
	}
	return cmp.Or(b.Text, title), nil
}

// lockCampaign finds the one campaign that meets where and holds it to the end of the transaction;
// errLost when there is none in that status.
func (w *turnWriter) lockCampaign(ctx context.Context, status bot.CampaignStatus, where string, args ...any) (id bot.CampaignID, due int64, err error) {
	err = w.tx.QueryRowContext(ctx, "SELECT m.id, m.due_at FROM campaigns m WHERE m.status = ? AND "+where+w.s.forUpdate(), append([]any{string(status)}, args...)...).Scan(&id, &due)
	if errors.Is(err, sql.ErrNoRows) {
		err = errLost
	}
	return id, due, err
}

// amend changes a draft's time and its wish for acknowledgements. Another time needs another forecast.
func (w *turnWriter) amend(ctx context.Context, e conversation.AmendCampaign) (act, error) {
	id, due, err := w.lockCampaign(ctx, bot.CampaignDraft, mine, e.Key, byLearner(e.Learner))
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
	_, err = w.tx.ExecContext(ctx, query+" WHERE id = ?", e.WantsAck, to, to+chatCampaignLife.Milliseconds(), int64(id))
	return campaignAct(fromMs(w.now), byLearner(e.Learner), "amend", id, ""), err
}

// discard deletes a draft: nobody but its maker has seen it, and it must not stand among what was sent.
func (w *turnWriter) discard(ctx context.Context, actor, where string, args ...any) (act, error) {
	id, _, err := w.lockCampaign(ctx, bot.CampaignDraft, where, args...)
	for _, query := range []string{"DELETE FROM wanted_files WHERE campaign_id = ?", "DELETE FROM campaign_scopes WHERE campaign_id = ?", "DELETE FROM campaigns WHERE id = ?"} {
		if err == nil {
			_, err = w.tx.ExecContext(ctx, query, int64(id))
		}
	}
	return campaignAct(fromMs(w.now), actor, "discard", id, ""), err
}

// moveCampaign moves the one campaign that meets where from a status to another. One that goes out
// and whose hour has come takes its time from now.
func (w *turnWriter) moveCampaign(ctx context.Context, action, actor string, to, from bot.CampaignStatus, where string, args ...any) (act, error) {
	id, due, err := w.lockCampaign(ctx, from, where, args...)
	if err != nil {
		return act{}, err
	}
	query, now := "UPDATE campaigns SET status = ?", []any{string(to)}
	if to == bot.CampaignScheduled && due < w.now {
		query += ", due_at = ?, deadline_at = CASE WHEN request_key LIKE 'chat/%' THEN ? ELSE deadline_at END"
		now = append(now, w.now, w.now+chatCampaignLife.Milliseconds())
	}
	_, err = w.tx.ExecContext(ctx, query+" WHERE id = ?", append(now, int64(id))...)
	return campaignAct(fromMs(w.now), actor, action, id, string(to)), err
}
