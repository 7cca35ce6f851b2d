package storetest

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql" // the second look at what the store wrote
	"github.com/google/go-cmp/cmp"
	"github.com/libtnb/sqlite"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
	"github.com/tiangeng/tiangeng/store"
)

// Exercise is the contract of bot.Store and of what the program asks of a store besides: every
// database must pass it. fresh returns the DSN of a database that is migrated and otherwise empty; two stores may be opened
// on it at once, as replicas are.
func Exercise(t *testing.T, fresh func(t *testing.T) (dsn string)) {
	t.Helper()
	for _, suite := range []struct {
		name  string
		cases map[string]func(*testing.T, *bundle)
	}{
		{"schema", schemaCases},
		{"turns", turnCases},
		{"unconfirmed", unconfirmedCases},
		{"contact", contactCases},
		{"facts", factCases},
		{"effects", effectTests()},
		{"announcements", announceFactCases},
		{"files", fileCases},
		{"people", peopleCases},
		{"roster", rosterCases},
		{"units", unitCases},
		{"binding", bindingCases},
		{"courses", courseCases},
		{"push", pushCases},
		{"campaigns", campaignCases},
		{"audience", audienceCases},
		{"sends", sendCases},
		{"ahead", aheadCases},
		{"mass", massCases},
		{"outbox", outboxCases},
		{"pull", pullCases},
		{"receipts", receiptCases},
		{"tags", tagCases},
		{"list", listCases},
		{"operations", operationCases},
		{"ledger", ledgerCases},
		{"recount", recountCases},
		{"records", recordCases},
		{"certificates", certificateCases},
		{"classes", classCases},
		{"signing", signingCases},
		{"ticks", tickCases},
		{"follow", followCases},
		{"scope", scopeCases},
		{"imports", importCases},
		{"menu", menuCases},
	} {
		t.Run(suite.name, func(t *testing.T) {
			t.Parallel()
			for name, run := range suite.cases {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					run(t, setup(t, fresh(t)))
				})
			}
		})
	}
	t.Run("anonymity", func(t *testing.T) {
		t.Parallel()
		exerciseAnonymity(t, fresh)
	})
}

// bundle is a migrated database, a store on it and a look past the store.
type bundle struct {
	t   testing.TB
	dsn string
	s   *store.Store
	raw *sql.DB
}

// start is Monday 2 March 2026, 08:00 in Asia/Shanghai.
var start = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

const startDay study.Day = "2026-03-02"

func setup(t testing.TB, dsn string) *bundle {
	t.Helper()
	b := &bundle{t: t, dsn: dsn}
	b.s = b.open()
	b.raw = rawOpen(t, dsn)
	return b
}

// open opens another store on the same database, as another replica does.
func (b *bundle) open() *store.Store {
	b.t.Helper()
	s, err := store.Open(b.t.Context(), store.Options{DSN: b.dsn})
	if err != nil {
		b.t.Fatalf("Open: %v", err)
	}
	b.t.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.t.Errorf("Close: %v", err)
		}
	})
	return s
}

// rawOpen looks into a database past the store.
func rawOpen(t testing.TB, dsn string) *sql.DB {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	driver, name := sqlite.DriverName, "file:"+u.Path+"?_pragma=busy_timeout(20000)"
	if u.Scheme == "mysql" {
		driver, name = "mysql", fmt.Sprintf("%s@tcp(%s)%s?interpolateParams=true&collation=utf8mb4_bin", u.User.Username(), u.Host, u.Path)
	}
	db, err := sql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// Rows looks into a database past the store: the rows of a query, with the values parted by |.
func Rows(t testing.TB, dsn, query string) []string {
	t.Helper()
	return rawRows(t, rawOpen(t, dsn), query)
}

// rawRows returns the result of a query, one string a row with the values parted by |. Bytes that are
// not text are written in hex.
func rawRows(t testing.TB, db *sql.DB, query string, args ...any) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for rows.Next() {
		values, to := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			to[i] = &values[i]
		}
		if err := rows.Scan(to...); err != nil {
			t.Fatal(err)
		}
		words := make([]string, len(values))
		for i, v := range values {
			switch v := v.(type) {
			case nil:
				words[i] = "NULL"
			case []byte:
				words[i] = string(v)
			default:
				words[i] = fmt.Sprint(v)
			}
		}
		out = append(out, strings.Join(words, "|"))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func (b *bundle) rows(query string, args ...any) []string {
	b.t.Helper()
	b.unfold(query)
	return rawRows(b.t, b.raw, query, args...)
}

// want compares the rows of a query.
func (b *bundle) want(want []string, query string, args ...any) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.rows(query, args...)); diff != "" {
		b.t.Errorf("%s (-want +got):\n%s", query, diff)
	}
}

