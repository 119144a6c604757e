package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"trunkline/config"
	"trunkline/media"
	"trunkline/pipeline"
	"trunkline/pipeline/asr/asrtest"
	"trunkline/pipeline/asr/deepgram/deepgramtest"
	"trunkline/pipeline/breaker"
	"trunkline/pipeline/llm/anthropic/anthropictest"
	"trunkline/pipeline/llm/llmtest"
	"trunkline/pipeline/llm/openai/openaitest"
	"trunkline/pipeline/tts/elevenlabs/elevenlabstest"
	"trunkline/pipeline/tts/ttstest"
	"trunkline/pipeline/vendortest"
)

// vendors are servers of three protocols.
type vendors struct {
	deepgram   *deepgramtest.Server
	openai     *openaitest.Server
	anthropic  *anthropictest.Server
	elevenlabs *elevenlabstest.Server

	urls map[string]string
}

func newVendors(t *testing.T) *vendors {
	t.Helper()
	v := &vendors{
		deepgram: deepgramtest.New(), openai: openaitest.New(), anthropic: anthropictest.New(), elevenlabs: elevenlabstest.New(),
		urls: map[string]string{},
	}
	for name, h := range map[string]http.Handler{
		"deepgram": v.deepgram, "openai": v.openai, "anthropic": v.anthropic, "elevenlabs": v.elevenlabs,
	} {
		srv := httptest.NewServer(h)
		t.Cleanup(srv.Close)
		v.urls[name] = srv.URL
	}

	return v
}

// agent reads an agent's configuration; NAME_URL in it is a vendor's address.
func (v *vendors) agent(t *testing.T, src string) *config.Agent {
	t.Helper()
	for name, u := range v.urls {
		src = strings.ReplaceAll(src, strings.ToUpper(name)+"_URL", u)
	}
	src = "agents:\n  - name: reception\n" + strings.ReplaceAll(strings.ReplaceAll(src, "GOOD", goodKey), "WRONG", wrongKey)
	c, err := config.Parse("t.yaml", []byte(src), config.Overrides{})
	if err != nil {
		t.Fatal(err)
	}

	return &c.Agents[0]
}

// logged is what was logged.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()

	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()

	return l.b.String()
}

// opened is an agent's engines with what they tell.
type opened struct {
	*Set

	registry *prometheus.Registry
	log      *logged
}

func mustOpen(t *testing.T, a *config.Agent) *opened {
	t.Helper()
	o := &opened{registry: prometheus.NewRegistry(), log: &logged{}}
	metrics, err := NewMetrics(o.registry)
	if err != nil {
		t.Fatal(err)
	}
	o.Set, err = Open(t.Context(), Options{StateDir: t.TempDir(), Metrics: metrics, Log: slog.New(slog.NewTextHandler(o.log, nil))}, a)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	})

	return o
}

const trio = `
    recogniser: {engine: deepgram, deepgram: {base_url: "DEEPGRAM_URL", key_env: GOOD}, price: {per_minute: 0.6}}
    model:
      engine: anthropic
      anthropic: {model: small, base_url: "ANTHROPIC_URL", key_env: WRONG}
      fallback: [{engine: openai, openai: {model: test, base_url: "OPENAI_URL", key_env: GOOD}, price: {input_per_million: 1, output_per_million: 2}}]
    voice: {engine: elevenlabs, elevenlabs: {voice: anna, model: test, base_url: "ELEVENLABS_URL", key_env: GOOD}, price: {chars_per_million: 100}}
`

func (v *vendors) say() {
	v.deepgram.Script().Say(asrtest.Reply{Partials: []string{"tues"}, Final: "tuesday"})
	v.openai.Script().Say(llmtest.Reply{Text: []string{"We are ", "open."}, Usage: &pipeline.Usage{InputTokens: 10, OutputTokens: 3}})
	v.elevenlabs.Script().Say(ttstest.Reply{Octets: bytes.Repeat([]byte{0x10}, 1600)})
}

func read(ctx context.Context, m pipeline.Model) (string, error) {
	var text strings.Builder
	for d, err := range m.Generate(ctx, pipeline.Request{History: []pipeline.Message{{Role: pipeline.Caller, Text: "when are you open"}}}) {
		if err != nil {
			return text.String(), err
		}
		text.WriteString(d.Text)
	}

	return text.String(), nil
}

