package conversation

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

// wish is what a message asks for, read from state and message alone, so that Need and Step cannot
// differ about it.
type wish struct {
	act      act
	cohort   string  // class to load
	reading  Reading // of an answer
	name     string  // folded, when the message gives one
	unit     string
	code     string
	text     string // of actCorrect, actCorrectText: what is wrong; of actLeave: why; "" when it is still to be said; of actSearch: what for
	forOther bool   // the message says 代学 itself
	folded   string
	places   []int     // of actLeave: on the list of coming sessions
	all      bool      // of actLeave: every one
	number   int       // behind a word: 放行 2; 0 for none
	hour     string    // of actHour
	doubt    HourDoubt // of actHour
}

// Need says which facts Step will look at for this message in this state.
func (e *Engine) Need(s State, in channel.Inbound) Needs {
	w := e.read(s, in)
	switch w.act {
	case actFollow, actScan:
		return Needs{Profiles: true, Progress: true, Cohort: w.cohort, Tries: true}
	case actToday, actMore, actRedo, actReread:
		return Needs{Progress: true}
	case actAnswer:
		last := e.lastItem(s)
		return Needs{Progress: last, Queue: last, Profiles: last && (e.noticeURL != "" || e.once() != "")}
	case actRecord:
		return Needs{Progress: true, Record: true, Survey: true, Profiles: true, Menu: true, Queue: true}
	case actCourses, actSearch, actMenuNext, actMenuPrev, actMenuBack, actPick, actOrders, actOrder, actDropOrder, actOrderFirst:
		return Needs{Profiles: true, Menu: true, Queue: true}
	case actHours:
		return Needs{Profiles: true, Hours: true}
	case actCertificate:
		if e.certificates.Terms.Office == "" {
			return Needs{}
		}
		return Needs{Certificate: &CertificateNeed{Year: w.number, Terms: e.certificates.Terms}}
	case actClassCertificate:
		if e.certificates.Terms.Office == "" {
			return Needs{}
		}
		return Needs{Certificate: &CertificateNeed{Class: true, ClassName: w.text, Terms: e.certificates.Terms}}
	case actRectify:
		return Needs{Record: true, Trainer: true, Rectify: true}
	case actLeave, actLeaveBack:
		return Needs{Coming: true}
	case actSignIn, actSignOut:
		id, _ := study.SignSession(w.code)
		return Needs{SignIn: true, SignSession: id}
	case actPlace, actPlaceYes:
		return Needs{SignIn: true}
	case actSurvey:
		return Needs{Survey: true}
	case actSurveyAnswer:
		return Needs{Survey: true, SurveyID: surveyWanted(s)}
	case actPause, actResume, actStop, actSwitch, actChoose, actWho, actUnbind, actHandOver:
		return Needs{Profiles: true}
	case actForget, actYes, actCorrect, actCorrectText:
		return Needs{Profiles: true, Mine: true}
	case actMine:
		return Needs{Profiles: true, Mine: true, Record: true}
	case actDelegate:
		return Needs{Profiles: true, Mine: true, Tries: true}
	case actBind:
		return Needs{Tries: true, Profiles: true}
	case actHour, actHourDefault:
		return Needs{Progress: true, Profiles: true}
	case actAck, actAckSoft, actNotices:
		return Needs{Notices: true}
	case actSubscribe:
		return Needs{Once: e.once()}
	case actBindName, actBindUnit, actBindCode:
		n := Needs{Tries: true}
		if w.forOther || s.Binding != nil && s.Binding.For {
			n.Profiles, n.Mine = true, true
		}
		if w.name != "" && w.unit != "" && w.code != "" {
			n.Name, n.Cohort, n.Profiles = w.name, w.cohort, true
		}
		return n
	}
	return e.needOfTrainer(s, w)
}

