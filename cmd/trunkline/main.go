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
	Config      string `help:"Configuration file." placeholder:"FILE" type:"path"`
	SIP         string `help:"Listen for SIP here, UDP and TCP, instead of what the configuration says." name:"sip" placeholder:"HOST:PORT"`
	HTTP        string `help:"Serve the API and the pages here." name:"http" placeholder:"HOST:PORT"`
	DatabaseURL string `help:"PostgreSQL connection string; better in the environment as ${database_env}, where other users cannot read it." name:"database-url" placeholder:"URL"`

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
	Recording recordingCmd `cmd:"" help:"Decrypt or erase a recording's file."`
	Twilio    twilioCmd    `cmd:"" help:"Set up and check numbers at Twilio."`
	Key       keyCmd       `cmd:"" help:"Make a key for the API and the pages."`

	Consent    consentCmd    `cmd:"" help:"Import, export, show and revoke consents to be called."`
	Dnc        dncCmd        `cmd:"" help:"Import do-not-call lists, and add to our own."`
	CallerID   callerIDCmd   `cmd:"" name:"caller-id" help:"Record which numbers calls may show."`
	Reassigned reassignedCmd `cmd:"" help:"Record answers about reassigned numbers."`
	Decide     decideCmd     `cmd:"" help:"Say whether a call would be allowed now, and why."`
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
		kong.Vars{"database_env": config.DatabaseURLEnv},
		kong.UsageOnError(),
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
		fmt.Fprintf(std.err, "trunkline: %v (see trunkline --help)\n", err)

		return exitUsage
	}
	command.BindTo(ctx, (*context.Context)(nil))
	if err := command.Run(&c, std); err != nil {
		fmt.Fprintf(std.err, "trunkline: %v\n", err)

		return exitCode(err)
	}

	return exitOK
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
