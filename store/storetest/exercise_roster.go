package storetest

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/store"
)

const (
	everybody  = "SELECT unit_code, name, category, bind_code, left_day FROM learners ORDER BY id"
	presentDay = "SELECT unit_code, name, category, bind_code FROM learners WHERE left_day = '' ORDER BY unit_code, name, bind_code"
)

// takes imports and wants these numbers.
func (b *bundle) takes(scope people.Scope, in people.RosterImport, want people.RosterResult) people.ImportReport {
	b.t.Helper()
	in.LeftPercent, in.Show = 100, 1000
	got, err := b.s.ImportRoster(b.t.Context(), start, "tester", scope, in)
	if err != nil {
		b.t.Fatalf("ImportRoster: %v", err)
	}
	if diff := cmp.Diff(want, got.RosterResult); diff != "" {
		b.t.Errorf("ImportRoster (-want +got):\n%s", diff)
	}
	return got
}

func (b *bundle) undo(scope people.Scope) people.ImportedVersion {
	b.t.Helper()
	v, err := b.s.UndoRoster(b.t.Context(), start.Add(time.Hour), "tester", scope)
	if err != nil {
		b.t.Fatalf("UndoRoster: %v", err)
	}
	return v
}

func phoneKeys(t testing.TB, ids ...string) *store.PhoneKeys {
	t.Helper()
	key := func(id string) string {
		return base64.StdEncoding.EncodeToString([]byte((id + strings.Repeat("x", 32))[:32]))
	}
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = id + ":" + key(id)
	}
	k, err := store.NewPhoneKeys(strings.Join(list, ","), key("lookup"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// with is the same database, opened with keys for telephone numbers.
func (b *bundle) with(keys *store.PhoneKeys) *bundle {
	b.t.Helper()
	s, err := store.Open(b.t.Context(), store.Options{DSN: b.dsn, Phones: keys})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = s.Close() })
	return &bundle{t: b.t, dsn: b.dsn, s: s, raw: b.raw}
}

