package acceptance

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"trunkline/call"
	"trunkline/config"
	"trunkline/media/g711"
	"trunkline/sip/ladder"
	"trunkline/storage"
)

// porter is an agent that puts through who speaks, by its script.
func porter(target config.Target) config.Agent {
	a := desk()
	a.Recogniser.Declared.Says = []string{"operator please"}
	a.Model = config.Model{Engine: "script"}
	target.Name = "front-desk" // the script's word
	a.BuiltIn.Transfer = []config.Target{target}

	return a
}

// happened are the recorded events of a gateway's first call whose kind begins
// so, without that beginning.
func (g *gateway) happened(t *testing.T, prefix string) (kinds []string) {
	t.Helper()
	all := g.calls(t)
	if len(all) == 0 {
		return nil
	}
	h, err := g.store.Call(context.Background(), all[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range h.Events {
		if kind, ok := strings.CutPrefix(e.Kind, prefix); ok {
			kinds = append(kinds, kind)
		}
	}

	return kinds
}

// awaits waits until an event is recorded of the gateway's first call.
func (g *gateway) awaits(t *testing.T, kind string) {
	t.Helper()
	eventually(t, patience, "the event "+kind, func() bool { return slices.Contains(g.happened(t, ""), kind) })
}

// talks waits until the gateway's first call is answered.
func (g *gateway) talks(t *testing.T) {
	t.Helper()
	eventually(t, patience, "an answered call", func() bool {
		all := g.calls(t)

		return len(all) > 0 && !all[0].AnsweredAt.IsZero()
	})
}

// ladders are the recorded SIP calls of a call, each as its messages.
func ladders(t *testing.T, h *storage.History) (all []string) {
	t.Helper()
	for _, e := range h.Events {
		var r ladder.Record
		if e.Kind != "sip_ladder" {
			continue
		}
		if err := json.Unmarshal(e.Data, &r); err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		for _, m := range r.Messages {
			text.WriteString(m.Text + "\n")
		}
		all = append(all, text.String())
	}

	return all
}

// Three user agents: alice talks with carol and with the agent, and has the
// agent take her place in the call with carol.
func TestAttendedTransfer(t *testing.T) {
	t.Parallel()
	g := serve(t, desk(), func(c *config.Config) {
		c.SIP.Trunks[0].Transfer = []config.TrunkTransfer{{Name: "the boss", Users: []string{"carol"}, Record: true}}
	})
	dir, said := t.TempDir(), speech(t, "what-are-your-opening-hours")
	payload := make([]byte, len(said))
	g711.PCMU.Encode(payload, said)
	if err := os.WriteFile(filepath.Join(dir, "caller.ulaw"), payload, 0o600); err != nil {
		t.Fatal(err)
	}
	carol := freeAddr(t)
	_, port, err := net.SplitHostPort(carol)
	if err != nil {
		t.Fatal(err)
	}
	const consultation = "consultation"
	var peers sync.WaitGroup
	peers.Go(func() { sippAt(t, dir, "attended_carol", "", "-m", "2", "-p", port) })
	peers.Go(func() {
		sippAt(t, dir, "attended_consult", carol, "-m", "1", "-cid_str", consultation, "-p", freePort(t))
	})
	peers.Go(func() {
		sippAt(t, dir, "attended_refer", g.sip(), "-m", "1", "-key", "carol", carol, "-key", "call", consultation, "-p", freePort(t))
	})
	peers.Wait()

	h := g.only(t)
	checkEnd(t, h, "caller_hangup", storage.FaultCaller)
	if got := g.happened(t, "successor_"); !slices.Equal(got, []string{"asked", "progress", "came"}) {
		t.Errorf("events %q", got)
	}
	want := []string{"Hello there.", "Hello there.", "what are your opening hours", "We are open all day, every day."}
	if words := texts(h); !slices.Equal(words, want) {
		t.Errorf("turns %q, want %q: carol is greeted and answered", words, want)
	}
	caller, _ := recording(t, h.Call.Recording)
	checkHas(t, "carol in the recording", caller, said)
	all := ladders(t, h)
	if len(all) != 2 || !strings.Contains(all[0], "\r\nRefer-To: ") || !strings.Contains(all[1], "\r\nReplaces: "+consultation+";") {
		t.Errorf("%d SIP calls are recorded:\n%s", len(all), strings.Join(all, "\n"))
	}
	if story := strings.Join(call.Story(h), "\n"); !strings.Contains(story, `"the boss" took the caller's place`) {
		t.Errorf("the story is\n%s", story)
	}
}

// sippAt runs a scenario to its end; without an address it is the callee.
func sippAt(t *testing.T, dir, scenario, addr string, args ...string) {
	need(t, "sipp", "sip-tester")
	file, err := filepath.Abs(filepath.Join("..", "testdata", "sipp", scenario+".xml"))
	if err != nil {
		t.Error(err)

		return
	}
	all := []string{"-sf", file, "-i", "127.0.0.1", "-mi", "127.0.0.1", "-nostdin", "-timeout", "60s", "-timeout_error"}
	if addr != "" {
		all = append([]string{addr}, all...)
	}
	cmd := exec.CommandContext(t.Context(), "sipp", append(all, args...)...)
	cmd.Dir, cmd.Env = dir, environment("TERM=dumb")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("sipp %s: %v\n%s", scenario, err, tail(string(out)))
	}
}

// Who refers to anybody else is declined, and goes on talking.
func TestTransfersToStrangersAreDeclined(t *testing.T) {
	t.Parallel()
	g := serve(t, desk(), func(c *config.Config) {
		c.SIP.Trunks[0].Transfer = []config.TrunkTransfer{{Name: "the boss", Users: []string{"carol"}}}
	})
	mallory := baresip(t, "mallory", baresipSettings{says: silence(time.Second)})
	mallory.do(t, "dial", g.target())
	g.talks(t)
	mallory.do(t, "transfer", "sip:+19005550100@"+g.sip())
	mallory.tells(t, `"TRANSFER_FAILED"`)
	mallory.do(t, "hangup", "")
	h := g.only(t)
	checkEnd(t, h, "caller_hangup", storage.FaultCaller)
	if len(g.happened(t, "successor_")) != 0 || !strings.Contains(strings.Join(ladders(t, h), ""), "SIP/2.0 603 ") {
		t.Error("the transfer was not declined")
	}
}

// A far end that calls the target itself: REFER to a real peer.
func TestTheCallersPhoneIsReferred(t *testing.T) {
	t.Parallel()
	person := baresip(t, "person", baresipSettings{account: ";answermode=auto"})
	g := serve(t, porter(config.Target{How: "refer", To: person.uri()}), nil)
	caller := baresip(t, "caller", baresipSettings{says: slices.Concat(silence(2*time.Second), speech(t, "i-would-like-to-speak-to-a-person"))})
	caller.do(t, "dial", g.target())
	h := g.only(t)
	checkEnd(t, h, "transferred", storage.FaultAgent)
	if got := g.happened(t, "transfer_"); got[0] != "began" || got[len(got)-1] != "done" || !slices.Contains(got, "progress") {
		t.Errorf("events %q", got)
	}
	person.tells(t, "CALL_ESTABLISHED")
}

// A bridge: the person is called, hears who waits, takes the call by a key and
// is joined with the caller, who is on hold meanwhile or not.
func TestTheCallerIsBridged(t *testing.T) {
	t.Parallel()
	for name, hold := range map[string]bool{"on hold": true, "waiting": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bridged(t, hold)
		})
	}
}

