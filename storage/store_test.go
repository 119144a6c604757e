package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"trunkline/storage/cluster"
	"trunkline/storage/cluster/clustertest"
)

var discard = slog.New(slog.DiscardHandler)

// open gives t a store on a fresh database with the schema in it.
func open(t *testing.T) *Store {
	t.Helper()
	s := openEmpty(t, clustertest.URL(t))
	if _, err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func openEmpty(t *testing.T, url string) *Store {
	t.Helper()
	s, err := Open(t.Context(), url, discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// at is a moment of a test's calls, in microseconds as PostgreSQL keeps it.
func at(seconds float64) time.Time {
	return time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC).Add(time.Duration(seconds * float64(time.Second)))
}

func sampleCall() Call {
	return Call{
		ID: NewID(), Direction: Inbound, Door: DoorSIP, Trunk: "carrier", From: "+14155550123", To: "+14155550199",
		Agent: "reception", State: Ringing, StartedAt: at(0), DoorCallID: "a84b4c76e66710@192.0.2.1", Attestation: "B",
	}
}

func sampleHistory() History {
	c := sampleCall()
	c.State, c.AnsweredAt, c.EndedAt, c.EndReason, c.Fault = Ended, at(2), at(30.5), "caller_hung_up", FaultCaller
	c.Recording = "/var/lib/trunkline/recordings/x.wav"
	c.Media = &Media{Codec: "PCMU", Local: "192.0.2.7:40000", Remote: "192.0.2.1:4000", PacketsIn: 1400, JitterMS: 1.25}
	c.Costs = []Cost{{Stage: "think", Provider: "gpt", Amount: 12_300_000}, {Stage: "speak", Provider: "aura", Amount: 700_000}}
	return History{
		Call: c,
		Turns: []Turn{
			{CallID: c.ID, Number: 1, Role: Agent, Text: "Good morning, how can I help?", HeardText: "Good morning,", Interrupted: true, StartedAt: at(2.1), EndedAt: at(3)},
			{CallID: c.ID, Number: 2, Role: Caller, Text: "when do you open", HeardText: "when do you open", StartedAt: at(3.2)},
			{
				CallID: c.ID, Number: 3, Role: Agent, Text: "At nine.", HeardText: "At nine.", StartedAt: at(6),
				Latency: Latency{
					Stages: []Stage{{"endpoint", 240500 * time.Microsecond}, {"first_token", 30 * time.Millisecond}, {"first_packet", 125 * time.Microsecond}},
					Total:  270625 * time.Microsecond,
				},
			},
		},
		Events: []Event{
			{CallID: c.ID, Seq: 0, At: 0, Kind: "started"},
			{CallID: c.ID, Seq: 1, At: 2*time.Second + 123456789, Kind: "speech", Data: json.RawMessage(`{"spurt": 1}`)},
		},
	}
}

func record(j *Journal, h History) {
	begun := h.Call
	begun.State, begun.AnsweredAt, begun.EndedAt, begun.EndReason, begun.Fault, begun.Media, begun.Costs = Ringing, time.Time{}, time.Time{}, "", "", nil, nil
	j.Begin(begun)
	for _, turn := range h.Turns {
		j.Turn(turn)
	}
	for _, e := range h.Events {
		j.Event(e)
	}
	j.Update(h.Call)
}

func journal(t *testing.T, s *Store, owner Owner) *Journal {
	t.Helper()
	if owner.Node == "" {
		owner = Owner{Node: "test", Boot: uuid.New()}
	}
	j := NewJournal(s, owner, JournalOptions{RetryMin: 5 * time.Millisecond, RetryMax: 50 * time.Millisecond})
	if err := j.Start(); err != nil {
		t.Fatal(err)
	}
	return j
}

func flush(t *testing.T, j *Journal) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := j.Flush(ctx); err != nil {
		t.Fatalf("%v; %+v", err, j.Stats())
	}
}

func stopClean(t *testing.T, j *Journal) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if lost := j.Stop(ctx); lost != 0 {
		t.Errorf("%d rows lost: %+v", lost, j.Stats())
	}
}

