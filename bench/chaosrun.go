package bench

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/uuid"

	"trunkline/bench/chaos"
	"trunkline/call"
	"trunkline/config"
	"trunkline/media/clock"
	"trunkline/media/rtp"
	"trunkline/privacy"
	"trunkline/sip"
	"trunkline/sip/hep"
	"trunkline/softphone"
	"trunkline/storage"
	"trunkline/storage/cluster"
	"trunkline/storage/evidence"
)

const (
	// chaosPatience bounds what has no bound of its own: starting again while the
	// database comes back, and coming to rest.
	chaosPatience = 90 * time.Second
	// voiceWait is how long a person who asked for no more calls stays on the
	// line to hear what is said to that.
	voiceWait = 20 * time.Second
	// answerAfter is how long people's telephones ring.
	answerAfter = 100 * time.Millisecond
	// reachFor is how long callers let it ring.
	reachFor = 5 * time.Second
	// askAgain is between attempts at what the gateway has not taken.
	askAgain = 200 * time.Millisecond
)

// chaosRun carries a Plan out and remembers what the world outside saw.
type chaosRun struct {
	*bench

	plan     chaos.Plan
	dir      string
	cfg      config.Config
	file     string
	database *cluster.Cluster
	ua       *sip.UA // of callers and people
	clock    *clock.Clock
	clip     *softphone.Clip
	began    time.Time
	client   *http.Client

	work    sync.WaitGroup // kills
	running atomic.Int64   // calls to people

	alive  sync.Mutex // held while the gateway is killed and started
	gw     *gateway
	starts int
	// life ends when the gateway is killed: then its calls are over.
	life context.Context
	died context.CancelFunc

	mu      sync.Mutex
	seen    chaos.Seen
	ids     map[string]uuid.UUID // of calls to people, by their Call-ID
	asked   map[string]bool      // people who have asked in a call
	counts  [chaos.Moments]int
	struck  []bool // kills that are under way or over
	takenIn int    // callers who were answered
	failure error  // of the rig, the first

	entries int64 // of the ledger
	wrong   []string
}

// newChaosRun makes what a run works with; nothing runs yet.
func (b *bench) newChaosRun(p chaos.Plan) (*chaosRun, error) {
	dir, err := os.MkdirTemp(b.dir, "chaos-")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o755); err != nil { // the database's account has to pass
		return nil, err
	}
	r := &chaosRun{
		bench: b, plan: p, dir: dir, clock: clock.New(clock.Options{}),
		database: cluster.New(cluster.Options{Dir: filepath.Join(dir, "pg")}),
		ids:      map[string]uuid.UUID{}, asked: map[string]bool{}, struck: make([]bool, len(p.Kills)),
		// A connection to a gateway that is killed is of no further use.
		client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second},
	}
	if r.clip, err = crispClip("what-are-your-opening-hours"); err != nil {
		return nil, err
	}
	pool, err := rtp.NewPool(localhost, callersLow, callersTop)
	if err != nil {
		return nil, err
	}
	r.ua, err = sip.New(sip.Config{
		Listen: []sip.Listen{{Network: "udp", Addr: "127.0.0.1:0"}},
		Trunks: []sip.Trunk{{Name: "gateway", Sources: []netip.Prefix{netip.PrefixFrom(localhost, 32)}}},
		Media:  sip.RTP(pool, rtp.Options{}), Exporter: r,
	}, r)

	return r, err
}

// chaosCap is a rule of the run's own: emergencies, which may be called of at any hour
// and without consent, have no cap otherwise.
const chaosCap = `pack: chaos
version: 2026-11-21
about: What a run of chaos asks beside the law, so that there is a cap to break.

rules:
  - id: chaos-cap
    jurisdiction: US
    applies_to: [emergency]
    citation: none
    confidence: house
    reviewed_by: nobody
    cap: {max: 3, window: 24h, per: line}
`

