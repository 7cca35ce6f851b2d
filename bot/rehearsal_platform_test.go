package bot_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/delivery"
)

// modelPlatform is the messaging platform: its rules, its moods, and the ledger of what people saw.
type modelPlatform struct {
	w           *world
	account     delivery.Account
	rates       map[channel.Way]float64
	limits      map[channel.Way]int
	quota       int  // calls a day of each way; 0: it does not say
	nameless    bool // its receipts carry no message id
	others      int  // calls that somebody else makes with our account
	reserve     int
	ids         int
	used        map[string]int             // calls a day and way
	seen        map[string]map[string]int  // copies by client id and person
	took        map[string]map[string]bool // it said yes, by client id and person
	known       map[string]known           // deduplicated client ids
	receipts    []channel.Receipt          // not pushed yet
	contradicts map[int64]bool             // deliveries with a success and a failure among them
	nextAt      time.Time                  // of the limiter
}

type known struct {
	at        time.Time
	messageID string
}

func newModelPlatform(w *world) *modelPlatform {
	p := &modelPlatform{
		w: w, used: map[string]int{}, seen: map[string]map[string]int{}, took: map[string]map[string]bool{}, known: map[string]known{}, contradicts: map[int64]bool{},
		account: delivery.Account{
			Window: true, Mass: w.masses || w.draw(2) == 0, Once: "O",
			Notices: map[delivery.Kind]delivery.Template{}, Templates: map[delivery.Kind]delivery.Template{delivery.KindReceipt: {ID: "T"}},
		},
	}
	for _, k := range delivery.Kinds() {
		p.account.Notices[k] = delivery.Template{ID: "N"}
	}
	p.nameless = w.draw(5) == 0
	if w.draw(3) == 0 {
		p.quota, p.reserve, p.limits = 4+w.draw(9), 1+w.draw(3), map[channel.Way]int{}
		p.others = w.draw(2) * w.draw(6)
		for _, way := range []channel.Way{channel.WayWindow, channel.WayNotice, channel.WayOnce, channel.WayTemplate, channel.WayMass} {
			p.limits[way] = p.quota
		}
	}
	switch w.draw(4) {
	case 0:
		p.rates = map[channel.Way]float64{channel.WayWindow: 0.2, channel.WayNotice: 1}
	case 1: // nothing waits, but nothing is written ahead by its claim either
		p.rates = map[channel.Way]float64{channel.WayWindow: 1000, channel.WayNotice: 1000, channel.WayOnce: 1000, channel.WayTemplate: 1000}
	}
	return p
}

// Allow is a rate of all replicas: one permit at a time, evenly spaced.
func (p *modelPlatform) Allow(_ context.Context, _ string, _ int, perSecond float64) (int, time.Duration) {
	now := p.w.now()
	if wait := p.nextAt.Sub(now); wait > 0 {
		return 0, wait
	}
	p.nextAt = now.Add(time.Duration(float64(time.Second) / perSecond))
	return 1, 0
}

func (p *modelPlatform) Quota(context.Context, channel.Way) (channel.Quota, error) {
	if !p.w.calm && p.w.chance(50) {
		return channel.Quota{}, errors.New("the platform does not answer")
	}
	return channel.Quota{Limit: p.quota}, nil
}

func (p *modelPlatform) UploadMedia(context.Context, channel.MessageKind, string, []byte) (string, error) {
	return "", errors.New("no media here")
}

func (p *modelPlatform) DownloadMedia(context.Context, string, int) ([]byte, error) {
	return nil, errors.New("no media here")
}

// timeout is how long a client waits for an answer.
const timeout = 8 * time.Second

// call carries one request to the platform and its answer back. take says what the platform makes
// of it. Either may be lost, late, or never begun.
func (p *modelPlatform) call(ctx context.Context, what string, take func(booked time.Time) channel.Outcome) channel.Outcome {
	unsent := channel.Outcome{Verdict: channel.Unsent, Class: channel.ClassLater, Reason: "no_connection"}
	unknown := channel.Outcome{Verdict: channel.Unknown, Class: channel.ClassLater, Reason: "timeout"}
	began, booked := p.w.now(), ctx.Value(actorKey{}).(*actor).of.clock()
	fault := p.w.draw(1000)
	if p.w.calm {
		fault = 1000
	}
	if fault < 40 {
		p.w.trace("%s: no connection", what)
		return unsent
	}
	gate(ctx, p.w, what, "on the wire")
	// What the client has given up may still arrive, though not much later: a machine that wakes after
	// a minute finds its connection shut.
	if waited := p.w.now().Sub(began); fault < 80 || waited > time.Minute || waited > timeout && p.w.draw(2) == 0 {
		p.w.trace("%s: lost on the way", what)
		return unknown
	}
	o := take(booked)
	p.w.trace("%s: the platform says %s %s %s", what, o.Verdict, o.Class, o.Reason)
	gate(ctx, p.w, what, "answered")
	if fault < 130 || p.w.now().Sub(began) > timeout {
		p.w.trace("%s: answer lost", what)
		return unknown
	}
	if p.w.planted == "errcode ignored" && o.Verdict == channel.Refused {
		o = channel.Outcome{Verdict: channel.Accepted}
	}
	return o
}

