package archive_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"trunkline/archive"
)

// server answers the nth upload with the nth status; 0 hangs until the client
// leaves. The last one is used again and again.
type server struct {
	*httptest.Server

	mu       sync.Mutex
	statuses []int
	requests int
	stored   map[string]string
	digests  []string
	auth     []string
}

func serve(t *testing.T, statuses ...int) *server {
	t.Helper()
	s := &server{statuses: statuses, stored: map[string]string{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		status := s.statuses[min(s.requests, len(s.statuses)-1)]
		s.requests++
		s.auth = append(s.auth, r.Header.Get("Authorization"))
		if status == http.StatusCreated {
			s.stored[r.Method+" "+r.URL.Path] = string(body)
			s.digests = append(s.digests, r.Header.Get("Content-Digest"))
		}
		s.mu.Unlock()
		if status == 0 {
			<-r.Context().Done()
			return
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	return s
}

// A server that fails in every way gets the recording in the end.
func TestUploadByHTTP(t *testing.T) {
	t.Parallel()
	s := serve(t, 500, 429, 0, http.StatusBadGateway, http.StatusCreated)
	records := &shelf{}
	up := &archive.HTTP{
		URL: s.URL + "/calls/{call}/{file}?secret=x", Method: http.MethodPut, Timeout: 200 * time.Millisecond,
		Header: http.Header{"Authorization": {"Bearer token"}},
	}
	a := start(t, archive.Config{Dir: t.TempDir(), Records: records, Upload: up, RetryMin: time.Millisecond, RetryMax: 10 * time.Millisecond})
	defer a.Stop()
	id := call(t, a, 70)
	for records.of(id).UploadedAt.IsZero() {
		time.Sleep(time.Millisecond)
	}
	got := records.of(id)
	if got.UploadTries != 5 || got.UploadedTo != s.URL+"/calls/"+id.String()+"/"+got.File {
		t.Errorf("%+v", got)
	}
	body := s.stored["PUT /calls/"+id.String()+"/"+got.File]
	if !strings.HasPrefix(body, "RIFF") || int64(len(body)) != got.Bytes || !strings.HasPrefix(s.digests[0], "sha-256=:") || s.auth[4] != "Bearer token" {
		t.Errorf("%d bytes arrived, digest %q", len(body), s.digests)
	}
}

func TestRefusalsAreFinal(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusFound, http.StatusRequestEntityTooLarge} {
		s := serve(t, status)
		records := &shelf{}
		a := start(t, archive.Config{
			Dir: t.TempDir(), Records: records, RetryMin: time.Millisecond,
			Upload: &archive.HTTP{URL: s.URL + "/{call}", Method: http.MethodPost, Timeout: time.Minute},
		})
		id := call(t, a, 1)
		for records.of(id).UploadTries == 0 || a.Waiting() > 0 {
			time.Sleep(time.Millisecond)
		}
		if got := records.of(id); got.UploadTries != 1 || !got.UploadedAt.IsZero() || !strings.Contains(got.UploadProblem, http.StatusText(status)) {
			t.Errorf("status %d: %+v", status, got)
		}
		a.Stop()
	}
}

func TestOtherDigestIsAnError(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Digest", "sha-256=:AAAA:")
	}))
	defer s.Close()
	up := &archive.HTTP{URL: s.URL + "/{call}", Method: http.MethodPut, Timeout: time.Minute}
	if err := up.Upload(t.Context(), archive.Object{File: "a.wav", Size: 3}, strings.NewReader("abc")); err == nil || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("error %v", err)
	}
}
