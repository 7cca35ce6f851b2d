package storetest

import (
	"fmt"
	"iter"
	"reflect"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/report"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
	"github.com/tiangeng/tiangeng/store"
)

// What a scope may see and do is proved for every method of the store that takes one, by name: a method
// without its case here fails the suite, so no list and no act can be forgotten (DESIGN rule 5).

// scopeWorld is a database in which everything is there for each of three villages, marked by words that
// appear nowhere else: whatever shows such a word has shown that village.
type scopeWorld struct {
	*bundle
	marks     map[string]people.OrgCode // a word and the unit it gives away
	who       map[people.LearnerID]string
	village   [3]people.LearnerID // somebody of each village
	neighbour [3]people.LearnerID
	campaigns [3]bot.CampaignID
	findings  [3]study.FindingID
	leaves    [3]study.LeaveID
	batches   [3]int64
	issued    [3]study.CertificateNumber
}

// villageRules name every village, and a category that nobody has.
func villageRules() (rules []store.EnrolRule) {
	for _, v := range scopeVillages {
		rules = append(rules, store.EnrolRule{Unit: v, Category: "无人"})
	}
	return rules
}

var scopeVillages = [3]people.OrgCode{village1, village2, village3}

func (w *scopeWorld) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func openScopeWorld(b *bundle) *scopeWorld {
	b.t.Helper()
	w := &scopeWorld{bundle: b.with(phoneKeys(b.t, "k1")), marks: map[string]people.OrgCode{}, who: map[people.LearnerID]string{}}
	ctx, all := b.t.Context(), people.Everyone()
	w.must(w.s.PublishCourses(ctx, start, []*content.Course{courseOne}))
	_, err := w.s.ApplyCohort(ctx, start, "tester", class("spring", courseOne.ID))
	w.must(err)
	for i, v := range scopeVillages { // an import for each, so that there is one to see and to undo
		var rows []people.RosterRow
		for j, surname := range []string{"赵", "钱", "孙"} {
			r := person(v, surname+[]string{"甲山", "乙水", "丙田"}[i], "AAAA")
			r.Phone = fmt.Sprintf("1380000%d00%d", i, j)
			w.marks[r.Name] = v
			rows = append(rows, r)
		}
		_, err := w.s.ImportRoster(ctx, start, "tester", over(v), people.RosterImport{File: "名册" + string(v) + ".csv", Rows: rows, Cohort: "spring", LeftPercent: 100})
		w.must(err)
		w.marks["名册"+string(v)+".csv"] = v
		for j, r := range rows {
			id := people.LearnerID(w.number("SELECT id FROM learners WHERE name = ?", r.Name))
			w.who[id] = r.Name
			if j == 0 {
				w.village[i] = id
			}
			if j == 1 {
				w.neighbour[i] = id
			}
		}
	}
	_, err = w.s.ApplySessions(ctx, start, "tester", "spring", fiveDays(b.t))
	w.must(err)
	_, err = w.s.ApplyEnrolRules(ctx, start, "tester", all, "spring", villageRules())
	w.must(err)
	_, err = w.s.CloseSession(ctx, start.AddDate(0, 0, 6), "tester", all, "spring", 2) // missed by everybody
	w.must(err)
	for i, v := range scopeVillages {
		code := string(v)
		who := w.village[i]
		w.done(start, typed("bind"+code, "o"+code), conversation.Bind{Learner: who},
			conversation.Step{Name: people.FunnelSteps()[0], Fresh: true}, conversation.Step{Name: people.FunnelSteps()[2], Unit: v, Fresh: true})
		w.done(start, typed("ask"+code, "o"+code), conversation.Ask{Kind: people.RequestCorrect, Learner: who, Text: "更正" + code})
		w.marks["更正"+code] = v
		c := announcement("c" + code)
		c.Title, c.Scope = "题"+code, over(v)
		w.marks[c.Title] = v
		run := w.running(c, delivery.RungPull, []people.LearnerID{who})
		w.campaigns[i] = run.ID
		f, err := w.s.AddFinding(ctx, start, "tester", all, study.Finding{Source: "巡察", Document: "1", Found: startDay, Unit: v, Problem: "问题" + code})
		w.must(err)
		w.marks["问题"+code], w.findings[i] = v, f.ID
		_, err = w.s.AssignRectification(ctx, start, "tester", all, store.Assignment{Finding: f.ID, Learners: []people.LearnerID{who}, Courses: []string{"rules"}, Due: startDay, Class: "整改" + code})
		w.must(err)
		s := quarterly()
		s.Code, s.Title, s.Unit, s.Anonymous, s.By = "s"+code, "问卷"+code, v, false, people.LevelNone
		w.survey(s)
		w.marks["问卷"+code] = v
		_, _, err = w.s.TagPeople(w.t.Context(), start, "tester", all, bot.Audience{Learners: []people.LearnerID{who}}, "标签"+code, true)
		w.must(err)
		w.marks["标签"+code] = v
		w.leaves[i], err = w.s.AskLeave(ctx, start, "tester", all, "spring", who, []int{10}, "事由"+code)
		w.must(err)
		w.marks["事由"+code] = v
		_, err = w.s.ChangeOrders(ctx, start, "tester", all, store.OrderChange{Learner: who, Act: study.OrderPlace, Course: "order" + code, Class: classNamed})
		w.must(err)
		_, err = w.s.LimitMenu(ctx, start, "tester", all, study.MenuLimit{Unit: v, Courses: []string{"closed" + code}})
		w.must(err)
		w.marks["order"+code], w.marks["closed"+code] = v, v
		row := elsewhere(2, who, "n"+code, 100)
		in := store.RecordImport{File: "学时" + code + ".csv", SaidBy: "组织部", Evidence: "1号", Today: startDay, BadPercent: 100, Rows: []study.RecordRow{row}}
		got, err := w.s.ImportRecords(ctx, start, "tester", all, in)
		w.must(err)
		w.batches[i] = got.Batch
		w.issued[i] = w.bundle.issued(start, who).Number
	}
	return w
}

