package pipeline_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"trunkline/pipeline"
	"trunkline/pipeline/declared"
)

// typing is what a typed conversation writes, and the model it had.
func typing(t *testing.T, m pipeline.Model, lines string) (string, *overheard, error) {
	t.Helper()
	o := &overheard{Model: m}
	var out strings.Builder
	err := pipeline.Talk(t.Context(), pipeline.Config{}, o, texts, strings.NewReader(lines), &out)

	return out.String(), o, err
}

func want(t *testing.T, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func TestTalk(t *testing.T) {
	t.Parallel()
	out, model, err := typing(t, &declared.Model{Reply: declared.Replies(hours, address)}, "when are  you open\n\nwhere are you\n")
	if err != nil {
		t.Fatal(err)
	}
	const you = "you:   "
	want(t, "the terminal", "agent: "+texts.Greeting+"\n"+you+"agent: "+hours+"\n"+you+you+"agent: "+address+"\n"+you+"\n", out)
	want(t, "the model's history", []pipeline.Message{
		{Role: pipeline.Agent, Text: texts.Greeting},
		{Role: pipeline.Caller, Text: "when are you open"},
		{Role: pipeline.Agent, Text: hours},
		{Role: pipeline.Caller, Text: "where are you"},
	}, model.history())
}

func TestTalkEndsWithAnAct(t *testing.T) {
	t.Parallel()
	for act, said := range map[string]string{
		pipeline.ActHangUp:  "agent: Bye.\n(the agent hangs up)\n",
		pipeline.ActHandOff: "agent: Bye.\n(the agent hands the caller off to front-desk)\n",
	} {
		m := &declared.Model{Reply: func(pipeline.Request) (string, *pipeline.Act) {
			return "Bye.", &pipeline.Act{Name: act, Args: map[string]string{"target": "front-desk"}}
		}}
		out, model, err := typing(t, m, "bye\nmore\n")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(out, said) || len(model.requests) != 1 {
			t.Errorf("%d replies; the terminal says %q", len(model.requests), out)
		}
	}
}

func TestTalkEndsAReplyWithoutWordsWithALine(t *testing.T) {
	t.Parallel()
	for act, line := range map[string]string{pipeline.ActHangUp: texts.Goodbye, pipeline.ActHandOff: texts.HandOff} {
		m := &declared.Model{Reply: func(pipeline.Request) (string, *pipeline.Act) { return "", &pipeline.Act{Name: act} }}
		out, _, err := typing(t, m, "bye\n")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out, "agent: "+line+"\n(the agent ha") {
			t.Errorf("the terminal says %q", out)
		}
	}
}

func TestTalkApologisesAndThenGivesUp(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]declared.Fault{
		"broken": {After: 2, Err: errBroken}, "it sent nothing for too long": {After: 2, Stall: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				out, model, err := typing(t, &declared.Model{Reply: declared.Replies(hours), Faults: declared.Every(f)}, "one\ntwo\nthree\n")
				if err == nil || !strings.HasSuffix(err.Error(), name) {
					t.Errorf("error %v", err)
				}
				want(t, "apologies", 1, strings.Count(out, texts.Apology))
				want(t, "goodbyes", 1, strings.Count(out, texts.Trouble))
				want(t, "the model's history", []pipeline.Message{
					{Role: pipeline.Agent, Text: texts.Greeting},
					{Role: pipeline.Caller, Text: "one"},
					{Role: pipeline.Agent, Text: "We are", Cut: true},
					{Role: pipeline.Agent, Text: texts.Apology},
					{Role: pipeline.Caller, Text: "two"},
				}, model.history())
			})
		})
	}
}

// TestTalkStreams: words are written as the model makes them.
func TestTalkStreams(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in, caller := io.Pipe()
		terminal, out := io.Pipe()
		var shown strings.Builder
		go func() { _, _ = io.Copy(&shown, terminal) }()
		done := make(chan error)
		model := &declared.Model{FirstToken: time.Second, TokensPerSecond: 1, Reply: declared.Replies("One two three.")}
		ctx, cancel := context.WithCancel(t.Context())
		go func() { done <- pipeline.Talk(ctx, pipeline.Config{}, model, texts, in, out) }()
		_, _ = io.WriteString(caller, "count\n")
		time.Sleep(2500 * ms)
		synctest.Wait()
		if !strings.HasSuffix(shown.String(), "agent: One two") {
			t.Errorf("the terminal says %q", shown.String())
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("cancelled: %v", err)
		}
		_ = caller.Close()
		_ = out.Close()
	})
}

func TestTalkTellsBrokenPipes(t *testing.T) {
	t.Parallel()
	in, caller := io.Pipe()
	_ = caller.CloseWithError(errBroken)
	if err := pipeline.Talk(t.Context(), pipeline.Config{}, &declared.Model{}, texts, in, io.Discard); !errors.Is(err, errBroken) {
		t.Errorf("reading: %v", err)
	}
	terminal, out := io.Pipe()
	_ = terminal.CloseWithError(errBroken)
	if err := pipeline.Talk(t.Context(), pipeline.Config{}, &declared.Model{}, texts, strings.NewReader("hi\n"), out); !errors.Is(err, errBroken) {
		t.Errorf("writing: %v", err)
	}
}
