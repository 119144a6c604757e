package call

import (
	"errors"
	"testing"
	"time"

	"trunkline/pipeline"
	"trunkline/pipeline/breaker"
	"trunkline/pipeline/declared"
	"trunkline/pipeline/failover"
	"trunkline/storage"
)

// failing are two models that both hang.
func failing() pipeline.Model {
	var all []failover.Option[pipeline.Model]
	for _, name := range []string{"a", "b"} {
		all = append(all, failover.Option[pipeline.Model]{
			Name: name, Provider: &declared.Model{Faults: declared.Every(declared.Fault{Stall: true})}, Breaker: breaker.New(breaker.Config{}),
		})
	}

	return failover.NewModel(nil, all...)
}

// TestALegThatDiesWhileProvidersFail ends as one that dies otherwise: nothing of
// the call waits for the providers.
func TestALegThatDiesWhileProvidersFail(t *testing.T) {
	o := options{model: failing(), limits: Limits{Cap: 10 * time.Minute, WarnBefore: time.Minute, NoMedia: 2 * time.Second}}
	inBubble(t, o, func(r *rig) {
		r.talk()
		r.leg.say(yes())
		time.Sleep(1500 * time.Millisecond) // the first model hangs
		r.leg.mu.Lock()
		r.leg.dead = true
		r.leg.mu.Unlock()
		r.ended(r.end(), NoMedia, storage.FaultCarrier)
	})
}

// TestAFarEndThatHangsUpWhileProvidersFail leaves nothing behind.
func TestAFarEndThatHangsUpWhileProvidersFail(t *testing.T) {
	down := &declared.Recognizer{Faults: declared.Every(declared.Fault{Err: errors.New("connection reset")})}
	inBubble(t, options{model: failing(), recogniser: down}, func(r *rig) {
		r.talk()
		r.leg.say(yes())
		time.Sleep(700 * time.Millisecond)
		r.door.end(CallerHangup)
		r.ended(r.end(), CallerHangup, storage.FaultCaller)
	})
}
