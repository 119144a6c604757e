package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sys/unix"

	"trunkline/call"
	"trunkline/compliance"
	"trunkline/compliance/npa"
	"trunkline/gate"
	"trunkline/privacy"
	"trunkline/storage"
	"trunkline/storage/evidence"
	"trunkline/storage/spool"
)

const (
	// decisionsEach is how far apart the decisions of the benchmark are begun.
	decisionsEach = 5 * time.Millisecond
	// fillDisk is what the full tables take, with their indexes and the
	// database's log, in bytes.
	fillDisk = 16 << 30
	// dialedCampaign has placed calls for a month.
	dialedCampaign = "bench"
)

// amounts are how many rows of others the tables hold.
type amounts struct{ suppressions, consents, calls int }

// decide measures decisions that are begun at a fixed rate, each about another
// number, with the facts found and decision and attempt recorded.
func (b *bench) decide(ctx context.Context) error {
	return b.withLedger(ctx, func(e *evidenceBench) error {
		of, err := e.amounts()
		if err != nil {
			return err
		}
		if err := e.fill(ctx, of); err != nil {
			return err
		}

		return e.decisions(ctx, of)
	})
}

// amounts are a tenth of the full ones where the disk has no room for more.
func (e *evidenceBench) amounts() (amounts, error) {
	full := amounts{suppressions: 10_000_000, consents: 5_000_000, calls: 200_000}
	if e.Quick {
		return amounts{suppressions: 20_000, consents: 10_000, calls: 2000}, nil
	}
	if e.People > 0 {
		return amounts{suppressions: e.People, consents: e.People / 2, calls: full.calls}, nil
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(e.dir, &fs); err != nil {
		return amounts{}, fmt.Errorf("the room on the disk: %w", err)
	}
	if fs.Bavail*uint64(fs.Bsize) < fillDisk {
		full.suppressions, full.consents = full.suppressions/10, full.consents/10
	}

	return full, nil
}

// The rows of other people stand without their entries in the ledger: only what
// a decision searches. Their ids come in order, as those of real rows do.
const (
	fillSuppressions = `INSERT INTO suppressions (id, tenant, callee, sealed, scope, cause, made_at)
		SELECT lpad(to_hex(i), 32, '0')::uuid, 'bench', sha256(int8send(i)), sha256(''), 'tenant', 'opt_out', now() FROM generate_series(1, $1::bigint) i`
	fillConsents = `INSERT INTO consents (id, tenant, callee, sealed, seller, level, purposes, artificial_voice, disclosure_text, not_condition, captured_at, received_at, effective_at)
		SELECT lpad(to_hex(i), 32, '0')::uuid, 'bench', sha256(int8send(-i)), sha256(''), 'seller', 'pewc', '{telemarketing}', true,
			repeat('By signing you agree to be called. ', 6), true, t.captured, t.captured + '1s', t.captured + '2s'
		FROM (SELECT now() - interval '1 day' AS captured) t, generate_series(1, $1::bigint) i`
	fillAttempts = `INSERT INTO attempts (id, tenant, callee, decision_id, call_id, seller, campaign, placed_at)
		SELECT lpad(to_hex(i), 32, '0')::uuid, 'bench', sha256(int8send(-i)), lpad(to_hex(i), 32, '0')::uuid, lpad(to_hex(i), 32, '0')::uuid, 's', $2,
			now() - i * interval '30 days' / $1 FROM generate_series(1, $1::bigint) i`
	// Three calls in ten are answered, and somebody speaks at once.
	fillCalls = `INSERT INTO calls (id, node, boot, direction, door, state, started_at, answered_at, opened_at, ended_at, end_reason, fault, attempt_id, campaign, answered_by)
		SELECT a.id, 'bench', a.id, 'outbound', 'sip', 'ended', a.placed_at, answered.at, answered.at + '1 second', a.placed_at + '1 minute', 'hung_up', 'callee', a.id, a.campaign, ''
		FROM attempts a, LATERAL (SELECT CASE WHEN get_byte(a.callee, 0) < 77 THEN a.placed_at + '9 seconds' END AS at) answered`
	// The indexes are made when the rows are there, which is several times as fast.
	filledIndexes = `SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY($1) AND indexname NOT IN (SELECT conname FROM pg_constraint)`
)

// fill grows the tables, and tells how long that took.
func (e *evidenceBench) fill(ctx context.Context, of amounts) (err error) {
	e.progressf("decide: filling %d suppressions and %d consents", of.suppressions, of.consents)
	began := time.Now()
	conn, err := pgx.Connect(ctx, e.url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	indexes, err := dropped(ctx, conn, "suppressions", "consents")
	if err != nil {
		return err
	}
	type step struct {
		sql  string
		args []any
	}
	steps := []step{
		{"SET session_replication_role = replica", nil}, // no foreign keys
		{"SET maintenance_work_mem = '512MB'", nil},
		{fillSuppressions, []any{of.suppressions}},
		{fillConsents, []any{of.consents}},
		{fillAttempts, []any{of.calls, dialedCampaign}},
		{fillCalls, nil},
	}
	for _, sql := range indexes {
		steps = append(steps, step{sql, nil})
	}
	for _, s := range steps {
		if _, err := conn.Exec(ctx, s.sql, s.args...); err != nil {
			return fmt.Errorf("%s: %w", s.sql, err)
		}
	}
	e.progressf("decide: filled in %s", time.Since(began).Round(time.Second))

	return nil
}

// settle has the database at rest: no page is left to be written, no table to be
// vacuumed, and the next checkpoint is as far away as it gets.
func (e *evidenceBench) settle(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, e.url)
	if err != nil {
		return err
	}
	for _, sql := range []string{"VACUUM ANALYZE", "CHECKPOINT"} {
		if err == nil {
			_, err = conn.Exec(ctx, sql)
		}
	}
	unix.Sync()

	return errors.Join(err, conn.Close(ctx))
}

// dropped drops the indexes of tables, but for those of constraints, and
// returns how they are made again.
func dropped(ctx context.Context, conn *pgx.Conn, tables ...string) (again []string, err error) {
	rows, err := conn.Query(ctx, filledIndexes, tables)
	if err != nil {
		return nil, err
	}
	type index struct{ Name, SQL string }
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[index])
	if err != nil {
		return nil, err
	}
	for _, i := range all {
		if _, err := conn.Exec(ctx, "DROP INDEX "+pgx.Identifier{i.Name}.Sanitize()); err != nil {
			return nil, err
		}
		again = append(again, i.SQL)
	}

	return again, nil
}

