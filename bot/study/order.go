package study

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/tiangeng/tiangeng/bot/fault"
)

// OrderState is how far an ordered course (点单) has got.
type OrderState string

// The states. Each says who leaves it: waiting by a drop, or when its turn comes; running by a drop, or when
// the course is completed; dropped when it is ordered again; done by nobody.
const (
	OrderWaiting OrderState = "waiting"
	OrderRunning OrderState = "running"
	OrderDone    OrderState = "done"
	OrderDropped OrderState = "dropped"
)

// Order is a course that somebody ordered from the menu.
type Order struct {
	Course    string
	State     OrderState
	Enrolment EnrolmentID // place in the course's own class; 0 while it never ran
	By        string      // who ordered it for the person, as in the audit; "" for the person
	Ordered   Day
}

// ClassCourse is a course that a class of somebody's teaches and the person has not completed.
type ClassCourse struct {
	Enrolment EnrolmentID
	Course    string
	Class     string // name
	Begun     bool   // the person has answered something of it, and the place is active
}

// Queue is what somebody has ordered, and what stands before it.
type Queue struct {
	Orders    []Order       // waiting ones in their turn
	Classes   []ClassCourse // of places that are active or paused, in classes that have not ended
	Completed []string      // courses that were completed in any class
}

// MaxWaiting is how many courses may wait at a time.
const MaxWaiting = 10

// OrderAct is what is done with a queue.
type OrderAct string

// The acts. Each is followed by the start of what may start now.
const (
	OrderPlace   OrderAct = "place"   // order a course
	OrderDrop    OrderAct = "drop"    // give it up (退单)
	OrderFirst   OrderAct = "first"   // let it be the next of those that wait
	OrderAdvance OrderAct = "advance" // only see whether one may start
)

// Order returns the order of a course; false when there is none.
func (q Queue) Order(course string) (Order, bool) {
	i := q.at(course)
	if i < 0 {
		return Order{}, false
	}
	return q.Orders[i], true
}

func (q Queue) at(course string) int {
	return slices.IndexFunc(q.Orders, func(o Order) bool { return o.Course == course })
}

// In are the orders in a state, in their turn.
func (q Queue) In(state OrderState) []Order {
	var out []Order
	for _, o := range q.Orders {
		if o.State == state {
			out = append(out, o)
		}
	}
	return out
}

// Running are the courses that an order waits for: the one that was ordered before and runs, and those of
// classes that the person has begun. What nobody has begun holds nothing up.
func (q Queue) Running() []ClassCourse {
	var out []ClassCourse
	for _, o := range q.Orders {
		if o.State == OrderRunning {
			out = append(out, ClassCourse{Enrolment: o.Enrolment, Course: o.Course, Begun: true})
		}
	}
	for _, c := range q.Classes {
		if c.Begun {
			out = append(out, c)
		}
	}
	return out
}

// Class is the class that teaches a course to the person anyway; false when none does.
func (q Queue) Class(course string) (ClassCourse, bool) {
	for _, c := range q.Classes {
		if c.Course == course {
			return c, true
		}
	}
	return ClassCourse{}, false
}

// Complete returns the queue when a course was completed in a place.
func (q Queue) Complete(place EnrolmentID, course string) Queue {
	q.Orders = slices.Clone(q.Orders)
	for i := range q.Orders {
		if o := &q.Orders[i]; o.Enrolment == place && o.Course == course {
			o.State = OrderDone // also one that was dropped while its last question was open
		}
	}
	q.Classes = slices.DeleteFunc(slices.Clone(q.Classes), func(c ClassCourse) bool { return c.Enrolment == place && c.Course == course })
	q.Completed = append(slices.Clone(q.Completed), course)
	return q
}

