package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// differences are what a recount finds, a string each.
func (b *bundle) differences() []string {
	b.t.Helper()
	var out []string
	for d, err := range b.s.VerifyLedger(b.t.Context()) {
		if err != nil {
			b.t.Fatal(err)
		}
		out = append(out, fmt.Sprintf("%s %s %s %s %s: %v, counted %v", d.Name, d.UnitName, d.Source.Kind, d.Source.Key, d.Fault, d.Have, d.Want.Hours))
	}
	return out
}

func (b *bundle) agrees() {
	b.t.Helper()
	if diff := cmp.Diff([]string(nil), b.differences()); diff != "" {
		b.t.Error(diff)
	}
}

// learnt makes people learn lessons and a course and sit in sessions.
func (b *bundle) learnt() (places []study.EnrolmentID, learners []people.LearnerID) {
	b.t.Helper()
	sessions, learners := b.meets(person(village1, "甲", "AAAA"), person(village2, "乙", "BBBB"), person(village3, "丙", "CCCC"))
	for _, l := range learners {
		places = append(places, study.EnrolmentID(b.number("SELECT id FROM enrolments WHERE learner_id = ?", int64(l))))
	}
	for i := range 2 {
		for _, lesson := range []string{"l1", "l2"} {
			b.lesson(start.Add(time.Hour), fmt.Sprint("o", i), places[i], learners[i], courseOne.Ref(), lesson, 80)
		}
	}
	b.done(start.Add(time.Hour), typed("whole", "o0"), conversation.CompleteCourse{Enrolment: places[0], Learner: learners[0], Course: courseOne.Ref(), Score: 80, Hours: 50, Rule: "r"})
	b.done(start.Add(time.Hour), typed("failed", "o1"), conversation.CompleteCourse{Enrolment: places[1], Learner: learners[1], Course: courseOne.Ref(), Score: 20, Rule: "r"})
	b.attend(sessions[0].Starts, 2, scanned(sessions[0], learners[0], 0), scanned(sessions[0], learners[2], 0))
	b.closeSession(sessions[0])
	return places, learners
}

