package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/tiangeng/tiangeng/bot/channel/wechat"
	"github.com/tiangeng/tiangeng/bot/conversation"
)

type menuCmd struct {
	configFlag
	DryRun bool `help:"Only print the menu."`
}

// menu is what stands below the chat. Keys are the conversation's.
func menu() wechat.Menu {
	return wechat.Menu{Buttons: []wechat.Button{
		{Name: "今日学习", Type: "click", Key: conversation.KeyToday},
		{Name: "我的学习", Type: "click", Key: conversation.KeyRecord},
		{Name: "更多", Sub: []wechat.Button{
			{Name: "使用帮助", Type: "click", Key: conversation.KeyHelp},
			{Name: "换人学习", Type: "click", Key: conversation.KeySwitch},
			{Name: "暂停推送", Type: "click", Key: conversation.KeyPause},
			{Name: "恢复推送", Type: "click", Key: conversation.KeyResume},
		}},
	}}
}

func (c *menuCmd) run(ctx context.Context, p *program) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if c.DryRun {
		for _, b := range menu().Buttons {
			fmt.Fprintln(p.stdout, b.Name)
			for _, s := range b.Sub {
				fmt.Fprintln(p.stdout, "  "+s.Name)
			}
		}
		return nil
	}
	if missing := cfg.NeedWeChat(); len(missing) > 0 {
		return fmt.Errorf("the configuration is not complete:\n%w", errors.Join(missing...))
	}
	a, err := openApp(ctx, cfg, logger(cfg, p.stderr), appOptions{})
	if err != nil {
		return err
	}
	defer closing(a)
	changed, err := a.client.ApplyMenu(ctx, menu())
	if err != nil {
		return fmt.Errorf("putting the menu into the account: %w", err)
	}
	if changed {
		fmt.Fprintln(p.stdout, "written; phones show it within about five minutes")
	} else {
		fmt.Fprintln(p.stdout, "unchanged")
	}
	return nil
}
