package ledger

import (
	"encoding/json"
	"testing"
	"time"
)

func TestLatency(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	var l Ledger
	if _, ok := l.Total(); ok {
		t.Error("an empty ledger has a total")
	}
	l.Stamp(Speech, at(-100))
	l.Stamp(Speech, at(0)) // the caller went on: the last stamp stands
	l.Stamp(Final, at(250))
	l.Stamp(Endpoint, at(300))
	l.Stamp(Token, at(400))
	l.Stamp(Token, at(410)) // only the first token counts
	l.Stamp(Sentence, at(450))
	l.Stamp(Filler, at(460))
	l.Stamp(Sample, at(480))
	l.Stamp(Packet, at(500))
	l.Stamp(stages, at(900))
	if total, ok := l.Total(); !ok || total != 500*time.Millisecond {
		t.Errorf("total is %v %v", total, ok)
	}
	if !l.At(Token).Equal(at(400)) || !l.At(stages).IsZero() {
		t.Error("stamps are not kept")
	}
	got, err := json.Marshal(l.Latency())
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"endpoint":300,"token":100,"sentence":50,"sample":30,"packet":20,"total":500,"final":250,"filler":460}`
	if string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
	var none Ledger
	none.Stamp(Packet, at(0))
	if got, _ := json.Marshal(none.Latency()); string(got) != "{}" {
		t.Errorf("a turn that the agent began alone has latencies: %s", got)
	}
}
