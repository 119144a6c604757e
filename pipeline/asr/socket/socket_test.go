package socket

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"trunkline/media"
	"trunkline/pipeline"
	"trunkline/pipeline/vendor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// deaf is a protocol in which nothing is sent and nothing understood.
type deaf struct{}

func (deaf) Audio([]byte) Message      { return Message{} }
func (deaf) Flush() []Message          { return nil }
func (deaf) KeepAlive() Message        { return Message{} }
func (deaf) Bye() Message              { return Message{} }
func (deaf) Read([]byte) (Event, bool) { return Event{}, false }

func TestWriteAllocatesNothing(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var up websocket.Upgrader
		if conn, err := up.Upgrade(w, r, nil); err == nil {
			_, _, _ = conn.ReadMessage()
			conn.Close()
		}
	}))
	defer srv.Close()
	client := vendor.NewClient("acme")
	conn, err := client.Dial(t.Context(), "ws"+strings.TrimPrefix(srv.URL, "http"), nil)
	if err != nil {
		t.Fatal(err)
	}
	s := New(client, conn, deaf{}, Options{})
	defer s.Close()
	s.Begin(1)
	var f media.Frame
	if n := testing.AllocsPerRun(1000, func() { s.Write(&f) }); n != 0 {
		t.Errorf("%v allocations per frame", n)
	}
}

// Whatever the server says, each talkspurt ends once, in order, and its words
// only grow by whole segments; also where words are asked for in lulls and not
// every Flush is answered.
func TestTalkspurtsEndOnceAndInOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var w words
		begun, over := 0, 0
		tell := func(tr pipeline.Transcript, told bool) {
			if told && tr.Final {
				if over++; tr.Spurt != over {
					t.Fatalf("%+v ended as number %d", tr, over)
				}
			}
		}
		for now := range rapid.IntRange(1, 50).Draw(t, "steps") {
			at := time.Duration(now+1) * time.Second
			switch rapid.SampledFrom([]string{"begin", "says", "settles", "lull", "resume", "end"}).Draw(t, "what") {
			case "begin":
				begun++
				w.begin(begun)
			case "says":
				tell(w.take(Event{
					Text:  rapid.SampledFrom([]string{"", "Yes.", "when do"}).Draw(t, "text"),
					Ended: rapid.Bool().Draw(t, "ended"), Flushed: rapid.Bool().Draw(t, "flushed"),
					Until: rapid.SampledFrom([]time.Duration{0, at / 2, at}).Draw(t, "until"),
				}))
			case "settles":
				tr, told := w.settle(w.newest())
				if told && !tr.Final {
					t.Fatalf("%+v settles nothing", tr)
				}
				tell(tr, told)
			case "lull":
				w.ask(false, at)
			case "resume":
				w.resume()
			case "end":
				w.ask(rapid.Bool().Draw(t, "asks"), at)
				tell(w.end())
			}
		}
		if over > begun {
			t.Fatalf("%d talkspurts ended of %d", over, begun)
		}
	})
}
