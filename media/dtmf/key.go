package dtmf

import "strings"

// rows and columns are the frequencies of the keys in Hz (ITU-T Q.23).
var (
	rows    = [4]float64{697, 770, 852, 941}
	columns = [4]float64{1209, 1336, 1477, 1633}
)

// layout is the keys row by row.
const layout = "123A456B789C*0#D"

// IsKey says whether k is a telephone key: one of 0-9 * # A B C D.
func IsKey(k byte) bool { return strings.IndexByte(layout, k) >= 0 }

// frequencies are the two tones of a key.
func frequencies(k byte) (row, column float64, ok bool) {
	i := strings.IndexByte(layout, k)
	if i < 0 {
		return 0, 0, false
	}
	return rows[i/4], columns[i%4], true
}
