package delivery

import (
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tiangeng/tiangeng/bot/people"
)

// rule is what a kind may use, written down a second time and by hand: a change of ladder.csv must
// be meant twice. Template messages follow a person's own act, mass sends are for danger and for the
// week's digest (wechat-protocol §3.1, §3.2).
type rule struct {
	rungs  []Rung
	perDay int
	quiet  bool
}

var handWritten = sync.OnceValue(func() map[Kind]rule {
	return map[Kind]rule{
		KindLesson:       {[]Rung{RungLong, RungWindow, RungNotice, RungOnce}, 1, true},
		KindReminder:     {[]Rung{RungLong, RungWindow, RungNotice}, 2, true},
		KindAnnouncement: {[]Rung{RungLong, RungWindow, RungNotice, RungOnce}, 3, true},
		KindUrgent:       {[]Rung{RungLong, RungWindow, RungNotice, RungOnce, RungMass}, 0, false},
		KindReceipt:      {[]Rung{RungWindow, RungTemplate, RungNotice}, 0, false},
		KindDigest:       {[]Rung{RungMass, RungWindow}, 1, true},
	}
})

func TestTheTableIsWhatWasAgreed(t *testing.T) {
	t.Parallel()
	got := map[Kind]rule{}
	for k, l := range Ladders() {
		got[k] = rule{l.Rungs, l.PerDay, l.Quiet}
	}
	if diff := cmp.Diff(handWritten(), got, cmp.AllowUnexported(rule{})); diff != "" {
		t.Errorf("ladder.csv differs from the rules agreed on (-agreed +table)\n%s", diff)
	}
	for k, r := range handWritten() {
		if slices.Contains(r.rungs, RungTemplate) != (k == KindReceipt) {
			t.Errorf("%s: template messages are for receipts of a person's own act, and for nothing else", k)
		}
	}
}

// question is everything that Plan looks at.
type question struct {
	f   Facts
	a   Account
	p   Policy
	r   Request
	now time.Time
}

// beijing gives the calendar day, as days since 1970, and the second of the day in China, without
// the time package's zones.
func beijing(t time.Time) (day, second int64) {
	u := t.Unix() + 8*3600
	return u / 86400, u % 86400
}

func (q question) isQuiet(at time.Time) bool {
	_, s := beijing(at)
	from, until := int64(q.p.QuietFrom.Seconds()), int64(q.p.QuietUntil.Seconds())
	if !handWritten()[q.r.Kind].quiet || from == until {
		return false
	}
	if from < until {
		return s >= from && s < until
	}
	return s >= from || s < until
}

// may says from the facts alone whether one rung is lawful at a moment.
func (q question) may(r Rung, at time.Time) bool {
	if slices.Contains(q.f.Tried, r) {
		return false
	}
	today, _ := beijing(q.now)
	day, _ := beijing(at)
	if day == today && q.a.Spent[r] {
		return false
	}
	grant := func(test func(Grant) bool) bool { return slices.ContainsFunc(q.f.Grants, test) }
	switch r {
	case RungLong:
		n, has := q.a.Notices[q.r.Kind]
		return has && n.Long && grant(func(g Grant) bool { return g.Template == n.ID && g.Scene == 0 && g.Left < 0 })
	case RungNotice:
		n, has := q.a.Notices[q.r.Kind]
		return has && !n.Long && grant(func(g Grant) bool { return g.Template == n.ID && g.Scene == 0 && g.Left != 0 })
	case RungOnce:
		return q.a.Once != "" && grant(func(g Grant) bool { return g.Template == q.a.Once && g.Scene > 0 && g.Left > 0 })
	case RungTemplate:
		_, has := q.a.Templates[q.r.Kind]
		return has && !q.f.Refusing
	case RungMass:
		month := func(t time.Time) string { return t.UTC().Add(8 * time.Hour).Format("2006-01") }
		return q.a.Mass && !q.f.Refusing && (q.f.Mass < 4 || month(at) != month(q.now))
	case RungWindow:
		open := func(from time.Time, length time.Duration) bool {
			return !from.IsZero() && at.Before(from.Add(length))
		}
		left, until := 0, time.Time{}
		switch {
		case open(q.f.TypedAt, 48*time.Hour):
			left, until = 5-q.f.SentSince, q.f.TypedAt.Add(48*time.Hour)
		case q.f.TapAt.After(q.f.TypedAt) && open(q.f.TapAt, time.Minute):
			left, until = 3-q.f.SentSince, q.f.TapAt.Add(time.Minute)
		}
		return q.a.Window && !q.f.Refusing && left > q.p.KeepFree && at.Add(30*time.Second).Before(until)
	}
	return false
}

// ways lists what is lawful at a moment, in the agreed order.
func (q question) ways(at time.Time) []Rung {
	rule := handWritten()[q.r.Kind]
	today, _ := beijing(q.now)
	if day, _ := beijing(at); day == today && rule.perDay > 0 && q.f.Contacts >= rule.perDay {
		return nil
	}
	var out []Rung
	for _, r := range rule.rungs {
		if q.may(r, at) {
			out = append(out, r)
		}
	}
	return out
}

