package narrowband

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// byteOrderMark opens the binary part of a Sphinx-3 file.
const byteOrderMark = 0x11223344

// errFormat says that a file is no Sphinx-3 Gaussian parameter file.
var errFormat = errors.New("not a Sphinx-3 parameter file")

// params holds one means or variances file: for each codebook, each feature
// stream and each density one vector, in that order.
type params struct {
	codebooks int
	densities int
	lengths   []int // vector length of each stream
	values    []float32
}

// streams calls f with the vectors of each codebook and stream in turn; f may
// change them in place.
func (p *params) streams(f func(stream int, vector []float32)) {
	rest := p.values
	for range p.codebooks {
		for stream, length := range p.lengths {
			for range p.densities {
				f(stream, rest[:length])
				rest = rest[length:]
			}
		}
	}
}

// parseParams reads a Sphinx-3 means or variances file: a text header that
// ends with "endhdr\n", the byte order mark, codebooks, streams, densities,
// the streams' lengths, the number of values, the values (float32) and, when
// the header says "chksum0 yes", a checksum of all words after the mark.
func parseParams(data []byte) (*params, error) {
	const headerEnd = "endhdr\n"
	if !bytes.HasPrefix(data, []byte("s3\n")) {
		return nil, fmt.Errorf("%w: it does not begin with s3", errFormat)
	}
	end := bytes.Index(data, []byte(headerEnd))
	if end < 0 {
		return nil, fmt.Errorf("%w: the header has no end", errFormat)
	}
	summed := bytes.Contains(data[:end], []byte("chksum0 yes"))
	words := wordReader{data: data[end+len(headerEnd):]}

	if mark := words.next(); mark != byteOrderMark {
		return nil, fmt.Errorf("%w: byte order mark %#x, want %#x", errFormat, mark, byteOrderMark)
	}
	words.sum = 0 // the mark is not summed
	p := &params{codebooks: words.count(1 << 16)}
	streams := words.count(64)
	p.densities = words.count(1 << 16)
	perDensity := 0
	for range streams {
		length := words.count(1 << 10)
		p.lengths = append(p.lengths, length)
		perDensity += length
	}
	total := words.count(1 << 30)
	if words.short {
		return nil, fmt.Errorf("%w: it ends in the dimensions", errFormat)
	}
	if want := p.codebooks * p.densities * perDensity; total != want {
		return nil, fmt.Errorf("%w: %d values announced, the dimensions make %d", errFormat, total, want)
	}
	if 4*total > len(words.data) {
		return nil, fmt.Errorf("%w: %d values announced, the file has room for %d", errFormat, total, len(words.data)/4)
	}
	p.values = make([]float32, total)
	for i := range p.values {
		p.values[i] = math.Float32frombits(words.next())
	}
	if summed {
		sum := words.sum
		if got := words.next(); got != sum || words.short {
			return nil, fmt.Errorf("%w: checksum %#x, want %#x", errFormat, got, sum)
		}
	}
	return p, nil
}

// bytes is the file form of p, with a checksum.
func (p *params) bytes() []byte {
	out := []byte("s3\nversion 1.0\nchksum0 yes\nendhdr\n")
	out = binary.LittleEndian.AppendUint32(out, byteOrderMark)
	var sum uint32
	put := func(word uint32) {
		sum = addWord(sum, word)
		out = binary.LittleEndian.AppendUint32(out, word)
	}
	put(uint32(p.codebooks))
	put(uint32(len(p.lengths)))
	put(uint32(p.densities))
	for _, length := range p.lengths {
		put(uint32(length))
	}
	put(uint32(len(p.values)))
	for _, v := range p.values {
		put(math.Float32bits(v))
	}
	return binary.LittleEndian.AppendUint32(out, sum)
}

// addWord is the Sphinx-3 checksum: rotate left by 20 bits, add.
func addWord(sum, word uint32) uint32 {
	return sum<<20 + sum>>12 + word
}

// wordReader reads little-endian 32-bit words and sums them.
type wordReader struct {
	data  []byte
	sum   uint32
	short bool // a word was asked for past the end
}

func (r *wordReader) next() uint32 {
	if len(r.data) < 4 {
		r.short = true
		return 0
	}
	word := binary.LittleEndian.Uint32(r.data)
	r.data = r.data[4:]
	r.sum = addWord(r.sum, word)
	return word
}

// count reads a dimension of at most limit. A larger one, which no model has,
// counts as the end of the file: the products of dimensions cannot overflow.
func (r *wordReader) count(limit uint32) int {
	word := r.next()
	if word > limit {
		r.short = true
		return 0
	}
	return int(word)
}
