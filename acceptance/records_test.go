package acceptance

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"trunkline/config"
	"trunkline/softphone"
	"trunkline/storage"
	"trunkline/storage/cluster"
	"trunkline/storage/cluster/clustertest"
)

// kill -9 in mid-call: the next start of the node closes the call, with what
// was recorded of it.
func TestKilledGatewayClosesItsCallsAtTheNextStart(t *testing.T) {
	t.Parallel()
	g := serve(t, desk(), nil)
	caller := start(t, nil, "call", g.target(), "--play", filepath.Join("..", "testdata", "audio", "what-are-your-opening-hours.wav"))
	var before *storage.History
	eventually(t, patience, "three turns recorded", func() bool {
		for _, c := range g.calls(t) {
			h, err := g.store.Call(context.Background(), c.ID)
			if err != nil {
				t.Fatal(err)
			}
			before = &h
		}

		return before != nil && len(before.Turns) >= 2
	})
	g.kill(t)
	caller.kill(t)
	if before.Call.State != storage.InProgress {
		t.Fatalf("the call was %s when the gateway was killed", before.Call.State)
	}
	g.start(t)
	after := g.only(t)
	checkEnd(t, after, "gateway_crashed", storage.FaultTrunkline)
	if len(after.Turns) < len(before.Turns) || len(after.Events) < len(before.Events) {
		t.Errorf("%d turns and %d events are left of %d and %d",
			len(after.Turns), len(after.Events), len(before.Turns), len(before.Events))
	}
	if after.Call.EndedAt.Before(after.Call.AnsweredAt) || after.Call.EndedAt.After(time.Now()) {
		t.Errorf("answered at %v, ended at %v", after.Call.AnsweredAt, after.Call.EndedAt)
	}
	r := command(t, "--config", g.file, "why", after.Call.ID.String())
	if r.code != 0 || !strings.Contains(r.stdout, "the gateway died in mid-call") {
		t.Errorf("why: exit %d: %s%s", r.code, r.stdout, r.stderr)
	}
	// The gateway takes calls again.
	g.dial(t, softphone.Config{HangupAfter: time.Second}).end(t)
	checkEnd(t, &g.ended(t, 2)[1], "caller_hangup", storage.FaultCaller)
}

// The database goes away in mid-call: the call goes on, ends well, and all of
// its record is there when the database is back.
func TestDatabaseLostInMidCall(t *testing.T) {
	t.Parallel()
	c, db := ownDatabase(t)
	g := serveConfig(t, c)

	call := g.dial(t, softphone.Config{
		Plan:        says(t, "what-are-your-opening-hours", "where-are-you-located", "thank-you-goodbye"),
		HangupAfter: time.Second,
	})
	call.await(t, softphone.ClipStarted)
	stopDatabase(t, db)
	if code, _ := g.get("/readyz"); code != 503 {
		t.Errorf("/readyz answers %d without the database, want 503", code)
	}
	if code, _ := g.get("/healthz"); code != 200 {
		t.Errorf("/healthz answers %d without the database, want 200", code)
	}
	report := call.end(t)
	if report.EndedBy != "caller" || report.Response.Count != 3 {
		t.Errorf("the call without its database: ended by the %s after %d answers, want the caller after 3: %q",
			report.EndedBy, report.Response.Count, report.Warnings)
	}
	eventually(t, patience, "rows wait on disk for the database", func() bool { return g.metric(t, "trunkline_spool_rows") > 0 })
	startDatabase(t, db)
	h := g.only(t)
	checkEnd(t, h, "caller_hangup", storage.FaultCaller)
	if len(h.Turns) != 7 {
		t.Errorf("turns %q, want 7", texts(h))
	}
	eventually(t, patience, "all rows written", func() bool {
		return g.metric(t, "trunkline_journal_queued_rows") == 0 && g.metric(t, "trunkline_spool_rows") == 0
	})
	if dropped := g.metric(t, "trunkline_journal_dropped_rows_total"); dropped != 0 {
		t.Errorf("%v rows dropped", dropped)
	}
}

