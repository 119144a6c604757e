package console

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"trunkline/access"
	"trunkline/storage"
)

// tapeEvent is an event of a call's recording.
func tapeEvent(t testing.TB, kind, text string) storage.Event {
	t.Helper()
	data, err := json.Marshal(map[string]map[string]string{"event": {"text": text}})
	if err != nil {
		t.Fatal(err)
	}

	return storage.Event{Kind: kind, Data: data}
}

func TestTape(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		file   string
		events []storage.Event
		want   string // the state and the buttons
	}{
		"not recorded":         {"", nil, "not recorded: recording"},
		"recorded":             {"a.wav", nil, "recording: paused stopped"},
		"begun when asked":     {"", []storage.Event{tapeEvent(t, "recording", "begun by ann")}, "recording: paused stopped"},
		"paused":               {"a.wav", []storage.Event{tapeEvent(t, "recording", "paused by ann")}, "paused: recording stopped"},
		"for a secret":         {"a.wav", []storage.Event{tapeEvent(t, "recording", "paused while the caller keys in a secret")}, "paused: recording stopped"},
		"resumed":              {"a.wav", []storage.Event{tapeEvent(t, "recording", "paused by ann"), tapeEvent(t, "recording", "resumed after it")}, "recording: paused stopped"},
		"stopped":              {"a.wav", []storage.Event{tapeEvent(t, "recording", "stopped by ann"), tapeEvent(t, "recording", "resumed by x")}, "stopped for good: "},
		"the disk is full":     {"a.wav", []storage.Event{tapeEvent(t, "recording", "stopped: no space")}, "stopped for good: "},
		"objected to":          {"a.wav", []storage.Event{tapeEvent(t, "objection", "en-1")}, "stopped for good: "},
		"with a card number":   {"a.wav", []storage.Event{tapeEvent(t, "recording", "1 s to 4 s, will be silenced: a card number was said")}, "recording: paused stopped"},
		"something unreadable": {"a.wav", []storage.Event{{Kind: "recording", Data: []byte("{")}, tapeEvent(t, "turn", "stopped")}, "recording: paused stopped"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := tapeOf(&storage.History{Call: storage.Call{Recording: tt.file}, Events: tt.events})
			var buttons []string
			for _, b := range got.Buttons {
				buttons = append(buttons, b.State)
			}
			if all := got.State + ": " + strings.Join(buttons, " "); all != tt.want {
				t.Errorf("%q, want %q", all, tt.want)
			}
		})
	}
}

// Who may not run calls sees no buttons, and nobody does of a call that is over.
func TestWhoMayChangeARecording(t *testing.T) {
	t.Parallel()
	r, config := setup(t)
	config.Record = func(uuid.UUID, string, string) error { return nil }
	h, keys := keyed(t, config)
	buttons := func(role access.Role) int {
		return len(parse(t, get(h, "/calls/"+callID.String(), "Authorization", "Bearer "+keys[role]).Body.String()).find("button", ""))
	}
	if n := buttons(access.Admin); n > 0 {
		t.Errorf("%d buttons for a call that is over", n)
	}
	r.history.Call.State = storage.InProgress
	for role, want := range map[access.Role]int{access.Viewer: 0, access.Compliance: 0, access.Operator: 2, access.Admin: 2} {
		if n := buttons(role); n != want {
			t.Errorf("%s: %d buttons, want %d", role, n, want)
		}
	}
}

// clicking serves a console whose pages click on a button by themselves.
func clicking(next http.Handler, button string) http.Handler {
	script := `document.querySelector("` + button + `")?.click()`

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page := httptest.NewRecorder()
		next.ServeHTTP(page, r)
		for name, values := range page.Header() {
			w.Header()[name] = values
		}
		body := page.Body.Bytes()
		if strings.HasPrefix(page.Header().Get("Content-Type"), "text/html") {
			w.Header().Set("Content-Security-Policy", strings.Replace(contentPolicy, "script-src ", "script-src '"+hash(script)+"' ", 1))
			body = bytes.Replace(body, []byte(`http-equiv="refresh"`), nil, 1) // the browser would never be done
			body = bytes.Replace(body, []byte("</body>"), []byte("<script>"+script+"</script></body>"), 1)
		}
		w.WriteHeader(page.Code)
		_, _ = w.Write(body) // the browser has left; nobody is to be told
	})
}

// running has a call that goes on while it is read.
type running struct {
	mu sync.Mutex
	*reader
}

func (r *running) Call(ctx context.Context, id uuid.UUID) (storage.History, error) {
	r.mu.Lock()
	defer r.mu.Unlock()

	return r.reader.Call(ctx, id)
}

// happens adds an event to the call.
func (r *running) happens(e storage.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history.Events = append(slices.Clone(r.history.Events), e)
}

// A click in a browser pauses the recording of a running call, in the name of
// who is there, and the page then offers to go on; one that cannot be is told.
func TestARecordingIsPausedInABrowser(t *testing.T) {
	t.Parallel()
	for name, fails := range map[string]error{"done": nil, "refused": ErrRecordingOver} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			of, config := setup(t)
			of.history.Call.State = storage.InProgress
			r := &running{reader: of}
			config.Reader = r
			var mu sync.Mutex
			var asked, acts []string
			config.Record = func(call uuid.UUID, state, by string) error {
				mu.Lock()
				defer mu.Unlock()
				asked = append(asked, call.String()+" "+state+" by "+by)
				if fails == nil {
					r.happens(tapeEvent(t, "recording", state+" by "+by))
				}

				return fails
			}
			config.Act = func(_ context.Context, a Act) error {
				mu.Lock()
				defer mu.Unlock()
				acts = append(acts, a.What)

				return nil
			}
			server := httptest.NewServer(clicking(New(config), "[data-recording=paused]"))
			defer server.Close()
			dom := browse(t, server.URL+"/calls/"+callID.String())
			mu.Lock()
			defer mu.Unlock()
			if len(asked) == 0 || asked[0] != callID.String()+" paused by local" || !slices.Contains(acts, "begin, pause, resume or stop a recording") {
				t.Fatalf("asked %q, recorded %q:\n%s", asked, acts, dom)
			}
			want := `data-recording="recording">Resume`
			if fails != nil {
				want = "Not done: "
			}
			if !strings.Contains(dom, want) {
				t.Errorf("the page lacks %q:\n%s", want, dom)
			}
		})
	}
}
