package sim

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// hostile is a reply that tries to become markup; of it, only the msgmenu link may be a link.
const hostile = `<img src=x onerror="window.hacked=1"><a href="javascript:window.hacked=1">坏链接</a> ` +
	`<a href="weixin://bizmsgmenu?msgmenucontent=下一题&msgmenuid=7">下一题</a> <b>不是标签</b> 见 https://nync.yn.gov.cn/ 。`

// openPhones starts a platform with two phones, a menu and a bot that answers, and opens the page.
func openPhones(t *testing.T, width, height int64) (*bench, *browser) {
	t.Helper()
	b := setup(t, func(o *Options) {
		o.Name = "田埂课堂"
		o.Personas = []Persona{
			{OpenID: anna, Name: "张建国", Note: "村委会主任", Avatar: "建国", Color: "#2f7d5b", Hints: []Hint{{Label: "绑定", Kind: "text", Value: "张建国 新村 4821"}}},
			{OpenID: bert, Name: "李桂花", Note: "村文书", Avatar: "桂花", Color: "#b0562a"},
		}
		o.Scenes = []Scene{{Scene: "class-1", Label: "防返贫监测班"}}
	})
	b.bot.does(func(w http.ResponseWriter, _ *http.Request, p pushed) {
		reply := "收到：" + cut(p.Plain, "<Content><![CDATA[", "]]>") + cut(p.Plain, "<EventKey><![CDATA[", "]]>") + cut(p.Plain, "<Recognition><![CDATA[", "]]>")
		switch {
		case strings.Contains(p.Plain, "[CDATA[试探]]"):
			reply = hostile
		case strings.Contains(p.Plain, "[CDATA[坏]]"):
			http.Error(w, "no", http.StatusOK)
			return
		}
		_, _ = fmt.Fprint(w, b.bot.sealed(textReply(cut(p.Plain, "<FromUserName><![CDATA[", "]]>"), reply)))
	})
	b.wants("menu", b.code("/cgi-bin/menu/create", map[string]any{"button": []any{
		map[string]any{"type": "click", "name": "今日学习", "key": "TODAY"},
		map[string]any{"name": "我的", "sub_button": []any{
			map[string]any{"type": "click", "name": "我的学习", "key": "MINE"},
			map[string]any{"type": "scancode_waitmsg", "name": "扫码签到", "key": "CHECKIN"},
		}},
	}}), 0)
	page := openBrowser(t, width, height)
	page.open(b.url() + "/sim/")
	page.sees("[data-role=stream]", "已连线")
	page.until("both phones are there", "document.querySelectorAll('[data-openid]').length === 2")
	return b, page
}

// cut returns what stands between two marks, "" when they are not there.
func cut(s, before, after string) string {
	_, rest, found := strings.Cut(s, before)
	if !found {
		return ""
	}
	inner, _, _ := strings.Cut(rest, after)
	return inner
}

func botBubble(openid string) string { return fmt.Sprintf("[data-openid=%q] [data-from=bot]", openid) }

// lastPlain is the newest push the bot got, decrypted.
func (b *bench) lastPlain() string {
	b.t.Helper()
	all := b.bot.pushes()
	if len(all) == 0 {
		b.t.Fatal("the bot got nothing")
	}
	return all[len(all)-1].Plain
}

