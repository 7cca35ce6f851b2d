package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/study"
)

const surveyColumns = "v.id, v.code, v.title, v.intro, v.anonymous, v.opens_day, v.closes_day, v.unit_code, v.cohort_code, v.part_level, v.part_units, v.questions"

// readSurveys reads surveys, first those that close first.
func readSurveys(ctx context.Context, q querier, where string, args ...any) ([]study.Survey, error) {
	list := []study.Survey{}
	err := each(ctx, q, func(rows *sql.Rows) error {
		var v study.Survey
		var parts string
		var questions []byte
		if err := rows.Scan(&v.ID, &v.Code, &v.Title, &v.Intro, &v.Anonymous, &v.Opens, &v.Closes, &v.Unit, &v.Cohort, &v.By, &parts, &questions); err != nil {
			return err
		}
		v.Parts = []people.OrgCode{}
		for p := range strings.FieldsSeq(parts) {
			v.Parts = append(v.Parts, people.OrgCode(p))
		}
		list = append(list, v)
		return json.Unmarshal(questions, &list[len(list)-1].Questions)
	}, "SELECT "+surveyColumns+" FROM surveys v WHERE "+where+" ORDER BY v.closes_day, v.id", args...)
	return list, err
}

// asked is the condition on learners l who are asked by a survey.
func asked(v study.Survey) (string, []any) {
	where, args := onRoster+" AND l.unit_code LIKE ?", []any{v.Unit.Prefix() + "%"}
	if v.Cohort != "" {
		where += " AND EXISTS (SELECT 1 FROM enrolments e JOIN cohorts c ON c.id = e.cohort_id WHERE e.learner_id = l.id AND c.code = ? AND e.status IN ('active', 'paused', 'completed'))"
		args = append(args, v.Cohort)
	}
	return where, args
}

// PutSurvey makes a survey. The same again changes nothing; a survey that is there is not changed,
// because people may have answered it. Its unit must be inside the scope.
func (s *Store) PutSurvey(ctx context.Context, now time.Time, actor string, scope people.Scope, v study.Survey) (created bool, err error) {
	if err := v.Check(); err != nil {
		return false, err
	}
	if !scope.Sees(v.Unit) {
		return false, fault.New(fault.NotFound, "follow.unit_unseen", fault.A("unit", v.Unit))
	}
	err = s.transact(ctx, s.orm, func(tx *gorm.DB) error {
		created = false
		q := under(tx)
		have, err := readSurveys(ctx, q, "v.code = ?", v.Code)
		if err != nil {
			return err
		}
		if len(have) > 0 {
			same := have[0]
			same.ID, same.Parts = v.ID, v.Parts
			if !scope.Sees(have[0].Unit) || !reflect.DeepEqual(same, v) {
				return fault.New(fault.Conflict, "survey.exists", fault.A("code", v.Code))
			}
			return nil
		}
		created = true
		return s.newSurvey(ctx, tx, now, actor, v)
	})
	if err != nil {
		return false, fmt.Errorf("making a survey: %w", err)
	}
	return created, nil
}

