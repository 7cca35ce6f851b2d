package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/report"
)

// The completion list is the same bytes on the command line and by the API, whatever the format (C2, C3), and a key's
// list is the part of its units.
func TestTheListIsTheSameByTheAPI(t *testing.T) {
	t.Parallel()
	b := openBureau(t, "")
	all := strings.TrimSpace(b.must("apikey", "new", "-c", b.config, "--scope", "5399", "prefecture"))
	north := strings.TrimSpace(b.must("apikey", "new", "-c", b.config, "--scope", northVillage, "village"))
	const cutOff = "2026-12-31T18:00:00+08:00"
	noScope := func(list string) string { // the head says whose list it is
		var lines []string
		for line := range strings.Lines(list) {
			if !strings.HasPrefix(line, "管理范围") {
				lines = append(lines, line)
			}
		}
		return strings.Join(lines, "")
	}
	q := report.Query{Scope: people.Scope{Units: []people.OrgCode{"539900000000"}}, Unit: "539900000000"}
	q.CutOff, _ = time.Parse(time.RFC3339, cutOff)
	for _, format := range []report.Format{report.CSV, report.JSON, report.HTML, report.XLSX} {
		var want bytes.Buffer
		b.open(func(a *app) {
			titles, err := a.store.CourseTitles(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			head, lines, err := a.store.CompletionList(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := report.Write(&want, format, head, titles, lines); err != nil {
				t.Fatal(err)
			}
		})
		path := "/api/v1/completions?format=" + string(format) + "&unit=5399&cutOff=" + strings.ReplaceAll(cutOff, "+", "%2B")
		b.withAPI(all, func(c *client) {
			got := c.call(http.MethodGet, path, "", http.StatusOK, nil)
			if got != want.String() || len(got) < 100 {
				t.Errorf("as %s: %d bytes by the API, want %d", format, len(got), want.Len())
			}
			if format != report.CSV {
				return
			}
			cli := b.must("completions", "export", "-c", b.config, "--format", "csv", "--unit", "5399", "--cut-off", cutOff)
			if diff := cmp.Diff(noScope(cli), noScope(got)); diff != "" || len(cli) == len(noScope(cli)) {
				t.Errorf("command line (-) and API (+):\n%s", diff)
			}
		})
	}
	// A slip in the unit's code is said; it is no empty list to file. 53 is above every unit of this roster, and good.
	for _, list := range [][]string{{"completions", "export"}, {"hours", "list"}, {"hours", "units"}, {"follow"}, {"rectification", "list"}} {
		if out, errs, status := b.run(append(list, "-c", b.config, "--unit", "539902")...); status != statusFailed || out != "" || !strings.Contains(errs, "没有代码是“539902000000”的单位") {
			t.Errorf("%v of no unit: %d %s%s", list, status, out, errs)
		}
		b.must(append(list, "-c", b.config, "--unit", "53")...)
	}
	b.withAPI(north, func(c *client) {
		list := c.call(http.MethodGet, "/api/v1/completions?format=csv", "", http.StatusOK, nil)
		if n := strings.Count(list, "罗明"); n == 0 || strings.Contains(list, southVillage) || strings.Contains(list, "岩温") {
			t.Errorf("the village's list:\n%s", list)
		}
		c.call(http.MethodGet, "/api/v1/completions?unit=5399", "", http.StatusNotFound, nil)
		for path, status := range map[string]int{
			"?cohort=nothing": http.StatusNotFound, "?course=nothing": http.StatusNotFound, "?from=yesterday": http.StatusBadRequest,
			"?from=2026-12-02&to=2026-12-01": http.StatusBadRequest, "?cutOff=now": http.StatusBadRequest, "?format=pdf": http.StatusBadRequest,
		} {
			c.known("Error", c.call(http.MethodGet, "/api/v1/completions"+path, "", status, nil))
		}
		var classes classesAnswer
		c.known("ClassList", c.call(http.MethodGet, "/api/v1/classes", "", http.StatusOK, &classes))
		if len(classes.Classes) == 0 || classes.Classes[0].Code == "" {
			t.Errorf("%+v", classes)
		}
	})
}

type classesAnswer struct{ Classes []struct{ Code string } }

// Study elsewhere is credited by the API within the key's scope, once, listed, summed up and taken back.
func TestHoursByTheAPI(t *testing.T) {
	t.Parallel()
	b := openBureau(t, "")
	all := strings.TrimSpace(b.must("apikey", "new", "-c", b.config, "--scope", "5399", "prefecture"))
	north := strings.TrimSpace(b.must("apikey", "new", "-c", b.config, "--scope", northVillage, "village"))
	type person struct {
		Learner int64
		Unit    string
		Total   string
		Hours   map[string]string
		Targets []struct{ Code, Missing string }
	}
	var list struct {
		Year   int
		People []person
	}
	hours := func(c *client, query string) map[string]string {
		list.People = nil
		c.known("HoursList", c.call(http.MethodGet, "/api/v1/hours"+query, "", http.StatusOK, &list))
		got := map[string]string{}
		for _, p := range list.People {
			got[p.Unit] += p.Total + " "
		}
		return got
	}
	const two = `{"saidBy":"县委组织部","evidence":"组通〔2026〕5号","badPercent":50,"records":[
		{"learner":1,"source":"云岭先锋","number":"a1","title":"乡村振兴","hours":"1.5","day":"2026-11-02"},
		{"learner":4,"source":"云岭先锋","number":"a2","title":"乡村振兴","hours":"0.25","day":"2026-11-02"}]}`
	var came struct {
		Batch               int64
		New, Same, Rejected int
		Problems            []struct {
			Row             int
			Column, Message string
		}
	}
	b.withAPI(north, func(c *client) { // learner 4 is of another village: for this key there is no such person
		c.known("RecordAnswer", c.call(http.MethodPost, "/api/v1/hours/records", strings.Replace(two, `"badPercent"`, `"dryRun":true,"badPercent"`, 1), http.StatusOK, &came))
		if came.New != 1 || came.Rejected != 1 || came.Batch != 0 || len(came.Problems) != 1 || came.Problems[0].Row != 2 || came.Problems[0].Message == "" {
			t.Errorf("%+v", came)
		}
	})
	b.withAPI(all, func(c *client) {
		for _, want := range []string{"2 0 0", "0 2 0"} {
			came.Batch = 0
			c.call(http.MethodPost, "/api/v1/hours/records", two, http.StatusOK, &came)
			if got := strings.Join([]string{jsonNumber(int64(came.New)), jsonNumber(int64(came.Same)), jsonNumber(int64(came.Rejected))}, " "); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		}
		c.call(http.MethodPost, "/api/v1/hours/records", `{"saidBy":"x","evidence":"x","badPercent":0,"records":[{"learner":1,"source":"x","number":"1","hours":"很多","day":"2026-11-02"}]}`, http.StatusBadRequest, nil)
		got := hours(c, "?year=2026")
		if diff := cmp.Diff(map[string]string{northVillage: "0 0 1.5 ", southVillage: "0.25 0 0 "}, got); diff != "" {
			t.Error(diff)
		}
		if list.Year != 2026 || list.People[2].Hours["record"] != "1.5" || list.People[0].Targets == nil {
			t.Errorf("%+v", list.People[0])
		}
		want := b.must("hours", "list", "-c", b.config, "--year", "2026", "--unit", "5399", "--json")
		if n := strings.Count(want, `"Delegate":`); n != len(list.People) {
			t.Errorf("%d people on the command line, %d by the API", n, len(list.People))
		}
		var units struct {
			Units []struct {
				Unit, Hours string
				People      int
			}
		}
		c.known("HoursUnitList", c.call(http.MethodGet, "/api/v1/hours/units?year=2026&level=county", "", http.StatusOK, &units))
		if len(units.Units) != 1 || units.Units[0].Hours != "1.75" || units.Units[0].People != 6 {
			t.Errorf("%+v", units)
		}
		c.call(http.MethodGet, "/api/v1/hours/units?level=planet", "", http.StatusBadRequest, nil)
		c.call(http.MethodGet, "/api/v1/hours?year=26", "", http.StatusBadRequest, nil)
		if csv := c.call(http.MethodGet, "/api/v1/hours?year=2026&format=csv", "", http.StatusOK, nil); !strings.Contains(csv, "学时台账") || !strings.Contains(csv, "1.50") {
			t.Errorf("%s", csv)
		}
		c.known("TargetList", c.call(http.MethodGet, "/api/v1/hours/targets", "", http.StatusOK, nil))
	})
	var batches struct{ Batches []json.RawMessage }
	b.withAPI(north, func(c *client) {
		if got := hours(c, "?year=2026"); len(got) != 1 || got[northVillage] != "0 0 1.5 " {
			t.Errorf("the village sees %v", got)
		}
		c.call(http.MethodGet, "/api/v1/hours?unit="+southVillage, "", http.StatusNotFound, nil)
		c.known("BatchList", c.call(http.MethodGet, "/api/v1/hours/records", "", http.StatusOK, &batches))
		c.call(http.MethodPost, "/api/v1/hours/records/1/undo", `{"why":"登记错了"}`, http.StatusNotFound, nil) // people of another village are in it
	})
	b.withAPI(all, func(c *client) {
		c.known("UndoAnswer", c.call(http.MethodPost, "/api/v1/hours/records/1/undo", `{"why":"登记错了"}`, http.StatusOK, nil))
		if got := hours(c, "?year=2026"); got[northVillage] != "0 0 0 " || got[southVillage] != "0 0 0 " {
			t.Errorf("after taking it back: %v", got)
		}
	})
	if out := b.must("ledger", "verify", "-c", b.config); out != "" {
		t.Error(out)
	}
}
