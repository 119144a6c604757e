// Package npa says where a North American area code is: its candidate time
// zones and its states.
//
// The table is our own, table.csv. The command in generate makes it from the
// library phonenumbers and from corrections.yaml, and a test there fails when
// the table is not what that command makes. An area code has every zone that
// any of its 800 exchanges has: a ported or travelling mobile makes the
// exchange worthless, and a split area code must be judged by all its zones.
//
// Toll-free, non-geographic, unassigned and Caribbean codes are not in it;
// nobody can say where they are answered.
//
// compliance asks it about each attempt. It knows no rules and does no I/O.
package npa
