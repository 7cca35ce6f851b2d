// Package storetest starts throw-away servers for tests and holds the contract suite that every
// database must pass. A missing server fails a test, it never skips one. Production code must not
// import it.
package storetest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// startLimit is how long a server may take to answer; CI machines are slow at times.
const startLimit = 60 * time.Second

// Server is one throw-away server process.
type Server struct {
	tb   testing.TB
	name string
	args []string
	port int
	ping func(ctx context.Context) error

	mu  sync.Mutex
	cmd *exec.Cmd
	out bytes.Buffer
}

// freePort asks the system for a port that nobody uses now.
func freePort(tb testing.TB) int {
	tb.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = l.Close() }() // it was only to learn the port
	return l.Addr().(*net.TCPAddr).Port
}

// program finds a program of a package, or fails with what installs it.
func program(tb testing.TB, pkg string, names ...string) string {
	tb.Helper()
	for _, n := range names {
		if p, err := exec.LookPath(n); err == nil {
			return p
		}
		for _, dir := range []string{"/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"} {
			if _, err := os.Stat(filepath.Join(dir, n)); err == nil {
				return filepath.Join(dir, n)
			}
		}
	}
	tb.Fatalf("%s is not installed: `make test` installs it, or: apt-get install %s", names[0], pkg)
	return ""
}

// Start starts the server and waits until it answers.
func (s *Server) Start() {
	s.tb.Helper()
	s.mu.Lock()
	cmd := exec.Command(s.name, s.args...)
	cmd.Stdout, cmd.Stderr = &s.out, &s.out
	// The server must not outlive a test process that is killed.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err := cmd.Start()
	s.cmd = cmd
	s.mu.Unlock()
	if err != nil {
		s.tb.Fatalf("starting %s: %v", filepath.Base(s.name), err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if s.ping(ctx) == nil {
			return
		}
		select {
		case <-ctx.Done():
			s.Kill()
			s.tb.Fatalf("%s did not answer within %s:\n%s", filepath.Base(s.name), startLimit, s.out.String())
		case <-tick.C:
		}
	}
}

// Kill ends the server at once, as a crash does.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

// Stop lets the server shut down.
func (s *Server) Stop() { s.end(syscall.SIGTERM) }

func (s *Server) end(sig syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGCONT) // a paused server cannot shut down
	_ = s.cmd.Process.Signal(sig)
	_ = s.cmd.Wait() // ended by a signal: that is the error
	s.cmd = nil
}

// Pause freezes the server; Resume lets it go on.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume lets a paused server go on.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd != nil {
		_ = s.cmd.Process.Signal(sig)
	}
}

// Port is where the server listens on 127.0.0.1; it stays over restarts.
func (s *Server) Port() int { return s.port }

// StartMariaDB starts a MariaDB of its own for tests that kill and pause it. It is durable as in
// production: every commit is flushed.
func StartMariaDB(tb testing.TB) *Server {
	tb.Helper()
	s, dir := newMariaDB(tb, "--innodb-flush-log-at-trx-commit=1")
	tb.Cleanup(func() {
		s.Kill()
		_ = os.RemoveAll(dir)
	})
	return s
}

func newMariaDB(tb testing.TB, more ...string) (*Server, string) {
	tb.Helper()
	daemon := program(tb, "mariadb-server", "mariadbd", "mysqld")
	install := program(tb, "mariadb-server", "mariadb-install-db", "mysql_install_db")
	admin := program(tb, "mariadb-server", "mariadb-admin", "mysqladmin")
	dir, err := os.MkdirTemp("", "tiangeng-mariadb-")
	if err != nil {
		tb.Fatal(err)
	}
	// Each has its own folder for temporary tables: a server that starts clears the folder of all.
	args := []string{"--no-defaults", "--auth-root-authentication-method=normal", "--datadir=" + dir + "/data", "--tmpdir=" + dir, "--skip-test-db"}
	asRoot := os.Getuid() == 0
	if asRoot {
		args = append(args, "--user=root")
	}
	if out, err := exec.Command(install, args...).CombinedOutput(); err != nil {
		tb.Fatalf("preparing MariaDB: %v\n%s", err, out)
	}
	port := freePort(tb)
	socket := filepath.Join(dir, "s.sock")
	s := &Server{tb: tb, name: daemon, port: port, args: []string{
		"--no-defaults", "--datadir=" + dir + "/data", "--tmpdir=" + dir, "--socket=" + socket, "--port=" + strconv.Itoa(port), "--bind-address=127.0.0.1",
		"--pid-file=" + filepath.Join(dir, "pid"), "--character-set-server=utf8mb4", "--collation-server=utf8mb4_unicode_ci",
		"--default-time-zone=+00:00", "--max-connections=500", "--innodb-buffer-pool-size=256M",
	}}
	s.args = append(s.args, more...)
	if asRoot {
		s.args = append(s.args, "--user=root")
	}
	s.ping = func(ctx context.Context) error {
		return exec.CommandContext(ctx, admin, "--no-defaults", "-uroot", "-S"+socket, "--connect-timeout=2", "ping").Run()
	}
	s.Start()
	return s, dir
}

