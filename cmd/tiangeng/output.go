package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// writeOut gives write the place that -o names, or standard output. A file appears under its name
// only when it is whole: a list that broke off must not look like a shorter list.
func writeOut(p *program, name string, write func(io.Writer) error) error {
	if name == "" || name == "-" {
		w := bufio.NewWriterSize(p.stdout, 64<<10)
		if err := write(w); err != nil {
			return errors.Join(err, w.Flush())
		}
		return w.Flush()
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".tiangeng-*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(name), err)
	}
	w := bufio.NewWriterSize(f, 64<<10)
	err = write(w)
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(name), errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}
