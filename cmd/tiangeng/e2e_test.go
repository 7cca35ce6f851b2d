package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tiangeng/tiangeng/bot/sim"
	"github.com/tiangeng/tiangeng/store/storetest"
)

// completionList exports the list as JSON.
func (s *school) completionList(args ...string) map[string]map[string]line {
	s.t.Helper()
	out := mustRun(s.t, s.bin, s.env, append([]string{"completions", "export", "--format", "json"}, args...)...)
	var list struct {
		Head  struct{ CutOff, Roster string }
		Lines []line
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		s.t.Fatalf("completions export: %v\n%s", err, out)
	}
	if list.Head.CutOff == "" || list.Head.Roster == "" {
		s.t.Error("the list does not say its cut-off and its roster version")
	}
	byName := map[string]map[string]line{}
	for _, l := range list.Lines {
		if byName[l.Name] == nil {
			byName[l.Name] = map[string]line{}
		}
		byName[l.Name][l.Course] = l
	}
	return byName
}

// lessonsSeen counts in the platform's ledger how many lessons a person was told to have completed.
func (s *school) lessonsSeen(openid string) int {
	n := 0
	for _, text := range s.platform.Ledger().Texts(openid) {
		n += strings.Count(text, "这一课学完了")
	}
	return n
}

// Five training days of a class of 200: the diligent, those who skip days, those who only pull, who
// pause, leave and never come. At the end the filed list says what the phones truly saw.
func TestFiveDaysOfAClassOf200(t *testing.T) {
	t.Parallel()
	s := openSchool(t, schoolOptions{pupils: 200})
	s.serve(1)
	if err := s.platform.Handshake(context.Background()); err != nil {
		t.Fatal(err)
	}
	comes := func(p *pupil) bool { return p.index%10 != 9 } // every tenth never comes
	s.everybody(func(p *pupil) {
		if comes(p) {
			p.follow()
		}
	})
	days := []string{"2026-11-23", "2026-11-24", "2026-11-25", "2026-11-26", "2026-11-27"}
	var customBefore int
	for day, date := range days {
		s.goTo(date + " 08:00")
		p := s.settledPush(date)
		if p.Summary.Audience != len(s.pupils) {
			t.Errorf("%s: audience %d, want %d", date, p.Summary.Audience, len(s.pupils))
		}
		total := 0
		for _, n := range p.Summary.States {
			total += n
		}
		if total != p.Summary.Audience {
			t.Errorf("%s: the states add up to %d, not to the audience %d (D1)", date, total, p.Summary.Audience)
		}
		custom := len(s.platform.Ledger().Via("", "custom"))
		if got := custom - customBefore; got != p.Summary.States["accepted"] {
			t.Errorf("%s: %d deliveries are called accepted, people saw %d (D3)", date, p.Summary.States["accepted"], got)
		}
		customBefore = custom
		if again := s.push(date); again.Written != 0 || again.Summary.States["accepted"] != p.Summary.States["accepted"] {
			t.Errorf("%s: pushing again wrote %d rows", date, again.Written)
		}
		s.goTo(date + " 09:00")
		s.everybody(func(p *pupil) { p.day(day) })
	}
	s.compareList(comes)
}

// day is what a pupil does on a day; it depends on the pupil's number alone.
func (p *pupil) day(day int) {
	if !p.bound {
		return
	}
	switch p.index % 10 {
	case 0, 1, 2, 3: // diligent
		p.learn()
	case 4: // every other day, then catches up
		if day%2 == 0 {
			p.learn()
			if day > 0 {
				p.learn()
			}
		}
	case 5: // pauses on the second day and goes on by pulling
		if day == 1 {
			if reply := p.say("暂停"); !strings.Contains(reply, "推送停了") {
				p.school.t.Errorf("%s could not pause: %s", p.name, reply)
			}
		}
		p.learn()
	case 6: // leaves on the fourth day
		switch {
		case day < 3:
			p.learn()
		case day == 3:
			if _, err := p.user.Unfollow(context.Background()); err != nil {
				p.school.t.Error(err)
			}
			p.bound = false
		}
	case 7: // begins, and never answers
		p.say("学习")
	case 8: // reads nothing, comes on the last day for all five
		if day == 4 {
			for range 5 {
				p.learn()
			}
		}
	}
}

