package ice

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"trunkline/media/ice/icetest"
)

// The sample request and IPv4 response of RFC 5769 sections 2.1 and 2.2, and
// their password.
const (
	sampleRequest = "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff" +
		"80290008932ff9b151263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf"
	sampleResponse = "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643" +
		"000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96"
	samplePassword = "VOkJxbRl1RmTxUk/WvJxBt"
)

var (
	epoch = time.Unix(1e9, 0)
	here  = netip.MustParseAddrPort("192.0.2.1:32853")
	there = netip.MustParseAddrPort("[2001:db8::5]:40000")
)

func decode(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}

	return b
}

func credentials(t *testing.T, ufrag, pwd string) Credentials {
	t.Helper()
	c, err := ParseCredentials(ufrag, pwd)
	if err != nil {
		t.Fatal(err)
	}

	return c
}

// session is an agent with the credentials of a call.
type session struct {
	Agent

	ours, theirs Credentials
}

func newSession(t *testing.T) *session {
	t.Helper()
	s := &session{ours: NewCredentials(), theirs: credentials(t, "browser1", strings.Repeat("b", 24))}
	s.Expect(s.ours, s.theirs)

	return s
}

// check is the far end's, with more attributes.
func (s *session) check(more ...icetest.Attribute) []byte {
	return icetest.Check(s.ours.Ufrag, s.ours.pwd, s.theirs.Ufrag, more...)
}

func TestSampleRequest(t *testing.T) {
	t.Parallel()
	var a Agent
	request := decode(t, sampleRequest)
	if !IsMessage(request) {
		t.Error("it is no STUN")
	}
	a.Expect(credentials(t, "evtj", samplePassword), credentials(t, "h6vY", samplePassword))
	reply := a.Receive(request, here, epoch)
	if reply == nil {
		t.Fatal("the sample is refused")
	}
	// It comes from a controlled agent, which we are ourselves.
	if kind, code := binary.BigEndian.Uint16(reply), reply[26:28]; kind != bindingError || !bytes.Equal(code, []byte{4, 87}) {
		t.Errorf("the reply is %x, want error 487", reply)
	}
	if a.Believes(here) {
		t.Error("a check that failed makes an address believed")
	}
}

// The attributes that we make are those of the sample.
func TestSampleResponse(t *testing.T) {
	t.Parallel()
	want := decode(t, sampleResponse)
	software := want[20:36]
	var m response
	m.begin(bindingSuccess, want[4:20])
	m.b = append(m.b, software...)
	m.mapped(here)
	got := m.finish(newIntegrity(samplePassword))
	if !bytes.Equal(got, want) {
		t.Errorf("got\n%x, want\n%x", got, want)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	for _, from := range []netip.AddrPort{here, there} {
		reply := s.Receive(s.check(), from, epoch)
		if len(reply) == 0 || binary.BigEndian.Uint16(reply) != bindingSuccess || string(reply[8:20]) != "transaction0" {
			t.Fatalf("the reply is %x", reply)
		}
		if got := mapped(t, reply); got != from {
			t.Errorf("it came from %v, the reply says %v", from, got)
		}
		if want := icetest.Message(bindingSuccess, s.ours.pwd, icetest.Attribute{Kind: attrXORMapped, Value: reply[24 : 24+binary.BigEndian.Uint16(reply[22:])]}); !bytes.Equal(reply, want) {
			t.Errorf("got\n%x, want\n%x", reply, want)
		}
	}
}

// mapped reads XOR-MAPPED-ADDRESS, the first attribute of a response.
func mapped(t *testing.T, reply []byte) netip.AddrPort {
	t.Helper()
	if binary.BigEndian.Uint16(reply[20:]) != attrXORMapped {
		t.Fatalf("no XOR-MAPPED-ADDRESS: %x", reply)
	}
	value := bytes.Clone(reply[24 : 24+binary.BigEndian.Uint16(reply[22:])])
	for i := range value[4:] {
		value[4+i] ^= reply[4+i]
	}
	ip, ok := netip.AddrFromSlice(value[4:])
	if !ok {
		t.Fatalf("%x", value)
	}

	return netip.AddrPortFrom(ip, binary.BigEndian.Uint16(value[2:])^0x2112)
}

// What does not prove our password is not answered, and believed by nobody.
func TestStrangers(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	good := s.check(icetest.Nomination())
	username := []byte(s.ours.Ufrag + ":" + s.theirs.Ufrag)
	short := bytes.Clone(good)
	binary.BigEndian.PutUint16(short[2:], uint16(len(good)-24))
	wrongSum := bytes.Clone(good)
	wrongSum[len(wrongSum)-1]++
	for name, b := range map[string][]byte{
		"another password":    icetest.Message(bindingRequest, s.theirs.pwd, icetest.Attribute{Kind: attrUsername, Value: username}),
		"another session":     icetest.Message(bindingRequest, s.ours.pwd, icetest.Attribute{Kind: attrUsername, Value: []byte("abcd:" + s.theirs.Ufrag)}),
		"another far end":     icetest.Message(bindingRequest, s.ours.pwd, icetest.Attribute{Kind: attrUsername, Value: []byte(s.ours.Ufrag + ":abcd")}),
		"no user name":        icetest.Message(bindingRequest, s.ours.pwd, icetest.Nomination()),
		"no integrity":        icetest.Message(bindingRequest, "", icetest.Attribute{Kind: attrUsername, Value: username}),
		"an indication":       icetest.Message(0x0011, s.ours.pwd, icetest.Attribute{Kind: attrUsername, Value: username}),
		"a response":          icetest.Message(bindingSuccess, s.ours.pwd, icetest.Attribute{Kind: attrUsername, Value: username}),
		"another fingerprint": wrongSum,
		"another length":      short,
		"cut":                 good[:len(good)-4],
		"its head":            good[:20],
		"nothing":             nil,
		"RTP":                 bytes.Repeat([]byte{0x80}, 172),
	} {
		if reply := s.Receive(b, here, epoch); reply != nil {
			t.Errorf("%s is answered by %x", name, reply)
		}
	}
	if s.Believes(here) || s.Remote(epoch).IsValid() {
		t.Error("a stranger is believed")
	}
	var nobody Agent
	if nobody.Receive(good, here, epoch) != nil {
		t.Error("an agent without credentials answers")
	}
}

// An attribute behind MESSAGE-INTEGRITY is nobody's word.
func TestAppendedNomination(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	s.Receive(s.check(icetest.Nomination()), here, epoch)
	b := s.check()
	b = append(b[:len(b)-8], 0, attrUseCandidate, 0, 0)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)-20+8))
	b = append(b, 0x80, 0x28, 0, 4)
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[:len(b)-4])^0x5354554e)
	if s.Receive(b, there, epoch) == nil {
		t.Fatal("the check is refused")
	}
	if got := s.Remote(epoch); got != here {
		t.Errorf("media goes to %v", got)
	}
}

