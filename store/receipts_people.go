package store

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strings"
	"time"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/delivery"
)

// receiptLife is how long ago a delivery may have changed last for a receipt that does not name it (reliability
// §5.3: of its first attempt, but one that was tried in vain yesterday may have been sent a minute ago; found by
// the rehearsal); sendLife is how long ago it may have been tried first. clockSkew is how far one replica's clock may be behind another's: a receipt
// never comes before the attempt that it is about. clockGap is how far the clock of a machine that has stood
// still may be behind until it is measured again: what seems to have begun so shortly after the receipt came
// may be what it is about, so nothing else is taken for that (found by the rehearsal).
const (
	receiptLife = 24 * time.Hour
	sendLife    = 7 * 24 * time.Hour
	clockSkew   = 2 * time.Second
	clockGap    = 5 * time.Minute
)

// sent is a delivery that a receipt may be about.
type sent struct {
	id, identity, term int64
	state              delivery.State
	rung               delivery.Rung
	why                delivery.Why
	messageID          string
	first, updated     int64
	owner              string
	attempts           int
	ambiguous          int
	guessed            bool // joined before to a receipt that did not name it

	from   delivery.State // as read
	reason string         // the platform's, when it moves to refused
	named  string         // the message id to write, "" for none
}

const sentColumns = "SELECT id, identity_id, term, state, rung, why, message_id, first_attempt_at, updated_at, owner, attempts, ambiguous FROM deliveries"

// receiptRungs are the rungs whose sends get a receipt for each person.
const receiptRungs = " AND rung IN ('long', 'notice', 'template')"

func (j *joining) deliveries(ctx context.Context, query string, args ...any) ([]*sent, error) {
	var list []*sent
	err := each(ctx, j.q, func(rows *sql.Rows) error {
		d := &sent{}
		err := rows.Scan(&d.id, &d.identity, &d.term, &d.state, &d.rung, &d.why, &d.messageID, &d.first, &d.updated, &d.owner, &d.attempts, &d.ambiguous)
		d.from = d.state
		list = append(list, d)
		return err
	}, query, args...)
	return list, err
}

// joinPeople joins receipts about one person each. Those that name a delivery come first, and success
// before failure, so that the result does not hang on the order in which they arrived.
func (j *joining) joinPeople(ctx context.Context, list []*receipt) error {
	phones, err := j.phones(ctx, list)
	if err != nil || len(phones) == 0 {
		return err
	}
	known := map[int64]*sent{}
	named, err := j.byMessage(ctx, list, known)
	if err != nil {
		return err
	}
	var guess []*receipt
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b *receipt) int { return cmp.Compare(b2i(b.delivered), b2i(a.delivered)) })
	for _, r := range list {
		phone := phones[r.to]
		if phone == 0 {
			continue // has left, or never was here
		}
		if d := only(named[r.messageID], func(d *sent) bool { return d.identity == phone }); d != nil {
			take(r, d)
		} else {
			guess = append(guess, r)
		}
	}
	if len(guess) > 0 {
		recent, err := j.byPhone(ctx, guess, phones, known)
		if err != nil {
			return err
		}
		for _, r := range guess {
			if d := about(r, recent[phones[r.to]]); d != nil {
				take(r, d)
			}
		}
	}
	return j.move(ctx, list, known)
}

// phones finds the addresses' identities.
func (j *joining) phones(ctx context.Context, list []*receipt) (map[channel.Address]int64, error) {
	wanted := map[channel.Address][]any{} // by account; External is left empty
	seen := map[channel.Address]bool{}
	for _, r := range list {
		if !seen[r.to] {
			seen[r.to] = true
			account := channel.Address{Channel: r.to.Channel, Account: r.to.Account}
			wanted[account] = append(wanted[account], r.to.External)
		}
	}
	phones := map[channel.Address]int64{}
	for account, externals := range wanted {
		err := each(ctx, j.q, func(rows *sql.Rows) error {
			var id int64
			a := account
			err := rows.Scan(&id, &a.External)
			phones[a] = id
			return err
		}, "SELECT id, external_id FROM identities"+j.s.by("identities_address")+" WHERE channel = ? AND account = ? AND external_id IN "+marks(len(externals)),
			append([]any{account.Channel, account.Account}, externals...)...)
		if err != nil {
			return nil, err
		}
	}
	return phones, nil
}

