package pipeline

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
)

// Talk holds the same conversation typed, with no audio: it prints the
// greeting and the agent's replies to out as they are written, and reads the
// caller's turns from in, a line each. It ends when the agent ends the
// conversation, at the end of in, or with ctx.
func Talk(ctx context.Context, c Config, model Model, texts Texts, in io.Reader, out io.Writer) error {
	history := []Message{{Role: Agent, Text: texts.Greeting}}
	fmt.Fprintf(out, "agent   %s\n", texts.Greeting)
	lines := bufio.NewScanner(in)
	for number := 1; ; number++ {
		fmt.Fprint(out, "you     ")
		said, ok := nextLine(lines)
		if !ok {
			fmt.Fprintln(out)

			return lines.Err()
		}
		history = append(history, Message{Role: Caller, Text: said})
		reply, act, err := talkReply(ctx, model, Request{
			Turn: number, System: c.System, Vars: c.Vars, History: history,
		}, out)
		if err != nil {
			return fmt.Errorf("reply: %w", err)
		}
		history = append(history, Message{Role: Agent, Text: reply})
		switch {
		case act == nil:
		case act.Name == ActHangUp:
			fmt.Fprintln(out, "        (the agent hangs up)")

			return nil
		case act.Name == ActHandOff:
			fmt.Fprintf(out, "        (the agent hands over to %s)\n", act.Args["target"])

			return nil
		}
	}
}

// nextLine reads the next line that has words.
func nextLine(lines *bufio.Scanner) (string, bool) {
	for lines.Scan() {
		if text := strings.TrimSpace(lines.Text()); text != "" {
			return text, true
		}
	}

	return "", false
}

// talkReply prints a reply as the model writes it.
func talkReply(ctx context.Context, model Model, req Request, out io.Writer) (text string, act *Act, err error) {
	var written strings.Builder
	fmt.Fprint(out, "agent   ")
	for d, err := range model.Generate(ctx, req) {
		if err != nil {
			fmt.Fprintln(out)

			return "", nil, err
		}
		if d.Act != nil {
			act = d.Act
		}
		written.WriteString(d.Text)
		fmt.Fprint(out, d.Text)
	}
	fmt.Fprintln(out)

	return strings.TrimSpace(written.String()), act, nil
}
