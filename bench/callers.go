package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"sync"
	"time"

	"trunkline/media"
	"trunkline/media/record"
	"trunkline/media/vad"
	"trunkline/softphone"
	"trunkline/softphone/talkspurt"
	"trunkline/softphone/wire"
	"trunkline/testdata"
)

// talk is what a number of callers do.
type talk struct {
	calls int // at once
	after int // one after another instead, when calls is 1
	ramp  time.Duration
	call  softphone.Config
}

// heard is what came of it.
type heard struct {
	exchanges []talkspurt.Exchange
	byCall    map[string][]talkspurt.Exchange // the same, by the caller's media address
	reports   []*softphone.Report
	failed    []error // calls that broke off
	captured  bool    // exchanges are from a capture
	lost      string  // what the capture missed
	load      load    // of gateway, callers and capture, while all calls ran
	heldUp    time.Duration
}

// converse has callers talk with the gateway and measures it on the wire.
func (b *bench) converse(ctx context.Context, g *gateway, t *talk) (*heard, error) {
	c, err := b.startCapture(ctx)
	if err != nil {
		return nil, err
	}
	pids := []int{g.pid(), os.Getpid()}
	if c != nil {
		pids = append(pids, c.PID())
	}
	h := &heard{captured: c != nil}
	if t.calls == 1 {
		err = h.oneByOne(ctx, t, pids)
	} else {
		err = h.atOnce(ctx, t, pids)
	}
	if err != nil {
		if c != nil {
			c.End()
		}

		return nil, err
	}
	for _, r := range h.reports {
		h.heldUp = max(h.heldUp, time.Duration(r.HeldUpMS*float64(time.Millisecond)))
	}
	if c == nil {
		for _, r := range h.reports {
			for _, turn := range r.Turns {
				h.exchange(r.Media.Local, turn.Exchange)
			}
		}

		return h, nil
	}
	calls, lost, err := captured(ctx, c)
	if err != nil {
		return nil, err
	}
	h.lost = lost
	ours := map[string]bool{}
	for _, r := range h.reports {
		ours[r.Media.Local] = true
	}
	for _, call := range calls {
		if ours[call.Caller.Source.String()] { // not another benchmark's on the same ports
			h.exchange(call.Caller.Source.String(), wire.Responses(call.Caller, call.Agent)...)
		}
	}

	return h, nil
}

// exchange takes a call's exchanges.
func (h *heard) exchange(call string, all ...talkspurt.Exchange) {
	if h.byCall == nil {
		h.byCall = map[string][]talkspurt.Exchange{}
	}
	h.exchanges = append(h.exchanges, all...)
	h.byCall[call] = append(h.byCall[call], all...)
}

