package wechat

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"github.com/tiangeng/tiangeng/bot/channel"
)

// tagBatch is how many people one call tags (wechat-protocol §3).
const tagBatch = 50

// GroupMenu is a menu that only some people see: those with a tag of the account.
type GroupMenu struct {
	Tag     string   // the tag's name, at most 30 bytes; it is made when it is missing
	Members []string // the platform's ids of who has the tag, and nobody else
	Menu    Menu
}

// ApplyGroupMenu makes members and menu what g says, and says whether it changed anything. It asks
// first and writes only differences. Nobody in the group takes the menu away. The account needs a
// default menu. Members that no longer follow make the platform refuse their batch.
func (c *Client) ApplyGroupMenu(ctx context.Context, g GroupMenu) (changed bool, err error) {
	if err := g.Menu.validate(); err != nil {
		return false, err
	}
	tag, made, err := c.tag(ctx, g.Tag, len(g.Members) > 0)
	if err != nil || tag == 0 {
		return false, err
	}
	moved, err := c.tagPeople(ctx, tag, g.Members)
	if err != nil {
		return made || moved, err
	}
	written, err := c.conditionalMenu(ctx, tag, g)
	return made || moved || written, err
}

// tag finds a tag by its name, or makes it; 0 when there is none and it need not be made.
func (c *Client) tag(ctx context.Context, name string, wanted bool) (id int, made bool, err error) {
	type entry struct {
		ID   int    `json:"id"`
		Name string `json:"name"`
	}
	var list struct {
		Tags []entry `json:"tags"`
	}
	if _, err := c.call(ctx, "/cgi-bin/tags/get", nil, &list); err != nil {
		return 0, false, err
	}
	if i := slices.IndexFunc(list.Tags, func(e entry) bool { return e.Name == name }); i >= 0 {
		return list.Tags[i].ID, false, nil
	}
	if !wanted {
		return 0, false, nil
	}
	var out struct {
		Tag entry `json:"tag"`
	}
	const path = "/cgi-bin/tags/create"
	if _, err := c.call(ctx, path, map[string]any{"tag": map[string]string{"name": name}}, &out); err != nil {
		return 0, false, err
	}
	if out.Tag.ID == 0 {
		return 0, false, &APIError{Path: path, Verdict: channel.Unknown, Reason: "unparsable", class: channel.ClassLater}
	}
	return out.Tag.ID, true, nil
}

// tagPeople gives a tag to these people and takes it from all others.
func (c *Client) tagPeople(ctx context.Context, tag int, want []string) (changed bool, err error) {
	have, err := c.tagged(ctx, tag)
	if err != nil {
		return false, err
	}
	for path, list := range map[string][]string{
		"/cgi-bin/tags/members/batchtagging":   without(want, have),
		"/cgi-bin/tags/members/batchuntagging": without(have, want),
	} {
		for part := range slices.Chunk(list, tagBatch) {
			if _, err := c.call(ctx, path, map[string]any{"openid_list": part, "tagid": tag}, nil); err != nil {
				return changed, fmt.Errorf("changing who has the tag: %w", err)
			}
			changed = true
		}
	}
	return changed, nil
}

// without lists what is in a and not in b, once each.
func without(a, b []string) []string {
	var out []string
	for _, x := range a {
		if !slices.Contains(b, x) && !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

// tagged lists the people who have a tag.
func (c *Client) tagged(ctx context.Context, tag int) ([]string, error) {
	var all []string
	for next := ""; ; {
		var out struct {
			Count int `json:"count"`
			Data  struct {
				IDs []string `json:"openid"`
			} `json:"data"`
			Next string `json:"next_openid"`
		}
		if _, err := c.call(ctx, "/cgi-bin/user/tag/get", map[string]any{"tagid": tag, "next_openid": next}, &out); err != nil {
			return nil, err
		}
		all = append(all, out.Data.IDs...)
		if len(out.Data.IDs) == 0 || out.Next == "" || out.Next == next {
			return all, nil
		}
		next = out.Next
	}
}

// conditionalMenu makes the menu of a tag what g says.
func (c *Client) conditionalMenu(ctx context.Context, tag int, g GroupMenu) (changed bool, err error) {
	type rule struct {
		Tag flexibleID `json:"tag_id"`
	}
	var now struct {
		Conditional []struct {
			Buttons []Button   `json:"button"`
			Rule    rule       `json:"matchrule"`
			ID      flexibleID `json:"menuid"`
		} `json:"conditionalmenu"`
	}
	var e *APIError
	if _, err := c.call(ctx, "/cgi-bin/menu/get", nil, &now); err != nil && (!errors.As(err, &e) || e.Code != codeNoMenu) {
		return false, err
	}
	found := false
	for _, m := range now.Conditional {
		if m.Rule.Tag != flexibleID(strconv.Itoa(tag)) {
			continue
		}
		if !found && len(g.Members) > 0 && reflect.DeepEqual(normalMenu(m.Buttons), normalMenu(g.Menu.Buttons)) {
			found = true
			continue
		}
		if _, err := c.call(ctx, "/cgi-bin/menu/delconditional", map[string]string{"menuid": string(m.ID)}, nil); err != nil {
			return changed, err
		}
		changed = true
	}
	if found || len(g.Members) == 0 {
		return changed, nil
	}
	_, err = c.call(ctx, "/cgi-bin/menu/addconditional", map[string]any{
		"button": normalMenu(g.Menu.Buttons), "matchrule": map[string]string{"tag_id": strconv.Itoa(tag)},
	}, nil)
	return changed || err == nil, err
}

// flexibleID is a number that the platform writes as such or as text.
type flexibleID string

// UnmarshalJSON takes both.
func (f *flexibleID) UnmarshalJSON(b []byte) error {
	*f = flexibleID(unquote(b))
	return nil
}
