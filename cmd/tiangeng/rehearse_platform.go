package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"time"

	"github.com/tiangeng/tiangeng/bot/sim"
	"github.com/tiangeng/tiangeng/configs"
)

// rehearsePlatformCmd is the platform of a rehearsal: a process of its own, so that its memory and
// its processor time are not the program's. It is told what to be on standard input, says where it
// listens on standard output, and ends with its standard input.
type rehearsePlatformCmd struct{}

// stage is what the platform of a rehearsal is told.
type stage struct {
	AppID     string `json:"appId"`
	AppSecret string `json:"appSecret"`
	Token     string `json:"token"`
	AESKey    string `json:"aesKey"`
	Quota     int    `json:"quota"` // customer-service messages a day
}

const (
	customSend = "/cgi-bin/message/custom/send"
	massSend   = "/cgi-bin/message/mass/send"
)

func (rehearsePlatformCmd) run(ctx context.Context, p *program) error {
	if p.stdin == nil {
		return errors.New("the platform of a rehearsal is started by tiangeng rehearse")
	}
	in := bufio.NewReader(p.stdin)
	line, err := in.ReadBytes('\n')
	var s stage
	if err != nil || json.Unmarshal(line, &s) != nil {
		return errors.New("the platform of a rehearsal is started by tiangeng rehearse")
	}
	log := logger(&configs.Config{Log: configs.Log{Level: "warn", Format: "text"}}, p.stderr)
	platform, err := sim.New(sim.Options{
		AppID: s.AppID, AppSecret: s.AppSecret, Token: s.Token, AESKey: s.AESKey, Webhook: "http://127.0.0.1:1/", // nothing is pushed
		Quotas: map[string]int{customSend: s.Quota}, Lean: true, Logger: log,
	})
	if err != nil {
		return fmt.Errorf("simulator: %w", err)
	}
	server, err := listen(ctx, "127.0.0.1:0", platform.Handler(), false, log)
	if err != nil {
		return err
	}
	fmt.Fprintln(p.stdout, server.url())
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, in) // until whoever started it is gone
		stop()
	}()
	return runPlatform(ctx, p, platform, server)
}

// rehearsalPlatform is such a process.
type rehearsalPlatform struct {
	stage
	url  string
	cmd  *exec.Cmd
	tell io.WriteCloser
	http *http.Client

	database int // number of the database's process, 0 for none on this machine
}

// startPlatform starts the process and waits until it listens.
func startPlatform(ctx context.Context, quota int, stderr io.Writer) (*rehearsalPlatform, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	r := &rehearsalPlatform{
		stage: stage{AppID: "wx5af0c5d1e0a7b3aa", AppSecret: randomHex(16), Token: randomHex(12), AESKey: randomAESKey(), Quota: quota},
		cmd:   exec.CommandContext(ctx, self, "rehearse-platform"), //nolint:gosec // this very program
		http:  &http.Client{Timeout: time.Minute},
	}
	r.cmd.Stderr = stderr
	if r.tell, err = r.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := r.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the platform: %w", err)
	}
	if err := json.NewEncoder(r.tell).Encode(r.stage); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the platform: %w", err), r.Close())
	}
	said, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting the platform: %w", err), r.Close())
	}
	r.url = said[:len(said)-1]
	return r, nil
}

// Close ends the process.
func (r *rehearsalPlatform) Close() error {
	return errors.Join(r.tell.Close(), r.cmd.Wait())
}

// crowd adds followers whose windows are open.
func (r *rehearsalPlatform) crowd(ctx context.Context, name string, count int) error {
	return r.call(ctx, http.MethodPost, "/sim/api/crowd", map[string]any{"name": name, "count": count}, nil)
}

// seen is what a crowd saw: the platform's word on what was delivered.
func (r *rehearsalPlatform) seen(ctx context.Context, name string) (v sim.CrowdView, err error) {
	return v, r.call(ctx, http.MethodGet, "/sim/api/crowd?name="+name, nil, &v)
}

// deliverMass lets the platform deliver the mass sends that it has taken, a minute later by its clock, and waits for it.
func (r *rehearsalPlatform) deliverMass(ctx context.Context, crowd string, people int) error {
	if err := r.call(ctx, http.MethodPost, "/sim/api/clock", map[string]any{"advance": "2m"}, nil); err != nil {
		return err
	}
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for range 300 {
		v, err := r.seen(ctx, crowd)
		if err != nil || v.Reached >= people {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
	return nil // the books will be judged
}

// accessToken is what a client of the platform calls with. It is the same for all of them.
func (r *rehearsalPlatform) accessToken(ctx context.Context) (string, error) {
	var out struct {
		Token string `json:"access_token"`
	}
	err := r.call(ctx, http.MethodPost, "/cgi-bin/stable_token", map[string]any{"grant_type": "client_credential", "appid": r.AppID, "secret": r.AppSecret}, &out)
	if err == nil && out.Token == "" {
		err = errors.New("the platform gave no token")
	}
	return out.Token, err
}

// used is how many calls of an API the platform has counted today, and of how many.
func (r *rehearsalPlatform) used(ctx context.Context, path string) (used, limit int, err error) {
	token, err := r.accessToken(ctx)
	if err != nil {
		return 0, 0, err
	}
	var out struct {
		Quota struct {
			Limit int `json:"daily_limit"`
			Used  int `json:"used"`
		} `json:"quota"`
	}
	err = r.call(ctx, http.MethodPost, "/cgi-bin/openapi/quota/get?access_token="+token, map[string]any{"cgi_path": path}, &out)
	return out.Quota.Used, out.Quota.Limit, err
}

func (r *rehearsalPlatform) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(data)
	}
	q, err := http.NewRequestWithContext(ctx, method, r.url+path, body)
	if err != nil {
		return err
	}
	answer, err := r.http.Do(q)
	if err != nil {
		return errors.New("the platform of the rehearsal does not answer")
	}
	defer func() { _ = answer.Body.Close() }() // read
	data, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("the platform of the rehearsal answered %d", answer.StatusCode)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(data, out)
}
