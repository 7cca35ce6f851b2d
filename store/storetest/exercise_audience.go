package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/people"
)

// school is a small school as Go knows it: what the database says is compared with it.
type school struct {
	pupils []pupil
}

type pupil struct {
	id       people.LearnerID
	unit     people.OrgCode
	category string
	tags     []string
	places   []place
	sent     map[bot.CampaignID]delivery.State
	acked    map[bot.CampaignID]bool
	pulled   map[bot.CampaignID]bool
}

type place struct {
	cohort     string
	courses    []string
	status     string
	opened     map[string]bool // course/lesson
	done       map[string]bool // course/lesson
	courseDone map[string]bool
	answers    map[string][]bool // course/lesson/item, by attempt
}

// school draws 60 people and what they have done, and writes it into the database.
func (b *bundle) school(rng *rand.Rand) school {
	b.t.Helper()
	var s school
	courses := map[string][]string{"spring": {"c1"}, "autumn": {"c1", "c2"}, "winter": {"c3"}}
	for i, code := range []string{"spring", "autumn", "winter"} {
		b.exec("INSERT INTO cohorts (id, code) VALUES (?, ?)", i+1, code)
		for k, c := range courses[code] {
			b.exec("INSERT INTO cohort_courses (cohort_id, position, course_id) VALUES (?, ?, ?)", i+1, k, c)
		}
	}
	enrolment := 0
	for i := range 60 {
		p := pupil{
			id: people.LearnerID(i + 1), unit: []people.OrgCode{village1, village2, village3, "530112002201"}[rng.IntN(4)], category: []string{"村干部", "乡镇干部"}[rng.IntN(2)],
			sent: map[bot.CampaignID]delivery.State{}, acked: map[bot.CampaignID]bool{}, pulled: map[bot.CampaignID]bool{},
		}
		b.exec("INSERT INTO learners (id, unit_code, name, category) VALUES (?, ?, ?, ?)", i+1, string(p.unit), fmt.Sprint("学员", i), p.category)
		for _, tag := range []string{"防汛", "党建"} {
			if rng.IntN(3) == 0 {
				p.tags = append(p.tags, tag)
				b.exec("INSERT INTO learner_tags (learner_id, tag) VALUES (?, ?)", i+1, tag)
			}
		}
		if rng.IntN(2) == 0 {
			p.sent[7] = delivery.States()[rng.IntN(len(delivery.States()))]
			p.acked[7] = rng.IntN(3) == 0
			p.pulled[7] = rng.IntN(4) == 0
			b.exec("INSERT INTO deliveries (campaign_id, learner_id, state, acked_at, pulled_at) VALUES (7, ?, ?, ?, ?)", i+1, string(p.sent[7]), map[bool]int{true: 1}[p.acked[7]], map[bool]int{true: 1}[p.pulled[7]])
		}
		for k, code := range []string{"spring", "autumn", "winter"} {
			if rng.IntN(2) == 0 {
				enrolment++
				p.places = append(p.places, b.place(rng, enrolment, k+1, i+1, code, courses[code]))
			}
		}
		s.pupils = append(s.pupils, p)
	}
	return s
}

func (b *bundle) place(rng *rand.Rand, id, cohort, learner int, code string, courses []string) place {
	b.t.Helper()
	p := place{
		cohort: code, courses: courses, status: []string{"active", "active", "completed", "paused", "withdrawn"}[rng.IntN(5)],
		opened: map[string]bool{}, done: map[string]bool{}, courseDone: map[string]bool{}, answers: map[string][]bool{},
	}
	b.exec("INSERT INTO enrolments (id, cohort_id, learner_id, status) VALUES (?, ?, ?, ?)", id, cohort, learner, p.status)
	for _, c := range courses {
		for _, l := range []string{"l1", "l2"} {
			k := c + "/" + l
			if rng.IntN(2) == 0 {
				continue
			}
			p.opened[k] = true
			b.exec("INSERT INTO openings (enrolment_id, course_id, lesson_id, opened_at) VALUES (?, ?, ?, 1)", id, c, l)
			for attempt := 1; attempt <= rng.IntN(4); attempt++ {
				right := rng.IntN(2) == 0
				p.answers[k+"/q1"] = append(p.answers[k+"/q1"], right)
				b.exec("INSERT INTO responses (enrolment_id, course_id, lesson_id, attempt, item_id, correct) VALUES (?, ?, ?, ?, 'q1', ?)", id, c, l, attempt, right)
			}
			if rng.IntN(2) == 0 {
				p.done[k] = true
				b.exec("INSERT INTO lesson_completions (enrolment_id, course_id, lesson_id) VALUES (?, ?, ?)", id, c, l)
			}
		}
		if rng.IntN(4) == 0 {
			p.courseDone[c] = true
			b.exec("INSERT INTO course_completions (enrolment_id, course_id) VALUES (?, ?)", id, c)
		}
	}
	return p
}

