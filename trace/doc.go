// Package trace tells the life of each call to an OpenTelemetry collector: one
// trace per call, a span for each turn and each of its stages.
//
// Package call tells it what happens, as it happens; it makes spans with their
// true beginnings and ends and sends them over OTLP/HTTP from one goroutine of
// its own. No call ever waits for it: what a slow or absent collector does not
// take is dropped and counted.
//
// A trace's ID is the call's. Words, numbers and the arguments of tools stand
// only in attributes under one prefix, and only when that is asked for. The
// names of spans and attributes are in conventions.go. The package decides
// nothing about a call, and measures nothing that call does not tell it.
package trace
