package conversation

import (
	"strings"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/study"
)

// Which people of an announcement are listed by name.
const (
	NamesUnreached = "unreached" // whom it did not reach, or nobody can tell
	NamesSilent    = "silent"    // who has it and has not acknowledged it
)

// NamesPage is how many people stand in one reply.
const NamesPage = 20

// Named is one person of a list by name.
type Named struct {
	Name string
	Unit string // name of the unit, without its parents
	Why  string // of NamesUnreached: a word of the catalogue's section "why"; "" where nobody can tell
}

// remindUnacked prepares a reminder for those who have an announcement and have not acknowledged it
// (催回执). It is a draft like any other: shown with its forecast, and sent by 发送.
func (t *turn) remindUnacked() {
	r := t.f.Result
	switch {
	case r == nil:
		t.say("trainer.remind_none")
	case !r.WantsAck:
		t.say("trainer.remind_unasked", fault.A("title", r.Title))
	case r.Audience == 0:
		t.put(t.resultHead(*r))
	case r.RemindedToday:
		t.say("trainer.remind_again", fault.A("title", r.Title))
	case r.Silent == 0:
		t.say("trainer.remind_done", fault.A("title", r.Title))
	default:
		t.giveUpDraft()
		t.s.Confirm = ""
		d := &Draft{
			By: t.f.Identity.Learner, Key: RemindKey(r.ID, study.DayOf(t.f.Now)), Of: r.ID, WantsAck: true,
			Name: t.phrases.Say("trainer.remind_to", fault.A("title", r.Title)), Size: r.Silent,
		}
		t.s.Draft, t.s.Mode = d, ModeSend
		t.emit(DraftCampaign{Key: d.Key, Learner: d.By, Title: r.Title, Text: r.Text, WantsAck: true, Of: r.ID})
		t.show(r.Title, r.Text, "trainer.counting")
		return
	}
	t.remind()
}

// listNames says by name whom an announcement did not reach, or who has not acknowledged it, a page
// at a time: a trainer calls them.
func (t *turn) listNames() {
	defer t.remind()
	r := t.f.Result
	silent := t.wish.act == actSilentNames
	switch {
	case r == nil && silent:
		t.say("trainer.remind_none")
		return
	case r == nil:
		t.say("trainer.no_result")
		return
	case silent && !r.WantsAck:
		t.say("trainer.remind_unasked", fault.A("title", r.Title))
		return
	case r.Audience == 0:
		t.put(t.resultHead(*r))
		return
	case len(r.Names) == 0 && t.wish.number > 1:
		t.say("trainer.names_over")
		return
	case len(r.Names) == 0 && silent:
		t.say("trainer.silent_nobody", fault.A("title", r.Title))
		return
	case len(r.Names) == 0:
		t.say("trainer.unreached_nobody", fault.A("title", r.Title))
		return
	}
	head, more := "trainer.unreached_head", "trainer.unreached_more"
	if silent {
		head, more = "trainer.silent_head", "trainer.silent_more"
	}
	page := max(1, t.wish.number)
	lines := []string{t.phrases.Say(head, fault.A("title", r.Title), fault.A("page", page))}
	// The reason is said once for those who share it.
	var order []string
	people := map[string][]string{}
	for _, n := range r.Names {
		if people[n.Why] == nil {
			order = append(order, n.Why)
		}
		people[n.Why] = append(people[n.Why], t.phrases.Say("trainer.name", fault.A("unit", cut(n.Unit, 60)), fault.A("name", n.Name)))
	}
	for _, why := range order {
		list := strings.Join(people[why], "、")
		switch {
		case silent:
			lines = append(lines, list)
		case why == "":
			lines = append(lines, t.phrases.Say("trainer.names_unclear", fault.A("names", list)))
		default:
			lines = append(lines, t.phrases.Say("trainer.names_why", fault.A("why", t.phrases.Say("why."+why)), fault.A("names", list)))
		}
	}
	t.put(cut(strings.Join(lines, "\n"), t.room-300))
	switch {
	case r.MoreNames:
		t.say(more, fault.A("page", page+1))
	case silent && !r.RemindedToday:
		t.say("trainer.remind_how")
	}
}
