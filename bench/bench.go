package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Options say what is measured, and how.
type Options struct {
	Names      []string  // of the benchmarks, in this order; none means all
	Quick      bool      // a smoke test of some seconds each: the figures mean little
	Executable string    // the trunkline program, which is started again as the gateway
	Seed       uint64    // of chaos; 0: drawn
	People     int       // suppressions that decide searches, with half as many consents; 0: ten million
	Soak       int       // calls that calls makes between two looks at the memory, in place of its usual number; 0: that
	Profile    string    // directory for profiles of what is measured; empty: none
	Version    string    // of trunkline, for the heading
	Out        io.Writer // takes the tables
	Progress   io.Writer // is told what goes on
}

// benchmark is one thing to measure.
type benchmark struct {
	name  string
	about string
	run   func(*bench, context.Context) error
}

// all are the benchmarks in the order in which they run.
func all() []benchmark {
	return []benchmark{
		{"turn", "trunkline's own share of a turn", (*bench).turn},
		{"endpoint", "how well the end of a turn is told from a pause", (*bench).endpoints},
		{"bargein", "how soon the agent falls silent", (*bench).bargein},
		{"yield", "who keeps the turn when both speak", (*bench).yield},
		{"media", "processor time of the media path", (*bench).media},
		{"twilio", "calls by webhooks and media streams", (*bench).twilio},
		{"jitter", "the jitter buffer", (*bench).jitter},
		{"loss", "lost packets and the recogniser", (*bench).loss},
		{"echo", "the echo canceller", (*bench).echo},
		{"dtmf", "keys in the audio", (*bench).dtmf},
		{"asr", "the offline recogniser", (*bench).asr},
		{"noise", "words lost to noise and level, and won back", (*bench).noise},
		{"tts", "the offline voices", (*bench).tts},
		{"providers", "what talking to vendors adds", (*bench).providers},
		{"dial", "from the decision about a call to its INVITE", (*bench).dial},
		{"calls", "setting up many calls, and what is left of them", (*bench).setups},
		{"failover", "from one provider to the next", (*bench).failover},
		{"evidence", "the ledger and imports", (*bench).evidence},
		{"decide", "decisions with facts from PostgreSQL", (*bench).decide},
		{"slowdb", "turns while the database is slow", (*bench).slowDatabase},
		{"spool", "records on disk while the database is away", (*bench).spool},
		{"chaos", "what is lost when the database and the gateway die", (*bench).chaos},
	}
}

// Names are the benchmarks that there are.
func Names() []string {
	var names []string
	for _, b := range all() {
		names = append(names, b.name)
	}

	return names
}

// errSkipped says that a benchmark cannot be run here, and why.
var errSkipped = errors.New("not measured")

// bench is what the benchmarks of one run share.
type bench struct {
	Options

	dir string // of the run, removed at its end
}

// Run measures and prints. The error says what could not be run.
func Run(ctx context.Context, o Options) error {
	chosen, err := choose(o.Names)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "trunkline-bench-")
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // it is in the directory for temporary files
	// The private database does not run as root, and has to get at its files.
	if err := os.Chmod(dir, 0o755); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	b := &bench{Options: o, dir: dir}
	if err := b.heading(); err != nil {
		return err
	}
	for _, m := range chosen {
		began := time.Now()
		b.progressf("%s: %s", m.name, m.about)
		fmt.Fprintf(b.Out, "\n## %s: %s\n", m.name, m.about)
		before := loadAverage()
		err := m.run(b, ctx)
		if errors.Is(err, errSkipped) {
			fmt.Fprintf(b.Out, "\n%v\n", err)

			continue
		}
		if err != nil {
			return fmt.Errorf("bench %s: %w", m.name, err)
		}
		fmt.Fprintf(b.Out, "\n%s in %s; load average %s before, %s after\n",
			m.name, time.Since(began).Round(time.Second), before, loadAverage())
	}

	return nil
}

// choose finds the benchmarks by name.
func choose(names []string) ([]benchmark, error) {
	if len(names) == 0 {
		return all(), nil
	}
	var chosen []benchmark
	for _, name := range names {
		found := false
		for _, b := range all() {
			if b.name == name {
				chosen, found = append(chosen, b), true
			}
		}
		if !found {
			return nil, fmt.Errorf("bench: there is no benchmark %q: choose from %s", name, strings.Join(Names(), ", "))
		}
	}

	return chosen, nil
}

// progressf tells what goes on.
func (b *bench) progressf(format string, args ...any) {
	fmt.Fprintf(b.Progress, "bench: "+format+"\n", args...)
}

// pick is the full value, or the quick one.
func pick[T any](b *bench, full, quick T) T {
	if b.Quick {
		return quick
	}

	return full
}