func TestAPersonFollowsTapsAndTypesOnThePhonesPage(t *testing.T) {
	t.Parallel()
	b, page := openPhones(t, 1600, 1000)
	page.sees("#account", "田埂课堂")
	page.sees("[data-openid] [data-role=window]", "未关注")

	page.do("choose the class", chromedp.SetValue(on(anna, "scene"), "class-1"))
	page.click(on(anna, "follow"))
	page.sees(botBubble(anna), "收到：qrscene_class-1")
	page.sees(on(anna, "window"), "1 分钟窗口 · 剩 3 条")

	page.click(on(anna, "menu-button") + "[data-key=TODAY]")
	page.sees(botBubble(anna), "收到：TODAY")
	page.click(on(anna, "menu-button") + "[data-key=我的]")
	page.shot("menu")
	page.click(on(anna, "menu-item") + "[data-key=MINE]")
	page.sees(botBubble(anna), "收到：MINE")

	page.click(on(anna, "menu-toggle"))
	page.write(on(anna, "input"), "今日学习"+kb.Enter)
	page.sees(botBubble(anna), "收到：今日学习")
	page.sees(on(anna, "window"), "48 小时窗口 · 剩 5 条")
	if left := page.text(fmt.Sprintf("document.querySelector(%q).value", on(anna, "input"))); left != "" {
		t.Errorf("after Enter the input still holds %q", left)
	}
	page.click(fmt.Sprintf("[data-openid=%q] .hint", anna))
	page.click(on(anna, "send"))
	page.sees(botBubble(anna), "收到：张建国 新村 4821")

	page.click(on(anna, "voice"))
	page.write(fmt.Sprintf("[data-openid=%q] [name=recognition]", anna), "我选择B")
	page.click(on(anna, "form-ok"))
	page.sees(botBubble(anna), "收到：我选择B")
	if !strings.Contains(b.lastPlain(), "<Recognition><![CDATA[我选择B]]>") {
		t.Errorf("the voice push is %s", b.lastPlain())
	}

	b.wants("a message with choices", b.code("/cgi-bin/message/custom/send", map[string]any{
		"touser": anna, "msgtype": "msgmenu",
		"msgmenu": map[string]any{"head_content": "选哪个？", "list": []any{map[string]any{"id": "101", "content": "甲项"}}, "tail_content": ""},
	}), 0)
	page.click(on(anna, "msgmenu-item") + `[data-id="101"]`)
	page.sees(botBubble(anna), "收到：甲项")
	if !strings.Contains(b.lastPlain(), "<bizmsgmenuid>101</bizmsgmenuid>") {
		t.Errorf("the msgmenu push is %s", b.lastPlain())
	}
	b.wants("a card", b.code("/cgi-bin/message/custom/send", map[string]any{
		"touser": anna, "msgtype": "news", "news": map[string]any{"articles": []any{map[string]any{"title": "第 3 课", "description": "两分钟", "url": "https://e.example/1"}}},
	}), 0)
	page.sees(on(anna, "card"), "第 3 课")

	page.click(on(anna, "unfollow"))
	page.until("the follow button is back", fmt.Sprintf("document.querySelector(%q) !== null", on(anna, "follow")))
	page.until("the end of the chat is in sight", fmt.Sprintf("((e) => e.scrollHeight - e.scrollTop - e.clientHeight < 2)(document.querySelector('[data-openid=%q] .log'))", anna))
	page.shot("desk")
	if bad := b.bot.bad; len(bad) > 0 {
		t.Errorf("the bot refused deliveries: %v", bad)
	}
}

func TestThePageShowsTheWireTheClockAndFailures(t *testing.T) {
	t.Parallel()
	b, page := openPhones(t, 1600, 1000)
	page.click(on(anna, "follow"))
	page.click(on(anna, "menu-toggle"))
	page.write(on(anna, "input"), "今日学习"+kb.Enter)
	page.sees(botBubble(anna), "收到：今日学习")

	page.click(`[data-role="wire-item"][data-dir="push"]:last-child`)
	for _, want := range []string{"msg_signature", "签名网址", "请求解密后", "<Content><![CDATA[今日学习]]></Content>", "答复解密后", "收到：今日学习"} {
		page.sees(".wdetail", want)
	}
	page.until("the request is shown as it went, encrypted", "document.querySelector('.wdetail pre.raw').textContent.includes('<Encrypt>')")
	page.sees(`[data-role="wire-item"][data-dir="api"]`, "建菜单")
	page.shot("wire")

	page.click(`[data-role="advance"][data-step="tomorrow 08:00"]`)
	page.sees("[data-role=clock]", "08:00:0")
	now := b.p.Clock().Now().In(shanghai)
	if now.Format("15:04") != "08:00" || now.Before(time.Now()) {
		t.Errorf("the platform's clock is %v", now)
	}

	page.write(on(anna, "input"), "坏"+kb.Enter)
	page.sees(on(anna, "notice"), OutOfService)

	page.click("[data-role=faults]")
	page.do("choose the place", chromedp.SetValue("#modal [name=path]", "/cgi-bin/message/custom/send"))
	page.do("tell the form", chromedp.EvaluateAsDevTools[chromedp.Void](`document.querySelector('#modal [name=path]').dispatchEvent(new Event('input', {bubbles: true}))`))
	page.do("choose the fault", chromedp.SetValue("#modal [name=kind]", FaultErrcode))
	page.click("#modal [data-role=form-ok]")
	page.sees("[data-role=faults]", "故障 1")
	b.wants("the call that was to fail", b.code("/cgi-bin/message/custom/send", customText(anna, "在吗")), -1)
	page.sees(`[data-role="wire-item"][data-errcode="-1"]`, "客服消息")
}

