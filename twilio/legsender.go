package twilio

import (
	"time"

	"trunkline/media"
	"trunkline/media/resample"
	"trunkline/twilio/dialect"
	"trunkline/twilio/framing"
)

const (
	// lead is how far what is written is ahead of what is played, in frames:
	// more makes a pause lose its grip, less makes gaps.
	lead = 10
	// mostAhead is what media.Buffered allows.
	mostAhead = 50
	// supposed is the way to the carrier and back before it was measured.
	supposed = 100 * time.Millisecond
)

// sender turns one call's frames into messages that wait in its outbox. It owns
// no socket and reads no clock.
type sender struct {
	outbox outbox
	write  *dialect.Writer
	format dialect.Format
	kind   framing.Kind // of messages with audio
	batch  int
	wider  *resample.Resampler // nil at 8 kHz
	wide   []int16             // at the format's rate, not yet encoded
	lag    int                 // samples of wide that the resampler holds back

	held   []byte // audio of the message to come
	frames int    // in it
	marks  ring[media.Mark]
	wrote  bool // since the tick before

	due     time.Time // when all that was written will have been played
	sentAt  ring[sentMark]
	trip    time.Duration // the shortest way there and back, as far as known
	dropped uint64        // messages with audio that never left
	missed  uint64        // marks that should have come back
	// What is being written: closures over these fields, made once, are what
	// lets the outbox be filled without allocating.
	mark                           media.Mark
	appendMedia, appendMark, clear func([]byte) []byte
}

// sentMark is a mark that is to come back, and when at the earliest.
type sentMark struct {
	media.Mark

	due time.Time
}

func newSender(d *dialect.Dialect, start *dialect.Message) (*sender, error) {
	s := &sender{
		write: d.Writer(start), format: start.Format, kind: framing.Text, batch: d.Batch, trip: supposed,
	}
	if d.Binary {
		s.kind = framing.Binary
	}
	s.appendMedia = func(dst []byte) []byte { return s.write.Media(dst, s.held) }
	s.appendMark = func(dst []byte) []byte { return s.write.Mark(dst, s.mark) }
	s.clear = s.write.Clear
	if start.Format.Rate != media.SampleRate {
		var err error
		if s.wider, err = resample.New(media.SampleRate, start.Format.Rate); err != nil {
			return nil, err
		}
		s.lag = s.wider.Delay() * start.Format.Rate / media.SampleRate
		s.wide = make([]int16, s.lag, 2*s.lag+2*media.FrameSamples*start.Format.Rate/media.SampleRate)
	}

	return s, nil
}

// ahead is how many frames may be on their way: the lead, and what is played
// while a mark travels.
func (s *sender) ahead() int {
	return min(max(lead, 2*s.batch)+int(s.trip/media.FrameDuration), mostAhead)
}

// push takes a frame. It reports false when the outbox is full.
func (s *sender) push(f *media.Frame, now time.Time) bool {
	if !s.outbox.room() {
		return false
	}
	s.wrote = true
	s.encode(f)
	if s.frames++; s.frames >= s.batch {
		s.post()
	}
	if s.due.Before(now) {
		s.due = now
	}
	s.due = s.due.Add(media.FrameDuration)

	return true
}

// encode appends a frame to what is held. Resampled audio comes later than its
// frame by the filter's delay, so that every frame makes as much of it.
func (s *sender) encode(f *media.Frame) {
	if s.wider == nil {
		s.held = s.format.Encode(s.held, f[:])

		return
	}
	s.wide = s.wider.Append(s.wide, f[:])
	n := min(media.FrameSamples*s.format.Rate/media.SampleRate, len(s.wide))
	s.held = s.format.Encode(s.held, s.wide[:n])
	s.wide = s.wide[:copy(s.wide, s.wide[n:])]
}

// post puts what is held into the outbox, and the marks behind it.
func (s *sender) post() {
	if !s.outbox.put(s.kind, true, s.appendMedia) {
		s.dropped++
	}
	s.held, s.frames = s.held[:0], 0
	for m, ok := s.marks.next(); ok; m, ok = s.marks.next() {
		s.ask(m)
	}
}

// tick fills a message up with silence once nothing more comes for it.
func (s *sender) tick() {
	if s.frames > 0 && !s.wrote {
		var silence media.Frame
		for ; s.frames < s.batch; s.frames++ {
			s.encode(&silence)
		}
		s.post()
	}
	s.wrote = false
}

// request asks for a mark behind all that was written.
func (s *sender) request(m media.Mark) {
	if s.frames > 0 {
		s.marks.put(m)

		return
	}
	s.ask(m)
}

func (s *sender) ask(m media.Mark) {
	s.mark = m
	if !s.outbox.put(framing.Text, false, s.appendMark) {
		return
	}
	if s.sentAt.n == waiting {
		s.sentAt.next()
		s.missed++
	}
	s.sentAt.put(sentMark{m, s.due})
}

// returned takes note of a mark that came back, and of the time that took. It
// reports false for one that is not waited for: of a queue that was dropped, or
// made up.
func (s *sender) returned(m media.Mark, now time.Time) bool {
	if !s.sentAt.has(func(sent sentMark) bool { return sent.Mark == m }) {
		return false
	}
	for sent, ok := s.sentAt.next(); ok; sent, ok = s.sentAt.next() {
		if sent.Mark == m {
			s.measure(now.Sub(sent.due))

			break
		}
		s.missed++
	}

	return true
}

// measure takes the way of a mark that came back so much later than what was
// before it was due. The due time supposes that the carrier played at once, so
// the measure is the way there and back, and what the carrier waits.
func (s *sender) measure(late time.Duration) {
	const weight = 8 // of the past; a shorter way counts at once
	late = min(max(late, 0), time.Second)
	if late < s.trip {
		s.trip = late
	} else {
		s.trip += (late - s.trip) / weight
	}
}

// drop empties the carrier's queue and our outbox. Marks that come back from now on
// are not for what was played.
func (s *sender) drop() {
	s.held, s.frames = s.held[:0], 0
	s.marks, s.sentAt = ring[media.Mark]{}, ring[sentMark]{}
	s.due = time.Time{}
	if s.wider != nil {
		s.wide = s.wider.Flush(s.wide[:0])
		clear(s.wide[:s.lag])
		s.wide = s.wide[:s.lag]
	}
	s.dropped += uint64(s.outbox.forget())
	s.outbox.put(framing.Text, false, s.clear) // there is room now
}
