package conversation

import (
	"strings"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/study"
)

// showHours says what the active learner has this year, from where, and what is missing until when.
func (t *turn) showHours() {
	year := t.f.Now.In(study.Zone).Year()
	who, category := t.f.Identity.Name, ""
	if t.f.Learner != nil {
		category = t.f.Learner.Category
	}
	sum := t.f.Hours.Sum(study.TargetAll)
	key := "ledger.hours_head"
	if sum == 0 {
		key = "ledger.hours_none"
	}
	lines := []string{t.phrases.Say(key, fault.A("name", who), fault.A("year", year))}
	for _, k := range study.SourceKinds() {
		if h := t.f.Hours[k]; h != 0 {
			lines = append(lines, t.phrases.Say("ledger.hours_"+string(k), fault.A("hours", h)))
		}
	}
	if sum != 0 {
		lines = append(lines, t.phrases.Say("ledger.hours_sum", fault.A("hours", sum)))
	}
	for _, g := range t.targets.For(category, t.f.Hours) {
		key := "ledger.hours_reached"
		if g.Missing > 0 {
			key = "ledger.hours_missing"
		}
		lines = append(lines, t.phrases.Say(key, fault.A("target", g.Target.Name), fault.A("want", g.Target.Hours), fault.A("done", g.Done),
			fault.A("missing", g.Missing), fault.A("day", "12月31日")))
		if g.Target.Law != "" {
			lines = append(lines, t.phrases.Say("ledger.hours_law", fault.A("law", g.Target.Law)))
		}
	}
	t.put(cut(strings.Join(lines, "\n"), t.room-200-t.used()))
	t.remind()
}