func TestUnknownAttributes(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	var many []icetest.Attribute
	for i := range 6 {
		many = append(many, icetest.Attribute{Kind: 0x7f00 + uint16(i)})
	}
	for n := 1; n <= len(many); n++ {
		reply := s.Receive(s.check(many[:n]...), here, epoch)
		told := min(n, 4)
		var kinds []byte
		for i := range told {
			kinds = append(kinds, 0x7f, byte(i))
		}
		want := icetest.Message(bindingError, s.ours.pwd, icetest.Attribute{Kind: attrErrorCode, Value: []byte{0, 0, 4, 20}}, icetest.Attribute{Kind: attrUnknown, Value: kinds})
		if !bytes.Equal(reply, want) {
			t.Errorf("%d: got\n%x, want\n%x", n, reply, want)
		}
	}
	if s.Believes(here) {
		t.Error("the address is believed")
	}
}

// Media goes to the newest address until one is nominated, and then to the one
// nominated last.
func TestNomination(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	third := netip.MustParseAddrPort("198.51.100.9:1024")
	for i, step := range []struct {
		from     netip.AddrPort
		nominate bool
		want     netip.AddrPort
	}{
		{here, false, here},
		{there, false, there},
		{here, true, here},
		{there, false, here},
		{third, false, here},
		{there, true, there},
		{here, false, there},
	} {
		var more []icetest.Attribute
		if step.nominate {
			more = append(more, icetest.Nomination())
		}
		s.Receive(s.check(more...), step.from, epoch)
		if got := s.Remote(epoch); got != step.want {
			t.Errorf("step %d: media goes to %v, want %v", i, got, step.want)
		}
	}
	for _, a := range []netip.AddrPort{here, there, third} {
		if !s.Believes(a) {
			t.Errorf("%v is not believed", a)
		}
	}
}

func TestConsent(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	s.Receive(s.check(icetest.Nomination()), here, epoch)
	s.Receive(s.check(), there, epoch.Add(5*time.Second))
	if got := s.Remote(epoch.Add(30 * time.Second)); got != here {
		t.Errorf("with consent media goes to %v", got)
	}
	if got := s.Remote(epoch.Add(30*time.Second + 1)); got != there {
		t.Errorf("without the nominated address media goes to %v", got)
	}
	if got := s.Remote(epoch.Add(time.Minute)); got.IsValid() || s.Believes(there) {
		t.Errorf("without consent media goes to %v", got)
	}
	s.Receive(s.check(), here, epoch.Add(2*time.Minute))
	if got := s.Remote(epoch.Add(2 * time.Minute)); got != here {
		t.Errorf("with consent again media goes to %v", got)
	}
}

