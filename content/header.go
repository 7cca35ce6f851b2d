package content

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tiangeng/tiangeng/bot/fault"
)

// The keys of a lesson's header.
const (
	keyTitle   = "标题"
	keyLead    = "导语"
	keyTime    = "时长"
	keyPicture = "图片"
	keyAudio   = "音频"
)

var lessonKeys = []string{keyTitle, keyLead, keyTime, keyPicture, keyAudio}

// field is one key of a header with its value and place.
type field struct {
	value  string
	line   int
	column int // of the value
}

var headerLine = regexp.MustCompile(`^\s*([^:\s][^:]{0,14}?)\s*:\s*(.*)$`)

// header reads the part between the two --- lines and returns its fields and the lines behind it.
// Whatever is missing, the rest of the file is still read.
func header(f *findings, lines []line) (map[string]field, []line) {
	for len(lines) > 0 && lines[0].blank() {
		lines = lines[1:]
	}
	fields := make(map[string]field)
	if len(lines) == 0 {
		f.wrong(0, 0, "content.file_empty")
		return fields, nil
	}
	opened := isRule(lines[0])
	if opened {
		lines = lines[1:]
	} else {
		f.wrong(lines[0].number, 0, "content.header_not_opened")
	}
	for i, l := range lines {
		if l.blank() {
			continue
		}
		if isRule(l) {
			return fields, lines[i+1:]
		}
		m := headerLine.FindStringSubmatchIndex(l.fold)
		known := m != nil && isLessonKey(l.fold[m[2]:m[3]])
		if !known && (!opened || bodyStarts(lines[i+1:])) {
			if opened {
				f.wrong(l.number, 0, "content.header_not_closed")
			}
			return fields, lines[i:]
		}
		switch {
		case m == nil:
			f.wrong(l.number, 0, "content.header_line")
		case !known:
			f.wrong(l.number, l.column(m[2]), "content.header_unknown", fault.A("key", l.fold[m[2]:m[3]]), fault.A("keys", strings.Join(lessonKeys, "、")))
		default:
			addField(f, fields, l, m)
		}
	}
	if opened {
		f.wrong(0, 0, "content.header_not_closed")
	}
	return fields, nil
}

// bodyStarts guesses, at a header line that cannot be understood, whether the closing --- was
// forgotten. A header has no paragraphs: a blank line that is not followed by one of our keys, or
// no --- at all, says that this is the text already.
func bodyStarts(lines []line) bool {
	gap := false
	for _, l := range lines {
		m := headerLine.FindStringSubmatchIndex(l.fold)
		switch {
		case l.blank():
			gap = true
		case isRule(l):
			return false
		case quizHeading.MatchString(l.fold), gap && (m == nil || !isLessonKey(l.fold[m[2]:m[3]])):
			return true
		default:
			gap = false
		}
	}
	return true
}

func isLessonKey(key string) bool {
	for _, k := range lessonKeys {
		if k == strings.ReplaceAll(key, " ", "") {
			return true
		}
	}
	return false
}

func addField(f *findings, fields map[string]field, l line, m []int) {
	key := strings.ReplaceAll(l.fold[m[2]:m[3]], " ", "")
	if _, twice := fields[key]; twice {
		f.wrong(l.number, l.column(m[2]), "content.key_twice", fault.A("key", key))
		return
	}
	fields[key] = field{value: l.rest(m[4]), line: l.number, column: l.column(m[4])}
	if fields[key].value == "" {
		f.wrong(l.number, 0, "content.key_empty", fault.A("key", key))
	}
}

// lessonHead fills the lesson from its header.
func lessonHead(f *findings, fields map[string]field, l *Lesson) {
	for _, key := range []string{keyTitle, keyLead, keyTime} {
		if _, ok := fields[key]; !ok {
			f.wrong(0, 0, "content.key_missing", fault.A("key", key))
		}
	}
	title := fields[keyTitle]
	l.Title = title.value
	if n := utf8.RuneCountInString(l.Title); n > MaxTitleChars {
		f.warn(title.line, title.column, "content.title_long", fault.A("count", n), fault.A("limit", MaxTitleChars))
	}
	lead := fields[keyLead]
	l.Lead = lead.value
	if n := utf8.RuneCountInString(l.Lead); n > MaxLeadChars {
		f.wrong(lead.line, lead.column, "content.lead_long", fault.A("count", n), fault.A("limit", MaxLeadChars))
	}
	if d := fields[keyTime]; d.value != "" {
		seconds, ok := parseDuration(d.value)
		switch {
		case !ok:
			f.wrong(d.line, d.column, "content.duration_unreadable", fault.A("value", d.value))
		case seconds < 1 || seconds > MaxSeconds:
			f.wrong(d.line, d.column, "content.duration_range", fault.A("value", d.value), fault.A("limit", MaxSeconds/3600))
		}
		l.Seconds = seconds
	}
	l.Picture = strings.ReplaceAll(fields[keyPicture].value, `\`, "/")
	l.Audio = strings.ReplaceAll(fields[keyAudio].value, `\`, "/")
}

var duration = regexp.MustCompile(`^(?:(\d{1,5})(?:分钟|分))?(?:(\d{1,5})秒钟?)?$`)

// parseDuration reads 3分, 90秒, 2分30秒; false when it is none of these.
func parseDuration(s string) (seconds int, ok bool) {
	m := duration.FindStringSubmatch(strings.ReplaceAll(foldText(s), " ", ""))
	if m == nil || m[1] == "" && m[2] == "" {
		return 0, false
	}
	minutes, _ := strconv.Atoi(m[1]) // digits or nothing
	seconds, _ = strconv.Atoi(m[2])  // the same
	if m[1] != "" && seconds > 59 {
		return 0, false
	}
	return 60*minutes + seconds, true
}

// formatDuration is the reverse of parseDuration.
func formatDuration(seconds int) string {
	switch {
	case seconds < 60:
		return strconv.Itoa(seconds) + "秒"
	case seconds%60 == 0:
		return strconv.Itoa(seconds/60) + "分"
	default:
		return strconv.Itoa(seconds/60) + "分" + strconv.Itoa(seconds%60) + "秒"
	}
}
