package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/store"
)

// fiveDays is a class of five days with two sessions a day, of 4 hours each.
func fiveDays(t testing.TB) []study.Session {
	t.Helper()
	plan := study.Plan{Place: "党校二楼", Hours: 400, Times: []study.Span{{From: "09:00", To: "11:30"}, {From: "14:30", To: "17:00"}}}
	for i := range 5 {
		plan.Days = append(plan.Days, startDay.Add(i))
	}
	list, err := plan.Sessions("spring")
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// meets makes a class of these people that meets for five days.
func (b *bundle) meets(rows ...people.RosterRow) (sessions []study.Session, learners []people.LearnerID) {
	b.t.Helper()
	_, learners = b.enrolled("spring", rows...)
	if n, err := b.s.ApplySessions(b.t.Context(), start, "cli:test", "spring", fiveDays(b.t)); n != 10 || err != nil {
		b.t.Fatal(n, err)
	}
	sessions, err := b.s.Sessions(b.t.Context(), "spring")
	if err != nil {
		b.t.Fatal(err)
	}
	return sessions, learners
}

func scanned(s study.Session, who people.LearnerID, after time.Duration) study.AttendanceEvent {
	return study.AttendanceEvent{
		Key: fmt.Sprint("phone:", s.ID, ":", who), Session: s.ID, Learner: who, Kind: study.SignedIn, Way: study.WayCode, At: s.Starts.Add(after), Device: fmt.Sprint("d", who),
	}
}

func (b *bundle) attend(now time.Time, want int, events ...study.AttendanceEvent) {
	b.t.Helper()
	if n, err := b.s.RecordAttendance(b.t.Context(), now, people.Everyone(), events); n != want || err != nil {
		b.t.Fatalf("%d new events, %v; want %d", n, err, want)
	}
}

func (b *bundle) roll(scope people.Scope) study.Roll {
	b.t.Helper()
	roll, err := b.s.ClassRoll(b.t.Context(), scope, "spring")
	if err != nil {
		b.t.Fatal(err)
	}
	return roll
}

func (b *bundle) closeSession(s study.Session) {
	b.t.Helper()
	if _, err := b.s.CloseSession(b.t.Context(), s.Ends, "cli:test", people.Everyone(), "spring", s.Number); err != nil {
		b.t.Fatal(err)
	}
}

// hours are the ledger's balance of sessions by person.
func (b *bundle) hours() []string {
	return b.rows("SELECT learner_id, SUM(hundredths) FROM ledger WHERE source_kind = 'session' GROUP BY learner_id ORDER BY learner_id")
}

var classCases = map[string]func(*testing.T, *bundle){
	"a plan is applied once, and what was used stays": func(t *testing.T, b *bundle) {
		sessions, ids := b.meets(crowd(2, 0)...)
		plan := fiveDays(t)
		if n, err := b.s.ApplySessions(t.Context(), start, "cli:test", "spring", plan); n != 0 || err != nil {
			t.Errorf("the same again: %d, %v", n, err)
		}
		b.want([]string{"class.plan|spring|10 sessions, 10 changed"}, "SELECT action, object, result FROM audit WHERE action = 'class.plan'")
		b.want([]string{"10"}, "SELECT COUNT(DISTINCT secret) FROM sessions")
		b.attend(start, 1, scanned(sessions[9], ids[0], 0))
		refused(t, fault.Conflict, "class.session_used", func() error {
			_, err := b.s.ApplySessions(t.Context(), start, "cli:test", "spring", plan[:9])
			return err
		})
		plan[9].Hours = 800
		refused(t, fault.Conflict, "class.session_used", func() error {
			_, err := b.s.ApplySessions(t.Context(), start, "cli:test", "spring", plan)
			return err
		})
		plan[9].Hours, plan[9].Title, plan[0].Starts = 400, "结业", plan[0].Starts.Add(-time.Hour)
		if n, err := b.s.ApplySessions(t.Context(), start, "cli:test", "spring", plan); n != 2 || err != nil {
			t.Errorf("a title and an hour: %d, %v", n, err)
		}
		refused(t, fault.NotFound, "push.no_cohort", func() error {
			_, err := b.s.ApplySessions(t.Context(), start, "cli:test", "none", plan)
			return err
		})
		b.exec("DELETE FROM attendance_events")
		if n, err := b.s.ApplySessions(t.Context(), start, "cli:test", "spring", nil); n != 10 || err != nil {
			t.Errorf("taken away: %d, %v", n, err)
		}
	},
	"sign-ins become hours when the session is closed, and the ledger follows what is learned later": func(t *testing.T, b *bundle) {
		sessions, ids := b.meets(crowd(4, 1)...)
		s := sessions[0]
		guest := people.RosterRow{Unit: village2, Units: unit(village2), Name: "旁听", Category: "村干部", Code: "GGGG"}
		if _, err := b.s.ApplyRoster(t.Context(), start, "tester", []people.RosterRow{guest}, ""); err != nil {
			t.Fatal(err)
		}
		g := people.LearnerID(b.number("SELECT id FROM learners WHERE name = '旁听'"))
		shared := scanned(s, ids[2], 0)
		shared.Device = "shared"
		first := scanned(s, ids[1], 0)
		first.Device = "shared"
		b.attend(start, 3, scanned(s, ids[0], 11*time.Minute), first, shared)
		b.attend(start, 1, scanned(s, ids[0], 20*time.Minute), scanned(s, g, 0)) // the first has been told before
		refused(t, fault.Conflict, "class.not_over", func() error {
			_, err := b.s.CloseSession(t.Context(), s.Ends.Add(-time.Minute), "cli:test", people.Everyone(), "spring", 1)
			return err
		})
		presences := func() (out []study.Presence) {
			for _, l := range b.roll(people.Everyone()).Lines {
				out = append(out, l.Attended[0].Presence)
			}
			return out
		}
		check := func(what string, want []study.Presence, hours ...string) {
			t.Helper()
			if diff := cmp.Diff(want, presences()); diff != "" {
				t.Errorf("%s: %s", what, diff)
			}
			if diff := cmp.Diff(hours, b.hours()); diff != "" {
				t.Errorf("%s: %s", what, diff)
			}
		}
		// By unit and name: 学员00 and 学员02 of village1, 学员01, 学员03 of village2, 学员04 of village3, then the guest.
		check("open", []study.Presence{study.Late, study.PresenceDoubt, study.PresenceDoubt, study.PresenceNone, study.PresenceNone, study.PresenceDoubt})
		b.closeSession(s)
		b.closeSession(s)
		b.want([]string{"1"}, "SELECT COUNT(*) FROM audit WHERE action = 'class.close'")
		check("closed", []study.Presence{study.Late, study.PresenceDoubt, study.PresenceDoubt, study.Absent, study.Absent, study.PresenceDoubt}, fmt.Sprint(ids[0], "|400"))
		later := s.Ends.Add(time.Hour)
		act := func(key string, who people.LearnerID, kind study.EventKind, mark study.Presence) study.AttendanceEvent {
			return study.AttendanceEvent{Key: key, Session: s.ID, Learner: who, Kind: kind, Way: study.WayTrainer, Mark: mark, At: later, Actor: "cli:test"}
		}
		b.attend(later, 5, act("1", ids[1], study.Confirmed, ""), act("2", ids[2], study.Refuted, ""), act("3", ids[3], study.SignedIn, ""), act("4", g, study.Confirmed, ""), act("5", ids[0], study.Marked, study.Absent))
		check("corrected", []study.Presence{study.Absent, study.Absent, study.Present, study.Present, study.Absent, study.Present},
			fmt.Sprint(ids[0], "|0"), fmt.Sprint(ids[1], "|400"), fmt.Sprint(ids[3], "|400"), fmt.Sprint(g, "|400"))
		b.want([]string{"class.attend|class spring session 1|5 events"}, "SELECT action, object, result FROM audit WHERE action = 'class.attend'")
		// Another county's trainer neither sees nor touches them.
		if r := b.roll(over(county113)); len(r.Lines) != 1 || r.Lines[0].Learner.ID != ids[4] {
			t.Errorf("%+v", r.Lines)
		}
		refused(t, fault.NotFound, "follow.no_learner", func() error {
			_, err := b.s.RecordAttendance(t.Context(), later, over(county113), []study.AttendanceEvent{act("6", ids[4], study.SignedIn, ""), act("7", ids[0], study.SignedIn, "")})
			return err
		})
		refused(t, fault.NotFound, "class.no_session", func() error {
			_, err := b.s.RecordAttendance(t.Context(), later, people.Everyone(), []study.AttendanceEvent{{Key: "8", Session: 99, Learner: ids[0]}})
			return err
		})
		b.want([]string{"9"}, "SELECT COUNT(*) FROM attendance_events")
		for _, n := range []int{4, 5} {
			if err := b.s.CountHeads(t.Context(), later, "cli:test", people.Everyone(), "spring", store.HeadCount{Number: 1, Heads: n}); err != nil {
				t.Fatal(err)
			}
		}
		refused(t, fault.Invalid, "class.count_bad", func() error {
			return b.s.CountHeads(t.Context(), later, "cli:test", people.Everyone(), "spring", store.HeadCount{Number: 1, Heads: -1})
		})
		refused(t, fault.Forbidden, "class.not_whole", func() error {
			return b.s.CountHeads(t.Context(), later, "cli:test", over(county112), "spring", store.HeadCount{Number: 1, Heads: 5})
		})
		refused(t, fault.Forbidden, "class.not_whole", func() error {
			_, err := b.s.CloseSession(t.Context(), later, "cli:test", over(county113), "spring", 1)
			return err
		})
		if r := b.roll(people.Everyone()); !slices.Equal(r.Counted, []int{5, -1, -1, -1, -1, -1, -1, -1, -1, -1}) {
			t.Errorf("%v", r.Counted)
		}
	},
	"leave is asked for, decided, and can be made up": func(t *testing.T, b *bundle) {
		sessions, ids := b.meets(crowd(2, 1)...)
		ask := func(numbers ...int) study.LeaveID {
			t.Helper()
			id, err := b.s.AskLeave(t.Context(), start, "", people.Everyone(), "spring", ids[0], numbers, " 村里防火值班 ")
			if err != nil {
				t.Fatal(err)
			}
			return id
		}
		id := ask(2, 1, 2)
		if again := ask(1, 2); again != id {
			t.Errorf("asked twice: %d and %d", id, again)
		}
		third := ask(3)
		decide := func(id study.LeaveID, scope people.Scope, to study.LeaveStatus) error {
			return b.s.DecideLeave(t.Context(), start.Add(time.Minute), "cli:test", scope, id, to)
		}
		refused(t, fault.NotFound, "class.no_leave", func() error { return decide(id, over(county113), study.LeaveApproved) })
		for _, x := range []struct {
			id study.LeaveID
			to study.LeaveStatus
		}{{id, study.LeaveApproved}, {id, study.LeaveApproved}, {third, study.LeaveApproved}, {third, study.LeaveRefused}, {third, study.LeaveWithdrawn}} {
			if err := decide(x.id, over(county112), x.to); err != nil {
				t.Fatal(err)
			}
		}
		refused(t, fault.Conflict, "class.leave_gone", func() error { return decide(third, people.Everyone(), study.LeaveApproved) })
		list, err := b.s.Leaves(t.Context(), people.Everyone(), "spring", study.LeaveApproved)
		if err != nil || len(list) != 1 || list[0].Reason != "村里防火值班" || !slices.Equal(list[0].Sessions, []study.SessionID{sessions[0].ID, sessions[1].ID}) || list[0].DecidedBy != "cli:test" {
			t.Errorf("%+v, %v", list, err)
		}
		if list, err = b.s.Leaves(t.Context(), over(county113), "spring", ""); len(list) != 0 || err != nil {
			t.Errorf("%+v, %v", list, err)
		}
		for _, s := range sessions {
			if s.Number > 2 {
				b.attend(s.Starts, 2, scanned(s, ids[0], 0), scanned(s, ids[1], 0))
			}
			b.closeSession(s)
		}
		refused(t, fault.Conflict, "class.closed", func() error {
			_, err := b.s.AskLeave(t.Context(), start, "", people.Everyone(), "spring", ids[1], []int{1}, "病")
			return err
		})
		standing := func(i int) study.Standing { return b.roll(people.Everyone()).Lines[i].Standing }
		if got := standing(0); got != (study.Standing{Total: 4000, Credited: 3200, Leave: 800, Over: true}) {
			t.Errorf("%+v", got) // 8 of 40 hours are more than a seventh
		}
		makeUp := func(at time.Time, number int, who people.LearnerID) func() error {
			return func() error {
				return b.s.MakeUp(t.Context(), at, "cli:test", people.Everyone(), "spring", number, who, "党校批准")
			}
		}
		last := sessions[9].Ends
		refused(t, fault.Conflict, "class.not_missed", makeUp(last, 3, ids[0]))
		refused(t, fault.Conflict, "class.make_up_over", makeUp(last.AddDate(0, 0, 31), 1, ids[0]))
		refused(t, fault.NotFound, "follow.no_learner", makeUp(last, 1, 99))
		for range 2 {
			if err := makeUp(last, 1, ids[0])(); err != nil {
				t.Fatal(err)
			}
		}
		if got := standing(0); got != (study.Standing{Total: 4000, Credited: 3600, Leave: 400, MadeUp: 400, Near: true}) {
			t.Errorf("%+v", got)
		}
		b.want([]string{"3600"}, "SELECT SUM(hundredths) FROM ledger WHERE learner_id = ?", ids[0])
		for i := 1; i <= 6; i++ { // of 40 hours half can be made up: five sessions; who was never there has ten to make up
			err := makeUp(last, i, ids[2])()
			if i <= 5 && err != nil {
				t.Fatal(err)
			}
			if i == 6 {
				refused(t, fault.Conflict, "class.make_up_over", func() error { return err })
			}
		}
	},
	"who leaves the class keeps what was before": func(t *testing.T, b *bundle) {
		sessions, ids := b.meets(crowd(3, 0)...)
		b.attend(sessions[0].Starts, 1, scanned(sessions[0], ids[0], 0))
		b.closeSession(sessions[0])
		decide := func(who people.LearnerID, scope people.Scope, a store.PlaceAct, reason string) error {
			return b.s.DecidePlace(t.Context(), start, "cli:test", scope, "spring", who, a, reason)
		}
		refused(t, fault.Invalid, "class.reason_bad", func() error { return decide(ids[0], people.Everyone(), store.PlaceWithdraw, " ") })
		refused(t, fault.NotFound, "class.no_place", func() error { return decide(ids[0], over(county113), store.PlaceWithdraw, "调走") })
		for range 2 {
			if err := decide(ids[0], people.Everyone(), store.PlaceWithdraw, "调走"); err != nil {
				t.Fatal(err)
			}
		}
		if err := decide(ids[1], people.Everyone(), store.PlaceWaive, "已有证书"); err != nil {
			t.Fatal(err)
		}
		b.closeSession(sessions[1])
		b.closeSession(sessions[0])
		got := []string{}
		for _, l := range b.roll(people.Everyone()).Lines {
			got = append(got, fmt.Sprint(l.Learner.ID, l.Status, l.Attended[0].Presence, l.Attended[1].Presence))
		}
		want := []string{fmt.Sprint(ids[0], "withdrawnpresent"), fmt.Sprint(ids[2], "activeabsentabsent"), fmt.Sprint(ids[1], "waived")}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		b.want([]string{fmt.Sprint(ids[0], "|400")}, "SELECT learner_id, SUM(hundredths) FROM ledger GROUP BY learner_id")
		if err := decide(ids[0], people.Everyone(), store.PlaceReturn, "调回"); err != nil {
			t.Fatal(err)
		}
		b.want([]string{"class.withdraw|调走", "class.waive|已有证书", "class.return|调回"}, "SELECT action, result FROM audit WHERE action IN ('class.withdraw', 'class.waive', 'class.return') ORDER BY id")
	},
	"rules give places to whoever fits, late joiners too, and take none away": func(t *testing.T, b *bundle) {
		b.enrolled("spring")
		rules := []store.EnrolRule{{Unit: township112, Category: "村干部"}, {Unit: county113}}
		apply := func(want bool) {
			t.Helper()
			if changed, err := b.s.ApplyEnrolRules(t.Context(), start, "cli:test", people.Everyone(), "spring", rules); changed != want || err != nil {
				t.Errorf("changed %t, %v", changed, err)
			}
		}
		enrol := func(at time.Time, want int) {
			t.Helper()
			if n, err := b.s.EnrolByRules(t.Context(), at); n != want || err != nil {
				t.Errorf("%d new places, %v; want %d", n, err, want)
			}
		}
		rows := crowd(3, 2)
		rows[1].Category = "驻村干部"
		roster := func(rows ...people.RosterRow) {
			if _, err := b.s.ApplyRoster(t.Context(), start, "tester", rows, ""); err != nil {
				t.Fatal(err)
			}
		}
		roster(rows...)
		enrol(start, 0)
		apply(true)
		apply(false)
		enrol(start, 4)
		enrol(start, 0)
		b.want([]string{"学员00|2026-03-02", "学员02|2026-03-02", "学员03|2026-03-02", "学员04|2026-03-02"}, "SELECT l.name, e.since FROM enrolments e JOIN learners l ON l.id = e.learner_id ORDER BY l.name")
		b.want([]string{"rule|class.enrol|spring|4 enrolled"}, "SELECT actor, action, object, result FROM audit WHERE action = 'class.enrol'")
		b.exec("UPDATE enrolments SET status = 'withdrawn' WHERE learner_id = (SELECT id FROM learners WHERE name = '学员00')")
		b.exec("DELETE FROM enrolments WHERE learner_id = (SELECT id FROM learners WHERE name = '学员02')")
		b.exec("UPDATE learners SET left_day = '2026-03-03' WHERE name = '学员02'")
		b.exec("INSERT INTO learners (unit_code, name, category, bind_code) VALUES (?, '新来的', '村干部', 'NNNN'), ('539901001201', '外地的', '', 'WWWW')", string(village1))
		enrol(start.AddDate(0, 0, 2), 1)
		b.want([]string{"新来的|2026-03-04"}, "SELECT l.name, e.since FROM enrolments e JOIN learners l ON l.id = e.learner_id WHERE l.name IN ('新来的', '外地的', '学员02')")
		b.want([]string{"withdrawn"}, "SELECT status FROM enrolments WHERE learner_id = (SELECT id FROM learners WHERE name = '学员00')")
		roster(person(village2, "太晚了", "LLLL"))
		enrol(time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC), 0) // the class has ended
		rules = nil
		apply(true)
		enrol(start, 0)
		refused(t, fault.NotFound, "push.no_cohort", func() error {
			_, err := b.s.ApplyEnrolRules(t.Context(), start, "cli:test", people.Everyone(), "none", rules)
			return err
		})
	},
	"a list gives places to people on the roster, all or nobody; who withdrew comes back by a decision alone": func(t *testing.T, b *bundle) {
		_, ids := b.enrolled("spring", crowd(2, 2)...)
		if _, err := b.s.ApplyCohort(t.Context(), start, "tester", class("autumn")); err != nil {
			t.Fatal(err)
		}
		enrol := func(scope people.Scope, want int, list ...people.LearnerID) {
			t.Helper()
			if n, err := b.s.EnrolPeople(t.Context(), start, "cli:test", scope, "autumn", list); n != want || err != nil {
				t.Errorf("%d new places, %v; want %d", n, err, want)
			}
		}
		enrol(people.Everyone(), 2, ids[1], ids[0], ids[1])
		enrol(people.Everyone(), 0, ids[0])
		enrol(people.Everyone(), 1, ids[0], ids[2])
		if err := b.s.DecidePlace(t.Context(), start, "cli:test", people.Everyone(), "autumn", ids[0], store.PlaceWithdraw, "调走"); err != nil {
			t.Fatal(err)
		}
		enrol(people.Everyone(), 0, ids[0])
		b.want([]string{"withdrawn"}, "SELECT e.status FROM enrolments e JOIN cohorts c ON c.id = e.cohort_id WHERE c.code = 'autumn' AND e.learner_id = ?", int64(ids[0]))
		b.exec("UPDATE learners SET left_day = '2026-03-02' WHERE id = ?", int64(ids[3]))
		for _, list := range [][]people.LearnerID{{ids[3]}, {ids[1], 99}, {-1}} {
			refused(t, fault.NotFound, "class.not_on_roster", func() error {
				_, err := b.s.EnrolPeople(t.Context(), start, "cli:test", people.Everyone(), "autumn", list)
				return err
			})
		}
		for _, list := range [][]people.LearnerID{nil, slices.Collect(func(yield func(people.LearnerID) bool) {
			for i := range people.LearnerID(10_001) {
				if !yield(i) {
					return
				}
			}
		})} {
			refused(t, fault.Invalid, "class.list_bad", func() error {
				_, err := b.s.EnrolPeople(t.Context(), start, "cli:test", people.Everyone(), "autumn", list)
				return err
			})
		}
		b.want([]string{"cli:test|autumn|2 enrolled", "cli:test|autumn|1 enrolled"}, "SELECT actor, object, result FROM audit WHERE action = 'class.enrol' ORDER BY id")
	},
	"rules name units that there are, of the scope; an import enrols late joiners at once": func(t *testing.T, b *bundle) {
		b.enrolled("spring")
		apply := func(scope people.Scope, rules ...store.EnrolRule) error {
			_, err := b.s.ApplyEnrolRules(t.Context(), start, "cli:test", scope, "spring", rules)
			return err
		}
		refused(t, fault.Invalid, "roster.unit_code_bad", func() error { return apply(people.Everyone(), store.EnrolRule{}) })
		refused(t, fault.Invalid, "class.rules_bad", func() error {
			return apply(people.Everyone(), store.EnrolRule{Unit: county112, Category: strings.Repeat("长", 61)})
		})
		if err := apply(people.Everyone(), store.EnrolRule{Unit: county112}, store.EnrolRule{Unit: county113}); err != nil {
			t.Fatal(err)
		}
		refused(t, fault.Forbidden, "class.rules_not_yours", func() error { return apply(over(county112), store.EnrolRule{Unit: village1}) })
		got, err := b.s.ImportRoster(t.Context(), start, "tester", people.Everyone(), people.RosterImport{Rows: []people.RosterRow{person(village1, "新来的", "NNNN"), person("539901001201", "外地的", "WWWW")}})
		if err != nil || got.Enrolled != 1 {
			t.Errorf("%+v, %v", got, err)
		}
		b.want([]string{"新来的"}, "SELECT l.name FROM enrolments e JOIN learners l ON l.id = e.learner_id")
	},
	"many enrol by rule at once": func(t *testing.T, b *bundle) {
		b.enrolled("spring")
		if _, err := b.s.ApplyRoster(t.Context(), start, "tester", crowd(20, 0), ""); err != nil {
			t.Fatal(err)
		}
		if _, err := b.s.ApplyEnrolRules(t.Context(), start, "cli:test", people.Everyone(), "spring", []store.EnrolRule{{Unit: county112}}); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		var total atomic.Int64
		for i := range 4 {
			s := b.s
			if i%2 == 1 {
				s = b.open()
			}
			all.Go(func() {
				n, err := s.EnrolByRules(t.Context(), start)
				if err != nil {
					t.Error(err)
				}
				total.Add(int64(n))
			})
		}
		all.Wait()
		if total.Load() != 20 {
			t.Errorf("%d new places", total.Load())
		}
	},
	"a class of 148 over five days ends as it was": classOf148,
	"closing and signing in at the same time lose nothing": func(t *testing.T, b *bundle) {
		sessions, ids := b.meets(crowd(12, 0)...)
		s, other := sessions[0], b.open()
		var all sync.WaitGroup
		for i, id := range ids {
			all.Go(func() {
				if _, err := other.RecordAttendance(t.Context(), s.Ends, people.Everyone(), []study.AttendanceEvent{scanned(s, id, 0)}); err != nil {
					t.Error(err)
				}
			})
			if i%4 == 0 {
				all.Go(func() {
					if _, err := b.s.CloseSession(t.Context(), s.Ends, "cli:test", people.Everyone(), "spring", 1); err != nil {
						t.Error(err)
					}
				})
			}
		}
		all.Wait()
		b.want([]string{"12|4800"}, "SELECT COUNT(DISTINCT learner_id), SUM(hundredths) FROM ledger")
	},
}

