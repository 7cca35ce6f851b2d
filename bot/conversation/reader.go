package conversation

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

// Doubt says why a learner's words are not taken as an answer. Each has a sentence in the
// catalogue under "quiz.doubt_".
type Doubt string

// The doubts. The zero value is none.
const (
	DoubtNone     Doubt = ""
	DoubtEmpty    Doubt = "empty"    // nothing but blanks and signs
	DoubtUnknown  Doubt = "unknown"  // nothing that is an answer
	DoubtNoIdea   Doubt = "no_idea"  // "I don't know"
	DoubtTwo      Doubt = "two"      // two choices where one is asked for
	DoubtNoSuch   Doubt = "no_such"  // a letter or number that no option has
	DoubtNegated  Doubt = "negated"  // "not B"
	DoubtConflict Doubt = "conflict" // a letter with the text of another option, or a number that is also a text
	DoubtBoth     Doubt = "both"     // right and wrong at once
	DoubtMeant    Doubt = "meant"    // probably Reading.Guess
	DoubtQuestion Doubt = "question" // the words name another question than the open one
	DoubtOnlyOne  Doubt = "only_one" // one choice where several are usual
	DoubtLong     Doubt = "long"     // a whole sentence where a word is asked for
	DoubtExtra    Doubt = "extra"    // more than the word that is asked for
	DoubtTypo     Doubt = "typo"     // sounds like an answer, is written otherwise
	DoubtLetter   Doubt = "letter"   // a letter or a tick where a word is asked for
	DoubtNumber   Doubt = "number"   // no number where one is asked for
	DoubtNumbers  Doubt = "numbers"  // several numbers
	DoubtUnit     Doubt = "unit"     // a unit that does not fit
	DoubtScale    Doubt = "scale"    // 50000 where the unit is 万元: which is meant?
)

// Reading is what the reader made of a learner's words for one item.
type Reading struct {
	Doubt  Doubt        // DoubtNone: Answer is clear
	Answer study.Answer // set when clear, and when Firm
	Normal string       // normal form of Answer for the record: "B", "ABD", "true", the text, the number
	Guess  string       // with DoubtMeant: the letter that was probably meant
	Firm   bool         // with a doubt: whoever says the same again means it, and Answer is taken
	// Question is the number of the question that the words name (“第二题选B”), 0 for none. The
	// reader cannot know which one is open; the engine compares.
	Question int
	// Literal says that the words are an option's or a key's own text, so they are an answer even
	// when they are also a command.
	Literal bool
}

// maxAnswerRunes is the longest text that is read as an answer; longer ones are asked back.
const maxAnswerRunes = 300

// Read reads a learner's words as an answer to an item. It is total and has no memory. What is not
// clear comes back with a Doubt; a clear Reading is what the learner said, right or wrong.
func Read(item content.Item, text string) Reading {
	if utf8.RuneCountInString(text) > maxAnswerRunes {
		return Reading{Doubt: DoubtLong}
	}
	plain := foldAnswer(text)
	question, plain := cutQuestion(plain)
	var r Reading
	switch item.Kind {
	case content.Single, content.Multiple:
		r = readChoice(item, plain)
	case content.TrueFalse:
		r = readTrueFalse(plain)
	case content.Fill:
		r = readFill(item, plain)
	case content.Numeric:
		r = readNumber(item, plain)
	default:
		r = Reading{Doubt: DoubtUnknown}
	}
	r.Question = question
	return r
}

// foldAnswer is Simplify in upper case, with the letters and digits of emoji made plain and their
// invisible parts dropped. Blanks and punctuation stay: units and numbers need them.
func foldAnswer(s string) string {
	s = study.Simplify(s)
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r >= 0x1f170 && r <= 0x1f189: // 🅰 …
			return 'A' + r - 0x1f170
		case r >= 0x1f150 && r <= 0x1f169: // 🅐 …
			return 'A' + r - 0x1f150
		case r == 0xfe0f, r == 0x20e3, unicode.Is(unicode.Cf, r): // 2️⃣ is 2 with two invisible parts
			return -1
		case unicode.IsControl(r) && !unicode.IsSpace(r):
			return -1
		}
		if t, ok := lookalikes[r]; ok {
			return t
		}
		return unicode.ToUpper(r)
	}, s))
}