// exec changes rows past the store, as time or an accident would.
func (b *bundle) exec(query string, args ...any) {
	b.t.Helper()
	if _, err := b.raw.ExecContext(b.t.Context(), query, args...); err != nil {
		b.t.Fatalf("%s: %v", query, err)
	}
}

// unfold makes the table moves of the history for a query of it: a row for each delivery that a change
// names, where the history has one for all that moved alike.
func (b *bundle) unfold(query string) {
	b.t.Helper()
	if !strings.Contains(query, " moves ") && !strings.HasSuffix(query, " moves") {
		return
	}
	b.exec("DROP TABLE IF EXISTS moves")
	b.exec("CREATE TABLE moves AS SELECT id, first_id AS delivery_id, from_state, to_state, why, owner, term, attempt, errcode FROM delivery_history WHERE 0 = 1")
	for _, row := range rawRows(b.t, b.raw, "SELECT id, first_id, last_id, deliveries FROM delivery_history ORDER BY id") {
		part := strings.Split(row, "|")
		history, first, last, named := part[0], part[1], part[2], part[3]
		var ids []string
		for word := range strings.SplitSeq(named, ",") {
			from, to, isRange := strings.Cut(word, "-")
			if !isRange {
				to = from
			}
			low, high := atoi(b.t, from), atoi(b.t, to)
			if low > high || len(ids) > 0 && low <= atoi(b.t, ids[len(ids)-1]) {
				b.t.Fatalf("the history names %s", named)
			}
			for id := low; id <= high; id++ {
				ids = append(ids, strconv.Itoa(id))
			}
		}
		if ids[0] != first || ids[len(ids)-1] != last {
			b.t.Fatalf("the history says %s to %s and names %s", first, last, named)
		}
		for part := range slices.Chunk(ids, 1000) {
			b.exec("INSERT INTO moves SELECT h.id * 1000000 + d.id, d.id, h.from_state, h.to_state, h.why, h.owner, h.term, h.attempt, h.errcode FROM delivery_history h, deliveries d WHERE h.id = ? AND d.id IN ("+strings.Join(part, ", ")+")", history)
		}
	}
}