// read is a list that a scope limits: everything it shows, as text.
type scopedRead func(w *scopeWorld, scope people.Scope) any

func drain[T any](seq iter.Seq2[T, error]) any {
	var list []T
	for v, err := range seq {
		if err != nil {
			return err
		}
		list = append(list, v)
	}
	return list
}

func shown[T any](v T, err error) any {
	if fault.CodeOf(err) == fault.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	return v
}

// ofEach asks for one thing of each village, as somebody does who knows or guesses its number.
func ofEach(ask func(i int) any) any {
	var list []any
	for i := range scopeVillages {
		got := ask(i)
		if _, failed := got.(error); failed {
			return got
		}
		list = append(list, got)
	}
	return list
}

var scopedReads = map[string]scopedRead{
	"AudienceSize": func(w *scopeWorld, scope people.Scope) any {
		return ofEach(func(i int) any {
			n, err := w.s.AudienceSize(w.t.Context(), scope, bot.Audience{Learners: []people.LearnerID{w.village[i]}})
			switch {
			case err != nil || n == 0:
				return shown(n, err)
			case n > 1:
				return fmt.Errorf("an audience of one is %d people", n)
			}
			return w.who[w.village[i]]
		})
	},
	"Recipients": func(w *scopeWorld, scope people.Scope) any {
		return shown(w.s.Recipients(w.t.Context(), start, scope, bot.Audience{}, 0, 100))
	},
	"Certificate": func(w *scopeWorld, scope people.Scope) any {
		return ofEach(func(i int) any { return shown(w.s.Certificate(w.t.Context(), scope, w.issued[i])) })
	},
	"Certificates": func(w *scopeWorld, scope people.Scope) any {
		return shown(w.s.Certificates(w.t.Context(), store.CertificateQuery{Scope: scope}))
	},
	"Campaign": func(w *scopeWorld, scope people.Scope) any {
		return ofEach(func(i int) any { return shown(w.s.Campaign(w.t.Context(), scope, w.campaigns[i])) })
	},
	"Campaigns": func(w *scopeWorld, scope people.Scope) any {
		return shown(w.s.Campaigns(w.t.Context(), scope, nil, 0, 100))
	},
	"CampaignSummary": func(w *scopeWorld, scope people.Scope) any {
		return ofEach(func(i int) any { return shown(w.s.CampaignSummary(w.t.Context(), start, scope, w.campaigns[i])) })
	},
	"UnreachedPeople": func(w *scopeWorld, scope people.Scope) any {
		return ofEach(func(i int) any {
			return shown(w.s.UnreachedPeople(w.t.Context(), scope, w.campaigns[i], false, 0, 100))
		})
	},
	"ClassRoll": func(w *scopeWorld, scope people.Scope) any {
		return shown(w.s.ClassRoll(w.t.Context(), scope, "spring"))
	},
	"CompletionList": func(w *scopeWorld, scope people.Scope) any {
		_, lines, err := w.s.CompletionList(w.t.Context(), report.Query{Scope: scope, CutOff: start})
		if err != nil {
			return err
		}
		return drain(lines)
	},
	"EnrolRules": func(w *scopeWorld, scope people.Scope) any {
		return shown(w.s.EnrolRules(w.t.Context(), scope, "spring"))
	},
	"ExportRoster": func(w *scopeWorld, scope people.Scope) any { return drain(w.s.ExportRoster(w.t.Context(), scope)) },
	"ExportPhones": func(w *scopeWorld, scope people.Scope) any {
		rows, err := w.s.ExportPhones(w.t.Context(), start, "tester", scope, store.PhonesPlain, "核对")
		if err != nil {
			return err
		}
		return drain(rows)
	},
	"FindPhone": func(w *scopeWorld, scope people.Scope) any {
		return ofEach(func(i int) any {
			return shown(w.s.FindPhone(w.t.Context(), start, "tester", scope, fmt.Sprintf("1380000%d000", i)))
		})
	},
	"MenuLimits": func(w *scopeWorld, scope people.Scope) any { return shown(w.s.MenuLimits(w.t.Context(), scope)) },
	"Orders": func(w *scopeWorld, scope people.Scope) any {
		list, _, err := w.s.Orders(w.t.Context(), store.OrderQuery{Scope: scope})
		return shown(list, err)
	},
	"OrderDemand": func(w *scopeWorld, scope people.Scope) any {
		return shown(w.s.OrderDemand(w.t.Context(), scope, "", ""))
	},
	"PersonalMenu": func(w *scopeWorld, scope people.Scope) any {
		return ofEach(func(i int) any { return shown(w.s.PersonalMenu(w.t.Context(), start, scope, w.village[i])) })
	},
	"Findings":       func(w *scopeWorld, scope people.Scope) any { return shown(w.s.Findings(w.t.Context(), scope)) },
	"FollowedPeople": func(w *scopeWorld, scope people.Scope) any { return drain(w.s.FollowedPeople(w.t.Context(), scope)) },
	"Funnel": func(w *scopeWorld, scope people.Scope) any {
		return shown(w.s.Funnel(w.t.Context(), scope, startDay, startDay, people.LevelVillage))
	},
	"LearnerHours": func(w *scopeWorld, scope people.Scope) any {
		return drain(w.s.LearnerHours(w.t.Context(), store.HoursQuery{Scope: scope, Year: 2026}))
	},
	"Units": func(w *scopeWorld, scope people.Scope) any {
		return shown(w.s.Units(w.t.Context(), scope, people.UnitQuery{Text: "单位"}))
	},
	"UnitLife": func(w *scopeWorld, scope people.Scope) any {
		return ofEach(func(i int) any { return shown(w.s.UnitLife(w.t.Context(), scope, scopeVillages[i])) })
	},
	"UnitCounts": func(w *scopeWorld, scope people.Scope) any {
		return shown(w.s.UnitCounts(w.t.Context(), scope, people.LevelVillage, string(startDay)))
	},
	"WhereWas": func(w *scopeWorld, scope people.Scope) any {
		return ofEach(func(i int) any { return shown(w.s.WhereWas(w.t.Context(), scope, w.village[i], string(startDay))) })
	},
	"ExportUnits": func(w *scopeWorld, scope people.Scope) any { return shown(w.s.ExportUnits(w.t.Context(), scope)) },
	"UnitHours": func(w *scopeWorld, scope people.Scope) any {
		return shown(w.s.UnitHours(w.t.Context(), store.HoursQuery{Scope: scope, Year: 2026}, people.LevelVillage))
	},
	"Leaves": func(w *scopeWorld, scope people.Scope) any {
		return shown(w.s.Leaves(w.t.Context(), scope, "spring", ""))
	},
	"NamedAnswers": func(w *scopeWorld, scope people.Scope) any {
		return ofEach(func(i int) any {
			v, _, err := w.s.NamedAnswers(w.t.Context(), scope, "s"+string(scopeVillages[i]))
			return shown(v, err)
		})
	},
	"RecordBatches": func(w *scopeWorld, scope people.Scope) any { return shown(w.s.RecordBatches(w.t.Context(), scope)) },
	"Rectifications": func(w *scopeWorld, scope people.Scope) any {
		return shown(w.s.Rectifications(w.t.Context(), store.RectifyQuery{Scope: scope}))
	},
	"Requests": func(w *scopeWorld, scope people.Scope) any {
		return shown(w.s.Requests(w.t.Context(), scope, "", 0, 100))
	},
	"RosterImports": func(w *scopeWorld, scope people.Scope) any {
		return shown(w.s.RosterImports(w.t.Context(), scope, 100))
	},
	"SurveyResult": func(w *scopeWorld, scope people.Scope) any {
		return ofEach(func(i int) any {
			return shown(w.s.SurveyResult(w.t.Context(), start.AddDate(0, 1, 0), scope, "s"+string(scopeVillages[i])))
		})
	},
	"Tags": func(w *scopeWorld, scope people.Scope) any {
		return shown(w.s.Tags(w.t.Context(), scope))
	},
	"Surveys": func(w *scopeWorld, scope people.Scope) any { return shown(w.s.Surveys(w.t.Context(), scope)) },
}