var rosterCases = map[string]func(*testing.T, *bundle){
	"a full roster: new, changed, moved, left; a dry run writes nothing; undone it is as before": func(t *testing.T, b *bundle) {
		all := people.Everyone()
		b.takes(all, people.RosterImport{Rows: []people.RosterRow{
			person(village1, "李一", "AAAA"), person(village1, "王二", "BBBB"), person(village2, "张三", "CCCC"), person(village1, "赵四", "DDDD"), person(village3, "外人", "EEEE"),
		}}, people.RosterResult{New: 5, Units: 9})
		before := rawRows(t, b.raw, presentDay)
		next := people.RosterImport{File: "full.xlsx", Full: county112, Rows: []people.RosterRow{
			person(village1, "李一", "AAAA"), person(village1, "王二", "BBBB"), person(village1, "张三", "CCCC"), person(village2, "新人", "FFFF"),
		}}
		next.Rows[1].Category = "驻村干部"
		want := people.RosterResult{New: 1, Changed: 1, Moved: 1, Left: 1, Unchanged: 1}
		dry := next
		dry.DryRun = true
		said := b.takes(all, dry, want)
		b.want(before, presentDay)
		b.acts(1)
		if said.Version != 0 {
			t.Error("a dry run has a version")
		}
		did := b.takes(all, next, want)
		if diff := cmp.Diff(said.Changes, did.Changes); diff != "" || did.Version != 2 {
			t.Errorf("version %d; the dry run said something else:\n%s", did.Version, diff)
		}
		b.want([]string{"530112001201|张三|村干部|CCCC", "530112001201|李一|村干部|AAAA", "530112001201|王二|驻村干部|BBBB", "530112001202|新人|村干部|FFFF", "530113001201|外人|村干部|EEEE"}, presentDay)
		b.want([]string{"赵四|2026-03-02"}, "SELECT name, left_day FROM learners WHERE left_day <> ''")
		b.takes(all, next, people.RosterResult{Unchanged: 4})
		b.acts(2)
		if v := b.undo(all); v.Version != 2 || v.File != "full.xlsx" {
			t.Errorf("%+v", v)
		}
		b.want(before, presentDay)
		b.acts(3)
		b.want([]string{"0001-01-01"}, "SELECT left_day FROM learners WHERE name = ?", "新人")
		b.takes(all, next, people.RosterResult{Changed: 1, Moved: 1, Left: 1, Unchanged: 1, Returned: 1})
		b.undo(all)
		b.want(before, presentDay)
		b.undo(all)
		b.want(nil, presentDay)
		_, err := b.s.UndoRoster(t.Context(), start, "tester", all)
		wantFault(t, err, "not_found", "roster.nothing_to_undo")
	},
	"a cut-off file takes nobody off": func(t *testing.T, b *bundle) {
		b.takes(people.Everyone(), people.RosterImport{Rows: []people.RosterRow{person(village1, "李一", "AAAA"), person(village1, "王二", "BBBB")}}, people.RosterResult{New: 2, Units: 5})
		_, err := b.s.ImportRoster(t.Context(), start, "tester", people.Everyone(), people.RosterImport{Full: county112, LeftPercent: 49, Rows: []people.RosterRow{person(village1, "李一", "AAAA")}})
		wantFault(t, err, "conflict", "roster.too_many_left")
		b.want([]string{"", ""}, "SELECT left_day FROM learners")
	},
	"who left is asked nothing, binds no more, and keeps number and record": func(t *testing.T, b *bundle) {
		ctx := t.Context()
		_, ids := b.enrolled("spring", person(village1, "李一", "AAAA"), person(village1, "王二", "BBBB"))
		b.takes(people.Everyone(), people.RosterImport{Full: county112, Rows: []people.RosterRow{person(village1, "李一", "AAAA")}}, people.RosterResult{Left: 1, Unchanged: 1})
		due, err := b.s.DueEnrolments(ctx, start, "spring", startDay, 0, 10)
		if err != nil || len(due) != 1 || due[0].Enrolment.Learner != ids[0] {
			t.Errorf("due: %+v, %v", due, err)
		}
		if n, err := b.s.AudienceSize(ctx, people.Everyone(), bot.Audience{}); n != 1 || err != nil {
			t.Error("audience:", n, err)
		}
		list, err := b.s.Recipients(ctx, start, people.Everyone(), bot.Audience{Learners: ids}, 0, 10)
		if err != nil || len(list) != 1 {
			t.Error("recipients:", list, err)
		}
		n := 0
		for f, err := range b.s.FollowedPeople(ctx, people.Everyone()) {
			if n++; err != nil || f.Learner.ID != ids[0] {
				t.Error("followed:", f, err)
			}
		}
		f, err := b.s.Funnel(ctx, people.Everyone(), startDay, startDay, people.LevelTownship)
		if err != nil || len(f.Units) != 1 || f.Units[0].People != 1 || n != 1 {
			t.Errorf("funnel: %+v, %v; followed %d", f.Units, err, n)
		}
		err = b.s.PutDelegate(ctx, start, "tester", people.Everyone(), people.BindRule{}, ids[0], ids[1], "没有手机")
		wantFault(t, err, "not_found", "bind.learner_not_found")
		b.want([]string{fmt.Sprint(ids[1])}, "SELECT learner_id FROM enrolments WHERE learner_id = ?", int64(ids[1]))
		// Back again: the same person.
		b.takes(people.Everyone(), people.RosterImport{Rows: []people.RosterRow{person(village1, "王二", "BBBB")}}, people.RosterResult{Returned: 1})
		b.want([]string{fmt.Sprint(ids[1]) + "|"}, "SELECT id, left_day FROM learners WHERE name = ?", "王二")
	},
	"a scope imports, sees and undoes its own alone": func(t *testing.T, b *bundle) {
		own, other := people.Scope{Units: []people.OrgCode{county112}}, people.Scope{Units: []people.OrgCode{"530113000000"}}
		b.takes(other, people.RosterImport{Rows: []people.RosterRow{person(village3, "外人", "AAAA11")}}, people.RosterResult{New: 1, Units: 5})
		b.takes(own, people.RosterImport{Rows: []people.RosterRow{person(village1, "外人", "AAAA11")}}, people.RosterResult{New: 1, Units: 3})
		for _, scope := range []people.Scope{{}, other, {Units: []people.OrgCode{village2}}} {
			_, err := b.s.ImportRoster(t.Context(), start, "tester", scope, people.RosterImport{Rows: []people.RosterRow{person(village1, "李一", "AAAA")}})
			wantFault(t, err, "not_found", "roster.out_of_scope")
		}
		if list, err := b.s.RosterImports(t.Context(), own, 10); err != nil || len(list) != 1 || list[0].Version != 2 {
			t.Error(list, err)
		}
		if list, err := b.s.RosterImports(t.Context(), people.Scope{}, 10); err != nil || len(list) != 0 {
			t.Error(list, err)
		}
		_, err := b.s.UndoRoster(t.Context(), start, "tester", people.Scope{})
		wantFault(t, err, "not_found", "roster.nothing_to_undo")
		if v := b.undo(other); v.Version != 1 {
			t.Error(v)
		}
		b.want([]string{"530112001201|外人|村干部|AAAA11"}, presentDay)
		if rows := b.export(own); len(rows) != 1 {
			t.Error(rows)
		}
	},
	"a later import of the same people is undone first": func(t *testing.T, b *bundle) {
		ctx := t.Context()
		b.takes(people.Everyone(), people.RosterImport{Rows: []people.RosterRow{person(village1, "李一", "AAAA")}}, people.RosterResult{New: 1, Units: 5})
		row := person(village1, "李一", "AAAA")
		row.Category = "村医"
		b.takes(people.Everyone(), people.RosterImport{Rows: []people.RosterRow{row}}, people.RosterResult{Changed: 1})
		// A county that has a share in the first import alone must not go past the second.
		if v, err := b.s.UndoRoster(ctx, start, "tester", people.Everyone()); err != nil || v.Version != 2 {
			t.Error(v, err)
		}
		b.want([]string{"530112001201|李一|村干部|AAAA|"}, everybody)
	},
	"telephone numbers: sealed, found, masked, moved to another key": func(t *testing.T, b *bundle) {
		ctx := t.Context()
		row := person(village1, "李一", "AAAA")
		row.Phone = "13800138000"
		_, err := b.s.ImportRoster(ctx, start, "tester", people.Everyone(), people.RosterImport{Rows: []people.RosterRow{row}})
		wantFault(t, err, "conflict", "roster.phones_off")
		one := b.with(phoneKeys(t, "k1"))
		one.takes(people.Everyone(), people.RosterImport{Rows: []people.RosterRow{row}}, people.RosterResult{New: 1, Units: 5})
		one.takes(people.Everyone(), people.RosterImport{Rows: []people.RosterRow{row}}, people.RosterResult{Unchanged: 1})
		for _, line := range rawRows(t, b.raw, "SELECT key_id, sealed, lookup FROM learner_phones") {
			if strings.Contains(line, "138") && strings.Contains(line, "8000") || !strings.HasPrefix(line, "k1|") {
				t.Error(line)
			}
		}
		if list, err := one.s.FindPhone(ctx, start, "tester", people.Everyone(), "+86 138-0013-8000"); err != nil || len(list) != 1 || list[0].Name != "李一" {
			t.Error(list, err)
		}
		if list, err := one.s.FindPhone(ctx, start, "tester", people.Scope{Units: []people.OrgCode{village2}}, "13800138000"); err != nil || len(list) != 0 {
			t.Error("another village's:", list, err)
		}
		_, err = one.s.FindPhone(ctx, start, "tester", people.Everyone(), "138")
		wantFault(t, err, "invalid", "roster.phone_bad")
		b.want([]string{"tester|scope |found 1", fmt.Sprintf("tester|scope %s|found 0", village2)}, "SELECT actor, object, result FROM audit WHERE action = 'roster.find_phone' ORDER BY id")
		shown := func(b *bundle, view store.PhoneView) (list []string) {
			rows, err := b.s.ExportPhones(ctx, start, "tester", people.Everyone(), view, "核对")
			if err != nil {
				t.Fatal(err)
			}
			for r, err := range rows {
				if err != nil {
					t.Fatal(err)
				}
				list = append(list, r.Phone)
			}
			return list
		}
		if diff := cmp.Diff([]string{"138****8000"}, shown(one, store.PhonesMasked)); diff != "" {
			t.Error(diff)
		}
		// A new key seals, the old one reads; nothing is lost by the change and the look-up stays.
		two := b.with(phoneKeys(t, "k2", "k1"))
		if diff := cmp.Diff([]string{"13800138000"}, shown(two, store.PhonesPlain)); diff != "" {
			t.Error(diff)
		}
		if n, err := two.s.RekeyPhones(ctx, start, "tester"); n != 1 || err != nil {
			t.Error(n, err)
		}
		if n, err := two.s.RekeyPhones(ctx, start, "tester"); n != 0 || err != nil {
			t.Error(n, err)
		}
		only := b.with(phoneKeys(t, "k2"))
		if diff := cmp.Diff([]string{"13800138000"}, shown(only, store.PhonesPlain)); diff != "" {
			t.Error(diff)
		}
		row.Phone = "13900139000"
		only.takes(people.Everyone(), people.RosterImport{Rows: []people.RosterRow{row}}, people.RosterResult{Changed: 1})
		only.undo(people.Everyone())
		if diff := cmp.Diff([]string{"13800138000"}, shown(only, store.PhonesPlain)); diff != "" {
			t.Error(diff)
		}
		// By name and number a person is known in another unit, whatever the code.
		moved := person(village2, "李一", "ZZZZ")
		moved.Phone = "13800138000"
		only.takes(people.Everyone(), people.RosterImport{Rows: []people.RosterRow{moved}}, people.RosterResult{Moved: 1, Units: 1})
		// A sealed number belongs to its person: in another's row it does not open.
		only.takes(people.Everyone(), people.RosterImport{Rows: []people.RosterRow{person(village1, "王二", "BBBB")}}, people.RosterResult{New: 1})
		if _, err := b.raw.ExecContext(ctx, "UPDATE learner_phones SET learner_id = (SELECT id FROM learners WHERE name = ?)", "王二"); err != nil {
			t.Fatal(err)
		}
		rows, err := only.s.ExportPhones(ctx, start, "tester", people.Everyone(), store.PhonesPlain, "核对")
		if err != nil {
			t.Fatal(err)
		}
		var failed error
		for _, failed = range rows {
			if failed != nil {
				break
			}
		}
		if failed == nil {
			t.Error("a number opens in another person's row")
		}
	},
}
