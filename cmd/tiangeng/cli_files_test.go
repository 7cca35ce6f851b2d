package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/tiangeng/tiangeng/bot/sheet"
	"github.com/tiangeng/tiangeng/content"
)

// refused runs a command that has to fail and to say why on standard error, and nowhere else.
func (o *office) refused(status int, why string, args ...string) {
	o.t.Helper()
	out, errs, got := o.run(args...)
	if got != status || !strings.Contains(errs, why) || out != "" {
		o.t.Errorf("%v: exit %d, want %d and %q on standard error\nstdout: %s\nstderr: %s", args, got, status, why, out, errs)
	}
}

// roster is the roster as it stands in the database, without the byte order mark.
func (o *office) roster() string {
	o.t.Helper()
	return strings.TrimPrefix(o.must("roster", "export", "-c", o.config), "\ufeff")
}

func TestAClassFileIsTakenWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "")
	o.migrate()
	const good = `  - {code: c-1, name: 甲班, courses: [fang-fanpin], start: "2026-12-01", hour: "08:00", days: workdays}` + "\n"
	cases := []struct{ name, text, why string }{
		{"the same code twice", "cohorts:\n" + good + good, "class 2 (c-1): code is that of class 1"},
		{"a second document", "cohorts:\n" + good + "---\ncohorts:\n" + good, "second document"},
		{"an hour without a nought", strings.Replace("cohorts:\n"+good, `"08:00"`, `"8:00"`, 1), "hour must"},
		{"an hour that is none", strings.Replace("cohorts:\n"+good, `"08:00"`, `"25:00"`, 1), "hour must"},
		{"an end before the start", strings.Replace("cohorts:\n"+good, `hour:`, `end: "2026-11-30", hour:`, 1), "end must"},
		{"a day that is none", strings.Replace("cohorts:\n"+good, "workdays", "[mon, noday]", 1), "days must"},
		{"no day", strings.Replace("cohorts:\n"+good, "workdays", "[]", 1), "days must"},
		{"a misspelt key", strings.Replace("cohorts:\n"+good, "name:", "nam:", 1), "there is no key nam"},
		{"no class", "cohorts: []\n", "no class"},
		{"an empty file", "", "no class"},
		{"no YAML", "cohorts: [\n", "yaml"},
		{"an unknown course in the second class", "cohorts:\n" + good + strings.NewReplacer("c-1", "c-2", "fang-fanpin", "no-such").Replace(good), "no-such"},
	}
	for i, c := range cases { // one database: after all of them it holds nothing
		name := o.path("bad-" + numeral(i) + ".yaml")
		write(t, name, c.text)
		out, errs, status := o.run("cohort", "import", "-c", o.config, name)
		if status != statusFailed || !strings.Contains(errs, c.why) || out != "" {
			t.Errorf("%s: exit %d\nstdout: %s\nstderr: %s", c.name, status, out, errs)
		}
	}
	if out := o.must("cohort", "list", "-c", o.config, "--json"); strings.TrimSpace(out) != "null" && strings.TrimSpace(out) != "[]" {
		t.Errorf("a refused file left classes behind: %s", out)
	}
}

