// Package icetest makes the STUN messages of a full ICE agent, such as a
// browser's, for tests of what answers them.
package icetest

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/binary"
	"hash/crc32"
)

// Kinds of messages and attributes (RFC 8489 section 18, RFC 8445 section 16).
const (
	BindingRequest = 0x0001

	Username     = 0x0006
	Integrity    = 0x0008
	Priority     = 0x0024
	UseCandidate = 0x0025
	Fingerprint  = 0x8028
	Controlling  = 0x802a
	NetworkCost  = 0xc057 // Chromium's own
)

// Transaction is the transaction ID of all messages.
const Transaction = "transaction0"

// Attribute is one of a message.
type Attribute struct {
	Kind  uint16
	Value []byte
}

// Message makes a message, with MESSAGE-INTEGRITY by password unless that is
// empty, and FINGERPRINT.
func Message(kind uint16, password string, attributes ...Attribute) []byte {
	const header, attributeHeader = 20, 4
	b := binary.BigEndian.AppendUint16(nil, kind)
	b = append(b, 0, 0, 0x21, 0x12, 0xa4, 0x42)
	b = append(b, Transaction...)
	add := func(a Attribute) {
		b = binary.BigEndian.AppendUint16(b, a.Kind)
		b = binary.BigEndian.AppendUint16(b, uint16(len(a.Value)))
		b = append(b, a.Value...)
		b = append(b, make([]byte, -len(a.Value)&3)...)
	}
	for _, a := range attributes {
		add(a)
	}
	if password != "" {
		binary.BigEndian.PutUint16(b[2:], uint16(len(b)-header+attributeHeader+sha1.Size))
		mac := hmac.New(sha1.New, []byte(password))
		mac.Write(b)
		add(Attribute{Integrity, mac.Sum(nil)})
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)-header+attributeHeader+crc32.Size))
	add(Attribute{Fingerprint, binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(b)^0x5354554e)})

	return b
}

// Check makes a connectivity check: from the agent with the fragment from to the
// one with the fragment to and the password.
func Check(to, password, from string, more ...Attribute) []byte {
	return Message(BindingRequest, password, append([]Attribute{
		{Username, []byte(to + ":" + from)},
		{Priority, []byte{0x6e, 0, 1, 0xff}},
		{Controlling, make([]byte, 8)},
		{NetworkCost, []byte{0, 1, 0, 10}},
	}, more...)...)
}

// Nomination makes a check nominate its address.
func Nomination() Attribute { return Attribute{Kind: UseCandidate} }