// scopedActs are acts on something of the i-th village. Each is refused to whoever does not see that village,
// changes nothing then, and is done for whoever does, so that it was the scope that refused it.
var scopedActs = map[string]func(w *scopeWorld, scope people.Scope, i int) error{
	"ActOnCampaign": func(w *scopeWorld, scope people.Scope, i int) error {
		_, err := w.s.ActOnCampaign(w.t.Context(), start, scope, w.campaigns[i], bot.ActPause, "x", "")
		return err
	},
	"AddFinding": func(w *scopeWorld, scope people.Scope, i int) error {
		_, err := w.s.AddFinding(w.t.Context(), start, "x", scope, study.Finding{Source: "x", Document: "x", Found: startDay, Unit: scopeVillages[i], Problem: "x"})
		return err
	},
	"AskLeave": func(w *scopeWorld, scope people.Scope, i int) error {
		_, err := w.s.AskLeave(w.t.Context(), start, "x", scope, "spring", w.neighbour[i], []int{9}, "病")
		return err
	},
	"AssignRectification": func(w *scopeWorld, scope people.Scope, i int) error {
		_, err := w.s.AssignRectification(w.t.Context(), start, "x", scope, store.Assignment{Finding: w.findings[i], Learners: []people.LearnerID{w.neighbour[i]}, Courses: []string{"rules"}, Due: startDay, Class: "x"})
		return err
	},
	"ChangeOrders": func(w *scopeWorld, scope people.Scope, i int) error {
		_, err := w.s.ChangeOrders(w.t.Context(), start, "x", scope, store.OrderChange{Learner: w.neighbour[i], Act: study.OrderPlace, Course: "other", Class: classNamed, News: "x"})
		return err
	},
	"LimitMenu": func(w *scopeWorld, scope people.Scope, i int) error {
		_, err := w.s.LimitMenu(w.t.Context(), start, "x", scope, study.MenuLimit{Unit: scopeVillages[i], Only: true, Courses: []string{"other"}})
		return err
	},
	"CloseRequest": func(w *scopeWorld, scope people.Scope, i int) error {
		id := w.number("SELECT id FROM requests WHERE learner_id = ?", int64(w.village[i]))
		_, err := w.s.CloseRequest(w.t.Context(), start, "x", scope, people.BindRule{}, people.RequestID(id), true, "情况属实")
		return err
	},
	"IssueCertificates": func(w *scopeWorld, scope people.Scope, i int) error {
		_, err := w.issue(start.AddDate(0, 0, 1), scope, store.CertificateOrder{Learners: w.village[i : i+1]})
		return err
	},
	"RevokeCertificate": func(w *scopeWorld, scope people.Scope, i int) error {
		_, err := w.s.RevokeCertificate(w.t.Context(), start, "x", scope, w.issued[i], "记错了")
		return err
	},
	"DecideLeave": func(w *scopeWorld, scope people.Scope, i int) error {
		return w.s.DecideLeave(w.t.Context(), start, "x", scope, w.leaves[i], study.LeaveApproved)
	},
	"DecidePlace": func(w *scopeWorld, scope people.Scope, i int) error {
		return w.s.DecidePlace(w.t.Context(), start, "x", scope, "spring", w.neighbour[i], store.PlaceWaive, "已经学过")
	},
	"DecideRectification": func(w *scopeWorld, scope people.Scope, i int) error {
		id := w.number("SELECT id FROM rectifications WHERE learner_id = ?", int64(w.village[i]))
		_, err := w.s.DecideRectification(w.t.Context(), start, "x", scope, study.RectificationID(id), study.Decision{Act: study.RectifyWithdraw, Proof: "x"})
		return err
	},
	"EnrolPeople": func(w *scopeWorld, scope people.Scope, i int) error {
		_, err := w.s.EnrolPeople(w.t.Context(), start, "x", scope, "spring", []people.LearnerID{w.neighbour[i]})
		return err
	},
	"EndSurvey": func(w *scopeWorld, scope people.Scope, i int) error {
		_, err := w.s.EndSurvey(w.t.Context(), start, "x", scope, "s"+string(scopeVillages[i]))
		return err
	},
	"ImportRecords": func(w *scopeWorld, scope people.Scope, i int) error {
		in := store.RecordImport{File: "x", SaidBy: "x", Evidence: "x", Today: startDay, BadPercent: 100, Rows: []study.RecordRow{elsewhere(2, w.neighbour[i], fmt.Sprint("x", i), 100)}}
		got, err := w.s.ImportRecords(w.t.Context(), start, "x", scope, in)
		if err == nil && got.Rejected == 1 {
			return fault.New(fault.NotFound, "the row was rejected")
		}
		return err
	},
	"ImportRoster": func(w *scopeWorld, scope people.Scope, i int) error {
		_, err := w.s.ImportRoster(w.t.Context(), start, "x", scope, people.RosterImport{File: "x", Rows: []people.RosterRow{person(scopeVillages[i], "新来的", "AAAA")}, LeftPercent: 100})
		return err
	},
	"MakeUp": func(w *scopeWorld, scope people.Scope, i int) error {
		return w.s.MakeUp(w.t.Context(), start.AddDate(0, 0, 6), "x", scope, "spring", 2, w.village[i], "补看录像")
	},
	"PutDelegate": func(w *scopeWorld, scope people.Scope, i int) error {
		return w.s.PutDelegate(w.t.Context(), start, "x", scope, people.BindRule{}, w.village[i], w.neighbour[i], "没有手机")
	},
	"PutSurvey": func(w *scopeWorld, scope people.Scope, i int) error {
		v := quarterly()
		v.Code, v.Unit, v.Anonymous, v.By = fmt.Sprint("x", i), scopeVillages[i], false, people.LevelNone
		_, err := w.s.PutSurvey(w.t.Context(), start, "x", scope, v)
		return err
	},
	"RecordAttendance": func(w *scopeWorld, scope people.Scope, i int) error {
		sessions, err := w.s.Sessions(w.t.Context(), "spring")
		w.must(err)
		e := scanned(sessions[0], w.neighbour[i], 0)
		e.Way, e.Actor = study.WayTrainer, "x"
		_, err = w.s.RecordAttendance(w.t.Context(), sessions[0].Starts, scope, []study.AttendanceEvent{e})
		return err
	},
	"TagPeople": func(w *scopeWorld, scope people.Scope, i int) error {
		_, _, err := w.s.TagPeople(w.t.Context(), start, "x", scope, bot.Audience{Learners: []people.LearnerID{w.neighbour[i]}}, "另一个", true)
		return err
	},
	"TransferHandset": func(w *scopeWorld, scope people.Scope, i int) error {
		free := w.number("SELECT id FROM learners WHERE unit_code = ? AND name LIKE '孙%'", string(scopeVillages[i]))
		return w.s.TransferHandset(w.t.Context(), start, "x", scope, w.village[i], people.LearnerID(free), "村里的公用手机")
	},
	"UndoRecords": func(w *scopeWorld, scope people.Scope, i int) error {
		_, err := w.s.UndoRecords(w.t.Context(), start, "x", scope, w.batches[i], "登记错了")
		return err
	},
}

