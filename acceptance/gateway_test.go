package acceptance

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"trunkline/config"
	"trunkline/loopback"
	"trunkline/softphone"
	"trunkline/storage"
	"trunkline/storage/cluster/clustertest"
)

// RTP ports: each gateway has a range of its own, so that a capture tells
// gateways apart. Callers have ports above them all.
const (
	rtpFirst = 7000 // above the ports of sipp
	rtpRange = 200  // below the default range of media, which other tests use meanwhile
)

var gateways atomic.Int32

// gateway is a running `trunkline serve`.
type gateway struct {
	*process

	cfg   config.Config
	file  string // its configuration
	env   []string
	store *storage.Store // its database; nil when that is private
}

// desk is an agent with declared engines: its voice is a tone, 300 ms for each
// word.
func desk() config.Agent {
	return config.Agent{
		Name: "desk",
		Recogniser: config.Recogniser{Engine: "declared", Pool: 100, Declared: config.DeclaredRecogniser{
			FirstPartial: 100 * time.Millisecond, PartialEvery: 50 * time.Millisecond, Final: 50 * time.Millisecond,
			Says: []string{"what are your opening hours"},
		}},
		Model: config.Model{Engine: "declared", Declared: config.DeclaredModel{
			FirstToken: 30 * time.Millisecond, TokensPerSecond: 50,
			Replies: []string{"We are open all day, every day."},
		}},
		Voice:    config.Voice{Engine: "declared", Declared: config.DeclaredVoice{FirstAudio: 20 * time.Millisecond}},
		Greeting: "Hello there.",
		Idle:     []time.Duration{time.Minute},
	}
}

// configuration is a gateway on free ports of loopback, with no database yet.
func configuration(t *testing.T, a config.Agent) config.Config {
	t.Helper()
	n := int(gateways.Add(1))
	sip := freeAddr(t)
	c := config.Default()
	c.Node = fmt.Sprintf("node-%d", n)
	c.StateDir = t.TempDir()
	c.Log.Level = "debug"
	c.SIP.Listen = []string{"udp:" + sip, "tcp:" + sip}
	c.SIP.Trunks = []config.Trunk{{Name: "peers", Sources: []string{"127.0.0.1"}, Agent: a.Name}}
	c.Media.PortLow, c.Media.PortTop = rtpFirst+n*rtpRange, rtpFirst+(n+1)*rtpRange-1
	c.HTTP.Listen = freeAddr(t)
	c.Calls.MaxCalls = 60
	c.Recording.Enabled = true
	c.Recording.Notice = config.Notice{Say: "off", Reason: "the tests' callers know it"}
	c.Agents = []config.Agent{a}

	return c
}

// write writes the configuration to a file.
func write(t *testing.T, c *config.Config) string {
	t.Helper()
	src, err := yaml.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "trunkline.yaml")
	if err := os.WriteFile(path, src, 0o600); err != nil {
		t.Fatal(err)
	}

	return path
}

// serve starts a gateway with a database of its own and waits until it is
// ready. At the end of the test it stops the gateway, which must exit with 0,
// and replays its calls.
func serve(t *testing.T, a config.Agent, change func(*config.Config), env ...string) *gateway {
	t.Helper()
	c := configuration(t, a)
	c.Database.URL = clustertest.URL(t)
	if change != nil {
		change(&c)
	}

	return serveConfig(t, c, env...)
}

// serveConfig is serve with a whole configuration.
func serveConfig(t *testing.T, c config.Config, env ...string) *gateway {
	t.Helper()
	g := &gateway{cfg: c, env: env, file: write(t, &c)}
	if c.Database.URL != "" {
		var err error
		if g.store, err = storage.Open(t.Context(), c.Database.URL, nil); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(g.store.Close)
		t.Cleanup(func() { g.replay(t) })
	}
	g.start(t)

	return g
}

// start starts the process, again after it has ended.
func (g *gateway) start(t *testing.T) {
	t.Helper()
	p := start(t, g.env, "--config", g.file, "serve")
	g.process = p
	t.Cleanup(func() {
		if code := p.stop(t); code != 0 && !p.killed {
			t.Errorf("serve exits with %d", code)
		}
	})
	eventually(t, patience, "ready", func() bool {
		select {
		case <-g.done:
			t.Fatalf("serve ended: %s", tail(read(t, g.stderr)))
		default:
		}
		code, _ := g.get("/readyz")

		return code == http.StatusOK
	})
}

func (g *gateway) sip() string    { return strings.TrimPrefix(g.cfg.SIP.Listen[0], "udp:") }
func (g *gateway) target() string { return "sip:" + g.cfg.Agents[0].Name + "@" + g.sip() }
func (g *gateway) api() string    { return "http://" + g.cfg.HTTP.Listen }

