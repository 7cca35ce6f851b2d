package conversation

import (
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

const (
	actPlace     act = "place"
	actPlaceYes  act = "place_yes"
	actPlaceBack act = "place_back"
)

// placeVersion is the version of the sentence sign.place_ask. Whoever said yes to an older one is asked again.
const placeVersion = 1

type (
	// AgreePlace records that the learner said yes to being asked where the phone is (单独同意), and to which sentence.
	AgreePlace struct {
		Learner people.LearnerID
		Version int
	}
	// TakeBackPlace takes that back.
	TakeBackPlace struct{ Learner people.LearnerID }
	// Locate records whether the phone is where a session is. The position itself is in no effect: it ends here.
	Locate struct {
		Session  study.SessionID
		Learner  people.LearnerID
		Distance study.Distance
		Spot     string
	}
)

func (AgreePlace) effect()    {}
func (TakeBackPlace) effect() {}
func (Locate) effect()        {}

// fenced is the session that asks for the place now: of those the active learner has signed in to, or could.
func (t *turn) fenced() (OpenSession, bool) {
	var first *OpenSession
	for i := range t.f.Signing {
		s := &t.f.Signing[i]
		switch {
		case !s.Fence.Required || !s.Member:
		case !s.Signed.IsZero():
			return *s, true
		case first == nil:
			first = s
		}
	}
	if first == nil {
		return OpenSession{}, false
	}
	return *first, true
}

// askPlace asks for the place of a session that demands it, or first whether that may be asked.
func (t *turn) askPlace(s OpenSession) {
	switch {
	case !s.Fence.Required:
	case t.f.PlaceConsent < placeVersion:
		t.say("sign.place_ask", fault.A("law", s.Fence.Law))
	default:
		t.say("sign.place_how")
	}
}

// place takes a position that was sent.
func (t *turn) place() {
	s, asked := t.fenced()
	if !asked || t.in.Point == nil {
		t.oddMedia()
		return
	}
	defer t.remind()
	at := study.Point{Latitude: t.in.Point.Latitude, Longitude: t.in.Point.Longitude}
	switch {
	case t.f.Identity.Delegate:
		t.say("sign.delegate", fault.A("name", t.f.Identity.Name))
		return
	case t.f.PlaceConsent < placeVersion:
		t.say("sign.place_unused")
		t.askPlace(s)
		return
	case !at.Valid():
		t.say("sign.place_how")
		return
	}
	distance := s.Fence.Class(at)
	t.emit(Locate{Session: s.ID, Learner: t.f.Identity.Learner, Distance: distance, Spot: s.Key.Spot(at)})
	if distance == study.DistanceInside {
		t.say("sign.place_inside")
	} else {
		t.say("sign.place_outside")
	}
	if s.Signed.IsZero() {
		t.howToSign(s)
	}
}

// agreePlace hears a yes to being asked for the place.
func (t *turn) agreePlace() {
	defer t.remind()
	s, asked := t.fenced()
	switch {
	case !asked:
		t.say("sign.place_none")
	case t.f.Identity.Delegate: // nobody says yes for somebody else
		t.say("sign.delegate", fault.A("name", t.f.Identity.Name))
	default:
		if t.f.PlaceConsent < placeVersion {
			t.emit(AgreePlace{Learner: t.f.Identity.Learner, Version: placeVersion})
			t.f.PlaceConsent = placeVersion
		}
		t.say("sign.place_agreed")
		t.askPlace(s)
	}
}

// takeBackPlace hears a no, or takes a yes back.
func (t *turn) takeBackPlace() {
	defer t.remind()
	t.emit(TakeBackPlace{Learner: t.f.Identity.Learner})
	t.say("sign.place_back")
}
