package sip_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"trunkline/media"
	"trunkline/media/record"
	"trunkline/sip"
	"trunkline/sip/sdp"
)

// withSRTP gives the trunk a policy, with keys in plain signalling.
func withSRTP(s sdp.Security) func(*sip.Trunk) {
	return func(t *sip.Trunk) { t.SRTP = sip.SRTP{Security: s, PlainSignalling: true} }
}

// Two UAs agree on SRTP or on none as their policies say, and hear one another
// when they agree.
func TestLoopbackSRTP(t *testing.T) {
	t.Parallel()

	phone := startPhone(t)

	for _, trunk := range []sdp.Security{sdp.SecurityOff, sdp.SecurityOptional, sdp.SecurityRequired} {
		g := startGateway(t, echo, withSRTP(trunk))
		target := "sip:agent@" + g.ua.Addr("udp").String()

		for _, caller := range []sdp.Security{sdp.SecurityOff, sdp.SecurityOptional, sdp.SecurityRequired} {
			t.Run(trunk.String()+" answers "+caller.String(), func(t *testing.T) {
				t.Parallel()

				options := sip.DialOptions{SRTP: sip.SRTP{Security: caller, PlainSignalling: true}}
				if trunk != caller && (trunk == sdp.SecurityOff && caller == sdp.SecurityRequired || trunk == sdp.SecurityRequired && caller == sdp.SecurityOff) {
					refused(t, phone, target, options)
					return
				}

				phoneCall(t, phone, target, options)
			})
		}
	}
}

// Without TLS and without leave, keys are not taken.
func TestNoKeysInPlainSignalling(t *testing.T) {
	t.Parallel()

	phone := startPhone(t)
	asks := sip.DialOptions{SRTP: sip.SRTP{Security: sdp.SecurityOptional, PlainSignalling: true}}
	insists := sip.DialOptions{SRTP: sip.SRTP{Security: sdp.SecurityRequired, PlainSignalling: true}}

	optional := startGateway(t, echo, func(t *sip.Trunk) { t.SRTP.Security = sdp.SecurityOptional })
	target := "sip:agent@" + optional.ua.Addr("udp").String()

	phoneCall(t, phone, target, asks) // goes on without
	refused(t, phone, target, insists)

	required := startGateway(t, echo, func(t *sip.Trunk) { t.SRTP.Security = sdp.SecurityRequired })
	refused(t, phone, "sip:agent@"+required.ua.Addr("udp").String(), insists)
}

func refused(t *testing.T, phone *sip.UA, target string, options sip.DialOptions) {
	t.Helper()

	ctx, cancel := context.WithTimeout(context.Background(), sippLimit)
	defer cancel()

	_, err := phone.Dial(ctx, target, options)
	if status := new(sip.StatusError); !errors.As(err, &status) || status.Code != 488 {
		t.Errorf("the call ends with %v, want 488", err)
	}
}

