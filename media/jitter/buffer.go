package jitter

import (
	"time"

	"trunkline/media"
)

const (
	slots       = 32  // packets held at most
	slotSamples = 160 // samples a slot has room for before it grows

	// defaultMax covers the jitter of a bad Internet path; a longer delay
	// makes people talk over one another (ITU-T G.114).
	defaultMax = 200 * time.Millisecond

	// minMax is three frames: one playing, one in hand, one of jitter.
	minMax = 3 * media.FrameDuration

	// fadeOut is how long a gap is concealed before it counts as quiet
	// (ITU-T G.711 appendix I: 60 ms).
	fadeOut = 480

	// quietPeak is the level below which a lost frame is not heard:
	// 36 dB below full scale.
	quietPeak = 512

	// forcedExcess is the needless delay that is worth a click in speech.
	forcedExcess = 100 * time.Millisecond
)

// A Concealer makes up audio in place of packets that are missing.
type Concealer interface {
	// Good hands over samples that were played from a packet, in order.
	Good(samples []int16)
	// Conceal fills dst with what might have come next.
	Conceal(dst []int16)
}

// Packet is one RTP packet's audio.
type Packet struct {
	// Seq is the sequence number extended by its wraps; it grows over the
	// whole call, also when the sender starts its own numbers anew.
	Seq int64
	// Timestamp is the RTP timestamp of the first sample.
	Timestamp uint32
	// Samples is the audio, of any length. Without samples the packet says
	// that the sender is silent from Timestamp on: comfort noise or a
	// telephone event.
	Samples []int16
	// Arrived is when the packet reached the socket.
	Arrived time.Time
}

// Verdict says what became of a packet.
type Verdict uint8

// The verdicts on a packet.
const (
	Queued    Verdict = iota
	Late              // something newer has played
	Duplicate         // a packet with its number came before
)

// Options of a Buffer.
type Options struct {
	// Max is the longest time that a packet may wait, at least 60 ms;
	// 0 means 200 ms.
	Max time.Duration
	// Concealer fills the gaps; nil leaves them silent.
	Concealer Concealer
}

// Stats counts what a Buffer did. All counters start at zero.
type Stats struct {
	Late       uint64        // packets that came after something newer had played
	Duplicates uint64        // packets that came twice
	Dropped    uint64        // packets dropped because the buffer held too much
	Skipped    uint64        // frames skipped to shorten the delay
	Concealed  uint64        // frames made up
	Jitter     time.Duration // RFC 3550 section 6.4.1 inter-arrival jitter
	Delay      time.Duration // time that packets wait, smoothed
}

// slot holds one queued packet, less what has played of it.
type slot struct {
	seq       int64
	timestamp uint32 // of the first sample left
	store     []int16
	samples   []int16 // what is left, inside store
	arrived   time.Time
	begun     bool // its wait has been measured
}

// Buffer is the jitter buffer of one direction of one call. Put and Take must
// not run at the same time. The zero value is not usable: see New.
type Buffer struct {
	max       time.Duration
	concealer Concealer

	queue  []*slot // by sequence number
	free   []*slot
	queued int        // samples in queue
	seen   [128]int64 // sequence numbers + 1 that came, by their low bits
	played int64      // highest sequence number that played or was given up
	next   uint32     // timestamp of the next sample to play
	synced bool       // next is known
	hurry  bool       // the head plays at once: what was due before it was given up
	gap    int        // samples made up since the last real one
	silent bool       // nothing to conceal: the sender is silent or the gap is long
	jitter interarrival
	wait   waits
	stats  Stats
}

// New makes an empty Buffer.
func New(o Options) *Buffer {
	if o.Max == 0 {
		o.Max = defaultMax
	}
	o.Max = max(o.Max, minMax)
	b := &Buffer{
		max:       o.Max,
		concealer: o.Concealer,
		queue:     make([]*slot, 0, slots),
		free:      make([]*slot, 0, slots),
		played:    -1,
		silent:    true,
	}
	room := make([]int16, slots*slotSamples)
	held := make([]slot, slots)
	for i := range held {
		held[i].store = room[i*slotSamples : i*slotSamples : (i+1)*slotSamples]
		b.free = append(b.free, &held[i])
	}
	return b
}

// Stats is what the buffer did so far.
func (b *Buffer) Stats() Stats {
	s := b.stats
	s.Jitter = b.jitter.mean()
	s.Delay = b.wait.mean
	return s
}

// Flush drops all that is queued and waits for the next packet as at the
// start. The numbers of packets that played stay spent.
func (b *Buffer) Flush() {
	for len(b.queue) > 0 {
		b.drop()
	}
	b.synced, b.hurry = false, false
	b.silent = true
	b.jitter.restart()
	b.wait.restart()
}

// Put queues a packet; its samples are copied.
func (b *Buffer) Put(p Packet) Verdict {
	if seen := &b.seen[uint64(p.Seq)%uint64(len(b.seen))]; *seen == p.Seq+1 {
		b.stats.Duplicates++
		return Duplicate
	} else if *seen <= p.Seq {
		*seen = p.Seq + 1
	}
	if len(p.Samples) > 0 {
		b.jitter.arrive(p.Arrived, p.Timestamp)
	}
	if p.Seq <= b.played {
		b.stats.Late++
		return Late
	}
	at := len(b.queue)
	for at > 0 && b.queue[at-1].seq > p.Seq {
		at--
	}
	if at > 0 && b.queue[at-1].seq == p.Seq {
		b.stats.Duplicates++
		return Duplicate
	}
	for at > 0 && b.full(len(p.Samples)) {
		b.giveUp()
		at--
	}
	if b.full(len(p.Samples)) {
		b.stats.Late++ // older than a full queue: its turn is as good as past
		return Late
	}
	s := b.free[len(b.free)-1]
	b.free = b.free[:len(b.free)-1]
	s.seq, s.timestamp, s.arrived, s.begun = p.Seq, p.Timestamp, p.Arrived, false
	s.store = append(s.store[:0], p.Samples...)
	s.samples = s.store
	b.queue = append(b.queue, nil)
	copy(b.queue[at+1:], b.queue[at:])
	b.queue[at] = s
	b.queued += len(s.samples)
	return Queued
}