// The database is killed in mid-call, and the gateway after it: what was said
// in between is recorded at the next start, the call is closed, and the
// evidence from before is whole.
func TestDatabaseAndGatewayKilledInMidCall(t *testing.T) {
	t.Parallel()
	c, db := ownDatabase(t)
	c.Compliance.AuditKeyFile = filepath.Join(t.TempDir(), "audit.key")
	if err := os.WriteFile(c.Compliance.AuditKeyFile, []byte(strings.Repeat("A", 43)+"="), 0o600); err != nil {
		t.Fatal(err)
	}
	g := serveConfig(t, c)
	for _, args := range [][]string{
		{"dnc", "add", "+12125550123"},
		{"decide", "+12125550123", "--purpose", "informational", "--record"},
	} {
		if r := command(t, append([]string{"--config", g.file}, args...)...); r.code != 0 && args[0] != "decide" {
			t.Fatalf("%v: exit %d: %s", args, r.code, r.stderr)
		}
	}

	call := g.dial(t, softphone.Config{
		Plan: says(t, "what-are-your-opening-hours", "where-are-you-located"), HangupAfter: 5 * time.Second,
	})
	call.await(t, softphone.ClipStarted)
	stopDatabase(t, db)
	for _, event := range []softphone.EventKind{softphone.ClipStarted, softphone.AgentStarted, softphone.AgentStopped} {
		call.await(t, event)
	}
	written := g.metric(t, "trunkline_spool_rows")
	eventually(t, patience, "the second answer waits on disk", func() bool {
		before := written
		written = g.metric(t, "trunkline_spool_rows")
		time.Sleep(time.Second) // longer than a row may wait in memory

		return written > 0 && written == before
	})
	g.kill(t)
	startDatabase(t, db)
	g.start(t)
	<-call.done // it may have noticed or not
	h := g.only(t)
	checkEnd(t, h, "gateway_crashed", storage.FaultTrunkline)
	if said := strings.Join(texts(h), "|"); !strings.Contains(said, "Second answer.") {
		t.Errorf("recorded turns %q; the second answer was said in the outage", said)
	}
	bundle := filepath.Join(t.TempDir(), "evidence.jsonl")
	for _, args := range [][]string{{"audit", "export", bundle}, {"audit", "verify", bundle}} {
		r := command(t, append([]string{"--config", g.file}, args...)...)
		if r.code != 0 {
			t.Fatalf("%v: exit %d: %s", args, r.code, r.stderr)
		}
		if args[1] == "verify" && (!strings.Contains(r.stdout, "1 suppression") || !strings.Contains(r.stdout, "1 decision")) {
			t.Errorf("the evidence is not all there:\n%s", r.stdout)
		}
	}
}

// ownDatabase configures an agent of three answers, and a database that only
// this test stops and starts.
func ownDatabase(t *testing.T) (config.Config, *cluster.Cluster) {
	t.Helper()
	db := cluster.New(cluster.Options{Dir: filepath.Join(clustertest.Dir(t), "pg"), Scratch: true})
	startDatabase(t, db)
	t.Cleanup(func() { stopDatabase(t, db) })
	agent := desk()
	agent.Model.Declared.Replies = []string{"First answer.", "Second answer.", "Third answer."}
	c := configuration(t, agent)
	c.Database.URL = db.URL()

	return c, db
}

func startDatabase(t *testing.T, db *cluster.Cluster) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := db.Start(ctx); err != nil {
		t.Fatal(err)
	}
}

func stopDatabase(t *testing.T, db *cluster.Cluster) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := db.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func TestWhyTellsTheStory(t *testing.T) {
	t.Parallel()
	g := serve(t, desk(), nil)
	report := g.dial(t, softphone.Config{Plan: says(t, "what-are-your-opening-hours"), HangupAfter: time.Second}).end(t)
	h := g.only(t)
	if got := h.Call.ID.String(); report.TrunklineCallID != got {
		t.Errorf("the caller was told %s, the record has %s", report.TrunklineCallID, got)
	}
	api := g.apiCall(t, h.Call.ID.String())
	if api.EndReason != "caller_hangup" || api.Fault != "caller" || api.State != "ended" || len(api.Turns) != len(h.Turns) ||
		api.Turns[2].LatencyMS["total"] == 0 {
		t.Errorf("the API tells %+v", api)
	}
	for _, test := range []struct {
		id   string
		code int
		says []string
	}{
		{h.Call.ID.String(), 0, []string{`to agent "desk"`, "the caller hung up", "PCMU", "Recorded in"}},
		{"01920000-0000-7000-8000-000000000000", 1, []string{"has no call 01920000-0000-7000-8000-000000000000"}},
		{"yesterday", 2, []string{`"yesterday" is no id`}},
	} {
		r := command(t, "--config", g.file, "why", test.id)
		if r.code != test.code {
			t.Errorf("why %s: exit %d, want %d", test.id, r.code, test.code)
		}
		for _, s := range test.says {
			if !strings.Contains(r.stdout+r.stderr, s) {
				t.Errorf("why %s does not say %q: %s%s", test.id, s, r.stdout, r.stderr)
			}
		}
	}
}

