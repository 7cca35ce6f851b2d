package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/tiangeng/tiangeng/store/storetest"
)

const phoneSecrets = "roster:\n  phone_keys: \"k1:QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=\"\n  phone_lookup_key: \"QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=\"\n"

// imported is what the API and the command line say of an import.
type imported struct {
	Accepted, Rejected int
	DryRun             bool
	Refused            string
	Version            int64
	Result             struct{ New, Changed, Moved, Returned, Left, Unchanged, Units, Enrolled int }
	Changes            []struct{ Kind, Name, UnitName string }
	Problems           []struct {
		Row             int
		Column, Message string
	}
}

// A county office imports by the API within its key: dry run, import, history, undo, template, exports.
func TestTheRosterByTheAPI(t *testing.T) {
	t.Parallel()
	b := openBureau(t, phoneSecrets)
	key := strings.TrimSpace(b.must("apikey", "new", "-c", b.config, "--scope", northVillage, "north-office"))
	const head = "姓名,单位代码,州市,县市区,乡镇街道,村社区,干部类别,绑定码,手机号\n"
	row := func(name, code, phone string) string {
		return name + "," + northVillage + ",示范州,田埂县,青松镇,新村村民委员会,村干部," + code + "," + phone + "\n"
	}
	before := b.must("roster", "export", "-c", b.config)
	good := head + row("罗明", "A0000", "13812345678") + row("李芳", "A0001", "") + row("新来", "B0001", "13987654321")
	b.withAPI(key, func(c *client) {
		load := func(query, body string, status int) (got imported) {
			t.Helper()
			out := c.call("POST", "/api/v1/roster/imports?"+query, body, status, &got)
			if status == http.StatusOK {
				c.known("RosterImport", out)
			}
			return got
		}
		// What is wrong is said beforehand, and nothing is written.
		got := load("dryRun=true", good+row("半", "B0002", "")+strings.Replace(row("外人", "B0003", ""), northVillage, southVillage, 1), http.StatusOK)
		if !got.DryRun || got.Accepted != 3 || got.Rejected != 2 || !strings.Contains(got.Refused, "超过了百分之5") || len(got.Problems) != 2 || got.Version != 0 {
			t.Errorf("%+v", got)
		}
		if p := got.Problems[1]; p.Row != 6 || p.Column == "" || !strings.Contains(p.Message, "青石") && !strings.Contains(p.Message, "代码") && !strings.Contains(p.Message, "管理范围") {
			t.Errorf("%+v", p)
		}
		c.call("POST", "/api/v1/roster/imports", good+row("半", "B0002", ""), http.StatusBadRequest, nil)
		c.call("POST", "/api/v1/roster/imports", strings.Replace(good, "手机号", "身份证号", 1), http.StatusBadRequest, nil)
		c.call("POST", "/api/v1/roster/imports?dryRun=maybe", good, http.StatusBadRequest, nil)
		c.call("POST", "/api/v1/roster/imports?full=999", good, http.StatusBadRequest, nil)
		c.call("POST", "/api/v1/roster/imports?cohort=none", good, http.StatusNotFound, nil)
		if full := load("dryRun=true&full="+southVillage, good, http.StatusOK); full.Refused == "" || full.Rejected != 3 {
			t.Errorf("a full roster of a unit that is not the key's: %+v", full)
		}
		if out := b.must("roster", "export", "-c", b.config); out != before {
			t.Errorf("dry runs and refused files changed the roster:\n%s", out)
		}
		file := "file=" + "C%3A%5C%E5%90%8D%E5%8D%95%5Cr-539901199001011237.csv"
		got = load(file, good, http.StatusOK)
		if got.Result.New != 1 || got.Result.Changed != 1 || got.Result.Unchanged != 1 || got.Version == 0 || len(got.Changes) != 2 || got.Changes[0].Kind != "changed" {
			t.Errorf("%+v", got)
		}
		if again := load(file, good, http.StatusOK); again.Version != 0 || again.Result.Unchanged != 3 {
			t.Errorf("again: %+v", again)
		}
		var list struct {
			Imports []struct {
				Version     int64
				File, Actor string
			}
		}
		c.known("RosterImportList", c.call("GET", "/api/v1/roster/imports", "", http.StatusOK, &list))
		if len(list.Imports) != 1 || list.Imports[0].Version != got.Version || list.Imports[0].File != "r-*.csv" || list.Imports[0].Actor != "api:north-office" {
			t.Errorf("%+v", list)
		}

		// Numbers are masked unless a reason is given, and only the key's people are in any file.
		export := c.call("GET", "/api/v1/roster/export?phones=masked", "", http.StatusOK, nil)
		if !strings.Contains(export, "138****5678") || strings.Contains(export, "13812345678") || strings.Contains(export, "岩温") || !strings.Contains(export, "新来") {
			t.Error(export)
		}
		if again := load("full="+northVillage, c.call("GET", "/api/v1/roster/export?phones=masked", "", http.StatusOK, nil), http.StatusOK); again.Version != 0 || again.Result.Unchanged != 4 {
			t.Errorf("the own export changes something: %+v", again)
		}
		if out := c.call("GET", "/api/v1/roster/export", "", http.StatusOK, nil); strings.Contains(out, "138") {
			t.Error(out)
		}
		c.call("GET", "/api/v1/roster/export?phones=plain", "", http.StatusBadRequest, nil)
		c.call("POST", "/api/v1/roster/exports", `{"format":"csv"}`, http.StatusBadRequest, nil)
		if out := c.call("POST", "/api/v1/roster/exports", `{"reason":"电话通知防汛"}`, http.StatusOK, nil); !strings.Contains(out, "13812345678") || !strings.Contains(out, "13987654321") {
			t.Error(out)
		}

		// Whose a number is: the key's people only, the same as on the command line.
		type found struct {
			People []struct {
				Learner                        int64
				Name, Unit, UnitName, Category string
			}
		}
		const find, luo = "/api/v1/roster/phones/find", `{"phone":"+86 138-1234-5678"}`
		var who, nobody found
		c.known("PhoneFound", c.call("POST", find, luo, http.StatusOK, &who))
		if len(who.People) != 1 || who.People[0].Unit != northVillage {
			t.Fatalf("%+v", who)
		}
		one := who.People[0]
		if want, line := fmt.Sprintf("%d\t%s\t%s\t%s\n", one.Learner, one.Name, one.UnitName, one.Category), b.must("roster", "phone", "-c", b.config, "13812345678"); line != want || one.Name != "罗明" {
			t.Errorf("the command line says %q, the API %q", line, want)
		}
		south := *c
		south.key = strings.TrimSpace(b.must("apikey", "new", "-c", b.config, "--scope", southVillage, "south-office"))
		if out := south.call("POST", find, luo, http.StatusOK, &nobody); out != `{"people":[]}`+"\n" || len(nobody.People) != 0 {
			t.Errorf("another village's key is told %q", out)
		}
		c.call("POST", find, `{"phone":"138****5678"}`, http.StatusBadRequest, nil)
		if out := c.call("GET", "/api/v1/roster/template?format=xlsx", "", http.StatusOK, nil); !strings.HasPrefix(out, "PK") {
			t.Error("the template is no workbook")
		}
		if out := c.call("GET", "/api/v1/roster/template", "", http.StatusOK, nil); !strings.Contains(out, "绑定码") || !strings.Contains(out, "手机号") {
			t.Error(out)
		}
		c.call("GET", "/api/v1/roster/template?format=doc", "", http.StatusBadRequest, nil)

		// Places in a class: by list, by rule, withdrawn, back.
		var n struct{ Enrolled int }
		c.known("Enrolled", c.call("POST", "/api/v1/classes/class-1/people", `{"learners":[7]}`, http.StatusOK, &n))
		if n.Enrolled != 1 {
			t.Error(n)
		}
		c.call("POST", "/api/v1/classes/class-1/people", `{"learners":[5]}`, http.StatusNotFound, nil)
		for _, act := range []string{"withdraw", "return", "waive", "return"} {
			c.call("POST", "/api/v1/classes/class-1/people/7/"+act, `{"reason":"调动"}`, http.StatusOK, nil)
			c.call("POST", "/api/v1/classes/class-1/people/7/"+act, `{"reason":" "}`, http.StatusBadRequest, nil)
			c.call("POST", "/api/v1/classes/class-1/people/5/"+act, `{"reason":"调动"}`, http.StatusNotFound, nil)
		}
		c.known("Enrolled", c.call("PUT", "/api/v1/classes/class-1/rules", `{"rules":[{"unit":"`+northVillage+`","category":"村干部"}]}`, http.StatusOK, &n))
		c.call("PUT", "/api/v1/classes/class-1/rules", `{"rules":[{"unit":"539901","category":""}]}`, http.StatusNotFound, nil)
		c.known("EnrolRuleList", c.call("GET", "/api/v1/classes/class-1/rules", "", http.StatusOK, nil))
		if got := load("", good+row("再来", "B0009", ""), http.StatusOK); got.Result.New != 1 || got.Result.Enrolled != 1 {
			t.Errorf("a late joiner: %+v", got)
		}

		for range 2 {
			c.known("RosterVersion", c.call("POST", "/api/v1/roster/imports/undo", "", http.StatusOK, nil))
		}
		c.call("POST", "/api/v1/roster/imports/undo", "", http.StatusNotFound, nil)
		if out := b.must("roster", "export", "-c", b.config); out != before {
			t.Errorf("undone, it is not as before:\n%s", out)
		}
		if out := c.call("POST", "/api/v1/roster/imports", strings.Repeat("x", maxUploadForTest+1), http.StatusBadRequest, nil); !strings.Contains(out, "64 MB") {
			t.Error(out)
		}
	})
}

