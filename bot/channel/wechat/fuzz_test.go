package wechat

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/silenceper/wechat/v2/util"

	"github.com/tiangeng/tiangeng/bot/channel"
)

// seedFiles are the golden and the hostile documents.
func seedFiles(t testing.TB) (docs []string) {
	t.Helper()
	for _, dir := range []string{"callbacks", "hostile"} {
		files, err := filepath.Glob("testdata/" + dir + "/*.xml")
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", dir, len(files), err)
		}
		for _, f := range files {
			doc, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			docs = append(docs, string(doc))
		}
	}
	return docs
}

// standard reads a document with encoding/xml: the texts of the children of the root by name.
func standard(doc string) (map[string]string, error) {
	d := xml.NewDecoder(strings.NewReader(doc))
	texts := map[string]string{}
	var path []string
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return texts, nil
		}
		if err != nil {
			return nil, err
		}
		switch x := token.(type) {
		case xml.StartElement:
			path = append(path, x.Name.Local)
			if len(path) == 2 {
				texts[x.Name.Local] = ""
			}
		case xml.EndElement:
			path = path[:len(path)-1]
		case xml.CharData:
			if len(path) == 2 {
				texts[path[1]] += string(x)
			}
		}
	}
}

// agree fails the test when the scanner accepted a document that encoding/xml refuses or reads
// otherwise, or made values of it that break a promise of channel.Inbound.
func agree(t *testing.T, doc string) (accepted bool) {
	t.Helper()
	var r reader
	var f fields
	if r.read([]byte(doc), messageRoot, &f) != nil {
		return false
	}
	texts, err := standard(doc)
	if err != nil {
		t.Fatalf("encoding/xml refuses what was accepted: %v", err)
	}
	for name, n := range messageRoot.kids {
		if n.field == noField {
			continue
		}
		want, there := texts[name]
		if there != f.found[n.field] || want != string(f.value[n.field]) {
			t.Fatalf("%s: read %v %q, encoding/xml %v %q", name, f.found[n.field], f.value[n.field], there, want)
		}
	}
	in, req, err := f.inbound("default")
	if err != nil {
		return false
	}
	promises(t, in, req)
	return true
}

func promises(t *testing.T, in channel.Inbound, req Request) {
	t.Helper()
	if len(in.Key) != 64 || strings.Trim(in.Key, "0123456789abcdef") != "" {
		t.Fatalf("key %q", in.Key)
	}
	if in.From.External == "" || len(in.From.External) > 64 || in.From.Channel != "wechat" || in.From.Account != "default" {
		t.Fatalf("from %+v", in.From)
	}
	if in.Kind == "" || in.At.Unix() < 0 || in.At.Year() > 9999 {
		t.Fatalf("%+v", in)
	}
	if (in.Contact == channel.ContactTyped) && (req.Event != "" || in.MenuItem != "") {
		t.Fatalf("an event or a tapped item opens 48 hours: %+v", in)
	}
	if len(in.Receipts) > 0 && in.Kind != channel.KindReceipt {
		t.Fatalf("receipts in %s", in.Kind)
	}
}

// What the scanner accepts, encoding/xml reads the same way.
func TestScannerAgreesWithTheStandardDecoder(t *testing.T) {
	t.Parallel()
	accepted := 0
	for _, doc := range seedFiles(t) {
		if !agree(t, doc) {
			continue
		}
		accepted++
		whole := len(strings.TrimRight(doc, "\r\n "))
		for cut := range whole { // and nothing cut short is taken for whole
			if agree(t, doc[:cut]) {
				t.Fatalf("accepted the first %d bytes of %q", cut, doc)
			}
		}
	}
	if accepted < 40 {
		t.Errorf("only %d documents were accepted", accepted)
	}
}

func FuzzCallbackXML(f *testing.F) {
	for _, doc := range seedFiles(f) {
		if len(doc) < 4000 {
			f.Add(doc)
		}
	}
	f.Fuzz(func(t *testing.T, doc string) {
		if len(doc) > MaxBody {
			return
		}
		agree(t, doc)
		var r reader
		var x fields
		_ = r.read([]byte(doc), envelopeRoot, &x) // must only not panic
	})
}