var recountCases = map[string]func(*testing.T, *bundle){
	"what is learnt again in another class gives no hours in the same year": func(t *testing.T, b *bundle) {
		_, learners := b.learnt()
		if _, err := b.s.ApplyCohort(t.Context(), start, "tester", class("again", courseOne.ID)); err != nil {
			t.Fatal(err)
		}
		b.done(start.Add(time.Hour), typed("more", "o0"), conversation.Enrol{Learner: learners[0], Cohort: "again", Since: startDay})
		again := study.EnrolmentID(b.number("SELECT MAX(id) FROM enrolments"))
		later := start.Add(2 * time.Hour)
		ref := study.LessonRef{Course: courseOne.Ref(), Lesson: "l1"}
		b.done(later, typed("again", "o0"), conversation.CompleteLesson{Enrolment: again, Learner: learners[0], Lesson: ref, Score: 90, Rule: "r"},
			conversation.CompleteCourse{Enrolment: again, Learner: learners[0], Course: courseOne.Ref(), Score: 90, Rule: "r"})
		b.agrees()
		ref.Lesson = "l2"
		b.done(later, typed("twice", "o0"), conversation.CompleteLesson{Enrolment: again, Learner: learners[0], Lesson: ref, Score: 90, Hours: 25, Rule: "r"})
		if got := b.differences(); len(got) != 1 || !strings.HasSuffix(got[0], " lesson "+study.LessonKey(again, courseOne.ID, "l2")+" extra: 0.25, counted 0") {
			t.Errorf("%q, want the second time as extra", got)
		}
		// In the next year it gives hours again.
		b.exec("DELETE FROM ledger WHERE enrolment_id = ?", int64(again))
		b.exec("UPDATE lesson_completions SET day = '2027-01-02', completed_at = ? WHERE enrolment_id = ?", later.AddDate(1, 0, 0).UnixMilli(), int64(again))
		if got := b.differences(); len(got) != 2 {
			t.Errorf("%q, want two that are missing", got)
		}
	},
	"a ledger that was written by study agrees": func(t *testing.T, b *bundle) {
		b.agrees()
		_, learners := b.learnt()
		b.agrees()
		sessions, err := b.s.Sessions(t.Context(), "spring")
		if err != nil {
			t.Fatal(err)
		}
		// Who is ticked after the session was closed, whose hours are corrected, and what stands after it is closed again.
		b.attend(sessions[0].Ends.Add(time.Hour), 1, study.AttendanceEvent{
			Key: "tick", Session: sessions[0].ID, Learner: learners[1], Kind: study.SignedIn, Way: study.WayTrainer, At: sessions[0].Ends, Actor: "cli:test",
		})
		b.agrees()
		half := study.LedgerEntry{Learner: learners[0], Kind: study.SourceSession, Key: fmt.Sprintf("%d/%d", sessions[0].ID, learners[0]), Hours: 200, Rule: "r", Day: startDay}
		if err := b.s.CorrectHours(t.Context(), start, "cli:test", "中途离开", []study.LedgerEntry{half}); err != nil {
			t.Fatal(err)
		}
		b.agrees()
		b.closeSession(sessions[0])
		b.want([]string{"200"}, "SELECT SUM(hundredths) FROM ledger WHERE source_kind = 'session' AND learner_id = ?", int64(learners[0]))
		b.agrees()
	},
	"every planted difference is found, repaired, and then there is none": func(t *testing.T, b *bundle) {
		places, learners := b.learnt()
		key := func(i int, lesson string) string { return study.LessonKey(places[i], "rules", lesson) }
		session := b.number("SELECT MIN(id) FROM sessions")
		b.exec("DELETE FROM ledger WHERE source_key = ?", key(0, "l1"))
		b.exec("UPDATE ledger SET hundredths = 30 WHERE source_key = ?", key(0, "l2"))
		b.exec("UPDATE ledger SET day = '2025-12-31' WHERE source_key = ?", key(0, ""))
		b.exec("UPDATE ledger SET delegate = 1 WHERE source_key = ?", key(1, "l1"))
		insert := "INSERT INTO ledger (learner_id, source_kind, source_key, hundredths, day) VALUES (?, ?, ?, 100, '2026-03-02')"
		b.exec(insert, int64(learners[2]), "record", "nobody said so")
		b.exec(insert, int64(learners[1]), "session", fmt.Sprintf("%d/%d", session, learners[1]))
		b.exec(insert, int64(learners[1]), "session", "999/1")
		b.exec(insert, 4000, "lesson", "77/rules/l1")
		b.exec("DELETE FROM ledger WHERE source_key = ?", fmt.Sprintf("%d/%d", session, learners[2]))
		name := map[int]string{0: "甲 单位5301·单位530112·单位530112001·单位530112001201", 1: "乙 单位5301·单位530112·单位530112001·单位530112001202", 2: "丙 单位5301·单位530113·单位530113001·单位530113001201"}
		want := []string{
			name[0] + " lesson " + key(0, "l1") + " missing: 0, counted 0.25",
			name[0] + " lesson " + key(0, "l2") + " hours: 0.3, counted 0.25",
			name[0] + " test " + key(0, "") + " place: 0.5, counted 0.5",
			name[1] + " lesson " + key(1, "l1") + " mark: 0.25, counted 0.25",
			name[2] + " record nobody said so extra: 1, counted 0",
			"  lesson 77/rules/l1 extra: 1, counted 0",
			name[1] + fmt.Sprintf(" session %d/%d extra: 1, counted 0", session, learners[1]),
			name[2] + fmt.Sprintf(" session %d/%d missing: 0, counted 4", session, learners[2]),
			name[1] + " session 999/1 extra: 1, counted 0",
		}
		if diff := cmp.Diff(want, b.differences()); diff != "" {
			t.Error(diff)
		}
		var all []study.Difference
		for d, err := range b.s.VerifyLedger(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, d.Difference)
		}
		if n, err := b.s.RepairLedger(t.Context(), start, "cli:test", all); n != 9 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		// A mark of 代学 stays whoever corrects it: a person has to look at that one.
		if diff := cmp.Diff([]string{want[3]}, b.differences()); diff != "" {
			t.Error(diff)
		}
		b.want([]string{"ledger.repair|9 sources"}, "SELECT action, object FROM audit WHERE action = 'ledger.repair'")
		b.want([]string{"1|100|0", "1|-100|1"}, "SELECT COUNT(*), hundredths, part FROM ledger WHERE source_key = '999/1' GROUP BY hundredths, part ORDER BY part")
	},
	"what cannot be judged is said and left alone": func(t *testing.T, b *bundle) {
		places, _ := b.learnt()
		b.exec("UPDATE lesson_completions SET version = 'gone' WHERE lesson_id = 'l1' AND enrolment_id = ?", int64(places[0]))
		b.exec("UPDATE ledger SET part = 5 WHERE source_key = ?", study.LessonKey(places[0], "rules", "l2"))
		var all []study.Difference
		var faults []study.LedgerFault
		for d, err := range b.s.VerifyLedger(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			all, faults = append(all, d.Difference), append(faults, d.Fault)
		}
		if diff := cmp.Diff([]study.LedgerFault{study.LedgerUnknown, study.LedgerBroken}, faults); diff != "" {
			t.Error(diff)
		}
		if n, err := b.s.RepairLedger(t.Context(), start, "cli:test", all); n != 0 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	},
	"people are counted by the page": func(t *testing.T, b *bundle) {
		b.exec("INSERT INTO learners (id, name, unit_code) VALUES (500, '甲', '530112001201'), (501, '乙', '530112001201'), (1001, '丙', '530112001201')")
		for i, id := range []int{-3, 0, 1, 500, 501, 1000, 1001, 1002, 5000} {
			b.exec("INSERT INTO ledger (learner_id, source_kind, source_key, hundredths, day) VALUES (?, 'lesson', ?, 25, '2026-03-02')", id, fmt.Sprint(i))
		}
		if n := len(b.differences()); n != 9 {
			t.Errorf("%d differences", n)
		}
		n := 0
		for range b.s.VerifyLedger(t.Context()) {
			if n++; n == 3 {
				break
			}
		}
		if n != 3 {
			t.Error(n)
		}
	},
}