// people are the numbers that are dialed, each with a consent. The lists have
// been loaded and the caller ID is proven.
func (e *evidenceBench) people(ctx context.Context, count int) ([]privacy.Number, error) {
	const together = 500
	var numbers []privacy.Number
	var all []evidence.Consent
	now := time.Now()
	for len(numbers) < count {
		numbers = append(numbers, number())
		all = append(all, evidence.Consent{
			Number: numbers[len(numbers)-1], Seller: "s", Level: compliance.PriorExpressWritten, Purposes: []compliance.Purpose{compliance.Telemarketing},
			ArtificialVoice: true, NotCondition: true, DisclosureText: strings.Repeat("By signing you agree to be called. ", 6),
			RequestSHA256: "a", GivenSHA256: "b", SignatureValue: "on", CapturedAt: now.Add(-time.Hour),
		})
		if len(all) < together && len(numbers) < count {
			continue
		}
		if err := e.ledger.AddConsents(ctx, "bench", all...); err != nil {
			return nil, err
		}
		all = nil
	}
	err := e.ledger.AddCallerID(ctx, "bench", compliance.CallerID{Number: "+12125550199", Seller: "s", Proof: "p", ValidFrom: now.Add(-time.Hour), Answered: true})
	for _, state := range []string{"", "CO", "FL", "IN", "LA", "MA", "MO", "OK", "PA", "TN", "TX", "WY"} {
		list := evidence.List{Tenant: "bench", Kind: compliance.StateList, State: state, Account: "san", ObtainedAt: now}
		if state == "" {
			list.Kind, list.Everywhere = compliance.NationalList, true
		}
		for code, area := range npa.All() {
			if slices.Contains(area.States, "US-"+state) {
				list.AreaCodes = append(list.AreaCodes, code)
			}
		}
		var file bytes.Buffer
		for range pick(e.bench, 20_000, 1000) {
			fmt.Fprintln(&file, string(number())[2:])
		}
		if err == nil {
			_, _, err = e.ledger.ImportList(ctx, list, &file)
		}
	}

	return numbers, err
}

