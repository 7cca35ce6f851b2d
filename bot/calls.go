package bot

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/study"
)

// block is how many calls of the day a replica takes from the shared count at a time: a hundredth of
// them, at least 200 and at most 5,000. Of few calls it is a tenth: one replica with all of them would leave
// none to the others, and take them with it when it is killed.
func block(limit int) int {
	if limit == 0 {
		return 5000
	}
	return max(1, min(max(limit/100, 200), 5000, limit/10))
}

const (
	// askQuotaEvery is how often the platform is asked for a way's quota.
	askQuotaEvery = time.Hour
	// askQuotaAgain is when it is asked once more after it could not be.
	askQuotaAgain = time.Minute
)

// book is this replica's share of the day's calls of one way (Q1: over all replicas together never
// more than the quota less the reserve).
type book struct {
	day   string
	left  int  // taken from the shared count and not used yet
	ahead int  // with rounds that give back what they do not use; not in left
	spent bool // the day's calls are used up, or others have them
	told  bool // the platform itself has said so
	limit int  // 0: none
	asked time.Time
}

// books are the calls of all ways of one account.
type books struct {
	asking sync.Mutex // one question about a quota at a time: nobody may act on an answer still to come
	mu     sync.Mutex
	way    map[channel.Way]*book
	said   map[channel.Way]int // the quota that the platform named last; it holds while the platform cannot be asked
}

// account is what the official account may use now.
func (s *Service) account(_ context.Context, now time.Time) delivery.Account {
	a := s.o.Account
	spent := maps.Clone(a.Spent)
	day := string(study.DayOf(now))
	s.books.mu.Lock()
	defer s.books.mu.Unlock()
	for _, r := range []delivery.Rung{delivery.RungLong, delivery.RungWindow, delivery.RungNotice, delivery.RungOnce, delivery.RungTemplate, delivery.RungMass} {
		if b := s.books.way[r.Way()]; b != nil && b.day == day && b.spent {
			if spent == nil {
				spent = map[delivery.Rung]bool{}
			}
			spent[r] = true
		}
	}
	a.Spent = spent
	return a
}

// permits says how many of the deliveries, from the first on, may be sent now: calls of the day and
// of the second. Those at the front share one way. It waits for the rate; 0 means that it must not
// wait longer. The calls are good for the day that it returns.
func (s *Service) permits(ctx context.Context, ready []ClaimedDelivery, since time.Time) (n int, day string) {
	way, account := ready[0].Rung.Way(), ready[0].To.Account
	n = 1
	for n < len(ready) && ready[n].Rung.Way() == way && ready[n].To.Account == account {
		n++
	}
	rate := s.o.Rates[way]
	for rate > 0 && s.o.Limiter != nil {
		granted, wait := s.o.Limiter.Allow(ctx, account+"/"+string(way), n, rate)
		if granted > 0 {
			n = granted
			break
		}
		if ctx.Err() != nil || s.resting() || time.Since(since)+wait > s.o.Lease-leaseMargin {
			return 0, ""
		}
		s.wait(ctx, wait)
	}
	return s.takeCalls(ctx, account, way, n)
}

// permitsAhead are calls of the day that were taken before anybody knew what for.
type permitsAhead struct {
	day   string
	taken map[channel.Way]int
}

// permitsAhead takes up to n calls of each way that has been used today and is held to no rate. What is
// not used of them is given back.
func (s *Service) permitsAhead(ctx context.Context, n int) permitsAhead {
	p := permitsAhead{day: s.day(), taken: map[channel.Way]int{}}
	s.books.mu.Lock()
	var ways []channel.Way
	for way, b := range s.books.way {
		if way != channel.WayMass && b.day == p.day && !b.spent && (s.o.Rates[way] == 0 || s.o.Limiter == nil) {
			ways = append(ways, way)
		}
	}
	s.books.mu.Unlock()
	slices.Sort(ways)
	for _, way := range ways {
		if taken, day := s.takeAhead(ctx, s.o.AccountName, way, n); day == p.day {
			p.taken[way] = taken
		}
	}
	return p
}

// takeAhead is takeCalls for whoever does not know yet how many are needed.
func (s *Service) takeAhead(ctx context.Context, account string, way channel.Way, n int) (taken int, day string) {
	return s.take(ctx, account, way, n, func(b *book, taken int) { b.ahead += taken })
}

func (p permitsAhead) left() map[channel.Way]int { return maps.Clone(p.taken) }

// giveBack returns what was not used for these calls.
func (p permitsAhead) giveBack(s *Service, used []ClaimedDelivery) {
	unused := p.left()
	for _, d := range used {
		unused[d.Rung.Way()]--
	}
	for way, n := range p.taken {
		s.books.mu.Lock()
		if b := s.books.way[way]; b != nil && b.day == p.day {
			b.ahead -= n
		}
		s.books.mu.Unlock()
		s.returnCalls(way, p.day, unused[way])
	}
}

