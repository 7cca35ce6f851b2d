package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// client is another program that uses the API.
type client struct {
	t    *testing.T
	base string
	key  string
	doc  schemas
}

// schemas are the fields of openapi.json by the name of their object.
type schemas struct {
	Components struct {
		Schemas map[string]struct{ Properties map[string]any }
	}
}

// withAPI runs f with the program's public listener.
func (b *bureau) withAPI(key string, f func(c *client)) {
	b.t.Helper()
	b.open(func(a *app) {
		receiver, err := a.receiver()
		if err != nil {
			b.t.Fatal(err)
		}
		handler, err := a.public(receiver)
		if err != nil {
			b.t.Fatal(err)
		}
		server := httptest.NewServer(handler)
		defer server.Close()
		c := &client{t: b.t, base: server.URL, key: key}
		c.call(http.MethodGet, "/api/openapi.json", "", http.StatusOK, &c.doc)
		f(c)
	})
}

func (c *client) call(method, path, body string, status int, into any, header ...string) string {
	c.t.Helper()
	q, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	q.Header.Set("Authorization", "Bearer "+c.key)
	for i := 0; i+1 < len(header); i += 2 {
		q.Header.Set(header[i], header[i+1])
	}
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		c.t.Fatal(err)
	}
	defer closing(r.Body)
	data, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != status {
		c.t.Errorf("%s %s: %d, want %d (%v)\n%s", method, path, r.StatusCode, status, err, data)
		return string(data)
	}
	if into != nil {
		if err := json.Unmarshal(data, into); err != nil {
			c.t.Errorf("%s %s: %v\n%s", method, path, err, data)
		}
	}
	return string(data)
}

// known fails when an answer has a field that the description of its schema has not.
func (c *client) known(schema, body string) {
	c.t.Helper()
	var got map[string]any
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		c.t.Errorf("%s: %v", schema, err)
	}
	for field := range got {
		if _, ok := c.doc.Components.Schemas[schema].Properties[field]; !ok {
			c.t.Errorf("%s has %s, which is not described", schema, field)
		}
	}
}

type apiCampaign struct {
	ID                        int64
	Status, Title, By, Key    string
	Scope                     struct{ Units []string }
	Audience                  struct{ Units []string }
	DueAt, Deadline, FrozenAt string
}

// A key reaches and sees its own units and nothing else; a double start is one campaign.
func TestTheAPIWorksWithinItsKey(t *testing.T) {
	t.Parallel()
	b := openBureau(t, "")
	key := strings.TrimSpace(b.must("apikey", "new", "-c", b.config, "--scope", northVillage, "county-office"))
	own := b.draft("--title", "全镇通知", "--text", "给所有人。", "--everyone")
	const north = `{"title":"北村通知","text":"请到村委会开会。","everyone":true}`
	var c1, c2 apiCampaign
	b.withAPI(key, func(c *client) {
		c.known("Campaign", c.call("POST", "/api/v1/campaigns", north, http.StatusCreated, &c1, "Idempotency-Key", "m-1"))
		c.call("POST", "/api/v1/campaigns", north, http.StatusOK, &c2, "Idempotency-Key", "m-1")
		if c1.ID == 0 || c1.ID != c2.ID || c1.Status != "draft" || c1.By != "api:county-office" || len(c1.Scope.Units) != 1 || c1.Scope.Units[0] != northVillage {
			t.Errorf("%+v, then %+v", c1, c2)
		}
		c.call("POST", "/api/v1/campaigns", strings.Replace(north, "开会", "看戏", 1), http.StatusConflict, nil, "Idempotency-Key", "m-1")
		c.call("POST", "/api/v1/campaigns", strings.Replace(north, "请到村委会开会。", "", 1), http.StatusBadRequest, nil)

		one := "/api/v1/campaigns/" + jsonNumber(c1.ID)
		var f struct {
			Audience int
			Complete bool
		}
		c.known("Forecast", c.call("POST", one+"/forecast", "", http.StatusOK, &f))
		if f.Audience != 3 || !f.Complete {
			t.Errorf("forecast for the northern village: %+v", f)
		}
		c.known("TestAnswer", c.call("POST", one+"/test", `{"learner":1}`, http.StatusOK, nil))
		c.call("POST", one+"/test", `{"learner":5}`, http.StatusNotFound, nil) // of the other village
		for _, method := range []string{"GET /", "POST /submit", "POST /cancel", "POST /forecast", "GET /unreached", "POST /remind", "POST /release"} {
			verb, act, _ := strings.Cut(method, " ")
			c.call(verb, strings.TrimSuffix("/api/v1/campaigns/"+own+act, "/"), "", http.StatusNotFound, nil) // of everybody: not the key's
		}
		var list struct{ Campaigns []apiCampaign }
		c.known("CampaignList", c.call("GET", "/api/v1/campaigns?limit=10&kind=announcement", "", http.StatusOK, &list))
		if len(list.Campaigns) != 1 || list.Campaigns[0].ID != c1.ID {
			t.Errorf("the key sees %+v", list)
		}
		c.known("Campaign", c.call("POST", one+"/submit", "{}", http.StatusOK, &c1))
		c.call("POST", one+"/pause", "", http.StatusOK, nil)
		c.call("POST", one+"/resume", "", http.StatusOK, nil)
		c.call("POST", one+"/remind", "", http.StatusConflict, nil) // it wants no acknowledgement
	})
	b.deliver()
	b.withAPI(key, func(c *client) {
		one := "/api/v1/campaigns/" + jsonNumber(c1.ID)
		var s struct {
			Audience    int
			States      map[string]int
			Finished    bool
			StateWords  map[string]string
			ReasonWords map[string]string
		}
		c.known("Summary", c.call("GET", one, "", http.StatusOK, &s))
		if s.Audience != 3 || s.States["accepted"] != 3 || !s.Finished || s.StateWords["accepted"] != "微信已接收" {
			t.Errorf("%+v", s)
		}
		c.known("UnreachedList", c.call("GET", one+"/unreached", "", http.StatusOK, nil))
		if csv := c.call("GET", one+"/unreached?format=csv&acks=true", "", http.StatusOK, nil); !strings.Contains(csv, "未送达") {
			t.Errorf("as CSV: %q", csv)
		}
		if xlsx := c.call("GET", one+"/unreached?format=xlsx", "", http.StatusOK, nil); !strings.HasPrefix(xlsx, "PK") {
			t.Error("as XLSX: it is none")
		}
	})
	if got := b.seen("开会"); got[0] != 2 || got[1] != 1 || got[2] != 1 || got[3]+got[4]+got[5] != 0 {
		t.Errorf("it went to %v", got)
	}
	b.must("apikey", "revoke", "-c", b.config, "county-office")
	b.withAPI(key, func(c *client) {
		c.known("Error", c.call("GET", "/api/v1/campaigns", "", http.StatusUnauthorized, nil))
	})
}

