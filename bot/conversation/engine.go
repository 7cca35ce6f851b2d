package conversation

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

// Options is what an engine is made of. Zero limits take the defaults named here.
type Options struct {
	Library  *content.Library
	Phrases  *content.Phrases
	Calendar study.Calendar
	Credit   study.CreditRule // zero: study.Rule2024
	Targets  study.Targets    // study hours that are asked for in a year

	Bind          people.BindRule
	Notice        int           // version of the privacy notice in the catalogue; 0: 1
	IdentityTries int           // wrong codes of one phone in 24 h before it must wait; 0: 5
	LearnerTries  int           // wrong codes tried on one roster row in 24 h before it is shut; 0: 10
	Late          time.Duration // an answer later than this after its question is told which question it was; 0: 6 h
	ReplyBytes    int           // what one reply holds; 0: content.ReplyBytes

	QuietFrom    time.Duration // after midnight in Asia/Shanghai: from here on nobody is disturbed
	QuietUntil   time.Duration // equal values mean no quiet hours, as in delivery.Policy
	ReleaseAbove int           // an announcement to more people waits for a second trainer; 0: none does
	NoticeURL    string        // page where a person allows notices; "" when there is none
	OnceTemplate string        // of one-time subscribe messages; "" for none
	OnceURL      string        // what stands before the secret of a link that allows one; "" for none
	TickURL      string        // page where a trainer ticks people, up to the token; "" when there is none

	Certificates Certificates
}

// Engine steps conversations. It is immutable, cheap to make and may be used by many goroutines.
// The zero value is not usable; see New.
type Engine struct {
	library   *content.Library
	catalogue *study.Catalogue
	phrases   *content.Phrases
	calendar  study.Calendar
	credit    study.CreditRule
	targets   study.Targets

	bind          people.BindRule
	notice        int
	identityTries int
	learnerTries  int
	late          time.Duration
	reply         int // bytes a reply may have
	room          int // bytes left when a stored reply is shown again behind its sentence

	quietFrom    time.Duration
	quietUntil   time.Duration
	releaseAbove int
	noticeURL    string
	onceTemplate string
	onceURL      string
	tickURL      string

	certificates Certificates
}

// New makes an engine.
func New(o Options) *Engine {
	e := &Engine{
		library: o.Library, catalogue: study.NewCatalogue(o.Library), phrases: o.Phrases, calendar: o.Calendar, credit: o.Credit, targets: o.Targets, bind: o.Bind,
		notice: o.Notice, identityTries: o.IdentityTries, learnerTries: o.LearnerTries, late: o.Late, reply: o.ReplyBytes,
		quietFrom: o.QuietFrom, quietUntil: o.QuietUntil, releaseAbove: o.ReleaseAbove, noticeURL: o.NoticeURL, onceTemplate: o.OnceTemplate, onceURL: o.OnceURL, tickURL: o.TickURL, certificates: o.Certificates,
	}
	if e.credit.Version == "" {
		e.credit = study.Rule2024
	}
	if e.notice == 0 {
		e.notice = 1
	}
	if e.identityTries == 0 {
		e.identityTries = 5
	}
	if e.learnerTries == 0 {
		e.learnerTries = 10
	}
	if e.late == 0 {
		e.late = 6 * time.Hour
	}
	if e.reply == 0 {
		e.reply = content.ReplyBytes
	}
	e.room = e.reply - len(e.phrases.Say("quiz.unconfirmed")) - len(gap)
	return e
}

// WithLibrary returns the same engine with another library.
func (e *Engine) WithLibrary(l *content.Library) *Engine {
	c := *e
	c.library = l
	if !slices.Equal(l.Courses(), e.library.Courses()) { // else an old version has come to be known
		c.catalogue = study.NewCatalogue(l)
	}
	return &c
}

// Catalogue finds the library's current courses.
func (e *Engine) Catalogue() *study.Catalogue { return e.catalogue }

// gap parts the paragraphs of a reply.
const gap = "\n\n"

// turn is one Step under way.
type turn struct {
	*Engine
	in      channel.Inbound
	f       Facts
	s       State
	effects []Effect
	blocks  []string
	wish    wish

	completedCourse string // by this answer; "" for none
}

