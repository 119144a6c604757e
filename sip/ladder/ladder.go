package ladder

import (
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// first and last are how many of a call's messages are kept: its beginning
	// and its end.
	first, last = 16, 48

	// longest is how many bytes of a message are kept.
	longest = 4096
)

// Message is one message of a call.
type Message struct {
	At   time.Time
	Out  bool           // we sent it
	Peer netip.AddrPort // whom to, or who sent it
	Text string         // with secrets masked; cut after 4096 bytes
}

// Line is the message's first line.
func (m Message) Line() string {
	line, _, _ := strings.Cut(m.Text, "\r\n")

	return line
}

// Ring holds the messages of one call. Its methods may be called from any
// goroutine.
type Ring struct {
	mu      sync.Mutex
	began   []Message
	latest  []Message // in a circle once it is full
	oldest  int
	dropped int
}

// Add takes a message of a call.
func (r *Ring) Add(at time.Time, out bool, peer netip.AddrPort, data []byte) {
	m := Message{At: at, Out: out, Peer: peer, Text: string(data[:min(len(data), longest)])}

	r.mu.Lock()
	defer r.mu.Unlock()

	switch {
	case len(r.began) < first:
		r.began = append(r.began, m)
	case len(r.latest) < last:
		r.latest = append(r.latest, m)
	default:
		r.latest[r.oldest] = m
		r.oldest = (r.oldest + 1) % last
		r.dropped++
	}
}

// Messages are those kept, in the order in which they were added, and how many
// were dropped between the first 16 and the last 48.
func (r *Ring) Messages() ([]Message, int) {
	r.mu.Lock()
	defer r.mu.Unlock()

	all := slices.Concat(r.began, r.latest[r.oldest:], r.latest[:r.oldest])
	for i := range all {
		all[i].Text = Mask(all[i].Text)
	}

	return all, r.dropped
}

// Record is a call's messages as they are recorded.
type Record struct {
	Messages []Rung `json:"messages"`
	Dropped  int    `json:"dropped,omitempty"` // after the first 16
}

// Rung is one message of a Record.
type Rung struct {
	AtMS float64 `json:"at_ms"` // since the call began
	Out  bool    `json:"out"`   // we sent it
	Peer string  `json:"peer"`
	Text string  `json:"text"`
}

// Line is the message's first line.
func (r Rung) Line() string { return Message{Text: r.Text}.Line() }

// Skipped reports whether messages are missing before the i-th.
func (r *Record) Skipped(i int) bool { return i == first && r.Dropped > 0 }

// Record is what is kept, with times since began.
func (r *Ring) Record(began time.Time) Record {
	messages, dropped := r.Messages()
	out := Record{Messages: make([]Rung, len(messages)), Dropped: dropped}

	for i, m := range messages {
		at := float64(m.At.Sub(began).Microseconds()) / 1000
		out.Messages[i] = Rung{AtMS: at, Out: m.Out, Peer: m.Peer.String(), Text: m.Text}
	}

	return out
}
