package wechat

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"
)

// Menu is the account's default menu: 1 to 3 buttons.
type Menu struct {
	Buttons []Button `json:"button"`
}

// Button is one button: one with Sub has only a name, any other has a type.
type Button struct {
	Name     string   `json:"name"`                 // at most 16 bytes, 60 below another button
	Type     string   `json:"type,omitempty"`       // click, view, scancode_waitmsg, …
	Key      string   `json:"key,omitempty"`        // at most 128 bytes; comes back as EventKey
	URL      string   `json:"url,omitempty"`        // at most 1,024 bytes
	AppID    string   `json:"appid,omitempty"`      // mini-program
	PagePath string   `json:"pagepath,omitempty"`   // mini-program
	Media    string   `json:"media_id,omitempty"`   //
	Article  string   `json:"article_id,omitempty"` //
	Sub      []Button `json:"sub_button,omitempty"` // 1 to 5
}

const codeNoMenu = 46003

// Menu reads the default menu; the zero Menu when there is none.
func (c *Client) Menu(ctx context.Context) (Menu, error) {
	var out struct {
		Menu Menu `json:"menu"`
	}
	_, err := c.call(ctx, "/cgi-bin/menu/get", nil, &out)
	var e *APIError
	if errors.As(err, &e) && e.Code == codeNoMenu {
		return Menu{}, nil
	}
	return out.Menu, err
}

// ApplyMenu makes m the account's menu. It asks first and writes only a difference (the platform
// counts creations), and says whether it wrote. Phones show a new menu within minutes.
func (c *Client) ApplyMenu(ctx context.Context, m Menu) (changed bool, err error) {
	if err := m.validate(); err != nil {
		return false, err
	}
	now, err := c.Menu(ctx)
	if err != nil {
		return false, err
	}
	if reflect.DeepEqual(normalMenu(now.Buttons), normalMenu(m.Buttons)) {
		return false, nil
	}
	_, err = c.call(ctx, "/cgi-bin/menu/create", Menu{Buttons: normalMenu(m.Buttons)}, nil)
	return err == nil, err
}

// normalMenu makes an absent list of sub-buttons and an empty one the same.
func normalMenu(in []Button) []Button {
	var out []Button
	for _, b := range in {
		b.Sub = normalMenu(b.Sub)
		out = append(out, b)
	}
	return out
}

func (m Menu) validate() error {
	if len(m.Buttons) < 1 || len(m.Buttons) > 3 {
		return fmt.Errorf("menu: 1 to 3 buttons, not %d", len(m.Buttons))
	}
	for _, b := range m.Buttons {
		if err := b.validate(16); err != nil {
			return err
		}
		if len(b.Sub) > 5 {
			return fmt.Errorf("menu: button %q has %d buttons below it, at most 5 are allowed", b.Name, len(b.Sub))
		}
		for _, s := range b.Sub {
			if err := s.validate(60); err != nil {
				return err
			}
			if len(s.Sub) > 0 {
				return fmt.Errorf("menu: button %q is on a third level", s.Name)
			}
		}
	}
	return nil
}

func (b Button) validate(nameBytes int) error {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("menu: button %q: "+format, append([]any{b.Name}, args...)...)
	}
	switch {
	case b.Name == "" || len(b.Name) > nameBytes || !utf8.ValidString(b.Name):
		return wrong("the name must have 1 to %d bytes", nameBytes)
	case len(b.Sub) > 0 && b.Type != "":
		return wrong("a button that opens others has no type")
	case len(b.Sub) == 0 && b.Type == "":
		return wrong("the type is missing")
	case len(b.Key) > 128 || len(b.URL) > 1024:
		return wrong("the key is limited to 128 bytes, the URL to 1,024")
	}
	switch b.Type {
	case "view":
		if !strings.HasPrefix(b.URL, "https://") && !strings.HasPrefix(b.URL, "http://") {
			return wrong("the URL is missing")
		}
	case "click", "scancode_push", "scancode_waitmsg", "pic_sysphoto", "pic_photo_or_album", "pic_weixin", "location_select":
		if b.Key == "" {
			return wrong("the key is missing")
		}
	}
	return nil
}
