package call

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trunkline/media/amd"
	"trunkline/pipeline"
	"trunkline/pipeline/cost"
	"trunkline/pipeline/declared"
	"trunkline/pipeline/turn"
	"trunkline/sip"
	"trunkline/storage"
)

// machineReasons are the ends that the turn machine decides.
var machineReasons = []string{turn.EndGoodbye, turn.EndHandOff, turn.EndSilent, turn.EndProvider, turn.EndBusy, turn.EndBudget, turn.EndRescue}

// everyReason lists the reasons with their faults.
var everyReason = map[Reason]storage.Fault{
	CallerHangup: storage.FaultCaller, CallerCancelled: storage.FaultCaller, CallerSilent: storage.FaultCaller,
	AgentGoodbye: storage.FaultAgent, AgentHandOff: storage.FaultAgent,
	AnsweredElsewhere: storage.FaultCarrier, FellBack: storage.FaultTrunkline,
	NoMedia: storage.FaultCarrier, NoACK: storage.FaultCarrier, SignallingFailed: storage.FaultCarrier,
	ProviderFailed: storage.FaultProvider, ProviderHandOff: storage.FaultProvider,
	CapReached: storage.FaultOperator, RecogniserBusy: storage.FaultOperator,
	BudgetSpent: storage.FaultOperator, LineBusy: storage.FaultOperator, NoPort: storage.FaultOperator, Shutdown: storage.FaultOperator,
	NotPrepared: storage.FaultTrunkline, GatewayCrashed: storage.FaultTrunkline,
}

func TestEveryReasonHasAFaultAndASentence(t *testing.T) {
	t.Parallel()
	for r, want := range everyReason {
		if got := r.Fault(); got != want {
			t.Errorf("%s: the fault is the %s's, want the %s's", r, got, want)
		}
		if r.Plain() == string(r) {
			t.Errorf("%s has no sentence", r)
		}
	}
}

// TestTheMachinesReasonsAreKnown guards the words that two packages share.
func TestTheMachinesReasonsAreKnown(t *testing.T) {
	t.Parallel()
	for _, r := range machineReasons {
		if _, known := everyReason[Reason(r)]; !known {
			t.Errorf("the turn machine ends calls for %q, which is no Reason", r)
		}
	}
}

// hangsUp is a model whose first reply carries an act.
func hangsUp(act string) pipeline.Model {
	return &declared.Model{FirstToken: 100 * time.Millisecond, Reply: func(pipeline.Request) (string, *pipeline.Act) {
		return "All right then.", &pipeline.Act{Name: act}
	}}
}

// speakUp has the caller talk after the greeting.
func speakUp(r *rig) {
	r.agentTurns(1)
	r.leg.say(yes())
}

func TestEnds(t *testing.T) {
	t.Parallel()
	broken := errors.New("it broke")
	all := []string{"ring", "answer"}
	for want, tc := range map[Reason]struct {
		options options
		during  func(r *rig) // after the answer, or after the offer when there is none
		door    []string     // what it was told
	}{
		CallerHangup: {
			during: func(r *rig) { r.agentTurns(1); r.door.end(CallerHangup) },
			door:   all,
		},
		CallerCancelled: {
			options: options{recogniser: &declared.Recognizer{Ready: 3 * time.Second}},
			during:  func(r *rig) { time.Sleep(time.Second); r.door.end(CallerCancelled) },
			door:    all[:1],
		},
		CallerSilent: {
			during: func(*rig) {},
			door:   append(all[:2:2], "hang up caller_silent"),
		},
		AgentGoodbye: {
			options: options{model: hangsUp(pipeline.ActHangUp)},
			during:  speakUp,
			door:    append(all[:2:2], "hang up agent_goodbye"),
		},
		AgentHandOff: {
			options: options{model: hangsUp(pipeline.ActHandOff)},
			during:  speakUp,
			door:    append(all[:2:2], "hang up agent_hand_off"),
		},
		CapReached: {
			options: options{limits: Limits{Cap: 10 * time.Second}},
			during:  func(*rig) {},
			door:    append(all[:2:2], "hang up cap_reached"),
		},
		NoMedia: {
			options: options{limits: Limits{Cap: time.Hour, NoMedia: 3 * time.Second}},
			during:  func(r *rig) { r.leg.die(true) },
			door:    append(all[:2:2], "hang up no_media"),
		},
		NoACK: {
			during: func(r *rig) { time.Sleep(10 * time.Second); r.door.end(NoACK) },
			door:   all,
		},
		SignallingFailed: {
			during: func(r *rig) { time.Sleep(time.Second); r.door.end(SignallingFailed) },
			door:   all,
		},
		ProviderFailed: {
			options: options{model: &declared.Model{Faults: declared.Every(declared.Fault{Err: broken})}},
			during: func(r *rig) {
				speakUp(r)
				r.agentTurns(2) // the apology
				r.leg.say(yes())
			},
			door: append(all[:2:2], "hang up provider_failed"),
		},
		ProviderHandOff: {
			options: options{
				recogniser: &declared.Recognizer{Opens: declared.Every(declared.Fault{Err: broken})},
				turn:       turn.Config{OnFailure: turn.OnFailure{Do: turn.HandOver, Target: "desk"}},
			},
			during: func(*rig) {},
			door:   append(all[:2:2], "hang up provider_hand_off"),
		},
		BudgetSpent: {
			options: options{
				model:  cost.Model{Model: &declared.Model{FirstToken: 100 * time.Millisecond, Reply: declared.Replies("Nine to five.")}, Name: "gpt", Price: cost.Price{InputPerMillion: 1}},
				budget: 1,
			},
			during: speakUp,
			door:   append(all[:2:2], "hang up budget_spent"),
		},
		RecogniserBusy: {
			options: options{recogniser: &declared.Recognizer{Opens: declared.Every(declared.Fault{Err: pipeline.ErrBusy})}},
			during:  func(*rig) {},
			door:    append(all[:2:2], "hang up recogniser_busy"),
		},
		NotPrepared: {
			options: options{recogniser: &declared.Recognizer{Opens: declared.Every(declared.Fault{Stall: true})}},
			during:  func(*rig) {},
			door:    []string{"ring", "refuse not_prepared"},
		},
		Shutdown: {
			during: func(r *rig) {
				r.agentTurns(1)
				if err := r.manager.Stop(r.Context()); err != nil {
					r.Error(err)
				}
				r.same("last words", "Thank you and goodbye.", r.journal.said(storage.Agent)[1])
			},
			door: append(all[:2:2], "hang up shutdown"),
		},
	} {
		t.Run(string(want), func(t *testing.T) {
			inBubble(t, tc.options, func(r *rig) {
				r.offer()
				if len(tc.door) > 1 && tc.door[1] == "answer" {
					r.until("an answer", func() bool { return r.leg.stats().PacketsOut > 0 })
				}
				tc.during(r)
				got := r.end()
				r.ended(got, want, everyReason[want])
				r.same("what the door was told", tc.door, r.door.did())
				if !r.leg.isClosed() {
					t.Error("the leg is open")
				}
				answered := len(tc.door) > 1 && tc.door[1] == "answer"
				if answered == got.AnsweredAt.IsZero() || answered == (got.Media == nil) {
					t.Errorf("answered at %v with media %v", got.AnsweredAt, got.Media)
				}
			})
		})
	}
}

