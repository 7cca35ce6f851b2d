package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// processorCost is processor time by who used it: in microseconds for each message, or in total. Unlike
// a rate it hardly depends on what else the machine does.
type processorCost struct {
	Program  float64 `json:"program"`  // this process, its bare client with it
	Database float64 `json:"database"` // 0 where it is not a process of this machine
	Platform float64 `json:"platform"`
}

func (c processorCost) total() float64 { return c.Program + c.Database + c.Platform }

func (c processorCost) since(b processorCost) processorCost {
	return processorCost{c.Program - b.Program, c.Database - b.Database, c.Platform - b.Platform}
}

func (c processorCost) and(b processorCost) processorCost {
	return processorCost{c.Program + b.Program, c.Database + b.Database, c.Platform + b.Platform}
}

func (c processorCost) each(messages int) processorCost {
	n := float64(max(messages, 1))
	return processorCost{c.Program / n, c.Database / n, c.Platform / n}
}

// processors is the processor time that the processes of a rehearsal have used so far.
func (r *rehearsalPlatform) processors() processorCost {
	return processorCost{Program: processorTime(os.Getpid()), Database: processorTime(r.database), Platform: processorTime(r.cmd.Process.Pid)}
}

// tick is what Linux counts processor time in, in microseconds.
const tick = 10_000

// processorTime is the processor time that a process has used, in microseconds; 0 where the system does
// not tell.
func processorTime(pid int) float64 {
	if pid <= 0 {
		return 0
	}
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	var ticks float64
	for _, f := range fields[11:13] { // in user mode and in the system's
		n, err := strconv.ParseFloat(f, 64)
		if err != nil {
			return 0
		}
		ticks += n
	}
	return ticks * tick
}

// processOf reads the number of a process of one of these names from a file; 0 where there is none.
func processOf(file string, names ...string) int {
	data, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return 0
	}
	name, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "comm"))
	if err != nil || !slices.Contains(names, strings.TrimSpace(string(name))) {
		return 0 // the database of another machine, or an old file
	}
	return pid
}
