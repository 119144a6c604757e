package call

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"trunkline/pipeline/turn"
	"trunkline/storage"
)

// Story tells what happened in a call, a sentence per line, for an operator
// who asks why it went as it did. Numbers are masked.
func Story(h *storage.History) []string {
	c := &h.Call
	lines := []string{parties(c), beginning(c)}
	if line := vouched(c.Attestation); line != "" {
		lines = append(lines, line)
	}
	if !c.AnsweredAt.IsZero() {
		lines = append(lines, conversation(h.Turns)...)
		lines = append(lines, toolsCalled(h.Events)...)
		lines = append(lines, transfers(h.Events)...)
		lines = append(lines, successions(h.Events)...)
		lines = append(lines, providers(h.Events)...)
		lines = append(lines, spent(c)...)
		lines = append(lines, promises(&h.Promises)...)
		lines = append(lines, openingStory(h.Events)...)
		lines = append(lines, objectionStory(h.Events)...)
		lines = append(lines, wished(h.Events)...)
	}
	if c.Media != nil {
		lines = append(lines, audio(c.Media)...)
	}
	if c.Recording != "" {
		lines = append(lines, recordingStory(c.Recording, h.Recording)...)
	}

	lines = append(lines, ladderStory(h.Events)...)

	return append(lines, ending(c))
}

// parties tells who calls whom.
func parties(c *storage.Call) string {
	if c.Direction != storage.Outbound {
		return fmt.Sprintf("Call %s: %s over %s, trunk %q, from %s to agent %q.", c.ID, c.Direction, c.Door, c.Trunk, c.From, c.Agent)
	}
	line := fmt.Sprintf("Call %s: %s over %s, trunk %q, to %s, showing %s, for agent %q; purpose %q",
		c.ID, c.Direction, c.Door, c.Trunk, c.To, c.From, c.Agent, c.Purpose)
	if c.Campaign != "" {
		line += fmt.Sprintf(", campaign %q", c.Campaign)
	}

	return line + fmt.Sprintf(". Decision %s allowed it as attempt %s.", c.DecisionID, c.AttemptID)
}

// placedBeginning tells how a call of ours began: who answered, and when the
// agent was first heard.
func placedBeginning(c *storage.Call) string {
	start := c.StartedAt.UTC().Format("2006-01-02 15:04:05.000 MST")
	if c.AnsweredAt.IsZero() {
		return fmt.Sprintf("It was dialed at %s and was never answered.", start)
	}
	line := fmt.Sprintf("It was dialed at %s and was answered %s later", start, seconds(c.AnsweredAt.Sub(c.StartedAt)))
	if c.AnsweredBy != "" {
		line += ", by: " + c.AnsweredBy
	}
	switch {
	case c.OpenedAt.IsZero():
		line += "; the agent was not heard"
	case c.GreetedAt.IsZero():
		line += fmt.Sprintf("; nobody spoke, and the agent was first heard %s after the answer", seconds(c.OpenedAt.Sub(c.AnsweredAt)))
	default:
		line += fmt.Sprintf("; the agent was first heard %s after the greeting", seconds(c.OpenedAt.Sub(c.GreetedAt)))
	}

	return line + "."
}

// transfers tells how the caller was put through to somebody.
func transfers(events []storage.Event) []string {
	var lines []string
	for _, e := range events {
		d, ok := stepData(e)
		if !ok {
			continue
		}
		switch name := d.Event.Text; turn.EventKind(e.Kind) {
		case transferBegan:
			lines = append(lines, fmt.Sprintf("The agent began to put the caller through to %q %s into the call.", name, seconds(e.At)))
		case transferJoined:
			lines = append(lines, fmt.Sprintf("The caller was joined with %q %s into the call.", name, seconds(e.At)))
		case transferFailed:
			lines = append(lines, fmt.Sprintf("The transfer to %q failed: %s. The caller came back to the agent.", name, d.Event.Reason))
		}
	}

	return lines
}

func beginning(c *storage.Call) string {
	if c.Direction == storage.Outbound {
		return placedBeginning(c)
	}
	start := c.StartedAt.UTC().Format("2006-01-02 15:04:05.000 MST")
	if c.AnsweredAt.IsZero() {
		return fmt.Sprintf("It arrived at %s and was never answered.", start)
	}

	return fmt.Sprintf("It arrived at %s and was answered %s later.", start, seconds(c.AnsweredAt.Sub(c.StartedAt)))
}

