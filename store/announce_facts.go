package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

const (
	noticesKept  = 30 * 24 * time.Hour // an announcement can be read in the chat so long
	noticesShown = 5
	unitsShown   = 9
	classesShown = 5
	waitingShown = 5
	reasonsShown = 4

	requestsShown = 5

	// countedDigits is the shortest prefix of units whose people are counted while somebody waits: a
	// county. Above it (half a million people) the forecast counts.
	countedDigits = 6
)

// announcing is what one turn of a trainer needs. It is asked for by few people and few words, so it
// is read for each person alone.
type announcing struct {
	to *conversation.Facts
	n  conversation.Needs
}

func (f *facts) wantAnnouncements(to *conversation.Facts, n conversation.Needs) {
	if n.Once != "" && to.Identity.ID != 0 {
		f.once = append(f.once, onceWanted{to, n.Once})
	}
	if to.Identity.Learner == 0 {
		return
	}
	if n.Notices {
		push(&f.notices, to.Identity.Learner, to)
	}
	if n.Trainer {
		f.trainers = append(f.trainers, announcing{to, n})
	}
}

// loadNotices reads the announcements of many people in one statement: after an urgent one a whole
// county answers 收到 at once. A reminder counts as what it reminds of.
func (f *facts) loadNotices(ctx context.Context) error {
	if len(f.notices) == 0 {
		return nil
	}
	type row struct {
		conversation.NoticeFact
		cancelled bool
		media     string
	}
	found := map[people.LearnerID][]*row{}
	args := append(keysOf(f.notices), toMs(f.now.Add(-noticesKept)))
	err := each(ctx, f.q, func(rows *sql.Rows) error {
		var learner people.LearnerID
		var r row
		var body []byte
		var state, status string
		var pulled, acked, first, created int64
		if err := rows.Scan(&learner, &r.Campaign, &status, &r.Title, &body, &r.WantsAck, &state, &pulled, &acked, &first, &created); err != nil {
			return err
		}
		var b bot.Body
		if err := json.Unmarshal(body, &b); err != nil {
			return err
		}
		r.Text, r.URL, r.At, r.media = b.Text, b.URL, fromMs(cmp.Or(first, created)), b.Media
		r.Acked, r.cancelled = acked > 0, status == string(bot.CampaignCancelled)
		r.Seen = pulled > 0 || state == "accepted" || state == "delivered" || state == "unknown" || state == "sending"
		for _, o := range found[learner] {
			if o.Campaign == r.Campaign { // the newer one is there already
				o.WantsAck, o.Acked, o.Seen = o.WantsAck || r.WantsAck, o.Acked || r.Acked, o.Seen || r.Seen
				return nil
			}
		}
		found[learner] = append(found[learner], &r)
		return nil
	}, `SELECT d.learner_id, CASE WHEN c.of_id > 0 THEN c.of_id ELSE c.id END, c.status, c.title, c.body, c.wants_ack, d.state, d.pulled_at, d.acked_at, d.first_attempt_at, d.created_at
		FROM deliveries d`+f.store.by("deliveries_learner")+` JOIN campaigns c ON c.id = d.campaign_id
		WHERE d.learner_id IN `+marks(len(f.notices))+` AND d.created_at >= ? AND d.lesson_id = ''
		AND c.kind IN ('announcement', 'urgent', 'reminder') AND c.status IN ('running', 'freezing', 'cancelled') ORDER BY d.learner_id, d.id DESC`, args...)
	kinds := map[string]channel.MessageKind{}
	for _, list := range found {
		for _, r := range list {
			if r.media != "" {
				kinds[r.media] = channel.MessageImage
			}
		}
	}
	if err == nil {
		err = mediaKinds(ctx, f.q, kinds)
	}
	for learner, list := range found {
		for _, to := range f.notices[learner] {
			for _, r := range list {
				r.Media = kinds[r.media]
				if len(to.Notices) < noticesShown && (r.Seen || !r.cancelled) {
					to.Notices = append(to.Notices, r.NoticeFact)
				}
			}
		}
	}
	return err
}

