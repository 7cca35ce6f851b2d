package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

const attended = "SELECT session_id, learner_id, kind, way, actor FROM attendance_events ORDER BY id"

var signingEffectCases = []effectCase{
	{conversation.SignIn{}, "is one event of one phone, while the session is open", func(s *scene) {
		id := s.sitting()
		e := conversation.SignIn{Session: id, Learner: s.learners[0], Way: study.WayCode}
		s.effect(e)
		s.want([]string{fmt.Sprint(id, "|", s.learners[0], "|sign_in|code|")}, attended)
		s.want([]string{"24"}, "SELECT LENGTH(device) FROM attendance_events")
		s.exec("UPDATE sessions SET closed_at = 1")
		s.refuse(e)
		s.refuse(conversation.SignIn{Session: 99, Learner: s.learners[0], Way: study.WayCode})
	}},
	{conversation.SignOut{}, "is an event too", func(s *scene) {
		id := s.sitting()
		s.effect(conversation.SignIn{Session: id, Learner: s.learners[0], Way: study.WayNumber})
		s.now = s.now.Add(time.Hour)
		s.effect(conversation.SignOut{Session: id, Learner: s.learners[0]})
		s.want([]string{fmt.Sprint(id, "|", s.learners[0], "|sign_in|number|"), fmt.Sprint(id, "|", s.learners[0], "|sign_out|number|")}, attended)
	}},
	{conversation.AskLeave{}, "is asked once, from sessions that are still to come", func(s *scene) {
		id := s.sitting()
		e := conversation.AskLeave{Enrolment: s.places[0], Learner: s.learners[0], Sessions: []study.SessionID{id, id + 1}, Reason: "防火"}
		s.effect(e)
		s.effect(e)
		s.want([]string{fmt.Sprint(s.places[0], "|", s.learners[0], "|防火|asked")}, "SELECT enrolment_id, learner_id, reason, status FROM leaves")
		s.want([]string{"2"}, "SELECT COUNT(*) FROM leave_sessions")
		s.want([]string{fmt.Sprint("learner:", s.learners[0], "|leave.ask|2 sessions")}, "SELECT actor, action, result FROM audit WHERE action LIKE 'leave%'")
		e.Sessions = []study.SessionID{id + 2}
		s.exec("UPDATE sessions SET closed_at = 1 WHERE number = 3")
		s.refuse(e)
		e.Sessions, e.Learner = []study.SessionID{id + 3}, s.learners[1]
		s.refuse(e) // another one's place
	}},
	{conversation.DecideLeave{}, "is a trainer's in scope, or the person's own to take back", func(s *scene) {
		id := s.sitting()
		ask := func(i int) {
			s.effect(conversation.AskLeave{Enrolment: s.places[i], Learner: s.learners[i], Sessions: []study.SessionID{id + study.SessionID(i)}, Reason: "防火"})
		}
		ask(0)
		ask(1)
		s.refuse(conversation.DecideLeave{Leave: 1, Learner: s.learners[1], To: study.LeaveApproved}) // no trainer
		s.trains(village1, s.learners[1])
		s.refuse(conversation.DecideLeave{Leave: 2, Learner: s.learners[1], To: study.LeaveApproved}) // outside the scope
		s.effect(conversation.DecideLeave{Leave: 1, Learner: s.learners[1], To: study.LeaveApproved})
		s.refuse(conversation.DecideLeave{Leave: 1, Learner: s.learners[1], To: study.LeaveApproved}) // done already
		s.want([]string{fmt.Sprint(s.learners[0], "|leave_approved|3月2日上午")}, "SELECT about_id, kind, reason FROM news")
		s.refuse(conversation.DecideLeave{Leave: 1, Learner: s.learners[1], To: study.LeaveWithdrawn}) // another one's
		s.effect(conversation.DecideLeave{Leave: 1, Learner: s.learners[0], To: study.LeaveWithdrawn})
		s.want([]string{"withdrawn", "asked"}, "SELECT status FROM leaves ORDER BY id")
		s.want([]string{"leave.ask", "leave.ask", "leave.approved", "leave.withdrawn"}, "SELECT action FROM audit WHERE action LIKE 'leave%' ORDER BY id")
	}},
}

// sitting is the first session of five days, which begins an hour after start.
func (s *scene) sitting() study.SessionID {
	s.t.Helper()
	if _, err := s.s.ApplySessions(s.t.Context(), start, "cli:test", "spring", fiveDays(s.t)); err != nil {
		s.t.Fatal(err)
	}
	return study.SessionID(s.number("SELECT id FROM sessions WHERE number = 1"))
}

// step sends one message through the engine, as the service does.
func (b *bundle) step(e *conversation.Engine, now time.Time, in channel.Inbound) string {
	b.t.Helper()
	in.Key = key(fmt.Sprint("step", b.number("SELECT COUNT(*) FROM inbox")))
	list, err := b.s.LoadTurns(b.t.Context(), now, []bot.LoadRequest{{In: in}}, e.Need)
	if err != nil {
		b.t.Fatal(err)
	}
	t := e.Step(list[0].Snapshot.State, in, list[0].Facts)
	t.Seq = list[0].Snapshot.Seq
	if c := b.s.CommitTurns(b.t.Context(), now, []conversation.Turn{t})[0]; c.Verdict != bot.CommitDone {
		b.t.Fatalf("%+v: %s, %v", in, c.Verdict, c.Err)
	}
	return t.Reply.Text
}