func atoi(t testing.TB, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// number is the one number that a query returns.
func (b *bundle) number(query string, args ...any) int64 {
	b.t.Helper()
	b.unfold(query)
	var n int64
	if err := b.raw.QueryRowContext(b.t.Context(), query, args...).Scan(&n); err != nil {
		b.t.Fatalf("%s: %v", query, err)
	}
	return n
}

// key makes a message key of a word.
func key(word string) string {
	sum := sha256.Sum256([]byte(word))
	return hex.EncodeToString(sum[:])
}

func address(openid string) channel.Address {
	return channel.Address{Channel: "wechat", Account: "default", External: openid}
}

// typed is a typed message; word makes its key.
func typed(word, openid string) channel.Inbound {
	return channel.Inbound{Key: key(word), From: address(openid), At: start, Kind: channel.KindText, Contact: channel.ContactTyped, Text: word}
}

func nothing(conversation.State, channel.Inbound) conversation.Needs { return conversation.Needs{} }

func needs(n conversation.Needs) bot.NeedFunc {
	return func(conversation.State, channel.Inbound) conversation.Needs { return n }
}

// load reads what one message starts from.
func (b *bundle) load(in channel.Inbound, need bot.NeedFunc) bot.Loaded {
	b.t.Helper()
	list, err := b.s.LoadTurns(b.t.Context(), start, []bot.LoadRequest{{In: in}}, need)
	if err != nil || len(list) != 1 {
		b.t.Fatalf("LoadTurns: %d results, %v", len(list), err)
	}
	return list[0]
}

// turn makes the turn of a message, with a reply that quotes it.
func (b *bundle) turn(in channel.Inbound, effects ...conversation.Effect) conversation.Turn {
	b.t.Helper()
	l := b.load(in, nothing)
	return conversation.Turn{
		In: in, Identity: l.Snapshot.Identity, Seq: l.Snapshot.Seq,
		After: conversation.State{Mode: conversation.ModeConfirm, Confirm: in.Text}, Effects: effects, Reply: channel.Text("re " + in.Text),
	}
}

// done commits one message and wants it done.
func (b *bundle) done(now time.Time, in channel.Inbound, effects ...conversation.Effect) conversation.IdentityID {
	b.t.Helper()
	c := b.s.CommitTurns(b.t.Context(), now, []conversation.Turn{b.turn(in, effects...)})[0]
	if c.Verdict != bot.CommitDone {
		b.t.Fatalf("commit of %q: %s, %v", in.Text, c.Verdict, c.Err)
	}
	return c.Identity
}

// The course and the class of most cases.
var (
	lessonOne = study.LessonRef{Course: courseOne.Ref(), Lesson: "l1"}
	courseOne = course("rules", 1, "l1", "l2")
)

func course(id string, number int, lessons ...string) *content.Course {
	c := content.Course{ID: id, Number: number, Title: "课程 " + id, Summary: "要点", Tier: content.TierRequired, PassMark: 60}
	for _, l := range lessons {
		c.Lessons = append(c.Lessons, content.Lesson{
			ID: l, Title: "微课 " + l, Lead: "一句话", Seconds: 600, Body: "正文",
			Items: []content.Item{{ID: "q1", Kind: content.TrueFalse, Stem: "对吗？", True: true, Explanation: "对。"}},
		})
	}
	return content.Seal(c)
}

func class(code string, courses ...string) study.Cohort {
	return study.Cohort{Code: code, Name: "班级 " + code, Courses: courses, Schedule: study.Schedule{
		Start: "2026-03-01", End: "2026-06-30", Hour: "08:00", Weekdays: []time.Weekday{time.Monday, time.Friday},
	}}
}

// The units of most cases: two villages of one township, and one of another county.
const (
	village1 people.OrgCode = "530112001201"
	village2 people.OrgCode = "530112001202"
	village3 people.OrgCode = "530113001201"
)

func unit(code people.OrgCode) []people.OrgUnit {
	var list []people.OrgUnit
	for l := people.LevelProvince; l <= code.Level(); l++ {
		a := code.Ancestor(l)
		list = append(list, people.OrgUnit{Code: a, Name: "单位" + a.Prefix()})
	}
	return list
}

func person(code people.OrgCode, name, bindCode string) people.RosterRow {
	return people.RosterRow{Unit: code, Units: unit(code), Name: name, Category: "村干部", Code: bindCode}
}

// enrolled makes a class with one course and these people in it, and returns their places and
// numbers, in the order of the rows, which must be of different names.
func (b *bundle) enrolled(cohort string, rows ...people.RosterRow) (places []study.EnrolmentID, learners []people.LearnerID) {
	b.t.Helper()
	ctx := b.t.Context()
	if err := b.s.PublishCourses(ctx, start, []*content.Course{courseOne}); err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.s.ApplyCohort(ctx, start, "tester", class(cohort, courseOne.ID)); err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.s.ApplyRoster(ctx, start, "tester", rows, cohort); err != nil {
		b.t.Fatal(err)
	}
	for _, r := range rows {
		var place study.EnrolmentID
		var learner people.LearnerID
		err := b.raw.QueryRowContext(ctx, `SELECT e.id, l.id FROM learners l JOIN enrolments e ON e.learner_id = l.id JOIN cohorts c ON c.id = e.cohort_id
			WHERE l.name = ? AND l.unit_code = ? AND c.code = ?`, r.Name, string(r.Unit), cohort).Scan(&place, &learner)
		if err != nil {
			b.t.Fatal(err)
		}
		places, learners = append(places, place), append(learners, learner)
	}
	return places, learners
}

// eventually calls ready until it is true; it fails when that takes longer than a slow machine needs.
func eventually(t testing.TB, what string, ready func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ready() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s did not happen: %v", what, errors.Unwrap(ctx.Err()))
		}
	}
}

var schemaCases = map[string]func(*testing.T, *bundle){
	"migrating again changes nothing": func(t *testing.T, b *bundle) {
		before, err := b.s.MigrationStatus(t.Context())
		if err != nil || before.Pending != 0 || before.Current != before.Latest || before.Latest < 7 {
			t.Fatalf("status %+v, %v", before, err)
		}
		if err := b.s.Migrate(t.Context()); err != nil {
			t.Fatalf("Migrate again: %v", err)
		}
		after, err := b.s.MigrationStatus(t.Context())
		if diff := cmp.Diff(before, after); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
	},
	"a half-done migration can go on": func(t *testing.T, b *bundle) {
		whole, err := b.s.MigrationStatus(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		b.exec("DELETE FROM goose_db_version WHERE version_id = ?", whole.Latest)
		if status, err := b.s.MigrationStatus(t.Context()); err != nil || status.Pending != 1 {
			t.Fatalf("status %+v, %v", status, err)
		}
		if err := b.s.Migrate(t.Context()); err != nil {
			t.Fatalf("Migrate: %v", err)
		}
	},
	"the database tells its clock": func(t *testing.T, b *bundle) {
		at, err := b.s.Ping(t.Context())
		if skew := time.Since(at).Abs(); err != nil || skew > 10*time.Second {
			t.Errorf("skew %v, %v", skew, err)
		}
	},
}

// Raw looks into a database past the store, for tests elsewhere that compare one with a model.
func Raw(t testing.TB, dsn string) *sql.DB {
	t.Helper()
	return rawOpen(t, dsn)
}

// RowsOf is Rows of a database that Raw has opened.
func RowsOf(t testing.TB, db *sql.DB, query string, args ...any) []string {
	t.Helper()
	return rawRows(t, db, query, args...)
}
