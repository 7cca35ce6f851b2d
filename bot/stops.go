package bot

import (
	"context"
	"sync"
	"time"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/delivery"
)

// How many refusals of our own making, one after the other, stop a campaign: its content is wrong
// for everybody (reliability §5.4).
const (
	poisonOurs     = 20
	poisonUnlisted = 50
)

// stops remembers what the platform made us stop, and how often a campaign was refused in a row.
type stops struct {
	mu     sync.Mutex
	until  map[CampaignID]time.Time
	inARow map[CampaignID]int
}

// stopped reports whether a campaign rests because of what the platform said to this replica.
func (s *Service) stopped(id CampaignID) bool {
	s.stops.mu.Lock()
	defer s.stops.mu.Unlock()
	until, ok := s.stops.until[id]
	if left := until.Sub(s.o.Now()); ok && (left <= 0 || left > stopPause) { // more: see resting
		delete(s.stops.until, id)
		return false
	}
	return ok
}

// heed acts on what an answer means for more than one delivery.
func (s *Service) heed(ctx context.Context, d ClaimedDelivery, t delivery.Settlement) {
	o := t.Outcome
	if o.Reason == delivery.ReasonQuotaSpent {
		s.spend(ctx, d.To.Account, d.Rung.Way())
		return
	}
	if t.StopCampaign {
		if o.Class == channel.ClassOperator || o.Verdict == channel.Unsent {
			s.pausedUntil.Store(s.o.Now().Add(stopPause).UnixMilli())
			s.o.Logger.Error("the platform refuses this account: sending rests", "errcode", o.Code, "reason", o.Reason, "rid", o.RequestID, "minutes", stopPause.Minutes())
			return
		}
		s.pause(ctx, d.Campaign, o, s.o.Now().Add(stopPause))
		return
	}
	if s.poisoned(d.Campaign, o) {
		s.pause(ctx, d.Campaign, o, time.Time{})
	}
}

// poisoned counts refusals that are about our request, not about a person.
func (s *Service) poisoned(id CampaignID, o channel.Outcome) bool {
	s.stops.mu.Lock()
	defer s.stops.mu.Unlock()
	limit := 0
	switch {
	case o.Verdict == channel.Accepted:
		delete(s.stops.inARow, id)
		return false
	case o.Verdict != channel.Refused:
		return false
	case o.Class == channel.ClassOurs:
		limit = poisonOurs
	case o.Class == channel.ClassNone:
		limit = poisonUnlisted
	default:
		return false
	}
	s.stops.inARow[id]++
	if s.stops.inARow[id] < limit {
		return false
	}
	delete(s.stops.inARow, id)
	return true
}

// pause stops one campaign on all replicas; until zero means: until somebody resumes it.
func (s *Service) pause(ctx context.Context, id CampaignID, o channel.Outcome, until time.Time) {
	local := until
	if local.IsZero() {
		local = s.o.Now().Add(stopPause)
	}
	s.stops.mu.Lock()
	_, already := s.stops.until[id]
	s.stops.until[id] = local
	s.stops.mu.Unlock()
	if already {
		return
	}
	s.o.Metrics.failed("campaign")
	s.o.Logger.Error("the platform refuses a campaign: it rests", "campaign", id, "errcode", o.Code, "reason", o.Reason, "rid", o.RequestID)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	if err := s.o.Store.PauseCampaign(ctx, s.o.Now(), id, o.Reason, until); err != nil {
		s.o.Logger.Error("pausing a campaign", "campaign", id, "err", err)
	}
}
