package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/report"
	"github.com/tiangeng/tiangeng/content"
)

// campaignRoutes are the acts on announcements (通知).
func campaignRoutes() []route {
	act := func(act bot.CampaignAct) func(*api, http.ResponseWriter, *request) error {
		return func(a *api, w http.ResponseWriter, r *request) error { return a.act(w, r, act) }
	}
	const one = "/api/v1/campaigns/{id}"
	return []route{
		{http.MethodPost, "/api/v1/campaigns", roleKey, (*api).draft},
		{http.MethodGet, "/api/v1/campaigns", roleKey, (*api).list},
		{http.MethodGet, one, roleKey, (*api).summary},
		{http.MethodGet, one + "/unreached", roleKey, (*api).unreached},
		{http.MethodPost, one + "/forecast", roleKey, (*api).forecast},
		{http.MethodPost, one + "/test", roleKey, (*api).test},
		{http.MethodPost, one + "/submit", roleKey, act(bot.ActSubmit)},
		{http.MethodPost, one + "/release", roleKey, act(bot.ActRelease)},
		{http.MethodPost, one + "/pause", roleKey, act(bot.ActPause)},
		{http.MethodPost, one + "/resume", roleKey, act(bot.ActResume)},
		{http.MethodPost, one + "/cancel", roleKey, act(bot.ActCancel)},
		{http.MethodPost, one + "/remind", roleKey, (*api).remind},
	}
}

// campaignRequest asks for an announcement. It is not the stored type: what a request must not set
// (maker, scope, status) is not in it (reliability §4, row 15).
type campaignRequest struct {
	Title    string          `json:"title"`
	Text     string          `json:"text"`
	URL      string          `json:"url"`
	Picture  string          `json:"picture"`
	Media    string          `json:"media"`
	Urgent   bool            `json:"urgent"`
	WantsAck bool            `json:"wantsAck"`
	At       time.Time       `json:"at"`
	Until    time.Time       `json:"until"`
	Everyone bool            `json:"everyone"` // everybody within the key's scope: said, not left out
	Audience audienceRequest `json:"audience"`
}

// segmentRequest is a rule that recipients meet.
type segmentRequest struct {
	Units      []string           `json:"units"`
	Categories []string           `json:"categories"`
	Cohorts    []string           `json:"cohorts"`
	Progress   *progressRequest   `json:"progress"`
	Tags       []string           `json:"tags"`
	Learners   []people.LearnerID `json:"learners"`
}

// audienceRequest is a rule with its exceptions.
type audienceRequest struct {
	segmentRequest
	Except *segmentRequest `json:"except"`
}

type progressRequest struct {
	Course string         `json:"course"`
	Is     bot.ProgressIs `json:"is"`
	At     int            `json:"at"`
	Lesson string         `json:"lesson"`
	Item   string         `json:"item"`
}

// testRequest names whose phone gets a test.
type testRequest struct {
	Learner people.LearnerID `json:"learner"`
}

// campaignList is the answer to a list.
type campaignList struct {
	Campaigns []bot.Campaign `json:"campaigns"`
	Next      string         `json:"next,omitempty"` // cursor of those before; "" when there are no more
}

// testAnswer is what the platform said of a test.
type testAnswer struct {
	Verdict string `json:"verdict"` // accepted, refused, unsent or unknown
	Code    int    `json:"code"`
	Reason  string `json:"reason"`
}

// summaryAnswer is the truth about a campaign with the words for its codes.
type summaryAnswer struct {
	bot.CampaignSummary
	StateWords  map[delivery.State]string `json:"stateWords"`
	ReasonWords map[delivery.Why]string   `json:"reasonWords"`
}

// draft writes an announcement: 201 when it is new, 200 when the same key wrote it before.
func (a *api) draft(w http.ResponseWriter, r *request) error {
	var in campaignRequest
	if err := r.read(&in); err != nil {
		return err
	}
	c, err := in.campaign(r)
	if err != nil {
		return err
	}
	stored, created, err := a.o.Service.DraftCampaign(r.Context(), c)
	switch {
	case err != nil:
		return err
	case created:
		w.Header().Set("Location", "/api/v1/campaigns/"+strconv.FormatInt(int64(stored.ID), 10))
		answer(w, http.StatusCreated, stored)
	case !c.Matches(stored):
		return fault.New(fault.Conflict, "announce.api_key_reused")
	default:
		answer(w, http.StatusOK, stored)
	}
	return nil
}

