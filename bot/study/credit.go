package study

import "strconv"

// CreditRule turns study into study hours (学时标准). Rules are versioned: the ledger keeps the
// version beside each credit, and a changed rule is a new version, never an edit.
//
// A lesson and a course's test give hours once in a calendar year: who learns them again in another class, or for a
// finding, has completed them there too and is credited nothing. (The source does not speak of it; hours count towards a
// year's target, and the same study must not fill it twice.)
type CreditRule struct {
	Version string
	Short   StudyHours // courseware of at most 15 minutes
	Middle  StudyHours // more than 15 and less than 30 minutes
	Long    StudyHours // 30 minutes and more
	Test    StudyHours // a passed test (学习测试)
}

// Rule2024 is 云南省干部在线学习学院, 学习学时制介绍, 2024-01-02.
var Rule2024 = CreditRule{Version: "yn-2024-01", Short: 25, Middle: 50, Long: 100, Test: 50}

const (
	shortSeconds = 15 * 60
	longSeconds  = 30 * 60
)

// Lesson returns the hours of one completed lesson whose courseware lasts that many seconds.
func (r CreditRule) Lesson(seconds int) StudyHours {
	switch {
	case seconds <= shortSeconds:
		return r.Short
	case seconds < longSeconds:
		return r.Middle
	default:
		return r.Long
	}
}

// Course returns the hours of a complete course's test: those of a passed one when the mean score
// of its lessons reaches the pass mark, else none.
func (r CreditRule) Course(mean, passMark int) StudyHours {
	if mean >= passMark {
		return r.Test
	}
	return 0
}

// String writes hours for people: 0.25, 1, 1.5.
func (h StudyHours) String() string {
	sign := ""
	if h < 0 {
		sign, h = "-", -h
	}
	s := sign + strconv.Itoa(int(h/100))
	switch cents := int(h % 100); {
	case cents == 0:
		return s
	case cents%10 == 0:
		return s + "." + strconv.Itoa(cents/10)
	case cents < 10:
		return s + ".0" + strconv.Itoa(cents)
	default:
		return s + "." + strconv.Itoa(cents)
	}
}

// Score is right out of asked as per cent, rounded to the nearest, half up; 0 out of 0 is 0.
func Score(right, asked int) int {
	if asked <= 0 {
		return 0
	}
	return (right*200 + asked) / (2 * asked)
}

// Mean is the mean of scores, rounded to the nearest, half up; of none it is 0.
func Mean(scores []int) int {
	if len(scores) == 0 {
		return 0
	}
	sum := 0
	for _, s := range scores {
		sum += s
	}
	return (sum*2 + len(scores)) / (2 * len(scores))
}
