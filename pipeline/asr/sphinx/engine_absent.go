//go:build !offline

package sphinx

func newDecoder(*models) (decoder, error) { return nil, ErrNotBuilt }
