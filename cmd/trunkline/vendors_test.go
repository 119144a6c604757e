package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"trunkline/console"
	"trunkline/pipeline/asr/asrtest"
	"trunkline/pipeline/asr/assemblyai/assemblyaitest"
	"trunkline/pipeline/asr/deepgram/deepgramtest"
	"trunkline/pipeline/llm/anthropic/anthropictest"
	"trunkline/pipeline/llm/llmtest"
	"trunkline/pipeline/llm/openai/openaitest"
	"trunkline/pipeline/tts/cartesia/cartesiatest"
	"trunkline/pipeline/tts/elevenlabs/elevenlabstest"
	"trunkline/pipeline/tts/ttstest"
	"trunkline/pipeline/vendortest"
	"trunkline/storage/cluster/clustertest"
)

// testKeys are the environment variables of the tests' vendors: one key that
// the servers know, and some that they refuse.
var testKeys = map[string]string{
	"TRUNKLINE_TEST_KEY":        vendortest.Key,
	"TRUNKLINE_TEST_ASSEMBLYAI": "leak-assemblyai-8d1f",
	"TRUNKLINE_TEST_ANTHROPIC":  "leak-anthropic-5c2e",
	"TRUNKLINE_TEST_CARTESIA":   "leak-cartesia-9b3a",
	"TRUNKLINE_TEST_OPENAI":     "leak-openai-1a4c",
	"TRUNKLINE_TEST_WHISPER":    "leak-whisper-7e20",
	"TRUNKLINE_TEST_GEMINI":     "leak-gemini-3f19",
	"TRUNKLINE_TEST_AURA":       "leak-aura-66d0",
	"TRUNKLINE_TEST_SPEECH":     "leak-speech-b821",
	"TRUNKLINE_TEST_REALTIME":   "leak-realtime-0c5d",
	"TRUNKLINE_TEST_COLLECTOR":  "leak-collector-2ee7",
	"TRUNKLINE_TEST_TWILIO":     twilioTestToken,
}

// setKeys is called before any test: they run side by side.
func setKeys() {
	for name, key := range testKeys {
		if err := os.Setenv(name, key); err != nil {
			panic(err)
		}
	}
}

// vendors are servers of six protocols.
type vendors struct {
	deepgram   *deepgramtest.Server
	openai     *openaitest.Server
	elevenlabs *elevenlabstest.Server
	file       string // a configuration that uses them
}

// newVendors has each stage begin with a provider that refuses the key.
func newVendors(t *testing.T) *vendors {
	t.Helper()
	v := &vendors{deepgram: deepgramtest.New(), openai: openaitest.New(), elevenlabs: elevenlabstest.New()}
	serve := func(h http.Handler) string {
		srv := httptest.NewServer(h)
		t.Cleanup(srv.Close)

		return srv.URL
	}
	v.file = write(t, "trunkline.yaml", fmt.Sprintf(`
state_dir: %s
log: {level: debug}
sip: {listen: ["udp:127.0.0.1:0", "tcp:127.0.0.1:0"]}
http: {listen: "127.0.0.1:0"}
database: {url: %q}
agents:
  - name: reception
    recogniser:
      engine: assemblyai
      assemblyai: {base_url: %q, key_env: TRUNKLINE_TEST_ASSEMBLYAI}
      fallback: [{engine: deepgram, deepgram: {base_url: %q, key_env: TRUNKLINE_TEST_KEY}, price: {per_minute: 0.01}}]
    model:
      engine: anthropic
      anthropic: {model: small, base_url: %q, key_env: TRUNKLINE_TEST_ANTHROPIC}
      fallback: [{engine: openai, openai: {model: test, base_url: %q, key_env: TRUNKLINE_TEST_KEY}, price: {input_per_million: 1, output_per_million: 2}}]
    voice:
      engine: cartesia
      cartesia: {voice: anna, base_url: %q, key_env: TRUNKLINE_TEST_CARTESIA}
      fallback: [{engine: elevenlabs, elevenlabs: {voice: anna, base_url: %q, key_env: TRUNKLINE_TEST_KEY}}]
`, t.TempDir(), clustertest.URL(t), serve(assemblyaitest.New()), serve(v.deepgram), serve(anthropictest.New()), serve(v.openai),
		serve(cartesiatest.New()), serve(v.elevenlabs)))
	v.deepgram.Script().Say(asrtest.Reply{Partials: []string{"what are", "what are your opening"}, Final: "what are your opening hours"})
	v.openai.Script().Say(llmtest.Reply{Text: []string{"We are open ", "from nine to five."}})
	tone := bytes.Repeat([]byte{0x10, 0x10, 0x10, 0x10, 0x90, 0x90, 0x90, 0x90}, 500) // half a second of 1 kHz
	v.elevenlabs.Script().Say(ttstest.Reply{Octets: tone, Chunks: 4})

	return v
}

