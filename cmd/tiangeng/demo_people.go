package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/sim"
	"github.com/tiangeng/tiangeng/bot/study"
)

const (
	demoCohort = "demo-2026"
	demoHour   = "08:00"
)

// The demo's people are invented; the codes are not those of real places (prefix 53 is Yunnan's,
// the county digits 99 are given to nobody).
var (
	demoTownship = people.OrgCode("539901100000")
	demoUnits    = []people.OrgUnit{
		{Code: "530000000000", Name: "云南省"},
		{Code: "539900000000", Name: "示范州"},
		{Code: "539901000000", Name: "田埂县"},
		{Code: demoTownship, Name: "青松镇"},
	}
	demoVillages = []people.OrgUnit{
		{Code: "539901100201", Name: "新村村民委员会"},
		{Code: "539901100202", Name: "大河边村民委员会"},
		{Code: "539901100203", Name: "石板坡村民委员会"},
	}
)

// demoRoster is who should learn.
func demoRoster() []people.RosterRow {
	type person struct {
		name, category, code string
		village              int // index, -1 for the township itself
	}
	list := []person{
		{"李文山", "村党组织书记", "5H2P", 0},
		{"杨秀兰", "村委会委员", "7K3M", 0},
		{"王建国", "乡镇干部", "9T4X", -1},
		{"陈老师", "乡镇干部", "3W8N", -1},
		{"李文山", "村委会委员", "6R2D", 1},
		{"普阿依", "村妇联主席", "4C7Y", 1},
		{"岩温", "驻村工作队员", "8F5J", 1},
		{"赵国平", "村监委会主任", "2N9V", 2},
		{"沙马么", "村委会副主任", "5G6B", 2},
		{"和丽芬", "大学生村官", "7M4Z", 2},
	}
	rows := make([]people.RosterRow, 0, len(list))
	for i, x := range list {
		r := people.RosterRow{Row: i + 2, Unit: demoTownship, Units: demoUnits, Name: x.name, Category: x.category, Code: x.code}
		if x.village >= 0 {
			v := demoVillages[x.village]
			r.Unit, r.Units = v.Code, append(append([]people.OrgUnit{}, demoUnits...), v)
		}
		rows = append(rows, r)
	}
	return rows
}

// Openids of the demo's phones.
const (
	phoneLi   = "oDEMO_li_wenshan_00000000001"
	phoneYang = "oDEMO_yang_xiulan_0000000002"
	phoneWang = "oDEMO_wang_jianguo_000000003"
	phoneChen = "oDEMO_chen_laoshi_0000000004"
)

func demoPersonas() []sim.Persona {
	return []sim.Persona{
		{OpenID: phoneLi, Name: "李文山", Note: "村干部，已绑定", Avatar: "李", Color: "#4a7c59", Hints: hints("今日学习", "继续", "我的学习", "帮助")},
		{OpenID: phoneYang, Name: "杨秀兰", Note: "村干部，刚来，要先绑定", Avatar: "杨", Color: "#a8577e", Hints: hints("杨秀兰 新村 7K3M", "今日学习")},
		{OpenID: phoneWang, Name: "王建国", Note: "乡镇干部，已绑定", Avatar: "王", Color: "#4668a8", Hints: hints("今日学习", "暂停", "恢复")},
		{OpenID: phoneChen, Name: "陈老师", Note: "教员，自己也在班里学", Avatar: "陈", Color: "#b0772f", Hints: hints("发通知", "1", "通知结果", "今日学习")},
	}
}

func hints(texts ...string) []sim.Hint {
	list := make([]sim.Hint, 0, len(texts))
	for _, t := range texts {
		list = append(list, sim.Hint{Label: t, Kind: "text", Value: t})
	}
	return list
}

func demoScenes() []sim.Scene { return []sim.Scene{{Scene: demoCohort, Label: "示范班二维码"}} }

// seedDemo makes the sample class and its roster; again changes nothing.
func seedDemo(ctx context.Context, a *app) error {
	now := a.clock.Now()
	cohorts, err := a.store.Cohorts(ctx)
	if err != nil {
		return err
	}
	if len(cohorts) == 0 {
		_, err := a.store.ApplyCohort(ctx, now, "demo", study.Cohort{
			Code: demoCohort, Name: "示范班（村干部线上微课）", Courses: []string{"fang-fanpin", "shanqu-bizai"},
			Schedule: demoSchedule(a.subject.calendar, now),
		})
		if err != nil {
			return fmt.Errorf("setting up the sample class: %w", err)
		}
	}
	if _, err := a.store.ApplyRoster(ctx, now, "demo", demoRoster(), demoCohort); err != nil {
		return fmt.Errorf("importing the sample roster: %w", err)
	}
	chen, err := oneLearner(ctx, a, 0, "陈老师", string(demoTownship))
	if err != nil {
		return fmt.Errorf("looking for the sample trainer: %w", err)
	}
	trainer := bot.Trainer{Learner: chen.ID, Name: chen.Name, Scope: people.Scope{Units: []people.OrgCode{demoTownship}}, Since: study.DayOf(now)}
	if err := a.store.PutTrainer(ctx, now, "demo", trainer); err != nil {
		return fmt.Errorf("making the sample trainer: %w", err)
	}
	return a.writeDemoConfig()
}

// writeDemoConfig lets the other commands work on the demo's data: completions export, push …
func (a *app) writeDemoConfig() error {
	dir := filepath.Dir(strings.TrimPrefix(a.config.Database.DSN, "sqlite://"))
	text := fmt.Sprintf("# Made by the demo, for commands like completions export while it runs.\ndatabase:\n  dsn: %q\nwechat:\n  api_base: %q\nclock:\n  follow: %q\npublic_url: %q\ncertificate:\n  office: %q\n",
		a.config.Database.DSN, a.config.WeChat.APIBase, a.config.WeChat.APIBase, a.config.PublicURL, a.config.Certificate.Office)
	return os.WriteFile(filepath.Join(dir, "tiangeng.yaml"), []byte(text), 0o600)
}

// playFirstDay brings the phones to where a tour begins: three people have followed and bound
// through the real webhook, one is still outside.
func playFirstDay(ctx context.Context, a *app, platform *sim.Platform) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for phone, words := range map[string]string{
		phoneLi: "李文山 新村 5H2P", phoneWang: "王建国 青松镇 9T4X", phoneChen: "陈老师 青松镇 3W8N",
	} {
		u := platform.As(phone)
		if _, err := u.Follow(ctx, demoCohort); err != nil {
			return fmt.Errorf("the first follow failed: %w", err)
		}
		if _, err := u.Type(ctx, words); err != nil {
			return errors.Join(errors.New("the first binding failed"), err)
		}
	}
	_, _, err := a.applyMenus(ctx) // now that the trainer's phone is known
	return err
}
