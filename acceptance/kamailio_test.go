package acceptance

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"trunkline/config"
	"trunkline/storage/cluster/clustertest"
)

// proxy is a Kamailio that takes registrations with digest, records its
// route, and sends calls of the user "desk" to one of several gateways that
// answer its OPTIONS, and those of a registered user where it is.
const proxy = `
debug=2
log_stderror=yes
fork=yes
children=1
listen=udp:%[1]s
disable_tcp=yes
auto_aliases=no

loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
loadmodule "dispatcher.so"
loadmodule "xlog.so"

modparam("rr", "enable_full_lr", 1)
modparam("usrloc", "db_mode", 0)
modparam("dispatcher", "list_file", "%[2]s")
modparam("dispatcher", "flags", 2)
modparam("dispatcher", "xavp_dst", "_dst")
modparam("dispatcher", "ds_ping_interval", 1)
modparam("dispatcher", "ds_ping_from", "sip:proxy@127.0.0.1")
modparam("dispatcher", "ds_ping_reply_codes", "class=2")
modparam("dispatcher", "ds_probing_mode", 1)
modparam("dispatcher", "ds_probing_threshold", 1)
modparam("dispatcher", "ds_inactive_threshold", 1)

request_route {
	if (!mf_process_maxfwd_header("10")) {
		sl_send_reply("483", "Too Many Hops");
		exit;
	}
	if (has_totag()) {
		if (loose_route()) {
			t_relay();
		} else if (is_method("ACK")) {
			if (t_check_trans()) t_relay();
		} else {
			sl_send_reply("404", "Not Here");
		}
		exit;
	}
	if (is_method("CANCEL")) {
		if (t_check_trans()) t_relay();
		exit;
	}
	if (is_method("REGISTER")) {
		if (!pv_www_authenticate("proxy", "wonderland", "0")) {
			www_challenge("proxy", "1");
			exit;
		}
		save("location");
		exit;
	}
	if (is_method("INVITE")) {
		record_route();
		if ($rU == "desk") {
			if (!ds_select_dst("1", "8")) {
				sl_send_reply("503", "No Gateway");
				exit;
			}
			t_on_failure("ELSEWHERE");
		} else if (!lookup("location")) {
			sl_send_reply("404", "Not Registered");
			exit;
		}
		t_relay();
		exit;
	}
	sl_send_reply("405", "Method Not Allowed");
}

failure_route[ELSEWHERE] {
	if (t_check_status("503|408") && ds_next_dst()) {
		t_on_failure("ELSEWHERE");
		t_relay();
	}
}

event_route[dispatcher:dst-down] {
	xlog("L_ERR", "gateway $ru is down\n");
}
`

// startProxy runs Kamailio in front of the gateways and returns its address.
func startProxy(t *testing.T, gateways ...string) (addr string, log string) {
	t.Helper()
	need(t, "kamailio", "kamailio")
	dir := t.TempDir()
	list, file, log := filepath.Join(dir, "dispatcher.list"), filepath.Join(dir, "kamailio.cfg"), filepath.Join(dir, "log")
	var rows strings.Builder
	for i, g := range gateways {
		fmt.Fprintf(&rows, "1 sip:%s 0 %d\n", g, 10-i)
	}
	addr = freeAddr(t)
	for name, text := range map[string]string{list: rows.String(), file: fmt.Sprintf(proxy, addr, list)} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	// In the foreground, in a process group of its own with its children.
	cmd := exec.Command("kamailio", "-DD", "-E", "-f", file, "-m", "32", "-Y", dir, "-P", filepath.Join(dir, "pid"))
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait() // it ends its children first
		out.Close()
		if t.Failed() {
			t.Logf("kamailio said:\n%s", tail(read(t, log)))
		}
	})
	eventually(t, patience, "Kamailio listens", func() bool {
		c, err := net.ListenPacket("udp", addr)
		if err == nil {
			c.Close()
		}

		return err != nil
	})

	return addr, log
}

// TestKamailio: a gateway registers at a proxy with digest and is called
// through it; two gateways behind its dispatcher take over from each other
// when one drains.
func TestKamailio(t *testing.T) {
	t.Parallel()
	need(t, "kamailio", "kamailio")
	first, second := configuration(t, desk()), configuration(t, desk())
	first.Database.URL, second.Database.URL = clustertest.URL(t), clustertest.URL(t)
	addr, log := startProxy(t, strings.TrimPrefix(first.SIP.Listen[0], "udp:"), strings.TrimPrefix(second.SIP.Listen[0], "udp:"))

	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("wonderland\n"), 0o600); err != nil {
		t.Fatal(err)
	}

	// The first gateway registers as well.
	first.SIP.Trunks = append(first.SIP.Trunks, config.Trunk{
		Name: "registered", Agent: "desk",
		Account:  config.Account{User: "acct1", PasswordFile: password},
		Register: &config.Register{Registrar: "sip:" + addr, Expires: time.Minute},
		Targets:  []config.TrunkTarget{{URI: "sip:" + addr}},
		Probes:   config.Probes{Every: time.Second},
	})
	a := serveConfig(t, first)
	b := serveConfig(t, second)

	eventually(t, patience, "the trunk is registered", func() bool {
		out := command(t, "--config", a.file, "trunks")
		return out.code == 0 && strings.Contains(out.stdout, "registered") && strings.Contains(out.stdout, " up ")
	})

	call := func(user string) result {
		return command(t, "call", "sip:"+user+"@"+addr, "--max", "1s")
	}
	attempts := func(g *gateway) float64 {
		return g.metric(t, `trunkline_trunk_attempts_total{direction="in",trunk="peers"}`)
	}

	if r := call("acct1"); r.code != 0 {
		t.Fatalf("a call to the registered user: %s", r.stderr)
	}
	if n := attempts(a); n != 1 {
		t.Errorf("the registered gateway counts %v calls", n)
	}
	if r := call("desk"); r.code != 0 {
		t.Fatalf("a call to the first gateway: %s", r.stderr)
	}
	if n := attempts(a); n != 2 {
		t.Errorf("the first gateway counts %v calls", n)
	}

	// A running call keeps the draining gateway up.
	talking := start(t, nil, "call", "sip:desk@"+addr, "--play", filepath.Join("..", "testdata", "audio", "tuesday.wav"), "--at", "8s")
	eventually(t, patience, "a third call", func() bool { return attempts(a) == 3 })
	if r := command(t, "--config", a.file, "drain"); r.code != 0 {
		t.Fatalf("drain: %s", r.stderr)
	}
	eventually(t, patience, "Kamailio sees the drain", func() bool { return strings.Contains(read(t, log), "is down") })
	if r := call("desk"); r.code != 0 {
		t.Errorf("a call while the first gateway drains: %s", r.stderr)
	}
	if n := attempts(b); n != 1 {
		t.Errorf("the second gateway counts %v calls", n)
	}
	if code := talking.stop(t); code != 0 {
		t.Logf("the running call ended with %d", code)
	}
	for _, secret := range []string{"wonderland", "response="} {
		if strings.Contains(read(t, a.stderr), secret) {
			t.Errorf("%q is in the gateway's log", secret)
		}
	}
}
