package main

import (
	"archive/zip"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/bot/web"
	"github.com/tiangeng/tiangeng/store"
)

// certificateCmd are certificates of study hours (学时证明).
type certificateCmd struct {
	Issue  certificateIssueCmd  `cmd:"" help:"Issue certificates to people for a year, or to a class that is finished. Again on the same day changes nothing."`
	List   certificateListCmd   `cmd:"" help:"List certificates, newest first."`
	Show   certificateShowCmd   `cmd:"" help:"Show one, and how the ledger stands to it now."`
	Revoke certificateRevokeCmd `cmd:"" help:"Revoke one, with the reason (撤销)."`
	Export certificateExportCmd `cmd:"" help:"Write certificates as one PDF to print, or as a zip of PDFs and pictures."`
}

type certificateIssueCmd struct {
	configFlag
	Learner []int64 `help:"Number of a person; more than once for several. All of a class that have finished it, without." placeholder:"ID"`
	Year    int     `help:"Year; this one without it."`
	Class   string  `help:"Code of a class, in place of a year." placeholder:"CODE"`
	Again   bool    `help:"Also where a certificate that says the same was revoked."`
	JSON    bool    `help:"Print JSON, a line each."`
}

func (c *certificateIssueCmd) run(ctx context.Context, p *program) error {
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	o := store.CertificateOrder{Terms: a.terms(), Year: c.Year, Class: c.Class, Again: c.Again}
	if o.Class == "" && o.Year == 0 {
		o.Year = a.clock.Now().In(study.Zone).Year()
	}
	for _, id := range c.Learner {
		o.Learners = append(o.Learners, people.LearnerID(id))
	}
	got, err := a.store.IssueCertificates(ctx, a.clock.Now(), actor(), people.Everyone(), o)
	if err != nil {
		return err
	}
	for _, x := range got.Refused {
		fmt.Fprintln(p.stderr, a.subject.phrases.Fault(x.Why))
	}
	fmt.Fprintf(p.stderr, "%d new, %d there already, %d refused\n", got.New, len(got.Certificates)-got.New, len(got.Refused))
	return printCertificates(p, a, got.Certificates, c.JSON)
}

// certificateLine is a certificate with its addresses.
type certificateLine struct {
	study.Certificate
	Page  string `json:"page"`
	Check string `json:"check"`
}