// needOfTrainer is Need for what only trainers ask for.
func (e *Engine) needOfTrainer(s State, w wish) Needs {
	key := ""
	if s.Draft != nil {
		key = s.Draft.Key
	}
	switch w.act {
	case actTell:
		return Needs{Trainer: true, Audiences: true, Notices: true, Draft: key}
	case actAnnounce, actUrgent:
		return Needs{Trainer: true, Audiences: true, Draft: key}
	case actDraftTo:
		return Needs{Trainer: true, Audiences: true, Unit: w.unit, Groups: groupsWanted(s, w.number)}
	case actDraftText, actDraftUnheard, actDraftTitle:
		return Needs{Trainer: true}
	case actDraftSound, actDraftWords, actDraftPicture:
		return Needs{Trainer: true, Draft: key}
	case actSend:
		return Needs{Trainer: true, Draft: key, Size: key != ""}
	case actNow, actAt, actWantAck, actNoAck, actRewrite, actForecast, actDraftQuit:
		return Needs{Trainer: true, Draft: key}
	case actHalt:
		return Needs{Trainer: true, Draft: key, Result: 1}
	case actResult:
		return Needs{Trainer: true, Result: max(1, w.number)}
	case actNames:
		return Needs{Trainer: true, Result: 1, ResultOf: s.Result, Names: NamesUnreached, Page: max(1, w.number)}
	case actSilentNames:
		return Needs{Trainer: true, Result: 1, ResultOf: s.Result, Silent: true, Names: NamesSilent, Page: max(1, w.number)}
	case actRemind:
		return Needs{Trainer: true, Result: 1, ResultOf: s.Result, Silent: true, Draft: key}
	case actRelease:
		return Needs{Trainer: true, Waiting: true}
	case actRequests:
		return Needs{Trainer: true, Asked: true, Rule: e.bind}
	case actGrant, actRefuse:
		return Needs{Trainer: true, Asked: true, AskedID: people.RequestID(w.number), Rule: e.bind}
	case actLeaves:
		return Needs{Trainer: true, Leaves: true}
	case actLeaveGrant, actLeaveDeny:
		return Needs{Trainer: true, Leaves: true, LeaveID: study.LeaveID(w.number)}
	case actNeedHelp:
		return Needs{Trainer: true, Help: true}
	case actTick:
		return Needs{Trainer: true, Ticking: true}
	case actTickEnd:
		return Needs{Trainer: true}
	}
	return Needs{}
}

// lastItem reports whether the open item is the last of its attempt: completing needs the facts.
func (e *Engine) lastItem(s State) bool {
	return s.Study != nil && s.Study.Next >= len(s.Study.Items)-1
}

func (e *Engine) read(s State, in channel.Inbound) wish {
	switch in.Kind {
	case channel.KindUnfollow:
		return wish{act: actUnfollow}
	case channel.KindFollow:
		return wish{act: actFollow, cohort: in.EventKey}
	case channel.KindScan:
		if _, ours := study.SignSession(in.EventKey); ours {
			return wish{act: actSignIn, code: in.EventKey}
		}
		return wish{act: actScan, cohort: in.EventKey}
	case channel.KindTap:
		if a, ok := keyActs[in.EventKey]; ok {
			return wish{act: a}
		}
		return wish{act: actHelp}
	case channel.KindImage, channel.KindVideo, channel.KindLink:
		switch s.Mode {
		case ModeDraftTo, ModeDraft, ModeDraftTitle, ModeSend:
			if in.Kind == channel.KindImage && in.Media != "" {
				return wish{act: actDraftPicture}
			}
		}
		return wish{act: actMedia}
	case channel.KindLocation:
		if in.Contact == channel.ContactNone {
			return wish{act: actSilent} // the phone's report, nobody sent it
		}
		return wish{act: actPlace}
	case channel.KindVoice:
		if compact(foldAnswer(in.Text)) == "" {
			if in.Media != "" && s.Mode == ModeDraft {
				return wish{act: actDraftUnheard}
			}
			return wish{act: actUnheard}
		}
		return e.readText(s, in.Text)
	case channel.KindText:
		return e.readText(s, in.Text)
	}
	return wish{act: actSilent}
}

