package wechat

import (
	"context"
	"errors"

	"github.com/silenceper/wechat/v2/officialaccount/message"

	"github.com/tiangeng/tiangeng/bot/channel"
)

const (
	sendPath     = "/cgi-bin/message/custom/send"
	templatePath = "/cgi-bin/message/template/send"
	massPath     = "/cgi-bin/message/mass/send"
)

// wayPaths are the APIs that each way is sent by.
var wayPaths = map[channel.Way]string{
	channel.WayWindow: sendPath, channel.WayNotice: "/cgi-bin/message/subscribe/bizsend", channel.WayOnce: "/cgi-bin/message/template/subscribe",
	channel.WayTemplate: templatePath, channel.WayMass: massPath,
}

// Send sends one message by the way it asks for and says what is certain about it. It is called once
// (twice after a rejected token, which the platform did not act on), and whatever leaves a doubt is
// Unknown. Only a template message may be repeated, with the same ClientID.
func (c *Client) Send(ctx context.Context, out channel.Outbound) channel.Outcome {
	var body any
	var wrong string
	way := out.Way
	switch way {
	case "", channel.WayWindow:
		way = channel.WayWindow
		body, wrong = customerMessage(out)
	case channel.WayNotice, channel.WayOnce, channel.WayTemplate:
		body, wrong = formMessage(out)
	default:
		wrong = "way_unknown"
	}
	return c.deliver(ctx, wayPaths[way], body, wrong)
}

// deliver makes one call that sends something; wrong is why it must not be made.
func (c *Client) deliver(ctx context.Context, path string, body any, wrong string) channel.Outcome {
	if wrong != "" {
		return channel.Outcome{Verdict: channel.Refused, Class: channel.ClassOurs, Reason: wrong}
	}
	head, err := c.call(ctx, path, body, nil)
	if err == nil && !head.coded {
		return channel.Outcome{Verdict: channel.Unknown, Class: channel.ClassLater, Reason: "unparsable"}
	}
	return outcome(head, err)
}

func outcome(head answerHead, err error) channel.Outcome {
	if err == nil {
		return channel.Outcome{Verdict: channel.Accepted, RequestID: head.rid, MessageID: head.msgID}
	}
	var e *APIError
	if !errors.As(err, &e) { // call promises otherwise; a doubt is Unknown
		return channel.Outcome{Verdict: channel.Unknown, Class: channel.ClassLater, Reason: "internal"}
	}
	o := channel.Outcome{
		Verdict: e.Verdict, Class: e.class, Code: e.Code, Reason: e.Reason, RequestID: e.RequestID, RetryAfter: e.wait,
	}
	switch {
	case o.Verdict == channel.Accepted:
		o.MessageID = head.msgID
	case o.Verdict == channel.Refused && o.Code == -1:
		// Nobody has written down whether a busy system took the message.
		o.Verdict, o.Class = channel.Unknown, channel.ClassLater
	}
	return o
}

// customerMessage makes the body; wrong is a short word when the message cannot be one.
func customerMessage(out channel.Outbound) (m *message.CustomerMessage, wrong string) {
	to, in := out.To.External, out.Message
	if to == "" || len(to) > maxOpenID || !visible(to) {
		return nil, "openid_invalid"
	}
	switch in.Kind {
	case channel.MessageText:
		if wrong = checkText(in.Text); wrong != "" {
			return nil, wrong
		}
		return message.NewCustomerTextMessage(to, in.Text), ""
	case channel.MessageMenu:
		return menuMessage(to, in)
	case channel.MessageCards:
		return cardMessage(to, in.Cards)
	case channel.MessageImage, channel.MessageVoice:
		if in.Media == "" {
			return nil, "media_missing"
		}
		if in.Kind == channel.MessageImage {
			return message.NewCustomerImgMessage(to, in.Media), ""
		}
		return message.NewCustomerVoiceMessage(to, in.Media), ""
	}
	return nil, "message_type"
}

func checkText(s string) string {
	switch {
	case s == "":
		return "empty_content"
	case len(s) > MaxText:
		return "text_too_long"
	}
	return ""
}

func menuMessage(to string, in channel.Message) (*message.CustomerMessage, string) {
	if len(in.Options) == 0 {
		return nil, "empty_content"
	}
	menu := &message.MediaMsgmenu{HeadContent: in.Text, TailContent: in.Tail}
	total := len(in.Text) + len(in.Tail)
	for _, o := range in.Options {
		if _, numeric := parseInt(o.ID); !numeric || o.Text == "" {
			return nil, "menu_option"
		}
		menu.List = append(menu.List, message.MsgmenuItem{ID: o.ID, Content: o.Text})
		total += len(o.Text)
	}
	if total > MaxText {
		return nil, "text_too_long"
	}
	return &message.CustomerMessage{ToUser: to, Msgtype: "msgmenu", Msgmenu: menu}, ""
}

func cardMessage(to string, cards []channel.Card) (*message.CustomerMessage, string) {
	if len(cards) != 1 {
		return nil, "too_many_articles" // 45008; none is as wrong
	}
	c := cards[0]
	if c.Title == "" || c.URL == "" {
		return nil, "empty_content"
	}
	return &message.CustomerMessage{
		ToUser: to, Msgtype: message.MsgTypeNews,
		News: &message.MediaNews{Articles: []message.MediaArticles{{
			Title: c.Title, Description: c.Summary, URL: c.URL, Picurl: c.Picture,
		}}},
	}, ""
}