var idempotencyKey = regexp.MustCompile(`^[!-~]{1,200}$`)

// keyRoom is how long a campaign's key may be.
const keyRoom = 80

// key is the campaign's key: the request's, or its contents'; always with the holder's name in
// front, so that two holders do not meet.
func (r *request) key(c bot.Campaign) (string, error) {
	prefix, given := r.actor()+":", r.Header.Get("Idempotency-Key")
	switch {
	case given == "":
		return prefix + c.Digest(), nil
	case !idempotencyKey.MatchString(given):
		return "", fault.New(fault.Invalid, "announce.api_body_bad", fault.A("problem", "Idempotency-Key must be 1 to 200 visible ASCII characters"))
	case len(prefix)+len(given) > keyRoom:
		sum := sha256.Sum256([]byte(given))
		return prefix + hex.EncodeToString(sum[:20]), nil
	}
	return prefix + given, nil
}

// campaign is what the request asks for, within the holder's scope.
func (in campaignRequest) campaign(r *request) (bot.Campaign, error) {
	c := bot.Campaign{
		Kind: delivery.KindAnnouncement, Title: in.Title, Body: bot.Body{Text: in.Text, URL: in.URL, Picture: in.Picture, Media: in.Media},
		Scope: r.holder.Scope, DueAt: utc(in.At), Deadline: utc(in.Until), WantsAck: in.WantsAck, By: r.actor(),
	}
	if in.Urgent {
		c.Kind = delivery.KindUrgent
	}
	var err error
	if c.Audience, err = in.Audience.whole(in.Everyone); err != nil {
		return c, err
	}
	c.Key, err = r.key(c)
	return c, err
}

// whole is the rule with its exceptions. Everybody within the key's scope has to be said.
func (in audienceRequest) whole(everyone bool) (bot.Audience, error) {
	out, err := in.audience()
	switch {
	case err != nil:
		return out, err
	case in.empty() && !everyone:
		return out, fault.New(fault.Invalid, "announce.api_no_audience")
	case !in.empty() && everyone:
		return out, fault.New(fault.Invalid, "announce.api_body_bad", fault.A("problem", "everyone and audience contradict each other"))
	}
	if in.Except != nil {
		except, err := in.Except.audience()
		if err != nil {
			return out, err
		}
		out.Except = &except
	}
	return out, nil
}

func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Millisecond)
}

func (s segmentRequest) empty() bool {
	return len(s.Units)+len(s.Categories)+len(s.Cohorts)+len(s.Tags)+len(s.Learners) == 0 && s.Progress == nil
}

func (s segmentRequest) audience() (bot.Audience, error) {
	out := bot.Audience{Categories: s.Categories, Cohorts: s.Cohorts, Learners: s.Learners}
	for _, t := range s.Tags {
		out.Tags = append(out.Tags, people.FoldTag(t))
	}
	for _, u := range s.Units {
		code, ok := people.ParseOrgCode(u)
		if !ok {
			return out, fault.New(fault.Invalid, "announce.unit_bad", fault.A("value", u))
		}
		out.Units = append(out.Units, code)
	}
	if p := s.Progress; p != nil {
		out.Progress = &bot.Progress{Course: p.Course, Is: p.Is, At: p.At, Lesson: p.Lesson, Item: p.Item}
	}
	return out, nil
}

// listMax is how many campaigns are listed at most.
const listMax = 200

func (a *api) list(w http.ResponseWriter, r *request) error {
	limit, err := numberIn(r.URL.Query(), "limit", 50, 1, listMax)
	if err != nil {
		return err
	}
	before, err := parseCursor("campaigns", r.URL.Query().Get("cursor"))
	if err != nil {
		return err
	}
	var kinds []delivery.Kind
	for _, k := range r.URL.Query()["kind"] {
		kinds = append(kinds, delivery.Kind(k))
	}
	list, err := a.o.Service.Campaigns(r.Context(), r.holder.Scope, kinds, bot.CampaignID(before), limit)
	if err != nil {
		return err
	}
	out := campaignList{Campaigns: append([]bot.Campaign{}, list...)}
	if len(list) > 0 {
		out.Next = next("campaigns", int64(list[len(list)-1].ID), len(list), limit)
	}
	answer(w, http.StatusOK, out)
	return nil
}

