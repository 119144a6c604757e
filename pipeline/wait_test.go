package pipeline_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/media"
	"trunkline/pipeline"
	"trunkline/pipeline/declared"
	"trunkline/pipeline/ledger"
	"trunkline/pipeline/turn"
)

// patience is how long a caller may hear nothing while the agent has the turn.
const patience = 1500 * ms

func TestASlowReplyIsAnnounced(t *testing.T) {
	model := &declared.Model{FirstToken: 2500 * ms, Reply: declared.Replies(hours)}
	converse(t, options{says: []string{"what are your opening hours"}, model: model}, func(c *call) {
		c.ask()
		c.AgentSaid(2)
		c.Same("fillers", 1, len(c.Notes.Did(turn.Interject)))
		reply := c.Notes.Turns()[2]
		filler := reply.Ledger.At(ledger.Filler).Sub(reply.Ledger.At(ledger.Endpoint))
		if filler < 1000*ms || filler > 1300*ms {
			c.Errorf("the filler came %v after the turn was judged to be over", filler)
		}
		if answer, ok := reply.Ledger.Total(); !ok || answer < 2500*ms {
			c.Errorf("the filler made the answer look fast: %v", answer)
		}
		c.Same("the reply", hours, reply.Heard)
		c.Same("what the model sees", 2, len(c.model.history()))
	})
}

func TestFillersVaryAndAFastReplyHasNone(t *testing.T) {
	delays := []time.Duration{1500 * ms, 300 * ms, 4700 * ms}
	model := &slowly{delays: delays}
	converse(t, options{says: []string{"what are your opening hours"}, model: model}, func(c *call) {
		for range delays {
			c.ask()
			c.Await(turn.Listening)
		}
		var stages []int
		for _, a := range c.Notes.Did(turn.Interject) {
			stages = append(stages, a.Stage)
		}
		c.Same("the fillers", []int{0, 1, 2}, stages)
		c.Same("apologies", 0, strings.Count(fmt.Sprint(c.Notes.Said(pipeline.Agent)), texts.Apology))
	})
}

func TestAReplyThatRunsDryIsAnnouncedAndGoesOn(t *testing.T) {
	voice := &declared.Voice{FirstAudio: 50 * ms, Faults: declared.At(1, declared.Fault{})}
	model := &pausing{first: "We are open from nine.", pause: 3500 * ms, second: "And on holidays from ten."}
	converse(t, options{says: []string{"what are your opening hours"}, model: model, voice: voice}, func(c *call) {
		c.ask()
		c.AgentSaid(2)
		c.Same("fillers", 1, len(c.Notes.Did(turn.Interject)))
		c.Same("the reply", model.first+" "+model.second, c.Notes.Turns()[2].Heard)
	})
}

// chaos is a call in which anything may go wrong.
func chaos(r *rand.Rand) options {
	fault := func(n int) declared.Fault {
		switch r.IntN(8) {
		case 0:
			return declared.Fault{After: n, Stall: true}
		case 1:
			return declared.Fault{After: n, Err: errBroken}
		default:
			return declared.Fault{}
		}
	}
	plan := func(parts int) declared.Plan {
		faults := make([]declared.Fault, 16)
		for i := range faults {
			faults[i] = fault(r.IntN(parts))
		}

		return func(n int) declared.Fault { return faults[n%len(faults)] }
	}
	long := strings.Repeat("and then some more of it ", 40)
	reply := []string{hours, address, long, "Yes.", hours + " " + address}[r.IntN(5)]
	o := options{
		says: []string{"what are your opening hours", "uh huh", "", "wait a minute", "where are you located"},
		model: &declared.Model{
			FirstToken:      time.Duration(r.IntN(7000)) * ms,
			TokensPerSecond: []float64{0, 2, 50}[r.IntN(3)],
			Reply:           declared.Replies(reply), Faults: plan(12),
		},
		voice: &declared.Voice{
			FirstAudio: time.Duration(r.IntN(2500)) * ms, Speed: []float64{0, 0.4, 4}[r.IntN(3)], Faults: plan(6),
		},
		recognizer: &declared.Recognizer{
			FirstPartial: 160 * ms, PartialEvery: 100 * ms, Final: time.Duration(r.IntN(900)) * ms, Faults: plan(4),
		},
	}
	o.recognizer.Says = declared.InTurn(o.says...)
	if r.IntN(2) == 0 {
		o.cfg.Turn.Speculation.PerTurn = 2
	}

	return o
}

// TestNobodyIsLeftInSilence lets every stage fail, stall or babble at any
// point, while the caller talks, murmurs and coughs at any time.
func TestNobodyIsLeftInSilence(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 4))
				c := prepared(t, chaos(r))
				defer c.conv.Stop()
				if err := c.conv.Prepare(t.Context()); err != nil {
					t.Fatal(err)
				}
				c.conv.Start()
				quiet, next, until := time.Duration(0), 3*time.Second, time.Duration(0)
				for now := time.Duration(0); now < 40*time.Second && len(c.conv.Done()) == 0; now += media.FrameDuration {
					if now >= next {
						until = now + time.Duration(100+r.IntN(1500))*ms
						next = until + time.Duration(300+r.IntN(7000))*ms
					}
					c.Phone.Loud = now < until
					c.Run(media.FrameDuration)
					synctest.Wait()
					s := c.Notes.State()
					if c.Phone.Loud || s != turn.Thinking && s != turn.Speaking || !c.Phone.Silent() {
						quiet = 0

						continue
					}
					if quiet += media.FrameDuration; quiet > patience {
						t.Fatalf("at %v: %v of silence in state %s", now, quiet, s)
					}
				}
				c.End(c.turn)
			})
		})
	}
}
