package wechat

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/silenceper/wechat/v2/util"
)

// The vectors V1 to V8 of wechat-protocol §1.2: facts from the platform's pages and three SDKs.

func TestPublishedSignatures(t *testing.T) {
	t.Parallel()
	const v3 = "+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJGQqcvZqzDpVzazhZv6JsXUnnR8XGT740XgXZUXQ7vJVnAG+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrfMZuMcp3Fn2Pede2IuQrKEYwKSqFIZoNqJ4M8EajAsjLY2km32IIjdf8YL/P50F7mStwntrA2cPDrM1kb6mOcfBgRtWygb3VIYnSeOBrebufAlr7F9mFUPAJGj04="
	const ticket = "jsapi_ticket=sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg&noncestr=Wm3WZYTPz0wzccnW&timestamp=1414587457&url="
	for _, c := range []struct {
		name, want string
		parts      []string
	}{
		{"V1 handshake", "f464b24fc39322e44b38aa78f5edd27bd1441696", []string{"AAAAA", "1714036504", "1514711492"}},
		{"V2 push", "899cf89e464efb63f54ddac96b0a0a235f53aa78", []string{"AAAAA", "1714037059", "486452656"}},
		{"V3 signature", "6c5c811b55cc85e0e1b54100749188c20beb3f5d", []string{"AAAAA", "1714112445", "415670741"}},
		{"V3 msg_signature", "046e02f8204d34f8ba5fa3b1db94908f3df2e9b3", []string{"AAAAA", "1714112445", "415670741", v3}},
		{"V4 reply", "1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1", []string{"AAAAA", "1713424427", "415670741", "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ=="}},
		{"V7 push", "f9c725922f6844701ba71e98031978e40023c09f", []string{"token1234567890", "1458864389", "2066297436"}},
		{"V8 page with a query", "0f9de62fce790f9a083d5c99e95740ceb90c27ed", []string{ticket + "http://mp.weixin.qq.com?params=value"}},
		{"V8 page", "f4d90daf4b3bca3078ab155816175ba34c443a7b", []string{ticket + "http://mp.weixin.qq.com"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var parts [][]byte
			for _, p := range c.parts {
				parts = append(parts, []byte(p))
			}
			got, _ := sign(nil, parts...)
			if string(got[:]) != c.want {
				t.Errorf("ours %s, want %s", got, c.want)
			}
			if sdk := util.Signature(c.parts...); sdk != c.want {
				t.Errorf("the SDK %s, want %s", sdk, c.want)
			}
		})
	}
}

func mustEnvelope(t testing.TB, key string) *envelope {
	t.Helper()
	raw, err := decodeAESKey(key)
	if err != nil {
		t.Fatal(err)
	}
	e, err := newEnvelope(raw)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestPublishedEnvelopes(t *testing.T) {
	t.Parallel()
	const demoKey = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
	for _, c := range []struct{ name, key, app, random, message, sealed string }{
		{
			"V3", strings.Repeat("A", 43), "wxba5fad812f8e6fb9", "a8eedb185eb2fecf",
			`{"ToUserName":"gh_97417a04a28d","FromUserName":"o9AgO5Kd5ggOC-bXrbNODIiE3bGY","CreateTime":1714112445,"MsgType":"event","Event":"debug_demo","debug_str":"hello world"}`,
			"+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJGQqcvZqzDpVzazhZv6JsXUnnR8XGT740XgXZUXQ7vJVnAG+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrfMZuMcp3Fn2Pede2IuQrKEYwKSqFIZoNqJ4M8EajAsjLY2km32IIjdf8YL/P50F7mStwntrA2cPDrM1kb6mOcfBgRtWygb3VIYnSeOBrebufAlr7F9mFUPAJGj04=",
		},
		{
			"V4", strings.Repeat("A", 43), "wxba5fad812f8e6fb9", "707722b803182950", `{"demo_resp":"good luck"}`,
			"ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ==",
		},
		{
			"V5", demoKey, "wxb11529c136998cb6", "aaaabbbbccccdddd", "我是中文abcd123",
			"jn1L23DB+6ELqJ+6bruv21Y6MD7KeIfP82D6gU39rmkgczbWwt5+3bnyg5K55bgVtVzd832WzZGMhkP72vVOfg==",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := mustEnvelope(t, c.key)
			message, buf, ok := e.open(nil, []byte(c.sealed), c.app)
			if !ok || string(message) != c.message {
				t.Fatalf("opened %v %q", ok, message)
			}
			if random := string(buf[:16]); random != c.random {
				t.Errorf("random %q, want %q", random, c.random)
			}
			sealed, _ := e.seal(nil, nil, []byte(c.message), [16]byte([]byte(c.random)), c.app)
			if string(sealed) != c.sealed {
				t.Errorf("sealed %s\nwant   %s", sealed, c.sealed)
			}
		})
	}
}

