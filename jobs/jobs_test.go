package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"trunkline/storage"
	"trunkline/storage/cluster/clustertest"
)

// errand is a job of these tests.
type errand struct {
	To string `json:"to"`
}

func (errand) Kind() string { return "errand" }

func (errand) InsertOpts() river.InsertOpts {
	return river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: Outstanding()}}
}

// homework is one that only a certain node can do.
type homework struct {
	Node string `json:"node"`
}

func (homework) Kind() string { return "homework" }

func (h homework) InsertOpts() river.InsertOpts { return river.InsertOpts{Queue: OfNode(h.Node)} }

// office is a migrated database with its queue, as the gateway's role uses it.
type office struct {
	pool *pgxpool.Pool
	*Queue
}

func setup(t *testing.T) office {
	t.Helper()
	store, err := storage.Open(t.Context(), clustertest.URL(t), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	if _, err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	q, err := NewQueue(store.Pool())
	if err != nil {
		t.Fatal(err)
	}

	return office{store.Pool(), q}
}

func (o office) run(t *testing.T, node string, handlers ...Handler) *Runner {
	t.Helper()
	r, err := NewRunner(Options{Pool: o.pool, Node: node, Poll: 100 * time.Millisecond}, handlers...)
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

	return r
}

// until waits for the newest job of a kind to be as wanted.
func (o office) until(t *testing.T, what string, kind string, wanted func(Job) bool) Job {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		all, err := o.List(t.Context(), 1, kind)
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

// A job is done by a node that may, shows how far it is while it runs, and keeps
// what it showed last.
func TestAJobIsDoneAndSeen(t *testing.T) {
	t.Parallel()
	o := setup(t)
	goOn := make(chan struct{})
	o.run(t, "north", Handle(func(ctx context.Context, e errand, show Show) error {
		show(map[string]string{"at": "half way to " + e.To})
		select {
		case <-goOn:
		case <-ctx.Done():
		}
		show(map[string]string{"at": e.To})

		return ctx.Err()
	}))
	asked, err := o.Add(t.Context(), errand{"town"})
	if err != nil || asked.Kind != "errand" || !asked.EndedAt.IsZero() {
		t.Fatal(asked, err)
	}
	o.until(t, "under way", "errand", func(j Job) bool { return strings.Contains(string(j.Progress), "half way") && j.State == "running" })
	if again, err := o.Add(t.Context(), errand{"town"}); err != nil || again.ID != asked.ID {
		t.Errorf("a second one while the first is not done: %+v, %v", again, err)
	}
	close(goOn)
	done := o.until(t, "done", "errand", func(j Job) bool { return j.State == "completed" })
	var progress struct {
		At string `json:"at"`
	}
	if err := json.Unmarshal(done.Progress, &progress); err != nil || progress.At != "town" || done.Node != "north" || done.EndedAt.IsZero() || done.Failure != "" {
		t.Errorf("%+v, %v", done, err)
	}
	if again, err := o.Add(t.Context(), errand{"town"}); err != nil || again.ID == asked.ID {
		t.Errorf("another when it is done: %+v, %v", again, err)
	}
}

// What fails says why, and is tried again later; or now, when somebody asks.
func TestAJobThatFails(t *testing.T) {
	t.Parallel()
	o := setup(t)
	var mu sync.Mutex
	mended := false
	o.run(t, "north", Handle(func(_ context.Context, _ errand, show Show) error {
		mu.Lock()
		defer mu.Unlock()
		if !mended {
			show("half")

			return errors.New("the road is closed")
		}

		return nil
	}))
	before := time.Now()
	asked, err := o.Add(t.Context(), errand{"town"})
	if err != nil {
		t.Fatal(err)
	}
	failed := o.until(t, "failed", "errand", func(j Job) bool { return j.State == "retryable" || j.State == "available" && j.Attempt > 0 })
	if failed.Failure != "the road is closed" || !failed.NextAt.After(before) || string(failed.Progress) != `"half"` {
		t.Errorf("%+v", failed)
	}
	mu.Lock()
	mended = true
	mu.Unlock()
	for _, id := range []int64{asked.ID + 1000, asked.ID} {
		kind := map[bool]string{true: "errand", false: "homework"}[id != asked.ID]
		if _, err := o.Retry(t.Context(), id, kind); !errors.Is(err, ErrNotFound) {
			t.Errorf("try job %d of another kind, or one that is not there: %v", id, err)
		}
	}
	if _, err := o.Retry(t.Context(), asked.ID, "errand"); err != nil {
		t.Fatal(err)
	}
	if done := o.until(t, "done", "errand", func(j Job) bool { return j.State == "completed" }); done.Attempt < 2 {
		t.Errorf("%+v", done)
	}
}

// Of many nodes one does what comes round; what is a node's own waits for it.
func TestNodesShare(t *testing.T) {
	t.Parallel()
	o := setup(t)
	var mu sync.Mutex
	did := map[string][]string{}
	handlers := func(node string) []Handler {
		note := func(what string) error {
			mu.Lock()
			defer mu.Unlock()
			did[what] = append(did[what], node)

			return nil
		}

		return []Handler{
			Handle(func(_ context.Context, e errand, _ Show) error { return note(e.To) }).Every(time.Hour, errand{"round"}),
			Handle(func(_ context.Context, h homework, _ Show) error { return note(h.Node) }),
		}
	}
	o.run(t, "north", handlers("north")...)
	o.run(t, "South/2", handlers("South/2")...)
	for _, node := range []string{"South/2", "west"} {
		if _, err := o.Add(t.Context(), homework{node}); err != nil {
			t.Fatal(err)
		}
	}
	o.until(t, "what comes round", "errand", func(j Job) bool { return j.State == "completed" })
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		mu.Lock()
		south, round, west := did["South/2"], did["round"], did["west"]
		mu.Unlock()
		if len(west) > 0 || len(round) > 1 {
			t.Fatalf("round: %v, west: %v", round, west)
		}
		if len(south) == 1 && south[0] == "South/2" && len(round) == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("south: %v, round: %v", south, round)
		}
	}
	all, err := o.List(t.Context(), 10)
	if err != nil || len(all) != 3 {
		t.Fatal(all, err)
	}
	for _, j := range all {
		if j.Kind == "homework" && j.State == "available" && j.Attempt != 0 {
			t.Errorf("another node tried: %+v", j)
		}
	}
}

