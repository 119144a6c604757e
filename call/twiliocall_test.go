package call

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"trunkline/call/transfer"
	"trunkline/media"
	"trunkline/media/clock"
	"trunkline/storage"
	"trunkline/twilio"
	"trunkline/twilio/carrier"
	"trunkline/twilio/rest"
)

const (
	twilioOurs   = "+15550100999"
	twilioCallee = "+12125550177"
	twilioPerson = "+15550100555"
)

// holder is who holds a telephone: what a fakeLeg is made to say is said, and
// it takes note of what is heard.
type holder struct {
	line *carrier.Line
	leg  *fakeLeg
}

func (h *holder) Tick(time.Time) {
	var f media.Frame
	h.leg.Read(&f)
	h.line.Write(&f)
	if h.line.Read(&f).Kind == media.Received {
		h.leg.Write(&f)
	}
}

// twilioWorld is a rig behind the door of webhooks, and the carrier that calls
// it.
type twilioWorld struct {
	*persons

	far    *carrier.Carrier
	door   *twilio.Server
	phones map[string]carrier.Phone // by number; the others are not answered
	mu     sync.Mutex
	line   *carrier.Line // the person's, once they have answered
}

// byTwilio runs a test with a whole carrier, in virtual time. Every side talks
// to the others as it does over a network.
func byTwilio(t *testing.T, o options, target Target, test func(w *twilioWorld)) {
	t.Helper()
	if o.model == nil {
		o.model = handsOff()
	}
	inBubble(t, o, func(r *rig) {
		r.manager.cfg.Agents["reception"].Transfers = map[string]Target{"desk": target}
		w := &twilioWorld{persons: &persons{rig: r, phone: &fakeLeg{}}, phones: map[string]carrier.Phone{}}
		api, webhooks := carrier.NewPipes(), carrier.NewPipes()
		const base = "https://voice.example.com/carrier"
		w.far = carrier.New(carrier.Options{
			Numbers: []carrier.Number{{Number: twilioOurs, VoiceURL: base + "/voice", VoiceFallbackURL: base + "/fallback", StatusCallback: base + "/status"}},
			Tunnel:  map[string]string{"voice.example.com": "127.0.0.1:2"}, Listen: api, Dial: webhooks.Dial, Delay: 30 * time.Millisecond,
			Phone: func(number string) carrier.Phone {
				p, known := w.phones[number]
				if !known {
					p = carrier.Phone{Outcome: carrier.RingsOn}
				}

				return p
			},
		})
		if err := w.far.Start(); err != nil {
			t.Fatal(err)
		}
		defer w.far.Stop()
		transport := &http.Transport{DialContext: api.Dial}
		defer transport.CloseIdleConnections()
		client, err := rest.New(rest.Options{AccountSID: w.far.AccountSID(), Secret: w.far.AuthToken(), Base: w.far.URL(), CallsPerSecond: 10, Transport: transport})
		if err != nil {
			t.Fatal(err)
		}
		tokens := []string{w.far.AuthToken()}
		ours := twilio.Account{Name: "carrier", Carrier: "twilio", Tokens: tokens, API: client}
		if o.recordings != "" {
			ours.Recorder = client
		}
		w.door, err = twilio.New(twilio.Config{PublicURL: "https://voice.example.com", Socket: webhooks, Accounts: []twilio.Account{
			ours, {Name: "us", Carrier: "twilio", Tokens: tokens, API: client, AMD: true},
		}}, r.manager.Twilio())
		if err != nil {
			t.Fatal(err)
		}
		if err := w.door.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.manager.PlaceByTwilio(w.door, map[string]TwilioAPI{"us": client})
		defer func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			if err := errors.Join(w.door.Stop(ctx), client.Stop(ctx)); err != nil {
				t.Error(err)
			}
		}()
		test(w)
	})
}

