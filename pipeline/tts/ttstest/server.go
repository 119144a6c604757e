package ttstest

import (
	"net/http"
	"time"

	"trunkline/media"
	"trunkline/pipeline/vendortest"
)

// Reply is what a server does with a text.
type Reply struct {
	Octets     []byte       // µ-law at 8 kHz
	Chunks     int          // in which they come; 0: one
	Words      []media.Word // told by the protocols that can
	FirstAudio time.Duration

	Status     int           // other than 200: the request is refused with it
	Code       string        // the error's code
	RetryAfter time.Duration // told with it

	// After the first chunk, in place of the rest:
	Hang  bool   // nothing more comes
	Cut   bool   // the connection breaks
	Junk  bool   // something comes that the protocol does not know
	Error string // an error of this code comes
}

// Parts are the octets in chunks of uneven size.
func (r *Reply) Parts() [][]byte {
	n := max(1, r.Chunks)
	var parts [][]byte
	rest := r.Octets
	for i := n; i > 1; i-- {
		k := min(len(rest), len(rest)/i+1)
		parts, rest = append(parts, rest[:k]), rest[k:]
	}

	return append(parts, rest)
}

// Fails tells whether the reply ends early.
func (r *Reply) Fails() bool { return r.Hang || r.Cut || r.Junk || r.Error != "" }

// Asked is a request as the server understood it.
type Asked struct {
	Text, Voice, Model, Language string
}

// A Vendor is a server of one vendor's protocol.
type Vendor interface {
	http.Handler
	// Script is where the suite says what happens.
	Script() *Script
	// Has says what the protocol can do.
	Has() Abilities
}

// Abilities differ between protocols.
type Abilities struct {
	ULaw   bool // audio comes as µ-law at 8 kHz, and must stay what it is
	Words  bool // the protocol tells where words begin
	Errors bool // errors can come within the stream
}

// Script is what happens at a server, text after text.
type Script = vendortest.Script[Reply, Asked]

// NewScript makes a Script in which nothing happens yet.
func NewScript() *Script { return vendortest.NewScript[Reply, Asked]() }

// Refusal is how the next connection or request is refused, if it is.
func Refusal(s *Script) (Reply, bool) {
	r := s.Next()

	return r, r.Status != 0
}
