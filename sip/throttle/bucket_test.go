package throttle

import (
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var (
	epoch = time.Unix(0, 0)
	one   = netip.MustParseAddr("192.0.2.1")
	two   = netip.MustParseAddr("192.0.2.2")
)

// TestRate: in any time no more passes than the burst and what the rate gives.
func TestRate(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.Float64Range(0.5, 100).Draw(t, "rate")
		burst := rapid.Float64Range(1, 50).Draw(t, "burst")
		b, table := New(rate, burst), NewTable(rate, burst)
		now, passed := epoch, 0

		for range rapid.IntRange(1, 500).Draw(t, "tries") {
			now = now.Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "ms")) * time.Millisecond)

			allowed := b.Allow(now)
			if allowed {
				passed++
			}

			if table.Allow(one, now) != allowed {
				t.Fatal("the table's bucket is another one")
			}

			if most := burst + now.Sub(epoch).Seconds()*rate + 1e-6; float64(passed) > most {
				t.Fatalf("%d passed, want at most %.2f", passed, most)
			}
		}
	})
}

func TestSourcesAreApart(t *testing.T) {
	t.Parallel()

	table := NewTable(1, 1)
	if !table.Allow(one, epoch) || table.Allow(one, epoch) || !table.Allow(two, epoch) {
		t.Error("one source takes another's tokens")
	}

	if !table.Allow(one, epoch.Add(time.Second)) {
		t.Error("no token after a second")
	}
}

func TestNoLimit(t *testing.T) {
	t.Parallel()

	b, table := New(0, 0), NewTable(0, 0)
	for range 100 {
		if !b.Allow(epoch) || !table.Allow(one, epoch) {
			t.Fatal("a rate of 0 limits")
		}
	}
}

func TestTableIsBounded(t *testing.T) {
	t.Parallel()

	table := NewTable(1, 2)
	addr := netip.MustParseAddr("10.0.0.0")

	for i := range 3 * maxSources {
		table.Allow(addr, epoch.Add(time.Duration(i)*time.Microsecond))
		addr = addr.Next()
	}

	if len(table.sources) > maxSources {
		t.Errorf("%d sources are known", len(table.sources))
	}
}

func TestAllowAllocatesNothing(t *testing.T) {
	b, table := New(1000, 10), NewTable(1000, 10)
	table.Allow(one, epoch)

	if n := testing.AllocsPerRun(1000, func() { b.Allow(epoch); table.Allow(one, epoch) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
