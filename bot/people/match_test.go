package people_test

import (
	"testing"
	"unicode/utf8"

	"github.com/tiangeng/tiangeng/bot/people"
)

func TestMatchUnitName(t *testing.T) {
	t.Parallel()
	const (
		xincun  = "昆明市·西山区·团结街道·新村村民委员会"
		shequ   = "昆明市·西山区·团结街道·新村社区居民委员会"
		majie   = "昆明市·西山区·马街街道"
		dali    = "大理白族自治州·大理市·太邑彝族乡·乌栖村民委员会"
		sipsong = "临沧市·双江拉祜族佤族布朗族傣族自治县·沙河乡·允俸村"
	)
	for _, c := range []struct {
		typed, full string
		want        people.UnitMatch
	}{
		{"新村村民委员会", xincun, people.UnitExact},
		{"团结街道新村村民委员会", xincun, people.UnitExact},
		{"云南省昆明市西山区团结街道新村村民委员会", xincun, people.UnitExact},
		{"新村", xincun, people.UnitLoose},
		{"新村村", xincun, people.UnitLoose},
		{"新村村委会", xincun, people.UnitLoose},
		{"新村社区", xincun, people.UnitLoose},
		{"新村委会", xincun, people.UnitLoose},
		{"团结街道新村委会", xincun, people.UnitLoose},
		{"新委会", xincun, people.UnitNo},
		{"新村村委会", "青松镇·新村委会", people.UnitLoose},
		{"新村", "青松镇·新村委会", people.UnitLoose},
		{"新村委会", "青松镇·新村委会", people.UnitExact},
		{"大河村委会", "青松镇·大河村村委会", people.UnitLoose},
		{"新委会", "青松镇·新村委会", people.UnitNo},
		{" 团结 新村 ", xincun, people.UnitLoose},
		{"昆明-西山-团结-新村", xincun, people.UnitLoose},
		{"我是新村村委会的", xincun, people.UnitLoose},
		{"团结街道办事处新村", xincun, people.UnitLoose},
		{"团结街道", xincun, people.UnitParent},
		{"西山区", xincun, people.UnitParent},
		{"云南昆明", xincun, people.UnitParent},
		{"玉溪新村", xincun, people.UnitNo},
		{"新村小学", xincun, people.UnitNo},
		{"新", xincun, people.UnitNo},
		{"", xincun, people.UnitNo},
		{"村", xincun, people.UnitNo},
		{"村委会", xincun, people.UnitNo},
		{"云南省", xincun, people.UnitNo},
		{"新村团结", xincun, people.UnitNo},
		{"新村社区居民委员会", shequ, people.UnitExact},
		{"新村社区", shequ, people.UnitLoose},
		{"马街", majie, people.UnitLoose},
		{"马街街道", majie, people.UnitExact},
		{"在马街街道办工作", majie, people.UnitLoose},
		{"马街镇人民政府", majie, people.UnitLoose},
		{"在马街办事处工作", majie, people.UnitLoose},
		{"大理州大理市太邑乡乌栖村", dali, people.UnitLoose},
		{"太邑乡乌栖村委会", dali, people.UnitLoose},
		{"太邑彝族乡乌栖村民委员会", dali, people.UnitExact},
		{"大理", dali, people.UnitParent},
		{"双江县沙河乡允俸村民委员会", sipsong, people.UnitLoose},
		{"双江允俸", sipsong, people.UnitLoose},
		{"允俸村", sipsong, people.UnitExact},
		{"云南", "", people.UnitNo},
	} {
		if got := people.MatchUnitName(c.typed, c.full); got != c.want {
			t.Errorf("MatchUnitName(%q, %q) = %d, want %d", c.typed, c.full, got, c.want)
		}
	}
}

func TestFoldName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"张三", "张三"},
		{" 张　三 ", "张三"},
		{"张\u00a0三\u200b", "张三"},
		{"岩温・香", "岩温·香"},
		{"岩温 • 香", "岩温·香"},
		{"岩温．香", "岩温·香"},
		{"岩温.香", "岩温·香"},
		{"岩温‧香", "岩温·香"},
		{"岩温··香", "岩温·香"},
		{"·岩温香·", "岩温香"},
		{"Ｍａｒｉａ　 Ｌｏｐｅｚ", "Maria Lopez"},
		{"J. Smith", "J.Smith"},
		{"\ufa10田", "塚田"}, // compatibility ideograph
		{"⽊青", "木青"},      // Kangxi radical, as some scanners write it
		{"葛\U000e0100木", "葛木"},
		{"𬭚明", "𬭚明"},
		{"", ""},
		{"  ", ""},
		{"\xff张三", "张三"},
	} {
		if got := people.FoldName(c.in); got != c.want {
			t.Errorf("FoldName(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

func TestNameProblem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, want string }{
		{"张三", ""},
		{"岩温·香", ""},
		{"〇三", ""},
		{"Maria Lopez", ""},
		{"", "name_missing"},
		{"张", "name_short"},
		{"一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十一", "name_long"},
		{"张三2", "name_digit"},
		{"张三（小）", "name_sign"},
		{"=SUM", "name_sign"},
	} {
		if got := people.NameProblem(people.FoldName(c.name)); got != c.want {
			t.Errorf("NameProblem(%q) = %q, want %q", c.name, got, c.want)
		}
	}
}

func TestFoldCode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in, want string
		ok       bool
	}{
		{"ab12", "AB12", true},
		{"ＡＢ－１２ ", "AB12", true},
		{"0042", "0042", true},
		{"ABC", "", false},
		{"ABCDEFGHIJKLM", "", false},
		{"ABCDEFGHIJKL", "ABCDEFGHIJKL", true},
		{"AB_12", "", false},
		{"绑定12", "", false},
		{"", "", false},
	} {
		got, ok := people.FoldCode(c.in)
		if got != c.want || ok != c.ok {
			t.Errorf("FoldCode(%q) = %q %t, want %q %t", c.in, got, ok, c.want, c.ok)
		}
	}
	if !people.SameCode("ａｂ１２", "AB12") || people.SameCode("AB13", "AB12") || people.SameCode("", "") || people.SameCode("AB1", "AB1") {
		t.Error("SameCode must fold, compare and refuse what is no code")
	}
}

func FuzzFoldName(f *testing.F) {
	for _, s := range []string{"张三", "岩温・香", "A. B", "a\u0301 \u0301b", "\u0301", "·.·", "ﷺ", "葛\U000e0100木", "\u1100\u200b\u1161"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once := people.FoldName(s)
		if !utf8.ValidString(once) {
			t.Fatalf("FoldName(%q) = %q is not UTF-8", s, once)
		}
		if twice := people.FoldName(once); twice != once {
			t.Fatalf("FoldName is not stable: %q → %q → %q", s, once, twice)
		}
		people.NameProblem(once)
	})
}

func FuzzMatchUnitName(f *testing.F) {
	f.Add("新村", "昆明市·西山区·团结街道·新村村民委员会")
	f.Add("我是的", "··")
	f.Fuzz(func(t *testing.T, typed, full string) {
		if m := people.MatchUnitName(typed, full); m < people.UnitNo || m > people.UnitExact {
			t.Fatalf("no such fit: %d", m)
		}
	})
}

func TestMaskedNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"": "", "张": "*", "张三": "张*", "张三明": "张*明", "欧阳娜娜": "欧**娜", "岩温·香": "岩**香", "阿卜杜拉·买买提": "阿**提", "𬭚三明": "𬭚*明"} {
		if got := people.MaskName(name); got != want {
			t.Errorf("%s is shown as %s, want %s", name, got, want)
		}
	}
}
