package bot

import (
	"context"
	"testing"
	"time"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/delivery"
)

// What the platform made us stop rests five minutes, not five minutes and as far as the clock is set back.
func TestRestsEndWhenTheClockIsSetBack(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 2, 0, 0, 0, time.UTC)
	o := Options{Store: &pausing{}, Now: func() time.Time { return now }}
	o.setDefaults()
	s := &Service{o: o, stops: stops{until: map[CampaignID]time.Time{}, inARow: map[CampaignID]int{}}}
	heed := func(id CampaignID, class channel.Class) {
		s.heed(t.Context(), ClaimedDelivery{Campaign: id}, delivery.Settlement{StopCampaign: true, Outcome: channel.Outcome{Verdict: channel.Refused, Class: class}})
	}
	heed(1, channel.ClassCampaign)
	heed(2, channel.ClassOperator)
	now = now.Add(stopPause - time.Second)
	if !s.stopped(1) || s.stopped(2) || !s.resting() {
		t.Errorf("campaign 1 rests: %v, campaign 2: %v, all: %v", s.stopped(1), s.stopped(2), s.resting())
	}
	now = now.Add(-time.Hour)
	if s.stopped(1) || s.resting() {
		t.Errorf("an hour back, campaign 1 rests: %v, all: %v", s.stopped(1), s.resting())
	}
}

// pausing is a store that takes pauses.
type pausing struct{ Store }

func (*pausing) PauseCampaign(context.Context, time.Time, CampaignID, string, time.Time) error {
	return nil
}
