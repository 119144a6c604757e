package demo

import (
	"fmt"
	"io"
	"strings"
	"time"

	"trunkline/call"
	"trunkline/pipeline"
	"trunkline/pipeline/turn"
	"trunkline/storage"
)

// Screen shows a call as it happens. On a terminal, words appear as they come;
// elsewhere each turn is a line when it is over. It belongs to one goroutine.
type Screen struct {
	out      io.Writer
	terminal bool
	start    time.Time
	shown    bool // a line that will be written again stands at the cursor
}

// NewScreen makes a Screen on out.
func NewScreen(out io.Writer, terminal bool) *Screen {
	return &Screen{out: out, terminal: terminal, start: time.Now()}
}

// Line writes a line that stays.
func (s *Screen) Line(format string, args ...any) {
	s.wipe()
	fmt.Fprintf(s.out, format+"\n", args...)
}

// Progress shows what is being waited for.
func (s *Screen) Progress(what string) {
	if s.terminal {
		s.passing("%6.1f s  … %s", s.elapsed(time.Now()), what)
	} else {
		s.Line("%6.1f s  … %s", s.elapsed(time.Now()), what)
	}
}

// Call shows something that happened in the call.
func (s *Screen) Call(l call.Live) {
	switch l.Kind {
	case call.LiveAnswered:
		s.Line("%6.1f s  the call is answered", s.elapsed(l.At))
	case call.LiveWords:
		s.words(l)
	case call.LiveTurn:
		s.turn(l.Turn)
	case call.LiveStep:
		s.event(l)
	case call.LiveEnded:
		s.Line("%6.1f s  the call is over: %s", s.elapsed(l.At), call.Reason(l.Ended.EndReason).Plain())
	}
}

func (s *Screen) words(l call.Live) {
	if !s.terminal || l.Text == "" || l.Final {
		return
	}
	s.passing("%6.1f s  %s", s.elapsed(l.At), sayLine(storage.Role(l.Role), l.Text))
}

func (s *Screen) turn(t *storage.Turn) {
	began := s.elapsed(t.StartedAt)
	s.Line("%6.1f s  %s", began, sayLine(t.Role, string(t.Text)))
	if t.Interrupted {
		s.Line("          %s heard until: “%s”", marker(t.Role), lastWords(string(t.HeardText)))
	}
	if t.Latency.Total == 0 {
		return
	}
	var stages []string
	for _, st := range t.Latency.Stages {
		stages = append(stages, fmt.Sprintf("%s %d", strings.ReplaceAll(st.Name, "_", " "), st.Took.Milliseconds()))
	}
	s.Line("          %s answered after %d ms: %s", marker(t.Role), t.Latency.Total.Milliseconds(), strings.Join(stages, " · "))
}

// event shows what the turn machine decided about speech over the agent's.
func (s *Screen) event(l call.Live) {
	verdict := verdictOf(l)
	if verdict == "" {
		return
	}
	s.Line("%6.1f s          ✋ %s", s.elapsed(l.At), verdict)
}

func verdictOf(l call.Live) string {
	for _, a := range l.Actions {
		if a.Kind == turn.Judge {
			return fmt.Sprintf("speech over the agent's voice: %s (%s)", a.Text, strings.Join(a.Reasons, ", "))
		}
	}

	return ""
}

func sayLine(r storage.Role, text string) string {
	return fmt.Sprintf("%s %-6s  %s", marker(r), r, text)
}

func marker(r storage.Role) string {
	if r == storage.Role(pipeline.Caller) {
		return "◀"
	}

	return "▶"
}

func lastWords(text string) string {
	words := strings.Fields(text)
	if len(words) > 6 {
		return "… " + strings.Join(words[len(words)-6:], " ")
	}

	return strings.Join(words, " ")
}

// passing shows a line that the next one replaces, cut to a terminal's width.
func (s *Screen) passing(format string, args ...any) {
	const width = 100
	line := []rune(fmt.Sprintf(format, args...))
	if len(line) > width {
		line = append(line[:width-1], '…')
	}
	s.wipe()
	fmt.Fprint(s.out, string(line))
	s.shown = true
}

func (s *Screen) wipe() {
	if s.shown {
		fmt.Fprint(s.out, "\r\x1b[K")
		s.shown = false
	}
}

func (s *Screen) elapsed(at time.Time) float64 { return at.Sub(s.start).Seconds() }
