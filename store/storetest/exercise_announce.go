package storetest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/people"
)

// trains makes learners trainers of a scope.
func (b *bundle) trains(unit people.OrgCode, learners ...people.LearnerID) {
	b.t.Helper()
	scope, err := json.Marshal(people.Scope{Units: []people.OrgCode{unit}})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, l := range learners {
		b.exec("INSERT INTO trainers (learner_id, name, scope, since) VALUES (?, '教员', ?, '2026-01-01')", int64(l), string(scope))
	}
}

// sent writes a campaign by hand, with one delivery for a learner, and returns its number.
func (b *bundle) sent(key string, of int64, ack bool, status string, to people.LearnerID, state string, at time.Time) int64 {
	b.t.Helper()
	b.exec(`INSERT INTO campaigns (request_key, kind, status, title, body, audience, scope, wants_ack, made_by, of_id, due_at, forecast)
		VALUES (?, 'announcement', ?, ?, ?, '{}', '{"units":["*"]}', ?, 'cli:root', ?, ?, '')`,
		key, status, "题 "+key, `{"text":"文 `+key+`","url":"https://a.example/`+key+`"}`, ack, of, at.UnixMilli())
	id := b.number("SELECT id FROM campaigns WHERE request_key = ?", key)
	b.delivery(id, to, state, "", at)
	return id
}

// own is a campaign that the scene's first learner has sent in the chat.
func (s *scene) own(key string, ack bool, status string) int64 {
	s.t.Helper()
	s.exec(`INSERT INTO campaigns (request_key, kind, status, title, body, audience, scope, wants_ack, made_by, due_at, forecast)
		VALUES (?, 'announcement', ?, ?, ?, '{}', '{"units":["*"]}', ?, ?, ?, '')`,
		key, status, "题 "+key, `{"text":"文 `+key+`"}`, ack, fmt.Sprint("learner:", s.learners[0]), s.now.UnixMilli())
	return s.number("SELECT id FROM campaigns WHERE request_key = ?", key)
}

func (b *bundle) delivery(campaign int64, to people.LearnerID, state, why string, at time.Time) {
	b.t.Helper()
	b.exec("INSERT INTO deliveries (campaign_id, learner_id, state, why, created_at) VALUES (?, ?, ?, ?, ?)", campaign, int64(to), state, why, at.UnixMilli())
}

func (s *scene) draft(key string) conversation.DraftCampaign {
	return conversation.DraftCampaign{Key: key, Learner: s.learners[0], Title: "开会", Text: "明天开会", To: conversation.Target{Unit: village1, Cohort: "spring", Course: "rules", Is: "not_done"}}
}

// lose wants that an effect that does not fit any more makes its turn be stepped again.
func (s *scene) lose(e conversation.Effect) {
	s.t.Helper()
	in := typed(fmt.Sprint("lost ", s.number("SELECT COUNT(*) FROM inbox")), "o1")
	acts := s.number("SELECT COUNT(*) FROM audit")
	if c := s.s.CommitTurns(s.t.Context(), s.now, []conversation.Turn{s.turn(in, e)})[0]; c.Verdict != bot.CommitLost {
		s.t.Errorf("%T that does not fit: %+v", e, c)
	}
	if n := s.number("SELECT COUNT(*) FROM audit"); n != acts {
		s.t.Errorf("%T that does not fit left %d acts", e, n-acts)
	}
}

const campaignRow = "SELECT status, due_at, deadline_at, wants_ack, made_by, released_by FROM campaigns WHERE request_key = 'chat/k'"

