package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"trunkline/call"
	"trunkline/config"
	"trunkline/console"
	"trunkline/engine"
	"trunkline/gate"
	"trunkline/media/amd"
	"trunkline/media/clock"
	"trunkline/media/player"
	"trunkline/media/record/seal"
	"trunkline/media/rtp"
	"trunkline/pipeline"
	"trunkline/pipeline/prompt"
	"trunkline/pipeline/realtime"
	"trunkline/retention"
	"trunkline/sip"
	"trunkline/sip/hep"
	"trunkline/storage"
	"trunkline/storage/cluster"
	"trunkline/storage/evidence"
	"trunkline/storage/spool"
	"trunkline/twilio"
)

// How long the parts may take to stop, one after another.
const (
	callsStop = 25 * time.Second // goodbyes and hang-ups, with their bounds in call.Limits
	partStop  = 5 * time.Second
)

// askDatabase is how often the database is asked whether it is there, when
// nothing is to be written.
const askDatabase = time.Second

// gateway is everything that serve runs.
type gateway struct {
	cfg      config.Config
	log      *slog.Logger
	registry *prometheus.Registry
	progress func(string) // told before each step that may take a while
	watch    call.Watcher
	trace    func(storage.Call) call.Trace // nil: no traces

	store   *storage.Store
	journal *storage.Journal

	history, revocations, proven *spool.Spool // that wait for the database
	proofs                       *gate.Proofs // of what calls said
	evidenceKeys                 *evidence.Keys
	ledger                       *evidence.Ledger
	gate                         *gate.Gate
	judge                        judge           // of the gate; nil: the rules in force
	kept                         *retention.Work // what the jobs remove and check
	periods                      map[string]time.Duration

	clock   *clock.Clock
	pool    *rtp.Pool
	calls   *call.Manager
	sip     *sip.UA
	hep     *hep.Sender    // nil: no messages are exported
	twilio  *twilio.Server // nil: no accounts
	http    net.Addr
	agents  map[string]*call.Agent // by agent name
	engines []*engine.Set          // of the agents, in their order
	metrics *engine.Metrics        // of the engines' providers; nil: none
	breaks  engine.Breakers        // of the engines' providers
	duties  *gate.Duties           // what calls must say
	keys    *seal.Keyring          // of recordings; nil: they are not encrypted

	drains atomic.Bool   // no call is taken any more
	asked  chan struct{} // closed when draining was asked for over HTTP
	once   sync.Once     // closes it

	stops []stopStep // in the order of the starts
}

type stopStep struct {
	name  string
	bound time.Duration
	stop  func(context.Context) error
}

// start brings the gateway up. On an error nothing is left running.
func (g *gateway) start(ctx context.Context) error {
	g.registry = prometheus.NewRegistry()
	var err error
	if g.metrics, err = engine.NewMetrics(g.registry); err != nil {
		return err
	}
	for _, step := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"looking at the ports", func(ctx context.Context) error { return portsFree(ctx, &g.cfg) }},
		{"opening the database", g.startDatabase},
		{"opening the evidence", g.startGate},
		{"starting the jobs", g.startJobs},
		{"making the agents ready", g.startAgents},
		{"starting the clocks", g.startMedia},
		{"starting the traces", g.startTraces},
		{"opening the doors", g.startCalls},
		{"serving the API and the pages", g.startHTTP},
	} {
		g.tell(step.name)
		if err := step.run(ctx); err != nil {
			// The context may be what failed; stopping is bounded by itself.
			return errors.Join(fmt.Errorf("%s: %w", step.name, err), g.stop(context.Background()))
		}
	}

	return nil
}

// stop takes no new call, ends the running ones with a goodbye, and releases
// everything in the reverse order of the starts.
func (g *gateway) stop(ctx context.Context) error {
	var errs []error
	for _, s := range slices.Backward(g.stops) {
		bounded, cancel := context.WithTimeout(ctx, s.bound)
		if err := s.stop(bounded); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", s.name, err))
		}
		cancel()
	}
	g.stops = nil

	return errors.Join(errs...)
}

