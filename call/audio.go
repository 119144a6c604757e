package call

import (
	"cmp"
	"fmt"
	"log/slog"
	"time"

	"trunkline/media"
	"trunkline/storage"
)

// warnAfter is how long the caller's audio may be missing before the log says
// so, while there is still time to look.
const warnAfter = 10 * time.Second

// watch warns, once per silence, that no audio has come for so long.
func (c *call) watch(silence time.Duration) {
	if silence < warnAfter {
		c.warned = false

		return
	}
	if c.warned {
		return
	}
	c.warned = true
	s := c.leg.Stats()
	v := verdict(&s)
	if v == "" {
		v = fmt.Sprintf("No RTP has come from %s for %s, after %d packets.", s.Remote, silence.Round(time.Second), s.PacketsIn)
	}
	c.log.Warn("no RTP received", slog.String("from", s.Remote), slog.String("to", s.Local),
		slog.Duration("for", silence), slog.Uint64("packets_so_far", s.PacketsIn), slog.String("verdict", v))
}

// telling is how many packets without an answer tell that none arrives: 10 s.
const telling = 500

// verdict says in a sentence why audio flowed in one direction only, or in
// none; it is empty for a call whose audio flowed.
func verdict(s *media.LegStats) string {
	caller := cmp.Or(s.Remote, "the caller")
	var elsewhere string
	if s.Stranger != "" {
		elsewhere = fmt.Sprintf(" %d packets came from strangers, at last from %s, and were dropped: if that is the caller, the SDP names the wrong address.",
			s.Foreign, s.Stranger)
	}
	switch {
	case s.PacketsIn == 0 && s.Missing != "":
		return "No audio was exchanged: " + s.Missing + "." + elsewhere
	case s.PacketsIn == 0 && s.PacketsOut == 0 && s.Remote == "":
		return "No audio was exchanged: the address to send to was not known and nothing came to " + s.Local + "." + elsewhere
	case s.PacketsIn == 0 && s.PacketsOut == 0:
		return fmt.Sprintf("No audio was exchanged between %s and %s.", s.Local, caller) + elsewhere
	case s.PacketsIn == 0:
		return fmt.Sprintf("No RTP was received from %s while we sent %d packets from %s: check the firewall and the address in the SDP.",
			caller, s.PacketsOut, s.Local) + elsewhere
	case s.PacketsOut == 0 && s.SendDropped > 0:
		return fmt.Sprintf("The socket at %s refused all %d packets to %s: check the route to that address.", s.Local, s.SendDropped, caller)
	case s.PacketsOut == 0:
		return fmt.Sprintf("Nothing was sent to %s although %d packets came from there.", caller, s.PacketsIn)
	case s.RemoteReports > 0 && s.RemoteLost > telling && s.RemoteLost*10 > s.PacketsOut*9:
		return fmt.Sprintf("The caller heard next to nothing: %s reports %d of our %d packets from %s as lost.",
			caller, s.RemoteLost, s.PacketsOut, s.Local)
	}

	return ""
}

// together is what the streams of one call carried: of a leg, and of the one
// before it. How well they went is told of the newest that brought anything.
func together(before, s media.LegStats) media.LegStats {
	if s.PacketsIn == 0 {
		s.Jitter, s.Delay, s.Target, s.LastPacket = before.Jitter, before.Delay, before.Target, before.LastPacket
		s.RIn, s.ROut, s.MOSIn, s.MOSOut = before.RIn, before.ROut, before.MOSIn, before.MOSOut
	}
	if !before.FirstPacket.IsZero() {
		s.FirstPacket = before.FirstPacket
	}
	for to, from := range map[*uint64]uint64{
		&s.PacketsIn: before.PacketsIn, &s.PacketsOut: before.PacketsOut, &s.Lost: before.Lost, &s.Late: before.Late,
		&s.Reordered: before.Reordered, &s.Duplicates: before.Duplicates, &s.Foreign: before.Foreign, &s.Malformed: before.Malformed,
		&s.Concealed: before.Concealed, &s.Stretched: before.Stretched, &s.SendDropped: before.SendDropped,
		&s.RemotePackets: before.RemotePackets, &s.RemoteReports: before.RemoteReports, &s.RemoteLost: before.RemoteLost,
	} {
		*to += from
	}

	return s
}

func mediaRecord(s media.LegStats) *storage.Media {
	return &storage.Media{
		Codec: s.Codec, Local: s.Local, Remote: s.Remote,
		PacketsIn: s.PacketsIn, PacketsOut: s.PacketsOut,
		Lost: s.Lost, Late: s.Late, Reordered: s.Reordered, Duplicates: s.Duplicates,
		Foreign: s.Foreign, Malformed: s.Malformed, Concealed: s.Concealed, Stretched: s.Stretched, SendDropped: s.SendDropped,
		JitterMS: storage.Milliseconds(s.Jitter), DelayMS: storage.Milliseconds(s.Delay), TargetMS: storage.Milliseconds(s.Target),
		SRTP: s.SRTP, Keying: s.Keying, Missing: s.Missing,
		RTTMS: storage.Milliseconds(s.RTT), RemoteReports: s.RemoteReports, RemoteLost: s.RemoteLost,
		RemoteJitterMS: storage.Milliseconds(s.RemoteJitter),
		RIn:            s.RIn, ROut: s.ROut, MOSIn: s.MOSIn, MOSOut: s.MOSOut,
		Verdict: verdict(&s),
	}
}

// audio tells how the call's audio went, in sentences.
func audio(m *storage.Media) []string {
	if m.Verdict != "" && m.PacketsIn == 0 {
		return []string{m.Verdict}
	}
	protected := ""
	if m.SRTP != "" {
		protected = " by SRTP (" + m.SRTP + ")"
		if m.Keying != "" {
			protected = " by SRTP (" + m.SRTP + ", keys by " + m.Keying + ")"
		}
	}
	lines := []string{fmt.Sprintf("Audio was %s%s between %s and %s: %d packets in (%d lost, %d late, %d from strangers dropped), %d out, jitter %.1f ms.",
		m.Codec, protected, m.Local, m.Remote, m.PacketsIn, m.Lost, m.Late, m.Foreign, m.PacketsOut, m.JitterMS)}
	if m.MOSIn > 0 {
		lines = append(lines, sound(m))
	}
	if m.Verdict != "" {
		lines = append(lines, m.Verdict)
	}

	return lines
}

// sound tells how both sides heard one another.
func sound(m *storage.Media) string {
	in := fmt.Sprintf("The caller came in %s (MOS %.1f)", grade(m.MOSIn), m.MOSIn)
	if m.MOSOut == 0 {
		return in + "; the far end sent no RTCP reports, so how the agent arrived is not known."
	}
	trip := ""
	if m.RTTMS > 0 {
		trip = fmt.Sprintf(", round trip %.0f ms", m.RTTMS)
	}

	return fmt.Sprintf("%s and the agent went out %s (MOS %.1f; the far end reports %d packets lost, jitter %.1f ms%s).",
		in, grade(m.MOSOut), m.MOSOut, m.RemoteLost, m.RemoteJitterMS, trip)
}

// grade is a mean opinion score in words (ITU-T G.107 annex B).
func grade(mos float64) string {
	switch {
	case mos >= 4.03:
		return "well"
	case mos >= 3.6:
		return "acceptably"
	case mos >= 3.1:
		return "poorly"
	default:
		return "badly"
	}
}