// byMessage finds the deliveries that receipts name.
func (j *joining) byMessage(ctx context.Context, list []*receipt, known map[int64]*sent) (map[string][]*sent, error) {
	var ids []any
	named := map[string][]*sent{}
	for _, r := range list {
		if _, there := named[r.messageID]; !there && r.messageID != "" {
			named[r.messageID] = nil
			ids = append(ids, r.messageID)
		}
	}
	if len(ids) == 0 {
		return named, nil
	}
	found, err := j.deliveries(ctx, sentColumns+j.s.by("deliveries_message")+" WHERE message_id IN "+marks(len(ids))+receiptRungs, ids...)
	for _, d := range found {
		known[d.id] = d
		named[d.messageID] = append(named[d.messageID], d)
	}
	return named, err
}

// byPhone finds what was sent lately to the phones of receipts that name no delivery.
func (j *joining) byPhone(ctx context.Context, list []*receipt, phones map[channel.Address]int64, known map[int64]*sent) (map[int64][]*sent, error) {
	oldest := list[0].received
	var ids []any
	recent := map[int64][]*sent{}
	for _, r := range list {
		oldest = min(oldest, r.received)
		if id := phones[r.to]; recent[id] == nil {
			recent[id] = []*sent{}
			ids = append(ids, id)
		}
	}
	found, err := j.deliveries(ctx, sentColumns+j.s.by("deliveries_identity")+" WHERE identity_id IN "+marks(len(ids))+
		" AND state IN ('sending', 'accepted', 'unknown', 'delivered', 'refused', 'pending', 'claimed') AND first_attempt_at > ?"+receiptRungs,
		append(ids, oldest-sendLife.Milliseconds())...)
	if err != nil {
		return nil, err
	}
	for i, d := range found {
		if same := known[d.id]; same != nil {
			found[i] = same // with what its own receipt has made of it
		}
		known[d.id] = found[i]
		recent[d.identity] = append(recent[d.identity], found[i])
	}
	return recent, j.guesses(ctx, found)
}

// guesses marks finished deliveries that a receipt was joined to which did not name them.
func (j *joining) guesses(ctx context.Context, found []*sent) error {
	byID := map[int64]*sent{}
	for _, d := range found {
		if d.state == delivery.Refused || d.state == delivery.Delivered {
			byID[d.id] = d
		}
	}
	if len(byID) == 0 {
		return nil
	}
	ids := make([]any, 0, len(byID))
	for id := range byID {
		ids = append(ids, id)
	}
	return each(ctx, j.q, func(rows *sql.Rows) error {
		var id int64
		err := rows.Scan(&id)
		if d := byID[id]; d != nil {
			d.guessed = true
		}
		return err
	}, "SELECT delivery_id FROM receipts"+j.s.by("receipts_delivery")+" WHERE message_id IN ('', '0') AND delivery_id IN "+marks(len(ids)), ids...)
}

// only returns the one of a list that fits, nil when none or several do.
func only(list []*sent, fits func(*sent) bool) *sent {
	var one *sent
	for _, d := range list {
		if !fits(d) {
			continue
		}
		if one != nil {
			return nil
		}
		one = d
	}
	return one
}

// about finds the delivery that a receipt without a known message id is about: the only one of its
// phone that waits for a receipt (reliability §5.3). When none waits, it is another word about one
// that has had its receipt. Two that it could be about are two too many.
func about(r *receipt, list []*sent) *sent {
	possible := make([]*sent, 0, len(list))
	open := 0
	for _, d := range list {
		early := d.first > r.received+clockGap.Milliseconds()
		late := d.updated <= r.received-receiptLife.Milliseconds()
		other := r.messageID != "" && d.messageID != "" && d.messageID != r.messageID
		if early || late || other || !d.open() && !d.closed() {
			continue
		}
		open += b2i(d.open())
		possible = append(possible, d)
	}
	d := only(possible, (*sent).open)
	if open == 0 {
		if d = only(possible, (*sent).closed); d == nil {
			d = only(possible, func(d *sent) bool { return d.guessed })
		}
	}
	if mistake("any candidate taken") && len(possible) > 0 {
		return possible[0]
	}
	if d != nil && d.first > r.received+clockSkew.Milliseconds() {
		return nil
	}
	return d
}

// open reports whether the delivery waits for a receipt: its call may have been made and nobody knows
// the end.
func (d *sent) open() bool {
	switch d.state {
	case delivery.Sending, delivery.Accepted, delivery.Unknown:
		return true
	case delivery.Pending, delivery.Claimed: // an attempt nobody can tell about, to be repeated
		return d.ambiguous > 0
	}
	return false
}

// closed reports whether the delivery has had its receipt.
func (d *sent) closed() bool {
	return d.state == delivery.Delivered || d.state == delivery.Refused
}

