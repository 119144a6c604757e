package script

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"trunkline/pipeline"
)

// talk is a conversation under test. Each say adds what the caller said and
// the agent's whole reply to the history.
type talk struct {
	t       testing.TB
	s       *Script
	vars    map[string]string
	history []pipeline.Message
	act     *pipeline.Act
}

func newTalk(t testing.TB, s *Script) *talk {
	return &talk{t: t, s: s, history: []pipeline.Message{{Role: pipeline.Agent, Text: s.Greeting()}}}
}

func (c *talk) reply(text string) string {
	c.t.Helper()
	c.history = append(c.history, pipeline.Message{Role: pipeline.Caller, Text: text})
	said := ""
	c.act = nil
	for d, err := range c.s.Generate(context.Background(), pipeline.Request{Vars: c.vars, History: c.history}) {
		if err != nil {
			c.t.Fatalf("reply to %q: %v", text, err)
		}
		said += d.Text
		if d.Act != nil {
			c.act = d.Act
		}
	}
	return said
}

// say is heard in full.
func (c *talk) say(text string) string {
	c.t.Helper()
	said := c.reply(text)
	c.history = append(c.history, pipeline.Message{Role: pipeline.Agent, Text: said})
	return said
}

// cut is a reply that the caller interrupts after some words.
func (c *talk) cut(text string, words int) string {
	c.t.Helper()
	said := c.reply(text)
	heard := strings.Join(strings.Fields(said)[:words], " ")
	c.history = append(c.history, pipeline.Message{Role: pipeline.Agent, Text: heard, Cut: true})
	return said
}

// expect checks each caller's words against what the agent says to them.
func (c *talk) expect(turns ...[2]string) {
	c.t.Helper()
	for _, turn := range turns {
		if diff := cmp.Diff(turn[1], c.say(turn[0])); diff != "" {
			c.t.Fatalf("to %q the agent says (-want +got):\n%s", turn[0], diff)
		}
	}
}

func TestBookingFromStartToEnd(t *testing.T) {
	t.Parallel()
	c := newTalk(t, load(t))
	c.expect(
		[2]string{"what are your opening hours", "We are open from Monday to Friday, from nine in the morning to five in the afternoon. Is there anything else I can do for you?"},
		[2]string{"i would like to book an appointment", "Which day would suit you?"},
		[2]string{"tuesday", "At what time on Tuesday?"},
		[2]string{"ten thirty in the morning", "And what is your name, please?"},
		[2]string{"my name is john smith", "So that is Tuesday at ten thirty in the morning, for John Smith. Is that right?"},
		[2]string{"yes please", "Your appointment is booked for Tuesday at ten thirty in the morning. We look forward to seeing you, John Smith. Can I help you with anything else?"},
		[2]string{"no thank you", "Thank you for calling Harbor Street Dental. Goodbye."},
	)
	if c.act == nil || c.act.Name != pipeline.ActHangUp {
		t.Errorf("the act after goodbye is %+v, want hang_up", c.act)
	}
}

func TestSlotsGivenAtOnceAreNotAskedFor(t *testing.T) {
	t.Parallel()
	c := newTalk(t, load(t))
	c.expect(
		[2]string{"can i get an appointment on wednesday at three in the afternoon", "And what is your name, please?"},
		[2]string{"mary jones", "So that is Wednesday at three in the afternoon, for Mary Jones. Is that right?"},
	)
}

func TestCorrections(t *testing.T) {
	t.Parallel()
	c := newTalk(t, load(t))
	c.expect(
		[2]string{"i would like to book an appointment", "Which day would suit you?"},
		[2]string{"on tuesday", "At what time on Tuesday?"},
		[2]string{"no wednesday", "And what time would suit you?"},
		[2]string{"half past ten", "And what is your name, please?"},
		[2]string{"john smith", "So that is Wednesday at ten thirty in the morning, for John Smith. Is that right?"},
		[2]string{"no at eleven", "Let me check. Wednesday at eleven in the morning, for John Smith. Is that correct?"},
		[2]string{"no", "What should I change, the day, the time or the name?"},
		[2]string{"the day", "Which day of the week would you like to come?"},
		[2]string{"friday", "So that is Friday at eleven in the morning, for John Smith. Is that right?"},
		[2]string{"no my name is peter wilson", "Let me check. Friday at eleven in the morning, for Peter Wilson. Is that correct?"},
		[2]string{"that's right", "Your appointment is booked for Friday at eleven in the morning. We look forward to seeing you, Peter Wilson. Is there anything else I can do for you?"},
	)
}

