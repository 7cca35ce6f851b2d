package conversation_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/study"
)

// testCertificates draws every character but 㐂.
func testCertificates() conversation.Certificates {
	return conversation.Certificates{
		Terms: study.CertificateTerms{Office: "田埂县委组织部", Targets: testTargets}, CheckURL: "https://learn.example/c/", Pictures: true,
		Page: func(secret string) string { return "https://learn.example/c/f/" + secret },
		Missing: func(texts ...string) []rune {
			if strings.Contains(strings.Join(texts, ""), "㐂") {
				return []rune("㐂")
			}
			return nil
		},
	}
}

// certificateFacts makes what the store would: the hours of the model as rows of a ledger.
func (w *world) certificateFacts(n conversation.Needs, f *conversation.Facts) {
	if n.Certificate == nil || w.identity.Learner == 0 {
		return
	}
	year := n.Certificate.Year
	if year == 0 {
		year = w.now.In(study.Zone).Year()
	}
	var ledger []study.Posting
	if year == w.now.In(study.Zone).Year() {
		for _, k := range study.SourceKinds() {
			if h := w.byKind[k]; h != 0 {
				ledger = append(ledger, study.Posting{LedgerEntry: study.LedgerEntry{Learner: w.identity.Learner, Kind: k, Key: "k", Hours: h, Rule: "r", Day: "2026-12-01"}})
			}
		}
	}
	holder := study.Holder{Learner: w.learner(w.identity.Learner)}
	said := study.StateYear(holder, n.Certificate.Terms, year, study.DayOf(w.now), ledger)
	var others []string
	if n.Certificate.Class {
		said = study.Statement{}
		for _, c := range w.graduated {
			if said.Class != "" || !strings.Contains(study.Fold(c.Name), n.Certificate.ClassName) {
				others = append(others, c.Name)
				continue
			}
			said = study.StateClass(holder, n.Certificate.Terms, c, ledger)
		}
		if said.Class == "" {
			f.Certificate = &conversation.CertificateFacts{Others: others}
			return
		}
	}
	f.Certificate = &conversation.CertificateFacts{Said: said, Others: others, Number: study.NewCertificateNumber(2026, uint64(len(w.certificates)+1)), Secret: fmt.Sprint("geheim", len(w.certificates)+1)}
	for i, c := range w.certificates {
		if c.Learner == said.Learner && c.Key() == said.Key() {
			switch {
			case c.Revoked():
				f.Certificate.Revoked = &w.certificates[i]
			case study.DayOf(c.IssuedAt) == study.DayOf(w.now):
				f.Certificate.Same = &w.certificates[i]
			}
		}
	}
}

// applyCertificate folds an issue and names what must never happen.
func (w *world) applyCertificate(e conversation.IssueCertificate) error {
	if w.identity.Learner != e.Said.Learner || len(w.delegated) > 0 && w.identity.Learner == w.delegated[0] || e.Said.Total() <= 0 {
		return errors.New("a certificate of somebody else, or of nothing")
	}
	for _, c := range w.certificates {
		if c.Key() == e.Said.Key() && (c.Revoked() || study.DayOf(c.IssuedAt) == study.DayOf(w.now)) {
			return errors.New("the same certificate again")
		}
	}
	w.certificates = append(w.certificates, study.Certificate{Number: e.Number, Secret: e.Secret, Statement: e.Said, IssuedAt: w.now})
	return nil
}

// givenCertificate: 撤销证明 reason of the last one; 名字 name of the active learner; 结业 class.
func (w *world) givenCertificate(_ testing.TB, f []string) bool {
	switch f[0] {
	case "撤销证明":
		c := &w.certificates[len(w.certificates)-1]
		c.RevokedAt, c.RevokedWhy = w.now, f[1]
	case "结业": // name of a class, the last one first
		w.graduated = append(w.graduated, study.Cohort{Code: "c-" + f[1], Name: f[1]})
	case "名字":
		w.roster[w.identity.Learner-1].Learner.Name = f[1]
		w.activate(w.identity.Learner)
	default:
		return false
	}
	return true
}

// Without an office, or without an address, there are no certificates, and nobody is sent around in circles.
func TestCertificatesThatAreOff(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*conversation.Certificates){
		"no office": func(c *conversation.Certificates) { c.Terms.Office = "" }, "no page": func(c *conversation.Certificates) { c.Page = nil },
	} {
		w := newWorld(t)
		o := testOptions(t)
		change(&o.Certificates)
		w.engine = conversation.New(o)
		w.given(t, "已绑定 张三 ban-1")
		w.given(t, "有学时 lesson 1")
		reply, err := w.send(inbound(t, "学时证明"))
		if err != nil || !strings.Contains(reply.Text, "没有开通学时证明") || len(w.certificates) > 0 {
			t.Errorf("%s: %s %v", name, reply.Text, err)
		}
	}
}
