package web

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
)

// ticker is a trainer's page with a store of one sheet.
type ticker struct {
	handler http.Handler
	sheet   study.TickSheet
	now     time.Time
	got     []study.Tick
	err     error
}

const tickToken = "0123456789012345678901234567890123456789"

func newTicker(t *testing.T) *ticker {
	t.Helper()
	starts := time.Date(2026, 12, 7, 1, 0, 0, 0, time.UTC)
	b := &ticker{now: starts}
	b.sheet.Link = study.TickLink{Cohort: "mian-1", Trainer: 9, Name: "老师", Until: starts.Add(48 * time.Hour)}
	b.sheet.Roll.Cohort.Name = "示范班"
	for i := range 10 {
		b.sheet.Roll.Sessions = append(b.sheet.Roll.Sessions, study.Session{ID: study.SessionID(i + 1), Number: i + 1, Starts: starts.Add(time.Duration(i) * 24 * time.Hour), Ends: starts.Add(time.Duration(i)*24*time.Hour + 2*time.Hour)})
		b.sheet.Roll.Counted = append(b.sheet.Roll.Counted, -1)
	}
	for i := range 300 {
		l := study.RollLine{Member: study.Member{Learner: people.Learner{ID: people.LearnerID(i + 1), Name: "赵钱孙", UnitName: "云南省·示范州·田埂县·青松镇·青石村民委员会"}, Enrolment: 1, Status: study.Active}}
		l.Attended = make([]study.Attendance, 10)
		l.Attended[0] = study.Attendance{Presence: study.PresenceDoubt, Arrived: starts, Way: study.WayCode, Doubts: []study.Doubt{study.DoubtDevice, study.DoubtFar}}
		b.sheet.Roll.Lines = append(b.sheet.Roll.Lines, l)
	}
	b.sheet.Roll.Lines[1].Status = study.Withdrawn
	known := func(hash [32]byte) error {
		if hash != sha256.Sum256([]byte(tickToken)) {
			return fault.New(fault.NotFound, "class.link_gone")
		}
		return b.err
	}
	h, err := New(Options{Library: func() *content.Library { return nil }, Logger: slog.New(slog.DiscardHandler), Ticks: Ticks{
		Now: func() time.Time { return b.now },
		Say: func(err error) string { return "说：" + err.Error() },
		Sheet: func(_ context.Context, _ time.Time, hash [32]byte) (study.TickSheet, error) {
			return b.sheet, known(hash)
		},
		Record: func(_ context.Context, _ time.Time, hash [32]byte, ticks []study.Tick) ([]study.TickAnswer, error) {
			b.got = ticks
			return []study.TickAnswer{{ID: "a", Fate: study.TickRefused, Why: fault.New(fault.NotFound, "follow.no_learner")}, {ID: "b", Fate: study.TickKept}}, known(hash)
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	b.handler = h
	return b
}

func (b *ticker) call(method, token, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, TickPath+"sheet", strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	b.handler.ServeHTTP(w, r)
	return w
}

func TestTheTrainersPage(t *testing.T) {
	t.Parallel()
	b := newTicker(t)
	size := 0
	for _, file := range []string{"", "tick.css", "tick.js", "tick-worker.js"} {
		w := ask(b.handler, http.MethodGet, TickPath+file)
		size += w.Body.Len()
		if w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "no-cache" || strings.Contains(w.Body.String(), "http://") || strings.Contains(w.Body.String(), "https://") {
			t.Errorf("%q: %d %v", file, w.Code, w.Header())
		}
		if csp := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") {
			t.Errorf("%q: %s", file, csp)
		}
	}
	if size > 50<<10 {
		t.Errorf("the page has %d bytes", size)
	}
	w := b.call(http.MethodGet, tickToken, "")
	var sheet tickSheet
	if err := json.Unmarshal(w.Body.Bytes(), &sheet); err != nil || w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "no-store" {
		t.Fatal(w.Code, err)
	}
	if len(sheet.Sessions) != 2 || len(sheet.People) != 299 || sheet.Trainer != 9 || sheet.Whole {
		t.Errorf("%d sessions, %d people", len(sheet.Sessions), len(sheet.People))
	}
	want := tickWas{Is: study.PresenceDoubt, Word: "待核实", At: "09:00", Why: "一部手机签了几个人、不在会场附近", Refute: true}
	if diff := cmp.Diff([]tickWas{want, {}}, sheet.People[0].Was); diff != "" {
		t.Error(diff)
	}
	b.now = b.sheet.Roll.Sessions[9].Ends.Add(90 * 24 * time.Hour)
	if got := tickSheetOf(b.sheet, b.now); len(got.Sessions) != 1 || got.Sessions[0].Number != 10 {
		t.Errorf("long after: %+v", got.Sessions)
	}
	for _, token := range []string{"", "short", strings.Repeat("x", 40), strings.Repeat("x", 4000)} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if w := b.call(method, token, "{}"); w.Code != http.StatusNotFound || strings.Contains(w.Body.String(), "赵钱孙") {
				t.Errorf("%s with %.10q: %d", method, token, w.Code)
			}
		}
	}
	b.err = errors.New("no database")
	if w := b.call(http.MethodGet, tickToken, ""); w.Code != http.StatusServiceUnavailable {
		t.Errorf("without a database: %d", w.Code)
	}
}

// The times of a phone are turned into ours by what its clock says when it sends.
func TestTicksOfAPhoneWithAWrongClock(t *testing.T) {
	t.Parallel()
	b := newTicker(t)
	ahead := b.now.Add(3 * time.Hour)
	body, err := json.Marshal(tickBatch{Clock: ahead.UnixMilli(), Ticks: []tickEntry{
		{ID: "a", Session: 1, Learner: 7, As: study.DecidedTick, At: ahead.Add(-time.Minute).UnixMilli()}, {ID: "b", Session: 2, Counting: true, Heads: 5, At: -3},
	}})
	if err != nil {
		t.Fatal(err)
	}
	w := b.call(http.MethodPost, tickToken, string(body))
	want := []study.Tick{
		{Session: 1, AttendanceDecision: study.AttendanceDecision{ID: "a", Learner: 7, As: study.DecidedTick, At: b.now.Add(-time.Minute)}},
		{Session: 2, Counting: true, Heads: 5, AttendanceDecision: study.AttendanceDecision{ID: "b"}},
	}
	if diff := cmp.Diff(want, b.got); diff != "" {
		t.Error(diff)
	}
	var answer tickResult
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer.Ahead != (3*time.Hour).Milliseconds() {
		t.Errorf("%s, %v", w.Body, err)
	}
	if len(answer.Done) != 2 || answer.Done[0].Fate != study.TickRefused || !strings.HasPrefix(answer.Done[0].Why, "说：") || answer.Done[1].Why != "" {
		t.Errorf("%+v", answer.Done)
	}
	for name, bad := range map[string]string{"no JSON": "x", "too long": `{"ticks":[` + strings.Repeat(" ", maxTickBody) + `]}`, "another shape": `{"ticks":5}`} {
		if w := b.call(http.MethodPost, tickToken, bad); w.Code != http.StatusBadRequest {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
}
