package sip

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"strings"

	sipgo "github.com/emiago/sipgo/sip"
)

// maxParts bounds the parts of a body that are looked at.
const maxParts = 16

// bodied is a request or a response.
type bodied interface {
	ContentType() *sipgo.ContentTypeHeader
	ReplaceHeader(h sipgo.Header)
	Body() []byte
	SetBody(body []byte)
}

// unwrap has a message whose body has several parts carry the session
// description among them alone: carriers add ISUP and locations to it (RFC
// 5621). A body without one stays as it is, and so does one with a part that
// must be understood and is not.
func unwrap(msg sipgo.Message) {
	m, ok := msg.(bodied)
	if !ok {
		return
	}

	ct := m.ContentType()
	if ct == nil {
		return
	}

	kind, params, err := mime.ParseMediaType(ct.Value())
	if err != nil || !strings.HasPrefix(kind, "multipart/") || params["boundary"] == "" {
		return
	}

	if desc, ok := description(m.Body(), params["boundary"]); ok {
		typed := sipgo.ContentTypeHeader(sdpType)
		m.ReplaceHeader(&typed)
		m.SetBody(desc)
	}
}

// description is the session description in a body of several parts: the last
// one, which of alternatives is the best (RFC 2046 section 5.1.4).
func description(body []byte, boundary string) (desc []byte, ok bool) {
	parts := multipart.NewReader(bytes.NewReader(body), boundary)

	for range maxParts {
		part, err := parts.NextRawPart()
		if err != nil {
			return desc, ok && err == io.EOF //nolint:errorlint // the reader gives it as it is
		}

		content, err := io.ReadAll(part)
		if err != nil {
			return nil, false
		}

		kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
		_, disposition, _ := mime.ParseMediaType(part.Header.Get("Content-Disposition"))

		switch {
		case kind == sdpType:
			desc, ok = content, true
		case strings.EqualFold(disposition["handling"], "required"): // RFC 3204 section 6
			return nil, false
		}
	}

	return nil, false
}
