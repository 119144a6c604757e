package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"trunkline/config"
	"trunkline/demo"
	"trunkline/loopback"
	"trunkline/media/clock"
	"trunkline/softphone"
	"trunkline/softphone/talkspurt"
	"trunkline/twilio/carrier"
)

// The account of the simulated carrier.
const (
	twilioAccount  = "streams"
	twilioHost     = "bench.trunkline.example"
	twilioTokenEnv = "TRUNKLINE_BENCH_TOKEN" // the variable that holds the secret
	twilioNumber   = "+12025550100"
)

// streams is a gateway with the door of webhooks, and a simulated carrier in
// this process whose telephones call it.
type streams struct {
	*gateway

	far   *carrier.Carrier
	clock *clock.Clock // of who holds the telephones

	mu    sync.Mutex
	calls int // so far: each has a number of its own
}

// startStreams starts both. change may change the gateway's configuration.
func (b *bench) startStreams(ctx context.Context, name string, agent config.Agent, change func(*config.Config)) (*streams, error) {
	listen, err := loopback.Free()
	if err != nil {
		return nil, err
	}
	base := "https://" + twilioHost + "/" + twilioAccount
	s := &streams{clock: clock.New(clock.Options{}), far: carrier.New(carrier.Options{
		Numbers: []carrier.Number{{Number: twilioNumber, VoiceURL: base + "/voice", VoiceFallbackURL: base + "/fallback", StatusCallback: base + "/status"}},
		Tunnel:  map[string]string{twilioHost: listen.String()},
		Seed:    1,
	})}
	if err := os.Setenv(twilioTokenEnv, s.far.AuthToken()); err != nil { // the gateway inherits it
		return nil, err
	}
	if err := errors.Join(s.clock.Start(), s.far.Start()); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	s.gateway, err = b.startGateway(ctx, name, agent, func(c *config.Config) {
		c.Twilio = config.Twilio{Listen: listen.String(), PublicURL: "https://" + twilioHost, Accounts: []config.TwilioAccount{{
			Name: twilioAccount, Carrier: "twilio", Agent: agentName, AccountSID: s.far.AccountSID(), AuthTokenEnv: twilioTokenEnv, API: s.far.URL(),
		}}}
		if change != nil {
			change(c)
		}
	})
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}

	return s, nil
}

// stop stops both.
func (s *streams) stop() error {
	s.far.Stop()
	s.clock.Stop()
	if s.gateway == nil {
		return nil
	}

	return s.gateway.stop()
}

// number is that of the next caller.
func (s *streams) number() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++

	return fmt.Sprintf("+1303%07d", s.calls)
}

// caller is one call over the carrier and what was seen of it.
type caller struct {
	number string
	report *softphone.Report
	clears []time.Time // when the gateway's orders to drop audio came
}

// one holds one call.
func (s *streams) one(ctx context.Context, c softphone.Config) (*caller, error) {
	phone := demo.NewPhone()
	out := &caller{number: s.number()}
	call, err := s.far.Dial(carrier.Caller{From: out.number, To: twilioNumber, Phone: phone.Set()})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, 2*time.Minute, errors.New("the call took longer than two minutes"))
	defer cancel()
	line, err := phone.Answered(ctx, call.Done())
	if err != nil {
		return nil, err
	}
	if out.report, err = softphone.Play(ctx, s.clock, c, line); err != nil {
		return nil, err
	}
	<-call.Done()
	for _, e := range call.Events() {
		if e.Kind == "clear" {
			out.clears = append(out.clears, e.At)
		}
	}

	return out, nil
}

// held is what came of a number of calls.
type held struct {
	callers []*caller
	failed  []error
	load    load // of the gateway and of this process, while all calls ran
	heldUp  time.Duration
}

// holdMost is hold, with the gateway profiled where there are as many calls as the
// targets are for.
func (b *bench) holdMost(ctx context.Context, s *streams, calls int, c softphone.Config) (h *held, err error) {
	hold := func() error {
		h, err = s.hold(ctx, calls, pick(b, again(calls), 1), pick(b, 5*time.Second, time.Second), c)

		return err
	}
	if calls < pick(b, manyCalls, 5) {
		err = hold()
	} else {
		err = b.profiled(s.process, hold)
	}

	return h, err
}