func TestRestart(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	s.Receive(s.check(icetest.Nomination()), here, epoch)
	old := s.check(icetest.Nomination())
	s.ours, s.theirs = NewCredentials(), credentials(t, "browser2", strings.Repeat("c", 24))
	s.Expect(s.ours, s.theirs)
	if s.Remote(epoch) != here {
		t.Error("the restart interrupts the media")
	}
	if s.Receive(old, there, epoch) != nil {
		t.Error("a check of before is answered")
	}
	s.Receive(s.check(icetest.Nomination()), there, epoch)
	if s.Remote(epoch) != there {
		t.Error("the new address does not count")
	}
}

// While our offer is not answered, only our part of the user name is known.
func TestChecksBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	s.Expect(s.ours, Credentials{})
	if s.Receive(s.check(), here, epoch) == nil {
		t.Error("a check before the answer is refused")
	}
	s.Expect(s.ours, credentials(t, "someone1", strings.Repeat("d", 24)))
	if s.Receive(s.check(), here, epoch) != nil {
		t.Error("a check of another far end is answered")
	}
}

func TestAddressesAreBounded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		s := newSession(t)
		now := epoch
		var nominated netip.AddrPort
		for range rapid.IntRange(1, 60).Draw(r, "checks") {
			from := netip.AddrPortFrom(here.Addr(), uint16(rapid.IntRange(1, 20).Draw(r, "port")))
			now = now.Add(time.Duration(rapid.IntRange(0, 3).Draw(r, "seconds")) * time.Second)
			var more []icetest.Attribute
			if rapid.IntRange(0, 5).Draw(r, "nominate") == 0 {
				more, nominated = append(more, icetest.Nomination()), from
			}
			if s.Receive(s.check(more...), from, now) == nil {
				r.Fatal("a check is refused")
			}
			if !s.Believes(from) {
				r.Fatal("an address that passed a check is not believed")
			}
			if len(s.peers) > maxPeers {
				r.Fatalf("%d addresses are believed", len(s.peers))
			}
			if len(more) > 0 && s.Remote(now) != nominated {
				r.Fatal("media goes elsewhere than was nominated")
			}
		}
	})
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	a, b := NewCredentials(), NewCredentials()
	if a == b {
		t.Error("they come twice")
	}
	if got, err := ParseCredentials(a.Ufrag, a.Password()); err != nil || got != a {
		t.Errorf("ours are not taken: %v", err)
	}
	if text := fmt.Sprintf("%v %+v %#v", a, a, a); strings.Contains(text, a.pwd) {
		t.Errorf("the password is printed: %s", text)
	}
	pwd := strings.Repeat("p", 22)
	for _, bad := range [][2]string{{"abc", pwd}, {"", pwd}, {"abcd", pwd[1:]}, {"ab d", pwd}, {"abcd", pwd + "-"}, {strings.Repeat("a", 257), pwd}, {"abcd", strings.Repeat("a", 257)}} {
		if _, err := ParseCredentials(bad[0], bad[1]); err == nil {
			t.Errorf("%q is taken", bad)
		} else if len(bad[1]) > 4 && strings.Contains(err.Error(), bad[1]) {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}

// Checks come every few seconds and in floods; neither leaves garbage.
func TestReceiveAllocatesNothing(t *testing.T) {
	s := newSession(t)
	check, forged := s.check(icetest.Nomination()), icetest.Message(bindingRequest, s.theirs.pwd, icetest.Attribute{Kind: attrUsername, Value: []byte(s.ours.Ufrag + ":" + s.theirs.Ufrag)})
	if n := testing.AllocsPerRun(100, func() {
		s.Receive(check, here, epoch)
		s.Receive(forged, there, epoch)
		s.Remote(epoch)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzReceive(f *testing.F) {
	request, _ := hex.DecodeString(sampleRequest)
	answer, _ := hex.DecodeString(sampleResponse)
	f.Add(request)
	f.Add(answer)
	f.Add(icetest.Message(bindingRequest, samplePassword, icetest.Attribute{Kind: attrUsername, Value: []byte("evtj:h6vY")}, icetest.Nomination()))
	f.Add(icetest.Message(bindingRequest, samplePassword, icetest.Attribute{Kind: attrUsername, Value: []byte("evtj:h6vY")}, icetest.Attribute{Kind: 0x0001, Value: make([]byte, 5)}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var a Agent
		ours, _ := ParseCredentials("evtj", samplePassword)
		theirs, _ := ParseCredentials("h6vY", samplePassword)
		a.Expect(ours, theirs)
		before := bytes.Clone(b)
		reply := a.Receive(b, here, epoch)
		if !bytes.Equal(b, before) {
			t.Error("the message was written to")
		}
		if reply == nil && a.Believes(here) {
			t.Error("what is not answered is believed")
		}
		if reply != nil && (!IsMessage(reply) || int(binary.BigEndian.Uint16(reply[2:])) != len(reply)-20) {
			t.Errorf("the reply is no STUN: %x", reply)
		}
	})
}
