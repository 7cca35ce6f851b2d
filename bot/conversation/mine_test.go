package conversation_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/tiangeng/tiangeng/bot/conversation"
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
	case conversation.HandOver:
		return fmt.Sprint(name, " ", e.Learners)
	case conversation.Told:
		return fmt.Sprint(name, " ", e.News)
	}
	return campaignEffectText(name, e)
}
