package deepgram

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"trunkline/media"
	"trunkline/pipeline"
	"trunkline/pipeline/vendorsuite"
)

// patience is how long a line of a transcript may take.
const patience = 10 * time.Second

// The transcript's lines happen one after another.
func TestLullsTranscript(t *testing.T) {
	t.Parallel()
	conns := make(chan *websocket.Conn, 1)
	server := vendorsuite.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var up websocket.Upgrader
		if conn, err := up.Upgrade(w, r, nil); err == nil {
			conns <- conn
		}
	}))
	r := New(Config{BaseURL: server.URL, Model: "nova-3", KeepAlive: time.Minute})
	vendorsuite.CloseAtEnd(t, r)
	s, err := r.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	conn := <-conns
	defer func() {
		conn.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	text, err := os.ReadFile("testdata/lulls.txt")
	if err != nil {
		t.Fatal(err)
	}
	for n, line := range strings.Split(string(text), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		if err := step(s, conn, line); err != nil {
			t.Fatalf("line %d, %s: %v", n+1, line, err)
		}
	}
}

// step has one line of the transcript happen.
func step(s pipeline.Recognition, conn *websocket.Conn, line string) error {
	what, rest, _ := strings.Cut(line, " ")
	number, _ := strconv.Atoi(rest) // of those that have one
	switch what {
	case "begin":
		s.Begin(number)
	case "speech", "silence":
		for range number / int(media.FrameDuration/time.Millisecond) {
			s.Write(&media.Frame{})
		}
	case "lull":
		s.(pipeline.Anticipator).Lull() //nolint:forcetypeassert // it is a test
	case "resume":
		s.(pipeline.Anticipator).Resume() //nolint:forcetypeassert // it is a test
	case "end":
		s.End()
	case "<":
		return conn.WriteMessage(websocket.TextMessage, []byte(rest))
	case ">":
		return sent(conn, rest)
	case "=":
		select {
		case tr := <-s.Transcripts():
			kind := "partial"
			if tr.Final {
				kind = "final"
			}
			if got := fmt.Sprintf("%d %s %q", tr.Spurt, kind, tr.Text); got != rest || tr.Err != nil {
				return fmt.Errorf("got %s, error %w", got, tr.Err)
			}
		case <-time.After(patience):
			return fmt.Errorf("nothing came")
		}
	}

	return nil
}

// sent reads what the recogniser sent: a message of text, or so many
// milliseconds of audio.
func sent(conn *websocket.Conn, want string) error {
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	length, audio := strings.CutPrefix(want, "audio ")
	left, _ := strconv.Atoi(length)
	for left *= media.SampleRate / 1000; ; {
		kind, data, err := conn.ReadMessage()
		switch {
		case err != nil:
			return err
		case !audio && string(data) == want:
			return nil
		case !audio || kind != websocket.BinaryMessage || len(data) > left:
			return fmt.Errorf("got %q", data)
		}
		if left -= len(data); left == 0 {
			return nil
		}
	}
}
