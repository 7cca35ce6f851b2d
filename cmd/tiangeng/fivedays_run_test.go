package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot/report"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/store/storetest"
)

const fiveDaysFile = `cohorts:
  - code: class-1
    name: 村干部示范培训班（第一期）
    start: "2026-11-23"
    meets: {place: 县委党校, on: ["2026-11-23", "2026-11-24", "2026-11-25", "2026-11-26", "2026-11-27"], times: ["09:00-11:30", "14:30-17:00"], hours: 4}
`

// fiveDays is a class of 148 people for five days, two sessions a day, and what each session was for each of them by
// the test's own book-keeping.
type fiveDays struct {
	*school
	id      []int
	trainer *pupil // on the list of no class
	page    string // what the address of the trainer's page ends with
	kept    []map[string]any
	want    [][]string // pupil → session → word of the register
	flush   func()
}

// Groups of people, by place on the list.
const (
	comers       = 90  // up to here everybody comes to everything, and scans or types
	photos       = 98  // sit at home and scan pictures that somebody sends them: old codes
	relayed      = 102 // in session 1 somebody in the hall sends them the code while it is good
	leaveOne     = 106 // leave from session 3
	leaveMadeUp  = 107 // leave from 3 and 4, makes one up
	leaveTooMuch = 108 // leave from 3 and 4
	phoneless    = 112 // the trainer ticks them
	paperRow     = 122 // sign the paper in session 8, where the last rows have no signal
	lateComers   = 126 // late in session 2
	earlyLeavers = 128 // leave session 4 early
	lender       = 129 // lends the phone in session 6 …
	borrower     = 130 // … to somebody who is not there and else is ticked
	dropsOut     = 131 // taken out of the class after session 6
	waived       = 132 // freed from the beginning
	skipsTwo     = 133 // misses 9 and 10 without a word
	all          = 148
)

// A class of five days from the plan to the list that is stamped. Photos of the code are passed on, one morning has no
// signal, the last rows sign on paper, people are late, leave early, ask for leave and make up, two use one phone, a
// guest comes; Redis is flushed in the middle. In the end the register is the same on the command line, over the API and in the file, and
// what the test itself has counted; the ledger is what the recount gives.
func TestAClassOfFiveDays(t *testing.T) {
	t.Parallel()
	redis := storetest.StartRedis(t)
	c := &fiveDays{school: openSchool(t, schoolOptions{pupils: all, redis: redis.URL()}), flush: redis.FlushAll}
	c.prepare()
	for n := 1; n <= 10; n++ {
		c.sitting(n)
	}
	c.afterwards()
	c.compare()
}

// day of session n, and the hour at which its phones begin to sign in.
func (c *fiveDays) at(n int, morning, afternoon string) string {
	hour := morning
	if n%2 == 0 {
		hour = afternoon
	}
	return fmt.Sprintf("2026-11-%d %s", 23+(n-1)/2, hour)
}

func (c *fiveDays) run(args ...string) string {
	c.t.Helper()
	return mustRun(c.t, c.bin, c.env, args...)
}

