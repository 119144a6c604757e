package npa

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"strings"
	"sync"
)

//go:embed table.csv
var table string

// Area is where an area code is.
type Area struct {
	Code   string   // three digits
	States []string // ISO 3166-2 codes, sorted, such as US-FL or CA-ON
	Zones  []string // IANA names, sorted
}

// Version identifies the table by its contents.
var Version = sync.OnceValue(func() string {
	sum := sha256.Sum256([]byte(table))

	return "sha256:" + hex.EncodeToString(sum[:8])
})

// all is the table by area code.
var all = sync.OnceValue(func() map[string]Area {
	areas := make(map[string]Area)
	for line := range strings.Lines(table) {
		fields := strings.Split(strings.TrimSpace(line), ",")
		if len(fields) != 3 || fields[0] == "npa" {
			continue
		}
		areas[fields[0]] = Area{Code: fields[0], States: strings.Fields(fields[1]), Zones: strings.Fields(fields[2])}
	}

	return areas
})

// Lookup finds the area of an E.164 number. It is false for a number that is
// not in the North American plan or whose code has no known place.
func Lookup(e164 string) (Area, bool) {
	code := Code(e164)
	if code == "" {
		return Area{}, false
	}
	a, ok := all()[code]

	return a, ok
}

// All is the whole table by area code. The caller must not change it.
func All() map[string]Area { return all() }

// Code is the area code of an E.164 number in the North American plan, or
// empty for any other text.
func Code(e164 string) string {
	const length = len("+12125550123")
	if len(e164) != length || !strings.HasPrefix(e164, "+1") {
		return ""
	}
	for _, c := range e164[2:] {
		if c < '0' || c > '9' {
			return ""
		}
	}
	if e164[2] < '2' || e164[5] < '2' {
		return ""
	}

	return e164[2:5]
}

// tollFree are the codes whose calls the called party pays (47 CFR 52.101).
const tollFree = " 800 822 833 844 855 866 877 888 "

// TollFree says whether an E.164 number is free to its callers.
func TollFree(e164 string) bool {
	code := Code(e164)

	return code != "" && strings.Contains(tollFree, " "+code+" ")
}
