package vendor

import (
	"context"
	"errors"
	"io"
	"iter"
)

// Octets reads a streamed body as it comes. What it gives is valid until the
// next piece.
func (c *Client) Octets(ctx context.Context, body io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		buf := make([]byte, 8<<10)
		for {
			n, err := body.Read(buf)
			if n > 0 && !yield(buf[:n], nil) {
				return
			}
			switch {
			case errors.Is(err, io.EOF):
				return
			case err != nil:
				yield(nil, c.Broken(ctx, err))

				return
			}
		}
	}
}
