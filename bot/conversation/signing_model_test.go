package conversation_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// signingModel is what a database would hold of sessions and of who is in them.
type signingModel struct {
	sessions []conversation.OpenSession
	in       map[string]time.Time // session/learner → since when
	leaves   []modelLeave
	agreed   map[people.LearnerID]int // version
	links    int                      // pages of trainers in force
}

func (w *world) signKey(s conversation.OpenSession) string {
	return fmt.Sprint(s.ID, "/", w.identity.Learner)
}

func (w *world) signingFacts(n conversation.Needs, f *conversation.Facts) {
	if !n.SignIn || w.identity.Learner == 0 {
		return
	}
	for _, s := range w.signing.sessions {
		if study.ClassRule2026.Open(s.Session, w.now) && (s.Member || s.ID == n.SignSession) {
			s.Signed = w.signing.in[w.signKey(s)]
			_, known := w.signing.in[w.signKey(s)]
			s.Back = known && s.Signed.IsZero()
			f.Signing = append(f.Signing, s)
			if s.Fence.Required {
				f.PlaceConsent = w.signing.agreed[w.identity.Learner]
			}
		}
	}
}

// tickingFacts are a trainer's classes of today.
func (w *world) tickingFacts(n conversation.Needs, f *conversation.Facts) {
	if !n.Ticking || f.Trainer == nil {
		return
	}
	for _, s := range w.signing.sessions {
		if i := len(f.Trainer.Ticking) - 1; i >= 0 && f.Trainer.Ticking[i].Class == s.Class {
			f.Trainer.Ticking[i].Ends = s.Ends
			continue
		}
		f.Trainer.Ticking = append(f.Trainer.Ticking, conversation.Ticking{Cohort: "mian-1", Class: s.Class, Ends: s.Ends, Token: strings.Repeat("7", 40)})
	}
}

// applyPlace folds what is said about places, and pages of trainers.
func (w *world) applyPlace(e conversation.Effect) error {
	switch e := e.(type) {
	case conversation.AgreePlace:
		if w.identity.Delegate || e.Learner != w.identity.Learner || e.Version < 1 {
			return fmt.Errorf("%d said yes", e.Learner)
		}
		if w.signing.agreed == nil {
			w.signing.agreed = map[people.LearnerID]int{}
		}
		w.signing.agreed[e.Learner] = e.Version
	case conversation.TakeBackPlace:
		delete(w.signing.agreed, e.Learner)
	case conversation.Locate:
		if w.signing.agreed[e.Learner] == 0 || e.Distance == "" || len(e.Spot) > 4 {
			return fmt.Errorf("%d is located: %+v", e.Learner, e)
		}
	case conversation.MakeTickLink:
		if e.Hash == [32]byte{} || !e.Until.After(w.now) {
			return fmt.Errorf("a page: %+v", e)
		}
		w.signing.links++
	case conversation.EndTickLinks:
		w.signing.links = 0
	}
	return nil
}

func placeEffectText(e conversation.Effect) (string, bool) {
	switch e := e.(type) {
	case conversation.AgreePlace:
		return fmt.Sprint("AgreePlace ", e.Learner, " ", e.Version), true
	case conversation.TakeBackPlace:
		return fmt.Sprint("TakeBackPlace ", e.Learner), true
	case conversation.Locate:
		return fmt.Sprint("Locate ", e.Session, " ", e.Learner, " ", e.Distance), true
	case conversation.MakeTickLink:
		return fmt.Sprint("MakeTickLink ", e.Learner, " ", e.Cohort, " ", e.Until.In(study.Zone).Format("2006-01-02 15:04")), true
	case conversation.EndTickLinks:
		return fmt.Sprint("EndTickLinks ", e.Learner), true
	}
	return "", false
}

type modelLeave struct {
	asked  conversation.LeaveAsked
	status study.LeaveStatus
}

func (w *world) leaveFacts(n conversation.Needs, f *conversation.Facts) {
	if n.Coming && w.identity.Learner != 0 {
		for _, s := range w.signing.sessions {
			if !s.Member || s.Ends.Before(w.now) {
				continue
			}
			first := slices.IndexFunc(w.signing.sessions, func(x conversation.OpenSession) bool { return x.Class == s.Class })
			c := conversation.Coming{Total: 700, Session: s.Session, Enrolment: study.EnrolmentID(first + 1), Class: s.Class}
			for i, v := range w.signing.leaves {
				held := v.status == study.LeaveAsked || v.status == study.LeaveApproved
				if held && slices.ContainsFunc(v.asked.Sessions, func(x study.Session) bool { return x.ID == s.ID }) {
					c.Leave = v.status
					if !slices.ContainsFunc(v.asked.Sessions, func(x study.Session) bool { return !x.Starts.After(w.now) }) {
						c.LeaveID = study.LeaveID(i + 1)
					}
				}
			}
			f.Coming = append(f.Coming, c)
		}
	}
	if n.Leaves && f.Trainer != nil {
		for _, v := range w.signing.leaves {
			v.asked.Over = len(v.asked.Sessions) > 0 && v.asked.Reason == "进城办事"
			if v.status == study.LeaveAsked && (n.LeaveID == 0 || n.LeaveID == v.asked.ID) {
				f.Trainer.Leaves = append(f.Trainer.Leaves, v.asked)
			}
		}
	}
}

