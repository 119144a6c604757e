package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"trunkline/config"
	"trunkline/engine"
	"trunkline/pipeline"
	"trunkline/storage"
	"trunkline/trace"
)

// checkCmd validates the configuration and what it needs, without answering a
// call.
type checkCmd struct {
	Online bool `help:"Ask vendors whether the keys are good, where that costs nothing."`
}

// errCheck says that a check failed; the lines above it say which.
var errCheck = errors.New("not ready: see the lines marked FAIL")

func (k checkCmd) Run(ctx context.Context, c *cli, std *streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	fmt.Fprintf(std.out, "ok    configuration: %s\n", cmp.Or(c.Config, "the built-in defaults"))
	cfg.Log.Level = quiet
	g := &gateway{cfg: cfg, log: newLogger(&cfg, std)}
	failed := false
	type condition struct {
		name string
		run  func(context.Context) (uses string, err error)
	}
	conditions := []condition{
		{"ports", g.checkPorts},
		{"audio", g.checkAudio},
		{"database", g.checkDatabase},
		{"agents", g.checkAgents},
		{"recordings", g.checkRecordings},
		{"traces", g.checkTraces},
	}
	if k.Online {
		conditions = append(conditions, condition{"keys", g.checkKeys})
	}
	for _, check := range conditions {
		uses, err := check.run(ctx)
		if err != nil {
			failed = true
			fmt.Fprintf(std.out, "FAIL  %s: %s\n", check.name, strings.ReplaceAll(err.Error(), "\n", "\n      "))

			continue
		}
		fmt.Fprintf(std.out, "ok    %s: %s\n", check.name, uses)
	}
	if err := g.stop(context.Background()); err != nil { // bounded by its own steps
		return err
	}
	if failed {
		return errCheck
	}

	return nil
}

// checkPorts binds each listening socket for a moment. Those of a gateway that
// runs with this configuration are no mistake.
func (g *gateway) checkPorts(ctx context.Context) (string, error) {
	all := sockets(&g.cfg)
	uses := make([]string, len(all))
	for i, s := range all {
		uses[i] = s.network + ":" + s.addr
		if s.key == httpListen {
			uses[i] = "http:" + s.addr
		}
	}
	err := portsFree(ctx, &g.cfg)
	if errors.Is(err, syscall.EADDRINUSE) && g.runs(ctx) {
		return "in use by the gateway that runs at " + g.cfg.HTTP.Listen, nil
	}

	return strings.Join(uses, ", "), err
}

// runs tells whether a gateway answers at this configuration's address.
func (g *gateway) runs(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, gatewayBound)
	defer cancel()
	var life struct {
		Status string `json:"status"`
	}

	return ask(ctx, &g.cfg, http.MethodGet, "/healthz", nil, &life) == nil && life.Status == "ok"
}

// checkAudio opens a pair of ports.
func (g *gateway) checkAudio(context.Context) (string, error) {
	pool, err := newPool(&g.cfg)
	if err != nil {
		return "", err
	}
	port, err := pool.Open()
	if err != nil {
		return "", fmt.Errorf("%w; check media.address and the range of ports", err)
	}
	m := g.cfg.Media
	uses := fmt.Sprintf("UDP ports %d to %d on %s, for up to %d calls", m.PortLow, m.PortTop, port.Local().Addr(), g.cfg.Calls.MaxCalls)

	return uses, port.Close()
}

// checkDatabase opens the database and looks at its schema.
func (g *gateway) checkDatabase(ctx context.Context) (string, error) {
	if err := g.openDatabase(ctx); err != nil {
		return "", err
	}
	where := g.store.Where()
	if g.cfg.Database.URL == "" {
		where = "a private server in " + g.clusterDir()
	}
	versions, err := g.store.CheckSchema(ctx)
	if errors.Is(err, storage.ErrSchemaOld) {
		return fmt.Sprintf("%s; serve will bring its schema from %d to %d", where, versions.Have, versions.Want), nil
	}

	return fmt.Sprintf("%s, schema %d", where, versions.Have), err
}

// checkAgents makes every agent ready, as far as that costs nothing.
func (g *gateway) checkAgents(ctx context.Context) (string, error) {
	var all []string
	var errs []error
	for i := range g.cfg.Agents {
		a := &g.cfg.Agents[i]
		e, _, err := g.openAgent(ctx, a)
		if err == nil {
			err = linesHere(ctx, e, a)
		}
		if err != nil {
			errs = append(errs, err)

			continue
		}
		all = append(all, fmt.Sprintf("%s (%s)", a.Name, engines(e, a)))
	}

	return strings.Join(all, ", "), errors.Join(errs...)
}

// engines are the agent's providers.
func engines(e *engine.Set, a *config.Agent) string {
	var parts []string
	if e.Realtime != nil {
		parts = append(parts, "speech-to-speech model "+uses(e, pipeline.Converse))
	}
	if a.Pipeline() {
		parts = append(parts, "recogniser "+uses(e, pipeline.Recognise)+places(&a.Recogniser), "model "+uses(e, pipeline.Think))
	}

	return strings.Join(append(parts, "voice "+uses(e, pipeline.Speak)), ", ")
}

