package softphone

import (
	"fmt"
	"math"
	"slices"
	"time"

	"trunkline/media"
	"trunkline/softphone/talkspurt"
)

// slowYield is how long an agent may go on when interrupted before it counts
// as having talked over the caller.
const slowYield = 2 * time.Second

// heldUp is how long the softphone may be kept from its tick before its
// figures are in doubt.
const heldUp = 50 * time.Millisecond

// Report is what was measured in one call. Times with _ms are milliseconds,
// to a tenth; those of turns count from the answer.
type Report struct {
	CallID          string      `json:"call_id"` // Call-ID of the dialog
	TrunklineCallID string      `json:"trunkline_call_id,omitempty"`
	Target          string      `json:"target"`
	AnsweredAt      time.Time   `json:"answered_at"`
	EndedAt         time.Time   `json:"ended_at"`
	EndedBy         string      `json:"ended_by"` // "caller" or "agent"
	EndCause        string      `json:"end_cause"`
	GreetingMS      *float64    `json:"greeting_ms"` // 200 OK to the agent's first packet with audio; null when it came only after the caller spoke, or never
	Turns           []Turn      `json:"turns"`       // one per step that was begun
	Response        Summary     `json:"response"`
	Yield           Summary     `json:"yield"`
	Media           Media       `json:"media"`
	HeldUpMS        float64     `json:"held_up_ms"` // the longest that this machine kept the softphone from its 20 ms tick
	Recording       string      `json:"recording,omitempty"`
	Warnings        []string    `json:"warnings,omitempty"`
	Transcript      *Transcript `json:"transcript,omitempty"`
	TranscriptNote  string      `json:"transcript_note,omitempty"` // why there is no transcript

	// Agent is every talkspurt of the agent, by arrival.
	Agent []talkspurt.Spurt `json:"-"`
}

// Turn is one step and what the agent did about it. A step without speech,
// such as keys or room noise, has only its name.
type Turn struct {
	Step          int      `json:"step"` // from 1
	Said          string   `json:"said"` // the clip's name, or the keys
	When          string   `json:"when"` // what the step waited for
	CallerStartMS *float64 `json:"caller_start_ms"`
	CallerEndMS   *float64 `json:"caller_end_ms"`
	AgentStartMS  *float64 `json:"agent_start_ms"`
	ResponseMS    *float64 `json:"response_ms"`
	Interrupted   bool     `json:"interrupted"` // the agent was speaking when the caller began
	YieldMS       *float64 `json:"yield_ms"`
	CutIn         bool     `json:"cut_in"` // the agent began before the caller had finished

	Exchange talkspurt.Exchange `json:"-"`
}

// Summary is the distribution of a latency; the figures are zero when Count
// is. Percentiles are by nearest rank.
type Summary struct {
	Count int     `json:"count"`
	MinMS float64 `json:"min_ms"`
	P50MS float64 `json:"p50_ms"`
	P95MS float64 `json:"p95_ms"`
	MaxMS float64 `json:"max_ms"`
}

// Media is the leg's account of the call.
type Media struct {
	Verdict     string  `json:"verdict"` // "both ways", or what is missing
	Codec       string  `json:"codec"`
	Local       string  `json:"local"`
	Remote      string  `json:"remote"`
	PacketsIn   uint64  `json:"packets_in"`
	PacketsOut  uint64  `json:"packets_out"`
	Lost        uint64  `json:"lost"`
	LostPercent float64 `json:"lost_percent"`
	Late        uint64  `json:"late"`
	Reordered   uint64  `json:"reordered"`
	Duplicates  uint64  `json:"duplicates"`
	Concealed   uint64  `json:"concealed"`
	JitterMS    float64 `json:"jitter_ms"`
	Foreign     uint64  `json:"foreign"` // packets from elsewhere
}

// fill tells what the handset has seen.
func (r *Report) fill(plan []Step, h *handset, stats *media.LegStats, end *ending) {
	r.EndedAt, r.EndedBy, r.EndCause = end.at, end.by, end.cause
	r.Agent = h.agent
	r.Media = mediaOf(stats, len(h.agent) > 0)
	r.Warnings = append(r.Warnings, h.notes...)
	if h.lost > 0 {
		r.warnf("%d events were not told: Notify is too slow", h.lost)
	}
	r.HeldUpMS = *ms(h.held)
	if h.held > heldUp {
		r.warnf("this machine was too busy: the softphone was held up for %v, and its figures are that much in doubt", h.held.Round(time.Millisecond))
	}
	r.measure(plan, h)
	if r.Media.Verdict != bothWays {
		r.warnf("audio: %s", r.Media.Verdict)
	}
	if next := h.stepper.next; next < len(plan) {
		s := &plan[next]
		state := "before"
		if h.stepper.at >= 0 {
			state = "during"
		}
		r.warnf("the call ended %s step %d (%s)", state, next+1, s.said())
	}
}

