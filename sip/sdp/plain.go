package sdp

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
)

// What the parser knows of m-lines. It refuses a description with any other,
// though an offer of fax (T.38, RFC 3362) or of data beside the audio is to be
// answered, with port 0 for what we do not take (RFC 3264 section 6).
var (
	parsedMedia  = []string{"audio", "video", "text", "application", "message"}
	parsedProtos = []string{
		"UDP", "RTP", "AVP", "SAVP", "SAVPF", "TLS", "DTLS", "SCTP", "AVPF", "TCP", "MSRP", "BFCP", "UDT", "IX", "MRCPv2", "FEC",
	}
)

// standIn is the m-line that the parser reads in place of one that it refuses.
const standIn = "m=message 0 TCP *"

// section is the lines of one level of a description that matter to us.
type section struct {
	media      string // the m-line; empty for the session
	connection string
	attributes []string
}

// plain writes a description that the parser does not take in the form that it
// does: with the lines in the order of RFC 4566 section 5, each level's first c=
// and its attributes, and nothing else of what senders add, leave out, or write
// in their own ways. foreign are the streams, by index, that it has no words
// for. It reports false for what is no description at all.
func plain(body []byte) (text []byte, foreign map[int]stream, ok bool) {
	levels := []section{{}}
	version, origin := false, false

	for line := range bytes.Lines(body) {
		key, value, found := strings.Cut(strings.TrimRight(string(line), "\r\n \t\x00"), "=")
		level := &levels[len(levels)-1]

		switch {
		case !found || value == "":
		case key == "v":
			version = value == "0"
		case key == "o":
			origin = len(strings.Fields(value)) >= 6
		case key == "c" && level.connection == "":
			level.connection = value
		case key == "a":
			level.attributes = append(level.attributes, value)
		case key == "m":
			levels = append(levels, section{media: value})
		}
	}

	if !version || !origin {
		return nil, nil, false
	}

	var b bytes.Buffer

	b.WriteString("v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\n")

	foreign = make(map[int]stream)

	for i, level := range levels {
		if level.media != "" {
			if s, unknown := level.foreign(); unknown {
				foreign[i-1] = s

				b.WriteString(standIn + "\r\n")

				continue
			}

			b.WriteString("m=" + level.mediaLine() + "\r\n")
		}

		if level.connection != "" {
			b.WriteString("c=" + level.connection + "\r\n")
		}

		if level.media == "" {
			b.WriteString("t=0 0\r\n")
		}

		for _, a := range level.attributes {
			b.WriteString("a=" + a + "\r\n")
		}
	}

	return b.Bytes(), foreign, true
}

// mediaLine is the value of the m-line with one space between its fields, and
// the protocol in the capitals that it is registered with.
func (s *section) mediaLine() string {
	fields := strings.Fields(s.media)
	if len(fields) > 2 && strings.HasPrefix(strings.ToUpper(fields[2]), "RTP/") {
		fields[2] = strings.ToUpper(fields[2])
	}

	return strings.Join(fields, " ")
}

// foreign is the stream of an m-line that the parser refuses; false for other
// lines.
func (s *section) foreign() (stream, bool) {
	fields := strings.Fields(s.mediaLine())
	if len(fields) < 3 {
		return stream{}, false
	}

	known := slices.Contains(parsedMedia, fields[0])
	for proto := range strings.SplitSeq(fields[2], "/") {
		known = known && slices.Contains(parsedProtos, proto)
	}

	number, _, _ := strings.Cut(fields[1], "/")
	port, err := strconv.ParseUint(number, 10, 16)

	return stream{media: fields[0], port: int(port), proto: fields[2], formats: fields[3:]}, !known && err == nil
}
