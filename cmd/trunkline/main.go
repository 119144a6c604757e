package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"reflect"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/uuid"

	"trunkline/bench"
	"trunkline/config"
	"trunkline/softphone"
)

// Exit codes of every command. A call that failed has more of them: see
// softphone.Kind.
const (
	exitOK     = 0
	exitFailed = 1 // the work could not be done; the last line says why
	exitUsage  = 2 // the command line or the configuration is wrong
)

// cli is the command line.
type cli struct {
	Config      string `group:"configuration" help:"Configuration file; without one, the built-in defaults." placeholder:"FILE" type:"path"`
	SIP         string `group:"configuration" help:"Instead of sip.listen: where SIP is served, by UDP and TCP." name:"sip" placeholder:"HOST:PORT"`
	HTTP        string `group:"configuration" help:"Instead of http.listen: where the gateway serves its API and pages, and where commands ask it." name:"http" placeholder:"HOST:PORT"`
	DatabaseURL string `group:"configuration" help:"PostgreSQL connection string; better in the environment as ${database_env}, where other users cannot read it." name:"database-url" placeholder:"URL"`

	Serve     serveCmd     `cmd:"" help:"Answer calls until stopped."`
	Demo      demoCmd      `cmd:"" help:"Hold a whole call over loopback and show it."`
	Call      callCmd      `cmd:"" help:"Be the caller: a headless softphone."`
	Talk      talkCmd      `cmd:"" help:"Have the agent's conversation typed, with no audio."`
	Sim       simCmd       `cmd:"" help:"Play callers from scenario files against an agent, and judge it."`
	Dial      dialCmd      `cmd:"" help:"Place a call by the running gateway."`
	RouteTest routeTestCmd `cmd:"" help:"Tell which trunk, caller ID and agent a number would use, and why." name:"route-test"`
	Drain     drainCmd     `cmd:"" help:"Have the running gateway take no new call, and end when the last one has."`
	Check     checkCmd     `cmd:"" help:"Validate the configuration and what it needs."`
	Providers providersCmd `cmd:"" help:"Show the agents' providers: whether they are reached, and how they do."`
	Trunks    trunksCmd    `cmd:"" help:"Show the trunks of the running gateway: calls, registrations, targets."`
	Migrate   migrateCmd   `cmd:"" help:"Bring the database to this version's schema."`
	Why       whyCmd       `cmd:"" help:"Tell the plain story of a finished call."`
	Recording recordingCmd `cmd:"" help:"Pause a call's recording; decrypt or erase its file."`
	Twilio    twilioCmd    `cmd:"" help:"Set up and check numbers at Twilio."`
	Key       keyCmd       `cmd:"" help:"Make a key for the API and the pages."`

	Consent    consentCmd    `cmd:"" help:"Import, export, show and revoke consents to be called."`
	Dnc        dncCmd        `cmd:"" help:"Import do-not-call lists, and add to our own."`
	CallerID   callerIDCmd   `cmd:"" name:"caller-id" help:"Record which numbers calls may show."`
	Reassigned reassignedCmd `cmd:"" help:"Record answers about reassigned numbers."`
	Decide     decideCmd     `cmd:"" help:"Say whether a call would be allowed now, and why. Exits with 1 when it would not."`
	Audit      auditCmd      `cmd:"" help:"Export the evidence, and check an export."`
	Retention  retentionCmd  `cmd:"" help:"Remove what is not to be kept any longer."`
	Subject    subjectCmd    `cmd:"" help:"Export, erase or hold what is kept of a person."`
	Rules      rulesCmd      `cmd:"" help:"Show the rules by which calls are placed, with their sources and reviewers."`

	Bench   benchCmd   `cmd:"" help:"Measure speed and size and print tables."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

// streams are what a command reads and writes.
type streams struct {
	in  io.Reader
	out io.Writer
	err io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second ^C ends the process at once, where a command does not take it
	code := run(ctx, os.Args[1:], &streams{in: os.Stdin, out: os.Stdout, err: os.Stderr})
	stop()
	os.Exit(code) //nolint:forbidigo // this is main
}

// run is main without the process around it.
func run(ctx context.Context, args []string, std *streams) int {
	var c cli
	exited, code := false, exitOK
	parser, err := kong.New(
		&c,
		kong.Name("trunkline"),
		kong.Description("A telephone line for voice agents."),
		kong.Vars{"database_env": config.DatabaseURLEnv, "benchmarks": strings.Join(bench.Names(), ", "), "purposes": purposes},
		kong.ExplicitGroups([]kong.Group{{Key: "configuration", Title: "Configuration, of every command:"}}),
		kong.TypeMapper(reflect.TypeFor[time.Time](), kong.MapperFunc(instant)),
		kong.TypeMapper(reflect.TypeFor[uuid.UUID](), kong.MapperFunc(identifier)),
		kong.Writers(std.out, std.err),
		kong.Exit(func(n int) { exited, code = true, n }),
	)
	if err != nil {
		fmt.Fprintf(std.err, "trunkline: %v\n", err)

		return exitUsage
	}
	command, err := parser.Parse(args)
	if exited { // --help
		return code
	}
	if err != nil {
		fmt.Fprintf(std.err, "trunkline: %v (see %s --help)\n", err, commandOf(err))

		return exitUsage
	}
	command.BindTo(ctx, (*context.Context)(nil))
	if err := command.Run(&c, std); err != nil {
		fmt.Fprintf(std.err, "trunkline: %v\n", err)

		return exitCode(err)
	}

	return exitOK
}

// commandOf is the command whose help says how err is mended.
func commandOf(err error) string {
	const program = "trunkline"
	var wrong *kong.ParseError
	if !errors.As(err, &wrong) || wrong.Context.Selected() == nil {
		return program
	}

	return program + " " + wrong.Context.Selected().Path()
}

// instant reads a flag's time: an instant as RFC 3339 writes it, or a day,
// which begins at midnight here.
func instant(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("time", &text); err != nil {
		return err
	}
	for _, form := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.ParseInLocation(form, text, time.Local); err == nil {
			target.Set(reflect.ValueOf(at))

			return nil
		}
	}

	return fmt.Errorf("%q is no time: write 2026-01-31T10:00:00Z, or 2026-01-31", text)
}

// identifier reads the id of a call, a consent or a hold.
func identifier(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("id", &text); err != nil {
		return err
	}
	id, err := uuid.Parse(text)
	if err != nil {
		return fmt.Errorf("%q is no id: write it as it was printed, such as 01a2008e-22e1-7c0d-b09c-7000de60c0ea", text)
	}
	target.Set(reflect.ValueOf(id))

	return nil
}

// usageError says that the command line is wrong.
type usageError string

func (e usageError) Error() string { return string(e) }

// exitCode maps kinds of errors to exit codes.
func exitCode(err error) int {
	var (
		bad   *config.Error
		wrong usageError
	)
	if errors.As(err, &bad) || errors.As(err, &wrong) {
		return exitUsage
	}
	var failed *softphone.Error
	if errors.As(err, &failed) {
		return failed.Kind.ExitCode()
	}

	return exitFailed
}

// load reads the configuration and lays the common flags over it.
func (c *cli) load() (config.Config, error) {
	return config.Load(c.Config, config.Overrides{SIP: c.SIP, HTTP: c.HTTP, DatabaseURL: c.DatabaseURL})
}
