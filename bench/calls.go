package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// callHold is from a call's answer to its hang-up.
	callHold = 100 * time.Millisecond

	// callTimer is after which a request that nobody answered is sent again, T1
	// of RFC 3261, and callBound when it is given up, 64 times that.
	callTimer = 500 * time.Millisecond
	callBound = 32 * time.Second

	// soakBefore is how many calls come before a soak: SIP remembers each for 32 s,
	// and what holds them is to have its full size when it begins, at 300 a second.
	soakBefore = 10000

	// soakCallers place the calls between the looks at the memory.
	soakCallers = 30

	// calmBound is how long the gateway may take to forget calls: SIP
	// transactions last 32 s, and records are written behind the calls.
	calmBound = 10 * time.Minute
)

// setups measures what it takes to begin and end calls.
func (b *bench) setups(ctx context.Context) (err error) {
	many := pick(b, 5000, 60)
	fmt.Fprintf(b.Out, "\nCalls to the gateway by INVITE, ACK and BYE over loopback UDP, each hung up %v after its answer, with an agent of declared\n"+
		"providers that greets, and with its records written to the gateway's own PostgreSQL. Callers place the next call when the one before\n"+
		"is over. Ringing and answer are from the INVITE to the 180 and to the 200. Processor time is the gateway's, without PostgreSQL and callers:\n"+
		"its share of a call does not depend on what else the machine does. Sent again: INVITEs and BYEs by the callers after 500 ms, and 200 responses by the gateway.\n"+
		"Echo: before each call its caller sends a datagram of the INVITE's size to a bare process that sends it back: what the machine itself adds to an answer.\n"+
		"Target: 300 set-ups per second and core, none sent again, 5 ms p99 to the ringing.\n", callHold)
	echo, err := b.startBareEcho()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, echo.stop()) }()
	g, err := b.startGateway(ctx, "calls", turnAgent())
	if err != nil {
		return err
	}
	rates := newTable("callers", "calls", "failed", "calls/s", "gateway ms/call", "set-ups per processor second", "allocations/call", "KB/call",
		"ringing p50 ms", "p99 ms", "echo p50 ms", "p99 ms", "answer p50 ms", "p99 ms", "sent again: callers", "gateway", "rows written", "dropped")
	rows := pick(b, []int{1, 10, 50}, []int{1, 5})
	if b.Soak > 0 {
		rows, many = []int{soakCallers}, b.Soak
	}
	for i, callers := range rows {
		calls := pick(b, min(1000, 200*callers), 10*callers)
		if b.Soak > 0 {
			calls = pick(b, soakBefore, calls)
		}
		b.progressf("calls: %d by %d callers", calls, callers)
		row := func() error { return b.setupRow(ctx, g, echo.addr, rates, callers, calls) }
		if i == len(rows)-1 {
			err = b.profiled(g.process, row)
		} else {
			err = row()
		}
		if err != nil {
			return stopAfter(g, err)
		}
	}
	rates.write(b.Out)
	if err := b.memory(ctx, g, many); err != nil {
		return stopAfter(g, err)
	}

	return g.stop()
}

// setupRow places calls and adds what they took.
func (b *bench) setupRow(ctx context.Context, g *gateway, echo string, t *table, callers, calls int) error {
	before, err := g.until(ctx, recorded)
	if err != nil {
		return err
	}
	w, err := watchOf(g.pid())
	if err != nil {
		return err
	}
	made, err := placeCalls(ctx, g, echo, callers, calls)
	if err != nil {
		return err
	}
	placing := time.Since(w.began)
	after, err := g.until(ctx, recorded) // the records belong to the calls
	if err != nil {
		return err
	}
	l, err := w.stop()
	if err != nil {
		return err
	}
	used := l.used[0].total()
	n := float64(calls)
	t.row(callers, calls, made.failed, fmt.Sprintf("%.0f", n/placing.Seconds()), fmt.Sprintf("%.2f", used.Seconds()*1000/n),
		fmt.Sprintf("%.0f", n/used.Seconds()), fmt.Sprintf("%.0f", after.since(before, "go_memstats_mallocs_total")/n),
		fmt.Sprintf("%.0f", after.since(before, "go_memstats_alloc_bytes_total")/1000/n), made.ringing.fine(0.5), made.ringing.fine(0.99), made.echo.fine(0.5), made.echo.fine(0.99), made.answer.fine(0.5), made.answer.fine(0.99),
		made.again, after.grown(before, "sip_retransmitted_total"), after.grown(before, "journal_written_rows_total"), after.grown(before, "journal_dropped_rows_total"))

	return nil
}

