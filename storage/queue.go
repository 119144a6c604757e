package storage

import "time"

// rank orders rows by how much their loss hurts. When the queue is full, rows
// of the lowest rank go first.
type rank int

const (
	rankEvent rank = iota
	rankTurn
	rankCall
	ranks
)

// Estimated memory of a queued row beyond its strings: the row itself, its
// place in the queue and the allocator's rounding.
const rowOverhead = 256

// row is something to write: exactly one of the pointers is set.
type row struct {
	seq   uint64    // order of arrival
	size  int       // bytes of memory, estimated
	came  time.Time // when it was queued
	owner *Owner    // nil: the Journal's own
	call  *Call
	turn  *Turn
	event *Event
}

func (r row) rank() rank {
	switch {
	case r.call != nil:
		return rankCall
	case r.turn != nil:
		return rankTurn
	default:
		return rankEvent
	}
}

func callRow(c Call) row {
	return row{call: &c, size: 2*rowOverhead + len(c.Trunk) + len(c.From) + len(c.To) + len(c.Agent) +
		len(c.EndReason) + len(c.Recording) + len(c.DoorCallID)}
}

func turnRow(t Turn) row {
	size := rowOverhead + len(t.Text) + len(t.HeardText)
	for _, s := range t.Latency.Stages {
		size += 32 + len(s.Name)
	}
	return row{turn: &t, size: size}
}

func eventRow(e Event) row {
	return row{event: &e, size: rowOverhead + len(e.Kind) + len(e.Data)}
}

// Drops counts rows that were given up, by what they were.
type Drops struct {
	Calls, Turns, Events uint64
}

// Total is the number of all rows given up.
func (d Drops) Total() uint64 { return d.Calls + d.Turns + d.Events }

// and is d and more.
func (d Drops) and(more Drops) Drops {
	return Drops{Calls: d.Calls + more.Calls, Turns: d.Turns + more.Turns, Events: d.Events + more.Events}
}

// plus is d and one more row.
func (d Drops) plus(k rank) Drops {
	switch k {
	case rankCall:
		d.Calls++
	case rankTurn:
		d.Turns++
	default:
		d.Events++
	}
	return d
}

// queue holds rows in the order of their arrival, within a bound of bytes.
// When there is no room for a new row, the oldest events are dropped, then
// the oldest turns if the new row is no event, then the oldest calls if it is
// a call; a row that still has no room is dropped itself. Rows that were
// taken count against the bound until they are settled.
//
// It is not safe for concurrent use.
type queue struct {
	bound   int // bytes
	bytes   int // queued and taken
	lastSeq uint64
	lanes   [ranks]lane
	drops   Drops
}

// push queues r, making room by the rule above.
func (q *queue) push(r row) {
	k := r.rank()
	for victim := rankEvent; victim <= k; victim++ {
		for q.bytes+r.size > q.bound && q.lanes[victim].len() > 0 {
			q.bytes -= q.lanes[victim].pop().size
			q.drops = q.drops.plus(victim)
		}
	}
	if q.bytes+r.size > q.bound {
		q.drops = q.drops.plus(k)
		return
	}
	q.lastSeq++
	r.seq, r.came = q.lastSeq, time.Now()
	q.bytes += r.size
	q.lanes[k].push(r)
}

// take removes up to n rows, oldest first. Their memory stays counted until
// settle.
func (q *queue) take(n int) []row {
	rows := make([]row, 0, min(n, q.len()))
	for len(rows) < n {
		oldest := q.oldest()
		if oldest == nil {
			break
		}
		rows = append(rows, oldest.pop())
	}
	return rows
}

// settle gives back the memory of rows that were taken.
func (q *queue) settle(rows []row) {
	for _, r := range rows {
		q.bytes -= r.size
	}
}

func (q *queue) len() int {
	n := 0
	for i := range q.lanes {
		n += q.lanes[i].len()
	}
	return n
}

// firstSeq is the arrival number of the oldest queued row; after the last one
// when the queue is empty.
func (q *queue) firstSeq() uint64 {
	if oldest := q.oldest(); oldest != nil {
		return oldest.first().seq
	}
	return q.lastSeq + 1
}

// oldestCame is when the oldest queued row came; now when the queue is empty.
func (q *queue) oldestCame() time.Time {
	if oldest := q.oldest(); oldest != nil {
		return oldest.first().came
	}
	return time.Now()
}

// oldest is the lane with the oldest row, or nil when all are empty.
func (q *queue) oldest() *lane {
	var oldest *lane
	for i := range q.lanes {
		l := &q.lanes[i]
		if l.len() > 0 && (oldest == nil || l.first().seq < oldest.first().seq) {
			oldest = l
		}
	}
	return oldest
}

// lane is a first-in first-out list of rows of one rank.
type lane struct {
	rows []row
	head int // rows before it are gone
}

func (l *lane) len() int    { return len(l.rows) - l.head }
func (l *lane) first() *row { return &l.rows[l.head] }
func (l *lane) push(r row)  { l.rows = append(l.rows, r) }

func (l *lane) pop() row {
	r := l.rows[l.head]
	l.rows[l.head] = row{}
	l.head++
	if l.head >= 64 && l.head*2 >= len(l.rows) {
		kept := copy(l.rows, l.rows[l.head:])
		clear(l.rows[kept:])
		l.rows, l.head = l.rows[:kept], 0
	}
	return r
}
