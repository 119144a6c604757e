package dtls

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"trunkline/media/srtp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair are two associations that send one another what change leaves of each
// datagram.
type pair struct {
	server, client *side
}

type side struct {
	*Association
	keys   chan srtp.Keys
	failed chan error

	mu   sync.Mutex
	sent [][]byte
}

// connect makes an endpoint for each side. client and server change a side's
// options; pass says which datagrams arrive.
func connect(t *testing.T, change func(server, client *Options), pass func(fromClient bool, n int) bool) *pair {
	t.Helper()
	p := &pair{}
	var ends [2]*Endpoint
	for i := range ends {
		var err error
		if ends[i], err = NewEndpoint(); err != nil {
			t.Fatal(err)
		}
	}
	ours, theirs := ends[0], ends[1]
	server, client := Options{Role: Passive, Remote: theirs.Fingerprint()}, Options{Role: Active, Remote: ours.Fingerprint()}
	if change != nil {
		change(&server, &client)
	}
	p.server, p.client = newSide(), newSide()
	p.server.listen(&server, func(b []byte, n int) {
		if pass == nil || pass(false, n) {
			p.client.Put(b)
		}
	})
	p.client.listen(&client, func(b []byte, n int) {
		if pass == nil || pass(true, n) {
			p.server.Put(b)
		}
	})
	p.server.Association = ours.Open(server)
	p.client.Association = theirs.Open(client)
	t.Cleanup(func() {
		p.client.Close()
		p.server.Close()
	})

	return p
}

func newSide() *side {
	return &side{keys: make(chan srtp.Keys, 1), failed: make(chan error, 1)}
}

// listen has a side's events told, and what it sends passed on.
func (s *side) listen(o *Options, pass func(b []byte, n int)) {
	o.Keys = func(k srtp.Keys) { s.keys <- k }
	o.Failed = func(err error) { s.failed <- err }
	o.Send = func(b []byte) {
		s.mu.Lock()
		s.sent = append(s.sent, bytes.Clone(b))
		n := len(s.sent)
		s.mu.Unlock()
		pass(b, n)
	}
}

func (s *side) sends() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.sent
}

// agreed waits until both sides have keys, and checks that they are the same.
func (p *pair) agreed(t *testing.T) {
	t.Helper()
	var keys [2]srtp.Keys
	for i, s := range []*side{p.server, p.client} {
		select {
		case keys[i] = <-s.keys:
		case err := <-s.failed:
			t.Fatal(err)
		}
	}
	if keys[0].Ours != keys[1].Theirs || keys[0].Theirs != keys[1].Ours || keys[0].Ours == keys[0].Theirs {
		t.Error("the sides have other keys")
	}
	if keys[0].Ours.Suite() != srtp.AES80 {
		t.Errorf("the suite is %v", keys[0].Ours.Suite())
	}
}

func TestHandshake(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, nil, nil)
		p.client.Begin()
		p.agreed(t)
		if hello := p.server.sends()[0]; hello[13] != 3 {
			t.Errorf("the first answer is handshake message %d, want a HelloVerifyRequest", hello[13])
		}
	})
}

// Both sides send again what was lost.
func TestHandshakeOverALossyPath(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, nil, func(_ bool, n int) bool { return n%3 != 1 })
		p.client.Begin()
		p.agreed(t)
	})
}

func TestOtherCertificate(t *testing.T) {
	t.Parallel()
	other, err := NewEndpoint()
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(server, client *Options){
		"the client's": func(server, _ *Options) { server.Remote = other.Fingerprint() },
		"the server's": func(_, client *Options) { client.Remote = other.Fingerprint() },
		"none":         func(server, _ *Options) { server.Remote = Fingerprint{} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := connect(t, change, nil)
				p.client.Begin()
				deceived := p.server
				if name == "the server's" {
					deceived = p.client
				}
				if err := <-deceived.failed; !errors.Is(err, ErrFingerprint) {
					t.Errorf("it failed by %v", err)
				}
				synctest.Wait()
				if len(deceived.keys) != 0 {
					t.Error("there are keys")
				}
			})
		})
	}
}

