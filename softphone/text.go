package softphone

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// WriteText writes the report for people to read.
func (r *Report) WriteText(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "Call to %s", r.Target)
	if r.TrunklineCallID != "" {
		fmt.Fprintf(&b, ", %s", r.TrunklineCallID)
	}
	fmt.Fprintf(&b, "\n%.1f s, ended by the %s: %s.\n", r.EndedAt.Sub(r.AnsweredAt).Seconds(), r.EndedBy, r.EndCause)
	if r.GreetingMS != nil {
		fmt.Fprintf(&b, "The greeting began %s after the answer.\n", millis(r.GreetingMS))
	}
	if len(r.Turns) > 0 {
		b.WriteByte('\n')
		r.writeTurns(&b)
		b.WriteByte('\n')
	}
	spoken := 0
	for i := range r.Turns {
		if r.Turns[i].CallerEndMS != nil {
			spoken++
		}
	}
	r.Response.write(&b, "Response", spoken)
	r.Yield.write(&b, "Yield when interrupted", r.Yield.Count)
	m := &r.Media
	fmt.Fprintf(&b, "Audio: %s; %s, %d packets out, %d in, %d lost (%.1f %%), jitter %.1f ms.\n",
		m.Verdict, m.Codec, m.PacketsOut, m.PacketsIn, m.Lost, m.LostPercent, m.JitterMS)
	if r.Recording != "" {
		fmt.Fprintf(&b, "Recording: %s (caller left, agent right).\n", r.Recording)
	}
	for _, warning := range r.Warnings {
		fmt.Fprintf(&b, "Warning: %s.\n", warning)
	}
	if r.Transcript != nil {
		b.WriteByte('\n')
		r.Transcript.write(&b)
	}
	if r.TranscriptNote != "" {
		fmt.Fprintf(&b, "Note: %s.\n", r.TranscriptNote)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("softphone: write report: %w", err)
	}

	return nil
}

func (r *Report) writeTurns(b *bytes.Buffer) {
	// Nothing that is written to a Buffer fails.
	table := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\tsaid\twhen\tfrom\tto\tagent from\tresponse\tyield")
	for i := range r.Turns {
		t := &r.Turns[i]
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", t.Step, t.Said, t.When,
			seconds(t.CallerStartMS), seconds(t.CallerEndMS), seconds(t.AgentStartMS), millis(t.ResponseMS), millis(t.YieldMS))
	}
	_ = table.Flush()
}

// write gives the distribution, with how many there could have been.
func (s *Summary) write(b *bytes.Buffer, name string, of int) {
	if s.Count == 0 {
		return
	}
	fmt.Fprintf(b, "%s: min %.0f, p50 %.0f, p95 %.0f, max %.0f ms (%d of %d).\n", name, s.MinMS, s.P50MS, s.P95MS, s.MaxMS, s.Count, of)
}

func (t *Transcript) write(b *bytes.Buffer) {
	fmt.Fprintf(b, "Transcript (%s):\n", t.ID)
	for i := range t.Turns {
		turn := &t.Turns[i]
		text, cut := turn.Text, ""
		if turn.Role != "caller" && turn.Interrupted {
			text, cut = turn.HeardText, " --"
		}
		fmt.Fprintf(b, "  %-6s  %s%s%s\n", turn.Role, text, cut, stages(turn.LatencyMS))
	}
	if t.EndReason != "" {
		fmt.Fprintf(b, "Ended: %s (%s).\n", t.EndReason, t.Fault)
	}
}

// stages gives a turn's latency, the total first.
func stages(latency map[string]float64) string {
	total, ok := latency["total"]
	if !ok {
		return ""
	}
	var parts []string
	for name, ms := range latency {
		if name != "total" {
			parts = append(parts, fmt.Sprintf("%s %.0f", name, ms))
		}
	}
	slices.Sort(parts)
	if len(parts) == 0 {
		return fmt.Sprintf("  [%.0f ms]", total)
	}

	return fmt.Sprintf("  [%.0f ms: %s]", total, strings.Join(parts, ", "))
}

func millis(v *float64) string {
	if v == nil {
		return "-"
	}

	return fmt.Sprintf("%.0f ms", *v)
}

func seconds(v *float64) string {
	if v == nil {
		return "-"
	}

	return fmt.Sprintf("%.2f s", *v/1000)
}
