package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tiangeng/tiangeng/bot/people"
)

// A year of a county's units on the command line and by the API: from its own table, through a merger, to what
// people are told afterwards.
func TestUnitsOfACounty(t *testing.T) {
	t.Parallel()
	b := openBureau(t, "")
	file := func(name, text string) string {
		write(t, b.path(name), text)
		return b.path(name)
	}
	units := func(args ...string) string {
		t.Helper()
		return b.must(append([]string{"units", args[0], "-c", b.config}, args[1:]...)...)
	}
	has := func(what, text string, want ...string) {
		t.Helper()
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s: %q is not in\n%s", what, w, text)
			}
		}
	}
	table := file("table.csv", "田埂县乡镇村名单,,\n统计用区划代码,单位名称,备注\n539901101,白水镇,\n539901101201,新村村民委员会,新\n539901101202,白水村民委员会,\n53990110X,坏镇,\n539902001,无根镇,\n")
	has("a dry run", units("import", "--dry-run", "--bad-percent", "50", table), "3 行可以用，2 行不能用", "新设 3 个", "示范州·田埂县·白水镇·新村村民委员会", "没有改动")
	out, messages, status := b.run("units", "import", "-c", b.config, table)
	if status != statusFailed || out != "" {
		t.Errorf("too many bad rows: %d %s", status, out)
	}
	has("what is wrong", messages, "第 6 行", "统计用区划代码", "单位代码“53990110X”不对", "没有读这些列：备注")
	has("importing", units("import", "--bad-percent", "50", table), "新设 3 个")
	has("again", units("import", "--bad-percent", "50", table), "新设 0 个", "没有变动 3 个")
	has("searching", units("search", "新村"), "青松镇·新村村民委员会", "白水镇·新村村民委员会")

	has("merging, first dry", units("merge", "--dry-run", "--day", "2026-01-10", "539901100", "539901101"), "合并 1 个，划转 2 个", "539901101203 示范州·田埂县·白水镇·新村村民委员会", "没有改动", "6 人")
	has("merging", units("merge", "--day", "2026-01-10", "--document", "田政发〔2026〕3号", "539901100", "539901101"), "合并 1 个，划转 2 个", "有 6 人跟着换了单位")
	has("what became of it", units("show", "539901100"), "去向", "539901101000", "2026-01-10", "田政发〔2026〕3号")
	has("found by its old name", units("search", "青松镇"), "白水镇", "示范州·田埂县·青松镇")
	out, messages, status = b.run("units", "check", "-c", b.config)
	if status != statusFailed || !strings.Contains(messages, "查出 1 处") {
		t.Errorf("two villages of one name in one township: %d %s %s", status, out, messages)
	}
	has("a finding", out, "539901101203", "和 539901101201 在同一个上级下面，名称一样")
	_, messages, status = b.run("roster", "import", "-c", b.config, b.path("r.csv"))
	if status != statusFailed || !strings.Contains(messages, "现在是 539901101203") {
		t.Errorf("a roster with old codes: %d %s", status, messages)
	}
	for _, format := range []string{"csv", "xlsx"} {
		name := b.path("all." + format)
		units("export", "--format", format, "-o", name)
		has("the export again", units("import", name, "--full", "53"), "新设 0 个，更名 0 个，合并 0 个，划转 0 个，撤销 0 个")
	}
	nested := file("tree.json", `[{"code":"53","name":"云南省","children":[{"code":"5399","name":"示范州","children":[{"code":"539901","name":"田埂县","children":[{"code":"539901102","name":"红土镇"}]}]}]}]`)
	has("JSON", units("import", nested), "新设 1 个", "红土镇", "没有变动 3 个")
	_, messages, status = b.run("units", "import", "-c", b.config, file("bad.json", `[{"code":"53"`))
	if status != statusFailed || !strings.Contains(messages, "JSON") {
		t.Errorf("half a file: %d %s", status, messages)
	}

	key := strings.TrimSpace(b.must("apikey", "new", "-c", b.config, "--scope", "539901", "county"))
	b.withAPI(key, func(c *client) {
		var list struct{ Units []people.UnitLine }
		c.known("UnitList", c.call("GET", "/api/v1/units?below=539901", "", http.StatusOK, &list))
		if len(list.Units) != 2 || list.Units[0].Short != "白水镇" || list.Units[0].People != 6 || list.Units[0].Children != 4 {
			t.Errorf("%+v", list)
		}
		c.known("UnitList", c.call("GET", "/api/v1/units?q=%E6%96%B0%E6%9D%91", "", http.StatusOK, &list))
		if len(list.Units) != 2 || list.Units[1].Code != "539901101203" {
			t.Errorf("%+v", list)
		}
		var life people.UnitLife
		c.known("UnitLife", c.call("GET", "/api/v1/units/539901101203", "", http.StatusOK, &life))
		if len(life.Events) != 1 || life.Events[0].Document == "" || life.People != 3 {
			t.Errorf("%+v", life)
		}
		// The file is the command line's for the same unit, and changes nothing.
		all := c.call("GET", "/api/v1/units/export", "", http.StatusOK, nil)
		if cli := units("export", "--unit", "539901"); all != cli || !strings.Contains(all, "539901101203") {
			t.Errorf("the command line writes\n%s\nthe API\n%s", cli, all)
		}
		has("the API's export again", units("import", file("api.csv", all), "--full", "539901"), "新设 0 个，更名 0 个，合并 0 个，划转 0 个，撤销 0 个")
		if xlsx := c.call("GET", "/api/v1/units/export?format=xlsx", "", http.StatusOK, nil); !strings.HasPrefix(xlsx, "PK") {
			t.Error("as XLSX: it is none")
		}
		c.known("Error", c.call("GET", "/api/v1/units/export?format=doc", "", http.StatusBadRequest, nil))
		var done struct {
			DryRun  bool
			Changes []people.UnitChange
			People  int
		}
		c.known("UnitChanged", c.call("POST", "/api/v1/units/539901101203/rename", `{"name":"青松村民委员会","day":"2026-01-20","document":"田政发〔2026〕5号"}`, http.StatusOK, &done))
		if len(done.Changes) != 1 || done.Changes[0].Before != "新村村民委员会" {
			t.Errorf("%+v", done)
		}
		c.known("UnitChanged", c.call("POST", "/api/v1/units/539901101201/merge", `{"into":"539901101202","dryRun":true}`, http.StatusOK, &done))
		c.known("UnitChanged", c.call("POST", "/api/v1/units/539901101201/move", `{"into":"539901102201"}`, http.StatusOK, &done))
		c.known("UnitChanged", c.call("POST", "/api/v1/units/539901102/end", `{}`, http.StatusOK, &done))
		c.known("Error", c.call("POST", "/api/v1/units/539901101/end", `{}`, http.StatusConflict, nil))
		c.known("Error", c.call("POST", "/api/v1/units/539901/rename", `{"name":"大县"}`, http.StatusNotFound, nil))
		c.known("Error", c.call("POST", "/api/v1/units/5399011/rename", `{"name":"大县"}`, http.StatusBadRequest, nil))
		c.known("Error", c.call("GET", "/api/v1/units/5301", "", http.StatusNotFound, nil))
		var counts struct{ Units []people.UnitCount }
		c.known("UnitCountList", c.call("GET", "/api/v1/unit-counts?level=village", "", http.StatusOK, &counts))
		if len(counts.Units) != 2 || counts.Units[0].People != 3 || !strings.HasSuffix(counts.Units[0].Name, "青松村民委员会") {
			t.Errorf("%+v", counts)
		}
		var at people.Whereabouts
		c.known("Whereabouts", c.call("GET", "/api/v1/learners/1/unit", "", http.StatusOK, &at))
		if at.Unit != "539901101203" || at.UnitName != "示范州·田埂县·白水镇·青松村民委员会" {
			t.Errorf("%+v", at)
		}
	})
	elsewhere := strings.TrimSpace(b.must("apikey", "new", "-c", b.config, "--scope", "5301", "elsewhere"))
	b.withAPI(elsewhere, func(c *client) {
		var list struct{ Units []people.UnitLine }
		c.call("GET", "/api/v1/units?q=%E6%9D%91", "", http.StatusOK, &list)
		if len(list.Units) != 0 {
			t.Errorf("%+v", list)
		}
		c.call("GET", "/api/v1/units/539901101203", "", http.StatusNotFound, nil)
		if out := c.call("GET", "/api/v1/units/export", "", http.StatusOK, nil); strings.Contains(out, "5399") {
			t.Error(out)
		}
		c.call("POST", "/api/v1/units/539901101203/rename", `{"name":"别村"}`, http.StatusNotFound, nil)
		c.call("GET", "/api/v1/learners/1/unit", "", http.StatusNotFound, nil)
	})
	var problems []people.UnitProblem
	if err := json.Unmarshal([]byte(units("check", "--json")), &problems); err != nil || len(problems) != 0 {
		t.Errorf("%+v, %v", problems, err)
	}
}