func (g *gateway) onStop(name string, bound time.Duration, stop func(context.Context) error) {
	g.stops = append(g.stops, stopStep{name: name, bound: bound, stop: stop})
}

func (g *gateway) tell(what string) {
	if g.progress != nil {
		g.progress(what)
	}
}

// openDatabase opens the configured database, or starts the private one.
func (g *gateway) openDatabase(ctx context.Context) error {
	url := g.cfg.Database.URL
	if url == "" {
		c := cluster.New(cluster.Options{Dir: g.clusterDir(), Log: g.log})
		if err := c.Start(ctx); err != nil {
			return err
		}
		g.onStop("the private database", partStop, c.Stop)
		url = c.URL()
	}
	store, err := storage.Open(ctx, url, g.log)
	if err != nil {
		return err
	}
	g.store = store
	g.onStop("the database pool", partStop, func(context.Context) error {
		store.Close()

		return nil
	})

	return nil
}

// clusterDir holds the private database.
func (g *gateway) clusterDir() string { return filepath.Join(g.cfg.StateDir, "postgres") }

func (g *gateway) startDatabase(ctx context.Context) error {
	if err := g.openDatabase(ctx); err != nil {
		return err
	}
	if _, err := g.store.Migrate(ctx); err != nil {
		return err
	}
	if err := g.openSpools(); err != nil {
		return err
	}
	owner := storage.Owner{Node: g.cfg.Node, Boot: uuid.New()}
	g.journal = storage.NewJournal(g.store, owner, storage.JournalOptions{Log: g.log, Spool: g.history, Ask: askDatabase})
	if err := g.journal.Start(); err != nil {
		return err
	}
	g.onStop("the journal", partStop, func(ctx context.Context) error {
		if lost := g.journal.Stop(ctx); lost > 0 {
			return fmt.Errorf("%d rows of the records could not be written", lost)
		}

		return nil
	})
	// What an earlier run left in the spool tells how its calls ended.
	if n := g.journal.Stats().Spooled; n > 0 {
		g.log.Info("writing the history that an earlier run left on disk", slog.Int("rows", n))
	}
	if err := g.journal.Flush(ctx); err != nil {
		return err
	}
	orphans, err := g.store.CloseOrphans(ctx, owner, string(call.GatewayCrashed), call.GatewayCrashed.Fault())
	if err != nil {
		return err
	}
	for _, c := range orphans {
		g.log.Warn("closed the record of a call that a crash cut off", slog.Any("call", c))
	}

	return nil
}

// openEngines makes what an agent listens, thinks and speaks with.
func (g *gateway) openEngines(ctx context.Context, a *config.Agent) (*engine.Set, error) {
	e, err := engine.Open(ctx, engine.Options{StateDir: g.cfg.StateDir, Metrics: g.metrics, Breakers: &g.breaks, Log: g.log}, a)
	if err != nil {
		return nil, err
	}
	g.engines = append(g.engines, e)
	g.onStop("the engines of "+a.Name, partStop, func(context.Context) error { return e.Close() })

	return e, nil
}

// errNoLines says that the gateway cannot start: a call could fall silent.
var errNoLines = errors.New("no voice says the fixed lines, and they are not kept from an earlier start: mend a voice, or add one of this machine as a fallback")

func (g *gateway) startAgents(ctx context.Context) error {
	g.agents = make(map[string]*call.Agent)
	for i := range g.cfg.Agents {
		a := &g.cfg.Agents[i]
		e, settings, err := g.openAgent(ctx, a)
		if err != nil {
			return err
		}
		e.Warm(ctx)
		lines, err := pipeline.PrepareLines(ctx, e.Lines, e.Texts(a), g.furtherLines(a, a.Language)...)
		if err != nil {
			return fmt.Errorf("agent %q: %w: %w", a.Name, errNoLines, err)
		}
		others, err := g.languages(ctx, e, a, &settings.Prompt)
		if err != nil {
			return fmt.Errorf("agent %q: %w", a.Name, err)
		}
		with := pipeline.Providers{
			Recognizer: e.Recognizer, Model: e.Model, Synthesizer: e.Synthesizer, Lines: lines, Languages: others,
		}
		g.agents[a.Name] = &call.Agent{
			Name: a.Name, Conversation: settings, Providers: with, Converse: converse(e, a, with), Transfers: transfers(a),
		}
	}

	return nil
}

