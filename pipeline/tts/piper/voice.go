package piper

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"strings"
	"sync"

	"trunkline/media"
	"trunkline/media/resample"
	"trunkline/pipeline"
)

// Config chooses a voice.
type Config struct {
	Program string // empty: piper, found by PATH
	Model   string // path of the voice's .onnx file; its .onnx.json lies beside it
	Speaker int    // of a voice with several; counted from 0
	Ready   int    // processes kept waiting; 0: 2
}

// Synthesizer speaks. It is safe for concurrent use.
type Synthesizer struct {
	cfg  Config
	rate int
	args []string

	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu      sync.Mutex
	waiting []*process
	closed  bool
}

var (
	_ pipeline.Synthesizer = (*Synthesizer)(nil)
	_ pipeline.Warmer      = (*Synthesizer)(nil)
)

// New reads the voice's description and starts the first processes. Close it.
func New(c Config) (*Synthesizer, error) {
	c.Program, c.Ready = cmp.Or(c.Program, "piper"), cmp.Or(c.Ready, 2)
	program, err := exec.LookPath(c.Program)
	if err != nil {
		return nil, fmt.Errorf("piper: %w: install it, or name the program in the configuration", err)
	}
	rate, err := readRate(c.Model + ".json")
	if err != nil {
		return nil, fmt.Errorf("piper: the voice's description: %w", err)
	}
	if _, err := resample.New(rate, media.SampleRate); err != nil {
		return nil, fmt.Errorf("piper: %w", err)
	}
	s := &Synthesizer{
		cfg: c, rate: rate,
		args: []string{program, "--model", c.Model, "--output-raw", "--speaker", fmt.Sprint(c.Speaker)},
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())

	return s, s.Warm(s.ctx)
}

// readRate reads the sampling rate of a voice.
func readRate(path string) (int, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return 0, err //nolint:wrapcheck // it names the file
	}
	var doc struct {
		Audio struct {
			SampleRate int `json:"sample_rate"`
		} `json:"audio"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	if doc.Audio.SampleRate <= 0 {
		return 0, fmt.Errorf("%s: audio.sample_rate is missing", path)
	}

	return doc.Audio.SampleRate, nil
}

// Warm starts the processes that are to wait.
func (s *Synthesizer) Warm(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.closed && len(s.waiting) < s.cfg.Ready {
		p, err := s.start()
		if err != nil {
			return err
		}
		s.waiting = append(s.waiting, p)
	}

	return nil
}

// Close ends the processes and waits for them.
func (s *Synthesizer) Close() error {
	s.mu.Lock()
	s.closed = true
	s.waiting = nil
	s.mu.Unlock()
	s.cancel()
	s.work.Wait()

	return nil
}

// process speaks one text.
type process struct {
	text   io.WriteCloser
	audio  io.ReadCloser
	stop   context.CancelFunc
	ended  chan struct{}
	err    error // before ended is closed
	errors tail
}

// start starts a process.
func (s *Synthesizer) start() (*process, error) {
	ctx, cancel := context.WithCancel(s.ctx)
	p := &process{stop: cancel, ended: make(chan struct{})}
	cmd := exec.CommandContext(ctx, s.args[0], s.args[1:]...)
	cmd.Stderr = &p.errors
	reader, writer, err := os.Pipe()
	if err != nil {
		cancel()

		return nil, fmt.Errorf("piper: %w", err)
	}
	defer writer.Close() // the process has its own
	cmd.Stdout, p.audio = writer, reader
	p.text, err = cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		reader.Close()

		return nil, s.failed(err)
	}
	s.work.Go(func() {
		defer close(p.ended)
		defer cancel()
		p.err = cmd.Wait()
	})

	return p, nil
}

func (s *Synthesizer) failed(err error) error {
	return &pipeline.ProviderError{Provider: "piper", Kind: pipeline.Unavailable, Err: err}
}

// take gives a process, and has another one wait.
func (s *Synthesizer) take() (*process, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, s.failed(os.ErrClosed)
	}
	next, err := s.start()
	if err != nil {
		return nil, err
	}
	s.waiting = append(s.waiting, next)
	first := s.waiting[0]
	s.waiting = s.waiting[1:]

	return first, nil
}

// Synthesize speaks a text.
func (s *Synthesizer) Synthesize(ctx context.Context, text string) iter.Seq2[pipeline.Speech, error] {
	return func(yield func(pipeline.Speech, error) bool) {
		p, err := s.take()
		if err == nil {
			err = s.speak(ctx, p, text, yield)
		}
		if err != nil {
			yield(pipeline.Speech{}, err)
		}
	}
}

func (s *Synthesizer) speak(ctx context.Context, p *process, text string, yield func(pipeline.Speech, error) bool) error {
	defer p.audio.Close()
	defer p.stop()
	defer context.AfterFunc(ctx, p.stop)()
	line := strings.Join(strings.Fields(text), " ") + "\n" // a line is a text
	if _, err := io.WriteString(p.text, line); err != nil {
		return s.broken(ctx, p, err)
	}
	p.text.Close()
	down, err := resample.New(s.rate, media.SampleRate)
	if err != nil {
		return fmt.Errorf("piper: %w", err)
	}
	buf := make([]byte, 8<<10)
	var linear []int16
	for have := 0; ; {
		n, err := p.audio.Read(buf[have:])
		have += n
		linear = linear[:0]
		for at := 0; at+1 < have; at += 2 {
			linear = append(linear, int16(binary.LittleEndian.Uint16(buf[at:])))
		}
		buf[0], have = buf[max(0, have-1)], have%2
		if out := down.Append(nil, linear); len(out) > 0 && !yield(pipeline.Speech{Samples: out}, nil) {
			return nil
		}
		if err != nil {
			break
		}
	}
	<-p.ended
	if p.err != nil || ctx.Err() != nil {
		return s.broken(ctx, p, p.err)
	}
	if out := down.Flush(nil); len(out) > 0 {
		yield(pipeline.Speech{Samples: out}, nil)
	}

	return nil
}

// broken is the fault behind a process that ended early.
func (s *Synthesizer) broken(ctx context.Context, p *process, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	p.stop()
	<-p.ended
	if last := p.errors.line(); last != "" {
		err = fmt.Errorf("%w: it says: %s", errors.Join(p.err, err), last)
	}

	return s.failed(err)
}

// tail keeps the end of what a process says of its errors.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

const tailBound = 512

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b...)
	t.buf = t.buf[max(0, len(t.buf)-tailBound):]

	return len(b), nil
}

// line is the last line.
func (t *tail) line() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(string(t.buf)), "\n")

	return strings.TrimSpace(lines[len(lines)-1])
}
