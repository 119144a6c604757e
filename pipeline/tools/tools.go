package tools

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"trunkline/pipeline"
)

// Tool is one that the configuration declares.
type Tool struct {
	Name        string // letters, digits and underscores, at most 64
	Description string
	Parameters  json.RawMessage // JSON Schema of an object; empty: no arguments
	HTTP        HTTP
	SideEffect  bool          // it changes something: see pipeline.ToolTraits
	Retries     int           // further attempts; with POST or PATCH the server must honour Idempotency-Key
	Deadline    time.Duration // of all attempts; 0: 10 s
	Result      Result
	Filler      []string // said in place of the agent's general lines when the call is slow
	Keyed       []Keyed  // what the caller keys in before the request is sent
}

// Keyed is a value that the caller keys in and that the request's body takes as
// {keyed.name}. The model never knows it, and nothing of it is kept: while it is
// asked for, the caller is neither heard nor recorded.
type Keyed struct {
	Name     string
	Ask      string // what the caller is asked, a prepared line of the agent's
	Min, Max int    // keys of it, without the # that may end it
	Check    string // "luhn", the check digit of cards (ISO/IEC 7812-1); empty: none
}

// HTTP is the request of a Tool. {name} stands for an argument, {call.name} for
// a value of the call.
type HTTP struct {
	Method  string            // default GET, or POST when there is a Body
	URL     string            // holes may stand in its path and query
	Headers map[string]string // ${NAME} is taken from the environment
	Body    string            // JSON with holes; empty: the arguments, unless Method is GET, HEAD or DELETE
	Timeout time.Duration     // of one attempt; 0: 4 s
}

// Result says what of an answer the model is given.
type Result struct {
	Schema json.RawMessage // what it must conform to; empty: anything
	Path   string          // the part that is wanted, such as "data.items.0"; empty: all
	Limit  int             // bytes at most; 0: 16384
}

// Options are an agent's tools.
type Options struct {
	Tools    []Tool
	BuiltIn  BuiltIn
	Parallel int               // calls that run at once, over all conversations; 0: 64
	Client   http.RoundTripper // nil: a transport of its own
	Now      func() time.Time  // nil: time.Now
}

const (
	defaultDeadline = 10 * time.Second
	defaultTimeout  = 4 * time.Second
	defaultLimit    = 16 << 10
	defaultParallel = 64
	maxArgs         = 16 << 10 // bytes of a call's arguments
	maxRetries      = 5
	askTime         = 2 * time.Minute  // for a caller to key in one value, all tries together
	firstKey        = 30 * time.Second // the question is in it
	nextKey         = 6 * time.Second
)

// Set is the tools of one agent. It is safe for concurrent use.
type Set struct {
	tools map[string]tool
	specs []pipeline.ToolSpec
	slots chan struct{}
	now   func() time.Time
}

var _ pipeline.Tools = (*Set)(nil)

// tool is one that can be run.
type tool struct {
	traits   pipeline.ToolTraits
	params   *jsonschema.Schema
	deadline time.Duration
	run      func(ctx context.Context, in input) pipeline.ToolOutcome
}

// input is a call whose arguments conform.
type input struct {
	scope pipeline.ToolScope
	call  pipeline.ToolCall
	args  map[string]any
}

// name is what all providers of models take as a tool's name.
var name = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)

// noArgs is the schema of a tool without parameters.
var noArgs = json.RawMessage(`{"type":"object","properties":{},"additionalProperties":false}`)

// New makes the tools ready. The error says which one cannot be and why.
func New(o Options) (*Set, error) {
	s := &Set{
		tools: make(map[string]tool), slots: make(chan struct{}, cmp.Or(o.Parallel, defaultParallel)), now: o.Now,
	}
	if s.now == nil {
		s.now = time.Now
	}
	client := newClient(o.Client)
	for _, t := range o.Tools {
		if err := s.declare(t, client); err != nil {
			return nil, fmt.Errorf("tool %q: %w", t.Name, err)
		}
	}
	for _, b := range s.builtIns(o.BuiltIn) {
		if err := s.add(b.spec, b.tool); err != nil {
			return nil, fmt.Errorf("built-in tool %q: %w", b.spec.Name, err)
		}
	}

	return s, nil
}

