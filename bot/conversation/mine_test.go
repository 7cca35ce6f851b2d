package conversation_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// elsewhere is a phone that is not the one of the chat.
const elsewhere people.HandsetID = 77

// givenMine makes things so that binding and own data are about.
func (w *world) givenMine(t testing.TB, f []string) bool {
	t.Helper()
	find := func(name string) people.LearnerID {
		for _, c := range w.roster {
			if c.Learner.Name == name {
				return c.Learner.ID
			}
		}
		t.Fatalf("nobody is called %q", name)
		return 0
	}
	switch f[0] {
	case "代学": // name class…: an administrator has approved it
		id := find(f[1])
		w.profiles, w.delegated, w.helper = append(w.profiles, id), append(w.delegated, id), w.identity.Learner
		for _, code := range f[2:] {
			w.enrol(id, code, study.DayOf(w.now))
		}
	case "别处绑定": // name: has another phone
		c := &w.roster[find(f[1])-1]
		c.Bound, c.Handset = true, elsewhere
	case "换过手机": // name days: went to that other phone so many days ago
		c := &w.roster[find(f[1])-1]
		days, err := strconv.Atoi(f[2])
		if err != nil {
			t.Fatal(err)
		}
		c.Bound, c.Handset, c.MovedAt = true, elsewhere, w.now.AddDate(0, 0, -days)
	case "有申请": // kind name helper text: of somebody in the trainer's scope
		r := people.Request{ID: people.RequestID(len(w.asked) + 12), Kind: people.RequestKind(f[1]), Learner: find(f[2]), Name: f[2], UnitName: w.roster[find(f[2])-1].Learner.UnitName, State: people.RequestOpen}
		if f[3] != "-" {
			r.Helper, r.Helps = find(f[3]), f[3]
		}
		if len(f) > 4 {
			r.Text = f[4]
		}
		a := conversation.Asked{Request: r}
		if len(f) > 5 {
			a.Against = fault.New(fault.Conflict, "bind."+f[5], fault.A("name", f[2]), fault.A("count", 3))
		}
		w.asked = append(w.asked, a)
	case "告诉": // kind name reason
		w.news = append(w.news, conversation.News{ID: int64(len(w.news) + 1), Kind: people.NewsKind(f[1]), Name: f[2], Reason: f[3]})
	default:
		return false
	}
	return true
}

// bound notes the phone that a person bound last.
func (w *world) bound(id people.LearnerID) {
	c := &w.roster[id-1]
	if c.Handset != 0 && c.Handset != people.HandsetID(1) {
		c.MovedAt = w.now
	}
	c.Bound, c.Handset = true, 1
}

// leave takes a person off the phone.
func (w *world) leave(id people.LearnerID) {
	is := func(x people.LearnerID) bool { return x == id }
	w.profiles, w.delegated = slices.DeleteFunc(w.profiles, is), slices.DeleteFunc(w.delegated, is)
	if c := &w.roster[id-1]; c.Handset == 1 {
		c.Bound = false
	}
}

func (w *world) mine(n conversation.Needs, f *conversation.Facts) {
	for _, a := range w.asked {
		if n.Asked && w.trainers[w.identity.Learner].Units != nil && (n.AskedID == 0 || n.AskedID == a.ID) {
			f.Asked = append(f.Asked, a)
		}
	}
	if !n.Mine {
		return
	}
	f.Mine = &conversation.Mine{BoundAt: w.now.Add(-24 * time.Hour), Answers: len(w.responses), Open: slices.Clone(w.requests)}
	for _, e := range w.enrolments {
		if e.Learner == w.identity.Learner {
			f.Mine.Classes++
		}
	}
	if f.Identity.Delegate {
		f.Mine.Helpers = []string{"张三"}
	}
}

func (w *world) applyMine(e conversation.Effect) error {
	switch e := e.(type) {
	case conversation.Ask:
		for _, r := range w.requests {
			if r.Kind == e.Kind && r.Learner == e.Learner {
				return fmt.Errorf("%s is asked for twice for %d", e.Kind, e.Learner)
			}
		}
		if e.Kind == people.RequestDelegate && (e.Helper == 0 || e.Helper == e.Learner || slices.Contains(w.delegated, e.Helper)) {
			return fmt.Errorf("learner %d cannot learn for %d", e.Helper, e.Learner)
		}
		w.requests = append(w.requests, people.Request{Kind: e.Kind, Learner: e.Learner, Helper: e.Helper, Text: e.Text, State: people.RequestOpen, AskedAt: w.now})
	case conversation.Decide:
		at := slices.IndexFunc(w.asked, func(a conversation.Asked) bool { return a.ID == e.Request })
		if at < 0 || e.Done && w.asked[at].Against != nil || e.Reason == "" || w.asked[at].Learner == e.Learner || w.asked[at].Helper == e.Learner {
			return fmt.Errorf("request %d cannot be closed so", e.Request)
		}
		w.asked = slices.Delete(w.asked, at, at+1)
	case conversation.HandOver:
		for _, id := range slices.Clone(w.profiles) {
			w.leave(id)
		}
		w.activate(0)
		w.identity.Notice = 0
	case conversation.Told:
		if len(e.News) == 0 {
			return fmt.Errorf("nothing is told")
		}
		for _, id := range e.News {
			if !slices.ContainsFunc(w.news, func(n conversation.News) bool { return n.ID == id }) {
				return fmt.Errorf("news %d is told twice", id)
			}
			w.news = slices.DeleteFunc(w.news, func(n conversation.News) bool { return n.ID == id })
		}
	}
	return nil
}

func mineEffectText(name string, e conversation.Effect) string {
	switch e := e.(type) {
	case conversation.Ask:
		return fmt.Sprintf("%s %s %d helper %d %q", name, e.Kind, e.Learner, e.Helper, e.Text)
	case conversation.Decide:
		return fmt.Sprintf("%s %d by %d %v %q", name, e.Request, e.Learner, e.Done, e.Reason)
	case conversation.HandOver:
		return fmt.Sprint(name, " ", e.Learners)
	case conversation.Told:
		return fmt.Sprint(name, " ", e.News)
	}
	return campaignEffectText(name, e)
}
