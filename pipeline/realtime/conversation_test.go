package realtime

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"trunkline/media"
	"trunkline/pipeline"
	"trunkline/pipeline/prompt"
	"trunkline/pipeline/realtime/realtimetest"
	"trunkline/pipeline/turn"
	"trunkline/pipeline/vendortest"
)

const answer = "We are open from nine to five on weekdays and until noon on Saturdays."

// A whole call: a question, an answer that is interrupted, another answer.
func TestInterruptedAnswer(t *testing.T) {
	for _, d := range []Detection{Own, Server, Semantic} {
		t.Run(string(d), func(t *testing.T) {
			srv := realtimetest.New("When do you open?", "No, on Sunday.")
			srv.Say(realtimetest.Reply{Text: answer, Delay: 100 * ms}, realtimetest.Reply{Text: "We are closed on Sunday."})
			converse(t, Config{Detection: d, Price: Price{TextInput: 1, AudioInput: 10, TextOutput: 2, AudioOutput: 20}}, pipeline.Config{}, srv, func(c *call) {
				c.greeted()
				c.Speak(800 * ms)
				c.Await(turn.Speaking)
				c.Run(1500 * ms)
				c.Speak(1000 * ms)
				played := c.Player.Heard(2).Played
				heard := c.Player.Heard(2).Text
				c.Await(turn.Thinking)
				c.Await(turn.Speaking)
				c.Until("four turns", func() bool { return len(c.Notes.Turns()) >= 5 })
				all := c.Notes.Turns()
				for i, want := range []string{"", "When do you open?", heard, "No, on Sunday.", "We are closed on Sunday."} {
					if all[i].Number != i+1 || want != "" && all[i].Heard != want {
						c.Errorf("turn %d is %+v, want %q", i, all[i], want)
					}
				}
				if !all[2].Interrupted || all[2].Text != answer || !strings.HasPrefix(answer, heard) || heard == "" || heard == answer {
					c.Errorf("of the answer %+v was heard", all[2])
				}
				if lag, ok := all[2].Ledger.Total(); !ok || lag <= 0 || lag > 6*time.Second {
					c.Errorf("the answer took %v, %v", lag, ok)
				}
				s := c.server.Sessions()[0]
				cuts := s.Sent("conversation.item.truncate")
				if len(cuts) != 1 || int(cuts[0]["audio_end_ms"].(float64)) != int(played)/8 {
					c.Errorf("truncated by %v, and %d samples were played", cuts, played)
				}
				truncated := slices.ContainsFunc(s.Items(), func(i realtimetest.Item) bool { return i.Truncated && i.MS == int(played)/8 })
				if !truncated {
					c.Errorf("the server has %+v", s.Items())
				}
				if n := len(s.Sent("response.create")); n != 2 {
					c.Errorf("%d responses were asked for", n)
				}
				if charges := c.conv.Charges(); len(charges) != 1 || charges[0].Cost <= 0 {
					c.Errorf("it cost %+v", charges)
				}
			})
		})
	}
}

// The answer does not wait for the caller's words, and the records have them in
// their place.
func TestAnswerBeforeTheWords(t *testing.T) {
	for _, d := range []Detection{Own, Server} {
		t.Run(string(d), func(t *testing.T) {
			srv := realtimetest.New("When do you open?")
			srv.WordsAfter = 3 * time.Second
			srv.Say(realtimetest.Reply{Text: "At nine."})
			converse(t, Config{Detection: d}, pipeline.Config{}, srv, func(c *call) {
				c.greeted()
				c.Speak(800 * ms)
				c.Await(turn.Speaking)
				if n := len(c.Notes.Of(turn.Partial)) + len(c.Notes.Of(turn.Final)); n != 0 {
					c.Errorf("%d times words came before the answer", n)
				}
				c.Until("the turns", func() bool { return len(c.Notes.Turns()) == 3 })
				all := c.Notes.Turns()
				if all[1].Text != "When do you open?" || all[1].Number != 2 || all[2].Heard != "At nine." || all[2].Number != 3 {
					c.Errorf("%+v", all)
				}
			})
		})
	}
}

