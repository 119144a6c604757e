package call

import (
	"strings"
	"testing"
	"time"

	"trunkline/media"
)

// Ten seconds without RTP are worth one line in the log, while the call lasts.
func TestSilenceOnTheWireIsLogged(t *testing.T) {
	inBubble(t, options{limits: Limits{Cap: time.Hour, NoMedia: 30 * time.Second}}, func(r *rig) {
		r.talk()
		r.agentTurns(1)
		told := func() int { return strings.Count(r.log.String(), "no RTP received") }
		r.leg.die(true)
		time.Sleep(9 * time.Second)
		r.same("warnings after 9 s", 0, told())
		time.Sleep(5 * time.Second)
		r.same("warnings after 14 s", 1, told())
		r.end()
	})
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	flowing := media.LegStats{Local: "a:1", Remote: "b:2", PacketsIn: 1000, PacketsOut: 1000}
	with := func(change func(s *media.LegStats)) media.LegStats {
		s := flowing
		change(&s)

		return s
	}
	for name, tt := range map[string]struct {
		stats media.LegStats
		want  []string // parts of the sentence; none: no verdict
	}{
		"flows":           {flowing, nil},
		"some loss there": {with(func(s *media.LegStats) { s.RemoteReports, s.RemoteLost = 9, 600 }), nil},
		"lost early on":   {with(func(s *media.LegStats) { s.PacketsOut, s.RemoteReports, s.RemoteLost = 100, 1, 100 }), nil},
		"none heard":      {with(func(s *media.LegStats) { s.PacketsIn = 0 }), []string{"No RTP", "b:2", "a:1"}},
		"from elsewhere":  {with(func(s *media.LegStats) { s.PacketsIn, s.Foreign, s.Stranger = 0, 7, "c:3" }), []string{"No RTP", "c:3", "7"}},
		"nothing sent":    {with(func(s *media.LegStats) { s.PacketsOut = 0 }), []string{"Nothing was sent", "b:2"}},
		"refused":         {with(func(s *media.LegStats) { s.PacketsOut, s.SendDropped = 0, 5 }), []string{"refused", "5"}},
		"unheard":         {with(func(s *media.LegStats) { s.RemoteReports, s.RemoteLost = 9, 990 }), []string{"heard next to nothing", "990"}},
		"nothing at all":  {media.LegStats{Local: "a:1"}, []string{"No audio", "not known", "a:1"}},
	} {
		got := verdict(&tt.stats)
		if len(tt.want) == 0 && got != "" {
			t.Errorf("%s: %q", name, got)
		}
		for _, part := range tt.want {
			if !strings.Contains(got, part) {
				t.Errorf("%s: %q does not tell %q", name, got, part)
			}
		}
	}
}

func TestGrade(t *testing.T) {
	t.Parallel()
	for mos, want := range map[float64]string{4.4: "well", 3.7: "acceptably", 3.2: "poorly", 2: "badly"} {
		if got := grade(mos); got != want {
			t.Errorf("MOS %.1f is %q", mos, got)
		}
	}
}

// A call of several streams, as after a transfer that failed, has what all of
// them carried.
func TestStreamsOfACallAreCountedTogether(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	first := media.LegStats{Codec: "PCMU", PacketsIn: 500, PacketsOut: 400, Lost: 3, Concealed: 4, Jitter: 9, MOSIn: 4, FirstPacket: at, LastPacket: at.Add(10)}
	second := media.LegStats{Codec: "PCMU", PacketsIn: 50, PacketsOut: 40, Lost: 1, Jitter: 2, MOSIn: 3, FirstPacket: at.Add(20), LastPacket: at.Add(30)}
	got := together(together(media.LegStats{}, first), second)
	want := media.LegStats{Codec: "PCMU", PacketsIn: 550, PacketsOut: 440, Lost: 4, Concealed: 4, Jitter: 2, MOSIn: 3, FirstPacket: at, LastPacket: at.Add(30)}
	if got != want {
		t.Errorf("two streams are %+v, want %+v", got, want)
	}
	if got := together(first, media.LegStats{Codec: "PCMU"}); got != first {
		t.Errorf("a second stream that brought nothing makes it %+v", got)
	}
}