// full says whether a packet of n samples would be too much. Two packets find
// room however long they are.
func (b *Buffer) full(n int) bool {
	return len(b.free) == 0 || len(b.queue) > 1 && b.queued+n > int(media.SamplesIn(b.max))
}

// Take fills f with the next 20 ms and says what it is. It is called once per
// tick; now is the time of the tick.
func (b *Buffer) Take(f *media.Frame, now time.Time) media.Inbound {
	b.expire(now)
	b.shrink()

	in := media.Inbound{Kind: media.Quiet}
	for pos := 0; pos < len(f); b.expire(now) {
		if len(b.queue) == 0 {
			b.fill(f[pos:], &in)
			break
		}
		head := b.queue[0]
		if ahead := b.schedule(head); ahead > 0 {
			n := min(ahead, len(f)-pos)
			b.fill(f[pos:pos+n], &in)
			pos += n
			continue
		}
		if len(head.samples) == 0 {
			b.silent = true
			b.drop()
			continue
		}
		if !head.begun {
			head.begun = true
			b.wait.add(now.Sub(head.arrived))
		}
		n := copy(f[pos:], head.samples)
		if b.concealer != nil {
			b.concealer.Good(f[pos : pos+n])
		}
		pos += n
		b.gap, b.silent = 0, false
		in = media.Inbound{Kind: media.Received, Arrived: head.arrived}
		b.consume(n)
	}
	if in.Kind == media.Concealed {
		b.stats.Concealed++
	}
	b.wait.tick()
	return in
}

// expire gives up the packets at the front that waited too long.
func (b *Buffer) expire(now time.Time) {
	for len(b.queue) > 0 && !b.queue[0].begun && now.Sub(b.queue[0].arrived) > b.max {
		b.giveUp()
	}
}

// schedule puts the play point where the head's timestamp asks for, and
// returns how many samples remain until the head's turn.
func (b *Buffer) schedule(head *slot) int {
	ahead := int(int32(head.timestamp - b.next))
	limit := int(media.SamplesIn(b.max)) - media.FrameSamples
	if len(head.samples) == 0 {
		if !b.synced || ahead > limit {
			return 0
		}
		return max(ahead, 0)
	}
	switch {
	case b.hurry:
		b.hurry = false
		b.next = head.timestamp
		return 0
	case !b.synced, ahead > limit, ahead < -limit:
		// A new start: one frame in hand until the jitter is known.
		b.synced = true
		b.next = head.timestamp - media.FrameSamples
		return media.FrameSamples
	case ahead < 0:
		b.next = head.timestamp
		return 0
	}
	return ahead
}

// fill makes up dst and moves the play point past it.
func (b *Buffer) fill(dst []int16, in *media.Inbound) {
	if b.synced {
		b.next += uint32(len(dst))
	}
	if b.silent || b.concealer == nil {
		clear(dst)
	} else {
		b.concealer.Conceal(dst)
		if in.Kind == media.Quiet {
			in.Kind = media.Concealed
		}
	}
	b.gap += len(dst)
	if b.gap >= fadeOut {
		b.silent = true
	}
}

// consume takes n samples off the head's front, which is at the play point.
func (b *Buffer) consume(n int) {
	head := b.queue[0]
	head.samples = head.samples[n:]
	head.timestamp += uint32(n)
	b.queued -= n
	b.next = head.timestamp
	b.played = head.seq
	if len(head.samples) == 0 {
		b.drop()
	}
}

// drop takes the head out of the queue.
func (b *Buffer) drop() {
	head := b.queue[0]
	b.played = head.seq
	b.queued -= len(head.samples)
	n := copy(b.queue, b.queue[1:])
	b.queue = b.queue[:n]
	b.free = append(b.free, head)
}

// giveUp drops the head for want of room or time; what follows it plays at
// once.
func (b *Buffer) giveUp() {
	b.stats.Dropped++
	b.drop()
	b.hurry = b.synced
}

// shrink shortens the delay by one frame when there is one to spare.
func (b *Buffer) shrink() {
	if len(b.queue) == 0 || !b.synced {
		return
	}
	excess := b.wait.least() - media.FrameDuration - b.jitter.guard()
	if excess < 0 {
		return
	}
	if b.schedule(b.queue[0]) >= media.FrameSamples {
		b.next += media.FrameSamples
	} else if !b.skip(excess > forcedExcess) {
		return
	}
	b.stats.Skipped++
	b.wait.shorten(media.FrameDuration)
}

// skip drops one frame of audio off the front when more is queued behind it,
// and when it is quiet or forced. It reports whether it did.
func (b *Buffer) skip(forced bool) bool {
	if b.queued < 2*media.FrameSamples {
		return false
	}
	n := 0
	for _, s := range b.queue {
		if n >= media.FrameSamples {
			break
		}
		if !forced && loud(s.samples) {
			return false
		}
		n += len(s.samples)
	}
	for n = media.FrameSamples; n > 0; {
		if len(b.queue[0].samples) == 0 {
			b.drop()
			continue
		}
		part := min(n, len(b.queue[0].samples))
		b.consume(part)
		n -= part
	}
	return true
}

// loud says whether losing the samples would be heard.
func loud(samples []int16) bool {
	for _, s := range samples {
		if s > quietPeak || s < -quietPeak {
			return true
		}
	}
	return false
}
