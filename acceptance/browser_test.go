package acceptance

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"trunkline/config"
	"trunkline/sip/certs/certstest"
	"trunkline/storage"
)

// browserReport is what the page of testdata/browser measured.
type browserReport struct {
	Failure  string   `json:"failure"`
	Events   []string `json:"events"`
	Greeting float64  `json:"greeting"` // ms of the agent's first talkspurt
	Reply    float64  `json:"reply"`    // and of the one after the question
	Offer    string   `json:"offer"`
	Answer   string   `json:"answer"`
	Stats    []struct {
		Type            string `json:"type"`
		PacketsReceived int    `json:"packetsReceived"`
		PacketsSent     int    `json:"packetsSent"`
		DTLSState       string `json:"dtlsState"`
		SRTPCipher      string `json:"srtpCipher"`
	} `json:"stats"`
}

// Chromium calls over a secure WebSocket, with JsSIP and no word of
// configuration beside the listener: it has audio both ways, hears the
// agent after a hold too, and who reads the line reads nothing.
func TestBrowserCalls(t *testing.T) {
	t.Parallel()
	authority := certstest.NewAuthority(t)
	certificate := authority.Issue(t, t.TempDir(), "127.0.0.1")
	secure := freeAddr(t)
	page, reports := browserPage(t)
	g := serve(t, desk(), func(c *config.Config) {
		c.SIP.Listen = append(c.SIP.Listen, "wss:"+secure)
		c.SIP.TLS = config.TLS{Certificate: certificate.Certificate, Key: certificate.Key, Authorities: certificate.Authorities}
		c.SIP.Origins = []string{page.URL}
	})
	watch := g.watch(t)
	browse(t, page.URL+"/?"+url.Values{"gateway": {"wss://" + secure}, "agent": {"sip:desk@" + secure}}.Encode())
	var r browserReport
	select {
	case r = <-reports:
	case <-time.After(2 * patience):
		t.Fatal("the page reports nothing")
	}
	story := strings.Join(r.Events, "\n")
	if r.Failure != "" {
		t.Fatalf("the page's call failed: %s\n%s", r.Failure, story)
	}
	// A word takes 300 ms: the greeting has two, the reply seven.
	if r.Greeting < 300 || r.Reply < 1000 {
		t.Errorf("the browser heard a greeting of %.0f ms and a reply of %.0f ms\n%s", r.Greeting, r.Reply, story)
	}
	for _, line := range []string{"a=ice-lite", "a=setup:passive", "a=rtcp-mux", "a=group:BUNDLE 0"} {
		if !strings.Contains(r.Answer, line+"\r\n") {
			t.Errorf("the answer lacks %s:\n%s", line, r.Answer)
		}
	}
	checkBrowserStats(t, &r)

	h := g.only(t)
	checkEnd(t, h, "caller_hangup", storage.FaultCaller)
	if m := h.Call.Media; m.SRTP != "AES_CM_128_HMAC_SHA1_80" || m.Keying != "DTLS" || m.Missing != "" {
		t.Errorf("the audio was protected by %q, keys by %q, and lacked %q", m.SRTP, m.Keying, m.Missing)
	}
	words := texts(h)
	for _, turn := range []string{"what are your opening hours", "We are open all day, every day."} {
		if !strings.Contains(strings.Join(words, "\n"), turn) { // a machine that stands still cuts one talkspurt into two
			t.Errorf("turns %q lack %q", words, turn)
		}
	}
	if !slices.ContainsFunc(h.Events, func(e storage.Event) bool { return e.Kind == "key" }) {
		t.Errorf("the browser's key was not heard\n%s", story)
	}
	for _, all := range ladders(t, h) {
		if strings.Contains(all, "a=ice-pwd:") && !strings.Contains(all, "a=ice-pwd:***") {
			t.Error("the ladder tells the password of the checks")
		}
	}
	watch.streams(t) // ends the capture
	for _, at := range []string{h.Call.Media.Local, h.Call.Media.Remote} {
		port := netip.MustParseAddrPort(at).Port()
		if bits := entropy(t, watch, strconv.Itoa(int(port))); bits < 7.8 { // of 8; speech and silence in G.711 have less than 6
			t.Errorf("what %s sends has %.2f bits in an octet: it is not encrypted", at, bits)
		}
	}
}

func checkBrowserStats(t *testing.T, r *browserReport) {
	t.Helper()
	seen := map[string]bool{}
	for _, s := range r.Stats {
		seen[s.Type] = true
		switch {
		case s.Type == "inbound-rtp" && s.PacketsReceived < 20, s.Type == "outbound-rtp" && s.PacketsSent < 100:
			t.Errorf("%s: %d packets received, %d sent", s.Type, s.PacketsReceived, s.PacketsSent)
		case s.Type == "transport" && s.DTLSState != "connected":
			t.Errorf("the browser's DTLS is %s, by %s", s.DTLSState, s.SRTPCipher)
		}
	}
	for _, kind := range []string{"inbound-rtp", "outbound-rtp", "transport"} {
		if !seen[kind] {
			t.Errorf("the browser's statistics lack %s", kind)
		}
	}
}

// browserPage serves the page, and takes its report.
func browserPage(t *testing.T) (*httptest.Server, <-chan browserReport) {
	t.Helper()
	const dir = "testdata/browser"
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "jssip")); err != nil {
		message := "JsSIP is not installed: scripts/deps.sh test"
		if os.Getenv("TRUNKLINE_REQUIRE_PEERS") != "" {
			t.Fatal(message)
		}
		t.Skip(message)
	}
	reports := make(chan browserReport, 1)
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServer(http.Dir(dir)))
	mux.HandleFunc("/question.wav", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, "../testdata/audio/what-are-your-opening-hours.wav")
	})
	mux.HandleFunc("/report", func(_ http.ResponseWriter, r *http.Request) {
		var report browserReport
		if body, err := io.ReadAll(r.Body); err != nil {
			t.Error(err)
		} else if err := json.Unmarshal(body, &report); err != nil {
			t.Errorf("the page's report: %v: %s", err, body)
		}
		reports <- report
	})
	listener, err := net.Listen("tcp", freeAddr(t))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(mux)
	_ = server.Listener.Close()
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)

	return server, reports
}

// browse has Chromium show a page until the test ends.
func browse(t *testing.T, page string) {
	t.Helper()
	need(t, "chromium", "chromium")
	profile, err := os.MkdirTemp("", "trunkline-browser-")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--user-data-dir="+profile,
		"--disable-dev-shm-usage", "--ignore-certificate-errors", "--autoplay-policy=no-user-gesture-required",
		"--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
		"--allow-loopback-in-peer-connection", "--disable-features=WebRtcHideLocalIpsWithMdns",
		"--enable-logging=stderr", page)
	said := filepath.Join(t.TempDir(), "chromium")
	out, err := os.Create(said)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Env = environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // its helpers with it
		_ = cmd.Wait()
		_ = out.Close()
		_ = os.RemoveAll(profile) // a helper may be about to end in it
		if t.Failed() {
			t.Logf("chromium said:\n%s", tail(read(t, said)))
		}
	})
}
