package web

import (
	"context"
	"iter"
	"strconv"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/report"
	"github.com/tiangeng/tiangeng/content"
)

// unreachedPage is how many people are read at a time: no transaction is held while a reader is slow.
const unreachedPage = 1000

// UnreachedLines turns pages of unreached people into the lines of the list, with the words of the
// catalogue; page reads those above after. The list is the same for the console, the API and the
// command line.
func UnreachedLines(ctx context.Context, phrases *content.Phrases, page func(ctx context.Context, after people.LearnerID, limit int) ([]bot.Unreached, error)) iter.Seq2[report.UnreachedLine, error] {
	return func(yield func(report.UnreachedLine, error) bool) {
		after := people.LearnerID(0)
		for {
			list, err := page(ctx, after, unreachedPage)
			if err != nil {
				yield(report.UnreachedLine{}, err)
				return
			}
			for _, u := range list {
				after = u.Learner.ID
				if !yield(unreachedLine(u, phrases), nil) {
					return
				}
			}
			if len(list) < unreachedPage {
				return
			}
		}
	}
}

func unreachedLine(u bot.Unreached, phrases *content.Phrases) report.UnreachedLine {
	l := report.UnreachedLine{
		Learner: u.Learner.ID, Name: u.Learner.Name, Unit: u.Learner.Unit, UnitName: u.Learner.UnitName, Category: u.Learner.Category,
		State: string(u.State), StateWord: phrases.Say("push.state_" + string(u.State)), Why: string(u.Why), Pulled: u.Pulled, Acked: u.Acked,
	}
	if u.Why != "" {
		l.WhyWord = phrases.Say("why." + string(u.Why))
	}
	if u.Word != "" || u.Code != 0 { // for whoever looks it up in the platform's documents
		l.WhyWord += "（" + u.Word
		if u.Code != 0 {
			l.WhyWord += " " + strconv.Itoa(u.Code)
		}
		l.WhyWord += "）"
	}
	return l
}
