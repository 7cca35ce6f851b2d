package conversation

import (
	"crypto/sha256"
	"time"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

const (
	actTick    act = "tick"
	actTickEnd act = "tick_end"
)

// Ticking is a class that meets today, for a trainer who wants to tick its people.
type Ticking struct {
	Cohort string // code
	Class  string // name
	Ends   time.Time
	Token  string // fresh and random, for the address of the page
}

// TickingShown is how many of them are read.
const TickingShown = 4

// tickAfter is how long the page can be sent from after the day's last session: the way home to where there is signal.
const tickAfter = 24 * time.Hour

type (
	// MakeTickLink gives the trainer the address of a page. Hash is the SHA-256 of what the address ends with.
	MakeTickLink struct {
		Learner people.LearnerID
		Cohort  string
		Hash    [32]byte
		Until   time.Time
	}
	// EndTickLinks ends all addresses of the trainer that are in force.
	EndTickLinks struct{ Learner people.LearnerID }
)

func (MakeTickLink) effect() {}
func (EndTickLinks) effect() {}

// tick gives a trainer the addresses of the pages of today's classes.
func (t *turn) tick() {
	defer t.remind()
	switch {
	case t.tickURL == "":
		t.say("sign.tick_no_page")
		return
	case len(t.f.Trainer.Ticking) == 0:
		t.say("sign.tick_none")
		return
	}
	for _, c := range t.f.Trainer.Ticking {
		until := c.Ends.Add(tickAfter)
		t.emit(MakeTickLink{Learner: t.f.Identity.Learner, Cohort: c.Cohort, Hash: sha256.Sum256([]byte(c.Token)), Until: until})
		at := until.In(study.Zone)
		t.say("sign.tick_page", fault.A("class", c.Class), fault.A("url", t.tickURL+c.Token), fault.A("until", at.Format("1月2日15:04")))
	}
	t.say("sign.tick_how")
}

func (t *turn) endTicks() {
	defer t.remind()
	t.emit(EndTickLinks{Learner: t.f.Identity.Learner})
	t.say("sign.tick_ended")
}
