package acceptance

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"trunkline/config"
	"trunkline/softphone"
	"trunkline/storage"
)

// The longest call, in real time: a warning, a goodbye, and then the hang-up.
func TestCapIsWarnedOfAndReached(t *testing.T) {
	t.Parallel()
	agent := desk()
	agent.Lines = config.Lines{CapWarning: "Four seconds left.", CapGoodbye: "Time is up, goodbye."}
	g := serve(t, agent, func(c *config.Config) {
		c.Calls.Cap, c.Calls.WarnBefore = 10*time.Second, 4*time.Second
	})
	report := g.dial(t, softphone.Config{HangupAfter: patience, Silence: patience}).end(t)
	h := g.only(t)
	checkEnd(t, h, "cap_reached", storage.FaultOperator)
	if want := []string{"Hello there.", "Four seconds left.", "Time is up, goodbye."}; !slices.Equal(heard(h), want) {
		t.Errorf("heard %q, want %q", heard(h), want)
	}
	checkLengths(t, "the agent on the line", lengths(report.Agent),
		600*time.Millisecond, 900*time.Millisecond, 1200*time.Millisecond)
	if len(report.Agent) == 3 {
		warning, goodbye := report.Agent[1].First.Sub(report.AnsweredAt), report.Agent[2].First.Sub(report.AnsweredAt)
		if (warning-6*time.Second).Abs() > 500*time.Millisecond || (goodbye-10*time.Second).Abs() > 500*time.Millisecond {
			t.Errorf("warned after %v, goodbye after %v; want 6 s and 10 s", warning, goodbye)
		}
	}
	if took := report.EndedAt.Sub(report.AnsweredAt); report.EndedBy != "agent" || took > 13*time.Second {
		t.Errorf("ended by the %s after %v", report.EndedBy, took)
	}
}

// SIGTERM in mid-call: the call goes on, no other is taken. A second one:
// goodbye and BYE.
func TestSigtermDrains(t *testing.T) {
	t.Parallel()
	agent := desk()
	agent.Lines.Goodbye = "We have to stop now, thank you for calling, goodbye." // 3 s
	g := serve(t, agent, nil)
	first := g.dial(t, softphone.Config{HangupAfter: patience, Silence: patience})
	first.await(t, softphone.AgentStopped)
	g.signal(t, syscall.SIGTERM)
	eventually(t, patience, "told that it drains", func() bool {
		return strings.Contains(read(t, g.stdout), "draining: no new calls; 1 running")
	})
	second := g.dial(t, softphone.Config{})
	<-second.done
	var refused *softphone.Error
	if !errors.As(second.err, &refused) || refused.Status != 503 {
		t.Errorf("a call to a gateway that drains: %v, want 503", second.err)
	}
	if strings.Contains(read(t, g.stdout), "stopping") {
		t.Error("the running call is stopped by the first signal")
	}
	g.signal(t, syscall.SIGTERM)
	report := first.end(t)
	if code := g.wait(t, patience); code != 0 {
		t.Errorf("serve exits with %d", code)
	}
	all := g.ended(t, 1) // the door refuses while it drains: that was no call of ours
	checkEnd(t, &all[0], "shutdown", storage.FaultOperator)
	if got := heard(&all[0]); len(got) != 2 || got[1] != agent.Lines.Goodbye || report.EndedBy != "agent" {
		t.Errorf("heard %q, ended by the %s", got, report.EndedBy)
	}
	checkLengths(t, "the agent on the line", lengths(report.Agent), 600*time.Millisecond, 3*time.Second)
}

// drain over HTTP: not ready any more, the running call ends by itself, and
// then the process.
func TestDrainCommand(t *testing.T) {
	t.Parallel()
	g := serve(t, desk(), nil)
	call := g.dial(t, softphone.Config{HangupAfter: 8 * time.Second}) // longer than the command takes to begin
	call.await(t, softphone.Answered)
	r := command(t, "drain", "--http", g.cfg.HTTP.Listen)
	if r.code != 0 || !strings.Contains(r.stdout, "draining: no new calls; 1 running") {
		t.Fatalf("exit %d: %s%s", r.code, r.stdout, r.stderr)
	}
	ready, err := http.Get(g.api() + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer ready.Body.Close()
	if ready.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("/readyz answers %d while draining", ready.StatusCode)
	}
	report := call.end(t)
	if code := g.wait(t, patience); code != 0 || report.EndedBy != "caller" {
		t.Errorf("serve exits with %d, the call was ended by the %s", code, report.EndedBy)
	}
	all := g.ended(t, 1)
	checkEnd(t, &all[0], "caller_hangup", storage.FaultCaller)
}

// A call beyond the limit is turned away, and recorded.
func TestCallsBeyondTheLimitAreBusy(t *testing.T) {
	t.Parallel()
	g := serve(t, desk(), func(c *config.Config) { c.Calls.MaxCalls = 1 })
	first := g.dial(t, softphone.Config{HangupAfter: 6 * time.Second}) // longer than the command takes to begin
	first.await(t, softphone.Answered)
	r := command(t, "call", g.target())
	if r.code != softphone.Overloaded.ExitCode() && r.code != softphone.Busy.ExitCode() || !strings.Contains(r.stderr, "try again later") {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
	first.end(t)
	all := g.ended(t, 1)
	checkEnd(t, &all[0], "caller_hangup", storage.FaultCaller)
	for i := range all[1:] {
		checkEnd(t, &all[1+i], "line_busy", storage.FaultOperator)
	}
}

// heard is what was heard of every turn.
func heard(h *storage.History) []string {
	var words []string
	for i := range h.Turns {
		words = append(words, string(h.Turns[i].HeardText))
	}

	return words
}
