package wechat

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/silenceper/wechat/v2/util"
)

// hostileDocs are messages that arrive well encrypted and signed and must still be refused: the
// envelope proves who wrote them, not that they are well-formed.
func hostileDocs() map[string]string {
	const tail = "<MsgType>text</MsgType><Content>B</Content><MsgId>1</MsgId>"
	in := func(s string) string { return "<xml>" + head + s + "</xml>" }
	nest := func(n int) string {
		return in(tail + strings.Repeat("<a>", n) + strings.Repeat("</a>", n))
	}
	docs := map[string]string{
		"empty":                      "",
		"white space":                " \n",
		"not XML":                    "hello",
		"JSON":                       `{"ToUserName":"gh","FromUserName":"o","CreateTime":1,"MsgType":"text"}`,
		"unclosed root":              "<xml>" + head + tail,
		"unclosed element":           in(tail + "<a>"),
		"crossed elements":           in(tail + "<a><b></a></b>"),
		"closing only":               "</xml>",
		"closed twice":               in(tail) + "</xml>",
		"another root":               "<msg>" + head + tail + "</msg>",
		"root in capitals":           "<XML>" + head + tail + "</XML>",
		"two roots":                  in(tail) + in(tail),
		"second root empty":          in(tail) + "<xml/>",
		"trailing text":              in(tail) + "x",
		"trailing NUL":               in(tail) + "\x00",
		"leading text":               "x" + in(tail),
		"leading BOM":                "\uFEFF" + in(tail),
		"empty root":                 "<xml></xml>",
		"self-closed root":           "<xml/>",
		"half a tag":                 in(tail)[:20],
		"only a bracket":             "<",
		"bracket at the end":         in(tail) + "<",
		"DOCTYPE":                    "<!DOCTYPE xml>" + in(tail),
		"DOCTYPE with entity":        `<!DOCTYPE xml [<!ENTITY e "x">]>` + in("<Content>&e;</Content>"),
		"DOCTYPE with a file":        `<!DOCTYPE xml [<!ENTITY e SYSTEM "file:///etc/passwd">]>` + in("<Content>&e;</Content>"),
		"billion laughs":             `<!DOCTYPE xml [<!ENTITY a "aa"><!ENTITY b "&a;&a;"><!ENTITY c "&b;&b;">]>` + in("<Content>&c;</Content>"),
		"DOCTYPE inside":             in("<!DOCTYPE a>" + tail),
		"ENTITY inside":              in(`<!ENTITY a "b">` + tail),
		"unknown entity":             in(tail + "<A>&nbsp;</A>"),
		"unknown entity in a field":  in("<MsgType>text</MsgType><Content>&copy;</Content><MsgId>1</MsgId>"),
		"entity without end":         in(tail + "<A>&amp</A>"),
		"empty entity":               in(tail + "<A>&;</A>"),
		"empty reference":            in(tail + "<A>&#;</A>"),
		"empty hex reference":        in(tail + "<A>&#x;</A>"),
		"NUL reference":              in(tail + "<A>&#0;</A>"),
		"control reference":          in(tail + "<A>&#8;</A>"),
		"surrogate reference":        in(tail + "<A>&#xD800;</A>"),
		"reference beyond Unicode":   in(tail + "<A>&#x110000;</A>"),
		"non-character reference":    in(tail + "<A>&#xFFFF;</A>"),
		"huge reference":             in(tail + "<A>&#99999999999999999999;</A>"),
		"negative reference":         in(tail + "<A>&#-1;</A>"),
		"signed reference":           in(tail + "<A>&#+65;</A>"),
		"capital hex reference":      in(tail + "<A>&#X41;</A>"),
		"bare ampersand":             in(tail + "<A>a & b</A>"),
		"CDATA end in text":          in(tail + "<A>]]></A>"),
		"unclosed CDATA":             in(tail + "<A><![CDATA[x</A>"),
		"CDATA in small letters":     in(tail + "<A><![cdata[x]]></A>"),
		"CDATA outside the root":     "<![CDATA[x]]>" + in(tail),
		"CDATA after the root":       in(tail) + "<![CDATA[ ]]>",
		"comment":                    in(tail + "<!-- x -->"),
		"comment before the root":    "<!-- x -->" + in(tail),
		"comment inside a name":      in("<MsgType>te<!-- -->xt</MsgType><Content>B</Content><MsgId>1</MsgId>"),
		"unclosed comment":           in(tail + "<!-- x"),
		"processing instruction":     in(tail + "<?php x ?>"),
		"stylesheet":                 `<?xml-stylesheet href="x"?>` + in(tail),
		"declaration twice":          `<?xml version="1.0"?><?xml version="1.0"?>` + in(tail),
		"declaration inside":         in(`<?xml version="1.0"?>` + tail),
		"declaration of GBK":         `<?xml version="1.0" encoding="GBK"?>` + in(tail),
		"declaration of UTF-16":      `<?xml version="1.0" encoding="UTF-16"?>` + in(tail),
		"declaration of XML 1.1":     `<?xml version="1.1"?>` + in(tail),
		"unclosed declaration":       `<?xml version="1.0"` + in(tail),
		"space before declaration":   ` <?xml version="1.0"?>` + in(tail),
		"attribute":                  `<xml a="1">` + head + tail + "</xml>",
		"attribute on a field":       in(`<Event a="1">x</Event>` + tail),
		"attribute without value":    in("<a b>x</a>" + tail),
		"default namespace":          `<xml xmlns="urn:x">` + head + tail + "</xml>",
		"prefixed namespace":         `<xml xmlns:w="urn:x">` + head + tail + "</xml>",
		"foreign element":            in("<w:Content>x</w:Content>" + tail),
		"foreign sender":             in(`<x:FromUserName xmlns:x="urn:x">oEvil</x:FromUserName>` + tail),
		"prefix without name":        in("<:a>x</:a>" + tail),
		"name beginning with digit":  in("<1a>x</1a>" + tail),
		"name in Chinese":            in("<名>x</名>" + tail),
		"no name":                    in("<>x</>" + tail),
		"space before name":          in("< a>x</a>" + tail),
		"slash after space":          in("<a / >" + tail),
		"sender twice":               in("<FromUserName>oEvil</FromUserName>" + tail), // B14
		"sender twice, empty":        in("<FromUserName/>" + tail),
		"receiver twice":             in("<ToUserName>gh</ToUserName>" + tail),
		"time twice":                 in("<CreateTime>1</CreateTime>" + tail),
		"type twice":                 in(tail + "<MsgType>event</MsgType>"),
		"content twice":              in(tail + "<Content>C</Content>"),
		"id twice":                   in(tail + "<MsgId>2</MsgId>"),
		"menu item twice":            in(tail + "<bizmsgmenuid>1</bizmsgmenuid><bizmsgmenuid>2</bizmsgmenuid>"),
		"unknown element twice":      in(tail + "<New>1</New><New>1</New>"),
		"scan result twice":          in("<MsgType>event</MsgType><Event>scancode_push</Event><ScanCodeInfo><ScanResult>a</ScanResult><ScanResult>b</ScanResult></ScanCodeInfo>"),
		"scan info twice":            in("<MsgType>event</MsgType><Event>scancode_push</Event><ScanCodeInfo><ScanResult>a</ScanResult></ScanCodeInfo><ScanCodeInfo/>"),
		"unknown twice in scan info": in("<MsgType>event</MsgType><Event>scancode_push</Event><ScanCodeInfo><N/><N/></ScanCodeInfo>"),
		"template twice in a list":   in("<MsgType>event</MsgType><Event>subscribe_msg_popup_event</Event><SubscribeMsgPopupEvent><List><TemplateId>a</TemplateId><TemplateId>b</TemplateId></List></SubscribeMsgPopupEvent>"),
		"event key twice":            in("<MsgType>event</MsgType><Event>SCAN</Event><EventKey>1</EventKey><EventKey>2</EventKey>"),
		"sender inside unknown":      in(tail + "<New><FromUserName>oEvil</FromUserName></New>"),
		"sender inside scan info":    in(tail + "<ScanCodeInfo><FromUserName>oEvil</FromUserName></ScanCodeInfo>"),
		"id deep inside unknown":     in(tail + "<New><A><B><MsgId>9</MsgId></B></A></New>"),
		"element inside the sender":  "<xml><ToUserName>gh</ToUserName><FromUserName>o<b/></FromUserName><CreateTime>1</CreateTime>" + tail + "</xml>",
		"element inside the content": in("<MsgType>text</MsgType><Content>B<b>C</b></Content><MsgId>1</MsgId>"),
		"CDATA between fields":       in(tail + "<![CDATA[x]]>"),
		"text between fields":        in(tail + "x"),
		"text inside scan info":      in("<MsgType>event</MsgType><Event>scancode_push</Event><ScanCodeInfo>x</ScanCodeInfo>"),
		"sender missing":             "<xml><ToUserName>gh</ToUserName><CreateTime>1</CreateTime>" + tail + "</xml>",
		"sender empty":               "<xml><ToUserName>gh</ToUserName><FromUserName></FromUserName><CreateTime>1</CreateTime>" + tail + "</xml>",
		"sender too long":            "<xml><ToUserName>gh</ToUserName><FromUserName>" + strings.Repeat("o", 65) + "</FromUserName><CreateTime>1</CreateTime>" + tail + "</xml>",
		"sender with space":          "<xml><ToUserName>gh</ToUserName><FromUserName>o o</FromUserName><CreateTime>1</CreateTime>" + tail + "</xml>",
		"sender with newline":        "<xml><ToUserName>gh</ToUserName><FromUserName>o\no</FromUserName><CreateTime>1</CreateTime>" + tail + "</xml>",
		"sender in Chinese":          "<xml><ToUserName>gh</ToUserName><FromUserName>张</FromUserName><CreateTime>1</CreateTime>" + tail + "</xml>",
		"receiver missing":           "<xml><FromUserName>o</FromUserName><CreateTime>1</CreateTime>" + tail + "</xml>",
		"time missing":               "<xml><ToUserName>gh</ToUserName><FromUserName>o</FromUserName>" + tail + "</xml>",
		"type missing":               in("<Content>B</Content><MsgId>1</MsgId>"),
		"id missing":                 in("<MsgType>text</MsgType><Content>B</Content>"),
		"event name missing":         in("<MsgType>event</MsgType>"),
		"event name empty":           in("<MsgType>event</MsgType><Event/>"),
		"event key too long":         in("<MsgType>event</MsgType><Event>VIEW</Event><EventKey>" + strings.Repeat("k", 1025) + "</EventKey>"),
		"scan result too long":       in("<MsgType>event</MsgType><Event>scancode_push</Event><ScanCodeInfo><ScanResult>" + strings.Repeat("k", 1025) + "</ScanResult></ScanCodeInfo>"),
		"33 levels":                  nest(32),
		"a thousand levels":          nest(1000),
		"five thousand levels open":  in(tail + strings.Repeat("<a>", 5000)),
		"65 different elements":      in(tail + many(65)),
		"NUL in text":                in("<MsgType>text</MsgType><Content>a\x00b</Content><MsgId>1</MsgId>"),
		"bell in text":               in("<MsgType>text</MsgType><Content>a\x07b</Content><MsgId>1</MsgId>"),
		"escape in CDATA":            in("<MsgType>text</MsgType><Content><![CDATA[a\x1bb]]></Content><MsgId>1</MsgId>"),
		"NUL in a name":              in("<a\x00>x</a\x00>" + tail),
		"bad UTF-8":                  in("<MsgType>text</MsgType><Content>\xff\xfe</Content><MsgId>1</MsgId>"),
		"cut UTF-8":                  in("<MsgType>text</MsgType><Content>\xe4\xb8</Content><MsgId>1</MsgId>"),
		"overlong UTF-8":             in("<MsgType>text</MsgType><Content>\xc0\xaf</Content><MsgId>1</MsgId>"),
		"surrogate in UTF-8":         in("<MsgType>text</MsgType><Content>\xed\xa0\x80</Content><MsgId>1</MsgId>"),
		"beyond Unicode":             in("<MsgType>text</MsgType><Content>\xf4\x90\x80\x80</Content><MsgId>1</MsgId>"),
		"GBK":                        in("<MsgType>text</MsgType><Content>\xbd\xf1\xc8\xd5</Content><MsgId>1</MsgId>"),
		"UTF-16":                     "\xff\xfe<\x00x\x00m\x00l\x00>\x00",
		"U+FFFE":                     in("<MsgType>text</MsgType><Content>\uFFFE</Content><MsgId>1</MsgId>"),
		"U+FFFF":                     in("<MsgType>text</MsgType><Content>\uFFFF</Content><MsgId>1</MsgId>"),
	}
	for _, n := range []string{"-1", "0", "+1", "01", "1.0", "1e3", "0x1", " 1", "1 ", "", "一", "9223372036854775808", "18446744073709551616", "99999999999999999999", "-9223372036854775808", "NaN", "1,000", "1\t"} {
		docs["MsgId "+strconv.Quote(n)] = in("<MsgType>text</MsgType><Content>B</Content><MsgId>" + n + "</MsgId>")
	}
	for _, n := range []string{"-1", "+1", "01", "1.0", "1e9", " 1790000000", "", "now", "253402300800", "1790000000000000", "9223372036854775808", "99999999999999999999"} {
		docs["CreateTime "+strconv.Quote(n)] = "<xml><ToUserName>gh</ToUserName><FromUserName>o</FromUserName><CreateTime>" + n + "</CreateTime>" + tail + "</xml>"
	}
	return docs
}