// R1 for the forms that offices send: GBK from an old spreadsheet program, and XLSX. A dry run and a
// file that is too bad write no row.
func TestRosterFilesAsOfficesSendThem(t *testing.T) {
	t.Parallel()
	rows := rosterRow("张三", "A0001") + rosterRow("李四", "A0002") + rosterRow("欧阳·娜仁", "A0003")
	gbk, err := simplifiedchinese.GB18030.NewEncoder().Bytes([]byte(rosterHead + rows))
	if err != nil {
		t.Fatal(err)
	}
	var xlsx bytes.Buffer
	x := sheet.NewXLSX(&xlsx, sheet.XLSXOptions{Sheet: "名单"})
	for _, line := range strings.Split(strings.TrimSpace(rosterHead+rows), "\n") {
		if err := x.Write(sheet.RowData, texts(strings.Split(line, ","))); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	forms := map[string][]byte{
		"utf8.csv": []byte(rosterHead + rows), "bom.csv": []byte("\ufeff" + rosterHead + rows), "gbk.csv": gbk,
		"crlf.csv": []byte(strings.ReplaceAll(rosterHead+rows, "\n", "\r\n")), "tab.csv": []byte(strings.ReplaceAll(rosterHead+rows, ",", "\t")), "book.xlsx": xlsx.Bytes(),
	}
	want := ""
	for _, name := range []string{"utf8.csv", "bom.csv", "gbk.csv", "crlf.csv", "tab.csv", "book.xlsx"} {
		o := openOffice(t, "")
		o.setUp()
		file := o.path(name)
		write(t, file, string(forms[name]))
		o.must("roster", "import", "-c", o.config, "--cohort", "class-1", "--dry-run", file)
		if got := o.roster(); strings.Count(got, "\n") != 1 {
			t.Fatalf("%s: a dry run wrote rows:\n%s", name, got)
		}
		o.must("roster", "import", "-c", o.config, "--cohort", "class-1", file)
		got := o.roster()
		if want == "" {
			want = got
		}
		if d := cmp.Diff(want, got); d != "" || strings.Count(got, "\n") != 4 || !strings.Contains(got, "欧阳·娜仁") {
			t.Errorf("%s reads otherwise than utf8.csv:\n%s", name, d)
		}
	}
}

func TestARosterThatIsTooBadWritesNoRow(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "")
	o.setUp()
	before := o.roster()
	bad := rosterHead + rosterRow("张三", "A0001") + rosterRow("李四5", "A0002") + rosterRow("王五", "A 0?3") +
		strings.Replace(rosterRow("赵六", "A0004"), "539901100201", "53990110020", 1) + rosterRow("张三", "A0001")
	write(t, o.path("bad.csv"), bad)
	_, errs, status := o.run("roster", "import", "-c", o.config, "--cohort", "class-1", o.path("bad.csv"))
	for row, column := range map[string]string{"3": "姓名", "4": "绑定码", "5": "单位代码", "6": "姓名"} {
		if !strings.Contains(errs, "第 "+row+" 行") || !strings.Contains(errs, column) {
			t.Errorf("row %s, column %s is not named:\n%s", row, column, errs)
		}
	}
	if status != statusFailed || !strings.Contains(errs, "一行也没有导入") || o.roster() != before {
		t.Errorf("exit %d, roster afterwards:\n%s", status, o.roster())
	}
	if strings.Contains(errs, "李四") || strings.Contains(errs, "王五") {
		t.Errorf("the messages repeat names, and so would a log:\n%s", errs)
	}
	o.must("roster", "import", "-c", o.config, "--cohort", "class-1", "--bad-percent", "80", o.path("bad.csv"))
	if got := o.roster(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "张三") {
		t.Errorf("with --bad-percent 80 the one good row is taken:\n%s", got)
	}
	for name, text := range map[string]string{"empty.csv": "", "noise.xlsx": "PK\x03\x04 no workbook", "text.csv": "今天下雨\n"} {
		write(t, o.path(name), text)
		o.refused(statusFailed, name, "roster", "import", "-c", o.config, o.path(name))
	}
	write(t, o.path("one.csv"), rosterHead+rosterRow("钱七", "A0009"))
	o.refused(statusFailed, "no-class", "roster", "import", "-c", o.config, "--cohort", "no-class", o.path("one.csv"))
	if strings.Contains(o.roster(), "钱七") {
		t.Error("a roster for a class that there is not was written by half")
	}
}

// What a trainer does: take a course, check it, publish it, change it, and be told what is wrong.
func TestContentOutAndIn(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "")
	o.setUp()
	o.must("content", "export", o.path("mine"))
	out := o.must("content", "import", "-c", o.config, o.path("mine"))
	builtin, _ := content.Load(content.Builtin())
	for _, c := range builtin.Courses() {
		if !strings.Contains(out, c.Ref().Version) {
			t.Errorf("%s: what was exported has another hash than what is built in:\n%s", c.ID, out)
		}
	}
	var list []struct{ ID string }
	if err := json.Unmarshal([]byte(o.must("content", "list", "--json", o.path("mine"))), &list); err != nil || len(list) != len(builtin.Courses()) {
		t.Errorf("content list --json: %d courses, %v", len(list), err)
	}
	o.refused(statusFailed, "nothing is overwritten", "content", "export", o.path("mine"), "fang-fanpin")
	o.refused(statusFailed, "no-such", "content", "export", o.path("other"), "no-such")

	var broken []string
	for _, lesson := range []string{"fang-fanpin/01-san-lei-hu.md", "fang-fanpin/course.yaml"} {
		name := filepath.Join(o.path("mine"), "courses", filepath.FromSlash(lesson))
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		write(t, name, strings.NewReplacer("答案: ", "答安: ", "标题: ", "标提: ").Replace(string(data)))
		broken = append(broken, filepath.Base(name)+":")
	}
	for _, args := range [][]string{{"content", "check", o.path("mine")}, {"content", "import", "-c", o.config, o.path("mine")}} {
		out, errs, status := o.run(args...)
		for _, place := range broken {
			if status != statusFailed || !strings.Contains(out+errs, place) {
				t.Errorf("%v: exit %d, %s is not named:\n%s%s", args, status, place, out, errs)
			}
		}
	}
	listed, errs, status := o.run("content", "list", o.path("mine"))
	if status != statusDone || strings.Contains(listed, "fang-fanpin") || !strings.Contains(errs, broken[0]) {
		t.Errorf("a list without a course says why: exit %d\n%s%s", status, listed, errs)
	}
}

// tableLines reads the rows of people out of an exported table: number first, as wide as the headings.
func tableLines(rows [][]string) [][]string {
	var out [][]string
	inside := false
	for _, r := range rows {
		switch {
		case len(r) > 0 && r[0] == "序号":
			inside = true
		case len(r) > 0 && r[0] == "人次":
			inside = false
		case inside:
			out = append(out, append(append([]string{}, r...), make([]string, 17-len(r))...))
		}
	}
	return out
}

