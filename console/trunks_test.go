package console_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trunkline/console"
)

func TestTrunks(t *testing.T) {
	t.Parallel()
	want := []console.Trunk{{
		Name: "carrier", Calls: 3, MaxCalls: 10, Outbound: console.TrunkCalls{Attempts: 4, Answers: 2, Failures: map[string]uint64{"busy": 2}},
		Targets: []console.TrunkTarget{{URI: "sip:gw.example", State: "down", Status: 503, TookMS: 12.5}},
	}}
	get := func(c console.Config) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		console.New(c).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v1/trunks", nil))

		return w
	}
	var got console.Trunks
	res := get(console.Config{Trunks: func() []console.Trunk { return want }})
	if err := json.Unmarshal(res.Body.Bytes(), &got); err != nil || res.Code != http.StatusOK {
		t.Fatal(res.Code, err)
	}
	if d := cmp.Diff(want, got.Trunks); d != "" {
		t.Error(d)
	}
	if res := get(console.Config{}); res.Code != http.StatusNotFound {
		t.Errorf("without trunks: %d", res.Code)
	}
}
