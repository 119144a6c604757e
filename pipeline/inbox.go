package pipeline

import (
	"sync"
	"time"

	"trunkline/pipeline/ledger"
	"trunkline/pipeline/spoken"
	"trunkline/pipeline/turn"
)

// inboxBound is how many messages may wait for a conversation's loop. The tick
// goroutine cannot wait: what does not fit is lost, and Lost counts it. A
// conversation makes a few messages a second, so that room for all of them by
// value would be most of the memory that a call begins with.
const inboxBound = 512

// message is what reaches the loop: an event of the machine, or a stamp.
type message struct {
	event  turn.Event
	at     time.Time
	speech time.Time    // of SpeechOnset and SpeechEnd: the first and the last voiced packet
	stamp  ledger.Stage // of utterance event.Utterance, when isStamp
	act    *Act
	said   spoken.Text // of isText
	round  int         // of isText: the generation that wrote it
	tool   *toolNews   // of isTool
	ask    string      // of isAsk: the words
	change *change     // of isChange
	left   Recognition // of isTurned
	kind   messageKind
}

type messageKind uint8

const (
	isEvent messageKind = iota
	isStamp
	isText   // said is the next sentence of utterance event.Utterance
	isAsk    // a tool asks the caller for keys
	isTool   // tool tells of a call of utterance event.Utterance
	isChange // change is wanted
	isTurned // the ear has turned from the stream left
)

// send hands the loop an event that happens now.
func (c *Conversation) send(e turn.Event) { c.give(message{event: e, at: time.Now()}) }

// messages are spare ones: the tick goroutine does not allocate.
var messages = sync.Pool{New: func() any { return new(message) }}

// wrap puts a message where the queue can hold it.
func wrap(m message) *message {
	kept := messages.Get().(*message) //nolint:errcheck,forcetypeassert // New makes nothing else
	*kept = m

	return kept
}

// unwrap takes a message out of the queue.
func unwrap(kept *message) message {
	m := *kept
	*kept = message{} // holds nothing of this call
	messages.Put(kept)

	return m
}

// give hands the loop a message, and waits while the queue is full.
func (c *Conversation) give(m message) {
	select {
	case c.inbox <- wrap(m):
	case <-c.ctx.Done(): // nobody wants it any more
	}
}

// post hands the loop a message from the tick goroutine, which does not wait.
func (c *Conversation) post(m message) {
	kept := wrap(m)
	select {
	case c.inbox <- kept:
	default:
		unwrap(kept)
		c.lost.Add(1)
	}
}
