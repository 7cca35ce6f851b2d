package store

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
)

// PhoneKeys seal telephone numbers. Each row names the key that it was sealed with, so that old keys
// can go on reading while the first one writes.
type PhoneKeys struct {
	first  string
	keys   map[string]cipher.AEAD
	lookup []byte
}

var phoneKeyID = regexp.MustCompile(`^[0-9a-zA-Z_.-]{1,16}$`)

// NewPhoneKeys reads keys in the form id:key,id:key with 32 bytes in base64 each, and the key of the
// look-up, 32 bytes in base64. The first key seals, all of them open. Nil without keys.
func NewPhoneKeys(keys, lookup string) (*PhoneKeys, error) {
	if keys == "" && lookup == "" {
		return nil, nil //nolint:nilnil // no keys is no error: numbers are refused then
	}
	k := &PhoneKeys{keys: map[string]cipher.AEAD{}}
	for part := range strings.SplitSeq(keys, ",") {
		id, text, ok := strings.Cut(strings.TrimSpace(part), ":")
		if !ok || !phoneKeyID.MatchString(id) {
			return nil, errors.New("roster.phone_keys: each key is id:key; an id has 1 to 16 letters and digits")
		}
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(raw) != 32 {
			return nil, fmt.Errorf("roster.phone_keys: key %s is not 32 bytes in base64 (openssl rand -base64 32)", id)
		}
		if k.keys[id] != nil {
			return nil, fmt.Errorf("roster.phone_keys: key %s is there twice", id)
		}
		block, err := aes.NewCipher(raw)
		if err != nil {
			return nil, fmt.Errorf("roster.phone_keys: %w", err)
		}
		if k.keys[id], err = cipher.NewGCM(block); err != nil {
			return nil, fmt.Errorf("roster.phone_keys: %w", err)
		}
		if k.first == "" {
			k.first = id
		}
	}
	raw, err := base64.StdEncoding.DecodeString(lookup)
	if err != nil || len(raw) != 32 {
		return nil, errors.New("roster.phone_lookup_key: not 32 bytes in base64 (openssl rand -base64 32)")
	}
	k.lookup = raw
	return k, nil
}

// Lookup is the keyed hash by which a number is found; it never changes with the sealing keys.
func (k *PhoneKeys) Lookup(number string) string {
	h := hmac.New(sha256.New, k.lookup)
	h.Write([]byte("phone\x00" + number))
	return hex.EncodeToString(h.Sum(nil))
}

// seal encrypts a number for one person: moved to another's row it cannot be opened.
func (k *PhoneKeys) seal(learner int64, number string) string {
	gcm := k.keys[k.first]
	nonce := make([]byte, gcm.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	return base64.RawStdEncoding.EncodeToString(gcm.Seal(nonce, nonce, []byte(number), strconv.AppendInt(nil, learner, 10)))
}

func (k *PhoneKeys) open(learner int64, id, sealed string) (string, error) {
	if k == nil || k.keys[id] == nil {
		return "", fmt.Errorf("no key %q for telephone numbers", id)
	}
	gcm := k.keys[id]
	raw, err := base64.RawStdEncoding.DecodeString(sealed)
	if err != nil || len(raw) < gcm.NonceSize() {
		return "", errors.New("a sealed telephone number is damaged")
	}
	plain, err := gcm.Open(nil, raw[:gcm.NonceSize()], raw[gcm.NonceSize():], strconv.AppendInt(nil, learner, 10))
	if err != nil {
		return "", fmt.Errorf("opening a telephone number: %w", err)
	}
	return string(plain), nil
}

// TakesPhones reports whether there are keys, so that numbers may be kept.
func (s *Store) TakesPhones() bool { return s.phones != nil }

// hashPhone is nil when no numbers are kept.
func (s *Store) hashPhone() func(string) string {
	if s.phones == nil {
		return nil
	}
	return s.phones.Lookup
}

// FindPhone returns the people of a scope who have that telephone number. That somebody asked is recorded, the number is not.
func (s *Store) FindPhone(ctx context.Context, now time.Time, actor string, scope people.Scope, number string) (list []people.Learner, err error) {
	number, ok := people.FoldPhone(number)
	switch {
	case s.phones == nil:
		return nil, fault.New(fault.Conflict, "roster.phones_off")
	case !ok || number == "":
		return nil, fault.New(fault.Invalid, "roster.phone_bad")
	}
	where, args := scoped(scope)
	err = s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		list = nil
		err := each(ctx, under(tx), func(rows *sql.Rows) error {
			var l people.Learner
			err := rows.Scan(learnerFields(&l)...)
			list = append(list, l)
			return err
		}, "SELECT "+learnerColumns+` FROM learner_phones t JOIN learners l ON l.id = t.learner_id LEFT JOIN org_units u ON u.code = l.unit_code
			WHERE t.lookup = ? AND `+onRoster+" AND "+where+" ORDER BY l.unit_code, l.name, l.id", append([]any{s.phones.Lookup(number)}, args...)...)
		if err != nil {
			return err
		}
		return appendAudit(ctx, s, tx, act{At: now, Actor: actor, Action: "roster.find_phone", Object: "scope " + strings.Join(scope.Prefixes(), " "), Result: "found " + strconv.Itoa(len(list))})
	})
	if err != nil {
		return nil, fmt.Errorf("looking for a telephone number: %w", plain(err))
	}
	return list, nil
}

