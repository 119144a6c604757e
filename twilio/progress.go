package twilio

// Status is where the carrier says that a call is.
type Status string

// The statuses (https://www.twilio.com/docs/voice/api/call-resource). The last
// five are final.
const (
	Queued     Status = "queued"
	Initiated  Status = "initiated"
	Ringing    Status = "ringing"
	InProgress Status = "in-progress"
	Completed  Status = "completed"
	Busy       Status = "busy"
	NoAnswer   Status = "no-answer"
	Canceled   Status = "canceled"
	Failed     Status = "failed"
)

// ranks tell how far a call has come with each status.
var ranks = map[Status]int{
	Queued: 1, Initiated: 2, Ringing: 3, InProgress: 4,
	Completed: final, Busy: final, NoAnswer: final, Canceled: final, Failed: final,
}

const final = 5

// Final reports whether nothing comes after s.
func (s Status) Final() bool { return ranks[s] == final }

// statusOf reads a carrier's word for a status.
func statusOf(word string) Status {
	switch word {
	case "answered", "inprogress", "in_progress":
		return InProgress
	case "started":
		return Initiated
	case "timeout", "unanswered":
		return NoAnswer
	case "cancelled":
		return Canceled
	case "rejected":
		return Busy
	case "hangup":
		return Completed
	default:
		return Status(word)
	}
}

// progress follows a call by callbacks that come late, twice or in another
// order. A final status is believed whenever it comes, and nothing after it.
type progress struct {
	status Status
	number int // of the newest callback; -1 before the first
}

// step takes a callback and its number among those of the call, -1 where the
// carrier tells none. It reports whether the call has come further.
func (p *progress) step(number int, s Status) bool {
	rank, known := ranks[s]
	switch {
	case !known, p.status.Final():
		return false
	case rank == final:
	case rank <= ranks[p.status]:
		return false
	case number >= 0 && p.number >= 0 && number < p.number:
		return false
	}
	p.status, p.number = s, max(number, p.number)

	return true
}
