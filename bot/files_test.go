package bot_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/content"
)

// draftStore is a database with one draft that waits for a file.
type draftStore struct {
	bot.Store
	mu      sync.Mutex
	file    conversation.SentFile
	tries   int
	nextAt  time.Time
	problem conversation.FileProblem
	media   bot.Media
	gone    bool // given up while it was fetched
}

func (s *draftStore) ClaimFiles(_ context.Context, now, until time.Time, _ int) ([]bot.WantedFile, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.problem != "" || s.media.ID != "" || now.Before(s.nextAt) {
		return nil, nil
	}
	s.tries++
	s.nextAt = until
	return []bot.WantedFile{{Campaign: 7, By: "learner:5", Title: "防火通告", File: s.file, Tries: s.tries}}, nil
}

func (s *draftStore) KeepFile(_ context.Context, _ time.Time, _ bot.CampaignID, m bot.Media) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.gone {
		s.media = m
	}
	return !s.gone, nil
}

func (s *draftStore) DropFile(_ context.Context, _ bot.CampaignID, why conversation.FileProblem) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.problem = why
	return true, nil
}

func (s *draftStore) RetryFile(_ context.Context, _ bot.CampaignID, at time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nextAt = at
	return nil
}

func (s *draftStore) Media(context.Context, string) (bot.Media, error) { return s.media, nil }

func (s *draftStore) MediaUploaded(context.Context, string, string, time.Time) error { return nil }

func (s *draftStore) Recipients(_ context.Context, _ time.Time, _ people.Scope, a bot.Audience, _ people.LearnerID, _ int) ([]bot.Recipient, error) {
	return []bot.Recipient{{Learner: people.Learner{ID: a.Learners[0]}, To: channel.Address{Channel: "model", External: fmt.Sprint("o", a.Learners[0])}}}, nil
}

func (s *draftStore) NoteSent(context.Context, channel.Address) error { return nil }

// filePlatform gives files by a script, one entry a call, and keeps what was sent.
type filePlatform struct {
	bot.Sender
	mu     sync.Mutex
	script []func() ([]byte, error)
	sent   []string
}

func (p *filePlatform) DownloadMedia(ctx context.Context, id string, limit int) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, timed := ctx.Deadline(); id != "m-1" || limit != bot.MaxMedia || !timed {
		return nil, fmt.Errorf("asked for %q, %d bytes, with a time limit: %v", id, limit, timed)
	}
	next := p.script[0]
	if len(p.script) > 1 {
		p.script = p.script[1:]
	}
	return next()
}

func (p *filePlatform) UploadMedia(_ context.Context, kind channel.MessageKind, name string, _ []byte) (string, error) {
	return "up-" + string(kind) + name[strings.LastIndex(name, "."):], nil
}

func (p *filePlatform) Send(_ context.Context, out channel.Outbound) channel.Outcome {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent = append(p.sent, out.To.External+": "+out.Message.Text+out.Message.Media)
	return channel.Outcome{Verdict: channel.Accepted}
}

