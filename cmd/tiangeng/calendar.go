package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tiangeng/tiangeng/bot/study"
)

// calendarFile is the holiday file: see configs/calendar.yaml.
type calendarFile struct {
	Years []struct {
		Year        int      `yaml:"year"`
		Provisional bool     `yaml:"provisional"`
		Source      string   `yaml:"source"`
		Off         []string `yaml:"off"`
		Work        []string `yaml:"work"`
	} `yaml:"years"`
}

// parseCalendar reads a holiday file. Days and spans of days must lie in the year they stand under.
func parseCalendar(data []byte) (study.Calendar, error) {
	var f calendarFile
	if err := decodeYAML(data, &f); err != nil {
		return study.Calendar{}, err
	}
	if len(f.Years) == 0 {
		return study.Calendar{}, errors.New("there is no year in it")
	}
	years := make([]study.Year, 0, len(f.Years))
	for _, y := range f.Years {
		if y.Year < 2000 || y.Year > 2999 { // also a year: line that is not there
			return study.Calendar{}, fmt.Errorf("%d is not a year like 2026", y.Year)
		}
		off, err := daysOf(y.Year, y.Off)
		if err != nil {
			return study.Calendar{}, err
		}
		work, err := daysOf(y.Year, y.Work)
		if err != nil {
			return study.Calendar{}, err
		}
		years = append(years, study.Year{Year: y.Year, Off: off, Work: work, Provisional: y.Provisional})
	}
	return study.NewCalendar(years...)
}

// daysOf expands "2026-02-15..2026-02-23" and single days.
func daysOf(year int, list []string) ([]study.Day, error) {
	var days []study.Day
	for _, s := range list {
		first, last, span := strings.Cut(s, "..")
		if !span {
			last = first
		}
		from, err := time.Parse(time.DateOnly, strings.TrimSpace(first))
		if err != nil {
			return nil, fmt.Errorf("%q is not a day like 2026-02-15 or a span like 2026-02-15..2026-02-23", s)
		}
		to, err := time.Parse(time.DateOnly, strings.TrimSpace(last))
		if err != nil || to.Before(from) {
			return nil, fmt.Errorf("%q is not a span like 2026-02-15..2026-02-23", s)
		}
		if from.Year() != year || to.Year() != year {
			return nil, fmt.Errorf("%q is not in the year %d it stands under", s, year)
		}
		for d := from; !d.After(to); d = d.AddDate(0, 0, 1) {
			days = append(days, study.Day(d.Format(time.DateOnly)))
		}
	}
	return days, nil
}