// loadTrainers reads what trainers need. Whoever is none gets nothing, whatever was asked for.
func (f *facts) loadTrainers(ctx context.Context) error {
	for _, a := range f.trainers {
		scope, err := trainerScope(ctx, f.q, a.to.Identity.Learner)
		if errors.Is(err, errLost) {
			continue
		}
		if err != nil {
			return err
		}
		t := &conversation.Trainer{Scope: scope, Size: -1}
		a.to.Trainer = t
		for _, step := range []func(context.Context, announcing, *conversation.Trainer) error{f.scopeName, f.audiences, f.unitsOf, f.groupsOf, f.draftOf, f.resultOf, f.waitingFor, f.askedOf, f.leavesOf, f.tickingOf, f.helpOf, f.rectifyingOf, f.shortNames} {
			if err := step(ctx, a, t); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *facts) scopeName(ctx context.Context, a announcing, t *conversation.Trainer) error {
	if !a.n.Audiences {
		return nil
	}
	names, err := f.unitNames(ctx, t.Scope.Units)
	if err == nil {
		err = shortUnits(ctx, f.q, t.Scope, pointers(names))
	}
	t.Name = strings.Join(names, "、")
	return err
}

func pointers(names []string) []*string {
	out := make([]*string, len(names))
	for i := range names {
		out[i] = &names[i]
	}
	return out
}

// shortNames makes the names of units in a trainer's lists the shortest that nothing else in the scope has.
func (f *facts) shortNames(ctx context.Context, a announcing, t *conversation.Trainer) error {
	var names []*string
	for i := range a.to.Units {
		names = append(names, &a.to.Units[i].Name)
	}
	for i := range a.to.Waiting {
		names = append(names, pointers(a.to.Waiting[i].Units)...)
	}
	for i := range a.to.Asked {
		names = append(names, &a.to.Asked[i].UnitName)
	}
	for i := range t.Leaves {
		names = append(names, &t.Leaves[i].UnitName)
	}
	for i := range t.Followed {
		names = append(names, &t.Followed[i].Learner.UnitName)
	}
	for i := range t.Rectifying.First {
		names = append(names, &t.Rectifying.First[i].UnitName)
	}
	if len(names) == 0 {
		return nil
	}
	return shortUnits(ctx, f.q, t.Scope, names)
}

func (f *facts) unitNames(ctx context.Context, codes []people.OrgCode) (names []string, err error) {
	return names, each(ctx, f.q, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		names = append(names, name)
		return err
	}, "SELECT full_name FROM org_units WHERE code IN "+marks(len(codes))+" ORDER BY code", anys(codes)...)
}

// within is the condition that a unit's code lies in one of the prefixes; small: all of them are
// counties or less.
func within(column string, prefixes []string) (where string, args []any, small bool) {
	where, small = "(1 = 0", true
	for _, p := range prefixes {
		where += " OR " + column + " LIKE ?"
		args = append(args, p+"%")
		small = small && len(p) >= countedDigits
	}
	return where + ")", args, small
}

// audiences reads the trainer's classes, newest first, and the sizes of what can be counted quickly.
func (f *facts) audiences(ctx context.Context, a announcing, t *conversation.Trainer) error {
	if !a.n.Audiences {
		return nil
	}
	where, args, small := within("l.unit_code", t.Scope.Prefixes())
	tagged := "SELECT EXISTS (SELECT 1 FROM learner_tags t JOIN learners l ON l.id = t.learner_id WHERE " + onRoster + " AND " + where + ")"
	if err := f.q.QueryRowContext(ctx, tagged, args...).Scan(&t.Tagged); err != nil {
		return err
	}
	sizes := map[int64]int{}
	var newest []int64
	query := "SELECT c.id, -1 FROM cohorts c ORDER BY c.id DESC LIMIT " + itoa(classesShown)
	if small {
		if err := f.q.QueryRowContext(ctx, "SELECT COUNT(*) FROM learners l WHERE "+onRoster+" AND "+where, args...).Scan(&t.Size); err != nil {
			return err
		}
		query = `SELECT e.cohort_id, COUNT(*) FROM learners l JOIN enrolments e ON e.learner_id = l.id AND e.status IN ('active', 'completed')
			WHERE ` + onRoster + ` AND ` + where + " GROUP BY e.cohort_id ORDER BY e.cohort_id DESC LIMIT " + itoa(classesShown)
	} else {
		args = nil
	}
	err := each(ctx, f.q, func(rows *sql.Rows) error {
		var id int64
		var n int
		err := rows.Scan(&id, &n)
		newest, sizes[id] = append(newest, id), n
		return err
	}, query, args...)
	if err != nil || len(newest) == 0 {
		return err
	}
	classes := map[int64]conversation.TrainerClass{}
	err = readCohorts(ctx, f.q, func(id int64, c study.Cohort) {
		classes[id] = conversation.TrainerClass{Code: c.Code, Name: c.Name, Courses: c.Courses, Size: sizes[id]}
	}, "c.id IN "+marks(len(newest)), anys(newest)...)
	for _, id := range newest {
		t.Cohorts = append(t.Cohorts, classes[id])
	}
	return err
}

// groupsOf reads the largest categories or tags of the scope, and those of exactly the name that was typed. The
// whole scope is looked through, but only when its trainer chooses this way.
func (f *facts) groupsOf(ctx context.Context, a announcing, t *conversation.Trainer) error {
	scope, inScope, _ := within("l.unit_code", t.Scope.Prefixes())
	kinds := []struct {
		kind          conversation.GroupKind
		column, table string
		called        string
	}{
		{conversation.GroupCategory, "l.category", "learners l", strings.TrimSpace(a.n.Unit)},
		{conversation.GroupTag, "t.tag", "learner_tags t JOIN learners l ON l.id = t.learner_id", people.FoldTag(a.n.Unit)},
	}
	for _, k := range kinds {
		which, args := k.column+" <> ''", slices.Clone(inScope)
		switch {
		case a.n.Unit != "":
			which, args = k.column+" = ?", append(args, k.called)
		case a.n.Groups != k.kind:
			continue
		}
		err := each(ctx, f.q, func(rows *sql.Rows) error {
			g := conversation.Group{Kind: k.kind}
			err := rows.Scan(&g.Name, &g.Size)
			a.to.Groups = append(a.to.Groups, g)
			return err
		}, "SELECT "+k.column+", COUNT(*) FROM "+k.table+" WHERE "+onRoster+" AND "+scope+" AND "+which+
			" GROUP BY "+k.column+" ORDER BY COUNT(*) DESC, "+k.column+" LIMIT "+itoa(conversation.GroupsShown), args...)
		if err != nil {
			return err
		}
	}
	return nil
}

// unitsOf finds the units of the scope whose name fits best what was typed.
func (f *facts) unitsOf(ctx context.Context, a announcing, t *conversation.Trainer) error {
	if a.n.Unit == "" {
		return nil
	}
	where, args, _ := within("code", t.Scope.Prefixes())
	best := people.UnitParent
	var found []conversation.Unit
	err := each(ctx, f.q, func(rows *sql.Rows) error {
		u := conversation.Unit{Size: -1}
		if err := rows.Scan(&u.Code, &u.Name); err != nil {
			return err
		}
		switch m := people.MatchUnitName(a.n.Unit, u.Name); {
		case m > best:
			best, found = m, []conversation.Unit{u}
		case m == best && m > people.UnitParent && len(found) < unitsShown:
			found = append(found, u)
		}
		return nil
	}, "SELECT code, full_name FROM org_units WHERE valid_to = '' AND "+where+" ORDER BY code", args...)
	if err == nil && len(found) == 0 {
		found, err = f.formerUnits(ctx, a.n.Unit, t.Scope)
	}
	if err != nil {
		return err
	}
	for i := range found {
		where, args, small := within("unit_code", []string{found[i].Code.Prefix()})
		if small {
			err = errors.Join(err, f.q.QueryRowContext(ctx, "SELECT COUNT(*) FROM learners WHERE left_day = '' AND "+where, args...).Scan(&found[i].Size))
		}
	}
	a.to.Units = found
	return err
}

// formerUnits finds units of the scope by a name that they, or what became part of them, had.
func (f *facts) formerUnits(ctx context.Context, typed string, scope people.Scope) (found []conversation.Unit, err error) {
	best := people.UnitParent
	fits := func(former string) bool { return people.MatchUnitName(typed, former) > people.UnitParent }
	return found, f.store.formerlyCalled(ctx, f.q, "full_name <> ''", nil, fits, func(u people.Unit, former string) {
		m := people.MatchUnitName(typed, former)
		if !scope.Sees(u.Code) || slices.ContainsFunc(found, func(x conversation.Unit) bool { return x.Code == u.Code }) {
			return
		}
		switch {
		case m > best:
			best, found = m, []conversation.Unit{{Code: u.Code, Name: u.Full, Size: -1}}
		case m == best && len(found) < unitsShown:
			found = append(found, conversation.Unit{Code: u.Code, Name: u.Full, Size: -1})
		}
	})
}

// draftOf reads the trainer's own draft.
func (f *facts) draftOf(ctx context.Context, a announcing, t *conversation.Trainer) error {
	if a.n.Draft == "" {
		return nil
	}
	d := &conversation.DraftFacts{}
	var body, audience, forecast []byte
	err := f.q.QueryRowContext(ctx, "SELECT id, status, title, body, audience, forecast FROM campaigns WHERE request_key = ? AND made_by = ?",
		a.n.Draft, byLearner(a.to.Identity.Learner)).Scan(&d.ID, &d.Status, &d.Title, &body, &audience, &forecast)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	var b bot.Body
	var to bot.Audience
	if err := errors.Join(err, json.Unmarshal(body, &b), json.Unmarshal(audience, &to)); err != nil {
		return err
	}
	d.Text, d.Awaits = b.Text, b == bot.Body{}
	if d.Awaits {
		err := f.q.QueryRowContext(ctx, "SELECT problem FROM wanted_files WHERE campaign_id = ?", d.ID).Scan(&d.Problem)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	if len(forecast) > 0 {
		var c bot.Forecast
		if err := json.Unmarshal(forecast, &c); err != nil {
			return err
		}
		words := c.Words()
		d.Forecast = &words
	}
	if a.n.Size {
		if d.Size, err = f.store.AudienceSize(ctx, t.Scope, to); err != nil {
			return err
		}
	}
	a.to.Draft = d
	return nil
}

func sortReasons(list []conversation.Count) {
	slices.SortFunc(list, func(a, b conversation.Count) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Why, b.Why))
	})
}

