package spool

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

// The files' format. A segment's name gives a number, greater than that of the
// segment before it, and a random salt, both in hexadecimal; in it stand records,
// one after another, and after them zeros where room was reserved. Numbers are
// big-endian.
//
//	mark    4 bytes  recordMark
//	length  4 bytes  of the payload
//	number  8 bytes  one more than the record before it, or greater
//	crc     4 bytes  CRC-32C of salt, mark, length and number
//	crc     4 bytes  CRC-32C of salt and the payload
//	bytes   the payload
//
// A record's header has a checksum of its own, so that a damaged payload
// costs one record, whose length is still known. After a damaged header
// reading goes on at the next header that is whole; the salt keeps a payload
// that holds a copy of another record from being taken for one.
const (
	segmentSuffix = ".spool"
	recordMark    = 0x7A5C_D00D
	recordHeader  = 24
)

// MaxRecord bounds one record's payload, in bytes.
const MaxRecord = 4 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Record is one payload with its number.
type Record struct {
	Number  uint64
	Payload []byte
}

type salt [8]byte

func (s salt) sum(data []byte) uint32 {
	return crc32.Update(crc32.Checksum(s[:], castagnoli), castagnoli, data)
}

// segmentName sorts by the order of segments.
func segmentName(order uint64, s salt) string {
	return fmt.Sprintf("%016x-%x%s", order, s[:], segmentSuffix)
}

// parseSegmentName reads what segmentName wrote.
func parseSegmentName(name string) (order uint64, s salt, ok bool) {
	stem, found := strings.CutSuffix(name, segmentSuffix)
	number, salted, cut := strings.Cut(stem, "-")
	if !found || !cut || len(number) != 16 {
		return 0, salt{}, false
	}
	order, err := strconv.ParseUint(number, 16, 64)
	bytes, hexErr := hex.DecodeString(salted)
	if err != nil || hexErr != nil || len(bytes) != len(s) || name != segmentName(order, salt(bytes)) {
		return 0, salt{}, false
	}

	return order, salt(bytes), true
}

// appendRecord frames a payload.
func appendRecord(dst []byte, s salt, r Record) []byte {
	at := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, recordMark)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(r.Payload)))
	dst = binary.BigEndian.AppendUint64(dst, r.Number)
	dst = binary.BigEndian.AppendUint32(dst, s.sum(dst[at:]))
	dst = binary.BigEndian.AppendUint32(dst, s.sum(r.Payload))

	return append(dst, r.Payload...)
}

// verdict is what stands at a place of a segment.
type verdict int

const (
	whole   verdict = iota // a record
	more                   // the beginning of one: more bytes must be read
	rotten                 // a record with a damaged payload, of known length
	garbage                // no record begins here
)

// parseRecord reads the record at the beginning of data. size is its length
// in the file, or for more the bytes that are needed to tell.
func parseRecord(data []byte, s salt) (r Record, size int, v verdict) {
	if len(data) < recordHeader {
		return Record{}, recordHeader, more
	}
	length := binary.BigEndian.Uint32(data[4:])
	if binary.BigEndian.Uint32(data) != recordMark || length > MaxRecord || binary.BigEndian.Uint32(data[16:]) != s.sum(data[:16]) {
		return Record{}, 0, garbage
	}
	r.Number = binary.BigEndian.Uint64(data[8:])
	size = recordHeader + int(length)
	if len(data) < size {
		return r, size, more
	}
	r.Payload = data[recordHeader:size:size]
	if binary.BigEndian.Uint32(data[20:]) != s.sum(r.Payload) {
		return r, size, rotten
	}

	return r, size, whole
}

// nextMark is how far after the beginning of data, which is not empty,
// another record may begin: the place of a mark, or of what may be the
// beginning of one.
func nextMark(data []byte) int {
	mark := binary.BigEndian.AppendUint32(nil, recordMark)
	if i := bytes.Index(data[1:], mark); i >= 0 {
		return i + 1
	}

	return max(1, len(data)-len(mark)+1)
}

// blank reports whether nothing was written here: a segment whose room was
// reserved ends with zeros.
func blank(data []byte) bool {
	for _, b := range data {
		if b != 0 {
			return false
		}
	}

	return true
}
