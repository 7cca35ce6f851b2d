package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// CertificateOrder asks for certificates (学时证明): of people for a year, or for a class.
type CertificateOrder struct {
	Terms    study.CertificateTerms
	Learners []people.LearnerID // none with Class: everybody in it who has finished
	Year     int                // 0 with Class
	Class    string             // code; "" for a year
	Again    bool               // also where one that says the same was revoked
}

// CertificateRefusal is somebody of an order who got none, and why.
type CertificateRefusal struct {
	Learner people.LearnerID `json:"learner"`
	Name    string           `json:"name"`
	Why     *fault.Error     `json:"-"`
}

// IssuedCertificates is what came of an order.
type IssuedCertificates struct {
	Certificates []study.Certificate  // new ones and those that said the same today already
	New          int                  // of them
	Refused      []CertificateRefusal // of a whole class
}

// maxOrder is how many people one order may name.
const maxOrder = 2000

// IssueCertificates issues to people of a scope. An order that names people is all or nothing: whoever cannot get one is
// the error. Again on the same day with an unchanged ledger it returns those that are there.
func (s *Store) IssueCertificates(ctx context.Context, now time.Time, actor string, scope people.Scope, o CertificateOrder) (IssuedCertificates, error) {
	today := study.DayOf(now)
	if err := o.problem(today); err != nil {
		return IssuedCertificates{}, err
	}
	var out IssuedCertificates
	var err error
	for range tries {
		// Another transaction may have issued the same a moment ago: then it is there now.
		if out, err = s.issueOrdered(ctx, now, actor, scope, o); classify(err) != troubleDuplicate {
			break
		}
	}
	if err != nil {
		return IssuedCertificates{}, told("issuing certificates", plain(err))
	}
	return out, nil
}

