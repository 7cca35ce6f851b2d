package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/store"
)

var certificateTerms = study.CertificateTerms{Office: "示范县委组织部", Targets: study.Targets{{Code: "year", Name: "全年学时", Of: study.TargetAll, Hours: 9000}}}

// credited gives somebody hours of a year, as an administrator would.
func (b *bundle) credited(who people.LearnerID, key string, hours study.StudyHours) {
	b.t.Helper()
	e := study.LedgerEntry{Learner: who, Kind: study.SourceRecord, Key: key, Hours: hours, Rule: "r1", Day: startDay}
	if err := b.s.CorrectHours(b.t.Context(), start, "cli:test", "试", []study.LedgerEntry{e}); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bundle) issue(now time.Time, scope people.Scope, o store.CertificateOrder) (store.IssuedCertificates, error) {
	o.Terms = certificateTerms
	if o.Class == "" {
		o.Year = 2026
	}
	return b.s.IssueCertificates(b.t.Context(), now, "api:test", scope, o)
}

// issued issues to one person for the year.
func (b *bundle) issued(now time.Time, who people.LearnerID) study.Certificate {
	b.t.Helper()
	got, err := b.issue(now, people.Everyone(), store.CertificateOrder{Learners: []people.LearnerID{who}})
	if err != nil || len(got.Certificates) != 1 {
		b.t.Fatalf("%+v, %v", got, err)
	}
	return got.Certificates[0]
}