// resultOf reads the n-th newest campaign that the trainer has sent, and counts what became of it.
func (f *facts) resultOf(ctx context.Context, a announcing, t *conversation.Trainer) error {
	if a.n.Result <= 0 {
		return nil
	}
	id, err := f.resultID(ctx, a)
	if err != nil || id == 0 {
		return err
	}
	r := &conversation.Result{}
	var due, pausedUntil int64
	var paused string
	var body []byte
	err = f.q.QueryRowContext(ctx, "SELECT id, title, body, status, due_at, paused_by, paused_until, wants_ack, of_id <> 0 FROM campaigns WHERE id = ?", id).
		Scan(&r.ID, &r.Title, &body, &r.Status, &due, &paused, &pausedUntil, &r.WantsAck, &r.Reminder)
	if err != nil {
		return err
	}
	var b bot.Body
	if err := fromJSON(body, &b); err != nil {
		return err
	}
	r.Text = cmp.Or(b.Text, r.Title)
	r.At, r.Paused = fromMs(due), paused != "" && (pausedUntil == 0 || pausedUntil > toMs(f.now))
	a.to.Result = r
	if err := f.countResult(ctx, r); err != nil {
		return err
	}
	if a.n.Silent {
		err = f.q.QueryRowContext(ctx, "SELECT COUNT(*) > 0 FROM campaigns WHERE request_key = ? AND status <> 'draft'", conversation.RemindKey(r.ID, study.DayOf(f.now))).Scan(&r.RemindedToday)
	}
	if err != nil || a.n.Names == "" {
		return err
	}
	return f.peopleOf(ctx, a.n, t.Scope, r)
}