// refused wants that something fails with a sentence.
func refused(t *testing.T, code fault.Code, key string, f func() error) {
	t.Helper()
	wantFault(t, f(), code, key)
}

// classOf148 lets chance decide what 148 people do in ten sessions, counts by itself what that must give, and
// compares: the register, the ledger and every scope's part of it.
func classOf148(t *testing.T, b *bundle) {
	t.Helper()
	sessions, ids := b.meets(crowd(100, 48)...)
	for seed := range uint64(3) {
		rng := rand.New(rand.NewPCG(seed, 148))
		b.exec("DELETE FROM attendance_events")
		b.exec("DELETE FROM ledger")
		b.exec("UPDATE sessions SET closed_at = 0")
		want := map[people.LearnerID]int{}
		gives := []int{0, 400, 400, 0, 400, 0, 400}
		for _, s := range sessions {
			var events []study.AttendanceEvent
			for _, id := range ids {
				fate := rng.IntN(len(gives))
				want[id] += gives[fate]
				walk := time.Duration(id%148) * time.Second // one after the other, past the screen
				e := scanned(s, id, -walk)
				switch fate {
				case 0: // never came
					continue
				case 2: // late
					e.At = s.Starts.Add(time.Hour + walk)
				case 3: // came before the doors opened, with yesterday's picture
					e.At = s.Starts.Add(-time.Hour)
				case 4: // no signal: the trainer's tick, told in the evening
					e.Way, e.Device, e.Actor, e.At = study.WayTrainer, "", "trainer", s.Starts.Add(20*time.Minute)
				case 5: // doubtful, and nobody confirmed it
					e.Doubts = []study.Doubt{study.DoubtFar}
				case 6: // doubtful and confirmed
					e.Doubts = []study.Doubt{study.DoubtFar}
					events = append(events, study.AttendanceEvent{Key: e.Key + "c", Session: s.ID, Learner: id, Kind: study.Confirmed, Way: study.WayTrainer, At: s.Ends.Add(-time.Minute), Actor: "trainer"})
				}
				events = append(events, e)
			}
			half := len(events) / 2
			b.attend(s.Starts, half, events[:half]...)
			b.closeSession(s)
			b.attend(s.Ends.Add(time.Hour), len(events)-half, events...) // the rest, and the first ones again
		}
		lines := []string{}
		for _, l := range b.roll(people.Everyone()).Lines {
			if l.Standing.Credited != study.StudyHours(want[l.Learner.ID]) || l.Standing.Total != 4000 {
				t.Fatalf("seed %d: learner %d: %+v, want %d", seed, l.Learner.ID, l.Standing, want[l.Learner.ID])
			}
		}
		for _, id := range ids {
			if want[id] > 0 {
				lines = append(lines, fmt.Sprint(id, "|", want[id]))
			}
		}
		got := slices.DeleteFunc(b.hours(), func(s string) bool { return len(s) > 2 && s[len(s)-2:] == "|0" })
		if diff := cmp.Diff(lines, got); diff != "" {
			t.Fatalf("seed %d: the ledger: %s", seed, diff)
		}
		for scope, n := range map[people.OrgCode]int{county112: 100, county113: 48, prefecture: 148, "539900000000": 0} {
			if got := len(b.roll(over(scope)).Lines); got != n {
				t.Fatalf("seed %d: %s sees %d people, want %d", seed, scope, got, n)
			}
		}
	}
}
