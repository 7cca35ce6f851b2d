package bot

import (
	"context"
	"fmt"
	"time"

	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// byProgram is who makes and releases what the schedule sends.
const byProgram = "schedule"

// remind fires the evening reminder of a class: to those who opened a lesson today and have not
// completed it. Who opens a lesson opens it once, so nobody is reminded of one twice.
func (s *Service) remind(ctx context.Context, c study.Cohort, o study.Occurrence, now time.Time) error {
	push := Push{Kind: delivery.KindReminder, Cohort: c.Code, Day: o.Day, DueAt: o.At, Deadline: o.At.Add(s.o.Policy.Lateness)}
	if !now.Before(push.Deadline) {
		return nil // nobody misses a reminder
	}
	planned, written := 0, 0
	for after := study.EnrolmentID(0); ; {
		page, err := s.o.Store.BegunEnrolments(ctx, now, c.Code, o.Day, after, s.o.FreezePage)
		if err != nil {
			return fmt.Errorf("reading who has begun: %w", err)
		}
		rows, account := make([]PlannedDelivery, 0, len(page)), s.account(ctx, now)
		for _, e := range page {
			after = e.Enrolment.ID
			p, err := s.plan(e, push, account, now)
			if err != nil {
				return err
			}
			// Only those who can be reached get a row: nobody waits for a reminder.
			if p.Decision.Rung != delivery.RungPull {
				rows = append(rows, p)
			}
		}
		n, err := s.o.Store.FirePush(ctx, now, push, rows)
		if err != nil {
			return fmt.Errorf("writing reminders: %w", err)
		}
		planned, written = planned+len(page), written+n
		if len(page) < s.o.FreezePage {
			break
		}
	}
	s.o.Logger.Info("reminders written", "cohort", c.Code, "day", o.Day, "begun", planned, "written", written)
	return nil
}

// digest makes the week's digest of a class: what the week's lessons were, and that they can be
// made up for. It says nothing about anybody else (DESIGN rule 6).
func (s *Service) digest(ctx context.Context, c study.Cohort, o study.Occurrence, now time.Time) error {
	if !now.Before(o.At.Add(campaignLife)) {
		return nil
	}
	stored, _, err := s.DraftCampaign(ctx, Campaign{
		Key: "digest/" + c.Code + "/" + string(o.Day), Kind: delivery.KindDigest,
		Title: s.o.Phrases.Say("push.digest_title"), Body: Body{Text: s.o.Phrases.Say("push.digest_text", fault.A("cohort", c.Name))},
		Audience: Audience{Cohorts: []string{c.Code}}, Scope: people.Everyone(), By: byProgram, DueAt: o.At,
	})
	if err != nil {
		return fmt.Errorf("drafting a digest: %w", err)
	}
	if stored.Status != CampaignDraft {
		return nil
	}
	if _, err := s.o.Store.ActOnCampaign(ctx, now, people.Everyone(), stored.ID, ActSubmit, byProgram, CampaignScheduled); err != nil {
		return fmt.Errorf("scheduling a digest: %w", err)
	}
	return nil
}
