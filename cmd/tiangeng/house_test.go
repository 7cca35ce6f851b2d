package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// house says which rooms of ours each room may import (ARCHITECTURE.md, §2). cmd may import all.
var house = map[string][]string{
	"configs":            {"bot/fault"},
	"bot":                {"bot/conversation", "bot/delivery", "bot/study", "bot/people", "bot/channel", "content", "bot/fault"},
	"bot/conversation":   {"bot/channel", "bot/study", "bot/people", "content", "bot/fault"},
	"bot/study":          {"bot/people", "content", "bot/fault"},
	"bot/delivery":       {"bot/channel", "bot/people", "bot/fault"},
	"bot/people":         {"bot/fault"},
	"bot/report":         {"bot/people", "bot/study", "bot/sheet", "bot/fault"},
	"bot/channel":        {},
	"bot/channel/wechat": {"bot/channel", "bot/fault"},
	"bot/web":            {"bot", "store", "bot/report", "bot/people", "bot/study", "bot/delivery", "content", "bot/fault"},
	"bot/sheet":          {"bot/fault"},
	"bot/certificate":    {"bot/study", "bot/fault"},
	"bot/sim":            {},
	"bot/fault":          {},
	"content":            {"bot/fault"},
	"store":              {"bot", "bot/conversation", "bot/delivery", "bot/study", "bot/people", "bot/report", "content", "bot/channel", "bot/fault"},
	"store/cache":        {"bot", "bot/conversation", "bot/channel", "bot/fault"},
	"store/storetest":    {"store", "bot", "bot/conversation", "bot/delivery", "bot/study", "bot/people", "bot/report", "content", "bot/channel", "bot/fault"},
}

// doors name the one room that may import a third party.
var doors = map[string][]string{
	"gorm.io/":                  {"store", "store/storetest"},
	"github.com/go-sql-driver/": {"store", "store/storetest"},
	"github.com/redis/":         {"store/cache"},
	"github.com/silenceper/":    {"bot/channel/wechat"},
	"github.com/xuri/":          {"bot/sheet"},
	"golang.org/x/image":        {"bot/certificate"},
	"codeberg.org/go-pdf/":      {"bot/certificate"},
	"go.yaml.in/":               {"content", "configs", "cmd/tiangeng"},
	"github.com/prometheus/":    {"bot", "cmd/tiangeng"},
}

const module = "github.com/tiangeng/tiangeng/"

func TestTheHouseTableIsTrue(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	seen := map[string]bool{}
	d := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		room := strings.TrimPrefix(p.ImportPath, module)
		seen[room] = true
		allowed, known := house[room]
		if !known && !strings.HasPrefix(room, "cmd/") {
			t.Errorf("%s is in no row of the house table", room)
		}
		for _, i := range p.Imports {
			if own, ok := strings.CutPrefix(i, module); ok && known && !slices.Contains(allowed, own) {
				t.Errorf("%s imports %s", room, own)
			}
			for prefix, rooms := range doors {
				if strings.HasPrefix(i, prefix) && !slices.Contains(rooms, room) {
					t.Errorf("%s imports %s, whose door is %v", room, i, rooms)
				}
			}
		}
	}
	for room := range house {
		if !seen[room] {
			t.Errorf("the house table has %s, the module has not", room)
		}
	}
}

// The pure rooms have no clock, no network, no database, no randomness.
func TestThePureRoomsArePure(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports",
		"./bot/conversation", "./bot/study", "./bot/delivery", "./bot/people", "./bot/channel", "./bot/fault")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	forbidden := []string{"net", "net/http", "os", "database/sql", "math/rand", "math/rand/v2", "crypto/rand", "log", "log/slog", "context"}
	d := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		for _, i := range p.Imports {
			if slices.Contains(forbidden, i) {
				t.Errorf("%s imports %s", p.ImportPath, i)
			}
		}
	}
}
