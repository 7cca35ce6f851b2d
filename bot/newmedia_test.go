package bot_test

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/fault"
)

func amr(frames int) []byte {
	return append([]byte("#!AMR\n"), bytes.Repeat(append([]byte{7 << 3}, make([]byte, 31)...), frames)...)
}

// mp3 is so many frames of MPEG 1, layer III, 64 kbit/s, 44.1 kHz: 208 bytes and 26 ms each.
func mp3(frames int) []byte {
	return bytes.Repeat(append([]byte{0xff, 0xfb, 0x50, 0x00}, make([]byte, 204)...), frames)
}

func picture(t testing.TB, kind string) []byte {
	t.Helper()
	var b bytes.Buffer
	img := image.NewGray(image.Rect(0, 0, 8, 8))
	err := jpeg.Encode(&b, img, nil)
	if kind == "png" {
		b.Reset()
		err = png.Encode(&b, img)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestWhatIsTakenAsAPictureOrASound(t *testing.T) {
	t.Parallel()
	wide := picture(t, "png")
	binary.BigEndian.PutUint32(wide[16:], 100_000)
	id3 := append([]byte("ID3\x03\x00\x00\x00\x00\x00\x0a"), make([]byte, 10)...)
	for name, c := range map[string]struct {
		data   []byte
		kind   channel.MessageKind
		ending string
		key    string
	}{
		"jpg":                            {data: picture(t, "jpg"), kind: channel.MessageImage, ending: ".jpg"},
		"png":                            {data: picture(t, "png"), kind: channel.MessageImage, ending: ".png"},
		"amr of a minute":                {data: amr(3000), kind: channel.MessageVoice, ending: ".amr"},
		"mp3 with a tag in front":        {data: append(id3, mp3(100)...), kind: channel.MessageVoice, ending: ".mp3"},
		"mp3 that is cut at its end":     {data: mp3(100)[:20_000], kind: channel.MessageVoice, ending: ".mp3"},
		"amr of more than a minute":      {data: amr(3001 + 50), key: "announce.media_long"},
		"mp3 of more than a minute":      {data: mp3(2400), key: "announce.media_long"},
		"nothing":                        {key: "announce.media_kind"},
		"a gif":                          {data: []byte("GIF89a"), key: "announce.media_kind"},
		"a page":                         {data: []byte("<html><script>"), key: "announce.media_kind"},
		"a picture that draws itself":    {data: []byte("<svg onload=x>"), key: "announce.media_kind"},
		"a webm":                         {data: []byte("\x1aE\xdf\xa3"), key: "announce.media_kind"},
		"the head of a jpg and a script": {data: []byte("\xff\xd8\xff<script>"), key: "announce.media_broken"},
		"the head of a png alone":        {data: []byte("\x89PNG\r\n\x1a\n"), key: "announce.media_broken"},
		"a png as wide as a village":     {data: wide, key: "announce.media_broken"},
		"amr without a frame":            {data: []byte("#!AMR\n"), key: "announce.media_broken"},
		"amr with a mode there is not":   {data: append(amr(3), 0x60), key: "announce.media_broken"},
		"an mp3's tag without a frame":   {data: id3, key: "announce.media_broken"},
		"too large":                      {data: append(picture(t, "jpg"), make([]byte, bot.MaxMedia)...), key: "announce.media_big"},
	} {
		m, err := bot.NewMedia(c.data)
		if c.key != "" {
			if fault.CodeOf(err) != fault.Invalid || !strings.Contains(err.Error(), c.key) {
				t.Errorf("%s: %v, want %s", name, err, c.key)
			}
			continue
		}
		if err != nil || m.Kind != c.kind || !strings.HasSuffix(m.Name, c.ending) || len(m.ID) != 64 || !strings.HasPrefix(m.ID, strings.TrimSuffix(m.Name, c.ending)) {
			t.Errorf("%s: %s %s, %v", name, m.Kind, m.Name, err)
		}
	}
}

// Whatever is uploaded: no panic, and what is taken is one of four kinds.
func FuzzNewMedia(f *testing.F) {
	for _, data := range [][]byte{amr(2), mp3(2), picture(f, "jpg"), picture(f, "png"), []byte("ID3\x03\x00\x00\x7f\x7f\x7f\x7f"), {0xff, 0xfb}} {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := bot.NewMedia(data)
		if err == nil && m.Kind != channel.MessageImage && m.Kind != channel.MessageVoice {
			t.Errorf("taken as %q", m.Kind)
		}
		if err != nil && fault.CodeOf(err) != fault.Invalid {
			t.Error(err)
		}
	})
}
