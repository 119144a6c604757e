package acceptance

import (
	"testing"
	"time"
)

// The database is stopped, paused and killed and the gateway killed twice while
// a dozen calls run: all is accounted for. Other seeds, and fifty calls: trunkline
// bench chaos.
func TestNothingIsLostInChaos(t *testing.T) {
	t.Parallel()
	need(t, "initdb", "postgresql")
	p := start(t, nil, "bench", "chaos", "--quick", "--seed", "1")
	if code := p.wait(t, 6*time.Minute); code != 0 {
		t.Errorf("exit %d: %s", code, tail(read(t, p.stdout)))
	}
	t.Log(tail(read(t, p.stdout)))
}
