package conversation

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/study"
)

const (
	maxNotice      = 600            // characters of an announcement
	maxNoticeTitle = 40             // characters of its title
	excerptRunes   = 20             // characters of a title that is taken from the text
	staleDraft     = 12 * time.Hour // a draft shown longer ago is shown again before it is sent
	farthestAt     = 30 * 24 * time.Hour
)

// staysInDraft are the acts that do not leave the announcement that is being written.
var staysInDraft = map[act]bool{
	actDraftTo: true, actDraftText: true, actDraftOdd: true, actDraftQuit: true, actSend: true, actNow: true, actAt: true, actWantAck: true,
	actNoAck: true, actRewrite: true, actForecast: true, actHalt: true, actResult: true, actRelease: true,
	actNames: true, actSilentNames: true, actRemind: true, actDraftPicture: true, actDraftUnheard: true, actDraftSound: true, actDraftWords: true, actDraftTitle: true,
	actMedia: true, actPlace: true, actUnheard: true, actNod: true, actThanks: true, actGreet: true, actAck: true, actAckSoft: true,
}

// drafting reports that the chat is in the middle of writing an announcement.
func (t *turn) drafting() bool {
	switch t.s.Mode {
	case ModeDraftTo, ModeDraft, ModeDraftTitle, ModeSend:
		return true
	}
	return false
}

// runTrainer does what only trainers can ask for; everybody else hears what they would have heard.
func (t *turn) runTrainer() {
	if t.f.Trainer == nil {
		t.noTrainer()
		return
	}
	switch t.wish.act {
	case actTell, actAnnounce, actUrgent:
		t.announce(t.wish.act == actUrgent)
	case actDraftTo:
		t.chooseAudience()
	case actDraftText:
		t.takeText()
	case actDraftPicture:
		t.takePicture()
	case actDraftUnheard:
		t.unheard()
	case actDraftSound:
		t.chooseSound()
	case actDraftWords:
		t.chooseWords()
	case actDraftTitle:
		t.takeTitle()
	case actDraftQuit:
		t.quitDraft()
	case actSend:
		t.submit()
	case actNow, actAt, actWantAck, actNoAck:
		t.amend()
	case actRewrite:
		t.rewrite()
	case actForecast:
		t.foretell()
	case actResult:
		t.tellResult()
	case actHalt:
		t.halt()
	case actNames, actSilentNames:
		t.listNames()
	case actRemind:
		t.remindUnacked()
	case actRequests:
		t.listRequests()
	case actGrant, actRefuse:
		t.decide()
	case actRelease:
		t.release()
	case actLeaves:
		t.listLeaves()
	case actLeaveGrant:
		t.decideLeave(study.LeaveApproved)
	case actLeaveDeny:
		t.decideLeave(study.LeaveRefused)
	case actNeedHelp:
		t.needHelp()
	case actTick:
		t.tick()
	case actTickEnd:
		t.endTicks()
	default:
		t.unknown()
	}
}

func (t *turn) noTrainer() {
	writing := t.drafting()
	if t.s.Draft != nil {
		t.s.Draft = nil
		t.s.Mode = t.resting()
	}
	switch {
	case t.wish.act == actTell:
		t.listNotices(0)
	case writing, t.wish.act == actAnnounce, t.wish.act == actUrgent:
		t.say("campaign.not_trainer")
		t.remind()
	default:
		t.wish.act = actUnknown
		t.unknown()
	}
}

// announce begins a new announcement; one that was not sent is given up.
func (t *turn) announce(urgent bool) {
	t.giveUpDraft()
	d := &Draft{By: t.f.Identity.Learner, Urgent: urgent, Options: t.options()}
	t.s.Draft, t.s.Mode, t.s.Confirm = d, ModeDraftTo, ""
	if urgent {
		t.say("trainer.urgent")
	}
	t.askAudience("trainer.who")
}

