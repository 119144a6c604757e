package dialect

import (
	"slices"

	"trunkline/media"
)

// Dialect is one carrier's way of framing. The fields that name a place in a
// message do so by dots: "start.callSid" is the callSid of the object start.
type Dialect struct {
	Name string // of the carrier, as in the configuration
	// Formats are those that a stream may have, the one that we ask for first.
	Formats []Format
	// Binary says that audio comes and goes as binary messages, without a
	// frame of text.
	Binary bool
	// Batch is how many frames a message of ours must have at least; the last
	// one of a talkspurt is filled up with silence.
	Batch int
	// CloseEnds says that the carrier tells the end of a stream by closing the
	// socket, and by no message.
	CloseEnds bool

	event  string          // where the event's name is
	events map[string]Kind // what the names mean

	// Of Started. Where there are several places the first that is there counts.
	stream, call, account []string
	encoding, rate        string
	parameters            string // an object, or "a=1;b=2"; "": the message itself
	linear                linear // what the carrier's L16 is

	digit, duration string
	mark            string
	why             []string

	// Messages of ours. $stream is the stream's name, and $payload, $name,
	// $type and $rate what they say.
	sendMedia, sendMark, sendClear string
}

// Names are the carriers that there is a dialect for.
func Names() []string {
	var names []string
	for i := range table {
		names = append(names, table[i].Name)
	}

	return names
}

// ByName finds a carrier's dialect.
func ByName(name string) (*Dialect, bool) {
	i := slices.IndexFunc(table, func(d Dialect) bool { return d.Name == name })
	if i < 0 {
		return nil, false
	}

	return &table[i], true
}

// asTwilio is what most carriers took over from Twilio.
var asTwilio = map[string]Kind{ //nolint:exhaustive // the others do not come
	"connected": Connected, "start": Started, "media": Media, "dtmf": Digit, "mark": Played, "stop": Stopped, "error": Failed,
}

// nameOfMark is where most carriers tell the name of a mark that comes back.
const nameOfMark = "mark.name"

var narrow = Format{PCMU, media.SampleRate}

// table has a row for each carrier. Sources: the carriers' pages on media
// streaming, as of November 2026.
var table = []Dialect{
	{
		Name: "twilio", Formats: []Format{narrow}, Batch: 1,
		event: "event", events: asTwilio,
		stream: []string{"streamSid"}, call: []string{"start.callSid"}, account: []string{"start.accountSid"},
		encoding: "start.mediaFormat.encoding", rate: "start.mediaFormat.sampleRate", parameters: "start.customParameters",
		digit: "dtmf.digit", mark: nameOfMark, why: []string{"stop.reason", "error.message"},
		sendMedia: `{"event":"media","streamSid":"$stream","media":{"payload":"$payload"}}`,
		sendMark:  `{"event":"mark","streamSid":"$stream","mark":{"name":"$name"}}`,
		sendClear: `{"event":"clear","streamSid":"$stream"}`,
	},
	{
		Name: "telnyx", Formats: []Format{narrow, {PCMA, 8000}, {L16, 8000}, {L16, 16000}}, Batch: 1,
		event: "event", events: asTwilio,
		stream: []string{"stream_id"}, call: []string{"start.call_control_id", "start.call_sid"}, account: []string{"start.user_id", "start.account_sid"},
		encoding: "start.media_format.encoding", rate: "start.media_format.sample_rate", parameters: "start.custom_parameters", linear: L16,
		digit: "dtmf.digit", mark: nameOfMark, why: []string{"payload.title", "payload.code"},
		sendMedia: `{"event":"media","media":{"payload":"$payload"}}`,
		sendMark:  `{"event":"mark","mark":{"name":"$name"}}`,
		sendClear: `{"event":"clear"}`,
	},
	{
		Name: "plivo", Formats: []Format{narrow, {L16Little, 8000}, {L16Little, 16000}}, CloseEnds: true, Batch: 1,
		event: "event",
		events: map[string]Kind{ //nolint:exhaustive // the others do not come
			"start": Started, "media": Media, "dtmf": Digit, "playedStream": Played, "clearedAudio": Cleared, "stop": Stopped, "incorrectPayload": Failed, "error": Failed,
		},
		stream: []string{"start.streamId", "streamId"}, call: []string{"start.callId"}, account: []string{"start.accountId"},
		encoding: "start.mediaFormat.encoding", rate: "start.mediaFormat.sampleRate", parameters: "extra_headers", linear: L16Little,
		digit: "dtmf.digit", mark: "name", why: []string{"reason"},
		sendMedia: `{"event":"playAudio","media":{"contentType":"$type","sampleRate":$rate,"payload":"$payload"}}`,
		sendMark:  `{"event":"checkpoint","streamId":"$stream","name":"$name"}`,
		sendClear: `{"event":"clearAudio","streamId":"$stream"}`,
	},
	{
		Name: "vonage", Formats: []Format{{L16Little, 8000}, {L16Little, 16000}, {L16Little, 24000}}, CloseEnds: true, Batch: 1, Binary: true,
		event: "event",
		events: map[string]Kind{ //nolint:exhaustive // the others do not come
			"websocket:connected": Started, "websocket:dtmf": Digit, "websocket:notify": Played, "websocket:cleared": Cleared,
		},
		call: []string{"call"}, encoding: "content-type", linear: L16Little,
		digit: "digit", duration: "duration", mark: "payload.mark",
		sendMark:  `{"action":"notify","payload":{"mark":"$name"}}`,
		sendClear: `{"action":"clear"}`,
	},
	{
		Name: "signalwire", Formats: []Format{narrow, {L16Little, 16000}, {L16Little, 24000}}, Batch: 1,
		event: "event", events: asTwilio,
		stream: []string{"start.streamSid", "streamSid"}, call: []string{"start.callSid"}, account: []string{"start.accountSid"},
		encoding: "start.mediaFormat.encoding", rate: "start.mediaFormat.sampleRate", parameters: "start.customParameters", linear: L16Little,
		digit: "dtmf.digit", duration: "dtmf.duration", mark: nameOfMark, why: []string{"stop.reason", "error.message"},
		sendMedia: `{"event":"media","streamSid":"$stream","media":{"payload":"$payload"}}`,
		sendMark:  `{"event":"mark","streamSid":"$stream","mark":{"name":"$name"}}`,
		sendClear: `{"event":"clear","streamSid":"$stream"}`,
	},
	{
		// Exotel plays no message of less than 3200 octets.
		Name: "exotel", Formats: []Format{{L16Little, 8000}, {L16Little, 16000}, {L16Little, 24000}}, Batch: 10,
		event: "event", events: asTwilio,
		stream: []string{"stream_sid", "start.stream_sid"}, call: []string{"start.call_sid"}, account: []string{"start.account_sid"},
		encoding: "start.media_format.encoding", rate: "start.media_format.sample_rate", parameters: "start.custom_parameters", linear: L16Little,
		digit: "dtmf.digit", duration: "dtmf.duration", mark: nameOfMark, why: []string{"stop.reason"},
		sendMedia: `{"event":"media","stream_sid":"$stream","media":{"payload":"$payload"}}`,
		sendMark:  `{"event":"mark","stream_sid":"$stream","mark":{"name":"$name"}}`,
		sendClear: `{"event":"clear","stream_sid":"$stream"}`,
	},
}
