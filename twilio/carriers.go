package twilio

// tokenName is the parameter of a stream that carries its token.
const tokenName = "token"

// carrier is what is particular to a carrier's webhooks: the names of their
// parameters, and how it is answered.
type carrier struct {
	speaker

	call, from, to           string
	status, sequence         string
	verstat, reason, machine string
	asksAfter                bool // it asks what to do when a stream is over
	bears                    bool // it sends the stream's token in a header too
}

var twilioWords = carrier{
	speaker: twimlSpeaker{}, call: "CallSid", from: "From", to: "To",
	status: "CallStatus", sequence: "SequenceNumber", verstat: "StirVerstat", reason: "ErrorCode", machine: "AnsweredBy",
	asksAfter: true,
}

// likeTwilio is a carrier whose streams have further attributes: names and
// values in turn, $token for the stream's token.
func likeTwilio(attributes ...string) carrier {
	c := twilioWords
	c.speaker = twimlSpeaker{attributes}

	return c
}

func bearing(c carrier) carrier {
	c.bears = true

	return c
}

// carriers are by the names of their dialects.
var carriers = map[string]carrier{
	"twilio":     twilioWords,
	"signalwire": bearing(likeTwilio("authBearerToken", "$token")),
	"telnyx":     likeTwilio("bidirectionalMode", "rtp", "bidirectionalCodec", "PCMU"),
	"plivo": {
		speaker: plivoSpeaker{}, call: "CallUUID", from: "From", to: "To",
		status: "CallStatus", reason: "HangupCause", machine: "Machine",
	},
	"vonage": {
		speaker: vonageSpeaker{}, call: "uuid", from: "from", to: "to",
		status: "status", reason: "reason", machine: "sub_state",
	},
	"exotel": {
		speaker: exotelSpeaker{}, call: "CallSid", from: "CallFrom", to: "CallTo", status: "CallStatus",
	},
}
