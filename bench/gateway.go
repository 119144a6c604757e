package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/goccy/go-yaml"

	"trunkline/config"
	"trunkline/loopback"
)

// RTP ports of the gateway and of the callers: a capture tells them apart.
const (
	gatewayLow, gatewayTop = 20000, 23999
	callersLow, callersTop = 24000, 27999
)

// How long the gateway may take to come up, with a new database, and to stop.
const (
	startBound = 60 * time.Second
	stopBound  = 30 * time.Second
)

// agentName is the agent that answers in every benchmark.
const agentName = "bench"

// gatewayConfig is a gateway on free ports of loopback with declared
// providers. The benchmark fills in its agent.
func gatewayConfig(dir string, agent config.Agent) (config.Config, error) {
	c := config.Default()
	sip, err := loopback.Free()
	if err != nil {
		return c, err
	}
	web, err := loopback.Free()
	if err != nil {
		return c, err
	}
	agent.Name = agentName
	c.Node = "bench"
	c.StateDir = filepath.Join(dir, "state")
	c.Log.Level = "warn"
	c.SIP.Listen = []string{"udp:" + sip.String()}
	c.SIP.Trunks = []config.Trunk{{Name: "bench", Sources: []string{"127.0.0.0/8"}, Agent: agentName}}
	c.Media.PortLow, c.Media.PortTop = gatewayLow, gatewayTop
	c.HTTP.Listen = web.String()
	c.Database.URL = ""
	c.Calls.MaxCalls = 1000
	c.Agents = []config.Agent{agent}

	return c, nil
}

// gateway is a running gateway process.
type gateway struct {
	*process

	target string // SIP address to call
	api    string // its HTTP address, a URL
}

// process is a program that we started.
type process struct {
	cmd  *exec.Cmd
	log  string // file with what it said
	done chan struct{}
	err  error // once done
}

// startGateway starts trunkline with the configuration, as changed, and waits
// until it takes calls. One of the same name that has stopped left it its
// database, which need not be made again.
func (b *bench) startGateway(ctx context.Context, name string, agent config.Agent, change ...func(*config.Config)) (*gateway, error) {
	dir := filepath.Join(b.dir, "gateway-"+name)
	if err := os.MkdirAll(dir, 0o755); err != nil { // the database's account has to pass
		return nil, err
	}
	c, err := gatewayConfig(dir, agent)
	if err != nil {
		return nil, err
	}
	for _, f := range change {
		f(&c)
	}
	src, err := yaml.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	file := filepath.Join(dir, "trunkline.yaml")
	if err := os.WriteFile(file, src, 0o600); err != nil {
		return nil, err
	}

	return b.serve(ctx, name, dir, file, &c)
}

// serve starts a gateway with a configuration that is in a file, and waits until
// it takes calls. dir takes its log.
func (b *bench) serve(ctx context.Context, name, dir, file string, c *config.Config) (*gateway, error) {
	args := []string{"--config", file, "serve"}
	if b.Profile != "" {
		args = []string{"--config", file, "bench", "--gateway", filepath.Join(b.Profile, name+".pprof")}
	}
	p, err := b.startProcess(dir, nil, args...)
	if err != nil {
		return nil, err
	}
	g := &gateway{
		process: p,
		target:  fmt.Sprintf("sip:%s@%s", agentName, strings.TrimPrefix(c.SIP.Listen[0], "udp:")),
		api:     "http://" + c.HTTP.Listen,
	}
	if err := g.ready(ctx); err != nil {
		return nil, errors.Join(err, g.stop())
	}

	return g, nil
}

// ready waits until the gateway answers.
func (g *gateway) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startBound, fmt.Errorf("the gateway did not come up in %v", startBound))
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.api+"/readyz", nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-g.done:
			return fmt.Errorf("the gateway ended: %w", g.failure())
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// startProcess starts this program again. What it says to standard output
// goes to out, when that is not nil, else to its log.
func (b *bench) startProcess(dir string, out io.Writer, args ...string) (*process, error) {
	p := &process{log: filepath.Join(dir, "log"), done: make(chan struct{})}
	file, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	p.cmd = exec.Command(b.Executable, args...) //nolint:noctx // stop ends it with a signal
	p.cmd.Stdout, p.cmd.Stderr = io.Writer(file), file
	if out != nil {
		p.cmd.Stdout = out
	}
	p.cmd.WaitDelay = time.Second
	// The operator's own database is none of ours.
	p.cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, config.DatabaseURLEnv+"=")
	})
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", b.Executable, err)
	}
	go func() {
		defer close(p.done)
		p.err = p.cmd.Wait()
	}()

	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// signal sends a signal to the process.
func (p *process) signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// stop ends the process and waits for it.
func (p *process) stop() error {
	select {
	case <-p.done:
		return p.failure()
	default:
	}
	if err := p.signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", p.cmd.Path, err)
	}
	select {
	case <-p.done:
		return p.failure()
	case <-time.After(stopBound):
		_ = p.cmd.Process.Kill() // it is gone, or will be
		<-p.done

		return fmt.Errorf("%s did not stop in %v and was killed: %w", p.cmd.Path, stopBound, p.failure())
	}
}

// failure is the error of a process that ended, with its last words.
func (p *process) failure() error {
	if p.err == nil {
		return nil
	}
	said, err := os.ReadFile(p.log)
	if err != nil {
		return errors.Join(p.err, err)
	}
	const last = 2000

	return fmt.Errorf("%w: it said: %s", p.err, said[max(0, len(said)-last):])
}
