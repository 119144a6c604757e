package rest

import (
	"context"
	"encoding/xml"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/twilio/carrier"
)

// TestTransferDocuments are well-formed and say what was asked.
func TestTransferDocuments(t *testing.T) {
	t.Parallel()
	const back, brief = "https://voice.example.com/back?a=1&b=2", "https://voice.example.com/brief"
	for name, tc := range map[string]struct {
		t    Transfer
		want []string
		not  string
	}{
		"number": {
			Transfer{To: "+12025550123", From: ours, Ring: 20 * time.Second, Limit: time.Minute, Briefing: brief, Action: back},
			[]string{`timeout="20"`, `timeLimit="60"`, `callerId="` + ours + `"`, `answerOnBridge="true"`, `b=2"`, `url="` + brief + `"`, `>+12025550123</Number>`},
			"",
		},
		"sip":        {Transfer{To: "sip:desk@pbx.example.com", Ring: 15 * time.Second}, []string{`>sip:desk@pbx.example.com</Sip>`}, "action"},
		"conference": {Transfer{To: "conference:room 1", Ring: 15 * time.Second}, []string{`endConferenceOnExit="true"`, `>room 1</Conference>`}, "answerOnBridge"},
	} {
		document, err := tc.t.document()
		if err != nil {
			t.Errorf("%s: %v", name, err)

			continue
		}
		if err := xml.Unmarshal([]byte(document), new(struct{})); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, w := range tc.want {
			if !strings.Contains(document, w) {
				t.Errorf("%s: no %s in %s", name, w, document)
			}
		}
		if tc.not != "" && strings.Contains(document, tc.not) {
			t.Errorf("%s: %s in %s", name, tc.not, document)
		}
	}
	for _, bad := range []Transfer{
		{To: "reception", Ring: 20 * time.Second},
		{To: "conference:", Ring: 20 * time.Second},
		{To: "conference:a", Ring: 20 * time.Second, Briefing: brief},
		{To: "+12025550123", Ring: 5 * time.Second},
	} {
		if document, err := bad.document(); err == nil {
			t.Errorf("%+v gave %s", bad, document)
		}
	}
}

// TestCallsThatAreNotInProgress cannot be redirected or recorded.
func TestCallsThatAreNotInProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far, c, end := setup(t, carrier.Options{}, nil)
		defer end()
		sid := place(t, c)
		if err := c.Redirect(t.Context(), sid, strings.Repeat("x", 4001)); err == nil {
			t.Error("a document that is too long was taken")
		}
		if err := c.Redirect(t.Context(), sid, "<Response/>"); kindOfError(err) != NotRunning {
			t.Errorf("a call that rings: %v", err)
		}
		<-c.End(sid)
		if err := c.Transfer(t.Context(), sid, Transfer{To: "+12025550123", Ring: 20 * time.Second}); kindOfError(err) != NotRunning {
			t.Errorf("a call that is over: %v", err)
		}
		if err := c.StartRecording(t.Context(), sid); kindOfError(err) != NotRunning {
			t.Errorf("a recording of it: %v", err)
		}
		if err := c.PauseRecording(t.Context(), "CA0"); kindOfError(err) != NotFound {
			t.Errorf("a call that never was: %v", err)
		}
		<-far.Call(sid).Done()
	})
}

// TestRecordingAndTransfer of a call that runs.
func TestRecordingAndTransfer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far, c, end := setup(t, carrier.Options{}, nil)
		defer end()
		sid := place(t, c)
		call := running(t, far, sid)
		for _, step := range []struct {
			do   func(context.Context, string) error
			want string
		}{
			{c.StartRecording, "in-progress"},
			{c.PauseRecording, "paused"},
			{c.ResumeRecording, "in-progress"},
			{c.StopRecording, "stopped"},
		} {
			if err := step.do(t.Context(), sid); err != nil || !slices.Equal(call.Recordings(), []string{step.want}) {
				t.Errorf("the recording is %v, want %s (%v)", call.Recordings(), step.want, err)
			}
		}
		briefing, err := Briefing("Ann & Bob")
		if err != nil || !strings.Contains(briefing, "<Say>Ann &amp; Bob</Say>") {
			t.Errorf("briefing %s, %v", briefing, err)
		}
		if err := c.Transfer(t.Context(), sid, Transfer{To: "+12025550123", Ring: 20 * time.Second, Limit: time.Minute}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		calls := far.Calls()
		person := calls[len(calls)-1]
		if person.To != "+12025550123" || call.Said("dialled") != person.To {
			t.Errorf("the call was transferred to %q", call.Said("dialled"))
		}
		began := time.Now()
		<-person.Done()
		<-call.Done() // nothing follows the transfer
		if took := time.Since(began); took > time.Minute {
			t.Errorf("the transfer lasted %v", took)
		}
	})
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far, c, end := setup(t, carrier.Options{}, nil)
		defer end()
		if a, err := c.Account(t.Context()); err != nil || a.Status != "active" {
			t.Errorf("account %+v, %v", a, err)
		}
		n, err := c.Number(t.Context(), ours)
		if err != nil || n.Webhooks.Voice != "https://before.example.com/" {
			t.Fatalf("number %+v, %v", n, err)
		}
		if _, err := c.Number(t.Context(), theirs); !errors.Is(err, ErrNoNumber) {
			t.Errorf("a number of others: %v", err)
		}
		want := Webhooks{Voice: voice, Fallback: voice + "/fallback", Status: voice + "/status"}
		if err := c.Point(t.Context(), n.SID, want); err != nil {
			t.Fatal(err)
		}
		if n, err = c.Number(t.Context(), ours); err != nil || n.Webhooks != want {
			t.Errorf("number %+v, %v", n, err)
		}
		if got := far.Numbers(); !slices.ContainsFunc(got, func(n carrier.Number) bool { return n.VoiceURL == voice }) {
			t.Errorf("the carrier has %+v", got)
		}
	})
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{
		"no secret":  {AccountSID: "AC1"},
		"clear text": {AccountSID: "AC1", Secret: "s", Base: "http://api.twilio.com"},
		"no host":    {AccountSID: "AC1", Secret: "s", Base: "https://"},
	} {
		if _, err := New(o); err == nil || strings.Contains(err.Error(), "\"s\"") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
