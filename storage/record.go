package storage

import (
	"encoding/json"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"trunkline/privacy"
)

// NewID makes the identity of a call: a UUID of version 7 (RFC 9562 section
// 5.7), which sorts by the time it was made.
func NewID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// Direction says who placed a call.
type Direction string

// The directions of a call, seen from trunkline.
const (
	Inbound  Direction = "inbound"
	Outbound Direction = "outbound"
)

// Door says through which door a call came or left.
type Door string

// The doors of trunkline.
const (
	DoorSIP    Door = "sip"
	DoorTwilio Door = "twilio"
)

// State says how far a call has come.
type State string

// The states of a call, in their order.
const (
	Dialing    State = "dialing"     // placed by us, not ringing
	Ringing    State = "ringing"     // offered, not answered
	InProgress State = "in_progress" // answered
	Ended      State = "ended"       // over, with its reason and fault
)

// Fault says who caused a call's end.
type Fault string

// The owners of a fault.
const (
	FaultCaller    Fault = "caller"
	FaultCallee    Fault = "callee"
	FaultAgent     Fault = "agent"
	FaultCarrier   Fault = "carrier"
	FaultProvider  Fault = "provider"
	FaultTrunkline Fault = "trunkline"
	FaultOperator  Fault = "operator"
)

// Owner names one run of one node's process. Calls belong to the Owner whose
// Journal wrote them.
type Owner struct {
	Node string    // the same at every start of this node, unlike any other node's
	Boot uuid.UUID // new at every start
}

// Call is the record of one call. Times are kept to the microsecond.
type Call struct {
	ID         uuid.UUID
	Direction  Direction
	Door       Door
	Trunk      string
	From, To   privacy.Number
	Agent      string // name of the agent in the configuration
	State      State
	StartedAt  time.Time // when the offer arrived or was sent
	AnsweredAt time.Time // zero until answered
	EndedAt    time.Time // zero until ended
	EndReason  string    // lower_case words; empty until ended
	Fault      Fault     // empty until ended
	Recording  string    // the recording's file; empty when there is none
	DoorCallID string    // the door's own name of the call: the SIP Call-ID
	Media      *Media    // nil until known
	Costs      []Cost    // by stage and provider; nil until known
	// Attestation is what the originating carrier vouches for, as ours verified
	// it (STIR/SHAKEN): A, B or C; failed; none. Empty: the door was not told.
	Attestation string

	// What follows is known of calls that we place.

	DecisionID uuid.UUID // of the compliance gate, that allowed it
	AttemptID  uuid.UUID // of the attempt that the gate recorded
	Purpose    string
	Campaign   string    // empty: none
	AnsweredBy string    // human, machine, ...; empty until known
	GreetedAt  time.Time // when the callee's greeting ended; zero: there was none
	OpenedAt   time.Time // when the agent was first heard; zero: it was not
}

// LogValue tells what identifies the call; numbers are masked.
func (c Call) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("id", c.ID.String()),
		slog.String("state", string(c.State)),
		slog.Any("from", c.From),
		slog.Any("to", c.To),
	)
}