// lateActs are as scopedActs, done after them because they end what others need.
var lateActs = map[string]func(w *scopeWorld, scope people.Scope, i int) error{
	"ReleaseLearner": func(w *scopeWorld, scope people.Scope, i int) error {
		holder := w.number("SELECT p.learner_id FROM profiles p JOIN learners l ON l.id = p.learner_id WHERE l.unit_code = ? AND p.helper_id = 0 LIMIT 1", string(scopeVillages[i]))
		_, err := w.s.ReleaseLearner(w.t.Context(), start, "x", scope, people.LearnerID(holder), "手机丢了")
		return err
	},
}

// wholeActs concern everybody of a class: only who sees all of them may.
var wholeActs = map[string]func(w *scopeWorld, scope people.Scope) error{
	"ApplyEnrolRules": func(w *scopeWorld, scope people.Scope) error {
		_, err := w.s.ApplyEnrolRules(w.t.Context(), start, "x", scope, "spring", villageRules())
		return err
	},
	"ChangeUnit": func(w *scopeWorld, scope people.Scope) error {
		name := fmt.Sprintf("第%d县", w.number("SELECT COUNT(*) FROM org_changes"))
		_, err := w.s.ChangeUnit(w.t.Context(), start, "x", scope, people.UnitOrder{Kind: people.UnitRenamed, Code: county112, Name: name})
		return err
	},
	"CountHeads": func(w *scopeWorld, scope people.Scope) error {
		return w.s.CountHeads(w.t.Context(), start, "x", scope, "spring", store.HeadCount{Number: 1, Heads: 9})
	},
	"CloseSession": func(w *scopeWorld, scope people.Scope) error {
		_, err := w.s.CloseSession(w.t.Context(), start.AddDate(0, 0, 6), "x", scope, "spring", 1)
		return err
	},
}

