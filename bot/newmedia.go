package bot

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"image"
	_ "image/jpeg" // its header is read
	_ "image/png"  // its header is read
	"time"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/fault"
)

// What the platform takes of a picture or a sound at the least (wechat-protocol §4): its documents differ
// on pictures, and large files reach nobody in the hills.
const (
	MaxMedia = 2 << 20 // bytes
	maxSound = 60 * time.Second
	maxSide  = 10_000 // pixels: a few bytes may claim to be a picture that fills a phone's memory
)

// NewMedia makes a stored picture or sound of a file's content. The content says what it is, never a
// name or a declared type: jpg, png, mp3 or amr, of at most 2 MB, a sound of at most 60 s. The platform
// wants the right ending, so it gets one.
func NewMedia(data []byte) (Media, error) {
	if len(data) > MaxMedia {
		return Media{}, fault.New(fault.Invalid, "announce.media_big", fault.A("limit", MaxMedia>>20))
	}
	kind, ending := mediaKind(data)
	switch ending {
	case ".jpg", ".png":
		c, _, err := image.DecodeConfig(bytes.NewReader(data))
		if err != nil || c.Width < 1 || c.Height < 1 || c.Width > maxSide || c.Height > maxSide {
			return Media{}, fault.New(fault.Invalid, "announce.media_broken")
		}
	case ".amr", ".mp3":
		long, ok := amrLength(data)
		if ending == ".mp3" {
			long, ok = mp3Length(data)
		}
		switch {
		case !ok:
			return Media{}, fault.New(fault.Invalid, "announce.media_broken")
		case long > maxSound:
			return Media{}, fault.New(fault.Invalid, "announce.media_long", fault.A("seconds", int(long.Seconds())), fault.A("limit", int(maxSound.Seconds())))
		}
	default:
		return Media{}, fault.New(fault.Invalid, "announce.media_kind")
	}
	sum := sha256.Sum256(data)
	id := hex.EncodeToString(sum[:])
	return Media{ID: id, Kind: kind, Name: id[:12] + ending, Content: data}, nil
}

const amrMark = "#!AMR\n"

// mediaKind tells by the first bytes; MessageNone is none of the four that the platform takes.
func mediaKind(data []byte) (kind channel.MessageKind, ending string) {
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xd8\xff")):
		return channel.MessageImage, ".jpg"
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")):
		return channel.MessageImage, ".png"
	case bytes.HasPrefix(data, []byte(amrMark)):
		return channel.MessageVoice, ".amr"
	case bytes.HasPrefix(data, []byte("ID3")), len(data) > 2 && data[0] == 0xff && data[1]&0xe6 == 0xe2: // the latter: a frame of MPEG audio, layer III
		return channel.MessageVoice, ".mp3"
	}
	return channel.MessageNone, ""
}

// amrFrame is how many bytes follow the head of a frame of narrow-band AMR, by its mode; each frame is
// 20 ms (RFC 4867 §5.3). Modes that are not there cannot be played.
var amrFrame = [16]int{0: 12, 1: 13, 2: 15, 3: 17, 4: 19, 5: 20, 6: 26, 7: 31, 8: 5, 15: 0}

// amrLength is how long a recording lasts; false when it is broken, or breaks off.
func amrLength(data []byte) (time.Duration, bool) {
	frames, at := 0, len(amrMark)
	for ; at < len(data); frames++ {
		mode := data[at] >> 3 & 0x0f
		if mode > 8 && mode != 15 {
			return 0, false
		}
		at += 1 + amrFrame[mode]
	}
	return time.Duration(frames) * 20 * time.Millisecond, frames > 0 && at == len(data)
}

// Rates of MPEG audio, layer III, by the two bits or four in a frame's head: of MPEG 1, and of MPEG 2
// and 2.5.
var (
	mp3Kbits  = [2][16]int{{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320}, {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160}}
	mp3Hertz  = [4]int{44100, 48000, 32000}
	mp3Divide = [4]int{0: 4, 2: 2, 3: 1} // by the version's bits: 2.5, none, 2, 1
)

// mp3Length adds up the frames; false when there is none. What is no frame between and behind them
// (tags, a cut at the end) is passed over.
func mp3Length(data []byte) (time.Duration, bool) {
	at, frames := 0, 0
	if bytes.HasPrefix(data, []byte("ID3")) && len(data) > 10 {
		at = 10 + int(data[6]&0x7f)<<21 + int(data[7]&0x7f)<<14 + int(data[8]&0x7f)<<7 + int(data[9]&0x7f)
	}
	var long time.Duration
	for at+4 <= len(data) {
		size, lasts := mp3Frame(data[at : at+4])
		if size == 0 {
			at++
			continue
		}
		at += size
		frames++
		long += lasts
	}
	return long, frames > 0
}

// mp3Frame reads the head of a frame; size 0 is none.
func mp3Frame(h []byte) (size int, lasts time.Duration) {
	version, rate, kbit := h[1]>>3&3, h[2]>>2&3, h[2]>>4
	if h[0] != 0xff || h[1]&0xe6 != 0xe2 || version == 1 || rate == 3 || kbit == 0 || kbit == 15 {
		return 0, 0
	}
	hertz, samples, table := mp3Hertz[rate]/mp3Divide[version], 1152, 0
	if version != 3 {
		samples, table = 576, 1
	}
	size = samples/8*mp3Kbits[table][kbit]*1000/hertz + int(h[2]>>1&1)
	return size, time.Duration(samples) * time.Second / time.Duration(hertz)
}