func (q question) mayBeReached() bool {
	switch {
	case !q.f.Bound, !q.f.Following, !q.f.Due, q.f.Push == people.PushOff:
		return false
	case q.f.Push == people.PushPaused:
		return q.r.Kind == KindUrgent || q.r.Kind == KindReceipt
	}
	return true
}

// problem compares a decision with what the facts allow; "" when it is right.
func (q question) problem(d Decision) string {
	if d.Rung == RungPull {
		switch {
		case d.Why == WhyNone:
			return "waits for the pull without a reason"
		case len(d.Next) > 0 || !d.NotBefore.IsZero():
			return "a pull has no next rung and no hour"
		case !q.mayBeReached():
			return ""
		}
		// Nothing was lawful at the first hour that is not quiet, or there is no such hour.
		at := q.earliest(q.now)
		if at.Before(q.r.Deadline) && len(q.ways(at)) > 0 {
			return "waits for the pull although it could be sent at " + at.String()
		}
		return ""
	}
	if !q.mayBeReached() {
		return "sends to somebody who may not be sent to"
	}
	at := q.now
	if !d.NotBefore.IsZero() {
		at = d.NotBefore
		if !at.After(q.now) {
			return "names an hour that has passed"
		}
	}
	switch {
	case at.Before(q.r.Due):
		return "sends before it is due"
	case !at.Before(q.r.Deadline):
		return "sends at or after the deadline"
	case !d.NotAfter.Equal(q.r.Deadline):
		return "forgets the deadline"
	case q.isQuiet(at):
		return "sends in quiet hours"
	case d.Why != WhyNone:
		return "gives a reason for not sending, and sends"
	}
	want := q.ways(at)
	if got := append([]Rung{d.Rung}, d.Next...); !slices.Equal(got, want) {
		return cmp.Diff(want, got)
	}
	if first := q.earliest(q.now); at.After(first) && len(q.ways(first)) > 0 {
		return "waits although it could be sent at " + first.String()
	}
	return ""
}

// earliest is the first quarter of an hour, from now or the due time on, that is not quiet.
func (q question) earliest(from time.Time) time.Time {
	at := from
	if q.r.Due.After(at) {
		at = q.r.Due
	}
	for range 2 * 24 * 4 {
		if !q.isQuiet(at) {
			return at
		}
		at = at.Add(15 * time.Minute).Truncate(15 * time.Minute) // quiet hours of these tests end on a quarter
	}
	return at
}

func (q question) check(t interface{ Fatalf(string, ...any) }) Decision {
	d := Plan(q.f, q.a, q.p, q.r, q.now)
	if again := Plan(q.f, q.a, q.p, q.r, q.now); !reflect.DeepEqual(again, d) {
		t.Fatalf("equal facts, unequal decisions: %+v then %+v", d, again)
	}
	if p := q.problem(d); p != "" {
		t.Fatalf("%s\nnow      %s\nfacts    %+v\naccount  %+v\npolicy   %+v\nrequest  %+v\ndecision %+v", p, q.now.In(shanghai), q.f, q.a, q.p, q.r, d)
	}
	return d
}

// granted gives the facts and the account that open the grants named by bits: 1 long, 2 notice,
// 4 once, 8 template, 16 mass.
func opened(k Kind, bits int) (f Facts, a Account) {
	f = Facts{Bound: true, Following: true, Due: true}
	a = Account{Window: true, Notices: map[Kind]Template{}, Templates: map[Kind]Template{}}
	switch {
	case bits&1 != 0:
		a.Notices[k] = Template{ID: "L", Long: true}
		f.Grants = append(f.Grants, Grant{Template: "L", Left: -1})
	case bits&2 != 0:
		a.Notices[k] = Template{ID: "N"}
		f.Grants = append(f.Grants, Grant{Template: "N", Left: 1})
	}
	if bits&4 != 0 {
		a.Once = "O"
		f.Grants = append(f.Grants, Grant{Template: "O", Left: 1, Scene: 7})
	}
	if bits&8 != 0 {
		a.Templates[k] = Template{ID: "T"}
	}
	a.Mass = bits&16 != 0
	return f, a
}

// Every kind with every set of rights, window, spent quota, contact, refusal and tried rung, at a
// quiet and at a common hour, on the last evening of a month.
func TestEveryCombinationOfRights(t *testing.T) {
	t.Parallel()
	for _, k := range Kinds() {
		t.Run(string(k), func(t *testing.T) {
			t.Parallel()
			everyCombination(t, k)
		})
	}
}