// converser makes the conversation of one call.
type converser = func(pipeline.Config, *player.Player, pipeline.Observer) call.Conversation

// converse makes an agent's conversations with its speech-to-speech model, if it
// has one.
func converse(e *engine.Set, a *config.Agent, with pipeline.Providers) converser {
	if e.Realtime == nil {
		return nil
	}

	return func(c pipeline.Config, p *player.Player, o pipeline.Observer) call.Conversation {
		model := e.Realtime.New(c, with.Lines, p, o)
		if !a.Pipeline() {
			return model
		}

		return realtime.NewStandby(model, func() *pipeline.Conversation { return pipeline.NewConversation(c, with, p, o) })
	}
}

// languages are those that an agent's calls may change to, with their lines.
func (g *gateway) languages(ctx context.Context, e *engine.Set, a *config.Agent, own *prompt.Prompt) ([]pipeline.Language, error) {
	all := silentLanguages(e, a, own)
	for i := range all {
		var err error
		if all[i].Lines, err = pipeline.PrepareLines(ctx, e.Others[i].Lines, engine.TextsIn(a, &a.Languages[i]), g.furtherLines(a, all[i].Tag)...); err != nil {
			return nil, fmt.Errorf("languages[%d]: %w: %w", i, errNoLines, err)
		}
	}

	return all, nil
}

// silentLanguages are those that an agent's calls may change to, without lines.
func silentLanguages(e *engine.Set, a *config.Agent, own *prompt.Prompt) []pipeline.Language {
	var all []pipeline.Language
	for i, o := range e.Others {
		l := &a.Languages[i]
		in := pipeline.Language{Tag: l.Language, Model: o.Model, Synthesizer: o.Synthesizer, Prompt: *own}
		in.Prompt.Language = l.Language
		in.Prompt.Instructions = cmp.Or(l.Instructions, own.Instructions)
		if o.Recognizer != e.Recognizer {
			in.Recognizer = o.Recognizer
		}
		all = append(all, in)
	}

	return all
}

// openAgent makes what an agent needs for its conversations, but its lines.
func (g *gateway) openAgent(ctx context.Context, a *config.Agent) (*engine.Set, pipeline.Config, error) {
	settings := engine.Conversation(a)
	e, err := g.openEngines(ctx, a)
	if err != nil {
		return nil, settings, err
	}
	if err = equip(&settings, a, g.store, g.gate); err == nil {
		err = callable(e.Script, settings.Tools)
	}
	if err != nil {
		err = fmt.Errorf("agent %q: %w", a.Name, err)
	}

	return e, settings, err
}

func (g *gateway) startMedia(context.Context) error {
	g.clock = clock.New(clock.Options{Shards: g.cfg.Media.Clocks})
	if err := g.clock.Start(); err != nil {
		return err
	}
	g.onStop("the clocks", partStop, func(context.Context) error {
		g.clock.Stop()

		return nil
	})
	var err error
	g.pool, err = newPool(&g.cfg)

	return err
}

func newPool(c *config.Config) (*rtp.Pool, error) {
	address, err := mediaAddress(c)
	if err != nil {
		return nil, err
	}

	return rtp.NewPool(address, uint16(c.Media.PortLow), uint16(c.Media.PortTop))
}

// mediaAddress is where RTP sockets are bound.
func mediaAddress(c *config.Config) (netip.Addr, error) {
	if c.Media.Address != "" {
		return netip.ParseAddr(c.Media.Address)
	}
	_, addr, err := config.ParseListen(c.SIP.Listen[0])

	return addr.Addr(), err
}

