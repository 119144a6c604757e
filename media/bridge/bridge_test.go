package bridge

import (
	"testing"
	"time"

	"trunkline/media"
)

// leg plays a value and remembers what it was sent.
type leg struct {
	media.Leg

	plays, got int16
	kind       media.Kind
	keys, sent []media.Digit
}

func (l *leg) Read(f *media.Frame) media.Inbound {
	for i := range f {
		f[i] = l.plays
	}

	return media.Inbound{Kind: l.kind}
}

func (l *leg) Write(f *media.Frame) bool {
	l.got = f[0]
	f[0] = 0 // a leg may use the frame

	return true
}

func (l *leg) Digit() (media.Digit, bool) {
	if len(l.keys) == 0 {
		return media.Digit{}, false
	}
	d := l.keys[0]
	l.keys = l.keys[1:]

	return d, true
}

func (l *leg) SendDigit(key byte, hold time.Duration) error {
	l.sent = append(l.sent, media.Digit{Key: key, Duration: hold})

	return nil
}

type tap struct{ caller, other int16 }

func (t *tap) Write(caller, other *media.Frame) { t.caller, t.other = caller[0], other[0] }

func TestBothHearEachOther(t *testing.T) {
	t.Parallel()
	five := media.Digit{Key: '5', Duration: 100 * time.Millisecond}
	caller, other := &leg{plays: 100, kind: media.Received}, &leg{plays: 200, kind: media.Received}
	caller.keys = []media.Digit{five}
	heard := &tap{}
	b := New(caller, other, heard)
	b.Tick(time.Now())
	if caller.got != 200 || other.got != 100 {
		t.Errorf("the caller heard %d, the other %d", caller.got, other.got)
	}
	if heard.caller != 100 || heard.other != 200 {
		t.Errorf("the tap heard %+v", heard)
	}
	if len(other.sent) != 1 || other.sent[0] != five || len(caller.sent) != 0 {
		t.Errorf("keys: %v and %v", other.sent, caller.sent)
	}
	caller.kind = media.Quiet
	b.Tick(time.Now())
	if c, o := b.Heard(); c != 1 || o != 2 {
		t.Errorf("heard %d and %d frames, want 1 and 2", c, o)
	}
}

func TestTickAllocatesNothing(t *testing.T) {
	b := New(&leg{kind: media.Received}, &leg{kind: media.Received}, &tap{})
	now := time.Now()
	if n := testing.AllocsPerRun(100, func() { b.Tick(now) }); n != 0 {
		t.Errorf("a tick allocates %v times", n)
	}
}

func BenchmarkTick(b *testing.B) {
	j := New(&leg{kind: media.Received}, &leg{kind: media.Received}, nil)
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		j.Tick(now)
	}
}
