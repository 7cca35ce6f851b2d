package wechat

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime/multipart"

	"github.com/tiangeng/tiangeng/bot/channel"
)

// What the platform takes as temporary material, which it keeps three days (wechat-protocol §3).
const (
	maxImage = 10 << 20
	maxVoice = 2 << 20
)

// mediaPath gives a file as it is; what goes wrong is JSON, with status 200 as well.
const mediaPath = "/cgi-bin/media/get"

// maxErrorAnswer is how much of an answer is read that should have been a small file.
const maxErrorAnswer = 64 << 10

// download asks for a file of at most limit bytes instead of JSON.
type download struct {
	id    string
	limit int
}

// DownloadMedia fetches what somebody sent, by the id that came with the message: at most limit bytes of a
// picture or a sound, told by the content. The error is channel.ErrMediaGone or
// channel.ErrMediaBig where trying again helps nothing.
func (c *Client) DownloadMedia(ctx context.Context, id string, limit int) ([]byte, error) {
	if id == "" || len(id) > maxMediaID || !visible(id) || limit < 1 {
		return nil, fmt.Errorf("downloading: %w", channel.ErrMediaGone)
	}
	var file []byte
	_, err := c.call(ctx, mediaPath, download{id, limit}, &file)
	if e := (*APIError)(nil); errors.As(err, &e) && (e.Code == 40007 || e.Code == 46001) {
		e.cause = channel.ErrMediaGone
	}
	if err != nil {
		return nil, err
	}
	return file, nil
}

// someFile reports by the first bytes that an answer is a picture or a sound, also one in a coding that the platform
// gives in places and does not take back.
func someFile(content []byte) bool {
	return sniff(content) != "" || bytes.HasPrefix(bytes.TrimPrefix(content, []byte{2}), []byte("#!SILK"))
}

// upload is a request body that is a file and not JSON.
type upload struct {
	contentType string
	body        []byte
}

// UploadMedia uploads a picture or a sound and returns the platform's id, good for three days. name
// needs the extension of what the content is: jpg, png, gif; mp3, amr.
func (c *Client) UploadMedia(ctx context.Context, kind channel.MessageKind, name string, content []byte) (string, error) {
	form, limit := "image", maxImage
	switch kind {
	case channel.MessageImage:
	case channel.MessageVoice:
		form, limit = "voice", maxVoice
	default:
		return "", fmt.Errorf("uploading: %q is neither picture nor sound", kind)
	}
	if len(content) == 0 || len(content) > limit {
		return "", fmt.Errorf("uploading: %d bytes, 1 to %d are allowed", len(content), limit)
	}
	if extension := sniff(content); extension == "" || (extension == "mp3" || extension == "amr") != (form == "voice") {
		return "", errors.New("uploading: the content is not what its kind says")
	}
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile("media", name)
	if err == nil {
		_, err = part.Write(content)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		return "", fmt.Errorf("uploading: %w", err)
	}
	var out struct {
		ID string `json:"media_id"`
	}
	const path = "/cgi-bin/media/upload"
	if _, err := c.call(ctx, path+"?type="+form, upload{w.FormDataContentType(), b.Bytes()}, &out); err != nil {
		return "", err
	}
	if out.ID == "" {
		return "", &APIError{Path: path, Verdict: channel.Unknown, Reason: "unparsable", class: channel.ClassLater}
	}
	return out.ID, nil
}

// sniff tells by the first bytes what a file is; "" when it is nothing the platform takes.
func sniff(content []byte) string {
	for _, x := range []struct{ magic, extension string }{
		{"\xff\xd8\xff", "jpg"}, {"\x89PNG\r\n\x1a\n", "png"}, {"GIF8", "gif"}, {"#!AMR", "amr"}, {"ID3", "mp3"},
		{"\xff\xfb", "mp3"}, {"\xff\xf3", "mp3"}, {"\xff\xf2", "mp3"},
	} {
		if bytes.HasPrefix(content, []byte(x.magic)) {
			return x.extension
		}
	}
	return ""
}
