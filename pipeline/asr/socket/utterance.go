package socket

import (
	"trunkline/media"
	"trunkline/media/g711"
)

// utterance turns the frames of talkspurts into messages. It belongs to the
// goroutine that writes.
type utterance struct {
	proto Protocol
	heard *words
	chunk int // octets in a message
	early int // frames of a lull before the last words are asked for; 0: never

	octets []byte // not yet sent
	sent   media.Samples
	quiet  bool // the caller makes no sound
	silent int  // frames since
	asked  bool // for the last words, in this lull: what comes now is held
}

// begin begins a talkspurt.
func (u *utterance) begin() { u.octets, u.quiet, u.asked = u.octets[:0], false, false }

// write is what a frame has sent.
func (u *utterance) write(f *media.Frame) []Message {
	var frame [media.FrameSamples]byte
	g711.PCMU.Encode(frame[:], f[:])
	u.octets = append(u.octets, frame[:]...)
	if u.asked {
		return nil // silence, as far as is known
	}
	if u.quiet {
		if u.silent++; u.silent == u.early {
			u.asked = true

			return u.flush(false)
		}
	}
	if len(u.octets) < u.chunk {
		return nil
	}

	return []Message{u.audio()}
}

// lull notes that the caller makes no sound.
func (u *utterance) lull() { u.quiet, u.silent = true, 0 }

// resume is what has to be sent when the caller goes on: what was held.
func (u *utterance) resume() (messages []Message) {
	if u.asked && len(u.octets) > 0 {
		messages = []Message{u.audio()}
	}
	u.quiet, u.asked = false, false
	u.heard.resume()

	return messages
}

// end is what has to be sent at the end of a talkspurt: nothing when the last
// words were asked for before, and only silence came since.
func (u *utterance) end() []Message {
	if u.asked {
		u.octets = u.octets[:0]

		return nil
	}

	return u.flush(true)
}

// flush sends what is left and asks for the words.
func (u *utterance) flush(last bool) (messages []Message) {
	if len(u.octets) > 0 {
		messages = append(messages, u.audio())
	}
	if u.early > 0 {
		u.heard.ask(last, u.sent.Duration())
	}

	return append(messages, u.proto.Flush()...)
}

func (u *utterance) audio() Message {
	m := u.proto.Audio(u.octets)
	u.sent += media.Samples(len(u.octets))
	u.octets = u.octets[:0]

	return m
}
