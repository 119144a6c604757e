package acceptance

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A source that is no trunk's gets no answer at all, over UDP or TCP.
func TestStrangersGetNoAnswer(t *testing.T) {
	t.Parallel()
	g := serve(t, desk(), nil) // its trunk is 127.0.0.1 alone
	for _, network := range []string{"udp", "tcp"} {
		if answer := g.invite(t, network, "127.0.0.2", time.Second); answer != "" {
			t.Errorf("a stranger over %s was answered: %s", network, answer)
		}
		if answer := g.invite(t, network, "127.0.0.1", patience); !strings.HasPrefix(answer, "SIP/2.0 ") {
			t.Errorf("the trunk over %s was not answered: %q", network, answer)
		}
	}
	if got := g.metric(t, "trunkline_sip_strangers_total"); got != 2 {
		t.Errorf("%v strangers counted, want 2", got)
	}
	if n := len(g.calls(t)); n != 0 {
		t.Errorf("%d calls are recorded", n)
	}
}

// invite sends an INVITE that asks for no dialog (it needs an extension that
// nobody has) from an address, and returns what comes back within the time.
func (g *gateway) invite(t *testing.T, network, from string, bound time.Duration) string {
	t.Helper()
	d := net.Dialer{Timeout: bound}
	if network == "udp" {
		d.LocalAddr = &net.UDPAddr{IP: net.ParseIP(from)}
	} else {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	conn, err := d.DialContext(t.Context(), network, g.sip())
	if errors.Is(err, syscall.ECONNRESET) { // closed as soon as it was seen
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	local := conn.LocalAddr()
	message := strings.ReplaceAll(fmt.Sprintf(`INVITE %[1]s SIP/2.0
Via: SIP/2.0/%[2]s %[3]s;branch=z9hG4bK-stranger-%[4]d;rport
Max-Forwards: 70
From: <sip:somebody@%[3]s>;tag=%[4]d
To: <%[1]s>
Call-ID: %[4]d@%[3]s
CSeq: 1 INVITE
Contact: <sip:somebody@%[3]s>
Require: no-such-extension
Content-Length: 0

`, g.target(), strings.ToUpper(network), local, time.Now().UnixNano()), "\n", "\r\n")
	if err := conn.SetDeadline(time.Now().Add(bound)); err != nil {
		t.Fatal(err)
	}
	// A stranger's connection may be closed before it has said anything.
	if _, err := io.WriteString(conn, message); err != nil && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatal(err)
	}
	buffer := make([]byte, 65536)
	n, err := conn.Read(buffer)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatal(err)
	}

	return string(buffer[:n])
}
