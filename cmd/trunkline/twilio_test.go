package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"trunkline/config"
	"trunkline/twilio"
	"trunkline/twilio/carrier"
)

const accountNumber = "+12025550100"

// twilioTestToken is the account's secret in the tests' environment.
const twilioTestToken = "leak-twilio-77aa"

// account is a fake Twilio and a configuration that uses it.
type account struct {
	far    *carrier.Carrier
	config config.Config
	file   string
}

func newAccount(t *testing.T, public string) *account {
	t.Helper()
	a := &account{far: carrier.New(carrier.Options{
		AccountSID: "AC0123", AuthToken: twilioTestToken,
		Numbers: []carrier.Number{{Number: accountNumber, VoiceURL: "https://u:geheim@old.example.com/voice"}},
	})}
	if err := a.far.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.far.Stop)
	text := fmt.Sprintf(`
twilio:
  public_url: %s
  accounts:
    - {name: main, agent: reception, account_sid: AC0123, auth_token_env: TRUNKLINE_TEST_TWILIO, api: "%s", numbers: ["%s"]}
`, public, a.far.URL(), accountNumber)
	a.file = write(t, "twilio.yaml", text)
	var err error
	if a.config, err = config.Load(a.file, config.Overrides{}); err != nil {
		t.Fatal(err)
	}

	return a
}

func TestTwilioConnect(t *testing.T) {
	t.Parallel()
	a := newAccount(t, "https://voice.example.com")
	connect := func(in string, more ...string) (int, string, string) {
		return command(t, in, append([]string{"--config", a.file, "twilio", "connect"}, more...)...)
	}
	code, out, errs := connect("n\n", accountNumber)
	if code != exitUsage || !strings.Contains(errs, "nothing was changed") || a.far.Numbers()[0].VoiceURL != "https://u:geheim@old.example.com/voice" {
		t.Errorf("a no: exit %d: %s%s", code, out, errs)
	}
	for _, want := range []string{"before  https://u:xxxxx@old.example.com/voice", "after   https://voice.example.com/main/voice", "(nothing)", "/main/fallback", "/main/status"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not show %q: %s", want, out)
		}
	}
	if code, out, errs = connect("", accountNumber, "--yes"); code != exitOK {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	n := a.far.Numbers()[0]
	if n.VoiceURL != "https://voice.example.com/main/voice" || n.StatusCallback != "https://voice.example.com/main/status" || n.VoiceFallbackURL == "" {
		t.Errorf("the number has %+v", n)
	}
	if code, out, _ = connect("", accountNumber); code != exitOK || !strings.Contains(out, "nothing is to be changed") {
		t.Errorf("again: exit %d: %s", code, out)
	}
	if code, _, errs = connect("", "+12025550177", "--yes"); code != exitFailed || !strings.Contains(errs, "not one of the Twilio account's") {
		t.Errorf("a number of others: exit %d: %s", code, errs)
	}
	if code, _, errs = connect("", accountNumber, "--account", "other"); code != exitUsage || !strings.Contains(errs, `"other"`) {
		t.Errorf("another account: exit %d: %s", code, errs)
	}
	if code, _, errs = command(t, "", "twilio", "connect", accountNumber); code != exitUsage || !strings.Contains(errs, "twilio.accounts") {
		t.Errorf("no account: exit %d: %s", code, errs)
	}
}

// outside is the internet's side of a gateway: TLS that a balancer ends, or
// what else the handler does.
func outside(t *testing.T, handler http.Handler) (public string, check twilioCheckCmd) {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	transport := server.Client().Transport.(*http.Transport)
	t.Cleanup(transport.CloseIdleConnections)
	trusted := &tls.Config{RootCAs: transport.TLSClientConfig.RootCAs, MinVersion: tls.VersionTLS12}

	return server.URL, twilioCheckCmd{transport: transport, dialer: &websocket.Dialer{TLSClientConfig: trusted, HandshakeTimeout: 5 * time.Second}}
}

// nobody takes no calls.
type nobody struct{ t *testing.T }

func (n nobody) Incoming(c *twilio.Call) { n.t.Errorf("a call came: %v", c.Info()) }

// balancer passes requests on to a door, which is made for its public URL.
func balancer(t *testing.T) (a *account, check twilioCheckCmd) {
	t.Helper()
	var target *url.URL
	public, check := outside(t, &httputil.ReverseProxy{
		Rewrite:  func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	})
	a = newAccount(t, public)
	door := twilioConfig(&a.config, slog.New(slog.DiscardHandler))
	door.Listen = "127.0.0.1:0"
	server, err := twilio.New(door, nobody{t})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := server.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	target = &url.URL{Scheme: "http", Host: server.Addr().String()}

	return a, check
}

func TestTwilioCheck(t *testing.T) {
	t.Parallel()
	a, check := balancer(t)
	a.config.Twilio.NodeURL = a.config.Twilio.PublicURL
	var out strings.Builder
	if err := check.all(t.Context(), &a.config, &out); err == nil || !strings.Contains(out.String(), "FAIL  main: numbers: "+accountNumber+": its calls go to https://u:xxxxx@old") {
		t.Errorf("a number that points elsewhere: %v\n%s", err, out.String())
	}
	if code, _, errs := command(t, "", "--config", a.file, "twilio", "connect", accountNumber, "--yes"); code != exitOK {
		t.Fatal(errs)
	}
	out.Reset()
	if err := check.all(t.Context(), &a.config, &out); err != nil || strings.Count(out.String(), "ok  ") != 6 {
		t.Errorf("%v\n%s", err, out.String())
	}
	if strings.Contains(out.String(), twilioTestToken) {
		t.Errorf("the secret is told: %s", out.String())
	}
}

// closesSockets stands for a balancer that opens WebSockets by itself.
func closesSockets(w http.ResponseWriter, r *http.Request) {
	if conn, err := (&websocket.Upgrader{}).Upgrade(w, r, nil); err == nil {
		conn.Close()
	}
}

// TestTwilioCheckFindsWhatIsWrong on the way from outside.
func TestTwilioCheckFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"nobody there":        {nil, "does the load balancer or the tunnel run?"},
		"another service":     {http.NotFound, "answered with 404"},
		"somebody in between": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, "answers in its place"},
		"a redirect": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://elsewhere.example")
			w.WriteHeader(http.StatusMovedPermanently)
		}, "configure the last one"},
		"another token":    {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, "has another auth token or another URL"},
		"sockets that end": {closesSockets, "messages do not get to the gateway and back"},
		"no WebSockets":    {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) }, "pass WebSockets on?"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handler := tc.handler
			if handler == nil {
				handler = func(w http.ResponseWriter, _ *http.Request) {
					if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
						_ = conn.Close()
					}
				}
			}
			public, check := outside(t, handler)
			a := newAccount(t, public)
			var out strings.Builder
			if err := check.all(t.Context(), &a.config, &out); err == nil || !strings.Contains(out.String(), tc.want) {
				t.Errorf("want %q: %v\n%s", tc.want, err, out.String())
			}
		})
	}
}

// TestTwilioCheckOfWrongCredentials names the account and no secret.
func TestTwilioCheckOfWrongCredentials(t *testing.T) {
	t.Parallel()
	public, check := outside(t, http.NotFoundHandler())
	a := newAccount(t, public)
	a.config.Twilio.Accounts[0].AccountSID = "AC9999"
	var out strings.Builder
	err := check.all(t.Context(), &a.config, &out)
	if err == nil || !strings.Contains(out.String(), "FAIL  main: credentials: Twilio does not accept the account's credentials") {
		t.Errorf("%v\n%s", err, out.String())
	}
}
