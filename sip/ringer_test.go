package sip

import (
	"context"
	"slices"
	"testing"

	"trunkline/stir"
)

// verifierFunc is a Verifier.
type verifierFunc func(stir.Call) stir.Result

func (f verifierFunc) Verify(_ context.Context, c stir.Call) stir.Result { return f(c) }

// ringer takes calls to some users.
type ringer struct {
	Handler

	takes []string
}

func (r ringer) Rings(i *Info) bool { return slices.Contains(r.takes, i.To.User) }

// The caller hears the ringing although nobody has looked at the call, nor will:
// the Handler has it only afterwards.
func TestRingsBeforeTheHandlerHasTheCall(t *testing.T) {
	t.Parallel()

	for name, tt := range map[string]struct {
		takes  []string
		extra  string
		offer  string
		attest Attesting
		want   int // what is sent before the Handler has the call
	}{
		"taken":                {[]string{"agent"}, "", offerPCMU, AttestNote, 180},
		"taken reliably":       {[]string{"agent"}, "\nRequire: 100rel", offerPCMU, AttestNote, 180},
		"not taken":            {nil, "", offerPCMU, AttestNote, 100},
		"to be proven first":   {[]string{"agent"}, "", offerPCMU, AttestRequire, 100},
		"refused for its body": {[]string{"agent"}, "", "v=nonsense\n", AttestNote, 400},
	} {
		t.Run(name, func(t *testing.T) {
			var release chan struct{}
			inBubble(t, func(c *Config) {
				release = make(chan struct{})
				c.Verifier, c.Trunks[0].Attest = verifierFunc(func(stir.Call) stir.Result {
					<-release
					return stir.Result{Verdict: "A"}
				}), tt.attest
			}, func(b *bed) {
				b.ua.ringer = ringer{takes: tt.takes}
				s := newScript("ringing")
				s.extra = tt.extra
				b.send(s.request("INVITE", tt.offer))

				s.extra = ""
				first := b.status(tt.want)
				s.learn(first)

				select {
				case <-b.calls:
					t.Error("the Handler has the call, whose caller's identity is not known")
				default:
				}

				close(release)

				if tt.want >= 200 {
					b.send(s.ackFailure())
					return
				}

				d := b.call()
				if d.Ringing() != (tt.want == 180) {
					t.Errorf("Ringing = %v", d.Ringing())
				}

				if tt.extra != "" { // its caller confirms the ringing
					b.prack(s, first, "")
					b.status(200)
				}

				if err := d.Reject(486, ""); err != nil {
					t.Error(err)
				}

				s.learn(b.status(486))
				b.send(s.ackFailure())
			})
		})
	}
}

// A caller that gives up at once has a dialog to do so in.
func TestRingingIsCancelled(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		b.ua.ringer = ringer{takes: []string{"agent"}}
		s := newScript("cancelled")
		b.send(s.request("INVITE", offerPCMU))
		s.learn(b.status(180))
		d := b.call()
		b.send(s.request("CANCEL", ""))
		b.status(200)
		b.status(487)
		b.send(s.ackFailure())
		<-d.Done()
	})
}
