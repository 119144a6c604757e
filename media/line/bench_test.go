package line_test

import (
	"fmt"
	"math"
	"path/filepath"
	"testing"
	"time"

	"trunkline/media"
	"trunkline/media/line"
	"trunkline/media/player"
	"trunkline/media/record"
	"trunkline/media/vad"
)

// speaker is a leg whose caller never stops speaking.
type speaker struct {
	leg

	frames [10]media.Frame
	n      int
}

func newSpeaker() *speaker {
	s := &speaker{}
	for i := range s.frames {
		for j := range s.frames[i] {
			at := float64(i*media.FrameSamples+j) / media.SampleRate
			s.frames[i][j] = int16(5000*math.Sin(2*math.Pi*150*at) + 3000*math.Sin(2*math.Pi*750*at))
		}
	}
	return s
}

func (s *speaker) Read(f *media.Frame) media.Inbound {
	*f = s.frames[s.n%len(s.frames)]
	s.n++
	return media.Inbound{Kind: media.Received}
}

// BenchmarkTick is a whole tick but for the leg's own work: real voice
// activity, a player full of audio, and with or without a recorder.
func BenchmarkTick(b *testing.B) {
	for _, recorded := range []bool{false, true} {
		b.Run(fmt.Sprintf("recorded=%v", recorded), func(b *testing.B) {
			detector, err := vad.New()
			if err != nil {
				b.Fatal(err)
			}
			var tap line.Tap
			if recorded {
				r, err := record.Create(filepath.Join(b.TempDir(), "call.wav"), record.Options{})
				if err != nil {
					b.Fatal(err)
				}
				defer func() {
					if err := r.Close(); err != nil {
						b.Error(err)
					}
				}()
				tap = r
			}
			p := player.New(player.Options{})
			s := p.Add(1, "a long story")
			chunk := make([]int16, media.SampleRate) // one second
			l := line.New(line.Config{Leg: newSpeaker(), Player: p, VAD: detector, Ear: ear{}, Tap: tap})
			now := time.Now()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i%50 == 0 {
					if err := s.Write(b.Context(), chunk, nil); err != nil {
						b.Fatal(err)
					}
				}
				l.Tick(now)
			}
			if st := l.Stats(); st.Silence > 0 || st.Voiced == 0 {
				b.Errorf("stats %+v: want speech both ways throughout", st)
			}
		})
	}
}