func (e *Engine) readText(s State, text string) wish {
	folded := ""
	if utf8.RuneCountInString(text) <= maxAnswerRunes {
		folded = study.Fold(text)
		if t := strings.TrimSpace(text); t == "?" || t == "？" {
			folded = "?"
		}
	}
	w := wish{act: actUnknown, folded: folded}
	switch s.Mode {
	case ModeBindName, ModeBindUnit, ModeBindCode:
		return e.readBinding(s, text, folded)
	case ModeConfirm:
		switch {
		case yesReply[folded], allOf(text, yesReply):
			w.act = actYes
			return w
		case noReply[folded], allOf(text, noReply):
			w.act = actNo
			return w
		}
	case ModeProfile:
		if a, ok := actOf[folded]; ok {
			w.act = a
			return w
		}
		w.act = actChoose
		return w
	case ModeDraftTo, ModeDraft, ModeDraftTitle, ModeSend:
		return readDraft(s, text, w)
	case ModeSurvey:
		return readSurvey(s, w)
	case ModeMenu:
		if m, ok := readMenu(s, text, w); ok {
			return m
		}
	case ModeCorrect:
		a, everyday := actOf[folded]
		if everyday && a != actNod && a != actThanks {
			w.act = a
			return w
		}
		w.act = actCorrectText
		if !everyday { // 好的 says nothing
			w.text = complaint(text)
		}
		return w
	case ModeHour:
		if hour, doubt := readClock(squeeze(foldAnswer(text))); doubt != HourNone && utf8.RuneCountInString(text) <= maxHourRunes {
			w.act, w.hour, w.doubt = actHour, hour, doubt
			return w
		}
	}
	if b, ok := readTriple(text); ok {
		if s.Binding != nil {
			b.cohort = s.Binding.Cohort
		}
		b.folded = folded
		if item, _ := e.openItem(s); item == nil {
			return b
		}
	}
	return e.readFree(s, text, w)
}

// readFree reads a message while nothing particular is asked, or a question is open.
func (e *Engine) readFree(s State, text string, w wish) wish {
	item, _ := e.openItem(s)
	if s.Mode == ModeMenu && !looksLikeAnswer(text) {
		item = nil // words are looked for in the menu
	}
	if s.Mode == ModeLesson && w.folded == "1" {
		w.act = actMore
		return w
	}
	if item != nil {
		w.reading = Read(*item, text)
		nod := item.Kind == content.TrueFalse && actOf[w.folded] == actNod // 嗯: is it 对?
		unclear := w.reading.Doubt != DoubtNone || item.Kind == content.Fill
		if a, polite, ok := everyday(text, w.folded); ok && !w.reading.Literal && !nod && (!polite || unclear && s.Mode != ModeConfirm) {
			w.act = a
			return w
		}
		if s.Draft != nil || item.Kind != content.Fill {
			if side, ok := readSide(s, text, w); ok && !w.reading.Literal && w.reading.Doubt != DoubtNone {
				return side
			}
		}
		if s.Mode == ModeConfirm && w.reading.Doubt != DoubtNone {
			w.act = actNo
			return w
		}
		w.act = actAnswer
		return w
	}
	if a, polite, ok := everyday(text, w.folded); ok && (!polite || s.Mode != ModeConfirm) {
		w.act = a
		return w
	}
	if number, ok := cutSign(text); ok {
		w.act, w.code = actSignIn, number
		return w
	}
	if side, ok := readSide(s, text, w); ok {
		return side
	}
	switch {
	case s.Mode == ModeMenu && !looksLikeAnswer(text):
		w.act, w.text = actSearch, query(text)
	case s.Mode == ModeConfirm:
		w.act = actNo
	case s.Mode == ModeQuiz && s.Study != nil:
		w.act = actMore // the question has not been shown yet
	case digitActs[w.folded] != "":
		w.act = digitActs[w.folded]
	case looksLikeAnswer(text):
		w.act = actStray
	}
	return w
}

// readSide reads what may be said beside a question: a trainer's word, a word with a number, a wish
// about the hour.
func readSide(s State, text string, w wish) (wish, bool) {
	if a, ok := trainers[w.folded]; ok {
		w.act = a
		return w, true
	}
	if a, n, ok := cutNumber(w.folded); ok {
		w.act, w.number = a, n
		return w, true
	}
	if words, ok := cutSearch(text); ok {
		w.act, w.text = actSearch, words
		return w, true
	}
	if number, ok := cutSign(text); ok && strings.HasPrefix(w.folded, "签到") {
		w.act, w.code = actSignIn, number
		return w, true
	}
	if places, all, reason, ok := cutLeave(text); ok {
		w.act, w.places, w.all, w.text = actLeave, places, all, reason
		return w, true
	}
	if a, n, reason, ok := cutDecision(text); ok {
		w.act, w.number, w.text = a, n, reason
		return w, true
	}
	if rest, ok := cutCorrect(text); ok {
		w.act, w.text = actCorrect, rest
		return w, true
	}
	if class, ok := cutClassCertificate(w.folded); ok {
		w.act, w.text = actClassCertificate, class
		return w, true
	}
	if year, ok := cutCertificate(w.folded); ok {
		w.act, w.number = actCertificate, year
		return w, true
	}
	hour, doubt, ok := ReadHour(text)
	if isAt(w.folded) {
		if s.Draft != nil {
			w.act = actAt
			return w, true
		}
		ok = true
	}
	if ok {
		w.act, w.hour, w.doubt = actHour, hour, doubt
		return w, true
	}
	return w, false
}

