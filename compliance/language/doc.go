// Package language reads what a room has in several languages, one YAML file
// for each, and finds the one for a conversation. The rooms of compliance that
// know how people say something, or what they must be told, keep their lists
// and texts with it.
//
// It holds no list and no text of its own, and translates nothing.
package language
