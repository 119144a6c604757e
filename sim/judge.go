package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"trunkline/pipeline"
	"trunkline/pipeline/bargein"
)

// Failure is an expectation that was not met.
type Failure struct {
	Where string `json:"where"` // the step, or "call"
	What  string `json:"what"`
}

// Judge compares what happened with what the scenario expects.
func Judge(s *Scenario, t *Trace) []Failure {
	j := &judge{s: s, t: t}
	for i := range s.Steps {
		j.step(i)
	}
	j.where = "call"
	j.call()

	return j.failures
}

type judge struct {
	s        *Scenario
	t        *Trace
	where    string
	failures []Failure
}

func (j *judge) failf(format string, args ...any) {
	j.failures = append(j.failures, Failure{Where: j.where, What: fmt.Sprintf(format, args...)})
}

// end of a step's time: the beginning of the next one, or of the end.
func (t *Trace) until(i int) time.Duration {
	if i+1 < len(t.Steps) {
		return t.Steps[i+1].Began
	}

	return t.Length + time.Second
}

func (j *judge) step(i int) {
	step := &j.s.Steps[i]
	e := &step.Expect
	j.where = fmt.Sprintf("step %d (%s)", i+1, step.what())
	if i >= len(j.t.Steps) {
		if !step.HangUp && j.s.Expect.End == "" {
			j.failf("was never begun: the call ended before (%s)", j.t.End)
		}

		return
	}
	at, until := j.t.Steps[i], j.t.until(i)
	j.sayings(e.Says, e.Never, j.t.said(at.Began, until))
	if e.Silent {
		if said := j.t.said(at.Ended, until); len(said) > 0 {
			j.failf("the agent was to say nothing; it said %q", said[0])
		}
	}
	j.heard(e.Heard, at.Began, until)
	j.within(e.Within, i)
	j.yields(e.Yields, i)
	if e.GoesOn != nil {
		j.goesOn(*e.GoesOn, i)
	}
	j.tool(e.Tool, at.Began, until)
}

// said is what the agent said in turns that began in a stretch of time.
func (t *Trace) said(from, to time.Duration) []string {
	var all []string
	for _, u := range t.Turns {
		if u.Role == pipeline.Agent && u.Began >= from && u.Began < to && u.Heard != "" {
			all = append(all, u.Heard)
		}
	}

	return all
}

func (j *judge) sayings(want, never Patterns, said []string) {
	if len(want) > 0 && !slices.ContainsFunc(want, func(p string) bool { return slices.ContainsFunc(said, pattern(p).MatchString) }) {
		j.failf("the agent was to say %s; it said %s", alternatives(want), quoted(said))
	}
	for _, p := range never {
		for _, text := range said {
			if pattern(p).MatchString(text) {
				j.failf("the agent was never to say %q; it said %q", p, text)
			}
		}
	}
}

func alternatives(p Patterns) string {
	parts := make([]string, len(p))
	for i, one := range p {
		parts[i] = fmt.Sprintf("%q", one)
	}

	return strings.Join(parts, " or ")
}

func quoted(said []string) string {
	if len(said) == 0 {
		return "nothing"
	}

	return alternatives(said)
}

func (j *judge) heard(want string, from, to time.Duration) {
	if want == "" {
		return
	}
	var took []string
	for _, u := range j.t.Turns {
		// The turn may have begun with the step before.
		if u.Role == pipeline.Caller && u.Ended > from && u.Began < to {
			took = append(took, u.Text)
		}
	}
	if !slices.ContainsFunc(took, pattern(want).MatchString) {
		j.failf("the agent was to take %q in one turn; it took %s", want, quoted(took))
	}
}

func (j *judge) within(limit time.Duration, i int) {
	if limit == 0 {
		return
	}
	switch d, ok := j.t.response(i); {
	case !ok:
		j.failf("the agent did not reply")
	case d > limit:
		j.failf("the agent replied after %v, want within %v", round(d), limit)
	}
}

// response is the time from a step's last sound to the agent's next.
func (t *Trace) response(i int) (time.Duration, bool) {
	st := t.Steps[i]
	from := st.Ended
	if st.Heard {
		from = st.Sound.To
	}
	for _, v := range t.Voice {
		if v.From > from && v.From < t.until(i) {
			return v.From - from, true
		}
	}

	return 0, false
}

func (j *judge) yields(limit time.Duration, i int) {
	if limit == 0 {
		return
	}
	switch d, ok := j.t.yield(i); {
	case !ok:
		j.failf("the agent was not speaking, so nothing was interrupted")
	case d > limit:
		j.failf("the agent went on for %v, want %v at most", round(d), limit)
	}
	if !j.t.cutBy(i) {
		j.failf("the agent was not cut off")
	}
}

// yield is the time from a step's first sound to the agent's last before it
// gave way.
func (t *Trace) yield(i int) (time.Duration, bool) {
	st := t.Steps[i]
	if !st.Heard {
		return 0, false
	}
	for _, v := range t.Voice {
		if v.From <= st.Sound.From && v.To >= st.Sound.From {
			return v.To - st.Sound.From, true
		}
	}
	for _, u := range t.Turns { // between two sentences, or paused for a noise
		if u.Role == pipeline.Agent && u.Began <= st.Sound.From && u.Ended >= st.Sound.From {
			return 0, true
		}
	}

	return 0, false
}

