package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/fault"
)

// PutMedia stores a picture or sound once.
func (s *Store) PutMedia(ctx context.Context, now time.Time, m bot.Media) error {
	i := insert{table: "media", columns: []string{"id", "kind", "name", "content", "created_at"}, tail: s.orIgnore("created_at")}
	i.add(m.ID, string(m.Kind), cut(m.Name, 200), m.Content, toMs(now))
	if err := i.exec(ctx, s.writer()); err != nil {
		return fmt.Errorf("storing media: %w", plain(err))
	}
	return nil
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
