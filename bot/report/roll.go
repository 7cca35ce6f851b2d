package report

import (
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tiangeng/tiangeng/bot/sheet"
	"github.com/tiangeng/tiangeng/bot/study"
)

// presenceWords are what offices write into registers.
var presenceWords = map[study.Presence]string{
	study.PresenceNone: "", study.Present: "到", study.Late: "迟到", study.LeftEarly: "早退", study.Absent: "缺勤", study.OnLeave: "请假",
	study.MadeUpLater: "补学", study.PresenceDoubt: "待核实",
}

// PresenceWord is a presence in Chinese; "" where nothing is known.
func PresenceWord(p study.Presence) string { return presenceWords[p] }

// doubtWords say why a sign-in waits for the trainer.
var doubtWords = map[study.Doubt]string{
	study.DoubtDevice: "一部手机签了几个人", study.DoubtFar: "不在会场附近", study.DoubtBurst: "同一秒签到的人太多", study.DoubtSamePlot: "和别人的位置一模一样",
	study.DoubtClock: "手机时间不对", study.DoubtGuest: "不在名单上", study.DoubtNoPlace: "没有核对位置",
}

// DoubtWord is a doubt in Chinese.
func DoubtWord(d study.Doubt) string { return doubtWords[d] }

var placeWords = map[study.EnrolmentStatus]string{study.Withdrawn: "退学", study.Waived: "免修", "": "名单外"}

// Verdict is what a register says about a person in the end; while sessions are open only what is decided already, and who is near it.
func Verdict(roll study.Roll, l study.RollLine) string {
	switch word := placeWords[l.Status]; {
	case word != "":
		return word
	case l.Standing.Over:
		return "缺课超过七分之一"
	case l.Standing.Waiting > 0:
		return "有签到待核实"
	case roll.Finished(l):
		return "结业"
	case l.Standing.Near && slices.ContainsFunc(roll.Sessions, func(s study.Session) bool { return s.ClosedAt.IsZero() }):
		return "再缺一次超过七分之一"
	}
	return ""
}

func rollTable(roll study.Roll, cutOff time.Time) filed {
	t := filed{
		title: "面授班考勤和学时登记表", notes: [][]sheet.Cell{
			note("班次", sheet.Text(roll.Cohort.Name)), note("地点", sheet.Text(place(roll))), note("截至", sheet.Stamp(cutOff.In(study.Zone))), note("说明", sheet.Text(rollRule(roll))),
		},
		heads: []string{"序号", "学员编号", "姓名", "单位代码", "单位", "干部类别"}, widths: []float64{6, 10, 12, 15, 34, 14}, total: "人数",
		signed: []string{"班主任（签字）", "单位（盖章）", "日期"},
	}
	on := []float64{7, 10, 15, 22, 46, 15}
	for _, s := range roll.Sessions {
		t.heads, t.widths = append(t.heads, study.SessionWord(s)), append(t.widths, 13)
		on = append(on, 9)
	}
	t.paper.widths = append(on, 11, 11, 11, 11, 11, 26, 22)
	t.heads = append(t.heads, "应得学时", "实得学时", "其中补学学时", "请假学时", "缺勤学时", "结论", "学员签名")
	t.widths = append(t.widths, 10, 10, 14, 10, 10, 18, 14)
	return t
}

func place(roll study.Roll) string {
	var names []string
	for _, s := range roll.Sessions {
		if s.Place != "" && !slices.Contains(names, s.Place) {
			names = append(names, s.Place)
		}
	}
	return strings.Join(names, "、")
}

func rollRule(roll study.Roll) string {
	open, counts := 0, []string{}
	for i, s := range roll.Sessions {
		if s.ClosedAt.IsZero() {
			open++
		}
		if roll.Counted[i] >= 0 {
			n := study.Tally(roll.Lines, i)
			there := n[study.Present] + n[study.Late] + n[study.LeftEarly] + n[study.PresenceDoubt]
			counts = append(counts, study.SessionWord(s)+strconv.Itoa(roll.Counted[i])+"/"+strconv.Itoa(there))
		}
	}
	words := "学时按签到计算，规则 " + study.ClassRule2026.Version + "；请假和缺勤合计超过总学时七分之一的，不予结业"
	if open > 0 {
		words = "还有 " + strconv.Itoa(open) + " 次课没有结课，本表不是最后结果。" + words
	}
	if len(counts) > 0 {
		words += "；到课人数（清点/系统）：" + strings.Join(counts, "、")
	}
	return words
}

// WriteRoll writes the register of a class: CSV, XLSX, or a page to print, sign and stamp. While sessions are open
// it says so.
func WriteRoll(w io.Writer, f Format, cutOff time.Time, roll study.Roll) (int, error) {
	return rollTable(roll, cutOff).write(w, f, rollRows(roll))
}

func rollRows(roll study.Roll) iter.Seq2[[]sheet.Cell, error] {
	hours := func(h study.StudyHours) sheet.Cell { return sheet.Fixed(int(h), 2) }
	return func(yield func([]sheet.Cell, error) bool) {
		for i, l := range roll.Lines {
			p := l.Learner
			cells := []sheet.Cell{sheet.Int(i + 1), sheet.Int(int(p.ID)), sheet.Text(p.Name), sheet.Text(string(p.Unit)), sheet.Text(p.UnitName), sheet.Text(p.Category)}
			for _, a := range l.Attended {
				cells = append(cells, sheet.Text(PresenceWord(a.Presence)))
			}
			st := l.Standing
			cells = append(cells, hours(st.Total), hours(st.Credited), hours(st.MadeUp), hours(st.Leave), hours(st.Missed), sheet.Text(Verdict(roll, l)), sheet.Text(""))
			if !yield(cells, nil) {
				return
			}
		}
	}
}

// WriteSignSheet writes the paper that people sign in a session where phones cannot (签到表): names and empty places.
func WriteSignSheet(w io.Writer, f Format, roll study.Roll, s study.Session) (int, error) {
	t := filed{
		title: "签到表", notes: [][]sheet.Cell{
			note("班次", sheet.Text(roll.Cohort.Name)), note("课次", sheet.Text(fmt.Sprintf("第 %d 次 %s %s", s.Number, study.SessionWord(s), s.Title))), note("地点", sheet.Text(s.Place)),
		},
		heads: []string{"序号", "学员编号", "姓名", "单位", "签到时间", "签名"}, widths: []float64{6, 10, 12, 40, 14, 24}, paper: paper{tall: true, widths: []float64{7, 10, 16, 62, 18, 36}}, total: "人数", signed: []string{"清点人数", "班主任（签字）", "日期"},
	}
	return t.write(w, f, func(yield func([]sheet.Cell, error) bool) {
		n := 0
		for _, l := range roll.Lines {
			if !l.Expected() {
				continue
			}
			n++
			if !yield([]sheet.Cell{sheet.Int(n), sheet.Int(int(l.Learner.ID)), sheet.Text(l.Learner.Name), sheet.Text(l.Learner.UnitName), sheet.Text(""), sheet.Text("")}, nil) {
				return
			}
		}
	})
}
