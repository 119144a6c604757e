package jitter

import (
	"time"

	"trunkline/media"
	"trunkline/media/cn"
)

const (
	slots       = 32  // packets held at most
	slotSamples = 160 // samples a slot has room for before it grows
	roomy       = 12  // slots with that room from the start: of 20 ms each, more than the usual delay allows

	// defaultMax covers the jitter of a bad Internet path; a longer delay
	// makes people talk over one another (ITU-T G.114).
	defaultMax = 200 * time.Millisecond

	// minMax is three frames: one playing, one in hand, one of jitter.
	minMax = 3 * media.FrameDuration

	// fadeOut is how long a gap is concealed before it counts as quiet
	// (ITU-T G.711 appendix I: 60 ms).
	fadeOut = 480

	// ending is how much is made up when audio goes over into silence, so that
	// there is something to blend the silence with.
	ending = 16
)

// A Concealer makes up audio in place of packets that are missing.
type Concealer interface {
	// Good hands over samples that are about to play and were not made up:
	// from packets, or the silence or comfort noise between them. It may
	// change their beginning to join it to what it made up before.
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
	// Noise is what is heard in the silence that a packet without samples
	// begins.
	Noise cn.Noise
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
	Concealed  uint64        // frames made up, rounded
	Stretched  uint64        // frames made shorter or longer to change the delay
	Jitter     time.Duration // RFC 3550 section 6.4.1 inter-arrival jitter
	Delay      time.Duration // time that packets wait, smoothed
	Target     time.Duration // how late a packet may be and still play in time
}

// slot holds one queued packet, less what has played of it.
type slot struct {
	seq       int64
	timestamp uint32 // of the first sample left
	store     []int16
	samples   []int16 // what is left, inside store
	noise     cn.Noise
	arrived   time.Time
	late      time.Duration // than the most punctual packets
	begun     bool          // some of it has played
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

	next   uint32 // timestamp of the next sample to play
	synced bool   // next is known
	hurry  bool   // the head plays at once: what was due before it was given up
	gap    int    // samples since the last one from a packet
	made   int    // samples made up in all
	silent bool   // nothing to conceal: the sender is silent or the gap is long
	noise  cn.Noise
	hiss   cn.Generator

	clock    ticks
	arrivals arrivals
	jitter   interarrival
	wait     time.Duration // smoothed by 1/16
	spare    time.Duration // what packets could be later than the target and still play; 0 while unknown
	moving   bool          // Shift was asked: ticks move
	window   []int16       // the frame played last, and what plays next
	stats    Stats
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
		gap:       fadeOut,
		arrivals:  newArrivals(o.Max),
		window:    make([]int16, 2*media.FrameSamples+media.SamplesIn(o.Max)),
	}
	if b.concealer == nil {
		b.concealer = nobody{}
	}
	room := make([]int16, roomy*slotSamples)
	held := make([]slot, slots)
	for i := range held {
		if n := slots - 1 - i; n < roomy { // the last one is taken first
			held[i].store = room[n*slotSamples : n*slotSamples : (n+1)*slotSamples]
		}
		b.free = append(b.free, &held[i])
	}
	return b
}

// nobody leaves the gaps silent.
type nobody struct{}

func (nobody) Good([]int16) {}

func (nobody) Conceal(dst []int16) { clear(dst) }

// Stats is what the buffer did so far.
func (b *Buffer) Stats() Stats {
	s := b.stats
	s.Concealed = uint64(b.made+media.FrameSamples/2) / media.FrameSamples
	s.Jitter = b.jitter.mean()
	s.Delay = b.wait
	s.Target = b.arrivals.target()
	return s
}

// Flush drops all that is queued and waits for the next packet as at the
// start. The numbers of packets that played stay spent, and what is known of
// the jitter is kept.
func (b *Buffer) Flush() {
	for len(b.queue) > 0 {
		b.drop()
	}
	b.synced, b.hurry = false, false
	b.silent, b.gap = true, fadeOut
	b.noise = cn.Noise{}
	b.jitter.restart()
}

