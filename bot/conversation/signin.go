package conversation

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

const (
	actSignIn  act = "sign_in"
	actSignOut act = "sign_out"
)

// OpenSession is a session of a class to which phones may sign in now: one of the active learner's, or the one whose
// code was scanned.
type OpenSession struct {
	study.Session
	Key    study.SignKey
	Class  string    // name
	Member bool      // the active learner is on the list
	Signed time.Time // when the active learner signed in and has not signed out since; zero for not
	Back   bool      // signed in before, and out: who comes back is not late
}

type (
	// SignIn records that the learner is there, by the session's code or number.
	SignIn struct {
		Session study.SessionID
		Learner people.LearnerID
		Way     study.Way
		Guest   bool // not on the list
	}
	// SignOut records that the learner left.
	SignOut struct {
		Session study.SessionID
		Learner people.LearnerID
	}
)

func (SignIn) effect()  {}
func (SignOut) effect() {}

// cutSign reads 签到 123456, and six digits alone.
func cutSign(text string) (number string, ok bool) {
	number = squeeze(foldAnswer(text))
	for _, word := range []string{"签到", "码", ":"} {
		number = strings.TrimPrefix(number, word)
	}
	if utf8.RuneCountInString(number) != 6 || strings.Trim(number, "0123456789") != "" {
		return "", false
	}
	return number, true
}

// signIn lets somebody sign in to a session that is open now.
func (t *turn) signIn() {
	defer t.remind()
	if t.f.Identity.Delegate { // a place may be learnt for, a chair not sat in for somebody else
		t.say("sign.delegate", fault.A("name", t.f.Identity.Name))
		return
	}
	id, scanned := study.SignSession(t.wish.code)
	if len(t.f.Signing) == 0 {
		if scanned {
			t.say("sign.over")
		} else {
			t.say("sign.none")
		}
		return
	}
	rule, best := study.ClassRule2026, study.CodeWrong
	for _, s := range t.f.Signing {
		check := study.CodeWrong
		switch {
		case t.wish.code == "", scanned && s.ID == id && !s.Signed.IsZero():
			t.howToSign(s)
			return
		case scanned && s.ID == id:
			check = rule.CheckCode(s.Key, t.f.Now, t.wish.code)
		case !scanned && s.Member:
			check = rule.CheckNumber(s.Key, t.f.Now, t.wish.code)
		}
		if check == study.CodeGood {
			t.signed(s, scanned)
			return
		}
		if check == study.CodeOld {
			best = check
		}
	}
	switch {
	case best == study.CodeOld:
		t.say("sign.old")
	case scanned && !slices.ContainsFunc(t.f.Signing, func(s OpenSession) bool { return s.ID == id }):
		t.say("sign.over") // of a session that is not on now
	case scanned:
		t.say("sign.wrong_code")
	default:
		t.say("sign.wrong")
	}
}

func (t *turn) howToSign(s OpenSession) {
	if !s.Signed.IsZero() {
		t.say("sign.already", fault.A("class", s.Class), fault.A("number", s.Number), fault.A("time", clockWord(s.Signed)))
		return
	}
	t.say("sign.how", fault.A("class", s.Class), fault.A("number", s.Number))
}

func (t *turn) signed(s OpenSession, scanned bool) {
	args := []fault.Arg{fault.A("class", s.Class), fault.A("number", s.Number), fault.A("name", t.f.Identity.Name), fault.A("time", clockWord(t.f.Now))}
	if !s.Signed.IsZero() {
		t.howToSign(s)
		return
	}
	way := study.WayNumber
	if scanned {
		way = study.WayCode
	}
	t.emit(SignIn{Session: s.ID, Learner: t.f.Identity.Learner, Way: way, Guest: !s.Member})
	_, late, _ := study.ClassRule2026.Window(s.Session)
	switch {
	case !s.Member:
		t.say("sign.guest", args...)
	case t.f.Now.After(late) && !s.Back:
		t.say("sign.late", args...)
	default:
		t.say("sign.done", args...)
	}
	if s.Member {
		t.askPlace(s)
	}
}

// signOut lets somebody leave a session.
func (t *turn) signOut() {
	defer t.remind()
	for _, s := range t.f.Signing {
		if s.Signed.IsZero() || t.f.Identity.Delegate {
			continue
		}
		t.emit(SignOut{Session: s.ID, Learner: t.f.Identity.Learner})
		key := "sign.out"
		if t.f.Now.Before(s.Ends.Add(-study.ClassRule2026.Early)) {
			key = "sign.out_early"
		}
		t.say(key, fault.A("class", s.Class), fault.A("number", s.Number), fault.A("time", clockWord(t.f.Now)))
		return
	}
	t.say("sign.not_in")
}

func clockWord(at time.Time) string { return at.In(study.Zone).Format("15:04") }
