package twilio

import (
	"time"

	"trunkline/media"
	"trunkline/media/jitter"
	"trunkline/media/plc"
	"trunkline/media/resample"
	"trunkline/twilio/dialect"
)

const (
	// longest is the most audio that a message may have, in frames of 20 ms:
	// carriers send 20 to 100 ms.
	longest = 50
	// together is by how much a timestamp may be off and still say that the
	// audio follows what came before: carriers tell whole milliseconds, and
	// some the time of sending.
	together = media.SampleRate / 100
	// elsewhere is from how far on a message begins a new count: the sender
	// started anew, or tells nonsense.
	elsewhere = 10 * media.SampleRate

	waiting = 64 // keys, and marks, that may wait for the line
)

// receiver takes the messages of one stream and gives back frames, keys and
// marks. It owns no socket and reads no clock.
type receiver struct {
	format  dialect.Format
	narrow  *resample.Resampler // nil at 8 kHz
	buffer  *jitter.Buffer
	conceal plc.Concealer
	wide    []int16 // reused
	samples []int16 // reused

	started bool
	seq     int64 // of the newest message
	chunk   int64 // told by it
	next    int64 // sample that follows it
	shift   int64 // from the carrier's count of samples to ours

	keys  ring[media.Digit]
	marks ring[media.Mark]

	accepted, lost, reordered, malformed uint64
	firstAt, lastAt                      time.Time
}

func newReceiver(f dialect.Format) (*receiver, error) {
	r := &receiver{format: f}
	if f.Rate != media.SampleRate {
		var err error
		if r.narrow, err = resample.New(f.Rate, media.SampleRate); err != nil {
			return nil, err
		}
	}
	r.buffer = jitter.New(jitter.Options{Concealer: &r.conceal})

	return r, nil
}

// take takes what was read from a message. It reports false for one that this
// stream should not have had.
func (r *receiver) take(m *dialect.Message, at time.Time) bool {
	switch m.Kind {
	case dialect.Media:
		return m.Outbound || r.audio(m, at)
	case dialect.Digit:
		r.keys.put(m.Key)
	case dialect.Played:
		if mark, ok := dialect.ParseMark(m.Name); ok {
			r.marks.put(mark)
		} else {
			return false
		}
	case dialect.Started, dialect.Connected:
		return false // once is enough
	case dialect.Other, dialect.Cleared, dialect.Stopped, dialect.Failed:
	}

	return true
}

func (r *receiver) audio(m *dialect.Message, at time.Time) bool {
	if len(m.Audio) == 0 || len(m.Audio) > r.format.Size(longest) {
		return false
	}
	if r.narrow == nil {
		r.samples = r.format.Decode(r.samples[:0], m.Audio)
	} else {
		r.wide = r.format.Decode(r.wide[:0], m.Audio)
		r.samples = r.narrow.Append(r.samples[:0], r.wide)
	}
	seq := r.place(m.Chunk)
	start := r.time(m)
	r.accepted++
	if r.firstAt.IsZero() {
		r.firstAt = at
	}
	r.lastAt = at
	newest := seq == r.seq
	if newest {
		r.next = start + int64(len(r.samples))
	}
	verdict := r.buffer.Put(jitter.Packet{Seq: seq, Timestamp: uint32(start), Samples: r.samples, Arrived: at})
	if !newest && verdict != jitter.Duplicate {
		r.lost = max(r.lost, 1) - 1
		if verdict == jitter.Queued {
			r.reordered++
		}
	}

	return true
}

// place is the number of a message among all.
func (r *receiver) place(chunk int64) int64 {
	ahead := chunk - r.chunk
	switch {
	case !r.started:
		ahead = 1
	case chunk == 0: // the carrier does not count
		ahead = 1
		chunk = r.chunk
	case ahead > elsewhere/media.FrameSamples || ahead < -elsewhere/media.FrameSamples:
		ahead = 1
	}
	if ahead <= 0 {
		return r.seq + ahead
	}
	r.lost += uint64(ahead - 1)
	r.seq += ahead
	r.chunk = chunk

	return r.seq
}

// time is the number of a message's first sample among all.
func (r *receiver) time(m *dialect.Message) int64 {
	if !m.Timed {
		r.started = true

		return r.next
	}
	told := m.At * (media.SampleRate / 1000)
	off := told + r.shift - r.next
	if !r.started || off > elsewhere || off < -elsewhere || off > -together && off < together {
		r.started = true
		r.shift = r.next - told

		return r.next
	}

	return told + r.shift
}

// fill adds the receiver's part to the statistics of the leg.
func (r *receiver) fill(s *media.LegStats) {
	b := r.buffer.Stats()
	s.PacketsIn, s.Lost, s.Late = r.accepted, r.lost, b.Late+b.Dropped
	s.Reordered, s.Duplicates, s.Malformed = r.reordered, b.Duplicates, r.malformed
	s.Concealed, s.Stretched = b.Concealed, b.Stretched
	s.Jitter, s.Delay, s.Target = b.Jitter, b.Delay, b.Target
	s.FirstPacket, s.LastPacket = r.firstAt, r.lastAt
}

// ring holds a few values, oldest first; when it is full the newest are
// dropped.
type ring[T any] struct {
	values  [waiting]T
	head, n int
}

func (r *ring[T]) put(v T) {
	if r.n < waiting {
		r.values[(r.head+r.n)%waiting] = v
		r.n++
	}
}

func (r *ring[T]) next() (v T, ok bool) {
	if r.n == 0 {
		return v, false
	}
	v = r.values[r.head]
	r.head = (r.head + 1) % waiting
	r.n--

	return v, true
}

func (r *ring[T]) has(wanted func(T) bool) bool {
	for i := range r.n {
		if wanted(r.values[(r.head+i)%waiting]) {
			return true
		}
	}

	return false
}
