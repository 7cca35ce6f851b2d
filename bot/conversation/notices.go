package conversation

import (
	"slices"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// listNotices shows the announcements addressed to the learner: the newest in full, the others as
// far as they fit; with n the n-th alone. What had not reached the learner is read by that.
func (t *turn) listNotices(n int) {
	list := t.f.Notices
	if len(list) == 0 {
		t.say("notice.none")
		t.remind()
		return
	}
	if n > len(list) {
		t.say("notice.no_such", fault.A("count", len(list)))
		t.remind()
		return
	}
	first, last := 0, len(list)
	if n > 0 {
		first, last = n-1, n
	}
	var read []int64
	asked := false
	for i := first; i < last; i++ {
		whole := t.noticeText(i, list[i], i == first)
		if i > first && t.used()+len(whole) > t.room-300 {
			t.put(t.phrases.Say("notice.title", fault.A("number", i+1), fault.A("title", list[i].Title), fault.A("day", t.day(study.DayOf(list[i].At)))))
			continue
		}
		t.put(cut(whole, t.room-300))
		switch {
		case list[i].Media == channel.MessageNone:
		case i == first:
			t.sendNotice(list[i])
		default:
			continue // it is asked for by its number
		}
		asked = asked || list[i].WantsAck && !list[i].Acked
		if !list[i].Seen {
			read = append(read, list[i].Campaign)
		}
	}
	if len(read) > 0 {
		t.emit(ReadNotices{Learner: t.f.Identity.Learner, Campaigns: read})
	}
	if asked {
		t.say("push.ack_wanted")
	}
	if last-first > 1 {
		t.say("notice.how")
	}
	t.remind()
}

// sendNotice sends a picture or a recording behind the reply.
func (t *turn) sendNotice(n NoticeFact) {
	t.emit(SendNotice{Key: "shown/" + t.in.Key, Learner: t.f.Identity.Learner, Campaign: n.Campaign})
}

// noticeText is the i-th announcement; sent says that its picture or recording comes behind the reply.
func (t *turn) noticeText(i int, n NoticeFact, sent bool) string {
	text := n.Text
	if n.URL != "" {
		text += "\n" + n.URL
	}
	switch {
	case n.Media == channel.MessageNone:
	case sent:
		text = t.phrases.Say("notice.media", t.what(n.Media))
	default:
		text = t.phrases.Say("notice.media_ask", t.what(n.Media), fault.A("number", i+1))
	}
	key := "notice.line"
	switch {
	case n.WantsAck && n.Acked:
		key = "notice.line_acked"
	case n.WantsAck:
		key = "notice.line_unacked"
	}
	title := n.Title
	if begins(title, text) {
		title = t.phrases.Say("notice.word")
	}
	return t.phrases.Say(key, fault.A("number", i+1), fault.A("title", title), fault.A("day", t.day(study.DayOf(n.At))), fault.A("text", text))
}

// acknowledge answers 收到: the newest announcement that reached the learner and wants a 回执 gets
// it. One that did not reach them is shown, not acknowledged.
func (t *turn) acknowledge() {
	var open, unseen, acked []NoticeFact
	for _, n := range t.f.Notices {
		switch {
		case !n.WantsAck:
		case n.Acked:
			acked = append(acked, n)
		case n.Seen:
			open = append(open, n)
		default:
			unseen = append(unseen, n)
		}
	}
	soft := t.wish.act == actAckSoft
	newest := len(open) > 0 && open[0].Campaign == t.f.Notices[0].Campaign
	switch {
	case t.f.Identity.Learner == 0, soft && !newest:
		t.nod()
		return
	case len(open) > 0:
		t.emit(Acknowledge{Learner: t.f.Identity.Learner, Campaign: open[0].Campaign})
		t.say("notice.acked", fault.A("title", open[0].Title))
		if len(open) > 1 {
			t.say("notice.ack_more", fault.A("title", open[1].Title))
		}
	case len(unseen) > 0:
		n := unseen[0]
		t.emit(ReadNotices{Learner: t.f.Identity.Learner, Campaigns: []int64{n.Campaign}})
		t.say("notice.unseen")
		i := slices.IndexFunc(t.f.Notices, func(o NoticeFact) bool { return o.Campaign == n.Campaign })
		t.put(cut(t.noticeText(i, n, true), t.room-400))
		if n.Media != channel.MessageNone {
			t.sendNotice(n)
		}
		t.say("push.ack_wanted")
	case len(acked) > 0:
		t.say("notice.acked_before", fault.A("title", acked[0].Title))
	default:
		t.say("notice.nothing_to_ack")
	}
	t.remind()
}

// once is the template of one-time subscribe messages where a person can be asked for one; else "".
func (e *Engine) once() string {
	if e.onceURL == "" {
		return ""
	}
	return e.onceTemplate
}

// subscribe gives the links by which a person allows messages beside the 48 hours.
func (t *turn) subscribe() {
	defer t.remind()
	if t.noticeURL == "" && t.once() == "" {
		t.say("notice.subscribe_none")
		return
	}
	if t.noticeURL != "" {
		t.say("notice.subscribe_page", fault.A("url", t.noticeURL))
	}
	switch o := t.f.Once; {
	case t.once() == "":
	case o == nil:
		t.say("notice.subscribe_full", fault.A("count", OnceScenes))
	default:
		t.emit(OfferOnce{Secret: o.Secret, Template: t.once(), Scene: o.Scene})
		t.say("notice.subscribe_once", fault.A("url", t.onceURL+o.Secret))
	}
}

// offerNotices invites to the page where a person allows notices: once a day, and not those who
// do not want to be sent anything.
func (t *turn) offerNotices() {
	today := study.DayOf(t.f.Now)
	if t.noticeURL == "" && t.once() == "" || t.s.Offered == today || t.f.Learner == nil || t.f.Learner.Push != people.PushOn {
		return
	}
	line := t.phrases.Say("study.offer_once")
	if t.noticeURL != "" {
		line = t.phrases.Say("study.offer_notices", fault.A("url", t.noticeURL))
	}
	if t.used()+len(line) > t.room {
		return
	}
	t.s.Offered = today
	t.put(line)
}
