package sheet

import (
	"bufio"
	"errors"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"

	"github.com/tiangeng/tiangeng/bot/fault"
)

// charset is how a text file is written.
type charset struct {
	bom     int64 // bytes of the byte order mark
	decoder func() *encoding.Decoder
}

// detectCharset looks at the whole file: a name that tells GB18030 from UTF-8 may stand in the
// last row only.
//
//   - a byte order mark decides;
//   - many zero bytes, at every second place, are UTF-16 without a mark;
//   - UTF-8, unless what is broken of it outweighs what is right: then GB18030, which contains
//     GBK and GB2312. A UTF-8 file with a few broken bytes stays UTF-8, and the cells say so.
func detectCharset(r io.ReaderAt, size int64) (charset, error) {
	mark := make([]byte, min(size, 3))
	if _, err := r.ReadAt(mark, 0); err != nil && !errors.Is(err, io.EOF) {
		return charset{}, err
	}
	switch {
	case len(mark) >= 2 && mark[0] == 0xff && mark[1] == 0xfe:
		return charset{2, utf16(unicode.LittleEndian)}, nil
	case len(mark) >= 2 && mark[0] == 0xfe && mark[1] == 0xff:
		return charset{2, utf16(unicode.BigEndian)}, nil
	case string(mark) == "\xef\xbb\xbf":
		return charset{3, nil}, nil
	}
	c, err := countRunes(io.NewSectionReader(r, 0, size))
	if err != nil {
		return charset{}, err
	}
	zeros := c.zeroEven + c.zeroOdd
	many := zeros*zeroShare >= size
	switch {
	case many && c.zeroOdd > 0 && c.zeroOdd >= 9*c.zeroEven && size%2 == 0:
		return charset{0, utf16(unicode.LittleEndian)}, nil
	case many && c.zeroEven > 0 && c.zeroEven >= 9*c.zeroOdd && size%2 == 0:
		return charset{0, utf16(unicode.BigEndian)}, nil
	case zeros > 0 && (many || c.broken > 0):
		return charset{}, fault.New(fault.Invalid, "sheet.not_a_table")
	case c.broken == 0 || c.multi >= 9*c.broken:
		return charset{}, nil
	}
	return charset{0, simplifiedchinese.GB18030.NewDecoder}, nil
}

// zeroShare: of how many bytes one is zero at least in a table in UTF-16: its commas, digits and line ends bring
// many. A stray one in other text is a cell that is garbled.
const zeroShare = 50

func utf16(e unicode.Endianness) func() *encoding.Decoder {
	return unicode.UTF16(e, unicode.IgnoreBOM).NewDecoder
}

type runeCounts struct {
	multi, broken     int64 // UTF-8 sequences of two bytes and more; bytes that are none
	zeroEven, zeroOdd int64 // zero bytes at even and odd places
}

func countRunes(r io.Reader) (runeCounts, error) {
	var c runeCounts
	in := bufio.NewReaderSize(r, 1<<16)
	for place := int64(0); ; {
		v, n, err := in.ReadRune()
		switch {
		case errors.Is(err, io.EOF):
			return c, nil
		case err != nil:
			return c, err
		case v == utf8.RuneError && n == 1:
			c.broken++
		case n > 1:
			c.multi++
		case v == 0 && place%2 == 0:
			c.zeroEven++
		case v == 0:
			c.zeroOdd++
		}
		place += int64(n)
	}
}

// open returns the text of the file as UTF-8, without its mark.
func (c charset) open(r io.ReaderAt, size int64) *bufio.Reader {
	var text io.Reader = io.NewSectionReader(r, c.bom, size-c.bom)
	if c.decoder != nil {
		text = c.decoder().Reader(text)
	}
	return bufio.NewReaderSize(text, 1<<16)
}
