package bot

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/delivery"
)

// uploads is a store with one picture, and a platform that knows only the last upload since it forgot.
type uploads struct {
	Store
	Sender
	kept    Media
	made    int
	forgets bool
}

func (u *uploads) Media(context.Context, string) (Media, error) { return u.kept, nil }

func (u *uploads) MediaUploaded(_ context.Context, _, platformID string, at time.Time) error {
	u.kept.PlatformID, u.kept.UploadedAt = platformID, at
	return nil
}

func (u *uploads) UploadMedia(context.Context, channel.MessageKind, string, []byte) (string, error) {
	u.made++
	u.forgets = false
	return fmt.Sprint("upload ", u.made), nil
}

func (u *uploads) Send(_ context.Context, out channel.Outbound) channel.Outcome {
	if u.forgets || out.Message.Media != u.kept.PlatformID {
		return channel.Outcome{Verdict: channel.Refused, Class: channel.ClassCampaign, Code: 40007, Reason: "media_invalid"}
	}
	return channel.Outcome{Verdict: channel.Accepted}
}

func (*uploads) PauseCampaign(context.Context, time.Time, CampaignID, string, time.Time) error {
	return nil
}

// The platform has lost an upload before its three days were over: the next call has it uploaded anew,
// instead of naming the lost one until the campaign's time is over (wechat-protocol §5).
func TestAnUploadThatThePlatformHasLostIsMadeAnew(t *testing.T) {
	t.Parallel()
	ctx, now := t.Context(), time.Date(2026, 3, 2, 2, 0, 0, 0, time.UTC)
	u := &uploads{kept: Media{ID: "m", Kind: channel.MessageImage}}
	o := Options{Store: u, Senders: map[string]Sender{"test": u}, Now: func() time.Time { return now }}
	o.setDefaults()
	s := &Service{o: o, media: map[string]Media{}, stops: stops{until: map[CampaignID]time.Time{}, inARow: map[CampaignID]int{}}, books: books{way: map[channel.Way]*book{}, said: map[channel.Way]int{}}}
	d := ClaimedDelivery{
		ID: 1, Attempt: 1, Kind: delivery.KindAnnouncement, Rung: delivery.RungWindow, Body: Body{Media: "m"}, To: channel.Address{Channel: "test"}, Deadline: now.Add(time.Hour),
		Facts: delivery.Facts{Bound: true, Following: true, Due: true, TypedAt: now},
	}
	for i, want := range []delivery.State{delivery.Accepted, delivery.Accepted, delivery.Pending, delivery.Accepted} {
		u.forgets = i == 2
		if got := s.call(ctx, d, func() bool { return true }, func() {}); got.Settlement.To != want {
			t.Errorf("call %d: %s, want %s", i+1, got.Settlement.To, want)
		}
	}
	if u.made != 2 {
		t.Errorf("%d uploads, want 2", u.made)
	}
}
