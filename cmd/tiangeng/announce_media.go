package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/fault"
)

// readMedia reads a picture or a sound for an announcement.
func readMedia(name string) (bot.Media, error) {
	f, err := os.Open(name)
	if err != nil {
		return bot.Media{}, fmt.Errorf("reading the picture or sound: %w", err)
	}
	defer closing(f)
	data, err := io.ReadAll(io.LimitReader(f, bot.MaxMedia+1))
	if err != nil {
		return bot.Media{}, fmt.Errorf("reading the picture or sound: %w", err)
	}
	m, err := bot.NewMedia(data)
	var shown *fault.Error
	if errors.As(err, &shown) {
		return bot.Media{}, shown.At(filepath.Base(name), 0, "")
	}
	return m, err
}
