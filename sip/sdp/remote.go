package sdp

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	pion "github.com/pion/sdp/v3"

	"trunkline/media/g711"
)

// maxStreams bounds the m-lines of a description. A telephone call has one,
// a video call with presentation sharing has four.
const maxStreams = 32

// Offer is a session description that the far end sent, as an offer or as an
// answer.
type Offer struct {
	streams []stream
}

// stream is one m-line with what applies to it from the session level.
type stream struct {
	media     string
	proto     string
	formats   []string
	port      int
	addr      netip.Addr // zero when there is no usable c= line
	addrErr   error      // why addr is zero
	rtcp      netip.AddrPort
	direction direction
	codecs    []format // G.711 formats in the writer's order of preference
	event     uint8    // payload type of telephone-event, 0 when there is none
	noise     bool     // comfort noise is among the formats
	mux       bool     // RTCP on the RTP port
	mid       string   // name of the stream (RFC 9143); empty: none
	browser   browser  // of a browser's stream
	ptime     time.Duration
	maxptime  time.Duration
	keyed     bool     // there are a=crypto lines
	crypto    []crypto // those that we can use
}

// format binds a payload type to a codec.
type format struct {
	payloadType uint8
	codec       g711.Codec
}

// ParseOffer reads an offer. The error wraps ErrMalformed; whether the offer
// is acceptable is for Answer to say.
func ParseOffer(body []byte) (*Offer, error) {
	if len(body) > 0 && body[len(body)-1] != '\n' {
		body = append(slices.Clip(body), '\n') // some senders leave out the last line's end
	}

	var (
		sd      pion.SessionDescription
		foreign map[int]stream
	)

	if err := sd.Unmarshal(body); err != nil {
		text, others, ok := plain(body)
		sd = pion.SessionDescription{}

		if !ok || sd.Unmarshal(text) != nil {
			return nil, malformed("%v", err)
		}

		foreign = others
	}

	if sd.Origin.UnicastAddress == "" {
		return nil, malformed("no o= line")
	}

	if len(sd.MediaDescriptions) > maxStreams {
		return nil, malformed("%d m= lines, at most %d are read", len(sd.MediaDescriptions), maxStreams)
	}

	offer := &Offer{streams: make([]stream, 0, len(sd.MediaDescriptions))}

	for i, md := range sd.MediaDescriptions {
		s, err := readStream(&sd, md)
		if err != nil {
			return nil, malformed("m= line %d: %v", i+1, err)
		}

		if other, ok := foreign[i]; ok {
			s = other
		}

		offer.streams = append(offer.streams, s)
	}

	return offer, nil
}

func readStream(sd *pion.SessionDescription, md *pion.MediaDescription) (stream, error) {
	s := stream{
		media:     md.MediaName.Media,
		proto:     strings.Join(md.MediaName.Protos, "/"),
		formats:   md.MediaName.Formats,
		port:      md.MediaName.Port.Value,
		direction: readDirection(sd.Attributes, md.Attributes),
		mid:       readMid(md),
	}

	if s.port < 0 || s.port > 65535 {
		return s, fmt.Errorf("port %d is out of range", s.port)
	}

	connection := md.ConnectionInformation
	if connection == nil {
		connection = sd.ConnectionInformation
	}

	if !s.usable() {
		return s, nil // answered with port 0, whatever else it says
	}

	if connection == nil {
		return s, fmt.Errorf("no c= line applies")
	}

	s.addr, s.addrErr = readAddress(connection)

	if err := s.readFormats(md.Attributes); err != nil {
		return s, err
	}

	s.noise = slices.Contains(s.formats, strconv.Itoa(noiseType))

	s.ptime = readMillis(md, "ptime")
	s.maxptime = readMillis(md, "maxptime")
	s.rtcp = s.readRTCP(md)
	_, s.mux = md.Attribute("rtcp-mux")
	_, s.keyed = md.Attribute("crypto")
	s.crypto = readCrypto(md)

	if s.web() {
		s.readWeb(sd, md)
	}

	return s, nil
}

// usable reports whether the stream is one that we could take part in.
func (s *stream) usable() bool {
	return s.media == "audio" && s.port != 0 && (s.proto == plainProto || s.proto == secureProto || s.web())
}

