package configs

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	_ "embed" // the holiday file
)

// Calendar is the holiday file built in; package study reads it.
//
//go:embed calendar.yaml
var Calendar []byte

// Targets is the file of yearly study hours (学时要求) built in.
//
//go:embed targets.yaml
var Targets []byte

// Example writes the example file: every key with its help, its default and its variable. The
// file configs/tiangeng.example.yaml and the table of the README are made by it; a test compares.
func Example() string {
	var b strings.Builder
	b.WriteString("# Tiangeng configuration. Every key can also be set by the environment variable named behind it;\n" +
		"# secrets also by a file: the same name with _FILE. Copy this to tiangeng.yaml, chmod 600, fill in, then: tiangeng doctor -c tiangeng.yaml\n")
	var open []string // the sections that the line before stands in
	for _, f := range fields(&Config{}) {
		parts := strings.Split(f.Path, ".")
		sections, name := parts[:len(parts)-1], parts[len(parts)-1]
		for i, head := range sections {
			if i < len(open) && open[i] == head {
				continue
			}
			if i == 0 {
				b.WriteString("\n")
			}
			fmt.Fprintf(&b, "%s%s:\n", strings.Repeat("  ", i), head)
		}
		open = sections
		indent := strings.Repeat("  ", len(sections))
		fmt.Fprintf(&b, "%s# %s (%s)\n", indent, f.Help, f.Env)
		fmt.Fprintf(&b, "%s%s: %s\n", indent, name, f.yamlDefault())
	}
	return b.String()
}

func (f field) yamlDefault() string {
	switch f.Value.Interface().(type) {
	case []string, []Notice, []Template:
		return "[]"
	case bool, int, time.Duration:
		return f.Default
	default:
		return fmt.Sprintf("%q", f.Default)
	}
}

// Table writes the configuration table of the README as Markdown.
func Table() string {
	var b strings.Builder
	b.WriteString("| key | environment | default | meaning |\n|---|---|---|---|\n")
	for _, f := range fields(&Config{}) {
		env := "`" + f.Env + "`"
		if f.Secret {
			env += " or `…_FILE`"
		}
		value := "`" + f.Default + "`"
		if f.Default == "" {
			value = "–"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.Path, env, value, strings.ReplaceAll(f.Help, "|", "\\|"))
	}
	return b.String()
}

// Secrets returns the values that must never be shown or logged.
func (c *Config) Secrets() []string {
	var list []string
	for _, f := range fields(c) {
		if f.Secret && f.Value.Kind() == reflect.String && f.Value.String() != "" {
			list = append(list, f.Value.String())
		}
	}
	return list
}
