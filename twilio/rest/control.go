package rest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	openapi "github.com/twilio/twilio-go/rest/api/v2010"
	"github.com/twilio/twilio-go/twiml"
)

// longestDocument bounds the TwiML of a request, in characters.
const longestDocument = 4000

// Redirect has a running call carry out other TwiML. Its stream ends.
func (c *Client) Redirect(ctx context.Context, sid, document string) error {
	if n := len([]rune(document)); n > longestDocument {
		return fmt.Errorf("twilio: the TwiML has %d characters; Twilio takes %d", n, longestDocument)
	}
	p := &openapi.UpdateCallParams{}
	p.SetTwiml(document)
	if _, err := c.api(ctx).UpdateCall(sid, p); err != nil {
		return fromAPI(err)
	}

	return nil
}

// Transfer is where a call goes on.
type Transfer struct {
	// To is a number in E.164, "sip:…", or "conference:NAME".
	To       string
	From     string        // caller ID that is shown; empty: the caller's own
	Ring     time.Duration // at least ShortestRing
	Limit    time.Duration // of the transferred call, from its answer
	Briefing string        // URL of TwiML that only the person called hears first; empty: none
	// Action is the URL that is asked for TwiML when the person has hung up or
	// was not reached (DialCallStatus): the way back. Empty: the call ends.
	Action string
	Status string // URL of the status callbacks of the call to the person; empty: none
}

// conference begins a Transfer.To that names a conference.
const conference = "conference:"

// Transfer has a running call go on with a person, or in a conference. Its
// stream ends.
func (c *Client) Transfer(ctx context.Context, sid string, t Transfer) error {
	document, err := t.document()
	if err != nil {
		return err
	}

	return c.Redirect(ctx, sid, document)
}

// document is the transfer in TwiML.
func (t *Transfer) document() (string, error) {
	if t.Ring < ShortestRing || t.Ring > longestRing {
		return "", fmt.Errorf("twilio: a transfer must ring for %s to %s; was %s", ShortestRing, longestRing, t.Ring)
	}
	dial := &twiml.VoiceDial{
		Action: t.Action, CallerId: t.From, Timeout: strconv.Itoa(seconds(t.Ring)), AnswerOnBridge: "true",
	}
	if t.Action != "" {
		dial.Method = "POST"
	}
	if t.Limit > 0 {
		dial.TimeLimit = strconv.Itoa(seconds(t.Limit))
	}
	events := ""
	if t.Status != "" {
		events = "initiated ringing answered completed"
	}
	switch name, isConference := strings.CutPrefix(t.To, conference); {
	case isConference && name == "":
		return "", errors.New("twilio: the conference has no name")
	case isConference && t.Briefing != "":
		return "", errors.New("twilio: who enters a conference cannot be briefed by it: brief the person's own call")
	case isConference:
		dial.AnswerOnBridge = ""
		dial.InnerElements = []twiml.Element{&twiml.VoiceConference{
			Name: name, StartConferenceOnEnter: "true", EndConferenceOnExit: "true", Beep: "false",
		}}
	case strings.HasPrefix(t.To, "sip:") || strings.HasPrefix(t.To, "sips:"):
		dial.InnerElements = []twiml.Element{&twiml.VoiceSip{
			SipUrl: t.To, Url: t.Briefing, StatusCallback: t.Status, StatusCallbackEvent: events,
		}}
	case strings.HasPrefix(t.To, "+"):
		dial.InnerElements = []twiml.Element{&twiml.VoiceNumber{
			PhoneNumber: t.To, Url: t.Briefing, StatusCallback: t.Status, StatusCallbackEvent: events,
		}}
	default:
		return "", errors.New("twilio: a transfer goes to a number in E.164, to sip:… or to conference:NAME")
	}

	return twiml.Voice([]twiml.Element{dial})
}

// Briefing is TwiML that tells a person what a transferred call is about.
func Briefing(text string) (string, error) {
	return twiml.Voice([]twiml.Element{&twiml.VoiceSay{Message: text}})
}

// current names the recording of a call that runs.
const current = "Twilio.CURRENT"

// StartRecording records a running call at Twilio, both sides apart.
func (c *Client) StartRecording(ctx context.Context, sid string) error {
	p := &openapi.CreateCallRecordingParams{}
	p.SetRecordingChannels("dual")
	if _, err := c.api(ctx).CreateCallRecording(sid, p); err != nil {
		return fromAPI(err)
	}

	return nil
}

// PauseRecording pauses the call's recording; silence stands for the pause.
func (c *Client) PauseRecording(ctx context.Context, sid string) error {
	return c.setRecording(ctx, sid, "paused")
}

// ResumeRecording goes on with it.
func (c *Client) ResumeRecording(ctx context.Context, sid string) error {
	return c.setRecording(ctx, sid, "in-progress")
}

// StopRecording ends it for good.
func (c *Client) StopRecording(ctx context.Context, sid string) error {
	return c.setRecording(ctx, sid, "stopped")
}

func (c *Client) setRecording(ctx context.Context, sid, status string) error {
	p := &openapi.UpdateCallRecordingParams{}
	p.SetStatus(status)
	if status == "paused" {
		p.SetPauseBehavior("silence")
	}
	if _, err := c.api(ctx).UpdateCallRecording(sid, current, p); err != nil {
		return fromAPI(err)
	}

	return nil
}
