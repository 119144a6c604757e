package retention

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"trunkline/compliance"
	"trunkline/jobs"
	"trunkline/privacy"
	"trunkline/storage"
	"trunkline/storage/cluster/clustertest"
	"trunkline/storage/evidence"
)

func TestMain(m *testing.M) { os.Exit(clustertest.Main(m)) }

const callee privacy.Number = "+12125550123"

// office is a database with calls, and the files of their recordings.
type office struct {
	url    string
	store  *storage.Store
	ledger *evidence.Ledger
	keys   *evidence.Keys

	mu    sync.Mutex
	files map[string]bool // by node and name
	stuck map[string]bool // that cannot be destroyed
}

func setup(t *testing.T) *office {
	t.Helper()
	o := &office{url: clustertest.URL(t), files: map[string]bool{}, stuck: map[string]bool{}}
	var err error
	if o.store, err = storage.Open(t.Context(), o.url, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.store.Close)
	if _, err := o.store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if o.keys, err = evidence.ParseKeys(base64.StdEncoding.EncodeToString(make([]byte, 32))); err != nil {
		t.Fatal(err)
	}
	if o.ledger, err = evidence.Open(t.Context(), o.store, o.keys, "acme"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.ledger.Close)

	return o
}

// work is a node's.
func (o *office) work(t *testing.T, node string, limit time.Duration) *Work {
	t.Helper()
	q, err := jobs.NewQueue(o.store.Pool())
	if err != nil {
		t.Fatal(err)
	}

	return &Work{
		Ledger: o.ledger, Keys: o.keys, Jobs: q, Tenant: "acme", Node: node, Log: slog.New(slog.DiscardHandler),
		Limits: evidence.Limits{Recordings: limit, Transcripts: limit, Calls: limit},
		Destroy: func(file string) error {
			o.mu.Lock()
			defer o.mu.Unlock()
			if o.stuck[file] {
				return errors.New("the disk does not answer")
			}
			delete(o.files, node+"/"+file)

			return nil
		},
	}
}

// run works a node's jobs.
func (o *office) run(t *testing.T, w *Work, every, recheck time.Duration) {
	t.Helper()
	r, err := jobs.NewRunner(jobs.Options{Pool: o.store.Pool(), Node: w.Node, Poll: 100 * time.Millisecond}, w.Handlers(w.Periods(every, recheck))...)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := r.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
}

// call keeps a finished call of a node, with a turn and a recording.
func (o *office) call(t *testing.T, node string, from privacy.Number, ago time.Duration) string {
	t.Helper()
	end := time.Now().Add(-ago)
	c := storage.Call{
		ID: storage.NewID(), Direction: storage.Inbound, Door: storage.DoorSIP, From: from, To: "+12125550199", State: storage.Ended,
		StartedAt: end.Add(-time.Minute), AnsweredAt: end.Add(-time.Minute), EndedAt: end, EndReason: "caller_hangup", Fault: storage.FaultCaller,
	}
	j := storage.NewJournal(o.store, storage.Owner{Node: node, Boot: uuid.New()}, storage.JournalOptions{})
	if err := j.Start(); err != nil {
		t.Fatal(err)
	}
	j.Begin(c)
	j.Turn(storage.Turn{CallID: c.ID, Number: 1, Role: storage.Caller, Text: "hello", StartedAt: c.StartedAt})
	if err := j.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	j.Stop(t.Context())
	file := c.ID.String() + ".wav"
	if err := o.store.SaveRecording(t.Context(), storage.Recording{CallID: c.ID, File: file}); err != nil {
		t.Fatal(err)
	}
	o.mu.Lock()
	o.files[node+"/"+file] = true
	o.mu.Unlock()

	return file
}

func (o *office) left() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	left := []string{}
	for f := range o.files {
		left = append(left, f)
	}
	slices.Sort(left)

	return left
}

// until waits for the newest job of a kind to be as wanted.
func until(t *testing.T, w *Work, what, kind string, wanted func(jobs.Job) bool) jobs.Job {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		all, err := w.Jobs.List(t.Context(), 1, kind)
		if err != nil {
			t.Fatal(err)
		}
		if len(all) == 1 && wanted(all[0]) {
			return all[0]
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %+v", what, all)
		}
	}
}

func completed(j jobs.Job) bool { return j.State == "completed" }

// What one node finds too old, each node destroys that has the file.
func TestRetentionOfManyNodes(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.call(t, "north", callee, 48*time.Hour)
	o.call(t, "south", callee, 48*time.Hour)
	young := o.call(t, "south", callee, time.Hour)
	held := o.call(t, "south", "+12125550777", 48*time.Hour)
	if _, err := o.ledger.Hold(t.Context(), "acme", uuid.Nil, "+12125550777", "Doe v. Acme"); err != nil {
		t.Fatal(err)
	}
	north, south := o.work(t, "north", 24*time.Hour), o.work(t, "south", 24*time.Hour)
	o.run(t, north, time.Hour, 0)
	job := until(t, north, "the retention", "retention", completed)
	var p Progress
	if err := json.Unmarshal(job.Progress, &p); err != nil {
		t.Fatal(err)
	}
	want := evidence.Removal{Turns: 2, Numbers: 2, Recordings: 2, Held: 1, Nodes: []string{"north", "south"}}
	if diff := cmp.Diff(Progress{Would: want, Done: want}, p); diff != "" {
		t.Error(diff)
	}
	for deadline := time.Now().Add(time.Minute); len(o.left()) != 3; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("left: %v", o.left())
		}
	}
	waiting := until(t, south, "what waits for the other node", "purge", func(j jobs.Job) bool { return j.State == "available" })
	if waiting.Attempt != 0 {
		t.Errorf("%+v", waiting)
	}
	o.run(t, south, 0, 0)
	until(t, south, "its purge", "purge", completed)
	want2 := []string{"south/" + young, "south/" + held}
	slices.Sort(want2)
	if diff := cmp.Diff(want2, o.left()); diff != "" {
		t.Error(diff)
	}
}

