package socket

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"trunkline/media"
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
// only grow by whole segments.
func TestTalkspurtsEndOnceAndInOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var w words
		begun, over := 0, 0
		for range rapid.IntRange(1, 50).Draw(t, "steps") {
			switch rapid.IntRange(0, 2).Draw(t, "what") {
			case 0:
				begun++
				w.begin(begun)
			case 1:
				e := Event{
					Text:  rapid.SampledFrom([]string{"", "Yes.", "when do"}).Draw(t, "text"),
					Ended: rapid.Bool().Draw(t, "ended"), Flushed: rapid.Bool().Draw(t, "flushed"),
				}
				tr, told := w.take(e)
				if told && tr.Final {
					over++
					if tr.Spurt != over {
						t.Fatalf("talkspurt %d ended as number %d", tr.Spurt, over)
					}
				}
			case 2:
				if tr, told := w.settle(w.latest()); told {
					over++
					if tr.Spurt != over || !tr.Final {
						t.Fatalf("%+v ended as number %d", tr, over)
					}
				}
			}
		}
		if over > begun {
			t.Fatalf("%d talkspurts ended of %d", over, begun)
		}
	})
}
