package conversation

import (
	"slices"
	"strings"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/study"
)

// An option is an audience as the state remembers it: what was listed is what a number means, also
// when another class has come since.
const (
	optionAll      = "all"
	optionClass    = "class:"         // with the code
	optionCategory = "category:"      // with the category; alone: asks for it
	optionTag      = "tag:"           // with the tag; alone: asks for it
	optionNotBegun = "is:" + notBegun // asks for the class where there are several
	optionNotDone  = "is:" + notDone  //
	notBegun       = "not_begun"      // the words of the store
	notDone        = "not_done"
)

// everybodyWords are typed instead of the number.
var everybodyWords = words("全体 所有人 全部 大家 每个人 所有 全员 全体人员 全体学员 所有学员")

// options lists whom the trainer may write to: at most ten.
func (t *turn) options() []string {
	list := []string{optionAll}
	taught := false
	for i, c := range t.f.Trainer.Cohorts {
		if i == 5 {
			break
		}
		list = append(list, optionClass+c.Code)
		taught = taught || len(c.Courses) > 0
	}
	if taught {
		list = append(list, optionNotBegun, optionNotDone)
	}
	list = append(list, optionCategory)
	if t.f.Trainer.Tagged {
		list = append(list, optionTag)
	}
	return list
}

// groupsWanted says of which kind the groups are listed, or were and are chosen from.
func groupsWanted(s State, number int) GroupKind {
	d := s.Draft
	if d == nil || len(d.Options) == 0 {
		return ""
	}
	option := d.Options[0]
	if number > 0 && number <= len(d.Options) {
		option = d.Options[number-1]
	}
	switch {
	case strings.HasPrefix(option, optionCategory):
		return GroupCategory
	case strings.HasPrefix(option, optionTag):
		return GroupTag
	}
	return ""
}

// group is what an option with a category or a tag stands for; false for another option, and for a group that nobody is in
// any more.
func (t *turn) group(option string) (Group, bool) {
	for _, g := range t.f.Groups {
		if g.Kind == GroupCategory && option == optionCategory+g.Name || g.Kind == GroupTag && option == optionTag+g.Name {
			return g, true
		}
	}
	return Group{}, false
}

// listGroups asks for a category or a tag.
func (t *turn) listGroups(kind GroupKind) {
	d := t.s.Draft
	var list []string
	for _, g := range t.f.Groups {
		if g.Kind == kind {
			list = append(list, map[GroupKind]string{GroupCategory: optionCategory, GroupTag: optionTag}[kind]+g.Name)
		}
	}
	if len(list) == 0 {
		t.say("trainer.no_groups")
		t.announce(d.Urgent)
		return
	}
	d.Options = list
	if kind == GroupCategory {
		t.askAudience("trainer.which_category")
	} else {
		t.askAudience("trainer.which_tag")
	}
}

// toGroup addresses the draft to the people of a category or with a tag.
func (t *turn) toGroup(g Group) {
	args := []fault.Arg{fault.A("unit", cut(t.f.Trainer.Name, 120)), fault.A("name", g.Name)}
	if g.Kind == GroupCategory {
		t.addressed(Target{Category: g.Name}, t.phrases.Say("trainer.of_category", args...), g.Size)
		return
	}
	t.addressed(Target{Tag: g.Name}, t.phrases.Say("trainer.of_tag", args...), g.Size)
}

// askAudience lists the draft's options.
func (t *turn) askAudience(key string) {
	lines := []string{t.phrases.Say(key)}
	for i, o := range t.s.Draft.Options {
		lines = append(lines, t.phrases.Say("trainer.option", fault.A("number", i+1), fault.A("name", t.optionName(o))))
	}
	t.put(cut(strings.Join(lines, "\n"), t.room-400))
	switch key {
	case "trainer.who":
		t.say("trainer.who_how")
	case "trainer.which_class":
		t.say("trainer.class_how")
	default:
		t.say("trainer.group_how")
	}
}

func (t *turn) optionName(o string) string {
	switch o {
	case optionAll:
		return t.sized(t.everybody(), t.f.Trainer.Size)
	case optionNotBegun:
		return t.phrases.Say("trainer.not_begun")
	case optionNotDone:
		return t.phrases.Say("trainer.not_done")
	case optionCategory:
		return t.phrases.Say("trainer.by_category")
	case optionTag:
		return t.phrases.Say("trainer.by_tag")
	}
	if g, ok := t.group(o); ok {
		return t.sized(g.Name, g.Size)
	}
	if c := t.class(o); c != nil {
		return t.sized(c.Name, c.Size)
	}
	return ""
}

func (t *turn) everybody() string {
	return t.phrases.Say("trainer.everybody_in", fault.A("unit", cut(t.f.Trainer.Name, 120)))
}