// Step answers one message. It is deterministic: the same state, message and facts give the same
// turn. Seq is left for the caller.
func (e *Engine) Step(s State, in channel.Inbound, f Facts) Turn {
	s.V = StateVersion
	if f.Identity.Delegate {
		f.Trainer = nil // the right is the person's, not whoever's learns in the person's place
	}
	t := &turn{Engine: e, in: in, f: f, s: s.clone(), wish: e.read(s, in)}
	switch {
	case t.wish.act == actUnfollow:
		t.s = State{V: StateVersion}
		t.emit(Unfollow{})
		return t.done(channel.Message{})
	case t.wish.act == actSilent:
		return t.done(channel.Message{})
	case f.Unconfirmed != nil:
		t.wish.act = actUnconfirm
		t.emit(Confirmed{})
		return t.done(t.shownAgain(f.Unconfirmed.Reply))
	}
	if t.wish.act == actFollow {
		t.emit(Follow{Scene: in.EventKey})
		t.step(people.StepFollowed, "", "")
	}
	if f.Identity.Notice < e.notice {
		t.emit(ShowNotice{Version: e.notice})
		t.say("bind.notice", fault.A("version", e.notice))
		if f.Identity.Learner != 0 && showsLesson[t.wish.act] {
			// The lesson would not fit beside the notice; nothing is lost by asking first.
			t.say("bind.notice_then")
			return t.done(t.message())
		}
	}
	if t.tellFirst() {
		return t.done(t.message())
	}
	t.run()
	t.tellBehind()
	return t.done(t.message())
}

var showsLesson = map[act]bool{actToday: true, actMore: true, actReread: true, actRedo: true, actBindCode: false}

func (t *turn) done(m channel.Message) Turn {
	if t.wish.act != actSilent && t.wish.act != actUnconfirm {
		if t.wish.act == actUnknown || t.wish.act == actStray {
			t.s.Unclear = min(t.s.Unclear+1, 9)
		} else {
			t.s.Unclear = 0
		}
	}
	return Turn{In: t.in, Identity: t.f.Identity, After: t.s, Effects: t.effects, Reply: m, Topic: string(t.wish.act)}
}

// shownAgain puts the sentence of an unconfirmed turn before its reply.
func (t *turn) shownAgain(m channel.Message) channel.Message {
	t.say("quiz.unconfirmed")
	switch m.Kind {
	case channel.MessageNone:
		return t.message()
	case channel.MessageText:
		t.blocks = append(t.blocks, m.Text)
		return t.message()
	default:
		return m
	}
}

// say adds a paragraph from the catalogue.
func (t *turn) say(key string, args ...fault.Arg) {
	t.blocks = append(t.blocks, t.phrases.Say(key, args...))
}

// put adds a paragraph as it is.
func (t *turn) put(text string) { t.blocks = append(t.blocks, text) }

// used is how many bytes the paragraphs so far take, with the gap behind them.
func (t *turn) used() int {
	n := 0
	if who := t.whoLine(); who != "" {
		n = len(who) + 1
	}
	for _, b := range t.blocks {
		n += len(b) + len(gap)
	}
	return n
}

// message joins the paragraphs. What does not fit is cut at a character: it cannot happen with
// content that passed its check, and a cut reply is better than one the platform refuses.
func (t *turn) message() channel.Message {
	text := strings.TrimSpace(strings.Join(t.blocks, gap))
	limit := t.room
	if who := t.whoLine(); who != "" && text != "" && len(who)+1+len(text) <= limit {
		text = who + "\n" + text
	}
	if t.wish.act == actUnconfirm {
		limit = t.reply
	}
	return channel.Text(cut(text, limit))
}

// cut shortens a text to at most limit bytes, at a character, with a mark that something is missing.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	const mark = "…"
	end := limit - len(mark)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:max(end, 0)] + mark
}

// clone copies what a step may change.
func (s State) clone() State {
	if s.Binding != nil {
		b := *s.Binding
		s.Binding = &b
	}
	if s.Study != nil {
		st := *s.Study
		st.Items = append([]int(nil), st.Items...)
		st.Right = append([]int(nil), st.Right...)
		s.Study = &st
	}
	if s.Draft != nil {
		d := *s.Draft
		d.Options = append([]string(nil), d.Options...)
		if d.Media != nil {
			m := *d.Media
			d.Media = &m
		}
		s.Draft = &d
	}
	if s.Survey != nil {
		v := *s.Survey
		s.Survey = &v
	}
	if s.Menu != nil {
		m := *s.Menu
		m.Shown = append([]string(nil), m.Shown...)
		s.Menu = &m
	}
	s.Waiting = append([]int64(nil), s.Waiting...)
	return s
}

// bound reports whether somebody is bound to this phone; if not, binding begins.
func (t *turn) bound() bool {
	if t.f.Identity.Learner != 0 {
		return true
	}
	t.s.Study = nil
	t.startBinding("bind.first")
	return false
}