// A far end that says nothing more is waited for as long as the limit, and no
// more often than the number of tries.
func TestNoHandshake(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		p := connect(t, nil, func(fromClient bool, n int) bool { return fromClient && n == 1 })
		p.client.Begin()
		if err := <-p.client.failed; !strings.Contains(err.Error(), "not complete after 15s") {
			t.Errorf("it failed by %v", err)
		}
		if took := time.Since(start); took != maxTries*limit {
			t.Errorf("it took %v, want %v", took, maxTries*limit)
		}
		if len(p.server.keys)+len(p.server.failed) != 0 {
			t.Error("the server is done with one try")
		}
	})
}

// ClientHellos and whole flights that come again, late or as noise change
// nothing once the keys are there.
func TestReplayedFlights(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, nil, nil)
		p.client.Begin()
		p.agreed(t)
		before := len(p.server.sends())
		for range 3 {
			for _, datagram := range p.client.sends() {
				p.server.Put(datagram)
			}
			p.server.Put(bytes.Repeat([]byte{22}, 300))
			p.server.Put(make([]byte, largest+1))
			time.Sleep(2 * time.Second)
		}
		if len(p.server.keys)+len(p.server.failed) != 0 {
			t.Error("there are other keys")
		}
		if more := len(p.server.sends()) - before; more > 30 {
			t.Errorf("it answered by %d datagrams", more)
		}
	})
}

// What is left of another handshake begins none, and a flood has no room.
func TestNoHello(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, nil, nil)
		for range 10 * waiting {
			p.server.Put([]byte{21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40})
		}
		synctest.Wait()
		if len(p.server.sends()) != 0 {
			t.Error("it answered")
		}
		p.client.Begin()
		p.agreed(t)
	})
}

// Handshakes wait for a place, and those that get none say so.
func TestPlaces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, nil, nil)
		for range maxHandshakes {
			p.client.endpoint.places <- struct{}{}
		}
		p.client.Begin()
		if err := <-p.client.failed; !strings.Contains(err.Error(), "no place") {
			t.Errorf("it failed by %v", err)
		}
	})
}

// Close ends a handshake, and a good association tells the far end.
func TestClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, nil, func(bool, int) bool { return false })
		p.client.Begin()
		time.Sleep(time.Second)
		p.client.Close()
		p.client.Close()
		if len(p.client.failed) != 0 {
			t.Error("its end is a failure")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, nil, nil)
		p.client.Begin()
		p.agreed(t)
		before := len(p.client.sends())
		p.client.Close()
		if len(p.client.sends()) != before+1 {
			t.Error("the far end is not told")
		}
		<-p.server.life.Done()
	})
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	e, err := NewEndpoint()
	if err != nil {
		t.Fatal(err)
	}
	text := e.Fingerprint().String()
	if !strings.HasPrefix(text, "sha-256 ") || len(text) != len("sha-256 ")+32*3-1 {
		t.Errorf("%q", text)
	}
	for _, form := range []string{text, strings.ToLower(text), "SHA-256" + text[7:], " " + text + " "} {
		if got, err := ParseFingerprint(form); err != nil || got != e.Fingerprint() {
			t.Errorf("%q: %v, %v", form, got, err)
		}
	}
	for _, bad := range []string{
		"", "sha-256", "sha-1 " + text[8:], text + ":00", text[:len(text)-1], strings.Replace(text, ":", "-", 1), "sha-256 " + strings.Repeat("XX:", 31) + "XX",
		"sha-384 " + text[8:],
	} {
		if got, err := ParseFingerprint(bad); err == nil || !got.IsZero() || got.String() != "" || got.Strength() != 0 {
			t.Errorf("%q is taken for %v", bad, got)
		}
	}
	long := "sha-512 " + strings.Repeat("0A:", 63) + "FF"
	if got, err := ParseFingerprint(long); err != nil || got.String() != long || got.Strength() <= e.Fingerprint().Strength() {
		t.Errorf("%v, %v", got, err)
	}
}

func FuzzFingerprint(f *testing.F) {
	f.Add("sha-256 " + strings.Repeat("0A:", 31) + "FF")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseFingerprint(text)
		if err != nil {
			return
		}
		if again, err := ParseFingerprint(got.String()); err != nil || again != got {
			t.Errorf("%q is read as %v, and that as %v, %v", text, got, again, err)
		}
	})
}

func TestRoles(t *testing.T) {
	t.Parallel()
	if Passive.String() != "passive" || Active.String() != "active" || Role(0).String() != "none" {
		t.Error("the names of SDP are others")
	}
}
