package configs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	yaml "go.yaml.in/yaml/v3"
)

// EnvPrefix begins every environment variable of ours.
const EnvPrefix = "TIANGENG_"

// Source is where configuration comes from; tests give their own.
type Source struct {
	File    string                       // YAML file, "" for none
	Environ func(string) (string, bool)  // os.LookupEnv
	Read    func(string) ([]byte, error) // os.ReadFile with the secret check, see ReadSecretFile
	Names   []string                     // names of all variables of the environment, to find misspelt ones
}

// FromHost is the Source of a real start: this file and this process's environment.
func FromHost(file string) Source {
	var names []string
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		names = append(names, name)
	}
	return Source{File: file, Environ: os.LookupEnv, Read: ReadSecretFile, Names: names}
}

// Load reads, overrides and validates. The error names every problem it found, one a line, each
// with the key (and the line of the file) and what to do; no value of a secret is in it.
func Load(s Source) (*Config, error) {
	c := &Config{}
	if err := setDefaults(c); err != nil {
		return nil, err
	}
	if s.File != "" {
		if err := s.readFile(c); err != nil {
			return nil, err
		}
	}
	problems := s.override(c)
	problems = append(problems, c.Validate()...)
	return c, errors.Join(problems...)
}

// noField is how the YAML library says that a file has a key that the configuration has not.
var noField = regexp.MustCompile(`field (\S+) not found in type .+`)

// PlainYAML says on one line, and without the names of our types, what is wrong with a YAML file. Other errors stay as they are.
func PlainYAML(err error) error {
	var t *yaml.TypeError
	if !errors.As(err, &t) {
		return err
	}
	lines := make([]string, 0, len(t.Errors))
	for _, e := range t.Errors {
		lines = append(lines, noField.ReplaceAllString(e, "there is no key $1"))
	}
	return errors.New(strings.Join(lines, "; "))
}

func (s Source) readFile(c *Config) error {
	data, err := os.ReadFile(s.File)
	if err != nil {
		return fmt.Errorf("reading the configuration: %w", err)
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(c); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("configuration %s: %w", s.File, PlainYAML(err))
	}
	if c.hasSecret() {
		if err := checkMode(s.File); err != nil {
			return err
		}
	}
	return nil
}

// field is one key of the configuration.
type field struct {
	Path    string // dotted
	Env     string
	Value   reflect.Value
	Help    string
	Default string
	Secret  bool
}

// fields lists every key in the order of the struct.
func fields(c *Config) []field {
	var list []field
	var walk func(v reflect.Value, path string)
	walk = func(v reflect.Value, path string) {
		for i := range v.NumField() {
			t := v.Type().Field(i)
			p := t.Tag.Get("yaml")
			if path != "" {
				p = path + "." + p
			}
			if v.Field(i).Kind() == reflect.Struct {
				walk(v.Field(i), p)
				continue
			}
			list = append(list, field{
				Path: p, Value: v.Field(i), Help: t.Tag.Get("help"), Default: t.Tag.Get("default"),
				Secret: t.Tag.Get("secret") == "true",
				Env:    EnvPrefix + strings.ToUpper(strings.ReplaceAll(p, ".", "_")),
			})
		}
	}
	walk(reflect.ValueOf(c).Elem(), "")
	return list
}

func setDefaults(c *Config) error {
	for _, f := range fields(c) {
		if f.Default == "" {
			continue
		}
		if err := f.set(f.Default); err != nil {
			return fmt.Errorf("default of %s: %w", f.Path, err)
		}
	}
	return nil
}

func (f field) set(s string) error {
	switch v := f.Value.Addr().Interface().(type) {
	case *string:
		*v = s
	case *bool:
		b, err := strconv.ParseBool(s)
		if err != nil {
			return errors.New("must be true or false")
		}
		*v = b
	case *int:
		n, err := strconv.Atoi(s)
		if err != nil {
			return errors.New("must be a whole number")
		}
		*v = n
	case *time.Duration:
		d, err := time.ParseDuration(s)
		if err != nil {
			return errors.New("must be a length of time, for example 90s or 4h")
		}
		*v = d
	case *[]string:
		*v = nil
		for part := range strings.SplitSeq(s, ",") {
			if part = strings.TrimSpace(part); part != "" {
				*v = append(*v, part)
			}
		}
	case *[]Notice:
		return setList(s, v)
	case *[]Template:
		return setList(s, v)
	default:
		return fmt.Errorf("a key of type %s cannot be set", f.Value.Type())
	}
	return nil
}

// setList reads a list of structs from a variable of the environment: JSON, with the keys of the
// file. JSON is YAML, so the file's strict reader serves.
func setList[T any](s string, into *[]T) error {
	var list []T
	d := yaml.NewDecoder(strings.NewReader(s))
	d.KnownFields(true)
	if err := d.Decode(&list); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("must be a JSON list with the keys of the file, for example [{\"id\":\"…\",\"kind\":\"lesson\",\"fields\":{\"thing1\":\"title\"}}]: %w", err)
	}
	*into = list
	return nil
}

// override applies the environment. Variables of ours that no key has are problems: a misspelt
// secret must not start with the old one.
func (s Source) override(c *Config) []error {
	known := map[string]bool{}
	var problems []error
	for _, f := range fields(c) {
		known[f.Env] = true
		value, ok := s.Environ(f.Env)
		if f.Secret {
			known[f.Env+"_FILE"] = true
			if file, set := s.Environ(f.Env + "_FILE"); set && file != "" {
				if ok {
					problems = append(problems, fmt.Errorf("%s and %s_FILE are both set: keep one", f.Env, f.Env))
					continue
				}
				data, err := s.Read(file)
				if err != nil {
					problems = append(problems, fmt.Errorf("%s_FILE: %w", f.Env, err))
					continue
				}
				value, ok = strings.TrimRight(string(data), "\r\n"), true
			}
		}
		if !ok {
			continue
		}
		if err := f.set(value); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", f.Env, err))
		}
	}
	for _, name := range s.Names {
		if strings.HasPrefix(name, EnvPrefix) && !strings.HasPrefix(name, EnvPrefix+"TEST_") && !known[name] {
			problems = append(problems, fmt.Errorf("%s: there is no such setting", name))
		}
	}
	return problems
}

// ReadSecretFile reads a file that holds a secret. A file that others may read is refused, except
// below /run/secrets, where container engines put read-only copies for the one user inside.
func ReadSecretFile(name string) ([]byte, error) {
	if err := checkMode(name); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading a secret: %w", err)
	}
	return data, nil
}

func checkMode(name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return fmt.Errorf("reading a secret: %w", err)
	}
	if info.Mode().Perm()&0o007 != 0 && !strings.HasPrefix(name, "/run/secrets/") {
		return fmt.Errorf("%s holds a secret and may be read by everybody (mode %04o): chmod 600 it", name, info.Mode().Perm())
	}
	return nil
}

// hasSecret reports whether the file itself carries a secret that is not a mere address.
func (c *Config) hasSecret() bool {
	return c.WeChat.AppSecret != "" || c.WeChat.Token != "" || c.WeChat.AESKey != "" || hasPassword(c.Database.DSN) || hasPassword(c.Redis.URL)
}

func hasPassword(url string) bool {
	_, rest, ok := strings.Cut(url, "://")
	if !ok {
		return false
	}
	at := strings.LastIndexByte(rest, '@')
	return at > 0 && strings.Contains(rest[:at], ":") && !strings.HasSuffix(rest[:at], ":")
}
