package twilio

import (
	"bytes"
	"net"
	"testing"
)

// sink is a connection that keeps what each write gave.
type sink struct {
	net.Conn

	writes [][]byte
}

func (s *sink) Write(b []byte) (int, error) {
	s.writes = append(s.writes, bytes.Clone(b))

	return len(b), nil
}

func TestGathering(t *testing.T) {
	t.Parallel()
	s := &sink{}
	c := &gathering{Conn: s}
	say := func(words ...string) {
		for _, w := range words {
			if n, err := c.Write([]byte(w)); n != len(w) || err != nil {
				t.Fatalf("%d, %v", n, err)
			}
		}
	}
	say("at once")
	c.hold()
	say("audio, ", "mark")
	for range 2 { // nothing is written twice
		if err := c.release(); err != nil {
			t.Fatal(err)
		}
	}
	say("at once again")
	if got := string(bytes.Join(s.writes, []byte("|"))); got != "at once|audio, mark|at once again" {
		t.Errorf("written %s", got)
	}
}
