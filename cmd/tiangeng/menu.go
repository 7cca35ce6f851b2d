package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel/wechat"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/people"
)

type menuCmd struct {
	configFlag
	DryRun bool `help:"Only print the menu."`
}

// menu is what stands below the chat. Keys are the conversation's.
func menu() wechat.Menu {
	return wechat.Menu{Buttons: []wechat.Button{
		{Name: "今日学习", Type: "click", Key: conversation.KeyToday},
		{Name: "我的学习", Sub: []wechat.Button{
			{Name: "学习记录", Type: "click", Key: conversation.KeyRecord},
			{Name: "培训菜单", Type: "click", Key: conversation.KeyCourses},
			{Name: "我的点单", Type: "click", Key: conversation.KeyOrders},
		}},
		{Name: "更多", Sub: []wechat.Button{
			{Name: "扫码签到", Type: "scancode_waitmsg", Key: conversation.KeySignIn},
			{Name: "我的通知", Type: "click", Key: conversation.KeyNotices},
			{Name: "使用帮助", Type: "click", Key: conversation.KeyHelp},
			{Name: "换人学习", Type: "click", Key: conversation.KeySwitch},
			{Name: "改推送时间", Type: "click", Key: conversation.KeyHour},
		}},
	}}
}

// trainersTag is the tag of the account that trainers' phones get; their menu goes by it.
const trainersTag = "教员"

// trainerMenu is what trainers see instead.
func trainerMenu() wechat.Menu {
	return wechat.Menu{Buttons: []wechat.Button{
		{Name: "今日学习", Type: "click", Key: conversation.KeyToday},
		{Name: "发通知", Sub: []wechat.Button{
			{Name: "发通知", Type: "click", Key: conversation.KeyAnnounce},
			{Name: "通知结果", Type: "click", Key: conversation.KeyResult},
			{Name: "放行", Type: "click", Key: conversation.KeyRelease},
			{Name: "紧急通知", Type: "click", Key: conversation.KeyUrgent},
			{Name: "谁要帮助", Type: "click", Key: conversation.KeyNeedHelp},
		}},
		{Name: "更多", Sub: []wechat.Button{
			{Name: "我的学习", Type: "click", Key: conversation.KeyRecord},
			{Name: "使用帮助", Type: "click", Key: conversation.KeyHelp},
			{Name: "换人学习", Type: "click", Key: conversation.KeySwitch},
			{Name: "改推送时间", Type: "click", Key: conversation.KeyHour},
			{Name: "培训菜单", Type: "click", Key: conversation.KeyCourses},
		}},
	}}
}

func (c *menuCmd) run(ctx context.Context, p *program) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if c.DryRun {
		for _, b := range append(menu().Buttons, trainerMenu().Buttons...) {
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
	changed, trainers, err := a.applyMenus(ctx)
	if err != nil {
		return err
	}
	if changed {
		fmt.Fprintf(p.stdout, "written, for %d trainers' phones another one; phones show it within about five minutes\n", trainers)
	} else {
		fmt.Fprintln(p.stdout, "unchanged")
	}
	return nil
}

// applyMenus puts both menus into the account and says whether that changed anything, and how many
// phones have the trainers' one.
func (a *app) applyMenus(ctx context.Context) (changed bool, trainers int, err error) {
	usual, err := a.client.ApplyMenu(ctx, menu())
	if err != nil {
		return false, 0, fmt.Errorf("putting the menu into the account: %w", err)
	}
	phones, err := a.trainersPhones(ctx)
	if err != nil {
		return usual, 0, err
	}
	group, err := a.client.ApplyGroupMenu(ctx, wechat.GroupMenu{Tag: trainersTag, Members: phones, Menu: trainerMenu()})
	if err != nil {
		return usual, 0, fmt.Errorf("putting the trainers' menu into the account: %w", err)
	}
	return usual || group, len(phones), nil
}

// trainersPhones lists the platform's ids of the trainers who follow.
func (a *app) trainersPhones(ctx context.Context) ([]string, error) {
	trainers, err := a.store.Trainers(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the trainers: %w", err)
	}
	ids := make([]people.LearnerID, len(trainers))
	for i, t := range trainers {
		ids[i] = t.Learner
	}
	if len(ids) == 0 {
		return nil, nil
	}
	list, err := a.store.Recipients(ctx, a.clock.Now(), people.Everyone(), bot.Audience{Learners: ids}, 0, len(ids))
	if err != nil {
		return nil, fmt.Errorf("reading the trainers' phones: %w", err)
	}
	var phones []string
	for _, r := range list {
		if r.Facts.Following && r.To.Account == account {
			phones = append(phones, r.To.External)
		}
	}
	return phones, nil
}
