package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// docs/proofs.md names tests that exist, and every bug and invariant has one.
func TestTheProofsExist(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/proofs.md")
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	err = filepath.WalkDir("../..", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, "_test.go") && !strings.Contains(name, "storetest") {
			return err
		}
		data, err := os.ReadFile(name)
		code.Write(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	tests := code.String()
	_, tables, _ := strings.Cut(string(page), "\n|")
	names := regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(tables, -1)
	for _, m := range names {
		if !strings.Contains(tests, "func "+m[1]+"(t ") && !strings.Contains(tests, `"`+m[1]+`":`) {
			t.Errorf("there is no test %q", m[1])
		}
	}
	for _, id := range strings.Fields("B1 B2 B3 B4 B5 B6 B7 B8 B9 B10 B11 B12 B13 B14 D1 D2 D3 D4 D5 D6 D7 Q1 T1") {
		if !regexp.MustCompile(`(?m)^\| ` + id + `\b.*` + "`").MatchString(string(page)) {
			t.Errorf("nothing proves %s", id)
		}
	}
	if len(names) < 40 {
		t.Errorf("only %d names were read", len(names))
	}
}
