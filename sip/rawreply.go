package sip

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
)

// rawReply answers a request that could not be parsed, from as many of its
// header lines as can be recognised: RFC 3261 section 8.2 wants a malformed
// request answered, or its sender would go on retransmitting. It reports
// false for what must not be answered: responses, ACK, and bytes that are no
// SIP request.
func rawReply(data []byte, src netip.AddrPort, f *fault) ([]byte, bool) {
	head, _, _ := bytes.Cut(data, []byte("\r\n\r\n"))
	lines := strings.Split(string(head), "\r\n")

	start := strings.Fields(lines[0])
	if len(start) < 3 || !strings.HasPrefix(start[len(start)-1], "SIP/") || strings.EqualFold(start[0], "ACK") {
		return nil, false
	}

	var (
		vias    []string
		headers = make(map[string]string)
	)

	for _, l := range lines[1:] {
		name, value, ok := strings.Cut(l, ":")
		if !ok {
			continue
		}

		value = strings.TrimSpace(value)

		switch long := echoed[strings.ToLower(strings.TrimSpace(name))]; long {
		case "":
		case "Via":
			vias = append(vias, value)
		default:
			headers[long] = value
		}
	}

	if len(vias) == 0 || headers["CSeq"] == "" {
		return nil, false
	}

	var b bytes.Buffer

	fmt.Fprintf(&b, "SIP/2.0 %d %s\r\n", f.status, f.reason)

	for i, v := range vias {
		if i == 0 {
			v = stampVia(v, src)
		}

		fmt.Fprintf(&b, "Via: %s\r\n", v)
	}

	for _, name := range []string{"From", "To", "Call-ID", "CSeq"} {
		if v := headers[name]; v != "" {
			if name == "To" && !strings.Contains(v, ";tag=") {
				v += ";tag=" + newTag()
			}

			fmt.Fprintf(&b, "%s: %s\r\n", name, v)
		}
	}

	b.WriteString("Content-Length: 0\r\n\r\n")

	return b.Bytes(), true
}

// echoed are the headers that a response repeats, by lower-case name.
var echoed = map[string]string{
	"via": "Via", "v": "Via",
	"from": "From", "f": "From",
	"to": "To", "t": "To",
	"call-id": "Call-ID", "i": "Call-ID",
	"cseq": "CSeq",
}

// stampVia writes into the topmost Via value where the request came from
// (RFC 3261 section 18.2.1, RFC 3581 section 4).
func stampVia(value string, src netip.AddrPort) string {
	top, rest, more := strings.Cut(value, ",")
	top = strings.TrimSpace(top)

	params := strings.Split(top, ";")
	for i, p := range params[1:] {
		if strings.EqualFold(strings.TrimSpace(p), "rport") {
			params[i+1] = fmt.Sprintf("rport=%d", src.Port())
		}
	}

	top = strings.Join(params, ";") + ";received=" + src.Addr().Unmap().String()
	if more {
		return top + "," + rest
	}

	return top
}