func TestALineThatIsFullRefuses(t *testing.T) {
	inBubble(t, options{limits: Limits{Cap: time.Hour, NoMedia: time.Minute, MaxCalls: 1}}, func(r *rig) {
		r.talk()
		second := newFakeDoor(&fakeLeg{})
		r.same("the second caller is told to wait", false, r.manager.Rings(&sip.Info{Trunk: "carrier"}))
		<-r.offerAt(second)
		r.ended(r.journal.last(), LineBusy, storage.FaultOperator)
		r.same("what the second caller was told", []string{"refuse line_busy"}, second.did())
		r.same("calls", 1, r.manager.Active())
		r.door.end(CallerHangup)
		r.end()
	})
}

func TestOnlyCallsThatAreTakenRing(t *testing.T) {
	inBubble(t, options{}, func(r *rig) {
		r.same("a trunk with an agent", true, r.manager.Rings(&sip.Info{Trunk: "carrier"}))
		r.same("one without", false, r.manager.Rings(&sip.Info{Trunk: "unknown"}))
		r.manager.Drain()
		r.same("once draining", false, r.manager.Rings(&sip.Info{Trunk: "carrier"}))
	})
}

func TestATrunkWithoutAgentIsRefusedAndRecorded(t *testing.T) {
	inBubble(t, options{}, func(r *rig) {
		r.manager.take(r.door, storage.Call{Trunk: "unknown"})
		r.ended(r.journal.last(), NotPrepared, storage.FaultTrunkline)
		r.same("what the caller was told", []string{"refuse not_prepared"}, r.door.did())
	})
}

func TestNewManagerRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	agents, table := map[string]*Agent{"a": {}}, routes(t)
	good := Limits{Cap: time.Minute, NoMedia: time.Second, MaxCalls: 1}
	for name, c := range map[string]Config{
		"no agents":             {Routes: table, Limits: good},
		"no routes":             {Agents: agents, Limits: good},
		"bad detection":         {Agents: agents, Routes: table, Limits: good, Detect: amd.Params{NoSpeech: time.Hour}},
		"no cap":                {Agents: agents, Routes: table, Limits: Limits{NoMedia: 1, MaxCalls: 1}},
		"warning at the start":  {Agents: agents, Routes: table, Limits: Limits{Cap: 5, WarnBefore: 5, NoMedia: 1, MaxCalls: 1}},
		"warning after the end": {Agents: agents, Routes: table, Limits: Limits{Cap: 5, WarnBefore: -1, NoMedia: 1, MaxCalls: 1}},
		"dead calls would last": {Agents: agents, Routes: table, Limits: Limits{Cap: 5, MaxCalls: 1}},
		"no call may come":      {Agents: agents, Routes: table, Limits: Limits{Cap: 5, NoMedia: 1}},
	} {
		if _, err := NewManager(c); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
	if _, err := NewManager(Config{Agents: agents, Routes: table, Limits: good}); err != nil {
		t.Error(err)
	}
}

func TestDefaultsLeaveWhatIsSet(t *testing.T) {
	t.Parallel()
	got := Limits{Cap: time.Hour, Hangup: time.Second}.withDefaults()
	want := Limits{
		Cap: time.Hour, Prepare: 5 * time.Second, Admit: 5 * time.Second, Answer: 40 * time.Second,
		Farewell: 15 * time.Second, Hangup: time.Second, Stop: 3 * time.Second,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
