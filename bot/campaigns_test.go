package bot

import (
	"strings"
	"testing"
	"time"

	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/content"
)

// What passes the check fits into the platform's 2048 bytes as it is sent; what does not is told when it
// is written, not by one refusal after the other.
func TestACampaignThatNoMessageHoldsIsNotWritten(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 2, 0, 0, 0, time.UTC)
	s := &Service{o: Options{Phrases: content.DefaultPhrases()}}
	text, link := strings.Repeat("字", maxText), "https://example.org/"+strings.Repeat("a", 180)
	for name, x := range map[string]struct {
		kind delivery.Kind
		body Body
		ack  bool
		want string
	}{
		"600 characters":                          {delivery.KindAnnouncement, Body{Text: text}, true, ""},
		"600 characters, urgent":                  {delivery.KindUrgent, Body{Text: text}, true, ""},
		"600 signs of four bytes":                 {delivery.KindAnnouncement, Body{Text: strings.Repeat("𠀀", maxText)}, false, "campaign.message_too_long"},
		"a long link in a text, for an answer":    {delivery.KindAnnouncement, Body{Text: text, URL: link}, true, "campaign.message_too_long"},
		"a long link that may go by mass send":    {delivery.KindUrgent, Body{Text: text, URL: link}, false, "campaign.message_too_long"},
		"a long link of a card":                   {delivery.KindAnnouncement, Body{Text: text, URL: link}, false, ""},
		"a short text with a long link":           {delivery.KindUrgent, Body{Text: "水库放水", URL: link}, true, ""},
		"what was too long before is so as ever:": {delivery.KindAnnouncement, Body{Text: text + "字"}, false, "campaign.text_too_long"},
	} {
		c := Campaign{Key: "k", Kind: x.kind, Title: strings.Repeat("题", maxTitle), Body: x.body, WantsAck: x.ack, Scope: people.Everyone()}
		err := s.checkCampaign(c.filled(now), now)
		got := ""
		if f, ok := err.(*fault.Error); ok { //nolint:errorlint // it is not wrapped
			got = f.Key
		}
		if got != x.want {
			t.Errorf("%s: %q (%v), want %q", name, got, err, x.want)
		}
	}
}
