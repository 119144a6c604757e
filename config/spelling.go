package config

import (
	"reflect"
	"strings"

	"trunkline/pipeline/asr/distance"
)

// nearest is the key that key may be a misspelling of, among the others that the
// type of has at any depth; empty: none is like it.
func nearest(key string, of reflect.Type) string {
	best, least := "", 1+len(key)/3 // edits that leave a word recognisable
	seen := map[reflect.Type]bool{}
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			walk(t.Elem())
		case reflect.Struct:
			if seen[t] {
				return
			}
			seen[t] = true
			for i := range t.NumField() {
				f := t.Field(i)
				name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
				if d := distance.Of([]byte(key), []byte(name)); name != "" && name != "-" && d > 0 && (d < least || d == least && best == "") {
					best, least = name, d
				}
				walk(f.Type)
			}
		default:
		}
	}
	walk(of)

	return best
}