const maxUploadForTest = 64 << 20

// bigRoster is a file of n people in villages of 24, from the first one on.
func bigRoster(n, first int) string {
	var b strings.Builder
	b.WriteString(rosterHead)
	for i := first; i < first+n; i++ {
		v := i / 24
		fmt.Fprintf(&b, "张%s,53990%d%03d%03d,云南省,示范州,县%s,镇%s,村%s,村干部,C%06d\n",
			string(rune('一'+i%500)), 1+v/10_000%9, 100+v/100%100, 200+v%100, numeral(v/10_000%9), numeral(v/100%100), numeral(v%100), i)
	}
	return b.String()
}

// An import that is killed at any moment leaves the roster as it was (R2), and the next one finds nothing in its way.
func TestAKilledImportLeavesTheRoster(t *testing.T) {
	t.Parallel()
	bin := buildBinary(t)
	for name, dsn := range map[string]string{"sqlite": "sqlite://" + filepath.Join(t.TempDir(), "k.db"), "mariadb": storetest.MariaDB(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			env := append(os.Environ(), "TIANGENG_DATABASE_DSN="+dsn, "TIANGENG_REDIS_URL="+storetest.Redis(t), "TIANGENG_LOG_LEVEL=error")
			small, large := filepath.Join(dir, "small.csv"), filepath.Join(dir, "large.csv")
			write(t, small, bigRoster(2_000, 0))
			write(t, large, strings.ReplaceAll(bigRoster(12_000, 1_000), "村干部", "村医"))
			mustRun(t, bin, env, "migrate")
			mustRun(t, bin, env, "roster", "import", small)
			list := func() string { return mustRun(t, bin, env, "roster", "export") }
			state := func() string { return list() + mustRun(t, bin, env, "roster", "history", "--json") }
			args := []string{"roster", "import", "--full", "539900", "--left-percent", "100", large}
			began := time.Now()
			mustRun(t, bin, env, args...)
			whole, complete := time.Since(began), list()
			mustRun(t, bin, env, "roster", "undo")
			before := state()
			killed, done := 0, 0
			for i := range 10 {
				ctx, cancel := context.WithTimeout(t.Context(), whole*time.Duration(i+1)/8)
				cmd := exec.CommandContext(ctx, bin, args...) // killed, not asked
				cmd.Env = env
				err := cmd.Run()
				cancel()
				if err == nil || list() == complete { // what is killed between the commit and its last word has done all of it
					done++
					mustRun(t, bin, env, "roster", "undo")
					before = state()
					continue
				}
				killed++
				if after := state(); after != before {
					t.Fatalf("killed after %s of %s it left something (%d and %d bytes)", whole*time.Duration(i+1)/8, whole, len(before), len(after))
				}
			}
			if killed < 3 {
				t.Errorf("only %d were killed in time, %d were done", killed, done)
			}
			var got imported
			if err := json.Unmarshal([]byte(mustRun(t, bin, env, append(args, "--json")...)), &got); err != nil || got.Accepted != 12_000 || got.Result.New+got.Result.Returned != 11_000 || got.Result.Changed != 1_000 || got.Result.Left != 1_000 {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// Files made to use up memory or time do neither, in the program as it is shipped.
func TestHostileRostersAreCheap(t *testing.T) {
	t.Parallel()
	bin, dir := buildShipped(t), t.TempDir()
	env := append(os.Environ(), "TIANGENG_DATABASE_DSN=sqlite://"+filepath.Join(dir, "h.db"), "TIANGENG_LOG_LEVEL=error")
	mustRun(t, bin, env, "migrate")
	const most = 300 << 10 // KB
	cell := "<row><c><v>1</v></c></row>"
	for name, data := range map[string][]byte{
		"five million texts": repacked(t, bookWith(t, nil), map[string]func(string) string{"xl/sharedStrings.xml": theSame("<sst>" + strings.Repeat("<si><t>a</t></si>", 5_000_000) + "</sst>")}),
		"half a million rows that are no good": sheetChanged(t, func(s string) string {
			head, _, _ := strings.Cut(s, `<row r="4"`)
			return head + strings.Repeat("<row>"+strings.Repeat("<c><v>1</v></c>", 8)+"</row>", 499_000) + "</sheetData></worksheet>"
		}),
		"two hundred megabytes of blank rows": sheetChanged(t, func(s string) string {
			return strings.Replace(s, "</sheetData>", strings.Repeat("<row></row>", 18<<20)+"</sheetData>", 1)
		}),
		"merged areas over everything": sheetChanged(t, func(s string) string {
			head, _, _ := strings.Cut(s, `<row r="4"`)
			return head + strings.Repeat(cell, 200_000) + "</sheetData><mergeCells>" + strings.Repeat(`<mergeCell ref="A1:CV1048576"/>`, 90) + "</mergeCells></worksheet>"
		}),
		"text that is one cell": []byte(rosterHead + strings.Repeat("长", 20<<20)),
		"ten million line ends": []byte(rosterHead + strings.Repeat("\n", 10_000_000)),
	} {
		file := filepath.Join(dir, "hostile")
		write(t, file, string(data))
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		cmd := exec.CommandContext(ctx, bin, "roster", "import", "--dry-run", file)
		cmd.Env = env
		peak := peakOf(t, cmd)
		cancel()
		if status := cmd.ProcessState.ExitCode(); status != statusFailed {
			t.Errorf("%s: exit %d (-1 is two minutes over)", name, status)
		}
		if peak > most || peak == 0 {
			t.Errorf("%s: %d KB resident", name, peak)
		}
		if used := cmd.ProcessState.UserTime(); used > time.Minute {
			t.Errorf("%s: %s of the processor", name, used)
		}
		t.Logf("%s: %d MB, %s", name, peak>>10, cmd.ProcessState.UserTime())
	}
}

// peakOf runs a command and returns the most memory it had resident, in KB. The usage that the kernel reports at the
// end counts the memory of this process too, from which the command was forked.
func peakOf(t *testing.T, cmd *exec.Cmd) (peak int64) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // the caller looks at its state
		close(ended)
	}()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return peak
		case <-tick.C:
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
			if err != nil {
				continue
			}
			_, line, _ := strings.Cut(string(status), "VmHWM:")
			var now int64
			if _, err := fmt.Sscan(line, &now); err == nil {
				peak = max(peak, now)
			}
		}
	}
}

