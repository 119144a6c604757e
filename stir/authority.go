package stir

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

// authorityOID is TNAuthorizationList (RFC 8226 section 9).
var authorityOID = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 26}

// numbersOf is what a certificate may sign for.
type numbersOf struct {
	carriers []string // service provider codes: all of these providers' numbers
	ranges   []numberRange
	single   []string
}

// numberRange is a number and how many follow it, itself included.
type numberRange struct {
	first string
	count int
}

// authority reads a certificate's TNAuthorizationList, which each certificate
// of SHAKEN has.
func authority(c *x509.Certificate) (numbersOf, error) {
	i := slices.IndexFunc(c.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(authorityOID) })
	if i < 0 {
		return numbersOf{}, errors.New("the certificate names no numbers that it is for (TNAuthorizationList, RFC 8226)")
	}
	var entries []asn1.RawValue
	if rest, err := asn1.Unmarshal(c.Extensions[i].Value, &entries); err != nil || len(rest) > 0 {
		return numbersOf{}, errors.New("the certificate's TNAuthorizationList cannot be read")
	}
	var list numbersOf
	for _, e := range entries {
		if err := list.add(e); err != nil {
			return numbersOf{}, fmt.Errorf("the certificate's TNAuthorizationList: %w", err)
		}
	}

	return list, nil
}

// add reads one TNEntry, whose choices are tagged explicitly.
func (l *numbersOf) add(e asn1.RawValue) error {
	switch e.Tag {
	case 0:
		var code string
		if _, err := asn1.UnmarshalWithParams(e.Bytes, &code, "ia5"); err != nil {
			return fmt.Errorf("service provider code: %w", err)
		}
		l.carriers = append(l.carriers, code)
	case 1:
		var r struct {
			Start string `asn1:"ia5"`
			Count int
		}
		if _, err := asn1.Unmarshal(e.Bytes, &r); err != nil || r.Count < 2 || !digits(r.Start) {
			return errors.New("a range of numbers cannot be read")
		}
		l.ranges = append(l.ranges, numberRange{r.Start, r.Count})
	case 2:
		var one string
		if _, err := asn1.UnmarshalWithParams(e.Bytes, &one, "ia5"); err != nil {
			return fmt.Errorf("number: %w", err)
		}
		l.single = append(l.single, one)
	default:
		return fmt.Errorf("entry of the unknown kind %d", e.Tag)
	}

	return nil
}

// covers reports whether the list allows to sign for a number. A provider's
// code covers whatever that provider vouches for.
func (l *numbersOf) covers(number string) bool {
	if len(l.carriers) > 0 || slices.Contains(l.single, number) {
		return true
	}
	n, ok := new(big.Int).SetString(number, 10)
	if !ok {
		return false
	}

	return slices.ContainsFunc(l.ranges, func(r numberRange) bool {
		first, ok := new(big.Int).SetString(r.first, 10)
		if !ok || len(r.first) != len(number) {
			return false
		}
		offset := new(big.Int).Sub(n, first)

		return offset.Sign() >= 0 && offset.Cmp(big.NewInt(int64(r.count))) < 0
	})
}

// known is a certificate whose TNAuthorizationList no longer counts as an
// extension that nobody understands.
func known(c *x509.Certificate) *x509.Certificate {
	with := *c
	with.UnhandledCriticalExtensions = slices.DeleteFunc(slices.Clone(c.UnhandledCriticalExtensions),
		func(id asn1.ObjectIdentifier) bool { return id.Equal(authorityOID) })

	return &with
}