// The files of the npm package are read from its folder, one province of them.
func TestUnitsOfThePackage(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "")
	dist := filepath.Join(o.path("dist"))
	if err := os.Mkdir(dist, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"provinces.csv": "code,name\n44,\"广东省\"\n53,\"云南省\"\n", "cities.csv": "code,name,provinceCode\n4419,\"东莞市\",44\n5301,\"昆明市\",53\n",
		"areas.csv": "code,name,cityCode,provinceCode\n441900,\"东莞市\",4419,44\n530112,\"西山区\",5301,53\n", "streets.csv": "code,name,areaCode,provinceCode,cityCode\n441900003,\"东城街道\",441900,44,4419\n",
		"villages.csv": "code,name,streetCode,provinceCode,cityCode,areaCode\n441900003001,\"岗贝社区居民委员会\",441900003,44,4419,441900\n",
	} {
		write(t, filepath.Join(dist, name), text)
	}
	o.migrate()
	if out := o.must("units", "import", "-c", o.config, "--within", "44", dist); !strings.Contains(out, "新设 4 个") || !strings.Contains(out, "441900003001  东莞市·东城街道·岗贝社区居民委员会") {
		t.Error(out)
	}
	if _, messages, status := o.run("units", "import", "-c", o.config); status != statusFailed || !strings.Contains(messages, "--builtin") {
		t.Error(status, messages)
	}
	if out := o.must("units", "import", "-c", o.config, "--builtin", "--show", "0"); !strings.Contains(out, "新设 16495 个") {
		t.Error(out)
	}
	if out := o.must("units", "list", "-c", o.config); !strings.Contains(out, "云南省") || !strings.Contains(out, "广东省") {
		t.Error(out)
	}
	if out := o.must("units", "search", "-c", o.config, "马街镇"); strings.Count(out, "·马街镇") != 4 {
		t.Error(out)
	}
}