func (t *turn) class(option string) *TrainerClass {
	for i, c := range t.f.Trainer.Cohorts {
		if optionClass+c.Code == option {
			return &t.f.Trainer.Cohorts[i]
		}
	}
	return nil
}

// chooseAudience takes a number of the list, a class or a unit.
func (t *turn) chooseAudience() {
	d := t.s.Draft
	if d == nil || len(d.Options) == 0 {
		t.announce(false)
		return
	}
	if n := listNumber(t.in.Text); n > 0 && n <= len(d.Options) {
		t.pick(d.Options[n-1])
		return
	}
	units := t.f.Units
	if t.wish.unit == "" || d.To.Is != "" {
		units = nil
	}
	o, exact := t.namedOption(d.Options)
	called := t.named()
	switch {
	case o != "" && (exact || len(units) == 0): // 新村 is the village, although 新村冬训班 has it too
		t.pick(o)
	case len(units) == 0 && d.To.Is == "" && called != nil: // a tag may be called like a unit: it is on its list
		t.toGroup(*called)
	case len(units) == 0:
		t.say("trainer.odd_to")
	case len(units) > 1:
		var names []string
		for _, u := range units {
			names = append(names, u.Name)
		}
		t.say("trainer.units", fault.A("names", cut(strings.Join(names, "；"), 600)))
	default:
		u := units[0]
		t.addressed(Target{Unit: u.Code}, u.Name, u.Size)
	}
}

// named is the group whose name was typed: a category before a tag, where both are called so; nil for none.
func (t *turn) named() *Group {
	if t.wish.unit == "" {
		return nil
	}
	for i, g := range t.f.Groups {
		if study.Fold(g.Name) == t.wish.folded {
			return &t.f.Groups[i]
		}
	}
	return nil
}

// namedOption finds the option whose name was typed, exactly or as a part; "" for none or several.
func (t *turn) namedOption(options []string) (option string, exact bool) {
	typed := t.wish.folded
	if everybodyWords[typed] && slices.Contains(options, optionAll) {
		return optionAll, true
	}
	found := ""
	for _, o := range options {
		c := t.class(o)
		if c == nil {
			continue
		}
		switch name := study.Fold(c.Name); {
		case typed == name || typed == study.Fold(c.Code):
			return o, true
		case len([]rune(typed)) >= 2 && strings.Contains(name, typed):
			if found != "" {
				return "", false
			}
			found = o
		}
	}
	return found, false
}

func (t *turn) pick(option string) {
	d := t.s.Draft
	switch option {
	case optionAll:
		t.addressed(Target{}, t.everybody(), t.f.Trainer.Size)
		return
	case optionCategory:
		t.listGroups(GroupCategory)
		return
	case optionTag:
		t.listGroups(GroupTag)
		return
	case optionNotBegun, optionNotDone:
		d.To.Is = strings.TrimPrefix(option, "is:")
		var classes []string
		for _, c := range t.f.Trainer.Cohorts {
			if o := optionClass + c.Code; len(c.Courses) > 0 && slices.Contains(d.Options, o) {
				classes = append(classes, o)
			}
		}
		if len(classes) == 1 {
			t.pick(classes[0])
			return
		}
		d.Options = classes
		t.askAudience("trainer.which_class")
		return
	}
	if g, ok := t.group(option); ok {
		t.toGroup(g)
		return
	}
	if strings.HasPrefix(option, optionCategory) || strings.HasPrefix(option, optionTag) {
		t.say("trainer.no_groups")
		t.announce(d.Urgent)
		return
	}
	c := t.class(option)
	if c == nil || d.To.Is != "" && len(c.Courses) == 0 {
		t.say("campaign.no_cohort")
		t.announce(d.Urgent)
		return
	}
	to := Target{Cohort: c.Code, Is: d.To.Is}
	switch to.Is {
	case "":
		t.addressed(to, c.Name, c.Size)
	case notBegun: // who begins, begins with the first course
		to.Course = c.Courses[0]
		t.addressed(to, t.phrases.Say("trainer.not_begun_in", fault.A("class", c.Name)), -1)
	default: // courses follow each other: who has the last one has them all
		to.Course = c.Courses[len(c.Courses)-1]
		t.addressed(to, t.phrases.Say("trainer.not_done_in", fault.A("class", c.Name)), -1)
	}
}

// addressed notes the audience and asks for the text.
func (t *turn) addressed(to Target, name string, size int) {
	d := t.s.Draft
	if size == 0 {
		t.say("campaign.no_audience")
		return
	}
	d.To, d.Name, d.Size, d.Options = to, cut(name, 240), size, nil
	t.askText()
}