// The four forms show the same people; a cell that a spreadsheet program would run is text.
func TestTheListIsTheSameInEveryForm(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "")
	o.setUp()
	write(t, o.path("r.csv"), rosterHead+rosterRow("张三", "A0001")+rosterRow("李四", "A0002")+
		strings.Replace(rosterRow("王五", "A0003"), "村干部", "=1+1", 1)+strings.Replace(rosterRow("赵六", "A0004"), "村干部", "@SUM(1)", 1))
	o.must("roster", "import", "-c", o.config, "--cohort", "class-1", o.path("r.csv"))
	export := func(format string) string {
		return o.must("completions", "export", "-c", o.config, "--cut-off", "2099-01-01T00:00:00+08:00", "--cohort", "class-1", "--format", format)
	}

	text, marked := strings.CutPrefix(export("csv"), "\ufeff")
	if !marked {
		t.Error("the CSV has no byte order mark: Excel would show rubbish")
	}
	for _, formula := range []string{",=1+1", ",@SUM"} {
		if strings.Contains(text, formula) {
			t.Errorf("the CSV holds a formula: %s", text)
		}
	}
	reader := csv.NewReader(strings.NewReader(text))
	reader.FieldsPerRecord = -1
	raw, err := reader.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	fromCSV := tableLines(raw)
	for _, row := range fromCSV {
		row[6] = strings.TrimPrefix(row[6], "'")
	}
	if len(fromCSV) != 4 || fromCSV[0][5] == "" {
		t.Fatalf("four people who did nothing are %d lines:\n%s", len(fromCSV), text)
	}

	book := export("xlsx")
	var cellsOf [][]string
	for row, err := range sheet.Read(strings.NewReader(book), int64(len(book)), "list.xlsx", sheet.DefaultLimits()) {
		if err != nil {
			t.Fatal(err)
		}
		cellsOf = append(cellsOf, row.Cells)
	}
	fromXLSX := tableLines(cellsOf)
	for _, row := range fromXLSX {
		if row[14] == "0" {
			row[14] = "0.00" // study hours are a number there; its format makes two places of it
		}
	}
	if d := cmp.Diff(fromCSV, fromXLSX); d != "" {
		t.Errorf("XLSX and CSV differ:\n%s", d)
	}

	var list struct {
		Lines []struct{ Name, Category, Village, Status string }
	}
	if err := json.Unmarshal([]byte(export("json")), &list); err != nil || len(list.Lines) != len(fromCSV) {
		t.Fatalf("JSON: %d lines, %v", len(list.Lines), err)
	}
	page := export("html")
	for i, l := range list.Lines {
		if d := cmp.Diff([]string{l.Village, l.Name, l.Category}, fromCSV[i][4:7]); d != "" || l.Status != "not_bound" {
			t.Errorf("JSON line %d (%s):\n%s", i+1, l.Status, d)
		}
		if !strings.Contains(page, ">"+l.Name+"<") {
			t.Errorf("the HTML leaves out %s", l.Name)
		}
	}
}

// A list is whole or it is not there; and a slip of the pen is not an empty list to file.
func TestAListIsWholeOrNotThere(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "")
	o.setUp()
	write(t, o.path("r.csv"), rosterHead+rosterRow("张三", "A0001"))
	o.must("roster", "import", "-c", o.config, "--cohort", "class-1", o.path("r.csv"))
	export := func(more ...string) []string {
		return append([]string{"completions", "export", "-c", o.config}, more...)
	}
	list := filepath.Join(o.path("lists"), "list.csv")
	if err := os.Mkdir(o.path("lists"), 0o700); err != nil {
		t.Fatal(err)
	}
	if out, errs, status := o.run(export("-o", list)...); status != statusDone || out != "" || !strings.Contains(errs, "1 lines") {
		t.Errorf("exit %d\nstdout: %s\nstderr: %s", status, out, errs)
	}
	before, err := os.ReadFile(list)
	if err != nil || !bytes.Contains(before, []byte("张三")) {
		t.Fatalf("the list: %v\n%s", err, before)
	}
	o.refused(statusFailed, "no-class", export("-o", list, "--cohort", "no-class")...)
	o.refused(statusFailed, "no-course", export("-o", list, "--course", "no-course")...)
	o.refused(statusMisused, "请对调一下", export("-o", list, "--from", "2026-12-02", "--to", "2026-12-01")...)
	o.refused(statusMisused, "yesterday", export("-o", list, "--cut-off", "yesterday")...)
	o.refused(statusMisused, "pdf", export("-o", list, "--format", "pdf")...)
	o.refused(statusFailed, "writing lists", export("-o", o.path("lists"))...) // a folder has that name
	o.must(export("-o", list, "--course", "fang-fanpin")...)
	if left, err := filepath.Glob(filepath.Join(o.dir, ".tiangeng-*")); err != nil || len(left) > 0 {
		t.Errorf("a list that was not finished is lying about: %v %v", left, err)
	}
	if files, err := os.ReadDir(o.path("lists")); err != nil || len(files) != 1 {
		t.Errorf("the folder holds %d files: %v", len(files), err)
	}
}
