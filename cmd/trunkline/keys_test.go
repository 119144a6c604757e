package main

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"trunkline/pipeline/asr/asrtest"
	"trunkline/pipeline/asr/assemblyai/assemblyaitest"
	"trunkline/pipeline/asr/deepgram/deepgramtest"
	asropenaitest "trunkline/pipeline/asr/openai/openaitest"
	"trunkline/pipeline/asr/whisper/whispertest"
	"trunkline/pipeline/llm/anthropic/anthropictest"
	"trunkline/pipeline/llm/gemini/geminitest"
	"trunkline/pipeline/llm/llmtest"
	llmopenaitest "trunkline/pipeline/llm/openai/openaitest"
	"trunkline/pipeline/realtime/realtimetest"
	"trunkline/pipeline/tts/aura/auratest"
	"trunkline/pipeline/tts/cartesia/cartesiatest"
	"trunkline/pipeline/tts/elevenlabs/elevenlabstest"
	ttsopenaitest "trunkline/pipeline/tts/openai/openaitest"
	"trunkline/pipeline/tts/ttstest"
	"trunkline/storage/cluster/clustertest"
)

// exports is a collector of traces that keeps what comes as it comes.
type exports struct {
	mu   sync.Mutex
	text strings.Builder
	n    int
}

func (e *exports) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != testKeys["TRUNKLINE_TEST_COLLECTOR"] {
		w.WriteHeader(http.StatusUnauthorized)

		return
	}
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		var err error
		if body, err = gzip.NewReader(r.Body); err != nil {
			w.WriteHeader(http.StatusBadRequest)

			return
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if n, _ := io.Copy(&e.text, body); n > 0 {
		e.n++
	}
}

func (e *exports) is() (text string, n int) {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.text.String(), e.n
}

// everyVendor is an agent that tries each vendor there is with a key that it
// refuses, and in each stage has a last one that works. The answers of the
// servers repeat the good key, as some vendors' do.
func everyVendor(t *testing.T, traces string) (file string) {
	t.Helper()
	hear, think, speak := deepgramtest.New(), llmopenaitest.New(), elevenlabstest.New()
	hear.Script().Say(asrtest.Reply{Partials: []string{"what are"}, Final: "what are your opening hours"})
	think.Script().Say(llmtest.Reply{Text: []string{"We are open from nine to five."}})
	speak.Script().Say(ttstest.Reply{Octets: []byte(strings.Repeat("\x10\x10\x90\x90", 400)), Chunks: 2})
	src := `
state_dir: STATE
log: {level: debug}
sip: {listen: ["udp:127.0.0.1:0", "tcp:127.0.0.1:0"]}
http: {listen: "127.0.0.1:0"}
database: {url: "DATABASE"}
traces: {endpoint: "TRACES/v1/traces", headers_env: {Authorization: TRUNKLINE_TEST_COLLECTOR}, private: true}
agents:
  - name: reception
    realtime: {base_url: "REALTIME", key_env: TRUNKLINE_TEST_REALTIME}
    recogniser:
      engine: assemblyai
      assemblyai: {base_url: "ASSEMBLYAI", key_env: TRUNKLINE_TEST_ASSEMBLYAI}
      fallback:
        - {engine: openai, openai: {base_url: "TRANSCRIPTION", key_env: TRUNKLINE_TEST_OPENAI}}
        - {engine: deepgram, deepgram: {base_url: "DEEPGRAM", key_env: TRUNKLINE_TEST_KEY}}
        - {engine: whisper, whisper: {base_url: "WHISPER", model: m, key_env: TRUNKLINE_TEST_WHISPER}}
    model:
      engine: anthropic
      anthropic: {model: m, base_url: "ANTHROPIC", key_env: TRUNKLINE_TEST_ANTHROPIC}
      fallback:
        - {engine: gemini, gemini: {model: m, base_url: "GEMINI", key_env: TRUNKLINE_TEST_GEMINI}}
        - {engine: openai, openai: {model: m, base_url: "CHAT", key_env: TRUNKLINE_TEST_KEY}}
    voice:
      engine: cartesia
      cartesia: {voice: anna, base_url: "CARTESIA", key_env: TRUNKLINE_TEST_CARTESIA}
      fallback:
        - {engine: aura, aura: {voice: anna, base_url: "AURA", key_env: TRUNKLINE_TEST_AURA}}
        - {engine: openai, openai: {voice: anna, base_url: "SPEECH", key_env: TRUNKLINE_TEST_SPEECH}}
        - {engine: elevenlabs, elevenlabs: {voice: anna, base_url: "ELEVENLABS", key_env: TRUNKLINE_TEST_KEY}}
`
	for name, h := range map[string]http.Handler{
		"REALTIME": realtimetest.New(), "ASSEMBLYAI": assemblyaitest.New(), "TRANSCRIPTION": asropenaitest.New(), "DEEPGRAM": hear,
		"WHISPER": whispertest.New(), "ANTHROPIC": anthropictest.New(), "GEMINI": geminitest.New(), "CHAT": think,
		"CARTESIA": cartesiatest.New(), "AURA": auratest.New(), "SPEECH": ttsopenaitest.New(), "ELEVENLABS": speak,
	} {
		srv := httptest.NewServer(h)
		t.Cleanup(srv.Close)
		src = strings.ReplaceAll(src, `"`+name+`"`, `"`+srv.URL+`"`)
	}
	src = strings.NewReplacer("STATE", t.TempDir(), "DATABASE", clustertest.URL(t), "TRACES", traces).Replace(src)

	return write(t, "trunkline.yaml", src)
}