// applyLeave folds a leave and names what must never happen.
func (w *world) applyLeave(e conversation.Effect) error {
	switch e := e.(type) {
	case conversation.AskLeave:
		if len(e.Sessions) == 0 || e.Reason == "" || e.Learner != w.identity.Learner || w.identity.Delegate {
			return fmt.Errorf("a leave of %d from %v", e.Learner, e.Sessions)
		}
		w.addLeave(e.Learner, e.Reason, e.Sessions...)
	case conversation.DecideLeave:
		if e.Leave < 1 || int(e.Leave) > len(w.signing.leaves) {
			return fmt.Errorf("there is no leave %d", e.Leave)
		}
		v := &w.signing.leaves[e.Leave-1]
		if own := v.asked.Learner == e.Learner; own != (e.To == study.LeaveWithdrawn) || v.status != study.LeaveAsked && !own {
			return fmt.Errorf("leave %d: %s by %d", e.Leave, e.To, e.Learner)
		}
		v.status = e.To
	}
	return nil
}

func (w *world) addLeave(who people.LearnerID, reason string, sessions ...study.SessionID) {
	v := conversation.LeaveAsked{ID: study.LeaveID(len(w.signing.leaves) + 1), Learner: who, Name: w.learner(who).Name, UnitName: w.learner(who).UnitName, Reason: reason}
	for _, s := range w.signing.sessions {
		if slices.Contains(sessions, s.ID) {
			v.Class, v.Sessions = s.Class, append(v.Sessions, s.Session)
		}
	}
	w.signing.leaves = append(w.signing.leaves, modelLeave{v, study.LeaveAsked})
}

// applySigning folds a sign-in and names what must never happen.
func (w *world) applySigning(e conversation.Effect) error {
	id, learner, in := study.SessionID(0), w.identity.Learner, true
	switch e := e.(type) {
	case conversation.SignIn:
		id, learner = e.Session, e.Learner
	case conversation.SignOut:
		id, learner, in = e.Session, e.Learner, false
	}
	at := slices.IndexFunc(w.signing.sessions, func(s conversation.OpenSession) bool { return s.ID == id })
	if at < 0 || !study.ClassRule2026.Open(w.signing.sessions[at].Session, w.now) {
		return fmt.Errorf("session %d is not open", id)
	}
	key := fmt.Sprint(id, "/", learner)
	if learner != w.identity.Learner || w.signing.in[key].IsZero() != in {
		return fmt.Errorf("%s: signed in %t, wanted %t", key, !in, in)
	}
	w.signing.in[key] = time.Time{}
	if in {
		w.signing.in[key] = w.now
	}
	return nil
}

// givenSigning: 有课 class start end [名单外], all of today; 请了假 learner reason, from the first; 批了假.
func (w *world) givenSigning(t testing.TB, f []string) bool {
	t.Helper()
	switch f[0] {
	case "请了假":
		var who people.LearnerID
		if _, err := fmt.Sscan(f[1], &who); err != nil {
			t.Fatal(err)
		}
		w.addLeave(who, f[2], 1)
		return true
	case "核对位置": // of the first session, around 25.04 102.71
		w.signing.sessions[0].Fence = study.Fence{Required: true, Latitude: 25.04, Longitude: 102.71, Metres: 300, Law: f[1]}
		return true
	case "点名页":
		w.remake(t, func(o *conversation.Options) { o.TickURL = "https://learn.example/t/#" })
		return true
	case "批了假":
		w.signing.leaves[len(w.signing.leaves)-1].status = study.LeaveApproved
		return true
	case "有课":
	default:
		return false
	}
	if w.signing.in == nil {
		w.signing.in = map[string]time.Time{}
	}
	id := study.SessionID(len(w.signing.sessions) + 1)
	day := string(study.DayOf(w.now))
	w.signing.sessions = append(w.signing.sessions, conversation.OpenSession{
		Session: study.Session{ID: id, Number: int(id), Hours: 100, Starts: clock(t, day+" "+f[2]), Ends: clock(t, day+" "+f[3])},
		Key:     study.SignKey{Session: id, Secret: []byte{byte(id)}}, Class: f[1], Member: len(f) < 5,
	})
	return true
}

// codes puts in what the screen shows: {码1} and {号1} of the first session, {旧码1} ten minutes ago.
func (w *world) codes(said string) string {
	for _, s := range w.signing.sessions {
		code, number, _ := study.ClassRule2026.Codes(s.Key, w.now)
		old, _, _ := study.ClassRule2026.Codes(s.Key, w.now.Add(-10*time.Minute))
		said = strings.NewReplacer(fmt.Sprintf("{码%d}", s.ID), code, fmt.Sprintf("{号%d}", s.ID), number, fmt.Sprintf("{旧码%d}", s.ID), old).Replace(said)
	}
	return said
}