// RekeyPhones seals with the first key what another key has sealed, also what an undone import would bring back, and
// returns how many numbers that were. Afterwards the other keys may be taken out of the configuration.
func (s *Store) RekeyPhones(ctx context.Context, now time.Time, actor string) (n int, err error) {
	if s.phones == nil {
		return 0, fault.New(fault.Conflict, "roster.phones_off")
	}
	err = s.transact(ctx, s.bulkORM, func(tx *gorm.DB) error {
		q := under(tx)
		n = 0
		for _, table := range []resealed{
			{"learner_phones", "0", "learner_id", "key_id", "sealed", "lookup"},
			{"roster_changes", "import_id", "learner_id", "phone_key", "phone_sealed", "phone_lookup"},
		} {
			some, err := s.reseal(ctx, q, table)
			if n += some; err != nil {
				return err
			}
		}
		if n == 0 {
			return nil
		}
		return appendAudit(ctx, s, tx, act{At: now, Actor: actor, Action: "roster.rekey", Object: "key " + s.phones.first, Result: fmt.Sprintf("%d numbers", n)})
	})
	if err != nil {
		return 0, fmt.Errorf("sealing telephone numbers anew: %w", err)
	}
	return n, nil
}

// resealed is a table with sealed numbers, and its columns.
type resealed struct{ table, version, learner, key, sealed, lookup string }

// reseal goes through a table page by page: those of the first key are no longer among those to do.
func (s *Store) reseal(ctx context.Context, q querier, t resealed) (n int, err error) {
	type row struct {
		version, learner int64
		key, sealed      string
	}
	for {
		var page []row
		err := each(ctx, q, func(rows *sql.Rows) error {
			var r row
			err := rows.Scan(&r.version, &r.learner, &r.key, &r.sealed)
			page = append(page, r)
			return err
		}, fmt.Sprintf("SELECT %s, %s, %s, %s FROM %s WHERE %s <> ? AND %s <> '' ORDER BY 1, 2 LIMIT ?", t.version, t.learner, t.key, t.sealed, t.table, t.key, t.sealed)+s.forUpdate(), s.phones.first, chunk)
		if err != nil || len(page) == 0 {
			return n, err
		}
		for _, r := range page {
			number, err := s.phones.open(r.learner, r.key, r.sealed)
			if err != nil {
				return n, err
			}
			where, args := t.learner+" = ?", []any{s.phones.first, s.phones.seal(r.learner, number), r.learner}
			if r.version != 0 {
				where, args = where+" AND "+t.version+" = ?", append(args, r.version)
			}
			if _, err := q.ExecContext(ctx, fmt.Sprintf("UPDATE %s SET %s = ?, %s = ? WHERE %s", t.table, t.key, t.sealed, where), args...); err != nil {
				return n, err
			}
		}
		n += len(page)
	}
}

func (s *Store) phoneRows() *insert {
	return &insert{table: "learner_phones", columns: []string{"learner_id", "key_id", "sealed", "lookup", "updated_at"}, tail: s.upsert("learner_id", "key_id", "sealed", "lookup", "updated_at")}
}
