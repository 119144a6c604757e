package call

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"trunkline/media"
	"trunkline/media/record"
	"trunkline/pipeline"
	"trunkline/pipeline/declared"
	"trunkline/pipeline/turn"
	"trunkline/storage"
)

// TestTheWholeThirtyMinutes has a caller who never stops talking.
func TestTheWholeThirtyMinutes(t *testing.T) {
	o := options{limits: Limits{Cap: 30 * time.Minute, WarnBefore: 2 * time.Minute}}
	inBubble(t, o, func(r *rig) {
		r.talk()
		answered := r.journal.last().AnsweredAt
		for n := 1; r.manager.Active() > 0; n++ {
			r.leg.say(yes())
			time.Sleep(7 * time.Second)
		}
		got := r.end()
		r.ended(got, CapReached, storage.FaultOperator)
		r.same("what the door was told", []string{"ring", "answer", "hang up cap_reached"}, r.door.did())

		at := map[string]time.Duration{}
		for _, t := range r.journal.turns() {
			if t.Role == storage.Agent {
				at[string(t.Text)] = t.StartedAt.Sub(answered)
			}
		}
		if d := at[texts.CapWarning]; d < 28*time.Minute || d > 28*time.Minute+10*time.Second {
			r.Errorf("the warning was spoken at %s", d)
		}
		if d := at[texts.CapGoodbye]; d < 30*time.Minute || d > 30*time.Minute+time.Second {
			r.Errorf("the goodbye was spoken at %s", d)
		}
		all := r.journal.turns()
		goodbye := all[len(all)-1]
		if string(goodbye.HeardText) != texts.CapGoodbye || goodbye.Interrupted {
			r.Errorf("the last words were %q, heard %q", string(goodbye.Text), string(goodbye.HeardText))
		}
		if d := got.EndedAt.Sub(answered); d > 30*time.Minute+5*time.Second {
			r.Errorf("the call lasted %s", d)
		}
		if n := r.leg.stats().PacketsOut; n < 90_000 || n > 90_300 {
			r.Errorf("%d packets were sent", n)
		}
		if n := len(r.journal.said(storage.Caller)); n < 150 {
			r.Errorf("the caller was heard %d times", n)
		}
		r.replays(turn.Config{})
	})
}

// TestNoWarningWhenNoneIsWanted has a call with a cap alone.
func TestNoWarningWhenNoneIsWanted(t *testing.T) {
	inBubble(t, options{limits: Limits{Cap: 8 * time.Second}}, func(r *rig) {
		r.talk()
		r.end()
		r.same("agent", []string{texts.Greeting, texts.CapGoodbye}, r.journal.said(storage.Agent))
	})
}

// stuck is a part that hangs until the test lets go, whatever its context says.
type stuck struct{ release chan struct{} }

func newStuck() stuck { return stuck{release: make(chan struct{})} }

func (s stuck) Open(context.Context) (pipeline.Recognition, error) {
	<-s.release

	return nil, pipeline.ErrBusy
}

func (s stuck) Generate(context.Context, pipeline.Request) iter.Seq2[pipeline.Delta, error] {
	return func(func(pipeline.Delta, error) bool) { <-s.release }
}

func (s stuck) Synthesize(context.Context, string) iter.Seq2[pipeline.Speech, error] {
	return func(func(pipeline.Speech, error) bool) { <-s.release }
}

func (s stuck) hook(context.Context) error {
	<-s.release

	return nil
}