// takeCalls takes up to n calls of the day that it returns.
func (s *Service) takeCalls(ctx context.Context, account string, way channel.Way, n int) (taken int, day string) {
	return s.take(ctx, account, way, n, func(*book, int) {})
}

// take takes up to n calls and tells note of them while the books are held.
func (s *Service) take(ctx context.Context, account string, way channel.Way, n int, note func(b *book, taken int)) (taken int, day string) {
	now := s.o.Now()
	day = dayOf(now)
	limit := s.dayLimit(ctx, way, now)
	s.books.mu.Lock()
	defer s.books.mu.Unlock()
	b := s.books.of(way, day)
	if b.spent {
		return 0, day
	}
	if b.left < n && mistake("quota of each replica") {
		b.left += n
	}
	if b.left < n {
		granted, err := s.o.Store.ReserveCalls(ctx, day, account, way, wanted(n, limit), limit)
		if err != nil {
			s.o.Logger.Warn("reserving calls of the day", "way", way, "err", err)
			return 0, day
		}
		b.left += granted
		// What a round has ahead it may give back: until then nobody knows that there are none.
		b.spent = b.left == 0 && b.ahead == 0
	}
	n = min(n, b.left)
	b.left -= n
	note(b, n)
	return n, day
}

// wanted is how many calls are taken from the shared count by who needs n: of few calls no more than a
// block, whoever needs how many.
func wanted(n, limit int) int {
	if limit > 0 {
		n = min(n, limit/10)
	}
	return max(block(limit), n)
}

func (b *books) of(way channel.Way, day string) *book {
	x := b.way[way]
	if x == nil || x.day != day { // what was left of yesterday is worth nothing
		x = &book{day: day}
		b.way[way] = x
	}
	return x
}

// dayLimit is how many calls of a way we allow ourselves today: what the platform says, or the
// configuration where it does not, less the reserve. 0 is no limit.
func (s *Service) dayLimit(ctx context.Context, way channel.Way, now time.Time) int {
	day := string(study.DayOf(now))
	s.books.asking.Lock()
	defer s.books.asking.Unlock()
	s.books.mu.Lock()
	b := s.books.of(way, day)
	limit, ask := b.limit, b.asked.IsZero() || now.Sub(b.asked).Abs() >= askQuotaEvery
	if ask {
		b.asked = now
	}
	s.books.mu.Unlock()
	if !ask {
		return limit
	}
	said, failed := 0, false
	for _, sender := range s.o.Senders {
		q, err := sender.Quota(ctx, way)
		if err != nil {
			s.o.Logger.Warn("asking the platform for the day's quota", "way", way, "err", err)
			failed = true
		} else if q.Limit > 0 {
			said = q.Limit
		}
	}
	s.books.mu.Lock()
	defer s.books.mu.Unlock()
	b = s.books.of(way, day)
	if failed { // what it said last is nearer to the truth than the configuration
		if said == 0 {
			said = s.books.said[way]
		}
		b.asked = now.Add(askQuotaAgain - askQuotaEvery)
	}
	limit = s.o.DayLimits[way]
	if said > 0 {
		limit, s.books.said[way] = said, said
	}
	if limit > 0 {
		limit = max(1, limit-Reserve(limit, s.o.DayReserve))
	}
	b.limit = limit
	return limit
}

// Reserve is how many calls of a day's quota are kept back: what the operator wants, but no more than
// a tenth, because some ways have a hundred calls a day and others a hundred thousand.
func Reserve(limit, wanted int) int { return min(wanted, limit/10) }

// returnCalls gives back n calls that were taken for a day and not made. Calls of a day that is over
// are worth nothing on the next one.
func (s *Service) returnCalls(way channel.Way, day string, n int) {
	s.books.mu.Lock()
	defer s.books.mu.Unlock()
	if b := s.books.way[way]; n > 0 && b != nil && b.day == day && !b.told {
		b.left += n
		b.spent = false
	}
}

// spend notes that the platform said the day's calls of a way are used up.
func (s *Service) spend(ctx context.Context, account string, way channel.Way) {
	day := string(study.DayOf(s.o.Now()))
	s.books.mu.Lock()
	b := s.books.of(way, day)
	first := !b.told
	b.spent, b.told, b.left = true, true, 0
	s.books.mu.Unlock()
	if !first {
		return
	}
	s.o.Logger.Error("the platform's quota of the day is used up", "way", way)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	if err := s.o.Store.SpendCalls(ctx, day, account, way); err != nil {
		s.o.Logger.Warn("noting a spent quota", "way", way, "err", err)
	}
}

// closeBooks gives the calls that this replica has taken and not used back to the others.
func (s *Service) closeBooks(ctx context.Context) {
	s.books.mu.Lock()
	defer s.books.mu.Unlock()
	for way, b := range s.books.way {
		if b.left == 0 {
			continue
		}
		if err := s.o.Store.ReturnCalls(ctx, b.day, s.o.AccountName, way, b.left); err != nil {
			s.o.Logger.Warn("returning calls of the day", "way", way, "err", err)
		}
		b.left = 0
	}
}
