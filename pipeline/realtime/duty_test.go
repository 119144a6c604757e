package realtime

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"trunkline/pipeline/dutysuite"
	"trunkline/pipeline/realtime/realtimetest"
)

func TestDuties(t *testing.T) {
	for _, d := range []Detection{Own, Server} {
		for name, late := range map[string]time.Duration{"words at once": 0, "words later": 700 * ms} {
			t.Run(string(d)+", "+name, func(t *testing.T) {
				dutysuite.Run(t, func(t *testing.T, s *dutysuite.Setup) dutysuite.Held {
					t.Helper()
					srv := realtimetest.New(s.Says...)
					srv.WordsAfter = late
					var replies []realtimetest.Reply
					for i, r := range s.Replies {
						said := realtimetest.Reply{Text: r.Text, Delay: 100 * ms, Hang: r.Silent}
						if r.Call {
							said.Calls = []realtimetest.Call{{ID: fmt.Sprintf("c%d", i), Name: dutysuite.Pay, Args: "{}"}}
						}
						replies = append(replies, said)
					}
					srv.Say(replies...)
					p, closed := serve(t, Config{Detection: d}, srv)

					return dutysuite.Held{
						Conversation: p.New(s.Config, s.Lines, s.Player, s.Observer),
						Told:         func() string { return told(srv) },
						Close:        closed,
					}
				})
			})
		}
	}
}

// told is all that the server was told in words.
func told(srv *realtimetest.Server) string {
	var all []any
	for _, s := range srv.Sessions() {
		for _, e := range slices.Concat(s.Sent("conversation.item.create"), s.Sent("response.create")) {
			all = append(all, e)
		}
	}

	return fmt.Sprint(all...)
}
