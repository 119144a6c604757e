package config

import (
	"reflect"
	"strings"
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
				if d := edits(key, name); name != "" && name != "-" && d > 0 && (d < least || d == least && best == "") {
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

// edits is Levenshtein's distance: how many bytes must be put in, taken out or
// changed to make b of a.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			changed := diagonal
			if a[i] != b[j] {
				changed++
			}
			diagonal = row[j+1]
			row[j+1] = min(changed, row[j]+1, diagonal+1)
		}
	}

	return row[len(b)]
}