// giveUpDraft cancels the draft in the database, if it is one still.
func (t *turn) giveUpDraft() {
	d := t.s.Draft
	t.s.Draft = nil
	if d == nil || d.Key == "" || t.f.Draft == nil || t.f.Draft.Status != statusDraft {
		return
	}
	t.emit(CancelCampaign{Key: d.Key, Learner: t.f.Identity.Learner, Status: statusDraft})
}

func (t *turn) quitDraft() {
	key := "trainer.quit"
	if t.f.Draft != nil && t.f.Draft.Status != statusDraft { // sent by another way meanwhile
		key = "trainer.no_draft"
	}
	t.giveUpDraft()
	t.s.Mode = t.resting()
	t.say(key)
	t.remind()
}

// takeText makes a draft of what was typed or said.
func (t *turn) takeText() {
	d := t.s.Draft
	if d == nil || len(d.Options) > 0 {
		t.announce(false)
		return
	}
	text := strings.TrimSpace(strings.ReplaceAll(strings.ToValidUTF8(t.in.Text, ""), "\r\n", "\n"))
	if n := utf8.RuneCountInString(text); n > maxNotice {
		t.say("trainer.text_too_long", fault.A("count", n), fault.A("limit", maxNotice))
		return
	}
	d.Media = nil
	if t.in.Kind == channel.KindVoice {
		t.say("trainer.voice")
		if t.in.Media != "" {
			d.Media = &DraftMedia{ID: t.in.Media, Kind: channel.MessageVoice, Said: text}
		}
	}
	t.draftText(text)
}

// draftText writes a draft of a text and shows it.
func (t *turn) draftText(text string) {
	d := t.s.Draft
	title, body := titleOf(text)
	d.Key = "chat/" + t.in.Key
	t.emit(DraftCampaign{Key: d.Key, Learner: t.f.Identity.Learner, Urgent: d.Urgent, Title: title, Text: body, To: d.To, WantsAck: d.WantsAck, At: d.at()})
	t.s.Mode = ModeSend
	t.show(title, body, "trainer.counting")
}

// titleOf parts an announcement into title and text. A short first line is the title; else the
// title is the beginning of the text, which stays whole.
func titleOf(text string) (title, body string) {
	for _, w := range []string{"【通知】", "【紧急通知】", "通知：", "通知:", "紧急通知：", "紧急通知:"} {
		if rest := strings.TrimSpace(strings.TrimPrefix(text, w)); rest != "" && rest != text {
			text = rest
			break
		}
	}
	first, rest, _ := strings.Cut(text, "\n")
	first, rest = strings.TrimSpace(first), strings.TrimSpace(rest)
	if rest != "" && utf8.RuneCountInString(first) <= maxNoticeTitle {
		return first, rest
	}
	if i := strings.IndexAny(first, "。！？!?；;"); i > 0 {
		first = first[:i]
	}
	if r := []rune(first); len(r) > excerptRunes {
		first = string(r[:excerptRunes-1]) + "…"
	}
	return first, text
}

// begins reports a title that was taken from the beginning of the text: it is not said twice.
func begins(title, text string) bool {
	return strings.HasPrefix(text, strings.TrimSuffix(title, "…"))
}

// Whole is an announcement as it is shown: title and text, or the text alone when the title is its
// beginning.
func Whole(title, text string) string {
	if begins(title, text) {
		return text
	}
	return title + "\n" + text
}

func (d *Draft) at() time.Time {
	if d.At == 0 {
		return time.Time{}
	}
	return time.UnixMilli(d.At).UTC()
}

