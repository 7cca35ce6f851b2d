// Command tiangeng is the whole of Tiangeng (田埂课堂): the service, its set-up and its tools.
//
// Exit status: 0 done, 1 failed, 2 misused. Data goes to standard output, messages to standard error.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/tiangeng/tiangeng/bot/fault"
	"github.com/tiangeng/tiangeng/content"
)

// version is set by the linker.
var version = "dev"

// Exit statuses, stable: scripts depend on them.
const (
	statusDone    = 0
	statusFailed  = 1
	statusMisused = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	p := &program{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	status := p.main(ctx, os.Args[1:])
	stop()
	os.Exit(status)
}

// program is one run of the command, with its outside given, so that tests run it in process.
type program struct {
	stdin          io.Reader // of announce new --text-file -; nil where nothing reads it
	stdout, stderr io.Writer
	ready          func(addresses) // called when serve, demo or simulate listens; nil for nobody
}

// cli is the command line.
type cli struct {
	Demo          demoCmd          `cmd:"" help:"Run the whole product on this machine: embedded database and Redis, simulated WeChat, phones in the browser. No account needed."`
	Serve         serveCmd         `cmd:"" help:"Run the service."`
	Migrate       migrateCmd       `cmd:"" help:"Bring the database to this version's schema."`
	Doctor        doctorCmd        `cmd:"" help:"Check configuration, database, Redis, clock, WeChat, webhook and content; say what to do."`
	Simulate      simulateCmd      `cmd:"" help:"Run the WeChat simulator alone, against any webhook."`
	Content       contentCmd       `cmd:"" help:"Check, list, import or export courses."`
	Roster        rosterCmd        `cmd:"" help:"Import or export the roster (花名册)."`
	Units         unitsCmd         `cmd:"" help:"Load, find and change the tree of units, with its history (单位)."`
	Cohort        cohortCmd        `cmd:"" help:"Set up or list classes (班次)."`
	Class         classCmd         `cmd:"" help:"Run classes that meet: sessions, attendance, leave, hours, the register (面授班)."`
	Binding       bindingCmd       `cmd:"" help:"See how binding goes, decide what people ask for, give phones to others (绑定)."`
	Menu          menuCmd          `cmd:"" help:"Put the menu into the official account."`
	Push          pushCmd          `cmd:"" help:"Run, re-run or forecast the lesson push of one day."`
	Announce      announceCmd      `cmd:"" help:"Write, forecast, send and follow announcements (通知)."`
	Tag           tagCmd           `cmd:"" help:"Group people by words (标签), to write to them."`
	Trainer       trainerCmd       `cmd:"" help:"Say who may send announcements from the phone (教员)."`
	APIKey        apikeyCmd        `cmd:"" name:"apikey" help:"Make or end keys of the HTTP API."`
	Completions   completionsCmd   `cmd:"" help:"Export the completion list (完成名单)."`
	Hours         hoursCmd         `cmd:"" help:"See study hours against what is asked, credit study elsewhere (学时)."`
	Certificate   certificateCmd   `cmd:"" help:"Issue, list, show, revoke and print certificates of study hours (学时证明)."`
	Ledger        ledgerCmd        `cmd:"" help:"Look after the ledger of study hours (学时): count again, repair."`
	Rehearse      rehearseCmd      `cmd:"" help:"Rehearse a large push: real program and database, simulated platform, nobody real."`
	Version       versionCmd       `cmd:"" help:"Print the version."`
	Follow        followCmd        `cmd:"" help:"List those who may need help: behind, stuck, never bound. By unit and name, never ranked."`
	Finding       findingCmd       `cmd:"" help:"Enter what inspections found and assign courses (发现问题)."`
	Rectification rectificationCmd `cmd:"" help:"Follow and close what people have to do about findings (整改)."`
	Courses       coursesCmd       `cmd:"" help:"See the training menu and what is ordered from it, close courses, order for people (培训菜单、点单)."`
	Survey        surveyCmd        `cmd:"" help:"Ask people without marking: surveys (问卷)."`

	RehearsePlatform rehearsePlatformCmd `cmd:"" hidden:""`
}

func (p *program) main(ctx context.Context, args []string) int {
	run, status, ok := p.parse(args)
	if !ok {
		return status
	}
	if err := run(ctx); err != nil {
		fmt.Fprintln(p.stderr, p.sentence(err))
		var m misuse
		if errors.As(err, &m) {
			return statusMisused
		}
		return statusFailed
	}
	return statusDone
}

// misuse is an error of the command line itself.
type misuse struct{ text string }

func (m misuse) Error() string { return m.text }

// sentence is what a person reads about an error: the catalogue's words where there are some.
func (p *program) sentence(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return content.DefaultPhrases().Fault(f)
	}
	return "tiangeng: " + err.Error()
}

// command is what a parsed command line does.
type command interface {
	run(ctx context.Context, p *program) error
}

// parse reads the command line; ok is false when there is nothing to run.
func (p *program) parse(args []string) (run func(context.Context) error, status int, ok bool) {
	var c cli
	exited := -1
	parser, err := kong.New(&c,
		kong.Name("tiangeng"), kong.Description("Tiangeng (田埂课堂): micro-lessons and completion lists in a WeChat official account."),
		kong.Writers(p.stdout, p.stderr), kong.Exit(func(n int) { exited = n }),
		kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		fmt.Fprintln(p.stderr, "tiangeng:", err)
		return nil, statusFailed, false
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 { // --help
		return nil, exited, false
	}
	if err != nil {
		fmt.Fprintln(p.stderr, "tiangeng:", err)
		return nil, statusMisused, false
	}
	cmd, isCommand := parsed.Selected().Target.Addr().Interface().(command)
	if !isCommand {
		fmt.Fprintln(p.stderr, "tiangeng: choose a command, see --help")
		return nil, statusMisused, false
	}
	return func(ctx context.Context) error { return cmd.run(ctx, p) }, statusDone, true
}

type versionCmd struct{}

func (versionCmd) run(_ context.Context, p *program) error {
	fmt.Fprintln(p.stdout, "tiangeng", version)
	return nil
}