// configure writes the gateway's configuration. Its database and the callers'
// socket run.
func (r *chaosRun) configure() error {
	desk := turnAgent()
	desk.Voice.Declared = config.DeclaredVoice{} // a gateway that is killed is soon ready again
	c, err := gatewayConfig(r.dir, desk)
	if err != nil {
		return err
	}
	ringer := desk
	ringer.Name = "ringer"
	ringer.Recogniser.Declared.Says = []string{"you have the wrong number"}
	c.Agents = append(c.Agents, ringer)
	c.Database.URL = r.database.URL()
	c.SIP.Trunks[0].Targets = []config.TrunkTarget{{URI: "sip:" + r.ua.Addr("udp").String()}}
	c.Routes.Outbound = []config.OutboundRoute{{
		Name: "all", Prefixes: []string{"+1"}, Door: "sip", Trunk: "bench", CallerIDs: []string{chaosCallerID}, Agent: ringer.Name,
	}}
	c.Outbound.OnMachine = string(call.TreatAsHuman)
	c.Compliance.Clock = "trusted"
	c.Compliance.DialsSince = "2020-01-01"
	c.Compliance.AuditKeyFile, c.Compliance.Rules = filepath.Join(r.dir, "audit.key"), []string{filepath.Join(r.dir, "cap.yaml")}
	c.Compliance.Campaigns = []config.Campaign{{
		ID: "fire", Seller: "town", Active: true, LegalName: "Town of Salem", CallbackNumber: chaosCallerID, TollFreeOptOut: "+18005550100",
		RingTimeout: 25 * time.Second, OptOutPolicy: "policy-1", OpeningSaysAI: true, EmergencyBasis: "doc-17",
	}}
	c.Compliance.Voices = []config.Licence{{
		Agent: ringer.Name, Voice: "tone", Licence: "ours", SpeakerConsent: "none needed", Sellers: []string{"*"}, ExpiresAt: "2099-12-31",
	}}
	r.cfg, r.file = c, filepath.Join(r.dir, "trunkline.yaml")
	text, err := yaml.Marshal(c)
	if err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	key := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, 32))

	return errors.Join(
		os.WriteFile(r.file, text, 0o600),
		os.WriteFile(c.Compliance.AuditKeyFile, []byte(key), 0o600),
		os.WriteFile(c.Compliance.Rules[0], []byte(chaosCap), 0o600),
	)
}

// chaosCallerID is shown to people.
const chaosCallerID = "+12125550100"

// run does all that is planned, waits until the gateway is at rest, and takes
// account.
func (r *chaosRun) run(ctx context.Context) error {
	if err := r.start(ctx); err != nil {
		return err
	}
	r.began = time.Now()
	var acts sync.WaitGroup
	for i := range r.plan.Callers {
		acts.Go(func() { r.call(ctx, &r.plan.Callers[i]) })
	}
	for i := range r.plan.People {
		acts.Go(func() { r.orders(ctx, i) })
		acts.Go(func() { r.letter(ctx, i) })
	}
	for i := range r.plan.Kills {
		acts.Go(func() {
			if r.sleepUntil(ctx, r.plan.Kills[i].Latest) {
				r.strike(i, false)
			}
		})
	}
	acts.Go(func() { r.fail(r.outages(ctx)) })
	acts.Wait()
	r.work.Wait()
	r.progressf("chaos: what was planned for %v is over after %v", r.plan.Lasts, time.Since(r.began).Round(time.Second))
	if err := r.rest(ctx); err != nil {
		return err
	}
	// Whoever was promised that there are no more calls is not called now either.
	for _, w := range r.seen.Wishes {
		if !w.Promised.IsZero() {
			r.order(ctx, w.Number)
		}
	}
	if err := r.rest(ctx); err != nil {
		return err
	}
	r.progressf("chaos: at rest after %v", time.Since(r.began).Round(time.Second))

	return r.account(ctx)
}

// start starts the database, the world outside and the gateway.
func (r *chaosRun) start(ctx context.Context) error {
	err := r.database.Start(ctx)
	if errors.Is(err, cluster.ErrNoPrograms) {
		return fmt.Errorf("%w: %w", errSkipped, err)
	}
	if err := errors.Join(err, r.clock.Start(), r.ua.Start()); err != nil {
		return err
	}
	if err := r.configure(); err != nil {
		return err
	}
	if err := r.startAgain(ctx); err != nil {
		return err
	}

	return r.command("caller-id", "add", chaosCallerID, "--seller", "town", "--proof", "letter-1", "--answered")
}

// close ends whatever runs.
func (r *chaosRun) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*stopBound)
	defer cancel()
	var err error
	if r.gw != nil {
		err = r.gw.stop()
	}
	// Calls of a gateway that was killed do not end by themselves.
	short, cut := context.WithTimeout(ctx, time.Second)
	defer cut()
	err = errors.Join(err, r.ua.Stop(short), r.database.Stop(ctx))
	r.clock.Stop()

	return err
}