// ownActs are on whatever is the newest of a scope: only who sees no village at all is refused.
var ownActs = map[string]func(w *scopeWorld, scope people.Scope) error{
	"UndoRoster": func(w *scopeWorld, scope people.Scope) error {
		_, err := w.s.UndoRoster(w.t.Context(), start.AddDate(0, 0, 7), "x", scope)
		return err
	},
}

// scopedMethods are the methods of a store that a scope limits.
func scopedMethods() (names []string) {
	scope := reflect.TypeFor[people.Scope]()
	takes := func(p reflect.Type) bool {
		if p == scope {
			return true
		}
		if p.Kind() != reflect.Struct || p == reflect.TypeFor[bot.Campaign]() || p == reflect.TypeFor[bot.Trainer]() {
			return false // a campaign and a trainer carry a scope as what they are
		}
		f, has := p.FieldByName("Scope")
		return has && f.Type == scope
	}
	s := reflect.TypeFor[*store.Store]()
	for i := range s.NumMethod() {
		m := s.Method(i)
		for j := 1; j < m.Type.NumIn(); j++ {
			if takes(m.Type.In(j)) {
				names = append(names, m.Name)
				break
			}
		}
	}
	return names
}

// oddScopes see nobody: no units, and units that are none.
var oddScopes = []people.Scope{{}, {Units: []people.OrgCode{""}}, over("5301"), over("%"), over("530112001299"), over("530199000000"), over("*' OR '1'='1")}