func (c *fiveDays) prepare() {
	t := c.t
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "class.yaml"), fiveDaysFile)
	c.run("cohort", "import", filepath.Join(dir, "class.yaml"))
	write(t, filepath.Join(dir, "other.csv"), "姓名,单位代码,省,州市,县市区,乡镇街道,村社区,干部类别,绑定码\n教员甲,539901100201,云南省,示范州,田埂县,青松镇,新村村民委员会,村干部,T00001\n旁听乙,539901100202,云南省,示范州,田埂县,青松镇,大河边村民委员会,村干部,T00002\n")
	c.run("roster", "import", filepath.Join(dir, "other.csv"))
	c.run("trainer", "add", "--scope", "5399", "--name", "教员甲", "--unit", "539901100201")
	c.env = append(c.env, "TIANGENG_PUBLIC_URL=https://learn.example")
	c.serve(1)
	c.id = c.numbers()
	c.file(24, func(p *pupil) {
		if p.index != borrower-1 && !c.ticked(p.index) { // they have no phone
			p.follow()
		}
	})
	c.trainer = c.stranger("教员甲", "新村", "T00001")
	c.trainer.hears("点名", "https://learn.example/t/#")
	// What the chat gives ends with the day; the office gives one for the week.
	_, after, _ := strings.Cut(c.run("class", "link", "class-1", "--trainer", strings.Split(c.rows("SELECT learner_id FROM trainers")[0], "|")[0]), "#")
	c.page = strings.TrimSpace(after)

	for range c.pupils {
		c.want = append(c.want, slices.Repeat([]string{"到"}, 10))
	}
	for i := range c.pupils {
		for n := 1; n <= 10; n++ {
			switch {
			case c.between(i, comers, photos):
				c.set(i, n, "缺勤")
			case c.between(i, dropsOut-1, dropsOut) && n > 6, c.between(i, waived-1, waived):
				c.set(i, n, "")
			}
		}
	}
	for i := range c.pupils {
		switch {
		case c.between(i, photos, relayed):
			c.set(i, 1, "缺勤") // refuted, after the heads were counted
		case c.between(i, relayed, leaveOne):
			c.set(i, 3, "请假")
		case c.between(i, leaveOne, leaveTooMuch):
			c.set(i, 3, "请假")
			c.set(i, 4, "请假")
		case c.between(i, paperRow, lateComers):
			c.set(i, 2, "迟到")
		case c.between(i, lateComers, earlyLeavers):
			c.set(i, 4, "早退")
		case c.between(i, lender, borrower):
			c.set(i, 6, "缺勤")
		case c.between(i, waived, skipsTwo):
			c.set(i, 9, "缺勤")
			c.set(i, 10, "缺勤")
		}
	}
	c.run("class", "waive", "class-1", "--learner", strconv.Itoa(c.id[waived-1]), "--reason", "已有结业证书")
}

func (c *fiveDays) between(i, from, to int) bool    { return i >= from && i < to }
func (c *fiveDays) set(i, session int, word string) { c.want[i][session-1] = word }
func (c *fiveDays) ticked(i int) bool {
	return c.between(i, leaveTooMuch, phoneless) || i == borrower-1
}

// stranger is somebody with a phone who is on the roster and in no class.
func (c *fiveDays) stranger(name, village, code string) *pupil {
	c.t.Helper()
	openid := "oE2E_canary_stranger_" + code
	p := &pupil{school: c.school, index: -1, name: name, code: code, openid: openid, user: c.platform.As(openid)}
	if _, err := p.user.Follow(context.Background(), ""); err != nil {
		c.t.Fatal(err)
	}
	if reply := p.say(name + " " + village + " " + code); !strings.Contains(reply, "绑定好了") {
		c.t.Fatal(reply)
	}
	return p
}

// there is who is in the hall in session n.
func (c *fiveDays) there(i, n int) bool {
	switch c.want[i][n-1] {
	case "到", "迟到", "早退":
		return true
	}
	return false
}