// meets says by brute force whether somebody is in an audience.
func (p pupil) meets(s people.Scope, a bot.Audience) bool {
	return under(p.unit, s.Prefixes()) && p.fits(a) && (a.Except == nil || !p.fits(*a.Except))
}

func under(unit people.OrgCode, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(x string) bool { return strings.HasPrefix(string(unit), x) })
}

func (p pupil) fits(a bot.Audience) bool {
	sent, was := p.sent[a.Unacked]
	switch {
	case len(a.Units) > 0 && !under(p.unit, people.Scope{Units: a.Units}.Prefixes()),
		len(a.Categories) > 0 && !slices.Contains(a.Categories, p.category),
		len(a.Cohorts) > 0 && !slices.ContainsFunc(p.places, func(x place) bool { return x.counts() && slices.Contains(a.Cohorts, x.cohort) }),
		a.Progress != nil && !slices.ContainsFunc(p.places, func(x place) bool {
			return x.counts() && slices.Contains(x.courses, a.Progress.Course) && x.is(*a.Progress)
		}),
		len(a.Tags) > 0 && !slices.ContainsFunc(a.Tags, func(x string) bool { return slices.Contains(p.tags, x) }),
		len(a.Learners) > 0 && !slices.Contains(a.Learners, p.id),
		a.Unacked != 0 && (!was || p.acked[a.Unacked] || !p.pulled[a.Unacked] && sent != delivery.Accepted && sent != delivery.Delivered && sent != delivery.Unknown):
		return false
	}
	return true
}

func (x place) counts() bool { return x.status == "active" || x.status == "completed" }

func (x place) is(p bot.Progress) bool {
	opened, open, done := 0, 0, 0
	for _, l := range []string{"l1", "l2"} {
		k := p.Course + "/" + l
		if x.opened[k] {
			opened++
			if !x.done[k] {
				open++
			}
		}
		if x.done[k] {
			done++
		}
	}
	switch p.Is {
	case bot.ProgressNotBegun:
		return opened == 0
	case bot.ProgressNotDone:
		return !x.courseDone[p.Course]
	case bot.ProgressDone:
		return x.courseDone[p.Course]
	case bot.ProgressBegun:
		return open > 0
	case bot.ProgressBehind:
		return done < p.At
	case bot.ProgressFailed:
		answers := x.answers[p.Course+"/"+p.Lesson+"/"+p.Item]
		return len(answers) > 0 && !answers[len(answers)-1] // the last word is wrong
	}
	return false
}

