package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/configs"
)

// What is built in says only what is known: the two figures, for those whom the documents name.
func TestTheTargetsThatAreBuiltIn(t *testing.T) {
	t.Parallel()
	list, err := parseTargets(configs.Targets)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]study.StudyHours{}
	for _, x := range list {
		got[x.Code+" "+string(x.Of)] = x.Hours
		if x.Law == "" || len(x.Categories) == 0 {
			t.Errorf("%s is asked of everybody, or without a document", x.Code)
		}
	}
	if diff := cmp.Diff(map[string]study.StudyHours{"year all": 9000, "online online": 5000}, got); diff != "" {
		t.Error(diff)
	}
	if gaps := list.For("村干部", nil); gaps != nil {
		t.Errorf("village cadres are asked for %v", gaps)
	}
}

func TestTargetsThatAreWrong(t *testing.T) {
	t.Parallel()
	const good = "targets:\n  - {code: a, name: 全年, of: all, hours: 12.5}\n"
	if list, err := parseTargets([]byte(good)); err != nil || len(list) != 1 || list[0].Hours != 1250 {
		t.Error(list, err)
	}
	if list, err := parseTargets([]byte("targets: []\n")); err != nil || list != nil {
		t.Error(list, err)
	}
	for _, c := range [][3]string{
		{"code: a", "code: A", "code"}, {"of: all", "of: some", "of"}, {"12.5", "0", "hours"}, {"12.5", "9.005", "hours"}, {"12.5", "many", "hours"}, {"全年", "' '", "name"},
		{"hours: 12.5", "hours: 12.5, law: " + strings.Repeat("长", 101), "law"}, {"hours: 12.5", "hours: 12.5, categories: ['']", "category"}, {"hours: 12.5", "hours: 12.5, laws: x", "laws"},
		{good[9:], good[9:] + good[9:], "new"},
	} {
		if _, err := parseTargets([]byte(strings.Replace(good, c[0], c[1], 1))); err == nil || !strings.Contains(err.Error(), c[2]) {
			t.Errorf("%s: %v", c[1], err)
		}
	}
}
