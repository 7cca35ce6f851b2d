package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/fault"
)

// onceLife is how long a link works: it is opened in the chat where it was asked for.
const onceLife = 30 * time.Minute

// onceWanted is a phone that asks how to allow one message of a template: few do, each by a word.
type onceWanted struct {
	to       *conversation.Facts
	template string
}

func (f *facts) loadOnce(ctx context.Context) (err error) {
	for _, w := range f.once {
		if w.to.Once, err = f.onceOf(ctx, w.to.Identity.ID, w.template); err != nil {
			return err
		}
	}
	return nil
}

// onceOf makes what a link of a phone may say: a random secret, and the scene that is free. nil when
// everything that can be allowed is.
func (f *facts) onceOf(ctx context.Context, phone conversation.IdentityID, template string) (*conversation.OnceOffer, error) {
	taken := map[int]bool{}
	err := each(ctx, f.q, func(rows *sql.Rows) error {
		var scene int
		err := rows.Scan(&scene)
		taken[scene] = true
		return err
	}, "SELECT scene FROM grants WHERE identity_id = ? AND template = ? AND left_count > 0", int64(phone), template)
	if err != nil {
		return nil, err
	}
	for scene := 1; scene <= conversation.OnceScenes; scene++ {
		if !taken[scene] {
			secret := make([]byte, 16)
			_, _ = rand.Read(secret) // never fails
			return &conversation.OnceOffer{Secret: hex.EncodeToString(secret), Scene: scene}, nil
		}
	}
	return nil, nil //nolint:nilnil // everything is allowed already
}

// onceKey is what the database keeps of a link.
func onceKey(secret string) []byte {
	sum := sha256.Sum256([]byte("once/" + secret))
	return sum[:]
}

// errOnceOver is the one answer to a link that is none, is too old or was used.
func errOnceOver() error { return fault.New(fault.NotFound, "notice.once_over") }

// OnceLink tells what a link that works still allows.
func (s *Store) OnceLink(ctx context.Context, now time.Time, secret string) (template string, scene int, err error) {
	err = s.reads.QueryRowContext(ctx, "SELECT template, scene FROM once_links WHERE link_hash = ? AND used_at = 0 AND made_at > ?",
		onceKey(secret), toMs(now.Add(-onceLife))).Scan(&template, &scene)
	if errors.Is(err, sql.ErrNoRows) {
		return "", 0, errOnceOver()
	}
	if err != nil {
		return "", 0, fmt.Errorf("reading a link: %w", plain(err))
	}
	return template, scene, nil
}

// UseOnceLink takes what the platform sends a person back with. The link must be of that person, that
// template and that scene, and works once, whatever was decided. A link that is none is refused, and
// nothing is written.
func (s *Store) UseOnceLink(ctx context.Context, now time.Time, r bot.OnceReturn) error {
	err := s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		q := under(tx)
		var from channel.Address
		var template string
		var scene int
		err := q.QueryRowContext(ctx, `SELECT i.channel, i.account, i.external_id, o.template, o.scene FROM once_links o JOIN identities i ON i.id = o.identity_id
			WHERE o.link_hash = ? AND o.used_at = 0 AND o.made_at > ?`+s.forUpdate(), onceKey(r.Secret), toMs(now.Add(-onceLife))).
			Scan(&from.Channel, &from.Account, &from.External, &template, &scene)
		if errors.Is(err, sql.ErrNoRows) {
			return errOnceOver()
		}
		if err != nil {
			return err
		}
		if subtle.ConstantTimeCompare([]byte(from.External), []byte(r.External)) != 1 || template != r.Template || scene != r.Scene {
			return errOnceOver()
		}
		if _, err := q.ExecContext(ctx, "UPDATE once_links SET used_at = ? WHERE link_hash = ?", toMs(now), onceKey(r.Secret)); err != nil || !r.Allowed {
			return err
		}
		a := applying{s: s, q: q, now: toMs(now)}
		return a.apply(ctx, []bot.GrantEvent{{Key: "once/" + hex.EncodeToString(onceKey(r.Secret)), From: from, At: now, Grant: channel.Grant{Template: template, Accepted: true}, Scene: scene}})
	})
	if err != nil {
		return told("taking a one-time grant", err)
	}
	return nil
}