func bridged(t *testing.T, hold bool) {
	callers, persons := speech(t, "what-are-your-opening-hours"), speech(t, "awb-where-are-you-located")
	person := baresip(t, "+12125550123", baresipSettings{account: ";answermode=auto", says: slices.Concat(repeated(persons, 12)...)})
	target := config.Target{To: "+12125550123", Briefing: "A caller said: {said}.", Accept: "1", Record: true, Hold: hold}
	g := serve(t, porter(target), func(c *config.Config) {
		c.SIP.Trunks = append(c.SIP.Trunks, config.Trunk{
			Name: "office", Sources: []string{"192.0.2.1"}, Agent: "desk", Targets: []config.TrunkTarget{{URI: "sip:" + person.addr}},
		})
		c.Routes.Outbound = []config.OutboundRoute{{Name: "office", Trunk: "office", CallerIDs: []string{"+12125550100"}}}
	})
	asks := [][]int16{silence(2 * time.Second), speech(t, "i-would-like-to-speak-to-a-person"), silence(8 * time.Second)}
	caller := baresip(t, "caller", baresipSettings{says: slices.Concat(append(asks, repeated(callers, 12)...)...)})
	caller.do(t, "dial", g.target())
	g.awaits(t, "transfer_answered")
	person.tells(t, "CALL_ESTABLISHED")
	time.Sleep(time.Second) // a person reaches for the key
	person.do(t, "sndcode", "1")
	g.awaits(t, "transfer_joined")
	time.Sleep(6 * time.Second) // they talk
	caller.do(t, "hangup", "")

	h := g.only(t)
	checkEnd(t, h, "caller_hangup", storage.FaultCaller)
	all := ladders(t, h)
	if len(all) != 2 || strings.Contains(all[0], "a=sendonly") != hold || strings.Contains(all[1], "a=sendonly") {
		t.Errorf("want the caller's SIP call, on hold: %v, and the person's:\n%s", hold, strings.Join(all, "\n"))
	}
	checkHears(t, "what the person heard", person.heard(t), callers)
	if !hold { // baresip keeps what it hears until it is put on hold
		checkHears(t, "what the caller heard", caller.heard(t), persons)
	}
	said, answered := recording(t, h.Call.Recording)
	checkHears(t, "the caller in the recording", said, callers)
	checkHears(t, "the person in the recording", answered, persons)
}

// checkHears is checkHas for audio on its way over two jitter buffers of a
// machine that may be busy: other speech is less than half as like.
func checkHears(t *testing.T, what string, recording, said []int16) {
	t.Helper()
	if likeness, at := like(recording, said); likeness < 0.6 {
		t.Errorf("%s: likeness %.3f at %v, want the same audio", what, likeness, at)
	}
}

// repeated is a clip again and again, with pauses.
func repeated(clip []int16, times int) (parts [][]int16) {
	for range times {
		parts = append(parts, clip, silence(500*time.Millisecond))
	}

	return parts
}
