package bot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
)

// A picture or a recording that a trainer sends for an announcement is fetched behind the turn: the turn writes down
// which file the draft waits for and answers at once. Until the file is here nothing can be sent.
const (
	filesAtOnce = 4                // fetched side by side
	fileTime    = 15 * time.Second // for all calls of one fetch
	fileLease   = 30 * time.Second // after which another replica tries
)

// fileRetries is how long it is waited between tries; after the last one the file is given up.
var fileRetries = []time.Duration{2 * time.Second, 5 * time.Second, 15 * time.Second, 40 * time.Second}

// FetchFiles fetches what drafts wait for.
func (s *Service) FetchFiles(ctx context.Context) error {
	now := s.o.Now()
	list, err := s.o.Store.ClaimFiles(ctx, now, now.Add(fileLease), filesAtOnce)
	if err != nil {
		return fmt.Errorf("reading what is to be fetched: %w", err)
	}
	errs := make([]error, len(list))
	var fetching sync.WaitGroup
	for i, w := range list {
		fetching.Go(func() {
			if err := s.fetchFile(ctx, w); err != nil {
				errs[i] = fmt.Errorf("fetching the file of campaign %d: %w", w.Campaign, err)
			}
		})
	}
	fetching.Wait()
	return errors.Join(errs...)
}

func (s *Service) fetchFile(ctx context.Context, w WantedFile) error {
	m, why, err := s.download(ctx, w.File)
	select {
	case <-ctx.Done(): // the program stops: whoever comes after the lease tries again
		return nil
	default:
	}
	switch {
	case err != nil && w.Tries <= len(fileRetries):
		s.o.Logger.Info("a file could not be fetched and is tried again", "campaign", w.Campaign, "tries", w.Tries, "err", err)
		return s.o.Store.RetryFile(ctx, w.Campaign, s.o.Now().Add(fileRetries[w.Tries-1]))
	case err != nil && why == "":
		s.o.Logger.Warn("a file could not be fetched", "campaign", w.Campaign, "tries", w.Tries, "err", err)
		why = conversation.FileAway
	}
	if why != "" {
		known, err := s.o.Store.DropFile(ctx, w.Campaign, why)
		if err == nil && known {
			s.show(ctx, w, func(channel.Address) (channel.Message, error) { return channel.Text(s.fileProblem(w, why)), nil })
		}
		return err
	}
	kept, err := s.o.Store.KeepFile(ctx, s.o.Now(), w.Campaign, m)
	if err != nil || !kept {
		return err
	}
	s.show(ctx, w, func(to channel.Address) (channel.Message, error) {
		return s.mediaMessage(ctx, ClaimedDelivery{To: to, Body: Body{Media: m.ID}})
	})
	nudge(s.kick) // it is counted now whom it reaches
	return nil
}

// download fetches a file and looks at what it is. why is what no further try can help; with an error and no why, or
// with conversation.FileBroken, another try may.
func (s *Service) download(ctx context.Context, f conversation.SentFile) (m Media, why conversation.FileProblem, err error) {
	sender := s.o.Senders[f.Channel]
	if sender == nil {
		return m, "", fmt.Errorf("nobody serves channel %q", f.Channel)
	}
	ctx, cancel := context.WithTimeout(ctx, fileTime)
	defer cancel()
	data, err := sender.DownloadMedia(ctx, f.ID, MaxMedia)
	switch {
	case errors.Is(err, channel.ErrMediaGone):
		return m, conversation.FileGone, nil
	case errors.Is(err, channel.ErrMediaBig):
		return m, conversation.FileBig, nil
	case err != nil:
		return m, "", err
	case !whole(data):
		return m, conversation.FileBroken, errors.New("the file breaks off")
	}
	m, err = NewMedia(data)
	if problem := (*fault.Error)(nil); errors.As(err, &problem) {
		return m, conversation.FileProblem(strings.TrimPrefix(problem.Key, "announce.media_")), nil
	}
	if err == nil && m.Kind != f.Kind {
		return m, conversation.FileKind, nil
	}
	return m, "", err
}

// whole reports that a file does not break off: what comes over a line may, without an error.
func whole(data []byte) bool {
	tail := data[max(0, len(data)-1024):]
	switch _, ending := mediaKind(data); ending {
	case ".jpg":
		return bytes.Contains(tail, []byte("\xff\xd9"))
	case ".png":
		return bytes.Contains(tail, []byte("IEND"))
	case ".amr":
		_, ok := amrLength(data)
		return ok
	}
	return true
}

// fileProblem says why a draft cannot be sent.
func (s *Service) fileProblem(w WantedFile, why conversation.FileProblem) string {
	what := s.o.Phrases.Say("trainer.picture")
	if w.File.Kind == channel.MessageVoice {
		what = s.o.Phrases.Say("trainer.sound")
	}
	return s.o.Phrases.Say("trainer.file_failed", fault.A("what", what), fault.A("why", s.o.Phrases.Say("trainer.file_"+string(why))))
}

// show sends something to whoever wrote a draft. What cannot be sent is asked for by a word.
func (s *Service) show(ctx context.Context, w WantedFile, message func(channel.Address) (channel.Message, error)) {
	if err := s.tellMaker(ctx, Campaign{ID: w.Campaign, By: w.By}, message); err != nil {
		s.o.Logger.Warn("showing a draft", "campaign", w.Campaign, "err", err)
	}
}

// tellMaker sends something to the phone on which a campaign was written.
func (s *Service) tellMaker(ctx context.Context, c Campaign, message func(channel.Address) (channel.Message, error)) error {
	maker, onPhone := c.maker()
	if !onPhone {
		return nil
	}
	list, err := s.o.Store.Recipients(ctx, s.o.Now(), people.Everyone(), Audience{Learners: []people.LearnerID{maker}}, 0, 1)
	if err != nil || len(list) == 0 || list[0].To.External == "" {
		return err
	}
	m, err := message(list[0].To)
	if err != nil {
		return err
	}
	o, err := s.tell(ctx, list[0].To, m)
	if err == nil && o.Code != 0 {
		err = fmt.Errorf("the platform refused: %s (errcode %d)", o.Reason, o.Code)
	}
	return err
}
