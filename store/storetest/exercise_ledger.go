package storetest

import (
	"sync"
	"testing"
	"time"

	"github.com/tiangeng/tiangeng/bot/study"
)

const ledgerRows = "SELECT source_key, part, learner_id, hundredths, day, actor, note FROM ledger ORDER BY source_key, part"

var ledgerCases = map[string]func(*testing.T, *bundle){
	"a correction reverses and replaces, once": func(t *testing.T, b *bundle) {
		entry := study.LedgerEntry{Learner: 7, Kind: study.SourceSession, Key: "3/7", Hours: 400, Rule: "r1", Day: startDay}
		other := entry
		other.Key, other.Learner = "3/8", 8
		correct := func(reason string, entries ...study.LedgerEntry) {
			t.Helper()
			if err := b.s.CorrectHours(t.Context(), start, "cli:test", reason, entries); err != nil {
				t.Fatal(err)
			}
		}
		correct("first", entry, other)
		correct("again", other, entry)
		half := entry
		half.Hours = 200
		correct("named twice", entry, half)
		other.Hours = 0
		correct("taken back", other)
		correct("taken back again", other)
		b.want([]string{
			"3/7|0|7|400|2026-03-02|cli:test|first", "3/7|1|7|-400|2026-03-02|cli:test|named twice", "3/7|2|7|200|2026-03-02|cli:test|named twice",
			"3/8|0|8|400|2026-03-02|cli:test|first", "3/8|1|8|-400|2026-03-02|cli:test|taken back",
		}, ledgerRows)
		b.want([]string{"ledger.correct|session/3/7|4"}, "SELECT action, object, result FROM audit ORDER BY id LIMIT 1")
	},
	"what study gave stands under a correction": func(t *testing.T, b *bundle) {
		b.exec("INSERT INTO ledger (learner_id, enrolment_id, course_id, source_kind, source_key, hundredths, rule, day, credited_at) VALUES (7, 9, 'rules', 'lesson', '9/rules/l1', 25, 'r', '2025-12-31', 5)")
		back := study.LedgerEntry{Learner: 7, Enrolment: 9, Course: "rules", Kind: study.SourceLesson, Key: "9/rules/l1"}
		if err := b.s.CorrectHours(t.Context(), start, "cli:test", "代答", []study.LedgerEntry{back}); err != nil {
			t.Fatal(err)
		}
		b.want([]string{"9/rules/l1|0|7|25|2025-12-31||", "9/rules/l1|1|7|-25|2025-12-31|cli:test|代答"}, ledgerRows)
	},
	"many correct one source at once": func(t *testing.T, b *bundle) {
		var all sync.WaitGroup
		for i := range 8 {
			s := b.s
			if i%2 == 1 {
				s = b.open()
			}
			all.Go(func() {
				e := study.LedgerEntry{Learner: 7, Kind: study.SourceRecord, Key: "doc", Hours: study.StudyHours(100 + i), Rule: "r", Day: startDay}
				if err := s.CorrectHours(t.Context(), start.Add(time.Duration(i)), "cli:test", "race", []study.LedgerEntry{e}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		// Eight entries and seven reversals, in some order, each reversal right after what it takes back.
		b.want([]string{"15|0|14"}, "SELECT COUNT(*), MIN(part), MAX(part) FROM ledger")
		b.want([]string{"7"}, "SELECT COUNT(*) FROM ledger a JOIN ledger b ON b.part = a.part - 1 WHERE a.part % 2 = 1 AND a.hundredths = -b.hundredths")
	},
}
