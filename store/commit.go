package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/delivery"
)

// errLost means that a turn's state moved on since it was read.
var errLost = errors.New("the conversation's state moved on")

// errUncertain means that COMMIT was sent and not answered.
var errUncertain = errors.New("the commit was not answered")

// CommitTurns writes the turns in one transaction: a turn of a person costs one row of the inbox,
// one row of identities and the rows of its effects, and many people share each statement. What
// fails because of one turn is done again without it, down to that turn alone.
func (s *Store) CommitTurns(ctx context.Context, now time.Time, turns []conversation.Turn) []bot.Commit {
	out := make([]bot.Commit, len(turns))
	if len(turns) == 0 {
		return out
	}
	ids, err := s.commit(ctx, now, turns)
	if err == nil {
		for i := range turns {
			out[i] = bot.Commit{Verdict: bot.CommitDone, Reply: turns[i].Reply, Identity: ids[i]}
		}
		return out
	}
	alone := errors.Is(err, errLost) || classify(err) == troubleDuplicate || classify(err) == troubleOther
	if len(turns) > 1 && alone && !errors.Is(err, errUncertain) {
		// Half by half down to single turns: one that fails costs the others a few transactions, not
		// one each, also when the platform repeats everything to two replicas.
		middle := len(turns) / 2
		return append(s.CommitTurns(ctx, now, turns[:middle]), s.CommitTurns(ctx, now, turns[middle:])...)
	}
	return s.verdicts(ctx, turns, err)
}

// verdicts says of turns that were not committed together what is certain about each.
func (s *Store) verdicts(ctx context.Context, turns []conversation.Turn, err error) []bot.Commit {
	out := make([]bot.Commit, len(turns))
	verdict := bot.CommitFailed
	switch {
	case errors.Is(err, errUncertain):
		verdict = bot.CommitUncertain
	case errors.Is(err, errLost), classify(err) == troubleDuplicate:
		verdict = bot.CommitLost
	}
	for i := range out {
		out[i] = bot.Commit{Verdict: verdict, Err: plain(err)}
	}
	if verdict == bot.CommitFailed {
		return out
	}
	// A repeat that another replica has answered, and a commit whose answer was lost, are found by
	// their keys. A lookup that fails leaves the verdict as it is.
	places := make(map[messageKey]int, len(turns))
	keys := make([]any, 0, len(turns))
	for i := range turns {
		if key, err := parseKey(turns[i].In.Key); err == nil {
			places[key] = i
			keys = append(keys, key[:])
		}
	}
	_ = replies(ctx, s.db, keys, s.settled(), func(key messageKey, m channel.Message) {
		i := places[key]
		out[i] = bot.Commit{Verdict: bot.CommitRepeated, Reply: m}
	})
	return out
}

// commit makes one transaction of the turns, again when the database asks for it, and returns the
// identities' numbers.
func (s *Store) commit(ctx context.Context, now time.Time, turns []conversation.Turn) (ids []conversation.IdentityID, err error) {
	for try := 1; ; try++ {
		ids, err = s.commitOnce(ctx, now, turns)
		if err == nil || classify(err) != troubleContended || try == tries || !pause(ctx, try) {
			return ids, err
		}
	}
}