func many(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("<n" + strconv.Itoa(i) + "/>")
	}
	return b.String()
}

func TestHostileMessagesAreRefused(t *testing.T) {
	t.Parallel()
	docs := hostileDocs()
	files, err := filepath.Glob("testdata/hostile/*.xml")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d saved documents, %v", len(files), err)
	}
	for _, f := range files {
		doc, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		docs[f] = string(doc)
	}
	if len(docs) < 150 {
		t.Errorf("only %d documents", len(docs))
	}
	for name, doc := range docs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			rec := b.post(t, newWire(), doc)
			calls, last := b.seen()
			if rec.Code != http.StatusBadRequest || rec.Body.String() != "bad request" || calls != 0 || last != BadMessage {
				t.Errorf("%d %q, %d calls, %s", rec.Code, rec.Body, calls, last)
			}
			// In plain mode the same document comes without an envelope.
			p := setup(t, func(o *ReceiverOptions) { o.Mode = ModePlain })
			w := newWire()
			w.query = func(q url.Values) { q.Del("encrypt_type"); q.Del("msg_signature") }
			req := w.request(t, "")
			req.Body, req.ContentLength = readCloser(doc), int64(len(doc))
			rec2 := statusOf(p, req)
			if calls, _ := p.seen(); rec2 != http.StatusBadRequest || calls != 0 {
				t.Errorf("plain mode: %d, %d calls", rec2, calls)
			}
		})
	}
}

