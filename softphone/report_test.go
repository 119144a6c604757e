package softphone

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"trunkline/media"
	"trunkline/sip"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestSummarise(t *testing.T) {
	t.Parallel()
	if got := Summarise(nil); got != (Summary{}) {
		t.Errorf("of nothing: %+v", got)
	}
	var d []time.Duration
	for i := range 100 {
		d = append(d, time.Duration(100-i)*time.Millisecond)
	}
	if got := Summarise(d); got != (Summary{100, 1, 50, 95, 100}) {
		t.Errorf("of 1 to 100 ms: %+v", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.IntRange(-1e6, 1e6).Draw(t, "us")) * time.Microsecond
		}), 1, 50).Draw(t, "durations")
		s := Summarise(d)
		if s.MinMS > s.P50MS || s.P50MS > s.P95MS || s.P95MS > s.MaxMS || s.Count != len(d) {
			t.Fatalf("%+v", s)
		}
	})
}

func TestMediaVerdict(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		in, out uint64
		spoke   bool
		want    string
	}{
		{100, 100, true, "both ways"},
		{100, 100, false, "one way: the agent sent only silence"},
		{0, 100, false, "one way: nothing came from the agent"},
		{100, 0, true, "one way: nothing was sent to the agent"},
		{0, 0, false, "none in either direction"},
	} {
		if got := mediaOf(&media.LegStats{PacketsIn: test.in, PacketsOut: test.out}, test.spoke).Verdict; got != test.want {
			t.Errorf("in %d, out %d: %q, want %q", test.in, test.out, got, test.want)
		}
	}
	m := mediaOf(&media.LegStats{PacketsIn: 980, Lost: 20, Jitter: 1234 * time.Microsecond}, true)
	if m.LostPercent != 2 || m.JitterMS != 1.2 {
		t.Errorf("media = %+v", m)
	}
}

func TestDialFailures(t *testing.T) {
	t.Parallel()
	over := func(cause error) context.Context {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)

		return ctx
	}
	refused := func(status int, reason string) error {
		return fmt.Errorf("sip: dial: %w", &sip.StatusError{Code: status, Reason: reason})
	}
	for _, test := range []struct {
		ctx  context.Context
		err  error
		kind Kind
		exit int
		want string
	}{
		{t.Context(), refused(486, "Busy Here"), Busy, 3, "sip:a@b: 486 Busy Here: try again later"},
		{t.Context(), refused(600, "Busy Everywhere"), Busy, 3, "sip:a@b: 600 Busy Everywhere"},
		{t.Context(), refused(503, "Service Unavailable"), Overloaded, 5, "sip:a@b: 503 Service Unavailable: try again later"},
		{t.Context(), refused(480, "Temporarily Unavailable"), NoAnswer, 6, "sip:a@b: 480 Temporarily Unavailable"},
		{t.Context(), refused(404, "Not Found"), Refused, 4, "sip:a@b: 404 Not Found: check the user part of the address"},
		{over(errNoAnswer), errNoAnswer, NoAnswer, 6, "sip:a@b: no answer in time: is a SIP server listening there, and does it know our address?"},
		{t.Context(), sip.ErrTimeout, NoAnswer, 6, "sip:a@b: no answer in time: is a SIP server listening there, and does it know our address?"},
		{t.Context(), fmt.Errorf("%w: refused", sip.ErrUnreachable), Unreachable, 7, "sip:a@b: the far end cannot be reached: refused"},
		{over(context.Canceled), context.Canceled, Aborted, 130, "sip:a@b: given up before the answer: context canceled"},
		{t.Context(), io.ErrUnexpectedEOF, Failed, 1, "sip:a@b: unexpected EOF"},
	} {
		e := dialFailure(test.ctx, "sip:a@b", test.err)
		if e.Kind != test.kind || e.Kind.ExitCode() != test.exit || e.Error() != test.want || !errors.Is(e, test.err) {
			t.Errorf("%v: %v (exit %d): %q, want %q", test.err, e.Kind, e.Kind.ExitCode(), e, test.want)
		}
	}
}

// sample is a report with everything in it.
func sample() *Report {
	answered := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	ended := answered.Add(21400 * time.Millisecond)
	at := func(d time.Duration) *float64 { return ms(d) }

	return &Report{
		CallID: "3f2a@127.0.0.1", TrunklineCallID: "c-0042", Target: "sip:agent@127.0.0.1:5060",
		AnsweredAt: answered, EndedAt: ended, EndedBy: byAgent, EndCause: "the far end hung up",
		GreetingMS: at(41 * time.Millisecond),
		Turns: []Turn{
			{
				Step: 1, Said: "what-are-your-opening-hours", When: InTurn().String(),
				CallerStartMS: at(4200 * time.Millisecond), CallerEndMS: at(6310 * time.Millisecond),
				AgentStartMS: at(6950 * time.Millisecond), ResponseMS: at(640 * time.Millisecond),
			},
			{
				Step: 2, Said: "wait-stop", When: AfterAgentStarts(time.Second).String(), Interrupted: true,
				CallerStartMS: at(7950 * time.Millisecond), CallerEndMS: at(8700 * time.Millisecond), YieldMS: at(88 * time.Millisecond),
			},
			{Step: 3, Said: "12#", When: At(15 * time.Second).String()},
		},
		Response: Summary{1, 640, 640, 640, 640}, Yield: Summary{1, 88, 88, 88, 88},
		Media: Media{
			Verdict: bothWays, Codec: "PCMU", PacketsIn: 1068, PacketsOut: 1070, Lost: 2, LostPercent: 0.2, JitterMS: 0.4,
		},
		Recording: "out.wav",
		Warnings:  []string{"step 2 (wait-stop): the agent did not reply"},
		Transcript: &Transcript{
			ID: "c-0042", State: "ended", EndedAt: &ended, EndReason: "agent_hung_up", Fault: "none",
			Turns: []TranscriptTurn{
				{Role: "agent", Text: "Hello. How can I help you?", HeardText: "Hello. How can I help you?"},
				{Role: "caller", Text: "what are your opening hours"},
				{
					Role: "agent", Text: "We are open from nine to five.", HeardText: "We are open", Interrupted: true,
					LatencyMS: map[string]float64{"total": 640, "endpoint": 420, "first_token": 30, "first_audio": 190},
				},
			},
		},
	}
}

