package bot

import (
	"context"

	"github.com/tiangeng/tiangeng/bot/channel"
)

// A sender was told "not recorded" and the commit may have happened after all, or did. Until the
// store has been told (or has said that there was no such commit) the address stands here, and its
// next message waits for that: otherwise a repeated "B" would be marked against the next question.

func (s *Service) noteUnconfirmed(in channel.Inbound) {
	s.unconfirmedMu.Lock()
	defer s.unconfirmedMu.Unlock()
	s.unconfirmed[in.From] = in
	s.o.Metrics.unconfirmed(len(s.unconfirmed))
}

func (s *Service) pendingUnconfirmed(of map[channel.Address]bool) []channel.Inbound {
	s.unconfirmedMu.Lock()
	defer s.unconfirmedMu.Unlock()
	if len(s.unconfirmed) == 0 {
		return nil
	}
	var list []channel.Inbound
	for from, in := range s.unconfirmed {
		if of == nil || of[from] {
			list = append(list, in)
		}
	}
	return list
}

func (s *Service) forgetUnconfirmed(list []channel.Inbound) {
	s.unconfirmedMu.Lock()
	defer s.unconfirmedMu.Unlock()
	for _, in := range list {
		if s.unconfirmed[in.From].Key == in.Key {
			delete(s.unconfirmed, in.From)
		}
	}
	s.o.Metrics.unconfirmed(len(s.unconfirmed))
}

// settleUnconfirmed marks the batch's unconfirmed senders before their new message is looked at,
// and returns who can go on.
func (s *Service) settleUnconfirmed(ctx context.Context, batch []*waiter) []*waiter {
	from := make(map[channel.Address]bool, len(batch))
	for _, w := range batch {
		from[w.in.From] = true
	}
	list := s.pendingUnconfirmed(from)
	if len(list) == 0 {
		return batch
	}
	if err := s.markUnconfirmed(ctx, list); err == nil {
		return batch
	}
	held := make(map[channel.Address]bool, len(list))
	for _, in := range list {
		held[in.From] = true
	}
	free := batch[:0:0]
	for _, w := range batch {
		if held[w.in.From] {
			s.giveUp(w, false)
			continue
		}
		free = append(free, w)
	}
	return free
}

func (s *Service) markUnconfirmed(ctx context.Context, list []channel.Inbound) error {
	if err := s.o.Store.MarkUnconfirmed(ctx, list); err != nil {
		return err
	}
	s.o.Cache.ForgetConversations(ctx, list)
	s.forgetUnconfirmed(list)
	return nil
}

// flushUnconfirmed tells the store of all of them, so that the other replicas know too.
func (s *Service) flushUnconfirmed(ctx context.Context) error {
	list := s.pendingUnconfirmed(nil)
	if len(list) == 0 {
		return nil
	}
	return s.markUnconfirmed(ctx, list)
}