// memory looks at what the gateway holds before, amid and after many calls.
func (b *bench) memory(ctx context.Context, g *gateway, calls int) error {
	t := newTable("after calls", "resident MiB", "live heap MiB", "heap in use MiB", "goroutines", "descriptors", "dialogs", "transactions", "RTP ports")
	first, err := b.held(ctx, g)
	if err != nil {
		return err
	}
	first.row(t, "the table's")
	var all placedCalls
	var took time.Duration
	last := first
	for done := 0; done < calls; {
		more := min((calls+1)/2, calls-done)
		b.progressf("calls: %d for the memory", more)
		began := time.Now()
		made, err := placeCalls(ctx, g, "", soakCallers, more)
		if err != nil {
			return err
		}
		took += time.Since(began)
		done, all.failed, all.again = done+more, all.failed+made.failed, all.again+made.again
		if last, err = b.held(ctx, g); err != nil {
			return err
		}
		last.row(t, fmt.Sprintf("%d more", done))
	}
	t.row("change", change(first.resident, last.resident), change(first.live, last.live), change(first.used, last.used),
		change(first.goroutines, last.goroutines), change(first.descriptors, last.descriptors))
	fmt.Fprintf(b.Out, "\nMemory, once the calls are forgotten, their records written and the heap is collected twice: the gateway's process after the calls of the table, and after up to %d more\n"+
		"by %d callers in %v (%.0f a second; %d failed, %d requests sent again). Target: within 5 %%.\n",
		calls, soakCallers, took.Round(time.Second), float64(calls)/took.Seconds(), all.failed, all.again)
	t.write(b.Out)

	return nil
}

// change is by how much a figure has grown.
func change(before, after float64) string { return fmt.Sprintf("%+.1f %%", 100*(after-before)/before) }

// holding is what the gateway holds at rest.
type holding struct {
	resident, live, used, goroutines, descriptors float64
	dialogs, transactions, ports                  float64
}

func (h *holding) row(t *table, name string) {
	mib := func(octets float64) string { return fmt.Sprintf("%.1f", octets/(1<<20)) }
	t.row(name, mib(h.resident), mib(h.live), mib(h.used), h.goroutines, h.descriptors, h.dialogs, h.transactions, h.ports)
}

// collections are how many have to pass before the heap holds nothing of the
// calls: pools keep what is not used for one of them.
const collections = 2

// held waits until nothing of the calls is left, and looks. It places a last
// call once all others are written: the PostgreSQL client keeps the values of
// what it wrote last, and those of a backlog are more than a megabyte.
func (b *bench) held(ctx context.Context, g *gateway) (h holding, err error) {
	if _, err := g.until(ctx, recorded); err != nil {
		return h, err
	}
	if _, err := placeCalls(ctx, g, "", 1, 1); err != nil {
		return h, err
	}
	s, err := g.until(ctx, pick(b, forgotten, recorded))
	if err != nil {
		return h, err
	}
	for calm := s; !b.Quick && s.since(calm, "go_gc_duration_seconds_count") < collections; {
		// Go collects an idle heap every two minutes; what the looks need makes it
		// do so earlier.
		if err := rest(ctx, 20*time.Millisecond); err != nil {
			return h, err
		}
		if s, err = g.scrape(ctx); err != nil {
			return h, err
		}
	}
	resident, err := residentOf(g.pid())

	return holding{
		resident: float64(resident), live: s["go_gc_heap_live_bytes"], used: s["go_memstats_heap_inuse_bytes"],
		goroutines: s["go_goroutines"], descriptors: s["process_open_fds"],
		dialogs: s["trunkline_sip_dialogs"], transactions: s["trunkline_sip_transactions"], ports: s["trunkline_rtp_ports_in_use"],
	}, err
}

