package bot

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/study"
)

// errNoMessage means that there is nothing to be sent, now or later.
var errNoMessage = errors.New("there is no such message")

// outbound makes the message of a delivery for the rung that was chosen.
func (s *Service) outbound(ctx context.Context, d ClaimedDelivery) (channel.Outbound, error) {
	out := channel.Outbound{To: d.To, Way: d.Rung.Way(), ClientID: clientID("d", d.ID, d.First)}
	var err error
	switch d.Rung {
	case delivery.RungWindow:
		out.Message, err = s.windowMessage(ctx, d)
	case delivery.RungLong, delivery.RungNotice:
		out.Form, err = s.form(ctx, d, s.o.Account.Notices[d.Kind])
	case delivery.RungTemplate:
		out.Form, err = s.form(ctx, d, s.o.Account.Templates[d.Kind])
	case delivery.RungOnce:
		out.Form, err = s.onceForm(ctx, d)
	default:
		err = fmt.Errorf("%w: rung %q sends nothing to one person", errNoMessage, d.Rung)
	}
	return out, err
}

// said is what a message is about, in words that fit any of its forms.
type said struct {
	title, lead, course string
	url, picture        string
	args                []fault.Arg // for the catalogue
}

// about gathers what a delivery says.
func (s *Service) about(ctx context.Context, d ClaimedDelivery) (said, error) {
	if d.Lesson.Lesson == "" {
		return said{
			title: d.Title, lead: d.Body.Text, url: d.Body.URL, picture: d.Body.Picture,
			args: []fault.Arg{fault.A("name", d.Learner.Name), fault.A("title", d.Title), fault.A("text", d.Body.Text)},
		}, nil
	}
	c, err := s.learnVersion(ctx, d.Lesson.Course)
	if fault.CodeOf(err) == fault.NotFound {
		return said{}, fmt.Errorf("%w: %w", errNoMessage, err)
	}
	if err != nil {
		return said{}, err
	}
	course := c.library.Version(d.Lesson.Course)
	lesson, place := course.Lesson(d.Lesson.Lesson)
	if lesson == nil {
		return said{}, fmt.Errorf("%w: the course has no such lesson", errNoMessage)
	}
	w := said{title: lesson.Title, lead: lesson.Lead, course: course.Title, args: []fault.Arg{
		fault.A("name", d.Learner.Name), fault.A("course", course.Title), fault.A("title", lesson.Title),
		fault.A("lead", lesson.Lead), fault.A("number", place+1), fault.A("total", len(course.Lessons)),
		fault.A("minutes", max(1, (lesson.Seconds+30)/60)),
	}}
	if s.o.LessonURL != nil {
		w.url, w.picture = s.o.LessonURL(d.Lesson.Course, lesson)
	}
	return w, nil
}

// windowMessage is what a customer-service message says.
func (s *Service) windowMessage(ctx context.Context, d ClaimedDelivery) (channel.Message, error) {
	if d.Body.Media != "" {
		return s.mediaMessage(ctx, d)
	}
	if d.Body.Certificate != "" {
		return s.certificateMessage(ctx, d)
	}
	w, err := s.about(ctx, d)
	if err != nil {
		return channel.Message{}, err
	}
	switch {
	case d.Kind == delivery.KindLesson && w.picture != "":
		return card(s.o.Phrases.Say("push.card_title", w.args...), s.o.Phrases.Say("push.card_summary", w.args...), w), nil
	case d.Kind == delivery.KindLesson:
		return channel.Text(s.o.Phrases.Say("push.lesson", w.args...)), nil
	case d.Kind == delivery.KindReminder && d.Lesson.Lesson != "":
		return channel.Text(s.o.Phrases.Say("push.reminder", w.args...)), nil
	case w.url != "" && !d.WantsAck:
		return card(w.title, w.lead, w), nil
	}
	return channel.Text(s.campaignText(d.Kind, d.Title, d.Body, d.WantsAck)), nil
}

func card(title, summary string, w said) channel.Message {
	return channel.Message{Kind: channel.MessageCards, Cards: []channel.Card{{Title: title, Summary: summary, Picture: w.picture, URL: w.url}}}
}

// campaignText is a campaign in one text.
func (s *Service) campaignText(k delivery.Kind, title string, b Body, wantsAck bool) string {
	text := b.Text
	if b.URL != "" {
		text += "\n" + b.URL
	}
	args := []fault.Arg{fault.A("title", title), fault.A("text", text), fault.A("whole", conversation.Whole(title, text))}
	key := "push.announcement"
	switch k {
	case delivery.KindUrgent:
		key = "push.urgent"
	case delivery.KindReminder:
		key = "push.ack_reminder"
	case delivery.KindDigest:
		key = "push.digest"
	}
	say := s.o.Phrases.Say(key, args...)
	if wantsAck && k != delivery.KindReminder {
		say += "\n" + s.o.Phrases.Say("push.ack_wanted")
	}
	return say
}

