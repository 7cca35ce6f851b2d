package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/fault"
)

// PutMedia stores a picture or sound once. Again it is kept from the purge for as long as a new one.
func (s *Store) PutMedia(ctx context.Context, now time.Time, actor string, m bot.Media) error {
	err := s.transact(ctx, s.orm, func(tx *gorm.DB) error { return s.putMedia(ctx, tx, now, actor, m) })
	if err != nil {
		return fmt.Errorf("storing media: %w", err)
	}
	return nil
}

func (s *Store) putMedia(ctx context.Context, tx *gorm.DB, now time.Time, actor string, m bot.Media) error {
	i := insert{table: "media", columns: []string{"id", "kind", "name", "content", "created_at"}, tail: s.upsert("id", "created_at")}
	i.add(m.ID, string(m.Kind), cut(m.Name, 200), m.Content, toMs(now))
	if err := i.exec(ctx, under(tx)); err != nil {
		return err
	}
	return appendAudit(ctx, s, tx, act{At: now, Actor: actor, Action: "media.put", Object: m.Name, Result: fmt.Sprintf("%s, %d bytes", m.Kind, len(m.Content))})
}

// HasMedia reports whether a picture or sound is stored; fault.NotFound when it is not.
func (s *Store) HasMedia(ctx context.Context, id string) error {
	var n int
	if err := s.reads.QueryRowContext(ctx, "SELECT COUNT(*) FROM media WHERE id = ?", id).Scan(&n); err != nil {
		return fmt.Errorf("looking for media: %w", plain(err))
	}
	if n == 0 {
		return fault.New(fault.NotFound, "campaign.no_media")
	}
	return nil
}

// mediaKept is how long a picture or sound is kept that no campaign says.
const mediaKept = 7 * 24 * time.Hour

// purgeMedia deletes what was uploaded and never used.
func (s *Store) purgeMedia(ctx context.Context, now time.Time) (int64, error) {
	// There are few, and campaigns that say one are found by the text: this runs once a day.
	r, err := s.db.ExecContext(ctx, "DELETE FROM media WHERE created_at < ? AND NOT EXISTS (SELECT 1 FROM campaigns c WHERE INSTR(c.body, media.id) > 0)", toMs(now.Add(-mediaKept)))
	if err == nil {
		_, err = s.db.ExecContext(ctx, "DELETE FROM wanted_files WHERE NOT EXISTS (SELECT 1 FROM campaigns c WHERE c.id = wanted_files.campaign_id AND c.status = 'draft')")
	}
	if err != nil {
		return 0, fmt.Errorf("purging media: %w", plain(err))
	}
	return r.RowsAffected()
}

// Media returns one with its content.
func (s *Store) Media(ctx context.Context, id string) (bot.Media, error) {
	m := bot.Media{ID: id}
	var at int64
	err := s.reads.QueryRowContext(ctx, "SELECT kind, name, content, platform_id, uploaded_at FROM media WHERE id = ?", id).Scan(&m.Kind, &m.Name, &m.Content, &m.PlatformID, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return bot.Media{}, fault.New(fault.NotFound, "campaign.no_media")
	}
	if err != nil {
		return bot.Media{}, fmt.Errorf("reading media: %w", plain(err))
	}
	m.UploadedAt = fromMs(at)
	return m, nil
}

// MediaUploaded notes the platform's id; an older upload does not replace a newer one.
func (s *Store) MediaUploaded(ctx context.Context, id, platformID string, at time.Time) error {
	_, err := s.db.ExecContext(ctx, "UPDATE media SET platform_id = ?, uploaded_at = ? WHERE id = ? AND uploaded_at <= ?", cut(platformID, 200), toMs(at), id, toMs(at))
	if err != nil {
		return fmt.Errorf("noting an upload: %w", plain(err))
	}
	return nil
}
