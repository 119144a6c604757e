package whisper

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"trunkline/media"
	"trunkline/media/record"
	"trunkline/pipeline"
	"trunkline/pipeline/asr/asrsuite"
	"trunkline/pipeline/asr/asrtest"
	"trunkline/pipeline/asr/whisper/whispertest"
	"trunkline/pipeline/vendor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRecognizer(t *testing.T) {
	t.Parallel()
	asrsuite.Run(t,
		func() asrtest.Vendor { return whispertest.New() },
		func(url, key string) pipeline.Recognizer {
			return New(Config{BaseURL: url, Key: vendor.Key(key), Model: "whisper-1"})
		})
}

// server answers each request when the test says so.
type server struct {
	*httptest.Server

	mu      sync.Mutex
	lengths []time.Duration // of the audio of each request
	rates   []int
	answers chan string // JSON
}

func serve(t *testing.T) *server {
	t.Helper()
	s := &server{answers: make(chan string, 100)}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		file, _, err := r.FormFile("file")
		if err != nil {
			t.Error(err)

			return
		}
		a, err := record.DecodeWAV(file)
		if err != nil {
			t.Error(err)

			return
		}
		s.mu.Lock()
		s.lengths = append(s.lengths, time.Duration(len(a.Samples[0]))*time.Second/time.Duration(a.Rate))
		s.rates = append(s.rates, a.Rate)
		s.mu.Unlock()
		select {
		case answer := <-s.answers:
			_, _ = io.WriteString(w, answer)
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(s.Close)

	return s
}

func (s *server) asked() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()

	return append([]time.Duration(nil), s.lengths...)
}

// await waits for the nth request.
func (s *server) await(t *testing.T, n int) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for len(s.asked()) < n {
		if time.Now().After(deadline) {
			t.Fatalf("%v were asked for, want %d requests", s.asked(), n)
		}
		time.Sleep(time.Millisecond)
	}
}

func open(t *testing.T, c Config) pipeline.Recognition {
	t.Helper()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	r := New(c)
	s, err := r.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(); r.Close() })

	return s
}

// tone gives d of sound; at zero it is silent.
func tone(s pipeline.Recognition, d time.Duration, level int16) {
	var f media.Frame
	for i := range f {
		f[i] = level
		level = -level
	}
	for range d / media.FrameDuration {
		s.Write(&f)
	}
}

func text(words string) string {
	b, err := json.Marshal(map[string]string{"text": words})
	if err != nil {
		panic(err)
	}

	return string(b)
}

// Partial words are asked for one at a time, and the last words do not wait for
// them.
func TestPartialWordsAreBounded(t *testing.T) {
	t.Parallel()
	srv := serve(t)
	s := open(t, Config{BaseURL: srv.URL, Interim: 500 * time.Millisecond})
	s.Begin(1)
	tone(s, 600*time.Millisecond, 1000)
	srv.await(t, 1)
	tone(s, 1500*time.Millisecond, 1000) // three more were due: one comes
	srv.answers <- text("When do")
	if got := <-s.Transcripts(); got.Text != "when do" || got.Final || got.Spurt != 1 {
		t.Errorf("%+v", got)
	}
	srv.await(t, 2)
	s.End() // the second is given up, which its handler may see too late
	srv.answers <- text("When do you open?")
	srv.answers <- text("When do you open?")
	if got := <-s.Transcripts(); got.Text != "when do you open" || !got.Final || got.Err != nil {
		t.Errorf("%+v", got)
	}
	all := srv.asked()
	if len(all) != 3 || all[0] < 500*time.Millisecond || all[1] != 2100*time.Millisecond || all[2] != 2100*time.Millisecond {
		t.Errorf("%v of audio were asked for", all)
	}
}

// Partial words that fail are no failure of the talkspurt.
func TestFailedPartialWordsAreForgotten(t *testing.T) {
	t.Parallel()
	srv := serve(t)
	s := open(t, Config{BaseURL: srv.URL, Interim: 500 * time.Millisecond})
	s.Begin(1)
	tone(s, 600*time.Millisecond, 1000)
	srv.answers <- `{"text": [}`
	srv.await(t, 1)
	tone(s, 600*time.Millisecond, 1000)
	s.End()
	srv.answers <- text("Yes.")
	if got := <-s.Transcripts(); got.Text != "yes" || !got.Final || got.Err != nil {
		t.Errorf("%+v", got)
	}
}