// TestTheCapFiresWhileProvidersHang has a caller who wants an answer that never
// comes, from a provider that does not even end with its context.
func TestTheCapFiresWhileProvidersHang(t *testing.T) {
	t.Parallel()
	for name, with := range map[string]func(p *pipeline.Providers, s stuck){
		"model": func(p *pipeline.Providers, s stuck) { p.Model = s },
		"voice": func(p *pipeline.Providers, s stuck) { p.Synthesizer = s },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, options{limits: Limits{Cap: 6 * time.Second}}, func(r *rig) {
				s := newStuck()
				with(r.providers(), s)
				r.talk()
				answered := r.journal.last().AnsweredAt
				speakUp(r)
				r.until("the record's end", func() bool { return r.journal.last().State == storage.Ended })
				got := r.journal.last()
				r.ended(got, CapReached, storage.FaultOperator)
				// The goodbye, and the wait for the provider.
				if d := got.EndedAt.Sub(answered); d < 6*time.Second || d > 12*time.Second {
					r.Errorf("the call lasted %s", d)
				}
				if heard := r.leg.audible().Sub(answered); heard < 6*time.Second {
					r.Errorf("the goodbye was not heard: the last sound came at %s", heard)
				}
				r.same("what the door was told", []string{"ring", "answer", "hang up cap_reached"}, r.door.did())
				if r.manager.Active() != 1 {
					r.Error("the call is forgotten although a part of it runs")
				}
				close(s.release)
				r.end()
			})
		})
	}
}

func TestWhatHangsBeforeTheAnswerIsGivenUp(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		with   func(r *rig, s stuck)
		before time.Duration // when the call must have ended
		door   []string
	}{
		"ring": {
			with:   func(r *rig, s stuck) { r.door.onRing = s.hook },
			before: 6 * time.Second,
			door:   []string{"ring", "refuse not_prepared"},
		},
		"recogniser": {
			with:   func(r *rig, s stuck) { r.providers().Recognizer = s },
			before: 6 * time.Second,
			door:   []string{"ring", "refuse not_prepared"},
		},
		"answer": {
			with:   func(r *rig, s stuck) { r.door.onAnswer = s.hook },
			before: 41 * time.Second,
			door:   []string{"ring", "answer", "refuse not_prepared"},
		},
		"answer, and then the hang-up": {
			with: func(r *rig, s stuck) {
				r.door.onAnswer, r.door.onHangup = s.hook, s.hook
				r.door.onRefuse = func() error { return context.Canceled }
			},
			before: 44 * time.Second,
			door:   []string{"ring", "answer", "refuse not_prepared", "hang up not_prepared"},
		},
		"refusal": {
			with: func(r *rig, s stuck) {
				r.providers().Recognizer = s
				r.door.onRefuse = func() error { return s.hook(context.Background()) }
			},
			before: 9 * time.Second,
			door:   []string{"ring", "refuse not_prepared"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, options{}, func(r *rig) {
				s := newStuck()
				tc.with(r, s)
				r.offer()
				r.until("the record's end", func() bool { return r.journal.last().State == storage.Ended })
				got := r.journal.last()
				r.ended(got, NotPrepared, storage.FaultTrunkline)
				if d := got.EndedAt.Sub(got.StartedAt); d > tc.before {
					r.Errorf("it took %s", d)
				}
				r.same("what the door was told", tc.door, r.door.did())
				close(s.release)
				r.end()
			})
		})
	}
}

func TestTheCallerCancelsWhileAPartHangs(t *testing.T) {
	inBubble(t, options{}, func(r *rig) {
		s := newStuck()
		r.door.onAnswer = s.hook
		r.offer()
		time.Sleep(time.Second)
		r.door.end(CallerCancelled)
		r.until("the record's end", func() bool { return r.journal.last().State == storage.Ended })
		got := r.journal.last()
		r.ended(got, CallerCancelled, storage.FaultCaller)
		r.same("time", time.Second, got.EndedAt.Sub(got.StartedAt).Truncate(100*time.Millisecond))
		close(s.release)
		r.end()
	})
}

