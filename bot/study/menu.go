package study

import (
	"slices"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/content"
)

// MenuLimit says which courses a unit leaves in the menu of its people. What a unit closes stays closed
// below it.
type MenuLimit struct {
	Unit    people.OrgCode `json:"unit"`
	Only    bool           `json:"only"`    // Courses are all that is left; if not, they are what is taken out
	Courses []string       `json:"courses"` // ids
}

// MaxMenuCourses is how many courses one limit may name.
const MaxMenuCourses = 2000

// Check refuses a limit that names a course which is not there, or nothing at all.
func (m MenuLimit) Check(c *Catalogue) error {
	if m.Unit.Level() == people.LevelNone {
		return fault.New(fault.Invalid, "order.unit_bad", fault.A("unit", m.Unit))
	}
	if len(m.Courses) > MaxMenuCourses || m.Only && len(m.Courses) == 0 {
		return fault.New(fault.Invalid, "order.limit_bad", fault.A("limit", MaxMenuCourses))
	}
	for _, id := range m.Courses {
		if c.Course(id) == nil {
			return fault.New(fault.NotFound, "order.no_course", fault.A("course", id))
		}
	}
	return nil
}

// leaves reports whether the limit leaves the course to people of a unit.
func (m MenuLimit) leaves(course string, unit people.OrgCode) bool {
	return !m.Unit.Contains(unit) || m.Only == slices.Contains(m.Courses, course)
}

// Offer is a course in somebody's menu, and what it is to that person.
type Offer struct {
	Course *content.Course
	Tier   content.Tier
}

// Menu is what somebody may order (培训菜单): first required, then core, then elective courses, each by the
// sound of its title.
type Menu []Offer

// Menu is the menu of a person. Without a known unit there are common courses only.
func (c *Catalogue) Menu(p people.Learner, limits []MenuLimit) Menu {
	if c == nil {
		return nil
	}
	replaced := map[string]bool{}
	var byTier [3]Menu
	for _, x := range c.courses {
		place := slices.Index(tierOrder, x.TierFor(p.Category))
		if place < 0 || !x.IsFor(string(p.Unit)) || slices.ContainsFunc(limits, func(m MenuLimit) bool { return !m.leaves(x.ID, p.Unit) }) {
			continue
		}
		if x.Replaces != "" {
			replaced[x.Replaces] = true
		}
		byTier[place] = append(byTier[place], Offer{x, tierOrder[place]})
	}
	all := slices.Concat(byTier[:]...)
	return slices.DeleteFunc(all, func(o Offer) bool { return replaced[o.Course.ID] })
}

var tierOrder = []content.Tier{content.TierRequired, content.TierCore, content.TierElective}

// Offer is the place of a course in the menu; false when it is not in it.
func (m Menu) Offer(course string) (Offer, bool) {
	for _, o := range m {
		if o.Course.ID == course {
			return o, true
		}
	}
	return Offer{}, false
}

// Search leaves of a menu what fits a query, the best first.
func (m Menu) Search(c *Catalogue, query string) Menu {
	var out Menu
	found := c.Search(query)
	if len(found) == 0 {
		return nil
	}
	offers := make(map[string]Offer, len(m))
	for _, o := range m {
		offers[o.Course.ID] = o
	}
	for _, f := range found {
		if o, ok := offers[f.Course.ID]; ok {
			out = append(out, o)
		}
	}
	return out
}

// CourseHours are the hours that a course gives who passes it: of its lessons and its test.
func (r CreditRule) CourseHours(c *content.Course) StudyHours {
	sum := r.Test
	for i := range c.Lessons {
		sum += r.Lesson(c.Lessons[i].Seconds)
	}
	return sum
}