// decisions measures by turns with what any record costs that is durable: a write
// and fdatasync of a file, and an insert and commit of one row, both begun at the
// same rate. All three meet the same other work on the machine.
func (e *evidenceBench) decisions(ctx context.Context, of amounts) (err error) {
	const rounds = 6
	numbers, err := e.people(ctx, pick(e.bench, 6000, 100))
	if err != nil {
		return err
	}
	g, revocations, err := e.newGate()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, revocations.Close()) }()
	bare, err := e.openBareTable(ctx)
	if err != nil {
		return err
	}
	defer bare.pool.Close()
	disk, err := e.openDisk(make([]byte, bareRow))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, disk.file.Close()) }()
	warm := len(numbers) / 10
	if _, err := decideEach(ctx, g, numbers[:warm]); err != nil {
		return err
	}
	if err := e.settle(ctx); err != nil {
		return err
	}
	profiled, err := e.profile("decide")
	if err != nil {
		return err
	}
	var c decisionCosts
	each := (len(numbers) - warm) / rounds
	for numbers = numbers[warm:]; len(numbers) >= each && err == nil; numbers = numbers[each:] {
		if err = e.costs(&c, func() (sample, error) { return decideEach(ctx, g, numbers[:each]) }); err != nil {
			break
		}
		var inserts, writes sample
		inserts, err = paced(each/4, func(i int) error { return bare.insert(ctx, i) })
		if err == nil {
			writes, err = paced(each/4, func(int) error { return disk.write() })
		}
		c.inserts, c.writes = append(c.inserts, inserts...), append(c.writes, writes...)
	}
	if err := errors.Join(err, profiled()); err != nil {
		return err
	}
	c.print(e.Out, of)

	return nil
}

// decisionCosts are what decisions took, and what they are compared with.
type decisionCosts struct {
	took, inserts, writes sample
	ours, database        time.Duration // processor time of the decisions
	idle, lasted          time.Duration // of all processors, and on the clock, while they ran
}

// costs adds what some decisions took.
func (e *evidenceBench) costs(c *decisionCosts, decide func() (sample, error)) error {
	before, err := e.serverUsage()
	if err != nil {
		return err
	}
	w, err := watchOf(os.Getpid())
	if err != nil {
		return err
	}
	took, err := decide()
	if err != nil {
		return err
	}
	l, err := w.stop()
	if err != nil {
		return err
	}
	after, err := e.serverUsage()
	if err != nil {
		return err
	}
	for pid, used := range after {
		c.database += used - before[pid]
	}
	c.took, c.ours = append(c.took, took...), c.ours+l.used[0].total()
	c.idle, c.lasted = c.idle+l.idle, c.lasted+l.took

	return nil
}

func (c *decisionCosts) print(out io.Writer, of amounts) {
	each := func(d time.Duration) string { return fmt.Sprintf("%.2f", d.Seconds()*1000/float64(len(c.took))) }
	t := newTable("decisions, 200 a second: suppressions", "consents", "decisions", "processor ms each: ours", "database", "cores idle")
	t.row(of.suppressions, of.consents, len(c.took), each(c.ours), each(c.database), fmt.Sprintf("%.2f", c.idle.Seconds()/c.lasted.Seconds()))
	t.write(out)
	t = newTable("by turns, each begun 200 times a second", "count", "p50 ms", "p95 ms", "p99 ms", "max ms")
	for _, x := range []struct {
		what string
		took sample
	}{{"write and fdatasync of 512 bytes", c.writes}, {"insert and commit of one row of 512 bytes", c.inserts}, {"decision", c.took}} {
		t.row(x.what, len(x.took), x.took.fine(.5), x.took.fine(.95), x.took.fine(.99), x.took.fine(1))
	}
	t.write(out)
}