// audiences are each condition alone, and drawn mixtures.
func audiences(rng *rand.Rand) []bot.Audience {
	progress := []*bot.Progress{nil}
	for _, c := range []string{"c1", "c2", "c9"} {
		for _, is := range []bot.ProgressIs{bot.ProgressNotBegun, bot.ProgressNotDone, bot.ProgressBegun, bot.ProgressDone, "nonsense"} {
			progress = append(progress, &bot.Progress{Course: c, Is: is})
		}
		for at := range 4 {
			progress = append(progress, &bot.Progress{Course: c, Is: bot.ProgressBehind, At: at})
		}
		progress = append(progress, &bot.Progress{Course: c, Is: bot.ProgressFailed, Lesson: "l1", Item: "q1"}, &bot.Progress{Course: c, Is: bot.ProgressFailed, Lesson: "l1", Item: "q2"})
	}
	units := [][]people.OrgCode{nil, {village1}, {village1, village3}, {"530112001000"}, {"530000000000"}, {"nonsense"}, {"*"}}
	categories := [][]string{nil, {"村干部"}, {"村干部", "乡镇干部"}, {"' OR 1 = 1 --"}}
	cohorts := [][]string{nil, {"spring"}, {"spring", "winter"}, {"none"}}
	tags := [][]string{nil, {"防汛"}, {"防汛", "党建"}, {"none"}}
	learners := [][]people.LearnerID{nil, {3, 5, 59, 1000}, {-1}, many(40_000)}
	unacked := []bot.CampaignID{0, 7, 8}
	var list []bot.Audience
	for _, u := range units {
		list = append(list, bot.Audience{Units: u})
	}
	for i := range 4 {
		list = append(list, bot.Audience{Categories: categories[i]}, bot.Audience{Cohorts: cohorts[i]}, bot.Audience{Tags: tags[i]}, bot.Audience{Learners: learners[i]})
	}
	for _, p := range progress {
		list = append(list, bot.Audience{Progress: p})
	}
	for _, u := range unacked {
		list = append(list, bot.Audience{Unacked: u})
	}
	mixed := func() bot.Audience {
		var a bot.Audience
		for range 1 + rng.IntN(3) {
			switch rng.IntN(7) {
			case 0:
				a.Units = units[rng.IntN(5)]
			case 1:
				a.Categories = categories[rng.IntN(3)]
			case 2:
				a.Cohorts = cohorts[rng.IntN(3)]
			case 3:
				a.Progress = progress[rng.IntN(len(progress))]
			case 4:
				a.Tags = tags[rng.IntN(3)]
			case 5:
				a.Learners = learners[rng.IntN(2)]
			case 6:
				a.Unacked = unacked[rng.IntN(2)]
			}
		}
		return a
	}
	for _, a := range slices.Clone(list) {
		list = append(list, bot.Audience{Except: &a})
	}
	for range 150 {
		a, except := mixed(), mixed()
		if rng.IntN(2) == 0 {
			except.Except = &bot.Audience{} // is not looked at
			a.Except = &except
		}
		list = append(list, a)
	}
	return list
}

func many(n int) (list []people.LearnerID) {
	for i := range n {
		list = append(list, people.LearnerID(2*i))
	}
	return list
}

