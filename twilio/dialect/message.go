package dialect

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"trunkline/media"
)

// MaxMessage is the longest message that is read, in octets.
const MaxMessage = 64 << 10

// ErrFormat is for a stream whose audio we do not speak.
var ErrFormat = errors.New("the stream's audio has an encoding or a rate that this carrier's row does not have")

// Kind says what a carrier's message means.
type Kind uint8

// The kinds of a Message.
const (
	Other     Kind = iota // of no consequence for the call, or of a kind that we do not know
	Connected             // the socket is open; Started follows
	Started
	Media
	Digit
	Played  // what was written before a mark has been played, or was dropped
	Cleared // the queue is empty
	Stopped // no more audio comes
	Failed  // the carrier did not understand us, or gives up
)

// Message is what a carrier told. Its strings and octets may lie in the
// message's bytes: they are good until the next is read.
type Message struct {
	Kind Kind

	// Of Started.
	Stream     string            // the carrier's name of the stream; some have none
	Call       string            // and of the call
	Account    string            // and of our account
	Format     Format            // of the audio, both ways
	Parameters map[string]string // that came with the stream, as our answer to the call asked

	// Of Media.
	Outbound bool   // it is the agent's own side
	Chunk    int64  // the message's number among those of its track, from 1; 0: not told
	At       int64  // time of the first sample in milliseconds, from where the carrier counts
	Timed    bool   // At was told
	Audio    []byte // in Format

	Key  media.Digit // of Digit
	Name []byte      // of Played: the mark's
	Why  string      // of Stopped and Failed, as far as the carrier tells
}

// reset makes m ready for the next message and keeps the room for audio.
func (m *Message) reset() { *m = Message{Audio: m.Audio[:0]} }

// markName is how a mark is called on the wire: g7:640 is generation 7 after
// 640 frames.
func appendMark(dst []byte, m media.Mark) []byte {
	dst = strconv.AppendUint(append(dst, 'g'), uint64(m.Generation), 10)

	return strconv.AppendUint(append(dst, ':'), m.Frames, 10)
}

// ParseMark reads the name of a mark of ours; it reports false for any other.
func ParseMark(name []byte) (media.Mark, bool) {
	if len(name) == 0 || name[0] != 'g' {
		return media.Mark{}, false
	}
	generation, frames, ok := bytes.Cut(name[1:], []byte(":"))
	if !ok {
		return media.Mark{}, false
	}
	g, err := strconv.ParseUint(string(generation), 10, 32)
	if err != nil {
		return media.Mark{}, false
	}
	n, err := strconv.ParseUint(string(frames), 10, 64)
	if err != nil {
		return media.Mark{}, false
	}

	return media.Mark{Generation: uint32(g), Frames: n}, true
}

// keyOf reads a key press; letters come in either case.
func keyOf(s string) (byte, bool) {
	if len(s) != 1 {
		return 0, false
	}
	key := strings.ToUpper(s)[0]

	return key, strings.IndexByte("0123456789*#ABCD", key) >= 0
}
