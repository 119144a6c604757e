package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"trunkline/call"
	"trunkline/config"
	"trunkline/media/player"
	"trunkline/pipeline"
)

// Options say how scenarios are run.
type Options struct {
	Mode     Mode
	Runs     int    // of each scenario; 0: what the scenario says
	Parallel int    // runs at once; 0: 1
	Seed     uint64 // of the differences between runs
	Only     string // name of the one scenario to run; empty: all
	// Agent is who answers where a scenario brings no agent of its own; nil:
	// such scenarios are an error.
	Agent *Party
	// Exact has the agent hear the caller's words as they were said, in place
	// of its recogniser. Text mode and scenarios with an agent always do.
	Exact   bool
	Speaker Speaker // voices; not needed in text mode
	Gateway Gateway // of sip mode
	// Progress is told each result as it comes. It may be nil.
	Progress func(*Result)
}

// A Gateway is where the calls of sip mode go.
type Gateway interface {
	// Call holds one call and tells what happened.
	call(ctx context.Context, r *run) (*Trace, error)
}

// agentVoice is the voice of scenarios' agents by default: the one that costs
// least.
const agentVoice = "kal16"

// run is one call of a scenario.
type run struct {
	scenario *Scenario
	mode     Mode
	seed     uint64
	agent    *Party
	voice    *timedVoice
	tools    *loggedTools // nil: the agent has none
	parts    []part
	mouth    *mouth
}

// Run plays scenarios and says what came of them, in their order. The error is
// a *config.Error when a scenario cannot be run as it is written.
func Run(ctx context.Context, scenarios []*Scenario, o Options) (*Report, error) {
	began := time.Now()
	o.Parallel = max(o.Parallel, 1)
	var jobs []*job
	report := &Report{Mode: o.Mode, Seed: o.Seed}
	for _, s := range scenarios {
		if o.Only != "" && s.Name != o.Only {
			continue
		}
		res := &Result{Scenario: s, Name: s.Name, File: s.File, About: s.About}
		report.Results = append(report.Results, res)
		if !slices.Contains(s.Modes, o.Mode) {
			res.Skipped = fmt.Sprintf("not for mode %s", o.Mode)

			continue
		}
		j, err := o.prepare(ctx, s, res)
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, j...)
	}
	if len(report.Results) == 0 {
		return nil, &config.Error{Problems: []config.Problem{{What: fmt.Sprintf("there is no scenario %q", o.Only)}}}
	}
	o.work(ctx, jobs)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	report.Took = time.Since(began)

	return report, nil
}

// NeedAgent reports whether any of the scenarios brings no agent of its own.
func NeedAgent(scenarios []*Scenario) bool {
	return slices.ContainsFunc(scenarios, func(s *Scenario) bool { return s.Agent == nil })
}

// job is one run that is to be made.
type job struct {
	res   *Result
	nth   int
	parts []part
	make  func(j *job) (*run, error)
}

// prepare makes a scenario's sounds and its jobs.
func (o *Options) prepare(ctx context.Context, s *Scenario, res *Result) ([]*job, error) {
	if s.Agent == nil && o.Agent == nil {
		return nil, fileError(s.File, errors.New("agent: is missing, and no agent was chosen; name one with --agent"))
	}
	v := &voice{mode: o.Mode, who: s.Who, dir: filepath.Dir(s.File), speaker: o.Speaker}
	parts := make([]part, len(s.Steps))
	for i := range s.Steps {
		t := &s.Steps[i]
		c, err := v.clip(ctx, t)
		if err != nil {
			return nil, fileError(s.File, fmt.Errorf("steps[%d]: %w", i, err))
		}
		parts[i] = part{Step: t, clip: c}
		if t.At.Says != "" {
			parts[i].says = pattern(t.At.Says)
		}
	}
	agents := &speech{speaker: o.Speaker}
	if s.Agent != nil && o.Mode != Text { // so that no run waits for the engine
		agents.voice = s.Agent.Voice
		texts := []string{s.Agent.Greeting}
		for _, r := range s.Agent.Replies {
			texts = append(texts, r.Say)
		}
		if err := agents.make(ctx, texts...); err != nil {
			return nil, err
		}
	}
	n := cmp.Or(o.Runs, s.Runs)
	res.Runs = make([]Trial, n)
	res.Need = n * s.Pass / s.Runs
	jobs := make([]*job, n)
	for i := range jobs {
		jobs[i] = &job{res: res, nth: i, parts: parts, make: func(j *job) (*run, error) { return o.one(ctx, j, agents) }}
	}

	return jobs, nil
}

