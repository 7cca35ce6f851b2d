package study_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

func TestACertificateNumberIsReadAsPeopleWriteIt(t *testing.T) {
	t.Parallel()
	n := study.NewCertificateNumber(2026, 0x1234567890abc)
	shown := n.String()
	if len(n) != 16 || len(shown) != 19 || !strings.HasPrefix(shown, "2026-") {
		t.Fatalf("%s, shown as %s", n, shown)
	}
	slip := []byte(n)
	slip[7] ^= 1
	swapped := []byte(n)
	swapped[6], swapped[7] = swapped[7], swapped[6]
	for typed, want := range map[string]bool{
		string(n): true, shown: true, strings.ToLower(shown): true, " 编号：" + shown + "\n": true, "No. " + shown: true,
		strings.ReplaceAll(shown, "-", " "): true, strings.ReplaceAll(shown, "-", "—"): true, "https://learn.example/c/" + string(n): true,
		strings.ReplaceAll(strings.ReplaceAll(string(n), "0", "O"), "1", "l"): true, wide(shown): true,
		"": false, shown + "0": false, string(n[:15]): false, string(slip): false, string(swapped): n[6] == n[7], strings.Repeat("2", 16): false,
		"U" + string(n[1:]): false, strings.Repeat("-", 300) + shown: false, "O026" + string(n[4:]): false,
	} {
		got, ok := study.ParseCertificateNumber(typed)
		if ok != want || ok && got != n {
			t.Errorf("%q is read as %q, %t", typed, got, ok)
		}
	}
}

func wide(s string) string {
	return strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f {
			return r + 0xfee0
		}
		return r
	}, s)
}

// Every slip of one sign, and every two signs of year and random part that change places, are found.
func TestSlipsInANumberAreFound(t *testing.T) {
	t.Parallel()
	const signs = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	rapid.Check(t, func(t *rapid.T) {
		n := string(study.NewCertificateNumber(rapid.IntRange(2000, 2999).Draw(t, "year"), rapid.Uint64().Draw(t, "random")))
		if got, ok := study.ParseCertificateNumber(n); !ok || string(got) != n {
			t.Fatalf("%s is read as %s, %t", n, got, ok)
		}
		b := []byte(n)
		for i := range b {
			for _, s := range []byte(signs) {
				b[i] = s
				if _, ok := study.ParseCertificateNumber(string(b)); ok && s != n[i] {
					t.Fatalf("%s passes for %s", b, n)
				}
			}
			b[i] = n[i]
		}
		for i := range 14 {
			for k := range i {
				b[i], b[k] = b[k], b[i]
				if _, ok := study.ParseCertificateNumber(string(b)); ok && b[i] != b[k] {
					t.Fatalf("%s passes for %s", b, n)
				}
				b[i], b[k] = b[k], b[i]
			}
		}
	})
}

func FuzzParseCertificateNumber(f *testing.F) {
	n := study.NewCertificateNumber(2026, 77)
	for _, s := range []string{"", string(n), n.String(), "/c/" + n.String(), "编号：２０２６", "\xff\xfe", "LLLLOOOOIIII0000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, ok := study.ParseCertificateNumber(text)
		if !ok {
			return
		}
		if again, ok := study.ParseCertificateNumber(n.String()); !ok || again != n || len(n) != 16 {
			t.Errorf("%q is read as %q, that as %q, %t", text, n, again, ok)
		}
	})
}

func holder() study.Holder {
	return study.Holder{County: "示范州·田埂县", Learner: people.Learner{ID: 7, Name: "张三明", Unit: "539901100201", UnitName: "示范州·田埂县·青松镇·新村村民委员会", Category: "乡镇干部"}}
}

func terms() study.CertificateTerms {
	return study.CertificateTerms{Office: "田埂县委组织部", Targets: study.Targets{{Code: "year", Name: "全年学时", Of: study.TargetAll, Hours: 9000}}}
}

func posting(kind study.SourceKind, key string, part int, hours study.StudyHours, delegate bool) study.Posting {
	return study.Posting{LedgerEntry: study.LedgerEntry{Learner: 7, Kind: kind, Key: key, Hours: hours, Rule: "r-" + string(kind), Day: "2026-03-02", Delegate: delegate}, Part: part}
}

func TestWhatACertificateSays(t *testing.T) {
	t.Parallel()
	ledger := []study.Posting{
		posting(study.SourceLesson, "a", 0, 25, false), posting(study.SourceLesson, "b", 0, 100, true), posting(study.SourceTest, "a", 0, 50, false),
		posting(study.SourceRecord, "x", 0, 700, false), posting(study.SourceRecord, "x", 1, -700, false),
	}
	s := study.StateYear(holder(), terms(), 2026, "2026-11-28", ledger)
	want := study.Hours{study.SourceLesson: 125, study.SourceTest: 50}
	if diff := cmp.Diff(want, s.Hours); diff != "" || s.Total() != 175 || s.Delegate != 100 || s.From != "2026-01-01" || s.To != "2026-11-28" || s.Postings != 5 {
		t.Errorf("%s %+v", diff, s)
	}
	if fmt.Sprint(s.Rules) != "[r-lesson r-test]" || len(s.Gaps) != 1 || s.Gaps[0].Missing != 8825 {
		t.Errorf("%v %v", s.Rules, s.Gaps)
	}
	if past := study.StateYear(holder(), terms(), 2025, "2026-11-28", nil); past.To != "2025-12-31" || past.Total() != 0 {
		t.Errorf("%+v", past)
	}
	if tomorrow := study.StateYear(holder(), terms(), 2026, "2026-11-29", ledger); tomorrow.Key() != s.Key() {
		t.Error("a day without study makes it say something else")
	}
	renamed := holder()
	renamed.Learner.Name = "张三民"
	if study.StateYear(renamed, terms(), 2026, "2026-11-28", ledger).Key() == s.Key() {
		t.Error("another name says the same")
	}
	class := study.StateClass(holder(), terms(), study.Cohort{Code: "c", Name: "冬训班"}, ledger)
	if class.From != "2026-03-02" || class.To != "2026-03-02" || class.ClassName != "冬训班" || len(class.Gaps) != 0 {
		t.Errorf("%+v", class)
	}
	c := study.Certificate{Number: study.NewCertificateNumber(2026, 5), Statement: s, IssuedAt: time.Unix(1, 0), Secret: "canary"}
	check := c.Check(ledger)
	if check.Name != "张*明" || check.County != "示范州·田埂县" || check.Hours != 175 || check.Now != study.LedgerSame || len(check.Ledger) != 16 {
		t.Errorf("%+v", check)
	}
	if all := fmt.Sprintf("%+v", check); strings.Contains(all, "新村") || strings.Contains(all, "三明") || strings.Contains(all, "canary") || strings.Contains(all, "干部") {
		t.Errorf("the check says too much: %s", all)
	}
}

