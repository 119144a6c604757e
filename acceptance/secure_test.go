package acceptance

import (
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"trunkline/config"
	"trunkline/pipeline/turn"
	"trunkline/sip/certs/certstest"
	"trunkline/softphone/wire"
	"trunkline/storage"
)

// baresip over TLS, with SRTP: who reads the line hears nothing, both ends hear
// one another, and the certificate is renewed in mid-call.
func TestBaresipOverTLSWithSRTP(t *testing.T) {
	t.Parallel()
	authority, dir := certstest.NewAuthority(t), t.TempDir()
	ours := authority.Issue(t, dir, "127.0.0.1")
	secure := freeAddr(t)
	g := serve(t, desk(), func(c *config.Config) {
		c.SIP.Listen = append(c.SIP.Listen, "tls:"+secure)
		c.SIP.TLS = config.TLS(ours)
		c.SIP.Trunks[0].SRTP.Policy = "required"
	})
	watch := g.watch(t)
	said := speech(t, "what-are-your-opening-hours")
	// baresip wants its own certificate and key in one file.
	own, theirs := authority.Issue(t, t.TempDir(), "phone"), filepath.Join(t.TempDir(), "phone.pem")
	if err := os.WriteFile(theirs, []byte(read(t, own.Certificate)+read(t, own.Key)), 0o600); err != nil {
		t.Fatal(err)
	}
	phone := baresip(t, "phone", baresipSettings{
		says: slices.Concat(silence(3*time.Second), said), network: "tls", account: ";mediaenc=srtp-mand",
		config: fmt.Sprintf("sip_certificate %s\nsip_cafile %s\n", theirs, ours.Authorities),
	})
	phone.do(t, "dial", "sip:desk@"+secure)
	g.talks(t)

	before := serial(t, secure)
	authority.Issue(t, dir, "127.0.0.1")
	g.signal(t, syscall.SIGHUP)
	eventually(t, patience, "another certificate", func() bool { return serial(t, secure) != before })
	eventually(t, patience, "an answer", func() bool { return slices.Contains(g.happened(t, ""), string(turn.ReplyDone)) })
	time.Sleep(3 * time.Second) // the agent says it
	phone.do(t, "sndcode", "5")
	g.awaits(t, string(turn.KeyPressed))
	phone.do(t, "hangup", "")

	h := g.only(t)
	checkEnd(t, h, "caller_hangup", storage.FaultCaller)
	if h.Call.Media.SRTP != "AES_CM_128_HMAC_SHA1_80" {
		t.Errorf("the audio was protected by %q", h.Call.Media.SRTP)
	}
	if words := texts(h); !slices.Contains(words, "what are your opening hours") {
		t.Errorf("turns %q", words)
	}
	caller, _ := recording(t, h.Call.Recording)
	checkHas(t, "the caller in the recording", caller, said)
	heard := spurtsOf(phone.heard(t))
	if len(heard) < 2 {
		t.Errorf("the phone heard talkspurts of %v, want the greeting and an answer", heard)
	}

	callers, agents := watch.streams(t)
	// Encrypted reports look like streams of a few packets.
	reports := func(s wire.Stream) bool { return s.Packets < 100 }
	callers, agents = slices.DeleteFunc(callers, reports), slices.DeleteFunc(agents, reports)
	if len(callers) != 1 || len(agents) != 1 {
		t.Fatalf("%d streams of callers and %d of agents on the line", len(callers), len(agents))
	}
	for _, s := range []string{strconv.Itoa(int(callers[0].Source.Port())), strconv.Itoa(int(agents[0].Source.Port()))} {
		if bits := entropy(t, watch, s); bits < 7.9 { // of 8; speech and silence in G.711 have less than 6
			t.Errorf("what port %s sends has %.2f bits in an octet: it is not encrypted", s, bits)
		}
	}
}

// serial is the serial number of the certificate that a TLS server shows.
func serial(t *testing.T, addr string) string {
	t.Helper()
	conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true}) // only the number is looked at
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()

	return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

// entropy is how many bits of information an octet of what a port sends has,
// beside the RTP header.
func entropy(t *testing.T, c *capture, port string) float64 {
	t.Helper()
	var all []byte
	for _, row := range c.dissect(t, nil, "udp.srcport=="+port, "udp.payload") {
		payload, err := hex.DecodeString(strings.ReplaceAll(row[0], ":", ""))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, payload[min(12, len(payload)):]...)
	}

	return bits(all)
}

// bits is how many bits of information an octet has, of 8 (Shannon's entropy).
func bits(octets []byte) (each float64) {
	var histogram [256]float64
	for _, b := range octets {
		histogram[b]++
	}
	for _, n := range histogram {
		if share := n / float64(len(octets)); n > 0 {
			each -= share * math.Log2(share)
		}
	}

	return each
}
