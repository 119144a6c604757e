package rest

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"trunkline/twilio/carrier"
)

const (
	ours   = "+12025550100"
	theirs = "+12025550199"
	voice  = "https://voice.example.com/voice"
)

// running waits until a call is answered.
func running(t *testing.T, far *carrier.Carrier, sid string) *carrier.Call {
	t.Helper()
	call := far.Call(sid)
	for call.Status() != "in-progress" {
		time.Sleep(10 * time.Millisecond)
		if Terminal(call.Status()) {
			t.Fatalf("the call is %s", call.Status())
		}
	}

	return call
}

// setup runs a carrier and a client of it in a bubble. Its calls
// go on until somebody ends them. end stops all.
func setup(t *testing.T, o carrier.Options, change func(*Options)) (*carrier.Carrier, *Client, func()) {
	t.Helper()
	n, webhooks := carrier.NewPipes(), carrier.NewPipes()
	application := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		fmt.Fprint(w, `<Response><Pause length="7200"/></Response>`)
	})}
	var serving sync.WaitGroup
	serving.Go(func() { _ = application.Serve(webhooks) })
	o.Listen, o.Dial, o.Tunnel = n, webhooks.Dial, map[string]string{"voice.example.com": "127.0.0.1:2"}
	o.Numbers = []carrier.Number{{Number: ours, VoiceURL: "https://before.example.com/"}}
	if o.CallsPerSecond == 0 {
		o.CallsPerSecond = 1000
	}
	far := carrier.New(o)
	if err := far.Start(); err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DialContext: n.Dial}
	options := Options{AccountSID: far.AccountSID(), Secret: far.AuthToken(), Base: far.URL(), CallsPerSecond: 1000, Transport: transport}
	if change != nil {
		change(&options)
	}
	c, err := New(options)
	if err != nil {
		t.Fatal(err)
	}

	return far, c, func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_ = c.Stop(ctx)
		far.Stop()
		_ = application.Close()
		serving.Wait()
		transport.CloseIdleConnections()
	}
}

func order() Call {
	return Call{To: theirs, From: ours, Voice: voice, Ring: 30 * time.Second, Cap: 30 * time.Minute}
}
