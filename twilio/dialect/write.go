package dialect

import (
	"encoding/base64"
	"strconv"
	"strings"

	"trunkline/media"
)

// Writer writes our messages of one stream. Its methods append to dst and
// allocate nothing where dst has room.
type Writer struct {
	binary            bool
	before, after     string // the payload of media
	markTo, markAfter string
	clear             string
}

// Writer makes the one for a stream that has started.
func (d *Dialect) Writer(start *Message) *Writer {
	kind := "audio/x-mulaw"
	switch start.Format.Encoding {
	case PCMA:
		kind = "audio/x-alaw"
	case L16, L16Little:
		kind = "audio/x-l16"
	case PCMU:
	}
	fill := strings.NewReplacer("$stream", start.Stream, "$type", kind, "$rate", strconv.Itoa(start.Format.Rate))
	w := &Writer{binary: d.Binary, clear: fill.Replace(d.sendClear)}
	w.before, w.after, _ = strings.Cut(fill.Replace(d.sendMedia), "$payload")
	w.markTo, w.markAfter, _ = strings.Cut(fill.Replace(d.sendMark), "$name")

	return w
}

// Media appends a message with audio in the stream's format; it is to be sent
// as binary where the dialect is.
func (w *Writer) Media(dst, audio []byte) []byte {
	if w.binary {
		return append(dst, audio...)
	}
	dst = append(dst, w.before...)
	dst = base64.StdEncoding.AppendEncode(dst, audio)

	return append(dst, w.after...)
}

// Mark appends a message that asks to be told when all before it was played.
func (w *Writer) Mark(dst []byte, m media.Mark) []byte {
	dst = append(dst, w.markTo...)
	dst = appendMark(dst, m)

	return append(dst, w.markAfter...)
}

// Clear appends a message that empties the carrier's queue.
func (w *Writer) Clear(dst []byte) []byte { return append(dst, w.clear...) }
