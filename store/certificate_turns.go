package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

type certificateWanted struct {
	facts *conversation.Facts
	need  conversation.CertificateNeed
}

// loadCertificates makes what the active learners' certificates would say now, with the number that a new one would get.
func (f *facts) loadCertificates(ctx context.Context) error {
	for _, want := range f.certificates {
		year := want.need.Year
		if year == 0 {
			year = f.now.In(study.Zone).Year()
		}
		w := &issuer{s: f.store, q: f.q, now: f.now, terms: want.need.Terms, scope: people.Everyone()}
		if err := w.read(ctx, "l.id = ?", int64(want.facts.Identity.Learner)); err != nil {
			return err
		}
		if len(w.holders) == 0 {
			continue
		}
		var others []string
		if want.need.Class {
			found, more, err := w.finishedClass(ctx, w.holders[0].Learner.ID, want.need.ClassName)
			if err != nil {
				return err
			}
			if others = more; !found {
				want.facts.Certificate = &conversation.CertificateFacts{Others: others}
				continue
			}
		}
		said, err := w.state(ctx, w.holders[0], year)
		if err != nil {
			return err
		}
		have, err := certificatesSaying(ctx, f.q, said, "")
		if err != nil {
			return err
		}
		to := &conversation.CertificateFacts{Said: said, Others: others, Same: valid(have, study.DayOf(f.now))}
		if list := revoked(have); len(list) > 0 {
			to.Revoked = &list[0]
		}
		to.Number, to.Secret = newNumber(f.now)
		want.facts.Certificate = to
	}
	return nil
}

// classesLooked is how many of a person's classes are looked at for a certificate, those that went on last.
const classesLooked = 10

// finishedClass makes the issuer one for the class that somebody has finished last, of those whose name has a word in it;
// others are the names of the other classes that are finished.
func (w *issuer) finishedClass(ctx context.Context, id people.LearnerID, named string) (found bool, others []string, err error) {
	type place struct {
		code, name string
		done       bool // without sessions that is all there is
	}
	var places []place
	err = each(ctx, w.q, func(rows *sql.Rows) error {
		var p place
		var status study.EnrolmentStatus
		var sessions int
		err := rows.Scan(&p.code, &p.name, &status, &sessions)
		c := study.Cohort{Code: p.code}
		p.done = sessions == 0
		if p.done && status != study.Completed || c.Ordered() || c.Rectifies() {
			return err
		}
		places = append(places, p)
		return err
	}, `SELECT c.code, c.name, e.status, (SELECT COUNT(*) FROM sessions x WHERE x.cohort_id = c.id) FROM enrolments e`+w.s.by("enrolments_learner")+` JOIN cohorts c ON c.id = e.cohort_id
		WHERE e.learner_id = ? AND e.status IN ('active', 'paused', 'completed') ORDER BY e.updated_at DESC, e.id DESC`, int64(id))
	if err != nil {
		return false, nil, err
	}
	chosen := ""
	for i, p := range places {
		if i == classesLooked {
			break
		}
		if !p.done {
			x := &issuer{s: w.s, q: w.q, now: w.now, terms: w.terms, scope: w.scope}
			if err := x.classOf(ctx, p.code); err != nil {
				return false, nil, err
			}
			p.done = x.finished[id]
		}
		switch {
		case !p.done:
		case chosen == "" && (strings.Contains(study.Fold(p.name), named) || study.Fold(p.code) == named):
			chosen = p.code
		default:
			others = append(others, p.name)
		}
	}
	if chosen == "" {
		return false, others, nil
	}
	return true, others, readCohorts(ctx, w.q, func(id int64, c study.Cohort) { w.cohort, w.class = id, c }, "c.code = ?", chosen)
}

// behindLife is how long what is sent behind a reply may wait for its turn.
const behindLife = time.Hour

// certificateActs writes what people were given on their own word, and the pictures that go out behind the replies. A ledger
// that moved on since it was read is errLost: the turn is stepped again and says what is true now.
func (w *turnWriter) certificateActs(ctx context.Context) ([]act, error) {
	var acts []act
	for _, e := range w.certificates {
		now := fromMs(w.now)
		var cohort int64
		if e.Said.Kind == study.CertificateClass {
			if err := w.tx.QueryRowContext(ctx, "SELECT id FROM cohorts WHERE code = ?", e.Said.Class).Scan(&cohort); err != nil {
				return nil, fmt.Errorf("finding the class of a certificate: %w", err)
			}
		}
		postings, err := ledgerOf(ctx, w.tx, e.Said.Learner, e.Said.Year, cohort)
		if err != nil {
			return nil, err
		}
		if study.LedgerDigest(postings) != e.Said.Ledger {
			return nil, errLost
		}
		c := study.Certificate{Number: e.Number, Statement: e.Said, Secret: e.Secret, IssuedAt: now, IssuedBy: byLearner(e.Said.Learner)}
		if err := writeCertificate(ctx, w.tx, c, 0); err != nil {
			return nil, fmt.Errorf("writing a certificate: %w", err)
		}
		acts = append(acts, issueAct(c))
		if e.Picture != nil {
			if err := w.sendPicture(ctx, now, c, *e.Picture); err != nil {
				return nil, fmt.Errorf("writing the picture of a certificate: %w", err)
			}
		}
	}
	return acts, nil
}

// sendPicture sends the picture of a certificate behind the reply.
func (w *turnWriter) sendPicture(ctx context.Context, now time.Time, c study.Certificate, p conversation.Picture) error {
	return w.sendBehind(ctx, now, "certificate/"+string(c.Number), p.Title, bot.Body{Certificate: string(c.Number), Text: p.Text, URL: p.URL}, c.Learner)
}

// sendBehind makes a campaign to one person, of the kind that answers an own act; it goes the way of all campaigns.
func (w *turnWriter) sendBehind(ctx context.Context, now time.Time, key, title string, says bot.Body, to people.LearnerID) error {
	body, err := json.Marshal(says)
	if err != nil {
		return err
	}
	audience, err := json.Marshal(bot.Audience{Learners: []people.LearnerID{to}})
	if err != nil {
		return err
	}
	i := insert{table: "campaigns", columns: strings.Fields("request_key kind status title body audience scope forecast made_by due_at deadline_at created_at")}
	i.add(key, string(delivery.KindReceipt), string(bot.CampaignScheduled), cut(title, 40), string(body), string(audience), everybody, "", byProgram, w.now, toMs(now.Add(behindLife)), w.now)
	if err := i.exec(ctx, w.tx); err != nil {
		return err
	}
	var id bot.CampaignID
	if err := w.tx.QueryRowContext(ctx, "SELECT id FROM campaigns WHERE request_key = ?", key).Scan(&id); err != nil {
		return err
	}
	return writeScope(ctx, w.tx, id, people.Everyone())
}
