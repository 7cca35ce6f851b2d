package content_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/content"
)

const samplePhrases = `
bind:
  ask_name: 请发您的姓名。
  found: 找到 {count} 个叫{name}的人，{name}，是您吗？
study:
  push:
    today: "今天学第 {number} 课：{title}"
quiz:
`

func loadSample(t *testing.T) *content.Phrases {
	t.Helper()
	p, err := content.LoadPhrases([]byte(samplePhrases))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestSay(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		key  string
		args []fault.Arg
		want string
	}{
		{"a plain sentence", "bind.ask_name", nil, "请发您的姓名。"},
		{"a placeholder twice, another once", "bind.found", []fault.Arg{fault.A("name", "罗明"), fault.A("count", 2)}, "找到 2 个叫罗明的人，罗明，是您吗？"},
		{"nested keys are joined by dots", "study.push.today", []fault.Arg{fault.A("number", 3), fault.A("title", "小额信贷")}, "今天学第 3 课：小额信贷"},
		{"braces in an argument mean nothing", "bind.found", []fault.Arg{fault.A("name", "{count}"), fault.A("count", 1)}, "找到 1 个叫{count}的人，{count}，是您吗？"},
		{"an argument too many is left out", "bind.ask_name", []fault.Arg{fault.A("x", 1)}, "请发您的姓名。"},
		{"a missing sentence shows its key", "bind.nothing", nil, "〔bind.nothing〕"},
		{"a missing argument shows its name", "bind.found", []fault.Arg{fault.A("name", "罗明")}, "找到 〔count〕 个叫罗明的人，罗明，是您吗？"},
	}
	p := loadSample(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := p.Say(c.key, c.args...); got != c.want {
				t.Errorf("Say = %q, want %q", got, c.want)
			}
		})
	}
}

