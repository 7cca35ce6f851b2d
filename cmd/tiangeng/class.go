package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/report"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/bot/web"
	"github.com/tiangeng/tiangeng/store"
)

// classCmd are classes that meet (面授班): their sessions are planned by cohort import.
type classCmd struct {
	Sessions classSessionsCmd `cmd:"" help:"List the sessions of a class, with who is there."`
	Roll     classRollCmd     `cmd:"" help:"Export the register: attendance, hours, result; to print, sign and stamp."`
	Screen   classScreenCmd   `cmd:"" help:"Print the address of the page for the projector: the changing code, the number, how many are there."`
	Link     classLinkCmd     `cmd:"" help:"Give a trainer the address of the page that ticks people, which works without signal (点名)."`
	Links    classLinksCmd    `cmd:"" help:"List the trainers' pages of a class."`
	Unlink   classUnlinkCmd   `cmd:"" help:"End a trainer's page now."`
	Sheet    classSheetCmd    `cmd:"" help:"Make the paper sheet that people sign where phones cannot."`
	Attend   classAttendCmd   `cmd:"" help:"Record who was there: ticks, the paper sheet, decisions about doubtful sign-ins."`
	Count    classCountCmd    `cmd:"" help:"Keep how many heads were counted in the room."`
	Close    classCloseCmd    `cmd:"" help:"Confirm a session that is over: its hours are credited. Again counts again."`
	MakeUp   classMakeUpCmd   `cmd:"" name:"make-up" help:"Record that somebody made up a missed session (补学)."`
	Leave    classLeaveCmd    `cmd:"" help:"Enter, list and decide leaves (请假)."`
	Enrol    classEnrolCmd    `cmd:"" help:"Give people of the roster a place in a class, by their numbers."`
	Withdraw classWithdrawCmd `cmd:"" help:"Take somebody out of a class (退学). What was before stays."`
	Waive    classWaiveCmd    `cmd:"" help:"Free somebody from a class (免修)."`
	Return   classReturnCmd   `cmd:"" help:"Take somebody back into a class."`
}

type classFlag struct {
	configFlag
	Code string `arg:"" help:"Code of the class."`
}

type sessionFlag struct {
	classFlag
	Number int `arg:"" help:"Number of the session, from 1."`
}

// find opens the program and reads the register and the place of the session in it.
func (c *sessionFlag) find(ctx context.Context, p *program) (*app, study.Roll, int, error) {
	a, err := c.open(ctx, p)
	if err != nil {
		return nil, study.Roll{}, 0, err
	}
	roll, err := a.store.ClassRoll(ctx, people.Everyone(), c.Code)
	if err == nil {
		for i, s := range roll.Sessions {
			if s.Number == c.Number {
				return a, roll, i, nil
			}
		}
		err = fault.New(fault.NotFound, "class.no_session", fault.A("cohort", c.Code), fault.A("number", c.Number))
	}
	closing(a)
	return nil, study.Roll{}, 0, err
}

type classSessionsCmd struct {
	classFlag
	JSON bool `help:"Print JSON."`
}

// sessionLine is a session with how many people are what in it.
type sessionLine struct {
	study.Session
	Counted int                    `json:"counted"` // heads; -1: not counted
	People  map[study.Presence]int `json:"people"`
}

func (c *classSessionsCmd) run(ctx context.Context, p *program) error {
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	roll, err := a.store.ClassRoll(ctx, people.Everyone(), c.Code)
	if err != nil {
		return err
	}
	lines := []sessionLine{}
	for i, s := range roll.Sessions {
		lines = append(lines, sessionLine{s, roll.Counted[i], study.Tally(roll.Lines, i)})
	}
	if c.JSON {
		return printJSON(p, lines)
	}
	w := tabwriter.NewWriter(p.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "NO\tSTARTS\tENDS\tHOURS\tTHERE\tDOUBTFUL\tCOUNTED\tCLOSED\tTITLE")
	for _, l := range lines {
		counted, closed := "", ""
		if l.Counted >= 0 {
			counted = fmt.Sprint(l.Counted)
		}
		if !l.ClosedAt.IsZero() {
			closed = l.ClosedAt.In(study.Zone).Format("01-02 15:04")
		}
		there := l.People[study.Present] + l.People[study.Late] + l.People[study.LeftEarly]
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%d\t%d\t%s\t%s\t%s\n", l.Number, l.Starts.In(study.Zone).Format("2006-01-02 15:04"), l.Ends.In(study.Zone).Format("15:04"),
			l.Hours, there, l.People[study.PresenceDoubt], counted, closed, l.Title)
	}
	return w.Flush()
}