// A short sound that the server does not take for speech is no turn.
func TestClickIsNoTurn(t *testing.T) {
	for _, d := range []Detection{Own, Server} {
		t.Run(string(d), func(t *testing.T) {
			srv := realtimetest.New("")
			srv.Say(realtimetest.Reply{Text: "At nine."})
			converse(t, Config{Detection: d}, pipeline.Config{}, srv, func(c *call) {
				c.greeted()
				c.Speak(80 * ms)
				c.Run(5 * time.Second)
				if n := len(c.server.Sessions()[0].Sent("response.create")); n != 0 {
					c.Errorf("%d responses were asked for", n)
				}
			})
		})
	}
}

// What the caller says while a session is opened anew is answered by the next.
func TestSpeechBetweenSessions(t *testing.T) {
	srv := realtimetest.New("When do you open?", "And on Sunday?")
	srv.Say(realtimetest.Reply{Text: "At nine."}, realtimetest.Reply{Text: "Closed."})
	converse(t, Config{Detection: Own}, pipeline.Config{}, srv, func(c *call) {
		c.greeted()
		c.Speak(800 * ms)
		c.Until("the answer", func() bool { return slices.Contains(c.heard(), "At nine.") })
		srv.Refuse(503)
		srv.Sessions()[0].Break()
		c.Run(200 * ms)
		srv.Refuse(0)
		c.Speak(400 * ms)
		c.Until("the next answer", func() bool { return slices.Contains(c.heard(), "Closed.") })
		if n := len(srv.Sessions()); n != 2 {
			c.Errorf("%d sessions", n)
		}
	})
}

// A cough pauses the agent with the next frame and does not stop it.
func TestCoughResumes(t *testing.T) {
	srv := realtimetest.New("When do you open?")
	srv.Say(realtimetest.Reply{Text: answer})
	converse(t, Config{Detection: Own}, pipeline.Config{}, srv, func(c *call) {
		c.greeted()
		c.Speak(800 * ms)
		c.Await(turn.Speaking)
		c.Run(time.Second)
		c.Phone.Loud = true
		c.Await(turn.Interrupted)
		c.Run(2 * media.FrameDuration)
		if !c.Phone.Silent() {
			c.Error("the agent is heard over the caller")
		}
		c.Phone.Loud = false
		c.Await(turn.Speaking)
		c.Until("the whole answer", func() bool { return slices.Contains(c.heard(), answer) })
		s := c.server.Sessions()[0]
		if n := len(s.Sent("conversation.item.truncate")) + len(s.Sent("response.cancel")); n != 0 {
			c.Errorf("%q", s.Events())
		}
	})
}

// A tool runs while the words before it are spoken, and the model goes on with
// its result.
func TestToolDuringSpeech(t *testing.T) {
	srv := realtimetest.New("A table for four, please.")
	srv.Say(realtimetest.Reply{Text: "Let me see about that for you.", Calls: []realtimetest.Call{{ID: "c1", Name: "book", Args: `{"seats":4}`}}},
		realtimetest.Reply{Text: "It is booked."})
	tools := &toolbox{took: 300 * ms, changes: true}
	converse(t, Config{}, pipeline.Config{Tools: tools}, srv, func(c *call) {
		c.greeted()
		c.Speak(900 * ms)
		c.Await(turn.Speaking)
		c.Until("the tool", func() bool { return len(tools.ran()) == 1 })
		if c.Player.Heard(2).Complete {
			c.Error("the tool ran after the words")
		}
		c.Until("the end of the reply", func() bool {
			return slices.Contains(c.heard(), "Let me see about that for you. It is booked.")
		})
		s := c.server.Sessions()[0]
		results := s.Sent("conversation.item.create")
		if len(results) != 2 || results[1]["item"].(map[string]any)["call_id"] != "c1" { // the first one is the greeting
			c.Errorf("%v", results)
		}
		if d, f := len(c.Notes.Of(turn.ToolStarted)), len(c.Notes.Of(turn.ToolDone)); d != 1 || f != 1 {
			c.Errorf("%d calls began, %d were done", d, f)
		}
	})
}

