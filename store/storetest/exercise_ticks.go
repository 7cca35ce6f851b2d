package storetest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

var tickEffectCases = []effectCase{
	{conversation.AgreePlace{}, "keeps which sentence was agreed to, and when, once", func(s *scene) {
		s.effect(conversation.AgreePlace{Learner: s.learners[0], Version: 1})
		s.effect(conversation.AgreePlace{Learner: s.learners[0], Version: 1})
		s.effect(conversation.AgreePlace{Learner: s.learners[0], Version: 2})
		s.effect(conversation.AgreePlace{Learner: 99, Version: 1})
		s.want([]string{fmt.Sprint(s.learners[0], "|1|", s.now.UnixMilli(), "|0"), fmt.Sprint(s.learners[0], "|2|", s.now.UnixMilli(), "|0")},
			"SELECT learner_id, version, given_at, withdrawn_at FROM location_consents ORDER BY id")
	}},
	{conversation.TakeBackPlace{}, "ends it, and keeps that it was given", func(s *scene) {
		s.effect(conversation.AgreePlace{Learner: s.learners[0], Version: 1})
		s.now = s.now.Add(time.Hour)
		s.effect(conversation.TakeBackPlace{Learner: s.learners[0]})
		s.now = s.now.Add(time.Hour)
		s.effect(conversation.TakeBackPlace{Learner: s.learners[0]})
		s.effect(conversation.AgreePlace{Learner: s.learners[0], Version: 1})
		at := s.now.Add(-2 * time.Hour).UnixMilli()
		s.want([]string{fmt.Sprint(at, "|", at+3_600_000), fmt.Sprint(at+7_200_000, "|0")}, "SELECT given_at, withdrawn_at FROM location_consents ORDER BY id")
	}},
	{conversation.Locate{}, "is an event without a phone, its spot apart", func(s *scene) {
		id := s.sitting()
		e := conversation.Locate{Session: id, Learner: s.learners[0], Distance: study.DistanceNear, Spot: "ab12"}
		s.effect(e)
		s.want([]string{fmt.Sprint(id, "|", s.learners[0], "|located||near||")}, "SELECT session_id, learner_id, kind, way, distance, device, doubts FROM attendance_events")
		s.want([]string{fmt.Sprint(id, "|ab12")}, "SELECT session_id, spot FROM attendance_spots")
		s.exec("UPDATE sessions SET ends_at = ? WHERE number = 2", s.now.AddDate(0, 0, -8).UnixMilli())
		s.exec("INSERT INTO attendance_spots (event_key, session_id, spot) SELECT 'old', id, 'ffff' FROM sessions WHERE number = 2")
		s.now = s.now.Add(time.Second)
		s.effect(e)
		s.want([]string{"ab12", "ab12"}, "SELECT spot FROM attendance_spots")
		s.exec("UPDATE sessions SET closed_at = 1")
		s.refuse(e)
	}},
	{conversation.MakeTickLink{}, "gives a trainer a page, with its audit", func(s *scene) {
		s.sitting()
		e := conversation.MakeTickLink{Learner: s.learners[0], Cohort: "spring", Hash: [32]byte{1}, Until: s.now.Add(time.Hour)}
		s.refuse(e) // no trainer
		s.trains(village1, s.learners[0])
		s.effect(e)
		s.want([]string{fmt.Sprint(s.learners[0], "|0|", s.now.Add(time.Hour).UnixMilli(), "|0|learner:", s.learners[0])},
			"SELECT trainer_id, session_id, until_at, revoked_at, created_by FROM tick_links")
		s.want([]string{"class spring session 0 link 1"}, "SELECT object FROM audit WHERE action = 'class.link'")
		e.Cohort, e.Hash = "none", [32]byte{2}
		s.refuse(e)
	}},
	{conversation.EndTickLinks{}, "ends those that are in force", func(s *scene) {
		s.sitting()
		s.trains(village1, s.learners[0])
		s.effect(conversation.MakeTickLink{Learner: s.learners[0], Cohort: "spring", Hash: [32]byte{1}, Until: s.now.Add(time.Minute)})
		s.effect(conversation.MakeTickLink{Learner: s.learners[0], Cohort: "spring", Hash: [32]byte{2}, Until: s.now.Add(time.Hour)})
		s.now = s.now.Add(30 * time.Minute)
		s.effect(conversation.EndTickLinks{Learner: s.learners[0]})
		s.want([]string{"0", fmt.Sprint(s.now.UnixMilli())}, "SELECT revoked_at FROM tick_links ORDER BY id")
		s.want([]string{"1 links"}, "SELECT result FROM audit WHERE action = 'class.unlink'")
	}},
}