func printCertificates(p *program, a *app, list []study.Certificate, asJSON bool) error {
	if asJSON {
		for _, c := range list {
			if err := printJSON(p, lineOf(a, c)); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(p.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "NUMBER\tISSUED\tLEARNER\tNAME\tUNIT\tABOUT\tHOURS\tREVOKED")
	for _, c := range list {
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\n", c.Number, c.IssuedAt.In(study.Zone).Format("2006-01-02 15:04"), c.Learner, c.Name, c.UnitName, about(c), c.Total(), c.RevokedWhy)
	}
	return w.Flush()
}

func lineOf(a *app, c study.Certificate) certificateLine {
	return certificateLine{c, a.publicURL() + web.CertificatePath(c.Secret), a.publicURL() + web.CheckPath + string(c.Number)}
}

func about(c study.Certificate) string {
	if c.Kind == study.CertificateClass {
		return c.ClassName
	}
	return fmt.Sprint(c.Year)
}

// certificateFilter narrows a list.
type certificateFilter struct {
	Unit    string `help:"Only people of this unit and what lies inside it." placeholder:"CODE"`
	Learner int64  `help:"Only this person's." placeholder:"ID"`
	Year    int    `help:"Only those of this year."`
	Class   string `help:"Only those of this class." placeholder:"CODE"`
}

func (f certificateFilter) query() (store.CertificateQuery, error) {
	scope, err := unitScope(f.Unit)
	return store.CertificateQuery{Scope: scope, Learner: people.LearnerID(f.Learner), Year: f.Year, Class: f.Class}, err
}

type certificateListCmd struct {
	configFlag
	certificateFilter
	Revoked bool `help:"Revoked ones as well."`
	Limit   int  `default:"1000" help:"How many at most."`
	JSON    bool `help:"Print JSON, a line each."`
}

func (c *certificateListCmd) run(ctx context.Context, p *program) error {
	q, err := c.query()
	if err != nil {
		return err
	}
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	q.Revoked, q.Limit = c.Revoked, c.Limit
	list, err := a.store.Certificates(ctx, q)
	if err != nil {
		return err
	}
	return printCertificates(p, a, list, c.JSON)
}

// certificateArg is the number of one.
type certificateArg struct {
	Number string `arg:"" help:"Number of the certificate."`
}

func (c certificateArg) number() (study.CertificateNumber, error) {
	n, ok := study.ParseCertificateNumber(c.Number)
	if !ok {
		return "", fault.New(fault.NotFound, "certificate.none", fault.A("number", c.Number))
	}
	return n, nil
}

type certificateShowCmd struct {
	configFlag
	certificateArg
	JSON bool `help:"Print JSON."`
}

func (c *certificateShowCmd) run(ctx context.Context, p *program) error {
	n, err := c.number()
	if err != nil {
		return err
	}
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	one, err := a.store.Certificate(ctx, people.Everyone(), n)
	if err != nil {
		return err
	}
	check, err := a.store.CheckCertificate(ctx, n)
	if err != nil {
		return err
	}
	line := lineOf(a, one)
	if c.JSON {
		return printJSON(p, struct {
			certificateLine
			Now      study.LedgerNow `json:"ledgerNow"`
			HoursNow string          `json:"hoursNow"`
		}{line, check.Now, check.HoursNow.String()})
	}
	w := tabwriter.NewWriter(p.stdout, 0, 4, 2, ' ', 0)
	row := func(name string, v any) { fmt.Fprintf(w, "%s\t%v\n", name, v) }
	row("number", one.Number)
	row("name", fmt.Sprintf("%s (%d)", one.Name, one.Learner))
	row("unit", one.UnitName)
	row("about", about(one))
	row("days", string(one.From)+" to "+string(one.To))
	row("hours", one.Total())
	row("of them by others", one.Delegate)
	row("ledger", fmt.Sprintf("%s, %d rows", one.Ledger, one.Postings))
	row("ledger now", fmt.Sprintf("%s: %s hours", check.Now, check.HoursNow))
	row("issued", one.IssuedAt.In(study.Zone).Format(time.DateTime)+" by "+one.IssuedBy)
	if one.Revoked() {
		row("revoked", one.RevokedAt.In(study.Zone).Format(time.DateTime)+" by "+one.RevokedBy+": "+one.RevokedWhy)
	}
	row("page", line.Page)
	row("check", line.Check)
	return w.Flush()
}

type certificateRevokeCmd struct {
	configFlag
	certificateArg
	Reason string `required:"" help:"Why; the person is told."`
}

func (c *certificateRevokeCmd) run(ctx context.Context, p *program) error {
	n, err := c.number()
	if err != nil {
		return err
	}
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	one, err := a.store.RevokeCertificate(ctx, a.clock.Now(), actor(), people.Everyone(), n, c.Reason)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "%s revoked: %s\n", one.Number, one.RevokedWhy)
	return nil
}

type certificateExportCmd struct {
	configFlag
	certificateFilter
	Number []string `arg:"" optional:"" help:"Numbers of certificates; those of the filter without."`
	Format string   `default:"pdf" enum:"pdf,zip,png" help:"pdf: all in one file, a page each; zip: a PDF and a picture each; png: one picture."`
	Output string   `short:"o" required:"" help:"File to write, - for standard output." placeholder:"FILE"`
}

func (c *certificateExportCmd) run(ctx context.Context, p *program) error {
	q, err := c.query()
	if err != nil {
		return err
	}
	if len(c.Number) == 0 && c.Class == "" && c.Year == 0 && c.Learner == 0 {
		return misuse{"tiangeng: say which certificates: numbers, --class, --year or --learner"}
	}
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	var list []study.Certificate
	for _, text := range c.Number {
		n, err := certificateArg{text}.number()
		if err != nil {
			return err
		}
		one, err := a.store.Certificate(ctx, people.Everyone(), n)
		if err != nil {
			return err
		}
		list = append(list, one)
	}
	if len(c.Number) == 0 {
		if list, err = a.store.Certificates(ctx, q); err != nil {
			return err
		}
		list = newest(list)
	}
	drawn, left := drawable(p, a, list)
	if len(drawn) > 0 {
		if err := writeOut(p, c.Output, func(w io.Writer) error { return c.write(ctx, a, w, drawn) }); err != nil {
			return err
		}
	}
	fmt.Fprintf(p.stderr, "%d certificates, %d left out\n", len(drawn), left)
	switch {
	case left > 0:
		return fmt.Errorf("%d certificates have characters that no font has: see certificate.font", left)
	case len(drawn) == 0:
		return errors.New("there are no such certificates")
	}
	return nil
}

// newest keeps the last certificate of each person about each thing, in the order of units and names.
func newest(list []study.Certificate) []study.Certificate {
	type key struct {
		learner people.LearnerID
		about   string
	}
	seen := map[key]bool{}
	var out []study.Certificate
	for _, c := range list {
		k := key{c.Learner, string(c.Kind) + about(c)}
		if !seen[k] {
			out = append(out, c)
		}
		seen[k] = true
	}
	slices.SortStableFunc(out, func(a, b study.Certificate) int {
		return cmp.Or(cmp.Compare(a.Unit, b.Unit), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Learner, b.Learner))
	})
	return out
}