func everyCombination(t *testing.T, k Kind) {
	hours := []time.Time{
		time.Date(2026, 11, 30, 10, 0, 0, 0, shanghai), // Monday morning, the month's last day
		time.Date(2026, 11, 30, 22, 0, 0, 0, shanghai),
	}
	single := [][]Rung{nil, Rungs()}
	for _, r := range Rungs() {
		single = append(single, []Rung{r})
	}
	seen := map[Rung]int{}
	for bits := range 32 {
		f, a := opened(k, bits)
		if bits&3 == 3 {
			continue // a kind has one notice template: long-term or one-time
		}
		for i := range len(single) * len(single) * 4 * 2 * 2 * 3 * 2 * 2 {
			pick := func(n int) int { v := i % n; i /= n; return v }
			q := question{f: f, a: a, p: quiet, r: Request{Kind: k}}
			q.f.Tried = single[pick(len(single))]
			q.a.Spent = map[Rung]bool{}
			for _, r := range single[pick(len(single))] {
				q.a.Spent[r] = true
			}
			q.f.Contacts, q.f.Refusing = pick(4), pick(2) == 1
			q.f.Mass = 3 + pick(2)
			q.now = hours[pick(2)]
			switch pick(3) {
			case 1:
				q.f.TypedAt = q.now.Add(-time.Hour)
			case 2: // shuts in the night, spent but for what is kept
				q.f.TypedAt, q.f.SentSince = q.now.Add(-36*time.Hour), 3
			}
			q.p.KeepFree = 2
			q.r.Due, q.r.Deadline = q.now, q.now.Add([]time.Duration{time.Hour, 30 * time.Hour}[pick(2)])
			seen[q.check(t).Rung]++
		}
	}
	for _, r := range append([]Rung{RungPull}, handWritten()[k].rungs...) {
		if seen[r] == 0 {
			t.Errorf("no combination is sent by %s: the cases have a hole", r)
		}
	}
}

// Facts, hours and policies drawn at random, also broken ones: D5, and nobody is left out who could
// be reached now.
func TestNoDecisionBreaksARule(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) { drawQuestion(t).check(t) })
}

func drawQuestion(t *rapid.T) question {
	k := rapid.SampledFrom(Kinds()).Draw(t, "kind")
	f, a := opened(k, rapid.IntRange(0, 31).Draw(t, "rights"))
	q := question{f: f, a: a, r: Request{Kind: k}}
	q.now = time.Date(2026, 11, 28, 0, 0, 0, 0, shanghai).Add(time.Duration(rapid.IntRange(0, 5*24*3600).Draw(t, "now")) * time.Second).UTC()
	ago := func(label string, most int) time.Time {
		n := rapid.IntRange(-120, most).Draw(t, label)
		if n < -60 {
			return time.Time{}
		}
		return q.now.Add(-time.Duration(n) * time.Second)
	}
	often := func(label string) bool { return rapid.IntRange(0, 9).Draw(t, label) > 0 }
	q.f.Bound, q.f.Following, q.f.Due = often("bound"), often("following"), often("due")
	q.f.Push = rapid.SampledFrom([]people.Push{people.PushOn, people.PushOn, people.PushOn, people.PushPaused, people.PushOff}).Draw(t, "push")
	q.f.TypedAt, q.f.TapAt = ago("typed", 60*3600), ago("tap", 90)
	q.f.SentSince, q.f.Contacts = rapid.IntRange(0, 6).Draw(t, "sent"), rapid.IntRange(0, 4).Draw(t, "contacts")
	q.f.Mass, q.f.Refusing = rapid.IntRange(0, 6).Draw(t, "mass"), rapid.Bool().Draw(t, "refusing")
	q.f.Tried = rapid.SliceOfNDistinct(rapid.SampledFrom(Rungs()), 0, 3, rapid.ID[Rung]).Draw(t, "tried")
	for i := range q.f.Grants { // also used up, also of another template
		if !often("grant left") {
			q.f.Grants[i].Left = 0
		}
		if !often("grant of it") {
			q.f.Grants[i].Template = "another"
		}
	}
	q.a.Window, q.a.Spent = often("window"), map[Rung]bool{}
	for _, r := range rapid.SliceOfNDistinct(rapid.SampledFrom(Rungs()), 0, 6, rapid.ID[Rung]).Draw(t, "spent") {
		q.a.Spent[r] = true
	}
	q.p = Policy{
		KeepFree:  rapid.IntRange(0, 4).Draw(t, "keep"),
		QuietFrom: time.Duration(rapid.IntRange(0, 24*4-1).Draw(t, "from")) * 15 * time.Minute, QuietUntil: time.Duration(rapid.IntRange(0, 24*4-1).Draw(t, "until")) * 15 * time.Minute,
	}
	q.r.Due = q.now.Add(time.Duration(rapid.IntRange(-120, 30*60).Draw(t, "due in")) * time.Minute)
	q.r.Deadline = q.now.Add(time.Duration(rapid.IntRange(-60, 60*60).Draw(t, "deadline in")) * time.Minute)
	return q
}
