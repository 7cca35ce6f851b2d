package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/tiangeng/tiangeng/bot/certificate"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/bot/web"
	"github.com/tiangeng/tiangeng/configs"
)

// openDrawer makes what draws certificates, with the operator's font where there is one.
func openDrawer(c *configs.Config) (*certificate.Drawer, error) {
	base := strings.TrimRight(c.PublicURL, "/")
	o := certificate.Options{CheckURL: func(n study.CertificateNumber) string { return base + web.CheckPath + string(n) }}
	if c.Certificate.Font != "" {
		var err error
		if o.Font, err = os.ReadFile(c.Certificate.Font); err != nil {
			return nil, fmt.Errorf("reading certificate.font: %w", err)
		}
	}
	d, err := certificate.New(o)
	if err != nil {
		return nil, fmt.Errorf("certificate.font: %w", err)
	}
	return d, nil
}

func (a *app) publicURL() string { return strings.TrimRight(a.config.PublicURL, "/") }

// terms are what certificates say besides roster and ledger.
func (a *app) terms() study.CertificateTerms {
	return study.CertificateTerms{Office: a.config.Certificate.Office, Targets: a.subject.targets}
}

// certificates is what the chat knows about them: nothing without a public address, because it answers with one.
func (a *app) certificates() conversation.Certificates {
	base := a.publicURL()
	if base == "" {
		return conversation.Certificates{}
	}
	return conversation.Certificates{
		Terms: a.terms(), CheckURL: base + web.CheckPath, Missing: a.drawer.Missing, Pictures: a.config.WeChat.Window,
		Page: func(secret string) string { return base + web.CertificatePath(secret) },
	}
}

// certificatePicture draws the picture that goes into the chat.
func (a *app) certificatePicture(ctx context.Context, n study.CertificateNumber) ([]byte, error) {
	c, err := a.store.Certificate(ctx, people.Everyone(), n)
	if err != nil {
		return nil, err
	}
	return a.drawer.PNG(ctx, c)
}
