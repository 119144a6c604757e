package storage

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func kinds(rows []row) string {
	s := ""
	for _, r := range rows {
		s += [...]string{"e", "t", "c"}[r.rank()]
	}
	return s
}

func TestQueueKeepsOrderAcrossKinds(t *testing.T) {
	t.Parallel()
	q := queue{bound: 1 << 20}
	for _, r := range []row{callRow(Call{}), eventRow(Event{}), turnRow(Turn{}), eventRow(Event{}), callRow(Call{})} {
		q.push(r)
	}
	if got := kinds(q.take(3)) + "|" + kinds(q.take(9)); got != "cet|ec" {
		t.Errorf("took %s, want cet|ec", got)
	}
}

func TestQueueDropsEventsBeforeTurnsBeforeCalls(t *testing.T) {
	t.Parallel()
	unit := func(r row) row { r.size = 1; return r }
	call, turn, event := unit(callRow(Call{})), unit(turnRow(Turn{})), unit(eventRow(Event{}))
	for _, tc := range []struct {
		name    string
		rows    []row
		want    string
		dropped Drops
	}{
		{"an event pushes out the oldest event", []row{event, turn, call, event}, "tce", Drops{Events: 1}},
		{"an event pushes out nothing better", []row{turn, turn, call, event}, "ttc", Drops{Events: 1}},
		{"a turn pushes out an event", []row{turn, event, call, turn}, "tct", Drops{Events: 1}},
		{"a turn pushes out the oldest turn", []row{turn, call, turn, turn}, "ctt", Drops{Turns: 1}},
		{"a turn pushes out no call", []row{call, call, call, turn}, "ccc", Drops{Turns: 1}},
		{"a call pushes out a turn", []row{turn, call, call, call}, "ccc", Drops{Turns: 1}},
		{"a call pushes out the oldest call", []row{call, call, call, call}, "ccc", Drops{Calls: 1}},
	} {
		q := queue{bound: 3}
		for _, r := range tc.rows {
			q.push(r)
		}
		if got := kinds(q.take(9)); got != tc.want {
			t.Errorf("%s: kept %s, want %s", tc.name, got, tc.want)
		}
		if diff := cmp.Diff(tc.dropped, q.drops); diff != "" {
			t.Errorf("%s: drops (-want +got):\n%s", tc.name, diff)
		}
	}
}

func TestQueueCountsTakenRowsUntilSettled(t *testing.T) {
	t.Parallel()
	q := queue{bound: 2 * eventRow(Event{}).size}
	q.push(eventRow(Event{}))
	q.push(eventRow(Event{}))
	taken := q.take(2)
	q.push(eventRow(Event{Seq: 3}))
	if q.len() != 0 || q.drops.Events != 1 {
		t.Fatalf("%d rows queued and %d dropped while the bound is taken up, want 0 and 1", q.len(), q.drops.Events)
	}
	q.settle(taken)
	q.push(eventRow(Event{Seq: 4}))
	if q.len() != 1 {
		t.Fatal("no room after the taken rows are settled")
	}
}

// The queue never holds more than its bound, never reorders, and each row is
// taken, queued or counted as dropped.
func TestQueueProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		q := queue{bound: rapid.IntRange(0, 40).Draw(t, "bound")}
		pushed, taken := 0, 0
		var open []row
		var lastTaken uint64
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				r := []row{eventRow(Event{}), turnRow(Turn{}), callRow(Call{})}[rapid.IntRange(0, 2).Draw(t, "kind")]
				r.size = rapid.IntRange(1, 10).Draw(t, "size")
				q.push(r)
				pushed++
			},
			"take": func(t *rapid.T) {
				rows := q.take(rapid.IntRange(0, 5).Draw(t, "n"))
				for _, r := range rows {
					if r.seq <= lastTaken {
						t.Fatalf("row %d was taken after row %d", r.seq, lastTaken)
					}
					lastTaken = r.seq
				}
				taken += len(rows)
				open = append(open, rows...)
			},
			"settle": func(*rapid.T) {
				q.settle(open)
				open = nil
			},
			"": func(t *rapid.T) {
				if q.bytes > q.bound {
					t.Fatalf("%d bytes held, the bound is %d", q.bytes, q.bound)
				}
				if got := taken + q.len() + int(q.drops.Total()); got != pushed {
					t.Fatalf("%d rows accounted for, %d pushed", got, pushed)
				}
				if q.len() > 0 && q.firstSeq() <= lastTaken {
					t.Fatalf("row %d is queued behind row %d, already taken", q.firstSeq(), lastTaken)
				}
			},
		})
	})
}