// form fills one of the account's templates. What a field takes is named in the configuration.
func (s *Service) form(ctx context.Context, d ClaimedDelivery, t delivery.Template) (channel.Form, error) {
	if t.ID == "" {
		return channel.Form{}, fmt.Errorf("%w: the account has no template for it any more", errNoMessage)
	}
	w, err := s.about(ctx, d)
	if err != nil {
		return channel.Form{}, err
	}
	f := channel.Form{Template: t.ID, URL: w.url, Fields: make(map[string]string, len(t.Fields))}
	for field, source := range t.Fields {
		f.Fields[field] = s.fieldValue(d, w, source)
	}
	return f, nil
}

// fieldValue is what a template's field says. The platform cuts at 20 characters, so we cut where
// it reads well.
func (s *Service) fieldValue(d ClaimedDelivery, w said, source string) string {
	switch source {
	case "title":
		return shorten(w.title, 20)
	case "lead":
		return shorten(orText(w.lead, w.title), 20)
	case "course":
		return shorten(orText(w.course, w.title), 20)
	case "name":
		return shorten(d.Learner.Name, 20)
	case "from":
		return shorten(s.o.Phrases.Say("push.from"), 20)
	case "time":
		return s.o.Now().In(study.Zone).Format("2006-01-02 15:04")
	}
	return shorten(source, 20) // a fixed text
}

func (s *Service) onceForm(ctx context.Context, d ClaimedDelivery) (channel.Form, error) {
	scene, ok := d.Facts.Scene(s.o.Account.Once)
	if !ok {
		return channel.Form{}, fmt.Errorf("%w: the person has no one-time grant any more", errNoMessage)
	}
	w, err := s.about(ctx, d)
	if err != nil {
		return channel.Form{}, err
	}
	return channel.Form{
		Template: s.o.Account.Once, Scene: scene, URL: w.url, Title: shorten(w.title, 15),
		Fields: map[string]string{"content": shorten(orText(w.lead, w.title), 200)},
	}, nil
}

func orText(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// shorten cuts to n characters, the last of them a mark that something is missing.
func shorten(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n-1]) + "…"
}

// mediaLife is how long an upload is used: the platform keeps it three days.
const mediaLife = 60 * time.Hour

// mediaMessage sends a stored picture or sound, uploading it anew when its last upload is old.
func (s *Service) mediaMessage(ctx context.Context, d ClaimedDelivery) (channel.Message, error) {
	s.mediaMu.Lock()
	defer s.mediaMu.Unlock()
	now := s.o.Now()
	if m, ok := s.media[d.Body.Media]; ok && now.Sub(m.UploadedAt).Abs() < mediaLife {
		return channel.Message{Kind: m.Kind, Media: m.PlatformID}, nil
	}
	m, err := s.o.Store.Media(ctx, d.Body.Media)
	if err != nil {
		return channel.Message{}, fmt.Errorf("reading a stored picture or sound: %w", err)
	}
	if m.PlatformID == "" || now.Sub(m.UploadedAt).Abs() >= mediaLife {
		m.PlatformID, err = s.o.Senders[d.To.Channel].UploadMedia(ctx, m.Kind, m.Name, m.Content)
		if err != nil {
			return channel.Message{}, fmt.Errorf("uploading a picture or sound: %w", err)
		}
		m.UploadedAt = now
		if err := s.o.Store.MediaUploaded(ctx, m.ID, m.PlatformID, now); err != nil {
			s.o.Logger.Warn("noting an upload", "media", m.ID, "err", err) // the next replica uploads again
		}
	}
	m.Content = nil
	s.media[m.ID] = m
	return channel.Message{Kind: m.Kind, Media: m.PlatformID}, nil
}

// forgetUpload makes the next send of a stored picture or sound upload it anew: the platform does not know
// it by that id (any more). One that has been uploaded meanwhile stays.
func (s *Service) forgetUpload(ctx context.Context, media, platformID string) {
	s.mediaMu.Lock()
	defer s.mediaMu.Unlock()
	m, ok := s.media[media]
	if !ok || m.PlatformID != platformID {
		return
	}
	delete(s.media, media)
	if err := s.o.Store.MediaUploaded(ctx, media, "", s.o.Now()); err != nil {
		s.o.Logger.Warn("forgetting an upload", "media", media, "err", err) // asked again after the next refusal
	}
}

// certificateMessage draws the picture of a certificate and uploads it. Nothing of it is kept: it is sent once.
func (s *Service) certificateMessage(ctx context.Context, d ClaimedDelivery) (channel.Message, error) {
	if s.o.CertificatePicture == nil {
		return channel.Message{}, fmt.Errorf("%w: nobody draws certificates", errNoMessage)
	}
	picture, err := s.o.CertificatePicture(ctx, study.CertificateNumber(d.Body.Certificate))
	if fault.CodeOf(err) == fault.NotFound || fault.CodeOf(err) == fault.Conflict {
		return channel.Message{}, fmt.Errorf("%w: %w", errNoMessage, err)
	}
	if err != nil {
		return channel.Message{}, fmt.Errorf("drawing a certificate: %w", err)
	}
	id, err := s.o.Senders[d.To.Channel].UploadMedia(ctx, channel.MessageImage, "certificate.png", picture)
	if err != nil {
		return channel.Message{}, fmt.Errorf("uploading a certificate: %w", err)
	}
	return channel.Message{Kind: channel.MessageImage, Media: id}, nil
}
