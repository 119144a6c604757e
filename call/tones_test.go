package call

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"trunkline/media"
	"trunkline/pipeline/turn"
	"trunkline/storage"
)

// beeps is a tone of 0.5 s and a pause of 3 s, as often as wanted.
func beeps(hertz float64, times int) []int16 {
	var x []int16
	for range times {
		for i := range media.SampleRate / 2 {
			x = append(x, int16(4000*math.Sin(2*math.Pi*hertz*float64(i)/media.SampleRate)))
		}
		x = append(x, make([]int16, 3*media.SampleRate)...)
	}

	return x
}

// tones are the recorded tones.
func (r *rig) tones() (names []string) {
	for _, e := range r.journal.events() {
		var step StepData
		if err := json.Unmarshal(e.Data, &step); err != nil {
			r.Fatal(err)
		}
		if e.Kind == string(toneHeard) {
			names = append(names, step.Event.Text)
		}
	}

	return names
}

func TestFaxEndsTheCall(t *testing.T) {
	inBubble(t, options{}, func(r *rig) {
		r.offer()
		time.Sleep(time.Second)
		r.leg.say(beeps(1100, 4))
		<-r.over
		got := r.journal.last()
		r.ended(got, FaxDetected, storage.FaultCaller)
		r.same("tones", []string{"fax_cng", "fax_cng"}, r.tones())
		r.replays(turn.Config{})
	})
}

func TestOneBeepIsNoFax(t *testing.T) {
	inBubble(t, options{}, func(r *rig) {
		r.offer()
		time.Sleep(time.Second)
		r.leg.say(beeps(1100, 1))
		time.Sleep(5 * time.Second)
		if r.manager.Active() != 1 {
			r.Error("the call ended")
		}
		r.same("tones", []string{"fax_cng"}, r.tones())
		r.door.end(CallerHangup)
		<-r.over
	})
}

func TestFaxMayStay(t *testing.T) {
	inBubble(t, options{}, func(r *rig) {
		r.manager.cfg.KeepFax = true
		r.offer()
		time.Sleep(time.Second)
		r.leg.say(beeps(2100, 1))
		time.Sleep(5 * time.Second)
		r.same("tones", []string{"fax_ced"}, r.tones())
		r.door.end(CallerHangup)
		<-r.over
		r.ended(r.journal.last(), CallerHangup, storage.FaultCaller)
	})
}
