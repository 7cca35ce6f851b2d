package study

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/tiangeng/tiangeng/bot/people"
)

// CertificateKind is what a certificate (学时证明) is about.
type CertificateKind string

// The kinds.
const (
	CertificateYear  CertificateKind = "year"  // all study of a calendar year, up to the day of issue
	CertificateClass CertificateKind = "class" // one class that the person has finished
)

// CertificateTerms are what a certificate says besides the roster and the ledger.
type CertificateTerms struct {
	Office  string  // 发证单位; "" issues none
	Targets Targets // study hours that are asked for in a year
}

// Holder is whom a certificate is about, as the roster has the person.
type Holder struct {
	Learner people.Learner
	County  string // name of the county of the unit, or of what is next above where there is none
}

// Statement is what a certificate says: a person's hours by the ledger at one moment. It is kept as it is, whatever
// the roster and the ledger say later.
type Statement struct {
	Kind      CertificateKind  `json:"kind"`
	Learner   people.LearnerID `json:"learner"`
	Name      string           `json:"name"`
	Unit      people.OrgCode   `json:"unit"`
	UnitName  string           `json:"unitName"` // in full
	County    string           `json:"county"`   // all of the unit that the check page shows
	Category  string           `json:"category"`
	Year      int              `json:"year,omitempty"`  // of CertificateYear
	Class     string           `json:"class,omitempty"` // code, of CertificateClass
	ClassName string           `json:"className,omitempty"`
	From      Day              `json:"from"`
	To        Day              `json:"to"` // last day that counts
	Hours     Hours            `json:"hours"`
	Delegate  StudyHours       `json:"delegate"` // of them, what somebody learnt in the person's place (代学)
	Gaps      []Gap            `json:"gaps"`     // of the year's targets
	Rules     []string         `json:"rules"`    // versions of the credit rules that gave the hours
	Postings  int              `json:"postings"` // rows of the ledger that were counted
	Ledger    string           `json:"ledger"`   // SHA-256 over these rows, hex: see LedgerDigest
	Office    string           `json:"office"`
}

// Total are all hours of a statement.
func (s Statement) Total() StudyHours { return s.Hours.Sum(TargetAll) }