func (a *api) summary(w http.ResponseWriter, r *request) error {
	id, err := r.campaign()
	if err != nil {
		return err
	}
	s, err := a.o.Service.CampaignSummary(r.Context(), r.holder.Scope, id)
	if err != nil {
		return err
	}
	out := summaryAnswer{CampaignSummary: s, StateWords: map[delivery.State]string{}, ReasonWords: map[delivery.Why]string{}}
	for state := range s.States {
		out.StateWords[state] = a.o.Phrases.Say("push.state_" + string(state))
	}
	for why := range s.Reasons {
		out.ReasonWords[why] = reasonWord(why, a.o.Phrases)
	}
	answer(w, http.StatusOK, out)
	return nil
}

func reasonWord(why delivery.Why, p *content.Phrases) string {
	if why == delivery.WhyNone {
		return ""
	}
	return p.Say("why." + string(why))
}

func (a *api) forecast(w http.ResponseWriter, r *request) error {
	id, err := r.campaign()
	if err == nil {
		err = r.read(&struct{}{})
	}
	if err != nil {
		return err
	}
	f, err := a.o.Service.ForecastCampaign(r.Context(), r.holder.Scope, id)
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, f)
	return nil
}

func (a *api) test(w http.ResponseWriter, r *request) error {
	id, err := r.campaign()
	if err != nil {
		return err
	}
	var in testRequest
	if err := r.read(&in); err != nil {
		return err
	}
	out, err := a.o.Service.TestCampaign(r.Context(), r.holder.Scope, id, in.Learner)
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, testAnswer{Verdict: string(out.Verdict), Code: out.Code, Reason: out.Reason})
	return nil
}

func (a *api) act(w http.ResponseWriter, r *request, act bot.CampaignAct) error {
	id, err := r.campaign()
	if err == nil {
		err = r.read(&struct{}{})
	}
	if err != nil {
		return err
	}
	c, err := a.o.Service.ActOnCampaign(r.Context(), r.holder.Scope, id, act, r.actor())
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, c)
	return nil
}

func (a *api) remind(w http.ResponseWriter, r *request) error {
	id, err := r.campaign()
	if err == nil {
		err = r.read(&struct{}{})
	}
	if err != nil {
		return err
	}
	c, err := a.o.Service.RemindUnacked(r.Context(), r.holder.Scope, id, r.actor())
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, c)
	return nil
}

// fileTypes are the media types of the list.
var fileTypes = map[report.Format]string{
	report.CSV: "text/csv; charset=utf-8", report.JSON: "application/json; charset=utf-8",
	report.HTML: "text/html; charset=utf-8",
	report.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

// unreached streams the list by name. The campaign is looked up first: a wrong number is an error
// and no empty list.
func (a *api) unreached(w http.ResponseWriter, r *request) error {
	id, err := r.campaign()
	if err != nil {
		return err
	}
	q := r.URL.Query()
	format, acks := report.Format(q.Get("format")), q.Get("acks") == "true"
	if format == "" {
		format = report.JSON
	}
	kind, known := fileTypes[format]
	if !known {
		return fault.New(fault.Invalid, "report.format_unknown", fault.A("format", format))
	}
	c, err := a.o.Service.Campaign(r.Context(), r.holder.Scope, id)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	if format != report.JSON {
		h.Set("Content-Disposition", `attachment; filename="unreached-`+strconv.FormatInt(int64(id), 10)+"."+string(format)+`"`)
	}
	head := report.UnreachedHead{Campaign: int64(id), Title: c.Title, Acks: acks, CutOff: a.o.Now()}
	_, err = report.WriteUnreached(w, format, head, UnreachedLines(r.Context(), a.o.Phrases,
		func(ctx context.Context, after people.LearnerID, limit int) ([]bot.Unreached, error) {
			return a.o.Service.UnreachedPeople(ctx, r.holder.Scope, id, acks, after, limit)
		}))
	return err
}