// measure turns talkspurts into turns and latencies.
func (r *Report) measure(plan []Step, h *handset) {
	begun := h.stepper.next
	if h.stepper.at >= 0 {
		begun++
	}
	var spoken []talkspurt.Spurt
	for _, s := range h.caller[:begun] {
		if !s.First.IsZero() {
			spoken = append(spoken, s)
		}
	}
	exchanges := talkspurt.Exchanges(spoken, h.agent, talkspurt.ReplyPause)
	if len(h.agent) > 0 && (len(spoken) == 0 || h.agent[0].First.Before(spoken[0].First)) {
		r.GreetingMS = ms(h.agent[0].First.Sub(r.AnsweredAt))
	}
	r.Turns = make([]Turn, begun)
	var responses, yields []time.Duration
	for i := range r.Turns {
		t := &r.Turns[i]
		t.Step, t.Said, t.When = i+1, plan[i].said(), plan[i].When.String()
		if h.caller[i].First.IsZero() {
			continue
		}
		t.fill(&exchanges[0], r.AnsweredAt)
		exchanges = exchanges[1:]
		if d, ok := t.Exchange.Response(); ok {
			responses = append(responses, d)
		} else {
			r.warnf("step %d (%s): the agent did not reply", t.Step, t.Said)
		}
		d, interrupted := t.Exchange.Yield()
		switch {
		case interrupted && d > slowYield:
			r.warnf("step %d (%s): the agent went on for %v when it was interrupted", t.Step, t.Said, d.Round(time.Millisecond))

			fallthrough
		case interrupted:
			yields = append(yields, d)
		case plan[i].When.kind == intoReply:
			r.warnf("step %d (%s): the agent had stopped speaking before it could be interrupted", t.Step, t.Said)
		}
		if t.CutIn {
			r.warnf("step %d (%s): the agent began to speak before the caller had finished", t.Step, t.Said)
		}
	}
	r.Response, r.Yield = Summarise(responses), Summarise(yields)
}

func (t *Turn) fill(e *talkspurt.Exchange, answered time.Time) {
	t.Exchange = *e
	t.CallerStartMS = ms(e.Caller.First.Sub(answered))
	t.CallerEndMS = ms(e.Caller.Last.Sub(answered))
	t.Interrupted, t.CutIn = e.Interrupted, e.CutIn
	if d, ok := e.Response(); ok {
		t.AgentStartMS, t.ResponseMS = ms(e.Reply.Sub(answered)), ms(d)
	}
	if d, ok := e.Yield(); ok {
		t.YieldMS = ms(d)
	}
}

// recorded adds how the recording went.
func (r *Report) recorded(path string, dropped uint64, err error) {
	if err != nil {
		r.warnf("the recording is not complete: %v", err)
	}
	if dropped > 0 {
		r.warnf("the recording has silence in the place of %d frames that the disk was too slow for", dropped)
	}
	r.Recording = path
}

func (r *Report) warnf(format string, args ...any) {
	r.Warnings = append(r.Warnings, fmt.Sprintf(format, args...))
}

const bothWays = "both ways"

func mediaOf(s *media.LegStats, spoke bool) Media {
	m := Media{
		Verdict: bothWays, Codec: s.Codec, Local: s.Local, Remote: s.Remote,
		PacketsIn: s.PacketsIn, PacketsOut: s.PacketsOut, Lost: s.Lost, Late: s.Late, Reordered: s.Reordered,
		Duplicates: s.Duplicates, Concealed: s.Concealed, JitterMS: *ms(s.Jitter), Foreign: s.Foreign,
	}
	if total := s.PacketsIn + s.Lost; total > 0 {
		m.LostPercent = math.Round(float64(s.Lost)*1000/float64(total)) / 10
	}
	switch {
	case s.PacketsIn == 0 && s.PacketsOut == 0:
		m.Verdict = "none in either direction"
	case s.PacketsIn == 0:
		m.Verdict = "one way: nothing came from the agent"
	case s.PacketsOut == 0:
		m.Verdict = "one way: nothing was sent to the agent"
	case !spoke:
		m.Verdict = "one way: the agent sent only silence"
	}

	return m
}

// ms is d in milliseconds, to a tenth.
func ms(d time.Duration) *float64 {
	v := math.Round(float64(d)/float64(time.Millisecond)*10) / 10

	return &v
}

// Summarise is the distribution of durations, which it sorts.
func Summarise(d []time.Duration) Summary {
	if len(d) == 0 {
		return Summary{}
	}
	slices.Sort(d)
	rank := func(q float64) float64 { return *ms(d[max(int(math.Ceil(q*float64(len(d))))-1, 0)]) }

	return Summary{Count: len(d), MinMS: rank(0), P50MS: rank(0.5), P95MS: rank(0.95), MaxMS: rank(1)}
}