// A call that changes something survives an interruption, and is not made twice
// while it runs.
func TestInterruptedToolIsNotMadeTwice(t *testing.T) {
	srv := realtimetest.New("A table for four, please.", "Is it done?")
	wish := []realtimetest.Call{{ID: "c1", Name: "book", Args: `{"seats":4}`}}
	again := []realtimetest.Call{{ID: "c2", Name: "book", Args: `{"seats":4}`}}
	srv.Say(realtimetest.Reply{Text: "Let me see about that for you right now.", Calls: wish},
		realtimetest.Reply{Text: "I look.", Calls: again}, realtimetest.Reply{Text: "Booked."})
	tools := &toolbox{took: 8 * time.Second, changes: true}
	converse(t, Config{Detection: Own}, pipeline.Config{Tools: tools}, srv, func(c *call) {
		c.greeted()
		c.Speak(900 * ms)
		c.Await(turn.Speaking)
		c.Run(500 * ms)
		c.Speak(1000 * ms)
		c.Until("the answer", func() bool { return slices.Contains(c.heard(), "I look. Booked.") })
		if ran := tools.ran(); len(ran) != 1 {
			c.Errorf("the tool ran with %q", ran)
		}
	})
}

func TestHangUpAfterTheLastWord(t *testing.T) {
	srv := realtimetest.New("Goodbye.")
	srv.Say(realtimetest.Reply{Text: "Have a nice day.", Calls: []realtimetest.Call{{ID: "c1", Name: "book", Args: ""}}})
	tools := &toolbox{act: &pipeline.Act{Name: pipeline.ActHangUp, Args: map[string]string{"reason": "done"}}}
	converse(t, Config{}, pipeline.Config{Tools: tools}, srv, func(c *call) {
		c.greeted()
		c.Speak(900 * ms)
		if out := c.Outcome(); out.Reason != turn.EndGoodbye || out.Args["reason"] != "done" {
			c.Errorf("%+v", out)
		}
		if heard := c.heard(); heard[len(heard)-1] != "Have a nice day." {
			c.Errorf("%q was heard", heard)
		}
	})
}

// Whatever the server does, the caller hears a line, and after two failures in
// a row a goodbye.
func TestServerFails(t *testing.T) {
	for name, r := range map[string]realtimetest.Reply{
		"refused": {Refuse: "rate_limit_exceeded"}, "fails": {Text: answer, Fail: "server_error"}, "cut": {Text: answer, Cut: true},
		"junk": {Text: answer, Junk: true}, "expired": {Text: answer, Expire: true}, "hangs": {Text: "x", Hang: true},
	} {
		t.Run(name, func(t *testing.T) {
			srv := realtimetest.New("When do you open?", "When do you open?")
			srv.Say(r)
			converse(t, Config{Detection: Own}, pipeline.Config{}, srv, func(c *call) {
				c.greeted()
				c.Speak(900 * ms)
				c.Until("the apology", func() bool { return slices.Contains(c.heard(), texts.Apology) })
				c.Await(turn.Listening)
				c.Speak(900 * ms)
				if out := c.Outcome(); out.Reason != turn.EndProvider {
					c.Errorf("%+v", out)
				}
				if heard := c.heard(); heard[len(heard)-1] != texts.Trouble {
					c.Errorf("%q was heard", heard)
				}
			})
		})
	}
}

// A session that is lost is opened anew and knows what was said.
func TestLostSessionIsOpenedAnew(t *testing.T) {
	srv := realtimetest.New("When do you open?", "And on Sunday?", "And on Monday?")
	srv.Say(realtimetest.Reply{Text: answer}, realtimetest.Reply{Text: answer, Expire: true}, realtimetest.Reply{Text: "And closed."}, realtimetest.Reply{Text: "Closed."})
	converse(t, Config{Detection: Own}, pipeline.Config{}, srv, func(c *call) {
		c.greeted()
		c.Speak(900 * ms)
		c.Until("the answer", func() bool { return slices.Contains(c.heard(), answer) })
		c.Speak(900 * ms)
		c.Until("the rest of the answer", func() bool { return slices.Contains(c.heard(), "We are open from nine to five And closed.") })
		c.Speak(900 * ms)
		c.Until("the next answer", func() bool { return slices.Contains(c.heard(), "Closed.") })
		if slices.Contains(c.heard(), texts.Apology) {
			c.Errorf("the caller heard %q", c.heard())
		}
		all := c.server.Sessions()
		if len(all) != 2 {
			c.Fatalf("%d sessions", len(all))
		}
		var said []string
		for _, i := range all[1].Items() {
			said = append(said, i.Role+": "+i.Text)
		}
		before := strings.Join(said, "\n")
		for _, want := range []string{"user: " + prompt.Continue, "assistant: We are open from nine to five", "assistant: " + texts.Greeting, "user: When do you open?", "assistant: " + answer, "user: And on Sunday?"} {
			if !strings.Contains(before, want) {
				c.Errorf("the new session does not know %q:\n%s", want, before)
			}
		}
	})
}

