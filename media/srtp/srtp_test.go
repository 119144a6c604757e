package srtp

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

func pair(t testing.TB, k Key) (*Sealer, *Opener) {
	t.Helper()
	s, err := NewSealer(k)
	if err != nil {
		t.Fatal(err)
	}
	o, err := NewOpener(k)
	if err != nil {
		t.Fatal(err)
	}
	return s, o
}

func packet(t testing.TB, seq uint16) []byte {
	t.Helper()
	p := rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: seq, Timestamp: uint32(seq) * 160, SSRC: 7}, Payload: bytes.Repeat([]byte{byte(seq >> 3)}, 160)}
	b, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// libsrtp's validation vector of AES_CM_128_HMAC_SHA1_80: master key, salt,
// packet and protected packet.
func TestReferenceVector(t *testing.T) {
	t.Parallel()
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	master := unhex("e1f97a0d3e018be0d64fa32c06de4139" + "0ec675ad498afeebb6960b3aabe6")
	plain := unhex("800f1234decafbadcafebabe" + strings.Repeat("ab", 16))
	want := unhex("800f1234decafbadcafebabe" + "4e55dc4ce79978d88ca4d215949d2402" + "b78d6acc99ea179b8dbb")
	k, err := ParseKey(AES80, base64.StdEncoding.EncodeToString(master))
	if err != nil {
		t.Fatal(err)
	}
	s, o := pair(t, k)
	sealed, err := s.Seal(plain)
	if err != nil || !bytes.Equal(sealed, want) {
		t.Fatalf("got  %x\nwant %x (%v)", sealed, want, err)
	}
	if got, err := o.Open(sealed); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("opened %x, %v", got, err)
	}
}

// The rollover counter goes on over the wraps of the sequence, with loss and
// disorder about them.
func TestRollover(t *testing.T) {
	t.Parallel()
	for _, suite := range Suites() {
		s, o := pair(t, NewKey(suite))
		var held []byte
		for i := range 3 << 16 {
			seq := uint16(65000 + i)
			if i%7 != 3 && seq > 10 && seq < 0xFFF0 {
				continue // lost, also for the sake of time
			}
			sealed, err := s.Seal(packet(t, seq))
			if err != nil {
				t.Fatal(err)
			}
			switch seq {
			case 0xFFFF:
				held = bytes.Clone(sealed) // comes after the wrap
				continue
			case 3:
				if _, err := o.Open(held); err != nil {
					t.Fatalf("%v: the last packet before the wrap: %v", suite, err)
				}
			}
			if got, err := o.Open(sealed); err != nil || !bytes.Equal(got, packet(t, seq)) {
				t.Fatalf("%v: packet %d: %v", suite, i, err)
			}
		}
	}
}

func TestForgedAndReplayed(t *testing.T) {
	t.Parallel()
	for _, suite := range Suites() {
		k := NewKey(suite)
		s, o := pair(t, k)
		var first []byte
		for seq := range uint16(300) {
			sealed, err := s.Seal(packet(t, seq))
			if err != nil {
				t.Fatal(err)
			}
			if seq == 0 {
				first = bytes.Clone(sealed)
			}
			for _, at := range []int{3, 20, len(sealed) - 1} {
				forged := bytes.Clone(sealed)
				forged[at] ^= 1
				if _, err := o.Open(forged); !errors.Is(err, ErrRefused) {
					t.Fatalf("%v: octet %d changed: %v", suite, at, err)
				}
			}
			if _, err := o.Open(sealed); err != nil {
				t.Fatalf("%v: packet %d: %v", suite, seq, err)
			}
			for _, replay := range [][]byte{sealed, first} {
				if _, err := o.Open(replay); !errors.Is(err, ErrRefused) {
					t.Fatalf("%v: a replay at packet %d: %v", suite, seq, err)
				}
			}
		}
		_, other := pair(t, NewKey(suite))
		sealed, err := s.Seal(packet(t, 300))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := other.Open(sealed); !errors.Is(err, ErrRefused) {
			t.Errorf("%v: opened with another key: %v", suite, err)
		}
		if _, err := o.Open(packet(t, 301)); !errors.Is(err, ErrRefused) {
			t.Errorf("%v: a packet that is not protected: %v", suite, err)
		}
	}
}

