package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
)

// pictured is a draft whose content is a picture that somebody sent.
func (s *scene) pictured(chat string) conversation.DraftCampaign {
	return conversation.DraftCampaign{
		Key: chat, Learner: s.learners[0], Title: "防火通告",
		File: conversation.SentFile{Channel: "wechat", ID: "m-" + chat, Kind: channel.MessageImage},
	}
}

func (s *scene) claims(limit int) []bot.WantedFile {
	s.t.Helper()
	list, err := s.s.ClaimFiles(s.t.Context(), s.now, s.now.Add(30*time.Second), limit)
	if err != nil {
		s.t.Fatal(err)
	}
	return list
}

// keeps wants that a file is taken, or is not.
func (s *scene) keeps(id int64, m bot.Media, want bool) {
	s.t.Helper()
	if kept, err := s.s.KeepFile(s.t.Context(), s.now, bot.CampaignID(id), m); kept != want || err != nil {
		s.t.Errorf("kept %v, %v; want %v", kept, err, want)
	}
}

var fileEffectCases = []effectCase{
	{conversation.DraftCampaign{}, "with a file says nothing and goes nowhere until the file is here", func(s *scene) {
		ctx := s.t.Context()
		s.trains(village1, s.learners[0])
		s.effect(s.pictured("chat/k"))
		id := s.number("SELECT id FROM campaigns")
		s.want([]string{"draft|{}"}, "SELECT status, body FROM campaigns")
		if list, err := s.s.DraftsToForecast(ctx); len(list) != 0 || err != nil {
			s.t.Errorf("it is counted before there is anything: %v, %v", list, err)
		}
		submit := conversation.SubmitCampaign{Key: "chat/k", Learner: s.learners[0]}
		s.lose(submit)
		_, err := s.s.ActOnCampaign(ctx, s.now, people.Everyone(), bot.CampaignID(id), bot.ActSubmit, "cli:root", bot.CampaignScheduled)
		wantFault(s.t, err, fault.Conflict, "campaign.file_missing")

		want := []bot.WantedFile{{
			Campaign: bot.CampaignID(id), By: fmt.Sprint("learner:", s.learners[0]), Title: "防火通告", Tries: 1,
			File: conversation.SentFile{Channel: "wechat", ID: "m-chat/k", Kind: channel.MessageImage},
		}}
		if diff := cmp.Diff(want, s.claims(9)); diff != "" {
			s.t.Errorf("(-want +got):\n%s", diff)
		}
		if list := s.claims(9); len(list) != 0 {
			s.t.Errorf("two have it: %v", list)
		}
		if err := s.s.RetryFile(ctx, bot.CampaignID(id), s.now.Add(time.Second)); err != nil {
			s.t.Error(err)
		}
		s.now = s.now.Add(time.Second)
		if list := s.claims(9); len(list) != 1 || list[0].Tries != 2 {
			s.t.Errorf("a second later: %v", list)
		}

		s.exec("UPDATE campaigns SET forecast = '{}'") // asked for by somebody meanwhile
		m := bot.Media{ID: key("p"), Kind: channel.MessageImage, Name: "p.jpg", Content: []byte{0xff, 0xd8, 0}}
		s.keeps(id, m, true)
		s.keeps(id, m, false) // by another replica, a moment later
		s.want([]string{`{"media":"` + m.ID + `"}|`}, "SELECT body, forecast FROM campaigns")
		s.want([]string{fmt.Sprint("learner:", s.learners[0], "|media.put|p.jpg|image, 3 bytes")}, "SELECT actor, action, object, result FROM audit WHERE action = 'media.put'")
		s.want(nil, "SELECT * FROM wanted_files")
		if got, err := s.s.Media(ctx, m.ID); err != nil || !cmp.Equal(got.Content, m.Content) {
			s.t.Errorf("%v, %v", got, err)
		}
		if list, err := s.s.DraftsToForecast(ctx); len(list) != 1 || err != nil {
			s.t.Errorf("it is not counted: %v, %v", list, err)
		}
		s.effect(submit)
		if _, err := s.s.VerifyAudit(ctx); err != nil {
			s.t.Error(err)
		}
	}},
	{conversation.DraftCampaign{}, "with a file that will not come says why, and takes what is known of it along", func(s *scene) {
		ctx := s.t.Context()
		s.trains(village1, s.learners...)
		s.effect(s.pictured("chat/a"))
		s.effect(s.pictured("chat/b"))
		a := bot.CampaignID(s.number("SELECT id FROM campaigns WHERE request_key = 'chat/a'"))
		if list := s.claims(1); len(list) != 1 || list[0].Campaign != a {
			s.t.Errorf("the first first: %v", list)
		}
		draft := func(openid string) *conversation.DraftFacts {
			return s.load(typed("draft "+openid, openid), needs(conversation.Needs{Trainer: true, Draft: "chat/a"})).Facts.Draft
		}
		if d := draft("o1"); d == nil || !d.Awaits || d.Problem != "" {
			s.t.Errorf("%+v", d)
		}
		for i, want := range []bool{true, false} { // said once
			if known, err := s.s.DropFile(ctx, a, conversation.FileGone); known != want || err != nil {
				s.t.Errorf("%d: %v, %v", i, known, err)
			}
		}
		if d := draft("o1"); d == nil || !d.Awaits || d.Problem != conversation.FileGone {
			s.t.Errorf("%+v", d)
		}
		s.want([]string{"gone|"}, "SELECT problem, platform_id FROM wanted_files WHERE campaign_id = ?", int64(a)) // the platform's id is kept for nothing
		s.now = s.now.Add(time.Hour)
		if list := s.claims(9); len(list) != 1 || list[0].Campaign == a {
			s.t.Errorf("one is given up, the other's lease is over: %v", list)
		}
		s.lose(conversation.SubmitCampaign{Key: "chat/a", Learner: s.learners[0]})
		s.effect(conversation.CancelCampaign{Key: "chat/a", Learner: s.learners[0], Status: "draft"})
		s.want([]string{"m-chat/b"}, "SELECT platform_id FROM wanted_files")
		// One that was cancelled from outside is looked for no more, and forgotten.
		b := s.number("SELECT id FROM campaigns WHERE request_key = 'chat/b'")
		if _, err := s.s.ActOnCampaign(ctx, s.now, people.Everyone(), bot.CampaignID(b), bot.ActCancel, "cli:root", ""); err != nil {
			s.t.Error(err)
		}
		s.now = s.now.Add(time.Hour)
		if list := s.claims(9); len(list) != 0 {
			s.t.Errorf("%v", list)
		}
		s.keeps(b, bot.Media{ID: key("p"), Kind: channel.MessageImage, Name: "p.jpg", Content: []byte{1}}, false)
		s.want(nil, "SELECT * FROM media")
		if _, err := s.s.Purge(ctx, s.now); err != nil {
			s.t.Error(err)
		}
		s.want(nil, "SELECT * FROM wanted_files")
	}},
	{conversation.DraftCampaign{}, "of somebody who is no trainer wants no file", func(s *scene) {
		s.lose(s.pictured("chat/k"))
		s.want(nil, "SELECT * FROM wanted_files")
	}},
	{conversation.SendNotice{}, "sends a picture to whom it is addressed, and to who may release it", func(s *scene) {
		own := func(title string) []string {
			return []string{fmt.Sprintf(`receipt|scheduled|%s|{"media":"%s"}|{"learners":[%d]}`, title, key("p"), s.learners[0])}
		}
		const made = "SELECT kind, status, title, body, audience FROM campaigns WHERE request_key LIKE 'shown/%' ORDER BY id"
		theirs := s.sent("theirs", 0, false, "running", s.learners[1], "skipped", s.now)
		text := s.sent("text", 0, false, "running", s.learners[0], "skipped", s.now)
		mine := s.sent("mine", 0, false, "running", s.learners[0], "skipped", s.now)
		waits := s.sent("waits", 0, false, "awaiting", s.learners[1], "skipped", s.now)
		s.exec("UPDATE campaigns SET body = ? WHERE request_key <> 'text'", `{"media":"`+key("p")+`"}`)
		s.exec("INSERT INTO campaign_scopes (campaign_id, prefix) VALUES (?, ?)", waits, string(village1))
		show := func(name string, of int64) conversation.SendNotice {
			return conversation.SendNotice{Key: "shown/" + name, Learner: s.learners[0], Campaign: of}
		}
		s.effect(show("theirs", theirs))
		s.effect(show("text", text))
		s.effect(show("waits", waits)) // of no trainer
		s.trains(village2, s.learners[0])
		s.effect(show("elsewhere", waits))
		s.want(nil, made)
		s.effect(show("mine", mine))
		s.want(own("题 mine"), made)
		s.exec("UPDATE trainers SET scope = ?", `{"units":["`+string(village1)+`"]}`)
		s.exec("DELETE FROM campaigns WHERE request_key = 'shown/mine'")
		s.effect(show("waits", waits))
		s.want(own("题 waits"), made)
	}},
}