// run does what the message asks for.
func (t *turn) run() {
	t.leaveQuestion()
	switch t.wish.act {
	case actFollow, actScan:
		t.arrive()
	case actBind:
		t.s.Binding = &Binding{Cohort: t.s.Binding.cohort()}
		t.startBinding("bind.begin")
	case actBindName, actBindUnit, actBindCode, actBindOdd:
		t.bindStep()
	case actHelp:
		t.help()
	case actNotice:
		t.showNotice()
	case actMedia:
		t.oddMedia()
	case actPlace:
		t.place()
	case actUnheard:
		t.say("help.unheard")
		t.remind()
	case actGreet:
		t.greet()
	case actQuit:
		t.quit()
	case actAck, actAckSoft:
		t.acknowledge()
	case actThanks:
		t.say("help.welcome")
		t.remind()
	case actNod:
		t.nod()
	default:
		if t.bound() {
			t.runBound()
		}
	}
}

// leaveQuestion drops a "really?" or a list of people that the message does not answer.
func (t *turn) leaveQuestion() {
	asked := t.s.Mode == ModeConfirm && t.wish.act != actYes && t.wish.act != actNo ||
		t.s.Mode == ModeProfile && t.wish.act != actChoose ||
		t.s.Mode == ModeHour && t.wish.act != actHour ||
		t.s.Mode == ModeSurvey && !staysInSurvey[t.wish.act] ||
		t.s.Mode == ModeMenu && !staysInMenu[t.wish.act] ||
		t.s.Mode == ModeCorrect && t.wish.act != actCorrectText ||
		t.drafting() && !staysInDraft[t.wish.act]
	if asked {
		t.s.Mode, t.s.Confirm = t.resting(), ""
	}
	if t.s.Mode != ModeMenu {
		t.s.Menu = nil
	}
	if d := t.s.Draft; d != nil && (d.By != t.f.Identity.Learner || d.Key == "" && !t.drafting()) {
		t.s.Draft = nil // another person's, or one without a text that was left
	}
}

// quit leaves what is under way; a lesson or quiz stays where it is.
func (t *turn) quit() {
	switch t.s.Mode {
	case ModeBindName, ModeBindUnit, ModeBindCode:
		t.s.Binding = &Binding{Cohort: t.s.Binding.cohort()}
		t.s.Mode = t.resting()
		t.say("bind.quit")
		return
	}
	if t.bound() {
		t.say("help.quit")
	}
}

// again is a binding from the beginning, for the same class and purpose.
func (b *Binding) again() *Binding {
	if b == nil {
		return &Binding{}
	}
	return &Binding{Cohort: b.Cohort, For: b.For}
}

func (b *Binding) cohort() string {
	if b == nil {
		return ""
	}
	return b.Cohort
}

// runBound does what only a bound person can ask for.
func (t *turn) runBound() {
	switch t.wish.act {
	case actToday:
		t.today()
	case actMore:
		t.more()
	case actRedo:
		t.redo()
	case actReread:
		t.reread()
	case actAnswer:
		t.answer()
	case actRecord:
		t.record()
	case actHours:
		t.showHours()
	case actCertificate:
		t.certificate()
	case actClassCertificate:
		t.classCertificate()
	case actPause, actResume, actStop:
		t.push()
	case actSwitch:
		t.listProfiles()
	case actChoose:
		t.choose()
	case actWho:
		t.who()
	case actMine:
		t.showMine()
	case actCorrect, actCorrectText:
		t.correct()
	case actDelegate:
		t.beginDelegate()
	case actHandOver:
		t.askHandOver()
	case actUnbind, actForget:
		t.askUnbind()
	case actYes:
		t.confirmed()
	case actNo:
		t.s.Mode, t.s.Confirm = t.resting(), ""
		t.say("help.not_done")
		t.remind()
	case actStray:
		t.say("quiz.no_question")
	case actLeave:
		t.leave()
	case actLeaveBack:
		t.takeLeaveBack()
	case actSignIn:
		t.signIn()
	case actSignOut:
		t.signOut()
	case actPlaceYes:
		t.agreePlace()
	case actPlaceBack:
		t.takeBackPlace()
	case actRectify:
		t.rectify()
	case actCourses, actSearch, actMenuNext, actMenuPrev, actMenuBack, actPick:
		t.browse()
	case actOrders, actOrder, actDropOrder, actOrderFirst:
		t.orders()
	case actSurvey:
		t.survey()
	case actSurveyAnswer:
		t.answerSurvey()
	case actSurveyQuit:
		t.quitSurvey()
	case actHour:
		t.setHour()
	case actHourDefault:
		t.dropHour()
	case actDraftOdd:
		t.remindDraft()
	case actNotices:
		t.listNotices(t.wish.number)
	case actSubscribe:
		t.subscribe()
	default:
		t.runTrainer()
	}
}

// nod answers 好的: nothing has to be done.
func (t *turn) nod() {
	if item, _ := t.openItem(t.s); item == nil && !t.drafting() {
		t.say("help.nod")
	}
	t.remind()
}