func TestHowTheLedgerStandsToACertificate(t *testing.T) {
	t.Parallel()
	base := []study.Posting{posting(study.SourceLesson, "a", 0, 25, false), posting(study.SourceSession, "s", 0, 400, false)}
	s := study.StateYear(holder(), terms(), 2026, "2026-11-28", base)
	for name, c := range map[string]struct {
		more []study.Posting
		now  study.LedgerNow
		sum  study.StudyHours
	}{
		"nothing":             {nil, study.LedgerSame, 425},
		"a lesson more":       {[]study.Posting{posting(study.SourceLesson, "b", 0, 25, false)}, study.LedgerMore, 450},
		"a record more":       {[]study.Posting{posting(study.SourceRecord, "r", 0, 100, false)}, study.LedgerMore, 525},
		"a lesson for them":   {[]study.Posting{posting(study.SourceLesson, "b", 0, 25, true)}, study.LedgerMore, 450},
		"a reversal":          {[]study.Posting{posting(study.SourceSession, "s", 1, -400, false)}, study.LedgerLess, 25},
		"corrected down":      {[]study.Posting{posting(study.SourceSession, "s", 1, -400, false), posting(study.SourceSession, "s", 2, 200, false)}, study.LedgerLess, 225},
		"corrected to itself": {[]study.Posting{posting(study.SourceSession, "s", 1, -400, false), posting(study.SourceSession, "s", 2, 400, false)}, study.LedgerSame, 425},
		"less here, more there": {[]study.Posting{
			posting(study.SourceSession, "s", 1, -400, false), posting(study.SourceRecord, "r", 0, 900, false),
		}, study.LedgerLess, 925},
		"it was somebody else": {[]study.Posting{posting(study.SourceLesson, "a", 1, -25, false), posting(study.SourceLesson, "a", 2, 25, true)}, study.LedgerLess, 425},
	} {
		if now, sum := s.Against(append(append([]study.Posting{}, base...), c.more...)); now != c.now || sum != c.sum {
			t.Errorf("%s: %s, %s", name, now, sum)
		}
	}
}

// A certificate is the fold of the ledger, in whatever order its rows are read; whatever Repost appends later is told:
// less where any hours went, and the same only where the hours are the same.
func TestACertificateIsTheFoldOfTheLedger(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		books := map[string][]study.Posting{}
		entry := func() study.LedgerEntry {
			kind := rapid.SampledFrom(study.SourceKinds()).Draw(t, "kind")
			return study.LedgerEntry{
				Learner: 7, Kind: kind, Key: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "key"), Rule: "r", Day: "2026-05-01",
				Hours: study.StudyHours(rapid.IntRange(0, 4).Draw(t, "hours") * 25), Delegate: rapid.Bool().Draw(t, "delegate"),
			}
		}
		post := func(n int) {
			for range n {
				e := entry()
				k := string(e.Kind) + e.Key
				books[k] = append(books[k], study.Repost(books[k], e)...)
			}
		}
		all := func() (list []study.Posting, sum, delegate study.StudyHours) {
			for _, b := range books {
				for _, p := range b {
					list = append(list, p)
					sum += p.Hours
					if p.Delegate {
						delegate += p.Hours
					}
				}
			}
			return list, sum, delegate
		}
		post(rapid.IntRange(0, 12).Draw(t, "before"))
		list, sum, delegate := all()
		s := study.StateYear(holder(), terms(), 2026, "2026-11-28", list)
		if s.Total() != sum || s.Delegate != delegate || s.Postings != len(list) {
			t.Fatalf("%s with %s by others, the ledger has %s with %s", s.Total(), s.Delegate, sum, delegate)
		}
		if other := study.StateYear(holder(), terms(), 2026, "2026-11-28", rapid.Permutation(list).Draw(t, "order")); other.Key() != s.Key() {
			t.Fatal("another order of the rows says something else")
		}
		post(rapid.IntRange(0, 6).Draw(t, "after"))
		now, later, others := all()
		stands, total := s.Against(now)
		if total != later || stands == study.LedgerSame && (later != sum || others != delegate) || later < sum && stands != study.LedgerLess {
			t.Fatalf("%s → %s (%s → %s by others) is %s", sum, later, delegate, others, stands)
		}
		if (study.LedgerDigest(now) == s.Ledger) != (len(now) == len(list)) {
			t.Fatal("the digest does not follow the rows")
		}
	})
}
