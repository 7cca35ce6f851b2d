package conversation

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

// Acts of the training menu (培训菜单).
const (
	actCourses  act = "courses"
	actSearch   act = "search"
	actMenuNext act = "menu_next"
	actMenuPrev act = "menu_prev"
	actMenuBack act = "menu_back"
	actPick     act = "pick_course"
)

// MenuState is what is shown of the training menu.
type MenuState struct {
	By     people.LearnerID `json:"by"`               // whose menu it is
	Query  string           `json:"query,omitempty"`  // what was looked for; "" for everything
	Page   int              `json:"page,omitempty"`   // 0-based
	Shown  []string         `json:"shown,omitempty"`  // courses with the numbers 1, 2 … on the page
	Course string           `json:"course,omitempty"` // shown by itself; "" while it is the page
	Orders bool             `json:"orders,omitempty"` // the page is the person's orders
}

// MenuPage is how many courses stand on a page: as many as an old phone shows at once.
const MenuPage = 6

// staysInMenu are the acts that leave the menu open.
var staysInMenu = map[act]bool{
	actCourses: true, actSearch: true, actMenuNext: true, actMenuPrev: true, actMenuBack: true, actPick: true,
	actOrders: true, actOrder: true, actDropOrder: true, actOrderFirst: true,
}

// Words that mean something only while the menu is shown.
var (
	nextWords  = words("下一页 下页 后一页 翻页 往下 往下翻 后面 后面的 更多 next 下 下面")
	prevWords  = words("上一页 上页 前一页 往上 往上翻 前面 前面的 上 prev")
	orderWords = words("点 点它 点这个 点这门 点这门课 就点这个 就点这门 就这个 就这门 要这个 要这门 选这个 选这门 选它 报名 报这门 我要学 我要学这个 我要学这门 学这个 学这门 点单 点课 选课 要 选 点一下 点上 确定点 我要点 我点")
)

// orderPrefixes stand before the number of what is ordered: 点 2.
var orderPrefixes = []string{"我要点", "我点", "点单", "点课", "点", "选课", "选", "要", "报名"}

// readMenu reads a message while the menu is shown; false for what means the same as ever.
func readMenu(s State, text string, w wish) (wish, bool) {
	m := s.Menu
	if m == nil {
		return w, false
	}
	if n := listNumber(text); n > 0 {
		w.act, w.number = actPick, n
		return w, true
	}
	if n := orderNumber(w.folded); n > 0 {
		w.act, w.number = actOrder, n
		return w, true
	}
	switch {
	case nextWords[w.folded]:
		w.act = actMenuNext
	case prevWords[w.folded]:
		w.act = actMenuPrev
	case w.folded == "先学":
		w.act = actOrderFirst
	case m.Course != "" && orderWords[w.folded]:
		w.act = actOrder
	case m.Course != "" && (w.folded == "退单" || w.folded == "退课"):
		w.act = actDropOrder
	case m.Course != "" && actOf[w.folded] == actQuit:
		w.act = actMenuBack
	default:
		return w, false
	}
	return w, true
}

// orderNumber reads 点2 and 选第三门; 0 for anything else.
func orderNumber(folded string) int {
	for _, p := range orderPrefixes {
		rest, ok := strings.CutPrefix(folded, p)
		if !ok {
			continue
		}
		rest = strings.TrimRight(strings.TrimPrefix(rest, "第"), "门个号课")
		if n, ok := clockNumber(rest); ok && n > 0 {
			return n
		}
	}
	return 0
}

// searchWords begin a search, wherever it is said.
var searchWords = []string{"搜索一下", "搜索课程", "搜索", "搜一下", "搜课程", "搜课", "搜", "找课程", "找课", "查课程", "查课"}

// cutSearch reads 搜 水管, and 有没有水管的课; false for anything else. It is what FuzzSearchReader looks at.
func cutSearch(text string) (words string, ok bool) {
	text = strings.TrimSpace(strings.ToValidUTF8(text, ""))
	for _, w := range searchWords {
		if rest, found := strings.CutPrefix(text, w); found {
			words = query(rest)
			return words, words != ""
		}
	}
	for _, w := range []string{"有没有", "有关于", "有"} {
		rest, begins := strings.CutPrefix(text, w)
		rest, ends := strings.CutSuffix(strings.TrimRight(rest, "？?吗么嘛。 "), "的课")
		if begins && ends {
			words = query(rest)
			return words, words != ""
		}
	}
	return "", false
}

