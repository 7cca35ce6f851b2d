package conversation

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tiangeng/tiangeng/bot/study"
)

// HourDoubt says why words are not taken as a time of the day.
type HourDoubt string

// The doubts. The zero value is none.
const (
	HourClear   HourDoubt = ""
	HourNone    HourDoubt = "none"    // no time of the day, or one that there is not
	HourSeveral HourDoubt = "several" // more than one
	HourMeant   HourDoubt = "meant"   // 6点: of the morning or of the afternoon? Hour is the guess
)

// maxHourRunes is the longest text that is read as a wish about the hour.
const maxHourRunes = 40

// Words that make a time of the day a wish about pushes.
var (
	hourWords = []string{"改时间", "换时间", "改个时间", "换个时间", "时间改", "推送时间", "发课时间", "提醒时间", "学习时间改", "定时推送"}
	pushWords = []string{"推送", "推给我", "发给我", "发我", "给我发", "发课", "提醒我", "叫我学"}
	// A question, a complaint or a refusal is no wish.
	noWish = []string{"为什么", "为啥", "怎么", "什么", "几点", "没有", "没收", "不要", "不想", "别", "吗", "?", "取消", "停"}
)

// ReadHour reads words as a wish about the hour of pushes: “每天12:30推送”, “12点半发给我”, “改时间 7点”.
// wish says whether they are one at all; without a time of the day only a bare “改时间” is. hour is
// "12:30", in the zone of the reader, "" with HourNone and HourSeveral. It is total.
func ReadHour(text string) (hour string, doubt HourDoubt, wish bool) {
	if utf8.RuneCountInString(text) > maxHourRunes {
		return "", HourNone, false
	}
	c := squeeze(foldAnswer(text))
	for _, w := range noWish {
		if strings.Contains(c, w) {
			return "", HourNone, false
		}
	}
	hour, doubt = readClock(c)
	switch {
	case containsAny(c, hourWords):
		return hour, doubt, true
	case containsAny(c, pushWords):
		return hour, doubt, doubt != HourNone
	}
	return hour, doubt, false
}

func containsAny(s string, words []string) bool {
	for _, w := range words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}

// clockForm finds times of the day in text that foldAnswer and squeeze made plain: an hour of the
// day in words, the hour, and the minutes behind a colon or behind 点.
var clockForm = regexp.MustCompile(`(凌晨|半夜|夜里|清早|清晨|早晨|早上|早|上午|中午|下午|午后|傍晚|晚上|晚)?` +
	`(\d{1,2}|[一二两三四五六七八九十]{1,3}|零)` +
	`(?:[:;.](\d{2})|[点时]钟?(半|一刻|三刻|整|零?\d{1,2}分?|[零一二三四五六七八九十]{1,3}分?)?)(AM|PM)?`)

// readClock reads the one time of the day in a text.
func readClock(c string) (string, HourDoubt) {
	all := clockForm.FindAllStringSubmatchIndex(c, -1)
	switch {
	case len(all) == 0:
		return "", HourNone
	case len(all) > 1:
		return "", HourSeveral
	}
	begin, end := all[0][0], all[0][1]
	if begin > 0 && isASCIIDigit(rune(c[begin-1])) || end < len(c) && isASCIIDigit(rune(c[end])) {
		return "", HourNone // a piece of a longer number
	}
	m := clockForm.FindStringSubmatch(c)
	h, ok := clockNumber(m[2])
	minute, good := clockMinute(m[3], m[4])
	if !ok || !good {
		return "", HourNone
	}
	part := m[1]
	if part == "" {
		part = m[5]
	}
	literal := m[3] != "" && len(m[2]) == 2 // 06:30 is written by a clock
	h, doubt := hourOfDay(part, h, literal)
	if doubt == HourNone || h > 23 {
		return "", HourNone
	}
	return fmt.Sprintf("%02d:%02d", h, minute), doubt
}

