package carrier

import (
	"net/http"
	"time"
)

// Trouble is what goes wrong. Its zero value is a carrier without faults. All
// functions are called from many goroutines.
type Trouble struct {
	// REST may answer a request in place of the API; nil: it does not.
	REST func(r *http.Request) *Failure

	Shuffle   time.Duration // status callbacks are held back by chance up to this, and so overtake each other
	Duplicate float64       // share of status callbacks that come twice

	Stream Stream
}

// Failure is what becomes of a REST request.
type Failure struct {
	Delay   time.Duration // before all else
	Execute bool          // the request is carried out all the same
	Status  int           // of the answer; 0: the connection is cut without one
	Code    int           // of the answer's body; 0: it is no JSON
}

// Stream is what goes wrong with media streams.
type Stream struct {
	WrongSignature bool          // the upgrade is signed with another token
	WrongToken     bool          // custom parameters come altered
	NoStart        bool          // connects and sends nothing more
	CutAfter       time.Duration // the connection breaks, this long after its start
	NeverStop      bool          // at the call's end neither stop nor close is sent
	LoseMarks      bool          // marks do not return
	AfterStop      int           // messages of media that follow stop
}
