package locate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// zone is a Lookup of fixed records.
type zone struct {
	naptr map[string][]NAPTR
	srv   map[string][]SRV
	hosts map[string][]netip.Addr
	fail  error
}

func (z *zone) NAPTR(_ context.Context, name string) ([]NAPTR, error) { return z.naptr[name], z.fail }
func (z *zone) SRV(_ context.Context, name string) ([]SRV, error)     { return z.srv[name], z.fail }
func (z *zone) Hosts(_ context.Context, name string) ([]netip.Addr, error) {
	return z.hosts[name], z.fail
}

func addrs(list ...string) []netip.Addr {
	all := make([]netip.Addr, len(list))
	for i, a := range list {
		all[i] = netip.MustParseAddr(a)
	}

	return all
}

// example is the zone of RFC 3263 section 4.1, and some hosts more.
func example() *zone {
	return &zone{
		naptr: map[string][]NAPTR{"example.com": {
			{50, 50, "s", "SIPS+D2T", "_sips._tcp.example.com."},
			{100, 50, "s", "SIP+D2U", "_sip._udp.example.com."},
			{90, 50, "S", "sip+d2t", "_sip._tcp.example.com."},
			{10, 50, "u", "E2U+sip", "."},
		}},
		srv: map[string][]SRV{
			"_sips._tcp.example.com":  {{0, 1, 5061, "one.example.com."}},
			"_sips._tcp.example.com.": {{0, 1, 5061, "one.example.com."}},
			"_sip._tcp.example.com.":  {{1, 1, 5060, "one.example.com."}, {0, 1, 5070, "two.example.com."}},
			"_sip._udp.example.com.":  {{0, 0, 5060, "two.example.com."}, {1, 0, 5060, "."}},
			"_sip._udp.plain.example": {{0, 1, 5066, "two.example.com."}},
		},
		hosts: map[string][]netip.Addr{
			"one.example.com": addrs("192.0.2.1", "2001:db8::1"), "two.example.com": addrs("192.0.2.2"), "bare.example": addrs("192.0.2.9"),
		},
	}
}

func TestFind(t *testing.T) {
	t.Parallel()

	all := []string{"UDP", "TCP", "TLS"}

	for _, tt := range []struct {
		name   string
		q      Question
		served []string
		want   string
	}{
		{"address", Question{Host: "192.0.2.7"}, all, "UDP 192.0.2.7:5060"},
		{"address and port", Question{Host: "2001:db8::7", Port: 5080, Network: "TCP"}, all, "TCP [2001:db8::7]:5080"},
		{"secure address", Question{Host: "192.0.2.7", Secure: true}, all, "TLS 192.0.2.7:5061"},
		{"name and port", Question{Host: "two.example.com", Port: 5080}, all, "UDP 192.0.2.2:5080"},
		{"the domain's wish", Question{Host: "example.com"}, all, "TLS 192.0.2.1:5061, TLS [2001:db8::1]:5061, TCP 192.0.2.2:5070, TCP 192.0.2.1:5060, TCP [2001:db8::1]:5060, UDP 192.0.2.2:5060"},
		{"what of it we serve", Question{Host: "example.com"}, []string{"UDP"}, "UDP 192.0.2.2:5060"},
		{"a named transport", Question{Host: "example.com", Network: "TLS"}, all, "TLS 192.0.2.1:5061, TLS [2001:db8::1]:5061"},
		{"sips and tcp is TLS", Question{Host: "example.com", Network: "TCP", Secure: true}, all, "TLS 192.0.2.1:5061, TLS [2001:db8::1]:5061"},
		{"SRV without NAPTR", Question{Host: "plain.example"}, all, "UDP 192.0.2.2:5066"},
		{"a host without records", Question{Host: "bare.example"}, all, "UDP 192.0.2.9:5060"},
		{"a host, by TLS", Question{Host: "bare.example", Network: "TLS"}, all, "TLS 192.0.2.9:5061"},
		{"nothing", Question{Host: "gone.example"}, all, "no address"},
		{"not served", Question{Host: "192.0.2.7", Network: "TLS"}, []string{"UDP"}, "not served"},
	} {
		hops, err := Find(t.Context(), tt.q, tt.served, example(), func() float64 { return 0.5 })

		got := make([]string, len(hops))
		for i, h := range hops {
			got[i] = h.Network + " " + h.Addr.String()

			if h.Name != tt.q.Host {
				t.Errorf("%s: the certificate is to show %q", tt.name, h.Name)
			}
		}

		if text := strings.Join(got, ", "); text != tt.want && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %s (%v), want %s", tt.name, text, err, tt.want)
		}
	}
}

func TestFindTellsWhyNot(t *testing.T) {
	t.Parallel()

	down := errors.New("no name server answers")
	for _, q := range []Question{{Host: "x.example"}, {Host: "x.example", Network: "TCP"}, {Host: "x.example", Port: 5060}} {
		if _, err := Find(t.Context(), q, []string{"UDP", "TCP"}, &zone{fail: down}, rand.Float64); !errors.Is(err, down) {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

// TestWeights draws many times: each record is first as often as its share.
func TestWeights(t *testing.T) {
	t.Parallel()

	r := rand.New(rand.NewPCG(1, 2))
	f := finder{draw: r.Float64}
	first := map[string]int{}

	const draws = 20000
	for range draws {
		sorted := f.order([]SRV{{1, 90, 1, "late"}, {0, 60, 1, "sixty"}, {0, 30, 1, "thirty"}, {0, 10, 1, "ten"}, {0, 0, 1, "zero"}})
		first[sorted[0].Host]++

		if sorted[4].Host != "late" {
			t.Fatal("a lower priority came before a higher one")
		}
	}

	for name, share := range map[string]float64{"sixty": .6, "thirty": .3, "ten": .1, "zero": 0} {
		if got := float64(first[name]) / draws; got < share-.02 || got > share+.02 {
			t.Errorf("%s came first in %.3f of all draws, want %.2f", name, got, share)
		}
	}
}

func TestPenalties(t *testing.T) {
	t.Parallel()

	var p Penalties

	now := time.Unix(0, 0)
	hop := func(n int) Hop {
		return Hop{Network: "UDP", Addr: netip.MustParseAddrPort(fmt.Sprintf("192.0.2.%d:5060", n))}
	}
	order := func() []Hop {
		hops := []Hop{hop(1), hop(2), hop(3)}
		p.Order(hops, now)

		return hops
	}

	p.Fail(hop(1), now, 0)
	p.Fail(hop(2), now, time.Minute)

	if got := order(); !slices.Equal(got, []Hop{hop(3), hop(1), hop(2)}) {
		t.Error("failed hops are not last:", got)
	}

	now = now.Add(penalty + time.Second)

	if got := order(); !slices.Equal(got, []Hop{hop(1), hop(3), hop(2)}) {
		t.Error("after the first penalty:", got)
	}

	p.Works(hop(2))

	if got := order(); !slices.Equal(got, []Hop{hop(1), hop(2), hop(3)}) {
		t.Error("after an answer:", got)
	}
}

func TestPenaltiesAreBounded(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		var p Penalties

		now := time.Unix(0, 0)
		for i := range rapid.IntRange(maxPenalties, maxPenalties+50).Draw(t, "hops") {
			now = now.Add(time.Duration(rapid.IntRange(0, 50).Draw(t, "ms")) * time.Millisecond)
			p.Fail(Hop{Addr: netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(i))}, now, 0)
		}

		if len(p.until) > maxPenalties {
			t.Fatalf("%d hops are remembered", len(p.until))
		}
	})
}
