package storetest

import (
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

const requestRows = "SELECT kind, learner_id, helper_id, identity_id, body, state FROM requests ORDER BY id"

var bindingEffectCases = []effectCase{
	{conversation.Ask{}, "is open once", func(s *scene) {
		one := s.learners[0]
		for range 2 {
			s.effect(conversation.Ask{Kind: people.RequestCorrect, Learner: one, Text: strings.Repeat("错", 300)})
		}
		s.effect(conversation.Ask{Kind: people.RequestDelete, Learner: one})
		s.effect(conversation.Ask{Kind: people.RequestDelegate, Learner: s.learners[1], Helper: one})
		s.want([]string{
			fmt.Sprintf("correct|%d|0|%d|%s|open", one, s.identity, strings.Repeat("错", people.MaxRequestText)),
			fmt.Sprintf("delete|%d|0|%d||open", one, s.identity),
			fmt.Sprintf("delegate|%d|%d|%d||open", s.learners[1], one, s.identity),
		}, requestRows)
		m := s.load(typed("x", "o1"), needs(conversation.Needs{Mine: true})).Facts.Mine
		if m == nil || len(m.Open) != 3 || m.Open[2].Helps != "李一" || m.Open[2].Name != "王二" || m.Open[0].AskedAt != s.now || m.BoundAt != start || m.Classes != 1 {
			s.t.Errorf("%+v", m)
		}
	}},
	{conversation.Decide{}, "closes what is in the trainer's scope", func(s *scene) {
		one, two := s.learners[0], s.learners[1]
		if err := s.s.PutTrainer(s.t.Context(), start, "admin", bot.Trainer{Learner: one, Name: "李一", Scope: people.Scope{Units: []people.OrgCode{village2}}}); err != nil {
			s.t.Fatal(err)
		}
		s.apply(people.RosterResult{New: 1}, "", person(village2, "张三", "CCCC"))
		three := two + 1
		s.done(s.now, typed("other", "o2"), conversation.Bind{Learner: two}, conversation.Ask{Kind: people.RequestDelegate, Learner: three, Helper: two},
			conversation.Ask{Kind: people.RequestCorrect, Learner: two, Text: "单位不对"}, conversation.Ask{Kind: people.RequestCorrect, Learner: one, Text: "名字不对"})
		asked := func(id people.RequestID, rule people.BindRule) []conversation.Asked {
			return s.load(typed("list", "o1"), needs(conversation.Needs{Trainer: true, Asked: true, AskedID: id, Rule: rule})).Facts.Asked
		}
		if list := asked(0, people.BindRule{}); len(list) != 2 || list[0].Helps != "王二" || list[0].Against != nil || list[1].Text != "单位不对" {
			s.t.Errorf("%+v", list)
		}
		if list := asked(2, people.BindRule{}); len(list) != 1 || list[0].ID != 2 {
			s.t.Errorf("%+v", list)
		}
		if list := asked(3, people.BindRule{}); len(list) != 0 {
			s.t.Errorf("a request outside the scope: %+v", list)
		}
		s.effect(conversation.Decide{Request: 1, Learner: one, Done: true, Reason: "情况属实"})
		s.effect(conversation.Decide{Request: 2, Learner: one, Reason: "名册没有错"})
		s.want([]string{"done|情况属实|learner:1", "refused|名册没有错|learner:1", "open||"}, "SELECT state, reason, closed_by FROM requests ORDER BY id")
		s.want([]string{fmt.Sprint(three, "|", two)}, "SELECT learner_id, helper_id FROM profiles WHERE helper_id <> 0")
		s.want([]string{"learner:1|request.done", "learner:1|request.refused"}, "SELECT actor, action FROM audit WHERE action LIKE 'request%' ORDER BY id")
		for _, e := range []conversation.Decide{
			{Request: 1, Learner: one, Done: true, Reason: "再来"}, {Request: 3, Learner: one, Reason: "不在范围"}, {Request: 9, Learner: one, Reason: "没有"}, {Request: 3, Learner: two, Reason: "不是教员"},
		} {
			s.refuse(e)
		}
		s.done(s.now, typed("again", "o2"), conversation.Ask{Kind: people.RequestDelegate, Learner: three, Helper: two})
		s.refuse(conversation.Decide{Request: 4, Learner: one, Done: true, Reason: "已经有了"})
		if list := asked(4, people.BindRule{}); len(list) != 1 || list[0].Against == nil || list[0].Against.Key != "bind.delegate_already" {
			s.t.Errorf("%+v", list)
		}
	}},
	{conversation.HandOver{}, "leaves a phone that nobody has", func(s *scene) {
		s.exec("INSERT INTO grants (identity_id, template, left_count) VALUES (?, 'T', 1)", int64(s.identity))
		s.effect(conversation.ShowNotice{Version: 1}, step)
		s.effect(conversation.HandOver{Learners: s.learners})
		s.want(nil, profiles)
		s.want(nil, "SELECT template FROM grants")
		s.want([]string{"0|0"}, "SELECT learner_id, notice_version FROM identities")
		s.want([]string{"0"}, "SELECT identity_id FROM funnel_steps")
		s.want([]string{fmt.Sprintf("learner:%d|binding.hand_over", s.learners[0])}, "SELECT actor, action FROM audit WHERE action LIKE 'binding%'")
		s.acts(3)
		s.effect(conversation.Bind{Learner: s.learners[1]})
		other := s.done(s.now, typed("new phone", "o2"), conversation.Bind{Learner: s.learners[0]})
		s.want([]string{fmt.Sprintf("%d|%d|0", s.learners[0], other), fmt.Sprintf("%d|%d|0", s.learners[1], s.identity)}, "SELECT learner_id, identity_id, moved_at FROM handsets ORDER BY 1")
	}},
	{conversation.Told{}, "tells once", func(s *scene) {
		for _, reason := range []string{"一", "二"} {
			s.exec("INSERT INTO news (identity_id, learner_id, about_id, kind, reason) VALUES (?, ?, ?, 'correct_done', ?)", int64(s.identity), int64(s.learners[0]), int64(s.learners[1]), reason)
		}
		news := s.load(typed("x", "o1"), nothing).Facts.News
		if len(news) != 2 || news[0].Name != "王二" || news[0].Reason != "一" || news[0].Kind != people.NewsCorrectDone {
			s.t.Fatalf("%+v", news)
		}
		s.effect(conversation.Told{News: []int64{news[0].ID}})
		if got := s.load(typed("y", "o1"), nothing).Facts.News; len(got) != 1 || got[0] != news[1] {
			s.t.Errorf("%+v", got)
		}
	}},
	{conversation.Bind{}, "takes a person from another phone", func(s *scene) {
		s.effect(conversation.Bind{Learner: s.learners[1]})
		before := s.number("SELECT seq FROM identities")
		other := s.done(s.now, typed("other", "o2"), conversation.Bind{Learner: s.learners[1]})
		s.want([]string{fmt.Sprint(s.identity, "|", s.learners[0]), fmt.Sprint(other, "|", s.learners[1])}, profiles)
		s.want([]string{fmt.Sprint(s.learners[0], `|{"v":1}`)}, "SELECT learner_id, state FROM identities WHERE external_id = 'o1'")
		if after := s.number("SELECT seq FROM identities WHERE external_id = 'o1'"); after <= before {
			s.t.Error("a copy of the old conversation would still be used")
		}
		s.want([]string{fmt.Sprint(s.learners[1], "|", s.now.UnixMilli())}, "SELECT learner_id, moved_at FROM handsets WHERE identity_id = ?", int64(other))
		s.want([]string{fmt.Sprintf("%d|%d|moved", s.identity, s.learners[1])}, "SELECT identity_id, about_id, kind FROM news")
		s.want([]string{fmt.Sprintf("learner:%d|binding.move", s.learners[1])}, "SELECT actor, action FROM audit WHERE action LIKE 'binding%'")
		s.acts(3)
	}},
	{conversation.Bind{}, "brings along those who are learnt for", func(s *scene) {
		s.exec("INSERT INTO profiles (identity_id, learner_id, helper_id) VALUES (?, ?, ?)", int64(s.identity), int64(s.learners[1]), int64(s.learners[0]))
		other := s.done(s.now, typed("other", "o2"), conversation.Bind{Learner: s.learners[0]})
		s.want([]string{fmt.Sprint(other, "|", s.learners[0], "|0"), fmt.Sprint(other, "|", s.learners[1], "|", s.learners[0])}, "SELECT identity_id, learner_id, helper_id FROM profiles ORDER BY 2")
		s.want([]string{"0"}, actives)
		// The person comes on a phone of the own: nobody learns in the person's place any more.
		third := s.done(s.now, typed("third", "o3"), conversation.Bind{Learner: s.learners[1]})
		s.want([]string{fmt.Sprint(other, "|", s.learners[0], "|0"), fmt.Sprint(third, "|", s.learners[1], "|0")}, "SELECT identity_id, learner_id, helper_id FROM profiles ORDER BY 2")
	}},
	{conversation.Bind{}, "says which unit the steps before were of", func(s *scene) {
		s.done(s.now, typed("a", "o7"), conversation.Step{Name: people.StepAskedName, Fresh: true})
		s.done(s.now, typed("b", "o7"), conversation.Step{Name: people.StepBound, Unit: village2}, conversation.Bind{Learner: s.learners[1]})
		s.want([]string{"asked_name|530112001202|1", "bound|530112001202|0"}, "SELECT name, unit_code, fresh FROM funnel_steps ORDER BY id")
	}},
	{conversation.Unfollow{}, "keeps what was asked for and tells it on the next phone", func(s *scene) {
		s.effect(conversation.Ask{Kind: people.RequestCorrect, Learner: s.learners[0], Text: "单位不对"})
		s.exec("INSERT INTO news (identity_id, learner_id, about_id, kind) VALUES (?, ?, ?, 'moved')", int64(s.identity), int64(s.learners[1]), int64(s.learners[1]))
		s.effect(conversation.Unfollow{})
		s.want([]string{"0"}, "SELECT identity_id FROM handsets")
		s.want(nil, "SELECT id FROM news")
		if _, err := s.s.CloseRequest(s.t.Context(), s.now, "admin", people.Everyone(), people.BindRule{}, 1, false, "名册没有错"); err != nil {
			s.t.Fatal(err)
		}
		s.done(s.now, typed("new", "o8"), conversation.Bind{Learner: s.learners[0]})
		if n := s.load(typed("x", "o8"), nothing).Facts.News; len(n) != 1 || n[0].Kind != people.NewsCorrectRefused || n[0].Reason != "名册没有错" {
			s.t.Errorf("%+v", n)
		}
	}},
	{conversation.Respond{}, "in another's place is marked, as lesson, course and hours are", func(s *scene) {
		r, l, c := s.respond(), s.completeLesson(), s.completeCourse()
		r.Delegate, l.Delegate, c.Delegate = true, true, true
		s.effect(r, l, c)
		for _, table := range []string{"responses", "lesson_completions", "course_completions"} {
			s.want([]string{"1"}, "SELECT delegate FROM "+table)
		}
		s.want([]string{"1", "1"}, "SELECT delegate FROM ledger")
		record := func() *conversation.Record {
			return s.load(typed("record", "o1"), needs(conversation.Needs{Record: true})).Facts.Record
		}
		if r := record(); r.Hours != 75 || r.Delegate != 75 || r.LastAt != s.now {
			s.t.Errorf("%+v", r)
		}
		// Whoever corrects it: it stays what it was.
		wrong := study.LedgerEntry{Learner: s.learners[0], Enrolment: s.places[0], Course: "rules", Kind: study.SourceLesson, Key: fmt.Sprintf("%d/rules/l1", s.places[0]), Hours: 10, Rule: "2026", Day: startDay}
		if err := s.s.CorrectHours(s.t.Context(), s.now, "admin", "课短", []study.LedgerEntry{wrong}); err != nil {
			s.t.Fatal(err)
		}
		s.want([]string{"25|1", "50|1", "-25|1", "10|1"}, "SELECT hundredths, delegate FROM ledger ORDER BY id")
		if r := record(); r.Hours != 60 || r.Delegate != 60 {
			s.t.Errorf("%+v", r)
		}
	}},
}

// phones are 李一 on o1 and 王二 on o2; 张三 has none.
func (b *bundle) phones() (ids []people.LearnerID) {
	b.t.Helper()
	_, ids = b.enrolled("spring", person(village1, "李一", "AAAA"), person(village2, "王二", "BBBB"), person(village1, "张三", "CCCC"), person(village3, "赵六", "DDDD"), person(village1, "周七", "EEEE"))
	b.done(start, typed("1", "o1"), conversation.Bind{Learner: ids[0]})
	b.done(start, typed("2", "o2"), conversation.Bind{Learner: ids[1]})
	return ids
}

func (b *bundle) news(openid string) (kinds []string) {
	b.t.Helper()
	for _, n := range b.load(typed("news", openid), nothing).Facts.News {
		kinds = append(kinds, string(n.Kind)+" "+n.Name+" "+n.Reason)
	}
	return kinds
}

const whoIsWhere = "SELECT i.external_id, l.name, CASE WHEN p.helper_id <> 0 THEN 1 ELSE 0 END FROM profiles p JOIN identities i ON i.id = p.identity_id JOIN learners l ON l.id = p.learner_id ORDER BY 1, 2"

var (
	township = people.Scope{Units: []people.OrgCode{"530112001000"}}
	another  = people.Scope{Units: []people.OrgCode{village2}}
	nobody   = people.Scope{}
)

var bindingCases = map[string]func(*testing.T, *bundle){
	"somebody learns in another's place: asked for, granted, told, active and marked": func(t *testing.T, b *bundle) {
		ctx, ids := t.Context(), b.phones()
		b.done(start, typed("3", "o1"), conversation.Ask{Kind: people.RequestDelegate, Learner: ids[2], Helper: ids[0]})
		list, err := b.s.Requests(ctx, township, people.RequestOpen, 0, 10)
		if err != nil || len(list) != 1 || list[0].Name != "张三" || list[0].Helps != "李一" || list[0].Unit != village1 {
			t.Fatalf("%+v, %v", list, err)
		}
		for _, scope := range []people.Scope{another, nobody} {
			if out, err := b.s.Requests(ctx, scope, "", 0, 10); len(out) != 0 || err != nil {
				t.Errorf("%+v, %v", out, err)
			}
			_, err := b.s.CloseRequest(ctx, start, "admin", scope, people.BindRule{}, list[0].ID, true, "情况属实")
			wantFault(t, err, fault.NotFound, "bind.request_not_found")
		}
		_, err = b.s.CloseRequest(ctx, start, "admin", township, people.BindRule{}, list[0].ID, true, " \n")
		wantFault(t, err, fault.Invalid, "bind.reason_needed")
		got, err := b.s.CloseRequest(ctx, start.Add(time.Hour), "admin", township, people.BindRule{}, list[0].ID, true, "情况 属实")
		if err != nil || got.State != people.RequestDone || got.ClosedAt != start.Add(time.Hour) {
			t.Errorf("%+v, %v", got, err)
		}
		_, err = b.s.CloseRequest(ctx, start, "admin", township, people.BindRule{}, list[0].ID, false, "再想想")
		wantFault(t, err, fault.Conflict, "bind.request_closed")
		b.want([]string{"o1|张三|1", "o1|李一|0", "o2|王二|0"}, whoIsWhere)
		b.want([]string{"admin|request.done|request 1"}, "SELECT actor, action, object FROM audit WHERE action LIKE 'request%'")
		if diff := cmp.Diff([]string{"delegate_done 张三 情况 属实"}, b.news("o1")); diff != "" {
			t.Error(diff)
		}
		if id := b.load(typed("4", "o1"), nothing).Snapshot.Identity; id.People != 2 || id.Delegate || id.Learner != ids[0] {
			t.Errorf("%+v", id)
		}
		b.done(start, typed("5", "o1"), conversation.Switch{Learner: ids[2]})
		l := b.load(typed("6", "o1"), needs(conversation.Needs{Profiles: true, Mine: true}))
		if id := l.Snapshot.Identity; !id.Delegate || id.Name != "张三" || len(l.Facts.Delegated) != 1 || l.Facts.Delegated[ids[2]] != ids[0] {
			t.Errorf("%+v %+v", id, l.Facts.Delegated)
		}
		if diff := cmp.Diff([]string{"李一"}, l.Facts.Mine.Helpers); diff != "" {
			t.Error(diff)
		}
		b.want([]string{fmt.Sprint(start.Add(time.Hour).UnixMilli())}, "SELECT bound_at FROM learners WHERE id = ?", int64(ids[2]))
	},
	"a request that is refused is told, and may be asked again": func(t *testing.T, b *bundle) {
		ids := b.phones()
		ask := conversation.Ask{Kind: people.RequestCorrect, Learner: ids[0], Text: "名字错了"}
		b.done(start, typed("3", "o1"), ask)
		if _, err := b.s.CloseRequest(t.Context(), start, "admin", township, people.BindRule{}, 1, false, "名册没有错"); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"correct_refused 李一 名册没有错"}, b.news("o1")); diff != "" {
			t.Error(diff)
		}
		b.done(start, typed("4", "o1"), ask)
		if list, err := b.s.Requests(t.Context(), township, people.RequestOpen, 0, 10); len(list) != 1 || err != nil {
			t.Errorf("%+v, %v", list, err)
		}
		if list, err := b.s.Requests(t.Context(), township, "", 1, 10); len(list) != 1 || list[0].State != people.RequestOpen || err != nil {
			t.Errorf("behind the first: %+v, %v", list, err)
		}
	},
	"who asked to be deleted is taken off the phones, and the record stays": func(t *testing.T, b *bundle) {
		ids := b.phones()
		b.done(start, typed("3", "o1"), conversation.Ask{Kind: people.RequestDelete, Learner: ids[0]})
		if _, err := b.s.CloseRequest(t.Context(), start, "admin", township, people.BindRule{}, 1, true, "已经办理"); err != nil {
			t.Fatal(err)
		}
		b.want([]string{"o2|王二|0"}, whoIsWhere)
		b.want([]string{"1"}, "SELECT COUNT(*) FROM enrolments WHERE learner_id = ?", int64(ids[0]))
		if diff := cmp.Diff([]string{"delete_done 李一 已经办理"}, b.news("o1")); diff != "" {
			t.Error(diff)
		}
	},
	"a telephone number is shown to its owner masked, and goes when the owner asks": func(t *testing.T, b *bundle) {
		ctx, k := t.Context(), b.with(phoneKeys(t, "k1"))
		row := person(village1, "李一", "AAAA")
		for _, number := range []string{"13800001111", "13800001234"} { // the first is kept for undoing the second
			row.Phone = number
			if _, err := k.s.ImportRoster(ctx, start, "tester", people.Everyone(), people.RosterImport{Rows: []people.RosterRow{row}, LeftPercent: 100}); err != nil {
				t.Fatal(err)
			}
		}
		id := people.LearnerID(b.number("SELECT id FROM learners"))
		k.done(start, typed("1", "o1"), conversation.Bind{Learner: id})
		shown := func(b *bundle, want string) {
			t.Helper()
			if got := b.load(typed("?", "o1"), needs(conversation.Needs{Mine: true})).Facts.Mine.Phone; got != want {
				t.Errorf("%q, want %q", got, want)
			}
		}
		shown(k, "138****1234")
		shown(b, "***")
		shown(b.with(phoneKeys(t, "k2")), "***")
		k.done(start, typed("2", "o1"), conversation.Ask{Kind: people.RequestDelete, Learner: id}, conversation.AgreePlace{Learner: id, Version: 1})
		agreed := func(want bool) {
			t.Helper()
			if got := k.load(typed("?", "o1"), needs(conversation.Needs{Mine: true})).Facts.Mine.Place; got != want {
				t.Errorf("agreed to places: %v", got)
			}
		}
		agreed(true)
		k.done(start, typed("3", "o1"), conversation.TakeBackPlace{Learner: id})
		agreed(false)
		k.done(start, typed("4", "o1"), conversation.AgreePlace{Learner: id, Version: 1})
		agreed(true)
		if n := b.number("SELECT COUNT(*) FROM roster_changes WHERE phone_sealed <> ''"); n != 1 {
			t.Errorf("%d numbers are kept for undoing", n)
		}
		if _, err := k.s.CloseRequest(ctx, start, "admin", township, people.BindRule{}, 1, true, "已经办理"); err != nil {
			t.Fatal(err)
		}
		b.want([]string{"0|0|0"}, `SELECT (SELECT COUNT(*) FROM learner_phones), (SELECT COUNT(*) FROM roster_changes WHERE phone_sealed <> '' OR phone_lookup <> ''),
			(SELECT COUNT(*) FROM location_consents WHERE withdrawn_at = 0)`)
	},
	"an administrator lets somebody learn in another's place, within scope and limit": func(t *testing.T, b *bundle) {
		ctx, ids := t.Context(), b.phones()
		put := func(scope people.Scope, rule people.BindRule, helper, learner people.LearnerID) error {
			return b.s.PutDelegate(ctx, start, "admin", scope, rule, helper, learner, "没有智能手机")
		}
		wantFault(t, put(another, people.BindRule{}, ids[0], ids[2]), fault.NotFound, "bind.learner_not_found")
		wantFault(t, put(nobody, people.BindRule{}, ids[0], ids[2]), fault.NotFound, "bind.learner_not_found")
		wantFault(t, put(township, people.BindRule{}, ids[0], ids[3]), fault.NotFound, "bind.learner_not_found")
		wantFault(t, put(township, people.BindRule{}, ids[4], ids[2]), fault.Conflict, "bind.not_bound")
		wantFault(t, put(township, people.BindRule{}, ids[0], ids[0]), fault.Invalid, "bind.same_person")
		wantFault(t, put(township, people.BindRule{}, ids[0], ids[1]), fault.Conflict, "bind.delegate_own_phone")
		b.acts(2) // the class and the roster
		b.done(start, typed("3", "o1"), conversation.Ask{Kind: people.RequestDelegate, Learner: ids[2], Helper: ids[0]})
		rule := people.BindRule{Delegates: 1}
		if err := put(township, rule, ids[0], ids[2]); err != nil {
			t.Fatal(err)
		}
		wantFault(t, put(township, rule, ids[0], ids[2]), fault.Conflict, "bind.delegate_already")
		wantFault(t, put(township, rule, ids[0], ids[4]), fault.Conflict, "bind.delegate_limit")
		b.want([]string{"done"}, "SELECT state FROM requests")
		b.acts(3)
		if diff := cmp.Diff([]string{"delegate_done 张三 没有智能手机"}, b.news("o1")); diff != "" {
			t.Error(diff)
		}
	},
	"a phone is transferred, whatever cool-down there is": func(t *testing.T, b *bundle) {
		ctx, ids := t.Context(), b.phones()
		b.done(start, typed("3", "o2"), conversation.Bind{Learner: ids[0]}) // just moved
		if err := b.s.PutDelegate(ctx, start, "admin", township, people.BindRule{}, ids[1], ids[4], "没有手机"); err != nil {
			t.Fatal(err)
		}
		for _, scope := range []people.Scope{another, nobody} {
			wantFault(t, b.s.TransferHandset(ctx, start, "admin", scope, ids[1], ids[2], "换人"), fault.NotFound, "bind.learner_not_found")
		}
		wantFault(t, b.s.TransferHandset(ctx, start, "admin", township, ids[2], ids[1], "换人"), fault.Conflict, "bind.not_bound")
		wantFault(t, b.s.TransferHandset(ctx, start, "admin", township, ids[1], ids[1], "换人"), fault.Invalid, "bind.same_person")
		wantFault(t, b.s.TransferHandset(ctx, start, "admin", township, ids[1], ids[2], ""), fault.Invalid, "bind.reason_needed")
		if err := b.s.TransferHandset(ctx, start, "admin", township, ids[1], ids[2], "村里的公用手机"); err != nil {
			t.Fatal(err)
		}
		b.want([]string{"o2|张三|0", "o2|李一|0"}, whoIsWhere)
		b.want([]string{fmt.Sprint(ids[2])}, "SELECT learner_id FROM identities WHERE external_id = 'o2'")
		b.want([]string{fmt.Sprint(ids[0]), fmt.Sprint(ids[2])}, "SELECT learner_id FROM handsets ORDER BY 1")
		if diff := cmp.Diff([]string{"delegate_done 周七 没有手机", "transferred 张三 村里的公用手机"}, b.news("o2")); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"moved 李一 "}, b.news("o1")); diff != "" {
			t.Error(diff)
		}
		b.want([]string{"admin|binding.transfer"}, "SELECT actor, action FROM audit WHERE action = 'binding.transfer'")
	},
	"whoever binds is known to have left a class": func(t *testing.T, b *bundle) {
		places, _ := b.enrolled("spring", person(village1, "李一", "AAAA"), person(village1, "王二", "BBBB"))
		b.exec("UPDATE enrolments SET status = 'withdrawn' WHERE id = ?", int64(places[0]))
		for name, want := range map[string][]string{"李一": {"spring"}, "王二": nil} {
			l := b.load(typed("out "+name, "o1"), needs(conversation.Needs{Name: name}))
			if diff := cmp.Diff(want, l.Facts.Candidates[0].Out); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	},
	"an administrator ends a cool-down with a reason": func(t *testing.T, b *bundle) {
		ctx, ids := t.Context(), b.phones()
		b.done(start, typed("3", "o2"), conversation.Bind{Learner: ids[0]})
		here := people.HandsetID(b.done(start, typed("4", "o3")))
		judge := func() people.BindVerdict {
			l := b.load(typed("5", "o3"), needs(conversation.Needs{Name: "李一"}))
			v, _ := people.BindRule{}.Judge(start.Add(time.Hour), here, l.Facts.Candidates[0])
			return v
		}
		if v := judge(); v != people.BindCooling {
			t.Fatalf("verdict %v", v)
		}
		_, err := b.s.ReleaseLearner(ctx, start, "admin", another, ids[0], "手机丢了")
		wantFault(t, err, fault.NotFound, "bind.learner_not_found")
		if n, err := b.s.ReleaseLearner(ctx, start, "admin", township, ids[0], "手机丢了"); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		if v := judge(); v != people.BindFirst {
			t.Errorf("verdict %v", v)
		}
		if diff := cmp.Diff([]string{"released 李一 手机丢了"}, b.news("o2")); diff != "" {
			t.Error(diff)
		}
		b.want([]string{"admin|binding.release|1 phones: 手机丢了"}, "SELECT actor, action, result FROM audit WHERE action = 'binding.release'")
		if n, err := b.s.ReleaseLearner(ctx, start, "admin", township, ids[0], "再来一次"); n != 0 || err != nil {
			t.Error(n, err)
		}
	},
	"two phones bind one person at once and one of them has the person": func(t *testing.T, b *bundle) {
		ids := b.phones()
		other := b.open()
		done := make(chan struct{})
		for i, on := range []*bundle{b, {t: b.t, dsn: b.dsn, s: other, raw: b.raw}} {
			go func() {
				if n := on.bindOften(i, ids[2]); n != 6 {
					t.Errorf("phone %d: %d of 6 turns were committed", i, n)
				}
				done <- struct{}{}
			}()
		}
		<-done
		<-done
		b.want([]string{"1"}, "SELECT COUNT(*) FROM profiles WHERE learner_id = ?", int64(ids[2]))
		b.want([]string{"0"}, `SELECT COUNT(*) FROM identities i WHERE i.learner_id <> 0 AND NOT EXISTS (SELECT 1 FROM profiles p WHERE p.identity_id = i.id AND p.learner_id = i.learner_id)`)
	},
	"whatever is done, everybody is where they may be": func(t *testing.T, b *bundle) {
		ids := b.phones()
		names := []string{"o1", "o2", "o3"}
		const broken = `SELECT 'two own phones', learner_id FROM profiles WHERE helper_id = 0 GROUP BY learner_id HAVING COUNT(*) > 1
			UNION ALL SELECT 'helped and on an own phone', p.learner_id FROM profiles p JOIN profiles o ON o.learner_id = p.learner_id AND o.helper_id = 0 WHERE p.helper_id <> 0
			UNION ALL SELECT 'a helper who is not there', p.helper_id FROM profiles p WHERE p.helper_id <> 0
				AND NOT EXISTS (SELECT 1 FROM profiles o WHERE o.identity_id = p.identity_id AND o.learner_id = p.helper_id AND o.helper_id = 0)
			UNION ALL SELECT 'active and not there', i.learner_id FROM identities i WHERE i.learner_id <> 0
				AND NOT EXISTS (SELECT 1 FROM profiles p WHERE p.identity_id = i.id AND p.learner_id = i.learner_id)
			UNION ALL SELECT 'nobody active', i.id FROM identities i WHERE i.learner_id = 0 AND EXISTS (SELECT 1 FROM profiles p WHERE p.identity_id = i.id)
			UNION ALL SELECT 'news of nobody', n.id FROM news n WHERE n.identity_id <> 0 AND NOT EXISTS (SELECT 1 FROM identities i WHERE i.id = n.identity_id)
			UNION ALL SELECT 'a phone that is gone', h.learner_id FROM handsets h WHERE h.identity_id <> 0 AND NOT EXISTS (SELECT 1 FROM identities i WHERE i.id = h.identity_id)`
		rng := rand.New(rand.NewPCG(7, 11))
		done := map[string]int{}
		for i := range 300 {
			who, other, o := ids[rng.IntN(len(ids))], ids[rng.IntN(len(ids))], names[rng.IntN(len(names))]
			now := start.Add(time.Duration(i) * time.Hour)
			in := typed(fmt.Sprint("any ", i), o)
			active := people.LearnerID(b.number("SELECT COALESCE(MAX(learner_id), 0) FROM identities WHERE external_id = ?", o))
			what, err := "", error(nil)
			switch rng.IntN(9) {
			case 0, 1, 2:
				what = "bind"
				b.done(now, in, conversation.Bind{Learner: who})
			case 3:
				what = "unbind"
				b.done(now, in, conversation.Unbind{Learner: active})
			case 4:
				what = "hand over"
				b.done(now, in, conversation.HandOver{Learners: []people.LearnerID{active}})
			case 5:
				what = "unfollow"
				b.done(now, in, conversation.Unfollow{})
			case 6:
				what, err = "delegate", b.s.PutDelegate(t.Context(), now, "admin", people.Everyone(), people.BindRule{}, who, other, "试")
			case 7:
				what, err = "transfer", b.s.TransferHandset(t.Context(), now, "admin", people.Everyone(), who, other, "试")
			default:
				what = "release"
				_, err = b.s.ReleaseLearner(t.Context(), now, "admin", people.Everyone(), who, "试")
			}
			var f *fault.Error
			if err != nil && !errors.As(err, &f) {
				t.Fatalf("%d, %s: %v", i, what, err)
			}
			if err == nil {
				done[what]++
			}
			if rows := b.rows(broken); len(rows) > 0 {
				t.Fatalf("after %d, %s of %d and %d on %s: %v", i, what, who, other, o, rows)
			}
		}
		for _, what := range []string{"bind", "unbind", "hand over", "unfollow", "delegate", "transfer", "release"} {
			if done[what] < 3 {
				t.Errorf("%s was done %d times: the case shows nothing of it", what, done[what])
			}
		}
		if _, err := b.s.VerifyAudit(t.Context()); err != nil {
			t.Error(err)
		}
	},
	"who unfollows leaves nothing of the phone in any table, and all of the learning": func(t *testing.T, b *bundle) {
		const openid = "oCanaryOfAPhone"
		places, ids := b.enrolled("spring", person(village1, "李一", "AAAA"), person(village2, "王二", "BBBB"))
		lesson := conversation.CompleteLesson{Enrolment: places[0], Learner: ids[0], Lesson: lessonOne, Score: 80, Hours: 25, Rule: "2026"}
		phone := b.done(start, typed("hello", openid), conversation.Follow{Scene: "spring"}, conversation.ShowNotice{Version: 1}, step,
			conversation.WrongCode{Learners: ids}, conversation.Bind{Learner: ids[0]},
			conversation.StartAttempt{Enrolment: places[0], Learner: ids[0], Lesson: lessonOne, Number: 1},
			conversation.Respond{Enrolment: places[0], Learner: ids[0], Lesson: lessonOne, Attempt: 1, Item: "q1", Answer: "B", Correct: true}, lesson,
			conversation.Ask{Kind: people.RequestDelete, Learner: ids[0]}, conversation.Ask{Kind: people.RequestDelegate, Learner: ids[1], Helper: ids[0]})
		for _, kind := range []people.NewsKind{people.NewsMoved, people.NewsCorrectDone} {
			b.exec("INSERT INTO news (identity_id, learner_id, about_id, kind) VALUES (?, ?, ?, ?)", int64(phone), int64(ids[0]), int64(ids[0]), string(kind))
		}
		b.exec("INSERT INTO grants (identity_id, template, left_count) VALUES (?, 'T', 1)", int64(phone))
		if err := b.s.AppendReceipts(t.Context(), start, []channel.Receipt{{Kind: "X", To: address(openid), At: start}}); err != nil {
			t.Fatal(err)
		}
		if found := b.traces(openid, int64(phone)); len(found) < 8 {
			t.Fatalf("before leaving the phone stands in %v only: the case shows nothing", found)
		}
		b.done(start.Add(time.Hour), typed("bye", openid), conversation.Unfollow{})
		if found := b.traces(openid, int64(phone)); len(found) > 0 {
			t.Errorf("the phone that left stands in %v", found)
		}
		for table, want := range map[string]int64{"responses": 1, "attempts": 1, "lesson_completions": 1, "ledger": 1, "enrolments": 2, "requests": 2} {
			if n := b.number("SELECT COUNT(*) FROM " + table); n != want {
				t.Errorf("%s has %d rows, want %d", table, n, want)
			}
		}
		b.want([]string{"correct_done"}, "SELECT kind FROM news")
	},
	"no scope decides about people outside it": func(t *testing.T, b *bundle) {
		ctx, ids := t.Context(), b.phones()
		b.done(start, typed("3", "o1"), conversation.Ask{Kind: people.RequestDelegate, Learner: ids[2], Helper: ids[0]})
		before := b.rows("SELECT identity_id, learner_id, helper_id FROM profiles ORDER BY 1, 2")
		acts, err := b.s.VerifyAudit(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, scope := range []people.Scope{{}, {Units: []people.OrgCode{village2}}, {Units: []people.OrgCode{village3}}, {Units: []people.OrgCode{"530113000000"}}, {Units: []people.OrgCode{"bad"}}, {Units: []people.OrgCode{""}}} {
			if list, err := b.s.Requests(ctx, scope, "", 0, 10); len(list) != 0 || err != nil {
				t.Errorf("%v sees %+v, %v", scope, list, err)
			}
			_, closing := b.s.CloseRequest(ctx, start, "x", scope, people.BindRule{}, 1, true, "试")
			_, release := b.s.ReleaseLearner(ctx, start, "x", scope, ids[0], "试")
			for _, err := range []error{
				closing, release, b.s.PutDelegate(ctx, start, "x", scope, people.BindRule{}, ids[0], ids[2], "试"), b.s.TransferHandset(ctx, start, "x", scope, ids[0], ids[2], "试"),
			} {
				if fault.CodeOf(err) != fault.NotFound {
					t.Errorf("%v: %v", scope, err)
				}
			}
		}
		for _, scope := range []people.Scope{township, {Units: []people.OrgCode{village1}}, {Units: []people.OrgCode{"530000000000"}}, people.Everyone()} {
			if list, err := b.s.Requests(ctx, scope, "", 0, 10); len(list) != 1 || err != nil {
				t.Errorf("%v sees %+v, %v", scope, list, err)
			}
		}
		if diff := cmp.Diff(before, b.rows("SELECT identity_id, learner_id, helper_id FROM profiles ORDER BY 1, 2")); diff != "" {
			t.Error(diff)
		}
		b.acts(acts)
	},
	"the list says how much was learnt in another's place": func(t *testing.T, b *bundle) {
		places, ids := b.enrolled("spring", person(village1, "李一", "AAAA"), person(village2, "王二", "BBBB"))
		for i, lesson := range []string{"l1", "l2"} {
			done := conversation.CompleteLesson{Enrolment: places[1], Learner: ids[1], Lesson: lessonOne, Score: 80, Hours: 25, Rule: "2026", Delegate: i == 1}
			done.Lesson.Lesson = lesson
			b.done(start, typed(lesson, "o1"), done)
		}
		_, lines := b.list(query())
		if len(lines) != 2 || lines[0].Delegate != 0 || lines[1].Done != 2 || lines[1].Delegate != 1 {
			t.Errorf("%+v", lines)
		}
	},
	"the funnel is counted by day, unit and step, in the scope alone": func(t *testing.T, b *bundle) {
		ctx := t.Context()
		ids := b.phones()
		at := start.Add(time.Hour)
		fresh := func(name people.FunnelStep, why string, unit people.OrgCode) conversation.Step {
			return conversation.Step{Name: name, Why: why, Unit: unit, Fresh: true}
		}
		b.done(at, typed("a", "o3"), fresh(people.StepFollowed, "", ""), fresh(people.StepAskedName, "", ""))
		b.done(at, typed("b", "o3"), fresh(people.StepFound, "", village1), fresh(people.StepFailed, "wrong_code", village1))
		b.done(at, typed("c", "o3"), conversation.Step{Name: people.StepFound, Unit: village1}, fresh(people.StepBound, "", village1), conversation.Bind{Learner: ids[2]})
		b.done(at.Add(24*time.Hour), typed("d", "o4"), fresh(people.StepFollowed, "", ""), fresh(people.StepFailed, "no_such_name", ""))
		b.done(at, typed("e", "o5"), fresh(people.StepFound, "", village3), fresh(people.StepFailed, "wrong_code", village3))
		b.done(at, typed("f", "o3"), conversation.Unfollow{})
		got, err := b.s.Funnel(ctx, township, startDay, "2026-03-31", people.LevelTownship)
		if err != nil {
			t.Fatal(err)
		}
		count := func(step people.FunnelStep, why string, times, phones int) people.FunnelCount {
			return people.FunnelCount{Day: string(startDay), Unit: "530112001000", UnitName: "单位530112001", Step: step, Why: why, Times: times, Phones: phones}
		}
		want := people.Funnel{
			Counts: []people.FunnelCount{
				count("asked_name", "", 1, 1), count("bound", "", 1, 1), count("failed", "wrong_code", 1, 1), count("followed", "", 1, 1), count("found", "", 2, 1),
			},
			Units: []people.BoundCount{{Unit: "530112001000", UnitName: "单位530112001", People: 4, Bound: 3, Never: 1}},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if f, err := b.s.Funnel(ctx, nobody, startDay, "2026-03-31", people.LevelTownship); len(f.Counts) != 0 || len(f.Units) != 0 || err != nil {
			t.Errorf("a scope without units sees %+v, %v", f, err)
		}
		all, err := b.s.Funnel(ctx, people.Everyone(), startDay, "2026-03-31", people.LevelTownship)
		if err != nil || len(all.Counts) != 9 || len(all.Units) != 2 {
			t.Errorf("everybody: %+v, %v", all, err)
		}
		day, err := b.s.Funnel(ctx, people.Everyone(), "2026-03-03", "2026-03-03", people.LevelVillage)
		if err != nil || len(day.Counts) != 2 || day.Counts[0].Unit != "" || day.Counts[0].Why != "no_such_name" {
			t.Errorf("a day: %+v, %v", day, err)
		}
		times := func(f people.Funnel) (n int) {
			for _, c := range f.Counts {
				n += c.Times
			}
			return n
		}
		parts := 0 // the township is the sum of its villages
		for _, v := range []people.OrgCode{village1, village2} {
			f, err := b.s.Funnel(ctx, people.Scope{Units: []people.OrgCode{v}}, startDay, "2026-03-31", people.LevelVillage)
			if err != nil {
				t.Fatal(err)
			}
			parts += times(f)
		}
		if parts != times(got) {
			t.Errorf("villages %d, township %d", parts, times(got))
		}
	},
}

// bindOften binds a person to a phone six times and returns how many of the turns were committed; one
// that is lost is stepped again on fresh facts.
func (b *bundle) bindOften(number int, learner people.LearnerID) (done int) {
	for i := range 6 {
		in := typed(fmt.Sprint("race ", number, " ", i), fmt.Sprint("r", number))
		for range 20 {
			r := b.s.CommitTurns(b.t.Context(), start, []conversation.Turn{b.turn(in, conversation.Bind{Learner: learner})})
			if r[0].Err == nil {
				done++
				break
			}
		}
	}
	return done
}

// traces are the columns of all tables in which an openid, or the number of its phone, stands.
func (b *bundle) traces(openid string, phone int64) []string {
	b.t.Helper()
	tables := "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
	if strings.HasPrefix(b.dsn, "mysql:") {
		tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY table_name"
	}
	found := map[string]bool{}
	for _, table := range b.rows(tables) {
		b.trace(table, func(column, value string) {
			named := column == "identity_id" || table == "identities" && column == "id"
			if named && value == strconv.FormatInt(phone, 10) || strings.Contains(value, openid) {
				found[table+"."+column] = true
			}
		})
	}
	return slices.Sorted(maps.Keys(found))
}

func (b *bundle) trace(table string, see func(column, value string)) {
	b.t.Helper()
	rows, err := b.raw.QueryContext(b.t.Context(), "SELECT * FROM "+table)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			b.t.Error(err)
		}
	}()
	columns, err := rows.Columns()
	if err != nil {
		b.t.Fatal(err)
	}
	values, into := make([]sql.RawBytes, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			b.t.Fatal(err)
		}
		for i, v := range values {
			see(columns[i], string(v))
		}
	}
}