// sitting is one session: sign in, count heads, close.
func (c *fiveDays) sitting(n int) {
	t := c.t
	t.Helper()
	if n == 1 {
		c.goTo("2026-11-23 08:20")
		for i := relayed; i < leaveTooMuch; i++ {
			c.pupils[i].hears("请假 "+map[bool]string{true: "3", false: "3-4"}[i < leaveOne]+" 防火值班", "报上去了")
		}
		for k := 1; k <= leaveTooMuch-relayed; k++ {
			if reply := c.trainer.say(fmt.Sprint("准假 ", k)); !strings.Contains(reply, "准假了") {
				t.Fatal(reply)
			}
		}
	}
	c.goTo(c.at(n, "08:45", "14:15"))
	key := c.screenKeyOf(n)
	rule, clock := study.ClassRule2026, c.platform.Clock()
	scan := func(p *pupil, code, want string) {
		e, err := p.user.ScanButton(context.Background(), "SIGNIN", code, true)
		if err != nil || !strings.Contains(e.Reply.Text, want) {
			t.Errorf("session %d: %s scans: %q, %v", n, p.name, e.Reply.Text, err)
		}
	}
	c.file(14, func(p *pupil) {
		i := p.index
		code, number, _ := rule.Codes(key, clock.Now())
		switch {
		case n == 5: // no signal in the whole hall
		case c.between(i, comers, photos) && n <= 2:
			old, _, _ := rule.Codes(key, clock.Now().Add(-3*time.Minute))
			scan(p, old, "过期")
		case n == 1 && c.between(i, photos, relayed):
			scan(p, code, "签到好了") // nobody can tell
		case !c.there(i, n), c.ticked(i), n == 8 && c.between(i, phoneless, paperRow), n == 2 && c.between(i, paperRow, lateComers):
		case i%3 == 2:
			p.hears("签到 "+number, "签到好了")
		default:
			scan(p, code, "签到好了")
		}
	})
	switch n {
	case 2:
		c.goTo(c.at(n, "", "14:41"))
		code, _, _ := rule.Codes(key, clock.Now())
		for i := paperRow; i < lateComers; i++ {
			scan(c.pupils[i], code, "迟到")
		}
	case 6: // one phone, two people
		p := c.pupils[lender-1]
		if reply := p.say(fmt.Sprintf("绑定 %s %s %s", c.pupils[borrower-1].name, villages[(borrower-1)%3], c.pupils[borrower-1].code)); !strings.Contains(reply, "绑定好了") {
			t.Fatal(reply)
		}
		_, number, _ := rule.Codes(key, clock.Now())
		p.hears("签到 "+number, "签到好了", c.pupils[borrower-1].name)
		p.hears("换人", c.pupils[lender-1].name)
		p.say(c.pupils[lender-1].name)
	case 9: // Redis forgets everything: nobody is in twice, and an old picture stays old
		before := c.rows("SELECT COUNT(*) FROM attendance_events")
		c.flush()
		code, _, _ := rule.Codes(key, clock.Now())
		old, _, _ := rule.Codes(key, clock.Now().Add(-10*time.Minute))
		scan(c.pupils[0], code, "已经签到")
		scan(c.pupils[comers], old, "过期")
		other, _, _ := rule.Codes(c.screenKeyOf(8), clock.Now())
		scan(c.pupils[comers], other, "现在不能签到")
		if after := c.rows("SELECT COUNT(*) FROM attendance_events"); after[0] != before[0] {
			t.Errorf("%s events, %s before", after, before)
		}
	case 7: // not on the list
		code, _, _ := rule.Codes(key, clock.Now())
		scan(c.stranger("旁听乙", "大河边", "T00002"), code, "不在")
	}
	var heads int
	var ticks []map[string]any
	c.goTo(c.at(n, "10:00", "15:30"))
	tick := func(i int, as, note string) {
		ticks = append(ticks, map[string]any{"id": fmt.Sprintf("%s-%02d-%04d", as, n, i), "session": n, "learner": c.id[i], "as": as, "note": note, "at": clock.Now().UnixMilli()})
	}
	for i := range c.pupils {
		if !c.there(i, n) {
			continue
		}
		heads++
		if n == 5 || c.ticked(i) {
			tick(i, "tick", "")
		}
	}
	switch n {
	case 1: // the heads are four fewer than the system says: the names are called
		for i := photos; i < relayed; i++ {
			tick(i, "refute", "点名不在")
		}
	case 6:
		tick(lender-1, "confirm", "当面核实")
		tick(borrower-1, "refute", "点名不在")
	}
	ticks = append(ticks, map[string]any{"id": fmt.Sprintf("count-%02d-0000", n), "session": n, "counting": true, "heads": heads, "at": clock.Now().UnixMilli()})
	if n == 5 {
		c.kept = ticks // until there is signal again
	} else {
		c.send(ticks)
	}
	if n == 4 {
		for i := lateComers; i < earlyLeavers; i++ {
			c.pupils[i].hears("签退", "早退")
		}
	}
	c.goTo(c.at(n, "11:35", "17:05"))
	c.run("class", "close", "class-1", strconv.Itoa(n))
	switch n {
	case 5: // in the afternoon there is signal: what the page kept, and once more because an answer was lost
		c.goTo("2026-11-25 13:00")
		if fates := c.send(c.kept[:len(c.kept)/2]); fates["kept"] != len(c.kept)/2 {
			t.Errorf("%v", fates)
		}
		if fates := c.send(c.kept); fates["known"] != len(c.kept)/2 || fates["kept"] != len(c.kept)-len(c.kept)/2 {
			t.Errorf("%v", fates)
		}
	case 6:
		c.run("class", "withdraw", "class-1", "--learner", strconv.Itoa(c.id[dropsOut-1]), "--reason", "调离")
	case 8: // the paper sheet, in the evening
		paper := "学员编号\n"
		for i := phoneless; i < paperRow; i++ {
			paper += strconv.Itoa(c.id[i]) + "\n"
		}
		file := filepath.Join(t.TempDir(), "paper.csv")
		write(t, file, paper)
		if out := c.run("class", "attend", "class-1", "8", "--as", "paper", "--learners", file); out != "10\n" {
			t.Error(out)
		}
	}
}

