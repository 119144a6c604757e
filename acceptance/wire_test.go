package acceptance

import (
	"encoding/hex"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"trunkline/config"
	"trunkline/sip"
	"trunkline/sip/sdp"
	"trunkline/softphone"
	"trunkline/storage"
)

// dissect has tshark read the capture, which streams has ended, and prints one
// row of fields for each packet that the filter lets through.
func (c *capture) dissect(t *testing.T, ports map[int]string, filter string, fields ...string) (rows [][]string) {
	t.Helper()
	args := []string{
		"-n", "-r", c.File, "-Y", filter, "-T", "fields", "-E", "separator=;",
		"-o", "rtpevent.event_payload_type_value:101", "-o", "rtcp.show_roundtrip_calculation:TRUE",
		"-o", "rtcp.roundtrip_min_threshhold:0", //nolint:misspell // tshark's own spelling
	}
	for port, as := range ports {
		args = append(args, "-d", fmt.Sprintf("udp.port==%d,%s", port, as))
	}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	out, err := exec.Command("tshark", args...).Output()
	if err != nil {
		t.Fatalf("tshark: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		rows = append(rows, strings.Split(strings.TrimRight(line, "\n"), ";"))
	}

	return rows
}

// number is a field that tshark printed.
func number(t *testing.T, field string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(field, 0, 64)
	if err != nil {
		t.Fatalf("%q is no number", field)
	}

	return n
}

// longCall has a caller ask once, press keys and listen until both sides have
// reported more than once.
func longCall(t *testing.T, g *gateway, c softphone.Config) *storage.History {
	t.Helper()
	c.Plan = append(says(t, "what-are-your-opening-hours"), softphone.Step{Digits: "159#"})
	c.HangupAfter = 14 * time.Second
	g.dial(t, c).end(t)

	return g.only(t)
}

// An independent reader finds the call's reports, farewell, stream and keys on
// the wire as the RFCs have them.
func TestWhatTsharkSees(t *testing.T) {
	t.Parallel()
	g := serve(t, desk(), nil)
	watch := g.watch(t)
	h := longCall(t, g, softphone.Config{})
	checkEnd(t, h, "caller_hangup", storage.FaultCaller)
	callers, agents := watch.streams(t)
	if len(agents) != 1 || len(callers) != 1 {
		t.Fatalf("%d streams of callers and %d of agents", len(callers), len(agents))
	}
	ours, theirs := int(agents[0].Source.Port()), int(callers[0].Source.Port())
	ports := map[int]string{ours: "rtp", ours + 1: "rtcp"}

	// The stream: every number once, in order, and 160 samples further each.
	rows := watch.dissect(t, ports, fmt.Sprintf("rtp && udp.srcport==%d", ours), "rtp.seq", "rtp.timestamp", "rtp.p_type", "rtp.ssrc")
	if len(rows) < 700 {
		t.Fatalf("%d packets of the agent in 14 s and more", len(rows))
	}
	for i := 1; i < len(rows); i++ {
		before, now := rows[i-1], rows[i]
		seq, ts := uint16(number(t, now[0])-number(t, before[0])), uint32(number(t, now[1])-number(t, before[1]))
		if seq != 1 || ts != 160 || now[2] != "0" || now[3] != before[3] {
			t.Fatalf("packet %d is %q, the one before %q", i, now, before)
		}
	}
	out, err := exec.Command("tshark", "-n", "-q", "-r", watch.File, "-d", fmt.Sprintf("udp.port==%d,rtp", ours), "-z", "rtp,streams").Output()
	if err != nil || !strings.Contains(string(out), "0 (0.0%)") {
		t.Errorf("tshark's streams: %v\n%s", err, out)
	}

	// The reports: SR and SDES, with what the other end sent and lost.
	reports := watch.dissect(t, ports, fmt.Sprintf("rtcp && udp.srcport==%d", ours+1),
		"rtcp.pt", "rtcp.senderssrc", "rtcp.sender.packetcount", "rtcp.ssrc.fraction", "rtcp.ssrc.cum_nr", "rtcp.ssrc.jitter", "rtcp.sdes.text")
	if len(reports) < 3 {
		t.Fatalf("%d reports of the gateway: %q", len(reports), reports)
	}
	for i, r := range reports {
		last := i == len(reports)-1
		if kinds := strings.Split(r[0], ","); kinds[0] != "200" || kinds[1] != "202" || slices.Contains(kinds, "203") != last {
			t.Errorf("report %d holds %s", i, r[0])
		}
		if number(t, strings.Split(r[1], ",")[0]) != number(t, rows[0][3]) || r[6] != reports[0][6] || len(r[6]) < 12 {
			t.Errorf("report %d is of %s, CNAME %q", i, r[1], r[6])
		}
		if sent := number(t, r[2]); sent == 0 || sent > uint64(len(rows)) || last && sent < uint64(len(rows))*9/10 {
			t.Errorf("report %d counts %d packets of %d", i, sent, len(rows))
		}
		if r[3] != "" && (number(t, r[3]) != 0 || number(t, r[4]) != 0 || number(t, r[5]) > 8000) { // a second, of a machine that may be busy
			t.Errorf("report %d: fraction %s, lost %s, jitter %s", i, r[3], r[4], r[5])
		}
	}
	trips := watch.dissect(t, ports, "rtcp.roundtrip-delay", "rtcp.roundtrip-delay")
	if len(trips) == 0 {
		t.Error("no round trip can be reckoned from the reports")
	}
	for _, r := range trips {
		if trip, err := strconv.Atoi(strings.Split(r[0], ",")[0]); err != nil || trip < -1 || trip > 200 {
			t.Errorf("a round trip of %q ms", r[0])
		}
	}

	// The keys, each an event whose end comes three times.
	events := watch.dissect(t, map[int]string{theirs: "rtp"}, fmt.Sprintf("rtpevent && udp.srcport==%d", theirs),
		"rtpevent.event_id", "rtpevent.end_of_event", "rtpevent.duration")
	keys, ends := []uint64{}, 0
	for _, e := range events {
		if e[1] != "1" && e[1] != "True" {
			continue
		}
		if ends%3 == 0 {
			keys = append(keys, number(t, e[0]))
		}
		ends++
		if d := number(t, e[2]); d < 320 {
			t.Errorf("a key of %d samples", d)
		}
	}
	if !slices.Equal(keys, []uint64{1, 5, 9, 11}) || ends != 12 {
		t.Errorf("the keys on the wire are %v, with %d ends", keys, ends)
	}
}

// What a protected call sends is noise to whoever reads the wire, in whole and
// in order, with RTCP on the port of RTP.
func TestWhatTsharkSeesOfSRTP(t *testing.T) {
	t.Parallel()
	g := serve(t, desk(), func(c *config.Config) {
		c.SIP.Trunks[0].SRTP = config.SRTP{Policy: "required", AllowPlainSignalling: true}
	})
	watch := g.watch(t)
	h := longCall(t, g, softphone.Config{
		SRTP: sip.SRTP{Security: sdp.SecurityRequired, PlainSignalling: true}, Audio: sip.Audio{Mux: true},
	})
	checkEnd(t, h, "caller_hangup", storage.FaultCaller)
	if m := h.Call.Media; m.SRTP == "" || m.Malformed != 0 || m.RemoteReports == 0 || m.RTTMS == 0 {
		t.Errorf("the record has %+v", m)
	}
	_, agents := watch.streams(t)
	if len(agents) == 0 {
		t.Fatal("no stream of the agent")
	}
	ours := int(agents[0].Source.Port())
	rows := watch.dissect(t, map[int]string{ours: "rtp"}, fmt.Sprintf("rtp && !rtcp && udp.srcport==%d && rtp.p_type==0", ours), "rtp.seq", "rtp.payload")
	if len(rows) < 700 {
		t.Fatalf("%d packets of the agent", len(rows))
	}
	var octets []byte
	for i, r := range rows {
		if i > 0 && uint16(number(t, r[0])-number(t, rows[i-1][0])) != 1 {
			t.Errorf("packet %d has the number %s after %s", i, r[0], rows[i-1][0])
		}
		payload, err := hex.DecodeString(r[1])
		if err != nil || len(payload) != 160+10 {
			t.Fatalf("packet %d has %d octets: %v", i, len(payload), err)
		}
		octets = append(octets, payload[:160]...)
	}
	if each := bits(octets); each < 7.9 { // silence alone has 0, speech about 6
		t.Errorf("the payload has %.2f bits an octet: it is no cipher's", each)
	}
	if rtcp := watch.dissect(t, nil, fmt.Sprintf("udp.port==%d || udp.port==%d", ours+1, ours-1), "udp.length"); len(rtcp) > 0 {
		t.Errorf("%d packets beside the shared port", len(rtcp))
	}
}

// Packets of any usual length carry the same audio in both directions: the
// caller is understood, and hears the agent for as long as with 20 ms.
func TestPacketLengths(t *testing.T) {
	t.Parallel()
	g := serve(t, desk(), nil)
	calmly(t, func(a *attempt) {
		lengths := []time.Duration{10 * time.Millisecond, 20 * time.Millisecond, 30 * time.Millisecond, 40 * time.Millisecond, 60 * time.Millisecond}
		from := func(ptime time.Duration) string { return fmt.Sprintf("%v-%d", ptime, a.number) }
		calls := map[time.Duration]*placed{}
		for _, ptime := range lengths {
			calls[ptime] = g.dial(t, softphone.Config{
				From: from(ptime), Plan: says(t, "what-are-your-opening-hours"), HangupAfter: time.Second, Audio: sip.Audio{Ptime: ptime},
			})
		}
		spoken := map[time.Duration]time.Duration{}
		for _, ptime := range lengths {
			report := calls[ptime].end(t)
			if report.Media.Verdict != "both ways" || report.Response.Count != 1 {
				a.Errorf("%v: audio %s, %d answers: %q", ptime, report.Media.Verdict, report.Response.Count, report.Warnings)
			}
			for _, s := range report.Agent {
				spoken[ptime] += s.Last.Sub(s.First)
			}
			m := g.from(t, from(ptime)).Call.Media
			if m.Lost+m.Malformed+m.SendDropped > 0 || m.MOSIn < 4.2 {
				a.Errorf("%v: %+v", ptime, m)
			}
		}
		for ptime, d := range spoken {
			if off := d - spoken[20*time.Millisecond]; off.Abs() > 250*time.Millisecond {
				a.Errorf("%v: the agent was heard for %v, with 20 ms for %v", ptime, d, spoken[20*time.Millisecond])
			}
		}
	})
}

// Where the trunk wants it and the caller takes it, the agent's silence is
// comfort noise: few packets, and a marker where the agent speaks again.
func TestComfortNoise(t *testing.T) {
	t.Parallel()
	g := serve(t, desk(), func(c *config.Config) { c.SIP.Trunks[0].ComfortNoise = true })
	watch := g.watch(t)
	report := g.dial(t, softphone.Config{
		Plan: says(t, "what-are-your-opening-hours"), HangupAfter: 4 * time.Second, Audio: sip.Audio{ComfortNoise: true},
	}).end(t)
	if report.Response.Count != 1 {
		t.Errorf("%d answers: %q", report.Response.Count, report.Warnings)
	}
	checkEnd(t, g.only(t), "caller_hangup", storage.FaultCaller)
	_, agents := watch.streams(t)
	if len(agents) != 1 {
		t.Fatalf("%d streams of agents", len(agents))
	}
	port := int(agents[0].Source.Port())
	rows := watch.dissect(t, map[int]string{port: "rtp"}, fmt.Sprintf("rtp && udp.srcport==%d", port), "rtp.p_type", "rtp.marker", "rtp.seq")
	noise, marked := 0, 0
	for i, r := range rows {
		if i > 0 && uint16(number(t, r[2])-number(t, rows[i-1][2])) != 1 {
			t.Errorf("packet %d has the number %s after %s", i, r[2], rows[i-1][2])
		}
		after := i > 0 && rows[i-1][0] == "13"
		has := r[1] == "1" || r[1] == "True"
		if r[0] == "13" {
			noise++
		} else if has != (after || i == 0) {
			t.Errorf("packet %d: marker %v, after comfort noise %v", i, has, after)
		}
		if has {
			marked++
		}
	}
	if noise < 10 || marked < 2 || len(rows) > 400 {
		t.Errorf("%d packets, %d of comfort noise, %d with the marker", len(rows), noise, marked)
	}
}
