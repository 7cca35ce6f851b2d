package wechat

import (
	"context"

	"github.com/tiangeng/tiangeng/bot/channel"
)

// How many people one mass send to a list may name (wechat-protocol §3).
const (
	minMass = 2
	maxMass = 10_000
)

// SendMass sends one text to a list of people by one call. With the same ClientID it may be asked
// again for a day: the platform then answers with the first call's message id, which is Accepted.
func (c *Client) SendMass(ctx context.Context, out channel.MassOutbound) channel.Outcome {
	wrong := checkText(out.Text)
	switch {
	case len(out.To) < minMass || len(out.To) > maxMass:
		wrong = "openid_list"
	case out.ClientID == "" || !clientID(out.ClientID):
		wrong = "client_id"
	}
	for _, to := range out.To {
		if to == "" || len(to) > maxOpenID || !visible(to) {
			wrong = "openid_invalid"
		}
	}
	var body struct {
		To       []string          `json:"touser"`
		Type     string            `json:"msgtype"`
		Text     map[string]string `json:"text"`
		ClientID string            `json:"clientmsgid"`
	}
	body.To, body.Type, body.Text, body.ClientID = out.To, "text", map[string]string{"content": out.Text}, out.ClientID
	return c.deliver(ctx, massPath, body, wrong)
}