// running is a gateway that runs in this process.
type running struct {
	stdout, stderr output
	target, api    string
	stop           func() int
}

func serving(t *testing.T, file string) *running {
	t.Helper()
	r := &running{}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, []string{"--config", file, "serve"}, &streams{in: strings.NewReader(""), out: &r.stdout, err: &r.stderr})
	}()
	r.stop = func() int {
		cancel()

		return <-done
	}
	deadline := time.After(30 * time.Second)
	for !strings.Contains(r.stdout.String(), "Stop it with ^C.") {
		select {
		case code := <-done:
			t.Fatalf("exit %d: %s", code, r.stderr.String())
		case <-deadline:
			t.Fatal("it does not serve")
		case <-time.After(10 * time.Millisecond):
		}
	}
	_, target, _ := strings.Cut(r.stdout.String(), "softphone   ")
	r.target, _, _ = strings.Cut(target, "\n")
	_, api, _ := strings.Cut(r.stdout.String(), "--api ")
	r.api, _, _ = strings.Cut(api, " ")

	return r
}

// get reads what the gateway serves.
func (r *running) get(t *testing.T, path string) string {
	t.Helper()
	resp, err := http.Get(r.api + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v: %s", path, resp.Status, err, body)
	}

	return string(body)
}

// TestACallThroughVendors holds a spoken call whose first recogniser, model and
// voice refuse the key, so that the second ones carry it, and then looks for the
// keys in all that was said of it.
func TestACallThroughVendors(t *testing.T) {
	t.Parallel()
	v := newVendors(t)
	gateway := serving(t, v.file)
	code, called, callErr := command(t, "", "call", gateway.target, "--api", gateway.api, "--json",
		"--play", filepath.Join("..", "..", "testdata", "audio", "what-are-your-opening-hours.wav"), "--max", "8s")
	if code != exitOK || !strings.Contains(called, `"both ways"`) {
		t.Fatalf("call: exit %d: %s%s%s", code, called, callErr, gateway.stderr.String())
	}
	if n := len(v.deepgram.Script().Heard()); n == 0 {
		t.Error("Deepgram heard nothing")
	}
	asked := v.openai.Script().Asked()
	if len(asked) == 0 || !strings.Contains(asked[0].History[len(asked[0].History)-1].Text, "what are your opening hours") {
		t.Errorf("OpenAI was asked %+v", asked)
	}
	said := false
	for _, a := range v.elevenlabs.Script().Asked() {
		said = said || a.Text == "We are open from nine to five."
	}
	if !said {
		t.Errorf("ElevenLabs was asked for %+v", v.elevenlabs.Script().Asked())
	}
	told := gateway.providersTold(t)
	metrics := gateway.get(t, "/metrics")
	if !strings.Contains(metrics, `trunkline_provider_failures_total{agent="reception",kind="rejected",provider="assemblyai",stage="recognise"}`) {
		t.Error("the metrics do not tell of AssemblyAI's refusal")
	}
	var report struct {
		ID string `json:"trunkline_call_id"`
	}
	if err := json.Unmarshal([]byte(called), &report); err != nil || report.ID == "" {
		t.Fatalf("the report names no call: %v: %s", err, called)
	}
	record := gateway.get(t, "/v1/calls/"+report.ID) + gateway.get(t, "/calls/"+report.ID)
	_, why, whyErr := command(t, "", "--config", v.file, "why", report.ID)
	_, check, checkErr := command(t, "", "--config", v.file, "check", "--online")
	for _, want := range []string{
		"FAIL  keys: reception's anthropic (think)", "reception's cartesia (speak): cartesia: rejected: HTTP 401",
		"ok    agents: reception (recogniser assemblyai universal-streaming-english, then deepgram nova-3, model anthropic small, then openai test,",
	} {
		if !strings.Contains(check, want) {
			t.Errorf("check --online does not say %q: %s", want, check)
		}
	}
	listed := v.listed(t, strings.TrimPrefix(gateway.api, "http://"))
	if code := gateway.stop(); code != exitOK {
		t.Errorf("exit %d: %s", code, gateway.stderr.String())
	}
	for where, text := range map[string]string{
		"the gateway's output": gateway.stdout.String(), "the log": gateway.stderr.String(), "the call's report": called + callErr,
		"the API": told + record, "the metrics": metrics, "why": why + whyErr, "check": check + checkErr, "providers": listed,
	} {
		for name, key := range testKeys {
			if strings.Contains(text, key) {
				t.Errorf("the key in %s is in %s: %s", name, where, text)
			}
		}
	}
}

