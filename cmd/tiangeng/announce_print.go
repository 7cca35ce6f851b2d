package main

import (
	"cmp"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

// noticeboard prints what trainers read about an announcement, in the words of the catalogue. It
// keeps the lines until all are there, so that numbers stand below one another.
type noticeboard struct {
	w     io.Writer
	p     *content.Phrases
	lines [][]string // one cell: a sentence; more: a row of a table
}

func newNoticeboard(w io.Writer, a *app) *noticeboard {
	return &noticeboard{w: w, p: a.subject.phrases}
}

func (n *noticeboard) say(key string, args ...fault.Arg) {
	n.lines = append(n.lines, []string{n.p.Say(key, args...)})
}

// count adds a line of a table: what, indented, and how many.
func (n *noticeboard) count(indent int, what string, number int) {
	n.lines = append(n.lines, []string{strings.Repeat(" ", indent) + what, strconv.Itoa(number)})
}

// flush writes the lines; a number stands on the right of its column, a text on the left.
func (n *noticeboard) flush() error {
	var widths []int
	for _, cells := range n.lines {
		for i, c := range cells {
			if len(cells) > 1 && i == len(widths) {
				widths = append(widths, 0)
			}
			if len(cells) > 1 {
				widths[i] = max(widths[i], displayWidth(c))
			}
		}
	}
	var b strings.Builder
	for _, cells := range n.lines {
		for i, c := range cells {
			gap := ""
			if len(cells) > 1 {
				gap = strings.Repeat(" ", widths[i]-displayWidth(c))
			}
			switch {
			case i > 0 && strings.Trim(c, "0123456789") == "":
				c = "  " + gap + c
			case i > 0:
				c = "  " + c + gap
			default:
				c += gap
			}
			if i == len(cells)-1 {
				c = strings.TrimRight(c, " ")
			}
			b.WriteString(c)
		}
		b.WriteByte('\n')
	}
	n.lines = nil
	_, err := io.WriteString(n.w, b.String())
	return err
}

// displayWidth is how many columns of a terminal a text takes: two for a Chinese character.
func displayWidth(s string) int {
	w := 0
	for _, r := range s {
		w++
		if r >= 0x1100 && !(r >= 0x2010 && r <= 0x2027) {
			w++
		}
	}
	return w
}

func stamp(t time.Time) string { return t.In(study.Zone).Format("2006-01-02 15:04") }

// drafted says that an announcement is written, or was already.
func (n *noticeboard) drafted(c bot.Campaign, created bool) error {
	if created {
		n.say("announce.drafted", fault.A("id", c.ID))
	} else {
		n.say("announce.drafted_before", fault.A("id", c.ID))
		n.head(c)
	}
	return n.flush()
}

// standing says where an announcement stands after an act.
func (n *noticeboard) standing(c bot.Campaign) error {
	n.head(c)
	if c.Status == bot.CampaignAwaiting {
		n.say("announce.awaits", fault.A("id", c.ID))
	}
	return n.flush()
}

// head prints what an announcement is and where it stands.
func (n *noticeboard) head(c bot.Campaign) {
	if c.ID != 0 {
		n.say("announce.head", fault.A("id", c.ID), fault.A("kind", n.p.Say("announce.kind_"+string(c.Kind))), fault.A("title", c.Title))
		n.say("announce.status", fault.A("status", n.p.Say("announce.status_"+string(c.Status))))
	} else {
		n.say("announce.head_unwritten", fault.A("kind", n.p.Say("announce.kind_"+string(c.Kind))), fault.A("title", c.Title))
	}
	if !c.DueAt.IsZero() {
		n.say("announce.times", fault.A("from", stamp(c.DueAt)), fault.A("until", stamp(c.Deadline)))
	}
	if c.By != "" && c.ID != 0 {
		n.say("announce.by", fault.A("by", c.By))
	}
	if c.Released != "" {
		n.say("announce.released", fault.A("by", c.Released))
	}
	switch {
	case c.PausedBy == "":
	case c.PausedBy == "platform" && !c.PausedUntil.IsZero():
		n.say("announce.paused_platform", fault.A("why", c.PausedWhy), fault.A("until", stamp(c.PausedUntil)))
	default:
		n.say("announce.paused", fault.A("by", c.PausedBy), fault.A("id", c.ID))
	}
}

// forecast prints what would happen now.
func (n *noticeboard) forecast(c bot.Campaign, f bot.Forecast) error {
	n.head(c)
	n.count(0, n.p.Say("push.audience"), f.Audience)
	n.count(0, n.p.Say("announce.reachable"), f.Reachable())
	n.rungs(f.Rungs)
	if f.Later > 0 {
		n.count(2, n.p.Say("announce.later"), f.Later)
	}
	n.count(0, n.p.Say("announce.waiting"), f.Audience-f.Reachable())
	n.reasons(f.Unreachable)
	for _, line := range f.Words().Costs(n.p) {
		n.lines = append(n.lines, []string{line})
	}
	if c.WantsAck && c.Body.Media != "" {
		n.say("announce.ack_media")
	}
	return n.flush()
}

func (n *noticeboard) rungs(rungs map[delivery.Rung]int) {
	for _, r := range delivery.Rungs() {
		if rungs[r] > 0 {
			n.count(2, n.p.Say("announce.rung_"+string(r)), rungs[r])
		}
	}
}

// reasons prints the most frequent first.
func (n *noticeboard) reasons(reasons map[delivery.Why]int) {
	for _, why := range byCount(reasons) {
		if why != delivery.WhyNone && reasons[why] > 0 {
			n.count(2, n.p.Say("why."+string(why)), reasons[why])
		}
	}
}

// byCount lists the keys of a count, the largest first, and by name where they are equal.
func byCount[K ~string](m map[K]int) []K {
	return slices.SortedFunc(maps.Keys(m), func(a, b K) int { return cmp.Or(m[b]-m[a], cmp.Compare(a, b)) })
}

// summary prints what became of an announcement.
func (n *noticeboard) summary(s bot.CampaignSummary) error {
	n.head(s.Campaign)
	if s.Audience == 0 && s.Campaign.FrozenAt.IsZero() {
		n.say("announce.nobody_yet")
		return n.flush()
	}
	n.count(0, n.p.Say("push.audience"), s.Audience)
	for _, state := range delivery.States() {
		if s.States[state] > 0 {
			n.count(2, n.p.Say("push.state_"+string(state)), s.States[state])
		}
	}
	if len(s.Rungs) > 0 {
		n.say("announce.by_rung")
		n.rungs(s.Rungs)
	}
	if len(byCount(s.Reasons)) > 0 {
		n.say("announce.why")
		n.reasons(s.Reasons)
	}
	for _, word := range byCount(s.Words) {
		n.say("announce.platform_word", fault.A("word", word), fault.A("count", s.Words[word]))
	}
	n.asides(s)
	return n.flush()
}

// asides are the counts that are no states.
func (n *noticeboard) asides(s bot.CampaignSummary) {
	if s.Pulled > 0 {
		n.count(0, n.p.Say("push.pulled"), s.Pulled)
	}
	if s.Campaign.WantsAck {
		n.count(0, n.p.Say("announce.acked"), s.Acked)
		n.count(0, n.p.Say("announce.unacked"), s.Unacked)
	}
	if s.Silent > 0 {
		n.count(0, n.p.Say("announce.silent"), s.Silent)
	}
	if s.Ambiguous > 0 {
		n.count(0, n.p.Say("announce.ambiguous"), s.Ambiguous)
	}
	for i, m := range s.Mass {
		if m.Status == "" {
			n.say("announce.mass_open", fault.A("number", i+1), fault.A("people", m.People))
			continue
		}
		n.say("announce.mass", fault.A("number", i+1), fault.A("people", m.People), fault.A("sent", m.Sent), fault.A("failed", m.Failed), fault.A("filtered", m.Filtered))
	}
	switch {
	case s.Finished:
		n.say("announce.finished")
	case s.Campaign.Status == bot.CampaignRunning:
		n.say("announce.unfinished", fault.A("left", unfinished(s)))
	}
}

// unfinished is how many have no result yet.
func unfinished(s bot.CampaignSummary) int {
	return s.States[delivery.Pending] + s.States[delivery.Claimed] + s.States[delivery.Sending]
}

// list prints one line for each announcement.
func (n *noticeboard) list(campaigns []bot.Campaign) error {
	for _, c := range campaigns {
		status := n.p.Say("announce.status_" + string(c.Status))
		if c.PausedBy != "" {
			status = n.p.Say("announce.status_paused")
		}
		n.lines = append(n.lines, []string{strconv.FormatInt(int64(c.ID), 10), stamp(c.DueAt), n.p.Say("announce.kind_" + string(c.Kind)), status, c.Title})
	}
	if len(campaigns) == 0 {
		n.say("announce.none")
	}
	return n.flush()
}
