package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"trunkline/config"
	"trunkline/console"
	"trunkline/softphone"
	"trunkline/storage/cluster/clustertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(withCluster{m}) }

// withCluster runs the tests beside a PostgreSQL server.
type withCluster struct{ m *testing.M }

func (w withCluster) Run() int {
	setKeys()

	return clustertest.Main(w.m)
}

// output is what a command wrote, also while it still runs.
type output struct {
	mu sync.Mutex
	b  strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()

	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()

	return o.b.String()
}

// command runs a command line to its end.
func command(t *testing.T, in string, args ...string) (code int, out, err string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var stdout, stderr output
	code = run(ctx, args, &streams{in: strings.NewReader(in), out: &stdout, err: &stderr})

	return code, stdout.String(), stderr.String()
}

// write makes a file of the test.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}

	return path
}

func TestAWrongCommandLine(t *testing.T) {
	t.Parallel()
	bad := write(t, "bad.yaml", "sip:\n  lissten: []\n")
	wav := filepath.Join("..", "..", "testdata", "audio", "tuesday.wav")
	noWAV := write(t, "noise.wav", "RIFF and nothing else")
	for _, tc := range []struct {
		args []string
		says string
	}{
		{nil, "expected one of"},
		{[]string{"answer"}, "unexpected argument answer"},
		{[]string{"serve", "--loud"}, "unknown flag --loud"},
		{[]string{"call"}, "<sip-uri>"},
		{[]string{"call", "sip:a@127.0.0.1", "--play", "/no/such.wav"}, "/no/such.wav"},
		{[]string{"call", "sip:a@127.0.0.1", "--play", noWAV}, noWAV},
		{[]string{"call", "sip:a@127.0.0.1", "--play", noWAV, "--at", "1s"}, noWAV},
		{[]string{"call", "sip:a@127.0.0.1", "--play", wav, "--at", "1s,2s"}, "2 times (--at) for 1 files (--play)"},
		{[]string{"call", "sip:a@127.0.0.1", "--at", "soon"}, "--at"},
		{[]string{"call", "tel:+15550100"}, "tel:"},
		{[]string{"why"}, "<call-id>"},
		{[]string{"why", "yesterday"}, `"yesterday" is no id`},
		{[]string{"talk", "--agent", "nobody"}, `no agent is called "nobody"`},
		{[]string{"--config", bad, "check"}, bad + `:2:3: unknown key "lissten"`},
		{[]string{"--config", bad, "serve"}, bad + ":2:3"},
		{[]string{"--config", "/no/such.yaml", "serve"}, "/no/such.yaml"},
		{[]string{"--sip", "here", "serve"}, `"udp:here" is not udp:ADDRESS:PORT`},
	} {
		t.Run(strings.Join(tc.args, " "), func(t *testing.T) {
			t.Parallel()
			code, _, stderr := command(t, "", tc.args...)
			if code != exitUsage || !strings.Contains(stderr, tc.says) {
				t.Errorf("exit %d, want %d with %q: %s", code, exitUsage, tc.says, stderr)
			}
			if _, cause, found := strings.Cut("\n"+stderr, "\ntrunkline: "); !found || !strings.Contains(cause, tc.says) {
				t.Errorf("it does not end with the cause: %s", stderr)
			}
		})
	}
}

func TestHelpAndVersion(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]string{
		"--help":  "Answer calls until stopped.",
		"version": "trunkline " + version,
	} {
		code, out, stderr := command(t, "", arg)
		if code != exitOK || !strings.Contains(out, want) || stderr != "" {
			t.Errorf("%s: exit %d: %s%s", arg, code, out, stderr)
		}
	}
}

func TestEveryCommandHasHelp(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"serve", "demo", "call", "talk", "check", "migrate", "why", "bench", "version"} {
		code, out, _ := command(t, "", name, "--help")
		if code != exitOK || !strings.Contains(out, "Usage: trunkline "+name) {
			t.Errorf("%s: exit %d: %s", name, code, out)
		}
	}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err  error
		want int
	}{
		{errors.New("anything"), exitFailed},
		{usageError("wrong"), exitUsage},
		{&config.Error{}, exitUsage},
		{&softphone.Error{Kind: softphone.Busy}, softphone.Busy.ExitCode()},
		{&softphone.Error{Kind: softphone.Unreachable}, softphone.Unreachable.ExitCode()},
		{errCheck, exitFailed},
	} {
		for _, err := range []error{tc.err, fmt.Errorf("wrapped: %w", tc.err), errors.Join(errors.New("and"), tc.err)} {
			if got := exitCode(err); got != tc.want {
				t.Errorf("%v: %d, want %d", err, got, tc.want)
			}
		}
	}
}

