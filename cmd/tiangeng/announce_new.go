package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

// textLimit is how much of a text file is read at all; what a campaign may say is the service's rule.
const textLimit = 64 << 10

type announceNewCmd struct {
	configFlag
	Title    string `required:"" help:"Title, at most 40 characters: for lists and notices."`
	Text     string `help:"What it says, at most 600 characters." xor:"text"`
	TextFile string `help:"File with the text; - for standard input." xor:"text" placeholder:"FILE"`
	URL      string `name:"url" help:"Page that a tap opens: the message is a card then."`
	Picture  string `help:"Address of the card's picture."`
	Media    string `help:"Picture (jpg, png) or sound (mp3, amr) of at most 2 MB; the message is that alone." placeholder:"FILE"`

	audienceFlags

	At     string `help:"When, in Beijing time: \"2026-12-01 08:30\"; at once without it." placeholder:"TIME"`
	Until  string `help:"Not later than this." placeholder:"TIME"`
	Urgent bool   `help:"For flood, fire and landslide only: at any hour, also by mass send."`
	Ack    bool   `help:"Ask for an acknowledgement (回执): people type 收到."`
	Key    string `help:"Name of this announcement, at most 60 characters. The same name again is the same announcement; without one, the same contents are."`
	DryRun bool   `help:"Only say whom it would reach; nothing is written."`
	JSON   bool   `help:"Print JSON."`
}

func (c *announceNewCmd) run(ctx context.Context, p *program) error {
	text, err := c.text(p)
	if err != nil {
		return err
	}
	campaign, err := c.campaign(text)
	if err != nil {
		return err
	}
	var media bot.Media
	if c.Media != "" {
		if media, err = readMedia(c.Media); err != nil {
			return err
		}
		campaign.Body.Media = media.ID
	}
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	if err := c.lists(ctx, p, a, &campaign.Audience); err != nil {
		return err
	}
	campaign.Key = "cli:" + c.Key
	if c.Key == "" {
		campaign.Key = "cli:" + campaign.Digest()
	}
	if c.DryRun {
		return c.try(ctx, p, a, campaign)
	}
	if media.ID != "" {
		if err := a.store.PutMedia(ctx, a.clock.Now(), actor(), media); err != nil {
			return err
		}
	}
	stored, created, err := a.service.DraftCampaign(ctx, campaign)
	if err != nil {
		return err
	}
	if !created && !campaign.Matches(stored) {
		return fault.New(fault.Conflict, "announce.key_reused", fault.A("key", c.Key), fault.A("id", stored.ID))
	}
	if c.JSON {
		return printJSON(p, drafted{created, stored})
	}
	return newNoticeboard(p.stdout, a).drafted(stored, created)
}

// drafted is the answer of announce new for scripts.
type drafted struct {
	Created  bool         `json:"created"` // false: it was there already
	Campaign bot.Campaign `json:"campaign"`
}

func (c *announceNewCmd) try(ctx context.Context, p *program, a *app, campaign bot.Campaign) error {
	if err := a.store.KnowAudience(ctx, campaign.Audience); err != nil {
		return err
	}
	forecast, err := a.service.TryCampaign(ctx, campaign)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p, forecast)
	}
	return newNoticeboard(p.stdout, a).forecast(campaign, forecast)
}

// text is what the announcement says: of the flag, a file or standard input.
func (c *announceNewCmd) text(p *program) (string, error) {
	var in io.Reader
	switch c.TextFile {
	case "":
		return c.Text, nil
	case "-":
		in = p.stdin
	default:
		f, err := os.Open(c.TextFile)
		if err != nil {
			return "", fmt.Errorf("reading the text: %w", err)
		}
		defer closing(f)
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, textLimit))
	if err != nil {
		return "", fmt.Errorf("reading the text: %w", err)
	}
	if !utf8.Valid(data) {
		return "", misuse{"the text is not UTF-8: save it again as UTF-8 text"}
	}
	text := strings.TrimPrefix(string(data), "\ufeff")
	return strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n")), nil
}

// campaign is what the flags say, but for the people of files.
func (c *announceNewCmd) campaign(text string) (bot.Campaign, error) {
	campaign := bot.Campaign{
		Kind: delivery.KindAnnouncement, Title: c.Title, Body: bot.Body{Text: text, URL: c.URL, Picture: c.Picture},
		Scope: people.Everyone(), WantsAck: c.Ack, By: actor(),
	}
	if c.Urgent {
		campaign.Kind = delivery.KindUrgent
	}
	if c.Media != "" && (text != "" || c.URL != "") {
		return campaign, misuse{"--media is the whole message: no --text, --text-file or --url with it"}
	}
	if len(c.Key) > 60 {
		return campaign, misuse{"--key may have at most 60 characters"}
	}
	var err error
	if campaign.DueAt, err = beijing("--at", c.At); err != nil {
		return campaign, err
	}
	if campaign.Deadline, err = beijing("--until", c.Until); err != nil {
		return campaign, err
	}
	campaign.Audience, err = c.audience()
	return campaign, err
}

// beijing reads a time of Asia/Shanghai; zero for "".
func beijing(flag, s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.ParseInLocation("2006-01-02 15:04", s, study.Zone)
	if err != nil {
		return time.Time{}, misuse{fmt.Sprintf("%s: %q is not a time like \"2026-12-01 08:30\"", flag, s)}
	}
	return t.UTC(), nil
}
