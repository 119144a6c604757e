package call

import (
	"context"
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

// TestNobodyIsAnsweredBeforeTheRecordIsSafe: a crash right after the answer
// leaves a record of the call. Where nothing takes it the caller is answered all
// the same.
func TestNobodyIsAnsweredBeforeTheRecordIsSafe(t *testing.T) {
	for name, c := range map[string]struct {
		keep  func(context.Context) error
		after time.Duration
	}{
		"safe at last": {func(context.Context) error {
			time.Sleep(300 * time.Millisecond)

			return nil
		}, 300 * time.Millisecond},
		"nothing takes it": {func(context.Context) error { return errors.New("the disk is full") }, 0},
		"it hangs": {func(ctx context.Context) error {
			<-ctx.Done()

			return context.Cause(ctx)
		}, keepBound},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, options{}, func(r *rig) {
				r.manager.cfg.Keep = c.keep
				var answered time.Duration
				began := time.Now()
				r.door.onAnswer = func(context.Context) error {
					answered = time.Since(began)

					return nil
				}
				r.talk()
				r.same("answered after", c.after, answered)
				r.door.end(CallerHangup)
				r.ended(r.end(), CallerHangup, storage.FaultCaller)
			})
		})
	}
}