// cutBy reports whether the agent's turn that a step spoke over was cut off.
func (t *Trace) cutBy(i int) bool {
	for _, u := range t.Turns {
		if u.Role == pipeline.Agent && u.Interrupted && u.Began <= t.Steps[i].Sound.From && u.Ended >= t.Steps[i].Sound.From-time.Second {
			return true
		}
	}

	return false
}

func (j *judge) goesOn(want bool, i int) {
	cut := j.t.cutBy(i)
	switch {
	case want && cut:
		j.failf("the agent was to go on; it was cut off")
	case !want && !cut:
		j.failf("the agent was to stop; it went on")
	}
}

func (j *judge) tool(want *ToolExpect, from, to time.Duration) {
	if want == nil {
		return
	}
	n := 0
	var others []string
	for _, c := range j.t.Tools {
		if c.At < from || c.At >= to {
			continue
		}
		if c.Name == want.Name && c.fits(want.Args) {
			n++
		} else {
			others = append(others, fmt.Sprintf("%s %v", c.Name, c.Args))
		}
	}
	switch {
	case want.Times > 0 && n != want.Times:
		j.failf("tool %s was to be called %d times as described; it was %d times, besides %s", want.Name, want.Times, n, quoted(others))
	case n == 0:
		j.failf("tool %s was to be called with %v; called were %s", want.Name, want.Args, quoted(others))
	}
}

func (c *ToolTrace) fits(args map[string]string) bool {
	for k, p := range args {
		v, ok := c.Args[k]
		if !ok || !pattern(p).MatchString(fmt.Sprint(v)) {
			return false
		}
	}

	return true
}

// call judges the whole.
func (j *judge) call() {
	e, t := &j.s.Expect, j.t
	j.sayings(e.Says, e.Never, t.said(0, t.Length+time.Second))
	j.tool(e.Tool, 0, t.Length+time.Second)
	if e.End != "" && e.End != t.End {
		j.failf("the call was to end with %s; it ended with %s", e.End, t.End)
	}
	if e.HandOff != "" && e.HandOff != t.Target {
		j.failf("the caller was to be handed off to %q; it was %q", e.HandOff, t.Target)
	}
	if n := t.callerTurns(); e.Turns != 0 && e.Turns != n {
		j.failf("the caller's words were to be %d turns; the agent took %d", e.Turns, n)
	}
	if d, after := t.deadAir(j.s); e.DeadAir != 0 && d > e.DeadAir {
		j.failf("nobody spoke for %v after step %d, want %v at most", round(d), after+1, e.DeadAir)
	}
	if *e.Ledger >= 0 {
		for _, c := range t.Cuts {
			if off := countWords(c.Account) - c.Words; max(off, -off) > *e.Ledger {
				j.failf("of %q the caller heard %d words; the account says %q", c.Text, c.Words, c.Account)
			}
		}
	}
	for _, v := range t.Verdicts {
		if v.Verdict == string(bargein.Interruption) && !e.SelfStop && !t.callerAround(v.At) {
			j.failf("at %v the agent was interrupted with the caller silent: %v", round(v.At), v.Reasons)
		}
	}
	for _, n := range t.Notes {
		j.failf("at %v %s", round(n.At), n.What)
	}
}

func (t *Trace) callerTurns() int {
	n := 0
	for _, u := range t.Turns {
		if u.Role == pipeline.Caller {
			n++
		}
	}

	return n
}

// deadAir is the longest silence of both after the caller's words, and the
// step that it followed.
func (t *Trace) deadAir(s *Scenario) (longest time.Duration, after int) {
	for i, st := range t.Steps {
		p := part{Step: &s.Steps[i]}
		if !p.asks() {
			continue
		}
		from := st.Ended
		if st.Heard {
			from = st.Sound.To
		}
		until := min(t.until(i), t.Length)
		for _, v := range t.Voice {
			switch {
			case v.From <= from && v.To > from: // it still speaks
				from = v.To
			case v.From > from:
				until = min(until, v.From)
			}
		}
		if d := until - from; d > longest {
			longest, after = d, i
		}
	}

	return longest, after
}

// reaction is the longest time from the caller's sound to a verdict on it.
const reaction = 1500 * time.Millisecond

// callerAround reports whether the caller made a sound shortly before.
func (t *Trace) callerAround(at time.Duration) bool {
	return slices.ContainsFunc(t.Steps, func(s StepTrace) bool {
		return s.Heard && s.Sound.From <= at && s.Sound.To >= at-reaction
	})
}

// Latencies are the times from the caller's last sound to the agent's first,
// of the steps that ask for a reply.
func (t *Trace) Latencies(s *Scenario) []time.Duration {
	var all []time.Duration
	for i, st := range t.Steps {
		p := part{Step: &s.Steps[i]}
		if !p.asks() || !st.Heard {
			continue
		}
		if d, ok := t.response(i); ok {
			all = append(all, d)
		}
	}

	return all
}

// Yields are the times from an interruption's first sound to the agent's last.
func (t *Trace) Yields(s *Scenario) []time.Duration {
	var all []time.Duration
	for i := range t.Steps {
		if s.Steps[i].Interrupt == "" {
			continue
		}
		if d, ok := t.yield(i); ok {
			all = append(all, d)
		}
	}

	return all
}

func round(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
