package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/store"
)

// ledgerCmd looks after the ledger of study hours.
type ledgerCmd struct {
	Verify ledgerVerifyCmd `cmd:"" help:"Count all hours again from what was recorded and compare with the ledger; exit 1 if they differ."`
}

type ledgerVerifyCmd struct {
	configFlag
	Repair bool `help:"Make the ledger say what was counted, by reversals and new entries."`
	JSON   bool `help:"Print JSON, a line for each difference."`
}

// ledgerLine is a difference as it is printed.
type ledgerLine struct {
	Learner people.LearnerID  `json:"learner"`
	Name    string            `json:"name"`
	Unit    string            `json:"unit"`
	Kind    study.SourceKind  `json:"kind"`
	Key     string            `json:"key"`
	Fault   study.LedgerFault `json:"fault"`
	Counted string            `json:"counted"` // hours
	Ledger  string            `json:"ledger"`
}

// repairChunk is how many differences are repaired in one transaction.
const repairChunk = 500

func (c *ledgerVerifyCmd) run(ctx context.Context, p *program) error {
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	w := tabwriter.NewWriter(p.stdout, 0, 4, 2, ' ', 0)
	found, repaired := 0, 0
	var todo []study.Difference
	repair := func() error {
		n, err := a.store.RepairLedger(ctx, a.clock.Now(), actor(), todo)
		repaired += n
		todo = todo[:0]
		return err
	}
	for d, err := range a.store.VerifyLedger(ctx) {
		if err != nil {
			return errors.Join(err, w.Flush())
		}
		if found++; found == 1 && !c.JSON {
			fmt.Fprintln(w, "LEARNER\tNAME\tUNIT\tSOURCE\tFAULT\tCOUNTED\tLEDGER")
		}
		if err := c.print(p, w, d); err != nil {
			return err
		}
		if todo = append(todo, d.Difference); c.Repair && len(todo) >= repairChunk {
			if err := repair(); err != nil {
				return errors.Join(err, w.Flush())
			}
		}
		if !c.Repair {
			todo = todo[:0]
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if c.Repair && found > 0 {
		if err := repair(); err != nil {
			return err
		}
		left := 0
		for _, err := range a.store.VerifyLedger(ctx) {
			if err != nil {
				return err
			}
			left++
		}
		fmt.Fprintf(p.stderr, "%d differences, %d sources repaired, %d differences left\n", found, repaired, left)
		if found = left; found == 0 {
			return nil
		}
	} else {
		fmt.Fprintf(p.stderr, "%d differences\n", found)
	}
	if found > 0 {
		return fmt.Errorf("the ledger differs from the recount in %d sources", found)
	}
	return nil
}

func (c *ledgerVerifyCmd) print(p *program, w *tabwriter.Writer, d store.LedgerDifference) error {
	l := ledgerLine{d.Learner, d.Name, d.UnitName, d.Source.Kind, d.Source.Key, d.Fault, d.Want.Hours.String(), d.Have.String()}
	if c.JSON {
		return printJSON(p, l)
	}
	_, err := fmt.Fprintf(w, "%d\t%s\t%s\t%s %s\t%s\t%s\t%s\n", l.Learner, l.Name, l.Unit, l.Kind, l.Key, l.Fault, l.Counted, l.Ledger)
	return err
}