var announceEffectCases = []effectCase{
	{conversation.SetHour{}, "keeps the hour", func(s *scene) {
		s.effect(conversation.SetHour{Learner: s.learners[0], Hour: "12:30"})
		s.want([]string{"12:30", ""}, "SELECT push_hour FROM learners ORDER BY id")
		s.effect(conversation.SetHour{Learner: s.learners[0]})
		s.want([]string{"", ""}, "SELECT push_hour FROM learners ORDER BY id")
	}},
	{conversation.DraftCampaign{}, "writes a draft with the trainer's scope, and its act", func(s *scene) {
		s.trains(village1[:9]+"000", s.learners[0])
		acts := s.number("SELECT COUNT(*) FROM audit")
		s.effect(s.draft("chat/k"))
		at := s.now.UnixMilli()
		s.want([]string{fmt.Sprint("draft|", at, "|", at+48*3600*1000, "|0|learner:", s.learners[0], "|")}, campaignRow)
		s.want([]string{`announcement|开会|{"text":"明天开会"}|{"units":["` + string(village1) + `"],"cohorts":["spring"],"progress":{"course":"rules","is":"not_done"}}|{"units":["` + string(village1[:9]) + `000"]}`},
			"SELECT kind, title, body, audience, scope FROM campaigns")
		s.want([]string{string(village1[:9])}, "SELECT prefix FROM campaign_scopes")
		s.want([]string{fmt.Sprint("learner:", s.learners[0], "|campaign.create")}, "SELECT actor, action FROM audit WHERE id > ?", acts)
		if _, err := s.s.VerifyAudit(s.t.Context()); err != nil {
			s.t.Error(err)
		}
	}},
	{conversation.DraftCampaign{}, "of somebody who is no trainer writes nothing", func(s *scene) {
		s.lose(s.draft("chat/k"))
		s.trains("", s.learners[0]) // a scope that sees nobody
		s.lose(s.draft("chat/k"))
		s.want(nil, "SELECT id FROM campaigns")
	}},
	{conversation.AmendCampaign{}, "changes a draft, and counts anew for another time only", func(s *scene) {
		s.trains(village1, s.learners[0])
		s.effect(s.draft("chat/k"))
		s.exec("UPDATE campaigns SET forecast = '{}'")
		drafted := s.now.UnixMilli()
		s.now = s.now.Add(time.Hour)
		s.effect(conversation.AmendCampaign{Key: "chat/k", Learner: s.learners[0], WantsAck: true})
		s.want([]string{fmt.Sprint("1|", drafted, "|{}")}, "SELECT wants_ack, due_at, forecast FROM campaigns")
		at := s.now.Add(24 * time.Hour)
		s.effect(conversation.AmendCampaign{Key: "chat/k", Learner: s.learners[0], At: at})
		s.want([]string{fmt.Sprint("0|", at.UnixMilli(), "|", at.UnixMilli()+48*3600*1000, "|")}, "SELECT wants_ack, due_at, deadline_at, forecast FROM campaigns")
		s.effect(conversation.AmendCampaign{Key: "chat/k", Learner: s.learners[0]})
		s.want([]string{fmt.Sprint(s.now.UnixMilli())}, "SELECT due_at FROM campaigns")
		s.lose(conversation.AmendCampaign{Key: "chat/k", Learner: s.learners[1]})
	}},
	{conversation.SubmitCampaign{}, "sends a draft once", func(s *scene) {
		s.trains(village1, s.learners[0])
		s.effect(s.draft("chat/k"))
		s.now = s.now.Add(time.Hour)
		s.lose(conversation.SubmitCampaign{Key: "chat/k", Learner: s.learners[1]})
		s.effect(conversation.SubmitCampaign{Key: "chat/k", Learner: s.learners[0]})
		at := s.now.UnixMilli()
		s.want([]string{fmt.Sprint("scheduled|", at, "|", at+48*3600*1000, "|0|learner:", s.learners[0], "|")}, campaignRow)
		s.lose(conversation.SubmitCampaign{Key: "chat/k", Learner: s.learners[0]})
		s.want([]string{"campaign.create|announcement", "campaign.submit|scheduled"}, "SELECT action, result FROM audit WHERE action LIKE 'campaign%' ORDER BY id")
	}},
	{conversation.SubmitCampaign{}, "keeps an hour that is still to come", func(s *scene) {
		s.trains(village1, s.learners[0])
		d := s.draft("chat/k")
		d.At = s.now.Add(5 * time.Hour)
		s.effect(d)
		s.effect(conversation.SubmitCampaign{Key: "chat/k", Learner: s.learners[0], Await: true})
		s.want([]string{fmt.Sprint("awaiting|", d.At.UnixMilli())}, "SELECT status, due_at FROM campaigns")
	}},
	{conversation.ReleaseCampaign{}, "is for another trainer whose scope contains the campaign's", func(s *scene) {
		s.trains(village1, s.learners...)
		s.effect(s.draft("chat/k"))
		id := s.number("SELECT id FROM campaigns")
		s.lose(conversation.ReleaseCampaign{Campaign: id, Learner: s.learners[1]}) // a draft waits for nobody
		s.effect(conversation.SubmitCampaign{Key: "chat/k", Learner: s.learners[0], Await: true})
		s.lose(conversation.ReleaseCampaign{Campaign: id, Learner: s.learners[0]})
		s.exec("UPDATE trainers SET scope = ? WHERE learner_id = ?", `{"units":["`+string(village2)+`"]}`, int64(s.learners[1]))
		s.lose(conversation.ReleaseCampaign{Campaign: id, Learner: s.learners[1]})
		s.exec("UPDATE trainers SET scope = ? WHERE learner_id = ?", `{"units":["530000000000"]}`, int64(s.learners[1]))
		s.effect(conversation.ReleaseCampaign{Campaign: id, Learner: s.learners[1]})
		s.want([]string{fmt.Sprint("scheduled|learner:", s.learners[1])}, "SELECT status, released_by FROM campaigns")
		s.lose(conversation.ReleaseCampaign{Campaign: id, Learner: s.learners[1]})
	}},
	{conversation.ReleaseCampaign{}, "gives new time to what was written in the chat, and to nothing else", func(s *scene) {
		s.trains(village1, s.learners...)
		for _, key := range []string{"chat/k", "api/k"} {
			s.effect(s.draft(key))
			s.effect(conversation.SubmitCampaign{Key: key, Learner: s.learners[0], Await: true})
		}
		s.now = s.now.Add(24 * time.Hour)
		later := s.draft("api/late")
		s.effect(later)
		s.effect(conversation.SubmitCampaign{Key: later.Key, Learner: s.learners[0], Await: true})
		s.now = s.now.Add(36 * time.Hour)
		release := func(key string) conversation.ReleaseCampaign {
			return conversation.ReleaseCampaign{Campaign: s.number("SELECT id FROM campaigns WHERE request_key = ?", key), Learner: s.learners[1]}
		}
		s.lose(release("api/k")) // its last hour is over
		s.effect(release("chat/k"))
		s.effect(release("api/late"))
		at := s.now.UnixMilli()
		s.want([]string{fmt.Sprint(at, "|", at+48*3600*1000), fmt.Sprint(at, "|", at+12*3600*1000)}, "SELECT due_at, deadline_at FROM campaigns WHERE status = 'scheduled' ORDER BY id")
	}},
	{conversation.CancelCampaign{}, "deletes a draft and stops what was sent, from the status that was seen", func(s *scene) {
		s.trains(village1, s.learners[0])
		s.effect(s.draft("chat/k"))
		s.effect(s.draft("other"))
		s.effect(conversation.CancelCampaign{Key: "other", Learner: s.learners[0], Status: "draft"})
		s.want([]string{"chat/k"}, "SELECT request_key FROM campaigns")
		s.want([]string{"1"}, "SELECT COUNT(*) FROM campaign_scopes")
		s.effect(conversation.SubmitCampaign{Key: "chat/k", Learner: s.learners[0]})
		id := s.number("SELECT id FROM campaigns")
		s.lose(conversation.CancelCampaign{Key: "chat/k", Learner: s.learners[0], Status: "draft"})
		s.lose(conversation.CancelCampaign{Campaign: id, Learner: s.learners[1], Status: "scheduled"})
		s.effect(conversation.CancelCampaign{Campaign: id, Learner: s.learners[0], Status: "scheduled"})
		s.want([]string{"cancelled"}, "SELECT status FROM campaigns")
		s.want([]string{"campaign.discard", "campaign.cancel"}, "SELECT action FROM audit WHERE action IN ('campaign.discard', 'campaign.cancel') ORDER BY id")
	}},
	{conversation.Acknowledge{}, "counts once, for the announcement and its reminders", func(s *scene) {
		id := s.sent("a", 0, true, "running", s.learners[0], "delivered", s.now)
		s.sent("b", id, true, "running", s.learners[0], "accepted", s.now)
		s.sent("c", 0, true, "running", s.learners[0], "accepted", s.now)
		s.delivery(id, s.learners[1], "delivered", "", s.now)
		first := s.now.UnixMilli()
		s.effect(conversation.Acknowledge{Learner: s.learners[0], Campaign: id})
		s.now = s.now.Add(time.Hour)
		s.effect(conversation.Acknowledge{Learner: s.learners[0], Campaign: id})
		s.want([]string{fmt.Sprint(first), fmt.Sprint(first), "0", "0"}, "SELECT acked_at FROM deliveries ORDER BY id")
	}},
	{conversation.DraftCampaign{}, "of a reminder goes to those who have it and have not acknowledged, once a day", func(s *scene) {
		s.trains(village1, s.learners[0])
		mine := s.own("own", true, "running")
		s.delivery(mine, s.learners[0], "accepted", "", s.now)
		key := conversation.RemindKey(mine, startDay)
		remind := conversation.DraftCampaign{Key: key, Learner: s.learners[0], Title: "题 own", Text: "别的话", WantsAck: true, Of: mine}
		s.lose(conversation.DraftCampaign{Key: key, Learner: s.learners[0], Title: "题", Text: "文", Of: s.sent("theirs", 0, true, "running", s.learners[0], "accepted", s.now)})
		s.lose(conversation.DraftCampaign{Key: key, Learner: s.learners[0], Title: "题", Text: "文", Of: s.own("unasked", false, "running")})
		s.effect(remind)
		s.want([]string{fmt.Sprint(`reminder|题 own|{"text":"文 own"}|{"unacked":`, mine, `}|`, mine, "|1|draft")}, "SELECT kind, title, body, audience, of_id, wants_ack, status FROM campaigns WHERE request_key = ?", key)
		first := s.number("SELECT id FROM campaigns WHERE request_key = ?", key)
		s.effect(remind) // begun anew: the one that was not sent is given up
		s.want([]string{fmt.Sprint(first + 1), "1"}, "SELECT COUNT(*) + ? FROM campaigns WHERE request_key = ? UNION ALL SELECT COUNT(*) FROM campaign_scopes x JOIN campaigns c ON c.id = x.campaign_id WHERE c.request_key = ?", first, key, key)
		s.effect(conversation.SubmitCampaign{Key: key, Learner: s.learners[0]})
		s.lose(remind)
	}},
	{conversation.ReadNotices{}, "marks what had not arrived as read", func(s *scene) {
		a := s.sent("a", 0, false, "running", s.learners[0], "skipped", s.now)
		b := s.sent("b", 0, false, "running", s.learners[0], "delivered", s.now)
		s.sent("c", 0, false, "running", s.learners[0], "skipped", s.now)
		s.effect(conversation.ReadNotices{Learner: s.learners[0], Campaigns: []int64{a, b}})
		s.want([]string{fmt.Sprint(s.now.UnixMilli()), "0", "0"}, "SELECT pulled_at FROM deliveries ORDER BY id")
	}},
}