// hourOfDay puts an hour of twelve into the part of the day that was named.
func hourOfDay(part string, h int, literal bool) (int, HourDoubt) {
	switch part {
	case "下午", "午后", "傍晚", "PM":
		if h < 12 {
			h += 12
		}
	case "晚上", "晚":
		switch {
		case h >= 5 && h < 12:
			h += 12
		case h < 5 || h == 12: // after midnight
			return h % 12, HourClear
		}
	case "中午":
		if h <= 2 {
			h += 12
		}
	case "":
		if h >= 1 && h <= 6 && !literal {
			return h + 12, HourMeant
		}
	case "AM", "凌晨", "半夜", "夜里":
		h %= 24
		if h == 12 {
			h = 0
		}
	}
	return h, HourClear
}

func clockMinute(digits, words string) (int, bool) {
	switch words = strings.TrimSuffix(words, "分"); words {
	case "":
	case "整":
		return 0, true
	case "半":
		return 30, true
	case "一刻":
		return 15, true
	case "三刻":
		return 45, true
	default:
		digits = words
	}
	if digits == "" {
		return 0, true
	}
	n, ok := clockNumber(digits)
	return n, ok && n < 60
}

// clockNumber reads 0 to 99, in digits or as it is spoken: 十二, 二十, 零五.
func clockNumber(s string) (int, bool) {
	if s = strings.TrimPrefix(s, "零"); s == "" {
		return 0, true
	}
	if n, err := strconv.Atoi(s); err == nil {
		return n, n >= 0 && n < 100
	}
	tens, ones, ten := strings.Cut(s, "十")
	if !ten {
		tens, ones = "", s
	}
	digit := func(s string) (int, bool) {
		if utf8.RuneCountInString(s) != 1 {
			return 0, false
		}
		r, _ := utf8.DecodeRuneInString(s)
		n := smallNumber(r)
		return n, n > 0
	}
	n := 0
	if ten {
		n = 10
		if tens != "" {
			d, ok := digit(tens)
			if !ok {
				return 0, false
			}
			n = 10 * d
		}
	}
	if ones == "" {
		return n, true
	}
	d, ok := digit(ones)
	return n + d, ok
}

// minutesOf turns "12:30" into what it is after midnight.
func minutesOf(hour string) time.Duration {
	at, err := time.Parse("15:04", hour)
	if err != nil {
		return 0
	}
	return time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute
}

// clockOf writes what is after midnight as "12:30".
func clockOf(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d", int(d/time.Hour), int(d%time.Hour/time.Minute))
}

var dateForm = regexp.MustCompile(`(?:(\d{1,2}|[一二三四五六七八九十]{1,2})月)?(\d{1,2}|[一二三四五六七八九十]{1,3})[日号]`)

// readMoment reads “明天下午3点”, “12月3日 9:00”, “18:30” as an instant, seen from now. Without a day
// it is today. ok is false when the words name no day that there is, or no time of the day.
func readMoment(text string, now time.Time) (at time.Time, ok bool) {
	c := squeeze(foldAnswer(text))
	local := now.In(study.Zone)
	day := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, study.Zone)
	for word, days := range map[string]int{"今天": 0, "今晚": 0, "今早": 0, "明天": 1, "明早": 1, "明晚": 1, "后天": 2} {
		if !strings.Contains(c, word) {
			continue
		}
		day = day.AddDate(0, 0, days)
		c = strings.Replace(c, word, strings.Trim(word, "今明后天"), 1)
		break
	}
	if m := dateForm.FindStringSubmatch(c); m != nil {
		month, good := int(local.Month()), true
		if m[1] != "" {
			month, good = clockNumber(m[1])
		}
		date, fine := clockNumber(m[2])
		day = time.Date(local.Year(), time.Month(month), date, 0, 0, 0, 0, study.Zone)
		if !good || !fine || day.Day() != date || int(day.Month()) != month {
			return time.Time{}, false
		}
		if m[1] != "" && day.Before(now.AddDate(0, -6, 0)) {
			day = day.AddDate(1, 0, 0) // written in December for January
		}
		c = strings.Replace(c, m[0], "", 1)
	}
	hour, doubt := readClock(c)
	if doubt != HourClear && doubt != HourMeant {
		return time.Time{}, false
	}
	return day.Add(minutesOf(hour)).UTC(), true
}
