package softphone

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"time"

	"trunkline/media"
	"trunkline/media/clock"
	"trunkline/media/g711"
	"trunkline/media/rtp"
	"trunkline/sip"
)

// gateway is a small SIP server whose agents speak in tones. What it does
// with a call depends on the user part that was dialed.
type gateway struct {
	ua    *sip.UA
	pool  *rtp.Pool
	clock *clock.Clock

	over chan callOver
}

// callOver is a call that has ended at the gateway.
type callOver struct {
	agent *toneAgent // nil when it was not answered
	cause error
}

// next waits for the end of a call.
func (g *gateway) next(t *testing.T) callOver {
	t.Helper()
	select {
	case over := <-g.over:
		return over
	case <-time.After(10 * time.Second):
		t.Fatal("the gateway's call does not end")

		return callOver{}
	}
}

func startGateway(t *testing.T, codec g711.Codec) *gateway {
	t.Helper()
	ip := netip.MustParseAddr("127.0.0.1")
	pool, err := rtp.NewPool(ip, 20000, 29999)
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{pool: pool, clock: clock.New(clock.Options{}), over: make(chan callOver, 64)}
	g.ua, err = sip.New(sip.Config{
		Listen: []sip.Listen{{Network: "udp", Addr: "127.0.0.1:0"}, {Network: "tcp", Addr: "127.0.0.1:0"}},
		Trunks: []sip.Trunk{{Name: "test", Sources: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}},
		Media:  sip.RTP(pool, rtp.Options{}),
		Codecs: []g711.Codec{codec},
		Log:    slog.New(slog.DiscardHandler),
	}, g)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.ua.Start(); err != nil {
		t.Fatal(err)
	}
	if err := g.clock.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := g.ua.Stop(ctx); err != nil {
			t.Error(err)
		}
		g.clock.Stop()
		if n := g.pool.InUse(); n != 0 {
			t.Errorf("the gateway still holds %d ports", n)
		}
	})

	return g
}

// target is the address of one of the gateway's users.
func (g *gateway) target(user, network string) string {
	return fmt.Sprintf("sip:%s@%v;transport=%s", user, g.ua.Addr(network), network)
}

// Incoming implements sip.Handler. A failure shows in the caller's outcome.
func (g *gateway) Incoming(d *sip.Dialog) {
	refuse := map[string]int{"busy": 486, "overloaded": 503, "nobody": 404, "nocodec": 488}
	user := d.Info().To.User
	if status, ok := refuse[user]; ok {
		_ = d.Reject(status, "")

		return
	}
	_ = d.Ring()
	if user == "asleep" {
		<-d.Done()
		g.over <- callOver{cause: d.Cause()}

		return
	}
	leg, err := d.Answer(context.Background(), sip.Header{Name: CallIDHeader, Value: "call-" + user})
	if err != nil {
		g.over <- callOver{cause: err}

		return
	}
	agent := &toneAgent{leg: leg, limit: map[string]int{"reception": 3}[user], done: make(chan struct{}, 1)}
	if user != "mute" {
		remove := g.clock.Add(agent)
		if user != "silent" {
			agent.speak(30)
		}
		select {
		case <-d.Done():
		case <-agent.done:
			_ = d.Hangup(context.Background(), "goodbye")
		}
		remove()
	}
	<-d.Done()
	g.over <- callOver{agent, d.Cause()}
}

// toneAgent answers 200 ms after the caller has finished with a tone of 0.8 s,
// and stops within a tone when the caller speaks for 60 ms. After limit replies
// it hangs up. It keeps its own account of when its packets came and went.
type toneAgent struct {
	leg   media.Leg
	limit int           // replies until goodbye; 0 for no limit
	done  chan struct{} // filled at goodbye

	mu      sync.Mutex
	left    int // frames of tone to play
	replies int
	keys    string

	loud, quiet         int // frames in a row
	heard               bool
	firstLoud, lastLoud time.Time
	begun               bool
	lastSent            time.Time

	responses, yields []time.Duration // as seen here
}

// speak plays a tone.
func (a *toneAgent) speak(frames int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.left, a.begun = frames, true
}

func (a *toneAgent) Tick(time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var in, out media.Frame
	arrival := a.leg.Read(&in)
	if loudest(&in) > 1000 {
		if a.loud++; a.loud == 1 {
			a.firstLoud = arrival.Arrived
		}
		a.lastLoud, a.quiet = arrival.Arrived, 0
	} else {
		a.quiet++
		a.loud = 0
	}
	if a.loud == 3 {
		a.heard = true
		if a.left > 0 {
			a.left = 0
			a.yields = append(a.yields, a.lastSent.Sub(a.firstLoud))
		}
	}
	if digit, ok := a.leg.Digit(); ok {
		a.keys += string(digit.Key)
		if len(a.keys) == 4 {
			a.left, a.begun = 20, true
		}
	}
	answers := a.heard && a.quiet == 10
	if answers {
		a.heard = false
		a.left = 40
		a.replies++
	}
	if a.left > 0 {
		copy(out[:], tone(1))
		a.left--
		a.lastSent = time.Now()
		if answers {
			a.responses = append(a.responses, a.lastSent.Sub(a.lastLoud))
		}
	}
	a.leg.Write(&out)
	if a.limit > 0 && a.replies == a.limit && a.left == 0 {
		select {
		case a.done <- struct{}{}:
		default:
		}
	}
}

func loudest(f *media.Frame) int16 {
	var top int16
	for _, s := range f {
		top = max(top, s, -max(s, -32767))
	}

	return top
}
