package conversation

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

const (
	actLeave      act = "leave"
	actLeaveBack  act = "leave_back"
	actLeaves     act = "leaves"
	actLeaveGrant act = "leave_grant"
	actLeaveDeny  act = "leave_deny"
)

// Coming is a session of one of the learner's classes that is not over.
type Coming struct {
	study.Session
	Enrolment study.EnrolmentID
	Class     string            // name
	Leave     study.LeaveStatus // asked or approved; "" for neither
	LeaveID   study.LeaveID     // while none of its sessions has begun: it can be taken back
	// Missed is what the learner misses of the class's Total so far, with leave or without; leave that was approved for
	// sessions to come is in it.
	Missed, Total study.StudyHours
}

// ComingShown is how many of them are read.
const ComingShown = 20

// LeaveAsked is a leave in a trainer's scope that waits for a decision.
type LeaveAsked struct {
	ID       study.LeaveID
	Learner  people.LearnerID
	Name     string
	UnitName string
	Class    string
	Sessions []study.Session
	Reason   string
	Over     bool // approved, more would be missed than the class's rule allows
}

// LeavesShown is how many of them are read.
const LeavesShown = 8

type (
	// AskLeave asks for leave from sessions of one class.
	AskLeave struct {
		Enrolment study.EnrolmentID
		Learner   people.LearnerID
		Sessions  []study.SessionID
		Reason    string
	}
	// DecideLeave approves or refuses a leave in the trainer's scope; or the learner takes it back.
	DecideLeave struct {
		Leave   study.LeaveID
		Learner people.LearnerID // who decides
		To      study.LeaveStatus
	}
)

func (AskLeave) effect()    {}
func (DecideLeave) effect() {}

// maxLeaveReason is in characters.
const maxLeaveReason = 60

// cutLeave reads 请假 1-2 防火值班: places on the list of coming sessions, and why. All: 全部.
func cutLeave(text string) (places []int, all bool, reason string, ok bool) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(foldAnswer(text)), "请假")
	if !ok {
		return nil, false, "", false
	}
	rest = strings.TrimLeft(rest, " 　:，,。第")
	for _, word := range []string{"全部", "都"} {
		if after, found := strings.CutPrefix(rest, word); found {
			return nil, true, trimReason(after), true
		}
	}
	for {
		n, after, found := cutInt(rest)
		if !found {
			break
		}
		last := n
		for _, to := range []string{"-", "—", "~", "到", "至"} {
			if far, joined := strings.CutPrefix(strings.TrimLeft(after, " "), to); joined {
				if m, behind, found := cutInt(strings.TrimLeft(far, " ")); found {
					last, after = m, behind
				}
				break
			}
		}
		for ; n <= last && len(places) < ComingShown; n++ {
			places = append(places, n)
		}
		rest = strings.TrimLeft(after, " 　、,，.和")
	}
	return places, false, trimReason(rest), true
}

func trimReason(s string) string {
	for _, word := range []string{"次课", "次", "课", "原因", "因为"} {
		s = strings.TrimPrefix(strings.TrimLeft(s, " 　:，,。"), word)
	}
	s = strings.TrimSpace(strings.TrimLeft(s, " 　:，,。"))
	if utf8.RuneCountInString(s) > maxLeaveReason {
		s = string([]rune(s)[:maxLeaveReason])
	}
	return s
}

// cutInt reads a number of one or two digits.
func cutInt(s string) (n int, rest string, ok bool) {
	end := 0
	for end < len(s) && s[end] >= '0' && s[end] <= '9' {
		end++
	}
	n, err := strconv.Atoi(s[:end])
	return n, s[end:], err == nil && n > 0 && n < 100
}