// isAt reports 定时 18:30 and the like, which names an hour for an announcement.
func isAt(folded string) bool {
	for _, w := range []string{"定时", "定在", "定到"} {
		if strings.HasPrefix(folded, w) {
			return true
		}
	}
	return false
}

// readDraft reads a message while a trainer writes an announcement.
func readDraft(s State, text string, w wish) wish {
	a, everyday := actOf[w.folded]
	own, trainer := trainers[w.folded]
	switch {
	case everyday && a == actQuit:
		w.act = actDraftQuit
		return w
	case everyday && a != actNod && a != actThanks && a != actGreet:
		w.act = a
		return w
	}
	if a, ok := readMediaChoice(s, w.folded); ok {
		w.act = a
		return w
	}
	odd := everyday || trainer
	switch s.Mode {
	case ModeDraftTo:
		w.act, w.unit, w.number = actDraftTo, "", listNumber(text)
		if n := utf8.RuneCountInString(w.folded); !odd && w.number == 0 && n >= 2 && n <= maxUnitRunes {
			w.unit = strings.TrimSpace(text)
		}
	case ModeDraftTitle:
		w.act = actDraftTitle
		if odd || utf8.RuneCountInString(w.folded) < 2 && utf8.RuneCountInString(text) < 10 {
			w.act = actDraftOdd
		}
		if own == actRewrite {
			w.act = actRewrite
		}
	case ModeDraft:
		w.act = actDraftText
		if odd || utf8.RuneCountInString(w.folded) < 2 && utf8.RuneCountInString(text) < 10 {
			w.act = actDraftOdd
		}
	default:
		w.act = actDraftOdd
		if isAt(w.folded) {
			w.act = actAt
		}
	}
	if trainer && (own == actHalt || s.Mode == ModeSend || own == actResult || own == actRelease || own == actNames || own == actSilentNames || own == actRemind) {
		w.act = own
	}
	return w
}

// looksLikeAnswer reports letters of options, or a verdict: an answer to a question that is not there.
func looksLikeAnswer(text string) bool {
	c := compact(foldAnswer(text))
	if yesWords[c] || noWords[c] {
		return true
	}
	picked, doubt := choicesByMark(c, 8, true)
	return doubt == DoubtNone && len(picked) > 0
}

// openItem returns the question that has been shown and waits for an answer, with the lesson it
// belongs to in the version the quiz began with; nil without one.
func (e *Engine) openItem(s State) (*content.Item, *content.Lesson) {
	st := s.Study
	if st == nil || st.AskedAt == 0 || st.Next < 0 || st.Next >= len(st.Items) {
		return nil, nil
	}
	lesson := e.lesson(st.Lesson)
	if lesson == nil {
		return nil, nil
	}
	i := st.Items[st.Next]
	if i < 0 || i >= len(lesson.Items) {
		return nil, nil
	}
	return &lesson.Items[i], lesson
}

func (e *Engine) lesson(ref study.LessonRef) *content.Lesson {
	course := e.library.Version(ref.Course)
	if course == nil {
		return nil
	}
	lesson, _ := course.Lesson(ref.Lesson)
	return lesson
}

