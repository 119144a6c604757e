package vendor

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/gorilla/websocket"

	"trunkline/pipeline"
)

// maxMessage bounds one message from a provider.
const maxMessage = 4 << 20

// Dial opens a WebSocket. A refused handshake is the fault that its status
// tells.
func (c *Client) Dial(ctx context.Context, url string, header http.Header) (*websocket.Conn, error) {
	d := websocket.Dialer{
		Proxy: http.ProxyFromEnvironment, HandshakeTimeout: 5 * time.Second,
		ReadBufferSize: 16 << 10, WriteBufferSize: 4 << 10,
		TLSClientConfig: c.secure,
	}
	if t, ok := c.HTTP.Transport.(*http.Transport); ok {
		d.NetDialContext = t.DialContext
	}
	conn, resp, err := d.DialContext(ctx, url, header)
	switch {
	case err == nil:
		conn.SetReadLimit(maxMessage)

		return conn, nil
	case errors.Is(err, websocket.ErrBadHandshake) && resp != nil:
		defer resp.Body.Close()

		return nil, c.Refused(resp)
	default:
		return nil, c.Broken(ctx, err)
	}
}

// Closed is the fault behind a WebSocket that was closed, by its status (RFC
// 6455 section 7.4) where there is one.
func (c *Client) Closed(ctx context.Context, err error) error {
	var closed *websocket.CloseError
	if ctx.Err() != nil || !errors.As(err, &closed) {
		return c.Broken(ctx, err)
	}
	kind := pipeline.Unavailable
	switch closed.Code {
	case websocket.ClosePolicyViolation:
		kind = pipeline.Rejected
	case websocket.CloseTryAgainLater:
		kind = pipeline.RateLimited
	case websocket.CloseInvalidFramePayloadData, websocket.CloseProtocolError, websocket.CloseUnsupportedData:
		kind = pipeline.Garbled
	}

	return c.fault(kind, closeError(closed.Code))
}

// closeError is a close status. The reason that came with it is left out: it
// may hold words.
type closeError int

func (c closeError) Error() string {
	return "the provider closed the connection with status " + strconv.Itoa(int(c))
}