// holds has a telephone be held by whom the test plays.
func (w *twilioWorld) holds(leg *fakeLeg, p carrier.Phone) carrier.Phone {
	p.Owner = func(l *carrier.Line) clock.Ticker {
		if leg == w.phone {
			w.mu.Lock()
			w.line = l
			w.mu.Unlock()
		}

		return &holder{l, leg}
	}

	return p
}

// personsLine is the person's telephone, once it was answered.
func (w *twilioWorld) personsLine() *carrier.Line {
	w.Helper()
	var l *carrier.Line
	w.until("the person's answer", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		l = w.line

		return l != nil
	})

	return l
}

// calls has a call begin in one direction.
func (w *twilioWorld) calls(direction storage.Direction) *carrier.Call {
	w.Helper()
	if direction == storage.Inbound {
		c, err := w.far.Dial(carrier.Caller{From: "+15550100123", To: twilioOurs, Phone: w.holds(w.leg, carrier.Phone{})})
		if err != nil {
			w.Fatal(err)
		}

		return c
	}
	if _, known := w.phones[twilioCallee]; !known {
		w.phones[twilioCallee] = w.holds(w.leg, carrier.Phone{Rings: time.Second})
	}
	if _, err := w.manager.Place(w.Context(), Order{To: twilioCallee, Purpose: "test"}); err != nil {
		w.Fatal(err)
	}
	w.until("the call out", func() bool { return len(w.far.Calls()) > 0 })

	return w.far.Calls()[0]
}

// over waits for the end of the call's life and returns its record.
func (w *twilioWorld) over() storage.Call {
	w.Helper()
	w.until("the end", func() bool { return w.journal.last().State == storage.Ended })

	return w.journal.last()
}

var referredDesk = Target{
	Config:   transfer.Config{How: transfer.Refer, Ring: 20 * time.Second, Brief: true, Accept: '1', Decide: 10 * time.Second},
	To:       twilioPerson,
	Briefing: "A caller said: {said}.",
}

var directions = []storage.Direction{storage.Inbound, storage.Outbound}

// A caller is put through by the carrier: the person is briefed, takes the
// call by a key, and the two hear each other without us.
func TestTwilioPutsACallerThrough(t *testing.T) {
	for _, direction := range directions {
		t.Run(string(direction), func(t *testing.T) {
			byTwilio(t, options{}, referredDesk, func(w *twilioWorld) {
				w.phones[twilioPerson] = w.holds(w.phone, carrier.Phone{Rings: 3 * time.Second})
				call := w.calls(direction)
				speakUp(w.rig)
				desk := w.personsLine()
				time.Sleep(5 * time.Second) // the briefing
				if said := desk.Call().Said("said"); !strings.HasPrefix(said, "A caller said: ") {
					w.Errorf("the person was told %q", said)
				}
				_ = desk.SendDigit('1', 100*time.Millisecond)
				w.until("the join", func() bool { return slices.Contains(w.happened(), "joined") })
				time.Sleep(time.Minute) // longer than any silence of ours is borne
				said := time.Now()
				w.leg.say(yes())
				w.until("the caller's voice at the person's", func() bool { return w.phone.audible().After(said) })
				said = time.Now()
				w.phone.say(yes())
				w.until("the person's voice at the caller's", func() bool { return w.leg.audible().After(said) })
				_ = desk.Hangup(w.Context(), "")
				w.ended(w.over(), Transferred, storage.FaultAgent)
				w.same("events", []string{"began", "joined", "done"}, w.happened())
				<-call.Done()
				w.same("streams", 1, strings.Count(call.Said("stream"), "MZ"))
			})
		})
	}
}

