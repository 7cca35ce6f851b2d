package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
)

// ClaimFiles takes files that drafts wait for and whose time has come, those first that came first. Each is put off
// by a compare-and-set, so that of two replicas one fetches it.
func (s *Store) ClaimFiles(ctx context.Context, now, until time.Time, limit int) (list []bot.WantedFile, err error) {
	type row struct {
		bot.WantedFile
		next int64
	}
	var due []row
	err = each(ctx, s.reads, func(rows *sql.Rows) error {
		var r row
		err := rows.Scan(&r.Campaign, &r.By, &r.Title, &r.File.Channel, &r.File.ID, &r.File.Kind, &r.Tries, &r.next)
		due = append(due, r)
		return err
	}, `SELECT w.campaign_id, c.made_by, c.title, w.channel, w.platform_id, w.kind, w.tries, w.next_at FROM wanted_files w JOIN campaigns c ON c.id = w.campaign_id
		WHERE w.problem = '' AND w.next_at <= ? AND c.status = 'draft' ORDER BY w.next_at, w.campaign_id LIMIT ?`, toMs(now), limit)
	for _, r := range due {
		if err != nil {
			break
		}
		var result sql.Result
		result, err = s.db.ExecContext(ctx, "UPDATE wanted_files SET next_at = ?, tries = tries + 1 WHERE campaign_id = ? AND next_at = ? AND tries = ? AND problem = ''",
			toMs(until), int64(r.Campaign), r.next, r.Tries)
		if err != nil {
			break
		}
		var n int64
		if n, err = result.RowsAffected(); n == 1 {
			r.Tries++
			list = append(list, r.WantedFile)
		}
	}
	if err != nil {
		return list, fmt.Errorf("claiming files to fetch: %w", plain(err))
	}
	return list, nil
}

// KeepFile stores a fetched file and makes it the content of the draft that waits for it; false when none does.
func (s *Store) KeepFile(ctx context.Context, now time.Time, id bot.CampaignID, m bot.Media) (kept bool, err error) {
	body, err := json.Marshal(bot.Body{Media: m.ID})
	if err != nil {
		return false, fmt.Errorf("keeping a file: %w", err)
	}
	err = s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		q := under(tx)
		var by string
		err := q.QueryRowContext(ctx, "SELECT m.made_by FROM campaigns m WHERE m.id = ? AND m.status = 'draft' AND m.body = '"+saysNothing+"'"+s.forUpdate(), int64(id)).Scan(&by)
		kept = err == nil
		if errors.Is(err, sql.ErrNoRows) {
			return nil // given up meanwhile, or another replica was faster
		}
		if err == nil {
			err = s.putMedia(ctx, tx, now, by, m)
		}
		if err == nil { // a forecast that was asked for meanwhile is counted anew, and told
			_, err = q.ExecContext(ctx, "UPDATE campaigns SET body = ?, forecast = '' WHERE id = ?", string(body), int64(id))
		}
		if err == nil {
			_, err = q.ExecContext(ctx, "DELETE FROM wanted_files WHERE campaign_id = ?", int64(id))
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("keeping a file: %w", err)
	}
	return kept, nil
}

// DropFile notes why a file will not come; false when that is known already or nobody waits.
func (s *Store) DropFile(ctx context.Context, id bot.CampaignID, why conversation.FileProblem) (bool, error) {
	r, err := s.db.ExecContext(ctx, "UPDATE wanted_files SET problem = ?, platform_id = '' WHERE campaign_id = ? AND problem = ''", string(why), int64(id))
	if err != nil {
		return false, fmt.Errorf("giving up a file: %w", plain(err))
	}
	n, err := r.RowsAffected()
	return n == 1, err
}

// RetryFile says when a file is looked for again.
func (s *Store) RetryFile(ctx context.Context, id bot.CampaignID, at time.Time) error {
	if _, err := s.db.ExecContext(ctx, "UPDATE wanted_files SET next_at = ? WHERE campaign_id = ? AND problem = ''", toMs(at), int64(id)); err != nil {
		return fmt.Errorf("putting off a file: %w", plain(err))
	}
	return nil
}

// sendNotices sends the pictures and recordings of announcements behind the replies: to those whom they are addressed to,
// and to trainers who are asked to release them.
func (w *turnWriter) sendNotices(ctx context.Context) error {
	for _, e := range w.shows {
		scope, err := trainerScope(ctx, w.tx, e.Learner) // of whoever is no trainer: sees nothing
		if err != nil && !errors.Is(err, errLost) {
			return fmt.Errorf("sending an announcement again: %w", err)
		}
		seen, args := visible(scope)
		var title string
		var body []byte
		err = w.tx.QueryRowContext(ctx, `SELECT m.title, m.body FROM campaigns m WHERE m.id = ? AND (m.status = 'awaiting' AND `+seen+`
			OR m.status <> 'draft' AND EXISTS (SELECT 1 FROM deliveries d WHERE d.campaign_id = m.id AND d.learner_id = ?))`,
			append(append([]any{e.Campaign}, args...), int64(e.Learner))...).Scan(&title, &body)
		var b bot.Body
		if err == nil {
			err = fromJSON(body, &b)
		}
		if errors.Is(err, sql.ErrNoRows) || err == nil && b.Media == "" {
			continue
		}
		if err == nil {
			err = w.sendBehind(ctx, fromMs(w.now), e.Key, title, bot.Body{Media: b.Media}, e.Learner)
		}
		if err != nil {
			return fmt.Errorf("sending an announcement again: %w", err)
		}
	}
	return nil
}

// mediaKinds are the kinds of stored pictures and recordings.
func mediaKinds(ctx context.Context, q querier, ids map[string]channel.MessageKind) error {
	if len(ids) == 0 {
		return nil
	}
	return each(ctx, q, func(rows *sql.Rows) error {
		var id string
		var kind channel.MessageKind
		err := rows.Scan(&id, &kind)
		ids[id] = kind
		return err
	}, "SELECT id, kind FROM media WHERE id IN "+marks(len(ids)), keysOf(ids)...)
}