// Next to the hostile ones: as far as a legal message may go.
func TestTheFarthestLegalMessagesAreTaken(t *testing.T) {
	t.Parallel()
	const tail = "<MsgType>text</MsgType><Content>B</Content>"
	in := func(s string) string { return "<xml>" + head + s + "</xml>" }
	for name, doc := range map[string]string{
		"32 levels":               in(tail + "<MsgId>1</MsgId>" + strings.Repeat("<a>", 31) + strings.Repeat("</a>", 31)),
		"64 elements":             in(tail + "<MsgId>1</MsgId>" + many(58)),
		"last id of int64":        in(tail + "<MsgId>9223372036854775807</MsgId>"),
		"id beyond int32":         in(tail + "<MsgId>2147483648</MsgId>"),
		"last second of 9999":     strings.Replace(in(tail+"<MsgId>1</MsgId>"), "1790000000", "253402300799", 1),
		"second 0":                strings.Replace(in(tail+"<MsgId>1</MsgId>"), "1790000000", "0", 1),
		"white space everywhere":  " <xml >\n" + regexp.MustCompile(`(</\w+)><`).ReplaceAllString(in(tail + "<MsgId>1</MsgId>")[5:], "$1 >\r\n\t<") + "\n",
		"tab and newline in text": in("<MsgType>text</MsgType><Content>a\tb\nc</Content><MsgId>1</MsgId>"),
		"last character":          in("<MsgType>text</MsgType><Content>\U0010FFFF\uFFFD\uE000</Content><MsgId>1</MsgId>"),
		"longest sender":          strings.Replace(in(tail+"<MsgId>1</MsgId>"), "oSIM_user_0000000000000001", strings.Repeat("o", 64), 1),
		"a text of 40,000 bytes":  in("<MsgType>text</MsgType><Content>" + strings.Repeat("字", 13333) + "</Content><MsgId>1</MsgId>"),
		"references":              in("<MsgType>text</MsgType><Content>&#65;&#x42;&#x10FFFF;&#9;</Content><MsgId>1</MsgId>"),
		"markup in CDATA":         in("<MsgType>text</MsgType><Content><![CDATA[<!DOCTYPE x><FromUserName>oEvil</FromUserName>&nbsp;]]></Content><MsgId>1</MsgId>"),
	} {
		b := setup(t)
		rec := b.post(t, newWire(), doc)
		if calls, last := b.seen(); rec.Code != http.StatusOK || calls != 1 || last != Answered {
			t.Errorf("%s: %d, %d calls, %s", name, rec.Code, calls, last)
		} else if name != "longest sender" && b.calls[0].in.From.External != "oSIM_user_0000000000000001" {
			t.Errorf("%s: from %q", name, b.calls[0].in.From.External)
		}
	}
}

