package tools

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// closed loads nothing: a schema that names another document is a mistake.
type closed struct{}

func (closed) Load(url string) (any, error) {
	return nil, fmt.Errorf("a schema cannot name other documents (%s)", url)
}

// compileSchema makes a JSON Schema (draft 2020-12) ready. An empty one allows
// everything and is nil.
func compileSchema(src json.RawMessage) (*jsonschema.Schema, error) {
	if len(bytes.TrimSpace(src)) == 0 {
		return nil, nil
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(src))
	if err != nil {
		return nil, fmt.Errorf("is no JSON: %w", err)
	}
	const name = "tool:///schema.json"
	c := jsonschema.NewCompiler()
	c.UseLoader(closed{})
	c.AssertFormat()
	if err := c.AddResource(name, doc); err != nil {
		return nil, err
	}

	return c.Compile(name)
}

// ErrNoObject says that a tool's parameters are not the schema of an object.
var ErrNoObject = errors.New("must be the schema of an object: type: object, with properties")

// objectSchema is compileSchema for parameters.
func objectSchema(src json.RawMessage) (*jsonschema.Schema, error) {
	var head struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(src, &head); err != nil || head.Type != "object" {
		return nil, ErrNoObject
	}

	return compileSchema(src)
}

// conform reports in one line in which ways a JSON value breaks its schema.
func conform(s *jsonschema.Schema, value any) error {
	if s == nil {
		return nil
	}
	err := s.Validate(value)
	var bad *jsonschema.ValidationError
	if !errors.As(err, &bad) {
		return err
	}
	p := message.NewPrinter(language.English)
	var all []string
	var walk func(e *jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		for _, c := range e.Causes {
			walk(c)
		}
		if len(e.Causes) == 0 {
			where := strings.Join(e.InstanceLocation, ".")
			if where != "" {
				where += ": "
			}
			all = append(all, where+e.ErrorKind.LocalizedString(p))
		}
	}
	walk(bad)

	return errors.New(strings.Join(all, "; "))
}

// parseJSON reads one JSON value, numbers as they were written.
func parseJSON(src []byte) (any, error) {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(src))
	if err != nil {
		return nil, err
	}

	return v, nil
}
