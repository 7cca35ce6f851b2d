package bot

import (
	"context"
	"fmt"
	"time"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
)

// maxSteps is how often a turn is stepped anew after another replica was faster.
const maxSteps = 3

// HandleInbound answers one authenticated message. The reply is what may be shown: when it says
// that something is recorded, that has been committed (A1). When the work cannot be finished in
// time the reply says so truthfully, and nothing is lost. It returns within Options.Patience.
func (s *Service) HandleInbound(ctx context.Context, in channel.Inbound) channel.Message {
	arrived := time.Now() //nolint:forbidigo // a duration for the metrics, not a business time
	ctx, cancel := context.WithTimeout(ctx, s.o.Patience)
	defer cancel()
	if isReport(in) {
		return s.takeReport(ctx, in)
	}
	w := &waiter{ctx: ctx, in: in, reply: make(chan answer, 1)}
	if !s.line.join(w) {
		s.o.Metrics.turn("crowded", "refused")
		return s.sorry(in, "error.crowded")
	}
	select {
	case a := <-w.reply:
		s.o.Metrics.answered(time.Since(arrived))
		return a.message
	case <-ctx.Done():
	}
	if !w.abandon() {
		return (<-w.reply).message
	}
	s.o.Metrics.turn("late", "abandoned")
	return s.sorry(in, "error.late")
}

// sorry is the truthful short reply to somebody who waits for one; silence for the rest.
func (s *Service) sorry(in channel.Inbound, key string) channel.Message {
	switch in.Kind {
	case channel.KindText, channel.KindVoice, channel.KindImage, channel.KindTap, channel.KindScan, channel.KindFollow, channel.KindLocation:
		return channel.Text(s.o.Phrases.Say(key))
	default:
		return channel.Message{}
	}
}

// Sorry reports whether a reply is the one that asks to write again.
func (s *Service) Sorry(m channel.Message) bool {
	return m.Silent() || m.Text == s.o.Phrases.Say("error.crowded") || m.Text == s.o.Phrases.Say("error.late")
}

// lane serves batches until the line is closed and empty.
func (s *Service) lane(ctx context.Context) {
	for {
		batch := s.line.take(s.o.BatchSize)
		if batch == nil {
			return
		}
		s.serve(ctx, batch)
		s.line.release(batch)
	}
}

// serve brings a batch of different people's messages to their replies.
func (s *Service) serve(ctx context.Context, batch []*waiter) {
	todo := batch[:0:0]
	deadline := time.Time{}
	for _, w := range batch {
		if w.ctx.Err() != nil {
			continue // told "not recorded" while waiting: doing it now would make that untrue
		}
		if d, ok := w.ctx.Deadline(); ok && (deadline.IsZero() || d.Before(deadline)) {
			deadline = d
		}
		todo = append(todo, w)
	}
	if len(todo) == 0 {
		return
	}
	s.o.Metrics.batch(len(todo))
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			s.o.Metrics.failed("panic")
			s.o.Logger.Error("serving a batch", "people", len(todo), "panic", fmt.Sprint(p))
			for _, w := range todo {
				s.giveUp(w, false)
			}
		}
	}()
	todo = s.settleUnconfirmed(ctx, todo)
	turns := make([]*turn, len(todo))
	inbound := make([]channel.Inbound, len(todo))
	for i, w := range todo {
		inbound[i] = w.in
	}
	for i, c := range s.o.Cache.LoadConversations(ctx, inbound) {
		turns[i] = &turn{waiter: todo[i], cached: c}
	}
	for range maxSteps {
		if turns = open(turns); len(turns) == 0 {
			return
		}
		s.attempt(ctx, turns)
	}
	for _, t := range open(turns) {
		s.o.Logger.Warn("turn lost its state too often")
		s.giveUp(t.waiter, false)
	}
}

// turn is one message on its way through a batch.
type turn struct {
	*waiter
	cached *Snapshot
	loaded Loaded
	closed bool
}

func (t *turn) close(m channel.Message) bool {
	t.closed = true
	return t.finish(m)
}

func open(turns []*turn) []*turn {
	left := turns[:0:0]
	for _, t := range turns {
		if !t.closed {
			left = append(left, t)
		}
	}
	return left
}

// attempt loads, steps and commits the open turns once. Turns that lost their state stay open.
func (s *Service) attempt(ctx context.Context, turns []*turn) {
	now := s.o.Now()
	if err := s.load(ctx, now, turns); err != nil {
		s.o.Logger.Warn("loading turns", "people", len(turns), "err", err)
		for _, t := range turns {
			t.closed = true
			s.giveUp(t.waiter, false)
		}
		return
	}
	stepped, commits := s.step(turns)
	results := s.o.Store.CommitTurns(ctx, now, commits)
	saved := make([]CachedCommit, 0, len(results))
	for i, r := range results {
		if c, ok := s.conclude(stepped[i], commits[i], r); ok {
			saved = append(saved, c)
		}
	}
	// The cache must not delay a reply that is out already, but it must be written before the
	// same person's next message is taken, or that one would begin from a stale copy.
	s.o.Cache.SaveConversations(ctx, saved)
}