// TestNoKeyIsEverTold has every vendor refuse its key in a call, and in every
// command that asks vendors, and looks for the keys in all that was said, logged,
// recorded and exported.
func TestNoKeyIsEverTold(t *testing.T) {
	t.Parallel()
	collector := &exports{}
	srv := httptest.NewServer(collector)
	defer srv.Close()
	file := everyVendor(t, srv.URL)
	said := map[string]string{}
	gateway := serving(t, file)
	_, report, stderr := command(t, "", "call", gateway.target, "--api", gateway.api, "--json",
		"--play", filepath.Join("..", "..", "testdata", "audio", "what-are-your-opening-hours.wav"), "--max", "5s")
	said["the report"] = report + stderr
	var r struct {
		ID string `json:"trunkline_call_id"`
	}
	if err := json.Unmarshal([]byte(report), &r); err != nil {
		t.Fatalf("%v: %s%s", err, report, stderr)
	}
	for _, path := range []string{"/v1/calls", "/v1/calls/" + r.ID, "/calls/" + r.ID, "/v1/providers", "/metrics", "/"} {
		said["GET "+path] = gateway.get(t, path)
	}
	for _, args := range [][]string{
		{"why", r.ID}, {"check"}, {"check", "--online"}, {"providers"}, {"providers", "--json"}, {"providers", "--probe", "1", "--yes"},
	} {
		_, out, err := command(t, "", append([]string{"--config", file}, args...)...)
		said["trunkline "+strings.Join(args, " ")] = out + err
	}
	gateway.stop()
	said["the gateway"] = gateway.stdout.String() + gateway.stderr.String()
	exported, n := collector.is()
	said["the traces"] = exported
	if n == 0 || !strings.Contains(exported, "opening hours") {
		t.Errorf("%d requests with traces came, without the call's words", n)
	}
	everybody := []string{"assemblyai", "anthropic", "gemini", "cartesia", "aura: deepgram", "openai", "openai-realtime", "whisper"}
	for _, provider := range everybody {
		if !strings.Contains(said["trunkline providers --probe 1 --yes"], provider+": rejected: HTTP 40") {
			t.Errorf("%s does not refuse its key: %s", provider, said["trunkline providers --probe 1 --yes"])
		}
	}
	if out := said["trunkline check"]; !strings.Contains(out, fmt.Sprintf("ok    traces: to %s/v1/traces, 100 %% of the calls", srv.URL)) {
		t.Errorf("check says nothing of the traces: %s", out)
	}
	for where, text := range said {
		for _, name := range slices.Sorted(maps.Keys(testKeys)) {
			if strings.Contains(text, testKeys[name]) {
				t.Errorf("the key in %s is in what %s says", name, where)
			}
		}
	}
}