func refused(class channel.Class, reason string) channel.Outcome {
	return channel.Outcome{Verdict: channel.Refused, Class: class, Reason: reason}
}

// mood is an answer that has nothing to do with the message; false for none.
func (p *modelPlatform) mood() (channel.Outcome, bool) {
	if p.w.calm {
		return channel.Outcome{}, false
	}
	switch n := p.w.draw(1000); {
	case n < 30:
		return refused(channel.ClassRetry, "busy"), true
	case n < 45:
		return refused(channel.ClassLater, "too_fast"), true
	case n < 60:
		return refused(channel.ClassToken, "token_rejected"), true
	case n < 65:
		return refused(channel.ClassOperator, "address_not_listed"), true
	case n < 70:
		return refused(channel.ClassCampaign, "content_refused"), true
	case n < 80:
		return refused(channel.ClassOurs, "parameter"), true
	case n < 90:
		return refused(channel.ClassNone, "unlisted"), true
	case n < 100:
		return refused(channel.ClassRecipient, "person_limit"), true
	}
	return channel.Outcome{}, false
}

// spendCall counts a call against the day on which it began by the caller's clock (what is on the wire at
// midnight is within anybody's reserve); false when the day's calls are used up.
func (p *modelPlatform) spendCall(way channel.Way, booked time.Time) bool {
	k := day(booked) + "/" + string(way)
	if p.quota > 0 && p.used[k]+p.others >= p.quota {
		p.w.met["quota spent"]++
		return false
	}
	p.used[k]++
	return true
}

func (p *modelPlatform) Send(ctx context.Context, out channel.Outbound) channel.Outcome {
	id, err := rowOf(out.ClientID, "d")
	if err != nil {
		p.w.breaks("client id", "%q", out.ClientID)
		return channel.Outcome{}
	}
	d := p.w.store.row(id)
	if ctx.Err() != nil {
		return channel.Outcome{Verdict: channel.Unsent, Class: channel.ClassLater, Reason: "no_connection"}
	}
	p.w.mayBegin(ctx, d, out.Way)
	return p.call(ctx, out.ClientID, func(booked time.Time) channel.Outcome { return p.take(booked, d, out) })
}

// take is what the platform does with a message that has arrived.
func (p *modelPlatform) take(booked time.Time, d *modelDelivery, out channel.Outbound) channel.Outcome {
	now, who := p.w.now(), d.who
	if !p.spendCall(out.Way, booked) {
		return refused(channel.ClassCampaign, delivery.ReasonQuotaSpent)
	}
	key := out.ClientID
	if p.w.planted == "another client id" {
		key += strconv.Itoa(d.Attempt)
	}
	if k, ok := p.known[key]; ok && out.Way == channel.WayTemplate && now.Sub(k.at) < 10*time.Minute {
		p.w.met["removed as a copy"]++
		return channel.Outcome{Verdict: channel.Accepted, MessageID: k.messageID}
	}
	if o, moody := p.mood(); moody {
		return o
	}
	switch {
	case !who.truth.following:
		return refused(channel.ClassRecipient, delivery.ReasonNotFollowing)
	case who.truth.refusing:
		return refused(channel.ClassRecipient, delivery.ReasonRefusing)
	}
	switch out.Way {
	case channel.WayWindow:
		if who.truth.typedAt.IsZero() || !now.Before(who.truth.typedAt.Add(48*time.Hour)) {
			return refused(channel.ClassRecipient, delivery.ReasonWindowClosed)
		}
		if who.windowSends >= 5 {
			return refused(channel.ClassRecipient, delivery.ReasonWindowSpent)
		}
		who.windowSends++
	case channel.WayNotice, channel.WayOnce:
		if who.left[out.Form.Template] <= 0 || out.Way == channel.WayOnce && out.Form.Scene != who.scene {
			return refused(channel.ClassRecipient, delivery.ReasonNoGrant)
		}
		who.left[out.Form.Template]--
	}
	p.ids++
	m := strconv.Itoa(1000 + p.ids)
	p.note(p.took, of("d", d.ID), who)
	if out.Way == channel.WayTemplate {
		p.known[key] = known{now, m}
	}
	p.deliver(d, out.Way, m)
	return channel.Outcome{Verdict: channel.Accepted, MessageID: m}
}

func (p *modelPlatform) note(in map[string]map[string]bool, id string, who *person) {
	if in[id] == nil {
		in[id] = map[string]bool{}
	}
	in[id][who.to.External] = true
}