// leave asks for leave.
func (t *turn) leave() {
	defer t.remind()
	if t.f.Identity.Delegate {
		t.say("leave.delegate", fault.A("name", t.f.Identity.Name))
		return
	}
	if len(t.f.Coming) == 0 {
		t.say("leave.nothing")
		return
	}
	w := t.wish
	if len(w.places) == 0 && !w.all {
		t.listComing()
		return
	}
	var chosen []Coming
	for i, c := range t.f.Coming {
		if (w.all && c.Enrolment == t.f.Coming[0].Enrolment || slices.Contains(w.places, i+1)) && c.Leave == "" {
			chosen = append(chosen, c)
		}
	}
	switch {
	case slices.ContainsFunc(w.places, func(n int) bool { return n > len(t.f.Coming) }):
		t.say("leave.no_such", fault.A("count", len(t.f.Coming)))
		t.listComing()
		return
	case len(chosen) == 0:
		t.say("leave.again")
		t.listComing()
		return
	case slices.ContainsFunc(chosen, func(c Coming) bool { return c.Enrolment != chosen[0].Enrolment }):
		t.say("leave.one_class")
		return
	case w.text == "":
		t.say("leave.why", fault.A("example", w.example()))
		return
	}
	e := AskLeave{Enrolment: chosen[0].Enrolment, Learner: t.f.Identity.Learner, Reason: w.text}
	var words []string
	for _, c := range chosen {
		e.Sessions = append(e.Sessions, c.ID)
		words = append(words, study.SessionWord(c.Session))
	}
	t.emit(e)
	t.say("leave.asked", fault.A("class", chosen[0].Class), fault.A("sessions", strings.Join(words, "、")), fault.A("reason", w.text))
	missed := chosen[0].Missed
	for _, c := range chosen {
		missed += c.Hours
	}
	if study.ClassRule2026.TooMuch(missed, chosen[0].Total) {
		t.say("leave.too_much", fault.A("hours", missed.String()), fault.A("total", chosen[0].Total.String()))
	}
}

// example is the message again with a reason.
func (w wish) example() string {
	list := "全部"
	if !w.all {
		var words []string
		for _, n := range w.places {
			words = append(words, strconv.Itoa(n))
		}
		list = strings.Join(words, "、")
	}
	return list
}

func (t *turn) listComing() {
	var lines []string
	class := ""
	for i, c := range t.f.Coming {
		if c.Class != class {
			class = c.Class
			lines = append(lines, t.phrases.Say("leave.class", fault.A("class", class)))
		}
		title := ""
		if c.Title != "" {
			title = " " + c.Title
		}
		key := "leave.line"
		if c.Leave != "" {
			key = "leave.line_" + string(c.Leave)
		}
		lines = append(lines, t.phrases.Say(key, fault.A("place", i+1), fault.A("session", study.SessionWord(c.Session)), fault.A("title", title)))
	}
	t.put(cut(strings.Join(lines, "\n"), t.room-400))
	t.say("leave.how")
}

// takeLeaveBack takes back what was asked and not begun.
func (t *turn) takeLeaveBack() {
	defer t.remind()
	var done []study.LeaveID
	if !t.f.Identity.Delegate {
		for _, c := range t.f.Coming {
			if c.LeaveID != 0 && !slices.Contains(done, c.LeaveID) {
				done = append(done, c.LeaveID)
				t.emit(DecideLeave{Leave: c.LeaveID, Learner: t.f.Identity.Learner, To: study.LeaveWithdrawn})
			}
		}
	}
	if len(done) == 0 {
		t.say("leave.none_back")
		return
	}
	t.say("leave.back", fault.A("count", len(done)))
}

// listLeaves tells a trainer who asks for leave.
func (t *turn) listLeaves() {
	defer t.remind()
	list := t.f.Trainer.Leaves
	if len(list) == 0 {
		t.say("leave.waiting_none")
		return
	}
	var lines []string
	for _, v := range list {
		lines = append(lines, t.phrases.Say("leave.waiting_line", fault.A("id", int64(v.ID)), fault.A("name", v.Name), fault.A("unit", v.UnitName), fault.A("class", v.Class),
			fault.A("sessions", leaveSessions(v)), fault.A("reason", v.Reason)))
		if v.Over {
			lines = append(lines, t.phrases.Say("leave.waiting_over"))
		}
	}
	t.say("leave.waiting_head")
	t.put(cut(strings.Join(lines, "\n"), t.room-300))
	t.say("leave.waiting_how", fault.A("id", int64(list[0].ID)))
}

func leaveSessions(v LeaveAsked) string {
	var words []string
	for _, s := range v.Sessions {
		words = append(words, study.SessionWord(s))
	}
	return strings.Join(words, "、")
}

// decideLeave approves or refuses the leave with that number.
func (t *turn) decideLeave(to study.LeaveStatus) {
	defer t.remind()
	for _, v := range t.f.Trainer.Leaves {
		if int(v.ID) != t.wish.number {
			continue
		}
		if v.Learner == t.f.Identity.Learner {
			t.say("leave.own")
			return
		}
		t.emit(DecideLeave{Leave: v.ID, Learner: t.f.Identity.Learner, To: to})
		t.say("leave.decided_"+string(to), fault.A("name", v.Name), fault.A("sessions", leaveSessions(v)))
		return
	}
	t.say("leave.waiting_gone", fault.A("id", t.wish.number))
}