// command runs a command of trunkline with the run's configuration.
func (r *chaosRun) command(args ...string) error {
	dir, err := os.MkdirTemp(r.dir, "command-")
	if err != nil {
		return err
	}
	p, err := r.startProcess(dir, nil, append([]string{"--config", r.file}, args...)...)
	if err != nil {
		return err
	}
	<-p.done
	if err := p.failure(); err != nil {
		return fmt.Errorf("trunkline %s: %w", strings.Join(args[:2], " "), err)
	}

	return nil
}

// fail keeps the rig's first failure.
func (r *chaosRun) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failure == nil {
		r.failure = err
	}
}

// sleepUntil waits for a time of the plan; it is false when ctx ended first.
func (r *chaosRun) sleepUntil(ctx context.Context, at time.Duration) bool {
	return rest(ctx, time.Until(r.began.Add(at))) == nil
}

// startAgain starts the gateway, however often it takes: without its database it
// does not start.
func (r *chaosRun) startAgain(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, chaosPatience, errors.New("it is not given more time"))
	defer cancel()
	for {
		r.starts++
		dir := filepath.Join(r.dir, fmt.Sprintf("start-%d", r.starts))
		if err := os.Mkdir(dir, 0o750); err != nil {
			return err
		}
		g, err := r.serve(ctx, "chaos", dir, r.file, &r.cfg)
		if err == nil {
			r.begin(g)

			return nil
		}
		if rest(ctx, askAgain) != nil {
			return fmt.Errorf("the gateway does not start again: %w", err)
		}
	}
}

// begin is the beginning of a gateway's life.
func (r *chaosRun) begin(g *gateway) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gw = g
	r.life, r.died = context.WithCancel(context.Background())
}

// moment counts what was seen, and kills the gateway when that is planned for
// now.
func (r *chaosRun) moment(m chaos.Moment) {
	r.mu.Lock()
	r.counts[m]++
	n := r.counts[m]
	r.mu.Unlock()
	for i, k := range r.plan.Kills {
		if k.Moment == m && k.Nth == n {
			r.strike(i, true)
		}
	}
}

// strike kills the gateway once for each of the plan's kills. One that is dead
// is not killed by what was seen of it before.
func (r *chaosRun) strike(i int, moment bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.struck[i] || moment && !r.alive.TryLock() {
		return
	}
	r.struck[i] = true
	r.work.Go(func() {
		if !moment {
			r.alive.Lock()
		}
		defer r.alive.Unlock()
		time.Sleep(r.plan.Kills[i].After)
		_ = r.gw.cmd.Process.Kill() // it is there, or has ended by itself, which its log tells
		<-r.gw.done
		r.died()
		r.fail(r.startAgain(context.Background())) // bounded by itself
	})
}

// rest waits until no call runs and nothing waits to be written.
func (r *chaosRun) rest(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, chaosPatience, errors.New("the gateway does not come to rest"))
	defer cancel()
	for r.running.Load() > 0 {
		if err := rest(ctx, askAgain); err != nil {
			return err
		}
	}
	if r.failure != nil {
		return r.failure
	}
	_, err := r.gw.until(ctx, append([]string{"trunkline_spool_revocations"}, recorded...))

	return err
}

// account exports and verifies the evidence, and compares what was seen with what is kept.
func (r *chaosRun) account(ctx context.Context) error {
	export := filepath.Join(r.dir, "evidence.jsonl")
	if err := r.command("audit", "export", export); err != nil {
		return err
	}
	if err := r.command("audit", "verify", export); err != nil {
		r.wrong = append(r.wrong, err.Error())
	}
	keys, err := evidence.OpenKeyFile(r.cfg.EvidenceKeyFile(), false)
	if err != nil {
		return err
	}
	names := map[string]string{}
	for i := range r.plan.People {
		names[keys.Callee(privacy.Number(numberOf(i))).String()] = numberOf(i)
	}
	file, err := os.Open(export)
	if err != nil {
		return err
	}
	defer file.Close() // only read
	var kept chaos.Kept
	if err := kept.Read(file, func(callee string) string { return names[callee] }); err != nil {
		return err
	}
	r.entries = int64(len(kept.Decisions) + len(kept.Attempts) + len(kept.Stopped))
	if kept.Open, err = r.records(ctx); err != nil {
		return err
	}
	r.wrong = append(r.wrong, chaos.Account(&r.seen, &kept)...)

	return nil
}

