package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/delivery"
	who "github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/store"
	"github.com/tiangeng/tiangeng/store/storetest"
)

// BenchmarkFreeze tells how many people a second are read, planned for and written to a frozen
// audience on MariaDB, half of them with a phone: 350,000 in 15 s are 23,334 a second.
func BenchmarkFreeze(b *testing.B) {
	s, err := store.Open(b.Context(), store.Options{DSN: storetest.MariaDB(b)})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if err := s.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	rows := make([]who.RosterRow, crowdSize)
	for i := range rows {
		unit := who.OrgCode(fmt.Sprintf("530112%03d%03d", 1+i/5000, 201+(i/50)%100))
		rows[i] = who.RosterRow{Unit: unit, Units: []who.OrgUnit{{Code: unit, Name: "村"}}, Name: fmt.Sprint("学员", i), Category: "村干部", Code: "AAAA"}
	}
	if _, err := s.ApplyRoster(b.Context(), instant, "bench", rows, ""); err != nil {
		b.Fatal(err)
	}
	if _, err := s.BindCrowd(b.Context(), instant, "wechat", "default", func(n int) string { return fmt.Sprintf("oC_%025d", n) }); err != nil {
		b.Fatal(err)
	}
	request := delivery.Request{Kind: delivery.KindAnnouncement, Due: instant, Deadline: instant.Add(48 * time.Hour)}
	var reading, writing time.Duration
	for i := 0; b.Loop(); i++ {
		c, _, err := s.CreateCampaign(b.Context(), instant, bot.Campaign{
			Key: fmt.Sprint("bench", i), Kind: delivery.KindAnnouncement, Title: "x", Scope: who.Everyone(), DueAt: instant, Deadline: request.Deadline, By: "bench",
		})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.ActOnCampaign(b.Context(), instant, who.Everyone(), c.ID, bot.ActSubmit, "bench", bot.CampaignScheduled); err != nil {
			b.Fatal(err)
		}
		written := 0
		for after, last := who.LearnerID(0), false; !last; {
			began := time.Now()
			page, err := s.Recipients(b.Context(), instant, c.Scope, c.Audience, after, 2000)
			if err != nil {
				b.Fatal(err)
			}
			reading += time.Since(began)
			planned := make([]bot.PlannedRecipient, len(page))
			for k, r := range page {
				after = r.Learner.ID
				planned[k] = bot.PlannedRecipient{Learner: after, Decision: delivery.Plan(r.Facts, delivery.Account{Window: true}, delivery.Policy{}, request, instant)}
			}
			began = time.Now()
			last = len(page) < 2000
			n, err := s.FreezeRecipients(b.Context(), instant, c.ID, planned, after, last)
			if err != nil {
				b.Fatal(err)
			}
			writing += time.Since(began)
			written += n
		}
		if written != crowdSize {
			b.Fatalf("%d of %d were written", written, crowdSize)
		}
	}
	b.ReportMetric(float64(crowdSize)*float64(b.N)/b.Elapsed().Seconds(), "people/s")
	b.ReportMetric(reading.Seconds()/float64(b.N), "s-reading")
	b.ReportMetric(writing.Seconds()/float64(b.N), "s-writing")
}