// show writes the whole announcement with whom it goes to, how it goes on in key, and what may be
// said now.
func (t *turn) show(title, text, key string) {
	d := t.s.Draft
	d.Shown = t.f.Now.UnixMilli()
	when, ack := t.phrases.Say("trainer.time_now"), t.phrases.Say("trainer.ack_no")
	if d.At != 0 {
		when = t.when(d.at())
	}
	media := d.mediaKind()
	switch {
	case d.WantsAck && media != channel.MessageNone:
		ack = t.phrases.Say("trainer.ack_media", t.what(media))
	case d.WantsAck:
		ack = t.phrases.Say("trainer.ack_yes")
	}
	kind, how := "trainer.show", "trainer.how"
	switch {
	case d.Of != 0:
		kind, how = "trainer.show_reminder", "trainer.how_reminder"
	case d.Urgent:
		kind = "trainer.show_urgent"
	}
	to := t.phrases.Say("trainer.show_to", fault.A("to", t.sized(d.Name, d.Size)), fault.A("when", when), fault.A("ack", ack))
	tail := []string{to}
	if key != "" {
		tail = append(tail, t.phrases.Say(key, t.what(media)))
	}
	tail = append(tail, t.phrases.Say(how))
	switch {
	case d.Media == nil || d.Media.Said == "":
	case d.Media.Used:
		tail = append(tail, t.phrases.Say("trainer.or_words"))
	default:
		tail = append(tail, t.phrases.Say("trainer.or_sound"))
	}
	text = Whole(title, text)
	if media != channel.MessageNone {
		text = t.phrases.Say("trainer.media_text", t.what(media), fault.A("title", title))
	}
	room := t.room - t.used() - len(t.phrases.Say(kind, fault.A("text", ""))) - len(gap)
	for _, b := range tail {
		room -= len(b) + len(gap)
	}
	if len(text) > room {
		short := t.phrases.Say("trainer.shortened", fault.A("count", utf8.RuneCountInString(text)))
		text = cut(text, max(room-len(short), 300)) + short
	}
	t.say(kind, fault.A("text", text))
	t.blocks = append(t.blocks, tail...)
}

// sized writes an audience with its number of people, where that is known.
func (t *turn) sized(name string, size int) string {
	if size < 0 {
		return name
	}
	return t.phrases.Say("trainer.sized", fault.A("name", name), fault.A("count", size))
}

// remindDraft says how to go on with the announcement.
func (t *turn) remindDraft() {
	switch t.s.Mode {
	case ModeDraftTo:
		t.say("trainer.still_to")
	case ModeDraft:
		t.say("trainer.odd_text")
	case ModeDraftTitle:
		t.say("trainer.still_title", t.what(t.s.Draft.mediaKind()))
	default:
		t.say("trainer.odd_send")
	}
}

// draft is the announcement that waits for 发送, as it is in the database. nil has been said.
func (t *turn) draft() *DraftFacts {
	d, f := t.s.Draft, t.f.Draft
	switch {
	case d == nil || d.Key == "":
		t.say("trainer.nothing_to_send")
	case f == nil || f.Status != statusDraft:
		t.s.Draft, t.s.Mode = nil, t.resting()
		t.say("trainer.no_draft")
	default:
		return f
	}
	t.remind()
	return nil
}

// submit sends the draft. A draft that was shown long ago is shown again first.
func (t *turn) submit() {
	f := t.draft()
	if f == nil {
		return
	}
	d := t.s.Draft
	at := d.at()
	switch {
	case t.lacksFile(f):
		t.s.Mode = ModeSend
		return
	case f.Size == 0 && d.Of != 0: // everybody has acknowledged since
		t.giveUpDraft()
		t.s.Mode = t.resting()
		t.say("trainer.remind_done", fault.A("title", f.Title))
		t.remind()
		return
	case f.Size == 0:
		t.s.Mode = ModeSend
		t.say("campaign.no_audience")
		return
	case t.f.Now.Sub(time.UnixMilli(d.Shown)) > staleDraft:
		t.s.Mode = ModeSend
		t.say("trainer.stale")
		t.show(f.Title, f.Text, "")
		return
	case d.At != 0 && !at.After(t.f.Now):
		t.s.Mode = ModeSend
		t.say("trainer.at_gone")
		return
	}
	await := t.releaseAbove > 0 && f.Size > t.releaseAbove
	t.emit(SubmitCampaign{Key: d.Key, Learner: t.f.Identity.Learner, Await: await})
	args := []fault.Arg{fault.A("to", d.Name), fault.A("count", f.Size), fault.A("limit", t.releaseAbove)}
	switch morning, quiet := t.quiet(t.f.Now); {
	case await:
		t.say("trainer.awaits", args...)
	case d.At != 0:
		t.say("trainer.sent_at", append(args, fault.A("when", t.when(at)))...)
	case quiet && !d.Urgent:
		t.say("trainer.sent_quiet", append(args, fault.A("when", t.when(morning)))...)
	default:
		t.say("trainer.sent", args...)
	}
	t.s.Draft, t.s.Mode, t.s.Result = nil, t.resting(), 0
	t.remind()
}

