package dialect

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Read reads one message of the carrier into m. It fails when the message is
// not one of the carrier's; m is then of no use.
func (d *Dialect) Read(m *Message, binary bool, data []byte) error {
	m.reset()
	if binary {
		if !d.Binary {
			return errors.New("a binary message, where only text is spoken")
		}
		m.Kind, m.Audio = Media, append(m.Audio, data...)

		return nil
	}
	if !d.Binary && readUsual(m, data, d.mark == nameOfMark) {
		return nil
	}
	m.reset()

	return d.read(m, data)
}

// read reads a message of any kind.
func (d *Dialect) read(m *Message, data []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var o object
	if err := decoder.Decode(&o); err != nil {
		return fmt.Errorf("not a JSON object: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON object in a message")
	}
	event := o.text(d.event)
	if event == "" {
		return errors.New("a message without event")
	}
	m.Kind = d.events[event]
	switch m.Kind {
	case Started:
		return d.readStart(m, o)
	case Media:
		return readSlowly(m, o)
	case Digit:
		key, ok := keyOf(o.text(d.digit))
		if !ok {
			return fmt.Errorf("%q is no key", o.text(d.digit))
		}
		m.Key.Key = key
		if ms, err := strconv.ParseUint(o.text(d.duration), 10, 16); err == nil {
			m.Key.Duration = time.Duration(ms) * time.Millisecond
		}
	case Played:
		if m.Name = []byte(o.text(d.mark)); len(m.Name) == 0 {
			return errors.New("a mark without a name")
		}
	case Stopped, Failed:
		m.Why = o.first(d.why)
	case Other, Connected, Cleared:
	}

	return nil
}

func (d *Dialect) readStart(m *Message, o object) error {
	m.Stream, m.Call, m.Account = o.first(d.stream), o.first(d.call), o.first(d.account)
	if m.Stream == "" && len(d.stream) > 0 {
		return errors.New("the stream has no name")
	}
	if strings.ContainsFunc(m.Stream, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r > '~' }) {
		return fmt.Errorf("%q is no name of a stream", m.Stream)
	}
	m.Parameters = o.texts(d.parameters)
	rate, _ := strconv.Atoi(o.text(d.rate)) // none: as the encoding has it
	f, ok := formatOf(o.text(d.encoding), rate, d.linear)
	if o.text(d.encoding) == "" {
		f, ok = d.Formats[0], true
	}
	if !ok || !d.speaks(f) {
		return fmt.Errorf("%q at %q: %w", o.text(d.encoding), o.text(d.rate), ErrFormat)
	}
	m.Format = f

	return nil
}

func (d *Dialect) speaks(f Format) bool {
	for _, known := range d.Formats {
		if known == f {
			return true
		}
	}

	return false
}

// readSlowly reads what readUsual leaves to it.
func readSlowly(m *Message, o object) error {
	m.Outbound = outbound(o.text("media.track"))
	m.Chunk, _ = strconv.ParseInt(o.text("media.chunk"), 10, 64) // 0: not told
	if at, err := strconv.ParseInt(o.text("media.timestamp"), 10, 64); err == nil {
		m.setTime(at)
	}

	return m.decode([]byte(o.text("media.payload")))
}

func outbound(track string) bool { return strings.HasPrefix(track, "outbound") }

// setTime takes a timestamp in milliseconds. Some carriers count from the
// stream's start, others since 1970; only differences matter.
func (m *Message) setTime(ms int64) {
	const most = int64(1) << 52 // more than any clock shows
	if ms >= 0 && ms < most {
		m.At, m.Timed = ms, true
	}
}

func (m *Message) decode(payload []byte) error {
	if len(payload) == 0 {
		return errors.New("media without payload")
	}
	n := base64.StdEncoding.DecodedLen(len(payload))
	if cap(m.Audio) < n {
		m.Audio = make([]byte, 0, n)
	}
	n, err := base64.StdEncoding.Decode(m.Audio[:n], payload)
	m.Audio = m.Audio[:n]
	if err != nil {
		return fmt.Errorf("the payload is not base64: %w", err)
	}

	return nil
}

// object is a JSON object.
type object map[string]any

// at is what is at a place.
func (o object) at(place string) any {
	for {
		name, rest, deeper := strings.Cut(place, ".")
		v := o[name]
		if !deeper {
			return v
		}
		inner, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		o, place = inner, rest
	}
}

// text is the string or the number at a place, "" when there is none.
func (o object) text(place string) string {
	switch v := o.at(place).(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	default:
		return ""
	}
}

func (o object) first(places []string) string {
	for _, p := range places {
		if s := o.text(p); s != "" {
			return s
		}
	}

	return ""
}

// texts is the object at a place, or what a text such as "a=1;b=2" says.
func (o object) texts(place string) map[string]string {
	all := map[string]string{}
	inner := map[string]any(o)
	if place != "" {
		inner, _ = o.at(place).(map[string]any) // none: see below
	}
	for k := range inner {
		if s := object(inner).text(k); s != "" {
			all[k] = s
		}
	}
	for pair := range strings.FieldsFuncSeq(o.text(place), func(r rune) bool { return r == ';' || r == ',' }) {
		if k, v, ok := strings.Cut(pair, "="); ok {
			all[strings.TrimSpace(k)] = strings.TrimSpace(v)
		}
	}

	return all
}