func TestServerStaysAway(t *testing.T) {
	srv := realtimetest.New("When do you open?")
	srv.Say(realtimetest.Reply{Text: answer, Cut: true})
	converse(t, Config{Detection: Own}, pipeline.Config{}, srv, func(c *call) {
		c.greeted()
		srv.Refuse(503)
		c.Speak(900 * ms)
		if out := c.Outcome(); out.Reason != turn.EndProvider {
			c.Errorf("%+v", out)
		}
		if heard := c.heard(); heard[len(heard)-1] != texts.Trouble {
			c.Errorf("%q was heard", heard)
		}
	})
}

// Only speech is sent when the turn machine judges, everything when the server
// does.
func TestWhatIsSent(t *testing.T) {
	for d, want := range map[Detection][2]time.Duration{Own: {time.Second, 2 * time.Second}, Server: {9 * time.Second, 12 * time.Second}} {
		t.Run(string(d), func(t *testing.T) {
			srv := realtimetest.New("When do you open?")
			srv.Say(realtimetest.Reply{Text: "At nine."})
			converse(t, Config{Detection: d}, pipeline.Config{}, srv, func(c *call) {
				c.greeted()
				c.Speak(time.Second)
				c.Run(8 * time.Second)
				if got := c.server.Sessions()[0].Audio(); got < want[0] || got > want[1] {
					c.Errorf("%v of audio came", got)
				}
			})
		})
	}
}

func TestKeysAreWords(t *testing.T) {
	srv := realtimetest.New()
	srv.Say(realtimetest.Reply{Text: "Thank you."})
	converse(t, Config{}, pipeline.Config{}, srv, func(c *call) {
		c.greeted()
		c.Phone.Keys = []media.Digit{{Key: '4'}, {Key: '2'}, {Key: '#'}}
		c.Until("the answer", func() bool { return slices.Contains(c.heard(), "Thank you.") })
		if !slices.ContainsFunc(c.server.Sessions()[0].Items(), func(i realtimetest.Item) bool { return i.Role == "user" && i.Text == "42" }) {
			c.Errorf("the server has %+v", c.server.Sessions()[0].Items())
		}
	})
}

func TestCapAndSilence(t *testing.T) {
	converse(t, Config{}, pipeline.Config{}, realtimetest.New(), func(c *call) {
		if out := c.Outcome(); out.Reason != turn.EndSilent {
			c.Errorf("%+v", out)
		}
	})
}

func TestFinish(t *testing.T) {
	srv := realtimetest.New("When do you open?")
	srv.Say(realtimetest.Reply{Text: answer})
	converse(t, Config{}, pipeline.Config{}, srv, func(c *call) {
		c.greeted()
		c.Speak(900 * ms)
		c.Await(turn.Speaking)
		c.conv.Finish(turn.CapGoodbye, "cap")
		if out := c.Outcome(); out.Reason != "cap" {
			c.Errorf("%+v", out)
		}
		if heard := c.heard(); heard[len(heard)-1] != texts.CapGoodbye {
			c.Errorf("%q was heard", heard)
		}
	})
}

// One call over a real connection.
func TestOverTCP(t *testing.T) {
	t.Parallel()
	srv := realtimetest.New("When do you open?")
	srv.Say(realtimetest.Reply{Text: "At nine."})
	host := httptest.NewServer(srv)
	defer host.Close()
	p := NewProvider(Config{BaseURL: host.URL, Key: vendortest.Key, Model: "gpt-realtime", Detection: Own, Transcription: "whisper-1"})
	defer p.Close()
	c := newCall(t, p, srv, pipeline.Config{})
	defer c.conv.Stop()
	c.greeted()
	c.Speak(600 * ms)
	c.Until("the answer", func() bool { return slices.Contains(c.heard(), "At nine.") })
}

