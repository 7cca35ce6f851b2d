package web

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/store"
)

// CertificateStore is what certificates need of the store.
type CertificateStore interface {
	IssueCertificates(ctx context.Context, now time.Time, actor string, scope people.Scope, o store.CertificateOrder) (store.IssuedCertificates, error)
	Certificates(ctx context.Context, q store.CertificateQuery) ([]study.Certificate, error)
	Certificate(ctx context.Context, scope people.Scope, n study.CertificateNumber) (study.Certificate, error)
	RevokeCertificate(ctx context.Context, now time.Time, actor string, scope people.Scope, n study.CertificateNumber, why string) (study.Certificate, error)
}

// Certifying is what the API needs to issue certificates (学时证明).
type Certifying struct {
	Store     CertificateStore
	Terms     study.CertificateTerms
	Draw      CertificateDrawer
	PublicURL string
}

func certificateRoutes() []route {
	const one = "/api/v1/certificates/{number}"
	return []route{
		{http.MethodPost, "/api/v1/certificates", roleKey, (*api).issueCertificates},
		{http.MethodGet, "/api/v1/certificates", roleKey, (*api).listCertificates},
		{http.MethodGet, one, roleKey, (*api).showCertificate},
		{http.MethodGet, one + "/file", roleKey, (*api).certificateFile},
		{http.MethodPost, one + "/revoke", roleKey, (*api).revokeCertificate},
	}
}

type certificateRequest struct {
	Learners []people.LearnerID `json:"learners"`
	Year     int                `json:"year"`
	Class    string             `json:"class"`
	Again    bool               `json:"again"`
}

type certificateAnswer struct {
	Number     string                `json:"number"`
	Kind       study.CertificateKind `json:"kind"`
	Learner    people.LearnerID      `json:"learner"`
	Name       string                `json:"name"`
	Unit       people.OrgCode        `json:"unit"`
	UnitName   string                `json:"unitName"`
	Category   string                `json:"category"`
	Year       int                   `json:"year,omitempty"`
	Class      string                `json:"class,omitempty"`
	ClassName  string                `json:"className,omitempty"`
	From       study.Day             `json:"from"`
	To         study.Day             `json:"to"`
	Hours      string                `json:"hours"`
	Lessons    string                `json:"lessons"`
	Tests      string                `json:"tests"`
	Sessions   string                `json:"sessions"`
	Records    string                `json:"records"`
	Delegate   string                `json:"delegate"`
	Rules      []string              `json:"rules"`
	Ledger     string                `json:"ledger"`
	Office     string                `json:"office"`
	IssuedAt   time.Time             `json:"issuedAt"`
	IssuedBy   string                `json:"issuedBy"`
	RevokedAt  *time.Time            `json:"revokedAt"`
	RevokedBy  string                `json:"revokedBy"`
	RevokedWhy string                `json:"revokedWhy"`
	Page       string                `json:"page"`
	Check      string                `json:"check"`
}

type certificateRefusal struct {
	Learner people.LearnerID `json:"learner"`
	Name    string           `json:"name"`
	Why     string           `json:"why"`
}

type certificatesIssued struct {
	Certificates []certificateAnswer  `json:"certificates"`
	New          int                  `json:"new"`
	Refused      []certificateRefusal `json:"refused"`
}

type certificateList struct {
	Certificates []certificateAnswer `json:"certificates"`
}

func (a *api) certificateOf(c study.Certificate) certificateAnswer {
	out := certificateAnswer{
		Number: c.Number.String(), Kind: c.Kind, Learner: c.Learner, Name: c.Name, Unit: c.Unit, UnitName: c.UnitName, Category: c.Category, Year: c.Year, Class: c.Class, ClassName: c.ClassName,
		From: c.From, To: c.To, Hours: c.Total().String(), Delegate: c.Delegate.String(), Rules: c.Rules, Ledger: c.Ledger, Office: c.Office, IssuedAt: c.IssuedAt.In(study.Zone), IssuedBy: c.IssuedBy,
		Lessons: c.Hours[study.SourceLesson].String(), Tests: c.Hours[study.SourceTest].String(), Sessions: c.Hours[study.SourceSession].String(), Records: c.Hours[study.SourceRecord].String(),
		RevokedBy: c.RevokedBy, RevokedWhy: c.RevokedWhy, Page: a.o.Certifying.PublicURL + CertificatePath(c.Secret), Check: a.o.Certifying.PublicURL + CheckPath + string(c.Number),
	}
	if c.Revoked() {
		at := c.RevokedAt.In(study.Zone)
		out.RevokedAt = &at
	}
	return out
}

