package study

import (
	"cmp"
	"iter"
	"slices"
	"time"

	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/content"
)

// HelpReason is why somebody may need a trainer's help.
type HelpReason string

// The reasons.
const (
	HelpUnbound HelpReason = "never_bound" // on the roster, and no phone has ever been bound
	HelpBehind  HelpReason = "behind"      // lessons are released and not learned
	HelpFailed  HelpReason = "failed"      // the same item was wrong twice and never right since
)

// HelpRule says from when on somebody is listed. The zero value takes the defaults named here.
type HelpRule struct {
	Behind int // released lessons that are not complete; 0: 3
	Failed int // times the same item was wrong; 0: 2
}

// Stuck is an item that somebody got wrong, with no right answer since.
type Stuck struct {
	Course string `json:"course"`
	Lesson string `json:"lesson"`
	Item   string `json:"item"`
	Wrong  int    `json:"wrong"` // times
}

// Followed is what is known of one person on the roster for the list of those who need help.
type Followed struct {
	Learner people.Learner
	Bound   bool // a phone has been bound at some time
	Places  []FollowedPlace
	Stuck   []Stuck
}

// FollowedPlace is an active place in a class with what is done there.
type FollowedPlace struct {
	Enrolment
	Done []Done
}

// Help is one person of the list, with every reason. It has no place in an order of merit: the list
// is sorted by unit and name, and carries no rank, no score and no time online.
type Help struct {
	Learner people.Learner `json:"learner"`
	Reasons []HelpReason   `json:"reasons"`
	Behind  int            `json:"behind"` // released lessons that are not complete, in all classes
	Stuck   []Stuck        `json:"stuck"`
	LastAt  time.Time      `json:"lastAt"` // last completed lesson, UTC; zero for never
}

// Teacher is what the rule must know of courses and days.
type Teacher struct {
	Course   func(id string) *content.Course // in its current version; nil when there is none
	Calendar Calendar
	Now      time.Time
}

// NeedsHelp says whether a person needs help, and why. Who never bound a phone is listed for that
// alone: everything else follows from it. A year that is missing from the calendar is an error.
func NeedsHelp(f Followed, teacher Teacher, rule HelpRule) (Help, bool, error) {
	h := Help{Learner: f.Learner, Reasons: []HelpReason{}, Stuck: []Stuck{}}
	if !f.Bound {
		h.Reasons = append(h.Reasons, HelpUnbound)
		return h, true, nil
	}
	least, times := cmp.Or(rule.Behind, 3), cmp.Or(rule.Failed, 2)
	most := 0
	for _, p := range f.Places {
		for _, d := range p.Done {
			if d.At.After(h.LastAt) {
				h.LastAt = d.At
			}
		}
		if p.Status != Active || p.Cohort.Ordered() { // whoever ordered a course takes the time they like
			continue
		}
		behind, err := p.behind(teacher)
		if err != nil {
			return h, false, err
		}
		h.Behind += behind
		most = max(most, behind)
	}
	if most >= least {
		h.Reasons = append(h.Reasons, HelpBehind)
	}
	for _, s := range f.Stuck {
		if s.Wrong >= times {
			h.Stuck = append(h.Stuck, s)
		}
	}
	if len(h.Stuck) > 0 {
		h.Reasons = append(h.Reasons, HelpFailed)
	}
	return h, len(h.Reasons) > 0, nil
}

func (p FollowedPlace) behind(teacher Teacher) (int, error) {
	var courses []*content.Course
	for _, id := range p.Cohort.Courses {
		if c := teacher.Course(id); c != nil {
			courses = append(courses, c)
		}
	}
	if len(courses) == 0 {
		return 0, nil // a class that only meets
	}
	released, err := Released(p.Cohort.Schedule, teacher.Calendar, p.Since, DayOf(teacher.Now), teacher.Now)
	if err != nil {
		return 0, err
	}
	return ProgressOf(courses, p.Done, released).Behind, nil
}

// SortHelp puts a list in its order: unit, name, number.
func SortHelp(list []Help) {
	slices.SortFunc(list, func(a, b Help) int {
		return cmp.Or(cmp.Compare(a.Learner.Unit, b.Learner.Unit), cmp.Compare(a.Learner.Name, b.Learner.Name), cmp.Compare(a.Learner.ID, b.Learner.ID))
	})
}

// HelpList keeps those who need help, in the order they come, and of these, where reason is not "", those
// listed for it. It ends with the first error.
func HelpList(all iter.Seq2[Followed, error], teacher Teacher, rule HelpRule, reason HelpReason) iter.Seq2[Help, error] {
	return func(yield func(Help, error) bool) {
		for f, err := range all {
			var h Help
			listed := err == nil
			if err == nil {
				h, listed, err = NeedsHelp(f, teacher, rule)
			}
			switch {
			case err != nil:
				yield(Help{}, err)
				return
			case !listed, reason != "" && !slices.Contains(h.Reasons, reason):
			case !yield(h, nil):
				return
			}
		}
	}
}