func (b *bundle) checked(n study.CertificateNumber) study.CertificateCheck {
	b.t.Helper()
	c, err := b.s.CheckCertificate(b.t.Context(), n)
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

func within(codes ...people.OrgCode) people.Scope { return people.Scope{Units: codes} }

var certificateCases = map[string]func(*testing.T, *bundle){
	"a certificate is what the ledger says, once a day": func(t *testing.T, b *bundle) {
		_, ids := b.enrolled("spring", person(village1, "张三明", "AAAA"), person(village2, "乙乙", "BBBB"))
		if _, err := b.issue(start, people.Everyone(), store.CertificateOrder{Learners: ids[:1]}); fault.CodeOf(err) != fault.Conflict {
			t.Errorf("of nothing: %v", err)
		}
		b.credited(ids[0], "x", 150)
		one := b.issued(start, ids[0])
		if one.Name != "张三明" || one.Total() != 150 || one.Unit != village1 || one.County == "" || one.To != startDay || one.Gaps[0].Missing != 8850 || len(one.Secret) != 29 {
			t.Errorf("%+v", one)
		}
		if again := b.issued(start.Add(time.Hour), ids[0]); again.Number != one.Number || again.Secret != one.Secret {
			t.Errorf("%s, then %s", one.Number, again.Number)
		}
		b.want([]string{"certificate.issue|" + one.Number.String() + "|learner " + fmt.Sprint(ids[0]) + ", 1.5 hours, said " + one.Key()}, "SELECT action, object, result FROM audit WHERE action LIKE 'certificate%'")
		if next := b.issued(start.Add(24*time.Hour), ids[0]); next.Number == one.Number || next.Key() != one.Key() || next.To <= one.To {
			t.Errorf("the next day: %+v", next)
		}
		c := b.checked(one.Number)
		if c.Name != "张*明" || c.County != one.County || strings.Contains(c.County, one.UnitName) || c.Now != study.LedgerSame || !c.RevokedAt.IsZero() {
			t.Errorf("%+v", c)
		}
		b.credited(ids[0], "y", 50)
		if c := b.checked(one.Number); c.Now != study.LedgerMore || c.HoursNow != 200 || c.Hours != 150 {
			t.Errorf("more: %+v", c)
		}
		b.credited(ids[0], "x", 0)
		if c := b.checked(one.Number); c.Now != study.LedgerLess || c.HoursNow != 50 || c.Hours != 150 {
			t.Errorf("reversed: %+v", c)
		}
		if other := b.issued(start.Add(2*time.Hour), ids[0]); other.Number == one.Number || other.Total() != 50 {
			t.Errorf("after the correction: %+v", other)
		}
		b.exec("UPDATE learners SET name = '张三民'")
		if c := b.checked(one.Number); c.Name != "张*明" {
			t.Errorf("it follows the roster: %+v", c)
		}
	},
	"nobody finds a certificate without its number": func(t *testing.T, b *bundle) {
		_, ids := b.enrolled("spring", person(village1, "甲甲", "AAAA"))
		b.credited(ids[0], "x", 100)
		one := b.issued(start, ids[0])
		wantFault(t, second(b.s.CheckCertificate(t.Context(), study.NewCertificateNumber(2026, 1))), fault.NotFound, "certificate.none")
		wantFault(t, second(b.s.CertificateBySecret(t.Context(), "")), fault.NotFound, "certificate.none")
		wantFault(t, second(b.s.CertificateBySecret(t.Context(), string(one.Number))), fault.NotFound, "certificate.none")
		got, err := b.s.CertificateBySecret(t.Context(), one.Secret)
		if diff := cmp.Diff(one, got); err != nil || diff != "" {
			t.Errorf("%v %s", err, diff)
		}
	},
	"what was revoked stays revoked until something changes": func(t *testing.T, b *bundle) {
		_, ids := b.enrolled("spring", person(village1, "甲甲", "AAAA"))
		b.done(start, typed("hello", "o1"), conversation.Bind{Learner: ids[0]})
		b.credited(ids[0], "x", 100)
		one := b.issued(start, ids[0])
		revoke := func(why string) (study.Certificate, error) {
			return b.s.RevokeCertificate(t.Context(), start.Add(time.Minute), "api:test", people.Everyone(), one.Number, why)
		}
		wantFault(t, second(revoke(" ")), fault.Invalid, "class.reason_bad")
		for range 2 {
			if c, err := revoke("补录有误"); err != nil || !c.Revoked() || c.RevokedWhy != "补录有误" {
				t.Errorf("%+v, %v", c, err)
			}
		}
		b.want([]string{"certificate.revoke|" + one.Number.String() + "|补录有误"}, "SELECT action, object, result FROM audit WHERE action = 'certificate.revoke'")
		b.want([]string{"certificate_revoked|" + one.Number.String() + "（补录有误）"}, "SELECT kind, reason FROM news")
		if c := b.checked(one.Number); !c.RevokedAt.Equal(start.Add(time.Minute)) {
			t.Errorf("%+v", c)
		}
		order := store.CertificateOrder{Learners: ids}
		for _, at := range []time.Duration{time.Hour, 48 * time.Hour} {
			_, err := b.issue(start.Add(at), people.Everyone(), order)
			wantFault(t, err, fault.Conflict, "certificate.was_revoked")
		}
		order.Again = true
		got, err := b.issue(start.Add(time.Hour), people.Everyone(), order)
		if err != nil || got.New != 1 || got.Certificates[0].Number == one.Number {
			t.Errorf("%+v, %v", got, err)
		}
		if again := b.issued(start.Add(2*time.Hour), ids[0]); again.Number != got.Certificates[0].Number {
			t.Error("the new one is not found")
		}
	},
	"a scope issues, sees and revokes only its own": func(t *testing.T, b *bundle) {
		_, ids := b.enrolled("spring", person(village1, "甲甲", "AAAA"), person(village3, "丙丙", "CCCC"))
		for _, id := range ids {
			b.credited(id, fmt.Sprint("x", id), 100)
		}
		one := b.issued(start, ids[0])
		b.issued(start, ids[1])
		for name, c := range map[string]struct {
			scope people.Scope
			sees  int
			own   bool
		}{
			"nobody": {people.Scope{}, 0, false}, "everybody": {people.Everyone(), 2, true}, "own": {within(village1), 1, true}, "county": {within("530112000000"), 1, true},
			"province": {within("530000000000"), 2, true}, "sibling": {within(village2), 0, false}, "another county": {within("530113000000"), 1, false},
		} {
			list, err := b.s.Certificates(t.Context(), store.CertificateQuery{Scope: c.scope})
			if err != nil || len(list) != c.sees {
				t.Errorf("%s sees %d, %v", name, len(list), err)
			}
			_, err = b.s.Certificate(t.Context(), c.scope, one.Number)
			if c.own == (err != nil) {
				t.Errorf("%s reads: %v", name, err)
			}
			if c.own {
				continue
			}
			wantFault(t, second(b.s.RevokeCertificate(t.Context(), start, "api:x", c.scope, one.Number, "坏")), fault.NotFound, "certificate.none")
			_, err = b.issue(start, c.scope, store.CertificateOrder{Learners: ids[:1]})
			wantFault(t, err, fault.NotFound, "follow.no_learner")
		}
		if got, err := b.issue(start, within(village1), store.CertificateOrder{Learners: ids[:1]}); err != nil || got.New != 0 || len(got.Certificates) != 1 {
			t.Errorf("%+v, %v", got, err)
		}
		if list, err := b.s.Certificates(t.Context(), store.CertificateQuery{Scope: people.Everyone(), Year: 2025}); err != nil || len(list) != 0 {
			t.Errorf("%v, %v", list, err)
		}
		b.want(nil, "SELECT code FROM certificates WHERE revoked_at > 0")
	},
	"an order that cannot be is refused whole": func(t *testing.T, b *bundle) {
		_, ids := b.enrolled("spring", person(village1, "甲甲", "AAAA"), person(village2, "乙乙", "BBBB"))
		b.credited(ids[0], "x", 100)
		for key, o := range map[string]store.CertificateOrder{
			"certificate.no_office": {Year: 2026, Learners: ids}, "certificate.year_bad": {Terms: certificateTerms, Year: 2027, Learners: ids}, "certificate.nobody": {Terms: certificateTerms, Year: 2026},
			"push.no_cohort": {Terms: certificateTerms, Class: "none"}, "certificate.no_hours": {Terms: certificateTerms, Year: 2026, Learners: ids}, "follow.no_learner": {Terms: certificateTerms, Year: 2026, Learners: []people.LearnerID{ids[0], 999}},
			"certificate.not_finished": {Terms: certificateTerms, Class: "spring", Learners: ids},
		} {
			_, err := b.s.IssueCertificates(t.Context(), start, "x", people.Everyone(), o)
			wantFault(t, err, fault.CodeOf(err), key)
		}
		b.want(nil, "SELECT code FROM certificates")
		b.want(nil, "SELECT action FROM audit WHERE action LIKE 'certificate%'")
	},
	"a class that meets is certified when it is over": func(t *testing.T, b *bundle) {
		sessions, ids := b.meets(crowd(3, 0)...)
		b.exec("DELETE FROM cohort_courses")
		for _, s := range sessions {
			b.attend(s.Starts, 2, scanned(s, ids[0], 0), scanned(s, ids[1], 0))
		}
		order := store.CertificateOrder{Class: "spring"}
		late := sessions[9].Ends.Add(time.Hour)
		b.done(start, typed("hello", "o1"), conversation.Bind{Learner: ids[0]})
		if f := b.classFacts(""); f.Said.Class != "" || f.Others != nil {
			t.Errorf("while it lasts: %+v", f)
		}
		if got, err := b.issue(late, people.Everyone(), order); err != nil || len(got.Certificates) != 0 || len(got.Refused) != 3 {
			t.Errorf("while it lasts: %+v, %v", got, err)
		}
		for _, s := range sessions {
			b.closeSession(s)
		}
		if f := b.classFacts(""); f.Said.Class != "spring" || f.Said.Total() != 4000 || f.Others != nil || f.Same != nil {
			t.Errorf("%+v", f)
		}
		got, err := b.issue(late, people.Everyone(), order)
		if err != nil || got.New != 2 || len(got.Refused) != 1 || got.Refused[0].Learner != ids[2] || got.Refused[0].Why.Key != "certificate.not_finished" {
			t.Fatalf("%+v, %v", got, err)
		}
		for _, c := range got.Certificates {
			if c.Total() != 4000 || c.Class != "spring" || c.From != startDay || c.To != startDay.Add(4) || c.Hours[study.SourceSession] != 4000 {
				t.Errorf("%+v", c.Statement)
			}
		}
		if again, err := b.issue(late, people.Everyone(), order); err != nil || again.New != 0 || len(again.Certificates) != 2 {
			t.Errorf("%+v, %v", again, err)
		}
		if list, err := b.s.Certificates(t.Context(), store.CertificateQuery{Scope: people.Everyone(), Class: "spring"}); err != nil || len(list) != 2 {
			t.Errorf("%v, %v", list, err)
		}
		if c := b.checked(got.Certificates[0].Number); c.Kind != study.CertificateClass || c.Now != study.LedgerSame || c.ClassName == "" {
			t.Errorf("%+v", c)
		}
	},
	"a class of lessons is certified when its courses are": func(t *testing.T, b *bundle) {
		places, ids := b.enrolled("spring", person(village1, "甲甲", "AAAA"), person(village2, "乙乙", "BBBB"))
		s := &scene{bundle: b, places: places, learners: ids}
		b.done(start, typed("hello", "o1"), conversation.Bind{Learner: ids[0]})
		last := s.completeCourse()
		last.Last = true
		b.done(start, typed("done", "o1"), s.completeLesson(), last)
		b.credited(ids[0], "other", 1000) // of the person, not of the class
		got, err := b.issue(start, people.Everyone(), store.CertificateOrder{Class: "spring"})
		if err != nil || got.New != 1 || got.Certificates[0].Total() != 75 || len(got.Refused) != 1 {
			t.Errorf("%+v, %v", got, err)
		}
		// By the person's own word it is the same certificate, of the class finished last or of the one that is named.
		if f := b.classFacts(""); f.Same == nil || f.Same.Number != got.Certificates[0].Number {
			t.Errorf("%+v", f)
		}
		if f := b.classFacts(study.Fold("没有这个班")); f.Said.Class != "" || !slices.Equal(f.Others, []string{"班级 spring"}) {
			t.Errorf("%+v", f)
		}
		if _, err := b.s.ApplyCohort(t.Context(), start, "tester", class("summer", "other")); err != nil {
			t.Fatal(err)
		}
		b.done(start, typed("more", "o1"), conversation.Enrol{Learner: ids[0], Cohort: "summer", Since: startDay})
		b.exec("UPDATE enrolments SET status = 'completed', updated_at = updated_at + 1000 WHERE learner_id = ? AND id <> ?", int64(ids[0]), int64(places[0]))
		if f := b.classFacts(""); f.Said.Class != "summer" || f.Said.Total() != 0 || !slices.Equal(f.Others, []string{"班级 spring"}) {
			t.Errorf("%+v", f)
		}
		f := b.classFacts(study.Fold("班级spring"))
		if f.Same == nil || !slices.Equal(f.Others, []string{"班级 summer"}) {
			t.Errorf("%+v", f)
		}
		// On the next day it is a new one, issued by the person; a ledger that moved on is stepped again.
		b.exec("UPDATE certificates SET issued_day = '2026-03-01', issued_at = issued_at - 86400000")
		f = b.classFacts("spring")
		s.now = start
		b.credited(ids[0], "again", 0)
		s.effect(conversation.IssueCertificate{Number: f.Number, Secret: f.Secret, Said: f.Said})
		b.want([]string{"spring|2"}, "SELECT subject, COUNT(*) FROM certificates GROUP BY subject")
		b.exec("UPDATE ledger SET hundredths = 30 WHERE enrolment_id = ? AND source_kind = 'lesson'", int64(places[0]))
		s.refuse(conversation.IssueCertificate{Number: b.classFacts("spring").Number, Secret: "s", Said: f.Said})
	},
	"many ask for the same at once, and there is one": func(t *testing.T, b *bundle) {
		_, ids := b.enrolled("spring", person(village1, "甲甲", "AAAA"))
		b.credited(ids[0], "x", 100)
		numbers := make([]study.CertificateNumber, 8)
		var all sync.WaitGroup
		for i := range numbers {
			s := b.s
			if i%2 == 1 {
				s = b.open()
			}
			all.Go(func() {
				got, err := s.IssueCertificates(t.Context(), start, "x", people.Everyone(), store.CertificateOrder{Terms: certificateTerms, Year: 2026, Learners: ids})
				if err != nil || len(got.Certificates) != 1 {
					t.Error(got, err)
					return
				}
				numbers[i] = got.Certificates[0].Number
			})
		}
		all.Wait()
		for _, n := range numbers {
			if n != numbers[0] {
				t.Errorf("%v", numbers)
				break
			}
		}
		b.want([]string{"1"}, "SELECT COUNT(*) FROM certificates")
		b.want([]string{"1"}, "SELECT COUNT(*) FROM audit WHERE action = 'certificate.issue'")
	},
	"whatever is corrected, the certificate is the sum of the rows": func(t *testing.T, b *bundle) {
		_, ids := b.enrolled("spring", person(village1, "甲甲", "AAAA"))
		random := rand.New(rand.NewPCG(1, 9))
		var before study.Certificate
		for i := range 12 {
			b.credited(ids[0], fmt.Sprint("k", random.IntN(3)), study.StudyHours(25+25*random.IntN(4)))
			c := b.issued(start.Add(time.Duration(i)*time.Second), ids[0])
			if got := b.number("SELECT SUM(hundredths) FROM ledger WHERE learner_id = ? AND day LIKE '2026%'", int64(ids[0])); c.Total() != study.StudyHours(got) {
				t.Fatalf("it says %s, the ledger %d", c.Total(), got)
			}
			if before.Number != "" {
				check := b.checked(before.Number)
				if check.Hours != before.Total() || check.HoursNow != c.Total() || (check.Now == study.LedgerSame) != (c.Total() == before.Total()) || (check.Now == study.LedgerLess) != (c.Total() < before.Total()) {
					t.Fatalf("%s, then %s: %+v", before.Total(), c.Total(), check)
				}
			}
			before = c
		}
	},
}

func second[T any](_ T, err error) error { return err }

// certificateFacts loads what a certificate of the phone's learner would say.
func (s *scene) certificateFacts() conversation.CertificateFacts {
	s.t.Helper()
	need := &conversation.CertificateNeed{Terms: certificateTerms}
	f := s.load(typed(fmt.Sprint("facts ", s.number("SELECT COUNT(*) FROM inbox")), "o1"), needs(conversation.Needs{Certificate: need})).Facts.Certificate
	if f == nil {
		s.t.Fatal("there are no facts")
	}
	return *f
}

// classFacts loads what the certificate of a class of the phone's learner would say.
func (b *bundle) classFacts(name string) conversation.CertificateFacts {
	b.t.Helper()
	need := &conversation.CertificateNeed{Class: true, ClassName: name, Terms: certificateTerms}
	f := b.load(typed(fmt.Sprint("class ", b.number("SELECT COUNT(*) FROM inbox"), name), "o1"), needs(conversation.Needs{Certificate: need})).Facts.Certificate
	if f == nil {
		b.t.Fatal("there are no facts")
	}
	return *f
}

var certificateEffectCases = []effectCase{
	{conversation.IssueCertificate{}, "issues what was read, and sends the picture", func(s *scene) {
		s.credited(s.learners[0], "x", 150)
		f := s.certificateFacts()
		if f.Same != nil || f.Revoked != nil || f.Said.Total() != 150 || f.Said.Name != "李一" {
			s.t.Errorf("%+v", f)
		}
		e := conversation.IssueCertificate{Number: f.Number, Secret: f.Secret, Said: f.Said, Picture: &conversation.Picture{Title: "学时证明", Text: "开好了", URL: "https://x"}}
		s.now = start
		s.effect(e)
		s.refuse(e)
		if same := s.certificateFacts().Same; same == nil || same.Number != e.Number || same.IssuedBy != fmt.Sprint("learner:", s.learners[0]) {
			s.t.Errorf("%+v", same)
		}
		s.want([]string{"certificate.issue|" + e.Number.String()}, "SELECT action, object FROM audit WHERE action LIKE 'certificate%'")
		list, err := s.s.CampaignsToFreeze(context.Background(), s.now)
		if err != nil || len(list) != 1 {
			s.t.Fatal(list, err)
		}
		c := list[0]
		want := bot.Body{Certificate: string(e.Number), Text: "开好了", URL: "https://x"}
		if diff := cmp.Diff(want, c.Body); diff != "" || c.Kind != delivery.KindReceipt || !c.Deadline.Equal(s.now.Add(time.Hour)) {
			s.t.Errorf("%s %+v", diff, c)
		}
		to, err := s.s.Recipients(context.Background(), s.now, c.Scope, c.Audience, 0, 9)
		if err != nil || len(to) != 1 || to[0].Learner.ID != s.learners[0] || to[0].To != address("o1") {
			s.t.Errorf("%+v, %v", to, err)
		}
	}},
	{conversation.IssueCertificate{}, "is stepped again when the ledger moved on", func(s *scene) {
		s.credited(s.learners[0], "x", 150)
		f := s.certificateFacts()
		s.credited(s.learners[0], "x", 0)
		s.refuse(conversation.IssueCertificate{Number: f.Number, Secret: f.Secret, Said: f.Said})
		s.want(nil, "SELECT code FROM certificates")
	}},
	{conversation.IssueCertificate{}, "knows what was revoked", func(s *scene) {
		s.credited(s.learners[0], "x", 150)
		one := s.issued(start, s.learners[0])
		if _, err := s.s.RevokeCertificate(context.Background(), start, "x", people.Everyone(), one.Number, "坏"); err != nil {
			s.t.Fatal(err)
		}
		if f := s.certificateFacts(); f.Same != nil || f.Revoked == nil || f.Revoked.RevokedWhy != "坏" {
			s.t.Errorf("%+v", f)
		}
	}},
}
