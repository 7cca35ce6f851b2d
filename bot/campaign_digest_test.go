package bot

import (
	"testing"
	"time"

	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/people"
)

// Whatever a person can change about a campaign makes another one; what happens to it later does not.
func TestTheDigestIsOfWhatIsSaid(t *testing.T) {
	t.Parallel()
	base := func() Campaign {
		return Campaign{Kind: delivery.KindAnnouncement, Title: "防火", Body: Body{Text: "不要烧荒。"}, Audience: Audience{Units: []people.OrgCode{"530000000000"}}, Scope: people.Everyone()}
	}
	want := base().Digest()
	if len(want) != 40 {
		t.Errorf("%q is not 40 digits", want)
	}
	at := time.Date(2026, 12, 1, 0, 30, 0, 0, time.UTC)
	for name, change := range map[string]func(*Campaign){
		"kind": func(c *Campaign) { c.Kind = delivery.KindUrgent }, "title": func(c *Campaign) { c.Title += "！" },
		"text": func(c *Campaign) { c.Body.Text += "！" }, "url": func(c *Campaign) { c.Body.URL = "https://a.example" },
		"picture": func(c *Campaign) { c.Body.Picture = "https://a.example/p.png" }, "media": func(c *Campaign) { c.Body.Media = "x" },
		"audience": func(c *Campaign) { c.Audience.Units = append(c.Audience.Units, "520000000000") },
		"except":   func(c *Campaign) { c.Audience.Except = &Audience{Cohorts: []string{"a"}} },
		"progress": func(c *Campaign) { c.Audience.Progress = &Progress{Course: "a", Is: ProgressBehind, At: 1} },
		"scope":    func(c *Campaign) { c.Scope = people.Scope{Units: []people.OrgCode{"530000000000"}} },
		"due":      func(c *Campaign) { c.DueAt = at }, "deadline": func(c *Campaign) { c.Deadline = at }, "ack": func(c *Campaign) { c.WantsAck = true },
	} {
		c := base()
		if change(&c); c.Digest() == want {
			t.Errorf("another %s has the same digest", name)
		}
	}
	c := base()
	c.ID, c.Key, c.Status, c.By, c.CreatedAt = 7, "k", CampaignRunning, "cli:a", at
	if c.Digest() != want {
		t.Error("a number, a status or a maker changes the digest")
	}
	c.DueAt = at
	other := base()
	if other.DueAt = at.In(time.FixedZone("", 8*3600)); other.Digest() != c.Digest() {
		t.Error("the same moment in another zone has another digest")
	}
}

func TestAKeyMatchesItsContents(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 12, 1, 0, 30, 0, 0, time.UTC)
	asked := Campaign{Kind: delivery.KindAnnouncement, Title: " 防火 ", Body: Body{Text: "不要烧荒。\n"}, Scope: people.Everyone()}
	stored := asked.filled(at)
	stored.ID, stored.Status = 3, CampaignRunning
	if !asked.Matches(stored) {
		t.Error("open times and stray blanks do not match")
	}
	asked.DueAt = at.Add(time.Minute)
	if asked.Matches(stored) {
		t.Error("another hour matches")
	}
	asked.DueAt, asked.Body.Text = at, "可以烧荒。"
	if asked.Matches(stored) {
		t.Error("another text matches")
	}
}
