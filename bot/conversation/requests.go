package conversation

import (
	"strconv"
	"strings"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
)

// Asked is a request in the trainer's scope, with what stands against doing as asked; nil for nothing.
type Asked struct {
	people.Request
	Against *fault.Error
}

// own reports whether the request is the trainer's, who does not decide about it then.
func (t *turn) own(r Asked) bool {
	me := t.f.Identity.Learner
	return r.Learner == me || r.Helper == me
}

// listRequests lists what people in the trainer's scope ask for, by the requests' own numbers.
func (t *turn) listRequests() {
	if len(t.f.Asked) == 0 {
		t.say("bind.no_requests")
		t.remind()
		return
	}
	t.say("bind.requests_head")
	share := (t.room - t.used() - 400) / len(t.f.Asked)
	for _, r := range t.f.Asked {
		line := t.phrases.Say("bind.request_"+string(r.Kind), fault.A("number", r.ID), fault.A("name", r.Name), fault.A("unit", r.UnitName),
			fault.A("helper", r.Helps), fault.A("text", r.Text))
		if t.own(r) {
			line += t.phrases.Say("bind.request_own_mark")
		}
		t.put(cut(line, max(share, 120)))
	}
	t.say("bind.requests_how")
	t.remind()
}

// decide closes the request that the trainer names by its number, with a reason.
func (t *turn) decide() {
	if len(t.f.Asked) == 0 {
		t.say("bind.request_not_found")
		t.remind()
		return
	}
	r, done := t.f.Asked[0], t.wish.act == actGrant
	reason, ok := people.FoldReason(t.wish.text)
	switch {
	case t.own(r):
		t.say("bind.request_own")
	case !ok:
		t.say("bind.request_reason", fault.A("number", r.ID), fault.A("limit", people.MaxReason))
	case done && r.Against != nil:
		t.put(t.phrases.Fault(r.Against))
		t.say("bind.request_against", fault.A("number", r.ID))
	default:
		t.emit(Decide{Request: r.ID, Learner: t.f.Identity.Learner, Done: done, Reason: reason, Rule: t.bind})
		key := "bind.request_refused"
		if done {
			key = "bind.request_done"
		}
		t.say(key, fault.A("id", r.ID))
	}
	t.remind()
}

// cutDecision reads “同意 12 情况属实” and “不同意 12 名册没有错”.
func cutDecision(text string) (a act, n int, reason string, ok bool) {
	rest, found := strings.CutPrefix(strings.TrimSpace(text), "不同意")
	a = actRefuse
	if !found {
		a = actGrant
		if rest, found = strings.CutPrefix(strings.TrimSpace(text), "同意"); !found {
			return "", 0, "", false
		}
	}
	rest = strings.TrimLeft(rest, " 　第:：,，")
	end := 0
	for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
		end++
	}
	n, err := strconv.Atoi(rest[:end])
	if err != nil || n <= 0 {
		return "", 0, "", false
	}
	return a, n, strings.TrimLeft(rest[end:], " 　号条:：,，。"), true
}
