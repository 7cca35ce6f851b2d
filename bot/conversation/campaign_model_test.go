package conversation_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// campaign is what a database would hold about one announcement, with what became of it for the
// person of this phone.
type campaign struct {
	id       int64
	key      string
	by       people.LearnerID
	status   string
	title    string
	text     string
	urgent   bool
	to       conversation.Target
	wantsAck bool
	of       int64
	at       time.Time
	sentAt   time.Time
	submits  int
	file     conversation.SentFile // awaited while it is not zero
	problem  conversation.FileProblem
	media    channel.MessageKind

	forecast *conversation.Forecast
	result   conversation.Result
	seen     map[people.LearnerID]bool
	acked    map[people.LearnerID]bool
	mine     bool // addressed to whoever uses this phone
}

// units are those that a trainer of 团结街道 has, with how many people live in each.
var units = []conversation.Unit{
	{Code: "530112008000", Name: "昆明市·西山区·团结街道", Size: 128},
	{Code: "530112008201", Name: "昆明市·西山区·团结街道·新村村民委员会", Size: 12},
	{Code: "530112008202", Name: "昆明市·西山区·团结街道·大河村民委员会", Size: 9},
	{Code: "530112008004", Name: "昆明市·西山区·团结街道·大河社区居民委员会", Size: 20},
	{Code: "530112008203", Name: "昆明市·西山区·团结街道·小新村村民委员会", Size: 7},
}

// groups are those of the trainer's people.
var groups = []conversation.Group{
	{Kind: conversation.GroupCategory, Name: "村干部", Size: 90}, {Kind: conversation.GroupCategory, Name: "驻村工作队员", Size: 8},
	{Kind: conversation.GroupTag, Name: "防火", Size: 30}, {Kind: conversation.GroupTag, Name: "大河村", Size: 3}, {Kind: conversation.GroupTag, Name: "没有人了", Size: 0},
}

// trainerFacts gives what Need asked for about announcements.
func (w *world) trainerFacts(n conversation.Needs, f *conversation.Facts) {
	who := w.identity.Learner
	if n.Once != "" && w.once < conversation.OnceScenes {
		f.Once = &conversation.OnceOffer{Secret: strings.Repeat("0", 31) + strconv.Itoa(w.once), Scene: w.once + 1}
	}
	scope, is := w.trainers[who]
	if n.Trainer && is {
		f.Trainer = &conversation.Trainer{Scope: scope, Name: "团结街道", Size: 128}
		if n.Audiences {
			for i, size := range []int{40, 15} {
				c := w.cohorts[i]
				f.Trainer.Cohorts = append(f.Trainer.Cohorts, conversation.TrainerClass{Code: c.Code, Name: c.Name, Courses: c.Courses, Size: size})
			}
		}
	}
	if is {
		for _, g := range groups {
			if n.Unit == g.Name || n.Unit == "" && n.Groups == g.Kind {
				f.Groups = append(f.Groups, g)
			}
		}
		if n.Audiences {
			f.Trainer.Tagged = true
		}
	}
	if is && n.Unit != "" {
		best := people.UnitParent
		for _, u := range units {
			switch m := people.MatchUnitName(n.Unit, u.Name); {
			case m > best:
				best, f.Units = m, []conversation.Unit{u}
			case m == best && m > people.UnitParent:
				f.Units = append(f.Units, u)
			}
		}
	}
	for _, c := range slices.Backward(w.campaigns) {
		own := is && c.by == who
		if n.Draft != "" && c.key == n.Draft && own {
			f.Draft = &conversation.DraftFacts{ID: c.id, Status: c.status, Title: c.title, Text: c.text, Forecast: c.forecast, Awaits: c.file.ID != "", Problem: c.problem}
			if n.Size {
				f.Draft.Size = w.sizeOf(c)
			}
		}
		meant := n.ResultOf == 0 || n.ResultOf == c.id
		if n.Silent && n.ResultOf == 0 {
			meant = c.wantsAck && c.of == 0
		}
		if n.Result > 0 && own && c.status != "draft" && meant {
			if n.Result--; n.Result == 0 {
				f.Result = w.resultOf(c, n)
			}
		}
		if n.Waiting && is && c.status == "awaiting" {
			f.Waiting = append([]conversation.Waiting{{
				ID: c.id, Title: c.title, Text: c.text, Media: c.media, By: w.roster[c.by-1].Learner.Name, Own: c.by == who, Size: sizeOf(c.to), At: c.sentAt, Reminder: c.of != 0,
			}}, f.Waiting...)
		}
		if n.Notices && c.mine && c.status == "running" {
			f.Notices = append(f.Notices, conversation.NoticeFact{
				Campaign: c.id, Title: c.title, Text: c.text, At: c.sentAt, WantsAck: c.wantsAck, Acked: c.acked[who], Seen: c.seen[who], Media: c.media,
			})
		}
	}
}