func TestRefused(t *testing.T) {
	t.Parallel()
	host := httptest.NewServer(realtimetest.New())
	defer host.Close()
	p := NewProvider(Config{BaseURL: host.URL, Key: "sk-wrong", Model: "gpt-realtime"})
	defer p.Close()
	err := p.New(pipeline.Config{}, nil, nil, nil).open(t.Context())
	if f := pipeline.Fault(err); err == nil || f.Kind != pipeline.Rejected || strings.Contains(err.Error(), "sk-") {
		t.Error(err)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]*Config{
		"model": {}, "transcription": {Model: "m"}, "detection": {Model: "m", Transcription: "w", Detection: "ours"},
		"threshold": {Model: "m", Transcription: "w", Threshold: 2}, "belong": {Model: "m", Transcription: "w", Detection: Own, Silence: time.Second},
		"eagerness": {Model: "m", Transcription: "w", Eagerness: "low"}, "speed": {Model: "m", Transcription: "w", Speed: 3},
	} {
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestHearAllocatesNothing(t *testing.T) {
	c := NewProvider(Config{Model: "m"}).New(pipeline.Config{}, nil, nil, nil)
	var f media.Frame
	in := media.Inbound{Kind: media.Received, Arrived: time.Now()}
	if n := testing.AllocsPerRun(1000, func() { c.Hear(&f, in, false) }); n != 0 {
		t.Errorf("%v allocations per frame", n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`{"type":"response.output_audio.delta","delta":"//8="}`)
	f.Add(`{"type":"response.done","response":{"status":"failed","status_details":{"error":{"code":"x"}}}}`)
	f.Add(`{"type":"error","error":{"code":"session_expired"}}`)
	p := NewProvider(Config{Model: "m"})
	f.Fuzz(func(t *testing.T, data string) {
		e, err := parse(p.client, []byte(data))
		if (e == nil) == (err == nil) {
			t.Fatal("neither an event nor an error, or both")
		}
	})
}

// TestNoSilenceWhenTheServerFails lets the server fail in each way with a call
// up, once and for good, and measures how long the caller hears nothing while it
// is the agent's turn.
func TestNoSilenceWhenTheServerFails(t *testing.T) {
	for name, r := range map[string]realtimetest.Reply{
		"refused": {Refuse: "rate_limit_exceeded"}, "fails": {Text: answer, Fail: "server_error"}, "cut": {Text: answer, Cut: true},
		"junk": {Text: answer, Junk: true}, "expired": {Text: answer, Expire: true}, "hangs": {Text: answer, Hang: true},
		"hangs at once": {Hang: true}, "slow": {Text: "At nine.", Delay: 4 * time.Second},
	} {
		for _, down := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, down %t", name, down), func(t *testing.T) {
				srv := realtimetest.New("When do you open?", "When do you open?", "When do you open?")
				srv.Say(r, realtimetest.Reply{Text: "At nine."})
				converse(t, Config{Detection: Own}, pipeline.Config{}, srv, func(c *call) {
					c.greeted()
					if down {
						srv.Refuse(http.StatusServiceUnavailable) // no session is opened any more
					}
					c.Speak(900 * ms)
					quiet := time.Duration(0)
					for range 15 * time.Second / media.FrameDuration {
						if s := c.Notes.State(); !c.Phone.Silent() || s != turn.Thinking && s != turn.Speaking {
							quiet = 0
						}
						if quiet += media.FrameDuration; quiet > 1500*ms && (c.Notes.State() == turn.Thinking || c.Notes.State() == turn.Speaking) {
							c.Fatalf("the caller hears nothing for %v; %s, heard %q", quiet, c.Notes.State(), c.heard())
						}
						if len(c.conv.Done()) > 0 {
							break
						}
						c.Run(media.FrameDuration)
					}
					if heard := c.heard(); len(heard) < 2 {
						c.Errorf("the caller heard %q", heard)
					}
				})
			})
		}
	}
}