func (s *Store) commitOnce(ctx context.Context, now time.Time, turns []conversation.Turn) ([]conversation.IdentityID, error) {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	w := newTurnWriter(s, tx, now, turns)
	if err := w.write(ctx); err != nil {
		return nil, err
	}
	if err := tx.Commit(); err != nil {
		if t := classify(err); t == troubleContended || t == troubleRefused || t == troubleDuplicate {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %w", errUncertain, plain(err))
	}
	return w.ids, nil
}

// turnWriter writes a batch of turns. Identities come first, in the order of their numbers: two
// replicas that hold turns of the same people then wait for each other at one row and cannot
// deadlock, and the later one finds its state moved on.
type turnWriter struct {
	s     *Store
	tx    *sql.Tx
	now   int64
	turns []conversation.Turn
	ids   []conversation.IdentityID
	rows  map[string]*insert
	order []string // tables with rows, in the order of first use
	then  []statement
	// trainers are acts on campaigns: they come last, with their audit.
	trainers []conversation.Effect
	surveys  []conversation.AnswerSurvey
	signed   []signing
	leaves   []conversation.Effect
	pulls    []pull
	opened   []openedLesson
	// completed are lessons whose reminders have nothing to remind of.
	completed []openedLesson
	orders    []conversation.ChangeOrders
	links     []conversation.Effect

	certificates []conversation.IssueCertificate
	shows        []conversation.SendNotice
	// bindings come before them: they look at who else has the person.
	bindings []bindingAct
}

type statement struct {
	query string
	args  []any
}

func newTurnWriter(s *Store, tx *sql.Tx, now time.Time, turns []conversation.Turn) *turnWriter {
	return &turnWriter{s: s, tx: tx, now: toMs(now), turns: turns, ids: make([]conversation.IdentityID, len(turns)), rows: map[string]*insert{}}
}

func (w *turnWriter) write(ctx context.Context) error {
	if err := w.identities(ctx); err != nil {
		return err
	}
	for i := range w.turns {
		if err := w.turn(i); err != nil {
			return err
		}
	}
	for _, table := range w.order {
		if err := w.rows[table].exec(ctx, w.tx); err != nil {
			return fmt.Errorf("writing %s: %w", table, err)
		}
	}
	for _, q := range w.then {
		if _, err := w.tx.ExecContext(ctx, q.query, q.args...); err != nil {
			return fmt.Errorf("writing an effect: %w", err)
		}
	}
	if err := w.sendNotices(ctx); err != nil {
		return err
	}
	if err := w.settlePulls(ctx); err != nil {
		return err
	}
	if err := w.surveyAnswers(ctx); err != nil {
		return err
	}
	if err := w.signings(ctx); err != nil {
		return err
	}
	if err := w.orderActs(ctx); err != nil {
		return err
	}
	acts, err := w.bindingActs(ctx)
	if err != nil {
		return err
	}
	leaves, err := w.leaveActs(ctx)
	if err != nil {
		return err
	}
	certificates, err := w.certificateActs(ctx)
	if err != nil {
		return err
	}
	acts = append(append(acts, leaves...), certificates...)
	links, err := w.linkActs(ctx)
	if err != nil {
		return err
	}
	acts = append(acts, links...)
	return w.trainerActs(ctx, acts)
}

// into collects a row; columns and tail are those of the table's first row.
func (w *turnWriter) into(table, columns, tail string, values ...any) {
	w.named(table, table, columns, tail, values...)
}

// named is into for a second statement on a table.
func (w *turnWriter) named(name, table, columns, tail string, values ...any) {
	i := w.rows[name]
	if i == nil {
		i = &insert{table: table, columns: strings.Split(columns, " "), tail: tail}
		w.rows[name] = i
		w.order = append(w.order, name)
	}
	i.add(values...)
}

func (w *turnWriter) after(query string, args ...any) {
	w.then = append(w.then, statement{query, args})
}

// leaves reports whether the turn deletes its identity.
func leaves(t *conversation.Turn) bool {
	return slices.ContainsFunc(t.Effects, func(e conversation.Effect) bool { _, is := e.(conversation.Unfollow); return is })
}

// identities makes the new ones and moves the known ones on, where they still are as read.
func (w *turnWriter) identities(ctx context.Context) error {
	var known []int
	for i := range w.turns {
		t := &w.turns[i]
		if t.Identity.ID != 0 {
			w.ids[i] = t.Identity.ID
			known = append(known, i)
			continue
		}
		if leaves(t) {
			continue // somebody unknown leaves: there is nothing to make
		}
		id, err := w.newIdentity(ctx, t)
		if err != nil {
			return err
		}
		w.ids[i] = id
	}
	slices.SortFunc(known, func(a, b int) int { return cmp.Compare(w.ids[a], w.ids[b]) })
	return w.moveOn(ctx, known)
}

func (w *turnWriter) newIdentity(ctx context.Context, t *conversation.Turn) (conversation.IdentityID, error) {
	state, err := encodeState(t.After)
	if err != nil {
		return 0, err
	}
	typed, tap := contactTimes(t)
	a := t.In.From
	// Who writes follows, unless the platform says otherwise later.
	r, err := w.tx.ExecContext(ctx, `INSERT INTO identities (channel, account, external_id, following, typed_at, tap_at, state, seq, created_at)
		VALUES (?, ?, ?, 1, ?, ?, ?, 1, ?)`, a.Channel, a.Account, a.External, typed, tap, state, w.now)
	if err != nil {
		if classify(err) == troubleDuplicate {
			return 0, errLost // another replica was faster
		}
		return 0, fmt.Errorf("writing an identity: %w", err)
	}
	id, err := r.LastInsertId()
	return conversation.IdentityID(id), err
}

func encodeState(s conversation.State) (string, error) {
	s.V = conversation.StateVersion
	b, err := json.Marshal(s)
	if err != nil {
		return "", fmt.Errorf("writing a state: %w", err)
	}
	return string(b), nil
}

// contactTimes are the times of the contact that the message is: the platform's own.
func contactTimes(t *conversation.Turn) (typed, tap int64) {
	switch t.In.Contact {
	case channel.ContactTyped:
		return toMs(t.In.At), 0
	case channel.ContactTap:
		return 0, toMs(t.In.At)
	case channel.ContactNone:
	}
	return 0, 0
}

// moveOn writes the states of known identities in one statement: WHERE seq is as read. Fewer rows
// than asked for means that somebody's state has moved on, and nothing of the batch may stand.
func (w *turnWriter) moveOn(ctx context.Context, places []int) error {
	var states, since, refusing, typed, tap, mark, where clause
	for _, i := range places {
		t := &w.turns[i]
		id := int64(t.Identity.ID)
		if mistake("no fencing of conversations") {
			where.sep(" OR ", "(id = ?)", id)
		} else {
			where.sep(" OR ", "(id = ? AND seq = ?)", id, t.Seq)
		}
		state, err := encodeState(t.After)
		if err != nil {
			return err
		}
		states.add(" WHEN ? THEN ?", id, state)
		at, tapped := contactTimes(t)
		switch {
		case at != 0:
			// One that comes late opens nothing anew.
			since.add(" WHEN ? THEN CASE WHEN typed_at >= ? THEN sent_since ELSE 0 END", id, at)
			// Who writes wants to be answered: receiving is on again.
			refusing.add(" WHEN ? THEN CASE WHEN typed_at >= ? THEN refusing ELSE 0 END", id, at)
			typed.add(" WHEN ? THEN CASE WHEN typed_at >= ? THEN typed_at ELSE ? END", id, at, at)
		case tapped != 0:
			// A tap opens a minute; inside the 48 hours of a typed message it adds nothing.
			since.add(" WHEN ? THEN CASE WHEN typed_at > ? OR tap_at >= ? THEN sent_since ELSE 0 END", id, tapped-delivery.TypedWindow.Milliseconds(), tapped)
			tap.add(" WHEN ? THEN CASE WHEN tap_at >= ? THEN tap_at ELSE ? END", id, tapped, tapped)
		}
		if slices.ContainsFunc(t.Effects, func(e conversation.Effect) bool { _, is := e.(conversation.Confirmed); return is }) {
			mark.add(" WHEN ? THEN NULL", id)
		}
	}
	if where.text.Len() == 0 {
		return nil
	}
	// Order matters: MySQL assigns from left to right, so sent_since and refusing look at typed_at before it changes.
	var q clause
	// Who sends anything follows; only Unfollow says otherwise, and deletes the row.
	q.add("UPDATE identities SET seq = seq + 1, following = 1")
	q.column("state", states, "state")
	q.column("sent_since", since, "sent_since")
	q.column("refusing", refusing, "refusing")
	q.column("typed_at", typed, "typed_at")
	q.column("tap_at", tap, "tap_at")
	q.column("unconfirmed_key", mark, "unconfirmed_key")
	q.add(" WHERE ")
	q.join(where)
	r, err := w.tx.ExecContext(ctx, q.text.String(), q.args...)
	if err != nil {
		return fmt.Errorf("writing states: %w", err)
	}
	n, err := r.RowsAffected()
	if err != nil {
		return err
	}
	if n != int64(len(places)) {
		return errLost
	}
	return nil
}

// clause is a piece of SQL with its arguments.
type clause struct {
	text strings.Builder
	args []any
}

func (c *clause) add(text string, args ...any) {
	c.text.WriteString(text)
	c.args = append(c.args, args...)
}

func (c *clause) sep(sep, text string, args ...any) {
	if c.text.Len() > 0 {
		c.text.WriteString(sep)
	}
	c.add(text, args...)
}

func (c *clause) join(o clause) { c.add(o.text.String(), o.args...) }

// column sets a column by the cases, where there are some.
func (c *clause) column(name string, cases clause, otherwise string) {
	if cases.text.Len() == 0 {
		return
	}
	c.add(", " + name + " = CASE id")
	c.join(cases)
	c.add(" ELSE " + otherwise + " END")
}

// turn collects what one turn writes besides its identity's row.
func (w *turnWriter) turn(i int) error {
	t := &w.turns[i]
	key, err := parseKey(t.In.Key)
	if err != nil {
		return err
	}
	reply, err := encodeReply(t.Reply)
	if err != nil {
		return fmt.Errorf("writing a reply: %w", err)
	}
	id := w.ids[i]
	if leaves(t) {
		id = 0 // the message stays answered, and belongs to nobody any more
	}
	seq := int64(1)
	if t.Identity.ID != 0 {
		seq = t.Seq + 1
	}
	tail := ""
	if mistake("a repeat takes effect again") {
		tail = w.s.orIgnore("committed_at")
	}
	w.into("inbox", "message_key identity_id seq reply committed_at", tail, key[:], int64(id), seq, reply, w.now)
	for _, e := range t.Effects {
		if err := w.effect(w.ids[i], t.In.From, e); err != nil {
			return err
		}
	}
	return nil
}

// MarkUnconfirmed notes on the identities of committed messages that their replies have not been
// seen, unless the conversation has gone on since. seq moves too, so that no cached copy hides it,
// and a mark that comes twice finds the conversation gone on.
func (s *Store) MarkUnconfirmed(ctx context.Context, messages []channel.Inbound) error {
	for _, in := range messages {
		key, err := parseKey(in.Key)
		if err != nil {
			return err
		}
		err = s.transact(ctx, s.orm, func(tx *gorm.DB) error { return s.markUnconfirmed(ctx, under(tx), in.From, key) })
		if err != nil {
			return fmt.Errorf("marking an unconfirmed message: %w", plain(err))
		}
	}
	return nil
}

// markUnconfirmed locks the sender's row first: a commit that nobody waits for any more, and that
// the database is still about to finish, holds that row, and only its end says whether there is
// something to mark.
func (s *Store) markUnconfirmed(ctx context.Context, q querier, a channel.Address, key messageKey) error {
	var id, seq, last int64
	err := q.QueryRowContext(ctx, "SELECT id, seq FROM identities WHERE channel = ? AND account = ? AND external_id = ?"+s.forUpdate(),
		a.Channel, a.Account, a.External).Scan(&id, &seq)
	if err == nil {
		err = q.QueryRowContext(ctx, "SELECT seq FROM inbox WHERE message_key = ? AND identity_id = ?", key[:], id).Scan(&last)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return nil // not committed, or its sender has left
	}
	if err != nil || last != seq {
		return err
	}
	_, err = q.ExecContext(ctx, "UPDATE identities SET unconfirmed_key = ?, seq = seq + 1 WHERE id = ?", key[:], id)
	return err
}
