package access

import (
	"fmt"
	"slices"
	"strings"
)

// A Right is what a request needs.
type Right uint8

// The rights.
const (
	Read  Right = iota + 1 // see calls, recordings, providers, trunks and metrics
	Run                    // place, change and end calls; drain
	Prove                  // consent, do-not-call lists, decisions, exports, erasure
)

// Role is a set of rights. The zero Role has none.
type Role string

// The roles.
const (
	Viewer     Role = "viewer"
	Operator   Role = "operator"
	Compliance Role = "compliance"
	Admin      Role = "admin"
)

// rights of the roles. An operator changes no evidence, and a compliance
// officer runs no calls: neither can hide what the other did.
var rights = map[Role][]Right{
	Viewer:     {Read},
	Operator:   {Read, Run},
	Compliance: {Read, Prove},
	Admin:      {Read, Run, Prove},
}

// Roles are all roles, the smallest first.
func Roles() []string {
	return []string{string(Viewer), string(Operator), string(Compliance), string(Admin)}
}

// ParseRole reads a role's name.
func ParseRole(s string) (Role, error) {
	if _, ok := rights[Role(s)]; !ok {
		return "", fmt.Errorf("%q is no role; use one of: %s", s, strings.Join(Roles(), ", "))
	}

	return Role(s), nil
}

// May reports whether the role has a right.
func (r Role) May(x Right) bool { return slices.Contains(rights[r], x) }

// String says what a right is for.
func (x Right) String() string {
	switch x {
	case Read:
		return "see the records"
	case Run:
		return "run calls"
	case Prove:
		return "work with the evidence"
	default:
		return "do that"
	}
}