func TestPublishedXMLMessage(t *testing.T) {
	t.Parallel()
	const v6 = "rTNFcsut4LfGuAFKEUVVpwcaCOTJzOd9twZdIW910jb3k+iicx2uvhttIZ3Qg9Qgty3BEF2xbOrz6boTfb30dMomcgrkTqdFPwnhqbk+kIQ7rZiwny9D7NUrTgA5kpX3KsZvrXzUZyP2x9YOlxbgm572lmxKvM7HAQQhIQ/p6HBmoY30bGXFK0BtIu1pW9TjhOYrLQoU18nWYjWqDA1ynkmOytpv7QRI1P1+0NoxL0q2zO1DgeSvnE8CZGo/o5Ap/WHK5W2RAsinpzN4/LjPnmB6U01I5XCoJoC0GK/yMZycd2Oh8Nq6+wBkC1U85oy0ktOY4nLvsQMLrourmMGdZHuTbqpeJ8Ao/5PRYJ+WBvRUwPfGKBL2+2IKZF49vAJqkcGWSHGE76ZN2erXeuNazf/o9o3lIE3q739o4c8t9QGPe31GT2Go/rOz1BsrASwvauNulCh+++yz+CQzBIuikA=="
	message, buf, ok := mustEnvelope(t, testAES).open(nil, []byte(v6), "wxb11529c136998cb6")
	if !ok || string(buf[:16]) != "d43123b161a4ba84" {
		t.Fatal("not opened")
	}
	var x struct{ ToUserName, MsgType, Content, MsgId string }
	if err := xml.Unmarshal(message, &x); err != nil || x.ToUserName != "asdasdasd" || x.MsgType != "text" || x.Content != "hello" || x.MsgId != "12345" {
		t.Errorf("message %q: %+v %v", message, x, err)
	}
	got, _ := sign(nil, []byte("pamtest"), []byte("1458300676"), []byte("260774613"), []byte(v6))
	if string(got[:]) != "4f3ad57b6989f09f4eb392acce4f9e93942ed890" {
		t.Errorf("msg_signature %s", got)
	}
}

func TestKeyWithLooseLastBitsIsAccepted(t *testing.T) {
	t.Parallel()
	const key = "AdiqDDDvUNCeE1ZW5XJmjf9fqNBJpGBs4vL4cHKmHBS" // V7
	if _, err := base64.StdEncoding.Strict().DecodeString(key + "="); err == nil {
		t.Fatal("the vector does not show the case")
	}
	if raw, err := decodeAESKey(key); err != nil || len(raw) != 32 {
		t.Errorf("%d bytes, %v", len(raw), err)
	}
}

func TestEnvelopeAgreesWithTheSDK(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	e := mustEnvelope(t, testAES)
	var work, buf []byte
	for n := range 600 {
		message := make([]byte, n)
		for i := range message {
			message[i] = byte(rng.Uint32())
		}
		var random [16]byte
		for i := range random {
			random[i] = byte(rng.Uint32())
		}
		app := strings.Repeat("w", 1+n%40)
		theirs, err := util.EncryptMsg(random[:], message, app, testAES)
		if err != nil {
			t.Fatal(err)
		}
		var ours []byte
		ours, work = e.seal(nil, work, message, random, app)
		if !bytes.Equal(ours, theirs) {
			t.Fatalf("%d bytes: sealed differently", n)
		}
		var got []byte
		var ok bool
		got, buf, ok = e.open(buf, theirs, app)
		if !ok || !bytes.Equal(got, message) {
			t.Fatalf("%d bytes: opened %v", n, ok)
		}
		if _, back, err := util.DecryptMsg(app, string(ours), testAES); err != nil || !bytes.Equal(back, message) {
			t.Fatalf("%d bytes: the SDK: %v", n, err)
		}
	}
}