func TestWriteText(t *testing.T) {
	t.Parallel()
	bare := &Report{
		Target: "sip:agent@127.0.0.1", EndedBy: byCaller, EndCause: "no RTP came", Media: Media{Verdict: "none in either direction", Codec: "PCMA"},
		TranscriptNote: "no transcript: the gateway's API is not reachable",
	}
	for name, report := range map[string]*Report{"whole": sample(), "bare": bare} {
		var got bytes.Buffer
		if err := report.WriteText(&got); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", name+".txt")
		if *update {
			if err := os.WriteFile(path, got.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if err := sample().WriteText(brokenPipe{}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a broken pipe gives %v", err)
	}
}

// The report is JSON that says what is missing with null.
func TestReportAsJSON(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(sample())
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample(), &back); diff != "" {
		t.Errorf("after JSON and back (-want +got):\n%s", diff)
	}
	for _, want := range []string{`"call_id":"3f2a@127.0.0.1"`, `"response_ms":640,`, `"response_ms":null`, `"held_up_ms":0`, `"ended_by":"agent"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("JSON lacks %s:\n%s", want, text)
		}
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// api answers without a network, so that it works in virtual time.
type api func(*http.Request) *http.Response

func (a api) RoundTrip(r *http.Request) (*http.Response, error) {
	if res := a(r); res != nil {
		return res, nil
	}

	return nil, errors.New("connection refused")
}

func reply(status int, body string) *http.Response {
	rec := httptest.NewRecorder()
	rec.WriteHeader(status)
	rec.WriteString(body)

	return rec.Result()
}

const (
	openRecord   = `{"id":"c-7","state":"answered","started_at":"2026-11-20T09:00:00Z","turns":[{"role":"agent","text":"Hello"}]}`
	closedRecord = `{"id":"c-7","state":"ended","ended_at":"2026-11-20T09:00:20Z","end_reason":"caller_hung_up","fault":"none",
		"turns":[{"role":"agent","text":"Hello","heard_text":"Hello","interrupted":false,"latency_ms":{"total":12.5}}]}`
)

func TestFetchTranscript(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		api   func(request int) *http.Response
		took  time.Duration
		turns int
		note  string
	}{
		{"closed", func(int) *http.Response { return reply(200, closedRecord) }, 0, 1, ""},
		{"written behind the call", func(n int) *http.Response {
			return [...]*http.Response{reply(404, ""), reply(200, openRecord), reply(200, closedRecord)}[n]
		}, 200 * time.Millisecond, 1, ""},
		{
			"never closed", func(int) *http.Response { return reply(200, openRecord) }, 3 * time.Second, 1,
			"the gateway has not closed the record yet: the transcript may lack the last turns",
		},
		{
			"unknown", func(int) *http.Response { return reply(404, "") }, 3 * time.Second, 0,
			"no transcript: softphone: get http://gateway:8080/v1/calls/c%2F7: the gateway has no record of the call",
		},
		{
			"unreachable", func(int) *http.Response { return nil }, 0, 0,
			`no transcript: softphone: the gateway's API is not reachable: Get "http://gateway:8080/v1/calls/c%2F7": connection refused`,
		},
		{
			"failing", func(int) *http.Response { return reply(500, "") }, 0, 0,
			"no transcript: softphone: get http://gateway:8080/v1/calls/c%2F7: the gateway's API answered 500 Internal Server Error",
		},
		{
			"another server", func(int) *http.Response { return reply(200, "<html>") }, 0, 0,
			"no transcript: softphone: get http://gateway:8080/v1/calls/c%2F7: not a call record: invalid character '<' looking for beginning of value",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				requests := 0
				client := &http.Client{Transport: api(func(r *http.Request) *http.Response {
					if r.URL.EscapedPath() != "/v1/calls/c%2F7" {
						t.Errorf("path %s", r.URL.EscapedPath())
					}
					requests++

					return test.api(requests - 1)
				})}
				report := &Report{TrunklineCallID: "c/7"}
				began := time.Now()
				report.addTranscript(t.Context(), client, "http://gateway:8080/")
				if took := time.Since(began); took != test.took {
					t.Errorf("took %v, want %v", took, test.took)
				}
				if report.TranscriptNote != test.note {
					t.Errorf("note %q, want %q", report.TranscriptNote, test.note)
				}
				if (report.Transcript != nil) != (test.turns > 0) || report.Transcript != nil && len(report.Transcript.Turns) != test.turns {
					t.Errorf("transcript %+v", report.Transcript)
				}
			})
		})
	}
}

func TestTranscriptOfAnotherServer(t *testing.T) {
	t.Parallel()
	var report Report
	report.AddTranscript(t.Context(), "http://127.0.0.1:1")
	if !strings.Contains(report.TranscriptNote, "the far end is not trunkline") {
		t.Errorf("note %q", report.TranscriptNote)
	}
}

func TestFetchTranscriptIsCancelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		client := &http.Client{Transport: api(func(*http.Request) *http.Response { return reply(404, "") })}
		if _, err := fetchTranscript(ctx, client, "http://gateway", "c-7"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error = %v", err)
		}
	})
}
