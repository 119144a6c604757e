package locate

import (
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
)

// serveZone runs a name server on loopback and returns its address.
func serveZone(t *testing.T, answer func(q dns.Question, tcp bool) (records []string, rcode int)) string {
	t.Helper()

	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	ln, err := net.Listen("tcp", packets.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}

	handler := func(tcp bool) dns.HandlerFunc {
		return func(w dns.ResponseWriter, query *dns.Msg) {
			reply := new(dns.Msg).SetReply(query)
			records, rcode := answer(query.Question[0], tcp)
			reply.Rcode = rcode

			for _, text := range records {
				if text == "truncated" {
					reply.Truncated = true
					continue
				}

				r, err := dns.NewRR(text)
				if err != nil {
					t.Error(err)
					return
				}

				reply.Answer = append(reply.Answer, r)
			}

			_ = w.WriteMsg(reply) // a lost answer fails the test's own lookup
		}
	}

	for _, s := range []*dns.Server{
		{PacketConn: packets, Handler: handler(false)},
		{Listener: ln, Handler: handler(true)},
	} {
		done := make(chan struct{})
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }

		go func() {
			defer close(done)

			_ = s.ActivateAndServe() // ends by Shutdown
		}()

		<-started
		t.Cleanup(func() {
			_ = s.Shutdown()
			<-done
		})
	}

	return packets.LocalAddr().String()
}

func TestDNS(t *testing.T) {
	t.Parallel()

	var asked atomic.Int32

	server := serveZone(t, func(q dns.Question, tcp bool) ([]string, int) {
		asked.Add(1)

		switch {
		case q.Qtype == dns.TypeNAPTR && q.Name == "example.com.":
			return []string{`example.com. 60 IN NAPTR 100 50 "s" "SIP+D2U" "" _sip._udp.example.com.`}, dns.RcodeSuccess
		case q.Qtype == dns.TypeSRV && q.Name == "_sip._udp.example.com." && !tcp:
			return []string{"truncated"}, dns.RcodeSuccess
		case q.Qtype == dns.TypeSRV && q.Name == "_sip._udp.example.com.":
			return []string{`_sip._udp.example.com. 60 IN SRV 1 2 5066 gw.example.com.`}, dns.RcodeSuccess
		case q.Qtype == dns.TypeA && q.Name == "gw.example.com.":
			return []string{"gw.example.com. 60 IN A 192.0.2.5"}, dns.RcodeSuccess
		case q.Name == "broken.example.":
			return nil, dns.RcodeServerFailure
		default:
			return nil, dns.RcodeNameError
		}
	})

	d := NewDNS(server)
	find := func(host string) ([]Hop, error) {
		return Find(t.Context(), Question{Host: host}, []string{"UDP"}, d, func() float64 { return 0 })
	}

	want := []Hop{{"UDP", netip.MustParseAddrPort("192.0.2.5:5066"), "example.com"}}

	for range 2 {
		if hops, err := find("example.com"); err != nil || !slices.Equal(hops, want) {
			t.Fatal(hops, err)
		}
	}

	before := asked.Load()
	if _, err := find("example.com"); err != nil || asked.Load() != before {
		t.Errorf("the answers were not remembered: %v", err)
	}

	if hops, err := find("gone.example"); err == nil {
		t.Error("a name that does not exist:", hops)
	}

	if hops, err := find("broken.example"); err == nil {
		t.Error("a server that fails:", hops)
	}
}

// TestDNSGoesOnWithoutServers: answers are used after their time while no
// server answers.
func TestDNSGoesOnWithoutServers(t *testing.T) {
	t.Parallel()

	d := NewDNS(serveZone(t, func(dns.Question, bool) ([]string, int) {
		return []string{`_sip._udp.example.com. 0 IN SRV 1 2 5066 gw.example.com.`}, dns.RcodeSuccess
	}))

	first, err := d.SRV(t.Context(), "_sip._udp.example.com")
	if err != nil || len(first) != 1 {
		t.Fatal(first, err)
	}

	q := question{dns.TypeSRV, "_sip._udp.example.com"}
	old := d.answers[q]
	old.until = old.until.Add(-2 * minTTL)
	d.answers[q] = old
	d.servers = []string{"127.0.0.1:1"}

	if again, err := d.SRV(t.Context(), "_sip._udp.example.com"); err != nil || !slices.Equal(again, first) {
		t.Error(again, err)
	}

	old.until = old.until.Add(-staleLimit)
	d.answers[q] = old

	if again, err := d.SRV(t.Context(), "_sip._udp.example.com"); err == nil {
		t.Error("an hour later:", again)
	}
}
