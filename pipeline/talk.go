package pipeline

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Talk is the conversation of a call, typed: it writes the greeting to out,
// reads the caller's turns from in, a line each, and writes the agent's words
// as the model makes them. The model sees the history that it would see in a
// call whose caller never interrupts.
//
// It returns nil at the end of in, after an act that ends the call, and when
// ctx is done; a Read of in that then still waits is left to the process. It
// returns the model's error after as many failures in a row as end a call.
func Talk(ctx context.Context, c Config, model Model, texts Texts, in io.Reader, out io.Writer) error {
	t := &typed{cfg: c, model: model, out: out}
	t.cfg.Stall = cmp.Or(c.Stall, defaultStall)
	t.cfg.Turn = c.Turn.WithDefaults()
	t.system = c.Prompt.Text(time.Now(), c.Vars)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lines, readErr := readLines(ctx, in)
	t.say(texts.Greeting)
	for t.err == nil {
		t.printf("you:   ")
		select {
		case <-ctx.Done():
			t.printf("\n")

			return t.err
		case text, open := <-lines:
			if !open {
				t.printf("\n")

				return errors.Join(t.err, <-readErr)
			}
			text = strings.Join(strings.Fields(text), " ")
			if text == "" {
				continue
			}
			t.history = append(t.history, Message{Role: Caller, Text: text})
			if over, err := t.answer(ctx, texts); over {
				return errors.Join(t.err, err)
			}
		}
	}

	return t.err
}

// typed is a conversation in a terminal.
type typed struct {
	cfg      Config
	model    Model
	out      io.Writer
	err      error // of out
	history  []Message
	system   string
	replies  int
	failures int // in a row
}

// answer lets the model reply, and reports whether the conversation is over.
func (t *typed) answer(ctx context.Context, texts Texts) (over bool, err error) {
	spoken, act, err := t.reply(ctx)
	switch {
	case ctx.Err() != nil:
		return true, nil //nolint:nilerr // ctx ends the conversation as in's end does
	case err != nil:
		t.failures++
		if t.failures >= t.cfg.Turn.Failures {
			t.say(texts.Trouble)

			return true, err
		}
		t.say(texts.Apology)

		return false, err
	}
	t.failures = 0
	if act == nil {
		return false, nil
	}
	switch act.Name {
	case ActHangUp:
		if !spoken {
			t.say(texts.Goodbye)
		}
		t.printf("(the agent hangs up)\n")
	case ActHandOff:
		if !spoken {
			t.say(texts.HandOff)
		}
		t.printf("(the agent hands the caller off to %s)\n", cmp.Or(act.Args["target"], "a person"))
	default:
		return false, nil
	}

	return true, nil
}

// reply writes the model's words as they come and runs the tools that it
// calls, and reports whether there were any words.
func (t *typed) reply(ctx context.Context) (spoken bool, act *Act, _ error) {
	t.replies++
	for n := 0; ; n++ {
		said, calls, own, err := t.round(ctx, n)
		spoken = spoken || said != ""
		act = cmp.Or(own, act)
		if said != "" || len(calls) > 0 {
			t.history = append(t.history, Message{Role: Agent, Text: said, Cut: err != nil, Calls: calls})
		}
		if err != nil || len(calls) == 0 {
			return spoken, act, err
		}
		var results []ToolResult
		for _, call := range calls {
			out := t.cfg.Tools.Run(ctx, ToolScope{CallID: t.cfg.CallID, Vars: t.cfg.Vars, Key: t.cfg.CallID + "-" + call.ID}, call)
			out.Result.ID = call.ID
			results = append(results, out.Result)
			act = cmp.Or(act, out.Act)
			outcome := "is done"
			if out.Result.Failed {
				outcome = "fails: " + out.Result.Content
			}
			t.printf("(the tool %s %s)\n", call.Name, outcome)
		}
		t.history = append(t.history, Message{Role: Tool, Results: results})
		if act != nil {
			return spoken, act, nil
		}
	}
}

// round writes one generation, and returns what it says and calls. A failed one
// calls nothing.
func (t *typed) round(ctx context.Context, n int) (said string, calls []ToolCall, act *Act, failed error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(t.cfg.Stall, func() { cancel(errStalled) })
	defer watch.Stop()
	req := Request{
		CallID: t.cfg.CallID, Turn: t.replies, System: t.system, Vars: t.cfg.Vars,
		History: append([]Message(nil), t.history...),
	}
	if answer, ok := t.cfg.truth(t.cfg.Language, req.History); ok {
		t.printf("agent: %s\n", answer)

		return answer, nil, nil, nil
	}
	if t.cfg.Tools != nil && n < maxRounds {
		req.Tools = t.cfg.Tools.Specs()
	}
	var text strings.Builder
	for d, err := range t.model.Generate(ctx, req) {
		watch.Reset(t.cfg.Stall)
		if err != nil {
			failed, calls = fmt.Errorf("model: %w", cmp.Or(context.Cause(ctx), err)), nil

			break
		}
		act = cmp.Or(act, d.Act)
		if d.Call != nil && req.Tools != nil {
			call := *d.Call
			call.ID = fmt.Sprintf("call_%d_%d_%d", req.Turn, n, len(calls))
			calls = append(calls, call)
		}
		if text.Len() == 0 && d.Text != "" {
			t.printf("agent: ")
		}
		text.WriteString(d.Text)
		t.printf("%s", d.Text)
	}
	if text.Len() > 0 {
		t.printf("\n")
	}

	return strings.Join(strings.Fields(text.String()), " "), calls, act, failed
}

// say writes a fixed line.
func (t *typed) say(text string) {
	if text == "" {
		return
	}
	t.printf("agent: %s\n", text)
	t.history = append(t.history, Message{Role: Agent, Text: text})
}

// printf keeps the first error of out, which ends the conversation.
func (t *typed) printf(format string, args ...any) {
	if t.err == nil {
		if _, err := fmt.Fprintf(t.out, format, args...); err != nil {
			t.err = fmt.Errorf("write the conversation: %w", err)
		}
	}
}

// readLines delivers the lines of in until it ends or ctx is done, and then
// why reading failed, if it did.
func readLines(ctx context.Context, in io.Reader) (<-chan string, <-chan error) {
	lines, failed := make(chan string), make(chan error, 1)
	go func() {
		defer close(lines)
		scan := bufio.NewScanner(in)
		for scan.Scan() {
			select {
			case lines <- scan.Text():
			case <-ctx.Done():
				failed <- nil

				return
			}
		}
		if err := scan.Err(); err != nil {
			failed <- fmt.Errorf("read the caller's turn: %w", err)

			return
		}
		failed <- nil
	}()

	return lines, failed
}
