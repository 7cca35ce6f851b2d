package conversation

import (
	"strings"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/content"
)

// Forecast is the last forecast of a draft.
type Forecast struct {
	Audience  int
	Reachable int
	Later     int     // of Reachable: not before tomorrow
	Rungs     []Count // by which way the reachable ones get it, in the order of the ladder: words of announce.rung_
	Reasons   []Count // why the others cannot be reached, commonest first
	Calls     []Calls // by way
	Seconds   int     // at the configured rates; 0 when there is no limit
	Partial   bool    // not everybody was looked at
}

// Count is a number of people with a reason: a word of the catalogue's section "why".
type Count struct {
	Why   string
	Count int
}

// Calls is how often the platform has to be called for one way of sending.
type Calls struct {
	Way    string // a word of announce.way_
	Needed int
	Left   int // of the day's calls; negative when they are not limited, or not known
}

// Text says before sending what would happen, with what may be said next.
func (f Forecast) Text(p *content.Phrases, title string) string {
	lines := []string{p.Say("push.forecast", fault.A("title", title), fault.A("audience", f.Audience), fault.A("reachable", f.Reachable), fault.A("unreachable", f.Audience-f.Reachable))}
	for _, r := range f.Rungs {
		lines = append(lines, p.Say("push.forecast_reason", fault.A("reason", p.Say("announce.rung_"+r.Why)), fault.A("count", r.Count)))
	}
	if f.Later > 0 {
		lines = append(lines, p.Say("push.forecast_later", fault.A("later", f.Later)))
	}
	if len(f.Reasons) > 0 {
		lines = append(lines, p.Say("push.forecast_unreachable"))
	}
	for _, r := range f.Reasons {
		lines = append(lines, p.Say("push.forecast_reason", fault.A("reason", p.Say("why."+r.Why)), fault.A("count", r.Count)))
	}
	lines = append(lines, f.Costs(p)...)
	return strings.Join(append(lines, p.Say("push.forecast_next")), "\n")
}

// Costs says, a line each, how many calls it needs of how many that are left today, and how long it takes.
func (f Forecast) Costs(p *content.Phrases) (lines []string) {
	for _, c := range f.Calls {
		args := []fault.Arg{fault.A("way", p.Say("announce.way_"+c.Way)), fault.A("calls", c.Needed)}
		switch {
		case c.Left < 0:
			lines = append(lines, p.Say("announce.calls", args...))
		case c.Left < c.Needed:
			lines = append(lines, p.Say("announce.calls_short", append(args, fault.A("left", c.Left))...))
		default:
			lines = append(lines, p.Say("announce.calls_left", append(args, fault.A("left", c.Left))...))
		}
	}
	if f.Seconds > 0 {
		lines = append(lines, p.Say("announce.minutes", fault.A("minutes", (f.Seconds+59)/60)))
	}
	if f.Partial {
		lines = append(lines, p.Say("announce.incomplete"))
	}
	return lines
}
