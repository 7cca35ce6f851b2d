package conversation_test

import (
	"testing"

	"github.com/tiangeng/tiangeng/bot/study"
)

// testTargets are asked of township cadres only.
var testTargets = study.Targets{
	{Code: "year", Name: "全年学时", Of: study.TargetAll, Hours: 9000, Categories: []string{"乡镇干部"}, Law: "《干部教育培训工作条例》"},
	{Code: "net", Name: "网络学习", Of: study.TargetOnline, Hours: 50, Categories: []string{"乡镇干部"}},
}

// givenHours: 有学时 kind hours; 类别 category of everybody.
func (w *world) givenHours(t testing.TB, f []string) bool {
	t.Helper()
	switch f[0] {
	case "有学时":
		hours, ok := study.ParseHours(f[2])
		if !ok {
			t.Fatalf("%q are no hours", f[2])
		}
		if w.byKind == nil {
			w.byKind = study.Hours{}
		}
		w.byKind[study.SourceKind(f[1])] = hours
	case "类别":
		for i := range w.roster {
			w.roster[i].Learner.Category = f[1]
		}
	default:
		return false
	}
	return true
}
