package carrier

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"trunkline/media/record"
)

// sayPace is how long a synthesised voice takes for one character.
const sayPace = 60 * time.Millisecond

// interpret carries a document out, and those that follow from it.
func (c *Call) interpret(doc *verb) {
	for doc != nil && c.ctx.Err() == nil {
		ctx, interrupt := context.WithCancelCause(c.ctx)
		c.mu.Lock()
		c.interrupt = interrupt
		waiting := c.redirect
		c.mu.Unlock()
		if waiting == nil {
			doc = c.carryOut(ctx, doc)
		}
		c.mu.Lock()
		c.interrupt = nil
		waiting, c.redirect = c.redirect, nil
		c.mu.Unlock()
		interrupt(nil)
		if waiting != nil {
			doc = c.redirected(waiting)
		}
	}
}

// redirected is the document that a REST request put in.
func (c *Call) redirected(r *redirect) *verb {
	if r.twiml == "" {
		return c.load(c.ctx, r.method, r.url, nil)
	}
	doc, p := parse([]byte(r.twiml))
	if p != nil {
		c.c.alertf(c.SID, p.code, "%s", p.text)
	}

	return doc
}

// divert has the call carry out another document.
func (c *Call) divert(r redirect) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.redirect = &r
	if c.interrupt != nil {
		c.interrupt(errRedirected)
	}
}

// carryOut runs a document's verbs. It returns the document that goes on.
func (c *Call) carryOut(ctx context.Context, doc *verb) *verb {
	for i := range doc.Children {
		v := &doc.Children[i]
		if ctx.Err() != nil {
			return nil
		}
		switch v.XMLName.Local {
		case "Say", "Play", "Pause":
			c.sound(ctx, v)
		case "Gather":
			if next, ok := c.gather(ctx, v); ok {
				return next
			}
		case "Dial":
			if next, ok := c.dial(ctx, v); ok {
				return next
			}
		case "Connect":
			if next, ok := c.connect(ctx, v); ok {
				return next
			}
		case "Redirect":
			return c.load(ctx, v.method("method"), c.resolve(v.text()), nil)
		case "Hangup", "Reject":
			c.end(errDocumentDone)

			return nil
		}
	}

	return nil
}

// resolve makes an address of a document absolute.
func (c *Call) resolve(address string) string {
	base, err := url.Parse(c.orders.url)
	if err != nil || c.orders.url == "" {
		return address
	}
	u, err := base.Parse(address)
	if err != nil {
		return address
	}

	return u.String()
}

// sound carries out a verb that only takes time.
func (c *Call) sound(ctx context.Context, v *verb) {
	switch v.XMLName.Local {
	case "Say":
		c.note("said", v.text())
		sleep(ctx, time.Duration(len(v.text()))*sayPace)
	case "Pause":
		sleep(ctx, v.seconds("length", time.Second))
	case "Play":
		if keys := v.attr("digits"); keys != "" {
			c.note("keys", keys)
			sleep(ctx, time.Duration(len(keys))*500*time.Millisecond)

			return
		}
		c.playFile(ctx, c.resolve(v.text()))
	}
}

func (c *Call) playFile(ctx context.Context, address string) {
	_, body, p := c.c.request(ctx, http.MethodGet, address, nil)
	if p != nil {
		c.c.alertf(c.SID, p.code, "play: %s", p.text)

		return
	}
	audio, err := record.DecodeWAV(bytes.NewReader(body))
	if err != nil || audio.Rate != sampleRate {
		c.c.alertf(c.SID, codeContentType, "play: %s is no recording at 8 kHz", address)

		return
	}
	c.note("played", address)
	c.line.hear(&clip{audio: audio.Samples[0]})
	sleep(ctx, time.Duration(len(audio.Samples[0]))*time.Second/sampleRate)
	c.line.hear(nil)
}

// gather collects keys. ok says that next takes the place of the verbs behind.
func (c *Call) gather(ctx context.Context, v *verb) (next *verb, ok bool) {
	for len(c.keys) > 0 {
		<-c.keys
	}
	prompt, stop := context.WithCancel(ctx)
	spoken := make(chan struct{})
	go func() {
		defer close(spoken)
		for i := range v.Children {
			c.sound(prompt, &v.Children[i])
		}
	}()
	digits := c.collect(ctx, v, spoken, stop)
	stop()
	<-spoken
	if ctx.Err() != nil || digits == "" && v.attr("actionOnEmptyResult") != "true" {
		return nil, false
	}
	action := c.orders.url
	if v.attr("action") != "" {
		action = c.resolve(v.attr("action"))
	}

	return c.load(ctx, v.method("method"), action, url.Values{"Digits": {digits}}), true
}

// collect waits for keys; the first one stops the prompt.
func (c *Call) collect(ctx context.Context, v *verb, spoken <-chan struct{}, stop func()) string {
	most, _ := strconv.Atoi(v.attr("numDigits"))
	last := "#"
	if a := v.attr("finishOnKey"); a != "" {
		last = a
	}
	patience := v.seconds("timeout", 5*time.Second)
	timer := time.NewTimer(patience)
	timer.Stop()
	defer timer.Stop()
	var digits strings.Builder
	for {
		select {
		case <-spoken:
			spoken = nil
			timer.Reset(patience)
		case key := <-c.keys:
			stop()
			if strings.IndexByte(last, key) >= 0 {
				return digits.String()
			}
			digits.WriteByte(key)
			if digits.Len() == most {
				return digits.String()
			}
			timer.Reset(patience)
		case <-timer.C:
			return digits.String()
		case <-ctx.Done():
			return ""
		}
	}
}