func jsonNumber(n int64) string {
	data, _ := json.Marshal(n) // a number
	return string(data)
}

// Who sees a campaign: a key whose scope contains the campaign's, and no other, at every route
// (reliability §4, row 16).
func TestEveryRouteKeepsToTheScope(t *testing.T) {
	t.Parallel()
	b := openBureau(t, "  trusted_proxies: [127.0.0.1/32]\n")
	units := map[string]string{"county": "539901", "township": "539901100", "north": northVillage, "south": southVillage, "elsewhere": "530102"}
	sees := map[string][]string{ // key → scopes of campaigns
		"county": {"county", "township", "north", "south"}, "township": {"township", "north", "south"}, "north": {"north"}, "south": {"south"}, "elsewhere": {"elsewhere"},
	}
	keys, campaigns := map[string]string{}, map[string]int64{}
	for name, unit := range units {
		keys[name] = strings.TrimSpace(b.must("apikey", "new", "-c", b.config, "--scope", unit, name))
	}
	b.withAPI("", func(c *client) {
		addresses := 0
		call := func(key, method, path, body string) (status int, data string) {
			addresses++ // each its own, so that the pace of an address is not in the way
			q, err := http.NewRequestWithContext(t.Context(), method, c.base+path, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			q.Header.Set("Authorization", "Bearer "+keys[key])
			q.Header.Set("X-Forwarded-For", fmt.Sprintf("192.0.2.%d", addresses%250))
			r, err := http.DefaultClient.Do(q)
			if err != nil {
				t.Fatal(err)
			}
			defer closing(r.Body)
			answer, err := io.ReadAll(r.Body)
			if err != nil {
				t.Fatal(err)
			}
			return r.StatusCode, string(answer)
		}
		for name := range units {
			status, data := call(name, "POST", "/api/v1/campaigns", `{"title":"`+name+`","text":"字","everyone":true,"wantsAck":true}`)
			var made apiCampaign
			if err := json.Unmarshal([]byte(data), &made); err != nil || status != http.StatusCreated {
				t.Fatalf("%s: %d %s", name, status, data)
			}
			campaigns[name] = made.ID
		}
		for key := range units {
			for name, id := range campaigns {
				one, visible := "/api/v1/campaigns/"+jsonNumber(id), slices.Contains(sees[key], name)
				for _, route := range []string{"GET ", "GET /unreached", "POST /forecast", "POST /test", "POST /submit", "POST /pause", "POST /resume", "POST /cancel", "POST /remind", "POST /release"} {
					method, act, _ := strings.Cut(route, " ")
					if visible && method == "POST" && act != "/forecast" {
						continue // would change it for the others
					}
					body := ""
					if act == "/test" {
						body = `{"learner":1}`
					}
					status, data := call(key, method, one+act, body)
					if (status == http.StatusOK) != visible || !visible && status != http.StatusNotFound {
						t.Errorf("key of %s, campaign of %s, %s: %d %s", key, name, route, status, data)
					}
				}
			}
			_, data := call(key, "GET", "/api/v1/campaigns", "")
			var list struct{ Campaigns []apiCampaign }
			if err := json.Unmarshal([]byte(data), &list); err != nil || len(list.Campaigns) != len(sees[key]) {
				t.Errorf("key of %s sees %d campaigns, want %v (%v)", key, len(list.Campaigns), sees[key], err)
			}
		}
	})
}
