package transfer

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestTransfers(t *testing.T) {
	t.Parallel()
	full := Config{How: Bridge, Ring: 20 * time.Second, Brief: true, Accept: '1', Decide: 10 * time.Second}
	plain := Config{How: Bridge, Ring: 20 * time.Second}
	start := Event{Kind: Started}
	for name, tt := range map[string]struct {
		cfg    Config
		events []Event
		want   string // actions, a space between events
		state  State
	}{
		"joined at the answer": {plain, []Event{start, {Kind: Answered}}, "dial,set_timer join", Joined},
		"told, then joined": {
			Config{How: Bridge, Brief: true}, []Event{start, {Kind: Answered}, {Kind: Briefed}}, "dial,set_timer brief join", Joined,
		},
		"accepted after the briefing": {
			full, []Event{start, {Kind: Answered}, {Kind: Briefed}, {Kind: Pressed, Key: '1'}}, "dial,set_timer brief set_timer join", Joined,
		},
		"accepted during the briefing": {full, []Event{start, {Kind: Answered}, {Kind: Pressed, Key: '1'}}, "dial,set_timer brief join", Joined},
		"declined by key":              {full, []Event{start, {Kind: Answered}, {Kind: Pressed, Key: '2'}}, "dial,set_timer brief drop,return", Over},
		"declined by hanging up":       {full, []Event{start, {Kind: Answered}, {Kind: PersonBye}}, "dial,set_timer brief return", Over},
		"not accepted": {
			full, []Event{start, {Kind: Answered}, {Kind: Briefed}, {Kind: TimedOut}}, "dial,set_timer brief set_timer drop,return", Over,
		},
		"the ring timer is no decision": {full, []Event{start, {Kind: Answered}, {Kind: TimedOut}}, "dial,set_timer brief ", Briefing},
		"nobody answers":                {plain, []Event{start, {Kind: TimedOut}}, "dial,set_timer drop,return", Over},
		"an answer after that":          {plain, []Event{start, {Kind: TimedOut}, {Kind: Answered}}, "dial,set_timer drop,return drop", Over},
		"busy":                          {plain, []Event{start, {Kind: NotPut, Why: "busy"}}, "dial,set_timer return", Over},
		"the caller leaves":             {full, []Event{start, {Kind: Answered}, {Kind: CallerBye}}, "dial,set_timer brief drop", Over},
		"the caller leaves the person":  {plain, []Event{start, {Kind: Answered}, {Kind: CallerBye}}, "dial,set_timer join drop", Over},
		"the person leaves the caller":  {plain, []Event{start, {Kind: Answered}, {Kind: PersonBye}}, "dial,set_timer join finish", Over},
		"by the carrier":                {Config{How: Refer}, []Event{start, {Kind: Took}}, "ask finish", Over},
		"the carrier does not":          {Config{How: Refer}, []Event{start, {Kind: Refused}}, "ask return", Over},
		"the carrier joins them":        {Config{How: Refer}, []Event{start, {Kind: Reached}, {Kind: Refused}, {Kind: Took}}, "ask   finish", Over},
		"they talk":                     {Config{How: Refer}, []Event{start, {Kind: Reached}, {Kind: CallerBye}}, "ask  ", Over},
		"the carrier reaches nobody":    {Config{How: Either}, []Event{start, {Kind: NotPut, Why: "busy"}}, "ask return", Over},
		"the carrier does not, we do":   {Config{How: Either}, []Event{start, {Kind: Refused}, {Kind: Answered}}, "ask dial,set_timer join", Joined},
		"the caller leaves meanwhile":   {Config{How: Refer}, []Event{start, {Kind: CallerBye}}, "ask ", Over},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := New(tt.cfg)
			var got []string
			for _, e := range tt.events {
				var done []string
				for _, a := range m.Step(e) {
					done = append(done, string(a.Kind))
				}
				got = append(got, strings.Join(done, ","))
			}
			if text := strings.Join(got, " "); text != tt.want || m.State() != tt.state {
				t.Errorf("got %q in state %s, want %q in %s", text, m.State(), tt.want, tt.state)
			}
		})
	}
}

// TestNobodyIsLeftBehind holds for all events in all orders: the caller is
// joined, returned or put through once at most, and when the transfer is over
// no person's call that was dialed is left up.
func TestNobodyIsLeftBehind(t *testing.T) {
	t.Parallel()
	kinds := []EventKind{Took, Refused, Reached, Answered, NotPut, Briefed, Pressed, TimedOut, PersonBye, CallerBye}
	rapid.Check(t, func(t *rapid.T) {
		m := New(Config{
			How:    rapid.SampledFrom([]How{Bridge, Refer, Either}).Draw(t, "how"),
			Brief:  rapid.Bool().Draw(t, "brief"),
			Accept: rapid.SampledFrom([]byte{0, '1'}).Draw(t, "accept"),
		})
		var actions []ActionKind
		up, dialed := false, false // the person's call
		step := func(e Event) {
			up = (up || e.Kind == Answered && dialed) && e.Kind != PersonBye
			for _, a := range m.Step(e) {
				actions = append(actions, a.Kind)
				dialed = dialed || a.Kind == Dial
				up = up && a.Kind != Drop
			}
		}
		step(Event{Kind: Started})
		for range rapid.IntRange(0, 12).Draw(t, "events") {
			k := rapid.SampledFrom(kinds).Draw(t, "kind")
			if k == Answered && (!dialed || up || slices.Contains(actions, Join)) {
				continue // one answer to one call
			}
			if k == PersonBye && !up {
				continue
			}
			step(Event{Kind: k, Key: rapid.SampledFrom([]byte{'1', '2'}).Draw(t, "key")})
		}
		for _, once := range []ActionKind{Join, Return, Finish, Ask, Dial} {
			if n := len(slices.DeleteFunc(slices.Clone(actions), func(a ActionKind) bool { return a != once })); n > 1 {
				t.Errorf("%s %d times in %v", once, n, actions)
			}
		}
		if slices.Contains(actions, Return) && (slices.Contains(actions, Join) || slices.Contains(actions, Finish)) {
			t.Errorf("returned and put through: %v", actions)
		}
		if m.State() == Over && up {
			t.Errorf("the person's call is left up: %v", actions)
		}
	})
}