// quiet reports whether nobody is disturbed at an instant, and until when.
func (t *turn) quiet(at time.Time) (until time.Time, quiet bool) {
	local := at.In(study.Zone)
	midnight := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, study.Zone)
	clock := local.Sub(midnight)
	from, to := t.quietFrom, t.quietUntil
	switch {
	case from < to && clock >= from && clock < to, from > to && clock < to:
		return midnight.Add(to), true
	case from > to && clock >= from:
		return midnight.AddDate(0, 0, 1).Add(to), true
	}
	return time.Time{}, false
}

// amend changes the time or the wish for acknowledgements, and shows the announcement again.
func (t *turn) amend() {
	f := t.draft()
	if f == nil {
		return
	}
	d := t.s.Draft
	t.s.Mode = ModeSend
	if f.Problem != "" {
		t.lacksFile(f)
		return
	}
	was, note := d.At, ""
	switch t.wish.act {
	case actWantAck, actNoAck:
		if d.Of != 0 {
			t.say("trainer.reminder_fixed")
			return
		}
	}
	switch t.wish.act {
	case actWantAck:
		d.WantsAck = true
	case actNoAck:
		d.WantsAck = false
	case actNow:
		if d.At == 0 {
			t.say("trainer.odd_send")
			return
		}
		d.At = 0
	default:
		at, ok := readMoment(t.in.Text, t.f.Now)
		_, quiet := t.quiet(at)
		switch {
		case !ok:
			t.say("trainer.at_odd")
			return
		case !at.After(t.f.Now):
			t.say("trainer.at_past", fault.A("when", t.when(at)))
			return
		case at.Sub(t.f.Now) > farthestAt:
			t.say("trainer.at_far")
			return
		case quiet && !d.Urgent:
			t.say("trainer.at_quiet", fault.A("from", clockOf(t.quietFrom)), fault.A("until", clockOf(t.quietUntil)))
			return
		}
		d.At = at.UnixMilli()
	}
	t.emit(AmendCampaign{Key: d.Key, Learner: t.f.Identity.Learner, WantsAck: d.WantsAck, At: d.at()})
	switch {
	case f.Awaits:
		note = "trainer.fetching"
	case d.At != was: // who can be reached depends on when
		note = "trainer.counting"
	}
	t.show(f.Title, f.Text, note)
}

// rewrite gives up the content and asks for another; the audience stays.
func (t *turn) rewrite() {
	if d := t.s.Draft; d != nil && t.s.Mode == ModeDraftTitle {
		d.Media = nil
		t.askText()
		return
	}
	if t.draft() == nil {
		return
	}
	if t.s.Draft.Of != 0 {
		t.s.Mode = ModeSend
		t.say("trainer.reminder_fixed")
		return
	}
	d := *t.s.Draft
	t.giveUpDraft()
	d.Key, d.Shown, d.Media = "", 0, nil
	t.s.Draft = &d
	t.askText()
}

func (t *turn) askText() {
	d := t.s.Draft
	t.s.Mode = ModeDraft
	t.say("trainer.ask_text", fault.A("to", t.sized(d.Name, d.Size)), fault.A("limit", maxNotice))
}

