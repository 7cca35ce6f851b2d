package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
)

type serveCmd struct {
	configFlag
}

func (c *serveCmd) run(ctx context.Context, p *program) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if missing := cfg.NeedWeChat(); len(missing) > 0 {
		return fmt.Errorf("the configuration is not complete:\n%w", errors.Join(missing...))
	}
	// The service holds little and makes much short-lived garbage: collecting a third as often costs
	// some 20 MB and saves a tenth of the processor. GOGC still wins where somebody sets it.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	a, err := openApp(ctx, cfg, logger(cfg, p.stderr), appOptions{})
	if err != nil {
		return err
	}
	return errors.Join(a.run(ctx, p.ready, false), a.Close())
}