// resultID finds the campaign that the trainer means among the own ones, 0 for none: that of the
// number, the one looked at last, or the newest.
func (f *facts) resultID(ctx context.Context, a announcing) (id int64, err error) {
	own := "made_by = ? AND status <> 'draft'"
	args := []any{byLearner(a.to.Identity.Learner)}
	if a.n.ResultOf != 0 {
		meant := "id"
		if a.n.Silent { // of a reminder that was looked at: what it reminds of
			meant = "CASE WHEN of_id > 0 THEN of_id ELSE id END"
		}
		var of int64
		err = f.q.QueryRowContext(ctx, "SELECT "+meant+" FROM campaigns WHERE id = ? AND "+own, append([]any{a.n.ResultOf}, args...)...).Scan(&of)
		if err == nil {
			err = f.q.QueryRowContext(ctx, "SELECT id FROM campaigns WHERE id = ? AND "+own, append([]any{of}, args...)...).Scan(&id)
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return id, err
		}
	}
	if a.n.Silent {
		own += " AND wants_ack = 1 AND of_id = 0"
	}
	err = f.q.QueryRowContext(ctx, "SELECT id FROM campaigns WHERE "+own+" ORDER BY id DESC LIMIT 1 OFFSET "+itoa(a.n.Result-1), args...).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return id, err
}

