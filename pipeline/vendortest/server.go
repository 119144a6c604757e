// Package vendortest holds what the servers have in common that stand in for
// vendors in tests and measurements.
package vendortest

import (
	"encoding/json"
	"net/http"
)

// Key is the key that the tests' servers accept.
const Key = "sk-test-0123456789abcdef"

// Answer sends a JSON document with a status.
func Answer(w http.ResponseWriter, status int, doc any) {
	raw, err := json.Marshal(doc)
	if err != nil {
		panic(err) // the servers' own documents
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(raw) // the client sees the status
}