func TestValuesThatAreNotAllowedAreRefused(t *testing.T) {
	t.Parallel()
	c := newTalk(t, load(t))
	c.expect(
		[2]string{"i would like to book an appointment", "Which day would suit you?"},
		[2]string{"saturday", "I am sorry, we are closed on Saturday. Which other day would suit you?"},
		[2]string{"monday then", "At what time on Monday?"},
		[2]string{"at seven in the evening", "I am sorry, we have no appointments at seven in the evening. We see patients between nine in the morning and half past four. What time would suit you?"},
		[2]string{"at four", "And what is your name, please?"},
	)
}

func TestQuestionsInTheMiddleOfABooking(t *testing.T) {
	t.Parallel()
	c := newTalk(t, load(t))
	c.expect(
		[2]string{"i would like to book an appointment", "Which day would suit you?"},
		[2]string{"where are you located", "We are at twelve Harbor Street, next to the central library. Which day of the week would you like to come?"},
		[2]string{"thursday", "At what time on Thursday?"},
		[2]string{"what are your opening hours", "We are open from Monday to Friday, from nine in the morning to five in the afternoon. And what time would suit you?"},
		[2]string{"what did you say", "We are open from Monday to Friday, from nine in the morning to five in the afternoon. And what time would suit you?"},
		[2]string{"at ten", "And what is your name, please?"},
		[2]string{"i would like to speak to a person", "I will put you through to a colleague. One moment, please."},
	)
	if diff := cmp.Diff(&pipeline.Act{Name: pipeline.ActHandOff, Args: map[string]string{"target": "front-desk", "reason": "person"}}, c.act); diff != "" {
		t.Errorf("act (-want +got):\n%s", diff)
	}
}

func TestCancelGivesABookingUp(t *testing.T) {
	t.Parallel()
	c := newTalk(t, load(t))
	c.expect(
		[2]string{"i would like to book an appointment", "Which day would suit you?"},
		[2]string{"never mind", "Is there anything else I can do for you?"},
		[2]string{"tuesday", "Sorry, I did not get that. Could you say it again?"},
	)
}

func TestNotUnderstood(t *testing.T) {
	t.Parallel()
	c := newTalk(t, load(t))
	c.expect(
		[2]string{"blue seventeen umbrella", "Sorry, I did not get that. Could you say it again?"},
		[2]string{"umbrella", "I am sorry, I still did not understand. You can ask for our opening hours, our address, or an appointment."},
		[2]string{"violin", "I am having trouble understanding you. Would you like to speak to a person?"},
		[2]string{"no", "What else can I do for you?"},
		[2]string{"violin", "Sorry, I did not get that. Could you say it again?"},
		[2]string{"where are you located", "We are at twelve Harbor Street, next to the central library. Is there anything else I can do for you?"},
		[2]string{"violin", "Sorry, I did not get that. Could you say it again?"},
		[2]string{"violin", "I am sorry, I still did not understand. You can ask for our opening hours, our address, or an appointment."},
		[2]string{"violin", "I am having trouble understanding you. Would you like to speak to a person?"},
		[2]string{"violin", "I will put you through to a colleague. One moment, please."},
	)
	if c.act == nil || c.act.Name != pipeline.ActHandOff {
		t.Errorf("the act is %+v, want hand_off", c.act)
	}
}

func TestAnswerNotUnderstoodAsksTheQuestionAgain(t *testing.T) {
	t.Parallel()
	c := newTalk(t, load(t))
	c.expect(
		[2]string{"i would like to book an appointment", "Which day would suit you?"},
		[2]string{"umbrella", "Sorry, I did not get that. Which day of the week would you like to come?"},
		[2]string{"wednesday", "At what time on Wednesday?"},
		[2]string{"violin", "I am sorry. And what time would suit you?"},
		[2]string{"violin", "Sorry, I did not get that. At what time on Wednesday?"},
		[2]string{"violin", "I am having trouble understanding you. Would you like to speak to a person?"},
		[2]string{"no thank you", "And what time would suit you?"},
		[2]string{"at ten", "And what is your name, please?"},
	)
}

// A question that was cut off before it was heard is asked again, and what
// the caller said instead is not held against them.
func TestQuestionThatWasNotHeard(t *testing.T) {
	t.Parallel()
	c := newTalk(t, load(t))
	c.expect([2]string{"can i get an appointment on monday at nine", "And what is your name, please?"})
	c.cut("john smith", 3) // "So that is"
	for range 3 {
		if got := c.cut("hm mm", 2); got != "So that is Monday at nine in the morning, for John Smith. Is that right?" {
			t.Fatalf("after a cut question the agent says %q", got)
		}
	}
	if got := c.cut("yes", 1); !strings.HasPrefix(got, "So that is Monday") {
		t.Errorf("a yes to a question nobody heard gives %q", got)
	}
	if got := c.say("what"); !strings.HasPrefix(got, "So that is Monday") {
		t.Errorf("the agent says %q", got)
	}
	if got := c.say("yes"); !strings.HasPrefix(got, "Your appointment is booked for Monday") {
		t.Errorf("a yes to the question gives %q", got)
	}
}

