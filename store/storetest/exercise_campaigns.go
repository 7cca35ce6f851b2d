package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
)

// announcement is a campaign to everybody, for two days from start on.
func announcement(key string) bot.Campaign {
	return bot.Campaign{
		Key: key, Kind: delivery.KindAnnouncement, Title: "开会", Body: bot.Body{Text: "明天开会", URL: "https://a.example/"}, Scope: people.Everyone(),
		DueAt: start, Deadline: start.Add(48 * time.Hour), WantsAck: true, By: "cli:root",
	}
}

func (b *bundle) create(c bot.Campaign) bot.Campaign {
	b.t.Helper()
	stored, created, err := b.s.CreateCampaign(b.t.Context(), start, c)
	if err != nil || !created {
		b.t.Fatalf("CreateCampaign: %v, %v", created, err)
	}
	return stored
}

func (b *bundle) act(id bot.CampaignID, a bot.CampaignAct) bot.Campaign {
	b.t.Helper()
	c, err := b.s.ActOnCampaign(b.t.Context(), start, people.Everyone(), id, a, "cli:root", bot.CampaignScheduled)
	if err != nil {
		b.t.Fatalf("%s: %v", a, err)
	}
	return c
}

// byRung plans the same for everybody.
func byRung(rung delivery.Rung, learners []people.LearnerID) []bot.PlannedRecipient {
	list := make([]bot.PlannedRecipient, len(learners))
	for i, l := range learners {
		list[i] = bot.PlannedRecipient{Learner: l, Decision: delivery.Decision{Rung: rung, NotAfter: start.Add(48 * time.Hour)}}
		if rung == delivery.RungPull {
			list[i].Decision = delivery.Decision{Rung: rung, Why: delivery.WhyNoWindow}
		}
	}
	return list
}

// running is a campaign frozen to these people.
func (b *bundle) running(c bot.Campaign, rung delivery.Rung, learners []people.LearnerID) bot.Campaign {
	b.t.Helper()
	c = b.create(c)
	b.act(c.ID, bot.ActSubmit)
	n, err := b.s.FreezeRecipients(b.t.Context(), start, c.ID, byRung(rung, learners), learners[len(learners)-1], true)
	if err != nil || n != len(learners) {
		b.t.Fatalf("FreezeRecipients: %d, %v", n, err)
	}
	return c
}

// bound is a crowd of whom everybody has a phone with an open window: o0, o1 …
func (b *bundle) bound(n int) []people.LearnerID {
	b.t.Helper()
	_, learners := b.crowd(n)
	for i, l := range learners {
		b.exec("INSERT INTO identities (channel, account, external_id, following, typed_at, state) VALUES ('wechat', 'default', ?, 1, ?, '{}')", fmt.Sprint("o", i), start.UnixMilli())
		b.exec("INSERT INTO profiles (identity_id, learner_id) SELECT id, ? FROM identities WHERE external_id = ?", int64(l), fmt.Sprint("o", i))
	}
	return learners
}

func (b *bundle) summary(id bot.CampaignID) bot.CampaignSummary {
	b.t.Helper()
	sum, err := b.s.CampaignSummary(b.t.Context(), start, people.Everyone(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	total := 0
	for _, n := range sum.States {
		total += n
	}
	if total != sum.Audience || int64(total) != b.number("SELECT COUNT(*) FROM deliveries WHERE campaign_id = ?", int64(id)) {
		b.t.Errorf("D1: %v is not %d", sum.States, sum.Audience)
	}
	return sum
}

// states wants the counts of a campaign by state, which add up to its audience (D1).
func (b *bundle) states(id bot.CampaignID, want map[delivery.State]int) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.summary(id).States); diff != "" {
		b.t.Errorf("states (-want +got):\n%s", diff)
	}
}

// The units that scopes are tried on: a county, two townships of it, two villages of the first, another county.
var tree = []people.OrgCode{"530112000000", "530112001000", "530112002000", village1, village2, "530113000000"}

// contains says whether all of one scope lies in another, without the code under test.
func contains(outer, inner people.Scope) bool {
	all := func(p string) bool {
		return slices.ContainsFunc(outer.Prefixes(), func(o string) bool { return strings.HasPrefix(p, o) })
	}
	return len(inner.Prefixes()) > 0 && !slices.ContainsFunc(inner.Prefixes(), func(p string) bool { return !all(p) })
}