func (s *school) compareList(comes func(*pupil) bool) {
	s.t.Helper()
	list := s.completionList()
	if len(list) != len(s.pupils) {
		s.t.Errorf("the list has %d people, the roster %d", len(list), len(s.pupils))
	}
	lessons := 0
	for _, p := range s.pupils {
		l, seen := list[p.name]["fang-fanpin"], s.lessonsSeen(p.openid)
		lessons += seen
		if l.Done != seen {
			s.t.Errorf("%s: the list says %d lessons, the phone was told %d", p.name, l.Done, seen)
		}
		want := "learning"
		switch {
		case !comes(p):
			want = "not_bound"
		}
		if l.Status != want {
			s.t.Errorf("%s (kind %d): status %s, want %s", p.name, p.index%10, l.Status, want)
		}
		if seen > 0 && l.Score != 100 {
			s.t.Errorf("%s answered everything right and has %d", p.name, l.Score)
		}
	}
	if lessons < 4*20*5 {
		s.t.Errorf("only %d lessons were completed: the class did not work", lessons)
	}
	s.t.Logf("%d lessons completed by %d people", lessons, len(s.pupils))
}

// Every push of the platform reaches both replicas at the same time: one reply, one effect.
func TestTwoReplicasGetEveryMessageTwice(t *testing.T) {
	t.Parallel()
	s := openSchool(t, schoolOptions{pupils: 30, replicas: 2, double: true})
	s.serve(2)
	s.goTo("2026-11-23 08:30")
	s.everybody(func(p *pupil) {
		p.follow()
		if !p.learn() {
			t.Errorf("%s completed nothing: %s", p.name, p.last)
		}
	})
	list := s.completionList("--course", "fang-fanpin")
	for _, p := range s.pupils {
		if l := list[p.name]["fang-fanpin"]; l.Done != 1 || s.lessonsSeen(p.openid) != 1 {
			t.Errorf("%s: list %d, phone %d, want 1 and 1", p.name, l.Done, s.lessonsSeen(p.openid))
		}
	}
}

// openQuiz brings a pupil to the first question of the day's lesson.
func (p *pupil) openQuiz() {
	p.school.t.Helper()
	p.follow()
	p.say("学习")
	for range 10 {
		if asks.MatchString(p.last) {
			return
		}
		p.say("继续")
	}
	p.school.t.Fatalf("%s came to no question: %s", p.name, p.last)
}

// finish answers to the end of the lesson.
func (p *pupil) finish() {
	p.school.t.Helper()
	for range 20 {
		if strings.Contains(p.last, "这一课学完了") {
			return
		}
		if asks.MatchString(p.last) {
			p.say(p.key(p.last))
		} else {
			p.say("继续")
		}
	}
	p.school.t.Errorf("%s came to no end: %s", p.name, p.last)
}

// FLUSHALL and a restart of Redis in mid-quiz cost nobody anything (S1); without Redis everything
// works.
func TestRedisIsFlushedRestartedAndGoneInMidQuiz(t *testing.T) {
	t.Parallel()
	redis := storetest.StartRedis(t)
	s := openSchool(t, schoolOptions{pupils: 12, redis: redis.URL()})
	s.serve(1)
	s.goTo("2026-11-23 08:30")
	s.everybody((*pupil).openQuiz)
	redis.FlushAll()
	s.everybody(func(p *pupil) {
		if reply := p.say(p.key(p.last)); !strings.Contains(reply, "已记录") {
			t.Errorf("%s after FLUSHALL: %s", p.name, reply)
		}
	})
	redis.Kill()
	s.everybody(func(p *pupil) {
		if reply := p.say(p.key(p.last)); !strings.Contains(reply, "已记录") {
			t.Errorf("%s without Redis: %s", p.name, reply)
		}
	})
	redis.Start()
	s.finishAllRight()
}

// MariaDB is killed in mid-quiz: nobody reads 已记录 for what is not in the database; the answer can
// be sent again, and is never taken for the next question's.
func TestMariaDBIsKilledInMidQuiz(t *testing.T) {
	t.Parallel()
	mariadb := storetest.StartMariaDB(t)
	s := openSchool(t, schoolOptions{pupils: 12, dsn: mariadb.NewDatabase(t)})
	s.serve(1)
	s.goTo("2026-11-23 08:30")
	s.everybody((*pupil).openQuiz)
	var killed sync.WaitGroup
	killed.Go(mariadb.Kill) // while they answer
	var refused atomic.Int64
	s.everybody(func(p *pupil) { p.answerThrough(&refused) })
	killed.Wait()
	s.everybody(func(p *pupil) { p.answerThrough(&refused) })
	if refused.Load() == 0 {
		t.Error("nobody was told that nothing was recorded: the database was not missed")
	}
	mariadb.Start()
	s.finishAllRight()
}