func (g *gateway) startCalls(ctx context.Context) error {
	metrics, err := call.NewMetrics(g.registry)
	if err != nil {
		return err
	}
	routes, err := routeTable(&g.cfg)
	if err != nil {
		return err
	}
	recordings, err := g.startArchive()
	if err != nil {
		return err
	}
	g.calls, err = call.NewManager(call.Config{
		Agents: g.agents, Routes: routes, Gate: g.gate,
		Limits: call.Limits{
			Cap: g.cfg.Calls.Cap, WarnBefore: g.cfg.Calls.WarnBefore,
			NoMedia: g.cfg.Calls.NoMedia, MaxCalls: g.cfg.Calls.MaxCalls,
		},
		Clock: g.clock, Journal: g.journal, Metrics: metrics, Log: g.log,
		Ring: g.cfg.Outbound.Ring, OnMachine: call.OnMachine(g.cfg.Outbound.OnMachine), Detect: amd.Params(g.cfg.Outbound.Detect),
		Keep: g.journal.Keep, Attempted: g.ledger.Attempted,
		Refuse: func() bool { return g.cfg.Calls.DatabaseAway == "refuse" && !g.journal.Stats().Up },
		Duties: g.duties, Prove: g.prove, Revoke: g.revoke, OptOutKey: g.cfg.Compliance.OptOutKey,
		KeepFax: g.cfg.Calls.Fax == "keep", Recordings: recordings, Cards: call.CardPolicy(g.cfg.Recording.Cards), RecordWhenAsked: g.cfg.Recording.Begin == "asked", RecordEarly: g.cfg.Recording.Begin == "early_media",
		Trace: g.trace, Watch: g.watch,
	})
	if err != nil {
		return err
	}
	door, err := sipConfig(&g.cfg, g.pool, g.log)
	if err != nil {
		return err
	}
	if err := g.openCertificate(&door); err != nil {
		return err
	}
	letRefer(&door, routes)
	g.exportSIP(&door)
	if g.sip, err = sip.New(door, g.calls); err != nil {
		return err
	}
	g.calls.PlaceBySIP(g.sip)
	if err := g.sip.Start(); err != nil {
		return err
	}
	g.onStop("the SIP door", partStop, g.sip.Stop)
	if err := g.startTwilio(ctx); err != nil {
		return err
	}
	g.onStop("the calls", callsStop, func(ctx context.Context) error {
		g.closeDoors()

		return g.calls.Stop(ctx)
	})

	return registerCollectors(g)
}

func (g *gateway) startHTTP(ctx context.Context) error {
	keys, err := g.cfg.HTTP.Access()
	if err != nil {
		return err
	}
	handler := console.New(console.Config{
		Access:     keys,
		Reader:     g.store,
		Recordings: g.cfg.RecordingDir(),
		Keys:       g.keys,
		Record:     g.setRecording,
		Place:      g.placeCall,
		HangUp:     g.hangUp,
		Act:        g.recordAct,
		Evidence:   evidenceAPI{g},
		Jobs:       jobsAPI{g},
		Drain:      g.drain,
		Providers:  g.providers,
		Checks:     []console.Check{{Name: "database", Run: g.store.Ping}, {Name: "taking calls", Run: g.takesCalls}},
		Trunks:     g.trunks,
		Metrics:    metricsHandler(g.registry),
		Log:        g.log,
	})
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", g.cfg.HTTP.Listen)
	if err != nil {
		return fmt.Errorf("%s: %w; %s", httpListen, err, remedy(err))
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	served := make(chan struct{})
	go func() {
		defer close(served)
		if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			g.log.Error("the HTTP server ended", slog.Any("error", err))
		}
	}()
	g.http = ln.Addr()
	g.onStop("the HTTP server", partStop, func(ctx context.Context) error {
		err := server.Shutdown(ctx)
		<-served

		return err
	})

	return nil
}