// baresip calls with the suite of its own choice, by RTP/SAVP with RTCP on the
// port of RTP, and by RTP/AVP with keys; both sides hear one another and report
// by SRTCP, also after the call was on hold.
func TestBaresipSRTP(t *testing.T) {
	t.Parallel()

	if _, err := exec.LookPath("baresip"); err != nil {
		if os.Getenv("TRUNKLINE_REQUIRE_PEERS") != "" {
			t.Fatal("baresip is not installed: apt-get install baresip-core")
		}

		t.Skip("baresip is not installed: apt-get install baresip-core")
	}

	for _, tt := range []struct {
		encryption string
		trunk      sdp.Security
		mux        string
	}{
		{"srtp", sdp.SecurityOptional, "no"},       // RTP/AVP with keys
		{"srtp-mand", sdp.SecurityRequired, "yes"}, // RTP/SAVP
	} {
		t.Run(tt.encryption, func(t *testing.T) {
			t.Parallel()

			g := startGateway(t, echo, withSRTP(tt.trunk))
			command := baresip(t, tt.encryption, tt.mux, "sip:agent@"+g.ua.Addr("udp").String())

			var d *sip.Dialog

			select {
			case d = <-g.calls:
			case <-time.After(2 * sippLimit):
				t.Fatal("baresip has not called")
			}

			var leg media.Leg

			await(t, "audio both ways, and two reports", func() bool {
				if leg = d.Leg(); leg == nil {
					return false
				}

				s := leg.Stats()

				return s.PacketsIn > 200 && s.RemoteReports >= 2
			})

			s := leg.Stats()
			if s.SRTP != "AES_CM_128_HMAC_SHA1_80" || s.Malformed != 0 || s.Lost != 0 || s.RemoteLost > 10 || s.MOSOut == 0 {
				t.Errorf("stats are %+v", s)
			}

			command("hold")
			await(t, "the hold", func() bool { return leg.Stats().OnHold })
			command("resume")
			await(t, "the resumption", func() bool { return !leg.Stats().OnHold })

			held := leg.Stats()

			await(t, "audio both ways after the hold, and a report", func() bool {
				s := leg.Stats()

				return s.PacketsIn > held.PacketsIn+100 && s.PacketsOut > held.PacketsOut+100 && s.RemoteReports > held.RemoteReports
			})

			if s := leg.Stats(); s.SRTP == "" || s.Malformed != 0 || s.Foreign != 0 {
				t.Errorf("after the hold stats are %+v", s)
			}

			ctx, cancel := context.WithTimeout(context.Background(), sippLimit)
			defer cancel()

			if err := d.Hangup(ctx, "done"); err != nil {
				t.Error(err)
			}
		})
	}
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()

	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()

	for start := time.Now(); !done(); <-tick.C {
		if time.Since(start) > 2*sippLimit {
			t.Fatalf("timed out waiting for %s", what)
		}
	}
}

// baresip starts a baresip that calls target and plays a tone. command has it
// do one of its commands.
func baresip(t *testing.T, encryption, mux, target string) (command func(string)) {
	t.Helper()

	dir := t.TempDir()
	tone := filepath.Join(dir, "tone.wav")
	samples := make([]int16, media.SampleRate*30)

	for i := range samples {
		samples[i] = int16(8000 * (1 - 2*(i/4%2)))
	}

	if err := record.WriteWAV(tone, &record.Audio{Rate: media.SampleRate, Channels: 1, Samples: [][]int16{samples}}); err != nil {
		t.Fatal(err)
	}

	control, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	controlled := control.Addr().String()
	control.Close()

	for name, content := range map[string]string{
		"config": fmt.Sprintf(`module_path /usr/lib/baresip/modules
module g711.so
module srtp.so
module account.so
module aufile.so
module aubridge.so
module menu.so
module ctrl_tcp.so
net_interface 127.0.0.1
sip_listen 127.0.0.1:0
ctrl_tcp_listen %s
audio_source aufile,%s
audio_player aubridge,nil
audio_alert aubridge,nil
rtcp_mux %s
`, controlled, tone, mux),
		"accounts": fmt.Sprintf("<sip:baresip@127.0.0.1;transport=udp>;regint=0;mediaenc=%s\n", encryption),
		"contacts": "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	out, err := os.Create(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}

	phone := exec.Command("baresip", "-f", dir, "-t", "60", "-e", "/dial "+target)
	phone.Stdout, phone.Stderr = out, out

	if err := phone.Start(); err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		_ = phone.Process.Kill() // its call is over, or the test has failed
		_ = phone.Wait()         // killed
		out.Close()

		if said, err := os.ReadFile(out.Name()); t.Failed() && err == nil {
			t.Logf("baresip said:\n%s", said)
		}
	})

	return func(name string) {
		t.Helper()

		conn, err := net.Dial("tcp4", controlled)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()

		// A netstring of JSON; baresip takes it when it answers.
		text := fmt.Sprintf(`{"command":%q}`, name)
		if _, err := fmt.Fprintf(conn, "%d:%s,", len(text), text); err != nil {
			t.Fatal(err)
		}

		_ = conn.SetReadDeadline(time.Now().Add(sippLimit))
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			t.Fatalf("baresip does not answer: %v", err)
		}
	}
}
