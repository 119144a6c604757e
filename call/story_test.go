package call

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"trunkline/media"
	"trunkline/pipeline/turn"
	"trunkline/storage"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestStory(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 14, 9, 26, 53, 589e6, time.UTC)
	record := func(reason Reason, change func(h *storage.History)) storage.History {
		h := storage.History{Call: storage.Call{
			ID:        uuid.MustParse("01900000-0000-7000-8000-000000000001"),
			Direction: storage.Inbound, Door: storage.DoorSIP, Trunk: "carrier", Agent: "reception",
			From: "+15550100123", To: "+15550100999", DoorCallID: "a@b",
			State: storage.Ended, StartedAt: start, AnsweredAt: start.Add(240 * time.Millisecond),
			EndedAt: start.Add(65 * time.Second), EndReason: string(reason), Fault: reason.Fault(),
			Media: &storage.Media{
				Codec: "PCMU", Local: "127.0.0.1:16384", Remote: "127.0.0.1:4000",
				PacketsIn: 3200, PacketsOut: 3241, Lost: 2, Late: 1, JitterMS: 1.25,
			},
		}}
		change(&h)

		return h
	}
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	reply := func(n, endpoint, token int, cut bool) storage.Turn {
		return storage.Turn{Number: n, Role: storage.Agent, Text: "secret words", Interrupted: cut, Latency: storage.Latency{
			Total:  ms(endpoint + token),
			Stages: []storage.Stage{{Name: "endpoint", Took: ms(endpoint)}, {Name: "first_token", Took: ms(token)}},
		}}
	}
	caller := func(n int) storage.Turn { return storage.Turn{Number: n, Role: storage.Caller, Text: "secret words"} }
	for name, h := range map[string]storage.History{
		"goodbye": record(AgentGoodbye, func(h *storage.History) {
			h.Turns = []storage.Turn{
				{Number: 1, Role: storage.Agent}, caller(2), reply(3, 300, 100, true), caller(4), reply(5, 420, 130, false),
			}
			h.Call.Recording = "/var/lib/trunkline/recordings/1.wav"
		}),
		"tools": record(AgentGoodbye, func(h *storage.History) {
			h.Turns = []storage.Turn{{Number: 1, Role: storage.Agent}, caller(2), reply(3, 300, 100, false)}
			for i, e := range []turn.Event{
				{Kind: turn.ToolStarted, Tool: "book"},
				{Kind: turn.ToolFailed, Tool: "book", Took: ms(900)},
				{Kind: turn.ToolDone, Tool: "look", Took: ms(120)},
				{Kind: turn.ToolDone, Tool: "book", Took: ms(400)},
			} {
				data, err := json.Marshal(StepData{Event: e})
				if err != nil {
					t.Fatal(err)
				}
				h.Events = append(h.Events, storage.Event{Seq: i, Kind: string(e.Kind), Data: data})
			}
			h.Promises.Callbacks = []storage.Callback{{Number: "+15550100123", DueAt: start.Add(48 * time.Hour), Note: "secret words"}}
			h.Promises.OptOuts = []storage.OptOut{{MadeAt: start.Add(time.Minute)}}
		}),
		"providers": record(BudgetSpent, func(h *storage.History) {
			h.Turns = []storage.Turn{{Number: 1, Role: storage.Agent}, caller(2), reply(3, 300, 100, false)}
			h.Call.Costs = []storage.Cost{{Stage: "think", Provider: "gpt", Amount: 12_300_000}, {Stage: "speak", Provider: "aura", Amount: 700_000}}
			for i, e := range []turn.Event{
				{Kind: turn.WarmFailed, Stage: "speak", Text: "aura: unavailable: connection refused"},
				{Kind: turn.ProviderFailed, Stage: "think", Provider: "gpt", Fault: "slow", Text: "gpt: slow: no first token within 1.5s"},
				{Kind: turn.ProviderTook, Stage: "think", Provider: "claude", Took: ms(310)},
				{Kind: turn.ProviderFailed, Stage: "think", Provider: "gpt", Fault: "slow", Text: "gpt: slow: no first token within 1.5s"},
				{Kind: turn.ProviderTook, Stage: "think", Provider: "claude", Took: ms(290)},
			} {
				data, err := json.Marshal(StepData{Event: e})
				if err != nil {
					t.Fatal(err)
				}
				h.Events = append(h.Events, storage.Event{Seq: i, At: time.Duration(i) * time.Second, Kind: string(e.Kind), Data: data})
			}
		}),
		"no_media": record(NoMedia, func(h *storage.History) {
			h.Turns = []storage.Turn{{Number: 1, Role: storage.Agent}}
			h.Call.Media = mediaRecord(media.LegStats{Codec: "PCMU", Local: "127.0.0.1:16384", PacketsOut: 1500})
		}),
		"no_audio_at_all": record(NoACK, func(h *storage.History) {
			h.Call.Media = mediaRecord(media.LegStats{Codec: "PCMU", Local: "127.0.0.1:16384"})
		}),
		"good_sound": record(CallerHangup, func(h *storage.History) {
			h.Call.Media = mediaRecord(media.LegStats{
				Codec: "PCMU", Local: "127.0.0.1:16384", Remote: "127.0.0.1:4000",
				PacketsIn: 3000, PacketsOut: 3000, MOSIn: 4.38, MOSOut: 3.71,
				SRTP: "AES_CM_128_HMAC_SHA1_80", RemoteReports: 12, RemoteLost: 90, RemoteJitter: ms(8), RTT: ms(42),
			})
		}),
		"caller_hears_nothing": record(CallerHangup, func(h *storage.History) {
			h.Call.Media = mediaRecord(media.LegStats{
				Codec: "PCMU", Local: "127.0.0.1:16384", Remote: "127.0.0.1:4000",
				PacketsIn: 3000, PacketsOut: 3000, MOSIn: 2.9, MOSOut: 1, RemoteReports: 12, RemoteLost: 3000,
			})
		}),
		"elsewhere": record(NoMedia, func(h *storage.History) {
			h.Call.Media = mediaRecord(media.LegStats{
				Codec: "PCMU", Local: "127.0.0.1:16384", Remote: "10.0.0.9:4000", PacketsOut: 1500,
				Foreign: 1480, Stranger: "192.0.2.9:4000",
			})
		}),
		"refused": record(LineBusy, func(h *storage.History) {
			h.Call.AnsweredAt, h.Call.Media, h.Call.EndedAt = time.Time{}, nil, start.Add(time.Millisecond)
		}),
		"cancelled": record(CallerCancelled, func(h *storage.History) {
			h.Call.AnsweredAt, h.Call.Media, h.Call.EndedAt = time.Time{}, nil, start.Add(2*time.Second)
		}),
		"crashed": record(GatewayCrashed, func(h *storage.History) {
			h.Call.Media = nil
			h.Turns = []storage.Turn{{Number: 1, Role: storage.Agent}, caller(2)}
		}),
		"running": record("", func(h *storage.History) {
			h.Call.State, h.Call.Media, h.Call.EndedAt, h.Call.Fault = storage.InProgress, nil, time.Time{}, ""
		}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := strings.Join(Story(&h), "\n") + "\n"
			for _, secret := range []string{"secret", "5550100123"} {
				if strings.Contains(got, secret) {
					t.Errorf("the story tells %q", secret)
				}
			}
			path := filepath.Join("testdata", "story", name+".txt")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestTheStoryOfAPlacedCall(t *testing.T) {
	inBubble(t, options{}, func(r *rig) {
		r.outlet(rings(2 * time.Second))
		r.place()
		r.agentTurns(1)
		r.door.end(CallerHangup)
		c := r.placedEnds()
		got := strings.Join(Story(&storage.History{Call: c, Turns: r.journal.turns(), Events: r.journal.events()}), "\n")
		for _, want := range []string{
			"outbound over sip", `purpose "service", campaign "spring"`, "Decision " + c.DecisionID.String(),
			"answered 2.0 s later, by: unknown; nobody spoke, and the agent was first heard 1.2 s after the answer.", "the callee hung up",
		} {
			if !strings.Contains(got, want) {
				t.Errorf("the story lacks %q:\n%s", want, got)
			}
		}
	})
}

func TestTheStoryOfATransfer(t *testing.T) {
	handsOver(t, frontDesk, refuses(&refusedError{Busy, 486, errors.New("busy")}), func(p *persons) {
		p.agentTurns(3)
		p.door.end(CallerHangup)
		h := storage.History{Call: p.end(), Turns: p.journal.turns(), Events: p.journal.events()}
		got := strings.Join(Story(&h), "\n")
		for _, want := range []string{`put the caller through to "desk"`, `The transfer to "desk" failed: busy. The caller came back`} {
			if !strings.Contains(got, want) {
				t.Errorf("the story lacks %q:\n%s", want, got)
			}
		}
	})
}
