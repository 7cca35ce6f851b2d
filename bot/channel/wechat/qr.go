package wechat

import (
	"context"
	"errors"
	"net/url"
	"time"
	"unicode/utf8"

	"github.com/tiangeng/tiangeng/bot/channel"
)

// QR is a parametric QR code: who scans it brings its scene with follow or scan.
type QR struct {
	Ticket string
	URL    string    // what the code says, to draw it oneself
	Image  string    // address of the platform's picture
	Until  time.Time // UTC; zero when it never ends
}

const maxQRLife = 2592000 * time.Second

// QRTicket asks for a QR code with a scene of 1 to 64 characters. expire is at least a minute and
// at most 30 days; 0 makes a permanent one, of which an account has 100,000.
func (c *Client) QRTicket(ctx context.Context, scene string, expire time.Duration) (QR, error) {
	if n := utf8.RuneCountInString(scene); n < 1 || n > 64 || !utf8.ValidString(scene) {
		return QR{}, errors.New("QR code: the scene must have 1 to 64 characters")
	}
	if expire != 0 && (expire < time.Minute || expire > maxQRLife) {
		return QR{}, errors.New("QR code: it must live between one minute and 30 days, or for ever")
	}
	var in struct {
		Expire int64  `json:"expire_seconds,omitempty"`
		Action string `json:"action_name"`
		Info   struct {
			Scene struct {
				Text string `json:"scene_str"`
			} `json:"scene"`
		} `json:"action_info"`
	}
	in.Action, in.Info.Scene.Text = "QR_LIMIT_STR_SCENE", scene
	if expire > 0 {
		in.Action, in.Expire = "QR_STR_SCENE", int64(expire/time.Second)
	}
	var out struct {
		Ticket string `json:"ticket"`
		URL    string `json:"url"`
		Expire int64  `json:"expire_seconds"`
	}
	asked := c.o.Now()
	const path = "/cgi-bin/qrcode/create"
	if _, err := c.call(ctx, path, in, &out); err != nil {
		return QR{}, err
	}
	if out.Ticket == "" {
		return QR{}, &APIError{Path: path, Verdict: channel.Unknown, Reason: "unparsable", class: channel.ClassLater}
	}
	qr := QR{
		Ticket: out.Ticket, URL: out.URL,
		Image: "https://mp.weixin.qq.com/cgi-bin/showqrcode?ticket=" + url.QueryEscape(out.Ticket),
	}
	if expire > 0 && out.Expire > 0 {
		qr.Until = asked.Add(time.Duration(out.Expire) * time.Second).UTC()
	}
	return qr, nil
}