func checkStands(t *testing.T, s *Store, want History) {
	t.Helper()
	got, err := s.Call(t.Context(), want.Call.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("recorded history (-want +got):\n%s", diff)
	}
}

func TestHistoryComesBackAsItWasWritten(t *testing.T) {
	t.Parallel()
	s, h := open(t), sampleHistory()
	j := journal(t, s, Owner{})
	record(j, h)
	record(j, h) // again: nothing is doubled
	stopClean(t, j)
	checkStands(t, s, h)
}

func TestTextThatPostgresCannotHold(t *testing.T) {
	t.Parallel()
	s, h := open(t), sampleHistory()
	h.Call.Agent = "a\x00b"
	h.Turns[0].Text = "bad \xff byte"
	h.Events[1].Data = json.RawMessage(`{"a": "\u0000"}`)
	j := journal(t, s, Owner{})
	record(j, h)
	if lost := j.Stop(t.Context()); lost != 1 || j.Stats().Refused.Events != 1 {
		t.Errorf("%d rows lost, want the one event that cannot be stored; %+v", lost, j.Stats())
	}
	got, err := s.Call(t.Context(), h.Call.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got.Call.Agent != "a\uFFFDb" || string(got.Turns[0].Text) != "bad \uFFFD byte" || len(got.Events) != 1 || got.Call.State != Ended {
		t.Errorf("stored %+v", got)
	}
}

func TestAnEndedCallStaysEnded(t *testing.T) {
	t.Parallel()
	s, h := open(t), sampleHistory()
	j := journal(t, s, Owner{})
	record(j, h)
	late := h.Call
	late.State, late.EndedAt, late.EndReason, late.Fault = InProgress, time.Time{}, "", ""
	j.Update(late)
	stopClean(t, j)
	checkStands(t, s, h)
}

func TestTurnsOfAnUnknownCallAreCounted(t *testing.T) {
	t.Parallel()
	s, h := open(t), sampleHistory()
	j := journal(t, s, Owner{})
	j.Turn(h.Turns[0])
	j.Event(h.Events[0])
	if lost := j.Stop(t.Context()); lost != 2 {
		t.Errorf("%d rows lost, want 2", lost)
	}
	if s := j.Stats(); s.Refused != (Drops{Turns: 1, Events: 1}) || s.Written != 0 {
		t.Errorf("%+v", s)
	}
}

func TestCallsAreListedByTimeStateAndPage(t *testing.T) {
	t.Parallel()
	s := open(t)
	j := journal(t, s, Owner{})
	var ids []uuid.UUID
	for i := range 7 {
		c := sampleCall()
		c.StartedAt = at(float64(i / 2)) // pairs at the same instant
		if i%2 == 1 {
			c.State, c.AnsweredAt = InProgress, c.StartedAt
		}
		ids = append(ids, c.ID)
		j.Begin(c)
	}
	stopClean(t, j)
	list := func(f Filter) (got []int) {
		t.Helper()
		for pages := 0; ; pages++ {
			page, err := s.Calls(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range page.Calls {
				for i, id := range ids {
					if c.ID == id {
						got = append(got, i)
					}
				}
			}
			if f.Cursor = page.Next; f.Cursor == "" || pages > 10 {
				return got
			}
		}
	}
	for _, tc := range []struct {
		name string
		f    Filter
		want []int
	}{
		{"all", Filter{}, []int{6, 5, 4, 3, 2, 1, 0}},
		{"by pages", Filter{Limit: 2}, []int{6, 5, 4, 3, 2, 1, 0}},
		{"by pages of one", Filter{Limit: 1}, []int{6, 5, 4, 3, 2, 1, 0}},
		{"one exact page", Filter{Limit: 7}, []int{6, 5, 4, 3, 2, 1, 0}},
		{"in progress", Filter{State: InProgress, Limit: 2}, []int{5, 3, 1}},
		{"since", Filter{Since: at(2)}, []int{6, 5, 4}},
		{"ended", Filter{State: Ended}, nil},
	} {
		if diff := cmp.Diff(tc.want, list(tc.f)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
	if _, err := s.Calls(t.Context(), Filter{Cursor: "nonsense"}); !errors.Is(err, ErrCursor) {
		t.Errorf("a wrong cursor: %v", err)
	}
	if _, err := s.Call(t.Context(), NewID()); !errors.Is(err, ErrNotFound) {
		t.Errorf("an unknown call: %v", err)
	}
}

func FuzzCursor(f *testing.F) {
	f.Add(cursorAfter(Call{ID: uuid.Max, StartedAt: at(0)}))
	f.Add("")
	f.Add("AAAA")
	f.Fuzz(func(t *testing.T, cursor string) {
		started, id, err := parseCursor(cursor)
		if err != nil || cursor == "" {
			return
		}
		if again, sameID, err := parseCursor(cursorAfter(Call{ID: id, StartedAt: started})); err != nil || !again.Equal(started) || sameID != id {
			t.Errorf("%q reads as %v %v, written again %v %v, %v", cursor, started, id, again, sameID, err)
		}
	})
}

func TestACallIsFoundAtAnotherNode(t *testing.T) {
	t.Parallel()
	s := open(t)
	for node, c := range map[string]struct {
		answered bool
		came     float64
		id       string
	}{
		"first":    {came: 10, id: "CA1"},
		"earlier":  {came: 9, id: "CA1"},
		"answered": {came: 9, id: "CA2", answered: true},
		"later":    {came: 11, id: "CA3"},
	} {
		j := journal(t, s, Owner{Node: node, Boot: NewID()})
		row := sampleCall()
		row.Door, row.DoorCallID, row.StartedAt = DoorTwilio, c.id, at(c.came)
		if c.answered {
			row.State, row.AnsweredAt = InProgress, at(c.came)
		}
		j.Begin(row)
		stopClean(t, j)
	}
	for _, c := range []struct {
		door            Door
		id, node, found string
	}{
		{DoorTwilio, "CA1", "first", ""}, // the other one had it before
		{DoorTwilio, "CA2", "first", "answered"},
		{DoorTwilio, "CA2", "answered", ""},
		{DoorTwilio, "CA3", "first", "later"},
		{DoorSIP, "CA3", "first", ""},
		{DoorTwilio, "CA4", "first", ""},
	} {
		if node, err := s.OtherNode(t.Context(), c.door, c.id, c.node, at(10)); node != c.found || err != nil {
			t.Errorf("%s of %s is at %q besides %s (%v), want %q", c.id, c.door, node, c.node, err, c.found)
		}
	}
}

func TestOrphansOfEarlierRunsAreClosed(t *testing.T) {
	t.Parallel()
	s := open(t)
	before := Owner{Node: "a", Boot: uuid.New()}
	now := Owner{Node: "a", Boot: uuid.New()}
	other := Owner{Node: "b", Boot: uuid.New()}
	put := func(o Owner, c Call, turns ...Turn) uuid.UUID {
		j := journal(t, s, o)
		j.Begin(c)
		for _, turn := range turns {
			turn.CallID = c.ID
			j.Turn(turn)
		}
		j.Event(Event{CallID: c.ID, At: 4 * time.Second, Kind: "speech"})
		stopClean(t, j)
		return c.ID
	}
	talking := sampleCall()
	talking.State, talking.AnsweredAt = InProgress, at(2)
	again := func(c Call) Call { c.ID = NewID(); return c }

	orphan := put(before, again(talking), Turn{Number: 1, Role: Agent, StartedAt: at(9), EndedAt: at(11.5)})
	ringing := put(before, again(sampleCall()))
	ended := put(before, again(sampleHistory().Call))
	mine := put(now, again(talking))
	foreign := put(other, again(talking))

	closed, err := s.CloseOrphans(t.Context(), now, "gateway_crashed", FaultTrunkline)
	if err != nil {
		t.Fatal(err)
	}
	if len(closed) != 2 {
		t.Errorf("%d calls closed, want 2: %v", len(closed), closed)
	}
	for _, want := range []struct {
		name   string
		id     uuid.UUID
		state  State
		reason string
		ended  time.Time
	}{
		{"call in progress, ended at its last turn", orphan, Ended, "gateway_crashed", at(11.5)},
		{"ringing call, ended at its last event", ringing, Ended, "gateway_crashed", at(4)},
		{"call that had ended", ended, Ended, "caller_hung_up", at(30.5)},
		{"call of this run", mine, InProgress, "", time.Time{}},
		{"call of another node", foreign, InProgress, "", time.Time{}},
	} {
		h, err := s.Call(t.Context(), want.id)
		if err != nil {
			t.Fatal(err)
		}
		if c := h.Call; c.State != want.state || c.EndReason != want.reason || !c.EndedAt.Equal(want.ended) {
			t.Errorf("%s: state %s, reason %q, ended %v", want.name, c.State, c.EndReason, c.EndedAt)
		}
	}
	if closed, err := s.CloseOrphans(t.Context(), now, "gateway_crashed", FaultTrunkline); err != nil || len(closed) != 0 {
		t.Errorf("closed %d calls again: %v", len(closed), err)
	}
}

func TestCallsOfALivingRunAreNoOrphans(t *testing.T) {
	t.Parallel()
	s := open(t)
	// Two gateways whose operator gave them one name.
	first := Owner{Node: "a", Boot: uuid.New()}
	second := Owner{Node: "a", Boot: uuid.New()}
	j := journal(t, s, first)
	c := sampleCall()
	j.Begin(c)
	flush(t, j)
	closeOrphans := func() int {
		t.Helper()
		closed, err := s.CloseOrphans(t.Context(), second, "gateway_crashed", FaultTrunkline)
		if err != nil {
			t.Fatal(err)
		}
		return len(closed)
	}
	if n := closeOrphans(); n != 0 {
		t.Errorf("%d calls of a gateway that runs were closed", n)
	}
	stopClean(t, j) // with its call open, as a killed process leaves it
	if n := closeOrphans(); n != 1 {
		t.Errorf("%d calls of a gateway that is gone were closed, want 1", n)
	}
}

func TestCallsOfAKilledProcessAreClosed(t *testing.T) {
	t.Parallel()
	url := clustertest.URL(t)
	s := openEmpty(t, url)
	if _, err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childURL+"="+url)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 1024)
	n, _ := out.Read(line)
	if string(line[:n]) != "calling\n" {
		t.Fatalf("the child says %q", line[:n])
	}
	now := Owner{Node: "a", Boot: uuid.New()}
	if closed, err := s.CloseOrphans(t.Context(), now, "gateway_crashed", FaultTrunkline); err != nil || len(closed) != 0 {
		t.Errorf("closed %d calls of a process that lives: %v", len(closed), err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // killed
	closed, err := s.CloseOrphans(t.Context(), now, "gateway_crashed", FaultTrunkline)
	if err != nil || len(closed) != 1 {
		t.Fatalf("closed %d calls of a killed process, want 1: %v", len(closed), err)
	}
	if c := closed[0]; c.State != Ended || c.EndReason != "gateway_crashed" || c.Fault != FaultTrunkline || !c.EndedAt.Equal(at(2)) {
		t.Errorf("closed as %+v", c)
	}
}

func TestMigrateUpDownUp(t *testing.T) {
	t.Parallel()
	s := openEmpty(t, clustertest.URL(t))
	if v, err := s.CheckSchema(t.Context()); !errors.Is(err, ErrSchemaOld) || v.Have != 0 {
		t.Errorf("empty database: version %+v, %v", v, err)
	}
	if _, err := s.Calls(t.Context(), Filter{}); !errors.Is(err, ErrSchemaOld) || !strings.Contains(err.Error(), "trunkline migrate") {
		t.Errorf("query on an empty database: %v", err)
	}
	for round := range 2 {
		before, err := s.Migrate(t.Context())
		if err != nil || before.Have != 0 || before.Want < 1 {
			t.Fatalf("round %d: up from %+v: %v", round, before, err)
		}
		if before, err = s.Migrate(t.Context()); err != nil || before.Have != before.Want {
			t.Fatalf("round %d: up again from %+v: %v", round, before, err)
		}
		if _, err := s.CheckSchema(t.Context()); err != nil {
			t.Fatal(err)
		}
		h := sampleHistory()
		j := journal(t, s, Owner{})
		record(j, h)
		stopClean(t, j)
		checkStands(t, s, h)
		if err := s.MigrateDown(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		var left []string
		rows, err := s.pool.Query(t.Context(), `SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
			WHERE nspname = 'public' AND relkind IN ('r', 'i', 'S') AND relname NOT LIKE 'goose%'`)
		if err != nil {
			t.Fatal(err)
		}
		if left, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil || len(left) != 0 {
			t.Errorf("round %d: left after down: %v %v", round, left, err)
		}
	}
}

func TestNodesMigrateAtOnce(t *testing.T) {
	t.Parallel()
	url := clustertest.URL(t)
	var nodes sync.WaitGroup
	for range 3 {
		s := openEmpty(t, url)
		nodes.Go(func() {
			if _, err := s.Migrate(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	nodes.Wait()
}

func TestANewerSchemaIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := open(t)
	owner, err := pgx.ConnectConfig(t.Context(), s.pool.Config().ConnConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close(context.Background())
	if _, err := owner.Exec(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)`); err != nil {
		t.Fatal(err)
	}
	_, checked := s.CheckSchema(t.Context())
	_, migrated := s.Migrate(t.Context())
	for _, err := range []error{checked, migrated} {
		if !errors.Is(err, ErrSchemaNew) || !strings.Contains(err.Error(), "9999") {
			t.Errorf("a newer schema: %v", err)
		}
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	base, err := url.Parse(clustertest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	absent := *base
	absent.Path = "/absent"
	nobody := *base
	nobody.User = url.UserPassword("stranger", "s3cret")
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free := closed.Addr().String()
	closed.Close()
	mute, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, never answers
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mute.Close() })
	for _, tc := range []struct {
		name, url string
		kind      error
		text      string
	}{
		{"server away", "postgres://me:s3cret@" + free + "/calls", ErrAway, free + "/calls"},
		{"server mute", "postgres://me:s3cret@" + mute.Addr().String() + "/calls?sslmode=disable", ErrAway, "no answer"},
		{"socket away", "postgres://me:s3cret@/calls?host=/nonexistent", ErrAway, "/nonexistent, calls"},
		{"no such database", absent.String(), ErrNoDatabase, "createdb"},
		{"no such user", nobody.String(), ErrLogin, "stranger"},
		{"password breaks the URL", "postgres://me:s3cret#/x@127.0.0.1/calls", ErrURL, "percent-encoded"},
		{"no URL", "s3cret", ErrURL, "postgres://USER"},
		{"wrong port", "postgres://me:s3cret@127.0.0.1:http/calls", ErrURL, "postgres://USER"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			patience := time.Minute
			if tc.text == "no answer" { // it is what that takes
				patience = 2 * time.Second
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			s, err := Open(ctx, tc.url, discard)
			if err == nil {
				s.Close()
				t.Fatal("opened")
			}
			if !errors.Is(err, tc.kind) || !strings.Contains(err.Error(), tc.text) {
				t.Errorf("%v: want %v with %q", err, tc.kind, tc.text)
			}
			if strings.Contains(err.Error(), "s3cret") || strings.Contains(fmt.Sprintf("%+v", err), "s3cret") {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}

// startCluster runs a cluster of the test's own, to be stopped in mid-test. It
// is not a scratch one: that would lose what it just committed when killed.
func startCluster(t *testing.T, dir string) *cluster.Cluster {
	t.Helper()
	c := cluster.New(cluster.Options{Dir: filepath.Join(dir, "pg")})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := c.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := c.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return c
}

// waitDown blocks until the journal has noticed the outage. A backend may
// outlive its killed server by a few rows: again gives the journal one more.
func waitDown(t *testing.T, j *Journal, again func()) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); j.Stats().Up; time.Sleep(5 * time.Millisecond) {
		again()
		if time.Now().After(deadline) {
			t.Fatalf("the journal does not notice the outage: %+v", j.Stats())
		}
	}
}

func TestDatabaseStoppedInMidCallAndBack(t *testing.T) {
	t.Parallel()
	_ = clustertest.URL(t) // skips where PostgreSQL is absent
	for _, tc := range []struct {
		name string
		stop func(t *testing.T, c *cluster.Cluster, dir string)
	}{
		{"stopped", func(t *testing.T, c *cluster.Cluster, _ string) {
			if err := c.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
		}},
		{"killed", func(t *testing.T, c *cluster.Cluster, dir string) {
			pidfile, err := os.ReadFile(filepath.Join(dir, "pg", "data", "postmaster.pid"))
			if err != nil {
				t.Fatal(err)
			}
			pid, err := strconv.Atoi(strings.SplitN(string(pidfile), "\n", 2)[0])
			if err != nil {
				t.Fatal(err)
			}
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			if err := c.Stop(t.Context()); err != nil {
				t.Logf("stop of the killed server: %v", err)
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := clustertest.Dir(t)
			first := startCluster(t, dir)
			s := openEmpty(t, first.URL())
			if _, err := s.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			h := sampleHistory()
			j := journal(t, s, Owner{})
			running := h.Call
			running.State, running.EndedAt, running.EndReason, running.Fault, running.Media = InProgress, time.Time{}, "", "", nil
			j.Begin(running)
			j.Turn(h.Turns[0])
			flush(t, j)

			tc.stop(t, first, dir)
			j.Turn(h.Turns[1])
			j.Event(h.Events[0])
			waitDown(t, j, func() { j.Event(h.Events[0]) })
			if _, err := s.Call(t.Context(), h.Call.ID); !errors.Is(err, ErrAway) {
				t.Errorf("query in the outage: %v", err)
			}
			j.Turn(h.Turns[2])
			j.Event(h.Events[1])
			j.Update(h.Call)

			startCluster(t, dir)
			flush(t, j)
			checkStands(t, s, h)
			stopClean(t, j)
			s.Close()
		})
	}
}

// Backends that are killed one after another in a stream of rows lose none
// and double none.
func TestConnectionsKilledWhileWriting(t *testing.T) {
	t.Parallel()
	s := open(t)
	j := NewJournal(s, Owner{Node: "test", Boot: uuid.New()}, JournalOptions{Batch: 16, RetryMin: time.Millisecond})
	if err := j.Start(); err != nil {
		t.Fatal(err)
	}
	admin, err := pgx.ConnectConfig(t.Context(), s.pool.Config().ConnConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close(context.Background()) }() // the database is dropped next
	c := sampleCall()
	j.Begin(c)
	const rows = 2000
	for seq := range rows {
		j.Event(Event{CallID: c.ID, Seq: seq, Kind: "k"})
		if seq%200 == 0 {
			if _, err := admin.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
				WHERE datname = current_database() AND pid <> pg_backend_pid()`); err != nil {
				t.Fatal(err)
			}
		}
	}
	flush(t, j)
	h, err := s.Call(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if len(h.Events) != rows {
		t.Errorf("%d events stand, want %d", len(h.Events), rows)
	}
	stopClean(t, j)
}

func BenchmarkJournal(b *testing.B) {
	s, err := Open(b.Context(), clustertest.URL(b), discard)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	j := NewJournal(s, Owner{Node: "bench", Boot: uuid.New()}, JournalOptions{})
	c := sampleCall()
	j.Begin(c)
	if err := j.Start(); err != nil {
		b.Fatal(err)
	}
	data := json.RawMessage(`{"spurt": 12, "text": "when do you open on saturdays"}`)
	for seq := 0; b.Loop(); seq++ {
		j.Event(Event{CallID: c.ID, Seq: seq, Kind: "partial", Data: data})
	}
	queued := time.Now()
	if err := j.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(j.Stats().Written)/(time.Since(queued)+b.Elapsed()).Seconds(), "rows/s")
	b.ReportMetric(float64(j.Stats().Dropped.Total()), "dropped")
	j.Stop(b.Context())
}
