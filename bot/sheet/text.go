package sheet

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxCellRunes is what a spreadsheet program holds in one cell, in characters.
const maxCellRunes = 32_767

// Clean returns s as a cell can hold it: valid UTF-8, line breaks as \n, no control characters but
// \n and tab, at most 32,767 characters. Both writers apply it, so both files hold the same text.
func Clean(s string) string {
	if isClean(s) {
		return s
	}
	s = strings.ToValidUTF8(s, "\ufffd")
	s = strings.ReplaceAll(s, "\r\n", "\n")
	n := 0
	return strings.Map(func(r rune) rune {
		n++
		switch {
		case n > maxCellRunes:
			return -1
		case r == '\r':
			return '\n'
		case !allowedRune(r):
			return ' '
		}
		return r
	}, s)
}

func isClean(s string) bool {
	n := 0
	for _, r := range s {
		n++
		if r == utf8.RuneError || r == '\r' || !allowedRune(r) || n > maxCellRunes {
			return false
		}
	}
	return true
}

// allowedRune reports whether XML 1.0 and every spreadsheet program can carry r.
func allowedRune(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return true
	case r < 0x20 || r >= 0x7f && r < 0xa0:
		return false
	}
	return r != 0xfffe && r != 0xffff && r != '\ufeff'
}

// A CSV file has no types: a spreadsheet program that opens it runs “=1+1” as a formula and turns
// “0042”, “530102001001”, “12E5” and “MAR01” into 42, 5.30102E+11, 1200000 and the first of March.
// protect puts one apostrophe before such a text. Of the ways to do it (reliability §4, row 29)
// this one is kept by Excel and WPS as plain text, shows what was done, and survives saving;
// a tab would do so too but is itself on the list of dangerous beginnings, and ="0042" is a
// formula. unprotect is its exact inverse, so our files can be read again without a change.
// XLSX cells carry their type and need none of this.

// protect returns the text as it stands in a CSV cell.
func protect(s string) string {
	if needsApostrophe(s) {
		return "'" + s
	}
	return s
}

// unprotect undoes protect: unprotect(protect(s)) == s.
func unprotect(s string) string {
	if rest, ok := strings.CutPrefix(s, "'"); ok && needsApostrophe(rest) {
		return rest
	}
	return s
}

func needsApostrophe(s string) bool {
	return startsFormula(s) || changesWhenOpened(strings.TrimLeft(s, "'"))
}

// startsFormula reports whether s, seen by the most careless program, begins a formula: one of
// = + - @ or their full-width forms, a tab or a line break, also behind blanks and quotes.
func startsFormula(s string) bool {
	for _, r := range s {
		switch r {
		case '=', '+', '-', '@', '＝', '＋', '－', '＠', '﹦', '﹢', '﹣', '﹫', '−', '\t', '\r', '\n':
			return true
		case '\'', '"', '`', '‘', '’', '“', '”', '＇', '＂', '\ufeff', '\u200b', '\u200c', '\u200d', '\u2060':
			continue
		}
		if !unicode.IsSpace(r) && !unicode.IsControl(r) {
			return false
		}
	}
	return false
}

// maxPlainDigits is the longest number that Excel's General format shows digit by digit.
const maxPlainDigits = 11

// changesWhenOpened reports whether a spreadsheet program would take the text for a number or a
// date and show something else.
func changesWhenOpened(s string) bool {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > 64 || s[0] >= utf8.RuneSelf {
		return false
	}
	digits := 0
	for digits < len(s) && isDigit(s[digits]) {
		digits++
	}
	switch {
	case digits == len(s):
		return digits > maxPlainDigits || digits > 1 && s[0] == '0'
	case digits > 0:
		return changingNumber(s, digits)
	}
	return monthDay(s)
}

// changingNumber looks at a text that begins with digits: 12E5, 1-2, 3/4, 8:15, 1.50, 1MAR, 1-mar-26.
func changingNumber(s string, digits int) bool {
	if strings.Trim(s, "0123456789-/:., ") == "" {
		return true
	}
	rest := s[digits:]
	if rest[0]|0x20 == 'e' {
		exp := strings.TrimLeft(rest[1:], "+-")
		return exp != "" && strings.Trim(exp, "0123456789") == ""
	}
	return monthDay(strings.TrimLeft(rest, "-/ ."))
}

// monthDay recognises MAR01, sept-4 and, behind a day, MAR.
func monthDay(s string) bool {
	letters := 0
	for letters < len(s) && isLetter(s[letters]) {
		letters++
	}
	if letters < 3 || strings.Trim(s[letters:], "0123456789-/ ,") != "" {
		return false
	}
	for _, m := range [...]string{
		"january", "february", "march", "april", "may", "june",
		"july", "august", "september", "october", "november", "december",
	} {
		if strings.HasPrefix(m, strings.ToLower(s[:letters])) {
			return true
		}
	}
	return false
}

func isDigit(b byte) bool  { return b >= '0' && b <= '9' }
func isLetter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }

// lostDigits recognises a number that a spreadsheet program has shortened to 1.23E+17.
func lostDigits(s string) bool {
	s = strings.TrimSpace(s)
	if len(s) < 5 || len(s) > 30 {
		return false
	}
	mantissa, exp, ok := strings.Cut(strings.ToUpper(s), "E+")
	if !ok || exp == "" || len(exp) > 3 || strings.Trim(exp, "0123456789") != "" {
		return false
	}
	mantissa = strings.TrimPrefix(mantissa, "-")
	if mantissa == "" || !isDigit(mantissa[0]) {
		return false
	}
	return len(mantissa) == 1 || mantissa[1] == '.' && strings.Trim(mantissa[2:], "0123456789") == ""
}