// readDirection takes the media level's direction, else the session level's,
// else sendrecv (RFC 4566 section 6).
func readDirection(levels ...[]pion.Attribute) direction {
	for i := len(levels) - 1; i >= 0; i-- {
		for _, a := range levels[i] {
			for d, name := range directionNames {
				if a.Key == name {
					return direction(d)
				}
			}
		}
	}

	return sendRecv
}

func readAddress(c *pion.ConnectionInformation) (netip.Addr, error) {
	if c.NetworkType != "IN" || c.Address == nil {
		return netip.Addr{}, fmt.Errorf("network type %q is not IN", c.NetworkType)
	}

	addr, err := netip.ParseAddr(c.Address.Address)
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}, fmt.Errorf("%q is not an IP address", c.Address.Address)
	}

	if addr.IsMulticast() {
		return netip.Addr{}, fmt.Errorf("%s is a multicast address", addr)
	}

	if is4 := c.AddressType == "IP4"; is4 != addr.Is4() {
		return netip.Addr{}, fmt.Errorf("%s is not of type %s", addr, c.AddressType)
	}

	return addr, nil
}

// readFormats binds the m-line's payload types to codecs by the a=rtpmap
// lines, and static payload types that have none by RFC 3551.
func (s *stream) readFormats(attrs []pion.Attribute) error {
	names := make(map[uint8]string)

	for _, a := range attrs {
		if a.Key != "rtpmap" {
			continue
		}

		number, encoding, ok := strings.Cut(strings.TrimSpace(a.Value), " ")
		if !ok {
			return fmt.Errorf("a=rtpmap:%s has no encoding", a.Value)
		}

		pt, err := readPayloadType(number)
		if err != nil {
			return fmt.Errorf("a=rtpmap: %w", err)
		}

		names[pt] = strings.TrimSpace(encoding)
	}

	for _, f := range s.formats {
		pt, err := readPayloadType(f)
		if err != nil {
			return err
		}

		encoding, ok := names[pt]
		if !ok {
			encoding = static(pt)
		}

		name, rate, _ := strings.Cut(encoding, "/")
		if rate != "8000" && rate != "8000/1" {
			continue
		}

		if codec, ok := g711.ByName(name); ok {
			s.codecs = append(s.codecs, format{payloadType: pt, codec: codec})
		} else if strings.EqualFold(name, telephoneEvent) && s.event == 0 {
			s.event = pt
		}
	}

	return nil
}

func readPayloadType(text string) (uint8, error) {
	pt, err := strconv.ParseUint(text, 10, 8)
	if err != nil || pt > lastPayloadType {
		return 0, fmt.Errorf("payload type %q is not a number from 0 to %d", text, lastPayloadType)
	}

	return uint8(pt), nil
}

// readMillis is the value of an attribute in whole milliseconds, 0 when it is
// absent or makes no sense. Senders do write "20.0".
func readMillis(md *pion.MediaDescription, key string) time.Duration {
	value, ok := md.Attribute(key)
	if !ok {
		return 0
	}

	whole, _, _ := strings.Cut(strings.TrimSpace(value), ".")

	ms, err := strconv.ParseUint(whole, 10, 16)
	if err != nil {
		return 0
	}

	return time.Duration(ms) * time.Millisecond
}

// readRTCP is where the writer receives RTCP: the a=rtcp attribute
// (RFC 3605), else the port after the RTP port.
func (s *stream) readRTCP(md *pion.MediaDescription) netip.AddrPort {
	if !s.addr.IsValid() {
		return netip.AddrPort{}
	}

	addr, port := s.addr, uint64(s.port)+1

	if value, ok := md.Attribute("rtcp"); ok {
		fields := strings.Fields(value)
		if len(fields) > 0 {
			if p, err := strconv.ParseUint(fields[0], 10, 16); err == nil {
				port = p
			}
		}

		if len(fields) == 4 {
			if a, err := netip.ParseAddr(fields[3]); err == nil && a.Is4() == addr.Is4() {
				addr = a
			}
		}
	}

	if port == 0 || port > 65535 || addr.IsUnspecified() {
		return netip.AddrPort{}
	}

	return netip.AddrPortFrom(addr, uint16(port))
}
