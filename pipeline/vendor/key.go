package vendor

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
)

// Key is a vendor's API key. Printed in any way it is masked.
type Key string

const masked = "[key]"

// String masks the key.
func (k Key) String() string { return masked }

// GoString masks the key.
func (k Key) GoString() string { return masked }

// LogValue masks the key.
func (k Key) LogValue() slog.Value { return slog.StringValue(masked) }

// MarshalText masks the key.
func (k Key) MarshalText() ([]byte, error) { return []byte(masked), nil }

// Reveal is the key itself, for the header of a request and nothing else.
func (k Key) Reveal() string { return string(k) }

// KeyFrom reads a key from an environment variable.
func KeyFrom(variable string) (Key, error) {
	k := strings.TrimSpace(os.Getenv(variable))
	if k == "" {
		return "", fmt.Errorf("the environment variable %s is empty: set it to the provider's API key", variable)
	}
	if strings.ContainsAny(k, "\r\n\x00") {
		return "", fmt.Errorf("the environment variable %s holds a line break: it is no API key", variable)
	}

	return Key(k), nil
}
