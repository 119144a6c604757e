package amd

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// Params tunes a Detector. A field that is zero takes the value of
// DefaultParams.
type Params struct {
	// NoSpeech is how long after the answer the agent speaks to a callee who
	// says nothing.
	NoSpeech time.Duration
	// Settle is the silence that ends the callee's greeting.
	Settle time.Duration
	// Short is the longest greeting that is a person's by its length alone.
	Short time.Duration
	// Long is the shortest greeting that is a machine's by its length alone.
	Long time.Duration
	// Quiet is the silence after a machine's greeting that stands for a beep.
	Quiet time.Duration
	// Wait is when a machine that neither beeps nor is silent gets its message,
	// from the answer.
	Wait time.Duration
	// Watch is until when, from the answer, a person can turn out to be a
	// machine.
	Watch time.Duration
}

// DefaultParams are for residential and business lines in North America: most
// people say "hello" in less than 1.8 s, most machines speak for longer than
// 4 s without a pause.
func DefaultParams() Params {
	return Params{
		NoSpeech: 1200 * time.Millisecond,
		Settle:   700 * time.Millisecond,
		Short:    1800 * time.Millisecond,
		Long:     4 * time.Second,
		Quiet:    2500 * time.Millisecond,
		Wait:     35 * time.Second,
		Watch:    15 * time.Second,
	}
}

// latest is the bound of the law on the silence before the agent speaks (47
// CFR 64.1200(a)(7), 16 CFR 310.4(b)(4)), with 200 ms for the audio's way.
const latest = 1800 * time.Millisecond

// WithDefaults fills in the fields that are zero.
func (p Params) WithDefaults() Params {
	d := DefaultParams()

	return Params{
		NoSpeech: cmp.Or(p.NoSpeech, d.NoSpeech),
		Settle:   cmp.Or(p.Settle, d.Settle),
		Short:    cmp.Or(p.Short, d.Short),
		Long:     cmp.Or(p.Long, d.Long),
		Quiet:    cmp.Or(p.Quiet, d.Quiet),
		Wait:     cmp.Or(p.Wait, d.Wait),
		Watch:    cmp.Or(p.Watch, d.Watch),
	}
}

// Validate says which Params cannot work, after WithDefaults.
func (p Params) Validate() error {
	p = p.WithDefaults()
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if p.NoSpeech < 500*time.Millisecond || p.NoSpeech > latest {
		bad("no_speech of %s: want 500ms to %s; a callee who hears nothing for 2 s was abandoned", p.NoSpeech, latest)
	}
	if p.Settle < 300*time.Millisecond || p.Settle > latest {
		bad("settle of %s: want 300ms to %s; the opening must begin within 2 s of the greeting", p.Settle, latest)
	}
	if p.Short < 500*time.Millisecond || p.Short >= p.Long {
		bad("short of %s: want 500ms or more, and less than long, which is %s", p.Short, p.Long)
	}
	if p.Long > 10*time.Second {
		bad("long of %s: want 10s at most; a machine's greeting may be over by then", p.Long)
	}
	if p.Quiet <= p.Settle || p.Quiet > 10*time.Second {
		bad("quiet of %s: want longer than settle, which is %s, and 10s at most", p.Quiet, p.Settle)
	}
	if p.Wait <= p.Long+p.Quiet || p.Wait > 2*time.Minute {
		bad("wait of %s: want longer than long and quiet together, %s, and 2m at most", p.Wait, p.Long+p.Quiet)
	}
	if p.Watch < 0 || p.Watch > time.Minute {
		bad("watch of %s: want 1m at most", p.Watch)
	}

	return errors.Join(errs...)
}
