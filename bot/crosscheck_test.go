package bot_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/store"
	"github.com/tiangeng/tiangeng/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// The rehearsals prove what they prove about a model of the database. Here the model is held against the
// databases: the same random operations, one after the other, and after each one everything that can be
// seen must be equal. TIANGENG_SEQUENCES says how many, TIANGENG_SEQUENCES_AFTER from which on, TIANGENG_SEQUENCE=n tells the story of one.

const crossPeople = 6

// sequencesInCI is how many sequences `go test` makes; under the race detector a few: nothing here runs side by side.
func sequencesInCI() uint64 {
	if raceEnabled {
		return 20
	}
	return 300
}

// crossStart is a Monday morning of March.
var crossStart = time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC)

// real is a database, with the numbers it has given to what the model numbers from one on.
type real struct {
	t         *testing.T
	s         *store.Store
	raw       *sql.DB
	prepared  map[string]*sql.Stmt // reading the same again and again, most of the time went into parsing
	file      bool                 // SQLite
	learners  []people.LearnerID   // as the model's people
	campaigns []bot.CampaignID     // as the model's campaigns
}

// openReal takes a database that is migrated and otherwise empty.
func openReal(t *testing.T, dsn string) *real {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	rows := make([]people.RosterRow, crossPeople)
	for i := range rows {
		unit := people.OrgCode("530112001201")
		rows[i] = people.RosterRow{Unit: unit, Units: []people.OrgUnit{{Code: unit, Name: "村"}}, Name: fmt.Sprint("学员", i), Category: "村干部", Code: "AAAA"}
	}
	if _, err := s.ApplyRoster(t.Context(), crossStart, "test", rows, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := s.BindCrowd(t.Context(), crossStart, "model", "default", func(n int) string { return fmt.Sprint("o", n) }); err != nil {
		t.Fatal(err)
	}
	r := &real{t: t, s: s, raw: storetest.Raw(t, dsn), prepared: map[string]*sql.Stmt{}, file: strings.HasPrefix(dsn, "sqlite")}
	for _, row := range r.rows("SELECT id FROM learners ORDER BY id") {
		var id people.LearnerID
		if _, err := fmt.Sscan(row, &id); err != nil {
			t.Fatal(err)
		}
		r.learners = append(r.learners, id)
	}
	return r
}

func (r *real) rows(query string, args ...any) (out []string) {
	r.t.Helper()
	st := r.prepared[query]
	if st == nil {
		var err error
		if st, err = r.raw.PrepareContext(r.t.Context(), query); err != nil {
			r.t.Fatalf("%s: %v", query, err)
		}
		r.prepared[query] = st
	}
	rows, err := st.QueryContext(r.t.Context(), args...)
	if err != nil {
		r.t.Fatalf("%s: %v", query, err)
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		r.t.Fatal(err)
	}
	words, to := make([]string, len(columns)), make([]any, len(columns))
	for i := range words {
		to[i] = &words[i]
	}
	for rows.Next() {
		if err := rows.Scan(to...); err != nil {
			r.t.Fatal(err)
		}
		out = append(out, strings.Join(words, "|"))
	}
	if err := rows.Err(); err != nil {
		r.t.Fatal(err)
	}
	return out
}

func (r *real) exec(query string, args ...any) {
	r.t.Helper()
	if _, err := r.raw.ExecContext(r.t.Context(), query, args...); err != nil {
		r.t.Fatalf("%s: %v", query, err)
	}
}

// empty forgets the sequence before.
func (r *real) empty() {
	for _, table := range []string{"deliveries", "delivery_history", "mass_batches", "campaigns", "campaign_scopes", "grants", "receipts"} {
		r.exec("DELETE FROM " + table)
	}
	// Among many numbers a claim draws with which campaign it begins; among few it begins with the first.
	if r.file {
		r.exec("DELETE FROM sqlite_sequence WHERE name = 'campaigns'")
	} else {
		r.exec("ALTER TABLE campaigns AUTO_INCREMENT = 1")
	}
	r.campaigns = nil
}

// cross is one sequence on the model and on databases.
type cross struct {
	w      *world
	reals  map[string]*real
	at     time.Time
	claims []crossClaim
	calls  []crossBatch
	masses bool // mostly mass sends
	sent   int
	story  []string
}

// crossBatch is a mass send as the model gave it, with what the databases said of it.
type crossBatch struct {
	model bot.MassBatch
	reals map[string]bot.MassBatch
}

// crossClaim is a claim as the model gave it, with what the databases said of the same row.
type crossClaim struct {
	model bot.ClaimedDelivery
	reals map[string]bot.ClaimedDelivery
}

func (x *cross) say(format string, args ...any) {
	x.story = append(x.story, x.at.Format("02 15:04:05 ")+fmt.Sprintf(format, args...))
}

// wrong is what differs; the sequence ends there.
type wrong struct{ text string }

func (x *cross) same(what string, want, got any) {
	if d := cmp.Diff(want, got); d != "" {
		panic(wrong{what + " (-model +database):\n" + d})
	}
}

func newCross(seed uint64, reals map[string]*real) *cross {
	w := &world{seed: seed, rng: rand.New(rand.NewPCG(seed, 2026)), origin: crossStart, began: time.Now(), calm: true, stopped: true, met: map[string]int{}}
	w.platform = &modelPlatform{w: w}
	w.store = newModelStore(w)
	x := &cross{w: w, reals: reals, at: crossStart, masses: w.draw(3) == 0}
	for i := range crossPeople {
		p := &person{id: people.LearnerID(i + 1), to: channel.Address{Channel: "model", Account: "default", External: fmt.Sprintf("o%d", i+1)}, scene: 7, allowed: map[allowance]int{}}
		p.known = contacts{following: true, push: people.PushOn}
		w.store.people = append(w.store.people, p)
	}
	for _, r := range reals {
		r.empty()
		r.exec("UPDATE identities SET following = 1, refusing = 0, typed_at = 0, tap_at = 0, sent_since = 0, contact_day = '', contacts = 0, mass_month = '', mass_sent = 0")
		r.exec("UPDATE learners SET push = ?", string(people.PushOn))
	}
	return x
}

// each does something to every database.
func (x *cross) each(do func(name string, r *real)) {
	for name, r := range x.reals {
		do(name, r)
	}
}

// place is where a row of a database stands in the model: campaign and person.
func (r *real) place(c bot.CampaignID, l people.LearnerID) string {
	return fmt.Sprintf("%d/%d", slices.Index(r.campaigns, c)+1, slices.Index(r.learners, l)+1)
}

func place(c bot.CampaignID, l people.LearnerID) string { return fmt.Sprintf("%d/%d", c, l) }

func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// modelRows and realRows are all that can be seen of deliveries, mass sends, people, grants and campaigns.
func (x *cross) modelRows() []string {
	var out []string
	for _, d := range x.w.store.rows {
		var tried []string
		for _, r := range d.tried {
			tried = append(tried, string(r))
		}
		out = append(out, fmt.Sprintf("%s|%s|%s|%s|%s|%s|%d|%d|%d|%d|%d|%s|%d", place(d.Campaign, d.Learner.ID), d.State, d.why, d.Rung, strings.Join(tried, ","), d.Owner, d.Term,
			d.Attempt, ms(d.First), d.ambiguous, ms(d.notBefore), d.messageID, map[bool]int{true: 1}[d.batch != 0]))
	}
	for _, b := range x.w.store.batches {
		if !b.dissolved {
			out = append(out, fmt.Sprintf("mass send of campaign %d|%s|%s|%s|%d|%d|%d|%d|%d|%s|%s|%d", b.Campaign, b.state, b.why, b.Owner, b.Term, b.Attempt, ms(b.First), b.ambiguous, ms(b.due), b.messageID,
				b.status, b.people))
		}
	}
	for _, p := range x.w.store.people {
		f := p.facts(nil, x.at)
		out = append(out, fmt.Sprintf("person %d|%d|%d|%s|%d|%d|%d|%d", p.id, map[bool]int{true: 1}[f.Following], map[bool]int{true: 1}[f.Refusing], f.Push, ms(f.TypedAt), f.SentSince, f.Contacts, f.Mass))
		for _, g := range f.Grants {
			out = append(out, fmt.Sprintf("person %d allows|%s|%d|%d", p.id, g.Template, g.Scene, g.Left))
		}
	}
	for _, c := range x.w.store.campaigns {
		out = append(out, fmt.Sprintf("campaign %d|%s|%s|%d", c.ID, c.Status, c.PausedBy, ms(c.PausedUntil)))
	}
	slices.Sort(out)
	return out
}

func (x *cross) realRows(r *real) []string {
	var out []string
	// named puts the model's number in the place of a database's, in front of the rest of the row.
	named := func(query string, name func(number int64) string, args ...any) {
		for _, row := range r.rows(query, args...) {
			number, rest, _ := strings.Cut(row, "|")
			id, err := strconv.ParseInt(number, 10, 64)
			if err != nil {
				r.t.Fatal(err)
			}
			out = append(out, name(id)+"|"+rest)
		}
	}
	campaign := func(id int64) int { return slices.Index(r.campaigns, bot.CampaignID(id)) + 1 }
	person := func(id int64) int { return slices.Index(r.learners, people.LearnerID(id)) + 1 }
	// A campaign's and a learner's number in one.
	named("SELECT campaign_id * 1000000 + learner_id, state, why, rung, tried, owner, term, attempts, first_attempt_at, ambiguous, not_before, message_id, CASE batch_id WHEN 0 THEN 0 ELSE 1 END FROM deliveries",
		func(id int64) string { return r.place(bot.CampaignID(id/1_000_000), people.LearnerID(id%1_000_000)) })
	named("SELECT campaign_id, state, why, owner, term, attempts, first_attempt_at, ambiguous, not_before, message_id, status, people FROM mass_batches",
		func(id int64) string { return fmt.Sprint("mass send of campaign ", campaign(id)) })
	today := day(x.at)
	named(`SELECT l.id, i.following, i.refusing, l.push, i.typed_at, i.sent_since, CASE i.contact_day WHEN ? THEN i.contacts ELSE 0 END, CASE i.mass_month WHEN ? THEN i.mass_sent ELSE 0 END
		FROM learners l JOIN profiles p ON p.learner_id = l.id JOIN identities i ON i.id = p.identity_id`,
		func(id int64) string { return fmt.Sprint("person ", person(id)) }, today, today[:7])
	named("SELECT p.learner_id, g.template, g.scene, g.left_count FROM grants g JOIN profiles p ON p.identity_id = g.identity_id WHERE g.left_count <> 0",
		func(id int64) string { return fmt.Sprint("person ", person(id), " allows") })
	named("SELECT id, status, paused_by, paused_until FROM campaigns", func(id int64) string { return fmt.Sprint("campaign ", campaign(id)) })
	slices.Sort(out)
	return out
}

func (x *cross) compare(what string) {
	want := x.modelRows()
	x.each(func(name string, r *real) {
		if got := x.realRows(r); !slices.Equal(want, got) {
			x.same(name+" after "+what, want, got)
		}
	})
}

// view is a claim without the numbers that databases give themselves.
func view(where string, d bot.ClaimedDelivery) string {
	return fmt.Sprintf("%s %s %s owner %s term %d attempt %d first %d ambiguous %t deadline %d to %v template %q facts %+v", where, d.State, d.Rung, d.Owner, d.Term, d.Attempt, ms(d.First),
		d.Ambiguous, ms(d.Deadline), d.To, d.Template, d.Facts)
}

var (
	crossAccount = func() delivery.Account {
		a := delivery.Account{Window: true, Once: "O", Notices: map[delivery.Kind]delivery.Template{}, Templates: map[delivery.Kind]delivery.Template{}}
		for _, k := range delivery.Kinds() {
			a.Notices[k], a.Templates[k] = delivery.Template{ID: "N"}, delivery.Template{ID: "T"}
		}
		return a
	}()
	crossRungs = []delivery.Rung{delivery.RungWindow, delivery.RungNotice, delivery.RungOnce, delivery.RungTemplate}
)

// phoneOf is the number of a learner's phone: BindCrowd gives it the learner's own.
func phoneOf(l people.LearnerID) conversation.IdentityID { return conversation.IdentityID(l) }

// create makes a campaign and submits it.
func (x *cross) create(ctx context.Context) {
	kinds := []delivery.Kind{delivery.KindAnnouncement, delivery.KindUrgent, delivery.KindReceipt, delivery.KindDigest}
	c := bot.Campaign{
		Kind: kinds[x.w.draw(len(kinds))], Title: "通知", Body: bot.Body{Text: "请查看。"}, Scope: people.Everyone(), DueAt: x.at, By: "cli:test",
		Deadline: x.at.Add([]time.Duration{10 * time.Minute, 2 * time.Hour, 30 * time.Hour, 30 * time.Hour}[x.w.draw(4)]),
	}
	x.each(func(_ string, r *real) {
		mine := c
		mine.Key = fmt.Sprint(x.w.seed, "/", len(r.campaigns))
		made, _, err := r.s.CreateCampaign(ctx, x.at, mine)
		if err == nil {
			_, err = r.s.ActOnCampaign(ctx, x.at, people.Everyone(), made.ID, bot.ActSubmit, "cli:test", bot.CampaignScheduled)
		}
		if err != nil {
			r.t.Fatal(err)
		}
		r.campaigns = append(r.campaigns, made.ID)
	})
	c.ID, c.Status = bot.CampaignID(len(x.w.store.campaigns)+1), bot.CampaignScheduled
	x.w.store.campaigns = append(x.w.store.campaigns, &modelCampaign{Campaign: c})
	x.say("campaign %d: %s until %v", c.ID, c.Kind, c.Deadline)
}

// freeze writes a page of an audience, sometimes one that is there.
func (x *cross) freeze(ctx context.Context) {
	if len(x.w.store.campaigns) == 0 {
		return
	}
	c := x.w.store.campaigns[x.w.draw(len(x.w.store.campaigns))]
	from := x.w.draw(2) * x.w.draw(crossPeople)
	to := from + 1 + x.w.draw(crossPeople-from)
	last := x.w.draw(4) > 0
	page := make([]bot.PlannedRecipient, 0, crossPeople)
	masses := x.masses || x.w.draw(6) == 0
	for i := from; i < to; i++ {
		d := delivery.Decision{Rung: crossRungs[x.w.draw(len(crossRungs))], NotAfter: c.Deadline}
		if masses && x.w.draw(4) > 0 {
			d.Rung = delivery.RungMass
		}
		switch x.w.draw(6) {
		case 0:
			d.NotBefore = x.at.Add(time.Duration(1+x.w.draw(100)) * time.Minute)
		case 1:
			d = delivery.Decision{Rung: delivery.RungPull, Why: delivery.WhyNoWindow}
		}
		page = append(page, bot.PlannedRecipient{Learner: people.LearnerID(i + 1), Decision: d})
		if x.w.draw(4) > 0 {
			page[len(page)-1].Phone = 1 // known
		}
	}
	x.say("freeze campaign %d: people %d to %d, last %t", c.ID, from+1, to, last)
	with := func(learner func(people.LearnerID) people.LearnerID) []bot.PlannedRecipient {
		mine := slices.Clone(page)
		for i := range mine {
			mine[i].Learner = learner(mine[i].Learner)
			if mine[i].Phone != 0 {
				mine[i].Phone = phoneOf(mine[i].Learner)
			}
		}
		return mine
	}
	want, err := x.w.store.FreezeRecipients(ctx, x.at, c.ID, with(func(l people.LearnerID) people.LearnerID { return l }), people.LearnerID(to), last)
	if err != nil {
		panic(err)
	}
	x.each(func(name string, r *real) {
		mine := with(func(l people.LearnerID) people.LearnerID { return r.learners[l-1] })
		got, err := r.s.FreezeRecipients(ctx, x.at, r.campaigns[c.ID-1], mine, r.learners[to-1], last)
		if err != nil {
			r.t.Fatal(err)
		}
		x.same(name+": rows frozen", want, got)
	})
}

// claim claims all that is due, with some of it written ahead.
func (x *cross) claim(ctx context.Context) {
	owner := []string{"a", "b"}[x.w.draw(2)]
	wish := map[string]delivery.Rung{}
	if x.w.draw(3) > 0 {
		for _, d := range x.w.store.rows {
			if n := x.w.draw(len(crossRungs) + 2); n < len(crossRungs) {
				wish[place(d.Campaign, d.Learner.ID)] = crossRungs[n]
			}
		}
	}
	limit := 1000 // all, or what campaigns share
	if x.w.draw(3) > 0 {
		limit = 1 + x.w.draw(9)
	}
	claim := func(where func(bot.ClaimedDelivery) string) bot.Claim {
		return bot.Claim{Owner: owner, Limit: limit, Lease: time.Hour, Ahead: func(list []bot.ClaimedDelivery) {
			for i := range list {
				d := &list[i]
				rung, wanted := wish[where(*d)]
				begun := *d
				begun.Rung, begun.Template = rung, templateFor(rung)
				if _, left, need := needed(begun); wanted && (!need || left != 0) {
					*d = begun
					d.State = delivery.Sending
				}
			}
		}}
	}
	here := func(d bot.ClaimedDelivery) string { return place(d.Campaign, d.Learner.ID) }
	want, err := x.w.store.ClaimDeliveries(ctx, x.at, claim(here))
	if err != nil {
		panic(err)
	}
	var views []string
	claims := map[string]crossClaim{}
	for _, d := range want {
		views = append(views, view(here(d), d))
		claims[here(d)] = crossClaim{model: d, reals: map[string]bot.ClaimedDelivery{}}
	}
	slices.Sort(views)
	x.say("%s claims %d of %d", owner, len(want), limit)
	x.each(func(name string, r *real) {
		there := func(d bot.ClaimedDelivery) string { return r.place(d.Campaign, d.Learner.ID) }
		got, err := r.s.ClaimDeliveries(ctx, x.at, claim(there))
		if err != nil {
			r.t.Fatal(err)
		}
		var mine []string
		for _, d := range got {
			mine = append(mine, view(there(d), d))
			if c, known := claims[there(d)]; known {
				c.reals[name] = d
			}
		}
		slices.Sort(mine)
		x.same(name+": claims", views, mine)
	})
	for _, d := range want {
		x.claims = append(x.claims, claims[here(d)])
	}
}

func templateFor(r delivery.Rung) string {
	switch r {
	case delivery.RungNotice:
		return "N"
	case delivery.RungOnce:
		return "O"
	}
	return ""
}

// some draws claims in a state, fresh and stale ones, each row once, in the order of their making.
func (x *cross) some(state delivery.State) (list []*crossClaim) {
	seen := map[int64]bool{}
	for i := range x.claims {
		c := &x.claims[i]
		fresh := x.w.store.row(c.model.ID).State == c.model.State
		if c.model.State == state && !seen[c.model.ID] && (fresh && x.w.draw(3) > 0 || x.w.draw(12) == 0) {
			seen[c.model.ID] = true
			list = append(list, c)
		}
	}
	return list
}

// on calls the model and the databases with a group made of claims, and wants equal answers.
func (x *cross) on(what string, list []*crossClaim, call func(s bot.Store, group []bot.ClaimedDelivery) ([]bool, error)) []bool {
	group := make([]bot.ClaimedDelivery, len(list))
	for i, c := range list {
		group[i] = c.model
	}
	want, err := call(x.w.store, group)
	if err != nil {
		panic(err)
	}
	x.each(func(name string, r *real) {
		for i, c := range list {
			group[i] = c.reals[name]
		}
		got, err := call(r.s, group)
		if err != nil {
			r.t.Fatal(err)
		}
		x.same(name+": "+what, want, got)
	})
	return want
}

func (x *cross) begin(ctx context.Context) {
	list := x.some(delivery.Claimed)
	if len(list) == 0 {
		return
	}
	rungs := make([]delivery.Rung, len(list))
	for i := range list {
		rungs[i] = crossRungs[x.w.draw(len(crossRungs))]
	}
	x.say("begin %d", len(list))
	by := func(group []bot.ClaimedDelivery) []bot.ClaimedDelivery {
		mine := slices.Clone(group)
		for i := range mine {
			mine[i].Rung, mine[i].Template = rungs[i], templateFor(rungs[i])
		}
		return mine
	}
	ok := x.on("begun", list, func(s bot.Store, group []bot.ClaimedDelivery) ([]bool, error) {
		return s.BeginSending(ctx, x.at, by(group))
	})
	for i, c := range list {
		if !ok[i] {
			continue
		}
		begun := crossClaim{model: by([]bot.ClaimedDelivery{c.model})[0], reals: map[string]bot.ClaimedDelivery{}}
		begun.model.Rung, begun.model.Template = rungs[i], templateFor(rungs[i])
		begun.model = begun.model.Begun(x.at)
		for name, d := range c.reals {
			d.Rung, d.Template = rungs[i], templateFor(rungs[i])
			begun.reals[name] = d.Begun(x.at)
		}
		x.claims = append(x.claims, begun)
	}
}

// outcome draws what the platform says.
func (x *cross) outcome(r delivery.Rung) channel.Outcome {
	switch n := x.w.draw(14); {
	case n < 5:
		o := channel.Outcome{Verdict: channel.Accepted}
		if r == delivery.RungTemplate || r == delivery.RungNotice {
			x.sent++
			o.MessageID = fmt.Sprint("m", x.sent)
		}
		return o
	case n == 5:
		return channel.Outcome{Verdict: channel.Unknown, Class: channel.ClassLater, Reason: "timeout"}
	case n == 6:
		return channel.Outcome{Verdict: channel.Unsent, Class: channel.ClassLater, Reason: "no_connection"}
	case n == 7:
		return refused(channel.ClassRetry, "busy")
	case n == 8:
		return refused(channel.ClassNone, "unlisted")
	}
	reasons := []string{delivery.ReasonWindowClosed, delivery.ReasonWindowSpent, delivery.ReasonNotFollowing, delivery.ReasonRefusing, delivery.ReasonNoGrant}
	return refused(channel.ClassRecipient, reasons[x.w.draw(len(reasons))])
}

func (x *cross) settle(ctx context.Context) {
	list := x.some(delivery.Sending)
	if len(list) == 0 {
		return
	}
	policy := rehearsalPolicy
	policy.QuietFrom, policy.QuietUntil = 0, 0
	settlements := make([]delivery.Settlement, len(list))
	for i, c := range list {
		d := c.model
		settlements[i] = delivery.Settle(x.outcome(d.Rung), delivery.Call{
			Rung: d.Rung, Attempt: d.Attempt, First: d.First, Ambiguous: d.Ambiguous, Request: delivery.Request{Kind: d.Kind, Due: x.at, Deadline: d.Deadline},
			Facts: d.Facts, Account: crossAccount, Policy: policy,
		}, x.at)
		x.say("settle %s: %s %s → %s", place(d.Campaign, d.Learner.ID), settlements[i].Outcome.Verdict, settlements[i].Outcome.Reason, settlements[i].To)
	}
	x.on("settled", list, func(s bot.Store, group []bot.ClaimedDelivery) ([]bool, error) {
		settled := make([]bot.SettledDelivery, len(group))
		for i, d := range group {
			settled[i] = bot.SettledDelivery{ClaimedDelivery: d, Settlement: settlements[i]}
		}
		return s.SettleDeliveries(ctx, x.at, settled)
	})
}

func (x *cross) release(ctx context.Context) {
	list := x.some(delivery.Claimed)
	if len(list) == 0 {
		return
	}
	back := make([]bot.ReleasedDelivery, len(list))
	for i := range list {
		switch x.w.draw(6) {
		case 0:
			back[i] = bot.ReleasedDelivery{To: delivery.Skipped, Why: delivery.WhyPaused}
		case 1:
			back[i] = bot.ReleasedDelivery{To: delivery.Expired, Why: delivery.WhyDeadline}
		case 2:
			back[i] = bot.ReleasedDelivery{To: delivery.Failed, Why: delivery.WhyPlatform}
		case 3:
			back[i] = bot.ReleasedDelivery{To: delivery.Pending, Due: x.at.Add(time.Duration(1+x.w.draw(30)) * time.Second)}
		default:
			back[i] = bot.ReleasedDelivery{To: delivery.Pending}
		}
		x.say("give back to %s", back[i].To)
	}
	rung := append(slices.Clone(crossRungs), delivery.RungMass)[x.w.draw(len(crossRungs)+1)]
	x.on("given back", list, func(s bot.Store, group []bot.ClaimedDelivery) ([]bool, error) {
		mine := slices.Clone(back)
		for i, d := range group {
			d.Rung = rung
			mine[i].ClaimedDelivery = d
		}
		return s.ReleaseDeliveries(ctx, x.at, mine)
	})
}

func (x *cross) sweep(ctx context.Context) {
	want, err := x.w.store.SweepLeases(ctx, x.at)
	if err != nil {
		panic(err)
	}
	x.say("sweep: %+v", want)
	x.each(func(name string, r *real) {
		got, err := r.s.SweepLeases(ctx, x.at)
		if err != nil {
			r.t.Fatal(err)
		}
		x.same(name+": swept", want, got)
	})
}

// lapse ends the leases of an owner.
func (x *cross) lapse() {
	owner := []string{"a", "b"}[x.w.draw(2)]
	x.say("the leases of %s end", owner)
	for _, d := range x.w.store.rows {
		if d.Owner == owner {
			d.LeaseEnd = x.w.dbNow().Add(-time.Second)
		}
	}
	for _, b := range x.w.store.batches {
		if b.Owner == owner {
			b.leaseEnd = x.w.dbNow().Add(-time.Second)
		}
	}
	x.each(func(_ string, r *real) {
		r.exec("UPDATE deliveries SET lease_until = 1 WHERE owner = ?", owner)
		r.exec("UPDATE mass_batches SET lease_until = 1 WHERE owner = ?", owner)
	})
}

// byMass is what is decided of somebody who was to be named by a mass send.
func (x *cross) byMass(f delivery.Facts, c bot.Campaign) delivery.Decision {
	pull := func(why delivery.Why) delivery.Decision {
		return delivery.Decision{Rung: delivery.RungPull, Why: why}
	}
	switch {
	case !x.at.Before(c.Deadline):
		return pull(delivery.WhyDeadline)
	case !f.Following:
		return pull(delivery.WhyNotFollowing)
	case f.Push == people.PushOff:
		return pull(delivery.WhyOptedOut)
	case f.Mass >= delivery.MassPerMonth:
		return pull(delivery.WhyPlatform)
	case f.Push == people.PushPaused && c.Kind != delivery.KindUrgent:
		return delivery.Decision{Rung: delivery.RungMass, NotBefore: x.at.Add(time.Hour)}
	case f.TypedAt.Equal(x.at) && c.Kind != delivery.KindDigest:
		return delivery.Decision{Rung: delivery.RungWindow}
	}
	return delivery.Decision{Rung: delivery.RungMass}
}

// viewMass is a mass send without the numbers that databases give themselves.
func viewMass(campaign int, b *bot.MassBatch) string {
	if b == nil {
		return "none"
	}
	return fmt.Sprintf("campaign %d %s owner %s term %d attempt %d first %d ambiguous %t deadline %d account %s/%s to %v", campaign, b.Kind, b.Owner, b.Term, b.Attempt, ms(b.First), b.Ambiguous, ms(b.Deadline),
		b.Channel, b.Account, b.To)
}

func (x *cross) claimMass(ctx context.Context) {
	owner := []string{"a", "b"}[x.w.draw(2)]
	limit := []int{2, 3, 10_000}[x.w.draw(3)]
	want, err := x.w.store.ClaimMassBatch(ctx, x.at, owner, limit, time.Hour, x.byMass)
	if err != nil {
		panic(err)
	}
	c := crossBatch{reals: map[string]bot.MassBatch{}}
	mine := 0
	if want != nil {
		c.model, mine = *want, int(want.Campaign)
	}
	x.say("%s claims a mass send: %s", owner, viewMass(mine, want))
	x.each(func(name string, r *real) {
		got, err := r.s.ClaimMassBatch(ctx, x.at, owner, limit, time.Hour, x.byMass)
		if err != nil {
			r.t.Fatal(err)
		}
		theirs := 0
		if got != nil {
			c.reals[name], theirs = *got, slices.Index(r.campaigns, got.Campaign)+1
		}
		x.same(name+": mass send", viewMass(mine, want), viewMass(theirs, got))
	})
	if want != nil {
		x.calls = append(x.calls, c)
	}
}

// call goes on with a mass send that was claimed: it begins or is settled, mostly the last one.
func (x *cross) call(ctx context.Context) {
	if len(x.calls) == 0 {
		return
	}
	i := len(x.calls) - 1
	if x.w.draw(4) == 0 {
		i = x.w.draw(len(x.calls))
	}
	c := &x.calls[i]
	if b := x.w.store.batches[c.model.ID-1]; b.state == delivery.Sending || x.w.draw(6) == 0 {
		x.settleMass(ctx, c)
		return
	}
	want, err := x.w.store.BeginMassBatch(ctx, x.at, c.model)
	if err != nil {
		panic(err)
	}
	x.say("the mass send of campaign %d begins: %t", c.model.Campaign, want)
	x.each(func(name string, r *real) {
		got, err := r.s.BeginMassBatch(ctx, x.at, c.reals[name])
		if err != nil {
			r.t.Fatal(err)
		}
		x.same(name+": begun", want, got)
	})
	if !want {
		return
	}
	begun := func(b bot.MassBatch) bot.MassBatch {
		if b.Attempt++; b.First.IsZero() {
			b.First = x.at
		}
		return b
	}
	c.model = begun(c.model)
	for name, b := range c.reals {
		c.reals[name] = begun(b)
	}
}

func (x *cross) settleMass(ctx context.Context, c *crossBatch) {
	b := c.model
	o := channel.Outcome{Verdict: channel.Accepted}
	switch x.w.draw(8) {
	case 0, 1, 2:
		o = channel.Outcome{Verdict: channel.Unknown, Class: channel.ClassLater, Reason: "timeout"}
	case 3:
		o = channel.Outcome{Verdict: channel.Unsent, Class: channel.ClassLater, Reason: "not_begun"}
	case 4:
		o = refused([]channel.Class{channel.ClassRetry, channel.ClassNone, channel.ClassCampaign}[x.w.draw(3)], "said")
	default:
		x.sent++
		o.MessageID = fmt.Sprint("m", x.sent)
	}
	if x.w.store.batches[b.ID-1].state != delivery.Sending { // nobody was called
		o = channel.Outcome{Verdict: channel.Unsent, Class: channel.ClassLater, Reason: "not_begun"}
	}
	t := delivery.SettleMass(o, delivery.Call{Attempt: b.Attempt, First: b.First, Ambiguous: b.Ambiguous, Request: delivery.Request{Kind: b.Kind, Deadline: b.Deadline}}, x.at)
	want, err := x.w.store.SettleMassBatch(ctx, x.at, b, t)
	if err != nil {
		panic(err)
	}
	x.say("the mass send of campaign %d: %s → %s: %t", b.Campaign, o.Verdict, t.To, want)
	x.each(func(name string, r *real) {
		got, err := r.s.SettleMassBatch(ctx, x.at, c.reals[name], t)
		if err != nil {
			r.t.Fatal(err)
		}
		x.same(name+": settled", want, got)
	})
}

// report brings the platform's report of a mass send, of one that was made or of none, sometimes without a number.
func (x *cross) report() channel.Receipt {
	r := channel.Receipt{
		Kind: "MASSSENDJOBFINISH", To: channel.Address{Channel: "model", Account: "default"}, MessageID: fmt.Sprint("m", 1+x.w.draw(x.sent+1)), Status: []string{sentWell, sentWell, "send fail"}[x.w.draw(3)],
		Job: &channel.Job{Total: 2 + x.w.draw(crossPeople-1)}, At: x.at,
	}
	for _, b := range x.w.store.batches {
		if !b.dissolved && b.messageID != "" && x.w.draw(3) > 0 {
			r.MessageID, r.Job.Total = b.messageID, b.people
		}
	}
	if x.w.draw(3) == 0 {
		r.MessageID = []string{"", "0"}[x.w.draw(2)]
	}
	return r
}

// receipt brings one, of a message that was taken or of none, sometimes without a number.
func (x *cross) receipt(ctx context.Context) {
	p := x.w.store.people[x.w.draw(crossPeople)]
	r := channel.Receipt{Kind: "TEMPLATESENDJOBFINISH", To: p.to, MessageID: fmt.Sprint("m", 1+x.w.draw(x.sent+1)), Delivered: x.w.draw(3) > 0, Status: "success", At: x.at}
	for _, d := range x.w.store.rows {
		if d.messageID != "" && x.w.draw(3) == 0 {
			r.To, r.MessageID = d.who.to, d.messageID
		}
	}
	if x.w.draw(3) == 0 {
		r.MessageID = []string{"", "0"}[x.w.draw(2)]
	}
	if !r.Delivered {
		r.Status = "failed:user block"
	}
	if len(x.w.store.batches) > 0 && x.w.draw(3) == 0 {
		r = x.report()
	}
	x.say("receipt %q for %s: %s", r.MessageID, r.To.External, r.Status)
	x.w.store.append(r, x.at)
	x.each(func(_ string, real *real) {
		if err := real.s.AppendReceipts(ctx, x.at, []channel.Receipt{r}); err != nil {
			real.t.Fatal(err)
		}
	})
	if x.w.draw(2) == 0 {
		x.join(ctx)
	}
}

func (x *cross) join(ctx context.Context) {
	want, err := x.w.store.JoinReceipts(ctx, x.at, 1000)
	if err != nil {
		panic(err)
	}
	x.say("join: %+v", want)
	x.each(func(name string, r *real) {
		got, err := r.s.JoinReceipts(ctx, x.at, 1000)
		if err != nil {
			r.t.Fatal(err)
		}
		x.same(name+": joined", want, got)
	})
}

// acts lets a person or a trainer do something.
func (x *cross) acts(ctx context.Context) {
	i := x.w.draw(crossPeople)
	p := x.w.store.people[i]
	phone := func(set string, args ...any) {
		x.each(func(_ string, r *real) {
			r.exec("UPDATE identities SET "+set+" WHERE external_id = ?", append(args, p.to.External)...)
		})
	}
	switch x.w.draw(10) {
	case 0, 1, 2:
		x.say("person %d writes", p.id)
		p.known.typedAt, p.known.sentSince, p.known.refusing = x.at, 0, false
		phone("typed_at = ?, sent_since = 0, refusing = 0", ms(x.at))
	case 3:
		p.known.following = !p.known.following
		x.say("person %d follows: %t", p.id, p.known.following)
		phone("following = ?", p.known.following)
	case 4:
		p.known.push = []people.Push{people.PushOn, people.PushPaused, people.PushOff}[x.w.draw(3)]
		x.say("person %d wishes %q", p.id, p.known.push)
		p.pushAt = x.at
		x.each(func(_ string, r *real) {
			r.exec("UPDATE learners SET push = ?, updated_at = ? WHERE id = ?", string(p.known.push), ms(x.at), int64(r.learners[i]))
		})
	case 5, 6:
		a := p.allowance([]string{"N", "O"}[x.w.draw(2)])
		p.allowed[a] = 1 + x.w.draw(2)
		x.say("person %d allows %d of %s", p.id, p.allowed[a], a.template)
		x.each(func(_ string, r *real) {
			id := int64(phoneOf(r.learners[i]))
			r.exec("DELETE FROM grants WHERE identity_id = ? AND template = ? AND scene = ?", id, a.template, a.scene)
			r.exec("INSERT INTO grants (identity_id, template, scene, left_count) VALUES (?, ?, ?, ?)", id, a.template, a.scene, p.allowed[a])
		})
	default:
		x.steer(ctx)
	}
}

// steer pauses, resumes or cancels a campaign.
func (x *cross) steer(ctx context.Context) {
	if len(x.w.store.campaigns) == 0 {
		return
	}
	c := x.w.store.campaigns[x.w.draw(len(x.w.store.campaigns))]
	act := []bot.CampaignAct{bot.ActPause, bot.ActResume, bot.ActResume, bot.ActCancel, ""}[x.w.draw(5)]
	if act == "" {
		until := x.at.Add(5 * time.Minute)
		if x.w.draw(3) == 0 {
			until = time.Time{}
		}
		x.say("the platform pauses campaign %d until %v", c.ID, until)
		if err := x.w.store.PauseCampaign(ctx, x.at, c.ID, "x", until); err != nil {
			panic(err)
		}
		x.each(func(_ string, r *real) {
			if err := r.s.PauseCampaign(ctx, x.at, r.campaigns[c.ID-1], "x", until); err != nil {
				r.t.Fatal(err)
			}
		})
		return
	}
	x.say("campaign %d: %s", c.ID, act)
	x.w.store.act(c, act)
	x.each(func(_ string, r *real) {
		// An act that does not fit is refused; the comparison tells whether the model thinks so too.
		_, _ = r.s.ActOnCampaign(ctx, x.at, people.Everyone(), r.campaigns[c.ID-1], act, "trainer", "")
	})
}

func (x *cross) step(ctx context.Context) string {
	n := x.w.draw(120)
	if x.masses && x.w.draw(2) == 0 {
		n = []int{6, 80, 76, 95, 96, 102, 103, 104, 119}[x.w.draw(9)]
	}
	switch {
	case n < 6 && len(x.w.store.campaigns) < 7:
		x.create(ctx)
		return "create"
	case n < 18:
		x.freeze(ctx)
		return "freeze"
	case n < 36:
		x.claim(ctx)
		return "claim"
	case n < 48:
		x.begin(ctx)
		return "begin"
	case n < 64:
		x.settle(ctx)
		return "settle"
	case n < 70:
		x.release(ctx)
		return "release"
	case n < 76:
		x.sweep(ctx)
		return "sweep"
	case n < 79:
		x.lapse()
		return "lapse"
	case n < 84:
		x.receipt(ctx)
		return "receipt"
	case n < 88:
		x.join(ctx)
		return "join"
	case n < 95:
		x.acts(ctx)
		return "acts"
	case n < 102:
		x.claimMass(ctx)
		return "claim of a mass send"
	case n < 115:
		x.call(ctx)
		return "call of a mass send"
	}
	x.at = x.at.Add([]time.Duration{time.Second, 6 * time.Second, 31 * time.Second, time.Minute, 5 * time.Minute, 5 * time.Minute, 40 * time.Minute, 9 * time.Hour}[x.w.draw(8)])
	return "time passes"
}

// run makes one sequence; it returns what differed, "" for nothing.
func (x *cross) run(ctx context.Context, met map[string]int) (differs string) {
	defer func() {
		if p := recover(); p != nil {
			w, ok := p.(wrong)
			if !ok {
				panic(p)
			}
			differs = w.text
		}
	}()
	for range 3 {
		x.create(ctx)
		x.freeze(ctx)
	}
	for range 80 {
		what := x.step(ctx)
		met[what]++
		if what != "time passes" {
			x.compare(x.story[len(x.story)-1])
		}
		if x.w.broken != "" {
			return "the model itself: " + x.w.broken
		}
	}
	for _, d := range x.w.store.rows {
		met["ends "+string(d.State)]++
	}
	for _, b := range x.w.store.batches {
		met["mass send "+map[bool]string{true: "dissolved", false: string(b.state)}[b.dissolved]]++
		met["mass send reported "+b.status]++
	}
	met["written ahead by the claim"] += x.w.met["written ahead by the claim"]
	return ""
}

func TestTheModelIsLikeTheDatabases(t *testing.T) { //nolint:tparallel // the lanes inside are parallel, their group is waited for
	t.Parallel()
	var mu sync.Mutex
	met := map[string]int{}
	sequences := func(t *testing.T, first, last, step uint64, tell bool) {
		reals := map[string]*real{
			"sqlite": openReal(t, storetest.MigratedSQLite(t)), "mariadb": openReal(t, storetest.MigratedMariaDB(t)),
		}
		mine := map[string]int{}
		for seed := first; seed <= last; seed += step {
			x := newCross(seed, reals)
			differs := x.run(t.Context(), mine)
			if tell {
				t.Log("\n" + strings.Join(x.story, "\n"))
			}
			if differs != "" {
				t.Fatalf("%s\n%s\nTIANGENG_SEQUENCE=%d go test -run TestTheModelIsLikeTheDatabases -v ./bot", strings.Join(x.story[max(0, len(x.story)-12):], "\n"), differs, seed)
			}
		}
		mu.Lock()
		defer mu.Unlock()
		for what, n := range mine {
			met[what] += n
		}
	}
	if only := fromEnvironment(t, "TIANGENG_SEQUENCE", 0); only != 0 {
		sequences(t, only, only, 1, true)
		return
	}
	first, last := fromEnvironment(t, "TIANGENG_SEQUENCES_AFTER", 0)+1, fromEnvironment(t, "TIANGENG_SEQUENCES", sequencesInCI())
	const lanes = 2
	t.Run("lanes", func(t *testing.T) {
		for lane := range uint64(lanes) {
			t.Run(strconv.FormatUint(lane, 10), func(t *testing.T) {
				t.Parallel()
				sequences(t, first+lane, last, lanes, false)
			})
		}
	})
	t.Log(met)
	for _, what := range []string{"ends accepted", "ends unknown", "ends failed", "ends skipped", "ends pending", "ends cancelled", "ends expired", "ends claimed", "ends sending", "ends delivered", "ends refused", "written ahead by the claim",
		"mass send accepted", "mass send unknown", "mass send refused", "mass send dissolved", "mass send reported send fail", "mass send reported send success"} {
		if met[what] == 0 && last >= 300 && !t.Failed() {
			t.Errorf("no sequence met: %s", what)
		}
	}
}
