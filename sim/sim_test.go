package sim

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"trunkline/pipeline"
	"trunkline/pipeline/llm/script"
	"trunkline/pipeline/tts/flite"
	"trunkline/testdata"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scenarios are those that are shipped.
func scenarios(t *testing.T) []*Scenario {
	t.Helper()
	files, err := Find("../testdata/sim")
	if err != nil {
		t.Fatal(err)
	}
	all, err := LoadAll(files)
	if err != nil {
		t.Fatal(err)
	}

	return all
}

// reception is the built-in agent.
func reception(t *testing.T, voice pipeline.Synthesizer) *Party {
	t.Helper()
	src, err := testdata.Files.ReadFile(testdata.ReceptionScript)
	if err != nil {
		t.Fatal(err)
	}
	s, err := script.Parse(src, "reception.yaml")
	if err != nil {
		t.Fatal(err)
	}
	l := s.Lines()

	return &Party{
		Name:      "reception",
		Providers: pipeline.Providers{Model: s, Synthesizer: voice},
		Texts: pipeline.Texts{
			Greeting: l.Greeting, Idle: l.Idle, NotHeard: l.NotHeard, Goodbye: l.Goodbye, HandOff: l.HandOff,
			Busy: l.Busy, Apology: l.Apology, Trouble: l.Trouble, CapWarning: l.CapWarning, CapGoodbye: l.CapGoodbye,
		},
	}
}

// play plays one scenario in virtual time and fails with the report.
func play(t *testing.T, s *Scenario, o Options) {
	t.Helper()
	report, err := Run(t.Context(), []*Scenario{s}, o)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := report.WriteText(&out); err != nil {
		t.Fatal(err)
	}
	if !report.OK() {
		t.Error("\n" + out.String())
	}
}

// TestTypedScenarios plays every scenario that is shipped in text mode, in
// virtual time.
func TestTypedScenarios(t *testing.T) {
	t.Parallel()
	for _, s := range scenarios(t) {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				play(t, s, Options{Mode: Text, Seed: 1, Agent: reception(t, nil)})
			})
		})
	}
}

// fresh is a voice that makes an engine for each text: an engine's channels
// belong to the bubble of virtual time that it was made in.
type fresh string

func (f fresh) Synthesize(ctx context.Context, text string) iter.Seq2[pipeline.Speech, error] {
	return func(yield func(pipeline.Speech, error) bool) {
		v, err := flite.New(flite.Options{Voice: string(f)})
		if err != nil {
			yield(pipeline.Speech{}, err)

			return
		}
		v.Synthesize(ctx, text)(yield)
	}
}

// TestSpokenScenarios plays every scenario that is shipped with speech on both
// sides, in virtual time.
func TestSpokenScenarios(t *testing.T) {
	t.Parallel()
	if _, err := flite.New(flite.Options{}); errors.Is(err, flite.ErrNotBuilt) {
		t.Skip(err)
	}
	speaker := NewSpeaker(func(name string) (pipeline.Synthesizer, error) { return fresh(name), nil })
	for _, s := range scenarios(t) {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				play(t, s, Options{Mode: Audio, Seed: 1, Agent: reception(t, fresh(agentVoice)), Exact: true, Speaker: speaker})
			})
		})
	}
}
