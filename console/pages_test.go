package console

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trunkline/storage"
)

// element is a node of a parsed page.
type element struct {
	name     string
	attr     map[string]string
	text     string // with that of what is inside
	children []*element
}

// parse reads a page as HTML whose elements are closed.
func parse(t *testing.T, page string) *element {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	root := &element{}
	open := []*element{root}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return root
		}
		if err != nil {
			t.Fatalf("the page is not well formed: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := &element{name: token.Name.Local, attr: map[string]string{}}
			for _, a := range token.Attr {
				e.attr[a.Name.Local] = a.Value
			}
			parent := open[len(open)-1]
			parent.children = append(parent.children, e)
			open = append(open, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			for _, e := range open {
				e.text += string(token)
			}
		}
	}
}

// find lists the elements with a name and, unless it is empty, a class.
func (e *element) find(name, class string) []*element {
	var out []*element
	for _, c := range e.children {
		if c.name == name && (class == "" || strings.Contains(" "+c.attr["class"]+" ", " "+class+" ")) {
			out = append(out, c)
		}
		out = append(out, c.find(name, class)...)
	}
	return out
}

func (e *element) words() string { return strings.Join(strings.Fields(e.text), " ") }

func TestCallPage(t *testing.T) {
	t.Parallel()
	r, config := setup(t)
	r.history.Turns[1].Text, r.history.Turns[1].HeardText = "<script>alert(1)</script> hours", "<script>alert(1)</script> hours"
	w := get(New(config), "/calls/"+callID.String())
	if w.Code != 200 {
		t.Fatal(w.Code, w.Body)
	}
	if strings.Contains(w.Body.String(), "<script>alert") {
		t.Error("a caller's words run as a script")
	}
	page := parse(t, w.Body.String())
	turns := page.find("li", "turn")
	if len(turns) != 9 {
		t.Fatalf("%d turns, want 9", len(turns))
	}
	cut := turns[2]
	for class, want := range map[string]string{
		"heard":   "We are open Monday to Friday from nine to six, and on",
		"cut":     "interrupted",
		"unheard": "Saturday from ten until two. On public holidays we are closed.",
	} {
		if got := cut.find("span", class); len(got) != 1 || got[0].words() != want {
			t.Errorf("the interrupted turn's %s words: %v", class, got)
		}
	}
	if len(turns[4].find("span", "unheard"))+len(turns[4].find("span", "cut")) != 0 {
		t.Error("a turn that was heard whole is marked as cut")
	}
	wave := page.find("svg", "wave")[0]
	lanes := wave.find("g", "lane")
	if len(lanes) != 2 || !strings.Contains(lanes[0].attr["class"], "caller") || !strings.Contains(lanes[1].attr["class"], "agent") {
		t.Fatalf("%d lanes, want the caller's and the agent's", len(lanes))
	}
	if c, a := len(lanes[0].find("rect", "span")), len(lanes[1].find("rect", "span")); c != 4 || a != 5 {
		t.Errorf("%d turns are marked for the caller and %d for the agent, want 4 and 5", c, a)
	}
	for _, l := range lanes {
		if bars := l.find("path", "bars"); len(bars) != 1 || strings.Count(bars[0].attr["d"], "M") != drawingWidth/barStep {
			t.Errorf("the lane %s has no waveform", l.attr["class"])
		}
	}
	if rows := page.find("svg", "fall")[0].find("g", "row"); len(rows) != 4 || len(rows[0].find("rect", "")) != 5 || !strings.Contains(rows[0].text, "819 ms") {
		t.Errorf("the waterfall has %d rows, want 4 of 5 stages with their total", len(rows))
	}
	if audio := page.find("audio", ""); len(audio) != 1 || audio[0].attr["src"] != "/calls/"+callID.String()+"/recording" {
		t.Errorf("player: %v", audio)
	}
	if rows := page.find("table", "events")[0].find("tr", ""); len(rows) != 1+7 {
		t.Errorf("%d rows of events", len(rows))
	}
	for _, want := range []string{"+14155550123", "PCMU", "agent goodbye", "36 s", "5f1c9be2-77@192.0.2.14"} {
		if !strings.Contains(page.text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestCallPageOfUnfinishedCalls(t *testing.T) {
	t.Parallel()
	r, config := setup(t)
	for name, call := range map[string]storage.Call{
		"ringing":     {ID: callID, State: storage.Ringing, StartedAt: start},
		"in progress": {ID: callID, State: storage.InProgress, StartedAt: start, AnsweredAt: start.Add(time.Second), Recording: "x.wav"},
	} {
		r.history = storage.History{Call: call}
		w := get(New(config), "/calls/"+callID.String())
		page := parse(t, w.Body.String())
		renews := false
		for _, m := range page.find("meta", "") {
			renews = renews || m.attr["http-equiv"] == "refresh"
		}
		if w.Code != 200 || !strings.Contains(page.text, name) || !renews || len(page.find("audio", "")) != 0 {
			t.Errorf("%s: %d, renews itself %v", name, w.Code, renews)
		}
	}
}

func TestCallPageWithoutItsRecording(t *testing.T) {
	t.Parallel()
	r, config := setup(t)
	file := filepath.Join(config.Recordings, filepath.Base(r.history.Call.Recording))
	if err := os.WriteFile(file, []byte("no sound"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"The recording cannot be read.", "not in the recordings’ directory any more"} {
		w := get(New(config), "/calls/"+callID.String())
		page := parse(t, w.Body.String())
		if text := strings.ReplaceAll(page.text, "'", "’"); w.Code != 200 || !strings.Contains(text, want) || len(page.find("li", "turn")) != 9 {
			t.Errorf("%d: the page lacks %q", w.Code, want)
		}
		if len(page.find("rect", "span")) != 9 {
			t.Error("the turns are not drawn")
		}
		_ = os.Remove(file)
	}
}

func TestCallsPage(t *testing.T) {
	t.Parallel()
	r, config := setup(t)
	r.next = "second"
	w := get(New(config), "/calls?state=ended&since=24h")
	page := parse(t, w.Body.String())
	if rows := page.find("tr", ""); len(rows) != 2 || rows[1].find("a", "")[0].attr["href"] != "/calls/"+callID.String() {
		t.Fatalf("%d rows", len(rows))
	}
	next := page.find("a", "next")
	if len(next) != 1 || next[0].attr["href"] != "/calls?cursor=second&since=24h&state=ended" {
		t.Errorf("next page: %v", next)
	}
	for _, o := range page.find("option", "") {
		if _, selected := o.attr["selected"]; selected != (o.attr["value"] == "ended" || o.attr["value"] == "24h") {
			t.Errorf("option %q selected: %v", o.attr["value"], selected)
		}
	}
	if w := get(New(config), "/"); w.Code != 302 || w.Header().Get("Location") != "/calls" {
		t.Errorf("/: %d to %s", w.Code, w.Header().Get("Location"))
	}
}

func TestRenderCallNeedsNothingElse(t *testing.T) {
	t.Parallel()
	h := sample()
	var out bytes.Buffer
	if err := RenderCall(&out, h, writeRecording(t, t.TempDir(), &h)); err != nil {
		t.Fatal(err)
	}
	page := parse(t, out.String())
	if audio := page.find("audio", ""); len(audio) != 1 || !strings.HasPrefix(audio[0].attr["src"], "data:audio/wav;base64,UklGR") {
		t.Error("the recording is not inside")
	}
	for _, name := range []string{"link", "script", "img", "a"} {
		for _, e := range page.find(name, "") {
			for _, key := range []string{"src", "href"} {
				if v := e.attr[key]; v != "" && !strings.HasPrefix(v, "#") && !strings.HasPrefix(v, "data:") {
					t.Errorf("<%s> points at %s", name, v)
				}
			}
		}
	}
	out.Reset()
	if err := RenderCall(&out, h, ""); err != nil || !strings.Contains(out.String(), "was not recorded") {
		t.Errorf("without a recording: %v", err)
	}
	if err := RenderCall(io.Discard, h, "/nowhere.wav"); err == nil || !strings.Contains(err.Error(), "/nowhere.wav") {
		t.Errorf("with a recording that is gone: %v", err)
	}
}

func TestSplitHeard(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ said, heard, begin, rest, instead string }{
		{"one two three", "one two three", "one two three", "", ""},
		{"one two  three", "one two", "one two", "three", ""},
		{"one two three", "", "", "one two three", ""},
		{"one two three", "one tw", "one two three", "", "one tw"},
		{"one", "one two", "one", "", "one two"},
		{"", "", "", "", ""},
	} {
		begin, rest, instead := splitHeard(tc.said, tc.heard)
		if diff := cmp.Diff([]string{tc.begin, tc.rest, tc.instead}, []string{begin, rest, instead}); diff != "" {
			t.Errorf("%q heard as %q (-want +got):\n%s", tc.said, tc.heard, diff)
		}
	}
}

func TestLongCallsScroll(t *testing.T) {
	t.Parallel()
	h := storage.History{Call: storage.Call{State: storage.Ended, AnsweredAt: start, EndedAt: start.Add(30 * time.Minute)}}
	w := drawWaveform(&h, nil)
	if !w.Scrolls || w.Width != 1800*secondWidth || len(w.Ticks) < 60 || len(w.Ticks) > w.Width/90 {
		t.Errorf("30 minutes are %d wide with %d marks", w.Width, len(w.Ticks))
	}
}

// A browser shows the pages under their own content policy: the style is
// applied and the script runs.
func TestInABrowser(t *testing.T) {
	t.Parallel()
	r, config := setup(t)
	r.history.Events = append(r.history.Events, openingEvent())
	config.Trunks = func() []Trunk { return trunks() }
	server := httptest.NewServer(New(config))
	defer server.Close()
	for path, want := range map[string]string{
		"/calls/" + callID.String(): `class="playhead" x1="0"`, // the script put it at the recording's begin
		"/calls":                    callID.String(),
		"/trunks":                   "sip:two.example",
	} {
		if dom := browse(t, server.URL+path); !strings.Contains(dom, want) {
			t.Errorf("%s in the browser lacks %s:\n%s", path, want, dom)
		}
	}
}

// browse is a page as Chromium has it once its script has run.
func browse(t *testing.T, url string) string {
	t.Helper()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("TRUNKLINE_REQUIRE_PEERS") != "" {
			t.Fatal("chromium is not installed: apt-get install chromium")
		}
		t.Skip("chromium is not installed: apt-get install chromium")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--user-data-dir="+t.TempDir(),
		"--virtual-time-budget=4000", "--enable-logging=stderr", "--dump-dom", url)
	cmd.WaitDelay = time.Second
	var console bytes.Buffer
	cmd.Stderr = &console
	dom, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", url, err, console.String())
	}
	if strings.Contains(console.String(), "Content Security Policy") {
		t.Errorf("the browser refuses a part of %s:\n%s", url, console.String())
	}
	return string(dom)
}