// shared are the servers that all tests of one process use.
var shared struct {
	mariaDB, redis           *Server
	mariaDBOnce, redisOnce   sync.Once
	databases, redisDatabase atomic.Int64
	dirs                     []string
}

// Stop ends the shared servers; call it at the end of TestMain where Main is not used.
func Stop() {
	for _, s := range []*Server{shared.mariaDB, shared.redis} {
		if s != nil {
			s.Kill()
		}
	}
	for _, d := range shared.dirs {
		_ = os.RemoveAll(d)
	}
}

// Main runs a package's tests, with their temporary files in memory where there is room, and ends the shared servers:
// os.Exit(storetest.Main(m)).
func Main(m *testing.M) int {
	defer useMemory()()
	defer Stop()
	return m.Run()
}

// MariaDB returns the DSN of a fresh, empty database on the MariaDB that all tests of this process
// share: mysql://root@127.0.0.1:port/name. The package's TestMain has to use Main or Stop.
func MariaDB(tb testing.TB) string {
	tb.Helper()
	return sharedMariaDB(tb).NewDatabase(tb)
}

// sharedMariaDB is the server that all tests of this process share. Nobody kills it, so nothing is lost by not flushing.
func sharedMariaDB(tb testing.TB) *Server {
	tb.Helper()
	shared.mariaDBOnce.Do(func() {
		s, dir := newMariaDB(tb, "--innodb-flush-log-at-trx-commit=0", "--skip-innodb-doublewrite")
		shared.mariaDB, shared.dirs = s, append(shared.dirs, dir)
	})
	if shared.mariaDB == nil {
		tb.Fatal("MariaDB did not start, see the first test that wanted it")
	}
	return shared.mariaDB
}

// NewDatabase makes an empty database on this server and returns its DSN.
func (s *Server) NewDatabase(tb testing.TB) string {
	tb.Helper()
	name := fmt.Sprintf("t%d_%d", os.Getpid(), shared.databases.Add(1))
	client := program(tb, "mariadb-client", "mariadb", "mysql")
	cmd := exec.Command(client, "--no-defaults", "-uroot", "-h127.0.0.1", "-P"+strconv.Itoa(s.port), "-e", "CREATE DATABASE "+name+" CHARACTER SET utf8mb4")
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("making a database: %v\n%s", err, out)
	}
	return s.dsn(name)
}

func (s *Server) dsn(database string) string {
	return fmt.Sprintf("mysql://root@127.0.0.1:%d/%s", s.port, database)
}

// StartRedis starts a Redis of its own, without persistence.
func StartRedis(tb testing.TB) *Server {
	tb.Helper()
	s := newRedis(tb)
	tb.Cleanup(s.Kill)
	return s
}

func newRedis(tb testing.TB) *Server {
	tb.Helper()
	port := freePort(tb)
	cli := program(tb, "redis-server", "redis-cli")
	s := &Server{tb: tb, name: program(tb, "redis-server", "redis-server"), port: port, args: []string{
		"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--databases", "512", "--dir", os.TempDir(),
	}}
	s.ping = func(ctx context.Context) error {
		out, err := exec.CommandContext(ctx, cli, "-h", "127.0.0.1", "-p", strconv.Itoa(port), "ping").Output()
		if err == nil && !bytes.Contains(out, []byte("PONG")) {
			err = fmt.Errorf("redis says %q", out)
		}
		return err
	}
	s.Start()
	return s
}

// Redis returns the URL of an empty database on the Redis that all tests of this process share.
func Redis(tb testing.TB) string {
	tb.Helper()
	shared.redisOnce.Do(func() { shared.redis = newRedis(tb) })
	if shared.redis == nil {
		tb.Fatal("Redis did not start, see the first test that wanted it")
	}
	return fmt.Sprintf("redis://127.0.0.1:%d/%d", shared.redis.port, shared.redisDatabase.Add(1))
}

// URL is the address of a Redis server.
func (s *Server) URL() string { return fmt.Sprintf("redis://127.0.0.1:%d/0", s.port) }

// FlushAll empties a Redis server.
func (s *Server) FlushAll() {
	s.tb.Helper()
	cli := program(s.tb, "redis-server", "redis-cli")
	if out, err := exec.Command(cli, "-h", "127.0.0.1", "-p", strconv.Itoa(s.port), "FLUSHALL").CombinedOutput(); err != nil {
		s.tb.Fatalf("FLUSHALL: %v\n%s", err, out)
	}
}