func (s *Store) newSurvey(ctx context.Context, tx *gorm.DB, now time.Time, actor string, v study.Survey) error {
	q := under(tx)
	if v.Cohort != "" {
		var id int64
		if err := q.QueryRowContext(ctx, "SELECT id FROM cohorts WHERE code = ?", v.Cohort).Scan(&id); errors.Is(err, sql.ErrNoRows) {
			return fault.New(fault.NotFound, "push.no_cohort", fault.A("cohort", v.Cohort))
		} else if err != nil {
			return err
		}
	}
	where, args := asked(v)
	total, parts := 0, []string{}
	digits := len(v.Unit.Ancestor(v.By).Prefix())
	if v.By > v.Unit.Level() {
		digits = map[people.Level]int{people.LevelPrefecture: 4, people.LevelCounty: 6, people.LevelTownship: 9}[v.By]
	}
	err := each(ctx, q, func(rows *sql.Rows) error {
		var prefix string
		var n int
		if err := rows.Scan(&prefix, &n); err != nil {
			return err
		}
		total += n
		if code, ok := people.ParseOrgCode(prefix); ok && code.Level() == v.By && n >= study.SmallGroup {
			parts = append(parts, string(code))
		}
		return nil
	}, fmt.Sprintf("SELECT SUBSTR(l.unit_code, 1, %d), COUNT(*) FROM learners l WHERE %s GROUP BY SUBSTR(l.unit_code, 1, %[1]d) ORDER BY 1", digits, where), args...)
	if err != nil {
		return err
	}
	if v.Anonymous && total < study.SmallGroup {
		return fault.New(fault.Invalid, "survey.too_few", fault.A("count", total), fault.A("least", study.SmallGroup))
	}
	questions, err := json.Marshal(v.Questions)
	if err != nil {
		return err
	}
	i := insert{table: "surveys", columns: strings.Fields("code title intro anonymous opens_day closes_day unit_code cohort_code part_level part_units questions created_at")}
	i.add(v.Code, v.Title, v.Intro, v.Anonymous, string(v.Opens), string(v.Closes), string(v.Unit), v.Cohort, int(v.By), strings.Join(parts, " "), string(questions), toMs(now))
	if err := i.exec(ctx, q); err != nil {
		return err
	}
	return appendAudit(ctx, s, tx, act{At: now, Actor: actor, Action: "survey.put", Object: "survey " + v.Code, Result: fmt.Sprintf("asks %d", total)})
}

// Surveys lists the surveys whose units lie inside a scope.
func (s *Store) Surveys(ctx context.Context, scope people.Scope) ([]study.Survey, error) {
	where, args := scoped(scope)
	list, err := readSurveys(ctx, s.reads, strings.ReplaceAll(where, "l.unit_code", "v.unit_code"), args...)
	if err != nil {
		return nil, fmt.Errorf("listing surveys: %w", plain(err))
	}
	return list, nil
}

// surveyIn reads one survey of a scope.
func surveyIn(ctx context.Context, q querier, scope people.Scope, code string) (study.Survey, error) {
	list, err := readSurveys(ctx, q, "v.code = ?", code)
	if err == nil && (len(list) == 0 || !scope.Sees(list[0].Unit)) {
		err = fault.New(fault.NotFound, "survey.none", fault.A("code", code))
	}
	if err != nil {
		return study.Survey{}, err
	}
	return list[0], nil
}

// EndSurvey closes a survey before its day: from now on nobody is asked. It is not opened again,
// because its results are told now.
func (s *Store) EndSurvey(ctx context.Context, now time.Time, actor string, scope people.Scope, code string) (study.Survey, error) {
	var v study.Survey
	err := s.transact(ctx, s.orm, func(tx *gorm.DB) (err error) {
		if v, err = surveyIn(ctx, under(tx), scope, code); err != nil {
			return err
		}
		last := study.DayOf(now).Add(-1)
		if v.Closes <= last {
			return nil
		}
		v.Closes = last
		if _, err := under(tx).ExecContext(ctx, "UPDATE surveys SET closes_day = ? WHERE id = ?", string(last), int64(v.ID)); err != nil {
			return err
		}
		return appendAudit(ctx, s, tx, act{At: now, Actor: actor, Action: "survey.end", Object: "survey " + code, Result: string(last)})
	})
	if err != nil {
		return study.Survey{}, fmt.Errorf("ending a survey: %w", err)
	}
	return v, nil
}

// SurveyResult counts what came of a survey. Who sees the whole of its unit may see it. Small groups
// of an anonymous one, and anything before it has closed, do not leave study.FoldSurvey.
func (s *Store) SurveyResult(ctx context.Context, now time.Time, scope people.Scope, code string) (study.SurveyResult, error) {
	r, err := s.surveyResult(ctx, study.DayOf(now), scope, code)
	if err != nil {
		return r, fmt.Errorf("counting a survey: %w", plain(err))
	}
	return r, nil
}

