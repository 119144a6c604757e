package acceptance

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"trunkline/config"
	"trunkline/softphone"
	"trunkline/storage"
)

// A call that cannot be made ends with one clear line and a code of its own.
func TestCallsThatFail(t *testing.T) {
	t.Parallel()
	g := serve(t, desk(), func(c *config.Config) {
		c.Agents[0].Recogniser.Declared.Ready = 6 * time.Second // longer than a call may ring
	})
	noise := filepath.Join(t.TempDir(), "noise.wav")
	if err := os.WriteFile(noise, []byte("RIFF and nothing else"), 0o600); err != nil {
		t.Fatal(err)
	}
	speech := filepath.Join("..", "testdata", "audio", "tuesday.wav")
	tests := []struct {
		name string
		args []string
		code int
		says string
	}{
		{"no WAV", []string{g.target(), "--play", noise}, softphone.Usage.ExitCode(), noise},
		{"missing WAV", []string{g.target(), "--play", "/no/such.wav"}, 2, "/no/such.wav"},
		{"more times than clips", []string{g.target(), "--play", speech, "--at", "1s", "--at", "2s"}, 2, "give one time for each"},
		{"no URI", []string{"reception"}, softphone.Usage.ExitCode(), "reception"},
		{"no scheme that we know", []string{"tel:+4930123456"}, softphone.Usage.ExitCode(), "tel:"},
		{"refused", []string{g.target()}, softphone.Refused.ExitCode(), "500"},
		{"nobody there", []string{"sip:desk@" + freeAddr(t)}, softphone.NoAnswer.ExitCode(), "no answer in time"}, // RFC 3261 timer B
		{"nobody there, TCP", []string{"sip:desk@" + freeAddr(t) + ";transport=tcp"}, softphone.Unreachable.ExitCode(), "refused"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := command(t, append([]string{"call"}, test.args...)...)
			if r.code != test.code || !strings.Contains(r.stderr, test.says) {
				t.Errorf("exit %d, want %d with %q: %s", r.code, test.code, test.says, r.stderr)
			}
			if lines := strings.Count(strings.TrimSpace(r.lastLine()), "\n"); lines != 0 || !strings.HasPrefix(r.lastLine(), "trunkline: ") {
				t.Errorf("not one line: %s", r.stderr)
			}
		})
	}
	t.Cleanup(func() { checkEnd(t, g.only(t), "not_prepared", storage.FaultTrunkline) })
}

// Room noise and silence say nothing, and the call still ends well.
func TestCallWithRoomNoise(t *testing.T) {
	t.Parallel()
	g := serve(t, desk(), nil)
	room := filepath.Join("..", "testdata", "audio", "room.wav")
	r := command(t, "call", g.target(), "--play", room, "--play", room, "--at", "1s", "--at", "5s", "--api", g.api())
	if r.code != 0 || !strings.Contains(r.stdout, "Hello there.") {
		t.Errorf("exit %d: %s%s", r.code, r.stdout, r.stderr)
	}
	h := g.only(t)
	checkEnd(t, h, "caller_hangup", storage.FaultCaller)
	if got := texts(h); len(got) != 1 {
		t.Errorf("turns %q, want the greeting alone", got)
	}
}
