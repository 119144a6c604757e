package twilio

import (
	"cmp"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/twilio/twilio-go/twiml"
)

// instructions are what a carrier is told to do with a call.
type instructions struct {
	content string // media type
	body    []byte
}

// streaming is what an answer that opens a socket says.
type streaming struct {
	socket string // wss URL
	status string // URL of the stream's callbacks
	after  string // URL that is asked when the stream is over
	call   string // the carrier's name of the call
	token  string
}

// Fallback is what callers get whom no agent can take.
type Fallback struct {
	Number string // called in the agent's place; empty: none
	Say    string // said before the call ends; empty: an English sentence
	Voice  string // language of Say, BCP 47; empty: en-US
}

const apology = "We are sorry, nobody can take your call right now. Please call again later."

// A speaker writes a carrier's instructions.
type speaker interface {
	// stream opens a socket both ways.
	stream(s *streaming) (instructions, error)
	// reject turns a call away that was not answered, as busy.
	reject() (instructions, error)
	// hangup ends a call.
	hangup() (instructions, error)
	// fallback has the call go to a person, or ends it politely.
	fallback(f *Fallback) (instructions, error)
}

// twimlSpeaker writes TwiML, which SignalWire (cXML) and Telnyx (TeXML) took
// over.
type twimlSpeaker struct{ attributes []string }

func voice(verbs ...twiml.Element) (instructions, error) {
	body, err := twiml.Voice(verbs)
	if err != nil {
		return instructions{}, fmt.Errorf("twilio: write TwiML: %w", err)
	}

	return instructions{"text/xml; charset=utf-8", []byte(body)}, nil
}

func (w twimlSpeaker) stream(s *streaming) (instructions, error) {
	more := map[string]string{}
	for pair := range slices.Chunk(w.attributes, 2) {
		more[pair[0]] = strings.ReplaceAll(pair[1], "$token", s.token)
	}

	return voice(&twiml.VoiceConnect{Action: s.after, Method: "POST", InnerElements: []twiml.Element{
		&twiml.VoiceStream{Url: s.socket, StatusCallback: s.status, StatusCallbackMethod: "POST", OptionalAttributes: more, InnerElements: []twiml.Element{
			&twiml.VoiceParameter{Name: tokenName, Value: s.token},
		}},
	}})
}

func (twimlSpeaker) reject() (instructions, error) { return voice(&twiml.VoiceReject{Reason: "busy"}) }

func (twimlSpeaker) hangup() (instructions, error) { return voice(&twiml.VoiceHangup{}) }

func (twimlSpeaker) fallback(f *Fallback) (instructions, error) {
	if f.Number != "" {
		return voice(&twiml.VoiceDial{Number: f.Number})
	}

	return voice(&twiml.VoiceSay{Message: cmp.Or(f.Say, apology), Language: cmp.Or(f.Voice, "en-US")}, &twiml.VoiceHangup{})
}

// plivoSpeaker writes Plivo XML.
type plivoSpeaker struct{}

type plivoResponse struct {
	XMLName xml.Name     `xml:"Response"`
	Speak   *plivoSpeak  `xml:"Speak"`
	Dial    *plivoDial   `xml:"Dial"`
	Stream  *plivoStream `xml:"Stream"`
	Hangup  *plivoHangup `xml:"Hangup"`
}

type plivoSpeak struct {
	Language string `xml:"language,attr"`
	Text     string `xml:",chardata"`
}

type plivoDial struct {
	Number string `xml:"Number"`
}

type plivoStream struct {
	Bidirectional bool   `xml:"bidirectional,attr"`
	KeepAlive     bool   `xml:"keepCallAlive,attr"`
	ContentType   string `xml:"contentType,attr"`
	Status        string `xml:"statusCallbackUrl,attr"`
	Headers       string `xml:"extraHeaders,attr"`
	URL           string `xml:",chardata"`
}

type plivoHangup struct {
	Reason string `xml:"reason,attr,omitempty"`
}

func plivoXML(r *plivoResponse) (instructions, error) {
	body, err := xml.Marshal(r)

	return instructions{"text/xml; charset=utf-8", append([]byte(xml.Header), body...)}, err
}

func (plivoSpeaker) stream(s *streaming) (instructions, error) {
	return plivoXML(&plivoResponse{Stream: &plivoStream{
		Bidirectional: true, KeepAlive: true, ContentType: "audio/x-mulaw;rate=8000", Status: s.status, Headers: tokenName + "=" + s.token, URL: s.socket,
	}})
}

func (plivoSpeaker) reject() (instructions, error) {
	return plivoXML(&plivoResponse{Hangup: &plivoHangup{Reason: "busy"}})
}

func (plivoSpeaker) hangup() (instructions, error) {
	return plivoXML(&plivoResponse{Hangup: &plivoHangup{}})
}

func (plivoSpeaker) fallback(f *Fallback) (instructions, error) {
	if f.Number != "" {
		return plivoXML(&plivoResponse{Dial: &plivoDial{Number: f.Number}})
	}

	return plivoXML(&plivoResponse{Speak: &plivoSpeak{Language: cmp.Or(f.Voice, "en-US"), Text: cmp.Or(f.Say, apology)}, Hangup: &plivoHangup{}})
}

// vonageSpeaker writes Vonage's call control objects. A call ends where they
// do.
type vonageSpeaker struct{}

func ncco(actions ...map[string]any) (instructions, error) {
	if actions == nil {
		actions = []map[string]any{}
	}
	body, err := json.Marshal(actions)

	return instructions{"application/json", body}, err
}

func (vonageSpeaker) stream(s *streaming) (instructions, error) {
	return ncco(map[string]any{"action": "connect", "eventUrl": []string{s.status}, "endpoint": []map[string]any{{
		"type": "websocket", "uri": s.socket, "content-type": "audio/l16;rate=8000", "headers": map[string]string{tokenName: s.token, "call": s.call},
	}}})
}

func (vonageSpeaker) reject() (instructions, error) { return ncco() }
func (vonageSpeaker) hangup() (instructions, error) { return ncco() }

func (vonageSpeaker) fallback(f *Fallback) (instructions, error) {
	if f.Number != "" {
		return ncco(map[string]any{"action": "connect", "endpoint": []map[string]any{{"type": "phone", "number": f.Number}}})
	}

	return ncco(map[string]any{"action": "talk", "text": cmp.Or(f.Say, apology), "language": cmp.Or(f.Voice, "en-US")})
}

// exotelSpeaker tells Exotel's Voicebot applet the socket of a call. What else
// happens is in the flow that the applet belongs to.
type exotelSpeaker struct{}

func (exotelSpeaker) stream(s *streaming) (instructions, error) {
	body, err := json.Marshal(map[string]string{"url": s.socket + "?" + url.Values{tokenName: {s.token}}.Encode()})

	return instructions{"application/json", body}, err
}

func (e exotelSpeaker) reject() (instructions, error)            { return e.hangup() }
func (e exotelSpeaker) fallback(*Fallback) (instructions, error) { return e.hangup() }

func (exotelSpeaker) hangup() (instructions, error) {
	return instructions{"application/json", []byte("{}")}, nil
}
