package study

import (
	"time"

	"github.com/tiangeng/tiangeng/bot/people"
)

// TickLinkID is our number of a TickLink; 0 means none.
type TickLinkID int64

// TickLink is the address of the page on which a trainer ticks people (点名), also in a hall without signal. Whoever
// has it acts as that trainer, in this class only, until it ends.
type TickLink struct {
	ID      TickLinkID
	Cohort  string           // code of the class
	Session int              // number of the only session; 0 for all of the class
	Trainer people.LearnerID // whose right it is, read anew at every request
	Name    string           // of the trainer
	Until   time.Time
	Revoked time.Time // zero while it has not been taken back
	By      string    // who made it, as in the audit
}

// TickSheet is what the page shows: the register as far as the trainer sees its people.
type TickSheet struct {
	Link  TickLink
	Whole bool // the trainer sees the whole class, and so may count heads
	Roll  Roll // with the sessions of the link only
}

// Tick is one thing that a trainer's page has kept, perhaps since long before it had signal again.
type Tick struct {
	Session int // number
	Heads   int // with Counting: how many there are in the room
	AttendanceDecision
	Counting bool
}

// TickFate is what became of a Tick.
type TickFate string

// The fates.
const (
	TickKept    TickFate = "kept"
	TickKnown   TickFate = "known"   // it was told before; nothing has changed
	TickClock   TickFate = "clock"   // kept, but not the time: it cannot be right
	TickRefused TickFate = "refused" // it cannot be kept, now or later
)

// TickAnswer tells what became of the Tick with that id.
type TickAnswer struct {
	ID   string
	Fate TickFate
	Why  error // of TickRefused
}
