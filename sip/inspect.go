package sip

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	sipgo "github.com/emiago/sipgo/sip"
)

// limits bound what is parsed.
type limits struct {
	size    int // bytes of a message
	headers int // header lines
}

// fault is why a message is not processed.
type fault struct {
	status int // 400, 416, or 513 for a message over the limits
	reason string
}

func (f *fault) Error() string { return fmt.Sprintf("%d %s", f.status, f.reason) }

// isKeepAlive recognises what is sent to keep a NAT binding open: CRLFs
// (RFC 5626 section 3.5.1) or zeros.
func isKeepAlive(data []byte) bool {
	return len(bytes.Trim(data, "\r\n\x00")) == 0
}

// inspect bounds, parses and checks one whole message. Afterwards a request
// has all of Via, From with a tag, To, Call-ID and CSeq, each that may occur
// once occurring once.
func inspect(data []byte, lim limits) (sipgo.Message, *fault) {
	if len(data) > lim.size {
		return nil, &fault{status: 513, reason: "Message Too Large"}
	}

	head := data
	if i := bytes.Index(data, []byte("\r\n\r\n")); i >= 0 {
		head = data[:i]
	}

	if bytes.Count(head, []byte{'\n'}) > lim.headers {
		return nil, &fault{status: 513, reason: "Too Many Headers"}
	}

	msg, f := read(data)
	if f == nil {
		return msg, nil
	}

	if spaced := tidy(data); !bytes.Equal(spaced, data) {
		if msg, f := read(spaced); f == nil {
			return msg, nil
		}
	}

	if foreign(data) {
		return nil, &fault{status: 416, reason: phrase(416)}
	}

	return nil, f
}

// read parses and checks a message.
func read(data []byte) (sipgo.Message, *fault) {
	msg, err := parse(data)
	if err != nil {
		return nil, &fault{status: 400, reason: parseReason(err)}
	}

	if reason := check(msg); reason != "" {
		return nil, &fault{status: 400, reason: reason}
	}

	unwrap(msg)

	return msg, nil
}

// foreign reports whether a request is for a URI of a scheme that is none of
// ours, and so of a form that the parser need not know.
func foreign(data []byte) bool {
	line, _, _ := bytes.Cut(data, []byte("\r\n"))

	words := strings.Split(string(line), " ")
	if len(words) != 3 || !strings.EqualFold(words[2], "SIP/2.0") {
		return false
	}

	scheme, _, found := strings.Cut(words[1], ":")

	switch strings.ToLower(scheme) {
	case "sip", "sips", "tel":
		return false
	default:
		return found && !strings.ContainsAny(scheme, "<>@")
	}
}

var parser = sipgo.NewParser()

// errParser stands for a panic of the parser. One peer's bytes must not end
// the calls of all others.
var errParser = errors.New("unparsable message")

func parse(data []byte) (msg sipgo.Message, err error) {
	defer func() {
		if recover() != nil {
			msg, err = nil, errParser
		}
	}()

	return parser.ParseSIP(data)
}

// parseURI reads a URI of a header's value that the parser left alone.
func parseURI(text string) (uri *sipgo.Uri, err error) {
	defer func() {
		if recover() != nil {
			uri, err = nil, errParser
		}
	}()

	uri = new(sipgo.Uri)

	return uri, sipgo.ParseUri(text, uri)
}

// parseReason turns a parser's error into a reason phrase that echoes nothing
// of the message.
func parseReason(err error) string {
	switch {
	case errors.Is(err, sipgo.ErrParseReadBodyIncomplete):
		return "Body Shorter Than Content-Length"
	case errors.Is(err, sipgo.ErrParseLineNoCRLF), errors.Is(err, sipgo.ErrParseEOF):
		return "Header Section Not Terminated"
	default:
		return "Malformed Header"
	}
}

// single are the headers that check wants once, by lower-case long name.
var single = map[string]string{
	"from": "From", "f": "From",
	"to": "To", "t": "To",
	"call-id": "Call-ID", "i": "Call-ID",
	"cseq":           "CSeq",
	"max-forwards":   "Max-Forwards",
	"content-length": "Content-Length", "l": "Content-Length",
	"content-type": "Content-Type", "c": "Content-Type",
}

// check returns the reason phrase for a message that lacks something
// mandatory, and nothing for a good one.
func check(msg sipgo.Message) string {
	if name := repeated(msg); name != "" {
		return "Repeated " + name + " Header"
	}

	switch {
	case msg.Via() == nil:
		return "Missing Via Header"
	case msg.CallID() == nil:
		return "Missing Call-ID Header"
	case msg.CSeq() == nil:
		return "Missing CSeq Header"
	case msg.From() == nil:
		return "Missing From Header"
	case msg.To() == nil:
		return "Missing To Header"
	}

	if via := msg.Via(); via.Host == "" || via.Port < 0 || via.Port > 65535 {
		return "Malformed Via Header"
	}

	req, ok := msg.(*sipgo.Request)
	if !ok {
		return ""
	}

	cseq := req.CSeq()

	switch {
	case !strings.EqualFold(string(cseq.MethodName), string(req.Method)):
		return "CSeq Method Mismatch"
	case len(req.Recipient.Headers) > 0:
		return "Headers In Request-URI"
	case tagOf(req.From().Params) == "":
		return "Missing From Tag"
	case req.Method == sipgo.INVITE && req.Contact() == nil:
		return "Missing Contact Header"
	case req.Method == sipgo.INVITE && req.Contact().Address.Wildcard:
		return "Malformed Contact Header"
	}

	cseq.MethodName = req.Method

	return ""
}

// repeated is the name of a header that may occur once and occurs again.
func repeated(msg sipgo.Message) string {
	var all []sipgo.Header

	switch m := msg.(type) {
	case *sipgo.Request:
		all = m.Headers()
	case *sipgo.Response:
		all = m.Headers()
	}

	seen := make(map[string]bool, len(all))

	for _, h := range all {
		name, ok := single[strings.ToLower(h.Name())]
		if !ok {
			continue
		}

		if seen[name] {
			return name
		}

		seen[name] = true
	}

	return ""
}

func tagOf(params sipgo.HeaderParams) string {
	tag, _ := params.Get("tag")

	return tag
}