func (a *api) issueCertificates(w http.ResponseWriter, r *request) error {
	var in certificateRequest
	if err := r.read(&in); err != nil {
		return err
	}
	now := a.o.Now()
	if in.Class == "" && in.Year == 0 {
		in.Year = now.In(study.Zone).Year()
	}
	got, err := a.o.Certifying.Store.IssueCertificates(r.Context(), now, r.actor(), r.holder.Scope, store.CertificateOrder{
		Terms: a.o.Certifying.Terms, Learners: in.Learners, Year: in.Year, Class: in.Class, Again: in.Again,
	})
	if err != nil {
		return err
	}
	out := certificatesIssued{Certificates: []certificateAnswer{}, New: got.New, Refused: []certificateRefusal{}}
	for _, c := range got.Certificates {
		out.Certificates = append(out.Certificates, a.certificateOf(c))
	}
	for _, x := range got.Refused {
		out.Refused = append(out.Refused, certificateRefusal{x.Learner, x.Name, a.o.Phrases.Fault(x.Why)})
	}
	status := http.StatusOK
	if got.New > 0 {
		status = http.StatusCreated
	}
	answer(w, status, out)
	return nil
}

func (a *api) listCertificates(w http.ResponseWriter, r *request) error {
	q := r.URL.Query()
	scope, err := narrowed(r.holder.Scope, q.Get("unit"))
	if err != nil {
		return err
	}
	ask := store.CertificateQuery{Scope: scope, Class: q.Get("class"), Revoked: q.Get("revoked") == "true"}
	for name, to := range map[string]func(int){"learner": func(n int) { ask.Learner = people.LearnerID(n) }, "year": func(n int) { ask.Year = n }} {
		if s := q.Get(name); s != "" {
			n, err := strconv.Atoi(s)
			if err != nil || n <= 0 {
				return fault.New(fault.Invalid, "announce.api_body_bad", fault.A("problem", name+" must be a number"))
			}
			to(n)
		}
	}
	list, err := a.o.Certifying.Store.Certificates(r.Context(), ask)
	if err != nil {
		return err
	}
	out := certificateList{Certificates: []certificateAnswer{}}
	for _, c := range list {
		out.Certificates = append(out.Certificates, a.certificateOf(c))
	}
	answer(w, http.StatusOK, out)
	return nil
}

// certificateNumber reads the number of the path.
func (r *request) certificateNumber() (study.CertificateNumber, error) {
	n, ok := study.ParseCertificateNumber(r.PathValue("number"))
	if !ok {
		return "", fault.New(fault.NotFound, "certificate.none", fault.A("number", cutRunes(r.PathValue("number"), 40)))
	}
	return n, nil
}

func (a *api) certificate(r *request) (study.Certificate, error) {
	n, err := r.certificateNumber()
	if err != nil {
		return study.Certificate{}, err
	}
	return a.o.Certifying.Store.Certificate(r.Context(), r.holder.Scope, n)
}

func (a *api) showCertificate(w http.ResponseWriter, r *request) error {
	c, err := a.certificate(r)
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, a.certificateOf(c))
	return nil
}

func (a *api) certificateFile(w http.ResponseWriter, r *request) error {
	format := r.URL.Query().Get("format")
	kind := map[string]string{"": "application/pdf", "pdf": "application/pdf", "png": "image/png"}[format]
	if kind == "" {
		return fault.New(fault.Invalid, "report.format_unknown", fault.A("format", format))
	}
	c, err := a.certificate(r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), drawingTime)
	defer cancel()
	data, err := draw(ctx, a.o.Certifying.Draw, kind, c)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", `attachment; filename="`+string(c.Number)+map[string]string{"image/png": ".png", "application/pdf": ".pdf"}[kind]+`"`)
	_, _ = w.Write(data) // the reader left: nothing to do
	return nil
}

func (a *api) revokeCertificate(w http.ResponseWriter, r *request) error {
	n, err := r.certificateNumber()
	if err != nil {
		return err
	}
	var in reasonRequest
	if err := r.read(&in); err != nil {
		return err
	}
	c, err := a.o.Certifying.Store.RevokeCertificate(r.Context(), a.o.Now(), r.actor(), r.holder.Scope, n, in.Reason)
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, a.certificateOf(c))
	return nil
}