// one sets up a run: its agent, which no other run shares.
func (o *Options) one(ctx context.Context, j *job, agents *speech) (*run, error) {
	s := j.res.Scenario
	r := &run{scenario: s, mode: o.Mode, seed: o.Seed + uint64(j.nth), parts: j.parts, mouth: &mouth{}}
	if s.Agent != nil {
		var audio func(string) []int16
		if o.Mode != Text {
			audio = func(text string) []int16 {
				samples, err := agents.of(ctx, text)
				if err != nil {
					return nil // the voice was there for the texts before; this one is not heard
				}

				return samples
			}
		}
		r.agent = s.Agent.given(r.mouth, audio)
	} else {
		p := *o.Agent
		if o.Mode == Text {
			p.Providers.Synthesizer = (&Agent{FirstAudio: 100 * time.Millisecond}).given(r.mouth, nil).Providers.Synthesizer
		}
		if o.Mode == Text || o.Exact {
			p.Providers.Recognizer = &exact{mouth: r.mouth, final: 150 * time.Millisecond}
		}
		r.agent = &p
	}
	r.voice = newTimedVoice(r.agent.Providers.Synthesizer)
	r.agent.Providers.Synthesizer = r.voice
	if t := r.agent.Conversation.Tools; t != nil {
		r.tools = &loggedTools{Tools: t}
		r.agent.Conversation.Tools = r.tools
	}
	var err error
	if r.agent.Providers.Lines, err = pipeline.PrepareLines(ctx, r.agent.linesOf(r.voice), r.agent.Texts, r.agent.Further...); err != nil {
		return nil, err
	}

	return r, r.languages(ctx)
}

// languages has the agent's other languages heard and timed as its own is.
func (r *run) languages(ctx context.Context) (err error) {
	r.agent.Providers.Languages = slices.Clone(r.agent.Providers.Languages)
	for i := range r.agent.Providers.Languages {
		l := &r.agent.Providers.Languages[i]
		voice := &timedVoice{Synthesizer: l.Synthesizer, timings: r.voice.timings}
		if r.mode == Text {
			voice.Synthesizer = r.voice.Synthesizer
		}
		if _, typed := r.agent.Providers.Recognizer.(*exact); typed {
			l.Recognizer = nil // the same one hears all
		}
		l.Synthesizer = voice
		if l.Lines, err = pipeline.PrepareLines(ctx, voice, r.agent.OtherTexts[i]); err != nil {
			return fmt.Errorf("language %s: %w", l.Tag, err)
		}
	}

	return nil
}

// work makes the runs, so many at once.
func (o *Options) work(ctx context.Context, jobs []*job) {
	var all sync.WaitGroup
	var mu sync.Mutex
	next := make(chan *job)
	for range min(o.Parallel, max(len(jobs), 1)) {
		all.Go(func() {
			for j := range next {
				out := o.try(ctx, j)
				mu.Lock()
				j.res.Runs[j.nth] = out
				if j.res.done++; j.res.done == len(j.res.Runs) && ctx.Err() == nil {
					j.res.sum()
					if o.Progress != nil {
						o.Progress(j.res)
					}
				}
				mu.Unlock()
			}
		})
	}
	for _, j := range jobs {
		next <- j
	}
	close(next)
	all.Wait()
}

// try makes one run and judges it.
func (o *Options) try(ctx context.Context, j *job) Trial {
	out := Trial{Seed: o.Seed + uint64(j.nth)}
	if ctx.Err() != nil {
		return out
	}
	r, err := j.make(j)
	var t *Trace
	if err == nil {
		if o.Mode == SIP {
			t, err = o.Gateway.call(ctx, r)
		} else {
			t, err = callInside(ctx, r)
		}
	}
	if err != nil {
		out.Failures = []Failure{{Where: "call", What: err.Error()}}

		return out
	}
	out.Trace = t
	out.Failures = Judge(j.res.Scenario, t)
	out.Latencies, out.Yields = t.Latencies(j.res.Scenario), t.Yields(j.res.Scenario)

	return out
}

// converse makes conversations of the run's agent; nil: its providers do.
func (r *run) converse() func(pipeline.Config, *player.Player, pipeline.Observer) call.Conversation {
	if r.agent.Converse == nil || r.mode == Text {
		return nil
	}

	return r.agent.Converse(r.agent.Providers)
}

// handset is the caller's end of the run's call.
func (r *run) handset(rec *recorder, heard func() string) *handset {
	rnd := rand.New(rand.NewPCG(r.seed, 0x67617073))
	h := &handset{
		caller: newCaller(r.parts, vary(r.scenario.Who.Gap, rnd), r.scenario.Who.Patience),
		mouth:  r.mouth, recorder: rec, heard: heard,
	}
	if r.mode != Text {
		h.room = newRoom(r.scenario, r.seed)
		h.room.law = r.mode == Audio // a SIP leg has its own
	}

	return h
}
