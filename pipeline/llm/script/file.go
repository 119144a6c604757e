package script

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxFile bounds a script file, in bytes.
const maxFile = 1 << 20

// document is a script file as written.
type document struct {
	Name     string            `yaml:"name"`
	Language string            `yaml:"language"`
	Vars     map[string]string `yaml:"vars"`
	Lines    Lines             `yaml:"lines"`
	Intents  []intent          `yaml:"intents"`
	More     more              `yaml:"more"`
	Unknown  unknown           `yaml:"unknown"`
	Yes      []string          `yaml:"yes"`
	No       []string          `yaml:"no"`
	Repeat   []string          `yaml:"repeat"`
	Cancel   []string          `yaml:"cancel"`
}

// Lines are the fixed things that an agent says outside the dialogue. An
// empty line is one that the script does not set.
type Lines struct {
	Greeting   string   `yaml:"greeting"`    // said first
	Idle       []string `yaml:"idle"`        // said in turn while the caller is silent
	NotHeard   string   `yaml:"not_heard"`   // said after a long sound without words
	Goodbye    string   `yaml:"goodbye"`     // said before we end the call on our own account
	HandOff    string   `yaml:"hand_off"`    // said before a hand-off without words of its own
	Busy       string   `yaml:"busy"`        // said when no recogniser is free
	Apology    string   `yaml:"apology"`     // said when something of ours failed and the call goes on
	Trouble    string   `yaml:"trouble"`     // said when something of ours failed again and the call ends
	CapWarning string   `yaml:"cap_warning"` // said some time before the call's cap
	CapGoodbye string   `yaml:"cap_goodbye"` // said at the cap
}

// intent is something that callers want.
type intent struct {
	Name      string   `yaml:"name"`
	Phrases   []string `yaml:"phrases"`
	Slots     []slot   `yaml:"slots"`
	Confirm   []string `yaml:"confirm"`
	Change    string   `yaml:"change"`
	Replies   []string `yaml:"replies"`
	Protected bool     `yaml:"protected"`
	More      bool     `yaml:"more"`
	Call      *call    `yaml:"call"`
	Act       string   `yaml:"act"`
	Target    string   `yaml:"target"`
}

// slot is a value that an intent needs before it can be answered.
type slot struct {
	Name     string   `yaml:"name"`
	Kind     kind     `yaml:"kind"`
	Values   []choice `yaml:"values"`   // kind choice
	Only     []string `yaml:"only"`     // kind day
	From     string   `yaml:"from"`     // kind time, "HH:MM"
	To       string   `yaml:"to"`       // kind time, "HH:MM"
	Min      int      `yaml:"min"`      // kind number: least value; kind digits: fewest digits
	Max      int      `yaml:"max"`      // kind number: greatest value; kind digits: most digits
	Keys     *keys    `yaml:"keys"`     // kind digits: how they are taken when pressed
	Examples []string `yaml:"examples"` // kind name: for the recogniser
	Ask      []string `yaml:"ask"`
	Refuse   string   `yaml:"refuse"`
}

// keys says how the digits of a slot are taken when the caller presses them.
type keys struct {
	Terminator string        `yaml:"terminator"` // keys that end them, "#" when not set
	Erase      string        `yaml:"erase"`      // keys that begin them anew
	First      time.Duration `yaml:"first"`      // wait for the first one before the caller is prompted; 0: as for words
	Between    time.Duration `yaml:"between"`    // wait for each further one; 0: 3 s
}

// choice is one value of a slot of kind choice, and other ways to say it.
type choice struct {
	Value string   `yaml:"value"`
	Say   []string `yaml:"say"`
}

// kind says what a slot holds and how it is spoken.
type kind string

const (
	kindDay    kind = "day"
	kindTime   kind = "time"
	kindNumber kind = "number"
	kindDigits kind = "digits"
	kindName   kind = "name"
	kindChoice kind = "choice"
)

// more is the question that follows an answer.
type more struct {
	Ask []string `yaml:"ask"`
	Yes string   `yaml:"yes"`
	No  string   `yaml:"no"`
}

// unknown is what happens when the caller is not understood.
type unknown struct {
	Sorry    []string `yaml:"sorry"`
	AskAgain []string `yaml:"ask_again"`
	Offer    string   `yaml:"offer"`
	HandOff  string   `yaml:"hand_off"`
}

// Error is a mistake in a script file.
type Error struct {
	File         string
	Line, Column int    // from 1; 0 when the mistake has no place
	Message      string // what is wrong and what to do
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.Message)
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
}

// Load reads the script in a file.
func Load(path string) (*Script, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("load script: %w", err)
	}
	return Parse(b, path)
}

// Parse reads a script. The name stands for the file in errors, which are of
// type *Error.
func Parse(b []byte, name string) (*Script, error) {
	if len(b) > maxFile {
		return nil, &Error{File: name, Message: fmt.Sprintf("the script is longer than %d bytes; is this the right file?", maxFile)}
	}
	doc, body, err := decode(b)
	if err != nil {
		return nil, located(name, err)
	}
	s, at, problem := compile(doc)
	if problem != "" {
		e := &Error{File: name, Message: problem}
		e.Line, e.Column = position(body, at)
		return nil, e
	}
	return s, nil
}

// decode reads the YAML. The library panics on some malformed input, such as
// an anchor without a value; that is an error like any other.
func decode(b []byte) (doc *document, body ast.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the YAML cannot be read (%v); look for a stray &, *, ! or ? outside quotes", r)
		}
	}()
	file, err := parser.ParseBytes(b, 0)
	if err != nil {
		return nil, nil, err
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		return nil, nil, errors.New("a script is one YAML document; see testdata/scripts/reception.yaml for an example")
	}
	doc = &document{}
	if err := yaml.NodeToValue(file.Docs[0].Body, doc, yaml.Strict()); err != nil {
		return nil, nil, err
	}
	return doc, file.Docs[0].Body, nil
}

// located turns an error of the YAML decoder into an Error.
func located(name string, err error) error {
	e := &Error{File: name, Message: err.Error()}
	var at yaml.Error
	if errors.As(err, &at) {
		e.Message = at.GetMessage()
		if t := at.GetToken(); t != nil && t.Position != nil {
			e.Line, e.Column = t.Position.Line, t.Position.Column
		}
	}
	var unknownKey *yaml.UnknownFieldError
	if errors.As(err, &unknownKey) {
		e.Message += "; correct the key's name or remove it"
	}
	return e
}

// position finds the nearest place in the file for a YAML path such as
// $.intents[2].slots[0].kind; a part that is missing is looked for in what
// should contain it.
func position(body ast.Node, at string) (line, column int) {
	for at != "" {
		if p, err := yaml.PathString(at); err == nil {
			if n, err := p.FilterNode(body); err == nil && n != nil {
				if t := n.GetToken(); t != nil && t.Position != nil {
					return t.Position.Line, t.Position.Column
				}
			}
		}
		at = at[:max(strings.LastIndexAny(at, ".["), 0)]
	}
	return 0, 0
}
