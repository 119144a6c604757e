package call

import "trunkline/storage"

// Reason says why a call ended. It stands in the records as written here.
type Reason string

// The reasons of an end.
const (
	CallerHangup      Reason = "caller_hangup"      // the caller hung up
	CallerCancelled   Reason = "caller_cancelled"   // the caller gave up before the answer
	CallerSilent      Reason = "caller_silent"      // the caller did not speak after the last prompt
	FaxDetected       Reason = "fax_detected"       // the caller is a fax machine
	OptedOut          Reason = "opted_out"          // the person asked not to be called again, and was told that it is so
	AgentGoodbye      Reason = "agent_goodbye"      // the conversation came to its end
	AgentHandOff      Reason = "agent_hand_off"     // the agent gave the call to a person
	Transferred       Reason = "transferred"        // the caller was put through to a person
	TransferFailed    Reason = "transfer_failed"    // nobody was reached, and the agent could not go on
	CapReached        Reason = "cap_reached"        // the longest time that a call may take was over
	NoMedia           Reason = "no_media"           // no audio came from the caller's side any more
	NoACK             Reason = "no_ack"             // the answer was never acknowledged
	SignallingFailed  Reason = "signalling_failed"  // the door failed in another way
	ProviderFailed    Reason = "provider_failed"    // recogniser, model or voice failed for good
	ProviderHandOff   Reason = "provider_hand_off"  // so they did, and the call went to a person
	BudgetSpent       Reason = "budget_spent"       // the call cost as much as it may
	RecogniserBusy    Reason = "recogniser_busy"    // no recogniser was free
	LineBusy          Reason = "line_busy"          // the limit of calls at once was reached
	NoStream          Reason = "no_stream"          // the carrier did not open the audio socket
	AnsweredElsewhere Reason = "answered_elsewhere" // the carrier asked again, and another node has the call
	FellBack          Reason = "fell_back"          // no node of ours was of use to the carrier, and the caller got the fallback
	StreamLost        Reason = "stream_lost"        // the carrier's audio socket broke off
	NoRecords         Reason = "no_records"         // the database was away, and calls are refused then
	NoPort            Reason = "no_port"            // no RTP port could be opened for the call
	NotPrepared       Reason = "not_prepared"       // the answer could not be made ready
	OperatorHangup    Reason = "operator_hangup"    // the operator asked for the end of the call
	Shutdown          Reason = "shutdown"           // the operator stopped the gateway
	GatewayCrashed    Reason = "gateway_crashed"    // the gateway died; written at its next start
)

// The reasons of an end that only calls which we place have.
const (
	CalleeHangup Reason = "callee_hangup"  // the callee hung up
	CalleeSilent Reason = "callee_silent"  // the callee did not speak after the last prompt
	Busy         Reason = "busy"           // the callee's line was busy
	NoAnswer     Reason = "no_answer"      // nobody answered in time
	Rejected     Reason = "rejected"       // the callee declined the call
	NoSuchNumber Reason = "no_such_number" // the carrier knows no such number
	Unreachable  Reason = "unreachable"    // the carrier could not be reached, or could not put the call through
	NoRoute      Reason = "no_route"       // the trunk of the route cannot place this call

	// MachineAnswered and MessageLeft are the ends of calls that an answering
	// machine took.
	MachineAnswered Reason = "machine"
	MessageLeft     Reason = "message_left"

	NotAllowed Reason = "not_allowed" // the admission ended before the call could leave, and no new one was given
	Revoked    Reason = "revoked"     // the person asked not to be called while the telephone rang
)

// ofCallee is the reason for a call in which the far end is the callee.
func (r Reason) ofCallee() Reason {
	switch r {
	case CallerHangup:
		return CalleeHangup
	case CallerSilent:
		return CalleeSilent
	default:
		return r
	}
}