var audienceCases = map[string]func(*testing.T, *bundle){
	"every condition, alone and mixed, under every scope": func(t *testing.T, b *bundle) {
		ctx := t.Context()
		rng := rand.New(rand.NewPCG(3, 2026))
		s := b.school(rng)
		all := []people.Scope{people.Everyone(), {}, {Units: []people.OrgCode{village1}}, {Units: []people.OrgCode{"530112000000"}}, {Units: []people.OrgCode{village2, village3}}}
		everybody, nobody := 0, 0
		for i, a := range audiences(rng) {
			for _, scope := range []people.Scope{all[0], all[1+i%4]} {
				var want, got []people.LearnerID
				for _, p := range s.pupils {
					if p.meets(scope, a) {
						want = append(want, p.id)
					}
				}
				for after := people.LearnerID(0); ; {
					page, err := b.s.Recipients(ctx, start, scope, a, after, 25)
					if err != nil {
						t.Fatal(err)
					}
					for _, r := range page {
						got = append(got, r.Learner.ID)
						after = r.Learner.ID
					}
					if len(page) < 25 {
						break
					}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("%+v of %v (-want +got):\n%s", a, scope, diff)
				}
				if n, err := b.s.AudienceSize(ctx, scope, a); n != len(want) || err != nil {
					t.Fatalf("%+v of %v: %d, %v; want %d", a, scope, n, err, len(want))
				}
				everybody += map[bool]int{true: 1}[len(want) == len(s.pupils)]
				nobody += map[bool]int{true: 1}[len(want) == 0]
			}
		}
		if everybody > 100 || nobody > 350 {
			t.Errorf("the school tells little apart: %d times everybody, %d times nobody", everybody, nobody)
		}
	},
	"a recipient comes with the facts of now": func(t *testing.T, b *bundle) {
		learners := b.bound(3)
		b.exec("UPDATE identities SET refusing = 1, contact_day = '2026-03-02', contacts = 2, mass_month = '2026-03', mass_sent = 3, sent_since = 1 WHERE external_id = 'o1'")
		b.exec("DELETE FROM profiles WHERE learner_id = ?", int64(learners[2]))
		for _, g := range []struct {
			template    string
			scene, left int
		}{{"T", 0, 2}, {"L", 0, -1}, {"O", 7, 1}, {"gone", 0, 0}} {
			b.exec("INSERT INTO grants (identity_id, template, scene, left_count) SELECT id, ?, ?, ? FROM identities WHERE external_id = 'o1'", g.template, g.scene, g.left)
		}
		grants := []delivery.Grant{{Template: "L", Left: -1}, {Template: "O", Scene: 7, Left: 1}, {Template: "T", Left: 2}}
		open := delivery.Facts{Bound: true, Following: true, TypedAt: start, Due: true}
		second := open
		second.Refusing, second.SentSince, second.Grants = true, 1, grants
		for _, x := range []struct {
			at             time.Time
			contacts, mass int
		}{
			{start, 2, 3},
			{start.Add(16 * time.Hour), 0, 3}, // 00:00 of the third in Shanghai
			{start.Add(16*time.Hour - 1), 2, 3},
			{time.Date(2026, 3, 31, 16, 0, 0, 0, time.UTC), 0, 0}, // 00:00 of the first of April there
		} {
			second.Contacts, second.Mass = x.contacts, x.mass
			want := []bot.Recipient{
				{Learner: learner(learners[0], person(village1, "学员0", "AAAA")), To: address("o0"), Phone: b.phone("o0"), Facts: open},
				{Learner: learner(learners[1], person(village1, "学员1", "AAAA")), To: address("o1"), Phone: b.phone("o1"), Facts: second},
				{Learner: learner(learners[2], person(village1, "学员2", "AAAA")), Facts: delivery.Facts{Due: true}},
			}
			got, err := b.s.Recipients(t.Context(), x.at, people.Everyone(), bot.Audience{}, 0, 10)
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
				t.Errorf("at %v: %v (-want +got):\n%s", x.at, err, diff)
			}
		}
	},
	"a typed message ends the mark that receiving is off": func(t *testing.T, b *bundle) {
		b.bound(2)
		b.exec("UPDATE identities SET refusing = 1, typed_at = ?", start.UnixMilli())
		in := typed("hello", "o0")
		in.At = start.Add(time.Minute)
		b.done(in.At, in)
		b.done(start, typed("late", "o1")) // older than what is known: it says nothing about now
		b.want([]string{"0", "1"}, "SELECT refusing FROM identities ORDER BY id")
	},
	"who has begun and not finished, on that day": func(t *testing.T, b *bundle) {
		places, learners := b.crowd(5)
		b.exec("UPDATE learners SET push_hour = '12:30' WHERE id = ?", int64(learners[0]))
		midnight := start.Add(-8 * time.Hour)
		for i, at := range []time.Time{midnight, midnight.Add(-1), midnight.Add(24*time.Hour - 1), midnight.Add(24 * time.Hour), start} {
			b.exec("INSERT INTO openings (enrolment_id, course_id, lesson_id, opened_at) VALUES (?, 'rules', 'l1', ?)", int64(places[i]), at.UnixMilli())
		}
		b.exec("INSERT INTO lesson_completions (enrolment_id, course_id, lesson_id) VALUES (?, 'rules', 'l1')", int64(places[4]))
		var got []string
		for after := places[0] - 1; ; {
			page, err := b.s.BegunEnrolments(t.Context(), start, "spring", startDay, after, 1)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			after = page[0].Enrolment.ID
			got = append(got, fmt.Sprint(after, page[0].Hour))
		}
		if diff := cmp.Diff([]string{fmt.Sprint(places[0], "12:30"), fmt.Sprint(places[2])}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	},
}