// hall makes the class meet inside a fence.
func hall(t testing.TB) []study.Session {
	t.Helper()
	list := fiveDays(t)
	for i := range list {
		list[i].Fence = study.Fence{Required: true, Latitude: 25.04, Longitude: 102.71, Metres: 300, Law: "县组通〔2026〕9号"}
	}
	return list
}

var tickCases = map[string]func(*testing.T, *bundle){
	"a place is compared and kept nowhere": func(t *testing.T, b *bundle) {
		_, ids := b.enrolled("spring", crowd(5, 0)...)
		if n, err := b.s.ApplySessions(t.Context(), start, "cli:test", "spring", hall(t)); n != 10 || err != nil {
			t.Fatal(n, err)
		}
		if n, err := b.s.ApplySessions(t.Context(), start, "cli:test", "spring", hall(t)); n != 0 || err != nil {
			t.Fatal("the same again:", n, err)
		}
		sessions, err := b.s.Sessions(t.Context(), "spring")
		if err != nil {
			t.Fatal(err)
		}
		s := sessions[0]
		for i, id := range ids {
			b.done(start, typed(fmt.Sprint("bind", i), fmt.Sprint("o", i)), conversation.Bind{Learner: id})
		}
		b.exec("UPDATE identities SET notice_version = 1")
		k := study.SignKey{Session: s.ID}
		if err := b.raw.QueryRowContext(t.Context(), "SELECT secret FROM sessions WHERE number = 1").Scan(&k.Secret); err != nil {
			t.Fatal(err)
		}
		e := engine()
		send := func(who int, minutes int, lat, lng float64) string {
			in := typed("", fmt.Sprint("o", who))
			in.Kind, in.Point = channel.KindLocation, &channel.Point{Latitude: lat, Longitude: lng}
			return b.step(e, s.Starts.Add(time.Duration(minutes)*time.Minute), in)
		}
		say := func(key string) string { return content.DefaultPhrases().Say(key) }
		asked := content.DefaultPhrases().Say("sign.place_ask", fault.A("law", s.Fence.Law))
		for i := range ids {
			at := s.Starts.Add(time.Duration(i) * time.Second)
			_, number, _ := study.ClassRule2026.Codes(k, at)
			if got := b.step(e, at, typed(number, fmt.Sprint("o", i))); !strings.Contains(got, asked) {
				t.Fatalf("%q", got)
			}
		}
		if got := send(0, 1, 25.041357, 102.711246); !strings.Contains(got, say("sign.place_unused")) {
			t.Errorf("without consent: %q", got)
		}
		b.want(nil, "SELECT id FROM attendance_events WHERE kind = 'located'")
		for i := range 4 { // the fifth does not want to
			b.step(e, s.Starts.Add(2*time.Minute), typed("同意位置", fmt.Sprint("o", i)))
		}
		b.want([]string{"4"}, "SELECT COUNT(*) FROM location_consents WHERE version = 1 AND given_at > 0 AND withdrawn_at = 0")
		for i := range 3 {
			if got := send(i, 3, 25.041357, 102.711246); !strings.Contains(got, say("sign.place_inside")) {
				t.Errorf("inside: %q", got)
			}
		}
		if got := send(3, 3, 25.113579, 102.724681); !strings.Contains(got, say("sign.place_outside")) {
			t.Errorf("outside: %q", got)
		}
		check := func(when string) {
			t.Helper()
			got := make([]string, len(ids))
			for _, l := range b.roll(people.Everyone()).Lines {
				got[slices.Index(ids, l.Learner.ID)] = fmt.Sprint(l.Attended[0].Presence, l.Attended[0].Doubts)
			}
			if diff := cmp.Diff([]string{"doubtful[sameplot]", "doubtful[sameplot]", "doubtful[sameplot]", "doubtful[far]", "doubtful[noplace]"}, got); diff != "" {
				t.Errorf("%s:\n%s", when, diff)
			}
			for table, rows := range b.dump() {
				for _, row := range rows {
					for _, digits := range []string{"041357", "711246", "25.041", "102.711", "113579", "724681", "4135", "1124"} {
						if strings.Contains(row, digits) && table != "audit" { // its hashes hold any digits
							t.Errorf("%s: %s holds %s: %s", when, table, digits, row)
						}
					}
				}
			}
		}
		check("open")
		b.want([]string{"2"}, "SELECT COUNT(DISTINCT spot) FROM attendance_spots WHERE LENGTH(spot) = 4")
		b.closeSession(s)
		check("closed")
		b.want(nil, "SELECT spot FROM attendance_spots")
		if got := b.step(e, s.Ends.Add(time.Hour), typed("撤回位置同意", "o0")); got != say("sign.place_back") {
			t.Errorf("%q", got)
		}
		b.want([]string{"1"}, "SELECT COUNT(*) FROM location_consents WHERE withdrawn_at > 0")
	},
	"a trainer's page ticks whom the trainer sees, once, with true times": func(t *testing.T, b *bundle) {
		sessions, ids := b.meets(crowd(3, 2)...)
		_, trainers := b.enrolled("autumn", person(village1, "教员", "TTTT"))
		trainer := trainers[0]
		link := study.TickLink{Cohort: "spring", Trainer: trainer, Until: sessions[9].Ends}
		hash := func(n byte) [32]byte { return sha256.Sum256([]byte{n}) }
		refused(t, fault.NotFound, "class.no_trainer", func() error {
			_, err := b.s.MakeTickLink(t.Context(), start, "cli:test", hash(0), link)
			return err
		})
		b.trains(county112, trainer)
		for n, l := range []study.TickLink{link, {Cohort: "spring", Session: 2, Trainer: trainer, Until: sessions[1].Ends}} {
			if id, err := b.s.MakeTickLink(t.Context(), start, "cli:test", hash(byte(n)), l); int(id) != n+1 || err != nil {
				t.Fatal(id, err)
			}
		}
		s := sessions[0]
		now := s.Starts.Add(time.Hour)
		sheet, err := b.s.TickSheet(t.Context(), now, hash(0))
		if err != nil || len(sheet.Roll.Lines) != 3 || len(sheet.Roll.Sessions) != 10 || sheet.Whole || sheet.Link.Name != "教员" {
			t.Fatalf("%+v, %v", sheet, err)
		}
		if one, err := b.s.TickSheet(t.Context(), now, hash(1)); err != nil || len(one.Roll.Sessions) != 1 || one.Roll.Sessions[0].Number != 2 || len(one.Roll.Lines[0].Attended) != 1 {
			t.Fatalf("%+v, %v", one, err)
		}
		id := func(n int) string { return fmt.Sprintf("queue-%04d", n) }
		tick := func(n, session int, who people.LearnerID, at time.Time) study.Tick {
			return study.Tick{Session: session, AttendanceDecision: study.AttendanceDecision{ID: id(n), Learner: who, As: study.DecidedTick, At: at}}
		}
		seen := s.Starts.Add(5 * time.Minute)
		batch := []study.Tick{
			tick(1, 1, ids[0], seen), tick(1, 1, ids[0], seen), // twice in one batch
			tick(2, 1, ids[1], now.Add(time.Hour)), // still to come
			tick(3, 1, ids[4], seen),               // another county's
			tick(4, 11, ids[0], seen),              // no such session
			{Session: 1, AttendanceDecision: study.AttendanceDecision{ID: id(5), Learner: ids[2], As: study.DecidedAbsent}}, // without a reason
			{Session: 1, AttendanceDecision: study.AttendanceDecision{ID: "x", Learner: ids[2], As: study.DecidedTick}},     // without an id
			{Session: 1, Counting: true, Heads: 3, AttendanceDecision: study.AttendanceDecision{ID: id(6), At: seen}},       // of half the class
		}
		fates := func(n byte, batch ...study.Tick) (out []study.TickFate) {
			t.Helper()
			answers, err := b.s.RecordTicks(t.Context(), now, hash(n), batch)
			if err != nil {
				t.Fatal(err)
			}
			for i, a := range answers {
				out = append(out, a.Fate)
				if a.ID != batch[i].ID || (a.Why != nil) != (a.Fate == study.TickRefused) {
					t.Errorf("%+v", a)
				}
			}
			return out
		}
		kept, known, clock, no := study.TickKept, study.TickKnown, study.TickClock, study.TickRefused
		if diff := cmp.Diff([]study.TickFate{kept, known, clock, no, no, no, no, no}, fates(0, batch...)); diff != "" {
			t.Error(diff)
		}
		b.want([]string{fmt.Sprint(ids[0], "|", seen.UnixMilli(), "|"), fmt.Sprint(ids[1], "|", now.UnixMilli(), "|clock")}, "SELECT learner_id, happened_at, doubts FROM attendance_events ORDER BY id")
		if diff := cmp.Diff([]study.TickFate{known, known, known, no}, fates(0, batch[:4]...)); diff != "" {
			t.Error("told again:", diff)
		}
		if diff := cmp.Diff([]study.TickFate{no, kept}, fates(1, tick(7, 1, ids[0], seen), tick(8, 2, ids[0], now))); diff != "" {
			t.Error("the page of one session:", diff)
		}
		b.want([]string{fmt.Sprint("learner:", trainer, "|2 events"), fmt.Sprint("learner:", trainer, "|1 events")}, "SELECT actor, result FROM audit WHERE action = 'class.attend' ORDER BY id")
		b.want([]string{"3"}, "SELECT COUNT(*) FROM attendance_events")

		// Whoever sees the whole class counts heads; the last count by its time is the one that counts, whenever it is told.
		b.exec("UPDATE trainers SET scope = ?", `{"Units":["530000000000"]}`)
		count := func(n, heads int, at time.Time) study.Tick {
			return study.Tick{Session: 1, Counting: true, Heads: heads, AttendanceDecision: study.AttendanceDecision{ID: id(n), At: at}}
		}
		if diff := cmp.Diff([]study.TickFate{kept, kept, known, no, clock}, fates(0, count(20, 5, seen.Add(time.Minute)), count(21, 4, seen), count(21, 4, seen), count(22, -1, seen), tick(23, 1, ids[4], now.Add(-48*time.Hour)))); diff != "" {
			t.Error(diff)
		}
		if r := b.roll(people.Everyone()); r.Counted[0] != 5 {
			t.Errorf("counted %d", r.Counted[0])
		}
		// The session is closed; what was kept without signal arrives later and moves the hours.
		b.closeSession(s)
		before := strings.Join(b.hours(), " ")
		now = s.Ends.Add(3 * time.Hour)
		if diff := cmp.Diff([]study.TickFate{kept}, fates(0, tick(30, 1, ids[2], seen))); diff != "" {
			t.Error(diff)
		}
		if after := strings.Join(b.hours(), " "); after == before || !strings.Contains(after, fmt.Sprint(ids[2], "|400")) {
			t.Errorf("hours %s, before %s", after, before)
		}

		gone := func(what string, n byte) {
			t.Helper()
			refused(t, fault.NotFound, "class.link_gone", func() error {
				_, err := b.s.RecordTicks(t.Context(), now, hash(n), nil)
				return err
			})
			if _, err := b.s.TickSheet(t.Context(), now, hash(n)); err == nil {
				t.Error(what)
			}
		}
		gone("never was", 7)
		now = sessions[1].Ends
		gone("is over", 1)
		now = now.Add(-time.Minute)
		scope := b.rows("SELECT scope FROM trainers")[0]
		b.exec("DELETE FROM trainers")
		gone("of whoever is no trainer any more", 0)
		b.exec("INSERT INTO trainers (learner_id, name, scope, since) VALUES (?, '教员', ?, '2026-01-01')", int64(trainer), scope)
		if _, err := b.s.TickSheet(t.Context(), now, hash(0)); err != nil {
			t.Error(err)
		}
		refused(t, fault.NotFound, "class.no_link", func() error { return b.s.RevokeTickLink(t.Context(), now, "cli:test", "autumn", 1) })
		for range 2 {
			if err := b.s.RevokeTickLink(t.Context(), now, "cli:test", "spring", 1); err != nil {
				t.Error(err)
			}
		}
		gone("was taken back", 0)
		b.want([]string{"class.link", "class.link", "class.unlink"}, "SELECT action FROM audit WHERE action LIKE 'class.%link' ORDER BY id")
		list, err := b.s.TickLinks(t.Context(), "spring")
		if err != nil || len(list) != 2 || list[0].Revoked.IsZero() || list[1].Session != 2 {
			t.Errorf("%+v, %v", list, err)
		}
		for _, row := range b.dump()["tick_links"] {
			if strings.Contains(row, hex.EncodeToString([]byte("queue"))) {
				t.Error(row)
			}
		}
	},
	"a trainer asks for the page in the chat": func(t *testing.T, b *bundle) {
		sessions, ids := b.meets(crowd(2, 0)...)
		_, trainers := b.enrolled("autumn", person(village1, "教员", "TTTT"))
		b.trains(county112, trainers[0])
		b.done(start, typed("bind", "o1"), conversation.Bind{Learner: trainers[0]})
		b.exec("UPDATE identities SET notice_version = 1")
		e := conversation.New(conversation.Options{Library: content.NewLibrary(nil, courseOne), Phrases: content.DefaultPhrases(), TickURL: "https://learn.example/t/#"})
		now := sessions[0].Starts
		reply := b.step(e, now, typed("点名", "o1"))
		_, after, found := strings.Cut(reply, "https://learn.example/t/#")
		if !found || len(after) < 40 || !strings.Contains(reply, "3月3日17:00前有效") {
			t.Fatal(reply)
		}
		hash := sha256.Sum256([]byte(after[:40]))
		sheet, err := b.s.TickSheet(t.Context(), now, hash)
		if err != nil || len(sheet.Roll.Lines) != len(ids) || !sheet.Whole || sheet.Link.Trainer != trainers[0] {
			t.Errorf("%+v, %v", sheet, err)
		}
		if again := b.step(e, now.Add(time.Minute), typed("点名", "o1")); strings.Contains(again, after[:40]) {
			t.Error("the same address twice")
		}
		b.step(e, now.Add(time.Hour), typed("停用点名", "o1"))
		if _, err := b.s.TickSheet(t.Context(), now.Add(time.Hour), hash); err == nil {
			t.Error("it still works")
		}
		if got := b.step(e, sessions[9].Ends.Add(24*time.Hour), typed("点名", "o1")); got != content.DefaultPhrases().Say("sign.tick_none") {
			t.Error(got)
		}
	},
	"a doubt about a phone does not depend on who looks": func(t *testing.T, b *bundle) {
		sessions, ids := b.meets(crowd(1, 1)...)
		one, other := scanned(sessions[0], ids[0], 0), scanned(sessions[0], ids[1], 0)
		one.Device, other.Device = "shared", "shared"
		b.attend(start, 2, one, other)
		for _, scope := range []people.Scope{people.Everyone(), over(county112)} {
			if l := b.roll(scope).Lines[0]; l.Attended[0].Presence != study.PresenceDoubt {
				t.Errorf("%+v", l.Attended[0])
			}
		}
	},
}