// resultOf is what a trainer is told of a campaign.
func (w *world) resultOf(c *campaign, n conversation.Needs) *conversation.Result {
	if n.Silent && c.of != 0 {
		c = w.campaigns[c.of-1]
	}
	r := c.result
	r.ID, r.Title, r.Text, r.Status, r.At, r.WantsAck = c.id, c.title, c.text, c.status, c.sentAt, c.wantsAck
	r.Reminder = c.of != 0
	if c.wantsAck {
		r.Silent = max(0, r.Delivered+r.Accepted+r.Unknown+r.Pulled-r.Acked)
	}
	for _, o := range w.campaigns {
		r.RemindedToday = r.RemindedToday || n.Silent && o.of == c.id && o.status != "draft" && o.key == conversation.RemindKey(c.id, study.DayOf(w.now))
	}
	var list []conversation.Named
	switch n.Names {
	case conversation.NamesSilent:
		for i := range r.Silent {
			list = append(list, conversation.Named{Name: fmt.Sprint("学员", i+1), Unit: []string{"新村村民委员会", "大河村民委员会"}[i/15%2]})
		}
	case conversation.NamesUnreached:
		for _, why := range r.Reasons {
			for range why.Count {
				list = append(list, conversation.Named{Name: fmt.Sprint("学员", len(list)+1), Unit: "大河村", Why: why.Why})
			}
		}
		for range r.Unknown {
			list = append(list, conversation.Named{Name: fmt.Sprint("学员", len(list)+1), Unit: "新村"})
		}
	}
	from := min(len(list), (max(1, n.Page)-1)*conversation.NamesPage)
	to := min(len(list), from+conversation.NamesPage)
	r.Names, r.MoreNames = list[from:to], to < len(list)
	return &r
}

func (w *world) sizeOf(c *campaign) int {
	if c.of != 0 {
		return w.resultOf(w.campaigns[c.of-1], conversation.Needs{}).Silent
	}
	return sizeOf(c.to)
}

func sizeOf(to conversation.Target) int {
	switch {
	case to.Is != "":
		return 6
	case to.Cohort == "ban-1":
		return 40
	case to.Cohort != "":
		return 15
	}
	for _, g := range groups {
		if g.Name == to.Category || g.Name == to.Tag {
			return g.Size
		}
	}
	for _, u := range units {
		if u.Code == to.Unit {
			return u.Size
		}
	}
	return 128
}

func (w *world) find(match func(*campaign) bool) (*campaign, error) {
	for _, c := range w.campaigns {
		if match(c) {
			return c, nil
		}
	}
	return nil, fmt.Errorf("there is no such campaign")
}

