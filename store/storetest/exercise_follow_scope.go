package storetest

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/store"
)

// followScopes: whatever units a scope has – own, parent, sibling, child, malformed, none –, each list is what
// everybody's list leaves of them, and no act reaches beyond it.
func followScopes(t *testing.T, b *bundle) {
	t.Helper()
	ctx := t.Context()
	_, ids := b.enrolled("spring", crowd(5, 5)...)
	codes := []people.OrgCode{prefecture, county112, county113, township112, "530113001000", village1, village2, village3}
	for i, unit := range codes {
		f, err := b.s.AddFinding(ctx, start, "tester", people.Everyone(), study.Finding{Source: "巡察", Document: fmt.Sprint(i), Found: startDay, Unit: unit, Problem: "x"})
		if err != nil {
			t.Fatal(err)
		}
		who := []people.LearnerID{ids[i%len(ids)], ids[(i+5)%len(ids)]}
		if _, err := b.s.AssignRectification(ctx, start, "tester", people.Everyone(), store.Assignment{Finding: f.ID, Learners: who, Courses: []string{"rules"}, Due: startDay, Class: "整改"}); err != nil {
			t.Fatal(err)
		}
		v := quarterly()
		v.Code, v.Unit, v.Anonymous, v.By = fmt.Sprint("s", i), unit, false, people.LevelNone
		b.survey(v)
	}
	followed := func(scope people.Scope) []people.Learner {
		out := []people.Learner{}
		for f, err := range b.s.FollowedPeople(ctx, scope) {
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, f.Learner)
		}
		return out
	}
	read := func(scope people.Scope) (who []people.Learner, findings []study.Finding, todo []study.Rectification, surveys []study.Survey) {
		var err error
		if findings, err = b.s.Findings(ctx, scope); err != nil {
			t.Fatal(err)
		}
		if todo, err = b.s.Rectifications(ctx, store.RectifyQuery{Scope: scope}); err != nil {
			t.Fatal(err)
		}
		if surveys, err = b.s.Surveys(ctx, scope); err != nil {
			t.Fatal(err)
		}
		return followed(scope), findings, todo, surveys
	}
	people0, findings0, todo0, surveys0 := read(people.Everyone())
	if len(people0) != 10 || len(findings0) != 8 || len(todo0) != 16 || len(surveys0) != 8 {
		t.Fatal(len(people0), len(findings0), len(todo0), len(surveys0))
	}
	acts := b.number("SELECT COUNT(*) FROM audit")
	rapid.Check(t, func(r *rapid.T) {
		scope := people.Scope{Units: rapid.SliceOfN(rapid.SampledFrom(append([]people.OrgCode{"", "5301", "%", "530199000000", "530112001299"}, codes...)), 0, 3).Draw(r, "scope")}
		who, findings, todo, surveys := read(scope)
		same := func(what, diff string) {
			if diff != "" {
				r.Errorf("%s of %v (-want +got):\n%s", what, scope, diff)
			}
		}
		same("people", cmp.Diff(keep(people0, func(l people.Learner) bool { return scope.Sees(l.Unit) }), who))
		same("findings", cmp.Diff(keep(findings0, func(f study.Finding) bool { return scope.Sees(f.Unit) }), findings))
		same("rectifications", cmp.Diff(keep(todo0, func(x study.Rectification) bool { return scope.Sees(x.Learner.Unit) }), todo))
		same("surveys", cmp.Diff(keep(surveys0, func(v study.Survey) bool { return scope.Sees(v.Unit) }), surveys))
		var errs []error
		note := func(err error) { errs = append(errs, err) }
		unit := rapid.SampledFrom(codes).Draw(r, "unit")
		f, x, v := findings0[rapid.IntRange(0, 7).Draw(r, "finding")], todo0[rapid.IntRange(0, 15).Draw(r, "rectification")], surveys0[rapid.IntRange(0, 7).Draw(r, "survey")]
		if !scope.Sees(unit) {
			_, err := b.s.AddFinding(ctx, start, "tester", scope, study.Finding{Source: "x", Document: "x", Found: startDay, Unit: unit, Problem: "x"})
			note(err)
			fresh := v
			fresh.Code, fresh.Unit = "fresh", unit
			_, err = b.s.PutSurvey(ctx, start, "tester", scope, fresh)
			note(err)
		}
		if !scope.Sees(f.Unit) || !scope.Sees(x.Learner.Unit) {
			_, err := b.s.AssignRectification(ctx, start, "tester", scope, store.Assignment{Finding: f.ID, Learners: []people.LearnerID{x.Learner.ID}, Courses: []string{"rules"}, Due: startDay})
			note(err)
		}
		if !scope.Sees(x.Learner.Unit) {
			_, err := b.s.DecideRectification(ctx, start, "tester", scope, x.ID, study.Decision{Act: study.RectifyWithdraw, Proof: "x"})
			note(err)
		}
		if !scope.Sees(v.Unit) {
			_, err := b.s.SurveyResult(ctx, start, scope, v.Code)
			note(err)
			_, err = b.s.EndSurvey(ctx, start, "tester", scope, v.Code)
			note(err)
		}
		for i, err := range errs {
			if fault.CodeOf(err) != fault.NotFound {
				r.Errorf("act %d of %v: %v", i, scope, err)
			}
		}
	})
	if n := b.number("SELECT COUNT(*) FROM audit"); n != acts {
		t.Errorf("%d acts were done beyond a scope", n-acts)
	}
}

// keep leaves those that are wanted; none is an empty list.
func keep[T any](list []T, want func(T) bool) []T {
	out := []T{}
	for _, v := range list {
		if want(v) {
			out = append(out, v)
		}
	}
	return out
}
