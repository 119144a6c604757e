package google

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/speech/apiv2/speechpb"
	"go.uber.org/goleak"
	"golang.org/x/oauth2"
	"google.golang.org/protobuf/proto"

	"trunkline/media"
	"trunkline/pipeline"
	"trunkline/pipeline/asr/asrsuite"
	"trunkline/pipeline/asr/asrtest"
	"trunkline/pipeline/asr/google/googletest"
	"trunkline/pipeline/vendor"
	"trunkline/pipeline/vendortest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func recogniser(t *testing.T, url, key string, longest time.Duration) *Recognizer {
	t.Helper()
	r, err := New(Config{
		Project: "acme", Endpoint: strings.TrimPrefix(url, "http://"), Plain: true, Longest: longest,
		Tokens: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: key}), Phrases: []string{"trunkline"},
	})
	if err != nil {
		t.Fatal(err)
	}

	return r
}

func TestRecognizer(t *testing.T) {
	t.Parallel()
	asrsuite.Run(t,
		func() asrtest.Vendor { return googletest.New() },
		func(url, key string) pipeline.Recognizer { return recogniser(t, url, key, 0) })
}

// A talkspurt longer than a stream may be goes on in another one.
func TestLongTalkspurtIsOfSeveralStreams(t *testing.T) {
	t.Parallel()
	g := googletest.New()
	g.Longest = time.Second
	srv := httptest.NewUnstartedServer(g)
	srv.Config.Protocols = new(http.Protocols)
	srv.Config.Protocols.SetUnencryptedHTTP2(true)
	srv.Start()
	defer srv.Close()
	r := recogniser(t, srv.URL, vendortest.Key, 900*time.Millisecond)
	defer r.Close()
	g.Script().Say(asrtest.Reply{Final: "one"}, asrtest.Reply{Final: "two"}, asrtest.Reply{Final: "three"})
	s, err := r.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.Begin(4)
	var f media.Frame
	for range 100 {
		s.Write(&f)
	}
	s.End()
	for tr := range s.Transcripts() {
		if tr.Err != nil {
			t.Fatal(tr.Err)
		}
		if tr.Final {
			if tr.Text != "one two three" || tr.Spurt != 4 || tr.Language != "en-us" {
				t.Errorf("%+v", tr)
			}

			break
		}
	}
	heard := g.Script().Heard()
	if len(heard) != 3 || len(heard[0]) != 7200 || len(heard[0])+len(heard[1])+len(heard[2]) != 16000 {
		t.Errorf("%d streams were heard", len(heard))
	}
}

func TestCredentials(t *testing.T) {
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(t.TempDir(), "none.json"))
	path := filepath.Join(t.TempDir(), "key.json")
	raw, err := json.Marshal(map[string]string{"type": "authorized_user", "client_secret": "secret-of-a-user"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, c := range map[string]Config{
		"GOOGLE_APPLICATION_CREDENTIALS": {},
		"no service account":             {Credentials: path},
		"read the credentials":           {Credentials: path + ".gone"},
		"no name of a project":           {Project: "a/b"},
		"five minutes":                   {Longest: time.Hour},
		"connections":                    {Connections: 1000},
	} {
		_, err := New(c)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret-of-a-user") {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestWriteAllocatesNothing(t *testing.T) {
	p := &talkspurt{wake: make(chan struct{}, 1), waiting: make([]byte, 0, 1<<20)}
	var f media.Frame
	if n := testing.AllocsPerRun(400, func() { p.write(&f) }); n != 0 {
		t.Errorf("%v allocations per frame", n)
	}
}

func FuzzTake(f *testing.F) {
	raw, err := proto.Marshal(&speechpb.StreamingRecognizeResponse{Results: []*speechpb.StreamingRecognitionResult{{
		Alternatives: []*speechpb.SpeechRecognitionAlternative{{Transcript: "Yes.", Confidence: 0.5}}, IsFinal: true,
	}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, data []byte) {
		var m speechpb.StreamingRecognizeResponse
		if proto.Unmarshal(data, &m) != nil {
			return
		}
		p := &talkspurt{n: 1}
		tr, _ := p.take(&m)
		if tr.Text != vendor.Plain(tr.Text) && tr.Text != strings.ToLower(tr.Text) || !(tr.Confidence >= 0 && tr.Confidence <= 1) {
			t.Fatalf("%+v", tr)
		}
	})
}
