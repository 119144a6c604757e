package flite

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"trunkline/pipeline"
)

// ErrNotBuilt says that this binary was built without the engine.
var ErrNotBuilt = errors.New("flite: built without the offline engines; install Debian's flite1-dev and rebuild with make build (go build -tags offline)")

// DefaultVoice is the voice used when Options name none.
const DefaultVoice = "slt"

// Voices are the names that Options.Voice may have: slt is a woman, rms, awb
// and kal16 are men. rms is the best understood over a telephone; kal16 is
// the fastest by far and sounds like a machine.
func Voices() []string { return []string{"slt", "rms", "awb", "kal16"} }

// Silence kept around each text, by the engine's own account of its pauses;
// more is trimmed. What is kept at the end is the pause between two sentences.
const (
	LeadIn  = 20 * time.Millisecond
	LeadOut = 120 * time.Millisecond
)

// Options choose how to speak.
type Options struct {
	// Voice is one of Voices; empty means DefaultVoice.
	Voice string
	// Parallel is how many texts the engine works on at once; further ones
	// wait their turn. 0 means twice the processors that Go may use.
	Parallel int
}

var _ pipeline.Synthesizer = (*Synthesizer)(nil)

// check fills in defaults and refuses what cannot work.
func (o Options) check() (Options, error) {
	if o.Voice == "" {
		o.Voice = DefaultVoice
	}
	if !slices.Contains(Voices(), o.Voice) {
		return o, fmt.Errorf("flite: voice %q is not known; use one of %s", o.Voice, strings.Join(Voices(), ", "))
	}
	if o.Parallel < 0 {
		return o, fmt.Errorf("flite: parallel is %d; it must not be negative", o.Parallel)
	}
	return o, nil
}
