package main

import (
	"context"
	"fmt"
)

type migrateCmd struct {
	configFlag
	Status bool `help:"Only say where the schema is."`
}

func (c *migrateCmd) run(ctx context.Context, p *program) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	s, err := openStore(ctx, cfg, logger(cfg, p.stderr))
	if err != nil {
		return err
	}
	defer closing(s)
	if !c.Status {
		if err := s.Migrate(ctx); err != nil {
			return fmt.Errorf("migrating the database: %w", err)
		}
	}
	status, err := s.MigrationStatus(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "schema %d of %d, %d pending\n", status.Current, status.Latest, status.Pending)
	return nil
}
