package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"trunkline/compliance/robot"
	"trunkline/pipeline/realtime/realtimetest"
	"trunkline/pipeline/vendortest"
	"trunkline/storage/cluster/clustertest"
)

// realtimeFile configures an agent whose calls a speech-to-speech model holds;
// more are further lines of the agent.
func realtimeFile(t *testing.T, model http.Handler, otherwise, more string) string {
	t.Helper()
	srv := httptest.NewServer(model)
	t.Cleanup(srv.Close)

	return write(t, "trunkline.yaml", fmt.Sprintf(`
state_dir: %s
log: {level: debug}
sip: {listen: ["udp:127.0.0.1:0", "tcp:127.0.0.1:0"]}
http: {listen: "127.0.0.1:0"}
database: {url: %q}
agents:
  - name: reception
    realtime:
      base_url: %q
      key_env: TRUNKLINE_TEST_KEY
      otherwise: %s
      price: {text_input: 4, audio_input: 32, text_output: 16, audio_output: 64}
    voice: {engine: declared}
    greeting: Hello, you.
%s`, t.TempDir(), clustertest.URL(t), srv.URL, otherwise, more))
}

// held is a call to a gateway, and what was said of it.
type held struct {
	report, record, why, log string
}

func holdCall(t *testing.T, file string) held {
	t.Helper()
	gateway := serving(t, file)
	code, report, stderr := command(t, "", "call", gateway.target, "--api", gateway.api, "--json",
		"--play", filepath.Join("..", "..", "testdata", "audio", "what-are-your-opening-hours.wav"), "--max", "6s")
	if code != exitOK {
		t.Fatalf("call: exit %d: %s%s%s", code, report, stderr, gateway.stderr.String())
	}
	var r struct {
		ID string `json:"trunkline_call_id"`
	}
	if err := json.Unmarshal([]byte(report), &r); err != nil || r.ID == "" {
		t.Fatalf("the report names no call: %v: %s", err, report)
	}
	record := gateway.get(t, "/v1/calls/"+r.ID) + gateway.get(t, "/calls/"+r.ID)
	if code := gateway.stop(); code != exitOK {
		t.Errorf("exit %d: %s", code, gateway.stderr.String())
	}
	_, why, _ := command(t, "", "--config", file, "why", r.ID)
	h := held{report: report, record: record, why: why, log: gateway.stdout.String() + gateway.stderr.String()}
	if strings.Contains(h.report+h.record+h.why+h.log, vendortest.Key) {
		t.Errorf("the key is in %s", h.report+h.record+h.why+h.log)
	}

	return h
}

func (h held) tells(t *testing.T, all ...string) {
	t.Helper()
	for _, want := range all {
		if !strings.Contains(h.why+h.record, want) {
			t.Errorf("nothing says %q:\n%s%s", want, h.why, h.record)
		}
	}
}

func TestASpeechToSpeechModelHoldsACall(t *testing.T) {
	t.Parallel()
	model := realtimetest.New("What are your opening hours?")
	model.Say(realtimetest.Reply{Text: "We are open from nine to five."})
	file := realtimeFile(t, model, "on_failure", "")
	_, check, _ := command(t, "", "--config", file, "check", "--online")
	for _, want := range []string{"reception (speech-to-speech model openai-realtime gpt-realtime, voice declared)", "reception's openai-realtime (converse): good"} {
		if !strings.Contains(check, want) {
			t.Errorf("check does not say %q: %s", want, check)
		}
	}
	_, probed, _ := command(t, "", "--config", file, "providers", "--probe", "1", "--yes")
	if !strings.Contains(probed, "reception  converse  1      openai-realtime  gpt-realtime") || !strings.Contains(probed, "0 of 1") {
		t.Errorf("providers says %s", probed)
	}
	before := len(model.Sessions())
	h := holdCall(t, file)
	h.tells(t, "What are your opening hours?", "We are open from nine to five.", `the speech-to-speech model "openai-realtime"`)
	if n := len(model.Sessions()) - before; n != 1 {
		t.Errorf("%d sessions for one call", n)
	}
}

func TestACallWithoutASessionIsHeldByThePipeline(t *testing.T) {
	t.Parallel()
	model := realtimetest.New()
	model.Refuse(http.StatusServiceUnavailable)
	h := holdCall(t, realtimeFile(t, model, "pipeline", `
    recogniser: {engine: declared, declared: {final: 100ms, says: [what are your opening hours]}}
    model: {engine: declared, declared: {replies: [We are open all day.]}}
`))
	h.tells(t, "We are open all day.", `The speech-to-speech model "openai-realtime" failed`, "HTTP 503")
}

func TestACallWithoutASessionHearsALine(t *testing.T) {
	t.Parallel()
	model := realtimetest.New()
	model.Refuse(http.StatusServiceUnavailable)
	h := holdCall(t, realtimeFile(t, model, "on_failure", "    lines: {trouble: We are in trouble here.}\n"))
	h.tells(t, "We are in trouble here.", "provider", `The speech-to-speech model "openai-realtime" failed`)
}

func TestASpeechToSpeechModelIsTalkedToInWriting(t *testing.T) {
	t.Parallel()
	model := realtimetest.New()
	model.Say(realtimetest.Reply{Text: "We are open from nine to five."}, realtimetest.Reply{Refuse: "rate_limit_exceeded"}, realtimetest.Reply{Text: "Goodbye."})
	code, out, stderr := command(t, "when are you open\nare you a robot\nand on sunday\nbye\n", "--config", realtimeFile(t, model, "on_failure", ""), "talk")
	if code != exitOK {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	for _, want := range []string{"Hello, you.", "nine to five", robot.Answer("en", ""), "something went wrong", "Goodbye."} {
		if !strings.Contains(out, want) {
			t.Errorf("nobody said %q: %s", want, out)
		}
	}
	items := model.Sessions()[len(model.Sessions())-1].Items()
	if len(items) < 4 || items[0].Text != "Hello, you." || items[1].Text != "when are you open" || items[2].Text != "We are open from nine to five." {
		t.Errorf("the model was told %+v", items)
	}
}

func TestScenariosArePlayedToASpeechToSpeechModel(t *testing.T) {
	t.Parallel()
	scenario := write(t, "hours.yaml", `
about: The caller asks for the opening hours.
modes: [text, audio, sip]
steps:
  - say: when are you open
expect:
  says: nine to five
`)
	for _, mode := range []string{"text", "audio", "sip"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			model := realtimetest.New("when are you open")
			model.Say(realtimetest.Reply{Text: "We are open from nine to five."})
			file := realtimeFile(t, model, "on_failure", "")
			code, out, stderr := command(t, "", "--config", file, "sim", "--mode", mode, scenario)
			if code != exitOK {
				t.Errorf("exit %d: %s%s", code, out, stderr)
			}
			if len(model.Sessions()) == 0 {
				t.Error("the model was asked nothing")
			}
		})
	}
}