func FuzzEnvelope(f *testing.F) {
	for _, sealed := range hostileEnvelopes(f) {
		f.Add(sealed, []byte(sealed))
	}
	good, err := util.EncryptMsg([]byte(testRandom), []byte(textMessage("B", "1")), testApp, testAES)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(good), []byte("hello"))
	f.Fuzz(func(t *testing.T, sealed string, plain []byte) {
		e := mustEnvelope(t, testAES)
		if message, _, ok := e.open(nil, []byte(sealed), testApp); ok {
			_, theirs, err := util.DecryptMsg(testApp, sealed, testAES)
			if err != nil || !bytes.Equal(theirs, message) {
				t.Fatalf("the SDK reads %q, %v; we %q", theirs, err, message)
			}
		}
		// As the inside of an envelope: any 32-byte blocks, encrypted under the right key.
		blocks := bytes.Clone(plain[:len(plain)/padBlock*padBlock])
		if len(blocks) > 0 {
			inside := sealRaw(t, blocks)
			message, _, ok := e.open(nil, []byte(inside), testApp)
			_, theirs, err := util.DecryptMsg(testApp, inside, testAES)
			if ok && (err != nil || !bytes.Equal(theirs, message)) {
				t.Fatalf("we open what the SDK does not: %v", err)
			}
		}
		ours, _ := e.seal(nil, nil, plain, [16]byte([]byte(testRandom)), testApp)
		back, _, ok := e.open(nil, ours, testApp)
		if !ok || !bytes.Equal(back, plain) {
			t.Fatal("not opened again")
		}
	})
}

func FuzzQuery(f *testing.F) {
	for _, raw := range []string{
		"signature=f464b24fc39322e44b38aa78f5edd27bd1441696&timestamp=1714036504&nonce=1514711492&echostr=4375120948345356249",
		"nonce=1&nonce=2", "n%6Fnce=1&timestamp=1", "nonce=1;timestamp=2", "nonce=%zz", "&&=&nonce=+1", "nonce=1&encrypt_type=aes&msg_signature=",
	} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, ok := parseQuery(raw)
		if !ok {
			return
		}
		std, err := url.ParseQuery(raw)
		if err != nil {
			t.Fatalf("net/url refuses what was accepted: %v", err)
		}
		got := map[string]string{
			"signature": q.signature, "timestamp": q.timestamp, "nonce": q.nonce, "echostr": q.echostr,
			"encrypt_type": q.encryptType, "msg_signature": q.msgSignature,
		}
		for name, value := range got {
			if len(std[name]) > 1 || std.Get(name) != value {
				t.Fatalf("%s: %q, net/url %q", name, value, std[name])
			}
		}
		for _, r := range q.nonce + q.echostr {
			if r <= ' ' || r > '~' {
				t.Fatalf("nonce %q, echo %q", q.nonce, q.echostr)
			}
		}
		if q.nonce == "" {
			t.Fatal("no nonce")
		}
	})
}

func FuzzAnswer(f *testing.F) {
	for _, body := range []string{
		`{"errcode":0,"errmsg":"ok"}`, `{"errcode":45015,"errmsg":"response out of time limit or subscription is canceled rid: 6aac0001-00000001-00000001"}`,
		`{"errcode":"0"}`, `{"errcode":0}{}`, `{"errcode":1e0}`, `{}`, `[]`, `{"errcode":0,"msgid":3487000000000000001}`, "<html>", `{"errcode":0,"errcode":45015}`,
		`{"access_token":"x","expires_in":7200}`, `{"errcode":-1,"errmsg":null}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		h, ok := decodeHead(body)
		if !ok {
			return
		}
		// Numbers keep their digits: the reference never sees a rounded code.
		var ref map[string]any
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		if err := d.Decode(&ref); err != nil {
			t.Fatalf("encoding/json refuses what was accepted: %v", err)
		}
		code, there := ref["errcode"]
		if n, err := strconv.Atoi(fmt.Sprint(code)); there != h.coded || there && (err != nil || n != h.code) {
			t.Fatalf("errcode %v was read as %v %d", code, h.coded, h.code)
		}
		if len(h.text) > maxErrmsg || strings.ContainsAny(h.text+h.rid+h.msgID, "\r\n\x00") {
			t.Fatalf("%+v", h)
		}
	})
}

// What is written into a reply is read back by a standard decoder, whatever the text holds.
func FuzzReply(f *testing.F) {
	for _, s := range []string{"好", "]]>", "a]]", ">", "]]]]><![CDATA[>", "\x00\x1b", "\xff", "\uFFFE", strings.Repeat("字", 700), "a\r\nb"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		to := replyTo{person: []byte("oSIM"), account: []byte("gh"), seconds: 1}
		log := setupLogger()
		doc, ok := appendReply(nil, to, channel.Text(s), log)
		want := cutText(strings.Map(func(r rune) rune {
			if r == '\r' || !xmlRune(r) {
				return -1
			}
			return r
		}, strings.ToValidUTF8(s, "")), MaxText)
		if said := strings.TrimSpace(want) != ""; !ok || !said {
			if ok || said { // an empty Content makes the platform tell the person we are broken
				t.Fatalf("%q: said %v", s, ok)
			}
			return
		}
		var p passive
		if err := xml.Unmarshal(doc, &p); err != nil {
			t.Fatalf("%q: %v", doc, err)
		}
		if d := cmp.Diff(want, p.Content); d != "" || p.ToUserName != "oSIM" || p.FromUserName != "gh" || len(p.Content) > MaxText {
			t.Fatalf("%s %+v", d, p)
		}
	})
}
