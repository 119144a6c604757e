package carrier

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"trunkline/media/clock"
)

// Statuses of a call (https://www.twilio.com/docs/voice/api/call-resource).
const (
	queued     = "queued"
	initiated  = "initiated"
	ringing    = "ringing"
	inProgress = "in-progress"
	completed  = "completed"
	busy       = "busy"
	noAnswer   = "no-answer"
	failed     = "failed"
	canceled   = "canceled"
)

// Directions of a call.
const (
	inbound      = "inbound"
	outboundAPI  = "outbound-api"
	outboundDial = "outbound-dial"
)

// Why calls end.
var (
	errPhone        = errors.New("the phone was put down")
	errDocumentDone = errors.New("the instructions are at their end")
	errCompleted    = errors.New("ended by REST")
	errCanceled     = errors.New("cancelled by REST")
	errTimeLimit    = errors.New("the time limit was reached")
	errParent       = errors.New("the call that dialled it is over")
)

// Call is one call.
type Call struct {
	SID, From, To string
	Direction     string // inbound, outbound-api or outbound-dial

	c      *Carrier
	parent *Call
	line   *Line
	orders orders
	form   url.Values // further parameters of its webhooks
	ctx    context.Context
	end    context.CancelCauseFunc
	done   chan struct{} // closed when all is over

	mu         sync.Mutex
	status     string
	created    time.Time
	updated    time.Time
	dialled    time.Time // start_time
	answered   time.Time
	ended      time.Time
	answeredBy string
	waited     time.Duration // in the queue
	sequence   int           // of status callbacks
	previous   <-chan struct{}
	redirect   *redirect
	interrupt  context.CancelCauseFunc // of the verbs that run
	events     []Event
	keys       chan byte
	recordings []*recording
	limit      *time.Timer
}

// Event is something that happened in a call.
type Event struct {
	At time.Time
	// Kind is said, played, keys, dialled, conference, stream (began), clear
	// (came from the application) or document (was asked for).
	Kind string
	Text string
	Took time.Duration // of document: until the answer
}

// orders are what is to happen in a call.
type orders struct {
	url, method        string
	twiml              string
	fallback           string
	callback           string
	callbackMethod     string
	events             []string // of status callbacks
	timeout, limit     time.Duration
	amd, amdAsync      bool
	amdCallback        string
	whisper            string      // of a dialled call
	whisperMethod      string      //
	bridge             func(*Call) // of a dialled call: once it is answered and briefed
	verstat, callToken string
}

// redirect is another document for a call that runs.
type redirect struct {
	twiml, url, method string
}

// errRedirected interrupts verbs.
var errRedirected = errors.New("redirected by REST")

// newCall makes a call and puts it on the list.
func (c *Carrier) newCall(direction, from, to string, o *orders) *Call {
	call := &Call{
		SID: sid("CA"), From: from, To: to, Direction: direction, c: c, orders: *o,
		done: make(chan struct{}), status: queued, created: time.Now(), updated: time.Now(), keys: make(chan byte, 64),
	}
	call.ctx, call.end = context.WithCancelCause(c.ctx)
	call.line = &Line{call: call}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = append(c.calls, call)

	return call
}

// Caller is a subscriber who calls a number of the account.
type Caller struct {
	From, To string
	Phone    Phone      // Rings and Outcome mean nothing
	Verstat  string     // StirVerstat of the webhook; empty: none
	Form     url.Values // further parameters of the webhooks
}

// Dial has a subscriber call a number. It returns at once.
func (c *Carrier) Dial(caller Caller) (*Call, error) {
	c.mu.Lock()
	i := slices.IndexFunc(c.numbers, func(n Number) bool { return n.Number == caller.To })
	var n Number
	if i >= 0 {
		n = c.numbers[i]
	}
	c.mu.Unlock()
	if i < 0 {
		return nil, errors.New("carrier: the number is not the account's")
	}
	call := c.newCall(inbound, caller.From, caller.To, &orders{
		url: n.VoiceURL, method: n.VoiceMethod, fallback: n.VoiceFallbackURL,
		callback: n.StatusCallback, callbackMethod: n.StatusCallbackMethod, events: []string{completed},
		verstat: caller.Verstat, callToken: sid("CT"),
	})
	call.form = caller.Form
	if !c.goUnlessStopped(func() { call.receive(&caller.Phone) }) {
		return nil, errStopped
	}

	return call, nil
}

// receive is the life of a call from a subscriber.
func (c *Call) receive(phone *Phone) {
	defer close(c.done)
	c.set(ringing)
	doc := c.load(c.ctx, c.orders.method, c.orders.url, nil)
	if doc != nil && len(doc.Children) > 0 && doc.Children[0].XMLName.Local == "Reject" {
		status := busy
		if doc.Children[0].attr("reason") != "busy" {
			status = noAnswer
		}
		c.finish(status)

		return
	}
	if c.ctx.Err() == nil {
		remove := c.answer(phone)
		c.interpret(doc)
		c.end(errDocumentDone)
		remove()
	}
	c.finish(c.over())
}

