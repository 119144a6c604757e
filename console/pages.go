package console

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"trunkline/access"
	"trunkline/media"
	"trunkline/media/record"
	"trunkline/storage"
)

var (
	//go:embed page/*.html
	files embed.FS
	//go:embed page/style.css
	styleSheet template.CSS
	//go:embed page/call.js
	script template.JS

	pages = template.Must(template.New("").Funcs(template.FuncMap{
		"lasting":     lasting,
		"door":        doorName,
		"moment":      moment,
		"machineTime": machineTime,
		"words":       func(s any) string { return words(fmt.Sprint(s)) },
		"party":       party,
		"talked":      func(c storage.Call) time.Duration { return talked(&c) },
		"style":       func() template.CSS { return styleSheet },
		"script":      func() template.JS { return script },
	}).ParseFS(files, "page/*.html"))

	// contentPolicy lets pages use nothing but their own parts.
	contentPolicy = "default-src 'none'; img-src data:; media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; " +
		"style-src '" + hash(string(styleSheet)) + "'; script-src '" + hash(string(script)) + "'"
)

func hash(source string) string {
	sum := sha256.Sum256([]byte(source))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// pageCalls is the list of calls.
func (s *console) pageCalls(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	filter, err := parseFilter(query, time.Now())
	if err != nil {
		return err
	}
	list, err := s.Reader.Calls(r.Context(), filter)
	if err != nil {
		return err
	}
	view := struct {
		Calls        []storage.Call
		State, Since string
		Filtered     bool
		First, Next  string
	}{Calls: list.Calls, State: query.Get("state"), Since: query.Get("since")}
	view.Filtered = view.State != "" || view.Since != ""
	if query.Get("cursor") != "" {
		view.First = withCursor(query, "")
	}
	if list.Next != "" {
		view.Next = withCursor(query, list.Next)
	}
	return s.writePage(w, http.StatusOK, "calls.html", view)
}

func withCursor(query url.Values, cursor string) string {
	q := url.Values{}
	for name, values := range query {
		q[name] = values
	}
	q.Set("cursor", cursor)
	if cursor == "" {
		q.Del("cursor")
	}
	return "/calls?" + q.Encode()
}

// callPage is what the page of a call shows.
type callPage struct {
	Call       storage.Call
	Live       bool  // not ended: the page renews itself
	Alone      bool  // a file of its own, away from the console
	Tape       *tape // of a live call whose recording whoever looks may change; nil: of none
	Facts      []fact
	Opening    *proofView // nil: nothing had to be said
	Waveform   *waveform
	Audio      any    // the player's source: a path, or the audio itself as a template.URL; nil: no player
	AudioNote  string // why there is no player
	Transcript []line
	Waterfall  *waterfall
	Media      []fact
	Recording  []fact
	Providers  []fact
	Ladder     []rung
	Events     []eventLine
}

// A fact is a name and its value.
type fact struct{ Name, Value, Note string }

type eventLine struct {
	Seq            int
	At, Kind, Data string
}

// pageCall is the page of one call.
func (s *console) pageCall(w http.ResponseWriter, r *http.Request) error {
	history, err := s.history(r)
	if err != nil {
		return err
	}
	select {
	case s.drawing <- struct{}{}:
		defer func() { <-s.drawing }()
	case <-r.Context().Done():
		return r.Context().Err()
	}
	audio, note := s.audio(&history.Call)
	page := newCallPage(&history, audio)
	page.AudioNote = note
	if page.Live && s.Record != nil && holder(r).Role.May(access.Run) {
		page.Tape = tapeOf(&history)
	}
	if audio != nil {
		page.Audio = recordingPath(history.Call.ID)
	}
	return s.writePage(w, http.StatusOK, "call.html", page)
}

// audio reads a call's recording, or says why there is none to show.
func (s *console) audio(c *storage.Call) (audio *record.Audio, note string) {
	if c.Recording == "" {
		return nil, "This call was not recorded."
	}
	if c.State != storage.Ended {
		return nil, "The recording is shown when the call has ended."
	}
	file, err := s.openRecording(c)
	if err == nil {
		audio, err = record.DecodeWAV(file.Reader())
		if cut := file.Complete(); cut != nil {
			note = "The recording ends before the call does."
		}
		err = errors.Join(err, file.Close())
	}
	if errors.Is(err, errKey) {
		return nil, "The recording is encrypted, and its key is not here."
	}
	if errors.Is(err, errNoRecording) {
		return nil, "The recording is not in the recordings' directory any more."
	}
	if err != nil {
		s.Log.Warn("a recording cannot be shown", "call", c.ID, "error", err)
		return nil, "The recording cannot be read."
	}
	return audio, note
}

func newCallPage(h *storage.History, audio *record.Audio) *callPage {
	if audio != nil && len(audio.Samples[0]) == 0 {
		audio = nil
	}
	p := &callPage{
		Call: h.Call, Live: h.Call.State != storage.Ended, Facts: facts(h),
		Opening: proof(h), Waveform: drawWaveform(h, audio), Transcript: transcript(h), Waterfall: drawWaterfall(h),
		Ladder: rungs(h),
	}
	if h.Call.Media != nil {
		p.Media = mediaFacts(h.Call.Media)
	}
	if h.Recording != nil {
		p.Recording = recordingFacts(h.Recording)
	}
	p.Providers = providerFacts(h)
	for _, e := range h.Events {
		if e.Kind != ladderKind && (e.Kind != openingKind || p.Opening == nil) { // shown as themselves
			p.Events = append(p.Events, eventLine{e.Seq, fmt.Sprintf("%.3f", e.At.Seconds()), e.Kind, string(e.Data)})
		}
	}
	return p
}

// facts is the call in a few numbers.
func facts(h *storage.History) []fact {
	var callerTurns, interruptions int
	var totals []time.Duration
	for i := range h.Turns {
		t := &h.Turns[i]
		if t.Role == storage.Caller {
			callerTurns++
		}
		if t.Interrupted {
			interruptions++
		}
		if t.Latency.Total > 0 {
			totals = append(totals, t.Latency.Total)
		}
	}
	out := []fact{
		{"Talked", lasting(talked(&h.Call)), ""},
		{"Turns", fmt.Sprint(len(h.Turns)), fmt.Sprintf("%d by the caller", callerTurns)},
		{"Interruptions", fmt.Sprint(interruptions), ""},
	}
	if h.Call.Attestation != "" {
		out = append(out, fact{"Attestation", h.Call.Attestation, "of the caller's number, by the carriers"})
	}
	if len(h.Call.Costs) > 0 {
		out = append(out, fact{"Cost", h.Call.Cost().String(), "by the configured prices"})
	}
	if len(totals) > 0 {
		slices.Sort(totals)
		out = append(out,
			fact{"Median answer", milliseconds(totals[len(totals)/2]), "last word in to first packet out"},
			fact{"Slowest answer", milliseconds(totals[len(totals)-1]), ""})
	}
	return out
}

func mediaFacts(m *storage.Media) []fact {
	return []fact{
		{"Codec", m.Codec, ""},
		{"Encryption", cmp.Or(strings.TrimSpace(m.SRTP+" "+m.Keying), "none"), ""},
		{"Our address", m.Local, ""},
		{"Their address", cmp.Or(m.Remote, "unknown"), ""},
		{"Packets in", fmt.Sprint(m.PacketsIn), ""},
		{"Packets out", fmt.Sprint(m.PacketsOut), ""},
		{"Lost", fmt.Sprint(m.Lost), share(m.Lost, m.Lost+m.PacketsIn)},
		{"Late", fmt.Sprint(m.Late), ""},
		{"Reordered", fmt.Sprint(m.Reordered), ""},
		{"Duplicates", fmt.Sprint(m.Duplicates), ""},
		{"Concealed", milliseconds(frames(m.Concealed)), "made up for what was late or lost"},
		{"Time-scaled", milliseconds(frames(m.Stretched)), "to change the delay"},
		{"From strangers", fmt.Sprint(m.Foreign), "dropped"},
		{"Malformed", fmt.Sprint(m.Malformed), "dropped"},
		{"Refused by the socket", fmt.Sprint(m.SendDropped), ""},
		{"Jitter", fmt.Sprintf("%.1f ms", m.JitterMS), ""},
		{"Jitter buffer", fmt.Sprintf("%.0f ms", m.DelayMS), fmt.Sprintf("aimed for %.0f ms", m.TargetMS)},
		{"Echo of the agent", heardBack(m), "return loss"},
		{"Caller as heard here", score(m.MOSIn), rating(m.RIn)},
		{"Agent as heard there", score(m.MOSOut), rating(m.ROut)},
		{"Round trip", known(m.RTTMS > 0, fmt.Sprintf("%.1f ms", m.RTTMS)), "by RTCP"},
		{"Lost on the way out", known(m.RemoteReports > 0, fmt.Sprint(m.RemoteLost)), share(m.RemoteLost, m.PacketsOut)},
		{"Jitter there", known(m.RemoteReports > 0, fmt.Sprintf("%.1f ms", m.RemoteJitterMS)), ""},
		{"Verdict", cmp.Or(m.Verdict, "audio flowed"), ""},
	}
}

// frames is how long a number of frames lasts.
func frames(n uint64) time.Duration { return time.Duration(n) * media.FrameDuration }

// heardBack is the echo that the far end made of the agent.
func heardBack(m *storage.Media) string {
	if m.EchoDelayMS == 0 {
		return "none heard"
	}
	return fmt.Sprintf("%.0f ms late, %.0f dB down", m.EchoDelayMS, m.EchoLossDB)
}

func recordingFacts(r *storage.Recording) []fact {
	out := []fact{
		{"Length", lasting(r.Length), ""},
		{"File", r.File, fmt.Sprintf("%d bytes", r.Bytes)},
		{"SHA-256", r.SHA256, ""},
		{"Encrypted with key", cmp.Or(r.KeyID, "none"), ""},
	}
	if r.Paused > 0 {
		out = append(out, fact{"Paused", lasting(r.Paused), "the time is kept"})
	}
	if r.Silenced > 0 {
		out = append(out, fact{"Erased", lasting(r.Silenced), "a card number was said there"})
	}
	if r.Destroyed != "" {
		out = append(out, fact{"Destroyed", r.Destroyed, ""})
	}
	if r.Cut {
		out = append(out, fact{"Incomplete", r.Problem, ""})
	}
	switch {
	case !r.UploadedAt.IsZero():
		out = append(out, fact{"Copy", r.UploadedTo, "arrived " + r.UploadedAt.Format(time.DateTime)})
	case r.UploadProblem != "":
		out = append(out, fact{"Copy", "none", fmt.Sprintf("%d tries: %s", r.UploadTries, r.UploadProblem)})
	}
	if !r.DeletedAt.IsZero() {
		out = append(out, fact{"Deleted here", r.DeletedAt.Format(time.DateTime), ""})
	}
	return out
}

func known(is bool, value string) string {
	if !is {
		return "unknown"
	}
	return value
}

func score(mos float64) string { return known(mos > 0, fmt.Sprintf("MOS %.2f", mos)) }

func rating(r float64) string {
	if r == 0 {
		return ""
	}
	return fmt.Sprintf("R %.0f of 93", r)
}

func share(part, whole uint64) string {
	if part == 0 || whole == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f %%", 100*float64(part)/float64(whole))
}

// pageProblem tells a problem on a page.
func (s *console) pageProblem(w http.ResponseWriter, r *http.Request, err error) {
	p := s.problemOf(r, err)
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		s.apiProblem(w, r, p)
		return
	}
	if p.Status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", "GET, HEAD")
	}
	if err := s.writePage(w, p.Status, "problem.html", p); err != nil {
		s.apiProblem(w, r, err)
	}
}