// query is what is looked for, on one line and not longer than is looked for.
func query(text string) string {
	text = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.IsPunct(r) || unicode.Is(unicode.Cf, r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, ""))), " ")
	if utf8.RuneCountInString(text) > study.MaxQueryRunes {
		text = strings.TrimSpace(string([]rune(text)[:study.MaxQueryRunes]))
	}
	return text
}

// menu is the learner's own.
func (t *turn) menu() study.Menu {
	who := people.Learner{}
	if t.f.Learner != nil {
		who = *t.f.Learner
	}
	return t.catalogue.Menu(who, t.f.Limits)
}

// browse turns the pages of the menu.
func (t *turn) browse() {
	m := t.s.Menu
	if m == nil || m.By != t.f.Identity.Learner {
		m = &MenuState{By: t.f.Identity.Learner}
	}
	t.s.Mode, t.s.Menu = ModeMenu, m
	if m.Orders && (t.wish.act == actMenuNext || t.wish.act == actMenuPrev) {
		t.listOrders()
		return
	}
	switch t.wish.act {
	case actCourses:
		*m = MenuState{By: m.By}
	case actSearch:
		*m = MenuState{By: m.By, Query: t.wish.text}
	case actMenuNext, actMenuPrev:
		if m.Course == "" {
			m.Page += map[act]int{actMenuNext: 1, actMenuPrev: -1}[t.wish.act]
		}
		m.Course = ""
	case actMenuBack:
		m.Course = ""
		if m.Orders {
			t.listOrders()
			return
		}
	case actPick:
		t.pickCourse(t.wish.number)
		return
	}
	t.showMenu()
}

// showMenu shows the page that the state names, or the last one there is.
func (t *turn) showMenu() {
	m, menu := t.s.Menu, t.menu()
	list, key := menu, "order.menu_all"
	if m.Query != "" {
		list, key = menu.Search(t.catalogue, m.Query), "order.found"
	}
	m.Shown = nil
	switch {
	case len(menu) == 0:
		t.leaveMenu("order.menu_empty")
		return
	case len(list) == 0:
		t.say("order.found_none", fault.A("query", m.Query))
		return
	}
	pages := (len(list) + MenuPage - 1) / MenuPage
	m.Page = min(max(m.Page, 0), pages-1)
	if pages == 1 {
		key += "_one"
	}
	lines := []string{t.phrases.Say(key, fault.A("query", m.Query), fault.A("count", len(list)), fault.A("page", m.Page+1), fault.A("pages", pages))}
	for i, o := range list[m.Page*MenuPage : min((m.Page+1)*MenuPage, len(list))] {
		m.Shown = append(m.Shown, o.Course.ID)
		lines = append(lines, t.offerLine(i+1, o))
	}
	t.put(strings.Join(lines, "\n"))
	how := []string{t.phrases.Say("order.how_pick")}
	if m.Page < pages-1 {
		how = append(how, t.phrases.Say("order.how_next"))
	}
	if m.Page > 0 {
		how = append(how, t.phrases.Say("order.how_prev"))
	}
	t.put(strings.Join(append(how, t.phrases.Say("order.how_search")), ""))
}

// Room of a course's texts in a reply, in bytes.
const (
	menuTitleRoom   = 96
	menuSummaryRoom = 540
	menuLessonRoom  = 600
)

func (t *turn) offerLine(number int, o study.Offer) string {
	state := ""
	if key := t.orderKey(o.Course.ID); key != "" {
		state = t.phrases.Say("order.mark_" + key)
	}
	return t.phrases.Say("order.line", fault.A("number", number), fault.A("title", cut(o.Course.Title, menuTitleRoom)), fault.A("tier", t.tier(o)),
		fault.A("hours", t.credit.CourseHours(o.Course)), fault.A("state", state))
}