// over is the last status of a call that was not turned away.
func (c *Call) over() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.answered.IsZero() {
		return canceled
	}

	return completed
}

// place is the life of a call that the account or a verb dials.
func (c *Call) place() {
	defer close(c.done)
	c.mu.Lock()
	c.dialled = time.Now()
	c.waited = c.dialled.Sub(c.created)
	c.mu.Unlock()
	c.set(initiated)
	phone := c.c.o.Phone(c.To)
	c.set(ringing)
	if status := c.ring(&phone); status != "" {
		c.finish(status)

		return
	}
	remove := c.answer(&phone)
	c.detect(&phone)
	switch {
	case c.orders.bridge != nil:
		if c.orders.whisper != "" {
			c.interpret(c.load(c.ctx, c.orders.whisperMethod, c.orders.whisper, nil))
		}
		if c.ctx.Err() == nil {
			c.orders.bridge(c)
		}
	case c.orders.twiml != "":
		doc, p := parse([]byte(c.orders.twiml))
		if p != nil {
			c.c.alertf(c.SID, p.code, "%s", p.text)
		}
		c.interpret(doc)
	default:
		c.interpret(c.load(c.ctx, c.orders.method, c.orders.url, nil))
	}
	c.end(errDocumentDone)
	remove()
	c.finish(completed)
}

// ring waits for the phone; it returns the status of a call that was not
// answered.
func (c *Call) ring(p *Phone) string {
	rings, outcome := p.Rings, ""
	switch p.Outcome {
	case Answers, Voicemail:
	case Busy, Declines:
		outcome = busy
	case Fails:
		outcome = failed
	case RingsOn:
		rings, outcome = c.orders.timeout+time.Second, noAnswer
	}
	if rings > c.orders.timeout {
		rings, outcome = c.orders.timeout, noAnswer
	}
	if sleep(c.ctx, rings) {
		return outcome
	}

	return canceled
}

// answer connects the phone. remove takes it off the clock.
func (c *Call) answer(p *Phone) (remove func()) {
	c.mu.Lock()
	c.answered = time.Now()
	if c.dialled.IsZero() {
		c.dialled = c.answered
	}
	limit := c.orders.limit
	if limit > 0 {
		c.limit = time.AfterFunc(limit, func() { c.end(errTimeLimit) })
	}
	c.mu.Unlock()
	c.set(inProgress)
	var owner clock.Ticker = &listener{line: c.line}
	if p.Owner != nil {
		owner = p.Owner(c.line)
	}

	return c.c.clock.Add(owner)
}

// detect finds out whether a machine answered.
func (c *Call) detect(p *Phone) {
	if !c.orders.amd {
		return
	}
	verdict, after := p.verdict(), p.VerdictAfter
	tell := func() bool {
		if !sleep(c.ctx, after) {
			return false
		}
		c.mu.Lock()
		c.answeredBy = verdict
		c.mu.Unlock()

		return true
	}
	if !c.orders.amdAsync {
		tell()

		return
	}
	c.c.work.Go(func() {
		if !tell() {
			return
		}
		_, _, problem := c.c.request(c.ctx, http.MethodPost, c.orders.amdCallback, url.Values{
			"CallSid": {c.SID}, "AccountSid": {c.c.o.AccountSID}, "AnsweredBy": {verdict},
			"MachineDetectionDuration": {strconv.FormatInt(after.Milliseconds(), 10)},
		})
		if problem != nil {
			c.c.alertf(c.SID, problem.code, "AMD callback: %s", problem.text)
		}
	})
}

// finish sets the last status.
func (c *Call) finish(status string) {
	c.end(errDocumentDone)
	c.mu.Lock()
	if c.limit != nil {
		c.limit.Stop()
	}
	c.ended = time.Now()
	c.mu.Unlock()
	c.set(status)
}

// set changes the status and tells it.
func (c *Call) set(status string) {
	c.mu.Lock()
	c.status, c.updated = status, time.Now()
	form := c.parameters()
	name := status
	switch status {
	case inProgress:
		name = "answered"
	case busy, noAnswer, failed, canceled:
		name = completed
	}
	if c.orders.callback == "" || !slices.Contains(c.orders.events, name) {
		c.mu.Unlock()

		return
	}
	form.Set("CallbackSource", "call-progress-events")
	form.Set("SequenceNumber", strconv.Itoa(c.sequence))
	form.Set("Timestamp", c.updated.UTC().Format(time.RFC1123Z))
	if name == completed {
		form.Set("CallDuration", strconv.Itoa(c.seconds()))
		form.Set("Duration", strconv.Itoa((c.seconds()+59)/60))
		if code := sipStatus[status]; code != "" {
			form.Set("SipResponseCode", code)
		}
	}
	c.sequence++
	before, sent := c.previous, make(chan struct{})
	c.previous = sent
	c.mu.Unlock()
	c.c.callback(c, form, before, sent)
}