// A caller who was not put through comes back to the same conversation, over a
// new stream, and is told so.
func TestTwilioBringsACallerBack(t *testing.T) {
	for name, tt := range map[string]struct {
		phone carrier.Phone
		key   byte
		why   string
	}{
		"busy":      {carrier.Phone{Rings: time.Second, Outcome: carrier.Busy}, 0, "busy"},
		"no answer": {carrier.Phone{Outcome: carrier.RingsOn}, 0, "nobody answered"},
		"declined":  {carrier.Phone{Rings: time.Second}, '2', "declined"},
	} {
		for _, direction := range directions {
			t.Run(name+" "+string(direction), func(t *testing.T) {
				byTwilio(t, options{}, referredDesk, func(w *twilioWorld) {
					w.phones[twilioPerson] = w.holds(w.phone, tt.phone)
					call := w.calls(direction)
					speakUp(w.rig)
					if tt.key != 0 {
						desk := w.personsLine()
						time.Sleep(2 * time.Second)
						_ = desk.SendDigit(tt.key, 100*time.Millisecond)
					}
					w.agentTurns(3)
					w.same("what the caller is told", texts.NotReached, w.journal.said(storage.Agent)[2])
					told := time.Now()
					w.leg.say(yes())
					w.agentTurns(4)
					if !w.leg.audible().After(told) {
						w.Error("the caller heard nothing of the agent after that")
					}
					w.ended(w.over(), AgentGoodbye, storage.FaultAgent)
					w.same("events", []string{"began", "failed"}, w.happened())
					w.same("why", true, strings.Contains(w.log.String(), `why="`+tt.why) || strings.Contains(w.log.String(), "why="+tt.why))
					<-call.Done()
					w.same("streams", 2, strings.Count(call.Said("stream"), "MZ"))
					if alerts := w.far.Alerts(); len(alerts) > 0 {
						w.Errorf("the carrier complains: %+v", alerts)
					}
				})
			})
		}
	}
}

// A caller who hangs up while it rings leaves nobody behind, and the cap holds
// while caller and person talk.
func TestTwilioTransfersEnd(t *testing.T) {
	target := referredDesk
	target.Brief, target.Accept = false, 0
	t.Run("the caller", func(t *testing.T) {
		byTwilio(t, options{}, target, func(w *twilioWorld) {
			call := w.calls(storage.Inbound)
			speakUp(w.rig)
			w.until("ringing", func() bool { return len(w.far.Calls()) > 1 })
			_ = call.Line().Hangup(w.Context(), "")
			w.ended(w.over(), CallerHangup, storage.FaultCaller)
			<-w.far.Calls()[1].Done()
		})
	})
	t.Run("the cap", func(t *testing.T) {
		byTwilio(t, options{}, target, func(w *twilioWorld) {
			w.phones[twilioPerson] = w.holds(w.phone, carrier.Phone{Rings: time.Second})
			call := w.calls(storage.Inbound)
			speakUp(w.rig)
			c := w.over()
			<-call.Done()
			if c.EndReason != string(CapReached) && c.EndReason != string(Transferred) {
				w.Errorf("the call ended for %s", c.EndReason)
			}
			if talked := c.EndedAt.Sub(c.AnsweredAt); talked > 10*time.Minute+10*time.Second {
				w.Errorf("the call lasted %s", talked)
			}
		})
	})
}

// What the carrier finds out about who answered counts beside our own verdict.
func TestTwilioTellsWhoAnswered(t *testing.T) {
	for verdict, tt := range map[string]struct {
		by  string
		end Reason
	}{
		"machine_start": {"machine", MachineAnswered},
		"fax":           {"fax", FaxDetected},
		"unknown":       {"unknown", CalleeHangup},
		"human":         {"unknown", CalleeHangup},
	} {
		t.Run(verdict, func(t *testing.T) {
			byTwilio(t, options{}, referredDesk, func(w *twilioWorld) {
				phone := carrier.Phone{Rings: time.Second, AnsweredBy: verdict, VerdictAfter: 3 * time.Second}
				w.phones[twilioCallee] = w.holds(w.leg, phone)
				call := w.calls(storage.Outbound)
				w.until("a verdict of our own", func() bool { return w.journal.last().AnsweredBy != "" })
				time.Sleep(5 * time.Second)
				_ = call.Line().Hangup(w.Context(), "") // it may be over
				c := w.over()
				w.same("who answered, and the end", []string{tt.by, string(tt.end)}, []string{c.AnsweredBy, c.EndReason})
			})
		})
	}
}
