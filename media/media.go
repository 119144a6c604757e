package media

import "time"

// Sampling of all audio inside trunkline (ITU-T G.711: 8 kHz, one channel).
const (
	SampleRate    = 8000                  // samples per second
	FrameSamples  = 160                   // samples in a Frame
	FrameDuration = 20 * time.Millisecond // time that a Frame covers
)

// Samples counts audio samples at SampleRate.
type Samples int64

// Duration is the time that s samples cover.
func (s Samples) Duration() time.Duration {
	return time.Duration(s) * time.Second / SampleRate
}

// SamplesIn is the number of whole samples in d.
func SamplesIn(d time.Duration) Samples {
	return Samples(d * SampleRate / time.Second)
}

// Frame is 20 ms of linear 16-bit audio.
type Frame [FrameSamples]int16

// ZeroDBm0 is the mean square of the samples of a signal at 0 dBm0. A sine at
// full scale has +3.17 dBm0 (ITU-T G.711).
const ZeroDBm0 = 32768 * 32768 / 2 / 2.075

// Word places a spoken word in the audio of its sentence.
type Word struct {
	Text  string
	Start Samples // counted from the sentence's first sample
}

// Kind says where the audio of an inbound frame came from.
type Kind uint8

// The kinds of an inbound frame.
const (
	Quiet     Kind = iota // nothing is being sent to us: before the first packet, on hold, in a DTX gap
	Received              // decoded from a packet that arrived in time
	Concealed             // made up in place of a packet that is late or lost
)

// Inbound describes one frame read from a Leg.
type Inbound struct {
	Kind Kind
	// Arrived is when the packet that carried the frame reached the socket.
	// It is zero unless Kind is Received.
	Arrived time.Time
	// Echo says that what can be heard in the frame is the agent's own voice
	// and nothing else. A Leg leaves it false; the line sets it.
	Echo bool
}

// Digit is one key pressed by the far end.
type Digit struct {
	Key      byte          // one of 0-9 * # A B C D
	Duration time.Duration // how long the key was held, as far as the sender told
}

// A Leg is the two-way audio of one call, as a door hands it over.
//
// Read, Write and Digit are called by one goroutine, the line clock's, once
// per 20 ms; they never block and never allocate. Stats and Close may be
// called from any goroutine.
type Leg interface {
	// Read fills f with the caller's next 20 ms and says what it is.
	// For Quiet the frame holds no speech: it is zero, or comfort noise.
	Read(f *Frame) Inbound
	// Write sends f to the caller as the next 20 ms of the agent's audio.
	// It reports whether the frame was taken: it has left, will leave with
	// those that fill its packet, or is silence that need not be sent. On hold
	// nothing is taken.
	Write(f *Frame) bool
	// Digit takes the next key press that has ended, oldest first.
	Digit() (Digit, bool)
	// Stats is a snapshot of the leg's counters.
	Stats() LegStats
	// Close releases the leg's socket and ports. It may be called twice.
	Close() error
}

// A Mark names a point in what was written to a Buffered leg: so many frames
// of a generation. A generation ends when the buffer is dropped.
type Mark struct {
	Generation uint32
	Frames     uint64
}

// Buffered is a Leg whose far side queues what is written and plays it by its
// own clock. A pause cannot stop what is queued there: the queue is dropped,
// and what was not heard is written again. Write, Ahead, Mark, Drop and Flush may
// be called by one goroutine while another one calls the others, and none blocks
// or allocates.
type Buffered interface {
	Leg
	// Ahead is how many frames may be written and not yet played, at most 50.
	Ahead() int
	// Mark asks to be told when all that was written so far has been played.
	Mark(m Mark)
	// Marked takes the next mark that came back, oldest first. Marks that Drop
	// sent back come too; their generation tells.
	Marked() (Mark, bool)
	// Drop empties the queue of the far side, at once.
	Drop()
	// Flush sends what was written and asked for. It is called when a tick has
	// no more of it, and saves a packet for each frame and mark.
	Flush()
}

// LegStats counts what a Leg carried. All counters start at zero.
type LegStats struct {
	Codec       string        // "PCMU" or "PCMA"
	Local       string        // our media address, host:port
	Remote      string        // where we send, host:port; empty while unknown
	PacketsIn   uint64        // packets accepted from the latched source
	PacketsOut  uint64        // packets sent
	Lost        uint64        // sequence numbers that never arrived
	Late        uint64        // packets that arrived after their turn
	Reordered   uint64        // packets that overtook one another and were put right
	Duplicates  uint64        // packets that arrived twice
	Foreign     uint64        // packets dropped because their source was not ours
	Malformed   uint64        // packets dropped because they were not RTP of this call
	Concealed   uint64        // frames made up
	Stretched   uint64        // frames made shorter or longer to change the delay
	Jitter      time.Duration // RFC 3550 section 6.4.1 inter-arrival jitter
	Delay       time.Duration // time that the jitter buffer holds audio back
	Target      time.Duration // how late a packet may be and still play in time
	FirstPacket time.Time     // first accepted packet; zero when none came
	LastPacket  time.Time     // latest accepted packet; zero when none came
	OnHold      bool          // the far end asked us not to send
	SRTP        string        // crypto suite that protects both directions; empty when none does
	Keying      string        // where its keys came from, "SDES" (the signalling) or "DTLS"; empty when there are none
	Missing     string        // what audio still waits for, in words; empty when it can flow
	SendDropped uint64        // packets that the socket refused

	// Stranger is the latest source, host:port, whose packets were dropped as
	// Foreign; empty when there was none.
	Stranger string

	// What RTCP tells; zero while the far end has not reported.
	RTT           time.Duration // round trip of the network
	RemotePackets uint64        // RTCP packets of the far end
	RemoteReports uint64        // reports of the far end about the audio that we send
	RemoteLost    uint64        // packets of ours that did not arrive there
	RemoteJitter  time.Duration // inter-arrival jitter there

	// Quality by the E-model (ITU-T G.107), of what we hear (In) and of what
	// the far end hears (Out): rating R, 0 to 93, and mean opinion score, 1 to
	// 4.5. Zero while unknown.
	RIn, ROut     float64
	MOSIn, MOSOut float64
}