// Media counts the audio of a call, as its leg saw it.
type Media struct {
	Codec       string  `json:"codec"`
	Local       string  `json:"local"`                   // our media address, host:port
	Remote      string  `json:"remote"`                  // theirs; empty when never known
	PacketsIn   uint64  `json:"packets_in"`              // accepted
	PacketsOut  uint64  `json:"packets_out"`             // sent
	Lost        uint64  `json:"lost"`                    // never arrived
	Late        uint64  `json:"late"`                    // arrived after their turn
	Reordered   uint64  `json:"reordered"`               // put right
	Duplicates  uint64  `json:"duplicates"`              // arrived twice
	Foreign     uint64  `json:"foreign"`                 // from a source not ours, dropped
	Malformed   uint64  `json:"malformed"`               // not RTP of this call, dropped
	Concealed   uint64  `json:"concealed"`               // frames made up
	Stretched   uint64  `json:"stretched"`               // frames made shorter or longer to change the delay
	SendDropped uint64  `json:"send_dropped"`            // refused by the socket
	JitterMS    float64 `json:"jitter_ms"`               // RFC 3550 section 6.4.1
	DelayMS     float64 `json:"delay_ms"`                // held back by the jitter buffer
	TargetMS    float64 `json:"target_ms"`               // how late a packet could be at the end and still play in time
	EchoDelayMS float64 `json:"echo_delay_ms,omitempty"` // how late the agent's voice came back; 0 when it did not
	EchoLossDB  float64 `json:"echo_loss_db,omitempty"`  // how much softer: the far end's return loss

	SRTP    string `json:"srtp,omitempty"`    // crypto suite; empty when the audio was not protected
	Keying  string `json:"keying,omitempty"`  // where its keys came from: "SDES", the signalling, or "DTLS"
	Missing string `json:"missing,omitempty"` // what audio still waited for at the end, in words; empty when it could flow

	// What the far end told by RTCP; zero when it told nothing.
	RTTMS          float64 `json:"rtt_ms"`           // round trip of the network
	RemoteReports  uint64  `json:"remote_reports"`   // about the audio that we sent
	RemoteLost     uint64  `json:"remote_lost"`      // packets of ours that did not arrive
	RemoteJitterMS float64 `json:"remote_jitter_ms"` // inter-arrival jitter there

	// Quality by the E-model (ITU-T G.107): of the caller's audio as we heard
	// it and of ours as the caller did. Zero when unknown.
	RIn    float64 `json:"r_in"`  // rating, 0 to 93
	ROut   float64 `json:"r_out"` // rating, 0 to 93
	MOSIn  float64 `json:"mos_in"`
	MOSOut float64 `json:"mos_out"`

	// Verdict says why audio did not flow in both directions, with the
	// addresses involved; empty when it did.
	Verdict string `json:"verdict,omitempty"`
}

// Role says whose turn it is.
type Role string

// The roles of a conversation.
const (
	Caller Role = "caller"
	Agent  Role = "agent"
)

// Turn is one side's words.
type Turn struct {
	CallID      uuid.UUID
	Number      int // counts both sides' turns in the order they began, from 1
	Role        Role
	Text        privacy.Words // what was said, or was going to be said
	HeardText   privacy.Words // what the other side heard of it
	Interrupted bool          // the agent was cut off here
	StartedAt   time.Time
	EndedAt     time.Time // zero when unknown
	Latency     Latency   // of the agent's turns; zero when not measured
}

// Latency splits the wait for an agent's turn by stage.
type Latency struct {
	Stages []Stage // in the order they happened, one after another
	Total  time.Duration
}

// Measured reports whether there is anything in l.
func (l Latency) Measured() bool { return l.Total != 0 || len(l.Stages) > 0 }

// Stage is one part of a Latency.
type Stage struct {
	Name string
	Took time.Duration
}

// MarshalJSON writes the stage as {"stage": "endpoint", "ms": 240.5}.
func (s Stage) MarshalJSON() ([]byte, error) {
	return json.Marshal(stageJSON{Stage: s.Name, MS: Milliseconds(s.Took)})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *Stage) UnmarshalJSON(data []byte) error {
	var v stageJSON
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	*s = Stage{Name: v.Stage, Took: fromMilliseconds(v.MS)}
	return nil
}

type stageJSON struct {
	Stage string  `json:"stage"`
	MS    float64 `json:"ms"`
}

// Milliseconds is d in milliseconds, to the microsecond.
func Milliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}

func fromMilliseconds(ms float64) time.Duration {
	return time.Duration(ms * float64(time.Millisecond)).Round(time.Microsecond)
}

// Event is one thing that happened in a call, as the turn machine and its
// driver saw it.
type Event struct {
	CallID uuid.UUID
	Seq    int           // counts the events of a call, from 0
	At     time.Duration // since the call's StartedAt, kept to the nanosecond
	Kind   string
	Data   json.RawMessage // details as JSON; nil when there are none
}

// History is everything that is recorded of a call.
type History struct {
	Call   Call
	Turns  []Turn  // by Number
	Events []Event // by Seq

	Recording *Recording // nil while nothing is known of it
	Promises  Promises
}
