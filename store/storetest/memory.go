package storetest

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// memoryDir is the file system that lives in memory; memoryNeeded is what has to be free of it and of the memory itself. A
// package's tests use less than a quarter of it, and two packages run beside each other.
const (
	memoryDir    = "/dev/shm"
	memoryNeeded = 4 << 30
)

// useMemory lets the tests of this process make their temporary files – databases, servers' data – in memory where there is
// room, and on the disk as always where there is none. Tests flush thousands of commits and wait for each; none of them cuts
// the power, and killing a server loses nothing that it had written either way. Benchmarks stay on the disk: what a flush
// costs is part of what they measure. The returned function removes everything.
func useMemory() (remove func()) {
	nothing := func() {}
	var fs syscall.Statfs_t
	if benchmarking() || os.Getenv("TMPDIR") != "" || syscall.Statfs(memoryDir, &fs) != nil || fs.Flags&syscall.MS_NOEXEC != 0 {
		return nothing
	}
	if fs.Bavail*uint64(fs.Bsize) < memoryNeeded || freeMemory() < memoryNeeded {
		return nothing
	}
	removeLeft()
	dir, err := os.MkdirTemp(memoryDir, "tiangeng-")
	if err != nil {
		return nothing
	}
	// The lock says that the folder is in use. The system takes it back when this process ends, however it ends.
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	}
	if err == nil {
		err = os.Setenv("TMPDIR", dir)
	}
	if err != nil {
		_ = os.RemoveAll(dir)
		return nothing
	}
	return func() {
		_ = os.RemoveAll(dir)
		_ = lock.Close()
	}
}

// benchmarking reports whether this process measures: it was built for it, or asked to by -bench.
func benchmarking() bool {
	if !flag.Parsed() {
		flag.Parse()
	}
	bench := flag.Lookup("test.bench")
	return benchBuild || bench != nil && bench.Value.String() != ""
}

// removeLeft removes what test processes that were killed have left in memory.
func removeLeft() {
	dirs, _ := filepath.Glob(filepath.Join(memoryDir, "tiangeng-*"))
	for _, dir := range dirs {
		lock, err := os.Open(filepath.Join(dir, "lock"))
		if err != nil {
			continue // one that is being made, or somebody else's
		}
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(dir)
		}
		_ = lock.Close()
	}
}

// freeMemory is how many bytes of memory can be used, 0 where the system does not tell.
func freeMemory() uint64 {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var kib uint64
		if rest, ok := strings.CutPrefix(lines.Text(), "MemAvailable:"); ok {
			if _, err := fmt.Sscan(rest, &kib); err != nil {
				return 0
			}
			return kib << 10
		}
	}
	return 0
}