// lookalikes are letters of other alphabets that some keyboards offer first.
var lookalikes = map[rune]rune{
	'А': 'A', 'В': 'B', 'С': 'C', 'Е': 'E', 'а': 'A', 'в': 'B', 'с': 'C', 'е': 'E',
	'Α': 'A', 'Β': 'B', 'Ε': 'E', 'α': 'A', 'β': 'B',
	'❶': '1', '❷': '2', '❸': '3', '❹': '4', '❺': '5', '❻': '6', '❼': '7', '❽': '8',
}

// compact drops blanks and punctuation, keeping letters, numbers and signs that are answers.
func compact(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsPunct(r) || r == '~' || r == '|' || r == '^' || r == '`' || r == '$' {
			return -1
		}
		return r
	}, s)
}

// asks reports that the words are put as a question: “选B吗？”.
func asks(plain string) bool {
	return strings.ContainsAny(plain, "?") || strings.HasSuffix(compact(plain), "吗")
}

// cutQuestion takes “第2题”, “2题”, “第二题” off the front.
func cutQuestion(plain string) (int, string) {
	rest := strings.TrimSpace(strings.TrimPrefix(plain, "第"))
	for _, tail := range []string{"题", "小题", "道题", "问"} {
		head, after, ok := strings.Cut(rest, tail)
		if !ok {
			continue
		}
		head = strings.TrimSpace(head)
		if utf8.RuneCountInString(head) != 1 {
			continue
		}
		r, _ := utf8.DecodeRuneInString(head)
		if n := smallNumber(r); n > 0 && compact(after) != "" {
			return n, strings.TrimLeftFunc(after, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsPunct(r) })
		}
	}
	return 0, plain
}

// smallNumber reads one rune as 1 to 9; 0 is no such number.
func smallNumber(r rune) int {
	if r >= '1' && r <= '9' {
		return int(r - '0')
	}
	if i := strings.IndexRune("一二三四五六七八九", r); i >= 0 {
		return i/3 + 1
	}
	if r == '两' {
		return 2
	}
	return 0
}

// Words around an answer that say nothing, longest first where one begins with another.
var (
	leads = []string{
		"我觉得", "我认为", "我感觉", "我的答案", "我的选择", "正确答案", "正确选项", "正确的", "标准答案", "答案", "选项", "选择", "我",
		"应该", "可能", "大概", "肯定", "一定", "估计", "也许", "好像", "似乎", "觉得", "认为", "感觉", "想", "猜", "看", "俺", "咱", "这道题", "这题", "本题",
		"那就", "就", "选的", "选", "填", "是", "为", "老师", "收到", "嗯", "呃", "额", "哦", "啊", "那个", "那", "回复", "回答", "答", "还", "要", "用", "叫做", "叫",
	}
	tails = []string{
		"吧", "呢", "啊", "呀", "哦", "哈", "嘛", "哇", "噢", "咯", "嘞", "噻", "了", "谢谢", "老师", "选项", "这个", "这项", "那个", "答案",
		"是正确的", "是对的", "正确", "对的", "对", "的",
	}
	noIdea = []string{"不知道", "不会", "不懂", "不清楚", "不晓得", "认不得", "不记得", "记不得", "忘了", "忘记了", "不明白", "不确定", "看不懂", "没看懂", "随便"}
)

func hasNoIdea(c string) bool {
	for _, w := range noIdea {
		if strings.Contains(c, w) {
			return true
		}
	}
	return false
}

// cutLead takes one lead word off, if something stays.
func cutLead(c string) (string, bool) {
	for _, w := range leads {
		if rest, ok := strings.CutPrefix(c, w); ok && rest != "" {
			return rest, true
		}
	}
	return c, false
}

// cutTail takes one tail word off, if something stays.
func cutTail(c string) (string, bool) {
	for _, w := range tails {
		if rest, ok := strings.CutSuffix(c, w); ok && rest != "" {
			return rest, true
		}
	}
	return c, false
}
