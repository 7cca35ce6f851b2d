package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/sheet"
)

var unreachedHead = UnreachedHead{Campaign: 12, Title: "冬季防火提醒", CutOff: time.Date(2026, 12, 1, 1, 0, 0, 0, time.UTC)}

func unreachedLines(end error) iter.Seq2[UnreachedLine, error] {
	return func(yield func(UnreachedLine, error) bool) {
		for _, l := range []UnreachedLine{
			{Learner: 7, Name: "罗明", Unit: "539901100201", UnitName: "青松镇·新村", Category: "村干部", State: "skipped", StateWord: "没有发", Why: "no_window", WhyWord: "48 小时内没有发过消息", Pulled: time.Date(2026, 12, 1, 0, 30, 0, 0, time.UTC)},
			{Learner: 8, Name: "=1+1", Unit: "539901100202", UnitName: "青松镇·青石", State: "failed", StateWord: "微信拒收", Why: "platform", WhyWord: "微信拒绝发送"},
		} {
			if !yield(l, nil) {
				return
			}
		}
		if end != nil {
			yield(UnreachedLine{}, end)
		}
	}
}

// The list reads back as the file of recipients that it can be, and no cell is a formula.
func TestTheListOfUnreachedPeople(t *testing.T) {
	t.Parallel()
	want := [][]string{
		{"未送达名单"}, {"通知", "12", "冬季防火提醒"}, {"截至", "2026-12-01 09:00:00"},
		{"学员编号", "姓名", "单位代码", "单位", "干部类别", "结果", "原因", "自己来看过", "回执"},
		{"7", "罗明", "539901100201", "青松镇·新村", "村干部", "没有发", "48 小时内没有发过消息", "2026-12-01 08:30:00"},
		{"8", "=1+1", "539901100202", "青松镇·青石", "", "微信拒收", "微信拒绝发送"},
		{"人数", "2"},
	}
	for _, f := range []Format{CSV, XLSX} {
		var b bytes.Buffer
		n, err := WriteUnreached(&b, f, unreachedHead, unreachedLines(nil))
		if err != nil || n != 2 {
			t.Fatalf("%s: %d lines, %v", f, n, err)
		}
		var got [][]string
		for row, err := range sheet.Read(bytes.NewReader(b.Bytes()), int64(b.Len()), "x", sheet.DefaultLimits()) {
			if err != nil {
				t.Fatal(err)
			}
			for len(row.Cells) > 0 && row.Cells[len(row.Cells)-1] == "" {
				row.Cells = row.Cells[:len(row.Cells)-1]
			}
			got = append(got, row.Cells)
		}
		if f == CSV && !strings.Contains(b.String(), "'=1+1") {
			t.Errorf("a formula went out as one:\n%s", b.String())
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s:\n%s", f, d)
		}
	}
	var b bytes.Buffer
	if _, err := WriteUnreached(&b, JSON, unreachedHead, unreachedLines(nil)); err != nil {
		t.Fatal(err)
	}
	var list struct {
		Head   map[string]any
		Lines  []map[string]any
		People int
	}
	if err := json.Unmarshal(b.Bytes(), &list); err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	if list.People != 2 || list.Head["campaign"] != 12.0 || list.Lines[0]["pulledAt"] != "2026-12-01T08:30:00+08:00" || list.Lines[1]["ackedAt"] != nil {
		t.Errorf("%s", b.String())
	}
}

func TestAListOfUnreachedPeopleThatBreaksOffCannotBeTakenForOne(t *testing.T) {
	t.Parallel()
	broken := errors.New("the database left")
	for _, f := range []Format{CSV, XLSX, JSON} {
		var b bytes.Buffer
		if _, err := WriteUnreached(&b, f, unreachedHead, unreachedLines(broken)); !errors.Is(err, broken) {
			t.Errorf("%s: %v", f, err)
		}
		if f == CSV && !strings.Contains(b.String(), brokenOff) || f == JSON && json.Valid(b.Bytes()) {
			t.Errorf("%s looks whole:\n%s", f, b.String())
		}
	}
	if _, err := WriteUnreached(&bytes.Buffer{}, HTML, unreachedHead, unreachedLines(nil)); fault.CodeOf(err) != fault.Invalid {
		t.Errorf("a format that is not there: %v", err)
	}
}