// screenKeyOf is what the camera of a phone would read from the screen of session n.
func (c *fiveDays) screenKeyOf(n int) study.SignKey {
	c.t.Helper()
	id, secret, _ := strings.Cut(c.rows("SELECT id, HEX(secret) FROM sessions WHERE number = " + strconv.Itoa(n))[0], "|")
	number, errID := strconv.Atoi(id)
	key, err := hex.DecodeString(secret)
	if err != nil || errID != nil {
		c.t.Fatal(err, errID)
	}
	return study.SignKey{Session: study.SessionID(number), Secret: key}
}

// send is what the trainer's page does when it has signal; it tells how many had which fate.
func (c *fiveDays) send(ticks []map[string]any) map[string]int {
	c.t.Helper()
	body, err := json.Marshal(map[string]any{"clock": c.platform.Clock().Now().UnixMilli(), "ticks": ticks})
	if err != nil {
		c.t.Fatal(err)
	}
	var answer struct {
		Done []struct{ ID, Fate, Why string }
	}
	(&client{t: c.t, base: c.replicas[0].public, key: c.page}).call(http.MethodPost, "/t/sheet", string(body), http.StatusOK, &answer)
	fates := map[string]int{}
	for _, d := range answer.Done {
		fates[d.Fate]++
		if d.Why != "" {
			c.t.Errorf("%s: %s", d.ID, d.Why)
		}
	}
	return fates
}

// afterwards: one session is made up inside the days of the rule, another one too late.
func (c *fiveDays) afterwards() {
	t := c.t
	t.Helper()
	c.goTo("2026-11-30 10:00")
	makeUp := func(i, session int) []string {
		return []string{"class", "make-up", "class-1", strconv.Itoa(session), "--learner", strconv.Itoa(c.id[i]), "--note", "党校培训科批准"}
	}
	c.run(makeUp(leaveMadeUp-1, 3)...)
	c.set(leaveMadeUp-1, 3, "补学")
	if _, errs, status := runBinary(t, c.bin, c.env, makeUp(0, 3)...); status != statusFailed || !strings.Contains(errs, "不用补学") {
		t.Errorf("%d %s", status, errs)
	}
	c.goTo("2026-12-28 10:00")
	if _, errs, status := runBinary(t, c.bin, c.env, makeUp(leaveTooMuch-1, 3)...); status != statusFailed || !strings.Contains(errs, "30 天内") {
		t.Errorf("%d %s", status, errs)
	}
}

// judged is one line of the register.
type judged struct {
	Words    []string
	Credited string
	Verdict  string
}

// counted is what the test's own book-keeping makes of somebody.
func (c *fiveDays) counted(i int) judged {
	j := judged{Words: c.want[i], Verdict: "结业"}
	hours, missed := 0, 0
	for _, w := range j.Words {
		switch w {
		case "到", "迟到", "补学":
			hours += 4
		case "缺勤", "早退", "请假":
			missed += 4
		}
	}
	j.Credited = strconv.Itoa(hours)
	switch {
	case i == dropsOut-1:
		j.Verdict = "退学"
	case i == waived-1:
		j.Verdict = "免修"
	case missed*7 > 40:
		j.Verdict = "缺课超过七分之一"
	}
	return j
}