// get asks the gateway's HTTP server; the code is 0 when it does not answer.
func (g *gateway) get(path string) (code int, body []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.api()+path, nil)
	if err != nil {
		return 0, nil
	}
	req.Close = true // an idle connection would count among the descriptors
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil
	}
	defer resp.Body.Close()
	if body, err = io.ReadAll(resp.Body); err != nil {
		return 0, nil
	}

	return resp.StatusCode, body
}

// metric is a value of /metrics.
func (g *gateway) metric(t *testing.T, name string) float64 {
	t.Helper()
	code, body := g.get("/metrics")
	if code != http.StatusOK {
		t.Fatalf("/metrics answers %d", code)
	}
	for line := range strings.Lines(string(body)) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), name+" "); ok {
			value, err := strconv.ParseFloat(text, 64)
			if err != nil {
				t.Fatal(err)
			}

			return value
		}
	}
	t.Fatalf("/metrics has no %s", name)

	return 0
}

// apiCall is a call as the API tells it.
func (g *gateway) apiCall(t *testing.T, id string) softphone.Transcript {
	t.Helper()
	var call softphone.Transcript
	code, body := g.get("/v1/calls/" + id)
	if code != http.StatusOK {
		return call
	}
	if err := json.Unmarshal(body, &call); err != nil {
		t.Fatal(err)
	}

	return call
}

// calls are the records of all calls, first one first.
func (g *gateway) calls(t *testing.T) []storage.Call {
	t.Helper()
	page, err := g.store.Calls(context.Background(), storage.Filter{Limit: storage.MaxLimit})
	if err != nil {
		t.Fatal(err)
	}
	for i, j := 0, len(page.Calls)-1; i < j; i, j = i+1, j-1 {
		page.Calls[i], page.Calls[j] = page.Calls[j], page.Calls[i]
	}

	return page.Calls
}

// ended waits until n calls are recorded and closed, and returns all of them.
func (g *gateway) ended(t *testing.T, n int) []storage.History {
	t.Helper()
	var calls []storage.Call
	eventually(t, patience, fmt.Sprintf("%d calls closed in the records", n), func() bool {
		calls = g.calls(t)
		closed := 0
		for i := range calls {
			if calls[i].State == storage.Ended {
				closed++
			}
		}

		return closed >= n
	})
	histories := make([]storage.History, len(calls))
	for i := range calls {
		h, err := g.store.Call(context.Background(), calls[i].ID)
		if err != nil {
			t.Fatal(err)
		}
		histories[i] = h
	}

	return histories
}

// only waits for the one call of a gateway to be closed.
func (g *gateway) only(t *testing.T) *storage.History {
	t.Helper()
	all := g.ended(t, 1)
	if len(all) != 1 {
		t.Fatalf("%d calls are recorded, want one", len(all))
	}

	return &all[0]
}

// checkEnd checks why a call ended and whose fault it is.
func checkEnd(t reporter, h *storage.History, reason string, fault storage.Fault) {
	t.Helper()
	if h.Call.State != storage.Ended || h.Call.EndReason != reason || h.Call.Fault != fault {
		t.Errorf("the call is %s: %s, fault %s; want ended: %s, fault %s",
			h.Call.State, h.Call.EndReason, h.Call.Fault, reason, fault)
	}
}

// dial places a call of the test's own softphone in the background.
func (g *gateway) dial(t *testing.T, c softphone.Config) *placed {
	t.Helper()
	c.Target = g.target()
	p := &placed{done: make(chan struct{}), events: make(chan softphone.Event, 1000)}
	c.Notify = func(e softphone.Event) { p.events <- e }
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	go func() {
		defer close(p.done)
		defer cancel()
		p.report, p.err = softphone.Place(ctx, c)
	}()
	t.Cleanup(func() {
		cancel()
		<-p.done
	})

	return p
}

// placed is a call of the softphone.
type placed struct {
	done   chan struct{}
	events chan softphone.Event
	report *softphone.Report // once done
	err    error
}

// await waits for an event of the call.
func (p *placed) await(t *testing.T, kind softphone.EventKind) {
	t.Helper()
	for {
		select {
		case e := <-p.events:
			if e.Kind == kind {
				return
			}
		case <-p.done:
			t.Fatalf("the call ended before this: %s: %v", kind, p.err)
		case <-time.After(patience):
			t.Fatalf("still not: %s", kind)
		}
	}
}

// end waits for the call's end, which must be a good one.
func (p *placed) end(t *testing.T) *softphone.Report {
	t.Helper()
	<-p.done
	if p.err != nil {
		t.Fatal(p.err)
	}

	return p.report
}

// freeAddr is an address of loopback that is free for UDP and TCP.
func freeAddr(t *testing.T) string {
	t.Helper()
	at, err := loopback.Free()
	if err != nil {
		t.Fatal(err)
	}

	return at.String()
}

func freePort(t *testing.T) string {
	t.Helper()

	return strconv.Itoa(int(netip.MustParseAddrPort(freeAddr(t)).Port()))
}
