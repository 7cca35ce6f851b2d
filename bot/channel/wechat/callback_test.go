package wechat

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot/channel"
)

var update = flag.Bool("update", false, "write the golden files anew")

type golden struct {
	Inbound channel.Inbound
	Request Request
}

// Each recorded push goes through the whole receiver; what Handle got is the golden file.
func TestCallbacksBecomeInbound(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/callbacks/*.xml")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d callbacks, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			doc, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			b := setup(t)
			openReply(t, b.post(t, newWire(), string(doc)), testToken, testAES)
			if len(b.calls) != 1 {
				t.Fatalf("handled %d times", len(b.calls))
			}
			got := golden{b.calls[0].in, b.calls[0].req}
			compareGolden(t, strings.TrimSuffix(file, ".xml")+".json", got)
		})
	}
}

func compareGolden(t *testing.T, file string, got golden) {
	t.Helper()
	if *update {
		j, err := json.MarshalIndent(got, "", "  ")
		if err == nil {
			err = os.WriteFile(file, append(j, '\n'), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	j, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want golden
	if err := json.Unmarshal(j, &want); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

// What a repeat repeats makes the same key; two real events of one second do not share one.
func TestMessageKeys(t *testing.T) {
	t.Parallel()
	eventDoc := func(from, at, rest string) string {
		return "<xml><ToUserName>gh_1</ToUserName><FromUserName>" + from + "</FromUserName><CreateTime>" + at +
			"</CreateTime><MsgType>event</MsgType>" + rest + "</xml>"
	}
	const scan, click = "<Event>SCAN</Event><EventKey>7</EventKey>", "<Event>CLICK</Event><EventKey>7</EventKey>"
	docs := map[string]string{
		"message 1":      textMessage("B", "1"),
		"message 2":      textMessage("B", "2"),
		"scan":           eventDoc("o1", "1790000000", scan),
		"click":          eventDoc("o1", "1790000000", click),
		"later":          eventDoc("o1", "1790000001", scan),
		"other person":   eventDoc("o2", "1790000000", scan),
		"moved border":   eventDoc("o", "1790000000", "<Event>SCAN7</Event><EventKey></EventKey>"),
		"receipt 1":      eventDoc("o1", "1790000000", "<Event>TEMPLATESENDJOBFINISH</Event><MsgID>1</MsgID><Status>success</Status>"),
		"receipt 2":      eventDoc("o1", "1790000000", "<Event>TEMPLATESENDJOBFINISH</Event><MsgID>2</MsgID><Status>success</Status>"),
		"waitmsg A":      eventDoc("o1", "1790000000", "<Event>scancode_waitmsg</Event><EventKey>C</EventKey><ScanCodeInfo><ScanResult>A</ScanResult></ScanCodeInfo>"),
		"waitmsg B":      eventDoc("o1", "1790000000", "<Event>scancode_waitmsg</Event><EventKey>C</EventKey><ScanCodeInfo><ScanResult>B</ScanResult></ScanCodeInfo>"),
		"popup accept":   eventDoc("o1", "1790000000", "<Event>subscribe_msg_popup_event</Event><SubscribeMsgPopupEvent><List><TemplateId>T</TemplateId><SubscribeStatusString>accept</SubscribeStatusString></List></SubscribeMsgPopupEvent>"),
		"popup reject":   eventDoc("o1", "1790000000", "<Event>subscribe_msg_popup_event</Event><SubscribeMsgPopupEvent><List><TemplateId>T</TemplateId><SubscribeStatusString>reject</SubscribeStatusString></List></SubscribeMsgPopupEvent>"),
		"unknown events": eventDoc("o1", "1790000000", "<Event>new</Event>"),
	}
	keys := map[string]string{}
	for name, doc := range docs {
		for _, account := range []string{"default", "second"} {
			key := mustParse(t, doc, account).Key
			if len(key) != 64 || strings.ToLower(key) != key {
				t.Errorf("%s: key %q", name, key)
			}
			if again := mustParse(t, doc, account).Key; again != key {
				t.Errorf("%s: a repeat has another key", name)
			}
			if other := keys[key]; other != "" {
				t.Errorf("%s (%s) and %s share a key", name, account, other)
			}
			keys[key] = name + " (" + account + ")"
		}
	}
}

func mustParse(t *testing.T, doc, account string) channel.Inbound {
	t.Helper()
	var r reader
	var f fields
	if err := r.read([]byte(doc), messageRoot, &f); err != nil {
		t.Fatal(err)
	}
	in, _, err := f.inbound(account)
	if err != nil {
		t.Fatal(err)
	}
	return in
}
