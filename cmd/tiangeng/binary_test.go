package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tiangeng/tiangeng/store/storetest"
)

// roles are other programs that this test binary can be: peers of comparisons.
var roles = map[string]func(){}

func TestMain(m *testing.M) {
	if role := os.Getenv("TIANGENG_TEST_ROLE"); role != "" {
		roles[role]()
		os.Exit(0)
	}
	// A program with the race detector waits a second before it ends, for races that others are just running into.
	if os.Getenv("GORACE") == "" {
		_ = os.Setenv("GORACE", "atexit_sleep_ms=50") // a valid name and value
	}
	status := storetest.Main(m)
	removeBinaries()
	os.Exit(status)
}

// binaries are the programs that this test run has built: as it is shipped and, where the tests have it, with the race detector.
var binaries struct {
	mu      sync.Mutex
	dir     string
	shipped built
	raced   built
}

type built struct {
	file string
	err  error
}

// buildBinary builds the program once per test run, with the race detector where the tests have it.
func buildBinary(t testing.TB) string {
	t.Helper()
	if !raceEnabled {
		return buildShipped(t)
	}
	// Without -trimpath: what this test run has compiled need not be compiled again.
	return build(t, &binaries.raced, os.Environ(), "-race")
}

// buildShipped builds the program once per test run as it is shipped, for tests that measure it.
func buildShipped(t testing.TB) string {
	t.Helper()
	return build(t, &binaries.shipped, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS="), "-trimpath")
}

func build(t testing.TB, b *built, env []string, flag string) string {
	t.Helper()
	binaries.mu.Lock()
	defer binaries.mu.Unlock()
	if b.file == "" && b.err == nil {
		*b = compile(env, flag)
	}
	if b.err != nil {
		t.Fatal(b.err)
	}
	return b.file
}

func compile(env []string, flag string) built {
	if binaries.dir == "" {
		dir, err := os.MkdirTemp("", "tiangeng-test-")
		if err != nil {
			return built{err: err}
		}
		binaries.dir = dir
	}
	file := filepath.Join(binaries.dir, "tiangeng"+flag)
	cmd := exec.Command("go", "build", flag, "-ldflags", "-s -w", "-o", file, ".")
	cmd.Env = env
	if out, err := cmd.CombinedOutput(); err != nil {
		return built{err: fmt.Errorf("building the binary: %w\n%s", err, out)}
	}
	return built{file: file}
}

func removeBinaries() {
	if binaries.dir != "" {
		_ = os.RemoveAll(binaries.dir)
	}
}

// process is a running tiangeng.
type process struct {
	cmd    *exec.Cmd
	public string // http://127.0.0.1:port
	admin  string
	took   time.Duration // from the start until it answered
	log    *lockedBuffer
	exited chan error
}

// startBinary starts the program and waits until it says where it listens.
func startBinary(t testing.TB, bin string, env []string, args ...string) *process {
	t.Helper()
	began := time.Now()
	p := &process{cmd: exec.Command(bin, args...), log: &lockedBuffer{}, exited: make(chan error, 1)}
	p.cmd.Env = env
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	serving := make(chan struct{})
	go func() {
		lines := bufio.NewScanner(stderr)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			p.log.WriteString(lines.Text() + "\n")
			var entry struct{ Msg, Listen, Admin string }
			if json.Unmarshal(lines.Bytes(), &entry) == nil && entry.Msg == "serving" {
				p.public, p.admin = entry.Listen, entry.Admin
				close(serving)
			}
		}
		p.exited <- p.cmd.Wait()
	}()
	t.Cleanup(func() {
		p.stop(t)
		if text := p.log.String(); strings.Contains(text, "DATA RACE") {
			t.Errorf("the program has a data race:\n%s", text)
		}
	})
	select {
	case <-serving:
	case err := <-p.exited:
		p.exited <- err
		t.Fatalf("the program ended at once: %v\n%s", err, p.log)
	case <-time.After(30 * time.Second):
		t.Fatalf("the program did not start:\n%s", p.log)
	}
	p.took = time.Since(began)
	return p
}

// stop asks the program to end and checks that it does within 20 s (G1).
func (p *process) stop(t testing.TB) {
	t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_ = p.cmd.Process.Signal(syscall.SIGCONT)
	select {
	case err := <-p.exited:
		p.exited <- err
	case <-time.After(20 * time.Second):
		_ = p.cmd.Process.Kill()
		t.Errorf("the program did not end within 20 s of SIGTERM:\n%s", p.log)
	}
}

// kill ends the program without a chance to finish, as a power cut does.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	err := <-p.exited
	p.exited <- err
}

// runBinary runs a command to its end.
func runBinary(t testing.TB, bin string, env []string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	return runBinaryFor(t, 2*time.Minute, bin, env, args...)
}

// runBinaryFor is runBinary for work that may take longer.
func runBinaryFor(t testing.TB, limit time.Duration, bin string, env []string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, args...)
	cmd.Env = env
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v: %v", args, err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// mustRun runs a command that has to succeed and returns what it printed.
func mustRun(t testing.TB, bin string, env []string, args ...string) string {
	t.Helper()
	out, errs, status := runBinary(t, bin, env, args...)
	if status != 0 {
		t.Fatalf("%v: exit %d\n%s%s", args, status, out, errs)
	}
	return out
}

// get reads a URL.
func get(t testing.TB, url string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// eventually waits for a condition that another process brings about; what names it.
func eventually(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline.C:
			t.Fatalf("waited %s in vain: %s", limit, what)
		case <-tick.C:
		}
	}
}

// lockedBuffer is a log that may be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *lockedBuffer) WriteString(s string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.b.WriteString(s)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
