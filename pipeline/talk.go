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

// reply writes the model's words as they come, and reports whether there were
// any.
func (t *typed) reply(ctx context.Context) (spoken bool, _ *Act, _ error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(t.cfg.Stall, func() { cancel(errStalled) })
	defer watch.Stop()
	t.replies++
	req := Request{
		CallID: t.cfg.CallID, Turn: t.replies, System: t.cfg.System, Vars: t.cfg.Vars,
		History: append([]Message(nil), t.history...),
	}
	var act *Act
	var text strings.Builder
	var failed error
	for d, err := range t.model.Generate(ctx, req) {
		watch.Reset(t.cfg.Stall)
		if err != nil {
			failed = fmt.Errorf("model: %w", cmp.Or(context.Cause(ctx), err))

			break
		}
		if d.Act != nil {
			act = d.Act
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
	said := strings.Join(strings.Fields(text.String()), " ")
	if said != "" {
		t.history = append(t.history, Message{Role: Agent, Text: said, Cut: failed != nil})
	}

	return said != "", act, failed
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