func TestAHangUpIsNeverConfirmed(t *testing.T) {
	inBubble(t, options{limits: Limits{Cap: 5 * time.Second}}, func(r *rig) {
		r.door.unconfirmed = true
		r.talk()
		r.until("the record's end", func() bool { return r.journal.last().State == storage.Ended })
		got := r.journal.last()
		r.ended(got, CapReached, storage.FaultOperator)
		r.end()
		if d := time.Since(got.EndedAt); d < time.Second || d > 3*time.Second {
			r.Errorf("the confirmation was waited for %s", d)
		}
		if !strings.Contains(r.log.String(), "did not confirm") {
			r.Error("the log does not say so")
		}
	})
}

// TestALastLineThatDoesNotEnd has a goodbye that is longer than the caller may
// be kept.
func TestALastLineThatDoesNotEnd(t *testing.T) {
	o := options{limits: Limits{Cap: 5 * time.Second, Farewell: time.Second}}
	inBubble(t, o, func(r *rig) {
		r.talk()
		answered := r.journal.last().AnsweredAt
		got := r.end()
		r.ended(got, CapReached, storage.FaultOperator)
		if d := got.EndedAt.Sub(answered); d < 6*time.Second || d > 6*time.Second+200*time.Millisecond {
			r.Errorf("the call lasted %s", d)
		}
	})
}

func TestTheFirstCauseStands(t *testing.T) {
	t.Parallel()
	for name, during := range map[string]func(r *rig){
		"the caller hangs up in the goodbye": func(r *rig) { r.door.end(CallerHangup) },
		"the audio stops in the goodbye":     func(r *rig) { r.leg.die(true) },
		"the operator stops in the goodbye": func(r *rig) {
			if err := r.manager.Stop(r.Context()); err != nil {
				r.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := options{limits: Limits{Cap: 10 * time.Second, NoMedia: 300 * time.Millisecond}}
			inBubble(t, o, func(r *rig) {
				r.talk()
				answered := r.journal.last().AnsweredAt
				r.until("the goodbye", func() bool { return r.leg.audible().Sub(answered) > 10*time.Second })
				during(r)
				r.ended(r.end(), CapReached, storage.FaultOperator)
			})
		})
	}
}

func TestSilenceOnHoldIsNoDeadCall(t *testing.T) {
	o := options{limits: Limits{Cap: time.Hour, NoMedia: 5 * time.Second}}
	inBubble(t, o, func(r *rig) {
		r.talk()
		r.agentTurns(1)
		r.door.hold(true)
		r.leg.die(true)
		time.Sleep(5 * time.Minute)
		r.same("calls", 1, r.manager.Active())
		r.door.hold(false)
		back := time.Now()
		time.Sleep(4 * time.Second) // the caller's packets take a while
		r.same("calls", 1, r.manager.Active())
		got := r.end()
		r.ended(got, NoMedia, storage.FaultCarrier)
		if d := got.EndedAt.Sub(back); d < 5*time.Second || d > 6*time.Second {
			r.Errorf("the dead call ended %s after the hold", d)
		}
	})
}

func TestTheCapFiresOnHold(t *testing.T) {
	inBubble(t, options{limits: Limits{Cap: time.Minute}}, func(r *rig) {
		r.talk()
		r.agentTurns(1)
		r.door.hold(true)
		r.ended(r.end(), CapReached, storage.FaultOperator)
	})
}

func TestShutdownBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	for name, with := range map[string]func(r *rig){
		"preparing": func(r *rig) {
			r.providers().Recognizer = &declared.Recognizer{Ready: 4 * time.Second}
		},
		"answering": func(r *rig) {
			r.door.onAnswer = func(ctx context.Context) error {
				<-ctx.Done()

				return ctx.Err()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, options{}, func(r *rig) {
				with(r)
				r.offer()
				time.Sleep(time.Second)
				if err := r.manager.Stop(r.Context()); err != nil {
					r.Error(err)
				}
				got := r.end()
				r.ended(got, Shutdown, storage.FaultOperator)
				all := r.door.did()
				r.same("what the caller was told", "refuse shutdown", all[len(all)-1])
				r.same("time", time.Second, got.EndedAt.Sub(got.StartedAt).Truncate(100*time.Millisecond))

				late := newFakeDoor(&fakeLeg{})
				<-r.offerAt(late)
				r.same("what a late caller was told", []string{"refuse shutdown"}, late.did())
			})
		})
	}
}

