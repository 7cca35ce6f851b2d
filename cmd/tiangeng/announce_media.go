package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/fault"
)

// maxMedia is what the platform takes of a picture or a sound at the least: its documents differ on
// pictures (wechat-protocol §4), and large files reach nobody in the hills.
const maxMedia = 2 << 20

// readMedia reads a picture or a sound for an announcement. Its content, not its name, says what it
// is; the platform wants the right ending, so it gets one.
func readMedia(name string) (bot.Media, error) {
	f, err := os.Open(name)
	if err != nil {
		return bot.Media{}, fmt.Errorf("reading the picture or sound: %w", err)
	}
	defer closing(f)
	data, err := io.ReadAll(io.LimitReader(f, maxMedia+1))
	if err != nil {
		return bot.Media{}, fmt.Errorf("reading the picture or sound: %w", err)
	}
	base := filepath.Base(name)
	if len(data) > maxMedia {
		return bot.Media{}, fault.New(fault.Invalid, "announce.media_big", fault.A("limit", maxMedia>>20)).At(base, 0, "")
	}
	kind, ending := mediaKind(data)
	if kind == channel.MessageNone {
		return bot.Media{}, fault.New(fault.Invalid, "announce.media_kind").At(base, 0, "")
	}
	sum := sha256.Sum256(data)
	id := hex.EncodeToString(sum[:])
	return bot.Media{ID: id, Kind: kind, Name: id[:12] + ending, Content: data}, nil
}

// mediaKind tells by the first bytes; MessageNone is none of the four that the platform takes.
func mediaKind(data []byte) (kind channel.MessageKind, ending string) {
	switch http.DetectContentType(data) {
	case "image/jpeg":
		return channel.MessageImage, ".jpg"
	case "image/png":
		return channel.MessageImage, ".png"
	case "audio/mpeg":
		return channel.MessageVoice, ".mp3"
	}
	switch {
	case bytes.HasPrefix(data, []byte("#!AMR")):
		return channel.MessageVoice, ".amr"
	case len(data) > 2 && data[0] == 0xff && data[1]&0xe6 == 0xe2: // a frame of MPEG audio, layer III
		return channel.MessageVoice, ".mp3"
	}
	return channel.MessageNone, ""
}
