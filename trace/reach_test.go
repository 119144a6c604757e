package trace

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestReach(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path != "/v1/traces" || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-protobuf":
			w.WriteHeader(http.StatusNotFound)
		case r.Header.Get("Authorization") != "Bearer good":
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	url := srv.URL + "/v1/traces"
	for _, tc := range []struct{ url, key, want string }{
		{url, "Bearer good", ""},
		{url, "Bearer leak-1", "HTTP 401"},
		{srv.URL + "/traces", "Bearer good", "HTTP 404"},
	} {
		err := Reach(t.Context(), tc.url, map[string]string{"Authorization": tc.key})
		if (err == nil) != (tc.want == "") || err != nil && (!strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "leak-1")) {
			t.Errorf("%s: %v", tc.url, err)
		}
	}
	srv.Close()
	if err := Reach(t.Context(), url, nil); err == nil || !strings.Contains(err.Error(), "cannot be reached") {
		t.Errorf("nobody there: %v", err)
	}
}