type classRollCmd struct {
	classFlag
	Unit   string `help:"Only people of this unit and what lies inside it." placeholder:"CODE"`
	Format string `default:"xlsx" enum:"csv,xlsx,html" help:"csv, xlsx, or html to print."`
	Output string `short:"o" help:"File to write; standard output without it." placeholder:"FILE"`
	JSON   bool   `help:"Print JSON."`
}

func (c *classRollCmd) run(ctx context.Context, p *program) error {
	scope, err := unitScope(c.Unit)
	if err != nil {
		return err
	}
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	roll, err := a.store.ClassRoll(ctx, scope, c.Code)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p, roll)
	}
	n := 0
	if err := writeOut(p, c.Output, func(w io.Writer) error {
		n, err = report.WriteRoll(w, report.Format(c.Format), a.clock.Now(), roll)
		return err
	}); err != nil {
		return fmt.Errorf("writing the register: %w", err)
	}
	fmt.Fprintf(p.stderr, "%d people\n", n)
	return nil
}

type classSheetCmd struct {
	sessionFlag
	Format string `default:"html" enum:"csv,xlsx,html" help:"csv, xlsx, or html to print."`
	Output string `short:"o" help:"File to write; standard output without it." placeholder:"FILE"`
}

func (c *classSheetCmd) run(ctx context.Context, p *program) error {
	a, roll, i, err := c.find(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	return writeOut(p, c.Output, func(w io.Writer) error {
		_, err := report.WriteSignSheet(w, report.Format(c.Format), roll, roll.Sessions[i])
		return err
	})
}

type classScreenCmd struct{ sessionFlag }

func (c *classScreenCmd) run(ctx context.Context, p *program) error {
	a, roll, i, err := c.find(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	if a.config.PublicURL == "" {
		return errors.New("public_url is not set: nobody could open the page")
	}
	screen, err := a.store.SignScreen(ctx, roll.Sessions[i].ID)
	if err != nil {
		return err
	}
	fmt.Fprintln(p.stdout, a.screenURL(screen.Key))
	return nil
}

// screenURL is the address of a session's projector page.
func (a *app) screenURL(k study.SignKey) string {
	return strings.TrimRight(a.config.PublicURL, "/") + web.ScreenPath(k)
}

type classLinkCmd struct {
	classFlag
	Trainer people.LearnerID `required:"" help:"Number of the trainer: the page sees the people that the trainer may see."`
	Session int              `help:"Number of the only session; 0 for all of the class."`
	Days    int              `default:"1" help:"Days it works after the last of these sessions, 1 to 30: until all is sent."`
}

func (c *classLinkCmd) run(ctx context.Context, p *program) error {
	if c.Days < 1 || c.Days > 30 {
		return misuse{"--days must be 1 to 30"}
	}
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	if a.config.PublicURL == "" {
		return errors.New("public_url is not set: nobody could open the page")
	}
	sessions, err := a.store.Sessions(ctx, c.Code)
	if err != nil {
		return err
	}
	now := a.clock.Now()
	last := now
	for _, s := range sessions {
		if (c.Session == 0 || c.Session == s.Number) && s.Ends.After(last) {
			last = s.Ends
		}
	}
	token := store.NewTickToken()
	link := study.TickLink{Cohort: c.Code, Session: c.Session, Trainer: c.Trainer, Until: last.Add(time.Duration(c.Days) * 24 * time.Hour)}
	if _, err := a.store.MakeTickLink(ctx, now, actor(), sha256.Sum256([]byte(token)), link); err != nil {
		return err
	}
	fmt.Fprintln(p.stdout, tickPage(a.config)+token)
	return nil
}

type classLinksCmd struct {
	classFlag
	JSON bool `help:"Print JSON."`
}

func (c *classLinksCmd) run(ctx context.Context, p *program) error {
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	list, err := a.store.TickLinks(ctx, c.Code)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p, list)
	}
	w := tabwriter.NewWriter(p.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tTRAINER\tNAME\tSESSION\tUNTIL\tSTATE\tMADE BY")
	for _, l := range list {
		session, state := "all", "in force"
		if l.Session != 0 {
			session = fmt.Sprint(l.Session)
		}
		switch {
		case !l.Revoked.IsZero():
			state = "revoked"
		case !a.clock.Now().Before(l.Until):
			state = "over"
		}
		fmt.Fprintf(w, "%d\t%d\t%s\t%s\t%s\t%s\t%s\n", l.ID, l.Trainer, l.Name, session, l.Until.In(study.Zone).Format("2006-01-02 15:04"), state, l.By)
	}
	return w.Flush()
}

type classUnlinkCmd struct {
	classFlag
	ID study.TickLinkID `arg:"" help:"Number of the page, as class links says."`
}

func (c *classUnlinkCmd) run(ctx context.Context, p *program) error {
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	return a.store.RevokeTickLink(ctx, a.clock.Now(), actor(), c.Code, c.ID)
}

type classAttendCmd struct {
	sessionFlag
	Learner  []people.LearnerID `help:"Number of a person; may be repeated."`
	Learners string             `type:"existingfile" help:"XLSX or CSV file that names the people: 学员编号, or 姓名 and 单位代码." placeholder:"FILE"`
	As       string             `default:"tick" enum:"tick,paper,confirm,refute,present,late,left_early,absent" help:"tick (seen by the trainer), paper (on the paper sheet), confirm or refute a doubtful sign-in, or what the trainer decides: present, late, left_early, absent."`
	Note     string             `help:"Why, or the number of a document; decisions need it."`
}

func (c *classAttendCmd) run(ctx context.Context, p *program) error {
	a, roll, i, err := c.find(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	who := c.Learner
	if c.Learners != "" {
		named, err := learnersOf(ctx, p, a, c.Learners)
		if err != nil {
			return err
		}
		who = append(who, named...)
	}
	if len(who) == 0 {
		return misuse{"name people by --learner or --learners"}
	}
	now := a.clock.Now()
	var events []study.AttendanceEvent
	for _, id := range who {
		e, err := study.DecideAttendance(roll.Sessions[i], now, actor(), study.AttendanceDecision{Learner: id, As: study.Decided(c.As), Note: c.Note})
		if err != nil {
			return err
		}
		events = append(events, e)
	}
	n, err := a.store.RecordAttendance(ctx, now, people.Everyone(), events)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "%d\n", n)
	return nil
}

type classCountCmd struct {
	sessionFlag
	Heads int `arg:"" help:"How many there are in the room."`
}

func (c *classCountCmd) run(ctx context.Context, p *program) error {
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	return a.store.CountHeads(ctx, a.clock.Now(), actor(), people.Everyone(), c.Code, store.HeadCount{Number: c.Number, Heads: c.Heads})
}

type classCloseCmd struct{ sessionFlag }

func (c *classCloseCmd) run(ctx context.Context, p *program) error {
	a, roll, i, err := c.find(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	if _, err := a.store.CloseSession(ctx, a.clock.Now(), actor(), people.Everyone(), c.Code, c.Number); err != nil {
		return err
	}
	if roll, err = a.store.ClassRoll(ctx, people.Everyone(), c.Code); err != nil {
		return err
	}
	n := study.Tally(roll.Lines, i)
	there := n[study.Present] + n[study.Late] + n[study.LeftEarly]
	fmt.Fprintln(p.stdout, a.subject.phrases.Say("class.closed_now", fault.A("number", c.Number), fault.A("there", there), fault.A("late", n[study.Late]),
		fault.A("leave", n[study.OnLeave]), fault.A("absent", n[study.Absent]), fault.A("doubtful", n[study.PresenceDoubt])))
	if counted := roll.Counted[i]; counted >= 0 && counted < there {
		fmt.Fprintln(p.stdout, a.subject.phrases.Say("class.more_than_heads", fault.A("counted", counted), fault.A("there", there)))
	}
	return nil
}

type classMakeUpCmd struct {
	sessionFlag
	Learner people.LearnerID `required:"" help:"Number of the person."`
	Note    string           `required:"" help:"Who approved it, or the number of the document."`
}

func (c *classMakeUpCmd) run(ctx context.Context, p *program) error {
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	return a.store.MakeUp(ctx, a.clock.Now(), actor(), people.Everyone(), c.Code, c.Number, c.Learner, c.Note)
}

type classLeaveCmd struct {
	List    leaveListCmd    `cmd:"" help:"List the leaves of a class."`
	Ask     leaveAskCmd     `cmd:"" help:"Enter a leave that somebody asks for."`
	Approve leaveApproveCmd `cmd:"" help:"Approve a leave."`
	Refuse  leaveRefuseCmd  `cmd:"" help:"Refuse a leave."`
}

type leaveListCmd struct {
	classFlag
	Waiting bool `help:"Only those that wait for a decision."`
	JSON    bool `help:"Print JSON."`
}

func (c *leaveListCmd) run(ctx context.Context, p *program) error {
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	status := study.LeaveStatus("")
	if c.Waiting {
		status = study.LeaveAsked
	}
	list, err := a.store.Leaves(ctx, people.Everyone(), c.Code, status)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p, list)
	}
	sessions, err := a.store.Sessions(ctx, c.Code)
	if err != nil {
		return err
	}
	words := map[study.SessionID]string{}
	for _, s := range sessions {
		words[s.ID] = study.SessionWord(s)
	}
	w := tabwriter.NewWriter(p.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tLEARNER\tSTATUS\tSESSIONS\tREASON")
	for _, v := range list {
		var named []string
		for _, id := range v.Sessions {
			named = append(named, words[id])
		}
		fmt.Fprintf(w, "%d\t%d\t%s\t%s\t%s\n", v.ID, v.Learner, v.Status, strings.Join(named, " "), v.Reason)
	}
	return w.Flush()
}

type leaveAskCmd struct {
	classFlag
	Learner people.LearnerID `required:"" help:"Number of the person."`
	Session []int            `required:"" help:"Number of a session; may be repeated."`
	Reason  string           `required:"" help:"Why."`
}

func (c *leaveAskCmd) run(ctx context.Context, p *program) error {
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	id, err := a.store.AskLeave(ctx, a.clock.Now(), actor(), people.Everyone(), c.Code, c.Learner, c.Session, c.Reason)
	if err != nil {
		return err
	}
	fmt.Fprintln(p.stdout, id)
	return nil
}

type leaveFlag struct {
	configFlag
	ID study.LeaveID `arg:"" help:"Number of the leave."`
}

func (c *leaveFlag) decide(ctx context.Context, p *program, to study.LeaveStatus) error {
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	return a.store.DecideLeave(ctx, a.clock.Now(), actor(), people.Everyone(), c.ID, to)
}

type leaveApproveCmd struct{ leaveFlag }

func (c *leaveApproveCmd) run(ctx context.Context, p *program) error {
	return c.decide(ctx, p, study.LeaveApproved)
}

type leaveRefuseCmd struct{ leaveFlag }

func (c *leaveRefuseCmd) run(ctx context.Context, p *program) error {
	return c.decide(ctx, p, study.LeaveRefused)
}

type classEnrolCmd struct {
	classFlag
	Learners []people.LearnerID `arg:"" help:"Numbers of the people."`
}

func (c *classEnrolCmd) run(ctx context.Context, p *program) error {
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	n, err := a.store.EnrolPeople(ctx, a.clock.Now(), actor(), people.Everyone(), c.Code, c.Learners)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "%d enrolled\n", n)
	return nil
}

type placeFlag struct {
	classFlag
	Learner people.LearnerID `required:"" help:"Number of the person."`
	Reason  string           `required:"" help:"Why."`
}

func (c *placeFlag) decide(ctx context.Context, p *program, act store.PlaceAct) error {
	a, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer closing(a)
	return a.store.DecidePlace(ctx, a.clock.Now(), actor(), people.Everyone(), c.Code, c.Learner, act, c.Reason)
}

type classWithdrawCmd struct{ placeFlag }

func (c *classWithdrawCmd) run(ctx context.Context, p *program) error {
	return c.decide(ctx, p, store.PlaceWithdraw)
}

type classWaiveCmd struct{ placeFlag }

func (c *classWaiveCmd) run(ctx context.Context, p *program) error {
	return c.decide(ctx, p, store.PlaceWaive)
}

type classReturnCmd struct{ placeFlag }

func (c *classReturnCmd) run(ctx context.Context, p *program) error {
	return c.decide(ctx, p, store.PlaceReturn)
}