// oneByOne makes single calls. Each has a softphone of its own, whose clock
// stands anew to the gateway's.
func (h *heard) oneByOne(ctx context.Context, t *talk, pids []int) error {
	w, err := watchOf(pids...)
	if err != nil {
		return err
	}
	for range t.after {
		s, err := newStation()
		if err != nil {
			return err
		}
		h.add(s.Place(ctx, t.call))
		if err := s.Stop(ctx); err != nil {
			return err
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
	}
	h.load, err = w.stop()

	return err
}

// clocks is how many softphones the calls at once are spread over. The clocks
// of one softphone and of the gateway both give out their phases in turn, so
// that all its calls would stand at about the same distance to the gateway's
// tick, and a row would measure that one distance.
const clocks = 10

// atOnce makes many calls together, and watches the load from when the last
// one is placed to when the first one ends.
func (h *heard) atOnce(ctx context.Context, t *talk, pids []int) (err error) {
	var stations []*softphone.Station
	defer func() {
		for _, s := range stations {
			err = errors.Join(err, s.Stop(context.WithoutCancel(ctx)))
		}
	}()
	for range min(clocks, t.calls) {
		s, err := newStation()
		if err != nil {
			return err
		}
		stations = append(stations, s)
		if err := rest(ctx, rand.N(media.FrameDuration)); err != nil {
			return err
		}
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	over := make(chan struct{}, t.calls)
	for i := range t.calls {
		all.Go(func() {
			defer func() { over <- struct{}{} }()
			select {
			case <-ctx.Done():
				return
			case <-time.After(t.ramp * time.Duration(i) / time.Duration(t.calls)):
			}
			report, err := stations[i%len(stations)].Place(ctx, t.call)
			mu.Lock()
			defer mu.Unlock()
			h.add(report, err)
		})
	}
	time.Sleep(t.ramp)
	w, err := watchOf(pids...)
	if err == nil {
		<-over
		h.load, err = w.stop()
	}
	all.Wait()

	return errors.Join(err, context.Cause(ctx))
}

// add takes the outcome of one call.
func (h *heard) add(r *softphone.Report, err error) {
	if r != nil {
		h.reports = append(h.reports, r)
	}
	if err != nil {
		h.failed = append(h.failed, err)
	}
}

// problems is what went wrong, in a few lines.
func (h *heard) problems() []string {
	var lines []string
	if !h.captured {
		lines = append(lines, "measured by the callers themselves, without a capture: install dumpcap, and run as root")
	}
	if n := len(h.failed); n > 0 {
		lines = append(lines, fmt.Sprintf("%d calls broke off, the first one: %v", n, h.failed[0]))
	}

	return lines
}

// newStation is a softphone on the callers' ports.
func newStation() (*softphone.Station, error) {
	s, err := softphone.NewStation(softphone.StationConfig{
		Local: netip.AddrFrom4([4]byte{127, 0, 0, 1}), Low: callersLow, High: callersTop,
	})
	if err != nil {
		return nil, err
	}

	return s, s.Start()
}

// crispEnd is the level that the last frame of a crisp clip exceeds.
const crispEnd vad.DBov = -30

// crispClip is a line of the sample speech, cut where it is loud at both ends:
// so everybody agrees which packets are the first and the last with speech.
func crispClip(name string) (*softphone.Clip, error) {
	audio, err := sampleSpeech(name)
	if err != nil {
		return nil, err
	}
	first, end := -1, 0
	for i := 0; (i+1)*media.FrameSamples <= len(audio); i++ {
		f := media.Frame(audio[i*media.FrameSamples : (i+1)*media.FrameSamples])
		if vad.Level(&f) <= crispEnd {
			continue
		}
		if first < 0 {
			first = i
		}
		end = i + 1
	}
	if first < 0 {
		return nil, fmt.Errorf("sample speech %s: no frame of it is above %v dBov", name, crispEnd)
	}

	return softphone.NewClip(name, audio[first*media.FrameSamples:end*media.FrameSamples]), nil
}

// sampleSpeech is a line of testdata at 8 kHz.
func sampleSpeech(name string) ([]int16, error) {
	f, err := testdata.Files.Open("audio/" + name + ".wav")
	if err != nil {
		return nil, fmt.Errorf("sample speech: %w", err)
	}
	audio, err := record.DecodeWAV(f)
	_ = f.Close() // it is in memory
	if err != nil {
		return nil, fmt.Errorf("sample speech %s: %w", name, err)
	}
	if audio.Rate != media.SampleRate || len(audio.Samples) != 1 {
		return nil, fmt.Errorf("sample speech %s: want one channel at %d Hz", name, media.SampleRate)
	}

	return audio.Samples[0], nil
}

// cores is how many cores the nth watched process kept busy.
func (h *heard) cores(n int) string {
	if n >= len(h.load.used) {
		return "–"
	}

	return h.load.cores(h.load.used[n].total())
}

// notes is what a reader of the figures for n calls has to know.
func (h *heard) notes(n int) []string {
	lines := h.problems()
	if h.lost != "" {
		lines = append(lines, h.lost)
	}
	lines = append(lines, fmt.Sprintf("the callers' 20 ms tick was late by %s ms at most", milliseconds(h.heldUp)))
	for i := range lines {
		lines[i] = callsAtOnce(n) + ": " + lines[i]
	}

	return lines
}

// callsAtOnce is a number of calls in words.
func callsAtOnce(n int) string {
	if n == 1 {
		return "1 call"
	}

	return fmt.Sprintf("%d calls", n)
}

// printNotes prints a list.
func printNotes(w io.Writer, notes []string) {
	fmt.Fprintln(w)
	for _, n := range notes {
		fmt.Fprintf(w, "- %s\n", n)
	}
}

// stopAfter stops the gateway after a failure.
func stopAfter(g *gateway, err error) error { return errors.Join(err, g.stop()) }
