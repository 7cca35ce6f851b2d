package conversation

import (
	"strings"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/study"
)

const (
	actCertificate      act = "certificate"
	actClassCertificate act = "class certificate"
)

// Certificates is what the engine knows about certificates (学时证明). The zero value gives none.
type Certificates struct {
	Terms study.CertificateTerms
	// Page is the address of a certificate's own page by its secret; nil gives no certificates in the chat.
	Page func(secret string) string
	// CheckURL is where anybody can check a number.
	CheckURL string
	// Missing returns the characters of texts that cannot be drawn, each once; nil draws everything.
	Missing func(texts ...string) []rune
	// Pictures sends the picture itself behind the reply.
	Pictures bool
}

// CertificateNeed asks for what a certificate of the active learner would say.
type CertificateNeed struct {
	Year      int    // 0 is this one
	Class     bool   // of a class that the learner has finished instead
	ClassName string // what its name has in it, folded; "" for the one finished last
	Terms     study.CertificateTerms
}

// CertificateFacts are what a certificate of the active learner would say now.
type CertificateFacts struct {
	Said    study.Statement         // of a class: the zero value where none is meant
	Others  []string                // names of the other classes that the learner has finished
	Same    *study.Certificate      // issued today and says the same
	Revoked *study.Certificate      // said the same and was taken back
	Number  study.CertificateNumber // for a new one
	Secret  string
}

// IssueCertificate issues a certificate to the active learner on the own word. It fails as SubmitCampaign does when the
// ledger says something else by now.
type IssueCertificate struct {
	Number  study.CertificateNumber
	Secret  string
	Said    study.Statement
	Picture *Picture // nil sends none
}

// Picture is the picture of a certificate that goes out behind the reply, and what a notice says in its place where no
// picture can be sent.
type Picture struct{ Title, Text, URL string }

func (IssueCertificate) effect() {}

// certificateWords are what a year may stand before or behind, folded.
var certificateWords = []string{"学时证明", "学习证明", "年度证明", "证明", "证书"}

// cutCertificate reads “学时证明 2025” and “2025年的学时证明”.
func cutCertificate(folded string) (year int, ok bool) {
	for _, w := range certificateWords {
		before, behind, found := strings.Cut(folded, w)
		if !found || before != "" && behind != "" {
			continue
		}
		rest := strings.TrimPrefix(before+behind, "开")
		rest = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(rest, "的"), "年度"), "年")
		if len(rest) != 4 || strings.Trim(rest, "0123456789") != "" {
			return 0, false
		}
		for _, d := range rest {
			year = year*10 + int(d-'0')
		}
		return year, year > 0
	}
	return 0, false
}

// classCertificateWords begin a message that names a class, folded.
var classCertificateWords = []string{"结业证明", "结业证书", "结业证", "班级证明"}

// cutClassCertificate reads “结业证明 春季班” and “春季班的结业证明”.
func cutClassCertificate(folded string) (class string, ok bool) {
	for _, w := range classCertificateWords {
		before, behind, found := strings.Cut(folded, w)
		if !found || before != "" && behind != "" {
			continue
		}
		class = strings.TrimSuffix(strings.TrimPrefix(before+behind, "开"), "的")
		return class, class != ""
	}
	return "", false
}

// classCertificate gives the active learner a certificate of a class that is finished.
func (t *turn) classCertificate() {
	defer t.remind()
	o, f := t.certificates, t.f.Certificate
	if o.Terms.Office == "" || o.Page == nil || f == nil {
		t.say("certificate.off")
		return
	}
	said := f.Said
	switch {
	case t.f.Identity.Delegate:
		t.say("certificate.in_person", fault.A("name", t.f.Identity.Name))
	case said.Class == "" && len(f.Others) > 0:
		t.say("certificate.class_unknown", fault.A("classes", t.quoted(f.Others)))
	case said.Class == "":
		t.say("certificate.class_none", fault.A("name", t.f.Identity.Name))
	case said.Total() <= 0:
		t.say("certificate.class_no_hours", fault.A("name", said.Name), fault.A("class", said.ClassName))
	default:
		t.giveCertificate(*f)
		if len(f.Others) > 0 {
			t.say("certificate.class_others", fault.A("classes", t.quoted(f.Others)))
		}
	}
}