// dial calls someone else and joins the two.
func (c *Call) dial(ctx context.Context, v *verb) (next *verb, ok bool) {
	noun := v
	if len(v.Children) > 0 {
		noun = &v.Children[0]
	}
	if len(v.Children) > 1 {
		c.c.alertf(c.SID, codeUnknownVerb, "this carrier dials one number at a time")
	}
	var result url.Values
	if noun.XMLName.Local == "Conference" {
		result = c.confer(ctx, noun)
	} else {
		result = c.bridge(ctx, v, noun)
	}
	if c.ctx.Err() != nil || ctx.Err() != nil {
		return nil, false
	}
	if v.attr("action") == "" {
		return nil, false
	}

	return c.load(ctx, v.method("method"), c.resolve(v.attr("action")), result), true
}

// bridge dials a number and waits until one of the two hangs up.
func (c *Call) bridge(ctx context.Context, v, noun *verb) url.Values {
	from := c.From
	if v.attr("callerId") != "" {
		from = v.attr("callerId")
	}
	room := newRoom()
	o := orders{
		timeout: v.seconds("timeout", 30*time.Second), limit: v.seconds("timeLimit", 4*time.Hour),
		callback: c.resolve(noun.attr("statusCallback")), callbackMethod: noun.method("statusCallbackMethod"),
		events: strings.Fields(noun.attr("statusCallbackEvent")), whisperMethod: noun.method("method"),
	}
	if noun.attr("statusCallback") == "" {
		o.callback = ""
	}
	if noun.attr("url") != "" {
		o.whisper = c.resolve(noun.attr("url"))
	}
	o.url = c.orders.url // whisper's addresses are relative to the same
	joined := false
	o.bridge = func(child *Call) {
		joined = true
		room.enter(c.line)
		room.enter(child.line)
		<-child.ctx.Done()
		room.leave(child.line)
		room.leave(c.line)
	}
	child := c.c.newCall(outboundDial, from, noun.text(), &o)
	child.parent = c
	c.note("dialled", noun.text())
	c.c.work.Go(child.place)
	select {
	case <-child.Done():
	case <-ctx.Done():
		child.end(errParent)
		<-child.Done()
	}
	child.mu.Lock()
	defer child.mu.Unlock()
	result := url.Values{
		"DialCallStatus": {child.status}, "DialCallSid": {child.SID}, "DialBridged": {strconv.FormatBool(joined)},
		"DialSipResponseCode": {sipStatus[child.status]},
	}
	if child.status == completed {
		result.Set("DialCallStatus", completed)
		result.Set("DialCallDuration", strconv.Itoa(child.seconds()))
	}

	return result
}

// confer puts the call into a conference and waits until it leaves.
func (c *Call) confer(ctx context.Context, noun *verb) url.Values {
	name := noun.text()
	c.c.mu.Lock()
	r := c.c.rooms[name]
	if r == nil {
		r = newRoom()
		c.c.rooms[name] = r
	}
	c.c.mu.Unlock()
	c.note("conference", name)
	began := time.Now()
	r.enter(c.line)
	defer func() {
		r.leave(c.line)
		if noun.attr("endConferenceOnExit") == "true" {
			r.empty()
		}
	}()
	for {
		in, changed := r.holds(c.line)
		if !in {
			break
		}
		select {
		case <-changed:
			continue
		case <-ctx.Done():
		}

		break
	}

	return url.Values{
		"DialCallStatus": {completed}, "ConferenceSid": {"CF" + name},
		"DialCallDuration": {strconv.Itoa(int(time.Since(began) / time.Second))},
	}
}

// holds reports whether l is in the room; changed is closed when that may be
// no longer so.
func (r *room) holds(l *Line) (in bool, changed <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()

	return slices.Contains(r.members, l), r.changed
}

// empty sends everyone out.
func (r *room) empty() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.members {
		l.hear(nil)
	}
	r.members = nil
	r.tell()
}

// connect streams the call's audio to the application and waits until that
// ends it.
func (c *Call) connect(ctx context.Context, v *verb) (next *verb, ok bool) {
	if len(v.Children) == 0 {
		return nil, false
	}
	s := newStream(c, &v.Children[0])
	err := s.run(ctx)
	if ctx.Err() != nil || c.ctx.Err() != nil || v.attr("action") == "" {
		return nil, false
	}
	result := url.Values{"StreamSid": {s.sid}, "StreamEvent": {"stream-stopped"}}
	var failure *streamError
	if errors.As(err, &failure) {
		result.Set("StreamError", failure.Error())
		result.Set("StreamErrorCode", strconv.Itoa(failure.code))
	}

	return c.load(ctx, v.method("method"), c.resolve(v.attr("action")), result), true
}