func TestCutQuestionMayBeAnsweredAllTheSame(t *testing.T) {
	t.Parallel()
	c := newTalk(t, load(t))
	c.cut("i would like to book an appointment", 1)
	c.expect([2]string{"tuesday", "At what time on Tuesday?"})
}

func TestHandOffThatWasCutIsTakenUpAgain(t *testing.T) {
	t.Parallel()
	c := newTalk(t, load(t))
	c.cut("i would like to speak to a person", 2)
	if got := c.cut("ok", 2); got != "I will put you through to a colleague. One moment, please." || c.act == nil {
		t.Errorf("ok gives %q, act %v", got, c.act)
	}
	if got := c.cut("where are you located", 2); !strings.HasSuffix(got, "library. I will put you through to a colleague. One moment, please.") || c.act == nil {
		t.Errorf("a question gives %q, act %v", got, c.act)
	}
	if got := c.say("no wait"); got != "What else can I do for you?" || c.act != nil {
		t.Errorf("no gives %q, act %v", got, c.act)
	}
}

func TestGoodbyeThatWasCut(t *testing.T) {
	t.Parallel()
	c := newTalk(t, load(t))
	c.cut("goodbye", 2)
	if got := c.say("wait what are your opening hours"); !strings.HasPrefix(got, "We are open") || c.act != nil {
		t.Errorf("a question gives %q, act %v", got, c.act)
	}
	c.cut("goodbye", 1)
	if got := c.say("bye"); got != "Thank you for calling Harbor Street Dental. Goodbye." || c.act == nil {
		t.Errorf("bye gives %q, act %v", got, c.act)
	}
}

// An idle prompt between question and answer changes nothing, and "yes, I am
// here" is no failed answer.
func TestIdlePromptInBetween(t *testing.T) {
	t.Parallel()
	s := load(t)
	c := newTalk(t, s)
	c.expect([2]string{"i would like to book an appointment", "Which day would suit you?"})
	c.history = append(c.history, pipeline.Message{Role: pipeline.Agent, Text: s.Lines().Idle[0]})
	c.expect(
		[2]string{"yes i am here", "Which day of the week would you like to come?"},
		[2]string{"tuesday", "At what time on Tuesday?"},
	)
}

// The caller's turn may come in two messages, when the first got no answer in
// time.
func TestTwoMessagesInARow(t *testing.T) {
	t.Parallel()
	c := newTalk(t, load(t))
	c.reply("i would like to book an appointment")
	c.expect([2]string{"on friday", "At what time on Friday?"})
	c = newTalk(t, load(t))
	c.reply("where are you located")
	c.expect([2]string{"please", "We are at twelve Harbor Street, next to the central library. Is there anything else I can do for you?"})
}

func TestVariables(t *testing.T) {
	t.Parallel()
	c := newTalk(t, load(t))
	c.vars = map[string]string{"hours": "all night"}
	c.expect([2]string{"when are you open", "We are open all night. Is there anything else I can do for you?"})
}

func TestRepliesComeInPieces(t *testing.T) {
	t.Parallel()
	s := load(t)
	history := []pipeline.Message{{Role: pipeline.Caller, Text: "where are you located"}}
	var pieces []string
	for d, err := range s.Generate(t.Context(), pipeline.Request{History: history}) {
		if err != nil {
			t.Fatal(err)
		}
		pieces = append(pieces, d.Text)
	}
	if diff := cmp.Diff([]string{"We", " are", " at", " twelve", " Harbor", " Street", ",", " next"}, pieces[:8]); diff != "" {
		t.Errorf("pieces (-want +got):\n%s", diff)
	}
}

