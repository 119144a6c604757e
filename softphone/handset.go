package softphone

import (
	"fmt"
	"time"

	"trunkline/media"
	"trunkline/media/record"
	"trunkline/media/vad"
	"trunkline/softphone/talkspurt"
)

// eventQueue bounds the events that wait for Config.Notify. A call has a few
// per second; those beyond the bound are dropped and counted.
const eventQueue = 64

// digitSender is a leg that can press keys.
type digitSender interface {
	SendDigit(key byte, d time.Duration) error
}

// handset drives one answered call: once per tick it listens, asks the
// stepper and sends. Its fields belong to the clock's goroutine while it is
// on the clock, and to the call's afterwards.
type handset struct {
	leg      media.Leg
	recorder *record.Recorder // nil when nothing is recorded
	stepper  *stepper
	events   chan Event
	finished chan struct{} // filled when the plan is done

	in, out  media.Frame
	arrived  time.Time // of the latest frame, by the packet's arrival
	detector talkspurt.Detector
	agent    []talkspurt.Spurt // the agent's, in order
	caller   []talkspurt.Spurt // the turn of each step; zero while it has no speech
	ticked   time.Time         // the latest tick
	held     time.Duration     // the longest that a tick was overdue
	lost     int               // events dropped
	notes    []string
}

func newHandset(leg media.Leg, recorder *record.Recorder, plan []Step, p patience) *handset {
	return &handset{
		leg:      leg,
		recorder: recorder,
		stepper:  newStepper(plan, p),
		events:   make(chan Event, eventQueue),
		finished: make(chan struct{}, 1),
		agent:    make([]talkspurt.Spurt, 0, 4*len(plan)+4),
		caller:   make([]talkspurt.Spurt, len(plan)),
	}
}

// Tick implements clock.Ticker.
func (h *handset) Tick(now time.Time) {
	if !h.ticked.IsZero() {
		h.held = max(h.held, now.Sub(h.ticked)-media.FrameDuration)
	}
	h.ticked = now
	act := h.stepper.step(h.listen(now))
	n := copy(h.out[:], act.audio)
	clear(h.out[n:])
	sent := time.Now()
	h.leg.Write(&h.out) // false on hold; the report tells what was sent in all
	if h.recorder != nil {
		h.recorder.Write(&h.out, &h.in)
	}
	h.carryOut(&act, sent)
}

// listen takes the agent's next frame.
func (h *handset) listen(now time.Time) heard {
	level := vad.Silence
	switch in := h.leg.Read(&h.in); in.Kind {
	case media.Received:
		h.arrived = in.Arrived
		level = vad.Level(&h.in)
	case media.Concealed: // when it would have come
		h.arrived = h.arrived.Add(media.FrameDuration)
		level = vad.Level(&h.in)
	case media.Quiet:
		h.arrived = now
	}
	edge := h.detector.Step(level, h.arrived, media.FrameDuration)
	switch spurt := h.detector.Spurt(); edge {
	case talkspurt.Onset:
		h.tell(Event{Kind: AgentStarted, At: spurt.First})

		return heard{edge, now.Sub(spurt.First)}
	case talkspurt.Offset:
		h.agent = append(h.agent, spurt)
		h.tell(Event{Kind: AgentStopped, At: spurt.Last})

		return heard{edge, now.Sub(spurt.Last)}
	case talkspurt.None:
	}

	return heard{}
}

// carryOut does what the stepper asked for besides sending the frame, which
// was sent at the given time.
func (h *handset) carryOut(a *act, sent time.Time) {
	if a.note != "" {
		h.notes = append(h.notes, a.note)
	}
	if a.hangup {
		select {
		case h.finished <- struct{}{}:
		default:
		}

		return
	}
	if a.began {
		h.tellStep(ClipStarted, a.step, sent)
	}
	if a.key != 0 {
		h.press(a)
	}
	if a.first {
		h.caller[a.step].First = sent
		if h.detector.Talking() {
			h.tellStep(Interrupted, a.step, sent)
		}
	}
	if a.speech {
		h.caller[a.step].Last = sent
	}
	if a.ended {
		h.tellStep(ClipEnded, a.step, sent)
	}
}

func (h *handset) press(a *act) {
	sender, ok := h.leg.(digitSender)
	if !ok {
		h.notes = append(h.notes, fmt.Sprintf("step %d: key %c was not sent: the leg sends no telephone events", a.step+1, a.key))

		return
	}
	if err := sender.SendDigit(a.key, keyHold); err != nil {
		h.notes = append(h.notes, fmt.Sprintf("step %d: key %c was not sent: %v", a.step+1, a.key, err))
	}
}

// tellStep tells what happened in a step; of keys it tells only the end.
func (h *handset) tellStep(kind EventKind, step int, at time.Time) {
	s := &h.stepper.plan[step]
	if s.Clip == nil {
		if kind != ClipEnded {
			return
		}
		kind = DigitsSent
	}
	h.tell(Event{Kind: kind, At: at, Step: step, Said: s.said()})
}

func (h *handset) tell(e Event) {
	select {
	case h.events <- e:
	default:
		h.lost++
	}
}

// stop ends the listening when the handset is off the clock.
func (h *handset) stop() {
	if h.detector.Flush() {
		h.agent = append(h.agent, h.detector.Spurt())
	}
}