// sipStatus is what the far end answered, by the call's status.
var sipStatus = map[string]string{completed: "200", busy: "486", noAnswer: "487", failed: "404", canceled: "487"}

// callbackTime bounds a status callback: a carrier that stops waits for it.
const callbackTime = 5 * time.Second

// callback posts a status callback, after the one before unless callbacks are
// shuffled.
func (c *Carrier) callback(call *Call, form url.Values, before <-chan struct{}, sent chan<- struct{}) {
	times := 1
	if c.o.Trouble.Duplicate > 0 && c.chances(c.o.Trouble.Duplicate) {
		times = 2
	}
	for i := range times {
		c.work.Go(func() {
			if i == 0 {
				defer close(sent)
			}
			if c.o.Trouble.Shuffle > 0 {
				sleep(context.WithoutCancel(c.ctx), c.within(c.o.Trouble.Shuffle))
			} else if before != nil {
				<-before
			}
			ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), callbackTime)
			defer cancel()
			_, _, p := c.request(ctx, call.orders.callbackMethod, call.orders.callback, form)
			if p != nil {
				c.alertf(call.SID, p.code, "status callback: %s", p.text)
			}
		})
	}
}

// parameters are what all webhooks of the call carry; the lock is held.
func (c *Call) parameters() url.Values {
	form := url.Values{
		"CallSid": {c.SID}, "AccountSid": {c.c.o.AccountSID}, "From": {c.From}, "To": {c.To}, "Caller": {c.From},
		"Called": {c.To}, "CallStatus": {c.status}, "Direction": {c.Direction}, "ApiVersion": {"2010-04-01"},
	}
	if c.parent != nil {
		form.Set("ParentCallSid", c.parent.SID)
	}
	if c.answeredBy != "" {
		form.Set("AnsweredBy", c.answeredBy)
	}
	if c.orders.verstat != "" {
		form.Set("StirVerstat", c.orders.verstat)
	}
	if c.orders.callToken != "" {
		form.Set("CallToken", c.orders.callToken)
	}
	for name, values := range c.form {
		form[name] = values
	}

	return form
}

// load fetches a document, from the fallback when that fails; nil when there
// is none.
func (c *Call) load(ctx context.Context, method, address string, extra url.Values) *verb {
	form := c.webhookForm(extra)
	asked := time.Now()
	doc, p := c.c.document(ctx, method, address, form)
	c.mu.Lock()
	c.events = append(c.events, Event{At: asked, Kind: "document", Text: address, Took: time.Since(asked)})
	c.mu.Unlock()
	if p == nil {
		return doc
	}
	c.c.alertf(c.SID, p.code, "%s", p.text)
	if c.orders.fallback == "" || ctx.Err() != nil {
		return nil
	}
	form.Set("ErrorCode", strconv.Itoa(p.code))
	form.Set("ErrorUrl", address)
	if doc, p = c.c.document(ctx, http.MethodPost, c.orders.fallback, form); p != nil {
		c.c.alertf(c.SID, p.code, "fallback: %s", p.text)
	}

	return doc
}

func (c *Call) webhookForm(extra url.Values) url.Values {
	c.mu.Lock()
	form := c.parameters()
	c.mu.Unlock()
	for name, values := range extra {
		form[name] = values
	}

	return form
}

// seconds is how long the call has been answered; the lock is held.
func (c *Call) seconds() int {
	if c.answered.IsZero() {
		return 0
	}
	until := c.ended
	if until.IsZero() {
		until = time.Now()
	}

	return int((until.Sub(c.answered) + time.Second - 1) / time.Second)
}

// Done is closed when the call is over.
func (c *Call) Done() <-chan struct{} { return c.done }

// Status is where the call is.
func (c *Call) Status() string {
	c.mu.Lock()
	defer c.mu.Unlock()

	return c.status
}

// Voice is the URL that the call's instructions come from.
func (c *Call) Voice() string { return c.orders.url }

// Line is the phone's end.
func (c *Call) Line() *Line { return c.line }

// Events are what happened in the call so far.
func (c *Call) Events() []Event {
	c.mu.Lock()
	defer c.mu.Unlock()

	return slices.Clone(c.events)
}

// Said is the text of all events of a kind.
func (c *Call) Said(kind string) string {
	var texts []string
	for _, e := range c.Events() {
		if e.Kind == kind {
			texts = append(texts, e.Text)
		}
	}

	return strings.Join(texts, "\n")
}

func (c *Call) note(kind, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = append(c.events, Event{At: time.Now(), Kind: kind, Text: text})
}

// pressed takes a key of the phone.
func (c *Call) pressed(key byte) {
	select {
	case c.keys <- key:
	default: // nobody collects them
	}
}

// sleep waits; it reports whether that was not cut short.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