// TestStopTellsWhatItLeaves has a call that outlasts the operator's patience.
func TestStopTellsWhatItLeaves(t *testing.T) {
	inBubble(t, options{}, func(r *rig) {
		r.talk()
		ctx, cancel := context.WithTimeout(r.Context(), 100*time.Millisecond)
		defer cancel()
		err := r.manager.Stop(ctx)
		if err == nil || !strings.Contains(err.Error(), "1 calls did not end") {
			r.Errorf("got %v", err)
		}
		r.end()
	})
}

func TestRecording(t *testing.T) {
	dir := t.TempDir()
	o := options{recordings: dir, limits: Limits{Cap: 10 * time.Second}}
	inBubble(t, o, func(r *rig) {
		r.talk()
		speakUp(r)
		got := r.end()
		r.same("recording", filepath.Join(dir, got.ID.String()+".wav"), got.Recording)
		a, err := record.ReadWAV(got.Recording)
		if err != nil {
			r.Fatal(err)
		}
		length := time.Duration(len(a.Samples[0])) * time.Second / time.Duration(a.Rate)
		if want := got.EndedAt.Sub(got.AnsweredAt); a.Channels != 2 || length > want+media.FrameDuration || length < want-500*time.Millisecond {
			r.Errorf("%d channels of %s for a call of %s", a.Channels, length, want)
		}
		for i, who := range []string{"caller", "agent"} {
			if silent(a.Samples[i]) {
				r.Errorf("nothing of the %s is recorded", who)
			}
		}
	})
}

func silent(samples []int16) bool {
	for _, s := range samples {
		if s != 0 {
			return false
		}
	}

	return true
}

func TestADiskThatFailsCostsNoCall(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"missing": file + "-no", "no directory": file} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, options{recordings: dir}, func(r *rig) {
				r.talk()
				r.agentTurns(1)
				r.door.end(CallerHangup)
				got := r.end()
				r.ended(got, CallerHangup, storage.FaultCaller)
				r.same("recording", "", got.Recording)
				if !strings.Contains(r.log.String(), "the call is not recorded") {
					r.Error("the log does not say so")
				}
			})
		})
	}
}

func TestManyCallsAtOnce(t *testing.T) {
	inBubble(t, options{limits: Limits{Cap: 10 * time.Second, NoMedia: time.Minute, MaxCalls: 20}}, func(r *rig) {
		var over []chan struct{}
		for range 20 {
			over = append(over, r.offerAt(newFakeDoor(&fakeLeg{})))
		}
		time.Sleep(5 * time.Second)
		r.same("calls", 20, r.manager.Active())
		for _, o := range over {
			<-o
		}
		r.same("calls", 0, r.manager.Active())
		ends := map[string]int{}
		for _, c := range rowsOf[storage.Call](r.journal) {
			ends[fmt.Sprint(c.State, " ", c.EndReason)]++
		}
		r.same("rows", map[string]int{"ringing ": 20, "in_progress ": 20, "ended cap_reached": 20}, ends)
	})
}

// TestDrain lets a running call go on to its end, and takes no other.
func TestDrain(t *testing.T) {
	inBubble(t, options{}, func(r *rig) {
		r.talk()
		drained := r.manager.Drain()

		late := newFakeDoor(&fakeLeg{})
		<-r.offerAt(late)
		r.same("what a late caller was told", []string{"refuse shutdown"}, late.did())

		time.Sleep(time.Second)
		select {
		case <-drained:
			r.Fatal("drained while a call runs")
		default:
		}
		r.same("running calls", 1, r.manager.Active())
		r.end()
		<-drained
		<-r.manager.Drain() // nothing runs, so there is nothing to wait for
	})
}
