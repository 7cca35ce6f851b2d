package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
)

// messageKey is the 32 bytes of channel.Inbound.Key.
type messageKey [32]byte

func parseKey(s string) (messageKey, error) {
	var k messageKey
	if len(s) != 2*len(k) {
		return k, errors.New("a message key is 64 hex digits")
	}
	_, err := hex.Decode(k[:], []byte(s))
	return k, err
}

// LoadTurns reads what the turns of a batch need: nothing when everything is cached and enough,
// else stored replies and identities in two statements, and one or a few for each kind of fact.
// A key that is no key is an error for the whole batch: it cannot come from a receiver.
func (s *Store) LoadTurns(ctx context.Context, now time.Time, requests []bot.LoadRequest, need bot.NeedFunc) ([]bot.Loaded, error) {
	out := make([]bot.Loaded, len(requests))
	l := loading{store: s, q: s.reads, now: now, requests: requests, out: out, unconfirmed: map[int]messageKey{}}
	for _, step := range []func(context.Context) error{l.keys, l.identities, l.marked, l.told} {
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("loading turns: %w", plain(err))
		}
	}
	f := facts{store: s, q: s.reads, now: now}
	for i := range out {
		o := &out[i]
		o.Facts.Now, o.Facts.Identity = now, o.Snapshot.Identity
		if !o.Answered {
			f.want(&o.Facts, need(o.Snapshot.State, requests[i].In))
		}
	}
	if err := f.load(ctx); err != nil {
		return nil, fmt.Errorf("loading facts: %w", plain(err))
	}
	return out, nil
}

// loading is one LoadTurns before the facts.
type loading struct {
	store       *Store
	q           querier
	now         time.Time
	requests    []bot.LoadRequest
	out         []bot.Loaded
	unconfirmed map[int]messageKey // places in requests whose identity has a mark
	news        map[conversation.IdentityID][]int
}

// keys looks up the stored replies. A request with a cached snapshot is not looked up: if its key
// was committed before, the commit finds out by the inbox's primary key.
func (l *loading) keys(ctx context.Context) error {
	places := map[messageKey][]int{}
	var args []any
	for i, r := range l.requests {
		key, err := parseKey(r.In.Key)
		if err != nil {
			return err
		}
		if r.Cached != nil {
			l.out[i].Snapshot = *r.Cached
			continue
		}
		if places[key] == nil {
			args = append(args, key[:])
		}
		places[key] = append(places[key], i)
	}
	return replies(ctx, l.q, args, "", func(key messageKey, reply channel.Message) {
		for _, i := range places[key] {
			l.out[i].Answered, l.out[i].Reply = true, reply
		}
	})
}

// replies reads stored replies by key. suffix may lock.
func replies(ctx context.Context, q querier, keys []any, suffix string, found func(messageKey, channel.Message)) error {
	if len(keys) == 0 {
		return nil
	}
	return each(ctx, q, func(rows *sql.Rows) error {
		var raw, text []byte
		if err := rows.Scan(&raw, &text); err != nil {
			return err
		}
		m, err := decodeReply(text)
		if err != nil {
			return err
		}
		found(messageKey(raw), m)
		return nil
	}, "SELECT message_key, reply FROM inbox WHERE message_key IN "+marks(len(keys))+suffix, keys...)
}

// A silent reply, and one that was deleted with its sender's data, is the empty string.
func encodeReply(m channel.Message) (string, error) {
	if m.Silent() {
		return "", nil
	}
	b, err := json.Marshal(m)
	return string(b), err
}

func decodeReply(text []byte) (m channel.Message, err error) {
	if len(text) > 0 {
		err = json.Unmarshal(text, &m)
	}
	return m, err
}

// identityColumns come with the active learner's name.
const identityColumns = `i.id, i.channel, i.account, i.external_id, i.following, i.notice_version, i.learner_id,
	COALESCE(l.name, ''), i.state, i.seq, i.unconfirmed_key,
	(SELECT COUNT(*) FROM profiles p WHERE p.identity_id = i.id),
	COALESCE((SELECT p.helper_id <> 0 FROM profiles p WHERE p.identity_id = i.id AND p.learner_id = i.learner_id), 0),
	(SELECT COUNT(*) FROM news n WHERE n.identity_id = i.id)
	FROM identities i LEFT JOIN learners l ON l.id = i.learner_id WHERE `

func (l *loading) identities(ctx context.Context) error {
	places := map[channel.Address][]int{}
	var where []string
	var args []any
	for i, r := range l.requests {
		if r.Cached != nil || l.out[i].Answered {
			continue
		}
		if places[r.In.From] == nil {
			where = append(where, "(i.channel = ? AND i.account = ? AND i.external_id = ?)")
			args = append(args, r.In.From.Channel, r.In.From.Account, r.In.From.External)
		}
		places[r.In.From] = append(places[r.In.From], i)
	}
	if len(where) == 0 {
		return nil
	}
	// ORs of whole keys: each is one look into the unique index, on every database.
	return each(ctx, l.q, func(rows *sql.Rows) error {
		var a channel.Address
		var snapshot bot.Snapshot
		var state, mark []byte
		var news int
		d := &snapshot.Identity
		if err := rows.Scan(&d.ID, &a.Channel, &a.Account, &a.External, &d.Following, &d.Notice, &d.Learner, &d.Name, &state, &snapshot.Seq, &mark, &d.People, &d.Delegate, &news); err != nil {
			return err
		}
		if err := json.Unmarshal(state, &snapshot.State); err != nil {
			return fmt.Errorf("reading the state of identity %d: %w", d.ID, err)
		}
		for _, i := range places[a] {
			l.out[i].Snapshot = snapshot
			if len(mark) > 0 {
				l.unconfirmed[i] = messageKey(mark)
			}
			if news > 0 {
				push(&l.news, d.ID, i)
			}
		}
		return nil
	}, "SELECT "+identityColumns+strings.Join(where, " OR "), args...)
}

// marked reads the replies of messages that were recorded although their senders were told that
// they may not be. A mark whose reply is purged already says nothing.
func (l *loading) marked(ctx context.Context) error {
	var args []any
	places := map[messageKey][]int{}
	for i, key := range l.unconfirmed {
		args = append(args, key[:])
		places[key] = append(places[key], i)
	}
	return replies(ctx, l.q, args, "", func(key messageKey, reply channel.Message) {
		for _, i := range places[key] {
			l.out[i].Facts.Unconfirmed = &conversation.Unconfirmed{Key: hex.EncodeToString(key[:]), Reply: reply}
		}
	})
}