// peopleOf reads one page of people by name, within the trainer's scope as it is now.
func (f *facts) peopleOf(ctx context.Context, n conversation.Needs, scope people.Scope, r *conversation.Result) error {
	which := "d.state IN ('skipped', 'failed', 'refused', 'unknown', 'expired', 'cancelled')"
	if n.Names == conversation.NamesSilent {
		which = "d.acked_at = 0 AND " + hasIt
	}
	where, args := scoped(scope)
	err := each(ctx, f.q, func(rows *sql.Rows) error {
		var p conversation.Named
		err := rows.Scan(&p.Name, &p.Unit, &p.Why)
		if p.Why == "ambiguous" {
			p.Why = ""
		}
		r.Names = append(r.Names, p)
		return err
	}, "SELECT l.name, COALESCE(u.name, ''), d.why FROM deliveries d"+f.store.by("deliveries_recipient")+
		" JOIN learners l ON l.id = d.learner_id LEFT JOIN org_units u ON u.code = l.unit_code WHERE d.campaign_id = ? AND "+which+" AND "+where+
		" ORDER BY d.learner_id LIMIT "+itoa(conversation.NamesPage+1)+" OFFSET "+itoa((max(1, n.Page)-1)*conversation.NamesPage), append([]any{r.ID}, args...)...)
	if len(r.Names) > conversation.NamesPage {
		r.Names, r.MoreNames = r.Names[:conversation.NamesPage], true
	}
	return err
}

func (f *facts) countResult(ctx context.Context, r *conversation.Result) error {
	reasons := map[string]int{}
	err := each(ctx, f.q, func(rows *sql.Rows) error {
		var state, why string
		var n, pulled, acked, silent int
		if err := rows.Scan(&state, &why, &n, &pulled, &acked, &silent); err != nil {
			return err
		}
		r.Audience += n
		r.Acked += acked
		if r.WantsAck {
			r.Silent += silent
		}
		unreached := true
		switch state {
		case "delivered":
			r.Delivered, unreached = r.Delivered+n, false
		case "accepted":
			r.Accepted, unreached = r.Accepted+n, false
		case "unknown":
			r.Unknown, unreached = r.Unknown+n, false
		case "failed", "refused":
			r.Failed += n
		case "skipped":
			r.Unsent += n
		case "cancelled":
			r.Stopped += n
		case "expired":
			r.Expired += n
		case "pending", "claimed":
			// Of a cancelled campaign nothing is sent any more, also before its rows are swept.
			if r.Status == string(bot.CampaignCancelled) {
				r.Stopped += n
			} else {
				r.Waiting += n
			}
		default:
			r.Waiting += n
		}
		if unreached {
			r.Pulled += pulled
		}
		if unreached && why != "" && why != "cancelled" && why != "ambiguous" {
			reasons[why] += n
		}
		return nil
	}, `SELECT state, why, COUNT(*), SUM(CASE WHEN pulled_at > 0 THEN 1 ELSE 0 END), SUM(CASE WHEN acked_at > 0 THEN 1 ELSE 0 END),
		SUM(CASE WHEN acked_at = 0 AND `+hasIt+` THEN 1 ELSE 0 END) FROM deliveries d`+f.store.by("deliveries_recipient")+` WHERE campaign_id = ? GROUP BY state, why`, r.ID)
	for why, n := range reasons {
		r.Reasons = append(r.Reasons, conversation.Count{Why: why, Count: n})
	}
	sortReasons(r.Reasons)
	r.Reasons = r.Reasons[:min(len(r.Reasons), reasonsShown)]
	return err
}

