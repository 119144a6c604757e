package softphone

import (
	"fmt"
	"strings"
	"time"

	"trunkline/softphone/talkspurt"
)

// Step is one act of the caller: a clip, or key presses.
type Step struct {
	Clip   *Clip
	Digits string // keys of 0-9 * # A-D, sent as telephone events; instead of a clip
	When   When   // the zero value is InTurn
}

// said names the step in reports.
func (s *Step) said() string {
	if s.Clip != nil {
		return s.Clip.Name
	}

	return s.Digits
}

// When says what a step waits for. The step before is always finished first.
type When struct {
	kind  whenKind
	after time.Duration
}

type whenKind uint8

const (
	inTurn whenKind = iota
	intoReply
	atTime
)

// InTurn waits until the agent has spoken since the step before and then been
// quiet for Config.Gap.
func InTurn() When { return When{} }

// AfterAgentStarts waits until the agent's next reply, the first one being its
// greeting, has run for the given time, to interrupt it.
func AfterAgentStarts(offset time.Duration) When { return When{intoReply, offset} }

// At waits for a time counted from the answer.
func At(offset time.Duration) When { return When{atTime, offset} }

// String is the condition in words.
func (w When) String() string {
	switch w.kind {
	case intoReply:
		return fmt.Sprintf("%v into the agent's reply", w.after)
	case atTime:
		return fmt.Sprintf("%v after the answer", w.after)
	default:
		return "in turn"
	}
}

// PlanFromWAVs makes a plan that plays WAV files in turn with the agent. A
// single file is cut into its talkspurts at silences of 700 ms and longer;
// several files are a step each.
func PlanFromWAVs(paths ...string) ([]Step, error) {
	var clips []*Clip
	for _, path := range paths {
		clip, err := ReadClip(path)
		if err != nil {
			return nil, usage(err)
		}
		clips = append(clips, clip)
	}
	if len(clips) == 1 {
		if clips = clips[0].Split(talkspurt.TurnPause); len(clips) == 0 {
			return nil, usage(fmt.Errorf("softphone: %s: %w", paths[0], errNoSpeech))
		}
	}
	var plan []Step
	for _, clip := range clips {
		plan = append(plan, Step{Clip: clip})
	}

	return plan, nil
}

// checkPlan says what is wrong with a plan.
func checkPlan(plan []Step) error {
	for i, s := range plan {
		switch {
		case (s.Clip == nil) == (s.Digits == ""):
			return fmt.Errorf("softphone: step %d: want either a clip or digits", i+1)
		case s.Clip != nil && len(s.Clip.Samples) == 0:
			return fmt.Errorf("softphone: step %d: the clip %s is empty", i+1, s.Clip.Name)
		case s.When.after < 0:
			return fmt.Errorf("softphone: step %d: the time %v is negative", i+1, s.When.after)
		}
		for _, key := range s.Digits {
			if !strings.ContainsRune("0123456789*#ABCD", key) {
				return fmt.Errorf("softphone: step %d: %q is no telephone key: want 0-9 * # or A-D", i+1, key)
			}
		}
	}

	return nil
}
