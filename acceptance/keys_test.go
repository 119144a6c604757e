package acceptance

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"trunkline/call"
	"trunkline/config"
	"trunkline/media"
	"trunkline/media/dtmf"
	"trunkline/media/g711"
	"trunkline/pipeline/turn"
	"trunkline/storage"
)

// recorded are the texts of a call's events of one kind.
func recorded(t *testing.T, h *storage.History, kind turn.EventKind) (all []string) {
	t.Helper()
	for i := range h.Events {
		var step call.StepData
		if err := json.Unmarshal(h.Events[i].Data, &step); err != nil {
			t.Fatal(err)
		}
		if step.Event.Kind == kind {
			all = append(all, step.Event.Text)
		}
	}

	return all
}

// keyTones are the tones of keys, 80 ms each.
func keyTones(t *testing.T, keys string) (x []int16) {
	t.Helper()
	var g dtmf.Generator
	for i := range len(keys) {
		if err := g.Press(keys[i], 80*time.Millisecond, 80*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	var f media.Frame
	for g.Next(&f) {
		x = append(x, f[:]...)
	}

	return x
}

// keysIn are the keys whose tones can be heard.
func keysIn(x []int16) (keys string) {
	var d dtmf.Detector
	for len(x) >= media.FrameSamples {
		h := d.Step((*media.Frame)(x))
		if h.Released.Key != 0 {
			keys += string(h.Released.Key)
		}
		x = x[media.FrameSamples:]
	}

	return keys
}

// fax is the tone of a fax machine that calls, for as long as it would wait.
func fax() (x []int16) {
	for range 4 {
		for i := range media.SampleRate / 2 {
			x = append(x, int16(5000*math.Sin(2*math.Pi*1100*float64(i)/media.SampleRate)))
		}
		x = append(x, silence(3*time.Second)...)
	}

	return x
}

// Keys by every way stand in the record, each once.
func TestSippPressesKeys(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		scenario, mode, sound string
		want                  string
	}{
		{"info", "auto", "", "4*#"},
		{"info", "rfc4733", "", ""},
		{"keys_rfc4733", "auto", "", "159*#"},
		{"keys_rfc4733", "inband", "", "159*#"},
		{"keys_rfc4733", "info", "", ""},
		{"keys_inband", "auto", "0123456789", "0123456789"},
		{"keys_inband", "rfc4733", "0123456789", ""},
	} {
		t.Run(test.scenario+"/"+test.mode, func(t *testing.T) {
			t.Parallel()
			g := serve(t, desk(), func(c *config.Config) { c.SIP.Trunks[0].DTMF = test.mode })
			dir := t.TempDir()
			play(t, dir, keyTones(t, test.sound))
			g.sipp(t, test.scenario, dir, "-m", "1")
			h := g.only(t)
			checkEnd(t, h, "caller_hangup", storage.FaultCaller)
			got := ""
			for _, key := range recorded(t, h, turn.KeyPressed) {
				got += key
			}
			if got != test.want {
				t.Errorf("the record has the keys %q, want %q", got, test.want)
			}
			if test.sound == "" || test.want == "" {
				return
			}
			caller, _ := recording(t, h.Call.Recording)
			if keys := keysIn(caller); keys != "" {
				t.Errorf("the keys %q can be heard in the recording", keys)
			}
			if n := len(recorded(t, h, turn.SpeechOnset)); n > 0 {
				t.Errorf("the keys' tones were taken for speech %d times", n)
			}
		})
	}
}

func TestFaxMachineIsSentAway(t *testing.T) {
	t.Parallel()
	g := serve(t, desk(), nil)
	dir := t.TempDir()
	play(t, dir, fax())
	g.sipp(t, "fax", dir, "-m", "1")
	h := g.only(t)
	checkEnd(t, h, "fax_detected", storage.FaultCaller)
	if got := recorded(t, h, "tone"); len(got) != 2 || got[0] != "fax_cng" {
		t.Errorf("the record has the tones %q, want two of fax_cng", got)
	}
}

// play puts what sipp plays into its directory.
func play(t *testing.T, dir string, x []int16) {
	t.Helper()
	b := make([]byte, len(x))
	g711.PCMU.Encode(b, x)
	if err := os.WriteFile(filepath.Join(dir, "caller.ulaw"), b, 0o600); err != nil {
		t.Fatal(err)
	}
}