func TestGenerateStopsWhenTold(t *testing.T) {
	t.Parallel()
	s := load(t)
	req := pipeline.Request{History: []pipeline.Message{{Role: pipeline.Caller, Text: "where are you located"}}}
	n := 0
	for range s.Generate(t.Context(), req) {
		if n++; n == 2 {
			break
		}
	}
	if n != 2 {
		t.Errorf("%d deltas after a break at 2", n)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	errCut := errors.New("the caller spoke")
	var last error
	n = 0
	for _, err := range s.Generate(ctx, req) {
		last = err
		n++
		cancel(errCut)
	}
	if n != 2 || !errors.Is(last, errCut) {
		t.Errorf("%d deltas and %v after cancelling at the first, want 2 and the cause", n, last)
	}
}

func TestNothingToAnswer(t *testing.T) {
	t.Parallel()
	s := load(t)
	for _, h := range [][]pipeline.Message{nil, {{Role: pipeline.Agent, Text: "Hello."}}} {
		for _, err := range s.Generate(t.Context(), pipeline.Request{History: h}) {
			if !errors.Is(err, ErrNothingToAnswer) {
				t.Errorf("history %v gives %v, want ErrNothingToAnswer", h, err)
			}
		}
	}
}

// fataler is a testing.TB or a rapid.T.
type fataler interface {
	Fatalf(format string, args ...any)
}

// generate collects a reply, acts in brackets.
func generate(t fataler, s *Script, h []pipeline.Message) string {
	var b strings.Builder
	n := 0
	for d, err := range s.Generate(context.Background(), pipeline.Request{History: h}) {
		if err != nil {
			t.Fatalf("%v", err)
		}
		b.WriteString(d.Text)
		if d.Act != nil {
			b.WriteString("[" + d.Act.Name + "]")
		}
		if n++; n > 10_000 {
			t.Fatalf("the reply does not end")
		}
	}
	return b.String()
}

// Whatever was said and heard, there is a reply, and the same one twice.
func TestAnyHistoryHasOneReply(t *testing.T) {
	t.Parallel()
	s := load(t)
	phrases := append(s.Phrases(), "", "umbrella", "hm", "no wednesday", "at seven in the evening", "the day is wrong", "yes no maybe")
	rapid.Check(t, func(t *rapid.T) {
		var h []pipeline.Message
		for range rapid.IntRange(1, 12).Draw(t, "turns") {
			h = append(h, pipeline.Message{Role: pipeline.Caller, Text: rapid.SampledFrom(phrases).Draw(t, "heard")})
			said := generate(t, s, h)
			if said == "" {
				t.Fatalf("there is no reply to %q", h[len(h)-1].Text)
			}
			if again := generate(t, s, h); again != said {
				t.Fatalf("the reply is %q and then %q", said, again)
			}
			spoken, _, _ := strings.Cut(said, "[")
			words := strings.Fields(spoken)
			switch rapid.IntRange(0, 3).Draw(t, "how") {
			case 0: // nothing was heard
			case 1:
				n := rapid.IntRange(0, len(words)).Draw(t, "words")
				h = append(h, pipeline.Message{Role: pipeline.Agent, Text: strings.Join(words[:n], " "), Cut: true})
			default:
				h = append(h, pipeline.Message{Role: pipeline.Agent, Text: said})
			}
		}
	})
}

func FuzzGenerate(f *testing.F) {
	s := load(f)
	for _, p := range []string{
		"i would like to book an appointment|tuesday|ten thirty|john smith|no|the day|friday|yes",
		"where are you||what did you say|no thank you", "umbrella|violin|blue|yes", "half past|quarter to|at|o'clock|my name is|no",
		"double|triple nine|one hundred and|99:99|\xff\xfe|日本|" + strings.Repeat("open ", 200),
	} {
		f.Add(p, uint64(0b1011_0110))
	}
	f.Fuzz(func(t *testing.T, calls string, cuts uint64) {
		if len(calls) > 2000 {
			t.Skip("only more of the same")
		}
		var h []pipeline.Message
		for i, heard := range strings.SplitN(calls, "|", 20) {
			h = append(h, pipeline.Message{Role: pipeline.Caller, Text: heard})
			said := generate(t, s, h)
			if again := generate(t, s, h); again != said || said == "" {
				t.Fatalf("the reply to %q is %q and then %q", heard, said, again)
			}
			switch cuts >> (2 * i) & 3 {
			case 0:
			case 1:
				h = append(h, pipeline.Message{Role: pipeline.Agent, Text: said[:len(said)/2], Cut: true})
			default:
				h = append(h, pipeline.Message{Role: pipeline.Agent, Text: said})
			}
		}
	})
}

func BenchmarkGenerate(b *testing.B) {
	c := newTalk(b, load(b))
	for range 5 {
		c.say("i would like to book an appointment")
		c.say("tuesday at ten")
		c.say("my name is john smith")
		c.say("yes please")
	}
	b.ReportMetric(float64(len(c.history)), "messages")
	for b.Loop() {
		generate(b, c.s, c.history[:len(c.history)-1])
	}
}
