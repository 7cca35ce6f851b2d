package wechat

import (
	"net"
	"net/url"
	"strconv"
	"strings"
)

// OnceLink is the address of the platform's page where a person allows one one-time subscribe message
// (一次性订阅消息, wechat-protocol §3). The platform sends the person back to back with openid,
// template_id, action, scene and reserved. reserved has letters and digits only.
func (c *Client) OnceLink(template string, scene int, back, reserved string) string {
	// Pages are on another host than the API; a simulator has both.
	base := "https://mp.weixin.qq.com"
	if u, err := url.Parse(c.o.APIBase); err == nil && loopback(u.Hostname()) {
		base = strings.TrimRight(c.o.APIBase, "/")
	}
	q := url.Values{
		"action": {"get_confirm"}, "appid": {c.o.AppID}, "scene": {strconv.Itoa(scene)}, "template_id": {template}, "redirect_url": {back}, "reserved": {reserved},
	}
	return base + "/mp/subscribemsg?" + q.Encode() + "#wechat_redirect"
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
