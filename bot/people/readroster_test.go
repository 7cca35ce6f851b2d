package people_test

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
)

// rowsOf makes a sequence of the lines of a small table, cells parted by commas.
func rowsOf(table string) iter.Seq2[people.Cells, error] {
	return func(yield func(people.Cells, error) bool) {
		for i, line := range strings.Split(strings.TrimSpace(table), "\n") {
			if !yield(people.Cells{Number: i + 1, Cells: strings.Split(strings.TrimSpace(line), ",")}, nil) {
				return
			}
		}
	}
}

func readRoster(t *testing.T, table string, ignore ...string) people.Roster {
	t.Helper()
	r, err := people.ReadRoster("花名册.csv", rowsOf(table), ignore)
	if err != nil {
		t.Fatalf("reading: %v", err)
	}
	if len(r.Rows)+r.Rejected != r.Read {
		t.Fatalf("R1: %d accepted + %d rejected is not %d read", len(r.Rows), r.Rejected, r.Read)
	}
	return r
}

func problems(r people.Roster) []string {
	var out []string
	for _, p := range r.Problems {
		out = append(out, p.Error())
	}
	return out
}

func TestReadRoster(t *testing.T) {
	t.Parallel()
	got := readRoster(t, `
		2026年村干部花名册
		* 名 字（必填）,干部类别,地市,区县,乡镇,村,统计代码,验证码：
		岩温・香,村党组织书记,西双版纳州,景洪市,嘎洒镇,曼播村委会,532801101203,ａｂ１２
		张　三, 驻村 工作队员 ,西双版纳州,景洪市,嘎洒镇,,532801101,00-42
		李四,,,景洪市,,,532801,XY99
		张三,村委会委员,西双版纳州,景洪市,嘎洒镇,曼播村委会,532801101203,C001
		张三,村委会委员,西双版纳州,景洪市,嘎洒镇,曼播村委会,532801101203,C002`)
	banna := people.OrgUnit{Code: "532800000000", Name: "西双版纳州", Full: "西双版纳州"}
	jinghong := people.OrgUnit{Code: "532801000000", Name: "景洪市", Full: "西双版纳州·景洪市"}
	gasa := people.OrgUnit{Code: "532801101000", Name: "嘎洒镇", Full: "西双版纳州·景洪市·嘎洒镇"}
	manbo := people.OrgUnit{Code: "532801101203", Name: "曼播村委会", Full: "西双版纳州·景洪市·嘎洒镇·曼播村委会"}
	village := []people.OrgUnit{banna, jinghong, gasa, manbo}
	want := people.Roster{
		Read: 5,
		Rows: []people.RosterRow{
			{Row: 3, Unit: manbo.Code, Units: village, Name: "岩温·香", Category: "村党组织书记", Code: "AB12"},
			{Row: 4, Unit: gasa.Code, Units: village[:3], Name: "张三", Category: "驻村 工作队员", Code: "0042"},
			{Row: 5, Unit: jinghong.Code, Units: []people.OrgUnit{{Code: jinghong.Code, Name: "景洪市", Full: "景洪市"}}, Name: "李四", Code: "XY99"},
			{Row: 6, Unit: manbo.Code, Units: village, Name: "张三", Category: "村委会委员", Code: "C001"},
			{Row: 7, Unit: manbo.Code, Units: village, Name: "张三", Category: "村委会委员", Code: "C002"},
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestReadRosterKeepsTheProvince(t *testing.T) {
	t.Parallel()
	got := readRoster(t, "省,州市,单位代码,姓名,绑定码\n云南省,昆明市,5301,张三,A001\n云南省,,53,李四,A002")
	want := []people.OrgUnit{
		{Code: "530000000000", Name: "云南省", Full: "云南省"},
		{Code: "530100000000", Name: "昆明市", Full: "昆明市"},
	}
	if d := cmp.Diff(want, got.Rows[0].Units); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(want[:1], got.Rows[1].Units); d != "" {
		t.Error(d)
	}
}

const head = "州市,县市区,乡镇街道,村社区,单位代码,姓名,干部类别,绑定码\n"

func TestReadRosterRejectsRowsWithColumnAndReason(t *testing.T) {
	t.Parallel()
	const good = "昆明市,西山区,团结街道,新村村委会,530112005201,张三,书记,A001\n"
	for _, c := range []struct{ name, row, want string }{
		{"no unit", "昆明市,西山区,,,,张三,,A009", "花名册.csv:3:单位代码: roster.unit_missing"},
		{"no such code", "昆明市,西山区,,,53011,张三,,A009", "花名册.csv:3:单位代码: roster.unit_code_bad code=53011"},
		{"letters in the code", "昆明市,西山区,,,53O112,张三,,A009", "花名册.csv:3:单位代码: roster.unit_code_bad code=53O112"},
		{"identity card as unit", "昆明市,西山区,,,530112199001011234,张三,,A009", "花名册.csv:3:单位代码: roster.looks_like_id"},
		{"identity card as code", "昆明市,西山区,,,530112,张三,,53011219900101123x", "花名册.csv:3:绑定码: roster.looks_like_id"},
		{"identity card as name", "昆明市,西山区,,,530112,530112 19900101 1234,,A009", "花名册.csv:3:姓名: roster.looks_like_id"},
		{"telephone as code", "昆明市,西山区,,,530112,张三,,138 0013 8000", "花名册.csv:3:绑定码: roster.looks_like_phone"},
		{"telephone as category", "昆明市,西山区,,,530112,张三,+8613800138000,A009", "花名册.csv:3:干部类别: roster.looks_like_phone"},
		{"unit without its name", "昆明市,西山区,团结街道,,530112005201,张三,,A009", "花名册.csv:3:村社区: roster.unit_name_missing code=530112005201 level=村社区"},
		{"name below the code", "昆明市,西山区,团结街道,新村村委会,530112005,张三,,A009", "花名册.csv:3:村社区: roster.unit_level code=530112005000 level=乡镇街道 name=新村村委会"},
		{"nonsense as unit's name", "昆明市,=A1,,,530112,张三,,A009", "花名册.csv:3:县市区: roster.unit_name_bad name==A1"},
		{"same code, other name", "昆明市,西山区,团结镇,新村村委会,530112005201,李四,,A009", "花名册.csv:3:乡镇街道: roster.unit_two_names code=530112005000 name=团结镇 other=团结街道 otherRow=2"},
		{"same name, other code", "昆明市,西山区,团结街道,新村村委会,530112005202,李四,,A009", "花名册.csv:3:单位代码: roster.unit_two_codes name=新村村委会 code=530112005202 other=530112005201 otherRow=2"},
		{"no name", "昆明市,西山区,,,530112, 　,,A009", "花名册.csv:3:姓名: roster.name_missing"},
		{"half a name", "昆明市,西山区,,,530112,张,,A009", "花名册.csv:3:姓名: roster.name_short"},
		{"endless name", "昆明市,西山区,,,530112," + strings.Repeat("张", 31) + ",,A009", "花名册.csv:3:姓名: roster.name_long"},
		{"number in the name", "昆明市,西山区,,,530112,张三2,,A009", "花名册.csv:3:姓名: roster.name_digit"},
		{"remark in the name", "昆明市,西山区,,,530112,张三（大）,,A009", "花名册.csv:3:姓名: roster.name_sign"},
		{"endless category", "昆明市,西山区,,,530112,张三," + strings.Repeat("干", 21) + ",A009", "花名册.csv:3:干部类别: roster.category_long limit=20"},
		{"hidden sign in the category", "昆明市,西山区,,,530112,张三,干\u202e部,A009", "花名册.csv:3:干部类别: roster.category_bad"},
		{"no code", "昆明市,西山区,,,530112,张三,,", "花名册.csv:3:绑定码: roster.code_missing"},
		{"row that ends early", "昆明市,西山区,,,530112,张三", "花名册.csv:3:绑定码: roster.code_missing"},
		{"short code", "昆明市,西山区,,,530112,张三,,A01", "花名册.csv:3:绑定码: roster.code_bad"},
		{"same person again", "昆明市,西山区,团结街道,新村社区,530112005201,张三,,a001", "花名册.csv:3:村社区: roster.unit_two_names code=530112005201 name=新村社区 other=新村村委会 otherRow=2"},
		{"same person with another category", "昆明市,西山区,团结街道,新村村委会,530112005201,张 三,主任,ａ００１", "花名册.csv:3:姓名: roster.twice otherRow=2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := readRoster(t, head+good+c.row+"\n昆明市,西山区,,,530112,王五,,A777")
			if d := cmp.Diff([]string{c.want}, problems(got)); d != "" {
				t.Error(d)
			}
			if got.Read != 3 || got.Rejected != 1 || len(got.Rows) != 2 || got.Rows[1].Name != "王五" {
				t.Errorf("one bad row costs others: %+v", got)
			}
		})
	}
}

func TestReadRosterSaysEverythingThatIsWrongWithARow(t *testing.T) {
	t.Parallel()
	got := readRoster(t, head+",,,,,,,")
	want := []string{
		"花名册.csv:2:单位代码: roster.unit_missing",
		"花名册.csv:2:姓名: roster.name_missing",
		"花名册.csv:2:绑定码: roster.code_missing",
	}
	if d := cmp.Diff(want, problems(got)); d != "" || got.Rejected != 1 {
		t.Error(d, got.Rejected)
	}
}

func TestARejectedRowTeachesNothing(t *testing.T) {
	t.Parallel()
	got := readRoster(t, head+"昆明市,西山县,,,530112,张三2,,A001\n昆明市,西山区,,,530112,张三,,A001")
	if len(got.Rows) != 1 || got.Rows[0].Row != 3 {
		t.Errorf("the county's name was taken from a rejected row: %v", problems(got))
	}
}

func TestReadRosterTakesOverWhatTheTableReaderFound(t *testing.T) {
	t.Parallel()
	rows := func(yield func(people.Cells, error) bool) {
		formula := func(column string) *fault.Error {
			return fault.New(fault.Invalid, "sheet.formula").At("花名册.csv", 2, column)
		}
		_ = yield(people.Cells{Number: 1, Cells: []string{"备注", "单位代码", "姓名", "绑定码"}}, nil) &&
			yield(people.Cells{Number: 2, Cells: []string{"x", "53", "", "A001"}, Problems: []*fault.Error{formula("1"), formula("3")}}, nil)
	}
	got, err := people.ReadRoster("花名册.csv", rows, []string{"备 注"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"花名册.csv:2:姓名: sheet.formula"}
	if d := cmp.Diff(want, problems(got)[:1]); d != "" {
		t.Error(d)
	}
}

func TestReadRosterRefusesTheFile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, table string
		ignore      []string
		want        string
	}{
		{"no headings", "张三,53\n李四,53", nil, "花名册.csv: roster.no_header"},
		{"headings too late", strings.Repeat("说明\n", 10) + head, nil, "花名册.csv: roster.no_header"},
		{"unknown column", "姓名,单位代码,绑定码,爱好", nil, "花名册.csv:1:爱好: roster.unknown_column"},
		{"identity card column", "姓名,单位代码,绑定码,公民身份号码", nil, "花名册.csv:1:公民身份号码: roster.private_column"},
		{"telephone column, even ignored", "姓名,单位代码,绑定码,联系电话", []string{"联系电话"}, "花名册.csv:1:联系电话: roster.private_column"},
		{"column twice", "姓名,名字,单位代码,绑定码", nil, "花名册.csv:1:名字: roster.column_twice other=姓名"},
		{"no codes", "姓名,单位代码", nil, "花名册.csv:1: roster.column_missing column=绑定码"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := people.ReadRoster("花名册.csv", rowsOf(c.table), c.ignore)
			var e *fault.Error
			if !errors.As(err, &e) || e.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if d := cmp.Diff(people.Roster{}, got); d != "" {
				t.Errorf("a refused file gives rows: %s", d)
			}
		})
	}
	if got := readRoster(t, "序号,姓名,单位代码,州市,爱好,绑定码\n1,张三,5301,昆明市,钓鱼,A001", "爱好"); len(got.Rows) != 1 {
		t.Errorf("an ignored column: %v", problems(got))
	}
}