func TestWhatIsMissingIsReported(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var got []string
	plain := loadSample(t)
	p := plain.OnMissing(func(key, argument string) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, key+"/"+argument)
	})
	p.Say("bind.found", fault.A("name", "罗明"))
	p.Say("bind.nothing")
	p.Say("bind.ask_name")
	plain.Say("bind.nothing") // the catalogue without the hook stays without it
	if diff := cmp.Diff([]string{"bind.found/count", "bind.nothing/"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestKeysOfACatalogue(t *testing.T) {
	t.Parallel()
	p := loadSample(t)
	if diff := cmp.Diff([]string{"bind.ask_name", "bind.found", "study.push.today"}, p.Keys()); diff != "" {
		t.Error(diff)
	}
	if !p.Has("bind.found") || p.Has("bind") || p.Has("quiz") {
		t.Error("Has does not tell sentences from sections")
	}
	if diff := cmp.Diff([]string{"count", "name"}, p.Placeholders("bind.found")); diff != "" {
		t.Error(diff)
	}
}

func TestFaultNamesThePlace(t *testing.T) {
	t.Parallel()
	p := loadSample(t)
	e := fault.New(fault.Invalid, "bind.ask_name")
	cases := []struct {
		name string
		err  *fault.Error
		want string
	}{
		{"nothing", nil, ""},
		{"no place", e, "请发您的姓名。"},
		{"file", e.At("名单.xlsx", 0, ""), "文件 名单.xlsx：请发您的姓名。"},
		{"file, row, heading", e.At("名单.xlsx", 7, "姓名"), "文件 名单.xlsx 第 7 行“姓名”：请发您的姓名。"},
		{"row, column number", e.At("", 7, "3"), "第 7 行 第 3 列：请发您的姓名。"},
		{"column number", e.At("", 0, "3"), "第 3 列：请发您的姓名。"},
		{"heading", e.At("", 0, "姓名"), "“姓名”：请发您的姓名。"},
		{"the cause is never shown", fault.Wrap(errors.New("secret"), fault.Invalid, "bind.ask_name"), "请发您的姓名。"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := p.Fault(c.err); got != c.want {
				t.Errorf("Fault = %q, want %q", got, c.want)
			}
		})
	}
}

func TestOverrides(t *testing.T) {
	t.Parallel()
	p := loadSample(t)
	n, err := p.With([]byte("bind:\n  found: 是{name}吗？（{count}）\n"))
	if err != nil {
		t.Fatal(err)
	}
	args := []fault.Arg{fault.A("name", "罗明"), fault.A("count", 2)}
	if got := n.Say("bind.found", args...); got != "是罗明吗？（2）" {
		t.Errorf("overridden: %q", got)
	}
	if got := n.Say("bind.ask_name"); got != "请发您的姓名。" {
		t.Errorf("not overridden: %q", got)
	}
	if got := p.Say("bind.found", args...); got == "是罗明吗？（2）" {
		t.Error("the old catalogue was changed")
	}
	if empty, err := p.With([]byte("# nothing yet\n")); err != nil || empty.Say("bind.ask_name") != "请发您的姓名。" {
		t.Errorf("an override file with nothing in it: %v", err)
	}
}

func TestCatalogueProblems(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, file string
		override   bool
		want       []string // line and a part of the sentence
	}{
		{"key that does not exist", "bind:\n  ask_nam: 您好\n  ask_name: 您好\n", true, []string{"2:没有叫“bind.ask_nam”"}},
		{"placeholder lost and placeholder unknown", "bind:\n  found: 是{nam}吗？{count}\n", true, []string{"2:少了 {name}", "2:{nam} 程序不认识"}},
		{"brace left open", "a:\n  b: 您好{name\n", false, []string{"2:花括号不对"}},
		{"placeholder with a blank", "a:\n  b: 您好{ name }\n", false, []string{"2:花括号不对"}},
		{"empty sentence", "a:\n  b:\n  c: ''\n", false, []string{"2:没有写句子", "3:没有写句子"}},
		{"the same key twice", "a:\n  b: 一\n  b: 二\n", false, []string{"3:写了两次"}},
		{"key in capitals", "a:\n  B: 一\n", false, []string{"2:只能用小写英文字母"}},
		{"a list", "a:\n  - 一\n", false, []string{"2:键名: 句子"}},
		{"sentence cut by #", "a:\n  b: 请按 # 号键\n", false, []string{"2:后面的字会被丢掉"}},
		{"not YAML", "a:\n  b: c: d\n", false, []string{"2:格式读不懂"}},
		{"GBK bytes", "a:\n  b: \xc4\xfa\xba\xc3\n", false, []string{":UTF-8"}},
		{"control character", "a:\n  b: \"您\\u0007好\"\n", false, []string{"2:控制符号"}},
		{"an anchor instead of a sentence", "a:\n  b: &x 您好\n  c: *x\n", false, []string{"3:键名: 句子"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var err error
			if c.override {
				_, err = loadSample(t).With([]byte(c.file))
			} else {
				_, err = content.LoadPhrases([]byte(c.file))
			}
			var problems *content.ProblemsError
			if !errors.As(err, &problems) {
				t.Fatalf("error %v, want a ProblemsError", err)
			}
			if len(problems.Problems) != len(c.want) {
				t.Fatalf("problems:\n%v\nwant %q", err, c.want)
			}
			for i, p := range problems.Problems {
				line, part, _ := strings.Cut(c.want[i], ":")
				if line != "" && !strings.HasPrefix(p.String(), "phrases.yaml:"+line+":") || !strings.Contains(p.Text, part) {
					t.Errorf("problem %q, want line %s with %q", p, line, part)
				}
			}
		})
	}
}

func TestBuiltinCatalogueIsRight(t *testing.T) {
	t.Parallel()
	p := content.DefaultPhrases()
	if len(p.Keys()) == 0 {
		t.Fatal("no sentence")
	}
	for _, key := range p.Keys() {
		if got := p.Say(key); strings.Contains(got, "〔"+key+"〕") {
			t.Errorf("%s says nothing", key)
		}
	}
}