func TestHostileQueries(t *testing.T) {
	t.Parallel()
	sig := strings.Repeat("0", 40)
	change := map[string]func(url.Values){
		"nothing at all":            func(q url.Values) { clear(q) },
		"nonce missing":             func(q url.Values) { q.Del("nonce") },
		"nonce empty":               func(q url.Values) { q.Set("nonce", "") },
		"nonce long":                func(q url.Values) { q.Set("nonce", strings.Repeat("1", 129)) },
		"nonce with space":          func(q url.Values) { q.Set("nonce", "1 1") },
		"nonce with NUL":            func(q url.Values) { q.Set("nonce", "1\x00") },
		"nonce with newline":        func(q url.Values) { q.Set("nonce", "1\nINFO forged line") },
		"nonce in Chinese":          func(q url.Values) { q.Set("nonce", "一") },
		"nonce of another request":  func(q url.Values) { q.Set("nonce", "1514711493") },
		"nonce twice":               func(q url.Values) { q.Add("nonce", "2") },
		"nonce twice, equal":        func(q url.Values) { q.Add("nonce", q.Get("nonce")) },
		"timestamp missing":         func(q url.Values) { q.Del("timestamp") },
		"timestamp of another":      func(q url.Values) { q.Set("timestamp", "1790000001") },
		"timestamp twice":           func(q url.Values) { q.Add("timestamp", "1790000000") },
		"border moved":              func(q url.Values) { q.Set("timestamp", "17900000001"); q.Set("nonce", "514711492") },
		"signature wrong":           func(q url.Values) { q.Set("signature", sig) },
		"signature empty":           func(q url.Values) { q.Set("signature", "") },
		"signature short":           func(q url.Values) { q.Set("signature", q.Get("signature")[:39]) },
		"signature long":            func(q url.Values) { q.Set("signature", q.Get("signature")+"0") },
		"signature upper case":      func(q url.Values) { q.Set("signature", strings.ToUpper(q.Get("signature"))) },
		"signature twice":           func(q url.Values) { q.Add("signature", q.Get("signature")) },
		"signature no hex":          func(q url.Values) { q.Set("signature", strings.Repeat("g", 40)) },
		"msg_signature missing":     func(q url.Values) { q.Del("msg_signature") },
		"msg_signature empty":       func(q url.Values) { q.Set("msg_signature", "") },
		"msg_signature wrong":       func(q url.Values) { q.Set("msg_signature", sig) },
		"msg_signature short":       func(q url.Values) { q.Set("msg_signature", q.Get("msg_signature")[:39]) },
		"msg_signature long":        func(q url.Values) { q.Set("msg_signature", q.Get("msg_signature")+"0") },
		"msg_signature upper case":  func(q url.Values) { q.Set("msg_signature", strings.ToUpper(q.Get("msg_signature"))) },
		"msg_signature with spaces": func(q url.Values) { q.Set("msg_signature", " "+q.Get("msg_signature")) },
		"msg_signature twice":       func(q url.Values) { q.Add("msg_signature", sig) },
		"msg_signature is the other": func(q url.Values) {
			q.Set("msg_signature", q.Get("signature"))
		},
		"encrypt_type missing":  func(q url.Values) { q.Del("encrypt_type") },
		"encrypt_type raw":      func(q url.Values) { q.Set("encrypt_type", "raw") },
		"encrypt_type AES":      func(q url.Values) { q.Set("encrypt_type", "AES") },
		"encrypt_type empty":    func(q url.Values) { q.Set("encrypt_type", "") },
		"encrypt_type twice":    func(q url.Values) { q.Add("encrypt_type", "raw") },
		"encrypt_type with NUL": func(q url.Values) { q.Set("encrypt_type", "aes\x00") },
		"echostr twice":         func(q url.Values) { q.Add("echostr", "1"); q.Add("echostr", "2") },
		"echostr with markup":   func(q url.Values) { q.Set("echostr", "a b") },
		"five kilobytes more":   func(q url.Values) { q.Set("x", strings.Repeat("x", 5<<10)) },
	}
	refused := func(t *testing.T, w wire) {
		t.Helper()
		b := setup(t)
		rec := b.post(t, w, textMessage("B", "1"))
		if calls, _ := b.seen(); rec.Code != http.StatusForbidden || rec.Body.String() != "forbidden" || calls != 0 {
			t.Errorf("%d %q, %d calls", rec.Code, rec.Body, calls)
		}
	}
	for name, f := range change {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWire()
			w.query = f
			refused(t, w)
		})
	}
	good := newWire().request(t, textMessage("B", "1")).URL.RawQuery
	for name, raw := range map[string]string{
		"semicolons":           strings.ReplaceAll(good, "&", ";"),
		"one semicolon":        good + "&a;b=1",
		"broken escape":        good + "&a=%zz",
		"cut escape":           good + "&a=%2",
		"doubled by escape":    good + "&n%6Fnce=2",
		"doubled in disguise":  good + "&%73ignature=" + sig,
		"doubled without sign": good + "&nonce",
		"no sign anywhere":     "signature&timestamp&nonce",
		"only separators":      "&&&&",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWire()
			w.rawQuery = raw
			refused(t, w)
		})
	}
	for name, raw := range map[string]string{
		"unknown parameters": good + "&a=1&a=2&=3&b",
		"an escaped name":    strings.Replace(good, "nonce=", "n%6Fnce=", 1),
		"empty pairs":        "&" + strings.ReplaceAll(good, "&", "&&") + "&",
	} {
		w := newWire()
		w.rawQuery = raw
		if rec := setup(t).post(t, w, textMessage("B", "1")); rec.Code != http.StatusOK {
			t.Errorf("%s: %d", name, rec.Code)
		}
	}
}

