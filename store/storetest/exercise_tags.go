package storetest

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
)

// tag gives a tag to an audience, or takes it, and wants these numbers.
func (b *bundle) tag(scope people.Scope, who bot.Audience, tag string, on bool, met, changed int) {
	b.t.Helper()
	gotMet, gotChanged, err := b.s.TagPeople(b.t.Context(), start, "tester", scope, who, tag, on)
	if err != nil || gotMet != met || gotChanged != changed {
		b.t.Errorf("TagPeople %q %v: %d met, %d changed, %v; want %d and %d", tag, on, gotMet, gotChanged, err, met, changed)
	}
}

var tagCases = map[string]func(*testing.T, *bundle){
	"a tag is given, counted, asked for and taken within the scope, each act once in the audit": func(t *testing.T, b *bundle) {
		_, ids := b.enrolled("spring", person(village1, "李一", "AAAA"), person(village1, "王二", "BBBB"), person(village2, "赵三", "CCCC"))
		everybody, one := people.Everyone(), people.Scope{Units: []people.OrgCode{village1}}
		b.tag(everybody, bot.Audience{Units: []people.OrgCode{village1}}, "防汛", true, 2, 2)
		b.tag(everybody, bot.Audience{Learners: ids}, "防汛", true, 3, 1)
		b.tag(everybody, bot.Audience{}, "防汛", true, 3, 0)
		b.tag(one, bot.Audience{Cohorts: []string{"spring"}}, "骨干", true, 2, 2)
		b.tag(one, bot.Audience{}, "Ab", true, 2, 2)
		b.tag(one, bot.Audience{Learners: ids[:1]}, "ab", true, 1, 1) // letters are told apart
		for _, c := range []struct {
			scope people.Scope
			want  []people.TagCount
		}{
			{everybody, []people.TagCount{{Tag: "Ab", People: 2}, {Tag: "ab", People: 1}, {Tag: "防汛", People: 3}, {Tag: "骨干", People: 2}}},
			{people.Scope{Units: []people.OrgCode{village2}}, []people.TagCount{{Tag: "防汛", People: 1}}},
			{people.Scope{}, nil},
		} {
			got, err := b.s.Tags(t.Context(), c.scope)
			if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
				t.Errorf("%v: %v (-want +got):\n%s", c.scope, err, diff)
			}
		}
		for _, c := range []struct {
			who  bot.Audience
			want int
		}{
			{bot.Audience{Tags: []string{"防汛"}}, 3},
			{bot.Audience{Tags: []string{"骨干", "ab"}}, 2},
			{bot.Audience{Tags: []string{"防汛"}, Except: &bot.Audience{Tags: []string{"ab"}}}, 2},
		} {
			if n, err := b.s.AudienceSize(t.Context(), everybody, c.who); n != c.want || err != nil {
				t.Errorf("%+v: %d, %v; want %d", c.who, n, err, c.want)
			}
		}
		// Who has one tag loses another: the statement reads the table that it changes.
		b.tag(everybody, bot.Audience{Tags: []string{"ab"}}, "骨干", false, 1, 1)
		b.tag(everybody, bot.Audience{Tags: []string{"防汛"}}, "防汛", false, 3, 3)
		b.tag(everybody, bot.Audience{}, "防汛", false, 3, 0)
		b.want([]string{fmt.Sprint(ids[0], "|Ab"), fmt.Sprint(ids[0], "|ab"), fmt.Sprint(ids[1], "|Ab"), fmt.Sprint(ids[1], "|骨干")}, "SELECT learner_id, tag FROM learner_tags ORDER BY learner_id, tag")
		b.want([]string{
			"tester|tag.add|tag 防汛|2 of 2 people", "tester|tag.add|tag 防汛|1 of 3 people", "tester|tag.add|tag 防汛|0 of 3 people", "tester|tag.add|tag 骨干|2 of 2 people", "tester|tag.add|tag Ab|2 of 2 people",
			"tester|tag.add|tag ab|1 of 1 people", "tester|tag.remove|tag 骨干|1 of 1 people", "tester|tag.remove|tag 防汛|3 of 3 people", "tester|tag.remove|tag 防汛|0 of 3 people",
		}, "SELECT actor, action, object, result FROM audit WHERE action LIKE 'tag.%' ORDER BY id")
		if _, err := b.s.VerifyAudit(t.Context()); err != nil {
			t.Error(err)
		}
	},
	"nobody is tagged outside the scope, and by no scope": func(t *testing.T, b *bundle) {
		_, ids := b.enrolled("spring", person(village1, "李一", "AAAA"))
		for _, scope := range []people.Scope{{}, {Units: []people.OrgCode{village2}}} {
			for _, on := range []bool{true, false} {
				_, _, err := b.s.TagPeople(t.Context(), start, "tester", scope, bot.Audience{Learners: ids}, "防汛", on)
				wantFault(t, err, fault.NotFound, "tag.nobody")
			}
		}
		b.want(nil, "SELECT * FROM learner_tags")
		b.want(nil, "SELECT * FROM audit WHERE action LIKE 'tag.%'")
	},
}
