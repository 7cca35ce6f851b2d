package conversation

import (
	"strings"

	"github.com/tiangeng/tiangeng/bot/fault"
)

// tellResult says what became of an announcement: each number under the word that it deserves, and
// never more than is true (DESIGN rule 1).
func (t *turn) tellResult() {
	r := t.f.Result
	if r == nil {
		key := "trainer.no_result"
		if t.wish.number > 1 {
			key = "trainer.no_such_result"
		}
		t.say(key)
		t.remind()
		return
	}
	t.s.Result = r.ID
	lines := []string{t.resultHead(*r)}
	if numbers := t.resultNumbers(*r); numbers != "" {
		lines = append(lines, numbers)
	}
	if len(r.Reasons) > 0 {
		lines = append(lines, t.phrases.Say("trainer.reasons"))
	}
	for _, w := range r.Reasons {
		lines = append(lines, t.phrases.Say("push.forecast_reason", fault.A("reason", t.phrases.Say("why."+w.Why)), fault.A("count", w.Count)))
	}
	if r.Pulled > 0 {
		lines = append(lines, t.phrases.Say("trainer.pulled", fault.A("count", r.Pulled)))
	}
	if r.WantsAck && r.Audience > 0 {
		lines = append(lines, t.phrases.Say("trainer.acked", fault.A("count", r.Acked), fault.A("silent", r.Silent)))
	}
	t.put(strings.Join(lines, "\n"))
	if r.Audience > 0 {
		key := "trainer.names"
		if r.WantsAck && r.Silent > 0 {
			key = "trainer.names_and_remind"
		}
		t.say(key, fault.A("id", r.ID))
	}
	t.remind()
}

func (t *turn) resultHead(r Result) string {
	args := []fault.Arg{fault.A("title", t.campaignTitle(r.Title, r.Reminder)), fault.A("when", t.when(r.At)), fault.A("count", r.Audience)}
	switch {
	case r.Status == statusAwaiting:
		return t.phrases.Say("trainer.result_awaiting", args...)
	case r.Status == statusScheduled:
		return t.phrases.Say("trainer.result_scheduled", args...)
	case r.Status == statusFreezing:
		return t.phrases.Say("trainer.result_freezing", args...)
	case r.Status == statusExpired:
		return t.phrases.Say("trainer.result_expired", args...)
	case r.Status == statusCancelled && r.Audience == 0:
		return t.phrases.Say("trainer.result_cancelled_unsent", args...)
	case r.Status == statusCancelled:
		return t.phrases.Say("trainer.result_cancelled", args...)
	case r.Paused:
		return t.phrases.Say("trainer.result_paused", args...)
	}
	return t.phrases.Say("trainer.result", args...)
}

// campaignTitle tells a reminder from what it reminds of, whose title it has.
func (t *turn) campaignTitle(title string, reminder bool) string {
	if reminder {
		return t.phrases.Say("trainer.reminder_title", fault.A("title", title))
	}
	return title
}

func (t *turn) resultNumbers(r Result) string {
	var parts []string
	for _, p := range []struct {
		key   string
		count int
	}{
		{"trainer.delivered", r.Delivered}, {"trainer.accepted", r.Accepted}, {"trainer.unknown", r.Unknown}, {"trainer.failed", r.Failed},
		{"trainer.unsent", r.Unsent}, {"trainer.stopped", r.Stopped}, {"trainer.expired", r.Expired}, {"trainer.waiting", r.Waiting},
	} {
		if p.count > 0 {
			parts = append(parts, t.phrases.Say(p.key, fault.A("count", p.count)))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, "，") + "。"
}