// take joins a receipt to its delivery. Success wins whatever the order (D7). While the send's own
// answer is not written, the receipt waits.
func take(r *receipt, d *sent) {
	switch {
	case !d.closed() && d.state != delivery.Accepted && d.state != delivery.Unknown:
		return
	case r.delivered:
		d.state, d.why, d.reason = delivery.Delivered, delivery.WhyNone, ""
	case d.state != delivery.Delivered, mistake("late failure wins"):
		if d.state != delivery.Refused {
			d.reason = shortWord(r.status)
		}
		d.state, d.why = delivery.Refused, delivery.WhyPlatform
	}
	if r.messageID == "" {
		d.guessed = true
	} else if d.messageID == "" {
		d.messageID, d.named = r.messageID, r.messageID
	}
	r.delivery = d.id
}

// shortWord is a receipt's failure in our word. Source of the platform's: wechat-protocol §2.
func shortWord(status string) string {
	s := strings.ToLower(status)
	switch {
	case strings.Contains(s, "user block"):
		return "user_block"
	case strings.Contains(s, "system failed"):
		return "system_failed"
	case strings.Contains(s, "freq"):
		return "freq_limit"
	}
	return "receipt"
}

// move writes the deliveries that have changed. Receipts of those that changed under our hands, or are
// held by somebody else, wait for the next round.
func (j *joining) move(ctx context.Context, list []*receipt, known map[int64]*sent) error {
	var changed []*sent
	for _, d := range known {
		if d.state != d.from || d.named != "" {
			changed = append(changed, d)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	slices.SortFunc(changed, func(a, b *sent) int { return cmp.Compare(a.id, b.id) })
	still, err := j.lock(ctx, changed)
	if err != nil {
		return err
	}
	gone := map[int64]bool{}
	for _, d := range changed {
		gone[d.id] = !still[d.id]
	}
	for _, r := range list {
		if gone[r.delivery] {
			r.delivery = 0
		}
	}
	changed = slices.DeleteFunc(changed, func(d *sent) bool { return gone[d.id] })
	return j.write(ctx, changed)
}

// lock holds the rows that are as they were read; those that others hold are passed over, so that a
// joiner neither waits for a sender nor lets one wait for long.
func (j *joining) lock(ctx context.Context, list []*sent) (map[int64]bool, error) {
	ids := make([]any, len(list))
	byID := map[int64]*sent{}
	for i, d := range list {
		ids[i] = d.id
		byID[d.id] = d
	}
	still := map[int64]bool{}
	err := each(ctx, j.q, func(rows *sql.Rows) error {
		var id, identity, term int64
		var state delivery.State
		err := rows.Scan(&id, &identity, &term, &state)
		d := byID[id]
		still[id] = err == nil && d.identity == identity && d.term == term && d.from == state
		return err
	}, "SELECT id, identity_id, term, state FROM deliveries WHERE id IN "+marks(len(ids))+j.s.skipLocked(), ids...)
	return still, err
}

// write moves locked rows: a statement for each new state and reason, and their history.
func (j *joining) write(ctx context.Context, list []*sent) error {
	type end struct {
		state  delivery.State
		reason string
	}
	groups := map[end][]*sent{}
	var named []*sent
	var m moves
	for _, d := range list {
		if d.named != "" {
			named = append(named, d)
		}
		if d.state == d.from {
			continue
		}
		to := end{d.state, d.reason}
		groups[to] = append(groups[to], d)
		m.add(move{d.from, d.state, d.why, d.owner, d.term, d.attempts, 0}, d.id)
		if d.state == delivery.Delivered {
			j.joined.Delivered++
		} else {
			j.joined.Refused++
		}
	}
	for to, g := range groups {
		args := []any{string(to.state), string(g[0].why), to.reason, toMs(j.now)}
		for _, d := range g {
			args = append(args, d.id)
		}
		_, err := j.q.ExecContext(ctx, "UPDATE deliveries SET state = ?, why = ?, reason = ?, ambiguous = 0, updated_at = ? WHERE id IN "+marks(len(g)), args...)
		if err != nil {
			return err
		}
	}
	if err := j.name(ctx, named); err != nil {
		return err
	}
	return m.write(ctx, j.q, j.now)
}

// name writes message ids that only the receipt told, so that another one of the same send finds its
// delivery.
func (j *joining) name(ctx context.Context, list []*sent) error {
	if len(list) == 0 {
		return nil
	}
	var q clause
	q.add("UPDATE deliveries SET message_id = CASE id")
	ids := make([]any, len(list))
	for i, d := range list {
		q.add(" WHEN ? THEN ?", d.id, d.named)
		ids[i] = d.id
	}
	q.add(" ELSE message_id END WHERE id IN "+marks(len(ids)), ids...)
	_, err := j.q.ExecContext(ctx, q.text.String(), q.args...)
	return err
}
