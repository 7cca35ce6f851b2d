package web

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/report"
	"github.com/tiangeng/tiangeng/bot/study"
)

// TickPath is the path of the page on which a trainer ticks people, below the public URL. What makes the address a
// trainer's own stands behind a #: no server and no log sees it, and one copy of the page, kept on the phone, serves
// without signal.
const TickPath = "/t/"

// Ticks are what the trainer's page needs. hash is the SHA-256 of what the address ends with.
type Ticks struct {
	Sheet  func(ctx context.Context, now time.Time, hash [32]byte) (study.TickSheet, error)
	Record func(ctx context.Context, now time.Time, hash [32]byte, ticks []study.Tick) ([]study.TickAnswer, error)
	Say    func(error) string // a fault in words for people
	Now    func() time.Time
}

const (
	tickPolicy  = "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	maxTickBody = 512 << 10
	// tickDays is how far from now sessions are that the page shows: the page of a whole term would not fit on an old phone.
	tickDays = 36 * time.Hour
)

func (p *pages) tickRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET "+TickPath+"{$}", p.tickPage)
	for name, kind := range map[string]string{"tick.css": "text/css", "tick.js": "text/javascript", "tick-worker.js": "text/javascript"} {
		serve := p.static(name, kind, "no-cache") // page and script have to fit together
		mux.HandleFunc("GET "+TickPath+name, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Security-Policy", tickPolicy) // the worker's own: it asks for the page
			serve(w, r)
		})
	}
	mux.HandleFunc("GET "+TickPath+"sheet", p.tickSheet)
	mux.HandleFunc("POST "+TickPath+"sheet", p.tickRecord)
}

func (p *pages) tickPage(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Security-Policy", tickPolicy)
	w.Header().Set("Cache-Control", "no-cache")
	p.render(w, "tick.html", nil)
}

// tickSession is one session on the page.
type tickSession struct {
	Number  int    `json:"number"`
	When    string `json:"when"`
	Title   string `json:"title"`
	Place   string `json:"place"`
	Starts  int64  `json:"starts"` // Unix ms
	Ends    int64  `json:"ends"`
	Closed  bool   `json:"closed"`
	Counted int    `json:"counted"` // -1: not counted
}

// tickPerson is one person on the page, with what each of its sessions was.
type tickPerson struct {
	ID       people.LearnerID `json:"id"`
	Name     string           `json:"name"`
	Unit     string           `json:"unit"`
	Expected bool             `json:"expected"`
	Was      []tickWas        `json:"was"`
}

type tickWas struct {
	Is     study.Presence `json:"is,omitempty"`
	Word   string         `json:"word,omitempty"`
	At     string         `json:"at,omitempty"`  // 09:05
	Why    string         `json:"why,omitempty"` // it is doubtful
	Refute bool           `json:"in,omitempty"`  // signed in: can be refuted
}

type tickSheet struct {
	Class    string           `json:"class"`
	Cohort   string           `json:"cohort"`
	Trainer  people.LearnerID `json:"trainer"`
	Name     string           `json:"name"`
	Until    int64            `json:"until"` // Unix ms
	Now      int64            `json:"now"`
	Whole    bool             `json:"whole"` // heads may be counted
	Sessions []tickSession    `json:"sessions"`
	People   []tickPerson     `json:"people"`
}

// tickHash is of what the address of the page ends with.
func tickHash(r *http.Request) ([32]byte, bool) {
	token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return sha256.Sum256([]byte(token)), found && len(token) >= 32 && len(token) <= 80
}

// tickFailed answers what went wrong: 404 for a link that has ended, 503 for what may work later.
func (p *pages) tickFailed(w http.ResponseWriter, err error) {
	var f *fault.Error
	if errors.As(err, &f) {
		status := http.StatusBadRequest
		if f.Code == fault.NotFound {
			status = http.StatusNotFound
		}
		answer(w, status, map[string]string{"error": p.o.Ticks.Say(f)})
		return
	}
	p.o.Logger.Error("serving a trainer's page", "err", err)
	answer(w, http.StatusServiceUnavailable, map[string]string{})
}

func (p *pages) tickSheet(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	hash, ok := tickHash(r)
	if !ok {
		p.tickFailed(w, fault.New(fault.NotFound, "class.link_gone"))
		return
	}
	now := p.o.Ticks.Now()
	sheet, err := p.o.Ticks.Sheet(r.Context(), now, hash)
	if err != nil {
		p.tickFailed(w, err)
		return
	}
	answer(w, http.StatusOK, tickSheetOf(sheet, now))
}