func TestAnAgentOfVendors(t *testing.T) {
	t.Parallel()
	v := newVendors(t)
	v.say()
	s := mustOpen(t, v.agent(t, trio))
	var spent []string
	ctx := pipeline.WithNews(t.Context(), func(n pipeline.News) {
		if n.Kind == pipeline.Charged {
			spent = append(spent, fmt.Sprint(n.Stage, " ", n.Provider, " ", int64(n.Cost)))
		}
	})
	if text, err := read(ctx, s.Model); err != nil || text != "We are open." {
		t.Fatalf("%q, %v", text, err)
	}
	samples := 0
	for c, err := range s.Synthesizer.Synthesize(ctx, "Hello.") {
		if err != nil {
			t.Fatal(err)
		}
		samples += len(c.Samples)
	}
	if samples != 1600 {
		t.Errorf("the voice gave %d samples", samples)
	}
	r, err := s.Recognizer.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.Begin(1)
	for range 15 {
		r.Write(&media.Frame{1, 2, 3})
	}
	r.End()
	for words := range r.Transcripts() {
		if words.Err != nil {
			t.Fatal(words.Err)
		}
		if words.Final {
			if words.Text != "tuesday" {
				t.Errorf("heard %q", words.Text)
			}

			break
		}
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if want := []string{"think openai 16000", "speak elevenlabs 600000"}; cmp.Diff(want, spent) != "" {
		t.Errorf("charged %q, want %q", spent, want)
	}
	s.told(t)
}

// told checks what is told of the agent's providers after one of each stage
// worked and the first model refused the key.
func (o *opened) told(t *testing.T) {
	t.Helper()
	var got []string
	for _, p := range o.Providers() {
		h := p.Health(time.Now())
		got = append(got, fmt.Sprint(p.Stage, " ", p.Order, " ", p.Name, " ", p.Model, " ", h.Breaker, " ", h.Failures, " ", h.Latest))
		if u, err := url.Parse("http://" + p.Host); err != nil || u.Hostname() != "127.0.0.1" {
			t.Errorf("%s is at %q", p.Name, p.Host)
		}
	}
	want := []string{
		"think 1 anthropic small open 1 rejected", "think 2 openai test closed 0 ",
		"speak 1 elevenlabs test anna closed 0 ", "recognise 1 deepgram nova-3 closed 0 ",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	page := httptest.NewRecorder()
	promhttp.HandlerFor(o.registry, promhttp.HandlerOpts{}).ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, want := range []string{
		`trunkline_provider_breaker_state{agent="reception",provider="anthropic",stage="think"} 2`,
		`trunkline_provider_breaker_state{agent="reception",provider="deepgram",stage="recognise"} 0`,
		`trunkline_provider_failures_total{agent="reception",kind="rejected",provider="anthropic",stage="think"} 1`,
		`trunkline_provider_first_byte_seconds_count{agent="reception",provider="openai",stage="think"} 1`,
		`trunkline_provider_first_byte_seconds_count{agent="reception",provider="elevenlabs",stage="speak"} 1`,
		`trunkline_provider_first_byte_seconds_count{agent="reception",provider="deepgram",stage="recognise"} 1`,
	} {
		if !strings.Contains(page.Body.String(), want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	log := o.log.String()
	if !strings.Contains(log, `agent=reception stage=think provider=anthropic kind=rejected`) {
		t.Errorf("the failure is not logged: %s", log)
	}
	for _, key := range []string{wrong, vendortest.Key} {
		if strings.Contains(log, key) {
			t.Errorf("the key %s is in the log: %s", key, log)
		}
	}
}

func TestKeysAreChecked(t *testing.T) {
	t.Parallel()
	v := newVendors(t)
	s := mustOpen(t, v.agent(t, trio))
	for _, p := range s.Providers() {
		err := p.Check(t.Context())
		if bad := p.Name == "anthropic"; (err != nil) != bad || bad && pipeline.Fault(err).Kind != pipeline.Rejected {
			t.Errorf("%s: %v", p.Name, err)
		}
		if took, err := p.Warm(t.Context()); err != nil || took <= 0 {
			t.Errorf("%s: warm: %v, %v", p.Name, took, err)
		}
	}
	local := mustOpen(t, v.agent(t, declaredAgent))
	for _, p := range local.Providers() {
		if err := p.Check(t.Context()); !errors.Is(err, ErrNothingToAsk) {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
}

const declaredAgent = `
    recogniser: {engine: declared, declared: {says: [yes]}}
    model: {engine: declared, declared: {replies: [Good.]}}
    voice: {engine: declared}
`

func TestProbes(t *testing.T) {
	t.Parallel()
	v := newVendors(t)
	v.say()
	s := mustOpen(t, v.agent(t, trio))
	for _, p := range s.Providers() {
		took, err := p.Probe(t.Context())
		if bad := p.Name == "anthropic"; (err != nil) != bad || !bad && took <= 0 {
			t.Errorf("%s: %v, %v", p.Name, took, err)
		}
		units, known := p.Cost()
		want := map[string]float64{"deepgram": .02, "openai": 60e-6, "elevenlabs": 26e-4, "anthropic": 0}[p.Name]
		if diff := units - want; diff > 1e-9 || diff < -1e-9 || known != (want > 0) {
			t.Errorf("%s costs %v (known: %v), want %v", p.Name, units, known, want)
		}
	}
	for _, p := range mustOpen(t, v.agent(t, declaredAgent)).Providers() {
		if _, err := p.Probe(t.Context()); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
		if units, known := p.Cost(); units != 0 || !known {
			t.Errorf("%s costs %v (known: %v)", p.Name, units, known)
		}
	}
}

func TestAllMissingKeysAreNamed(t *testing.T) {
	t.Parallel()
	v := newVendors(t)
	a := v.agent(t, strings.ReplaceAll(trio, "GOOD", noKey))
	_, err := Open(t.Context(), Options{StateDir: t.TempDir()}, a)
	if err == nil {
		t.Fatal("it opens without keys")
	}
	for _, want := range []string{
		`agent "reception"`, "recogniser deepgram: the environment variable " + noKey + " is empty",
		"model fallback[0] openai: the environment variable " + noKey, "voice elevenlabs: the environment variable " + noKey,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("it does not say %q: %v", want, err)
		}
	}
	if _, err := OpenModel(Options{}, a); err == nil || strings.Contains(err.Error(), "deepgram") {
		t.Errorf("the model alone: %v", err)
	}
}

const spanish = `{filler: [], idle: [Hola], not_heard: "¿Cómo?", goodbye: Adiós., hand_off: Enseguida., apology: Perdón.,
        trouble: Adiós., cap_warning: Falta poco., cap_goodbye: Adiós.}`

func TestNamesRulesAndLanguages(t *testing.T) {
	t.Parallel()
	v := newVendors(t)
	v.openai.Script().Say(llmtest.Reply{Text: []string{"Yes."}})
	s := mustOpen(t, v.agent(t, `
    recogniser: {engine: deepgram, deepgram: {base_url: "DEEPGRAM_URL", key_env: GOOD}}
    model:
      engine: openai
      openai: {model: large, base_url: "OPENAI_URL", key_env: GOOD}
      fallback: [{engine: openai, openai: {model: other, base_url: "OPENAI_URL", key_env: GOOD}}]
      rules:
        - {after: 5m, model: {engine: openai, openai: {model: small, base_url: "OPENAI_URL", key_env: GOOD}}}
        - {after: 9m, tokens: 100, model: {engine: openai, openai: {model: tiny, base_url: "OPENAI_URL", key_env: WRONG}}}
    voice: {engine: elevenlabs, elevenlabs: {voice: anna, base_url: "ELEVENLABS_URL", key_env: GOOD}}
    languages:
      - {language: es, voice: {engine: elevenlabs, elevenlabs: {voice: ana, base_url: "ELEVENLABS_URL", key_env: GOOD}}, lines: `+spanish+`}
      - {language: en-GB}
`))
	var got []string
	for _, p := range s.Providers() {
		got = append(got, strings.TrimSpace(fmt.Sprint(p.Stage, " ", p.Order, " ", p.Name, " ", p.Model, " ", p.Language, p.Rule)))
	}
	want := []string{
		"think 1 openai large", "think 2 openai-2 other", "think 1 openai-3 small after 5m0s", "think 1 openai-4 tiny after 9m0s or 100 tokens",
		"speak 1 elevenlabs eleven_flash_v2_5 anna", "recognise 1 deepgram nova-3",
		"speak 1 elevenlabs-es eleven_flash_v2_5 ana es", "recognise 1 deepgram-es nova-3 es",
		"recognise 1 deepgram-en-GB nova-3 en-GB",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if len(s.Others) != 2 || s.Others[0].Synthesizer == s.Synthesizer || s.Others[1].Synthesizer != s.Synthesizer {
		t.Error("a language without a voice of its own does not share the agent's")
	}
	asked := func(req pipeline.Request) string {
		req.History = []pipeline.Message{{Role: pipeline.Caller, Text: "hello"}}
		for _, err := range s.Model.Generate(t.Context(), req) {
			if err != nil {
				t.Fatal(err)
			}
		}
		all := v.openai.Script().Asked()

		return all[len(all)-1].Model
	}
	if got := asked(pipeline.Request{}); got != "large" {
		t.Errorf("a new call has the model %s", got)
	}
	if got := asked(pipeline.Request{Elapsed: 6 * time.Minute}); got != "small" {
		t.Errorf("a long call has the model %s", got)
	}
	if got := asked(pipeline.Request{Elapsed: 6 * time.Minute, Tokens: 100}); got != "large" {
		t.Errorf("where the rule's model refuses the call has the model %s", got)
	}
}

func TestBreakersFollowTheConfiguration(t *testing.T) {
	t.Parallel()
	v := newVendors(t)
	v.openai.Script().Say(llmtest.Reply{Status: http.StatusInternalServerError, Code: "server_error"})
	s := mustOpen(t, v.agent(t, `
    recogniser: {engine: declared, declared: {says: [yes]}}
    model: {engine: openai, openai: {model: m, base_url: "OPENAI_URL", key_env: GOOD}, breaker: {failures: 2, cool_down: 1h, longest: 2h}}
    voice: {engine: declared}
`))
	p := s.Providers()[0]
	for i, want := range []breaker.State{breaker.Closed, breaker.Open} {
		if _, err := read(t.Context(), s.Model); err == nil {
			t.Fatal("it does not fail")
		}
		if h := p.Health(time.Now()); h.Breaker != want || h.Failures != i+1 || h.Latest != pipeline.Unavailable {
			t.Errorf("after failure %d: %+v", i+1, h)
		}
	}
	if until := p.Health(time.Now()).Until; time.Until(until) < 50*time.Minute {
		t.Errorf("it rests until %v", until)
	}
}

func TestThisMachinesEnginesAreNotWrapped(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, newVendors(t).agent(t, declaredAgent))
	if _, wrapped := s.Model.(measuredModel); !wrapped {
		t.Errorf("the model is a %T", s.Model)
	}
	if text, err := read(t.Context(), s.Model); err != nil || text != "Good." {
		t.Errorf("%q, %v", text, err)
	}
}

func TestPercentile(t *testing.T) {
	t.Parallel()
	times := []time.Duration{5, 1, 4, 2, 3}
	for part, want := range map[float64]time.Duration{0: 1, .2: 1, .5: 3, .95: 5, 1: 5} {
		if got := Percentile(times, part); got != want {
			t.Errorf("%v: %d, want %d", part, got, want)
		}
	}
	if got := Percentile(nil, .5); got != 0 {
		t.Errorf("of nothing: %v", got)
	}
}

// TestTexts tells whose words are said.
func TestTexts(t *testing.T) {
	t.Parallel()
	v := newVendors(t)
	a := v.agent(t, declaredAgent+"    greeting: Hi.\n    lines: {goodbye: Bye., filler: []}\n    speculation: {enabled: true}\n    protected: [greeting]\n")
	texts := mustOpen(t, a).Texts(a)
	if texts.Greeting != "Hi." || texts.Goodbye != "Bye." || texts.Apology == "" || len(texts.Idle) != 1 || len(texts.Filler) != 0 {
		t.Errorf("%+v", texts)
	}
	c := Conversation(a)
	if c.Turn.Speculation.PerTurn != 2 || len(c.Turn.Protected) != 1 || c.Front == nil || c.Front() == nil {
		t.Errorf("%+v", c.Turn)
	}
	a = v.agent(t, trio)
	if Conversation(a).Front != nil {
		t.Error("what a vendor hears is cleaned")
	}
	in := TextsIn(a, &config.AgentLanguage{Language: "es", Greeting: "Hola.", Lines: config.Lines{Goodbye: "Adiós."}})
	if in.Greeting != "Hola." || in.Goodbye != "Adiós." || in.Language != "es" {
		t.Errorf("in Spanish: %+v", in)
	}
	script, err := OpenModel(Options{}, v.agent(t, "    model: {engine: script}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := script.Texts(a).Greeting; !strings.Contains(got, "How can I help you?") {
		t.Errorf("the script's greeting is %q", got)
	}
}
