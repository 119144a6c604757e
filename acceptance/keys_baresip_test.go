package acceptance

import (
	"strings"
	"testing"
	"time"

	"trunkline/pipeline/turn"
	"trunkline/storage"
)

// baresip presses keys as a person at it would.
func TestBaresipPressesKeys(t *testing.T) {
	t.Parallel()
	g := serve(t, desk(), nil)
	phone := baresip(t, "baresip", baresipSettings{})
	phone.do(t, "dial", g.target())
	g.talks(t)
	const keys = "2580*#"
	for _, key := range keys {
		phone.do(t, "sndcode", string(key))
		time.Sleep(300 * time.Millisecond) // a person's pace
	}
	time.Sleep(500 * time.Millisecond)
	phone.do(t, "hangup", "")
	h := g.only(t)
	checkEnd(t, h, "caller_hangup", storage.FaultCaller)
	if got := strings.Join(recorded(t, h, turn.KeyPressed), ""); got != keys {
		t.Errorf("the record has the keys %q, want %q", got, keys)
	}
}
