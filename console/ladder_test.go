package console

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"trunkline/storage"
)

// TestSignallingIsShown draws the call's messages with their directions, and
// shows what a far end wrote as text only.
func TestSignallingIsShown(t *testing.T) {
	t.Parallel()
	h := storage.History{Events: []storage.Event{{
		Kind: ladderKind,
		Data: json.RawMessage(`{"messages": [
			{"at_ms": 0, "out": false, "peer": "192.0.2.1:5060", "text": "INVITE sip:<script>alert(1)</script> SIP/2.0\r\n"},
			{"at_ms": 12.5, "out": true, "peer": "192.0.2.1:5060", "text": "SIP/2.0 200 OK\r\n\r\n"}]}`),
	}}}
	got := rungs(&h)
	if len(got) != 2 || got[0].Out || !got[1].Out || got[1].At != "0.013" && got[1].At != "0.012" || got[1].Line != "SIP/2.0 200 OK" {
		t.Errorf("got %+v", got)
	}
	page := newCallPage(&h, nil)
	if len(page.Events) != 0 {
		t.Error("the signalling stands among the events too")
	}
	w := httptest.NewRecorder()
	s := &console{}
	if err := s.writePage(w, 200, "call.html", page); err != nil {
		t.Fatal(err)
	}
	body := w.Body.String()
	if strings.Contains(body, "<script>alert(1)") || !strings.Contains(body, "&larr;") && !strings.Contains(body, "←") || !strings.Contains(body, "192.0.2.1:5060") {
		t.Errorf("page:\n%s", body)
	}
}