// scopes are all of up to two units of the tree, none, and everywhere.
func scopes() []people.Scope {
	list := []people.Scope{{}, people.Everyone()}
	for i, a := range tree {
		list = append(list, people.Scope{Units: []people.OrgCode{a}})
		for _, c := range tree[i+1:] {
			list = append(list, people.Scope{Units: []people.OrgCode{a, c}})
		}
	}
	return list
}

var campaignCases = map[string]func(*testing.T, *bundle){
	"two starts are one campaign": func(t *testing.T, b *bundle) {
		other := b.open()
		var group sync.WaitGroup
		var mutex sync.Mutex
		made, ids := 0, map[bot.CampaignID]bool{}
		for i := range 8 {
			s := []bot.Store{b.s, other}[i%2]
			group.Go(func() {
				c := announcement("twice")
				c.Title = fmt.Sprint("标题", i)
				stored, created, err := s.CreateCampaign(t.Context(), start, c)
				mutex.Lock()
				defer mutex.Unlock()
				if err != nil {
					t.Error(err)
				}
				made += map[bool]int{true: 1}[created]
				ids[stored.ID] = true
			})
		}
		group.Wait()
		if made != 1 || len(ids) != 1 {
			t.Errorf("%d were created, with the numbers %v", made, ids)
		}
		b.want([]string{"1"}, "SELECT COUNT(*) FROM campaigns")
		b.want([]string{"cli:root|campaign.create|announcement"}, "SELECT actor, action, result FROM audit")
	},
	"a class or a unit that there is not is refused, also in the exception": func(t *testing.T, b *bundle) {
		b.enrolled("spring", person(village1, "李一", "AAAA"))
		for i, a := range []bot.Audience{
			{Cohorts: []string{"spring", "sprung"}}, {Units: []people.OrgCode{village1, "530999000000"}},
			{Cohorts: []string{"spring"}, Except: &bot.Audience{Cohorts: []string{"sprung"}}}, {Except: &bot.Audience{Units: []people.OrgCode{"530999000000"}}},
		} {
			c := announcement(fmt.Sprint("slip", i))
			c.Audience = a
			_, created, err := b.s.CreateCampaign(t.Context(), start, c)
			if f := new(fault.Error); !errors.As(err, &f) || created || f.Key != []string{"push.no_cohort", "report.no_unit"}[i%2] {
				t.Errorf("%+v: %v, %v", a, created, err)
			}
		}
		b.want([]string{"0"}, "SELECT COUNT(*) FROM campaigns")
	},
	"what is created is read back": func(t *testing.T, b *bundle) {
		b.enrolled("spring", person(village1, "李一", "AAAA"))
		c := announcement("whole")
		c.Scope = people.Scope{Units: []people.OrgCode{village1}}
		c.Audience = bot.Audience{
			Units: []people.OrgCode{village1}, Categories: []string{"村干部"}, Cohorts: []string{"spring"}, Tags: []string{"防汛"}, Learners: []people.LearnerID{1, 2}, Unacked: 7,
			Progress: &bot.Progress{Course: "rules", Is: bot.ProgressFailed, At: 2, Lesson: "l1", Item: "q1"}, Except: &bot.Audience{Tags: []string{"请假"}},
		}
		c.Body = bot.Body{Text: "文", URL: "https://a.example/", Picture: "https://a.example/p.png", Media: "m"}
		c.Of = 3
		want := b.create(c)
		c.ID, c.Status, c.CreatedAt = want.ID, bot.CampaignDraft, start
		if diff := cmp.Diff(c, want); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		f := bot.Forecast{At: start, Audience: 3, Rungs: map[delivery.Rung]int{delivery.RungWindow: 2}, Unreachable: map[delivery.Why]int{delivery.WhyNotBound: 1}, Complete: true}
		if err := b.s.SaveForecast(t.Context(), c.ID, f); err != nil {
			t.Fatal(err)
		}
		got, err := b.s.Campaign(t.Context(), c.Scope, c.ID)
		c.Forecast = &f
		if diff := cmp.Diff(c, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	},
	"a key that somebody else has used shows nothing of theirs": func(t *testing.T, b *bundle) {
		b.create(announcement("mine"))
		c := announcement("mine")
		c.Scope = people.Scope{Units: []people.OrgCode{village1}}
		got, created, err := b.s.CreateCampaign(t.Context(), start, c)
		wantFault(t, err, fault.Conflict, "campaign.key_bad")
		if created || got.ID != 0 {
			t.Errorf("%+v", got)
		}
	},
	"a scope sees the campaigns that lie in it, and no other, whatever is asked": func(t *testing.T, b *bundle) {
		ctx := t.Context()
		all := scopes()
		var made []bot.Campaign
		for i, s := range all {
			c := announcement(fmt.Sprint("scope", i))
			c.Scope = s
			if len(s.Prefixes()) == 0 {
				if _, _, err := b.s.CreateCampaign(ctx, start, c); err == nil {
					t.Error("a campaign without a scope was created")
				}
				continue
			}
			made = append(made, b.create(c))
		}
		for _, viewer := range all {
			var want []bot.CampaignID
			for _, c := range slices.Backward(made) {
				if contains(viewer, c.Scope) {
					want = append(want, c.ID)
				}
			}
			var got []bot.CampaignID
			list, err := b.s.Campaigns(ctx, viewer, nil, 0, 1000)
			for _, c := range list {
				got = append(got, c.ID)
			}
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Fatalf("%v sees: %v (-want +got):\n%s", viewer, err, diff)
			}
			for _, c := range made {
				sees := slices.Contains(want, c.ID)
				_, one := b.s.Campaign(ctx, viewer, c.ID)
				_, counted := b.s.CampaignSummary(ctx, start, viewer, c.ID)
				_, listed := b.s.UnreachedPeople(ctx, viewer, c.ID, true, 0, 1)
				_, acted := b.s.ActOnCampaign(ctx, start, viewer, c.ID, bot.ActPause, "x", "")
				for _, err := range []error{one, counted, listed} {
					if sees != (err == nil) || !sees && fault.CodeOf(err) != fault.NotFound {
						t.Fatalf("%v on a campaign of %v: %v", viewer, c.Scope, err)
					}
				}
				if want := map[bool]fault.Code{true: fault.Conflict, false: fault.NotFound}[sees]; fault.CodeOf(acted) != want {
					t.Fatalf("%v pauses a draft of %v: %v", viewer, c.Scope, acted)
				}
			}
		}
	},
	"lists are by kind, newest first, and limited": func(t *testing.T, b *bundle) {
		for i, k := range []delivery.Kind{delivery.KindUrgent, delivery.KindDigest, delivery.KindUrgent} {
			c := announcement(fmt.Sprint(i))
			c.Kind = k
			b.create(c)
		}
		list, err := b.s.Campaigns(t.Context(), people.Everyone(), []delivery.Kind{delivery.KindUrgent}, 0, 10)
		if err != nil || len(list) != 2 || list[0].Key != "2" || list[1].Key != "0" {
			t.Errorf("%+v, %v", list, err)
		}
		if list, err := b.s.Campaigns(t.Context(), people.Everyone(), nil, 0, 1); err != nil || len(list) != 1 || list[0].Key != "2" {
			t.Errorf("%+v, %v", list, err)
		}
		if older, err := b.s.Campaigns(t.Context(), people.Everyone(), nil, list[0].ID, 10); err != nil || len(older) != 2 || older[0].Key != "1" || older[1].Key != "0" {
			t.Errorf("those before: %+v, %v", older, err)
		}
	},
	"every act on every status":           everyAct,
	"who wrote it cannot release it":      ownRelease,
	"the platform's pause and a person's": platformPause,
	"drafts of the chat wait for a forecast, oldest first": func(t *testing.T, b *bundle) {
		for i, by := range []string{"learner:1", "cli:root", "learner:2", "learner:3"} {
			c := announcement(fmt.Sprint(i))
			c.By = by
			b.create(c)
		}
		if err := b.s.SaveForecast(t.Context(), 3, bot.Forecast{}); err != nil {
			t.Fatal(err)
		}
		list, err := b.s.DraftsToForecast(t.Context())
		if err != nil || len(list) != 2 || list[0].By != "learner:1" || list[1].By != "learner:3" {
			t.Errorf("%+v, %v", list, err)
		}
	},
	"what is due to be frozen: in time, not paused; what is too late expires": func(t *testing.T, b *bundle) {
		ctx := t.Context()
		for i, x := range []struct {
			due, deadline time.Duration
		}{{0, time.Hour}, {time.Minute, time.Hour}, {-2 * time.Hour, -time.Hour}, {-time.Hour, time.Hour}, {-time.Hour, time.Hour}} {
			c := announcement(fmt.Sprint(i))
			c.DueAt, c.Deadline = start.Add(x.due), start.Add(x.deadline)
			b.act(b.create(c).ID, bot.ActSubmit)
		}
		b.act(4, bot.ActPause)
		if _, err := b.s.FreezeRecipients(ctx, start, 5, nil, 9, false); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			var got []string
			list, err := b.s.CampaignsToFreeze(ctx, start)
			for _, c := range list {
				got = append(got, c.Key+string(c.Status))
			}
			if diff := cmp.Diff([]string{"4freezing", "0scheduled"}, got); diff != "" || err != nil {
				t.Errorf("%v %s", err, diff)
			}
		}
		b.want([]string{"scheduled", "scheduled", "expired", "scheduled", "freezing"}, "SELECT status FROM campaigns ORDER BY id")
	},
	"a message that was no delivery counts against the window": func(t *testing.T, b *bundle) {
		b.bound(2)
		if err := b.s.NoteSent(t.Context(), address("o1")); err != nil {
			t.Fatal(err)
		}
		b.want([]string{"0", "1"}, sentSince)
	},
	"trainers come, change and go, each with an act": func(t *testing.T, b *bundle) {
		ctx := t.Context()
		_, learners := b.crowd(1)
		put := func(scope ...people.OrgCode) error {
			return b.s.PutTrainer(ctx, start, "cli:root", bot.Trainer{Learner: learners[0], Name: "学员0", Scope: people.Scope{Units: scope}, Since: startDay})
		}
		want := func(list ...bot.Trainer) {
			t.Helper()
			got, err := b.s.Trainers(ctx)
			if diff := cmp.Diff(list, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		}
		for _, unit := range []people.OrgCode{village1, village2} {
			if err := put(unit); err != nil {
				t.Fatal(err)
			}
			want(bot.Trainer{Learner: learners[0], Name: "学员0", Scope: people.Scope{Units: []people.OrgCode{unit}}, Since: startDay})
		}
		if err := put(); err != nil {
			t.Fatal(err)
		}
		want()
		err := b.s.PutTrainer(ctx, start, "cli:root", bot.Trainer{Learner: 999, Scope: people.Everyone()})
		wantFault(t, err, fault.NotFound, "announce.number_unknown")
		b.want([]string{"trainer.put", "trainer.put", "trainer.end"}, "SELECT action FROM audit WHERE action LIKE 'trainer%' ORDER BY id")
	},
	"a key is good until it ends or is revoked": func(t *testing.T, b *bundle) {
		ctx := t.Context()
		holder := bot.Trainer{Name: "oa", Scope: people.Scope{Units: []people.OrgCode{village1}}, Since: startDay}
		for i := range byte(2) {
			if err := b.s.PutAPIKey(ctx, start, "cli:root", [32]byte{i}, holder, start.Add(time.Duration(i+1)*time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
		good := func(at time.Time, i byte, want bool) {
			t.Helper()
			got, err := b.s.APIKey(ctx, at, [32]byte{i})
			if !want {
				wantFault(t, err, fault.Forbidden, "api.key")
				return
			}
			if diff := cmp.Diff(holder, got); diff != "" || err != nil {
				t.Errorf("%v %s", err, diff)
			}
		}
		good(start, 0, true)
		good(start, 1, true)
		good(start, 2, false)
		good(start.Add(time.Hour), 0, false)
		good(start.Add(time.Hour), 1, true)
		if err := b.s.RevokeAPIKey(ctx, start, "cli:root", "oa"); err != nil {
			t.Fatal(err)
		}
		good(start, 0, false)
		good(start, 1, false)
		b.want([]string{"apikey.put|key oa", "apikey.put|key oa", "apikey.revoke|key oa"}, "SELECT action, object FROM audit ORDER BY id")
	},
	"a picture is stored once, and its upload is noted": func(t *testing.T, b *bundle) {
		ctx := t.Context()
		m := bot.Media{ID: key("p"), Kind: channel.MessageImage, Name: "p.png", Content: []byte{0, 1, 0xff, '\'', 0}}
		for range 2 {
			if err := b.s.PutMedia(ctx, start, "cli:root", m); err != nil {
				t.Fatal(err)
			}
		}
		for _, at := range []time.Time{start, start.Add(-time.Hour)} { // the second one is older
			if err := b.s.MediaUploaded(ctx, m.ID, at.String(), at); err != nil {
				t.Fatal(err)
			}
		}
		m.PlatformID, m.UploadedAt = start.String(), start
		got, err := b.s.Media(ctx, m.ID)
		if diff := cmp.Diff(m, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		_, err = b.s.Media(ctx, key("q"))
		wantFault(t, err, fault.NotFound, "campaign.no_media")
		b.want([]string{"cli:root|media.put|p.png|image, 5 bytes", "cli:root|media.put|p.png|image, 5 bytes"}, "SELECT actor, action, object, result FROM audit ORDER BY id")
	},
	"a picture that no campaign says is purged after a week": func(t *testing.T, b *bundle) {
		ctx := t.Context()
		for _, name := range []string{"used", "unused", "again"} {
			if err := b.s.PutMedia(ctx, start, "x", bot.Media{ID: key(name), Kind: channel.MessageImage, Name: name, Content: []byte{1}}); err != nil {
				t.Fatal(err)
			}
		}
		c := announcement("k")
		c.Body = bot.Body{Media: key("used")}
		b.create(c)
		later := start.Add(7*24*time.Hour + time.Minute)
		if err := b.s.PutMedia(ctx, later, "x", bot.Media{ID: key("again"), Kind: channel.MessageImage, Name: "again", Content: []byte{1}}); err != nil {
			t.Fatal(err)
		}
		for _, x := range []struct {
			at   time.Time
			want int64
		}{{start.Add(6 * 24 * time.Hour), 0}, {later, 1}, {later, 0}} {
			if n, err := b.s.Purge(ctx, x.at); n != x.want || err != nil {
				t.Errorf("Purge at %s: %d, %v; want %d", x.at, n, err, x.want)
			}
		}
		for name, want := range map[string]fault.Code{"used": "", "again": "", "unused": fault.NotFound} {
			if err := b.s.HasMedia(ctx, key(name)); (err == nil) != (want == "") || want != "" && fault.CodeOf(err) != want {
				t.Errorf("%s: %v", name, err)
			}
		}
	},
	"a refusal is recorded in the chain": func(t *testing.T, b *bundle) {
		if err := b.s.AuditRefusal(t.Context(), start, "api:?", "GET /x", "401", "rid"); err != nil {
			t.Fatal(err)
		}
		b.want([]string{"api:?|api.refused|GET /x|401|rid"}, "SELECT actor, action, object, result, request_id FROM audit")
		if n, err := b.s.VerifyAudit(t.Context()); n != 1 || err != nil {
			t.Errorf("%d acts, %v", n, err)
		}
	},
}

// everyAct compares each act on each status with what is written here by hand.
func everyAct(t *testing.T, b *bundle) {
	const none, wrong = bot.CampaignStatus(""), bot.CampaignStatus("wrong")
	statuses := []bot.CampaignStatus{bot.CampaignDraft, bot.CampaignAwaiting, bot.CampaignScheduled, bot.CampaignFreezing, bot.CampaignRunning, bot.CampaignCancelled, bot.CampaignExpired}
	for a, becomes := range map[bot.CampaignAct][]bot.CampaignStatus{
		bot.ActSubmit:  {bot.CampaignScheduled, none, none, none, none, wrong, wrong},
		bot.ActRelease: {wrong, bot.CampaignScheduled, wrong, wrong, wrong, wrong, wrong},
		bot.ActPause:   {wrong, wrong, bot.CampaignScheduled, bot.CampaignFreezing, bot.CampaignRunning, wrong, wrong},
		bot.ActResume:  {wrong, wrong, none, none, none, wrong, wrong},
		bot.ActCancel:  {bot.CampaignCancelled, bot.CampaignCancelled, bot.CampaignCancelled, bot.CampaignCancelled, bot.CampaignCancelled, none, wrong},
	} {
		for i, from := range statuses {
			c := b.create(announcement(fmt.Sprint(a, from)))
			b.exec("UPDATE campaigns SET status = ? WHERE id = ?", string(from), int64(c.ID))
			for again := range 2 {
				acts := b.number("SELECT COUNT(*) FROM audit")
				got, err := b.s.ActOnCampaign(t.Context(), start, people.Everyone(), c.ID, a, "learner:9", bot.CampaignScheduled)
				acts = b.number("SELECT COUNT(*) FROM audit") - acts
				switch want := becomes[i]; {
				case want == wrong:
					wantFault(t, err, fault.Conflict, "campaign.wrong_status")
					if acts != 0 {
						t.Errorf("%s of %s left %d acts", a, from, acts)
					}
				case want == none || again == 1:
					if err != nil || acts != 0 || again == 0 && got.Status != from {
						t.Errorf("%s of %s once more: %s, %v, %d acts", a, from, got.Status, err, acts)
					}
				case err != nil || got.Status != want || acts != 1 || (got.PausedBy == "learner:9") != (a == bot.ActPause):
					t.Errorf("%s of %s: %+v, %v, %d acts", a, from, got, err, acts)
				}
			}
		}
	}
	if n, err := b.s.VerifyAudit(t.Context()); err != nil || n == 0 {
		t.Errorf("the audit: %d acts, %v", n, err)
	}
}

func ownRelease(t *testing.T, b *bundle) {
	ctx := t.Context()
	c := b.create(announcement("k"))
	if _, err := b.s.ActOnCampaign(ctx, start, people.Everyone(), c.ID, bot.ActSubmit, "cli:root", bot.CampaignAwaiting); err != nil {
		t.Fatal(err)
	}
	_, err := b.s.ActOnCampaign(ctx, start, people.Everyone(), c.ID, bot.ActRelease, "cli:root", bot.CampaignScheduled)
	wantFault(t, err, fault.Forbidden, "campaign.own_release")
	got, err := b.s.ActOnCampaign(ctx, start, people.Everyone(), c.ID, bot.ActRelease, "learner:9", bot.CampaignScheduled)
	if err != nil || got.Status != bot.CampaignScheduled || got.Released != "learner:9" {
		t.Errorf("%+v, %v", got, err)
	}
}

func platformPause(t *testing.T, b *bundle) {
	ctx := t.Context()
	c := b.running(announcement("k"), delivery.RungWindow, b.bound(1))
	claims := func(at time.Time) int {
		list, err := b.s.ClaimDeliveries(ctx, at, bot.Claim{Owner: "me", Limit: 10, Lease: time.Minute})
		if err != nil {
			t.Error(err)
		}
		for _, d := range list {
			if ok, err := one(b.s.ReleaseDeliveries(ctx, at, []bot.ReleasedDelivery{{ClaimedDelivery: d, To: delivery.Pending}})); !ok || err != nil {
				t.Error(ok, err)
			}
		}
		return len(list)
	}
	pause := func(until time.Time) {
		if err := b.s.PauseCampaign(ctx, start, c.ID, "quota", until); err != nil {
			t.Error(err)
		}
	}
	pause(start.Add(time.Minute))
	got, err := b.s.Campaign(ctx, people.Everyone(), c.ID)
	if err != nil || got.PausedBy != "platform" || got.PausedWhy != "quota" || !got.PausedUntil.Equal(start.Add(time.Minute)) {
		t.Errorf("%+v, %v", got, err)
	}
	if a, z := claims(start.Add(time.Minute-1)), claims(start.Add(time.Minute)); a != 0 || z != 1 {
		t.Errorf("%d before the pause ends, %d after it", a, z)
	}
	b.act(c.ID, bot.ActPause) // a person's has no end and is not shortened
	pause(start.Add(time.Minute))
	if n := claims(start.Add(time.Hour)); n != 0 {
		t.Errorf("%d although a person has paused it", n)
	}
	b.act(c.ID, bot.ActResume)
	if n := claims(start); n != 1 {
		t.Errorf("%d after it goes on", n)
	}
	pause(time.Time{})
	pause(start.Add(time.Minute)) // for good stays for good
	if n := claims(start.Add(time.Hour)); n != 0 {
		t.Errorf("%d although it is stopped for good", n)
	}
	if err := b.s.PauseCampaign(ctx, start, 99, "x", start); !errors.As(err, new(*fault.Error)) {
		t.Errorf("no such campaign: %v", err)
	}
}