// providersTold checks what the API tells of the providers.
func (r *running) providersTold(t *testing.T) string {
	t.Helper()
	raw := r.get(t, "/v1/providers")
	var body console.Providers
	if err := json.Unmarshal([]byte(raw), &body); err != nil {
		t.Fatal(err)
	}
	breakers := map[string]string{}
	for _, p := range body.Providers {
		breakers[p.Name] = p.Breaker
	}
	for name, want := range map[string]string{
		"assemblyai": "open", "anthropic": "open", "cartesia": "open", "deepgram": "closed", "openai": "closed", "elevenlabs": "closed",
	} {
		if breakers[name] != want {
			t.Errorf("the breaker of %s is %q, want %s: %s", name, breakers[name], want, raw)
		}
	}

	return raw
}

// listed is what the command says of the providers, beside a running gateway.
func (v *vendors) listed(t *testing.T, api string) string {
	t.Helper()
	code, table, stderr := command(t, "", "--config", v.file, "--http", api, "providers")
	if code != exitOK || !strings.Contains(table, "Breakers are those of the gateway at "+api) {
		t.Errorf("providers: exit %d: %s%s", code, table, stderr)
	}
	for _, want := range []string{"reception  recognise  1      assemblyai", "open", "closed", "cartesia: rejected: HTTP 401 unauthorized"} {
		if !strings.Contains(table, want) {
			t.Errorf("the table lacks %q: %s", want, table)
		}
	}
	code, asked, why := command(t, "n\n", "--config", v.file, "providers", "--probe", "2")
	if code != exitUsage || !strings.Contains(why, "2 probes of each of 6 providers cost about 0.0008 USD, and what these charge") ||
		!strings.Contains(why, "nothing was probed") || asked != "" {
		t.Errorf("providers --probe: exit %d: %s%s", code, asked, why)
	}
	code, raw, estimate := command(t, "", "--config", v.file, "providers", "--probe", "2", "--yes", "--json")
	var rows struct {
		Gateway   string        `json:"gateway"`
		Providers []providerRow `json:"providers"`
	}
	if err := json.Unmarshal([]byte(raw), &rows); err != nil || code != exitOK {
		t.Fatalf("providers --json: exit %d, %v: %s%s", code, err, raw, estimate)
	}
	for _, r := range rows.Providers {
		good := r.Name == "deepgram" || r.Name == "openai" || r.Name == "elevenlabs"
		if r.Probes != 2 || good && (r.Failed != 0 || r.MedianMS <= 0 || r.P95MS < r.MedianMS) || !good && r.Failed != 2 {
			t.Errorf("%+v", r)
		}
	}

	return table + stderr + asked + why + raw + estimate
}

// TestNoVoiceNoStart has no voice and no lines of an earlier start.
func TestNoVoiceNoStart(t *testing.T) {
	t.Parallel()
	v := newVendors(t)
	v.elevenlabs.Script().Say(ttstest.Reply{Status: http.StatusServiceUnavailable})
	code, _, stderr := command(t, "", "--config", v.file, "serve")
	for _, want := range []string{`agent "reception"`, "no voice says the fixed lines", "add one of this machine as a fallback", "cartesia: rejected", "HTTP 503"} {
		if code == exitOK || !strings.Contains(stderr, want) {
			t.Errorf("exit %d, without %q: %s", code, want, stderr)
		}
	}
}
