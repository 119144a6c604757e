package script

import (
	"strings"
	"testing"

	"trunkline/pipeline"
)

func TestAProtectedReplyIsMarkedAndTheQuestionAfterItIsNot(t *testing.T) {
	t.Parallel()
	src := strings.Replace(callingScript, "  - name: goodbye", `  - name: terms
    phrases: [what are the terms]
    replies: [You may cancel within fourteen days.]
    protected: true
    more: true
  - name: goodbye`, 1)
	s, err := Parse([]byte(src), "desk.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for said, want := range map[string]string{"what are the terms": "You may cancel within fourteen days.", "goodbye": ""} {
		var guarded string
		req := pipeline.Request{History: []pipeline.Message{{Role: pipeline.Caller, Text: said}}}
		for d, err := range s.Generate(t.Context(), req) {
			if err != nil {
				t.Fatal(err)
			}
			if d.Protected {
				guarded += d.Text
			}
		}
		if guarded != want {
			t.Errorf("%s: %q is protected, want %q", said, guarded, want)
		}
	}
}