// A long talkspurt is cut where it is quiet, and its words come together.
func TestLongTalkspurtIsCutAtAQuietPlace(t *testing.T) {
	t.Parallel()
	srv := serve(t)
	s := open(t, Config{BaseURL: srv.URL, Longest: 10 * time.Second, Rate: 16000})
	s.Begin(3)
	tone(s, 7*time.Second, 1000)
	tone(s, 200*time.Millisecond, 0)
	tone(s, 4*time.Second, 1000)
	s.End()
	srv.answers <- text("The first part.")
	srv.answers <- text("The second.")
	if got := <-s.Transcripts(); got.Text != "the first part" || got.Final {
		t.Errorf("%+v", got)
	}
	if got := <-s.Transcripts(); got.Text != "the first part the second" || !got.Final || got.Spurt != 3 {
		t.Errorf("%+v", got)
	}
	all := srv.asked()
	if len(all) != 2 || all[0] < 7*time.Second || all[0] > 7200*time.Millisecond || all[0]+all[1] != 11200*time.Millisecond {
		t.Errorf("it was cut into %v", all)
	}
	for _, r := range srv.rates {
		if r != 16000 {
			t.Errorf("a file of %d Hz came", r)
		}
	}
}

func TestWhatModelsMakeUpIsLeftOut(t *testing.T) {
	t.Parallel()
	segment := func(text, noSpeech, logProb string) string {
		return `{"text":"` + text + `","no_speech_prob":` + noSpeech + `,"avg_logprob":` + logProb + `,"compression_ratio":1.1}`
	}
	for name, tc := range map[string]struct{ answer, want string }{
		"silence":         {segment("I will.", "0.9", "-1.4"), ""},
		"sure in silence": {segment("I will.", "0.9", "-0.2"), "i will"},
		"thanks":          {segment(" Thank you.", "0.45", "-0.3"), ""},
		"real thanks":     {segment(" Thank you.", "0.02", "-0.3"), "thank you"},
		"a sound":         {segment("[BLANK_AUDIO] (music) ♪ la ♪", "0.1", "-0.3"), ""},
		"of two one":      {segment("Hello.", "0.1", "-0.3") + "," + segment("Bye.", "0.8", "-0.9"), "hello"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := serve(t)
			s := open(t, Config{BaseURL: srv.URL, Verbose: true})
			s.Begin(1)
			tone(s, 500*time.Millisecond, 1000)
			s.End()
			srv.answers <- `{"text":"all of it","language":"en","segments":[` + tc.answer + `]}`
			got := <-s.Transcripts()
			if got.Text != tc.want || !got.Final || got.Language != "en" {
				t.Errorf("%+v, want %q", got, tc.want)
			}
			if (got.Confidence > 0.1) != (tc.want != "") || got.Confidence > 1 {
				t.Errorf("the confidence is %v", got.Confidence)
			}
		})
	}
}

func TestTooMuchAudioEndsTheStream(t *testing.T) {
	t.Parallel()
	srv := serve(t)
	s := open(t, Config{BaseURL: srv.URL})
	s.Begin(1)
	tone(s, 500*time.Millisecond, 1000)
	s.End()
	srv.await(t, 1) // and hangs
	s.Begin(2)
	tone(s, unheard+time.Second, 1000)
	s.End()
	srv.answers <- text("Yes.")
	if got := <-s.Transcripts(); got.Text != "yes" {
		t.Errorf("%+v", got)
	}
	if got := <-s.Transcripts(); got.Err == nil || pipeline.Fault(got.Err).Kind != pipeline.Slow || got.Spurt != 2 {
		t.Errorf("%+v", got)
	}
}

func TestSilentServerIsSlow(t *testing.T) {
	t.Parallel()
	srv := serve(t)
	s := open(t, Config{BaseURL: srv.URL, Timeout: 20 * time.Millisecond})
	s.Begin(1)
	tone(s, 500*time.Millisecond, 1000)
	s.End()
	if got := <-s.Transcripts(); got.Err == nil || pipeline.Fault(got.Err).Kind != pipeline.Slow {
		t.Errorf("%+v", got)
	}
}

func TestWriteAllocatesNothing(t *testing.T) {
	srv := serve(t)
	s := open(t, Config{BaseURL: srv.URL})
	s.Begin(1)
	var f media.Frame
	if n := testing.AllocsPerRun(1000, func() { s.Write(&f) }); n != 0 {
		t.Errorf("%v allocations per frame", n)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]Config{
		"rate": {Rate: 44100}, "no_speech": {NoSpeech: 2}, "interim": {Interim: time.Millisecond}, "longest": {Longest: time.Hour},
	} {
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(`{"text":"a","segments":[{"text":"a","no_speech_prob":0.1,"avg_logprob":-0.1}]}`)
	f.Fuzz(func(t *testing.T, data string) {
		var a answer
		if json.Unmarshal([]byte(data), &a) != nil {
			return
		}
		if w := a.words(0.6); !(w.confidence >= 0 && w.confidence <= 1) || w.text != vendor.Plain(w.text) {
			t.Fatalf("%+v", w)
		}
	})
}