func (s *Store) issueOrdered(ctx context.Context, now time.Time, actor string, scope people.Scope, o CertificateOrder) (out IssuedCertificates, err error) {
	err = s.transact(ctx, s.bulkORM, func(tx *gorm.DB) error {
		out = IssuedCertificates{Certificates: []study.Certificate{}, Refused: []CertificateRefusal{}}
		w := &issuer{s: s, q: under(tx), now: now, terms: o.Terms, scope: scope}
		if err := w.subject(ctx, o); err != nil {
			return err
		}
		var acts []act
		for _, h := range w.holders {
			c, fresh, err := w.issue(ctx, h, actor, o)
			var no *fault.Error
			switch {
			case errors.As(err, &no) && len(o.Learners) == 0:
				out.Refused = append(out.Refused, CertificateRefusal{h.Learner.ID, h.Learner.Name, no})
				continue
			case err != nil:
				return err
			}
			out.Certificates = append(out.Certificates, c)
			if fresh {
				out.New++
				acts = append(acts, issueAct(c))
			}
		}
		for _, a := range acts {
			if err := appendAudit(ctx, s, tx, a); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// issueAct is the audit of a certificate: with the digests, so that a row that was tampered with can be told.
func issueAct(c study.Certificate) act {
	return act{At: c.IssuedAt, Actor: c.IssuedBy, Action: "certificate.issue", Object: c.Number.String(), Result: fmt.Sprintf(
		"learner %d, %s hours, said %s", c.Learner, c.Total(), c.Key())}
}

func (o CertificateOrder) problem(today study.Day) error {
	this, _ := strconv.Atoi(string(today[:4]))
	switch {
	case o.Terms.Office == "":
		return fault.New(fault.Unavailable, "certificate.no_office")
	case o.Class == "" && (o.Year < 2000 || o.Year > this):
		return fault.New(fault.Invalid, "certificate.year_bad", fault.A("year", o.Year))
	case o.Class == "" && len(o.Learners) == 0, len(o.Learners) > maxOrder:
		return fault.New(fault.Invalid, "certificate.nobody", fault.A("limit", maxOrder))
	}
	return nil
}

// issuer makes statements and certificates in one transaction, or on a read.
type issuer struct {
	s     *Store
	q     querier
	now   time.Time
	terms study.CertificateTerms
	scope people.Scope

	holders  []study.Holder
	cohort   int64
	class    study.Cohort
	finished map[people.LearnerID]bool // of a class
}

// subject finds whom an order is about, in the order of unit, name and number.
func (w *issuer) subject(ctx context.Context, o CertificateOrder) error {
	if o.Class != "" {
		if err := w.classOf(ctx, o.Class); err != nil {
			return err
		}
	}
	if len(o.Learners) > 0 {
		return w.named(ctx, o.Learners)
	}
	return w.read(ctx, "EXISTS (SELECT 1 FROM enrolments e WHERE e.learner_id = l.id AND e.cohort_id = ?)", w.cohort)
}

func (w *issuer) named(ctx context.Context, ids []people.LearnerID) error {
	err := chunks(ids, func(part []people.LearnerID) error { return w.read(ctx, "l.id IN "+marks(len(part)), anys(part)...) })
	if err != nil {
		return err
	}
	found := map[people.LearnerID]bool{}
	for _, h := range w.holders {
		found[h.Learner.ID] = true
	}
	for _, id := range ids {
		if !found[id] {
			return fault.New(fault.NotFound, "follow.no_learner", fault.A("id", int64(id)))
		}
	}
	return nil
}

// read appends people of the scope that a condition names.
func (w *issuer) read(ctx context.Context, condition string, args ...any) error {
	where, seen := scoped(w.scope)
	return each(ctx, w.q, func(rows *sql.Rows) error {
		var h study.Holder
		err := rows.Scan(append(learnerFields(&h.Learner), &h.County)...)
		w.holders = append(w.holders, h)
		return err
	}, "SELECT "+learnerColumns+", "+countyName+" FROM learners l LEFT JOIN org_units u ON u.code = l.unit_code WHERE "+where+" AND "+condition+
		" ORDER BY l.unit_code, l.name, l.id", append(seen, args...)...)
}

// countyName is the name of the county that a learner l lives in, or of what is next above in the tree.
const countyName = `COALESCE((SELECT MAX(c.full_name) FROM org_units c WHERE c.full_name <> '' AND c.code = CONCAT(SUBSTR(l.unit_code, 1, 6), '000000') AND SUBSTR(l.unit_code, 5, 2) <> '00'),
	(SELECT MAX(c.full_name) FROM org_units c WHERE c.full_name <> '' AND c.code = CONCAT(SUBSTR(l.unit_code, 1, 4), '00000000') AND SUBSTR(l.unit_code, 3, 2) <> '00'),
	(SELECT MAX(c.name) FROM org_units c WHERE c.code = CONCAT(SUBSTR(l.unit_code, 1, 2), '0000000000')), '')`

// classOf reads a class and who has finished it.
func (w *issuer) classOf(ctx context.Context, code string) error {
	err := readCohorts(ctx, w.q, func(id int64, c study.Cohort) { w.cohort, w.class = id, c }, "c.code = ?", code)
	if err == nil && w.cohort == 0 {
		err = fault.New(fault.NotFound, "push.no_cohort", fault.A("cohort", code))
	}
	if err != nil {
		return err
	}
	w.finished = map[people.LearnerID]bool{}
	learnt := map[people.LearnerID]bool{}
	ids, err := numbers(ctx, w.q, "SELECT learner_id FROM enrolments WHERE cohort_id = ? AND status IN ('active', 'paused', 'completed') AND (status = 'completed' OR ? = 0)", w.cohort, len(w.class.Courses))
	if err != nil {
		return err
	}
	for _, id := range ids {
		learnt[people.LearnerID(id)] = true
	}
	roll, err := w.s.classRoll(ctx, w.q, w.scope, code)
	if err != nil {
		return err
	}
	for _, l := range roll.Lines {
		met := len(roll.Sessions) == 0 && len(w.class.Courses) > 0 || roll.Finished(l)
		w.finished[l.Learner.ID] = met && learnt[l.Learner.ID]
	}
	return nil
}

// state makes the statement about somebody now.
func (w *issuer) state(ctx context.Context, h study.Holder, year int) (study.Statement, error) {
	postings, err := ledgerOf(ctx, w.q, h.Learner.ID, year, w.cohort)
	if err != nil {
		return study.Statement{}, err
	}
	if w.cohort != 0 {
		return study.StateClass(h, w.terms, w.class, postings), nil
	}
	return study.StateYear(h, w.terms, year, study.DayOf(w.now), postings), nil
}

// ledgerOf reads somebody's rows of the ledger of a year, or of the place in a class.
func ledgerOf(ctx context.Context, q querier, id people.LearnerID, year int, cohort int64) ([]study.Posting, error) {
	const order = " ORDER BY source_kind, source_key, part"
	if cohort != 0 {
		return readPostings(ctx, q, "learner_id = ? AND enrolment_id IN (SELECT e.id FROM enrolments e WHERE e.cohort_id = ? AND e.learner_id = ?)"+order, int64(id), cohort, int64(id))
	}
	first, last := study.YearDays(year)
	return readPostings(ctx, q, "learner_id = ? AND day >= ? AND day <= ?"+order, int64(id), string(first), string(last))
}

// issue issues to one person, or finds what says the same today.
func (w *issuer) issue(ctx context.Context, h study.Holder, actor string, o CertificateOrder) (study.Certificate, bool, error) {
	if w.cohort != 0 && !w.finished[h.Learner.ID] {
		return study.Certificate{}, false, fault.New(fault.Conflict, "certificate.not_finished", fault.A("name", h.Learner.Name))
	}
	said, err := w.state(ctx, h, o.Year)
	if err != nil {
		return study.Certificate{}, false, err
	}
	if said.Total() <= 0 {
		return study.Certificate{}, false, fault.New(fault.Conflict, "certificate.no_hours", fault.A("name", h.Learner.Name))
	}
	have, err := certificatesSaying(ctx, w.q, said, w.s.forUpdate())
	if err != nil {
		return study.Certificate{}, false, err
	}
	if c := valid(have, study.DayOf(w.now)); c != nil {
		return *c, false, nil
	}
	again := revoked(have)
	if len(again) > 0 && !o.Again {
		return study.Certificate{}, false, fault.New(fault.Conflict, "certificate.was_revoked", fault.A("name", h.Learner.Name), fault.A("number", again[0].Number), fault.A("reason", again[0].RevokedWhy))
	}
	c := study.Certificate{Statement: said, IssuedAt: w.now, IssuedBy: actor}
	c.Number, c.Secret = newNumber(w.now)
	return c, true, writeCertificate(ctx, w.q, c, len(again))
}

func valid(list []study.Certificate, today study.Day) *study.Certificate {
	for i := range list {
		if !list[i].Revoked() && study.DayOf(list[i].IssuedAt) == today {
			return &list[i]
		}
	}
	return nil
}

func revoked(list []study.Certificate) []study.Certificate {
	return slices.DeleteFunc(slices.Clone(list), func(c study.Certificate) bool { return !c.Revoked() })
}

// newNumber makes a number that is in nobody's reach, and the secret of the picture.
func newNumber(now time.Time) (study.CertificateNumber, string) {
	var b [26]byte
	_, _ = rand.Read(b[:]) // it never fails
	return study.NewCertificateNumber(now.In(study.Zone).Year(), binary.BigEndian.Uint64(b[:8])),
		strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[8:]))
}

// subjectOf is what the column subject has.
func subjectOf(s study.Statement) string {
	if s.Kind == study.CertificateClass {
		return s.Class
	}
	return strconv.Itoa(s.Year)
}

func writeCertificate(ctx context.Context, q querier, c study.Certificate, again int) error {
	said, err := json.Marshal(c.Statement)
	if err != nil {
		return err
	}
	i := insert{table: "certificates", columns: strings.Fields("code secret learner_id kind subject said said_key again issued_day issued_at issued_by")}
	i.add(string(c.Number), c.Secret, int64(c.Learner), string(c.Kind), subjectOf(c.Statement), string(said), c.Key(), again, string(study.DayOf(c.IssuedAt)), toMs(c.IssuedAt), cut(c.IssuedBy, 120))
	return i.exec(ctx, q)
}

const certificateColumns = "k.code, k.secret, k.said, k.issued_at, k.issued_by, k.revoked_at, k.revoked_by, k.revoked_why"

func readCertificates(ctx context.Context, q querier, where string, args ...any) ([]study.Certificate, error) {
	list := []study.Certificate{}
	return list, each(ctx, q, func(rows *sql.Rows) error {
		var c study.Certificate
		var said []byte
		var issued, taken int64
		err := rows.Scan(&c.Number, &c.Secret, &said, &issued, &c.IssuedBy, &taken, &c.RevokedBy, &c.RevokedWhy)
		if err == nil {
			err = json.Unmarshal(said, &c.Statement)
		}
		c.IssuedAt, c.RevokedAt = fromMs(issued), fromMs(taken)
		list = append(list, c)
		return err
	}, "SELECT "+certificateColumns+" FROM certificates k "+where, args...)
}

// certificatesSaying are those that say the same, newest first.
func certificatesSaying(ctx context.Context, q querier, s study.Statement, lock string) ([]study.Certificate, error) {
	return readCertificates(ctx, q, "WHERE k.learner_id = ? AND k.said_key = ? ORDER BY k.id DESC"+lock, int64(s.Learner), s.Key())
}

// CertificateQuery asks for certificates that were issued.
type CertificateQuery struct {
	Scope   people.Scope
	Learner people.LearnerID // 0 for all
	Year    int              // of year certificates; 0 for all
	Class   string           // "" for all
	Number  study.CertificateNumber
	Revoked bool // revoked ones too
	Limit   int  // 0: 1,000
}

// Certificates lists certificates of people of a scope, newest first.
func (s *Store) Certificates(ctx context.Context, c CertificateQuery) ([]study.Certificate, error) {
	where, args := scoped(c.Scope)
	add := func(condition string, on bool, values ...any) {
		if on {
			where += " AND " + condition
			args = append(args, values...)
		}
	}
	add("k.learner_id = ?", c.Learner != 0, int64(c.Learner))
	add("k.kind = 'year' AND k.subject = ?", c.Year != 0, strconv.Itoa(c.Year))
	add("k.kind = 'class' AND k.subject = ?", c.Class != "", c.Class)
	add("k.code = ?", c.Number != "", string(c.Number))
	add("k.revoked_at = 0", !c.Revoked)
	if c.Limit <= 0 {
		c.Limit = 1000
	}
	list, err := readCertificates(ctx, s.reads, "JOIN learners l ON l.id = k.learner_id WHERE "+where+" ORDER BY k.id DESC LIMIT ?", append(args, c.Limit)...)
	if err != nil {
		return nil, fmt.Errorf("reading certificates: %w", plain(err))
	}
	return list, nil
}

// Certificate returns one of somebody in a scope; fault.NotFound else.
func (s *Store) Certificate(ctx context.Context, scope people.Scope, n study.CertificateNumber) (study.Certificate, error) {
	list, err := s.Certificates(ctx, CertificateQuery{Scope: scope, Number: n, Revoked: true})
	if err == nil && len(list) == 0 {
		err = noCertificate(n)
	}
	if err != nil {
		return study.Certificate{}, err
	}
	return list[0], nil
}

func noCertificate(n study.CertificateNumber) error {
	return fault.New(fault.NotFound, "certificate.none", fault.A("number", n))
}

// CertificateBySecret returns the one whose picture has that address; fault.NotFound when there is none.
func (s *Store) CertificateBySecret(ctx context.Context, secret string) (study.Certificate, error) {
	if secret == "" {
		return study.Certificate{}, noCertificate("")
	}
	list, err := readCertificates(ctx, s.reads, "WHERE k.secret = ?", secret)
	if err != nil {
		return study.Certificate{}, fmt.Errorf("reading a certificate: %w", plain(err))
	}
	if len(list) == 0 {
		return study.Certificate{}, noCertificate("")
	}
	return list[0], nil
}

// CheckCertificate tells anybody what a number stands for, and how the ledger is to it now; fault.NotFound when nothing
// was issued under it.
func (s *Store) CheckCertificate(ctx context.Context, n study.CertificateNumber) (study.CertificateCheck, error) {
	list, err := readCertificates(ctx, s.reads, "WHERE k.code = ?", string(n))
	if err == nil && len(list) == 0 {
		return study.CertificateCheck{}, noCertificate(n)
	}
	var postings []study.Posting
	if err == nil {
		postings, err = ledgerUntil(ctx, s.reads, list[0].Statement)
	}
	if err != nil {
		return study.CertificateCheck{}, fmt.Errorf("checking a certificate: %w", plain(err))
	}
	return list[0].Check(postings), nil
}

// ledgerUntil reads the rows of the ledger that a statement is about, as they are now: of a year up to its last day.
func ledgerUntil(ctx context.Context, q querier, s study.Statement) ([]study.Posting, error) {
	var cohort int64
	if s.Kind == study.CertificateClass {
		if err := q.QueryRowContext(ctx, "SELECT COALESCE(MAX(id), 0) FROM cohorts WHERE code = ?", s.Class).Scan(&cohort); err != nil {
			return nil, err
		}
		return readPostings(ctx, q, "learner_id = ? AND enrolment_id IN (SELECT e.id FROM enrolments e WHERE e.cohort_id = ? AND e.learner_id = ?)", int64(s.Learner), cohort, int64(s.Learner))
	}
	return readPostings(ctx, q, "learner_id = ? AND day >= ? AND day <= ?", int64(s.Learner), string(s.From), string(s.To))
}

// RevokeCertificate takes one of somebody in a scope back (撤销), with the reason, which the person is told with the next
// reply. Again it changes nothing.
func (s *Store) RevokeCertificate(ctx context.Context, now time.Time, actor string, scope people.Scope, n study.CertificateNumber, why string) (study.Certificate, error) {
	if why = strings.TrimSpace(why); why == "" || len([]rune(why)) > 200 {
		return study.Certificate{}, fault.New(fault.Invalid, "class.reason_bad", fault.A("limit", 200))
	}
	var out study.Certificate
	err := s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		q := under(tx)
		where, args := scoped(scope)
		list, err := readCertificates(ctx, q, "JOIN learners l ON l.id = k.learner_id WHERE k.code = ? AND "+where+s.forUpdate(), append([]any{string(n)}, args...)...)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return noCertificate(n)
		}
		if out = list[0]; out.Revoked() {
			return nil
		}
		out.RevokedAt, out.RevokedBy, out.RevokedWhy = now, cut(actor, 120), why
		if _, err := q.ExecContext(ctx, "UPDATE certificates SET revoked_at = ?, revoked_by = ?, revoked_why = ? WHERE code = ?", toMs(now), out.RevokedBy, why, string(n)); err != nil {
			return err
		}
		if err := s.tellPeople(ctx, q, now, []int64{int64(out.Learner)}, people.NewsCertificateRevoked, n.String()+"（"+why+"）"); err != nil {
			return err
		}
		return appendAudit(ctx, s, tx, act{At: now, Actor: actor, Action: "certificate.revoke", Object: n.String(), Result: why})
	})
	if err != nil {
		return study.Certificate{}, told("revoking a certificate", err)
	}
	return out, nil
}
