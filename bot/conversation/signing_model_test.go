package conversation_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/study"
)

// signingModel is what a database would hold of sessions and of who is in them.
type signingModel struct {
	sessions []conversation.OpenSession
	in       map[string]time.Time // session/learner → since when
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
		}
	}
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

// givenSigning: 有课 class start end [名单外], all of today.
func (w *world) givenSigning(t testing.TB, f []string) bool {
	t.Helper()
	if f[0] != "有课" {
		return false
	}
	if w.signing.in == nil {
		w.signing.in = map[string]time.Time{}
	}
	id := study.SessionID(len(w.signing.sessions) + 1)
	day := string(study.DayOf(w.now))
	w.signing.sessions = append(w.signing.sessions, conversation.OpenSession{
		Session: study.Session{ID: id, Number: int(id), Starts: clock(t, day+" "+f[2]), Ends: clock(t, day+" "+f[3])},
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