// Fault is who owns this reason.
func (r Reason) Fault() storage.Fault {
	switch r {
	case CallerHangup, CallerCancelled, CallerSilent, FaxDetected:
		return storage.FaultCaller
	case CalleeHangup, CalleeSilent, Busy, NoAnswer, Rejected, MachineAnswered, OptedOut, Revoked:
		return storage.FaultCallee
	case AgentGoodbye, AgentHandOff, Transferred, MessageLeft:
		return storage.FaultAgent
	case NoMedia, NoACK, NoStream, AnsweredElsewhere, StreamLost, SignallingFailed, Unreachable:
		return storage.FaultCarrier
	case ProviderFailed, ProviderHandOff:
		return storage.FaultProvider
	case CapReached, BudgetSpent, RecogniserBusy, LineBusy, NoPort, OperatorHangup, Shutdown, TransferFailed, NoSuchNumber, NoRoute, NotAllowed:
		return storage.FaultOperator
	default:
		return storage.FaultTrunkline
	}
}

// Plain is the reason in a sentence of the story that an operator reads.
func (r Reason) Plain() string {
	switch r {
	case CallerHangup:
		return "the caller hung up"
	case CallerCancelled:
		return "the caller gave up before the answer"
	case CallerSilent:
		return "the caller said nothing after the last prompt, so the agent said goodbye"
	case FaxDetected:
		return "the caller is a fax machine, so the agent said goodbye (calls.fax)"
	case OptedOut:
		return "the person asked not to be called again; the agent said that this is so, and hung up"
	case AgentGoodbye:
		return "the conversation came to its end and the agent said goodbye"
	case AgentHandOff:
		return "the agent handed the caller over to a person"
	case Transferred:
		return "the caller was put through to a person, and their talk is over"
	case TransferFailed:
		return "nobody was reached to put the caller through to, and the agent could not go on"
	case CapReached:
		return "the call reached the longest time that a call may take (calls.cap)"
	case NoRecords:
		return "the database took no records, and calls are refused then (calls.database_away)"
	case NoMedia:
		return "no audio arrived from the caller's side any more (calls.no_media): check the carrier and the firewall"
	case NoACK:
		return "the carrier never acknowledged the answer (no ACK): check that the advertised address (sip.advertise) is reachable"
	case NoStream:
		return "the carrier did not open the audio socket: check that twilio.public_url takes WebSockets, and trunkline twilio check"
	case AnsweredElsewhere:
		return "the carrier asked again for what to do, and another node has the call: see its record of the same carrier's id"
	case FellBack:
		return "the carrier got no answer that it could use, and the caller got the fallback (twilio.accounts.fallback)"
	case StreamLost:
		return "the carrier's audio socket broke off in mid-call: check the load balancer or the tunnel before twilio.listen, which may cut long connections"
	case SignallingFailed:
		return "the signalling failed"
	case ProviderFailed:
		return "the recogniser, the model or the voice failed for good"
	case ProviderHandOff:
		return "the recogniser, the model or the voice failed, and the agent handed the caller over to a person (on_failure)"
	case BudgetSpent:
		return "the call cost as much as one may (budget), so the agent said goodbye"
	case RecogniserBusy:
		return "every recogniser was in use (agents.recogniser.pool), so the caller heard the busy line"
	case LineBusy:
		return "the limit of calls at once was reached (calls.max_calls)"
	case NoPort:
		return "no RTP port could be opened for the call (media.port_low to media.port_top)"
	case NotPrepared:
		return "the agent could not be made ready in time, so the call was refused"
	case CalleeHangup:
		return "the callee hung up"
	case CalleeSilent:
		return "the callee said nothing after the last prompt, so the agent said goodbye"
	case Busy:
		return "the callee's line was busy"
	case NoAnswer:
		return "nobody answered in time"
	case Rejected:
		return "the callee declined the call"
	case NoSuchNumber:
		return "the carrier knows no such number"
	case Unreachable:
		return "the carrier could not be reached or could not put the call through"
	case NoRoute:
		return "the trunk of the route cannot place such a call: check its targets and number form (sip.trunks)"
	case MachineAnswered:
		return "an answering machine took the call, so it was ended (outbound.on_machine)"
	case MessageLeft:
		return "an answering machine took the call and was left a message"
	case NotAllowed:
		return "what allowed the call ended before it could leave, by a wait or by the person's wish, and it was not allowed again"
	case Revoked:
		return "the person asked not to be called while the telephone rang, so the call was taken back"
	case OperatorHangup:
		return "the operator ended the call"
	case Shutdown:
		return "the operator stopped the gateway"
	case GatewayCrashed:
		return "the gateway died in mid-call; the record was closed at its next start"
	default:
		return string(r)
	}
}