// readBinding reads a message while name, unit or code is asked for.
func (e *Engine) readBinding(s State, text, folded string) wish {
	b := s.Binding
	if b == nil {
		b = &Binding{}
	}
	w := wish{act: actBindOdd, folded: folded, cohort: b.Cohort}
	if all, ok := readTriple(text); ok {
		all.cohort, all.folded = b.Cohort, folded
		return all
	}
	if a, ok := actOf[folded]; ok {
		if a != actThanks && a != actNod { // 好的 is no name
			w.act = a
		}
		return w
	}
	fields := bindingFields(text)
	switch s.Mode {
	case ModeBindUnit:
		w.name = b.Name
		w.unit, w.code = unitAndCode(fields)
		if w.unit != "" {
			w.act = actBindUnit
		}
	case ModeBindCode:
		w.name, w.unit = b.Name, b.Unit
		if c, ok := people.FoldCode(cutLabel(strings.Join(fields, ""))); ok {
			w.act, w.code = actBindCode, c
		}
	default:
		if len(fields) == 0 {
			return w
		}
		name := people.FoldName(cutName(fields[0]))
		if plausibleName(name) {
			w.act, w.name = actBindName, name
			w.unit, w.code = unitAndCode(fields[1:])
		}
	}
	return w
}

// readTriple reads name, unit and code in one message: “张三 新村 7K3M”, with or without labels.
func readTriple(text string) (wish, bool) {
	if utf8.RuneCountInString(text) > 120 {
		return wish{}, false
	}
	fields := bindingFields(text)
	other := len(fields) > 0 && study.Fold(fields[0]) == "代学"
	if other || len(fields) > 0 && study.Fold(fields[0]) == "绑定" {
		fields = fields[1:]
	}
	if len(fields) < 3 {
		return wish{}, false
	}
	code, ok := people.FoldCode(cutLabel(fields[len(fields)-1]))
	if !ok {
		return wish{}, false
	}
	first, middle := cutName(fields[0]), fields[1:len(fields)-1]
	if len(middle) == 1 && surelyUnit(first) && !surelyUnit(cutLabel(middle[0])) {
		first, middle = cutName(middle[0]), []string{fields[0]}
	}
	name := people.FoldName(first)
	unit := cutLabel(strings.Join(middle, ""))
	if !plausibleName(name) || !plausibleUnit(unit) {
		return wish{}, false
	}
	return wish{act: actBindCode, name: name, unit: unit, code: code, forOther: other}, true
}

// unitAndCode takes the code off the end, if there is one behind a unit.
func unitAndCode(fields []string) (unit, code string) {
	if n := len(fields); n > 1 {
		if c, ok := people.FoldCode(cutLabel(fields[n-1])); ok && !strings.ContainsFunc(fields[n-1], func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
			fields, code = fields[:n-1], c
		}
	}
	unit = cutLabel(strings.Join(fields, ""))
	if !plausibleUnit(unit) {
		return "", ""
	}
	return unit, code
}

func bindingFields(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune(",，、;；+/|。", r)
	})
}

func cutLabel(s string) string {
	for _, w := range []string{"姓名", "名字", "单位", "绑定码", "短码", "验证码", "码"} {
		if rest, ok := strings.CutPrefix(s, w); ok {
			rest = strings.TrimLeft(rest, ":：是")
			if rest != "" {
				return rest
			}
		}
	}
	return s
}

func cutName(s string) string {
	s = cutLabel(s)
	for _, w := range []string{"我的名字是", "我的名字叫", "名字叫", "我叫", "我是", "本人"} {
		if rest, ok := strings.CutPrefix(s, w); ok && rest != "" {
			return rest
		}
	}
	return s
}

// maxUnitRunes is the longest unit that is looked at.
const maxUnitRunes = 60

func plausibleUnit(unit string) bool {
	n := utf8.RuneCountInString(unit)
	return n >= 2 && n <= maxUnitRunes && strings.ContainsFunc(unit, unicode.IsLetter)
}

func plausibleName(name string) bool {
	if people.NameProblem(name) != "" {
		return false
	}
	for _, w := range []string{"什么", "怎么", "为什么", "请问", "不知道", "名字", "绑定", "哪里", "多少"} {
		if strings.Contains(name, w) {
			return false
		}
	}
	return !surelyUnit(name)
}

// surelyUnit reports a text that is a unit's name and no person's: 刘建州 is somebody, 团结镇 is not.
func surelyUnit(s string) bool {
	n := utf8.RuneCountInString(s)
	if n < 3 {
		return false
	}
	for _, w := range []string{"镇", "街道", "社区", "委会", "办事处", "政府"} {
		if strings.HasSuffix(s, w) {
			return true
		}
	}
	if n < 5 {
		return false
	}
	for _, w := range []string{"村", "乡", "县", "市", "州", "区"} {
		if strings.HasSuffix(s, w) {
			return true
		}
	}
	return false
}