func TestReadRosterEndsWithTheTablesError(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk")
	rows := func(yield func(people.Cells, error) bool) {
		_ = yield(people.Cells{Number: 1, Cells: []string{"姓名", "单位代码", "绑定码"}}, nil) && yield(people.Cells{}, broken)
	}
	if _, err := people.ReadRoster("a", rows, nil); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestTooBad(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		read, rejected int
		want           bool
	}{{0, 0, true}, {100, 5, false}, {100, 6, true}, {19, 1, true}, {20, 1, false}, {1, 0, false}} {
		if got := (people.Roster{Read: c.read, Rejected: c.rejected}).TooBad(people.DefaultBadPercent); got != c.want {
			t.Errorf("%d of %d: %t", c.rejected, c.read, got)
		}
	}
}

// TestRosterOnceMore: what we write is read as the same rows, and again.
func TestRosterOnceMore(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var table strings.Builder
		table.WriteString("村社区,姓名,单位代码,县市区,乡镇街道,绑定码,干部类别,省,州市\n")
		for i := range rapid.IntRange(1, 12).Draw(t, "rows") {
			v := rapid.IntRange(0, 3).Draw(t, "village")
			name := rapid.SampledFrom([]string{"张三", "岩 温・香", "李四", "Ｍaria  Lopez", "𬭚明", "王", "赵六7"}).Draw(t, "name")
			category := rapid.SampledFrom([]string{"", "书记", " 驻村  队员 "}).Draw(t, "category")
			prefecture := rapid.SampledFrom([]string{"", "昆明市"}).Draw(t, "prefecture")
			code := fmt.Sprintf("c%03d", rapid.IntRange(0, i).Draw(t, "code"))
			unit, village := fmt.Sprintf("530112005%03d", 200+v), fmt.Sprintf("第%d村委会", v)
			if v == 0 {
				unit, village = "530112005", ""
			}
			fmt.Fprintf(&table, "%s,%s,%s,西山区,团结街道,%s,%s,云南省,%s\n", village, name, unit, code, category, prefecture)
		}
		first, err := people.ReadRoster("a", rowsOf(table.String()), nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(first.Rows)+first.Rejected != first.Read {
			t.Fatalf("R1: %+v", first)
		}
		rejected := map[int]bool{}
		for _, p := range first.Problems {
			if p.Row == 0 || p.Column == "" || p.Key == "" || p.File != "a" {
				t.Fatalf("a problem without place or reason: %v", p)
			}
			rejected[p.Row] = true
		}
		if len(rejected) != first.Rejected {
			t.Fatalf("%d rows rejected, problems for %d", first.Rejected, len(rejected))
		}
		lines := []string{strings.Join(people.RosterHeadings(), ",")}
		want := []people.RosterRow(nil)
		for i, r := range first.Rows {
			lines = append(lines, strings.Join(r.Cells(), ","))
			r.Row = i + 2
			want = append(want, r)
		}
		second, err := people.ReadRoster("a", rowsOf(strings.Join(lines, "\n")), nil)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, second.Rows); d != "" || second.Rejected != 0 {
			t.Fatalf("%s %v", d, second.Problems)
		}
	})
}