var signingCases = map[string]func(*testing.T, *bundle){
	"people sign in by what the screen shows": func(t *testing.T, b *bundle) {
		sessions, ids := b.meets(crowd(2, 1)...)
		e, s := engine(), sessions[0]
		k := study.SignKey{Session: s.ID}
		if err := b.raw.QueryRowContext(t.Context(), "SELECT secret FROM sessions WHERE number = 1").Scan(&k.Secret); err != nil {
			t.Fatal(err)
		}
		for i, openid := range []string{"o1", "o2"} {
			b.done(start, typed("bind"+openid, openid), conversation.Bind{Learner: ids[i]})
		}
		b.exec("UPDATE identities SET notice_version = 1")
		say := func(name string, args ...any) string {
			list := []fault.Arg{fault.A("class", "班级 spring"), fault.A("number", 1)}
			for i := 0; i < len(args); i += 2 {
				list = append(list, fault.A(args[i].(string), args[i+1]))
			}
			return content.DefaultPhrases().Say(name, list...)
		}
		check := func(got, want string) {
			t.Helper()
			if got != want {
				t.Errorf("said %q, want %q", got, want)
			}
		}
		now := s.Starts.Add(time.Minute)
		code, number, _ := study.ClassRule2026.Codes(k, now)
		check(b.step(e, s.Starts.Add(-time.Hour), typed("签到", "o1")), say("sign.none"))
		check(b.step(e, now, typed("签到 "+number, "o1")), say("sign.done", "name", "学员00", "time", "09:01"))
		check(b.step(e, now.Add(time.Second), typed("签到", "o1")), say("sign.already", "time", "09:01"))
		scan := typed("", "o2")
		scan.Kind, scan.Contact, scan.EventKey = channel.KindScan, channel.ContactTap, code
		check(b.step(e, now, scan), say("sign.done", "name", "学员01", "time", "09:01"))
		check(b.step(e, now.Add(time.Hour), scan), say("sign.already", "time", "09:01"))
		// A trainer says it was not them: they can sign in again.
		b.attend(now.Add(time.Minute), 1, study.AttendanceEvent{Key: "r", Session: s.ID, Learner: ids[0], Kind: study.Refuted, Way: study.WayTrainer, At: now.Add(time.Minute), Actor: "cli:test", Note: "代签"})
		later := now.Add(2 * time.Minute)
		_, number, _ = study.ClassRule2026.Codes(k, later)
		check(b.step(e, later, typed(number, "o1")), say("sign.done", "name", "学员00", "time", "09:03"))
		check(b.step(e, later.Add(time.Hour), typed("签退", "o1")), say("sign.out_early", "time", "10:03"))
		b.want([]string{
			fmt.Sprint(s.ID, "|", ids[0], "|sign_in|number|"), fmt.Sprint(s.ID, "|", ids[1], "|sign_in|code|"), fmt.Sprint(s.ID, "|", ids[0], "|refute|trainer|cli:test"),
			fmt.Sprint(s.ID, "|", ids[0], "|sign_in|number|"), fmt.Sprint(s.ID, "|", ids[0], "|sign_out|number|"),
		}, attended)
		b.want([]string{"2"}, "SELECT COUNT(DISTINCT device) FROM attendance_events WHERE kind = 'sign_in'")
	},
	"somebody asks for leave, a trainer decides, both in the chat": func(t *testing.T, b *bundle) {
		_, ids := b.meets(crowd(1, 0)...)
		_, others := b.enrolled("autumn", person(village1, "教员", "TTTT"))
		b.trains(county112, others[0])
		b.done(start, typed("bind1", "o1"), conversation.Bind{Learner: ids[0]})
		b.done(start, typed("bind2", "o2"), conversation.Bind{Learner: others[0]})
		b.exec("UPDATE identities SET notice_version = 1")
		e := engine()
		for _, c := range []struct{ who, text, want string }{
			{"o1", "请假", "10. 3月6日下午"},
			{"o1", "请假 1-2 防火值班", "3月2日上午、3月2日下午"},
			{"o1", "请假", "1. 3月2日上午（请假待批）"},
			{"o2", "批假", "1. 学员00"},
			{"o2", "准假 1", "准假了：学员00"},
			{"o2", "准假 1", "没有编号 1"},
			{"o1", "请假", "1. 3月2日上午（已准假）"},
			{"o1", "撤回请假", "撤回了 1 个"},
			{"o1", "请假", "1. 3月2日上午\n"},
			{"o2", "不准假 1", "没有编号 1"},
		} {
			if got := b.step(e, start.Add(time.Minute), typed(c.text, c.who)); !strings.Contains(got, c.want) {
				t.Errorf("%s to %s: %q, want %q", c.text, c.who, got, c.want)
			}
		}
		if got := b.step(e, start.Add(time.Hour), typed("请假 1 有事", "o1")); !strings.Contains(got, "报上去了") {
			t.Error(got)
		}
		if got := b.step(e, start.Add(2*time.Hour), typed("撤回请假", "o1")); !strings.Contains(got, "没有可以撤回") {
			t.Error("a leave is taken back when its session has begun: ", got)
		}
	},
	"two people on one phone are both doubtful": func(t *testing.T, b *bundle) {
		sessions, ids := b.meets(crowd(2, 0)...)
		b.done(start, typed("bind", "o1"), conversation.Bind{Learner: ids[0]}, conversation.Bind{Learner: ids[1]})
		s := sessions[0]
		for i, id := range ids {
			b.done(s.Starts, typed(fmt.Sprint("sign", i), "o1"), conversation.SignIn{Session: s.ID, Learner: id, Way: study.WayCode})
		}
		for _, l := range b.roll(people.Everyone()).Lines {
			if a := l.Attended[0]; a.Presence != study.PresenceDoubt || len(a.Doubts) != 1 || a.Doubts[0] != study.DoubtDevice {
				t.Errorf("%+v", a)
			}
		}
	},
}