// MariaDB freezes in mid-quiz, as a stalled disk does: everybody is told, while it is frozen, that
// nothing was recorded; commits that happened after all are found out, and no repeated
// answer is ever marked against the next question (A1, A5).
func TestMariaDBFreezesInMidQuiz(t *testing.T) {
	t.Parallel()
	mariadb := storetest.StartMariaDB(t)
	s := openSchool(t, schoolOptions{pupils: 12, dsn: mariadb.NewDatabase(t)})
	s.serve(1)
	s.goTo("2026-11-23 08:30")
	s.everybody((*pupil).openQuiz)
	var frozen sync.WaitGroup
	frozen.Go(mariadb.Pause) // while they answer
	var refused, slow atomic.Int64
	for range 2 {
		s.everybody(func(p *pupil) {
			began := time.Now()
			p.answerThrough(&refused)
			if time.Since(began) > 5*time.Second {
				slow.Add(1)
			}
		})
		frozen.Wait()
	}
	if refused.Load() == 0 {
		t.Error("nobody was told that nothing was recorded: the freeze was not noticed")
	}
	// A figure to read, not a verdict: two cores with the race detector and other tests are no measure.
	t.Logf("%d of %d replies came after the platform's five seconds", slow.Load(), 2*len(s.pupils))
	mariadb.Resume()
	s.finishAllRight()
}

// finishAllRight waits until the replicas are ready, lets everybody answer to the end, and checks that
// what was right all along is listed so.
func (s *school) finishAllRight() {
	s.t.Helper()
	for _, r := range s.replicas {
		eventually(s.t, 30*time.Second, "the replica is ready", func() bool { status, _ := get(s.t, r.admin+"/readyz"); return status == http.StatusOK })
	}
	s.everybody((*pupil).finish)
	list := s.completionList("--course", "fang-fanpin")
	for _, p := range s.pupils {
		if l := list[p.name]["fang-fanpin"]; l.Done != 1 || l.Score != 100 {
			s.t.Errorf("%s: every answer was right, the list says %+v", p.name, l)
		}
	}
}

// answerThrough answers the open question; a reply that nothing was recorded keeps the question.
func (p *pupil) answerThrough(refused *atomic.Int64) {
	p.school.t.Helper()
	if !asks.MatchString(p.last) {
		return
	}
	before := p.last
	reply := p.say(p.key(before))
	if strings.Contains(reply, "没有记录成功") {
		refused.Add(1)
		p.last = before
		return
	}
	if !strings.Contains(reply, "已记录") && !strings.Contains(reply, "已经记下") {
		p.school.t.Errorf("%s: neither recorded nor refused: %q", p.name, reply)
	}
}

// A replica is killed in the middle of a push: who was not sent to yet is sent to by the other, who
// was in the air is unknown and counted, nobody is called reached who was not (B1, D2, D3).
func TestAReplicaIsKilledInMidPush(t *testing.T) {
	t.Parallel()
	s := openSchool(t, schoolOptions{pupils: 60, replicas: 2})
	s.serve(2)
	s.everybody((*pupil).follow)
	s.platform.Faults().Add(sim.Fault{Path: "/cgi-bin/message/custom/send", Kind: sim.FaultLatency, Ms: 300})
	s.platform.Clock().Set(s.at("2026-11-23 08:00"))
	eventually(t, 30*time.Second, "the push has begun", func() bool { return len(s.platform.Ledger().Via("", "custom")) > 3 })
	s.replicas[0].kill()
	s.platform.Faults().Clear(0)
	var p pushed
	eventually(t, 150*time.Second, "the push is done by the other replica", func() bool {
		p = s.push("2026-11-23")
		return p.Summary.Audience > 0 && p.Summary.States["pending"]+p.Summary.States["claimed"]+p.Summary.States["sending"] == 0
	})
	seen := map[string]int{}
	for _, x := range s.platform.Ledger().Via("", "custom") {
		seen[x.OpenID]++
	}
	for openid, n := range seen {
		if n > 1 {
			t.Errorf("%s saw the push %d times (D2)", openid, n)
		}
	}
	states := p.Summary.States
	if states["accepted"] > len(seen) || len(seen) > states["accepted"]+states["unknown"] {
		t.Errorf("people saw %d; accepted %d, unknown %d (D3)", len(seen), states["accepted"], states["unknown"])
	}
	if states["accepted"]+states["unknown"] != 60 {
		t.Errorf("somebody was lost: %v (D1)", states)
	}
	t.Logf("states after the kill: %v, seen by %d", states, len(seen))
}

func (s *school) at(moment string) time.Time {
	s.t.Helper()
	t, err := time.ParseInLocation("2006-01-02 15:04", moment, time.FixedZone("", 8*3600))
	if err != nil {
		s.t.Fatal(err)
	}
	return t
}
