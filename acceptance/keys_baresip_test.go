package acceptance

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"trunkline/media"
	"trunkline/media/record"
	"trunkline/pipeline/turn"
	"trunkline/storage"
)

// control is the control port of a baresip: netstrings of JSON.
type control struct{ conn net.Conn }

func (c control) do(t *testing.T, command, params string) {
	t.Helper()
	text, err := json.Marshal(map[string]string{"command": command, "params": params})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(c.conn, "%d:%s,", len(text), text); err != nil {
		t.Fatal(err)
	}
}

// baresip presses keys as a person at it would.
func TestBaresipPressesKeys(t *testing.T) {
	t.Parallel()
	need(t, "baresip", "baresip-core")
	g := serve(t, desk(), nil)
	dir := t.TempDir()
	addr, port := freeAddr(t), freeAddr(t)
	// baresip sends events only while it sends audio.
	quiet := filepath.Join(dir, "quiet.wav")
	if err := record.WriteWAV(quiet, &record.Audio{Rate: media.SampleRate, Channels: 1, Samples: [][]int16{silence(time.Minute)}}); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"config": fmt.Sprintf(`module_path /usr/lib/baresip/modules
module g711.so
module account.so
module aufile.so
module aubridge.so
module ctrl_tcp.so
module menu.so
net_interface 127.0.0.1
sip_listen %s
ctrl_tcp_listen %s
audio_source aufile,%s
audio_player aubridge,nil
audio_alert aubridge,nil
`, addr, port, quiet),
		"accounts": fmt.Sprintf("<sip:baresip@%s;transport=udp>;regint=0;dtmfmode=rtpevent\n", addr),
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
	defer out.Close()
	phone := exec.Command("baresip", "-f", dir, "-t", "100", "-e", "/dial "+g.target())
	phone.Stdout, phone.Stderr = out, out
	if err := phone.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- phone.Wait() }()
	t.Cleanup(func() {
		_ = phone.Process.Kill() // it has ended unless the test failed
		if t.Failed() {
			t.Logf("baresip said:\n%s", tail(read(t, out.Name())))
		}
	})
	eventually(t, patience, "an answered call", func() bool {
		all := g.calls(t)
		return len(all) == 1 && !all[0].AnsweredAt.IsZero()
	})
	conn, err := net.Dial("tcp", port)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() { _, _ = bufio.NewReader(conn).WriteTo(out) }() // its answers, until the connection ends

	c := control{conn}
	const keys = "2580*#"
	for _, key := range keys {
		c.do(t, "sndcode", string(key))
		time.Sleep(300 * time.Millisecond) // a person's pace
	}
	time.Sleep(500 * time.Millisecond)
	if err := phone.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("baresip: %v", err)
	}
	h := g.only(t)
	checkEnd(t, h, "caller_hangup", storage.FaultCaller)
	got := ""
	for _, key := range recorded(t, h, turn.KeyPressed) {
		got += key
	}
	if got != keys {
		t.Errorf("the record has the keys %q, want %q", got, keys)
	}
}