// quoted lists names of classes.
func (t *turn) quoted(names []string) string { return "“" + strings.Join(names, "”“") + "”" }

// certificate gives the active learner a certificate of the own hours, or the one of today that says the same.
func (t *turn) certificate() {
	defer t.remind()
	o, f, this := t.certificates, t.f.Certificate, t.f.Now.In(study.Zone).Year()
	if o.Terms.Office == "" || o.Page == nil || f == nil {
		t.say("certificate.off")
		return
	}
	said := f.Said
	switch {
	case t.f.Identity.Delegate:
		t.say("certificate.in_person", fault.A("name", t.f.Identity.Name))
	case said.Year < 2000 || said.Year > this:
		t.say("certificate.year_bad", fault.A("year", said.Year))
	case said.Total() <= 0:
		key := "certificate.none_yet"
		if said.Year < this {
			key = "certificate.none_past"
		}
		t.say(key, fault.A("name", said.Name), fault.A("year", said.Year))
	default:
		t.giveCertificate(*f)
	}
}

// giveCertificate issues what a certificate says, or shows the one of today that says the same.
func (t *turn) giveCertificate(f CertificateFacts) {
	o, said := t.certificates, f.Said
	switch {
	case f.Same != nil:
		t.showCertificate("certificate.same", *f.Same)
	case f.Revoked != nil:
		t.say("certificate.was_revoked", fault.A("name", said.Name), fault.A("number", f.Revoked.Number), fault.A("reason", f.Revoked.RevokedWhy))
	default:
		e := IssueCertificate{Number: f.Number, Secret: f.Secret, Said: said}
		if o.Pictures && len(t.undrawable(said)) == 0 {
			e.Picture = &Picture{
				Title: t.phrases.Say("certificate.notice_title"), URL: o.Page(f.Secret),
				Text: t.phrases.Say(ofKind("certificate.notice_text", said), fault.A("year", said.Year), fault.A("class", said.ClassName), fault.A("hours", said.Total())),
			}
		}
		t.emit(e)
		t.showCertificate("certificate.issued", study.Certificate{Number: f.Number, Secret: f.Secret, Statement: said})
		if e.Picture != nil {
			t.say("certificate.picture_follows")
		}
	}
}

func (t *turn) undrawable(s study.Statement) []rune {
	if t.certificates.Missing == nil {
		return nil
	}
	return t.certificates.Missing(s.Texts()...)
}

// showCertificate says what a certificate says, and where it is.
func (t *turn) showCertificate(key string, c study.Certificate) {
	t.say(ofKind(key, c.Statement), fault.A("name", c.Name), fault.A("year", c.Year), fault.A("class", c.ClassName), fault.A("days", daysOfChina(c.From, c.To)), fault.A("from", dayOfChina(c.From)), fault.A("to", dayOfChina(c.To)), fault.A("hours", c.Total()), fault.A("number", c.Number))
	if c.Delegate > 0 {
		t.say("certificate.delegate", fault.A("hours", c.Delegate))
	}
	if list := t.undrawable(c.Statement); len(list) > 0 {
		t.say("certificate.undrawable", fault.A("signs", string(list)), fault.A("check", t.certificates.CheckURL))
		return
	}
	t.say("certificate.where", fault.A("page", t.certificates.Page(c.Secret)), fault.A("check", t.certificates.CheckURL))
}

// ofKind is the key of a sentence for what a certificate is about.
func ofKind(key string, s study.Statement) string {
	if s.Kind == study.CertificateClass {
		return key + "_class"
	}
	return key
}

// daysOfChina writes 2026年3月9日, or 2026年3月9日至3月13日.
func daysOfChina(from, to study.Day) string {
	days := from.Year() + "年" + dayOfChina(from)
	switch {
	case from == to:
		return days
	case from.Year() == to.Year():
		return days + "至" + dayOfChina(to)
	}
	return days + "至" + to.Year() + "年" + dayOfChina(to)
}

// dayOfChina writes a day as 3月9日.
func dayOfChina(d study.Day) string {
	if len(d) != len("2006-01-02") {
		return string(d)
	}
	return strings.TrimPrefix(string(d[5:7]), "0") + "月" + strings.TrimPrefix(string(d[8:]), "0") + "日"
}