func (s *Store) surveyResult(ctx context.Context, today study.Day, scope people.Scope, code string) (r study.SurveyResult, err error) {
	q := s.reads
	if r.Survey, err = surveyIn(ctx, q, scope, code); err != nil {
		return r, err
	}
	v := r.Survey
	where, args := asked(v)
	if err := q.QueryRowContext(ctx, "SELECT COUNT(*) FROM learners l WHERE "+where, args...).Scan(&r.Asked); err != nil {
		return r, err
	}
	if err := q.QueryRowContext(ctx, "SELECT COUNT(*), COALESCE(SUM(finished), 0) FROM survey_people WHERE survey_id = ?", int64(v.ID)).Scan(&r.Begun, &r.Finished); err != nil {
		return r, err
	}
	r.Waits = v.Anonymous && today <= v.Closes
	var counts []study.Count
	var words map[string][]string
	if !r.Waits {
		counts, words, err = countAnswers(ctx, q, v)
	}
	r.Questions = study.FoldSurvey(v, today, counts, words)
	return r, err
}

// countAnswers reads what was answered.
func countAnswers(ctx context.Context, q querier, v study.Survey) (counts []study.Count, words map[string][]string, err error) {
	table := "survey_named_answers"
	if v.Anonymous {
		table = "survey_answers"
	}
	words = map[string][]string{}
	err = each(ctx, q, func(rows *sql.Rows) error {
		var c study.Count
		err := rows.Scan(&c.Question, &c.Part, &c.Choice, &c.N)
		counts = append(counts, c)
		return err
	}, "SELECT question, part, choice, COUNT(*) FROM "+table+" WHERE survey_id = ? AND choice > 0 GROUP BY question, part, choice ORDER BY question, part, choice", int64(v.ID))
	if err != nil {
		return nil, nil, err
	}
	return counts, words, each(ctx, q, func(rows *sql.Rows) error {
		var question, text string
		err := rows.Scan(&question, &text)
		words[question] = append(words[question], text)
		return err
	}, "SELECT question, words FROM "+table+" WHERE survey_id = ? AND words <> '' ORDER BY question, words", int64(v.ID))
}

// settleSurveys takes small groups out of the answers to anonymous surveys that have closed.
func (s *Store) settleSurveys(ctx context.Context, now time.Time) error {
	today := study.DayOf(now)
	closed, err := readSurveys(ctx, s.db, "v.anonymous = 1 AND v.settled = 0 AND v.closes_day < ?", string(today))
	for _, v := range closed {
		if err == nil {
			err = s.transact(ctx, s.orm, func(tx *gorm.DB) error { return settleSurvey(ctx, under(tx), today, v) })
		}
	}
	if err != nil {
		return fmt.Errorf("settling surveys: %w", plain(err))
	}
	return nil
}