// The class QR enrols whoever binds by it, people who were bound before, and nobody who left the class.
func TestTheClassQREnrolsAfterBinding(t *testing.T) {
	t.Parallel()
	s := openSchool(t, schoolOptions{pupils: 3})
	file := filepath.Join(t.TempDir(), "second.yaml")
	write(t, file, "cohorts:\n  - {code: class-2, name: 周末班, courses: [shanqu-bizai], start: \"2026-11-23\", hour: \"08:00\", days: workdays}\n")
	mustRun(t, s.bin, s.env, "cohort", "import", file)
	s.serve(1)
	s.goTo("2026-11-23 09:00")
	if list := s.completionList("--cohort", "class-2"); len(list) != 0 {
		t.Fatalf("somebody is in the class already: %v", list)
	}
	in := func(p *pupil) bool { return len(s.completionList("--cohort", "class-2")[p.name]) == 1 }
	one, two, three := s.pupils[0], s.pupils[1], s.pupils[2]
	if _, err := one.user.Follow(t.Context(), "class-2"); err != nil {
		t.Fatal(err)
	}
	if in(one) {
		t.Error("a place before the binding")
	}
	one.hears(one.triple(), "绑定好了", "周末班")
	two.follow() // by the other class's
	if e, err := two.user.Scan(t.Context(), "class-2"); err != nil || !strings.Contains(e.Reply.Text, "报上名") {
		t.Errorf("%q, %v", e.Reply.Text, err)
	}
	if !in(one) || !in(two) || in(three) {
		t.Error(s.completionList("--cohort", "class-2"))
	}
	id := ""
	for _, l := range s.completionList("--cohort", "class-2")[one.name] {
		id = fmt.Sprint(l.Learner)
	}
	mustRun(t, s.bin, s.env, "class", "withdraw", "class-2", "--learner", id, "--reason", "调走")
	if e, err := one.user.Scan(t.Context(), "class-2"); err != nil || !strings.Contains(e.Reply.Text, "不能再报名") {
		t.Errorf("%q, %v", e.Reply.Text, err)
	}
	s.goTo("2026-11-23 09:01") // the same code in the same second is the same message
	mustRun(t, s.bin, s.env, "class", "return", "class-2", "--learner", id, "--reason", "调回")
	if e, err := one.user.Scan(t.Context(), "class-2"); err != nil || !strings.Contains(e.Reply.Text, "已经在") {
		t.Errorf("%q, %v", e.Reply.Text, err)
	}
}

// A workbook that the template makes, filled in by another program, is imported.
func TestTheTemplateIsFilledIn(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "")
	o.setUp()
	o.must("roster", "template", "--format", "xlsx", "-o", o.path("t.xlsx"))
	f, err := excelize.OpenFile(o.path("t.xlsx"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.SetSheetRow("花名册", "A2", &[]any{"云南省", "示范州", "田埂县", "青松镇", "青石村委会", "539901100201", "张三", "村干部", "0042"}); err != nil {
		t.Fatal(err)
	}
	if err := f.Save(); err != nil {
		t.Fatal(err)
	}
	if out := o.must("roster", "import", "-c", o.config, "--dry-run", o.path("t.xlsx")); !strings.Contains(out, "新增 1 人") || !strings.Contains(out, "花名册没有改动") {
		t.Error(out)
	}
	o.must("roster", "import", "-c", o.config, o.path("t.xlsx"))
	if out := o.must("roster", "export", "-c", o.config); !strings.Contains(out, "'0042") {
		t.Error(out)
	}
	if out := o.must("roster", "undo", "-c", o.config); !strings.Contains(out, "撤掉新增的 1 人") {
		t.Error(out)
	}
}