// hold has calls held at once, begun one after another over ramp, or one call
// after another, again times.
func (s *streams) hold(ctx context.Context, calls, again int, ramp time.Duration, c softphone.Config) (*held, error) {
	w, err := watchOf(s.pid(), os.Getpid())
	if err != nil {
		return nil, err
	}
	h := &held{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range calls {
		all.Go(func() {
			if rest(ctx, ramp*time.Duration(i)/time.Duration(calls)) != nil {
				return
			}
			for range again {
				out, err := s.one(ctx, c)
				mu.Lock()
				if err != nil {
					h.failed = append(h.failed, err)
				} else {
					h.callers = append(h.callers, out)
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if h.load, err = w.stop(); err != nil {
		return nil, err
	}
	for _, c := range h.callers {
		h.heldUp = max(h.heldUp, time.Duration(c.report.HeldUpMS*float64(time.Millisecond)))
	}

	return h, context.Cause(ctx)
}

// notes is what a reader of the figures has to know.
func (h *held) notes(calls int, far *carrier.Carrier) []string {
	lines := []string{fmt.Sprintf("the callers' 20 ms tick was late by %s ms at most", milliseconds(h.heldUp))}
	if n := len(h.failed); n > 0 {
		lines = append(lines, fmt.Sprintf("%d calls broke off, the first one: %v", n, h.failed[0]))
	}
	if alerts := far.Alerts(); len(alerts) > 0 {
		lines = append(lines, fmt.Sprintf("the carrier raised %d alerts, the first one: %d %s", len(alerts), alerts[0].Code, alerts[0].Text))
	}
	for i := range lines {
		lines[i] = callsAtOnce(calls) + ": " + lines[i]
	}

	return lines
}

// twilio measures the door of webhooks and media streams.
func (b *bench) twilio(ctx context.Context) error {
	fmt.Fprintf(b.Out, "\nA simulated carrier in the bench process signs webhooks, opens a WebSocket per call over loopback and plays what it is sent\n"+
		"by its own 20 ms clock, with no delay of its own. Callers are softphones at its telephones.\n")
	for _, part := range []func(context.Context) error{b.streamTurns, b.streamYields, b.webhookAnswers, b.streamCost} {
		if err := part(ctx); err != nil {
			return err
		}
	}

	return nil
}

// streamTurns measures the own share of a turn.
func (b *bench) streamTurns(ctx context.Context) error {
	lines := turnLines()[:pick(b, 4, 2)]
	plan := make([]softphone.Step, len(lines))
	for i, name := range lines {
		clip, err := crispClip(name)
		if err != nil {
			return err
		}
		plan[i].Clip = clip
	}
	off := false
	a := turnAgent()
	a.Speculation.Enabled = &off
	s, err := b.startStreams(ctx, "twilio-turn", a, nil)
	if err != nil {
		return err
	}
	fmt.Fprintf(b.Out, "\nOwn share of a turn: from the carrier's sending of the last message with the caller's speech to its playing of the first of the\n"+
		"agent's, less the wait for the end of the turn by the gateway's ledger and what is declared for model (%v) and voice (%v). The\n"+
		"carrier's tick, up to 20 ms, is in it. Target: p99 60 ms at 200 calls.\n", tokenAfter, audioAfter)
	t := newTable("calls", "turns", "whole p50 ms", "own p50 ms", "own p95 ms", "own p99 ms", "own max ms", "cores: gateway", "callers and carrier", "idle")
	var notes []string
	for _, n := range pick(b, []int{1, 50, 200}, []int{1, 5}) {
		b.progressf("twilio: turns of %d calls", n)
		h, err := b.holdMost(ctx, s, n, softphone.Config{Plan: plan, Gap: 300 * time.Millisecond, HangupAfter: 300 * time.Millisecond})
		if err != nil {
			return errors.Join(err, s.stop())
		}
		whole, own, err := s.shares(ctx, h)
		if err != nil {
			notes = append(notes, fmt.Sprintf("%s: %v", callsAtOnce(n), err))
		}
		t.row(n, len(own), whole.ms(0.5), own.ms(0.5), own.ms(0.95), own.ms(0.99), own.ms(1), h.load.cores(h.load.used[0].total()),
			h.load.cores(h.load.used[1].total()), h.load.cores(h.load.idle))
		notes = append(notes, h.notes(n, s.far)...)
		if want := len(plan) * len(h.callers); len(own) != want {
			notes = append(notes, fmt.Sprintf("%s: %d of %d turns could be paired with the gateway's ledger", callsAtOnce(n), len(own), want))
		}
	}
	t.write(b.Out)
	printNotes(b.Out, notes)

	return s.stop()
}

// again is how many calls one caller makes, one after another, so that there
// are enough turns.
func again(calls int) int {
	if calls == 1 {
		return 5
	}

	return 1
}

// shares pairs what the callers measured with the gateway's ledger.
func (s *streams) shares(ctx context.Context, h *held) (whole, own sample, err error) {
	ids, err := s.ids(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range h.callers {
		transcript, err := softphone.FetchTranscript(ctx, s.api, ids[c.number])
		if err != nil {
			return whole, own, err
		}
		var endpoints []time.Duration
		for _, turn := range transcript.Turns {
			if _, replied := turn.LatencyMS["total"]; replied {
				endpoints = append(endpoints, time.Duration(turn.LatencyMS["endpoint"]*float64(time.Millisecond)))
			}
		}
		exchanges := c.exchanges()
		if len(exchanges) != len(endpoints) {
			continue // they cannot be paired
		}
		for i := range exchanges {
			if d, ok := exchanges[i].Response(); ok && !exchanges[i].CutIn {
				whole = append(whole, d)
				own = append(own, d-endpoints[i]-tokenAfter-audioAfter)
			}
		}
	}

	return whole, own, nil
}

func (c *caller) exchanges() []talkspurt.Exchange {
	all := make([]talkspurt.Exchange, 0, len(c.report.Turns))
	for _, t := range c.report.Turns {
		all = append(all, t.Exchange)
	}

	return all
}

// ids are the gateway's names of calls by their callers' numbers.
func (s *streams) ids(ctx context.Context) (map[string]string, error) {
	ids := map[string]string{}
	cursor := ""
	for {
		var page struct {
			Calls []struct {
				ID   string `json:"id"`
				From string `json:"from"`
			} `json:"calls"`
			Next *string `json:"next"`
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.api+"/v1/calls?limit=200&cursor="+cursor, nil)
		if err != nil {
			return nil, err
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return nil, err
		}
		err = json.NewDecoder(answer.Body).Decode(&page)
		answer.Body.Close()
		if err != nil {
			return nil, fmt.Errorf("list of calls: %w", err)
		}
		for _, c := range page.Calls {
			ids[c.From] = c.ID
		}
		if page.Next == nil {
			return ids, nil
		}
		cursor = url.QueryEscape(*page.Next)
	}
}

// streamYields measures how soon the gateway orders its audio to be dropped.
func (b *bench) streamYields(ctx context.Context) error {
	clip, err := crispClip("where-are-you-located")
	if err != nil {
		return err
	}
	s, err := b.startStreams(ctx, "twilio-bargein", bargeinAgent(), nil)
	if err != nil {
		return err
	}
	plan := make([]softphone.Step, 1+pick(b, 4, 2))
	for i := range plan {
		plan[i].Clip = clip
		if i > 0 {
			plan[i].When = softphone.AfterAgentStarts(1200*time.Millisecond + 37*time.Millisecond*time.Duration(i))
		}
	}
	fmt.Fprint(b.Out, "\nBarge-in: from the carrier's sending of the first message with the caller's speech to the arrival of clear (target: p95 60 ms),\n"+
		"and to the last audio of the agent that the caller hears.\n")
	t := newTable("calls", "interruptions", "clear p50 ms", "clear p95 ms", "clear p99 ms", "clear max ms", "silent p50 ms", "silent p95 ms", "cores: gateway", "callers and carrier", "idle")
	var notes []string
	for _, n := range pick(b, []int{1, 50, 200}, []int{1, 5}) {
		b.progressf("twilio: interruptions in %d calls", n)
		h, err := b.holdMost(ctx, s, n, softphone.Config{Plan: plan, HangupAfter: 100 * time.Millisecond, MaxDuration: time.Minute})
		if err != nil {
			return errors.Join(err, s.stop())
		}
		clears, silences, begun := h.yields()
		t.row(n, len(clears), clears.ms(0.5), clears.ms(0.95), clears.ms(0.99), clears.ms(1), silences.ms(0.5), silences.ms(0.95),
			h.load.cores(h.load.used[0].total()), h.load.cores(h.load.used[1].total()), h.load.cores(h.load.idle))
		notes = append(notes, h.notes(n, s.far)...)
		if len(clears) != begun {
			notes = append(notes, fmt.Sprintf("%s: %d of %d interruptions were answered by clear", callsAtOnce(n), len(clears), begun))
		}
	}
	t.write(b.Out)
	printNotes(b.Out, notes)

	return s.stop()
}

// yields is how long it took from each interruption to clear and to silence.
// begun is how many interruptions there were.
func (h *held) yields() (clears, silences sample, begun int) {
	const patience = 2 * time.Second // later ones are another interruption's
	for _, c := range h.callers {
		for _, x := range c.exchanges() {
			if !x.Interrupted {
				continue
			}
			begun++
			for _, at := range c.clears {
				if d := at.Sub(x.Caller.First); d >= 0 && d < patience {
					clears = append(clears, d)

					break
				}
			}
			if d, ok := x.Yield(); ok {
				silences = append(silences, d)
			}
		}
	}

	return clears, silences, begun
}

// webhookAnswers measures how soon voice webhooks are answered while the
// database is slow.
func (b *bench) webhookAnswers(ctx context.Context) error {
	const perSecond, slow = 50, 500 * time.Millisecond
	fmt.Fprintf(b.Out, "\nWebhooks: %d calls a second begin, each with a voice webhook, a stream and status callbacks, and are hung up at once; from a\n"+
		"webhook's sending to its answer. PostgreSQL answers %v late. Target: p99 50 ms.\n", perSecond, slow)
	t := newTable("database", "webhooks", "p50 ms", "p95 ms", "p99 ms", "max ms", "cores: gateway", "carrier", "idle")
	for _, late := range []time.Duration{0, slow} {
		b.progressf("twilio: webhooks, database late by %v", late)
		database, err := b.startLateDatabase(ctx)
		if err != nil {
			return err
		}
		err = b.webhooksOf(ctx, t, database, late, perSecond, pick(b, 10*time.Second, 2*time.Second))
		if err := errors.Join(err, database.stop()); err != nil {
			return err
		}
	}
	t.write(b.Out)

	return nil
}

func (b *bench) webhooksOf(ctx context.Context, t *table, database *lateDatabase, late time.Duration, perSecond int, last time.Duration) (err error) {
	s, err := b.startStreams(ctx, "twilio-webhooks", turnAgent(), func(c *config.Config) { c.Database.URL = database.url })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	database.slow(late)
	defer database.slow(0) // for the gateway to stop
	w, err := watchOf(s.pid(), os.Getpid())
	if err != nil {
		return err
	}
	var calls []*carrier.Call
	ticks := time.NewTicker(time.Second / time.Duration(perSecond))
	defer ticks.Stop()
	for end := time.Now().Add(last); time.Now().Before(end); {
		call, err := s.far.Dial(carrier.Caller{From: s.number(), To: twilioNumber, Phone: carrier.Phone{Owner: hangUpSoon}})
		if err != nil {
			return err
		}
		calls = append(calls, call)
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	l, err := w.stop()
	if err != nil {
		return err
	}
	var answers sample
	for _, call := range calls {
		select {
		case <-call.Done():
		case <-time.After(time.Minute):
			return errors.New("a call that was hung up did not end")
		}
		for _, e := range call.Events() {
			if e.Kind == "document" && strings.HasSuffix(e.Text, "/voice") {
				answers = append(answers, e.Took)
			}
		}
	}
	t.row(fmt.Sprintf("%v late", late), len(answers), answers.ms(0.5), answers.ms(0.95), answers.ms(0.99), answers.ms(1),
		l.cores(l.used[0].total()), l.cores(l.used[1].total()), l.cores(l.idle))

	return nil
}

// hurried is the owner of a telephone who hangs up after a moment.
type hurried struct {
	line  *carrier.Line
	ticks int
}

func hangUpSoon(l *carrier.Line) clock.Ticker { return &hurried{line: l} }

// Tick implements clock.Ticker.
func (h *hurried) Tick(time.Time) {
	if h.ticks++; h.ticks == 25 {
		_ = h.line.Hangup(context.Background(), "") // it does not wait
	}
}
