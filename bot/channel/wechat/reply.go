package wechat

import (
	"bytes"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tiangeng/tiangeng/bot/channel"
)

// MaxText is how many bytes of UTF-8 a text reply may have (wechat-protocol §1.3, measured).
const MaxText = 2048

// replyTo names the two ends of a passive reply: to and from are swapped against the push.
type replyTo struct {
	person, account []byte
	seconds         int64
}

// appendReply appends the passive XML of a message. It reports false, appending nothing, when the
// message says nothing or cannot be said in a passive reply: then the answer is "success".
func appendReply(dst []byte, to replyTo, m channel.Message, log *slog.Logger) ([]byte, bool) {
	start := len(dst)
	dst = append(dst, "<xml>"...)
	dst = appendElement(dst, "ToUserName", to.person)
	dst = appendElement(dst, "FromUserName", to.account)
	dst = append(dst, "<CreateTime>"...)
	dst = strconv.AppendInt(dst, to.seconds, 10)
	dst = append(dst, "</CreateTime>"...)
	var ok bool
	switch m.Kind {
	case channel.MessageText:
		dst, ok = appendText(dst, m.Text, log)
	case channel.MessageMenu:
		dst, ok = appendText(dst, menuAsText(m), log)
	case channel.MessageCards:
		dst, ok = appendCard(dst, m.Cards, log)
	case channel.MessageImage:
		dst, ok = appendMedia(dst, "image", "Image", m.Media)
	case channel.MessageVoice:
		dst, ok = appendMedia(dst, "voice", "Voice", m.Media)
	}
	if !ok {
		return dst[:start], false
	}
	return append(dst, "</xml>"...), true
}

func appendText(dst []byte, s string, log *slog.Logger) ([]byte, bool) {
	s = clean(s)
	if len(s) > MaxText {
		log.Error("reply too long for the platform", "bytes", len(s), "limit", MaxText)
		s = cutText(s, MaxText)
	}
	if strings.TrimSpace(s) == "" {
		return dst, false // an empty Content makes the platform tell the person we are broken
	}
	dst = appendElement(dst, "MsgType", "text")
	return appendElement(dst, "Content", s), true
}

func appendCard(dst []byte, cards []channel.Card, log *slog.Logger) ([]byte, bool) {
	if len(cards) == 0 {
		return dst, false
	}
	if len(cards) > 1 { // 45008: one article answers a message
		log.Error("reply has too many cards for the platform", "cards", len(cards), "limit", 1)
	}
	c := cards[0]
	dst = appendElement(dst, "MsgType", "news")
	dst = append(dst, "<ArticleCount>1</ArticleCount><Articles><item>"...)
	dst = appendElement(dst, "Title", clean(c.Title))
	dst = appendElement(dst, "Description", clean(c.Summary))
	dst = appendElement(dst, "PicUrl", clean(c.Picture))
	dst = appendElement(dst, "Url", clean(c.URL))
	return append(dst, "</item></Articles>"...), true
}

func appendMedia(dst []byte, kind, element, media string) ([]byte, bool) {
	if media == "" {
		return dst, false
	}
	dst = appendElement(dst, "MsgType", kind)
	dst = append(append(append(dst, '<'), element...), '>')
	dst = appendElement(dst, "MediaId", clean(media))
	return append(append(append(dst, "</"...), element...), '>'), true
}

// menuAsText writes a message menu, which only the customer-service API has, as a text whose
// lines are links that do the same when tapped.
func menuAsText(m channel.Message) string {
	plain := strings.NewReplacer("<", "＜", ">", "＞") // a label must not end its link
	var b strings.Builder
	b.WriteString(m.Text)
	for _, o := range m.Options {
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		// The client decodes %20 but shows + as it is.
		word := strings.ReplaceAll(url.QueryEscape(o.Text), "+", "%20")
		b.WriteString(`<a href="weixin://bizmsgmenu?msgmenucontent=` + word +
			`&msgmenuid=` + url.QueryEscape(o.ID) + `">` + plain.Replace(o.Text) + `</a>`)
	}
	if m.Tail != "" {
		b.WriteString("\n" + m.Tail)
	}
	return b.String()
}

// cutText shortens a text to at most limit bytes: after the last whole sentence if that keeps at
// least half, else after the last whole character with "…". s must be valid UTF-8.
func cutText(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	cut := limit
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	head := s[:cut]
	end := -1
	for i, r := range head {
		if strings.ContainsRune("。！？；!?\n", r) {
			end = i + utf8.RuneLen(r)
		}
	}
	if end >= limit/2 {
		return strings.TrimRight(head[:end], "\n")
	}
	const more = "…"
	cut = limit - len(more)
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + more
}

// appendElement appends <name><![CDATA[value]]></name>. The value must be characters of XML; its
// end marks are split over two sections.
func appendElement[T string | []byte](dst []byte, name string, value T) []byte {
	const end = "]]>"
	dst = append(append(append(dst, '<'), name...), "><![CDATA["...)
	start := len(dst)
	dst = append(dst, value...)
	if bytes.Contains(dst[start:], []byte(end)) {
		split := bytes.ReplaceAll(dst[start:], []byte(end), []byte("]]]]><![CDATA[>"))
		dst = append(dst[:start], split...)
	}
	return append(append(append(dst, "]]></"...), name...), '>')
}

// clean drops what XML does not have: broken UTF-8, control characters, and carriage returns,
// which would come out as line breaks.
func clean(s string) string {
	good := utf8.ValidString(s)
	for i := 0; good && i < len(s); i++ {
		c := s[i]
		// U+FFFE and U+FFFF begin with EF BF; checked byte by byte, as nearly every text passes.
		good = (c >= ' ' || c == '\n' || c == '\t') && (c != 0xEF || s[i+1] != 0xBF || s[i+2] < 0xBE)
	}
	if good {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r == '\r' || !xmlRune(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}
