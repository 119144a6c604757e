package console

import (
	"slices"
	"strings"

	"trunkline/storage"
)

// A line is one turn of the transcript.
type line struct {
	Number      int
	Role        storage.Role
	At          string
	Seconds     float64 // since the answer
	Heard       string  // what reached the other side
	Unheard     string  // the rest of what was said
	Instead     string  // what was heard, where that is not how the text begins
	Interrupted bool
	Latency     string // empty when not measured
	Split       string // the latency by stage
}

func transcript(h *storage.History) []line {
	lines := make([]line, len(h.Turns))
	for i := range h.Turns {
		t := &h.Turns[i]
		at := max(0, t.StartedAt.Sub(talkBegan(&h.Call)))
		l := line{Number: t.Number, Role: t.Role, At: finely(at), Seconds: at.Seconds(), Heard: string(t.Text), Interrupted: t.Interrupted}
		if t.Role == storage.Agent {
			l.Heard, l.Unheard, l.Instead = splitHeard(string(t.Text), string(t.HeardText))
		}
		if t.Latency.Measured() {
			l.Latency = milliseconds(t.Latency.Total)
			l.Split = split(&t.Latency)
		}
		lines[i] = l
	}
	return lines
}

// splitHeard divides said into what was heard of it and the rest. When what
// was heard is not how said begins, it is returned apart.
func splitHeard(said, heard string) (begin, rest, instead string) {
	all, part := strings.Fields(said), strings.Fields(heard)
	if len(part) > len(all) || !slices.Equal(all[:len(part)], part) {
		return said, "", heard
	}
	return strings.Join(part, " "), strings.Join(all[len(part):], " "), ""
}

func split(l *storage.Latency) string {
	parts := make([]string, len(l.Stages))
	for i, s := range l.Stages {
		parts[i] = words(s.Name) + " " + milliseconds(s.Took)
	}
	return strings.Join(parts, " · ")
}