// A gateway with no database given runs one of its own, and leaves no process
// of it behind.
func TestPrivateDatabaseGoesWithTheGateway(t *testing.T) {
	t.Parallel()
	c := configuration(t, desk())
	c.StateDir = clustertest.Dir(t)
	c.Database.URL = ""
	g := serveConfig(t, c)
	if len(processesOf(t, c.StateDir)) == 0 {
		t.Fatal("no process of the private database is found")
	}
	g.dial(t, softphone.Config{HangupAfter: time.Second}).end(t)
	eventually(t, patience, "the call in the API", func() bool {
		code, body := g.get("/v1/calls?state=ended")

		return code == 200 && strings.Contains(string(body), "caller_hangup")
	})
	// A second gateway of the same directory shares the server.
	second := configuration(t, desk())
	second.StateDir = c.StateDir
	other := serveConfig(t, second)
	if code := g.stop(t); code != 0 {
		t.Errorf("serve exits with %d", code)
	}
	if code, _ := other.get("/readyz"); code != 200 {
		t.Errorf("the second gateway's /readyz answers %d when the first has gone", code)
	}
	if code := other.stop(t); code != 0 {
		t.Errorf("serve exits with %d", code)
	}
	if left := processesOf(t, c.StateDir); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}

// A killed gateway's database is taken over by the next one, and goes with it.
func TestPrivateDatabaseOfAKilledGateway(t *testing.T) {
	t.Parallel()
	c := configuration(t, desk())
	c.StateDir = clustertest.Dir(t)
	c.Database.URL = ""
	g := serveConfig(t, c)
	g.kill(t)
	g.start(t)
	if code := g.stop(t); code != 0 {
		t.Errorf("serve exits with %d", code)
	}
	if left := processesOf(t, c.StateDir); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	c := configuration(t, desk())
	c.Database.URL = clustertest.URL(t)
	file := write(t, &c)
	for range 2 { // the second time there is nothing to do
		r := command(t, "--config", file, "migrate")
		if r.code != 0 || !strings.Contains(r.stdout, "the database has schema") {
			t.Errorf("exit %d: %s%s", r.code, r.stdout, r.stderr)
		}
	}
	// The flag and the environment name the database too.
	c.Database.URL = ""
	file = write(t, &c)
	url := clustertest.URL(t)
	if r := command(t, "--config", file, "--database-url", url, "migrate"); r.code != 0 {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
	p := start(t, []string{config.DatabaseURLEnv + "=" + url}, "--config", file, "migrate")
	if code := p.wait(t, patience); code != 0 {
		t.Errorf("exit %d: %s", code, read(t, p.stderr))
	}
}

// With calls.database_away: refuse, calls are refused while the database is away
// and taken when it is back; the one that runs goes on.
func TestCallsAreRefusedWithoutADatabase(t *testing.T) {
	t.Parallel()
	c, db := ownDatabase(t)
	c.Calls.DatabaseAway = "refuse"
	g := serveConfig(t, c)
	running := g.dial(t, softphone.Config{HangupAfter: patience, Silence: patience})
	running.await(t, softphone.AgentStopped)
	// answered tells whether a call is taken; it must be, or be refused for this.
	answered := func() bool {
		call := g.dial(t, softphone.Config{HangupAfter: 100 * time.Millisecond, Silence: patience})
		<-call.done
		var refused *softphone.Error
		if errors.As(call.err, &refused) && refused.Status == 503 {
			return false
		}
		if call.err != nil {
			t.Fatal(call.err)
		}

		return true
	}
	if !answered() {
		t.Error("refused with a database")
	}
	stopDatabase(t, db)
	eventually(t, patience, "calls are refused", func() bool { return !answered() })
	if answered() {
		t.Error("refused, and then taken without a database")
	}
	select {
	case <-running.done:
		t.Errorf("the running call ended: %v", running.err)
	default:
	}
	startDatabase(t, db)
	eventually(t, patience, "calls are taken again", answered)
	refusals := 0
	for _, c := range g.calls(t) {
		if c.EndReason == "no_records" {
			refusals++
		}
	}
	if refusals == 0 {
		t.Error("no record tells of a refused call")
	}
}