// A file that cannot be destroyed holds up no other, is told, and is tried again.
func TestPurgeThatFails(t *testing.T) {
	t.Parallel()
	o := setup(t)
	bad := o.call(t, "north", callee, 48*time.Hour)
	o.call(t, "north", callee, 48*time.Hour)
	o.stuck[bad] = true
	w := o.work(t, "north", 24*time.Hour)
	o.run(t, w, time.Hour, 0)
	failed := until(t, w, "a purge that fails", "purge", func(j jobs.Job) bool { return j.Failure != "" })
	if !strings.Contains(failed.Failure, "the disk does not answer") || !strings.Contains(failed.Failure, strings.TrimSuffix(bad, ".wav")) {
		t.Errorf("%+v", failed)
	}
	if diff := cmp.Diff([]string{"north/" + bad}, o.left()); diff != "" {
		t.Error(diff)
	}
	o.mu.Lock()
	o.stuck = nil
	o.mu.Unlock()
	if _, err := w.Jobs.Retry(t.Context(), failed.ID, Kinds()...); err != nil {
		t.Fatal(err)
	}
	until(t, w, "the next try", "purge", completed)
	if left := o.left(); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// A hold that comes after a file is due, and before it is destroyed, keeps it.
func TestHoldBeatsPurge(t *testing.T) {
	t.Parallel()
	o := setup(t)
	file := o.call(t, "north", callee, 48*time.Hour)
	w := o.work(t, "north", 24*time.Hour)
	w.Limits.Calls = 0 // the number stays
	if _, err := w.Expire(t.Context(), time.Now(), false, nil); err != nil {
		t.Fatal(err)
	}
	hold, err := o.ledger.Hold(t.Context(), "acme", uuid.Nil, callee, "Doe v. Acme")
	if err != nil {
		t.Fatal(err)
	}
	for destroyed := range 2 {
		p, err := w.Purge(t.Context(), func(Purged) {})
		if err != nil || p.Destroyed != destroyed || len(o.left()) != 1-destroyed {
			t.Errorf("destroyed %+v of %s, %v", p, file, err)
		}
		if destroyed == 0 {
			if err := o.ledger.Release(t.Context(), "acme", hold); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// What a person asked to be erased is, by whichever node; what asks for it does
// not name them.
func TestErasure(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.call(t, "north", callee, time.Hour)
	other := o.call(t, "north", "+12125550456", time.Hour)
	s, err := o.keys.Suppression(evidence.Order{Key: "k", Tenant: "acme", Number: callee, Scope: compliance.ScopeTenant, Cause: "opt_out", At: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.ledger.Suppress(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	w := o.work(t, "north", 0)
	args := w.Erasure(callee)
	text, err := json.Marshal(args)
	if err != nil || strings.Contains(string(text), "2125550123") {
		t.Errorf("the job reads %s, %v", text, err)
	}
	o.run(t, w, time.Hour, 0)
	if _, err := w.Jobs.Add(t.Context(), args); err != nil {
		t.Fatal(err)
	}
	until(t, w, "the erasure", "erasure", completed)
	until(t, w, "its purge", "purge", completed)
	if diff := cmp.Diff([]string{"north/" + other}, o.left()); diff != "" {
		t.Error(diff)
	}
	if all, err := o.ledger.SuppressionsOf(t.Context(), "acme", callee); err != nil || len(all) != 1 {
		t.Errorf("the suppression: %v, %v", all, err)
	}
	if all, err := w.Jobs.List(t.Context(), 10, "retention"); err != nil || len(all) != 0 {
		t.Errorf("without limits nothing expires: %v, %v", all, err)
	}
}

// The chain is checked now and then; what was tampered with is told with its
// place.
func TestRecheck(t *testing.T) {
	t.Parallel()
	o := setup(t)
	for range 5 {
		if err := o.ledger.RecordAct(t.Context(), evidence.Act{ID: uuid.New(), Tenant: "acme", Actor: "root", Act: "test", At: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	w := o.work(t, "north", 0)
	o.run(t, w, 0, time.Hour)
	good := until(t, w, "the check", "recheck", completed)
	var head evidence.Head
	if err := json.Unmarshal(good.Progress, &head); err != nil || head.Entries != 5 || len(head.Hash) != 64 {
		t.Errorf("%s, %v", good.Progress, err)
	}
	owner, err := pgx.Connect(t.Context(), o.url)
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close(context.Background())
	for _, sql := range []string{"SET session_replication_role = replica", "UPDATE ledger SET entry = replace(entry, 'root', 'toor') WHERE seq = 4"} {
		if _, err := owner.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	args, _ := w.Args("recheck")
	if _, err := w.Jobs.Add(t.Context(), args); err != nil {
		t.Fatal(err)
	}
	bad := until(t, w, "the check of a chain that was tampered with", "recheck", func(j jobs.Job) bool { return j.ID != good.ID && j.Failure != "" })
	if !strings.Contains(bad.Failure, `"acme" is broken at entry 4`) {
		t.Errorf("%+v", bad)
	}
}