// drawable leaves out what no font can draw, and says so: an office must know whom it has to write by hand.
func drawable(p *program, a *app, list []study.Certificate) (drawn []study.Certificate, left int) {
	for _, c := range list {
		if signs := a.drawer.Missing(c.Texts()...); len(signs) > 0 {
			fmt.Fprintf(p.stderr, "%s %s: no font has %s\n", c.Number, c.Name, strings.Join(strings.Split(string(signs), ""), " "))
			left++
			continue
		}
		drawn = append(drawn, c)
	}
	return drawn, left
}

func (c *certificateExportCmd) write(ctx context.Context, a *app, w io.Writer, list []study.Certificate) error {
	switch c.Format {
	case "zip":
		return zipCertificates(ctx, a, w, list)
	case "png":
		if len(list) != 1 {
			return misuse{"tiangeng: a picture holds one certificate; use pdf or zip for several"}
		}
		data, err := a.drawer.PNG(ctx, list[0])
		if err == nil {
			_, err = w.Write(data)
		}
		return err
	}
	data, err := a.drawer.PDF(ctx, list)
	if err == nil {
		_, err = w.Write(data)
	}
	return err
}

func zipCertificates(ctx context.Context, a *app, w io.Writer, list []study.Certificate) error {
	z := zip.NewWriter(w)
	for _, c := range list {
		name := c.Name + "-" + string(c.Number)
		pdf, err := a.drawer.PDF(ctx, []study.Certificate{c})
		if err != nil {
			return err
		}
		png, err := a.drawer.PNG(ctx, c)
		if err != nil {
			return err
		}
		for _, f := range []struct {
			name string
			data []byte
		}{{name + ".pdf", pdf}, {name + ".png", png}} {
			// The pictures are compressed already, and the time is the certificate's: the same export is the same file.
			to, err := z.CreateHeader(&zip.FileHeader{Name: f.name, Method: zip.Store, Modified: c.IssuedAt.In(study.Zone)})
			if err == nil {
				_, err = to.Write(f.data)
			}
			if err != nil {
				return fmt.Errorf("writing the zip: %w", err)
			}
		}
	}
	return z.Close()
}
