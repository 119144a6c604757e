package script

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trunkline/pipeline"
)

const callingScript = `
name: desk
vars: {business: Acme}
lines: {greeting: Hello.}
intents:
  - name: booking
    phrases: ["book an appointment for {day}"]
    slots:
      - {name: day, kind: day, ask: [Which day?], refuse: Not then.}
    call:
      tool: book
      args: {day: "{day}", where: "{business}"}
      wait: [Let me see.]
      failed: [I could not book it.]
    replies: ["It is {result.day} at {result.times.0}, number {result.id}."]
    more: true
  - name: goodbye
    phrases: [goodbye]
    replies: [Goodbye.]
    act: hang_up
more: {ask: [Anything else?], yes: What?, no: goodbye}
unknown: {sorry: [Sorry.], ask_again: [Again?], offer: A person?, hand_off: goodbye}
`

func TestCalls(t *testing.T) {
	t.Parallel()
	s, err := Parse([]byte(callingScript), "desk.yaml")
	if err != nil {
		t.Fatal(err)
	}
	asked := []pipeline.Message{{Role: pipeline.Agent, Text: "Hello."}, {Role: pipeline.Caller, Text: "book an appointment for monday"}}
	made := &pipeline.ToolCall{Name: "book", Args: json.RawMessage(`{"day":"Monday","where":"Acme"}`)}
	with := func(content string, failed bool) []pipeline.Message {
		return append(asked[:2:2],
			pipeline.Message{Role: pipeline.Agent, Text: "Let me see.", Calls: []pipeline.ToolCall{*made}},
			pipeline.Message{Role: pipeline.Tool, Results: []pipeline.ToolResult{{Name: "book", Content: content, Failed: failed}}})
	}
	booked := with(`{"day": "Monday", "times": ["nine"], "id": 12}`, false)
	for name, tt := range map[string]struct {
		history []pipeline.Message
		text    string
		call    *pipeline.ToolCall
		act     string
	}{
		"it is called":       {history: asked, text: "Let me see.", call: made},
		"its result is told": {history: booked, text: "It is Monday at nine, number 12. Anything else?"},
		"its failure too":    {history: with("no", true), text: "I could not book it. Anything else?"},
		"the talk goes on": {
			history: append(booked[:4:4],
				pipeline.Message{Role: pipeline.Agent, Text: "It is Monday at nine, number 12. Anything else?"}, pipeline.Message{Role: pipeline.Caller, Text: "no"}),
			text: "Goodbye.", act: "hang_up",
		},
		"cut off, it is asked for again": {
			history: append(booked[:4:4], pipeline.Message{Role: pipeline.Caller, Text: "what did you say"}), text: "Let me see.", call: made,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var text strings.Builder
			var call *pipeline.ToolCall
			act := ""
			for d, err := range s.Generate(t.Context(), pipeline.Request{History: tt.history}) {
				if err != nil {
					t.Fatal(err)
				}
				text.WriteString(d.Text)
				if d.Call != nil {
					call = d.Call
				}
				if d.Act != nil {
					act = d.Act.Name
				}
			}
			if d := cmp.Diff(tt.call, call); d != "" || text.String() != tt.text || act != tt.act {
				t.Errorf("said %q, did %q, call (-want +got):\n%s", text.String(), act, d)
			}
		})
	}
}

func TestMistakesInCalls(t *testing.T) {
	t.Parallel()
	for old, tt := range map[string]struct{ text, want string }{
		"      tool: book\n":                            {"", "names no tool"},
		"      failed: [I could not book it.]\n":        {"", "no failed texts"},
		"wait: [Let me see.]":                           {"wait: [\"It is {result}.\"]", "{result} is no slot"},
		"args: {day: \"{day}\", where: \"{business}\"}": {"args: {day: \"{time}\"}", "{time} is no slot"},
	} {
		src := strings.Replace(callingScript, old, tt.text, 1)
		if _, err := Parse([]byte(src), "desk.yaml"); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: got %v, want %q", tt.text, err, tt.want)
		}
	}
}