func TestControl(t *testing.T) {
	t.Parallel()
	report, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 7}})
	if err != nil {
		t.Fatal(err)
	}
	for _, suite := range Suites() {
		s, o := pair(t, NewKey(suite))
		for range 5 {
			sealed, err := s.SealControl(report)
			if err != nil {
				t.Fatal(err)
			}
			if len(sealed) != len(report)+Overhead {
				t.Errorf("%v: %d octets became %d", suite, len(report), len(sealed))
			}
			sealed = bytes.Clone(sealed)
			if got, err := o.OpenControl(sealed); err != nil || !bytes.Equal(got, report) {
				t.Fatalf("%v: opened %x, %v", suite, got, err)
			}
			if _, err := o.OpenControl(sealed); !errors.Is(err, ErrRefused) {
				t.Errorf("%v: a replay: %v", suite, err)
			}
		}
		if _, err := o.OpenControl(report); !errors.Is(err, ErrRefused) {
			t.Errorf("%v: a report that is not protected: %v", suite, err)
		}
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	k := NewKey(AES32)
	if again, err := ParseKey(AES32, k.Inline()); err != nil || again != k {
		t.Errorf("parsed back: %v, %v", again == k, err)
	}
	if k == NewKey(AES32) {
		t.Error("two random keys are the same")
	}
	for _, text := range []string{"", "AAAA", "!" + k.Inline()[1:], k.Inline() + "AAAA", k.Inline()[:39]} {
		if _, err := ParseKey(AES80, text); err == nil {
			t.Errorf("%q is taken for a key", text)
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, v := range []any{k, &k, Keys{Ours: k}} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, k.Inline()) || !strings.Contains(text, k.suite.String()) {
				t.Errorf("%s prints the key: %s", verb, text)
			}
		}
	}
	if _, err := NewSealer(Key{}); err == nil {
		t.Error("a sealer without a key")
	}
	if _, ok := ByName("aes_cm_128_hmac_sha1_80"); ok {
		t.Error("suites are told apart by case")
	}
	if s, ok := ByName(AES32.String()); !ok || s != AES32 || None.String() != "none" {
		t.Errorf("found %v", s)
	}
}

func FuzzOpen(f *testing.F) {
	k, err := ParseKey(AES80, strings.Repeat("A", 40))
	if err != nil {
		f.Fatal(err)
	}
	s, _ := pair(f, k)
	sealed, err := s.Seal(packet(f, 1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bytes.Clone(sealed))
	f.Add(packet(f, 1))
	f.Add([]byte{0x80, 201, 0, 1, 0, 0, 0, 7, 0x80, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
	f.Add([]byte{0xBF, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		_, o := pair(t, NewKey(AES80))
		if _, err := o.Open(b); err == nil {
			t.Error("opened without the key")
		}
		if _, err := o.OpenControl(b); err == nil {
			t.Error("opened as RTCP without the key")
		}
		_, o = pair(t, k)
		if got, err := o.Open(b); err == nil && len(got) >= len(b) {
			t.Errorf("%d octets became %d", len(b), len(got))
		}
		_, _ = o.OpenControl(b) // must not fail badly
	})
}

func BenchmarkSealOpen(b *testing.B) {
	for _, suite := range Suites() {
		b.Run(suite.String(), func(b *testing.B) {
			s, o := pair(b, NewKey(suite))
			plain := packet(b, 0)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				plain[2], plain[3] = byte(i>>8), byte(i)
				sealed, err := s.Seal(plain)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := o.Open(sealed); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
