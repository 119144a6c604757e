// Package compliance holds the rules of calling people: may this call be
// placed now, and what must be said in it?
//
// Decide takes an attempt, the facts that were found out about it, and the
// rules in force, and answers allow or deny with every reason. It is pure: it
// looks nothing up, reads no clock and keeps no state, so the same input has
// the same decision for ever, and a stored decision can be checked years
// later. Whoever gathers the facts (the gate, before each dial) stores the
// decision beside them; whoever dials shows that decision.
//
// Whatever is not known denies, by name. The zero Facts know nothing.
//
// The rules are data: one YAML file for each pack in rules/, each rule with
// its jurisdiction, its dates, its source and who reviewed it. A number that
// the law may change stands there and not in code. None of it is legal
// advice.
//
// The package never dials, never stores, and never decides on a fact that it
// was not given. A Decision names no telephone number, so that erasing a
// person's data need not touch the evidence.
package compliance