func (t *turn) tier(o study.Offer) string { return t.phrases.Say("order.tier_" + string(o.Tier)) }

// orderKey says what a course is to the learner: done, running, waiting, or taught in a class; "" for nothing.
func (t *turn) orderKey(course string) string {
	q := t.f.Queue
	for _, c := range q.Completed {
		if c == course {
			return "done"
		}
	}
	if o, ok := q.Order(course); ok && o.State != study.OrderDropped {
		return string(o.State)
	}
	if _, ok := q.Class(course); ok {
		return "class"
	}
	return ""
}

// pickCourse shows the course with a number on the page by itself.
func (t *turn) pickCourse(n int) {
	m := t.s.Menu
	switch {
	case len(m.Shown) == 0: // nothing was found
		m.Query = ""
		t.showMenu()
		return
	case n < 1 || n > len(m.Shown):
		t.say("order.no_number", fault.A("count", len(m.Shown)))
		return
	}
	o, ok := t.menu().Offer(m.Shown[n-1])
	if !ok && m.Orders { // ordered before it left the menu
		if c := t.catalogue.Course(m.Shown[n-1]); c != nil {
			o, ok = study.Offer{Course: c, Tier: c.Tier}, true
		}
	}
	if !ok {
		t.say("order.gone")
		return
	}
	m.Course = o.Course.ID
	t.showCourse(o)
}

// showCourse shows what a course is about.
func (t *turn) showCourse(o study.Offer) {
	c := o.Course
	kind := t.phrases.Say("order.common")
	if c.Local() {
		kind = t.phrases.Say("order.local")
	}
	lines := []string{
		t.phrases.Say("order.course", fault.A("title", cut(c.Title, menuTitleRoom)), fault.A("tier", t.tier(o)), fault.A("kind", kind),
			fault.A("count", len(c.Lessons)), fault.A("hours", t.credit.CourseHours(c))),
		cut(c.Summary, menuSummaryRoom),
	}
	t.put(strings.Join(lines, "\n"))
	var lessons []string
	room := menuLessonRoom
	for i := range c.Lessons {
		line := strconv.Itoa(i+1) + ". " + cut(c.Lessons[i].Title, menuTitleRoom)
		if room -= len(line) + 1; room < 0 {
			lessons = append(lessons, "……")
			break
		}
		lessons = append(lessons, line)
	}
	t.put(strings.Join(lessons, "\n"))
	key := "order.how_order"
	if state := t.orderKey(c.ID); state != "" {
		key = "order.is_" + state
	}
	t.say(key)
}

// leaveMenu says something and goes back to what was before.
func (t *turn) leaveMenu(key string, args ...fault.Arg) {
	t.s.Menu, t.s.Mode = nil, t.resting()
	t.say(key, args...)
	t.remind()
}

// recordCourses are the lines of 我的学习 about what is meant for the learner's category, and what the learner has
// ordered. Nobody is pressed: they say what is there.
func (t *turn) recordCourses() []string {
	var lines []string
	required, done := 0, 0
	for _, o := range t.menu() {
		if o.Tier != content.TierRequired {
			break // they come first
		}
		required++
		if t.orderKey(o.Course.ID) == "done" {
			done++
		}
	}
	if required > 0 {
		lines = append(lines, t.phrases.Say("order.record_required", fault.A("count", required), fault.A("done", done)))
	}
	running, waiting := t.f.Queue.In(study.OrderRunning), t.f.Queue.In(study.OrderWaiting)
	switch {
	case len(running) > 0:
		lines = append(lines, t.phrases.Say("order.record_running", fault.A("course", t.titleOf(running[0].Course)), fault.A("count", len(waiting))))
	case len(waiting) > 0:
		lines = append(lines, t.phrases.Say("order.record_waiting", fault.A("count", len(waiting))))
	}
	return lines
}

// titleOf is a course's title, as short as a line needs it; its id when nobody teaches it any more.
func (t *turn) titleOf(course string) string {
	if c := t.catalogue.Course(course); c != nil {
		return cut(c.Title, menuTitleRoom)
	}
	return course
}
