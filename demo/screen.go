package demo

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"trunkline/call"
	"trunkline/pipeline"
	"trunkline/pipeline/bargein"
	"trunkline/pipeline/turn"
	"trunkline/storage"
)

// Screen shows a call as it happens. On a terminal, words appear as they come;
// elsewhere each turn is a line when it is over. It belongs to one goroutine.
type Screen struct {
	out    io.Writer
	width  int // columns of the terminal; 0: the output is none
	start  time.Time
	shown  bool     // a line that will be written again stands at the cursor
	judged []string // what was decided about speech over the agent's turn that runs
}

// NewScreen makes a Screen on out, which is a terminal of width columns, or
// no terminal when width is 0.
func NewScreen(out io.Writer, width int) *Screen {
	return &Screen{out: out, width: width, start: time.Now()}
}

// Linef writes a line that stays.
func (s *Screen) Linef(format string, args ...any) {
	s.wipe()
	fmt.Fprintf(s.out, format+"\n", args...)
}

// Progress shows what is being waited for.
func (s *Screen) Progress(what string) {
	if s.width > 0 {
		s.passingf("%6.1f s  … %s", s.elapsed(time.Now()), what)
	} else {
		s.Linef("%6.1f s  … %s", s.elapsed(time.Now()), what)
	}
}

// Call shows something that happened in the call.
func (s *Screen) Call(l call.Live) {
	switch l.Kind {
	case call.LiveAnswered:
		s.Linef("%6.1f s  the call is answered", s.elapsed(l.At))
	case call.LiveWords:
		s.words(l)
	case call.LiveTurn:
		s.turn(l.Turn)
	case call.LiveStep:
		s.judge(l.Actions)
	case call.LiveEnded:
		s.Linef("%6.1f s  the call is over: %s", s.elapsed(l.At), call.Reason(l.Ended.EndReason).Plain())
	}
}

func (s *Screen) words(l call.Live) {
	if s.width == 0 || l.Text == "" || l.Final {
		return
	}
	s.passingf("%6.1f s  %s", s.elapsed(l.At), sayLine(storage.Role(l.Role), l.Text))
}

// turn shows a turn that is over, with what happened in it.
func (s *Screen) turn(t *storage.Turn) {
	s.wrapped(fmt.Sprintf("%6.1f s  %s", s.elapsed(t.StartedAt), sayLine(t.Role, string(t.Text))), lead)
	if t.Role == storage.Role(pipeline.Caller) {
		return
	}
	for _, j := range s.judged {
		s.detailf("✋ %s", j)
	}
	s.judged = nil
	if t.Interrupted {
		s.detailf("the caller heard it until “%s”", lastWords(string(t.HeardText)))
	}
	if t.Latency.Total == 0 {
		return
	}
	var stages []string
	for _, st := range t.Latency.Stages {
		stages = append(stages, fmt.Sprintf("%s %d", strings.ReplaceAll(st.Name, "_", " "), st.Took.Milliseconds()))
	}
	s.detailf("answered after %d ms: %s", t.Latency.Total.Milliseconds(), strings.Join(stages, " · "))
}

// detailf writes a line about the turn above it.
func (s *Screen) detailf(format string, args ...any) {
	s.wrapped(strings.Repeat(" ", lead)+fmt.Sprintf(format, args...), lead)
}

// Paragraph writes text that stays, two columns in.
func (s *Screen) Paragraph(text string) { s.wrapped("  "+text, 2) }

// wrapped writes a line that stays, broken between words where the terminal
// would break it anywhere; what follows the break is indented.
func (s *Screen) wrapped(line string, indent int) {
	rest := []rune(line)
	for s.width > 2*indent && len(rest) >= s.width {
		end := s.width - 1
		for end > indent && rest[end] != ' ' {
			end--
		}
		if end == indent {
			break
		}
		s.Linef("%s", string(rest[:end]))
		rest = append([]rune(strings.Repeat(" ", indent)), rest[end+1:]...)
	}
	s.Linef("%s", string(rest))
}

// judge keeps what the turn machine decided about speech over the agent's.
func (s *Screen) judge(actions []turn.Action) {
	for _, a := range actions {
		if a.Kind == turn.Judge {
			s.judged = append(s.judged, fmt.Sprintf("%s (%s)", verdicts[bargein.Verdict(a.Text)], strings.Join(a.Reasons, ", ")))
		}
	}
}

// verdicts are bargein's in words.
var verdicts = map[bargein.Verdict]string{
	bargein.Interruption: "the caller interrupted",
	bargein.Backchannel:  "the caller agreed, the agent went on",
	bargein.Noise:        "the caller made a sound, the agent went on",
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

// passingf shows a line that the next one replaces. When it is too long for the
// terminal it loses its first words, as the latest are what is new: a line
// that wraps could not be wiped.
func (s *Screen) passingf(format string, args ...any) {
	line := []rune(fmt.Sprintf(format, args...))
	if over := len(line) - (s.width - 1); over > 0 {
		keep := min(lead, s.width-1)
		rest := line[min(keep+over+1, len(line)):]
		rest = rest[max(slices.Index(rest, ' '), 0):]
		line = append(append(line[:keep:keep], '…'), rest...)
	}
	s.wipe()
	fmt.Fprint(s.out, string(line))
	s.shown = true
}

// lead is the width of the columns before the words.
const lead = 20

func (s *Screen) wipe() {
	if s.shown {
		fmt.Fprint(s.out, "\r\x1b[K")
		s.shown = false
	}
}

func (s *Screen) elapsed(at time.Time) float64 { return at.Sub(s.start).Seconds() }