// writePage writes a page when it is complete.
func (s *console) writePage(w http.ResponseWriter, status int, name string, view any) error {
	var page bytes.Buffer
	if err := pages.ExecuteTemplate(&page, name, view); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes()) // the client has left; nobody is to be told
	return nil
}

// maxEmbedded bounds the audio that RenderCall puts into a page, in bytes: 17
// minutes of 8 kHz in two channels.
const maxEmbedded = 32 << 20

// RenderCall writes the page of a call as one HTML file that needs nothing
// else. The audio at recordingPath is inside it, up to 17 minutes; beyond
// that the page has the waveform only. An empty recordingPath means that the
// call was not recorded.
func RenderCall(w io.Writer, h storage.History, recordingPath string) error {
	var audio *record.Audio
	var player any
	note := "This call was not recorded."
	if recordingPath != "" {
		wav, err := os.ReadFile(recordingPath)
		if err != nil {
			return fmt.Errorf("page of call %s: %w", h.Call.ID, err)
		}
		if audio, err = record.DecodeWAV(bytes.NewReader(wav)); err != nil {
			return fmt.Errorf("page of call %s: %s: %w", h.Call.ID, recordingPath, err)
		}
		note = "The recording is too long to stand in this page: " + recordingPath
		if len(wav) <= maxEmbedded {
			player = template.URL("data:audio/wav;base64," + base64.StdEncoding.EncodeToString(wav)) //nolint:gosec // base64 holds nothing to escape
			note = ""
		}
	}
	page := newCallPage(&h, audio)
	page.Alone, page.Live, page.Audio, page.AudioNote = true, false, player, note
	if err := pages.ExecuteTemplate(w, "call.html", page); err != nil {
		return fmt.Errorf("page of call %s: %w", h.Call.ID, err)
	}
	return nil
}
