package pipeline

import (
	"encoding/json"
)

// effects is a conversation's ledger of calls that change something. It sees
// that a call which an interruption cut off is neither lost nor made twice:
// whoever asks for it again gets the call that was made. It belongs to the
// conversation's loop.
type effects map[string]*effect // the latest of each name with its arguments

// effect is one such call. Its outcome stands once done is closed.
type effect struct {
	call    ToolCall
	key     string // names it to the service
	done    chan struct{}
	outcome ToolOutcome
	settled bool // a reply that knew its outcome was heard to its end
}

// claim finds the call that is meant. It is new when the caller has to make it
// and then to finish it.
//
// The same name with the same arguments is the same call, until a reply that
// knew its outcome was heard: after that it is asked for anew. A call that
// failed is made anew; with the same key when it may have been done.
func (l effects) claim(call ToolCall, key string) (e *effect, isNew bool) {
	id := call.Name + " " + canonical(call.Args)
	if old := l[id]; old != nil && !old.settled {
		if !old.over() || !old.outcome.Result.Failed {
			return old, false
		}
		if old.outcome.Uncertain {
			key = old.key
		}
	}
	e = &effect{call: call, key: key, done: make(chan struct{})}
	l[id] = e

	return e, true
}

// finish gives the call its outcome.
func (e *effect) finish(o ToolOutcome) {
	e.outcome = o
	close(e.done)
}

func (e *effect) over() bool {
	select {
	case <-e.done:
		return true
	default:
		return false
	}
}

// known lists the calls that are over and not settled: what a reply that
// begins now learns of.
func (l effects) known() []*effect {
	var all []*effect
	for _, e := range l {
		if e.over() && !e.settled {
			all = append(all, e)
		}
	}

	return all
}

// settle notes that a reply that knew the outcomes of calls was heard.
func settle(all []*effect) {
	for _, e := range all {
		e.settled = e.settled || e.over()
	}
}

// canonical is JSON in one way of writing, for comparison.
func canonical(src json.RawMessage) string {
	var v any
	if json.Unmarshal(src, &v) != nil {
		return string(src)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return string(src)
	}

	return string(b)
}