// load reads what the turns start from. Which facts a message needs depends on the question that is
// open; when that question's course version had to be fetched first, the facts are read again.
func (s *Service) load(ctx context.Context, now time.Time, turns []*turn) error {
	requests := make([]LoadRequest, len(turns))
	for i, t := range turns {
		requests[i] = LoadRequest{In: t.in, Cached: t.cached}
	}
	for again := false; ; again = true {
		core := s.core.Load()
		loaded, err := s.o.Store.LoadTurns(ctx, now, requests, core.engine.Need)
		if err != nil {
			return err
		}
		learned := false
		for i, t := range turns {
			t.loaded = loaded[i]
			if ref, ok := t.loaded.Snapshot.State.Ref(); ok && !t.loaded.Answered && core.library.Version(ref) == nil {
				if _, err := s.learnVersion(ctx, ref); err != nil {
					s.o.Logger.Error("loading the course version of an open lesson", "course", ref.Course, "err", err)
					continue // step gives this one up
				}
				learned = true
			}
		}
		if !learned || again {
			return nil
		}
	}
}

// step runs the engine for every turn that is not answered yet.
func (s *Service) step(turns []*turn) ([]*turn, []conversation.Turn) {
	stepped := make([]*turn, 0, len(turns))
	commits := make([]conversation.Turn, 0, len(turns))
	core := s.core.Load()
	for _, t := range turns {
		if t.loaded.Answered {
			s.o.Metrics.turn("repeat", "answered")
			t.close(t.loaded.Reply)
			continue
		}
		turn, err := core.step(&t.loaded, t.in)
		if err != nil {
			s.o.Metrics.failed("step")
			s.o.Logger.Error("stepping a turn", "mode", t.loaded.Snapshot.State.Mode, "err", err)
			t.closed = true
			s.giveUp(t.waiter, false)
			continue
		}
		stepped = append(stepped, t)
		commits = append(commits, turn)
	}
	return stepped, commits
}

// step calls the pure engine; a panic there is this one turn's failure (P1), and so is a lesson whose
// course version nobody has: marking by another version would be a guess.
func (c *core) step(l *Loaded, in channel.Inbound) (t conversation.Turn, err error) {
	if ref, ok := l.Snapshot.State.Ref(); ok && c.library.Version(ref) == nil {
		return t, fmt.Errorf("course %s is not known in version %s", ref.Course, ref.Version)
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the engine panicked: %v", p)
		}
	}()
	t = c.engine.Step(l.Snapshot.State, in, l.Facts)
	t.Identity, t.Seq = l.Snapshot.Identity, l.Snapshot.Seq
	return t, nil
}

// conclude gives the sender what the commit allows, and returns what the cache should know.
func (s *Service) conclude(t *turn, turn conversation.Turn, r Commit) (CachedCommit, bool) {
	s.o.Metrics.turn(turn.Topic, string(r.Verdict))
	switch r.Verdict {
	case CommitDone:
		s.follow(turn)
		if !t.close(r.Reply) {
			s.noteUnconfirmed(t.in)
		}
		c := CachedCommit{In: t.in}
		if cacheable(turn) {
			identity := t.loaded.Snapshot.Identity
			identity.ID = r.Identity
			c.Snapshot = &Snapshot{Identity: identity, State: turn.After, Seq: turn.Seq + 1}
		}
		return c, true
	case CommitRepeated:
		t.close(r.Reply)
	case CommitLost:
		t.cached = nil
	case CommitUncertain:
		s.o.Logger.Warn("a commit is uncertain", "topic", turn.Topic, "err", r.Err)
		t.closed = true
		s.giveUp(t.waiter, true)
	default:
		s.o.Logger.Warn("a commit failed", "topic", turn.Topic, "err", r.Err)
		t.closed = true
		s.giveUp(t.waiter, false)
	}
	return CachedCommit{}, false
}

// follow asks for what a turn wants done behind its reply; what is missed here is found a second later.
func (s *Service) follow(t conversation.Turn) {
	for _, e := range t.Effects {
		switch e := e.(type) {
		case conversation.DraftCampaign:
			if e.File.ID != "" {
				nudge(s.kickFiles)
			}
		case conversation.SendNotice:
			nudge(s.kick)
		}
	}
}

// cacheable reports whether the identity is the same after the turn as before it, so that the
// snapshot can be made without reading it again.
func cacheable(t conversation.Turn) bool {
	if t.Identity.ID == 0 {
		return false
	}
	for _, e := range t.Effects {
		switch e.(type) {
		case conversation.Follow, conversation.Unfollow, conversation.ShowNotice, conversation.Bind,
			conversation.Unbind, conversation.Switch, conversation.HandOver, conversation.Confirmed:
			return false
		}
	}
	return true
}

// giveUp tells the sender the truth: not recorded. uncertain says that it may have been recorded
// after all, which their next message must find out first (A5).
func (s *Service) giveUp(w *waiter, uncertain bool) {
	if uncertain {
		s.noteUnconfirmed(w.in)
	}
	w.finish(s.sorry(w.in, "error.late"))
}
