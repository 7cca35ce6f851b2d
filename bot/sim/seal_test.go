package sim

import (
	"strings"
	"testing"
)

const (
	docKey   = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	docApp   = "wxba5fad812f8e6fb9"
	oldKey   = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
	oldApp   = "wxb11529c136998cb6"
	docCrypt = "+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJGQqcvZqzDpVzazhZv6JsXUnnR8XGT740XgXZUXQ7vJVnAG+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrfMZuMcp3Fn2Pede2IuQrKEYwKSqFIZoNqJ4M8EajAsjLY2km32IIjdf8YL/P50F7mStwntrA2cPDrM1kb6mOcfBgRtWygb3VIYnSeOBrebufAlr7F9mFUPAJGj04="
	oldCrypt = "rTNFcsut4LfGuAFKEUVVpwcaCOTJzOd9twZdIW910jb3k+iicx2uvhttIZ3Qg9Qgty3BEF2xbOrz6boTfb30dMomcgrkTqdFPwnhqbk+kIQ7rZiwny9D7NUrTgA5kpX3KsZvrXzUZyP2x9YOlxbgm572lmxKvM7HAQQhIQ/p6HBmoY30bGXFK0BtIu1pW9TjhOYrLQoU18nWYjWqDA1ynkmOytpv7QRI1P1+0NoxL0q2zO1DgeSvnE8CZGo/o5Ap/WHK5W2RAsinpzN4/LjPnmB6U01I5XCoJoC0GK/yMZycd2Oh8Nq6+wBkC1U85oy0ktOY4nLvsQMLrourmMGdZHuTbqpeJ8Ao/5PRYJ+WBvRUwPfGKBL2+2IKZF49vAJqkcGWSHGE76ZN2erXeuNazf/o9o3lIE3q739o4c8t9QGPe31GT2Go/rOz1BsrASwvauNulCh+++yz+CQzBIuikA=="
)

func TestSignaturesAreThoseOfTheDocuments(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		parts []string
		want  string
	}{
		"V1":         {[]string{"AAAAA", "1714036504", "1514711492"}, "f464b24fc39322e44b38aa78f5edd27bd1441696"},
		"V2":         {[]string{"AAAAA", "1714037059", "486452656"}, "899cf89e464efb63f54ddac96b0a0a235f53aa78"},
		"V3 address": {[]string{"AAAAA", "1714112445", "415670741"}, "6c5c811b55cc85e0e1b54100749188c20beb3f5d"},
		"V3 message": {[]string{"AAAAA", "1714112445", "415670741", docCrypt}, "046e02f8204d34f8ba5fa3b1db94908f3df2e9b3"},
		"V4":         {[]string{"AAAAA", "1713424427", "415670741", "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ=="}, "1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1"},
		"V6":         {[]string{"pamtest", "1458300676", "260774613", oldCrypt}, "4f3ad57b6989f09f4eb392acce4f9e93942ed890"},
		"V7":         {[]string{"token1234567890", "1458864389", "2066297436"}, "f9c725922f6844701ba71e98031978e40023c09f"},
	} {
		if got := Sign(c.parts...); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func open(t *testing.T, appID, key string) *Envelope {
	t.Helper()
	e, err := NewEnvelope(appID, key)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestSealingGivesTheDocumentsCiphertext(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ key, app, random, message, want string }{
		"V4": {docKey, docApp, "707722b803182950", `{"demo_resp":"good luck"}`, "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ=="},
		"V5": {oldKey, oldApp, "aaaabbbbccccdddd", "我是中文abcd123", "jn1L23DB+6ELqJ+6bruv21Y6MD7KeIfP82D6gU39rmkgczbWwt5+3bnyg5K55bgVtVzd832WzZGMhkP72vVOfg=="},
	} {
		if got := open(t, c.app, c.key).sealWith([16]byte([]byte(c.random)), c.message); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestOpeningReadsTheDocumentsCiphertext(t *testing.T) {
	t.Parallel()
	got, err := open(t, docApp, docKey).Open(docCrypt)
	want := `{"ToUserName":"gh_97417a04a28d","FromUserName":"o9AgO5Kd5ggOC-bXrbNODIiE3bGY","CreateTime":1714112445,"MsgType":"event","Event":"debug_demo","debug_str":"hello world"}`
	if err != nil || got != want {
		t.Errorf("V3: %q, %v", got, err)
	}
	got, err = open(t, oldApp, oldKey).Open(oldCrypt)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"asdasdasd", "hello", "12345"} {
		if !strings.Contains(got, part) {
			t.Errorf("V6: %q is not in %q", part, got)
		}
	}
}

func TestKeysMayEndInBitsThatCarryNothing(t *testing.T) {
	t.Parallel()
	e := open(t, "wx1", "AdiqDDDvUNCeE1ZW5XJmjf9fqNBJpGBs4vL4cHKmHBS") // V7
	if got, err := e.Open(e.Seal("test text message")); err != nil || got != "test text message" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestOnlyGoodKeysAreTaken(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"", docKey[1:], docKey + "A", strings.Repeat("*", 43)} {
		if _, err := NewEnvelope(docApp, key); err == nil {
			t.Errorf("key %q is taken", key)
		}
	}
}

func TestMessagesOfEveryLengthComeBack(t *testing.T) {
	t.Parallel()
	e := open(t, docApp, docKey)
	for n := range 100 {
		want := strings.Repeat("x", n)
		if got, err := e.Open(e.Seal(want)); err != nil || got != want {
			t.Errorf("%d characters: %q, %v", n, got, err)
		}
	}
}

func TestBrokenEnvelopesAreNotOpened(t *testing.T) {
	t.Parallel()
	e := open(t, docApp, docKey)
	good := e.Seal("hello")
	for name, sealed := range map[string]string{
		"empty":           "",
		"not base64":      "*" + good[1:],
		"half a block":    "QUJD",
		"another account": open(t, oldApp, docKey).Seal("hello"),
		"another key":     open(t, docApp, oldKey).Seal("hello"),
		"cut":             docCrypt[:64],
	} {
		if got, err := e.Open(sealed); err == nil {
			t.Errorf("%s: opened as %q", name, got)
		}
	}
}

const benchMessage = "<xml><ToUserName><![CDATA[gh_sim000000001]]></ToUserName><FromUserName><![CDATA[oSIM_user_0000000000000001]]></FromUserName><CreateTime>1790000000</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[今日一课]]></Content><MsgId>24000000000000001</MsgId></xml>"

func BenchmarkSeal(b *testing.B) {
	e, err := NewEnvelope(docApp, docKey)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		e.Seal(benchMessage)
	}
}

func BenchmarkSealAndSign(b *testing.B) {
	e, err := NewEnvelope(docApp, docKey)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		Sign("AAAAA", "1714112445", "415670741", e.Seal(benchMessage))
	}
}

func BenchmarkOpen(b *testing.B) {
	e, err := NewEnvelope(docApp, docKey)
	if err != nil {
		b.Fatal(err)
	}
	sealed := e.Seal(benchMessage)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Open(sealed); err != nil {
			b.Fatal(err)
		}
	}
}
