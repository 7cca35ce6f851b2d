package sim

import (
	"maps"
	"slices"
	"sort"
	"strconv"
)

func number(n int64) string { return strconv.FormatInt(n, 10) }

// userGet pages the followers, 10,000 at a time (doc).
func (c *call) userGet() answer {
	p := c.p
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []string
	for _, id := range p.st.Order {
		if p.st.Users[id].Following {
			all = append(all, id)
		}
	}
	from := 0
	if next := c.query.Get("next_openid"); next != "" {
		from = slices.Index(all, next) + 1
	}
	page := all[from:min(len(all), from+10_000)]
	a := answer{"total": len(all), "count": len(page), "next_openid": ""}
	if len(page) > 0 { // an empty page has no data (assumed)
		a["data"] = answer{"openid": page}
		a["next_openid"] = page[len(page)-1]
	}
	return a
}

func (p *Platform) info(openid string) answer {
	a := p.st.Users[openid]
	if a == nil || !a.Following {
		return answer{"subscribe": 0, "openid": openid}
	}
	scene := "ADD_SCENE_SEARCH"
	if a.Scene != "" {
		scene = "ADD_SCENE_QR_CODE"
	}
	return answer{
		"subscribe": 1, "openid": openid, "subscribe_time": a.Subscribed.Unix(), "remark": "", "groupid": 0, "tagid_list": append([]int{}, a.Tags...),
		"subscribe_scene": scene, "qr_scene": 0, "qr_scene_str": a.Scene,
	}
}

func (c *call) userInfo() answer {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	if c.p.st.Users[c.query.Get("openid")] == nil {
		return c.p.refuse(40003)
	}
	return c.p.info(c.query.Get("openid"))
}

func (c *call) userBatch() answer {
	var in struct {
		List []struct {
			OpenID string `json:"openid"`
		} `json:"user_list"`
	}
	if a := c.decode(&in); a != nil {
		return a
	}
	if len(in.List) == 0 || len(in.List) > 100 {
		return c.p.refuse(40035)
	}
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	list := []answer{}
	for _, u := range in.List {
		if c.p.st.Users[u.OpenID] == nil {
			return c.p.refuse(40003)
		}
		list = append(list, c.p.info(u.OpenID))
	}
	return answer{"user_info_list": list}
}

// tagCreate makes a tag; 0, 1 and 2 are the platform's, 100 is the most (doc).
func (c *call) tagCreate() answer {
	var in struct {
		Tag struct {
			Name string `json:"name"`
		} `json:"tag"`
	}
	if a := c.decode(&in); a != nil {
		return a
	}
	p := c.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if code := p.tagName(in.Tag.Name); code != 0 {
		return p.refuse(code)
	}
	if len(p.st.Tags) >= 100 {
		return p.refuse(45056)
	}
	id := 100
	for taken := range p.st.Tags {
		id = max(id, taken+1)
	}
	p.st.Tags[id] = in.Tag.Name
	return answer{"tag": answer{"id": id, "name": in.Tag.Name}}
}

// tagName checks a new name: 30 bytes (doc), and no tag has it yet. The caller holds mu.
func (p *Platform) tagName(name string) int {
	switch {
	case name == "" || len(name) > 30:
		return 45158
	case slices.Contains(slices.Collect(maps.Values(p.st.Tags)), name):
		return 45157
	}
	return 0
}

// tagChange renames or deletes a tag; the platform's own, 0 to 2, stay (doc). People lose a tag
// that is deleted; one with more than 100,000 must be emptied first (doc).
func (c *call) tagChange() answer {
	var in struct {
		Tag struct {
			ID   int    `json:"id"`
			Name string `json:"name"`
		} `json:"tag"`
	}
	if a := c.decode(&in); a != nil {
		return a
	}
	p, id := c.p, in.Tag.ID
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case id >= 0 && id <= 2:
		return p.refuse(45058)
	case p.st.Tags[id] == "":
		return p.refuse(45159)
	case c.path == "/cgi-bin/tags/update":
		if code := p.tagName(in.Tag.Name); code != 0 {
			return p.refuse(code)
		}
		p.st.Tags[id] = in.Tag.Name
		return ok
	}
	var holders []*account
	for _, a := range p.st.Users {
		if slices.Contains(a.Tags, id) {
			holders = append(holders, a)
		}
	}
	if len(holders) > 100_000 {
		return p.refuse(45057)
	}
	for _, a := range holders {
		a.Tags = slices.DeleteFunc(a.Tags, func(t int) bool { return t == id })
	}
	delete(p.st.Tags, id)
	return ok
}