// A job stands if the transaction that asks for it does.
func TestAJobIsAskedForInATransaction(t *testing.T) {
	t.Parallel()
	o := setup(t)
	undone := errors.New("undone")
	for _, end := range []error{undone, nil} {
		err := pgx.BeginFunc(t.Context(), o.pool, func(tx pgx.Tx) error {
			_, err := o.AddTx(t.Context(), tx, errand{"town"})

			return errors.Join(err, end)
		})
		if !errors.Is(err, end) {
			t.Fatal(err)
		}
	}
	if all, err := o.List(t.Context(), 10); err != nil || len(all) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
}

// A node that stops lets its job end; one that takes too long is cut off, and
// another node does it again.
func TestStopDrains(t *testing.T) {
	t.Parallel()
	o := setup(t)
	began := make(chan string, 10)
	end := make(chan struct{})
	do := func(node string) Handler {
		return Handle(func(ctx context.Context, _ errand, _ Show) error {
			began <- node
			select {
			case <-end:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}
	first := o.run(t, "north", do("north"))
	if _, err := o.Add(t.Context(), errand{"town"}); err != nil {
		t.Fatal(err)
	}
	<-began
	bounded, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := first.Stop(bounded); err != nil {
		t.Fatalf("a stop that cuts a job off: %v", err)
	}
	o.until(t, "cut off", "errand", func(j Job) bool { return j.State == "available" && j.Failure == "" })
	second := o.run(t, "south", do("south"))
	if node := <-began; node != "south" {
		t.Errorf("%s began", node)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- second.Stop(context.Background()) }()
	close(end)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	o.until(t, "done", "errand", func(j Job) bool { return j.State == "completed" })
}