// scrape is what the gateway counts: metrics without labels, by name.
type scrape map[string]float64

// since is by how much a metric has grown.
func (s scrape) since(before scrape, name string) float64 { return s[name] - before[name] }

// grown is by how much a counter of ours has grown.
func (s scrape) grown(before scrape, name string) int { return int(s.since(before, "trunkline_"+name)) }

func (g *gateway) scrape(ctx context.Context) (scrape, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.api+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("read the metrics: %w", err)
	}
	defer resp.Body.Close()
	s := scrape{}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			s[name] = v
		}
	}

	return s, lines.Err()
}

// recorded are metrics that are 0 once the calls are over and their records
// written, and forgotten those that are 0 once nothing of them is left.
var (
	recorded  = []string{"trunkline_calls_active", "trunkline_journal_queued_rows", "trunkline_spool_rows"}
	forgotten = append([]string{"trunkline_sip_dialogs", "trunkline_sip_transactions"}, recorded...)
)

// until waits until all the metrics are 0.
func (g *gateway) until(ctx context.Context, metrics []string) (scrape, error) {
	for began := time.Now(); ; {
		s, err := g.scrape(ctx)
		if err != nil {
			return nil, err
		}
		left := 0.0
		for _, m := range metrics {
			left += s[m]
		}
		if left == 0 {
			return s, nil
		}
		if time.Since(began) > calmBound {
			return nil, fmt.Errorf("%v after the last call %v are left of %s", calmBound, left, strings.Join(metrics, ", "))
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(250 * time.Millisecond): // it costs the gateway some ms
		}
	}
}

// placedCalls is what came of calls.
type placedCalls struct {
	ringing, answer sample
	echo            sample // of datagrams by the bare echo
	again           int    // requests sent again
	failed          int    // calls that were not answered
}

