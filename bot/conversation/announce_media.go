package conversation

import (
	"strings"
	"unicode/utf8"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/fault"
)

const (
	actDraftPicture act = "draft_picture" // a picture came while an announcement is written
	actDraftUnheard act = "draft_unheard" // a recording of which the platform made no words
	actDraftSound   act = "draft_sound"   // 2: the recording itself
	actDraftWords   act = "draft_words"   // 1: what was said, as text
	actDraftTitle   act = "draft_title"   // the line that goes with a picture or a recording
)

// DraftMedia is a picture or a recording that a trainer sent for an announcement, by the platform's id.
type DraftMedia struct {
	ID   string              `json:"id"`
	Kind channel.MessageKind `json:"kind"`           // image or voice
	Said string              `json:"said,omitempty"` // what the platform made of a recording, "" for nothing
	Used bool                `json:"used,omitempty"` // it is the content; else Said is, and it may become the content
}

// SentFile names a file that somebody sent in the chat: it has to be fetched while the platform still has it.
type SentFile struct {
	Channel string
	ID      string              // the platform's
	Kind    channel.MessageKind // image or voice
}

// FileProblem says why a file that somebody sent cannot be used. Each has a sentence in the catalogue.
type FileProblem string

// The problems.
const (
	FileGone   FileProblem = "gone"   // the platform does not have it any more
	FileAway   FileProblem = "away"   // the platform did not give it, again and again
	FileBig    FileProblem = "big"    // larger than 2 MB
	FileLong   FileProblem = "long"   // longer than a minute
	FileKind   FileProblem = "kind"   // of a kind that cannot be sent
	FileBroken FileProblem = "broken" // cannot be opened
)

// readMediaChoice reads 1 and 2 where a recording may be sent as what it says or as it is.
func readMediaChoice(s State, folded string) (act, bool) {
	if s.Draft == nil || s.Draft.Media == nil || s.Draft.Media.Kind != channel.MessageVoice {
		return "", false
	}
	switch {
	case folded == "2" && (s.Mode == ModeDraft || s.Draft.Media.Said != ""):
		return actDraftSound, true
	case folded == "1" && s.Mode == ModeSend && s.Draft.Media.Said != "":
		return actDraftWords, true
	}
	return "", false
}

// what names the kind of a file.
func (t *turn) what(k channel.MessageKind) fault.Arg {
	if k == channel.MessageVoice {
		return fault.A("what", t.phrases.Say("trainer.sound"))
	}
	return fault.A("what", t.phrases.Say("trainer.picture"))
}

// takePicture makes a picture the content of the announcement, and asks for the line that goes with it.
func (t *turn) takePicture() {
	d := t.s.Draft
	switch {
	case d == nil || t.s.Mode == ModeDraftTo:
		t.say("trainer.media_early")
		t.remind()
	case t.s.Mode == ModeSend && d.Of != 0:
		t.say("trainer.reminder_fixed")
	case t.s.Mode == ModeSend:
		t.putPicture()
	default:
		d.Media = &DraftMedia{ID: t.in.Media, Kind: channel.MessageImage, Used: true}
		t.askTitle()
	}
}

// putPicture makes a picture the content of an announcement that has one: another picture keeps its line, and a text
// that is short enough becomes the line. It is shown again before it can be sent.
func (t *turn) putPicture() {
	f := t.draft()
	if f == nil {
		return
	}
	d := *t.s.Draft
	title := f.Title
	if d.mediaKind() == channel.MessageNone {
		title = strings.Join(strings.Fields(Whole(f.Title, f.Text)), " ")
	}
	if utf8.RuneCountInString(title) > maxNoticeTitle {
		t.say("trainer.media_late")
		return
	}
	t.giveUpDraft()
	t.s.Draft = &d
	d.Media = &DraftMedia{ID: t.in.Media, Kind: channel.MessageImage}
	t.draftMedia(title)
}

// oddMedia says that something cannot be read here.
func (t *turn) oddMedia() {
	if t.drafting() {
		t.say("trainer.media_odd")
	} else {
		t.say("help.media")
	}
	t.remind()
}

// unheard keeps a recording of which the platform made no words: it can be sent as it is.
func (t *turn) unheard() {
	d := t.s.Draft
	if d == nil {
		t.announce(false)
		return
	}
	d.Media = &DraftMedia{ID: t.in.Media, Kind: channel.MessageVoice}
	t.say("trainer.unheard")
}

func (t *turn) askTitle() {
	t.s.Mode = ModeDraftTitle
	t.say("trainer.ask_title", t.what(t.s.Draft.Media.Kind), fault.A("limit", maxNoticeTitle))
}

// takeTitle makes the draft of a picture or a recording and the line that goes with it.
func (t *turn) takeTitle() {
	d := t.s.Draft
	if d == nil || d.Media == nil {
		t.announce(false)
		return
	}
	title := strings.Join(strings.Fields(strings.ToValidUTF8(t.in.Text, "")), " ")
	if n := utf8.RuneCountInString(title); n > maxNoticeTitle {
		t.say("trainer.title_too_long", t.what(d.Media.Kind), fault.A("count", n), fault.A("limit", maxNoticeTitle))
		return
	}
	t.draftMedia(title)
}

// draftMedia writes the draft of a picture or a recording. The file is fetched once this is committed, so that the
// answer waits for nobody; until it is there, nothing can be sent.
func (t *turn) draftMedia(title string) {
	d := t.s.Draft
	d.Media.Used = true
	d.Key = "chat/" + t.in.Key
	t.emit(DraftCampaign{
		Key: d.Key, Learner: t.f.Identity.Learner, Urgent: d.Urgent, Title: title, To: d.To, WantsAck: d.WantsAck, At: d.at(),
		File: SentFile{Channel: t.in.From.Channel, ID: d.Media.ID, Kind: d.Media.Kind},
	})
	t.s.Mode = ModeSend
	t.show(title, "", "trainer.fetching")
}

// chooseSound makes the recording the content instead of its words.
func (t *turn) chooseSound() {
	if t.s.Mode == ModeDraft { // there are no words
		t.s.Draft.Media.Used = true
		t.askTitle()
		return
	}
	f := t.draft()
	if f == nil {
		return
	}
	d := *t.s.Draft
	if d.Media.Used {
		t.remindDraft()
		return
	}
	t.giveUpDraft()
	t.s.Draft = &d
	t.draftMedia(f.Title)
}

// chooseWords makes what was said the content again.
func (t *turn) chooseWords() {
	if t.draft() == nil {
		return
	}
	d := *t.s.Draft
	if !d.Media.Used {
		t.remindDraft()
		return
	}
	t.giveUpDraft()
	t.s.Draft = &d
	d.Media.Used = false
	t.draftText(d.Media.Said)
}

// mediaKind is of what kind the content of the draft is; MessageNone for a text.
func (d *Draft) mediaKind() channel.MessageKind {
	if d.Media == nil || !d.Media.Used {
		return channel.MessageNone
	}
	return d.Media.Kind
}

// lacksFile says why a draft cannot be sent yet, or not at all, because its file is not there.
func (t *turn) lacksFile(f *DraftFacts) bool {
	if !f.Awaits {
		return false
	}
	kind := t.what(t.s.Draft.mediaKind())
	if f.Problem == "" {
		t.say("trainer.file_waiting", kind)
		return true
	}
	t.say("trainer.file_failed", kind, fault.A("why", t.phrases.Say("trainer.file_"+string(f.Problem))))
	return true
}
