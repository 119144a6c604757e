package call

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"trunkline/media"
	"trunkline/media/dtmf"
	"trunkline/media/g711"
	"trunkline/media/speech"
)

// keyPhone is a far end that may take events, and keeps what it hears.
type keyPhone struct {
	*fakeLeg

	events bool
	mu     sync.Mutex
	told   string
	heard  []int16
}

func (p *keyPhone) Keying() (events, pressed bool) { return p.events, false }

func (p *keyPhone) SendDigit(key byte, _ time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told += string(key)

	return nil
}

func (p *keyPhone) Write(f *media.Frame) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = append(p.heard, f[:]...)

	return p.fakeLeg.Write(f)
}

// tones are the keys that a detector finds in what the far end heard.
func (p *keyPhone) tones() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var d dtmf.Detector
	var keys strings.Builder
	speech.Frames(speech.Coded(p.heard, g711.PCMU), func(f *media.Frame) {
		if h := d.Step(f); h.Released.Key != 0 {
			keys.WriteByte(h.Released.Key)
		}
	})

	return keys.String()
}

// keyedDoor is a door of a trunk with a setting for keys.
type keyedDoor struct {
	*fakeDoor

	mode dtmf.Mode
	mu   sync.Mutex
	info string
	fail error
}

func (d *keyedDoor) Keys() <-chan media.Digit { return nil }
func (d *keyedDoor) KeyMode() dtmf.Mode       { return d.mode }

func (d *keyedDoor) SendInfoDigit(_ context.Context, key byte, _ time.Duration) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.info += string(key)

	return d.fail
}

func TestKeysGoOut(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		mode   dtmf.Mode
		events bool
		want   dtmf.Source
	}{
		{"events agreed", dtmf.Auto, true, dtmf.Event},
		{"events agreed, a trunk that leaves tones in the audio", dtmf.Always, true, dtmf.Event},
		{"no events", dtmf.Auto, false, dtmf.InBand},
		{"a trunk with INFO", dtmf.InfoOnly, false, dtmf.Info},
		{"a trunk with INFO and false events", dtmf.InfoOnly, true, dtmf.Info},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, options{}, func(r *rig) {
				p := &keyPhone{fakeLeg: r.leg, events: tt.events}
				d := &keyedDoor{fakeDoor: r.door, mode: tt.mode}
				r.door.leg = p
				done := r.offerAt(d)
				time.Sleep(5 * time.Second) // the greeting is over
				by, err := r.manager.SendDigits(t.Context(), r.journal.last().ID, "4071#")
				time.Sleep(3 * time.Second)
				if err != nil || by != tt.want {
					t.Errorf("sent by %v, %v; want %v", by, err, tt.want)
				}
				got := map[dtmf.Source]string{dtmf.Event: p.told, dtmf.Info: d.info, dtmf.InBand: p.tones()}
				for way, keys := range got {
					if want := map[bool]string{true: "4071#"}[way == tt.want]; keys != want {
						t.Errorf("%q came by %v, want %q", keys, way, want)
					}
				}
				r.door.end(CallerHangup)
				<-done
			})
		})
	}
}

func TestKeysThatCannotGoOut(t *testing.T) {
	inBubble(t, options{}, func(r *rig) {
		refused := errors.New("415")
		d := &keyedDoor{fakeDoor: r.door, mode: dtmf.InfoOnly, fail: refused}
		done := r.offerAt(d)
		time.Sleep(2 * time.Second)
		id := r.journal.last().ID
		for _, tt := range []struct {
			id   uuid.UUID
			keys string
			want error
		}{
			{id, "", ErrNotKeys},
			{id, "12x", ErrNotKeys},
			{id, strings.Repeat("1", 33), ErrNotKeys},
			{uuid.UUID{}, "1", ErrNotRunning},
			{id, "1", refused},
		} {
			if _, err := r.manager.SendDigits(t.Context(), tt.id, tt.keys); !errors.Is(err, tt.want) {
				t.Errorf("%q: %v, want %v", tt.keys, err, tt.want)
			}
		}
		r.door.end(CallerHangup)
		<-done
		if _, err := r.manager.SendDigits(t.Context(), id, "1"); !errors.Is(err, ErrNotRunning) {
			t.Errorf("after the call: %v, want %v", err, ErrNotRunning)
		}
	})
}
