package acceptance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"trunkline/media"
	"trunkline/media/record"
)

// otherPhone is a running softphone that is not ours.
type otherPhone struct {
	name    string
	addr    string // where it takes calls
	dir     string
	said    string    // file of its output
	control io.Writer // takes its commands
}

// uri is how it is called.
func (p *otherPhone) uri() string { return "sip:" + p.name + "@" + p.addr }

// tells waits until the softphone has said something.
func (p *otherPhone) tells(t *testing.T, what string) {
	t.Helper()
	eventually(t, patience, p.name+" tells "+what, func() bool { return strings.Contains(read(t, p.said), what) })
}

// run starts the softphone's program. It ends with the test.
func (p *otherPhone) run(t *testing.T, program string, env []string, args ...string) io.WriteCloser {
	t.Helper()
	p.said = filepath.Join(p.dir, "said")
	out, err := os.OpenFile(p.said, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, out, out
	cmd.Env = environment(env...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // some of them do not end by themselves
		_ = cmd.Wait()
		_ = out.Close()
		if t.Failed() {
			t.Logf("%s said:\n%s", p.name, tail(read(t, p.said)))
		}
	})

	return in
}

// baresipSettings are what a test chooses of a baresip.
type baresipSettings struct {
	says    []int16 // what it plays in each call
	account string  // parameters of the account
	network string  // of the account; empty: udp
	config  string  // further lines
}

// baresip starts a baresip, which answers calls at once when its account says
// so, and keeps what it hears in files of its directory.
func baresip(t *testing.T, name string, s baresipSettings) *otherPhone {
	t.Helper()
	need(t, "baresip", "baresip-core")
	p := &otherPhone{name: name, addr: freeAddr(t), dir: t.TempDir()}
	control, line := freeAddr(t), filepath.Join(p.dir, "line.wav")
	// baresip sends events only while it sends audio.
	plays := append(append([]int16(nil), s.says...), silence(time.Minute)...)
	if err := record.WriteWAV(line, &record.Audio{Rate: media.SampleRate, Channels: 1, Samples: [][]int16{plays}}); err != nil {
		t.Fatal(err)
	}
	network := "udp"
	if s.network != "" {
		network = s.network
	}
	for file, content := range map[string]string{
		"config": fmt.Sprintf(`module_path /usr/lib/baresip/modules
module g711.so
module srtp.so
module account.so
module aufile.so
module aubridge.so
module sndfile.so
module ctrl_tcp.so
module menu.so
net_interface 127.0.0.1
sip_listen %s
ctrl_tcp_listen %s
audio_source aufile,%s
audio_player aubridge,nil
audio_alert aubridge,nil
snd_path %s
%s`, p.addr, control, line, p.dir, s.config),
		"accounts": fmt.Sprintf("<sip:%s@%s;transport=%s>;regint=0;dtmfmode=rtpevent%s\n", name, p.addr, network, s.account),
		"contacts": "",
	} {
		if err := os.WriteFile(filepath.Join(p.dir, file), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.run(t, "baresip", nil, "-f", p.dir, "-t", "100")
	var conn net.Conn
	eventually(t, patience, name+" listens", func() bool {
		var err error
		conn, err = net.Dial("tcp", control)

		return err == nil
	})
	t.Cleanup(func() { _ = conn.Close() })
	events, err := os.OpenFile(p.said, os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	go func() { // until the connection ends
		defer events.Close()
		_, _ = io.Copy(events, conn)
	}()
	p.control = conn

	return p
}

// do gives a baresip a command: a netstring of JSON.
func (p *otherPhone) do(t *testing.T, command, params string) {
	t.Helper()
	text, err := json.Marshal(map[string]string{"command": command, "params": params})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(p.control, "%d:%s,", len(text), text); err != nil {
		t.Fatal(err)
	}
}

// heard are the samples that a baresip heard in its calls.
func (p *otherPhone) heard(t *testing.T) []int16 {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(p.dir, "dump-*-dec.wav"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s has written nothing of what it heard: %v", p.name, err)
	}
	var all []int16
	for _, f := range files { // a new one after each change of the session
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		a, err := record.DecodeWAV(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, a.Samples[0]...)
	}

	return all
}
