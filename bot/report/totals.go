package report

import (
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// Totals is what stands below a list. NotBound + NotStarted + Learning + Complete + Away = Lines.
type Totals struct {
	Lines      int // 人次: one person in one course of one class
	Learners   int // 人数: different people
	Complete   int
	Learning   int
	NotStarted int
	NotBound   int
	Away       int // 退学 or 免修: not counted in Rate
	Hours      study.StudyHours
}

// Tally adds lines up to Totals. The zero value is empty. Every list's totals come from it, on
// screen and in files.
type Tally struct {
	Totals Totals
	seen   learnerSet
}

// Add counts one line.
func (c *Tally) Add(l *Line) {
	t := &c.Totals
	t.Lines++
	t.Hours += l.Hours
	if c.seen.add(l.Learner) {
		t.Learners++
	}
	switch l.Status {
	case Complete:
		t.Complete++
	case Learning:
		t.Learning++
	case NotBound:
		t.NotBound++
	case Away:
		t.Away++
	default:
		t.NotStarted++
	}
}

// Rate returns 完成率, the completed share of those who are not away, in tenths of a per cent,
// rounded down, so that 100.0 means everybody. It is 0 when nobody is expected to learn.
func (t Totals) Rate() int {
	expected := t.Lines - t.Away
	if expected <= 0 {
		return 0
	}
	return t.Complete * 1000 / expected
}

// learnerSet remembers learner numbers, which the database counts up from 1: one bit each, so
// 350,000 people take 44 KB. Numbers outside that range, which only a test invents, go to a map.
type learnerSet struct {
	bits []uint64
	far  map[people.LearnerID]struct{}
}

const maxNearLearner = 1 << 26

// add reports whether the number is new.
func (s *learnerSet) add(id people.LearnerID) bool {
	if id < 0 || id >= maxNearLearner {
		if s.far == nil {
			s.far = map[people.LearnerID]struct{}{}
		}
		_, known := s.far[id]
		s.far[id] = struct{}{}
		return !known
	}
	word, bit := int(id/64), uint64(1)<<(id%64)
	if word >= len(s.bits) {
		s.bits = append(s.bits, make([]uint64, word+1-len(s.bits)+1<<8)...)
	}
	known := s.bits[word]&bit != 0
	s.bits[word] |= bit
	return !known
}
