package bot_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
	"github.com/tiangeng/tiangeng/store"
	"github.com/tiangeng/tiangeng/store/storetest"
)

// noCache is a Redis that is not there.
type noCache struct{}

func (noCache) LoadConversations(_ context.Context, in []channel.Inbound) []*bot.Snapshot {
	return make([]*bot.Snapshot, len(in))
}
func (noCache) SaveConversations(context.Context, []bot.CachedCommit)  {}
func (noCache) ForgetConversations(context.Context, []channel.Inbound) {}
func (noCache) Ping(context.Context) error                             { return nil }

// oneLesson is a course of one lesson: a choice, whose right answer is letter, and a gap, whose word
// is right.
func oneLesson(t *testing.T, number int, letter, right string) *content.Library {
	t.Helper()
	library, problems := content.Load(fstest.MapFS{
		"courses/x/course.yaml": {Data: fmt.Appendf(nil, "名称: 课\n版本: %d\n类别: 选修课\n及格线: 60\n简介: 短。\n作者: [甲]\n来源:\n  - 标题: 无\n", number)},
		"courses/x/01-a.md": {Data: []byte("---\n标题: 第一课\n导语: 读。\n时长: 2分\n---\n正文。\n\n## 测验\n\n" +
			"1. [单选] 哪一个？\nA. 甲\nB. 乙\n答案: " + letter + "\n解析: 是这样。\n\n2. [填空] 有难处的户要早发现、早____。\n答案: " + right + "\n解析: 是这样。\n")},
	})
	if library.Current("x") == nil {
		t.Fatalf("the course does not load: %v", problems)
	}
	return library
}

// phone is a person who writes to a service.
type phone struct {
	t       *testing.T
	now     time.Time
	service *bot.Service
	sent    atomic.Int64
}

func (p *phone) say(text string) string {
	p.t.Helper()
	key := sha256.Sum256(fmt.Appendf(nil, "%d", p.sent.Add(1)))
	return p.service.HandleInbound(p.t.Context(), channel.Inbound{
		Key: hex.EncodeToString(key[:]), From: channel.Address{Channel: "test", Account: "default", External: "o1"},
		At: p.now, Kind: channel.KindText, Contact: channel.ContactTyped, Text: text,
	}).Text
}

// serve runs a service on the store with this library until the test ends.
func (p *phone) serve(s *store.Store, library *content.Library) {
	p.t.Helper()
	if err := s.PublishCourses(p.t.Context(), p.now, library.Courses()); err != nil {
		p.t.Fatal(err)
	}
	phrases := content.DefaultPhrases()
	service, err := bot.New(bot.Options{
		Store: s, Cache: noCache{}, Library: library, Phrases: phrases, Now: func() time.Time { return p.now }, Replica: "test",
		Engine: conversation.New(conversation.Options{Library: library, Phrases: phrases}), Policy: delivery.Policy{Lateness: time.Hour},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { service.Run(ctx); close(done) }()
	p.t.Cleanup(func() { stop(); <-done })
	p.service = service
}

// A quiz is open when the course gets a new version and the service is started anew, or another
// replica has it already: the rest is marked by the version it began with, and the last answer
// completes the lesson (DESIGN rule 7).
func TestAnOpenQuizIsMarkedByTheVersionItBeganWith(t *testing.T) {
	t.Parallel()
	ctx, now := t.Context(), time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)
	s, err := store.Open(ctx, store.Options{DSN: storetest.MigratedSQLite(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err = s.ApplyCohort(ctx, now, "test", study.Cohort{Code: "c", Name: "班", Courses: []string{"x"}, Schedule: study.Schedule{
		Start: "2026-11-24", Hour: "08:00", Weekdays: []time.Weekday{time.Tuesday},
	}})
	must(err)
	_, err = s.ApplyRoster(ctx, now, "test", []people.RosterRow{{Unit: "539901100201", Name: "张三", Code: "A0001", Units: []people.OrgUnit{
		{Code: "539901100000", Name: "青松镇"}, {Code: "539901100201", Name: "新村村民委员会"},
	}}}, "c")
	must(err)
	p := &phone{t: t, now: now}
	p.serve(s, oneLesson(t, 1, "A", "帮助"))
	p.say("你好")
	if reply := p.say("张三 新村 A0001"); !strings.Contains(reply, "绑定好了") {
		t.Fatalf("not bound: %s", reply)
	}
	p.say("学习")
	if reply := p.say("A"); !strings.Contains(reply, "答对了") {
		t.Fatalf("first answer: %s", reply)
	}
	p.serve(s, oneLesson(t, 2, "B", "报告")) // the same questions, the other answers
	reply := p.say("帮助")                   // a command, unless it is known which question is open
	if !strings.Contains(reply, "答对了") || !strings.Contains(reply, "这一课学完了") || !strings.Contains(reply, "100 分") {
		t.Errorf("the last answer, after the new version: %s", reply)
	}
}