// foretell says the forecast, once it has been counted.
func (t *turn) foretell() {
	f := t.draft()
	if f == nil {
		return
	}
	t.s.Mode = ModeSend
	if t.lacksFile(f) {
		return
	}
	if f.Forecast == nil {
		t.say("trainer.counting_still")
		return
	}
	t.put(f.Forecast.Text(t.phrases, f.Title))
}

// halt stops what was sent last; an announcement that is not sent yet is given up.
func (t *turn) halt() {
	if t.s.Draft != nil {
		t.quitDraft()
		return
	}
	r := t.f.Result
	switch {
	case r == nil:
		t.say("trainer.nothing_to_halt")
	case r.over():
		t.say("trainer.over_already", fault.A("title", t.campaignTitle(r.Title, r.Reminder)))
	default:
		t.emit(CancelCampaign{Campaign: r.ID, Learner: t.f.Identity.Learner, Status: r.Status})
		key := "trainer.halted"
		if r.Status == statusAwaiting || r.Status == statusScheduled {
			key = "trainer.halted_unsent"
		}
		t.say(key, fault.A("title", t.campaignTitle(r.Title, r.Reminder)))
	}
	t.remind()
}

// release lists what waits for a second person, or lets the one with a number of that list go.
func (t *turn) release() {
	others := slices.DeleteFunc(slices.Clone(t.f.Waiting), func(w Waiting) bool { return w.Own })
	own := len(t.f.Waiting) - len(others)
	if n := t.wish.number; n > 0 && n <= len(t.s.Waiting) {
		id := t.s.Waiting[n-1]
		for _, w := range others {
			if w.ID == id {
				t.emit(ReleaseCampaign{Campaign: id, Learner: t.f.Identity.Learner})
				t.s.Waiting = nil
				t.say("trainer.released", fault.A("title", t.campaignTitle(w.Title, w.Reminder)))
				t.remind()
				return
			}
		}
		t.say("trainer.release_gone")
	}
	t.s.Waiting = nil
	switch {
	case len(others) == 0 && own > 0:
		t.say("trainer.release_own", fault.A("count", own))
	case len(others) == 0:
		t.say("trainer.release_none")
	default:
		t.listWaiting(others)
	}
	t.remind()
}

func (t *turn) listWaiting(list []Waiting) {
	t.say("trainer.release_head", fault.A("count", len(list)))
	share := (t.room - t.used() - 400) / len(list)
	for i, w := range list {
		by := w.By
		if by == "" {
			by = t.phrases.Say("trainer.by_office")
		}
		head := t.phrases.Say("trainer.release_line", fault.A("number", i+1), fault.A("by", by), fault.A("title", t.campaignTitle(w.Title, w.Reminder)), fault.A("to", t.sized(t.targetName(w), w.Size)))
		text := w.Text
		if w.Media != channel.MessageNone {
			text = t.phrases.Say("notice.media", t.what(w.Media))
			t.emit(SendNotice{Key: fmt.Sprintf("shown/%s/%d", t.in.Key, i+1), Learner: t.f.Identity.Learner, Campaign: w.ID})
		}
		t.put(cut(head+"\n"+text, max(share, 120)))
		t.s.Waiting = append(t.s.Waiting, w.ID)
	}
	t.say("trainer.release_how")
}

// targetName says in words whom a waiting campaign is for.
func (t *turn) targetName(w Waiting) string {
	if w.Reminder && !w.More {
		return cut(t.phrases.Say("trainer.remind_to", fault.A("title", w.Title)), 180)
	}
	names := slices.Concat(w.Units, w.Cohorts, w.Groups)
	name := t.phrases.Say("trainer.everybody")
	if len(names) > 0 {
		name = strings.Join(names, "、")
	}
	if w.More {
		name += t.phrases.Say("trainer.more_conditions")
	}
	return cut(name, 180)
}
