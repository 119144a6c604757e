package console

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"trunkline/media/record"
	"trunkline/privacy"
	"trunkline/storage"
)

var (
	callID = uuid.MustParse("01930b2c-7a55-7c1e-9a4e-2f3c5d6e7f80")
	start  = time.Date(2026, 3, 9, 14, 2, 11, 480e6, time.UTC)
)

// sample is a finished call with eight turns, one of them interrupted.
func sample() storage.History {
	answered := start.Add(900 * time.Millisecond)
	h := storage.History{Call: storage.Call{
		ID: callID, Direction: storage.Inbound, Door: storage.DoorSIP, Trunk: "carrier-east",
		From: "+14155550123", To: "+14155550199", Agent: "reception", State: storage.Ended,
		StartedAt: start, AnsweredAt: answered, EndedAt: answered.Add(36200 * time.Millisecond),
		EndReason: "agent_goodbye", Fault: storage.FaultAgent, Recording: "/var/lib/trunkline/recordings/" + callID.String() + ".wav",
		DoorCallID: "5f1c9be2-77@192.0.2.14",
		Media: &storage.Media{
			Codec: "PCMU", Local: "127.0.0.1:20004", Remote: "127.0.0.1:31882", PacketsIn: 1804, PacketsOut: 1811,
			Lost: 3, Late: 1, Reordered: 2, Concealed: 4, JitterMS: 0.8, DelayMS: 40,
		},
		Costs: []storage.Cost{{Stage: "think", Provider: "gpt", Amount: 12_300_000}, {Stage: "speak", Provider: "aura", Amount: 700_000}},
	}}
	turn := func(role storage.Role, from, to float64, text, heard string, stages ...float64) {
		t := storage.Turn{
			CallID: callID, Number: len(h.Turns) + 1, Role: role, Text: privacy.Words(text), HeardText: privacy.Words(heard),
			Interrupted: heard != text, StartedAt: answered.Add(seconds(from)), EndedAt: answered.Add(seconds(to)),
		}
		for i, ms := range stages {
			s := storage.Stage{Name: stageMeanings[i].name, Took: seconds(ms / 1000)}
			t.Latency.Stages = append(t.Latency.Stages, s)
			t.Latency.Total += s.Took
		}
		h.Turns = append(h.Turns, t)
	}
	same := func(role storage.Role, from, to float64, text string, stages ...float64) {
		turn(role, from, to, text, text, stages...)
	}
	same(storage.Agent, 0.1, 3.4, "Good afternoon, you have reached Maple Street Dental. How can I help you?")
	same(storage.Caller, 4.3, 6.2, "what are your opening hours")
	turn(storage.Agent, 7.1, 11.0, "We are open Monday to Friday from nine to six, and on Saturday from ten until two. On public holidays we are closed.",
		"We are open Monday to Friday from nine to six, and on", 480, 22, 96, 210, 11)
	same(storage.Caller, 10.6, 13.1, "okay and can I book an appointment")
	same(storage.Agent, 14.0, 16.3, "Of course. On which day would you like to come?", 512.4, 18.2, 84, 188, 9.6)
	same(storage.Caller, 17.2, 19.4, "next Tuesday at half past ten")
	same(storage.Agent, 20.7, 25.1, "Tuesday at half past ten is free, so I have booked it for you. Is there anything else?", 731, 24, 120, 241, 12)
	same(storage.Caller, 26.0, 27.3, "no thank you goodbye")
	same(storage.Agent, 28.0, 30.2, "Thank you for calling. Goodbye!", 404, 17, 61, 169, 8)
	for i, kind := range []string{"answered", "speech_onset", "speech_offset", "endpoint", "first_token", "barge_in", "hang_up"} {
		h.Events = append(h.Events, storage.Event{
			CallID: callID, Seq: i, At: seconds(float64(i) * 4.81), Kind: kind, Data: json.RawMessage(`{"turn": 3}`),
		})
	}
	return h
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// writeRecording writes a two-channel WAV with noise like speech in h's turns.
func writeRecording(t testing.TB, dir string, h *storage.History) string {
	t.Helper()
	const rate = 8000
	length := int(talked(&h.Call).Seconds() * rate)
	audio := &record.Audio{Rate: rate, Channels: 2, Samples: [][]int16{make([]int16, length), make([]int16, length)}}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range h.Turns {
		turn := &h.Turns[i]
		channel := audio.Samples[0]
		if turn.Role == storage.Agent {
			channel = audio.Samples[1]
		}
		from := int(turn.StartedAt.Sub(h.Call.AnsweredAt).Seconds() * rate)
		to := int(turn.EndedAt.Sub(h.Call.AnsweredAt).Seconds() * rate)
		for n := from; n < to; n++ {
			at := float64(n-from) / rate
			syllable := math.Abs(math.Sin(at*9.5)) * (0.55 + 0.45*math.Sin(at*2.3+float64(i)))
			channel[n] = int16(9000 * syllable * (random.Float64()*2 - 1))
		}
	}
	path := filepath.Join(dir, filepath.Base(h.Call.Recording))
	if err := record.WriteWAV(path, audio); err != nil {
		t.Fatal(err)
	}
	return path
}