var fileCases = map[string]func(*testing.T, *bundle){
	"announcements and what waits say that they are a picture or a recording": func(t *testing.T, b *bundle) {
		_, ids := b.enrolled("spring", person(village1, "李一", "AAAA"))
		b.done(start, typed("1", "o1"), conversation.Bind{Learner: ids[0]})
		b.trains("530000000000", ids[0])
		kinds := map[string]channel.MessageKind{"image": channel.MessageImage, "voice": channel.MessageVoice}
		for name, kind := range kinds {
			if err := b.s.PutMedia(t.Context(), start, "x", bot.Media{ID: key(name), Kind: kind, Name: name, Content: []byte{1}}); err != nil {
				t.Fatal(err)
			}
			b.sent(name, 0, false, "running", ids[0], "skipped", start)
			b.sent("w "+name, 0, false, "awaiting", ids[0]+100, "skipped", start)
			b.exec("UPDATE campaigns SET body = ? WHERE request_key IN (?, ?)", `{"media":"`+key(name)+`"}`, name, "w "+name)
		}
		b.sent("text", 0, false, "running", ids[0], "skipped", start)
		b.exec("INSERT INTO campaign_scopes (campaign_id, prefix) SELECT id, ? FROM campaigns WHERE status = 'awaiting'", string(village1))
		b.exec("UPDATE campaigns SET deadline_at = ?", start.Add(time.Hour).UnixMilli())
		f := b.load(typed("2", "o1"), needs(conversation.Needs{Notices: true, Trainer: true, Waiting: true})).Facts
		got := map[string]channel.MessageKind{}
		for _, n := range f.Notices {
			got[n.Title] = n.Media
		}
		for _, w := range f.Waiting {
			got[w.Title] = w.Media
		}
		want := map[string]channel.MessageKind{"题 image": "image", "题 w image": "image", "题 voice": "voice", "题 w voice": "voice", "题 text": ""}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	},
}
