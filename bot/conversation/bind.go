package conversation

import (
	"slices"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// arrive answers a follow or a scanned QR: a class is joined, or binding begins.
func (t *turn) arrive() {
	code := ""
	if t.f.Cohort != nil {
		code = t.f.Cohort.Code
	}
	if t.f.Identity.Learner == 0 {
		t.s.Study = nil
		t.s.Binding = &Binding{Cohort: code}
		if t.f.Cohort != nil {
			t.startBinding("bind.first_class", fault.A("class", t.f.Cohort.Name))
			return
		}
		t.startBinding("bind.first")
		return
	}
	if t.f.Cohort == nil {
		t.say("bind.welcome_back", fault.A("name", t.f.Identity.Name))
		t.remind()
		return
	}
	for _, e := range t.f.Enrolments {
		if e.Cohort.Code == code && (e.Status == study.Withdrawn || e.Status == study.Waived) {
			t.say("bind.out_of_class", fault.A("name", t.f.Identity.Name), fault.A("class", e.Cohort.Name)) // only an administrator takes back
			t.remind()
			return
		}
		if e.Cohort.Code == code {
			t.say("bind.in_class", fault.A("name", t.f.Identity.Name), fault.A("class", e.Cohort.Name))
			t.remind()
			return
		}
	}
	t.emit(Enrol{Learner: t.f.Identity.Learner, Cohort: code, Since: study.DayOf(t.f.Now)})
	t.say("bind.joined", fault.A("name", t.f.Identity.Name), fault.A("class", t.f.Cohort.Name))
	if len(t.f.Profiles) > 1 {
		t.say("bind.joined_who")
	}
}

// startBinding asks for the name, with the sentence of key before it.
func (t *turn) startBinding(key string, args ...fault.Arg) {
	if t.limited() {
		return
	}
	t.s.Mode, t.s.Confirm = ModeBindName, ""
	t.s.Binding = t.s.Binding.again()
	t.say(key, args...)
	t.sayFor("bind.ask_name")
	t.step(people.StepAskedName, "", "")
}

// limited reports, and says, that too many wrong codes came from this phone.
func (t *turn) limited() bool {
	if t.f.Tries.Identity < t.identityTries {
		return false
	}
	t.s.Mode = t.resting()
	t.say("bind.limited")
	t.step(people.StepFailed, "limited", "")
	return true
}

// bindStep takes what the message gave and asks for what is missing.
func (t *turn) bindStep() {
	if t.f.Identity.Learner != 0 && !t.bindingAsked() {
		// Three words that look like a binding, from somebody who is bound and was not asked.
		t.unknown()
		return
	}
	if t.s.Binding == nil {
		t.s.Binding = &Binding{}
	}
	if t.wish.act != actBindOdd && t.limited() {
		return
	}
	b, w := t.s.Binding, t.wish
	if w.forOther {
		b.For = true
	}
	if b.For && w.act != actBindOdd && !t.mayDelegate() {
		return
	}
	switch {
	case w.act == actBindOdd:
		t.askAgain()
	case w.code != "" && w.unit != "" && w.name != "":
		t.verify()
	case w.unit != "" && w.name != "":
		b.Name, b.Unit, t.s.Mode = w.name, w.unit, ModeBindCode
		t.sayFor("bind.ask_code")
		t.step(people.StepAskedCode, "", "")
	default:
		b.Name, b.Unit, t.s.Mode = w.name, "", ModeBindUnit
		t.sayFor("bind.ask_unit")
		t.step(people.StepAskedUnit, "", "")
	}
}

// bindingAsked reports that the state is in the middle of binding, or the message says 绑定 or 代学 itself.
func (t *turn) bindingAsked() bool {
	switch t.s.Mode {
	case ModeBindName, ModeBindUnit, ModeBindCode:
		return true
	}
	fields := bindingFields(t.in.Text)
	return len(fields) > 0 && (study.Fold(fields[0]) == "绑定" || study.Fold(fields[0]) == "代学")
}

// askAgain repeats the open question with an example.
func (t *turn) askAgain() {
	switch t.s.Mode {
	case ModeBindUnit:
		t.say("bind.odd_unit")
	case ModeBindCode:
		t.say("bind.odd_code")
	default:
		t.say("bind.odd_name")
	}
}

// verify compares all three with the roster. An unknown name, a wrong unit and a wrong code get
// the same sentence and cost the same try, so that nobody learns who is on the roster.
func (t *turn) verify() {
	w := t.wish
	rows := bestRows(t.f.Candidates, w.unit)
	var right, tried []people.LearnerID
	var match people.Candidate
	for _, c := range rows {
		tried = append(tried, c.Learner.ID)
		if people.SameCode(w.code, c.Code) && t.f.Tries.Learner[c.Learner.ID] < t.learnerTries {
			right, match = append(right, c.Learner.ID), c
		}
	}
	unit := unitOf(rows)
	if len(rows) > 0 {
		t.step(people.StepFound, "", unit)
	}
	switch {
	case len(right) == 1:
		t.found(match)
		return
	case len(t.f.Candidates) == 0:
		t.step(people.StepFailed, "no_such_name", "")
	case len(rows) == 0:
		t.step(people.StepFailed, "no_such_unit", "")
	default:
		t.step(people.StepFailed, "wrong_code", unit)
	}
	t.emit(WrongCode{Learners: tried})
	t.s.Binding = t.s.Binding.again()
	if left := t.identityTries - t.f.Tries.Identity - 1; left > 0 {
		t.s.Mode = ModeBindName
		t.say("bind.no_match", fault.A("left", left))
		t.step(people.StepAskedName, "", "")
		return
	}
	t.s.Mode = t.resting()
	t.say("bind.no_match_last")
}

// unitOf is the unit of rows that are all of one; "" when they are not.
func unitOf(rows []people.Candidate) people.OrgCode {
	var unit people.OrgCode
	for i, c := range rows {
		if i > 0 && c.Learner.Unit != unit {
			return ""
		}
		unit = c.Learner.Unit
	}
	return unit
}

// found goes on with the one row that fits: a person comes to this phone, unless they went to another
// one just now, or somebody asks to learn in the person's place.
func (t *turn) found(c people.Candidate) {
	if t.s.Binding.For {
		t.askDelegate(c)
		return
	}
	verdict, until := t.bind.Judge(t.f.Now, people.HandsetID(t.f.Identity.ID), c)
	if verdict == people.BindCooling && !t.here(c.Learner.ID) {
		t.step(people.StepFailed, "cooling", c.Learner.Unit)
		t.s.Binding = t.s.Binding.again()
		t.s.Mode = t.resting()
		t.say("bind.cooling", fault.A("name", c.Learner.Name), fault.A("day", dayWords(until)))
		return
	}
	t.join(c, t.s.Binding.Cohort, verdict == people.BindMove && c.Bound && !t.here(c.Learner.ID))
}

// here reports whether the learner is on this phone as themselves.
func (t *turn) here(id people.LearnerID) bool {
	return slices.ContainsFunc(t.f.Profiles, func(p people.Learner) bool { return p.ID == id }) && t.f.Delegated[id] == 0
}

// bestRows are the candidates whose unit fits best what was typed.
func bestRows(all []people.Candidate, unit string) []people.Candidate {
	best := people.UnitNo
	var rows []people.Candidate
	for _, c := range all {
		switch m := people.MatchUnit(unit, c.Learner.UnitName, c.Former); {
		case m == people.UnitNo || m < best:
		case m > best:
			best, rows = m, []people.Candidate{c}
		default:
			rows = append(rows, c)
		}
	}
	return rows
}

// join binds the learner, or switches to them when they are bound here already.
func (t *turn) join(c people.Candidate, cohort string, moved bool) {
	l := c.Learner
	if l.ID != t.f.Identity.Learner {
		t.s.Study, t.s.Draft, t.s.Waiting = nil, nil, nil // what is under way is somebody else's
	}
	t.s.Mode, t.s.Binding, t.s.Confirm = t.resting(), nil, ""
	here := t.here(l.ID)
	switch {
	case here && l.ID == t.f.Identity.Learner:
	case here:
		t.emit(Switch{Learner: l.ID})
	default:
		t.emit(Bind{Learner: l.ID})
	}
	t.step(people.StepBound, "", l.Unit)
	asked := t.f.Cohort != nil && cohort == t.f.Cohort.Code
	out := asked && slices.Contains(c.Out, cohort)
	if asked && !out {
		t.emit(Enrol{Learner: l.ID, Cohort: cohort, Since: study.DayOf(t.f.Now)})
		t.say("bind.done_class", fault.A("name", l.Name), fault.A("unit", l.UnitName), fault.A("class", t.f.Cohort.Name))
	} else {
		t.say("bind.done", fault.A("name", l.Name), fault.A("unit", l.UnitName))
	}
	if moved {
		t.say("bind.moved", fault.A("name", l.Name))
	}
	if out {
		t.say("bind.out_of_class", fault.A("name", l.Name), fault.A("class", t.f.Cohort.Name))
		return
	}
	t.say("bind.then")
}