// Whatever the platform gives for a file, the draft gets a whole picture or recording, or its writer a sentence why not;
// what may help is tried again, what cannot is not.
func TestFilesAreFetchedOrSaidToBeUnusable(t *testing.T) {
	t.Parallel()
	gives := func(data []byte) func() ([]byte, error) { return func() ([]byte, error) { return data, nil } }
	fails := func(err error) func() ([]byte, error) { return func() ([]byte, error) { return nil, err } }
	busy := fails(errors.New("calling /cgi-bin/media/get: http_502 (unknown)"))
	jpg := picture(t, "jpg")
	type script = []func() ([]byte, error)
	for name, c := range map[string]struct {
		kind   channel.MessageKind
		script script
		gone   bool
		calls  int
		want   conversation.FileProblem // "" when the file is there
		shown  string                   // in what its writer sees; "" for nothing
	}{
		"a picture":                              {channel.MessageImage, script{gives(jpg)}, false, 1, "", "up-image.jpg"},
		"a png":                                  {channel.MessageImage, script{gives(picture(t, "png"))}, false, 1, "", "up-image.png"},
		"a recording":                            {channel.MessageVoice, script{gives(amr(100))}, false, 1, "", "up-voice.amr"},
		"busy twice":                             {channel.MessageImage, script{busy, busy, gives(jpg)}, false, 3, "", "up-image.jpg"},
		"half a picture, then the whole":         {channel.MessageImage, script{gives(jpg[:len(jpg)/2]), gives(jpg)}, false, 2, "", "up-image.jpg"},
		"half a recording, then the whole":       {channel.MessageVoice, script{gives(amr(100)[:1000]), gives(amr(100))}, false, 2, "", "up-voice.amr"},
		"given up meanwhile":                     {channel.MessageImage, script{gives(jpg)}, true, 1, "", ""},
		"busy for ever":                          {channel.MessageImage, script{busy}, false, 5, conversation.FileAway, "取不到"},
		"half a picture for ever":                {channel.MessageImage, script{gives(jpg[:len(jpg)/2])}, false, 5, conversation.FileBroken, "打不开"},
		"gone":                                   {channel.MessageImage, script{fails(fmt.Errorf("x: %w", channel.ErrMediaGone))}, false, 1, conversation.FileGone, "图片用不了：微信里已经没有这个文件了。"},
		"too big":                                {channel.MessageVoice, script{fails(channel.ErrMediaBig)}, false, 1, conversation.FileBig, fmt.Sprintf("录音用不了：文件太大，超过 %d MB。", bot.MaxMedia>>20)},
		"too long":                               {channel.MessageVoice, script{gives(amr(3100))}, false, 1, conversation.FileLong, "超过 60 秒"},
		"a gif":                                  {channel.MessageImage, script{gives([]byte("GIF89a"))}, false, 1, conversation.FileKind, "只能发照片"},
		"another way of coding speech":           {channel.MessageVoice, script{gives([]byte("#!SILK_V3"))}, false, 1, conversation.FileKind, "只能发照片"},
		"a recording instead of a picture":       {channel.MessageImage, script{gives(amr(9))}, false, 1, conversation.FileKind, "只能发照片"},
		"a picture with nothing behind its head": {channel.MessageImage, script{gives([]byte("\xff\xd8\xff\xd9"))}, false, 1, conversation.FileBroken, "打不开"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := noonOfFiles
			calls := 0
			for i, next := range c.script {
				c.script[i] = func() ([]byte, error) { calls++; return next() }
			}
			store := &draftStore{file: conversation.SentFile{Channel: "model", ID: "m-1", Kind: c.kind}, gone: c.gone}
			platform := &filePlatform{script: c.script}
			phrases := content.DefaultPhrases()
			service, err := bot.New(bot.Options{
				Store: store, Cache: noCache{}, Library: rehearsalLibrary, Phrases: phrases, Now: func() time.Time { return now }, Replica: "test",
				Engine: rehearsalEngine, Policy: delivery.Policy{Lateness: time.Hour}, Senders: map[string]bot.Sender{"model": platform},
			})
			if err != nil {
				t.Fatal(err)
			}
			for range 12 {
				if err := service.FetchFiles(t.Context()); err != nil {
					t.Fatal(err)
				}
				if c.gone {
					break
				}
				now = now.Add(time.Minute)
			}
			if calls != c.calls || store.problem != c.want || (store.media.ID != "") != (c.want == "" && !c.gone) {
				t.Errorf("%d calls, problem %q, media %q", calls, store.problem, store.media.ID)
			}
			switch {
			case c.shown == "" && len(platform.sent) > 0, c.shown != "" && len(platform.sent) != 1:
				t.Errorf("shown: %q", platform.sent)
			case c.shown != "" && (!strings.HasPrefix(platform.sent[0], "o5: ") || !strings.Contains(platform.sent[0], c.shown)):
				t.Errorf("shown: %q, want %q", platform.sent, c.shown)
			}
		})
	}
}

var noonOfFiles = time.Date(2026, 3, 2, 4, 0, 0, 0, time.UTC)

// A stop in the middle of a fetch is no failure of the file.
func TestAFetchThatIsStoppedIsNoFailure(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	store := &draftStore{file: conversation.SentFile{Channel: "model", ID: "m-1", Kind: channel.MessageImage}, tries: 9}
	platform := &filePlatform{script: []func() ([]byte, error){func() ([]byte, error) { stop(); return nil, ctx.Err() }}}
	service, err := bot.New(bot.Options{
		Store: store, Cache: noCache{}, Library: rehearsalLibrary, Phrases: content.DefaultPhrases(), Now: func() time.Time { return noonOfFiles }, Replica: "test",
		Engine: rehearsalEngine, Senders: map[string]bot.Sender{"model": platform},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := service.FetchFiles(ctx); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(noonOfFiles.Add(30*time.Second), store.nextAt); diff != "" || store.problem != "" || len(platform.sent) > 0 {
		t.Errorf("problem %q, sent %q, next (-want +got):\n%s", store.problem, platform.sent, diff)
	}
}