func tickSheetOf(sheet study.TickSheet, now time.Time) tickSheet {
	out := tickSheet{
		Class: sheet.Roll.Cohort.Name, Cohort: sheet.Link.Cohort, Trainer: sheet.Link.Trainer, Name: sheet.Link.Name, Until: sheet.Link.Until.UnixMilli(), Now: now.UnixMilli(),
		Whole: sheet.Whole, Sessions: []tickSession{}, People: []tickPerson{},
	}
	var shown []int
	for i, x := range sheet.Roll.Sessions {
		if x.Starts.Sub(now).Abs() <= tickDays {
			shown = append(shown, i)
		}
	}
	if len(shown) == 0 { // long before, or long after
		for i, x := range sheet.Roll.Sessions {
			if len(shown) == 0 || x.Starts.Sub(now).Abs() < sheet.Roll.Sessions[shown[0]].Starts.Sub(now).Abs() {
				shown = []int{i}
			}
		}
	}
	for _, i := range shown {
		x := sheet.Roll.Sessions[i]
		out.Sessions = append(out.Sessions, tickSession{
			Number: x.Number, When: study.SessionWord(x), Title: x.Title, Place: x.Place, Starts: x.Starts.UnixMilli(), Ends: x.Ends.UnixMilli(), Closed: !x.ClosedAt.IsZero(), Counted: sheet.Roll.Counted[i],
		})
	}
	for _, l := range sheet.Roll.Lines {
		if !l.Expected() && l.Enrolment != 0 { // 退学, 免修
			continue
		}
		person := tickPerson{ID: l.Learner.ID, Name: l.Learner.Name, Unit: l.Learner.UnitName, Expected: l.Expected(), Was: []tickWas{}}
		for _, i := range shown {
			a := l.Attended[i]
			was := tickWas{Is: a.Presence, Word: report.PresenceWord(a.Presence), Refute: a.Way != ""}
			if !a.Arrived.IsZero() {
				was.At = a.Arrived.In(study.Zone).Format("15:04")
			}
			if a.Presence == study.PresenceDoubt {
				var why []string
				for _, d := range a.Doubts {
					why = append(why, report.DoubtWord(d))
				}
				was.Why = strings.Join(why, "、")
			}
			person.Was = append(person.Was, was)
		}
		out.People = append(out.People, person)
	}
	return out
}

// tickBatch is what the page has kept.
type tickBatch struct {
	Clock int64       `json:"clock"` // what the phone's clock says now, Unix ms
	Ticks []tickEntry `json:"ticks"`
}

type tickEntry struct {
	ID       string           `json:"id"`
	Session  int              `json:"session"`
	Learner  people.LearnerID `json:"learner"`
	As       study.Decided    `json:"as"`
	At       int64            `json:"at"` // by the phone's clock, Unix ms
	Note     string           `json:"note"`
	Heads    int              `json:"heads"`
	Counting bool             `json:"counting"`
}

type tickDone struct {
	ID   string         `json:"id"`
	Fate study.TickFate `json:"fate"`
	Why  string         `json:"why,omitempty"`
}

type tickResult struct {
	Ahead int64      `json:"ahead"` // how far the phone's clock is ahead of ours, ms
	Done  []tickDone `json:"done"`
}

func (p *pages) tickRecord(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	hash, ok := tickHash(r)
	if !ok {
		p.tickFailed(w, fault.New(fault.NotFound, "class.link_gone"))
		return
	}
	var in tickBatch
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxTickBody))
	if err != nil || json.Unmarshal(body, &in) != nil {
		answer(w, http.StatusBadRequest, map[string]string{})
		return
	}
	now := p.o.Ticks.Now()
	var ticks []study.Tick
	for _, t := range in.Ticks {
		at := study.TrueTime(now, msTime(in.Clock), msTime(t.At))
		ticks = append(ticks, study.Tick{
			Session: t.Session, Heads: t.Heads, Counting: t.Counting,
			AttendanceDecision: study.AttendanceDecision{ID: t.ID, Learner: t.Learner, As: t.As, At: at, Note: t.Note},
		})
	}
	done, err := p.o.Ticks.Record(r.Context(), now, hash, ticks)
	if err != nil {
		p.tickFailed(w, err)
		return
	}
	out := tickResult{Done: []tickDone{}}
	if in.Clock > 0 {
		out.Ahead = in.Clock - now.UnixMilli()
	}
	for _, d := range done {
		x := tickDone{ID: d.ID, Fate: d.Fate}
		if d.Why != nil {
			x.Why = p.o.Ticks.Say(d.Why)
		}
		out.Done = append(out.Done, x)
	}
	answer(w, http.StatusOK, out)
}

// msTime is a time in Unix ms as a device gives it; 0, and what no clock says, is zero.
func msTime(ms int64) time.Time {
	if ms <= 0 || ms > 253402300799000 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