// Do does one act and then starts the course whose turn it is: the first that waits, when nothing runs. gone
// are courses that nobody teaches any more; their turn does not come. started is "" when none starts.
// What cannot be done is a fault.Conflict or fault.NotFound, and changes nothing.
func (q Queue) Do(act OrderAct, course string, day Day, by string, gone []string) (after Queue, started string, err error) {
	after = q
	after.Orders = slices.Clone(q.Orders)
	switch act {
	case OrderPlace:
		err = after.place(course, day, by)
	case OrderDrop:
		err = after.drop(course)
	case OrderFirst:
		err = after.first(course)
	case OrderAdvance:
	}
	if err != nil {
		return q, "", err
	}
	if len(after.Running()) > 0 {
		return after, "", nil
	}
	for i := range after.Orders {
		if o := &after.Orders[i]; o.State == OrderWaiting && !slices.Contains(gone, o.Course) {
			if _, taught := after.Class(o.Course); taught || slices.Contains(after.Completed, o.Course) {
				o.State = OrderDropped // a class has taken it up since
				continue
			}
			o.State = OrderRunning
			return after, o.Course, nil
		}
	}
	return after, "", nil
}

func (q *Queue) place(course string, day Day, by string) error {
	i := q.at(course)
	_, taught := q.Class(course)
	name := fault.A("course", course)
	switch {
	case slices.Contains(q.Completed, course) || i >= 0 && q.Orders[i].State == OrderDone:
		return fault.New(fault.Conflict, "order.done_already", name)
	case i >= 0 && q.Orders[i].State != OrderDropped:
		return fault.New(fault.Conflict, "order.ordered_already", name)
	case taught:
		return fault.New(fault.Conflict, "order.in_class", name)
	case len(q.In(OrderWaiting)) >= MaxWaiting:
		return fault.New(fault.Conflict, "order.full", fault.A("limit", MaxWaiting))
	}
	o := Order{Course: course, State: OrderWaiting, By: by, Ordered: day}
	if i >= 0 {
		o.Enrolment = q.Orders[i].Enrolment
		q.Orders = slices.Delete(q.Orders, i, i+1)
	}
	q.Orders = append(q.Orders, o)
	return nil
}

func (q *Queue) drop(course string) error {
	i := q.at(course)
	if i < 0 || q.Orders[i].State != OrderWaiting && q.Orders[i].State != OrderRunning {
		return fault.New(fault.NotFound, "order.not_ordered", fault.A("course", course))
	}
	q.Orders[i].State = OrderDropped
	return nil
}

func (q *Queue) first(course string) error {
	i := q.at(course)
	if i < 0 || q.Orders[i].State != OrderWaiting {
		return fault.New(fault.NotFound, "order.not_waiting", fault.A("course", course))
	}
	o := q.Orders[i]
	q.Orders = slices.Insert(slices.Delete(q.Orders, i, i+1), 0, o)
	return nil
}

// MenuPrefix begins the codes of the classes in which ordered courses are learned, one for each course, and
// of no others.
const MenuPrefix = "dd-"

// Ordered reports whether the class is that of an ordered course: whoever is in it wished so.
func (c Cohort) Ordered() bool { return strings.HasPrefix(c.Code, MenuPrefix) }

// MenuClass is the code of the class in which an ordered course is learned.
func MenuClass(course string) string {
	const room = 40
	if len(MenuPrefix)+len(course) <= room {
		return MenuPrefix + course
	}
	sum := sha256.Sum256([]byte(course))
	mark := "-" + hex.EncodeToString(sum[:4])
	return MenuPrefix + course[:room-len(MenuPrefix)-len(mark)] + mark
}

// MenuSchedule is that of every such class: a lesson each working day at eight, for whoever joined by then.
func MenuSchedule(start Day) Schedule {
	return Schedule{Start: start, Hour: "08:00", WorkingDays: true}
}

// CourseDemand is how often a course was ordered: people, each counted once, and never which.
type CourseDemand struct {
	Course  string `json:"course"`
	Title   string `json:"title"`
	Ordered int    `json:"ordered"` // all of them
	Waiting int    `json:"waiting"`
	Running int    `json:"running"`
	Done    int    `json:"done"`
	Dropped int    `json:"dropped"`
}