// applyCampaign folds an effect as the store does, and refuses what must not be.
func (w *world) applyCampaign(e conversation.Effect) error {
	byKey := func(key string, by people.LearnerID) (*campaign, error) {
		return w.find(func(c *campaign) bool { return c.key == key && c.by == by })
	}
	switch e := e.(type) {
	case conversation.DraftCampaign:
		if _, is := w.trainers[e.Learner]; !is || e.Learner != w.identity.Learner {
			return fmt.Errorf("learner %d is no trainer", e.Learner)
		}
		if n := len([]rune(e.Text)); (n < 1) != (e.File.ID != "") || n > 600 || e.File.ID != "" && (e.File.Channel != "wechat" || e.Of != 0) || len([]rune(e.Title)) > 40 || e.Title == "" || len(e.Key) > 80 {
			return fmt.Errorf("a draft of %d characters, title %q, key %q", n, e.Title, e.Key)
		}
		if e.Of != 0 {
			c, err := w.find(func(c *campaign) bool { return c.id == e.Of })
			if err != nil || c.by != e.Learner || !c.wantsAck || c.of != 0 || e.Text != c.text {
				return fmt.Errorf("reminding of %d: %w", e.Of, err)
			}
			if c, err := byKey(e.Key, e.Learner); err == nil && c.status != "cancelled" {
				return fmt.Errorf("a second reminder %q", e.Key)
			}
		}
		w.campaigns = append(w.campaigns, &campaign{
			id: int64(len(w.campaigns) + 1), key: e.Key, by: e.Learner, status: "draft", title: e.Title, text: e.Text, urgent: e.Urgent, to: e.To, wantsAck: e.WantsAck, at: e.At, of: e.Of, file: e.File, media: e.File.Kind,
			seen: map[people.LearnerID]bool{}, acked: map[people.LearnerID]bool{},
		})
	case conversation.OfferOnce:
		if e.Template != "OT" || e.Scene != w.once+1 || len(e.Secret) != 32 {
			return fmt.Errorf("a link %+v", e)
		}
	case conversation.AmendCampaign:
		c, err := byKey(e.Key, e.Learner)
		if err != nil || c.status != "draft" {
			return fmt.Errorf("amending %q: %w", e.Key, err)
		}
		c.wantsAck, c.at = e.WantsAck, e.At
	case conversation.SubmitCampaign:
		c, err := byKey(e.Key, e.Learner)
		if err == nil && c.file.ID != "" {
			return fmt.Errorf("submitting %q without its file", e.Key)
		}
		if err != nil || c.status != "draft" || c.submits > 0 {
			return fmt.Errorf("submitting %q a second time: %w", e.Key, err)
		}
		c.submits, c.status, c.sentAt = 1, "scheduled", w.now
		if !c.at.IsZero() {
			c.sentAt = c.at
		}
		if e.Await {
			c.status = "awaiting"
		}
	case conversation.ReleaseCampaign:
		c, err := w.find(func(c *campaign) bool { return c.id == e.Campaign })
		if err != nil || c.status != "awaiting" || c.by == e.Learner {
			return fmt.Errorf("releasing %d by %d: %w", e.Campaign, e.Learner, err)
		}
		c.status = "scheduled"
	case conversation.CancelCampaign:
		c, err := w.find(func(c *campaign) bool {
			return c.by == e.Learner && (c.id == e.Campaign || e.Key != "" && c.key == e.Key)
		})
		if err != nil || c.status != e.Status || c.status == "cancelled" {
			return fmt.Errorf("cancelling %q %d: %w", e.Key, e.Campaign, err)
		}
		if c.status == "draft" { // the store deletes it
			c.key, c.by = "", 0
		}
		c.status = "cancelled"
	case conversation.Acknowledge:
		c, err := w.find(func(c *campaign) bool { return c.id == e.Campaign })
		if err != nil || !c.wantsAck || c.acked[e.Learner] || !c.seen[e.Learner] {
			return fmt.Errorf("acknowledging %d: %w", e.Campaign, err)
		}
		c.acked[e.Learner] = true
	case conversation.SendNotice:
		c, err := w.find(func(c *campaign) bool { return c.id == e.Campaign })
		if err != nil || c.media == channel.MessageNone || !c.mine && c.status != "awaiting" || !strings.HasPrefix(e.Key, "shown/") || len(e.Key) > 80 || e.Learner != w.identity.Learner {
			return fmt.Errorf("showing %+v: %w", e, err)
		}
	case conversation.ReadNotices:
		for _, id := range e.Campaigns {
			c, err := w.find(func(c *campaign) bool { return c.id == id })
			if err != nil || c.seen[e.Learner] {
				return fmt.Errorf("reading %d: %w", id, err)
			}
			c.seen[e.Learner] = true
		}
	}
	return nil
}

func campaignEffectText(name string, e conversation.Effect) string {
	at := func(a time.Time) string {
		if a.IsZero() {
			return ""
		}
		return " at " + a.In(study.Zone).Format("2006-01-02 15:04")
	}
	flag := func(on bool, word string) string { return map[bool]string{true: " " + word}[on] }
	switch e := e.(type) {
	case conversation.DraftCampaign:
		to := strings.TrimSpace(strings.Join([]string{string(e.To.Unit), e.To.Cohort, e.To.Is, e.To.Course, e.To.Category, e.To.Tag}, " "))
		if e.Of != 0 {
			return fmt.Sprintf("%s %d %q of %d%s", name, e.Learner, e.Title, e.Of, flag(e.WantsAck, "ack"))
		}
		file := ""
		if e.File.ID != "" {
			file = fmt.Sprintf(" %s %s", e.File.Kind, e.File.ID)
		}
		return fmt.Sprintf("%s %d %q to [%s]%s%s%s%s", name, e.Learner, e.Title, strings.Join(strings.Fields(to), " "), flag(e.Urgent, "urgent"), flag(e.WantsAck, "ack"), at(e.At), file)
	case conversation.SendNotice:
		return fmt.Sprint(name, " ", e.Learner, " ", e.Campaign)
	case conversation.OfferOnce:
		return fmt.Sprint(name, " ", e.Template, " ", e.Scene)
	case conversation.AmendCampaign:
		return fmt.Sprint(name, " ", e.Learner, flag(e.WantsAck, "ack"), at(e.At))
	case conversation.SubmitCampaign:
		return fmt.Sprint(name, " ", e.Learner, flag(e.Await, "await"))
	case conversation.ReleaseCampaign:
		return fmt.Sprint(name, " ", e.Campaign, " by ", e.Learner)
	case conversation.CancelCampaign:
		return strings.TrimSuffix(fmt.Sprint(name, " ", e.Learner, " ", e.Campaign), " 0")
	case conversation.Acknowledge:
		return fmt.Sprint(name, " ", e.Learner, " ", e.Campaign)
	case conversation.ReadNotices:
		return fmt.Sprint(name, " ", e.Learner, " ", e.Campaigns)
	}
	return name
}

