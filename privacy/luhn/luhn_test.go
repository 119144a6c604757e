package luhn

import (
	"testing"

	"pgregory.net/rapid"
)

func TestValid(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]bool{
		"4111111111111111": true, "4111111111111112": false, "378282246310005": true, "79927398713": true, "79927398710": false,
		"4111 1111 1111 1111": false, "411111111111111a": false, "4111111111111/11": false,
	} {
		if got := Valid(number); got != want || Valid([]byte(number)) != want {
			t.Errorf("%s: %v, want %v", number, got, want)
		}
	}
}

// Of the ten numbers that differ in the last digit one is valid, and it is no
// longer when a digit of it changes.
func TestOneCheckDigit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		number := []byte(rapid.StringMatching(`[0-9]{1,18}`).Draw(t, "number") + "0")
		last, valid := len(number)-1, byte(0)
		for d := byte('0'); d <= '9'; d++ {
			if number[last] = d; Valid(number) {
				if valid != 0 {
					t.Fatalf("both %c and %c are right", valid, d)
				}
				valid = d
			}
		}
		if valid == 0 {
			t.Fatal("no digit is right")
		}
		number[last] = valid
		at := rapid.IntRange(0, last).Draw(t, "at")
		number[at] = '0' + (number[at]-'0'+byte(rapid.IntRange(1, 9).Draw(t, "more")))%10
		if Valid(number) {
			t.Fatalf("%s is right with one digit changed", number)
		}
	})
}
