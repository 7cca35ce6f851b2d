package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"time"

	"github.com/tiangeng/tiangeng/bot/sim"
	"github.com/tiangeng/tiangeng/configs"
)

type simulateCmd struct {
	Webhook   string `required:"" help:"Address of the bot's webhook; several, comma separated, get the pushes in turn." placeholder:"URL"`
	Listen    string `default:"127.0.0.1:8088" help:"Address of the simulated platform and its phones page."`
	Mode      string `default:"safe" enum:"safe,compat,plain" help:"Message encryption: safe, compat or plain."`
	AppID     string `default:"wx5af0c5d1e0a7b301" help:"AppID of the simulated account."`
	AppSecret string `help:"AppSecret; a random one without it."`
	Token     string `help:"Token of the server configuration; a random one without it."`
	AESKey    string `name:"aes-key" help:"EncodingAESKey, 43 letters and digits; a random one without it."`
	Dir       string `help:"Folder where users, chats and the ledger survive a restart; memory only without it." placeholder:"DIR"`
}

func (c *simulateCmd) run(ctx context.Context, p *program) error {
	c.AppSecret, c.Token, c.AESKey = orElse(c.AppSecret, randomHex(16)), orElse(c.Token, randomHex(12)), orElse(c.AESKey, randomAESKey())
	for address := range strings.SplitSeq(c.Webhook, ",") {
		if u, err := url.Parse(address); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return misuse{fmt.Sprintf("--webhook: %q is not an address like http://127.0.0.1:8080/webhook/wechat", address)}
		}
	}
	log := logger(&configs.Config{Log: configs.Log{Level: "warn", Format: "text"}}, p.stderr)
	platform, err := sim.New(sim.Options{
		AppID: c.AppID, AppSecret: c.AppSecret, Token: c.Token, AESKey: c.AESKey, Webhook: c.Webhook,
		Mode: map[string]sim.Mode{"safe": sim.ModeSafe, "compat": sim.ModeCompat, "plain": sim.ModePlain}[c.Mode],
		Dir:  c.Dir, Logger: log,
		Personas: []sim.Persona{
			{OpenID: "oSIM_a0000000000000000000001", Name: "甲", Note: "测试用户一", Avatar: "甲", Color: "#4a7c59"},
			{OpenID: "oSIM_b0000000000000000000002", Name: "乙", Note: "测试用户二", Avatar: "乙", Color: "#8a5a44"},
		},
	})
	if err != nil {
		return fmt.Errorf("simulator: %w", err)
	}
	server, err := listen(ctx, c.Listen, platform.Handler(), false, log)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "phones page     %s/sim/\nAPI base        %s\nAppID           %s\nAppSecret       %s\nToken           %s\nEncodingAESKey  %s\nmode            %s\nwebhook         %s\n",
		server.url(), server.url(), c.AppID, c.AppSecret, c.Token, c.AESKey, c.Mode, c.Webhook)
	fmt.Fprintln(p.stderr, "Give these values to the bot; stop with Ctrl-C. 把上面的值配置给机器人；按 Ctrl-C 停止。")
	return runPlatform(ctx, p, platform, server)
}

// runPlatform serves a simulator until ctx ends.
func runPlatform(ctx context.Context, p *program, platform *sim.Platform, server *server) error {
	platform.Start(ctx)
	failed := make(chan error, 1)
	go func() { failed <- server.serve() }()
	if p.ready != nil {
		p.ready(addresses{Phones: server.url() + "/sim/"})
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	// Close, not Shutdown: the page's event streams would keep a graceful stop waiting for ever.
	return errors.Join(err, server.http.Close(), platform.Close(limit))
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// randomAESKey makes 43 letters and digits, as the platform's console does.
func randomAESKey() string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	b := make([]byte, 43)
	for i := range b {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(letters))))
		if err != nil {
			panic("the system has no randomness: " + err.Error())
		}
		b[i] = letters[n.Int64()]
	}
	return string(b)
}
