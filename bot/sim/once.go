package sim

import (
	"context"
	_ "embed" // the page
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"
)

// oncePage is the platform's page where a person allows a one-time subscribe message. The real one knows who holds the
// phone, this one asks; a test acts by User.ConfirmOnce.
const oncePage = "/mp/subscribemsg"

var reservedForm = regexp.MustCompile(`^[0-9A-Za-z]{1,128}$`)

// onceAsked reads what a link to the page asks, as the page checks it (doc).
func (p *Platform) onceAsked(link *url.URL) (scene int, back *url.URL, err error) {
	q := link.Query()
	scene, sceneErr := strconv.Atoi(q.Get("scene"))
	back, backErr := url.Parse(q.Get("redirect_url"))
	switch {
	case link.Path != oncePage || q.Get("action") != "get_confirm":
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
	if asked.Fragment != "wechat_redirect" { // it never comes to the platform, and the page does not open without it (doc)
		return 0, "", errors.New("the link does not end in #wechat_redirect")
	}
	back, err := u.answerOnce(asked, allow)
	if err != nil {
		return 0, "", err
	}
	status, page, _, err = browse(ctx, browser, back)
	return status, page, err
}

// answerOnce allows one message or not, and returns where the browser goes.
func (u *User) answerOnce(asked *url.URL, allow bool) (to string, err error) {
	scene, back, err := u.p.onceAsked(asked)
	if err != nil {
		return "", err
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
	return back.String(), nil
}

//go:embed once.html
var onceHTML string

var onceTemplate = template.Must(template.New("once").Parse(onceHTML))

// showOnce asks on the page; a link that asks wrongly is told why.
func (p *Platform) showOnce(w http.ResponseWriter, r *http.Request) {
	if _, _, err := p.onceAsked(r.URL); err != nil {
		http.Error(w, "参数错误："+err.Error(), http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	var page struct {
		Account, Ask string
		Phones       []userView
	}
	page.Account, page.Ask, page.Phones = p.o.Name, r.URL.RequestURI(), p.userViews()
	p.mu.Unlock()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_ = onceTemplate.Execute(w, page) // the browser left
}

// takeOnce takes what was chosen on the page.
func (p *Platform) takeOnce(w http.ResponseWriter, r *http.Request) {
	openid := r.PostFormValue("openid")
	p.mu.Lock()
	known := p.st.Users[openid] != nil
	p.mu.Unlock()
	if !known {
		http.Error(w, "没有这部手机", http.StatusBadRequest)
		return
	}
	to, err := p.As(openid).answerOnce(r.URL, r.PostFormValue("allow") == "yes")
	if err != nil {
		http.Error(w, "参数错误："+err.Error(), http.StatusBadRequest)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
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