func TestWordsOfABotNeverBecomeMarkup(t *testing.T) {
	t.Parallel()
	b, page := openPhones(t, 1600, 1000)
	page.click(on(anna, "follow"))
	page.click(on(anna, "menu-toggle"))
	page.write(on(anna, "input"), "试探"+kb.Enter)
	page.sees(botBubble(anna), "不是标签")
	bubble := fmt.Sprintf("[...document.querySelectorAll(%q)].at(-1)", botBubble(anna))
	if n := page.text(bubble + ".querySelectorAll('img, b').length + ''"); n != "0" {
		t.Errorf("%s elements were made of a bot's text", n)
	}
	links := page.text("[..." + bubble + ".querySelectorAll('a')].map((a) => a.getAttribute('href')).join(' ')")
	if links != "https://nync.yn.gov.cn/" {
		t.Errorf("links made of a bot's text: %q", links)
	}
	page.click(on(anna, "msgmenu-item") + `[data-id="7"]`)
	page.sees(botBubble(anna), "收到：下一题")
	if hacked := page.text("String(window.hacked)"); hacked != "undefined" {
		t.Error("a bot's text ran as code")
	}
	if !strings.Contains(b.lastPlain(), "<bizmsgmenuid>7</bizmsgmenuid>") {
		t.Errorf("the link's push is %s", b.lastPlain())
	}
}

func TestASmallScreenShowsOnePhoneAtATime(t *testing.T) {
	t.Parallel()
	b, page := openPhones(t, 390, 844)
	const shown = "[...document.querySelectorAll('[data-openid]')].filter((e) => e.offsetParent !== null).map((e) => e.dataset.openid).join()"
	page.until("the first phone alone is shown", fmt.Sprintf("(%s) === %q", shown, anna))
	b.follower(bert)
	page.sees(".tab:nth-child(2) .unread", "1")
	page.click(".tab:nth-child(2)")
	page.until("the second phone alone is shown", fmt.Sprintf("(%s) === %q", shown, bert))
	page.until("nothing is unread", "document.querySelector('.unread') === null")
	page.shot("phone")
	if wide := page.text("String(document.documentElement.scrollWidth)"); wide != "390" {
		t.Errorf("the page is %s px wide on a screen of 390", wide)
	}
	page.click("[data-role=wire-toggle]")
	page.click(`[data-role="wire-item"][data-dir="push"]`)
	page.sees(".wdetail", "请求解密后")
	page.shot("wire")
}

// A page whose line was cut reads what it missed, each message once.
func TestThePageCatchesUpAfterTheLineWasCut(t *testing.T) {
	t.Parallel()
	b, page := openPhones(t, 1600, 1000)
	page.click(on(anna, "follow"))
	page.sees(botBubble(anna), "收到：")
	address := b.api.Listener.Addr().String()
	b.api.CloseClientConnections()
	b.api.Close()
	page.sees("[data-role=stream]", "断了")
	b.must(b.p.As(anna).Type(t.Context(), "没有连线时说的"))

	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	again := httptest.NewUnstartedServer(b.p.Handler())
	_ = again.Listener.Close() // its own, of another port
	again.Listener = listener
	again.Start()
	t.Cleanup(func() { again.CloseClientConnections(); again.Close() })

	page.sees("[data-role=stream]", "已连线")
	page.sees(botBubble(anna), "收到：没有连线时说的")
	b.must(b.p.As(anna).Type(t.Context(), "连上以后说的"))
	page.sees(botBubble(anna), "收到：连上以后说的")
	said := page.text(fmt.Sprintf("[...document.querySelectorAll('[data-openid=%q] [data-from=user] .bub')].map((e) => e.textContent).join()", anna))
	if said != "没有连线时说的,连上以后说的" {
		t.Errorf("the chat shows %q", said)
	}
}
