package sdp

import (
	"slices"

	"trunkline/media/g711"
)

// Offering offers the codecs, most preferred first, in place of those that d
// agreed on. A codec keeps the payload type that it has in the session, as RFC
// 3264 section 8.3.2 wants.
func (d Description) Offering(codecs ...g711.Codec) Description {
	formats := make([]format, 0, len(codecs))

	for _, c := range codecs {
		f := format{payloadType: c.PayloadType(), codec: c}
		if i := slices.IndexFunc(d.formats, func(f format) bool { return f.codec == c }); i >= 0 {
			f = d.formats[i]
		}

		formats = append(formats, f)
	}

	d.formats = formats

	return d
}

// Preferring are the codecs of l with one before the others, if it is among
// them; nil leaves their order.
func (l Local) Preferring(first *g711.Codec) []g711.Codec {
	codecs := slices.Clone(l.codecs())

	if first != nil {
		if i := slices.Index(codecs, *first); i > 0 {
			codecs = slices.Insert(slices.Delete(codecs, i, i+1), 0, *first)
		}
	}

	return codecs
}