// sealRaw encrypts exactly these bytes: the tests' way to make envelopes no honest side makes.
func sealRaw(t testing.TB, plain []byte) string {
	t.Helper()
	raw, err := decodeAESKey(testAES)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]byte, len(plain))
	cipher.NewCBCEncrypter(block, raw[:16]).CryptBlocks(out, plain)
	return base64.StdEncoding.EncodeToString(out)
}

// framed is random bytes, length field, message, appid and padding, all as told.
func framed(length uint32, message, app string, pad []byte) []byte {
	b := append([]byte(testRandom), 0, 0, 0, 0)
	binary.BigEndian.PutUint32(b[16:], length)
	return append(append(append(b, message...), app...), pad...)
}

// hostileEnvelopes are ciphertexts that are signed well and must not be opened.
func hostileEnvelopes(t testing.TB) map[string]string {
	t.Helper()
	message := textMessage("B", "1")
	n := uint32(len(message))
	content := len(framed(n, message, testApp, nil))
	right := padBlock - content%padBlock
	pad := func(value, count int) []byte { return bytes.Repeat([]byte{byte(value)}, count) }
	good := sealRaw(t, framed(n, message, testApp, pad(right, right)))
	raw, err := base64.StdEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	enc := base64.StdEncoding.EncodeToString
	flip := func(i int) string { c := bytes.Clone(raw); c[i] ^= 1; return enc(c) }
	oneWrong := pad(right, right)
	oneWrong[0] ^= 1
	whole := message + strings.Repeat(" ", right-1) // so that 1 byte of padding is right
	w := uint32(len(whole))
	all := map[string]string{
		"pad 0":                        sealRaw(t, framed(n, message, testApp, pad(0, right))),
		"pad 33":                       sealRaw(t, framed(n, message, testApp, pad(33, right))),
		"pad 255":                      sealRaw(t, framed(n, message, testApp, pad(255, right))),
		"pad one more":                 sealRaw(t, framed(n, message, testApp, pad(right+1, right))),
		"pad one less":                 sealRaw(t, framed(n, message, testApp, pad(right-1, right))),
		"pad of 17 over 1":             sealRaw(t, framed(w, whole, testApp, pad(17, 1))),
		"pad of mixed bytes":           sealRaw(t, framed(n, message, testApp, oneWrong)),
		"no pad":                       sealRaw(t, framed(n, message, testApp, nil)[:content/padBlock*padBlock]),
		"length 0":                     sealRaw(t, framed(0, message, testApp, pad(right, right))),
		"length one more":              sealRaw(t, framed(n+1, message, testApp, pad(right, right))),
		"length one less":              sealRaw(t, framed(n-1, message, testApp, pad(right, right))),
		"length beyond the end":        sealRaw(t, framed(1<<20, message, testApp, pad(right, right))),
		"length negative":              sealRaw(t, framed(0xFFFFFFFF, message, testApp, pad(right, right))),
		"length negative, edge":        sealRaw(t, framed(0x80000000, message, testApp, pad(right, right))),
		"length wraps around":          sealRaw(t, framed(n-1<<31, message, testApp, pad(right, right))),
		"appid of the same length":     sealRaw(t, framed(n, message, "wxtest0123456780", pad(right, right))),
		"appid in capitals":            sealRaw(t, framed(n, message, strings.ToUpper(testApp), pad(right, right))),
		"nothing but zeros":            sealRaw(t, make([]byte, 64)),
		"nothing but padding":          sealRaw(t, pad(32, 32)),
		"two blocks of padding":        sealRaw(t, pad(32, 64)),
		"one short block":              enc(raw[:16]),
		"one and a half":               enc(raw[:48]),
		"last block missing":           enc(raw[:len(raw)-16]),
		"last two blocks missing":      enc(raw[:len(raw)-32]),
		"first two blocks missing":     enc(raw[32:]),
		"a byte missing":               enc(raw[:len(raw)-1]),
		"a byte more":                  enc(append(bytes.Clone(raw), 0)),
		"blocks swapped":               enc(append(bytes.Clone(raw[32:64]), append(bytes.Clone(raw[:32]), raw[64:]...)...)),
		"blocks doubled":               enc(append(bytes.Clone(raw), raw...)),
		"last bit flipped":             flip(len(raw) - 1),
		"bit before the padding":       flip(len(raw) - 17),
		"bit in the length":            flip(16 - 16 + 3), // CBC: byte i of one block flips byte i of the next
		"one character":                "A",
		"two characters":               "AA",
		"no base64":                    "!!!!" + good[4:],
		"base64 cut":                   good[:len(good)-1],
		"base64 cut by four":           good[:len(good)-4],
		"base64 with newline":          good[:64] + "\n" + good[64:],
		"base64 with CR LF at the end": good + "\r\n",
		"base64 with space":            good[:64] + " " + good[64:],
		"base64 with tail":             good + "AAAA",
		"base64 with padding inside":   good[:8] + "====" + good[12:],
		"base64 URL alphabet":          base64.URLEncoding.EncodeToString(raw[:32]) + "-_-_",
		"base64 twice":                 enc([]byte(good)),
		"hexadecimal":                  strings.Repeat("ab", 64),
		"plain text":                   "plain text, nothing else at all.",
	}
	for _, app := range []string{"", "w", "wx", testApp + "x", "x" + testApp, testApp[1:], testApp[:15], "wxother000000000", testApp + "\x00", "\x00"} {
		sealed, err := util.EncryptMsg([]byte(testRandom), []byte(message), app, testAES)
		if err != nil {
			t.Fatal(err)
		}
		all["appid "+strconv.Quote(app)] = string(sealed)
	}
	for _, key := range []string{otherAES, strings.Repeat("A", 43)} {
		sealed, err := util.EncryptMsg([]byte(testRandom), []byte(message), testApp, key)
		if err != nil {
			t.Fatal(err)
		}
		all["key "+key[:4]] = string(sealed)
	}
	return all
}

