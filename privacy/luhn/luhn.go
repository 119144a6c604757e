// Package luhn checks the check digit of payment cards. What is asked of a
// number besides, such as its length, is its callers' to know.
package luhn

// Valid says whether the last of some decimal digits is the check digit of
// those before it (ISO/IEC 7812-1 annex B). What holds anything but digits has
// none.
func Valid[T string | []byte](number T) bool {
	sum := 0
	for i := range len(number) {
		d := int(number[len(number)-1-i]) - '0'
		if d < 0 || d > 9 {
			return false
		}
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}

	return sum%10 == 0
}
