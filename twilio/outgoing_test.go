package twilio

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"trunkline/twilio/framing"
)

// outbound has a call ready to be placed.
func outbound(t *testing.T, s *Server) (*Call, Outgoing) {
	t.Helper()
	c, urls, err := s.Outgoing("main", "+12155550177", "+12155550131")
	if err != nil {
		t.Fatal(err)
	}

	return c, urls
}

// asks requests what stands behind one of the URLs that a carrier's API gets.
func asks(t *testing.T, s *Server, address string, form url.Values) (status int, body string) {
	t.Helper()
	path, ours := strings.CutPrefix(address, public)
	if !ours {
		t.Fatalf("%s is not below %s", address, public)
	}

	return post(t, s, path, form)
}

func nobody(*Call) {}

// A call of ours is followed from its placing to its audio, whichever of the
// carrier's words comes first.
func TestOutgoing(t *testing.T) {
	t.Parallel()
	for _, placed := range []string{"first", "after the webhook", "never"} {
		t.Run(placed, func(t *testing.T) {
			t.Parallel()
			s := open(t, nobody, func(c *Config) { c.Accounts[0].AMD = true })
			c, urls := outbound(t, s)
			if placed == "first" {
				c.Placed("CA7")
			}
			asks(t, s, urls.Status, url.Values{"CallSid": {"CA7"}, "CallStatus": {"ringing"}, "SequenceNumber": {"1"}})
			status, answer := asks(t, s, urls.Voice, url.Values{"CallSid": {"CA7"}, "CallStatus": {"in-progress"}})
			if status != http.StatusOK {
				t.Fatalf("%d %s", status, answer)
			}
			if placed == "after the webhook" {
				c.Placed("CA7")
			}
			if name := <-c.Named(); name != "CA7" || c.Info().ID != "CA7" {
				t.Errorf("the call is named %s, %+v", name, c.Info())
			}
			other, conn := dial(t, s), dial(t, s)
			tell(t, other, connected, startOf("CA8", tokenOf(t, answer)))
			if code := closedWith(t, other); code != framing.ClosePolicy {
				t.Errorf("another call's socket was closed with %d", code)
			}
			tell(t, conn, connected, startOf("CA7", tokenOf(t, answer)))
			var told []Status
			leg, err := c.Audio(t.Context(), func(s Status) { told = append(told, s) })
			if err != nil || leg == nil {
				t.Fatal(err)
			}
			if len(told) > 1 || len(told) == 1 && told[0] != Ringing {
				t.Errorf("told %v", told)
			}
			for range 2 {
				asks(t, s, urls.AMD, url.Values{"CallSid": {"CA7"}, "AnsweredBy": {"machine_start"}})
			}
			if machine := <-c.Machine(); machine != "machine_start" {
				t.Errorf("%s answered", machine)
			}
			asks(t, s, urls.Status, url.Values{"CallSid": {"CA7"}, "CallStatus": {"completed"}, "SequenceNumber": {"3"}})
			<-c.Done()
			if err := c.Cause(); !errors.Is(err, ErrHungUp) {
				t.Errorf("ended with %v", err)
			}
			closedWith(t, conn)
		})
	}
}

// A call of ours that is not answered says why; one that is given up is ended
// at the carrier at once, and sent away should it come all the same.
func TestOutgoingNotAnswered(t *testing.T) {
	t.Parallel()
	api := &fakeAPI{ended: make(chan struct{})}
	close(api.ended)
	s := open(t, nobody, func(c *Config) {
		c.Accounts[0].API = api
		c.Confirm = patience
	})
	busy, urls := outbound(t, s)
	busy.Placed("CA2")
	asks(t, s, urls.Status, url.Values{"CallSid": {"CA2"}, "CallStatus": {"busy"}})
	var told *NotAnsweredError
	if _, err := busy.Audio(t.Context(), func(Status) {}); !errors.As(err, &told) || told.Status != Busy {
		t.Errorf("a busy callee is %v", err)
	}
	if api.seen.Load() != 1 {
		t.Error("the API was not told of the end")
	}

	refused, _ := outbound(t, s)
	refused.NotPlaced(errors.New("no funds"))
	if _, err := refused.Audio(t.Context(), func(Status) {}); !errors.Is(err, ErrNotAnswered) {
		t.Errorf("a call that was not placed is %v", err)
	}

	given, urls := outbound(t, s)
	given.Placed("CA1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := given.Audio(ctx, func(Status) {}); !errors.Is(err, ErrNotAnswered) {
		t.Errorf("a call that was given up is %v", err)
	}
	await(t, "the calls to be forgotten", func() bool { return s.Active() == 0 })
	if api.asked.Load() != 1 {
		t.Errorf("the API was asked %d times to end the call", api.asked.Load())
	}
	if _, answer := asks(t, s, urls.Voice, url.Values{"CallSid": {"CA1"}}); !strings.Contains(answer, "<Hangup/>") {
		t.Errorf("a call that was given up is answered %s", answer)
	}

	if _, _, err := s.Outgoing("nobody", "+1", "+1"); err == nil {
		t.Error("an account that is not there has a call")
	}
	s.Drain()
	if _, _, err := s.Outgoing("main", "+1", "+1"); err == nil {
		t.Error("a door that closes has a call")
	}
}
