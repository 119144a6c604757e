package twilio

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"trunkline/twilio/rest"
)

// outcome is what Transfer returned.
type outcome struct {
	back *Leg
	err  error
}

// transferring has a call answered and streamed, and transferred as the API says.
func transferring(t *testing.T, ask func(rest.Transfer) error, key byte) (s *Server, told <-chan outcome, stop func()) {
	t.Helper()
	api := &fakeAPI{ended: make(chan struct{}), transfer: ask}
	close(api.ended)
	out := make(chan outcome, 1)
	s = open(t, func(c *Call) {
		if _, err := c.Answer(context.Background()); err != nil {
			t.Error(err)

			return
		}
		back, err := c.Transfer(context.Background(), Transfer{To: "+12155550199", Ring: 20 * time.Second, Briefing: "A & B", Accept: key, Decide: 10 * time.Second})
		out <- outcome{back, err}
		<-c.Done()
	}, func(c *Config) { c.Accounts[0].API, c.Confirm = api, patience })
	conn := dial(t, s)
	tell(t, conn, connected, startOf("CA1", answered(t, s, "CA1")))

	return s, out, func() {
		tell(t, conn, stopped)
		closedWith(t, conn)
	}
}

// What the carrier does not begin leaves the call as it was; an answer that was
// lost is told by the stream's end.
func TestTransfersThatDoNotBegin(t *testing.T) {
	t.Parallel()
	refused := &rest.Error{Kind: rest.Forbidden}
	s, told, _ := transferring(t, func(rest.Transfer) error { return refused }, 0)
	if got := <-told; got.back != nil || !errors.Is(got.err, refused) {
		t.Errorf("a refusal gives %+v", got)
	}
	if c := s.find(s.accounts["main"], "", "CA1"); c.Cause() != nil || c.Away() {
		t.Errorf("the call is over or away after a refusal: %v", c.Cause())
	}

	s, told, stop := transferring(t, func(rest.Transfer) error { return &rest.Error{Kind: rest.Unknown} }, 0)
	await(t, "the transfer", func() bool { c := s.find(s.accounts["main"], "", "CA1"); return c != nil && c.Away() })
	stop()
	back := url.Values{"CallSid": {"CA1"}, "DialCallStatus": {"no-answer"}, "DialBridged": {"false"}}
	_, first := post(t, s, "/main/transferred", back)
	_, again := post(t, s, "/main/transferred", back)
	if first != again {
		t.Errorf("the same question is answered otherwise:\n%s\n%s", first, again)
	}
	conn := dial(t, s)
	tell(t, conn, connected, startOf("CA1", tokenOf(t, first)))
	var why *NotAnsweredError
	if got := <-told; got.back == nil || !errors.As(got.err, &why) || why.Status != NoAnswer {
		t.Errorf("a caller who comes back gives %+v", got)
	}
	tell(t, conn, stopped)
	closedWith(t, conn)
}

// The key that takes a call, and no other, joins.
func TestTransfersAreAccepted(t *testing.T) {
	t.Parallel()
	for key, wrong := range map[byte]string{'1': "2", '#': ""} {
		begun := make(chan rest.Transfer, 1)
		s, told, stop := transferring(t, func(r rest.Transfer) error {
			begun <- r

			return nil
		}, key)
		at, ours := strings.CutPrefix((<-begun).Briefing, public)
		if !ours {
			t.Fatalf("the briefing is at %s", at)
		}
		stop()
		person := url.Values{"CallSid": {"CA2"}}
		if _, answer := post(t, s, at, person); !strings.Contains(answer, ">A &amp; B</Say>") || !strings.Contains(answer, `numDigits="1"`) || !strings.Contains(answer, "<Hangup") {
			t.Errorf("the person hears %s", answer)
		}
		accept := strings.Replace(at, "/briefing", "/accept", 1)
		for digits, takes := range map[string]bool{wrong: false, string(rune(key)): true} {
			if _, answer := post(t, s, accept, url.Values{"CallSid": {"CA2"}, "Digits": {digits}}); strings.Contains(answer, "Hangup") == takes {
				t.Errorf("key %q is answered %s", digits, answer)
			}
		}
		_, answer := post(t, s, "/main/transferred", url.Values{"CallSid": {"CA1"}, "DialCallStatus": {"completed"}, "DialBridged": {"true"}})
		if got := <-told; got != (outcome{}) || !strings.Contains(answer, "<Hangup") {
			t.Errorf("two who have talked: %+v, %s", got, answer)
		}
		post(t, s, "/main/status", url.Values{"CallSid": {"CA1"}, "CallStatus": {"completed"}})
	}
}