var announceFactCases = map[string]func(*testing.T, *bundle){
	"notices are the learner's own, newest first, reminders with what they remind of": func(t *testing.T, b *bundle) {
		_, ids := b.enrolled("spring", person(village1, "李一", "AAAA"), person(village2, "王二", "BBBB"))
		b.done(start, typed("1", "o1"), conversation.Bind{Learner: ids[0]})
		b.sent("old", 0, false, "running", ids[0], "delivered", start.Add(-31*24*time.Hour))
		a := b.sent("a", 0, true, "running", ids[0], "skipped", start.Add(-2*time.Hour))
		b.sent("theirs", 0, true, "running", ids[1], "delivered", start)
		b.sent("gone", 0, true, "cancelled", ids[0], "cancelled", start)
		plain := b.sent("plain", 0, false, "cancelled", ids[0], "delivered", start.Add(-time.Hour))
		b.sent("again", a, true, "running", ids[0], "accepted", start)
		got := b.load(typed("2", "o1"), needs(conversation.Needs{Notices: true})).Facts.Notices
		want := []conversation.NoticeFact{
			{Campaign: a, Title: "题 again", Text: "文 again", URL: "https://a.example/again", At: start, WantsAck: true, Seen: true},
			{Campaign: plain, Title: "题 plain", Text: "文 plain", URL: "https://a.example/plain", At: start.Add(-time.Hour), Seen: true},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	},
	"who is no trainer gets nothing of a trainer": func(t *testing.T, b *bundle) {
		_, ids := b.enrolled("spring", person(village1, "李一", "AAAA"))
		b.done(start, typed("1", "o1"), conversation.Bind{Learner: ids[0]})
		f := b.load(typed("2", "o1"), needs(conversation.Needs{Trainer: true, Audiences: true, Unit: "一", Draft: "chat/k", Size: true, Result: 1, Waiting: true})).Facts
		if f.Trainer != nil || f.Units != nil || f.Draft != nil || f.Result != nil || f.Waiting != nil {
			t.Errorf("%+v", f)
		}
	},
	"a trainer's audiences are those of the scope": func(t *testing.T, b *bundle) {
		one, two := person(village1, "李一", "AAAA"), person(village2, "王二", "BBBB")
		_, ids := b.enrolled("spring", one, two)
		b.done(start, typed("1", "o1"), conversation.Bind{Learner: ids[0]})
		b.trains(village2, ids[0])
		name := two.Units[len(two.Units)-1].Name
		f := b.load(typed("2", "o1"), needs(conversation.Needs{Trainer: true, Audiences: true, Unit: name})).Facts
		want := &conversation.Trainer{
			Scope: people.Scope{Units: []people.OrgCode{village2}}, Name: name, Size: 1,
			Cohorts: []conversation.TrainerClass{{Code: "spring", Name: class("spring").Name, Courses: []string{courseOne.ID}, Size: 1}},
		}
		if diff := cmp.Diff(want, f.Trainer); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]conversation.Unit{{Code: village2, Name: people.OwnName(learner(0, two).UnitName), Size: 1}}, f.Units); diff != "" {
			t.Errorf("units (-want +got):\n%s", diff)
		}
		f = b.load(typed("3", "o1"), needs(conversation.Needs{Trainer: true, Unit: one.Units[len(one.Units)-1].Name})).Facts
		if len(f.Units) != 0 || f.Trainer.Size != -1 {
			t.Errorf("a unit outside the scope: %+v %+v", f.Units, f.Trainer)
		}
		b.exec("UPDATE trainers SET scope = ?", `{"units":["530000000000"]}`)
		f = b.load(typed("4", "o1"), needs(conversation.Needs{Trainer: true, Audiences: true})).Facts
		if f.Trainer.Size != -1 || len(f.Trainer.Cohorts) != 1 || f.Trainer.Cohorts[0].Size != -1 {
			t.Errorf("a whole province is counted while somebody waits: %+v", f.Trainer)
		}
	},
	"categories and tags are those of the scope, the largest first, or of the name that was typed": func(t *testing.T, b *bundle) {
		var rows []people.RosterRow
		for i, category := range strings.Fields("村干部 驻村队员 驻村队员 乡镇干部 村干部 村干部") {
			r := person([]people.OrgCode{village1, village2}[i/3], "人"+string(rune('甲'+i)), fmt.Sprintf("A%03d", i))
			r.Category = category
			rows = append(rows, r)
		}
		_, ids := b.enrolled("spring", rows...)
		b.done(start, typed("1", "o1"), conversation.Bind{Learner: ids[0]})
		b.trains(village1, ids[0])
		facts := func(n conversation.Needs) conversation.Facts {
			n.Trainer = true
			return b.load(typed("g", "o1"), needs(n)).Facts
		}
		if f := facts(conversation.Needs{Audiences: true}); f.Trainer.Tagged || f.Groups != nil {
			t.Errorf("%+v %+v", f.Trainer, f.Groups)
		}
		for i, tags := range []string{"防火", "防火 回头看", "", "防火 外村", "防火 驻村队员", "外村"} {
			for tag := range strings.FieldsSeq(tags) {
				b.exec("INSERT INTO learner_tags (learner_id, tag) VALUES (?, ?)", int64(ids[i]), tag)
			}
		}
		if f := facts(conversation.Needs{Audiences: true}); !f.Trainer.Tagged {
			t.Errorf("%+v", f.Trainer)
		}
		c, g := conversation.GroupCategory, conversation.GroupTag
		type list = []conversation.Group
		for _, x := range []struct {
			need conversation.Needs
			want list
		}{
			{conversation.Needs{Groups: c}, list{{Kind: c, Name: "驻村队员", Size: 2}, {Kind: c, Name: "村干部", Size: 1}}},
			{conversation.Needs{Groups: g}, list{{Kind: g, Name: "防火", Size: 2}, {Kind: g, Name: "回头看", Size: 1}}},
			{conversation.Needs{Unit: " 驻村队员 ", Groups: g}, list{{Kind: c, Name: "驻村队员", Size: 2}}},
			{conversation.Needs{Unit: "回头看"}, list{{Kind: g, Name: "回头看", Size: 1}}},
			{conversation.Needs{Unit: "乡镇干部"}, nil}, // of the other village alone
			{conversation.Needs{Unit: "外村"}, nil},
		} {
			if diff := cmp.Diff(x.want, facts(x.need).Groups); diff != "" {
				t.Errorf("%+v (-want +got):\n%s", x.need, diff)
			}
		}
		b.exec("UPDATE learners SET left_day = '2026-01-01' WHERE id = ?", int64(ids[1]))
		if diff := cmp.Diff(list{{Kind: g, Name: "防火", Size: 1}}, facts(conversation.Needs{Groups: g}).Groups); diff != "" {
			t.Errorf("who has left is counted (-want +got):\n%s", diff)
		}
		// The audience that is written is the one that was counted.
		b.exec("UPDATE learners SET left_day = '' WHERE id = ?", int64(ids[1]))
		for i, to := range []conversation.Target{{Category: "驻村队员"}, {Tag: "防火"}} {
			k := fmt.Sprint("chat/", i)
			b.done(start, typed(k, "o1"), conversation.DraftCampaign{Key: k, Learner: ids[0], Title: "题", Text: "文", To: to})
			if d := facts(conversation.Needs{Draft: k, Size: true}).Draft; d == nil || d.Size != 2 {
				t.Errorf("%+v: %+v", to, d)
			}
		}
		b.want([]string{`{"categories":["驻村队员"]}`, `{"tags":["防火"]}`}, "SELECT audience FROM campaigns ORDER BY id")
		b.exec("UPDATE trainers SET scope = '{}'")
		if f := facts(conversation.Needs{Groups: c}); f.Trainer != nil || f.Groups != nil {
			t.Errorf("no scope sees %+v", f.Groups)
		}
	},
	"a draft comes with its text and the last forecast": func(t *testing.T, b *bundle) {
		_, ids := b.enrolled("spring", person(village1, "李一", "AAAA"), person(village1, "王二", "BBBB"))
		b.trains(village1, ids...)
		b.done(start, typed("1", "o1"), conversation.Bind{Learner: ids[0]})
		b.done(start, typed("2", "o1"), conversation.DraftCampaign{Key: "chat/k", Learner: ids[0], Title: "开会", Text: "明天开会"})
		forecast, err := json.Marshal(bot.Forecast{
			Audience: 9, Rungs: map[delivery.Rung]int{delivery.RungWindow: 4, delivery.RungNotice: 1}, Later: 2, Seconds: 7,
			Unreachable: map[delivery.Why]int{delivery.WhyNoWindow: 1, delivery.WhyNotBound: 3}, Complete: true,
			Calls: map[channel.Way]int{channel.WayWindow: 4, channel.WayNotice: 1}, Quota: map[channel.Way]int{channel.WayNotice: 0},
		})
		if err != nil {
			t.Fatal(err)
		}
		b.exec("UPDATE campaigns SET forecast = ?", string(forecast))
		got := b.load(typed("3", "o1"), needs(conversation.Needs{Trainer: true, Draft: "chat/k"})).Facts.Draft
		want := &conversation.DraftFacts{
			ID: b.number("SELECT id FROM campaigns"), Status: "draft", Title: "开会", Text: "明天开会",
			Forecast: &conversation.Forecast{
				Audience: 9, Reachable: 5, Later: 2, Seconds: 7, Reasons: []conversation.Count{{Why: "not_bound", Count: 3}, {Why: "no_window", Count: 1}},
				Rungs: []conversation.Count{{Why: "window", Count: 4}, {Why: "notice", Count: 1}},
				Calls: []conversation.Calls{{Way: "notice", Needed: 1, Left: 0}, {Way: "window", Needed: 4, Left: -1}},
			},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if d := b.load(typed("4", "o1"), needs(conversation.Needs{Trainer: true, Draft: "chat/k", Size: true})).Facts.Draft; d.Size != 2 {
			t.Errorf("%d people, want 2", d.Size)
		}
		b.done(start, typed("5", "o2"), conversation.Bind{Learner: ids[1]})
		if d := b.load(typed("6", "o2"), needs(conversation.Needs{Trainer: true, Draft: "chat/k"})).Facts.Draft; d != nil {
			t.Errorf("another trainer's draft: %+v", d)
		}
	},
	"a result counts every state under its own name": func(t *testing.T, b *bundle) {
		_, ids := b.enrolled("spring", person(village1, "李一", "AAAA"))
		b.trains(village1, ids[0])
		b.done(start, typed("1", "o1"), conversation.Bind{Learner: ids[0]})
		b.done(start, typed("2", "o1"), conversation.DraftCampaign{Key: "chat/k", Learner: ids[0], Title: "开会", Text: "明天开会", WantsAck: true})
		b.done(start, typed("3", "o1"), conversation.SubmitCampaign{Key: "chat/k", Learner: ids[0]}, conversation.DraftCampaign{Key: "next", Learner: ids[0], Title: "下一条", Text: "还没发"})
		id := b.number("SELECT id FROM campaigns WHERE request_key = 'chat/k'")
		b.exec("UPDATE campaigns SET status = 'running' WHERE id = ?", id)
		for i, d := range strings.Fields("delivered accepted accepted unknown:ambiguous failed:refusing refused:platform skipped:no_window skipped:no_window cancelled:cancelled expired:deadline pending claimed sending") {
			state, why, _ := strings.Cut(d, ":")
			b.delivery(id, people.LearnerID(100+i), state, why, start)
		}
		b.exec("UPDATE deliveries SET acked_at = 1 WHERE state = 'delivered'")
		b.exec("UPDATE deliveries SET pulled_at = 1 WHERE learner_id = 106")
		want := &conversation.Result{
			ID: id, Title: "开会", Status: "running", At: start, WantsAck: true,
			Text: "明天开会", Audience: 13, Delivered: 1, Accepted: 2, Unknown: 1, Failed: 2, Unsent: 2, Stopped: 1, Expired: 1, Waiting: 3, Pulled: 1, Acked: 1, Silent: 4,
			Reasons: []conversation.Count{{Why: "no_window", Count: 2}, {Why: "deadline", Count: 1}, {Why: "platform", Count: 1}, {Why: "refusing", Count: 1}},
		}
		got := b.load(typed("4", "o1"), needs(conversation.Needs{Trainer: true, Result: 1})).Facts.Result
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if r := b.load(typed("5", "o1"), needs(conversation.Needs{Trainer: true, Result: 2})).Facts.Result; r != nil {
			t.Errorf("a second one: %+v", r)
		}
		b.exec("UPDATE campaigns SET status = 'cancelled', paused_by = 'x' WHERE id = ?", id)
		r := b.load(typed("6", "o1"), needs(conversation.Needs{Trainer: true, Result: 1})).Facts.Result
		if r.Waiting != 1 || r.Stopped != 3 || !r.Paused || r.Reminder {
			t.Errorf("of a cancelled campaign only what is being sent waits: %+v", r)
		}
		b.exec("UPDATE campaigns SET of_id = 99 WHERE id = ?", id)
		if r := b.load(typed("7", "o1"), needs(conversation.Needs{Trainer: true, Result: 1})).Facts.Result; !r.Reminder {
			t.Errorf("a reminder is one: %+v", r)
		}
	},
	"names are one page of the trainer's own campaign, within the scope of today": func(t *testing.T, b *bundle) {
		rows := []people.RosterRow{person(village2, "外村人", "ZZZZ")}
		for i := range 25 {
			rows = append(rows, person(village1, fmt.Sprint("学员", string(rune('甲'+i))), fmt.Sprintf("A%03d", i)))
		}
		_, ids := b.enrolled("spring", rows...)
		b.trains(village1, ids[1], ids[2])
		b.done(start, typed("1", "o1"), conversation.Bind{Learner: ids[1]})
		b.done(start, typed("2", "o2"), conversation.Bind{Learner: ids[2]})
		s := &scene{bundle: b, now: start, learners: ids[1:]}
		asks, plain := s.own("asks", true, "running"), s.own("plain", false, "running")
		for i, id := range ids {
			b.delivery(asks, id, []string{"skipped", "accepted"}[i%2], []string{"no_window", ""}[i%2], start)
			b.delivery(plain, id, "skipped", "not_bound", start)
		}
		b.exec("UPDATE deliveries SET pulled_at = 1 WHERE campaign_id = ? AND learner_id = ?", asks, int64(ids[2]))
		b.exec("UPDATE deliveries SET acked_at = 1 WHERE campaign_id = ? AND learner_id IN (?, ?)", asks, int64(ids[1]), int64(ids[3]))
		names := func(openid string, n conversation.Needs) string {
			n.Trainer, n.Result = true, 1
			r := b.load(typed("n "+openid, openid), needs(n)).Facts.Result
			if r == nil {
				return "nothing"
			}
			first := ""
			if len(r.Names) > 0 {
				first = r.Names[0].Unit + r.Names[0].Name + r.Names[0].Why
			}
			return fmt.Sprint(r.Title, " ", len(r.Names), " ", r.MoreNames, " ", first)
		}
		at := unit(village1)[len(unit(village1))-1].Name
		for _, c := range []struct {
			openid string
			need   conversation.Needs
			want   string
		}{
			{"o1", conversation.Needs{Names: conversation.NamesUnreached, Page: 1}, "题 plain 20 true " + at + "学员甲not_bound"},
			{"o1", conversation.Needs{Names: conversation.NamesUnreached, Page: 2}, fmt.Sprint("题 plain 5 false ", at, "学员", string(rune('甲'+20)), "not_bound")},
			{"o1", conversation.Needs{Names: conversation.NamesUnreached, Page: 3}, "题 plain 0 false "},
			{"o1", conversation.Needs{Names: conversation.NamesUnreached, Page: 1, ResultOf: asks}, fmt.Sprint("题 asks 12 false ", at, "学员", string(rune('甲'+1)), "no_window")},
			{"o1", conversation.Needs{Names: conversation.NamesSilent, Page: 1, Silent: true}, fmt.Sprint("题 asks 12 false ", at, "学员", string(rune('甲'+1)), "no_window")},
			{"o1", conversation.Needs{Names: conversation.NamesSilent, Page: 1, Silent: true, ResultOf: 999}, fmt.Sprint("题 asks 12 false ", at, "学员", string(rune('甲'+1)), "no_window")},
			{"o2", conversation.Needs{Names: conversation.NamesUnreached, Page: 1, ResultOf: asks}, "nothing"},
		} {
			if got := names(c.openid, c.need); got != c.want {
				t.Errorf("%s %+v: %s, want %s", c.openid, c.need, got, c.want)
			}
		}
		b.exec("UPDATE trainers SET scope = ?", `{"units":["`+string(village2)+`"]}`)
		if got := names("o1", conversation.Needs{Names: conversation.NamesUnreached, Page: 1}); got != "题 plain 1 false "+unit(village2)[len(unit(village2))-1].Name+"外村人not_bound" {
			t.Errorf("after the scope has changed: %s", got)
		}
	},
	"what waits for a release is what the scope contains": func(t *testing.T, b *bundle) {
		one := person(village1, "李一", "AAAA")
		_, ids := b.enrolled("spring", one, person(village2, "王二", "BBBB"), person(village2, "赵三", "CCCC"))
		b.trains(village1, ids[0])
		b.trains(village2, ids[1])
		b.trains("530000000000", ids[2])
		for i, id := range ids {
			b.done(start, typed(fmt.Sprint("bind ", i), fmt.Sprint("o", i)), conversation.Bind{Learner: id})
		}
		b.done(start, typed("a", "o0"), conversation.DraftCampaign{Key: "a", Learner: ids[0], Title: "甲", Text: "甲文", To: conversation.Target{Unit: village1}},
			conversation.SubmitCampaign{Key: "a", Learner: ids[0], Await: true})
		b.done(start, typed("b", "o2"), conversation.DraftCampaign{Key: "b", Learner: ids[2], Title: "乙", Text: "乙文", To: conversation.Target{Cohort: "spring", Course: "rules", Is: "not_done"}},
			conversation.SubmitCampaign{Key: "b", Learner: ids[2], Await: true})
		wait := func(openid string) []conversation.Waiting {
			list := b.load(typed("w "+openid, openid), needs(conversation.Needs{Trainer: true, Waiting: true})).Facts.Waiting
			for i := range list {
				list[i].ID = 0
			}
			return list
		}
		a := conversation.Waiting{Title: "甲", Text: "甲文", By: "李一", Size: -1, At: start, Units: []string{people.OwnName(learner(0, one).UnitName)}}
		own := a
		own.Own = true
		everything := []conversation.Waiting{a, {Title: "乙", Text: "乙文", By: "赵三", Own: true, Size: -1, At: start, Cohorts: []string{class("spring").Name}, More: true}}
		for openid, want := range map[string][]conversation.Waiting{"o0": {own}, "o1": nil, "o2": everything} {
			if diff := cmp.Diff(want, wait(openid)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", openid, diff)
			}
		}
		b.exec(`UPDATE campaigns SET audience = '{"unacked":1}' WHERE request_key = 'a'`)
		if w := wait("o2")[0]; !w.Reminder || w.More {
			t.Errorf("a reminder that waits: %+v", w)
		}
	},
	"the record shows the hour that was chosen": func(t *testing.T, b *bundle) {
		_, ids := b.enrolled("spring", person(village1, "李一", "AAAA"))
		b.done(start, typed("1", "o1"), conversation.Bind{Learner: ids[0]}, conversation.SetHour{Learner: ids[0], Hour: "12:30"})
		want := &conversation.Record{Hour: "12:30"}
		if diff := cmp.Diff(want, b.load(typed("2", "o1"), needs(conversation.Needs{Record: true})).Facts.Record); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	},
}