// givenCampaign makes something about announcements so before the chat.
func (w *world) givenCampaign(t testing.TB, f []string) bool {
	t.Helper()
	switch f[0] {
	case "教员": // whoever uses this phone
		w.trainers[w.identity.Learner] = people.Scope{Units: []people.OrgCode{"530112008000"}}
	case "有通知": // title text [要回执] [没送到]
		c := &campaign{
			id: int64(len(w.campaigns) + 1), by: 3, status: "running", title: f[1], text: f[2], mine: true, sentAt: w.now,
			wantsAck: slices.Contains(f, "要回执"), seen: map[people.LearnerID]bool{}, acked: map[people.LearnerID]bool{},
		}
		c.seen[w.identity.Learner] = !slices.Contains(f, "没送到")
		if slices.Contains(f, "图片") {
			c.text, c.media = "", channel.MessageImage
		}
		w.campaigns = append(w.campaigns, c)
	case "文件取到了": // of the last draft
		w.campaigns[len(w.campaigns)-1].file = conversation.SentFile{}
	case "文件用不了": // why
		w.campaigns[len(w.campaigns)-1].problem = conversation.FileProblem(f[1])
	case "等放行": // title text, written by somebody else
		c := &campaign{
			id: int64(len(w.campaigns) + 1), by: 3, status: "awaiting", title: f[1], text: f[2], sentAt: w.now,
			seen: map[people.LearnerID]bool{}, acked: map[people.LearnerID]bool{},
		}
		if slices.Contains(f, "图片") {
			c.text, c.media = "", channel.MessageImage
		}
		if slices.Contains(f, "催回执") {
			c.of = 1
		}
		w.campaigns = append(w.campaigns, c)
	case "人数统计好了": // of the last draft
		w.campaigns[len(w.campaigns)-1].forecast = &conversation.Forecast{
			Audience: 128, Reachable: 60, Later: 4, Seconds: 200,
			Rungs: []conversation.Count{{Why: "window", Count: 50}, {Why: "notice", Count: 10}}, Calls: []conversation.Calls{{Way: "notice", Needed: 10, Left: 4}, {Way: "window", Needed: 50, Left: 9000}}, Reasons: []conversation.Count{{Why: "no_window", Count: 50}, {Why: "not_bound", Count: 18}},
		}
	case "发了": // delivered accepted unknown failed unsent waiting acked
		n := make([]int, 7)
		for i := range n {
			n[i], _ = strconv.Atoi(f[i+1])
		}
		c := w.campaigns[len(w.campaigns)-1]
		c.status = "running"
		c.result = conversation.Result{
			Delivered: n[0], Accepted: n[1], Unknown: n[2], Failed: n[3], Unsent: n[4], Waiting: n[5], Acked: n[6],
			Audience: n[0] + n[1] + n[2] + n[3] + n[4] + n[5],
		}
		if n[3] > 0 {
			c.result.Reasons = append(c.result.Reasons, conversation.Count{Why: "refusing", Count: n[3]})
		}
		if n[4] > 0 {
			c.result.Reasons = append(c.result.Reasons, conversation.Count{Why: "no_window", Count: n[4]})
		}
	case "人数上限": // above it a second trainer releases
		n, err := strconv.Atoi(f[1])
		if err != nil {
			t.Fatal(err)
		}
		w.remake(t, func(o *conversation.Options) { o.ReleaseAbove = n })
	case "可以同意一次": // links that allow one message; so many are allowed already
		w.once, _ = strconv.Atoi(f[1])
		w.remake(t, func(o *conversation.Options) {
			o.OnceTemplate, o.OnceURL, o.NoticeURL = "OT", "https://learn.example/l/once/", strings.Join(f[2:], "")
		})
	case "有提醒页":
		w.remake(t, func(o *conversation.Options) { o.NoticeURL = "https://learn.example/l/notices" })
	default:
		return false
	}
	return true
}

func (w *world) remake(t testing.TB, change func(*conversation.Options)) {
	t.Helper()
	o := testOptions(t)
	change(&o)
	w.engine = conversation.New(o)
}
