package sip

import (
	"net/netip"
	"testing"
)

func TestFarEndBehindNAT(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		described, peer string
		want            bool
	}{
		{"192.168.1.5", "198.51.100.1", true},
		{"100.64.3.3", "198.51.100.1", true},
		{"169.254.0.9", "198.51.100.1", true},
		{"::ffff:10.0.0.1", "198.51.100.1", true},
		{"fd00::1", "2001:db8::1", true},
		{"198.51.100.1", "198.51.100.1", false},
		{"203.0.113.9", "198.51.100.1", false}, // media and signalling on two hosts
		{"10.0.0.6", "10.0.0.5", false},        // a PBX with a media gateway
		{"127.0.0.1", "127.0.0.1", false},
	} {
		if got := hidden(netip.MustParseAddr(tt.described), netip.MustParseAddr(tt.peer)); got != tt.want {
			t.Errorf("%s described by %s: hidden %v", tt.described, tt.peer, got)
		}
	}

	if hidden(netip.Addr{}, netip.MustParseAddr("198.51.100.1")) {
		t.Error("an address that was not given is hidden")
	}
}
