package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"
)

// oncePage is the platform's page where a person allows a one-time subscribe message; this one only says
// what it would ask. The person's part is User.ConfirmOnce.
const oncePage = "/mp/subscribemsg"

var reservedForm = regexp.MustCompile(`^[0-9A-Za-z]{1,128}$`)

// onceAsked reads what a link to the page asks, as the page checks it (doc).
func (p *Platform) onceAsked(link *url.URL) (scene int, back *url.URL, err error) {
	q := link.Query()
	scene, sceneErr := strconv.Atoi(q.Get("scene"))
	back, backErr := url.Parse(q.Get("redirect_url"))
	switch {
	case link.Path != oncePage || link.Fragment != "wechat_redirect" || q.Get("action") != "get_confirm":
		return 0, nil, fmt.Errorf("this is no page of the platform: %s", link.Path)
	case q.Get("appid") != p.o.AppID:
		return 0, nil, errors.New("the account does not exist")
	case sceneErr != nil || scene < 0 || scene > 10000:
		return 0, nil, errors.New("the scene must be 0 to 10000")
	case q.Get("template_id") == "":
		return 0, nil, errors.New("there is no template")
	case backErr != nil || back.Host == "":
		return 0, nil, errors.New("there is no page to go back to")
	case q.Get("reserved") != "" && !reservedForm.MatchString(q.Get("reserved")):
		return 0, nil, errors.New("reserved must be letters and digits")
	}
	return scene, back, nil
}

// ConfirmOnce opens a link that the person was shown, as the browser of WeChat does: it follows it to the
// platform's page, allows one message or not, and goes back to the bot's page, which it returns.
func (u *User) ConfirmOnce(ctx context.Context, link string, allow bool) (status int, page string, err error) {
	browser := &http.Client{Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	status, page, to, err := browse(ctx, browser, link)
	if err != nil || status != http.StatusFound {
		return status, page, err
	}
	asked, err := url.Parse(to)
	if err != nil {
		return 0, "", err
	}
	scene, back, err := u.p.onceAsked(asked)
	if err != nil {
		return 0, "", err
	}
	q, action, template := back.Query(), "cancel", asked.Query().Get("template_id")
	if allow {
		action = "confirm"
		u.GrantScene(scene, template)
	}
	for key, value := range map[string]string{
		"openid": u.openid, "template_id": template, "action": action, "scene": strconv.Itoa(scene), "reserved": asked.Query().Get("reserved"),
	} {
		q.Set(key, value)
	}
	back.RawQuery = q.Encode()
	status, page, _, err = browse(ctx, browser, back.String())
	return status, page, err
}

func browse(ctx context.Context, browser *http.Client, address string) (status int, page, to string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return 0, "", "", err
	}
	w, err := browser.Do(r)
	if err != nil {
		return 0, "", "", err
	}
	defer func() { _ = w.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(w.Body, 1<<20))
	return w.StatusCode, string(body), w.Header.Get("Location"), err
}