// tagsOf lists the tags of one person.
func (c *call) tagsOf() answer {
	var in struct {
		OpenID string `json:"openid"`
	}
	if a := c.decode(&in); a != nil {
		return a
	}
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	a := c.p.st.Users[in.OpenID]
	if a == nil {
		return c.p.refuse(40003)
	}
	return answer{"tagid_list": append([]int{}, a.Tags...)}
}

func (c *call) tagGet() answer {
	p := c.p
	p.mu.Lock()
	defer p.mu.Unlock()
	list := []answer{}
	for id, name := range p.st.Tags {
		count := 0
		for _, a := range p.st.Users {
			if slices.Contains(a.Tags, id) {
				count++
			}
		}
		list = append(list, answer{"id": id, "name": name, "count": count})
	}
	sort.Slice(list, func(i, j int) bool { return list[i]["id"].(int) < list[j]["id"].(int) })
	return answer{"tags": list}
}

func (c *call) tagMembers() answer {
	var in struct {
		OpenIDs []string `json:"openid_list"`
		Tag     int      `json:"tagid"`
	}
	if a := c.decode(&in); a != nil {
		return a
	}
	p := c.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(in.OpenIDs) == 0 || len(in.OpenIDs) > 50 {
		return p.refuse(40032)
	}
	if p.st.Tags[in.Tag] == "" {
		return p.refuse(45159)
	}
	tagging := c.path == "/cgi-bin/tags/members/batchtagging"
	for _, id := range in.OpenIDs { // all or nothing (assumed)
		a := p.st.Users[id]
		if a == nil || !a.Following {
			return p.refuse(40003)
		}
		if tagging && len(a.Tags) >= tagsEach && !slices.Contains(a.Tags, in.Tag) {
			return p.refuse(45059)
		}
	}
	for _, id := range in.OpenIDs {
		a := p.st.Users[id]
		a.Tags = slices.DeleteFunc(a.Tags, func(t int) bool { return t == in.Tag })
		if tagging {
			a.Tags = append(a.Tags, in.Tag)
		}
	}
	return ok
}

// tagsEach is how many tags a person may have (assumed).
const tagsEach = 20

func (c *call) tagUsers() answer {
	var in struct {
		Tag  int    `json:"tagid"`
		Next string `json:"next_openid"`
	}
	if a := c.decode(&in); a != nil {
		return a
	}
	p := c.p
	p.mu.Lock()
	defer p.mu.Unlock()
	list := []string{}
	for _, id := range p.st.Order {
		if slices.Contains(p.st.Users[id].Tags, in.Tag) {
			list = append(list, id)
		}
	}
	from := 0
	if in.Next != "" {
		from = slices.Index(list, in.Next) + 1
	}
	list = list[from:]
	next := ""
	if len(list) > 0 {
		next = list[len(list)-1]
	}
	return answer{"count": len(list), "data": answer{"openid": list}, "next_openid": next}
}

func (c *call) blacklist() answer {
	var in struct {
		OpenIDs []string `json:"openid_list"`
	}
	if a := c.decode(&in); a != nil {
		return a
	}
	if len(in.OpenIDs) == 0 || len(in.OpenIDs) > 20 {
		return c.p.refuse(40032)
	}
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	for _, id := range in.OpenIDs {
		if a := c.p.st.Users[id]; a != nil {
			a.Blocked = c.path == "/cgi-bin/tags/members/batchblacklist"
		}
	}
	return ok
}
