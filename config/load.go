package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Problem is one mistake in a configuration.
type Problem struct {
	Path         string // such as sip.trunks[0].sources; empty for a syntax error
	Line, Column int    // from 1; 0 when the value is a default that stands in no file
	What         string // what is wrong, and what to do
}

// Error is every mistake found in one file.
type Error struct {
	File     string // empty: the built-in defaults with flags and environment
	Problems []Problem
}

func (e *Error) Error() string {
	var b strings.Builder
	for i, p := range e.Problems {
		if i > 0 {
			b.WriteByte('\n')
		}
		switch {
		case e.File != "" && p.Line > 0:
			fmt.Fprintf(&b, "%s:%d:%d: ", e.File, p.Line, p.Column)
		case e.File != "":
			fmt.Fprintf(&b, "%s: ", e.File)
		}
		if p.Path != "" {
			fmt.Fprintf(&b, "%s: ", p.Path)
		}
		b.WriteString(p.What)
	}

	return b.String()
}

// Load reads the file over the defaults, lays the environment and then the
// flags over it, and validates the whole. With an empty path it starts from
// the defaults. The error is an *Error when the configuration itself is wrong.
func Load(path string, o Overrides) (Config, error) {
	var src []byte
	if path != "" {
		var err error
		if src, err = os.ReadFile(path); err != nil {
			var why *fs.PathError
			if errors.As(err, &why) {
				err = why.Err
			}

			return Config{}, &Error{File: path, Problems: []Problem{{What: "read configuration: " + err.Error()}}}
		}
	}

	return Parse(path, src, o)
}

// Overrides are the few settings that flags set for one run.
type Overrides struct {
	SIP         string // HOST:PORT, UDP and TCP
	HTTP        string // HOST:PORT
	DatabaseURL string
}

// Parse is Load on bytes; name is used in messages.
func Parse(name string, src []byte, o Overrides) (Config, error) {
	c := Default()
	c.SIP.Trunks[0].Agent = "" // whoever the file has answer
	if p := Decode(src, &c); p != nil {
		return Config{}, &Error{File: name, Problems: []Problem{*p}}
	}
	c.fillAgents()
	c.fillTrunks()
	c.fillTwilio()
	if u := os.Getenv(DatabaseURLEnv); u != "" {
		c.Database.URL = u
	}
	if o.SIP != "" {
		c.SIP.Listen = []string{"udp:" + o.SIP, "tcp:" + o.SIP}
	}
	c.HTTP.Listen = cmp.Or(o.HTTP, c.HTTP.Listen)
	c.Database.URL = cmp.Or(o.DatabaseURL, c.Database.URL)
	if problems := c.Validate(); len(problems) > 0 {
		Locate(src, problems)
		slices.SortStableFunc(problems, func(a, b Problem) int {
			return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})

		return Config{}, &Error{File: name, Problems: problems}
	}

	return c, nil
}

// Decode reads the one document of a YAML file into the struct that into points
// to, and takes no key that the struct does not have. A file of comments alone
// leaves it as it is, where the YAML library would set all of it to zero.
// Other files of the operator's are read by it too.
func Decode(src []byte, into any) (p *Problem) {
	defer func() { // the library panics on a tag with no value
		if r := recover(); r != nil {
			p = &Problem{What: fmt.Sprintf("is no YAML that can be read (%v); look for tags (!) and anchors (&), which are not needed here", r)}
		}
	}()
	docs, err := documents(src)
	switch {
	case err != nil: // the decoder says it better
	case len(docs) == 0:
		return nil
	case len(docs) > 1:
		at := docs[1].GetToken().Position

		return &Problem{
			Line: at.Line, Column: at.Column, What: "a second document begins here; put all settings into one and remove the ---",
		}
	}
	if err := yaml.NewDecoder(bytes.NewReader(src), yaml.Strict()).Decode(into); err != nil {
		p := decodeProblem(src, reflect.TypeOf(into), err)

		return &p
	}

	return nil
}

// documents are the YAML documents of a file that hold more than comments.
func documents(src []byte) ([]ast.Node, error) {
	file, err := parser.ParseBytes(src, 0)
	if err != nil {
		return nil, err
	}
	var all []ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.NullType && doc.Body.Type() != ast.CommentType {
			all = append(all, doc.Body)
		}
	}

	return all, nil
}

// decodeProblem turns the YAML library's error into a Problem; of is what was
// read into.
func decodeProblem(src []byte, of reflect.Type, err error) Problem {
	p := Problem{What: err.Error()}
	var yerr yaml.Error
	if !errors.As(err, &yerr) {
		// A value's own parser failed (a duration, say): its message quotes the value.
		p.Line, p.Column = quotedPosition(src, p.What)
		if strings.HasPrefix(p.What, "time: ") {
			p.What += "; write for example 300ms, 8s, 2m or 1h30m"
		}

		return p
	}
	p.What = yerr.GetMessage()
	if tok := yerr.GetToken(); tok != nil {
		p.Line, p.Column = tok.Position.Line, tok.Position.Column
	}
	var mismatch *yaml.TypeError
	if errors.As(err, &mismatch) && mismatch.Token != nil {
		p.What = fmt.Sprintf("%q stands where %s is wanted", mismatch.Token.Value, wanted(mismatch.DstType))
	}
	var shape *yaml.UnexpectedNodeTypeError
	if errors.As(err, &shape) {
		p.What = wantedShape(shape.Expected)
	}
	if key, found := strings.CutPrefix(p.What, "unknown field "); found {
		p.What = fmt.Sprintf("unknown key %s: remove it or correct its spelling", key)
		if known := nearest(strings.Trim(key, `"`), of); known != "" {
			p.What = fmt.Sprintf("unknown key %s: remove it or correct its spelling (%s?)", key, known)
		}
	}
	if strings.HasPrefix(p.What, "found character '\t'") {
		p.What = "a tab stands here; indent with spaces"
	}

	return p
}

// wantedShape says which kind of value is wanted where another one stands.
func wantedShape(kind ast.NodeType) string {
	switch kind {
	case ast.SequenceType:
		return "a list is wanted here, such as [one, another]"
	case ast.MappingType:
		return "keys with their values are wanted here, such as {key: value}"
	default:
		return "a single value is wanted here, and no list and no keys"
	}
}

// wanted is a type in the words of who writes the file.
func wanted(t reflect.Type) string {
	if t == reflect.TypeFor[time.Duration]() {
		return "a time such as 30s"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	default:
		return "text"
	}
}

// quotedPosition finds the scalar that message quotes.
func quotedPosition(src []byte, message string) (line, column int) {
	for _, tok := range lexer.Tokenize(string(src)) {
		if tok.Type == token.StringType && strings.Contains(message, strconv.Quote(tok.Value)) {
			return tok.Position.Line, tok.Position.Column
		}
	}

	return 0, 0
}

// Locate gives each problem the position of its value in the source, or of the
// nearest part above it that stands there.
func Locate(src []byte, problems []Problem) {
	file, err := parser.ParseBytes(src, 0)
	if err != nil {
		return
	}
	for i := range problems {
		problems[i].Line, problems[i].Column = position(file, problems[i].Path)
	}
}

func position(file *ast.File, path string) (line, column int) {
	for path != "" {
		if p, err := yaml.PathString("$." + path); err == nil {
			if node, err := p.FilterFile(file); err == nil && node != nil {
				pos := node.GetToken().Position

				return pos.Line, pos.Column
			}
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}

	return 0, 0
}
