package web

import (
	"context"
	"math"
	"net/http"
	"time"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/fault"
)

// MediaStore keeps pictures and sounds of announcements.
type MediaStore interface {
	PutMedia(ctx context.Context, now time.Time, actor string, m bot.Media) error
}

// uploadsPerMinute is how many pictures and sounds one key may upload: what nobody uses is only purged
// after a week.
const uploadsPerMinute = 6

// mediaPath takes longer requests than the others.
const mediaPath = "/api/v1/media"

// mediaRoutes is the upload of a picture or a sound.
func mediaRoutes() []route {
	return []route{
		{http.MethodPost, mediaPath, roleKey, (*api).uploadMedia},
	}
}

// mediaAnswer is what a campaign needs of an upload.
type mediaAnswer struct {
	ID    string `json:"id"`
	Kind  string `json:"kind"` // image or voice
	Bytes int    `json:"bytes"`
}

// uploadMedia takes the file as the body. What it is, its content says; the header Content-Type is not looked at.
func (a *api) uploadMedia(w http.ResponseWriter, r *request) error {
	if wait := a.pictures.take(r.holder.Name); wait > 0 {
		return fault.New(fault.Limited, "announce.api_limited", fault.A("seconds", int(math.Ceil(wait.Seconds()))))
	}
	data, err := r.content()
	if err != nil {
		return err
	}
	m, err := bot.NewMedia(data)
	if err != nil {
		return err
	}
	if err := a.o.Media.PutMedia(r.Context(), a.o.Now(), r.actor(), m); err != nil {
		return err
	}
	answer(w, http.StatusCreated, mediaAnswer{ID: m.ID, Kind: string(m.Kind), Bytes: len(data)})
	return nil
}
