package vendor

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
)

// maxEvent bounds one event.
const maxEvent = 1 << 20

// Event is one server-sent event.
type Event struct {
	Name string // empty when the server names none
	Data []byte // valid until the next event
}

// Events reads server-sent events (HTML Living Standard section 9.2) until the
// stream ends. A body that ends in the middle of an event is an error; what
// comes after the last whole event of a body that ends is not told.
func (c *Client) Events(ctx context.Context, body io.Reader) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		lines := bufio.NewScanner(body)
		lines.Buffer(make([]byte, 0, 4<<10), maxEvent)
		var e Event
		var data []byte
		open := false
		for lines.Scan() {
			line := bytes.TrimSuffix(lines.Bytes(), []byte("\r"))
			if len(line) == 0 {
				if open {
					e.Data = data
					if !yield(e, nil) {
						return
					}
				}
				e, data, open = Event{}, data[:0], false

				continue
			}
			field, value, _ := bytes.Cut(line, []byte(":"))
			value = bytes.TrimPrefix(value, []byte(" "))
			switch string(field) {
			case "event":
				e.Name = string(value)
			case "data":
				if open {
					data = append(data, '\n')
				}
				data = append(data, value...)
				open = true
			}
			if len(data) > maxEvent {
				yield(Event{}, c.Garbled("an event of more than %d octets", maxEvent))

				return
			}
		}
		switch err := lines.Err(); {
		case errors.Is(err, bufio.ErrTooLong):
			yield(Event{}, c.Garbled("a line of more than %d octets", maxEvent))
		case err != nil:
			yield(Event{}, c.Broken(ctx, err))
		case open:
			yield(Event{}, c.Unavailable("the stream was cut within an event"))
		}
	}
}