// linesHere makes an agent's lines if its voices are on this machine: vendors
// charge for them.
func linesHere(ctx context.Context, e *engine.Set, a *config.Agent) error {
	for _, p := range e.Providers() {
		if p.Stage == pipeline.Speak && p.Host != "" {
			return nil
		}
	}
	if _, err := pipeline.PrepareLines(ctx, e.Synthesizer, e.Texts(a), toolLines(a)...); err != nil {
		return fmt.Errorf("agent %q: %w", a.Name, err)
	}

	return nil
}

// uses are the providers of a stage in their order.
func uses(e *engine.Set, stage pipeline.Stage) string {
	var all []string
	for _, p := range e.Providers() {
		if p.Stage == stage && p.Rule == "" && p.Language == "" {
			all = append(all, strings.TrimSpace(p.Name+" "+p.Model))
		}
	}

	return strings.Join(all, ", then ")
}

// places are the calls that a recogniser of this machine hears at once.
func places(r *config.Recogniser) string {
	if r.Pool == 0 {
		return ""
	}

	return fmt.Sprintf(" for %d calls", r.Pool)
}

// keyBound is how long a vendor may take to say whether a key is good.
const keyBound = 10 * time.Second

// checkKeys asks each vendor whether its key is good.
func (g *gateway) checkKeys(ctx context.Context) (string, error) {
	var said []string
	var errs []error
	for _, e := range g.engines {
		for _, p := range e.Providers() {
			if p.Host == "" {
				continue
			}
			name := fmt.Sprintf("%s's %s (%s)", e.Agent(), p.Name, p.Stage)
			bounded, cancel := context.WithTimeout(ctx, keyBound)
			err := p.Check(bounded)
			cancel()
			switch {
			case errors.Is(err, engine.ErrNothingToAsk):
				said = append(said, name+": not checked, its vendor answers no question that is free")
			case err != nil:
				errs = append(errs, fmt.Errorf("%s: %w", name, err))
			default:
				said = append(said, name+": good")
			}
		}
	}
	if len(said) == 0 {
		said = []string{"none is in use"}
	}

	return strings.Join(said, ", "), errors.Join(errs...)
}

// checkRecordings writes a file where the recordings will be.
func (g *gateway) checkRecordings(context.Context) (string, error) {
	if !g.cfg.Recording.Enabled {
		return "off", nil
	}

	keys, err := recordingKeys(&g.cfg)
	if err != nil {
		return "", err
	}
	what := "in " + g.cfg.RecordingDir()
	if keys != nil {
		what += ", encrypted with key " + keys.ID()
	}
	if u := g.cfg.Recording.Upload; u.URL != "" {
		what += ", copied by HTTP " + u.Method
	}

	return what, recordingsWritable(&g.cfg)
}

// tracesBound is how long a collector may take to answer.
const tracesBound = 5 * time.Second

// checkTraces asks the collector whether it takes traces.
func (g *gateway) checkTraces(ctx context.Context) (string, error) {
	t := &g.cfg.Traces
	if t.Endpoint == "" {
		return "off", nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, tracesBound, fmt.Errorf("no answer within %v", tracesBound))
	defer cancel()

	return fmt.Sprintf("to %s, %.0f %% of the calls", t.Endpoint, 100*t.Sample), trace.Reach(ctx, t.Endpoint, headers(t))
}

// socket is one that the gateway listens on.
type socket struct {
	key           string // where the configuration names it
	network, addr string // udp or tcp, HOST:PORT
}

// httpListen is the key of the socket that the API and the pages are served on.
const httpListen = "http.listen"

// sockets are those of the configuration, which is validated.
func sockets(c *config.Config) []socket {
	var all []socket
	for _, l := range c.SIP.Listen {
		network, addr, _ := config.ParseListen(l)
		if network != "udp" {
			network = "tcp"
		}
		all = append(all, socket{"sip.listen " + l, network, addr.String()})
	}
	if len(c.Twilio.Accounts) > 0 {
		all = append(all, socket{"twilio.listen", "tcp", c.Twilio.Listen})
	}

	return append(all, socket{httpListen, "tcp", c.HTTP.Listen})
}

// portsFree says which listening socket cannot be had.
func portsFree(ctx context.Context, c *config.Config) error {
	var errs []error
	for _, s := range sockets(c) {
		if err := s.bind(ctx); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w; %s", s.key, err, remedy(err)))
		}
	}

	return errors.Join(errs...)
}

// bind takes the socket for a moment.
func (s *socket) bind(ctx context.Context) error {
	lc := new(net.ListenConfig)
	if s.network == "udp" {
		conn, err := lc.ListenPacket(ctx, s.network, s.addr)
		if err != nil {
			return err
		}

		return conn.Close()
	}
	ln, err := lc.Listen(ctx, s.network, s.addr)
	if err != nil {
		return err
	}

	return ln.Close()
}

// remedy is what to do when a socket cannot be had.
func remedy(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "no interface of this machine has the address: correct it"
	case errors.Is(err, syscall.EACCES):
		return "ports below 1024 need root or CAP_NET_BIND_SERVICE: choose another port"
	default:
		return "is another gateway running? Stop what uses it or choose another port"
	}
}

func recordingsWritable(c *config.Config) error {
	if err := os.MkdirAll(c.RecordingDir(), 0o750); err != nil {
		return fmt.Errorf("recording.directory: %w", err)
	}
	f, err := os.CreateTemp(c.RecordingDir(), ".writable")
	if err != nil {
		return fmt.Errorf("recording.directory: %w", err)
	}
	f.Close()

	return os.Remove(f.Name())
}