// askedOf reads what people in the trainer's scope ask for, and what stands against it.
func (f *facts) askedOf(ctx context.Context, a announcing, t *conversation.Trainer) error {
	if !a.n.Asked {
		return nil
	}
	where, args := scoped(t.Scope)
	args = append(args, string(people.RequestOpen))
	if a.n.AskedID != 0 {
		where, args = where+" AND r.state = ? AND r.id = ?", append(args, int64(a.n.AskedID))
	} else {
		where += " AND r.state = ?"
	}
	err := each(ctx, f.q, func(rows *sql.Rows) error {
		r, err := scanRequest(rows)
		a.to.Asked = append(a.to.Asked, conversation.Asked{Request: r})
		return err
	}, "SELECT "+requestColumns+where+" ORDER BY r.id LIMIT "+itoa(requestsShown), args...)
	if err != nil {
		return err
	}
	for i := range a.to.Asked {
		r := &a.to.Asked[i]
		if r.Kind != people.RequestDelegate {
			continue
		}
		b := binder{s: f.store, q: f.q, now: toMs(f.now)}
		_, err := b.mayDelegate(ctx, t.Scope, a.n.Rule, r.Helper, r.Learner)
		if !errors.As(err, &r.Against) && err != nil {
			return err
		}
	}
	return nil
}

// waitingFor reads what waits for a release inside the trainer's scope.
func (f *facts) waitingFor(ctx context.Context, a announcing, t *conversation.Trainer) error {
	if !a.n.Waiting {
		return nil
	}
	seen, args := visible(t.Scope)
	var audiences []bot.Audience
	var makers []people.LearnerID
	var media []string
	kinds := map[string]channel.MessageKind{}
	err := each(ctx, f.q, func(rows *sql.Rows) error {
		var w conversation.Waiting
		var by string
		var due int64
		var body, audience, forecast []byte
		if err := rows.Scan(&w.ID, &w.Title, &body, &audience, &forecast, &by, &due); err != nil {
			return err
		}
		var b bot.Body
		var to bot.Audience
		var c bot.Forecast
		err := errors.Join(json.Unmarshal(body, &b), json.Unmarshal(audience, &to))
		w.Text, w.Size, w.At = b.Text, -1, fromMs(due)
		if len(forecast) > 0 {
			err = errors.Join(err, json.Unmarshal(forecast, &c))
			w.Size = c.Audience
		}
		maker, _ := strings.CutPrefix(by, "learner:")
		id, _ := strconv.ParseInt(maker, 10, 64) // 0: no learner
		w.Own = people.LearnerID(id) == a.to.Identity.Learner
		w.Groups = slices.Concat(to.Categories, to.Tags)
		w.More = len(to.Learners) > 0 || to.Progress != nil || to.Except != nil
		w.Reminder = to.Unacked != 0
		a.to.Waiting, media = append(a.to.Waiting, w), append(media, b.Media)
		if b.Media != "" {
			kinds[b.Media] = channel.MessageImage
		}
		audiences, makers = append(audiences, to), append(makers, people.LearnerID(id))
		return err
	}, `SELECT m.id, m.title, m.body, m.audience, m.forecast, m.made_by, m.due_at FROM campaigns m WHERE m.status = 'awaiting' AND `+releasable+" AND "+seen+" ORDER BY m.id LIMIT "+itoa(waitingShown),
		append([]any{toMs(f.now)}, args...)...)
	if err != nil {
		return err
	}
	if err := mediaKinds(ctx, f.q, kinds); err != nil {
		return err
	}
	for i := range a.to.Waiting {
		a.to.Waiting[i].Media = kinds[media[i]]
		if err := f.nameWaiting(ctx, &a.to.Waiting[i], audiences[i], makers[i]); err != nil {
			return err
		}
	}
	return nil
}

// nameWaiting puts names in: of whoever wrote it, and of whom it is for.
func (f *facts) nameWaiting(ctx context.Context, w *conversation.Waiting, to bot.Audience, maker people.LearnerID) (err error) {
	if maker != 0 {
		err = f.q.QueryRowContext(ctx, "SELECT name FROM learners WHERE id = ?", int64(maker)).Scan(&w.By)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	if len(to.Units) > 0 {
		if w.Units, err = f.unitNames(ctx, to.Units); err != nil {
			return err
		}
	}
	if len(to.Cohorts) > 0 {
		return readCohorts(ctx, f.q, func(_ int64, c study.Cohort) { w.Cohorts = append(w.Cohorts, c.Name) }, "c.code IN "+marks(len(to.Cohorts)), anys(to.Cohorts)...)
	}
	return nil
}