// Key is the same for statements that say the same, whenever they are made: SHA-256, hex. The last day of a year
// that is not over moves with the calendar and is no part of it.
func (s Statement) Key() string {
	if s.Kind == CertificateYear {
		s.To = ""
	}
	data, err := json.Marshal(s)
	if err != nil {
		panic(err) // it has no value that JSON has not
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// LedgerDigest is SHA-256 over rows of the ledger, hex: a line a row by kind, key and part, with hundredths, rule, day
// and 1 for 代学, parted by tabs. The order of the argument does not matter.
func LedgerDigest(postings []Posting) string {
	sorted := slices.SortedFunc(slices.Values(postings), func(a, b Posting) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Part, b.Part))
	})
	h := sha256.New()
	for _, p := range sorted {
		delegate := 0
		if p.Delegate {
			delegate = 1
		}
		fmt.Fprintf(h, "%s\t%s\t%d\t%d\t%s\t%s\t%d\n", p.Kind, p.Key, p.Part, p.Hours, p.Rule, p.Day, delegate)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// folded is a fold of rows of the ledger.
type folded struct {
	hours    Hours // without kinds of 0 hours
	delegate StudyHours
	rules    []string // of sources that have hours left, sorted
	last     Day      // of those
	first    Day
}

func fold(postings []Posting) folded {
	f := folded{hours: Hours{}}
	bySource := map[Source]StudyHours{}
	for _, p := range postings {
		bySource[p.Of()] += p.Hours
		f.hours[p.Kind] += p.Hours
		if p.Delegate {
			f.delegate += p.Hours
		}
	}
	maps.DeleteFunc(f.hours, func(_ SourceKind, h StudyHours) bool { return h == 0 })
	for _, p := range postings {
		if bySource[p.Of()] == 0 || p.Hours <= 0 {
			continue
		}
		if !slices.Contains(f.rules, p.Rule) {
			f.rules = append(f.rules, p.Rule)
		}
		f.last = max(f.last, p.Day)
		if f.first == "" || p.Day < f.first {
			f.first = p.Day
		}
	}
	slices.Sort(f.rules)
	return f
}

// StateYear says what a person has in a year by rows of the ledger of that year, on a day of it or later.
func StateYear(h Holder, t CertificateTerms, year int, today Day, postings []Posting) Statement {
	s := state(h, t, CertificateYear, postings)
	s.Year = year
	s.From, s.To = YearDays(year)
	s.To = min(s.To, today)
	s.Gaps = append(s.Gaps, t.Targets.For(h.Learner.Category, s.Hours)...)
	return s
}

// StateClass says what a person has from one class by the rows of the ledger that belong to the place in it.
func StateClass(h Holder, t CertificateTerms, c Cohort, postings []Posting) Statement {
	s := state(h, t, CertificateClass, postings)
	s.Class, s.ClassName = c.Code, c.Name
	f := fold(postings)
	s.From, s.To = f.first, f.last
	return s
}

func state(h Holder, t CertificateTerms, kind CertificateKind, postings []Posting) Statement {
	f := fold(postings)
	l := h.Learner
	return Statement{
		Kind: kind, Learner: l.ID, Name: l.Name, Unit: l.Unit, UnitName: l.UnitName, County: h.County, Category: l.Category,
		Hours: f.hours, Delegate: f.delegate, Gaps: []Gap{}, Rules: append([]string{}, f.rules...), Postings: len(postings), Ledger: LedgerDigest(postings), Office: t.Office,
	}
}

// LedgerNow is how the ledger stands to a certificate.
type LedgerNow string

// The answers. Less is said when anything that was certified has less now, even if something else has more.
const (
	LedgerSame LedgerNow = "same" // the hours are those that were certified
	LedgerMore LedgerNow = "more" // more of that time has been credited since
	LedgerLess LedgerNow = "less" // what was certified has been corrected since
)

// Against compares a statement with the rows that its time or class has now, and returns their hours. Hours that turn
// out to be learnt by somebody else are less as well.
func (s Statement) Against(postings []Posting) (LedgerNow, StudyHours) {
	f := fold(postings)
	now, sum := LedgerSame, f.hours.Sum(TargetAll)
	for _, k := range SourceKinds() {
		switch was, is := s.Hours[k], f.hours[k]; {
		case is < was:
			return LedgerLess, sum
		case is > was:
			now = LedgerMore
		}
	}
	switch own := s.Total() - s.Delegate; {
	case sum-f.delegate < own:
		return LedgerLess, sum
	case f.delegate != s.Delegate && now == LedgerSame:
		now = LedgerMore
	}
	return now, sum
}

// Certificate is a statement that was issued under a number.
type Certificate struct {
	Number CertificateNumber `json:"number"`
	Statement
	Secret     string    `json:"-"` // address of its picture: who has it sees the whole name
	IssuedAt   time.Time `json:"issuedAt"`
	IssuedBy   string    `json:"issuedBy"` // as in the audit
	RevokedAt  time.Time `json:"revokedAt,omitzero"`
	RevokedBy  string    `json:"revokedBy,omitempty"`
	RevokedWhy string    `json:"revokedWhy,omitempty"`
}

// Revoked reports whether it was taken back (撤销).
func (c Certificate) Revoked() bool { return !c.RevokedAt.IsZero() }

// CertificateCheck is what anybody with the number may know.
type CertificateCheck struct {
	Number    CertificateNumber
	Kind      CertificateKind
	Name      string // masked
	County    string
	Office    string
	Year      int
	ClassName string
	From, To  Day
	Hours     StudyHours
	Delegate  StudyHours
	IssuedAt  time.Time
	RevokedAt time.Time // zero: it is valid
	Ledger    string    // as printed on it
	Now       LedgerNow
	HoursNow  StudyHours
}

// Check is what anybody may know of the certificate, with the rows of the ledger as they are now.
func (c Certificate) Check(postings []Posting) CertificateCheck {
	out := CertificateCheck{
		Number: c.Number, Kind: c.Kind, Name: people.MaskName(c.Name), County: c.County, Office: c.Office, Year: c.Year, ClassName: c.ClassName,
		From: c.From, To: c.To, Hours: c.Total(), Delegate: c.Delegate, IssuedAt: c.IssuedAt, RevokedAt: c.RevokedAt, Ledger: c.LedgerMark(),
	}
	out.Now, out.HoursNow = c.Against(postings)
	return out
}

// Texts are what a picture of the statement has to draw of the roster and the configuration.
func (s Statement) Texts() []string {
	list := []string{s.Name, s.UnitName, s.Category, s.ClassName, s.Office}
	for _, g := range s.Gaps {
		list = append(list, g.Target.Name, g.Target.Law)
	}
	return append(list, s.Rules...)
}

// LedgerMark is the first part of the ledger's digest, as it is printed.
func (s Statement) LedgerMark() string { return s.Ledger[:min(16, len(s.Ledger))] }

// CertificateNumber is the number of a certificate: the year of issue, ten random characters – 50 bits, so that nobody
// can go through them – and two that find slips of the pen. It is kept without the hyphens that String shows.
type CertificateNumber string

// numberAlphabet are Crockford's 32 signs: no I, L, O, U, which are taken for others.
const numberAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

const (
	numberBody = 14   // year and random part
	numberLen  = 16   // with the two signs of the check
	numberMod  = 1021 // the largest prime that two signs can hold
)

// NewCertificateNumber makes the number of a year, 1000 to 9999, from 50 random bits: the low ones of the argument.
func NewCertificateNumber(year int, random uint64) CertificateNumber {
	b := []byte(strconv.Itoa(year))
	for i := 9; i >= 0; i-- {
		b = append(b, numberAlphabet[random>>(5*i)&31])
	}
	sum := numberCheck(string(b))
	return CertificateNumber(append(b, numberAlphabet[sum>>5], numberAlphabet[sum&31]))
}

// numberCheck weighs the signs with different powers of 3: one wrong sign, or two that changed places, always
// change it.
func numberCheck(body string) int {
	sum, weight := 0, 3
	for i := range numberBody {
		sum += strings.IndexByte(numberAlphabet, body[i]) * weight
		weight = weight * 3 % numberMod
	}
	return sum % numberMod
}

// String is the number in groups of four.
func (n CertificateNumber) String() string {
	var groups []string
	for part := range slices.Chunk([]byte(n), 4) {
		groups = append(groups, string(part))
	}
	return strings.Join(groups, "-")
}

// maxNumberText is how much typed text is looked at, in bytes.
const maxNumberText = 200

// numberSlips are what people write for signs that there are not, and signs that mean nothing.
var numberSlips = strings.NewReplacer("O", "0", "I", "1", "L", "1", "编号", "", "证明", "", ":", "", "NO.", "")

// ParseCertificateNumber reads a number as people type it or a scanner hands it over: any case and width, with or
// without hyphens and blanks, O for 0, I and L for 1, also the address of the check page. false when it can be no
// number: that says nothing about which ones exist.
func ParseCertificateNumber(text string) (CertificateNumber, bool) {
	if len(text) > maxNumberText {
		return "", false
	}
	text = strings.ToUpper(norm.NFKC.String(strings.ToValidUTF8(text, "")))
	if _, rest, ok := strings.Cut(text, "/C/"); ok {
		text = rest
	}
	text = strings.Map(func(r rune) rune {
		switch r {
		case ' ', '\t', '\n', '\r', '-', '‐', '‑', '‒', '–', '—', '―', '−', '·', '.', '_':
			return -1
		}
		return r
	}, strings.ReplaceAll(text, "NO.", ""))
	text = numberSlips.Replace(text)
	if len(text) != numberLen || strings.Trim(text, numberAlphabet) != "" || strings.Trim(text[:4], "0123456789") != "" || text[0] == '0' {
		return "", false
	}
	sum := strings.IndexByte(numberAlphabet, text[numberBody])<<5 | strings.IndexByte(numberAlphabet, text[numberBody+1])
	return CertificateNumber(text), sum == numberCheck(text)
}

// Finished reports whether a person has finished a class that meets: every session is closed, nothing is left to be
// looked at, and no more was missed than the rule allows.
func (r Roll) Finished(l RollLine) bool {
	open := slices.ContainsFunc(r.Sessions, func(s Session) bool { return s.ClosedAt.IsZero() })
	return l.Expected() && len(r.Sessions) > 0 && !open && !l.Standing.Over && l.Standing.Waiting == 0
}