func (w *scopeWorld) scopes() []people.Scope {
	list := append(slices.Clone(oddScopes), people.Everyone(), over(village1, village3), over(village2, "bad"))
	for _, v := range append(scopeVillages[:], township112, "530113001000", county112, county113, prefecture, "530000000000", "539900000000") {
		list = append(list, over(v))
	}
	return list
}

func caseNames[F any](m map[string]F) (names []string) {
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

var scopeCases = map[string]func(*testing.T, *bundle){
	"every method that a scope limits has its case": func(t *testing.T, _ *bundle) {
		have := slices.Concat(caseNames(scopedReads), caseNames(scopedActs), caseNames(lateActs), caseNames(wholeActs), caseNames(ownActs))
		sort.Strings(have)
		if diff := cmp.Diff(scopedMethods(), have); diff != "" {
			t.Errorf("methods (-) and cases (+) of exercise_scope.go differ:\n%s", diff)
		}
	},
	"every list is what everybody's list leaves of a scope": func(t *testing.T, b *bundle) {
		w := openScopeWorld(b)
		for _, v := range scopeVillages {
			w.marks[string(v)] = v
		}
		for _, name := range caseNames(scopedReads) {
			words := func(scope people.Scope) []string {
				got := scopedReads[name](w, scope)
				if err, failed := got.(error); failed {
					t.Errorf("%s of %v: %v", name, scope, err)
				}
				text := fmt.Sprintf("%+v", got)
				var list []string
				for word := range w.marks {
					if strings.Contains(text, word) {
						list = append(list, word)
					}
				}
				sort.Strings(list)
				return list
			}
			all := words(people.Everyone())
			for _, v := range scopeVillages {
				if !slices.ContainsFunc(all, func(word string) bool { return w.marks[word] == v }) {
					t.Errorf("%s shows nothing of %s to anybody: its case proves nothing", name, v)
				}
			}
			for _, scope := range w.scopes() {
				want := keep(all, func(word string) bool { return scope.Sees(w.marks[word]) })
				if diff := cmp.Diff(want, append([]string{}, words(scope)...)); diff != "" {
					t.Errorf("%s of %v (-want +got):\n%s", name, scope, diff)
				}
			}
		}
	},
	"no act reaches beyond a scope": func(t *testing.T, b *bundle) {
		w := openScopeWorld(b)
		before := w.dump()
		refused := func(name string, scope people.Scope, err error) {
			t.Helper()
			if code := fault.CodeOf(err); code != fault.NotFound && code != fault.Forbidden {
				t.Errorf("%s of %v: %v, want it refused", name, scope, err)
			}
		}
		blind := 0
		for _, scope := range w.scopes() {
			if !slices.ContainsFunc(scopeVillages[:], scope.Sees) {
				for _, name := range caseNames(ownActs) {
					refused(name, scope, ownActs[name](w, scope))
				}
			}
			for i, v := range scopeVillages {
				if scope.Sees(v) {
					continue
				}
				blind++
				for _, acts := range []map[string]func(*scopeWorld, people.Scope, int) error{scopedActs, lateActs} {
					for _, name := range caseNames(acts) {
						refused(name, scope, acts[name](w, scope, i))
					}
				}
				for _, name := range caseNames(wholeActs) {
					refused(name, scope, wholeActs[name](w, scope))
				}
			}
		}
		if blind < 30 {
			t.Errorf("only %d scopes and villages were tried", blind)
		}
		if diff := cmp.Diff(before, w.dump()); diff != "" {
			t.Errorf("refused acts changed the database (-before +after):\n%s", diff)
		}
		for i, v := range scopeVillages { // and they are done for who sees the village
			for _, name := range caseNames(scopedActs) {
				if err := scopedActs[name](w, over(v), i); err != nil {
					t.Errorf("%s of %v: %v", name, v, err)
				}
			}
			for _, name := range caseNames(lateActs) {
				if err := lateActs[name](w, over(v), i); err != nil {
					t.Errorf("%s of %v: %v", name, v, err)
				}
			}
		}
		for _, acts := range []map[string]func(*scopeWorld, people.Scope) error{wholeActs, ownActs} {
			for _, name := range caseNames(acts) {
				if err := acts[name](w, people.Everyone()); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	},
}
