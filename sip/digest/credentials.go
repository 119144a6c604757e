package digest

import (
	"fmt"
	"log/slog"
)

// Credentials are a user and its password. Printed or logged in whatever way,
// they show the user alone.
type Credentials struct {
	User     string
	Password string
	Realm    string // the only realm that is answered; empty means any
}

// IsZero reports whether there are none.
func (c Credentials) IsZero() bool { return c == Credentials{} }

// String names the user.
func (c Credentials) String() string { return "user " + c.User }

// Format keeps every verb from printing the password.
func (c Credentials) Format(s fmt.State, _ rune) { fmt.Fprint(s, c.String()) }

// LogValue keeps loggers from printing the password.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalText keeps encoders from printing the password.
func (c Credentials) MarshalText() ([]byte, error) { return []byte(c.String()), nil }