func settleSurvey(ctx context.Context, q querier, today study.Day, v study.Survey) error {
	// The survey's row first: of two replicas the second finds it settled and does the same again.
	if _, err := q.ExecContext(ctx, "UPDATE surveys SET settled = 1 WHERE id = ?", int64(v.ID)); err != nil {
		return err
	}
	counts, words, err := countAnswers(ctx, q, v)
	if err != nil {
		return err
	}
	for _, b := range study.BlurSurvey(v, today, counts, words) {
		if b.Delete {
			_, err = q.ExecContext(ctx, "DELETE FROM survey_answers WHERE survey_id = ? AND question = ?", int64(v.ID), b.Question)
		} else {
			_, err = q.ExecContext(ctx, "UPDATE survey_answers SET part = '' WHERE survey_id = ? AND question = ? AND part IN "+marks(len(b.Parts)),
				append([]any{int64(v.ID), b.Question}, anys(b.Parts)...)...)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// surveyWanted is where a survey is wanted, and which; 0 for any.
type surveyWanted struct {
	facts *conversation.Facts
	id    study.SurveyID
}

// found takes the first that is found, and the one that is wanted before any other.
func (w surveyWanted) found(f conversation.SurveyFacts) {
	have := w.facts.Survey
	if have != nil {
		f.More = have.More + 1
	}
	if have == nil || f.Survey.ID == w.id {
		w.facts.Survey = &f
		return
	}
	have.More++
}

// loadSurveys reads the survey that each person is asked next: of the open ones that are not answered
// to the end, the first to close.
func (f *facts) loadSurveys(ctx context.Context) error {
	if len(f.surveys) == 0 {
		return nil
	}
	today := string(study.DayOf(f.now))
	open, err := readSurveys(ctx, f.q, "v.closes_day >= ? AND v.opens_day <= ?", today, today)
	if err != nil || len(open) == 0 {
		return err
	}
	m, args := marks(len(f.surveys)), keysOf(f.surveys)
	type seat struct {
		survey  study.SurveyID
		learner people.LearnerID
	}
	answered, finished, classes, units := map[seat]int{}, map[seat]bool{}, map[people.LearnerID]map[string]bool{}, map[people.LearnerID]people.OrgCode{}
	err = each(ctx, f.q, func(rows *sql.Rows) error {
		var k seat
		var n int
		var end bool
		err := rows.Scan(&k.survey, &k.learner, &n, &end)
		answered[k], finished[k] = n, end
		return err
	}, "SELECT survey_id, learner_id, answered, finished FROM survey_people"+f.store.by("survey_people_learner")+" WHERE learner_id IN "+m, args...)
	if err != nil {
		return err
	}
	err = each(ctx, f.q, func(rows *sql.Rows) error {
		var id people.LearnerID
		var unit people.OrgCode
		var class string
		if err := rows.Scan(&id, &unit, &class); err != nil {
			return err
		}
		if units[id] = unit; classes[id] == nil {
			classes[id] = map[string]bool{"": true}
		}
		classes[id][class] = true
		return nil
	}, `SELECT l.id, l.unit_code, COALESCE(c.code, '') FROM learners l LEFT JOIN enrolments e ON e.learner_id = l.id AND e.status IN ('active', 'paused', 'completed')
		LEFT JOIN cohorts c ON c.id = e.cohort_id WHERE `+onRoster+` AND l.id IN `+m, args...)
	for learner, list := range f.surveys {
		for _, v := range open {
			k := seat{v.ID, learner}
			unit := units[learner]
			if finished[k] || !classes[learner][v.Cohort] || !v.Unit.Contains(unit) {
				continue
			}
			for _, to := range list {
				to.found(conversation.SurveyFacts{Survey: v, Part: v.PartOf(unit), Answered: answered[k]})
			}
		}
	}
	return err
}

// surveyAnswers writes answers to surveys. That the person has answered so many questions is moved on from what was
// read; what is no longer so is errLost, so that no answer counts twice. An anonymous answer goes alone: under a random
// key, without person or time.
func (w *turnWriter) surveyAnswers(ctx context.Context) error {
	for _, e := range w.surveys {
		// Small groups are taken out of a survey once; nothing comes after that.
		var settled bool
		if err := w.tx.QueryRowContext(ctx, "SELECT settled FROM surveys WHERE id = ?"+w.s.settled(), int64(e.Survey)).Scan(&settled); err != nil || settled {
			if settled || errors.Is(err, sql.ErrNoRows) {
				return errLost
			}
			return fmt.Errorf("reading a survey: %w", err)
		}
		var moved int64
		var r sql.Result
		var err error
		if e.Number == 1 {
			_, err = w.tx.ExecContext(ctx, "INSERT INTO survey_people (survey_id, learner_id, answered, finished) VALUES (?, ?, 1, ?)", int64(e.Survey), int64(e.Learner), e.Last)
			moved = 1
		} else if r, err = w.tx.ExecContext(ctx, "UPDATE survey_people SET answered = ?, finished = ? WHERE survey_id = ? AND learner_id = ? AND answered = ?",
			e.Number, e.Last, int64(e.Survey), int64(e.Learner), e.Number-1); err == nil {
			moved, err = r.RowsAffected()
		}
		switch {
		case classify(err) == troubleDuplicate, err == nil && moved == 0:
			return errLost
		case err != nil:
			return fmt.Errorf("writing who answered: %w", err)
		case e.Reply == study.Reply{}:
			continue
		}
		i := insert{table: "survey_named_answers", columns: strings.Fields("survey_id learner_id question part choice words answered_at")}
		values := []any{int64(e.Survey), int64(e.Learner), e.Question, string(e.Part), e.Reply.Choice, cut(e.Reply.Words, 1000), w.now}
		if e.Anonymous {
			id := make([]byte, 16)
			_, _ = rand.Read(id) // it never fails
			i = insert{table: "survey_answers", columns: strings.Fields("id survey_id question part choice words")}
			values = []any{id, int64(e.Survey), e.Question, string(e.Part), e.Reply.Choice, cut(e.Reply.Words, 1000)}
		}
		i.add(values...)
		if err := i.exec(ctx, w.tx); err != nil {
			return fmt.Errorf("writing an answer to a survey: %w", err)
		}
	}
	return nil
}

// SurveyUnits names the units of a result.
func (s *Store) SurveyUnits(ctx context.Context, r study.SurveyResult) (map[people.OrgCode]string, error) {
	names := map[people.OrgCode]string{}
	for _, q := range r.Questions {
		for _, p := range q.Parts {
			names[p.Unit] = ""
		}
	}
	err := each(ctx, s.reads, func(rows *sql.Rows) error {
		var code people.OrgCode
		var name string
		err := rows.Scan(&code, &name)
		names[code] = name
		return err
	}, "SELECT code, full_name FROM org_units WHERE code IN "+marks(len(names)), keysOf(names)...)
	if err != nil {
		return nil, fmt.Errorf("naming the units of a survey: %w", plain(err))
	}
	return names, nil
}

// NamedAnswers lists who answered what to a survey that says it is not anonymous, by unit and name. Of an anonymous
// one nobody can tell.
func (s *Store) NamedAnswers(ctx context.Context, scope people.Scope, code string) (study.Survey, []study.NamedAnswers, error) {
	v, err := surveyIn(ctx, s.reads, scope, code)
	if err != nil {
		return v, nil, err
	}
	if v.Anonymous {
		return v, nil, fault.New(fault.Forbidden, "survey.is_anonymous", fault.A("title", v.Title))
	}
	where, args := scoped(scope)
	list := []study.NamedAnswers{}
	err = each(ctx, s.bulk, func(rows *sql.Rows) error {
		var l people.Learner
		var question string
		var r study.Reply
		if err := rows.Scan(append(learnerFields(&l), &question, &r.Choice, &r.Words)...); err != nil {
			return err
		}
		if n := len(list); n == 0 || list[n-1].Learner.ID != l.ID {
			list = append(list, study.NamedAnswers{Learner: l, Replies: map[string]study.Reply{}})
		}
		list[len(list)-1].Replies[question] = r
		return nil
	}, "SELECT "+learnerColumns+`, a.question, a.choice, a.words FROM survey_named_answers a JOIN learners l ON l.id = a.learner_id
		LEFT JOIN org_units u ON u.code = l.unit_code WHERE a.survey_id = ? AND `+where+" ORDER BY l.unit_code, l.name, l.id, a.question", append([]any{int64(v.ID)}, args...)...)
	if err != nil {
		return v, nil, fmt.Errorf("listing answers to a survey: %w", plain(err))
	}
	return v, list, nil
}
