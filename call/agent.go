package call

import (
	"time"

	"trunkline/pipeline"
)

// Agent is who answers: the settings of its conversations and the providers
// that they use. One Agent serves many calls at once.
type Agent struct {
	Name         string
	Conversation pipeline.Config
	Providers    pipeline.Providers
}

// Limits bounds every call.
type Limits struct {
	Cap        time.Duration // longest call from its answer
	WarnBefore time.Duration // spoken warning this long before Cap; 0: none
	NoMedia    time.Duration // no audio from the caller for this long ends the call, except on hold
	MaxCalls   int           // at once

	Prepare  time.Duration // longest time to make the agent ready while the phone rings; 0: 5 s
	Hangup   time.Duration // longest wait for the far end to confirm a hang-up; 0: 3 s
	Farewell time.Duration // longest time from a last line's order to the hang-up; 0: 15 s
}

func (l *Limits) setDefaults() {
	for d, value := range map[*time.Duration]time.Duration{
		&l.Prepare: 5 * time.Second, &l.Hangup: 3 * time.Second, &l.Farewell: 15 * time.Second,
	} {
		if *d == 0 {
			*d = value
		}
	}
}