func TestTalk(t *testing.T) {
	t.Parallel()
	code, out, stderr := command(t, "when are you open\nthank you goodbye\nnobody reads this\n", "talk")
	if code != exitOK {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	for _, want := range []string{"How can I help you?", "nine in the morning", "Goodbye."} {
		if !strings.Contains(out, want) {
			t.Errorf("nobody said %q: %s", want, out)
		}
	}
	if strings.Contains(out, "{") {
		t.Errorf("a variable was not filled in: %s", out)
	}
}

// gatewayConfig is a configuration that needs no engine and no free port.
func gatewayConfig(t *testing.T, more string) string {
	t.Helper()

	return write(t, "trunkline.yaml", fmt.Sprintf(`
state_dir: %s
log: {level: error}
sip: {listen: ["udp:127.0.0.1:0", "tcp:127.0.0.1:0"]}
http: {listen: "127.0.0.1:0"}
database: {url: %q}
agents:
  - name: reception
    recogniser: {engine: declared, pool: 2, declared: {says: [goodbye]}}
    model: {engine: declared, declared: {replies: [Goodbye.]}}
    voice: {engine: declared}
%s`, t.TempDir(), clustertest.URL(t), more))
}

func TestCheckSaysWhatItWouldUse(t *testing.T) {
	t.Parallel()
	file := gatewayConfig(t, "")
	code, out, stderr := command(t, "", "--config", file, "check")
	want := []string{
		"ok    configuration: " + file,
		"ok    ports: udp:127.0.0.1:0, tcp:127.0.0.1:0, http:127.0.0.1:0",
		"ok    audio: UDP ports 16384 to 32767 on 127.0.0.1, for up to 500 calls",
		"ok    database: ", // then where, and the schema
		"ok    agents: reception (recogniser declared for 2 calls, model declared, voice declared)",
		"ok    recordings: off",
		"ok    traces: off",
	}
	got := strings.Split(strings.TrimSpace(out), "\n")
	if code != exitOK || len(got) != len(want) {
		t.Fatalf("exit %d: %s%s", code, out, stderr)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("got %q, want %q", got[i], want[i])
		}
	}
	if !strings.Contains(got[3], "serve will bring its schema from 0 to ") {
		t.Errorf("the schema of an empty database: %s", got[3])
	}
	if code, out, _ := command(t, "", "--config", file, "migrate"); code != exitOK || !strings.Contains(out, "the database has schema") {
		t.Errorf("migrate: exit %d: %s", code, out)
	}
	if _, out, _ := command(t, "", "--config", file, "check"); strings.Contains(out, "serve will bring") {
		t.Errorf("the schema of a database that is up to date: %s", out)
	}
}

func TestCheckNamesAllThatFails(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := gatewayConfig(t, "recording: {enabled: true, directory: /dev/null/recordings}\n")
	code, out, stderr := command(t, "",
		"--config", file, "--sip", taken.Addr().String(), "--database-url", "postgres://127.0.0.1:1/none", "check")
	if code != exitFailed || !strings.Contains(stderr, "see the lines marked FAIL") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	for _, want := range []string{
		"FAIL  ports: sip.listen tcp:" + taken.Addr().String(), "Stop what uses it or choose another port",
		"FAIL  recordings: recording.directory", "ok    agents", "ok    audio",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q: %s", want, out)
		}
	}
}

// A configuration is checked while its own gateway runs.
func TestCheckBesideTheRunningGateway(t *testing.T) {
	t.Parallel()
	api := httptest.NewServer(console.New(console.Config{}))
	defer api.Close()
	addr := strings.TrimPrefix(api.URL, "http://")
	_, out, _ := command(t, "", "--config", gatewayConfig(t, ""), "--http", addr, "check")
	if want := "ok    ports: in use by the gateway that runs at " + addr; !strings.Contains(out, want) {
		t.Errorf("it does not say %q: %s", want, out)
	}
}

func TestServeSaysHowToCallAndStops(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var stdout, stderr output
	file := gatewayConfig(t, "")
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, []string{"--config", file, "serve"}, &streams{in: strings.NewReader(""), out: &stdout, err: &stderr})
	}()
	deadline := time.After(30 * time.Second)
	for !strings.Contains(stdout.String(), "Stop it with ^C.") {
		select {
		case code := <-done:
			t.Fatalf("exit %d: %s", code, stderr.String())
		case <-deadline:
			t.Fatal("it does not serve")
		case <-time.After(10 * time.Millisecond):
		}
	}
	for _, want := range []string{"sip:reception@127.0.0.1:", "--play FILE.wav", "/calls"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("it does not say %q: %s", want, stdout.String())
		}
	}
	_, target, _ := strings.Cut(stdout.String(), "softphone   ")
	target, _, _ = strings.Cut(target, "\n")
	_, api, _ := strings.Cut(stdout.String(), "--api ")
	api, _, _ = strings.Cut(api, " ")
	code, out, callErr := command(t, "", "call", target, "--api", api, "--json",
		"--play", filepath.Join("..", "..", "testdata", "audio", "tuesday.wav"), "--at", "2s", "--max", "6s")
	if code != exitOK || !strings.Contains(out, `"both ways"`) {
		t.Errorf("call: exit %d: %s%s", code, out, callErr)
	}
	stop()
	if code := <-done; code != exitOK || !strings.HasSuffix(stdout.String(), "\nstopped\n") {
		t.Errorf("exit %d: %s%s", code, stdout.String(), stderr.String())
	}
}

func TestColumns(t *testing.T) {
	t.Parallel()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for name, w := range map[string]io.Writer{"a buffer": &output{}, "no terminal": null} {
		if got := columns(w); got != 0 {
			t.Errorf("%s has %d columns", name, got)
		}
	}
}