// records says of each recorded call whether it is still open.
func (r *chaosRun) records(ctx context.Context) (map[uuid.UUID]bool, error) {
	store, err := storage.Open(ctx, r.cfg.Database.URL, nil)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	open := map[uuid.UUID]bool{}
	for f := (storage.Filter{Limit: storage.MaxLimit}); ; {
		page, err := store.Calls(ctx, f)
		if err != nil {
			return nil, err
		}
		for i := range page.Calls {
			open[page.Calls[i].ID] = page.Calls[i].State != storage.Ended
		}
		if f.Cursor = page.Next; f.Cursor == "" {
			return open, nil
		}
	}
}

// numberOf is the ith person's.
func numberOf(i int) string { return fmt.Sprintf("+1312664%04d", i) }

// Export implements sip.Exporter: what the gateway sends to people is seen as
// it comes.
func (r *chaosRun) Export(m hep.Message) {
	method, rest, _ := bytes.Cut(m.Text, []byte(" "))
	if m.To != r.ua.Addr("udp") {
		return
	}
	switch string(method) {
	case "INVITE":
		if r.dialed(m.CallID, rest) {
			r.moment(chaos.Dialed)
		}
	case "ACK":
		if r.acknowledged(m.CallID) {
			r.moment(chaos.Answered)
		}
	}
}

// dialed notes an INVITE, once.
func (r *chaosRun) dialed(callID string, text []byte) bool {
	target, _, _ := strings.Cut(strings.TrimPrefix(string(text), "sip:"), "@")
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, again := r.ids[callID]; again {
		return false
	}
	for line := range bytes.SplitSeq(text, []byte("\r\n")) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		if !strings.EqualFold(string(name), call.IDHeader) {
			continue
		}
		id, err := uuid.ParseBytes(bytes.TrimSpace(value))
		if err != nil && r.failure == nil {
			r.failure = fmt.Errorf("an INVITE names the call %q: %w", value, err)
		}
		r.ids[callID] = id
		r.seen.Dials = append(r.seen.Dials, chaos.Dial{Number: target, Call: id, At: time.Now()})
	}

	return true
}

// acknowledged notes that the gateway has taken a person's answer.
func (r *chaosRun) acknowledged(callID string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	id, known := r.ids[callID]
	if known {
		r.seen.Answers = append(r.seen.Answers, chaos.Answer{Call: id, At: time.Now()})
	}

	return known
}