// compare reads the register at every surface.
func (c *fiveDays) compare() {
	t := c.t
	t.Helper()
	want := map[int]judged{}
	for i := range c.pupils {
		want[c.id[i]] = c.counted(i)
	}
	guest, err := strconv.Atoi(c.rows("SELECT id FROM learners WHERE name = '旁听乙'")[0])
	if err != nil {
		t.Fatal(err)
	}
	want[guest] = judged{Words: []string{"", "", "", "", "", "", "待核实", "", "", ""}, Credited: "0", Verdict: "名单外"}

	var roll study.Roll
	if err := json.Unmarshal([]byte(c.run("class", "roll", "class-1", "--json")), &roll); err != nil {
		t.Fatal(err)
	}
	got := map[int]judged{}
	for _, l := range roll.Lines {
		j := judged{Credited: l.Standing.Credited.String(), Verdict: report.Verdict(roll, l)}
		for _, a := range l.Attended {
			j.Words = append(j.Words, report.PresenceWord(a.Presence))
		}
		got[int(l.Learner.ID)] = j
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the command line:\n%s", diff)
	}

	key := strings.TrimSpace(c.run("apikey", "new", "--scope", "5399", "office"))
	var answer struct {
		People []struct {
			Learner           int
			Credited, Verdict string
			Attended          []struct{ Word string }
		}
	}
	(&client{t: t, base: c.replicas[0].public, key: key}).call(http.MethodGet, "/api/v1/classes/class-1/roll", "", http.StatusOK, &answer)
	got = map[int]judged{}
	for _, p := range answer.People {
		j := judged{Credited: p.Credited, Verdict: p.Verdict}
		for _, a := range p.Attended {
			j.Words = append(j.Words, a.Word)
		}
		got[p.Learner] = j
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the API:\n%s", diff)
	}

	file := []byte(c.run("class", "roll", "class-1", "--format", "csv"))
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(file, []byte("\ufeff"))))
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	head := slices.IndexFunc(rows, func(row []string) bool { return slices.Contains(row, "学员编号") })
	column := func(name string) int { return slices.Index(rows[head], name) }
	got = map[int]judged{}
	for _, row := range rows[head+1:] {
		id, err := strconv.Atoi(row[min(column("学员编号"), len(row)-1)])
		if err != nil || len(row) < len(rows[head]) {
			continue // the total
		}
		first := slices.Index(rows[head], "11月23日上午")
		hours, err := strconv.ParseFloat(row[column("实得学时")], 64)
		if err != nil {
			t.Error(row)
		}
		got[id] = judged{Words: row[first : first+10], Credited: strconv.FormatFloat(hours, 'f', -1, 64), Verdict: row[column("结论")]}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the file:\n%s", diff)
	}

	// The ledger is what the register gives, and what the recount finds.
	hours := map[int]int{}
	for _, row := range c.rows("SELECT learner_id, SUM(hundredths) FROM ledger WHERE source_kind = 'session' GROUP BY learner_id") {
		id, sum, _ := strings.Cut(row, "|")
		n, errID := strconv.Atoi(id)
		h, errSum := strconv.Atoi(sum)
		if errID != nil || errSum != nil {
			t.Fatal(row)
		}
		hours[n] = h
	}
	for id, j := range want {
		if strconv.Itoa(hours[id]/100) != j.Credited || hours[id]%100 != 0 {
			t.Errorf("%d has %d hundredths in the ledger, %s on the register", id, hours[id], j.Credited)
		}
	}
	if out := c.run("ledger", "verify"); out != "" {
		t.Error(out)
	}
	c.pupils[0].hears("我的学习", "40")
	c.pupils[leaveTooMuch-1].hears("我的学习", "32")

	// Heads and system agree in every session, but for the guest whom nobody has confirmed.
	for i, counted := range roll.Counted {
		n := study.Tally(roll.Lines, i)
		if there := n[study.Present] + n[study.Late] + n[study.LeftEarly]; counted != there || n[study.PresenceDoubt] != map[bool]int{true: 1}[i == 6] {
			t.Errorf("session %d: %d heads, %d there, %d doubtful", i+1, counted, there, n[study.PresenceDoubt])
		}
	}
	page := c.run("class", "roll", "class-1", "--format", "html")
	if strings.Count(page, "<tr>") != len(want)+1 || !strings.Contains(page, "单位（盖章）：") || strings.Contains(page, "不是最后结果") {
		t.Errorf("the page to stamp has %d rows", strings.Count(page, "<tr>"))
	}
	write(t, filepath.Join(t.ArtifactDir(), "register.html"), page)
	write(t, filepath.Join(t.ArtifactDir(), "sheet.html"), c.run("class", "sheet", "class-1", "8"))
}