// Put queues a packet; its samples are copied.
func (b *Buffer) Put(p Packet) Verdict {
	if seen := &b.seen[uint64(p.Seq)%uint64(len(b.seen))]; *seen == p.Seq+1 {
		b.stats.Duplicates++
		return Duplicate
	} else if *seen <= p.Seq {
		*seen = p.Seq + 1
	}
	var late time.Duration
	if len(p.Samples) > 0 {
		b.jitter.arrive(p.Arrived, p.Timestamp)
		late = b.arrivals.arrive(p.Arrived, p.Timestamp, len(p.Samples))
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
	s.seq, s.timestamp, s.noise, s.arrived, s.late, s.begun = p.Seq, p.Timestamp, p.Noise, p.Arrived, late, false
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
	b.clock.step(now)
	b.expire(now)
	b.spare = 0
	in, ok := b.stretch(f, now)
	if !ok {
		in = b.play(f, now)
	}
	copy(b.window, f[:])
	return in
}

// play fills f with audio as it came, and what stands in for what is missing.
func (b *Buffer) play(f *media.Frame, now time.Time) media.Inbound {
	in := media.Inbound{Kind: media.Quiet}
	for pos := 0; pos < len(f); b.expire(now) {
		if len(b.queue) == 0 {
			b.fill(f[pos:], &in)
			break
		}
		head := b.queue[0]
		if ahead := b.schedule(head, now); ahead > 0 {
			n := min(ahead, len(f)-pos)
			b.fill(f[pos:pos+n], &in)
			pos += n
			continue
		}
		if len(head.samples) == 0 {
			b.noise = head.noise
			b.silent = true
			b.drop()
			continue
		}
		n := copy(f[pos:], head.samples)
		b.concealer.Good(f[pos : pos+n])
		in = media.Inbound{Kind: media.Received, Arrived: b.consume(n, now, pos)}
		pos += n
	}
	return in
}

// expire gives up the packets at the front that waited too long.
func (b *Buffer) expire(now time.Time) {
	for len(b.queue) > 0 && !b.queue[0].begun && now.Sub(b.queue[0].arrived) > b.max {
		b.giveUp()
	}
}

// schedule puts the play point where the head asks for, and returns how many
// samples remain until the head's turn.
func (b *Buffer) schedule(head *slot, now time.Time) int {
	ahead := int(int32(head.timestamp - b.next))
	limit := int(media.SamplesIn(b.max)) - media.FrameSamples
	if len(head.samples) == 0 {
		if !b.synced || b.silent || ahead > limit {
			return 0
		}
		return max(ahead, 0)
	}
	switch {
	case b.hurry:
		b.hurry = false
		b.next = head.timestamp
		return 0
	case !b.synced, b.silent, ahead > limit, ahead < -limit:
		// A talkspurt begins, or timestamps do: it waits until packets as late
		// as the target have had their time.
		if now.Sub(head.arrived) < b.arrivals.target()-head.late {
			return media.FrameSamples
		}
		b.synced = true
		b.next = head.timestamp
		return 0
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
	if b.silent && b.gap == 0 {
		n := min(ending, len(dst))
		b.concealer.Conceal(dst[:n])
		b.gap = n
		dst = dst[n:]
	}
	b.gap = min(b.gap+len(dst), fadeOut)
	if b.silent {
		b.hiss.Fill(dst, &b.noise)
		b.concealer.Good(dst)
		return
	}
	b.concealer.Conceal(dst)
	b.made += len(dst)
	if in.Kind == media.Quiet {
		in.Kind = media.Concealed
	}
	b.silent = b.gap == fadeOut
}

// consume takes n samples off the queue's front, which is at the play point;
// they are played from place pos of the frame on. It returns when the packet of
// the last of them arrived.
func (b *Buffer) consume(n int, now time.Time, pos int) (arrived time.Time) {
	b.gap, b.silent = 0, false
	for {
		head := b.queue[0]
		if !head.begun {
			head.begun = true
			b.waited(now.Sub(head.arrived) + media.Samples(pos).Duration())
		}
		part := min(n, len(head.samples))
		head.samples = head.samples[part:]
		head.timestamp += uint32(part)
		b.queued -= part
		b.next = head.timestamp
		b.played = head.seq
		arrived = head.arrived
		n -= part
		pos += part
		if len(head.samples) == 0 {
			b.drop()
		}
		if n == 0 {
			return arrived
		}
	}
}

// waited takes the time that a packet waited.
func (b *Buffer) waited(d time.Duration) {
	if b.wait == 0 {
		b.wait = d
	} else {
		b.wait += (d - b.wait) / 16
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