// bareRow is the size of what is written for comparison, in bytes.
const bareRow = 512

// bareTable takes rows and knows nothing else.
type bareTable struct{ pool *pgxpool.Pool }

func (e *evidenceBench) openBareTable(ctx context.Context) (*bareTable, error) {
	pool, err := pgxpool.New(ctx, e.url)
	if err != nil {
		return nil, err
	}
	if _, err := pool.Exec(ctx, `CREATE TABLE bare (id bigserial PRIMARY KEY, data bytea NOT NULL)`); err != nil {
		pool.Close()

		return nil, err
	}

	return &bareTable{pool}, nil
}

func (b *bareTable) insert(ctx context.Context, i int) error {
	_, err := b.pool.Exec(ctx, `INSERT INTO bare (data) VALUES ($1)`, bytes.Repeat([]byte{byte(i)}, bareRow))

	return err
}

func (e *evidenceBench) newGate() (*gate.Gate, *spool.Spool, error) {
	rules, err := compliance.Load(compliance.DefaultPacks())
	if err != nil {
		return nil, nil, err
	}
	s, err := e.openSpool("revocations", historySegment)
	if err != nil {
		return nil, nil, err
	}
	g, err := gate.New(gate.Config{
		Ledger: e.ledger, Keys: e.keys, Revocations: s, Tenant: "bench", Clock: gate.TrustedClock, Window: rules.LongestWindow(), Abandoning: rules.AbandoningOf,
		DialsSince: time.Now().AddDate(-1, 0, 0), Campaigns: map[string]compliance.Campaign{dialedCampaign: {ID: dialedCampaign, Seller: "s", Active: true}},
		Decide: func(a *compliance.Attempt, f *compliance.Facts) compliance.Decision {
			d := compliance.Decide(a, f, rules)
			d.Allow, d.ValidFor = true, 30*time.Second // both rows are to be written, whatever the time of day

			return d
		},
	})

	return g, s, err
}

// decideEach begins a decision about each number.
func decideEach(ctx context.Context, g *gate.Gate, numbers []privacy.Number) (sample, error) {
	return paced(len(numbers), func(i int) error {
		_, err := g.Admit(ctx, call.Attempt{
			Call: storage.NewID(), To: numbers[i], From: "+12125550199", Purpose: "telemarketing", Seller: "s", Campaign: dialedCampaign,
		})

		return err
	})
}

// paced begins something every decisionsEach, without waiting for what was begun
// before, and returns how long each took from when it was due.
func paced(count int, do func(i int) error) (took sample, err error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	tick := time.NewTicker(decisionsEach)
	defer tick.Stop()
	for i := range count {
		due := <-tick.C
		wg.Go(func() {
			failed := do(i)
			mu.Lock()
			defer mu.Unlock()
			took, err = append(took, time.Since(due)), errors.Join(err, failed)
		})
	}
	wg.Wait()

	return took, err
}

// serverUsage is the processor time of each of the database's processes. One
// that ends, as those that vacuum do, takes its own with it.
func (e *evidenceBench) serverUsage() (map[int]time.Duration, error) {
	file, err := os.ReadFile(filepath.Join(e.dataDir, "postmaster.pid"))
	if err != nil {
		return nil, err
	}
	first, _, _ := strings.Cut(string(file), "\n")
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	used := map[int]time.Duration{}
	for _, path := range stats {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // it ended in the meantime
		}
		// The fourth field is the parent, after the program's name, which may
		// hold anything and ends with the last bracket, proc_pid_stat(5).
		after := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil || strconv.Itoa(pid) != first && (len(after) < 2 || after[1] != first) {
			continue
		}
		if u, err := usageOf(pid); err == nil {
			used[pid] = u.total()
		}
	}

	return used, nil
}

// profile writes a CPU profile of this process until it is told to end, if one
// was asked for.
func (b *bench) profile(name string) (end func() error, err error) {
	if b.Profile == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(filepath.Join(b.Profile, name+".pprof"))
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}

	return func() error {
		pprof.StopCPUProfile()

		return f.Close()
	}, nil
}
