package impair

import (
	"encoding/binary"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func socket(t *testing.T) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// What a Path says of each packet is what a Relay does: those that are lost do
// not come, the others come no sooner than they should, and from the relay's
// own address.
func TestRelay(t *testing.T) {
	t.Parallel()
	const packets = 100
	home, abroad, middle := socket(t), socket(t), socket(t)
	out := Network{Delay: 5 * ms, Jitter: 20 * ms, Loss: 0.2, Duplicates: 0.1, Seed: 7}
	r := NewRelay(middle, addrOf(home), out, Network{Loss: 1})
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		_ = r.Close()
	})
	r.Direct(addrOf(abroad))

	sent := make([]time.Time, packets)
	for i := range sent {
		sent[i] = time.Now()
		if _, err := home.WriteToUDPAddrPort(binary.BigEndian.AppendUint16(nil, uint16(i)), addrOf(middle)); err != nil {
			t.Fatal(err)
		}
		if _, err := abroad.WriteToUDPAddrPort([]byte("back"), addrOf(middle)); err != nil {
			t.Fatal(err)
		}
		for n := uint64(0); n < 2*uint64(i+1); { // the relay has read it
			o, in := r.Stats()
			n = o.Packets + in.Packets
			runtime.Gosched()
		}
	}
	stats, back := r.Stats()
	want := stats.Packets - stats.Lost + stats.Duplicated
	if stats.Lost == 0 || stats.Duplicated == 0 || back.Lost != packets {
		t.Fatalf("the paths did %+v and %+v", stats, back)
	}
	buf := make([]byte, 16)
	for range want {
		_ = abroad.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, from, err := abroad.ReadFromUDPAddrPort(buf)
		if err != nil {
			t.Fatal(err)
		}
		i := binary.BigEndian.Uint16(buf)
		if took := time.Since(sent[i]); n != 2 || from != addrOf(middle) || took < 5*ms {
			t.Errorf("%d octets of packet %d came from %v after %v", n, i, from, took)
		}
	}
}
