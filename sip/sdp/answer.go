package sdp

import (
	"slices"

	"trunkline/media/srtp"
)

// Answer accepts the first audio stream of the offer that we can use, with
// the offer's payload types and its first codec that is ours too, and rejects
// all other streams (RFC 3264 section 6). The error is a
// *NotAcceptableError when there is no such stream.
func Answer(offer *Offer, local Local) (Description, Audio, error) {
	best := &NotAcceptableError{Warning: warnMediaType, Reason: "Media type not available: an audio stream is needed"}

	for i := range offer.streams {
		s := &offer.streams[i]

		why := s.refusal(local)
		if why == nil {
			return accept(offer, i, local)
		}

		if s.media == "audio" && s.port != 0 {
			best = why
		}
	}

	return Description{}, Audio{}, best
}

// refusal says why the offered stream cannot be accepted; nil when it can.
func (s *stream) refusal(local Local) *NotAcceptableError {
	switch {
	case s.media != "audio" || s.port == 0:
		return &NotAcceptableError{Warning: warnMediaType, Reason: "Media type not available: " + s.media}
	case s.web() && !local.Fingerprint.IsZero():
		if why := s.unfit(); why != nil {
			return why
		}

		if _, why := role(s.browser.setup, local.Role); why != nil {
			return why
		}
	case local.WebOnly:
		return &NotAcceptableError{Warning: warnTransport, Reason: "Incompatible transport protocol: DTLS-SRTP is required, " + s.proto + " is not " + webProto}
	case s.proto != plainProto && s.proto != secureProto:
		return &NotAcceptableError{Warning: warnTransport, Reason: "Incompatible transport protocol: " + s.proto + " is not RTP/AVP"}
	}

	if !s.web() {
		if why := s.insecure(local); why != nil {
			return why
		}
	}

	if why := s.check(local.Addr.Addr()); why != nil {
		return why
	}

	if _, ok := s.choose(local.codecs()); !ok {
		return &NotAcceptableError{Warning: warnMediaFormat, Reason: "Incompatible media format: PCMU or PCMA is needed"}
	}

	return nil
}

func accept(offer *Offer, index int, local Local) (Description, Audio, error) {
	s := &offer.streams[index]
	chosen, _ := s.choose(local.codecs())
	audio := s.audio(chosen, s.event)
	audio.Receive = audio.Receive && !local.Hold

	var (
		answer []crypto
		ours   browser
	)

	if s.web() {
		ours, audio.Web = s.answerWeb(local)
	} else {
		answer, audio.SRTP = s.agree(local)
	}

	noise := s.noise && local.Noise
	if noise {
		audio.NoiseType = noiseType
	}

	audio.share(s.mux)

	d := Description{
		addr:      local.Addr,
		noise:     noise,
		mux:       s.mux,
		formats:   []format{chosen},
		event:     s.event,
		ptime:     audio.Ptime,
		direction: directionOf(audio.Send, audio.Receive),
		audio:     index,
		crypto:    answer,
		browser:   ours,
		lines:     make([]line, len(offer.streams)),
	}

	for i := range offer.streams {
		d.lines[i] = line{
			media:   offer.streams[i].media,
			proto:   offer.streams[i].proto,
			formats: slices.Clone(offer.streams[i].formats),
			mid:     offer.streams[i].mid,
		}
	}

	return d, audio, nil
}

// ParseAnswer reads the far end's answer to our offer. The error wraps
// ErrMalformed, or is a *NotAcceptableError when the answer refuses the audio
// stream or takes nothing of what was offered.
func ParseAnswer(body []byte, offer Description) (Audio, error) {
	answer, err := ParseOffer(body)
	if err != nil {
		return Audio{}, err
	}

	if len(answer.streams) <= offer.audio {
		return Audio{}, malformed("%d m= lines answer an offer of %d", len(answer.streams), len(offer.lines))
	}

	s := &answer.streams[offer.audio]
	if !s.usable() {
		return Audio{}, &NotAcceptableError{Warning: warnMediaType, Reason: "Media type not available: the audio stream was refused"}
	}

	if why := s.check(offer.addr.Addr()); why != nil {
		return Audio{}, why
	}

	var (
		keys srtp.Keys
		web  Web
		why  *NotAcceptableError
	)

	if offer.forBrowsers() {
		web, why = s.answeredWeb(offer)
	} else {
		keys, why = s.answered(offer)
	}

	if why != nil {
		return Audio{}, why
	}

	for _, f := range s.codecs {
		if !slices.Contains(offer.formats, f) {
			continue
		}

		event := offer.event
		if s.event != event {
			event = 0
		}

		audio := s.audio(f, event)
		audio.SRTP, audio.Web = keys, web
		if s.noise && offer.noise {
			audio.NoiseType = noiseType
		}

		audio.share(s.mux && offer.mux)

		ours := offer.direction
		audio.Send = audio.Send && ours.sends()
		audio.Receive = audio.Receive && ours.receives()

		return audio, nil
	}

	return Audio{}, &NotAcceptableError{Warning: warnMediaFormat, Reason: "Incompatible media format: the answer takes no codec of the offer"}
}