func TestHostileEnvelopes(t *testing.T) {
	t.Parallel()
	for name, sealed := range hostileEnvelopes(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			w := newWire()
			w.encrypted = sealed
			// Line breaks must reach the decoder as the signature saw them.
			rec := b.post(t, w, "")
			calls, last := b.seen()
			if rec.Code != http.StatusForbidden || rec.Body.String() != "forbidden" || calls != 0 {
				t.Errorf("%d %q, %d calls, %s", rec.Code, rec.Body, calls, last)
			}
			if last != BadEncryption && last != BadSignature {
				t.Errorf("told as %s", last)
			}
		})
	}
}

func TestHostileEnvelopeBodies(t *testing.T) {
	t.Parallel()
	sealed, err := util.EncryptMsg([]byte(testRandom), []byte(textMessage("B", "1")), testApp, testAES)
	if err != nil {
		t.Fatal(err)
	}
	e := "<Encrypt><![CDATA[" + string(sealed) + "]]></Encrypt>"
	for name, body := range map[string]string{
		"no Encrypt":           "<xml><ToUserName>gh</ToUserName></xml>",
		"Encrypt empty":        "<xml><Encrypt></Encrypt></xml>",
		"Encrypt twice":        "<xml>" + e + e + "</xml>",
		"Encrypt inside":       "<xml><a>" + e + "</a></xml>",
		"Encrypt deep inside":  "<xml>" + e + "<a><b>" + e + "</b></a></xml>",
		"another root":         "<root>" + e + "</root>",
		"second root":          "<xml>" + e + "</xml><xml>" + e + "</xml>",
		"DOCTYPE":              "<!DOCTYPE xml><xml>" + e + "</xml>",
		"comment":              "<xml><!-- -->" + e + "</xml>",
		"junk behind":          "<xml>" + e + "</xml>junk",
		"readable sender":      "<xml>" + e + "<FromUserName>oEvil</FromUserName></xml>",
		"readable type":        "<xml>" + e + "<MsgType>text</MsgType></xml>",
		"JSON":                 `{"ToUserName":"gh","Encrypt":"` + string(sealed) + `"}`,
		"only the ciphertext":  string(sealed),
		"16,000 elements":      "<xml>" + e + strings.Repeat("<a></a>", 8000) + "</xml>",
		"a depth bomb":         "<xml>" + e + strings.Repeat("<a>", 20000) + "</xml>",
		"bad UTF-8":            "<xml>" + e + "<a>\xff</a></xml>",
		"an attribute":         `<xml xmlns="urn:x">` + e + "</xml>",
		"Encrypt in two parts": "<xml><Encrypt><![CDATA[" + string(sealed[:8]) + "]]>\n" + string(sealed[8:]) + "</Encrypt></xml>",
	} {
		b := setup(t)
		w := newWire()
		w.encrypted, w.body = string(sealed), body
		rec := b.post(t, w, "")
		if calls, _ := b.seen(); rec.Code != http.StatusForbidden || rec.Body.String() != "forbidden" || calls != 0 {
			t.Errorf("%s: %d %q, %d calls", name, rec.Code, rec.Body, calls)
		}
	}
}