// deliver shows an accepted message to the person, or loses it, and makes the receipts.
func (p *modelPlatform) deliver(d *modelDelivery, way channel.Way, messageID string) {
	receipts := way == channel.WayTemplate || way == channel.WayNotice
	seen := !receipts || p.w.chance(900)
	if seen {
		p.show(d.who, of("d", d.ID))
	}
	if !receipts || p.w.chance(100) { // lost
		return
	}
	r := channel.Receipt{Kind: "TEMPLATESENDJOBFINISH", To: d.who.to, MessageID: messageID, Delivered: seen, Status: "success", At: p.w.now()}
	if !seen {
		r.Status = "failed: system failed"
	}
	if p.nameless || p.w.chance(250) {
		r.MessageID = "0"
	}
	p.receipts = append(p.receipts, r)
	if seen && r.MessageID != "0" && p.w.chance(300) { // a late failure besides
		r.Delivered, r.Status = false, "failed: user block"
		p.contradicts[d.ID] = true
		p.receipts = append(p.receipts, r)
	}
}

// of names a row, or a batch, in the ledgers, whatever client ids its calls had: two of one row would show as two copies.
func of(kind string, id int64) string { return kind + strconv.FormatInt(id, 36) }

// rowOf is the number of the row that a client id is of.
func rowOf(clientID, kind string) (int64, error) {
	row, _, ok := strings.Cut(clientID, "T")
	if !ok {
		return 0, errors.New("no time")
	}
	return strconv.ParseInt(strings.TrimPrefix(row, kind), 36, 64)
}

// show writes the ledger of what people saw.
func (p *modelPlatform) show(who *person, clientID string) {
	if p.seen[clientID] == nil {
		p.seen[clientID] = map[string]int{}
	}
	p.seen[clientID][who.to.External]++
	p.w.trace("%s sees %s", who.to.External, clientID)
}

// pushReceipt delivers one of the receipts, any of them, sometimes twice.
func (p *modelPlatform) pushReceipt() {
	if len(p.receipts) == 0 {
		return
	}
	i := p.w.draw(len(p.receipts))
	r := p.receipts[i]
	if p.w.now().Sub(r.At) > 12*time.Hour { // the platform tries for seconds, not for days
		p.receipts = append(p.receipts[:i], p.receipts[i+1:]...)
		return
	}
	if p.w.chance(200) {
		p.w.met["receipt twice"]++
	} else {
		p.receipts = append(p.receipts[:i], p.receipts[i+1:]...)
	}
	p.w.trace("receipt %s for %s: %s", r.MessageID, r.To.External, r.Status)
	p.w.store.append(r, p.w.somebody().clock())
}

func (p *modelPlatform) SendMass(ctx context.Context, out channel.MassOutbound) channel.Outcome {
	id, err := rowOf(out.ClientID, "m")
	if err != nil {
		p.w.breaks("client id", "%q", out.ClientID)
		return channel.Outcome{}
	}
	b := p.w.store.batches[id-1]
	if ctx.Err() != nil {
		return channel.Outcome{Verdict: channel.Unsent, Class: channel.ClassLater, Reason: "no_connection"}
	}
	p.w.mayBeginMass(ctx, b)
	return p.call(ctx, out.ClientID, func(booked time.Time) channel.Outcome {
		if !p.spendCall(channel.WayMass, booked) {
			return refused(channel.ClassCampaign, delivery.ReasonQuotaSpent)
		}
		if k, ok := p.known[out.ClientID]; ok && p.w.planted != "another client id" && p.w.now().Sub(k.at) < 24*time.Hour {
			return channel.Outcome{Verdict: channel.Accepted, MessageID: k.messageID}
		}
		if o, moody := p.mood(); moody {
			return o
		}
		p.ids++
		m := strconv.Itoa(1000 + p.ids)
		p.known[out.ClientID] = known{p.w.now(), m}
		seen := p.w.chance(900)
		job := channel.Job{Total: len(out.To)}
		for _, d := range b.in() {
			p.note(p.took, of("m", b.ID), d.who)
			if seen && slices.Contains(out.To, d.who.to.External) && d.who.truth.following && !d.who.truth.refusing && d.who.massTrue < 4 {
				d.who.massTrue++
				job.Filtered, job.Sent = job.Filtered+1, job.Sent+1
				p.show(d.who, of("m", b.ID))
			}
		}
		p.report(b, job, m, seen)
		return channel.Outcome{Verdict: channel.Accepted, MessageID: m}
	})
}

// report makes the report of a mass send.
func (p *modelPlatform) report(b *modelBatch, job channel.Job, messageID string, sent bool) {
	if p.w.chance(100) { // lost
		return
	}
	r := channel.Receipt{Kind: "MASSSENDJOBFINISH", To: channel.Address{Channel: "model", Account: "default"}, MessageID: messageID, Status: sentWell, Job: &job, At: p.w.now()}
	if !sent {
		r.Status = "send fail"
	}
	p.receipts = append(p.receipts, r)
	if sent && p.w.chance(200) { // and the contrary besides
		r.Status = "send fail"
		for _, d := range b.in() {
			p.contradicts[d.ID] = true
		}
		p.receipts = append(p.receipts, r)
	}
}