func FuzzReadRoster(f *testing.F) {
	f.Add("昆明市", "西山区", "团结街道", "新村村委会", "530112005201", "张三", "书记", "A001")
	f.Add("", "", "", "", "５３", "岩温・香", "", " a-0 01")
	f.Add("·", "(", "1", "2", "530112199001011234", "", "\u202e", "13800138000")
	f.Fuzz(func(t *testing.T, a, b, c, d, unit, name, category, code string) {
		rows := func(yield func(people.Cells, error) bool) {
			_ = yield(people.Cells{Number: 1, Cells: strings.Split(strings.TrimSpace(head), ",")}, nil) &&
				yield(people.Cells{Number: 2, Cells: []string{a, b, c, d, unit, name, category, code}}, nil)
		}
		got, err := people.ReadRoster("a", rows, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Rows)+got.Rejected != got.Read || (got.Rejected == 0) != (len(got.Problems) == 0) {
			t.Fatalf("R1: %+v", got)
		}
		for _, r := range got.Rows {
			again := func(yield func(people.Cells, error) bool) {
				_ = yield(people.Cells{Number: 1, Cells: people.RosterHeadings()}, nil) && yield(people.Cells{Number: 2, Cells: r.Cells()}, nil)
			}
			second, err := people.ReadRoster("a", again, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(got, second); diff != "" {
				t.Fatalf("written and read again: %s", diff)
			}
		}
	})
}