// Incoming implements sip.Handler: a person is called.
func (r *chaosRun) Incoming(d *sip.Dialog) {
	r.running.Add(1)
	defer r.running.Add(-1)
	ctx := r.living()
	person, number := -1, d.Info().To.User
	for i := range r.plan.People {
		if numberOf(i) == number {
			person = i
		}
	}
	if person < 0 {
		r.fail(fmt.Errorf("somebody else was called: %q", number))

		return
	}
	time.Sleep(answerAfter)
	if _, err := d.Answer(ctx); err != nil {
		return // it was given up, or the gateway died
	}
	r.mu.Lock()
	p := &r.plan.People[person]
	asks := p.Wish == chaos.ByVoice && !r.asked[number]
	r.asked[number] = r.asked[number] || asks
	r.mu.Unlock()
	talk := softphone.Config{MaxDuration: p.For, HangupAfter: p.For}
	if asks {
		talk = softphone.Config{
			Plan: []softphone.Step{{Clip: r.clip, When: softphone.At(p.At)}}, MaxDuration: voiceWait, HangupAfter: voiceWait, Silence: voiceWait,
		}
	}
	var said time.Time
	talk.Notify = func(e softphone.Event) {
		if e.Kind == softphone.ClipEnded {
			said = e.At
			r.moment(chaos.Wishing)
		}
	}
	report, err := softphone.Play(ctx, r.clock, talk, d)
	if said.IsZero() {
		return
	}
	wish := chaos.Stated{Number: number, At: said}
	if err == nil && report.EndedBy == "agent" {
		wish.Promised = report.EndedAt
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen.Wishes = append(r.seen.Wishes, wish)
}

// call is a caller's call.
func (r *chaosRun) call(ctx context.Context, c *chaos.Caller) {
	if !r.sleepUntil(ctx, c.At) {
		return
	}
	d, life := r.reach(ctx)
	if d == nil {
		return
	}
	at := time.Now()
	id, err := uuid.Parse(d.ResponseHeader(call.IDHeader))
	if err != nil {
		r.fail(fmt.Errorf("an answer names no call: %w", err))
	}
	r.mu.Lock()
	r.takenIn++
	r.seen.Answers = append(r.seen.Answers, chaos.Answer{Call: id, At: at})
	r.mu.Unlock()
	r.moment(chaos.Answered)
	_, _ = softphone.Play(life, r.clock, softphone.Config{ // how it ends is not asked: the gateway may die
		Plan: []softphone.Step{{Clip: r.clip, When: softphone.At(c.For / 4)}}, MaxDuration: c.For, HangupAfter: c.For, Silence: c.For,
	}, d)
}

// target is where the gateway is called.
func (r *chaosRun) target() string {
	return fmt.Sprintf("sip:%s@%s", agentName, strings.TrimPrefix(r.cfg.SIP.Listen[0], "udp:"))
}

// living is the gateway's present life.
func (r *chaosRun) living() context.Context {
	r.mu.Lock()
	defer r.mu.Unlock()

	return r.life
}

// reach calls the gateway until it answers, in the life that is returned; nil:
// it does not.
func (r *chaosRun) reach(ctx context.Context) (*sip.Dialog, context.Context) {
	ctx, cancel := context.WithTimeout(ctx, chaosPatience)
	defer cancel()
	for rest(ctx, 0) == nil {
		life := r.living()
		ringing, giveUp := context.WithTimeout(ctx, reachFor)
		d, err := r.ua.Dial(ringing, r.target(), sip.DialOptions{User: "+15550100123"})
		giveUp()
		if err == nil {
			return d, life
		}
		_ = rest(ctx, askAgain) // when ctx ends the loop does
	}

	return nil, nil
}

// orders has calls to a person placed.
func (r *chaosRun) orders(ctx context.Context, person int) {
	for _, at := range r.plan.People[person].Orders {
		if !r.sleepUntil(ctx, at) {
			return
		}
		r.order(ctx, numberOf(person))
	}
}

// order has a call placed by the API, and asks again until that is answered. The
// key says that it is the same order still.
func (r *chaosRun) order(ctx context.Context, number string) {
	ctx, cancel := context.WithTimeout(ctx, chaosPatience)
	defer cancel()
	o := chaos.Order{Number: number}
	key := http.Header{"Idempotency-Key": {uuid.NewString()}}
	body := map[string]any{"to": number, "purpose": "emergency", "campaign": "fire"}
	for o.Failed() && rest(ctx, 0) == nil {
		var answer struct {
			ID    uuid.UUID `json:"id"`
			Error struct {
				Decision uuid.UUID `json:"decision"`
			} `json:"error"`
		}
		r.moment(chaos.Placing)
		if r.post(ctx, "/v1/calls", key, body, &answer) == http.StatusConflict {
			break // it was admitted by a gateway that has died, and is not dialed again
		}
		if o.Call, o.Decision = answer.ID, answer.Error.Decision; o.Failed() {
			_ = rest(ctx, askAgain) // when ctx ends the loop does
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen.Orders = append(r.seen.Orders, o)
}

// letter enters a person's wish by the API, until it is taken.
func (r *chaosRun) letter(ctx context.Context, person int) {
	p := &r.plan.People[person]
	if p.Wish != chaos.ByLetter || !r.sleepUntil(ctx, p.At) {
		return
	}
	wish := chaos.Stated{Number: numberOf(person), At: time.Now()}
	r.moment(chaos.Wishing)
	body := map[string]any{"number": wish.Number, "scope": "everything", "cause": "letter"}
	for r.post(ctx, "/v1/suppressions", nil, body, nil) != http.StatusCreated {
		if rest(ctx, askAgain) != nil {
			return
		}
	}
	wish.Promised = time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen.Wishes = append(r.seen.Wishes, wish)
}

// post sends JSON to the gateway and returns the status, 0 for no answer.
func (r *chaosRun) post(ctx context.Context, path string, header http.Header, body map[string]any, into any) int {
	data, err := json.Marshal(body)
	if err != nil {
		return 0
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+r.cfg.HTTP.Listen+path, bytes.NewReader(data))
	if err != nil {
		return 0
	}
	maps.Copy(req.Header, header)
	req.Header.Set("Content-Type", "application/json")
	resp, err := r.client.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	if into != nil && json.NewDecoder(resp.Body).Decode(into) != nil {
		return 0
	}

	return resp.StatusCode
}
