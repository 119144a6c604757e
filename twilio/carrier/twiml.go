package carrier

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// longestDocument bounds TwiML that is given in a REST request.
const longestDocument = 4000

// verb is an element of TwiML.
type verb struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Children []verb     `xml:",any"`
	Text     string     `xml:",chardata"`
}

// known are the elements that the carrier carries out, by what they stand in.
var known = map[string][]string{
	"Response": {"Say", "Play", "Pause", "Gather", "Dial", "Connect", "Start", "Stop", "Hangup", "Reject", "Redirect"},
	"Gather":   {"Say", "Play", "Pause"},
	"Dial":     {"Number", "Sip", "Conference"},
	"Connect":  {"Stream"},
	"Start":    {"Stream"},
	"Stop":     {"Stream"},
	"Stream":   {"Parameter"},
}

// parse reads a document.
func parse(body []byte) (*verb, *problem) {
	var v verb
	if err := xml.NewDecoder(bytes.NewReader(body)).Decode(&v); err != nil { //nolint:gosec,musttag // bounded, into plain elements of any name
		return nil, &problem{code: codeBadDocument, text: err.Error()}
	}
	if v.XMLName.Local != "Response" {
		return nil, &problem{code: codeBadDocument, text: fmt.Sprintf("the document begins with <%s>", v.XMLName.Local)}
	}
	if err := v.check(); err != nil {
		return nil, &problem{code: codeUnknownVerb, text: err.Error()}
	}

	return &v, nil
}

// check refuses elements that the carrier would pass over.
func (v *verb) check() error {
	for i := range v.Children {
		child := &v.Children[i]
		found := false
		for _, name := range known[v.XMLName.Local] {
			found = found || name == child.XMLName.Local
		}
		if !found {
			return fmt.Errorf("<%s> does not belong into <%s>", child.XMLName.Local, v.XMLName.Local)
		}
		if err := child.check(); err != nil {
			return err
		}
	}

	return nil
}

// attr is the value of an attribute; empty when there is none.
func (v *verb) attr(name string) string {
	for _, a := range v.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}

	return ""
}

// method is how the verb's URL is requested.
func (v *verb) method(name string) string {
	if strings.EqualFold(v.attr(name), "GET") {
		return "GET"
	}

	return "POST"
}

// seconds is an attribute that is a number of seconds.
func (v *verb) seconds(name string, standard time.Duration) time.Duration {
	n, err := strconv.Atoi(v.attr(name))
	if err != nil || n < 0 {
		return standard
	}

	return time.Duration(n) * time.Second
}

func (v *verb) text() string { return strings.TrimSpace(v.Text) }