// placeCalls has callers place calls, one after another each. Before each they
// ask the bare echo, unless its address is empty.
func placeCalls(ctx context.Context, g *gateway, echo string, callers, calls int) (placedCalls, error) {
	audio, err := net.ListenPacket("udp", "127.0.0.1:0") //nolint:noctx // it is bound at once
	if err != nil {
		return placedCalls{}, err
	}
	defer audio.Close() // what comes there is not read
	var mu sync.Mutex
	var all placedCalls
	var errs []error
	var work sync.WaitGroup
	for i := range callers {
		work.Go(func() {
			c, err := newDialler(g.target, echo, audio.LocalAddr().(*net.UDPAddr).Port) //nolint:errcheck,forcetypeassert // it is a UDP socket
			if err == nil {
				defer c.close()
				for n := i; n < calls && err == nil; n += callers {
					err = c.call(ctx, n)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
			if c != nil {
				all.ringing, all.answer, all.echo = append(all.ringing, c.ringing...), append(all.answer, c.answer...), append(all.echo, c.echo...)
				all.again, all.failed = all.again+c.again, all.failed+c.failed
			}
		})
	}
	work.Wait()

	return all, errors.Join(errs...)
}

// dialler places calls at little cost to the machine that is measured.
type dialler struct {
	placedCalls

	conn   net.Conn
	bare   net.Conn // to the bare echo; nil: none is asked
	target string   // the URI to call
	local  string
	body   string
	buffer [1 << 16]byte
}

func newDialler(target, echo string, audio int) (*dialler, error) {
	_, host, _ := strings.Cut(target, "@")
	conn, err := net.Dial("udp", host) //nolint:noctx // it is bound at once
	if err != nil {
		return nil, err
	}
	var bare net.Conn
	if echo != "" {
		if bare, err = net.Dial("udp", echo); err != nil { //nolint:noctx // it is bound at once
			return nil, errors.Join(err, conn.Close())
		}
	}

	return &dialler{
		conn: conn, bare: bare, target: target, local: conn.LocalAddr().String(),
		body: fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP 0\r\n", audio),
	}, nil
}

func (c *dialler) close() {
	_ = c.conn.Close() // nothing waits to be sent
	if c.bare != nil {
		_ = c.bare.Close()
	}
}

// ask notes how long the bare echo takes.
func (c *dialler) ask(data []byte) error {
	took, back, err := echoed(c.bare, data)
	if back {
		c.echo = append(c.echo, took)
	}

	return err
}

// call places a call, holds it and hangs up.
func (c *dialler) call(ctx context.Context, n int) error {
	id := fmt.Sprintf("%d-%s", n, c.local)
	if c.bare != nil {
		if err := c.ask(c.request(id, "INVITE", "", c.body)); err != nil {
			return err
		}
	}
	began := time.Now()
	rang := false
	status, tag, err := c.exchange(id, "INVITE", "", func() {
		if !rang {
			rang = true
			c.ringing = append(c.ringing, time.Since(began))
		}
	})
	if err != nil {
		return err
	}
	if _, err := c.conn.Write(c.request(id, "ACK", tag, "")); err != nil {
		return err
	}
	if status != 200 {
		c.failed++

		return nil
	}
	c.answer = append(c.answer, time.Since(began))
	select {
	case <-time.After(callHold):
	case <-ctx.Done():
	}
	_, _, err = c.exchange(id, "BYE", tag, nil)

	return errors.Join(err, context.Cause(ctx))
}

// exchange sends a request until its final response comes, and returns its
// status, 0 for none at all, and the gateway's tag.
func (c *dialler) exchange(id, method, tag string, ringing func()) (status int, theirs string, err error) {
	body := ""
	if method == "INVITE" {
		body = c.body
	}
	req := c.request(id, method, tag, body)
	if _, err := c.conn.Write(req); err != nil {
		return 0, "", err
	}
	wait, told := callTimer, false
	for began, sent := time.Now(), time.Now(); time.Since(began) < callBound; {
		if err := c.conn.SetReadDeadline(sent.Add(wait)); err != nil {
			return 0, "", err
		}
		got, err := c.conn.Read(c.buffer[:])
		var late net.Error
		if errors.As(err, &late) && late.Timeout() {
			sent, wait = time.Now(), 2*wait
			if told { // RFC 3261 section 17.1.1.2: it has arrived
				continue
			}
			c.again++
			_, err = c.conn.Write(req)
		}
		if err != nil {
			return 0, "", err
		}
		status, theirs, of := answerTo(c.buffer[:got], id, method)
		switch {
		case !of: // a response to a request before, sent again
		case status >= 200:
			return status, theirs, nil
		default:
			told = true
			if status == 180 && ringing != nil {
				ringing()
			}
		}
	}

	return 0, "", nil
}

func (c *dialler) request(id, method, tag, body string) []byte {
	seq, to := 1, "<"+c.target+">"
	if tag != "" {
		to += ";tag=" + tag
	}
	if method == "BYE" {
		seq = 2
	}
	kind := ""
	if body != "" {
		kind = "Content-Type: application/sdp\r\n"
	}

	return fmt.Appendf(nil, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s%s;rport\r\nMax-Forwards: 70\r\nFrom: <sip:+15550100123@%s>;tag=%s\r\n"+
		"To: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\nContact: <sip:bench@%s>\r\n%sContent-Length: %d\r\n\r\n%s",
		method, c.target, c.local, method, id, c.local, id, to, id, seq, method, c.local, kind, len(body), body)
}

// answerTo reads a response: its status, the To header's tag, and whether it
// is one to this request of this call.
func answerTo(data []byte, id, method string) (status int, tag string, of bool) {
	line, rest, _ := bytes.Cut(data, []byte("\r\n"))
	code, _, _ := bytes.Cut(bytes.TrimPrefix(line, []byte("SIP/2.0 ")), []byte(" "))
	status, err := strconv.Atoi(string(code))
	ours, fits := false, false
	for line := range bytes.SplitSeq(rest, []byte("\r\n")) {
		name, value, _ := strings.Cut(string(line), ":")
		switch value = strings.TrimSpace(value); strings.ToLower(name) {
		case "to":
			_, tag, _ = strings.Cut(value, ";tag=")
		case "call-id":
			ours = value == id
		case "cseq":
			fits = strings.HasSuffix(value, " "+method)
		}
	}

	return status, tag, err == nil && ours && fits
}