func (s *Set) declare(t Tool, client *http.Client) error {
	if t.Retries < 0 || t.Retries > maxRetries {
		return fmt.Errorf("retries must be 0 to %d", maxRetries)
	}
	if strings.TrimSpace(t.Description) == "" {
		return errors.New("has no description, so the model cannot know when to call it")
	}
	if len(t.Parameters) == 0 {
		t.Parameters = noArgs
	}
	if _, err := objectSchema(t.Parameters); err != nil {
		return fmt.Errorf("parameters: %w", err)
	}
	r, err := newRequester(t, client)
	if err != nil {
		return err
	}

	return s.add(
		pipeline.ToolSpec{Name: t.Name, Description: t.Description, Parameters: t.Parameters},
		tool{
			traits:   pipeline.ToolTraits{SideEffect: t.SideEffect, Filler: slices.Clone(t.Filler)},
			deadline: cmp.Or(t.Deadline, defaultDeadline) + time.Duration(len(t.Keyed))*askTime, run: r.run,
		})
}

func (s *Set) add(spec pipeline.ToolSpec, t tool) error {
	if !name.MatchString(spec.Name) {
		return errors.New("is no name: use letters, digits and underscores, at most 64")
	}
	if _, twice := s.tools[spec.Name]; twice {
		return errors.New("is the name of two tools")
	}
	params, err := objectSchema(spec.Parameters)
	if err != nil {
		return fmt.Errorf("parameters: %w", err)
	}
	t.params = params
	s.tools[spec.Name] = t
	s.specs = append(s.specs, spec)

	return nil
}

// Specs are what the model is told, in the order of the configuration.
func (s *Set) Specs() []pipeline.ToolSpec { return slices.Clone(s.specs) }

// Traits tells what is special about a tool; of an unknown one nothing is.
func (s *Set) Traits(name string) pipeline.ToolTraits { return s.tools[name].traits }

// Run carries a call out, in its deadline. It always gives a result.
func (s *Set) Run(ctx context.Context, scope pipeline.ToolScope, call pipeline.ToolCall) pipeline.ToolOutcome {
	t, known := s.tools[call.Name]
	if !known {
		return failed(call, "there is no tool of this name")
	}
	in := input{scope: scope, call: call}
	var err error
	if in.args, err = arguments(t.params, call.Args); err != nil {
		return failed(call, "the arguments are wrong: "+err.Error())
	}
	ctx, cancel := context.WithTimeout(ctx, t.deadline)
	defer cancel()
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return failed(call, "too many calls of tools are running; it was not tried")
	}

	return t.run(ctx, in)
}

// arguments reads and checks what the model wrote.
func arguments(schema *jsonschema.Schema, src json.RawMessage) (map[string]any, error) {
	if len(src) > maxArgs {
		return nil, fmt.Errorf("they are longer than %d bytes", maxArgs)
	}
	if len(strings.TrimSpace(string(src))) == 0 {
		src = json.RawMessage("{}")
	}
	v, err := parseJSON(src)
	if err != nil {
		return nil, errors.New("they are no JSON")
	}
	args, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("they are no JSON object")
	}

	return args, conform(schema, v)
}

func failed(call pipeline.ToolCall, why string) pipeline.ToolOutcome {
	return pipeline.ToolOutcome{Result: pipeline.ToolResult{ID: call.ID, Name: call.Name, Content: why, Failed: true}}
}

func succeeded(call pipeline.ToolCall, content string) pipeline.ToolOutcome {
	return pipeline.ToolOutcome{Result: pipeline.ToolResult{ID: call.ID, Name: call.Name, Content: content}}
}
