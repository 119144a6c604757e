package demo

import (
	"fmt"
	"io/fs"
	"time"

	"trunkline/media/record"
	"trunkline/softphone"
)

// lines are what the caller says, by file of recorded speech. The second one
// interrupts the agent.
var lines = []struct {
	file string
	when softphone.When
}{
	{"what-are-your-opening-hours", softphone.InTurn()},
	{"where-are-you-located", softphone.AfterAgentStarts(1300 * time.Millisecond)},
	{"i-would-like-to-book-an-appointment", softphone.InTurn()},
	{"on-wednesday-at-three-in-the-afternoon", softphone.InTurn()},
	{"my-name-is-john-smith", softphone.InTurn()},
	{"yes-please", softphone.InTurn()},
	{"thank-you-goodbye", softphone.InTurn()},
}

// Gap is how long the caller lets the agent be quiet before it speaks: a
// caller who is quick, but does not cut in.
const Gap = 350 * time.Millisecond

// Short is the beginning and the end of a plan: a question, an interruption and
// the goodbye.
func Short(plan []softphone.Step) []softphone.Step {
	return []softphone.Step{plan[0], plan[1], plan[len(plan)-1]}
}

// Plan is the caller's part, from the recorded speech in files.
func Plan(files fs.FS) ([]softphone.Step, error) {
	plan := make([]softphone.Step, 0, len(lines))
	for _, l := range lines {
		f, err := files.Open("audio/" + l.file + ".wav")
		if err != nil {
			return nil, fmt.Errorf("recorded speech: %w", err)
		}
		audio, err := record.DecodeWAV(f)
		_ = f.Close() // only read
		if err != nil {
			return nil, fmt.Errorf("recorded speech %s: %w", l.file, err)
		}
		clip, err := softphone.ClipFromAudio(l.file, audio)
		if err != nil {
			return nil, fmt.Errorf("recorded speech %s: %w", l.file, err)
		}
		plan = append(plan, softphone.Step{Clip: clip, When: l.when})
	}

	return plan, nil
}