// vouched tells what the carriers say of the caller's number (STIR/SHAKEN).
func vouched(attestation string) string {
	switch attestation {
	case "A":
		return "The originating carrier vouches for the caller and the number (attestation A)."
	case "B":
		return "The originating carrier knows the caller, and does not vouch for the number (attestation B)."
	case "C":
		return "The carrier that took the call in vouches for neither the caller nor the number (attestation C)."
	case "failed":
		return "The signature over the caller's number was not valid: the number may be forged."
	case "none":
		return "No carrier has signed the caller's number."
	default:
		return ""
	}
}

func conversation(turns []storage.Turn) []string {
	var caller, agent, cut int
	var slowest *storage.Turn
	for i := range turns {
		t := &turns[i]
		if t.Role == storage.Caller {
			caller++

			continue
		}
		agent++
		if t.Interrupted {
			cut++
		}
		if t.Latency.Total > 0 && (slowest == nil || t.Latency.Total > slowest.Latency.Total) {
			slowest = t
		}
	}
	lines := []string{fmt.Sprintf("The caller had %s, the agent %s; the caller interrupted %s.",
		count(caller, "turn"), count(agent, "turn"), count(cut, "time"))}
	if slowest != nil {
		lines = append(lines, fmt.Sprintf("The slowest answer, turn %d, began %d ms after the caller's last word%s.",
			slowest.Number, slowest.Latency.Total.Milliseconds(), mostOf(slowest.Latency.Stages)))
	}

	return lines
}

// toolsCalled tells what the agent's model had done, and how long that took.
func toolsCalled(events []storage.Event) []string {
	type count struct {
		name         string
		done, failed int
		longest      time.Duration
	}
	var all []*count
	for _, e := range events {
		kind := turn.EventKind(e.Kind)
		if kind != turn.ToolDone && kind != turn.ToolFailed {
			continue
		}
		d, ok := stepData(e)
		if !ok {
			continue
		}
		i := slices.IndexFunc(all, func(c *count) bool { return c.name == d.Event.Tool })
		if i < 0 {
			i, all = len(all), append(all, &count{name: d.Event.Tool})
		}
		c := all[i]
		if kind == turn.ToolFailed {
			c.failed++
		} else {
			c.done++
		}
		c.longest = max(c.longest, d.Event.Took)
	}
	var lines []string
	for _, c := range all {
		lines = append(lines, fmt.Sprintf("The tool %q ran %s and failed %s; the slowest took %s.", c.name, times(c.done+c.failed), times(c.failed), seconds(c.longest)))
	}

	return lines
}

// promises tells what the agent promised. Numbers are masked.
func promises(p *storage.Promises) []string {
	var lines []string
	for _, c := range p.Callbacks {
		lines = append(lines, fmt.Sprintf("A call back to %s was promised for %s.", c.Number, c.DueAt.UTC().Format("2006-01-02 15:04 MST")))
	}
	for _, o := range p.OptOuts {
		lines = append(lines, fmt.Sprintf("The other side does not want to be called again; recorded at %s.", o.MadeAt.UTC().Format("2006-01-02 15:04:05 MST")))
	}

	return lines
}

// times is how often.
func times(n int) string {
	switch n {
	case 0:
		return "never"
	case 1:
		return "once"
	default:
		return fmt.Sprintf("%d times", n)
	}
}

// mostOf names the stage that took longest.
func mostOf(stages []storage.Stage) string {
	if len(stages) == 0 {
		return ""
	}
	longest := slices.MaxFunc(stages, func(a, b storage.Stage) int { return cmp.Compare(a.Took, b.Took) })

	return fmt.Sprintf("; most of it, %d ms, was the stage %q", longest.Took.Milliseconds(), longest.Name)
}

func ending(c *storage.Call) string {
	if c.State != storage.Ended {
		return fmt.Sprintf("It is %s.", strings.ReplaceAll(string(c.State), "_", " "))
	}
	from := c.AnsweredAt
	if from.IsZero() {
		from = c.StartedAt
	}

	return fmt.Sprintf("It was ended by %s after %s: %s.", owner(c.Fault), seconds(c.EndedAt.Sub(from)), Reason(c.EndReason).Plain())
}

// owner is who caused an end, in a sentence.
func owner(f storage.Fault) string {
	if f == storage.FaultTrunkline {
		return string(f)
	}

	return "the " + string(f)
}

func seconds(d time.Duration) string {
	return fmt.Sprintf("%.1f s", d.Seconds())
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}

	return fmt.Sprintf("%d %ss", n, what)
}
