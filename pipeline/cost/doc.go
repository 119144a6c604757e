// Package cost tells what the providers of a call cost, and chooses a cheaper
// model when a call grows long.
//
// cmd wraps each provider that has a price: what it gives then carries its
// cost, which the conversation sums and holds against the call's budget. A
// Router is a model that chooses among models by rules over the request alone.
// Prices come from the configuration; the package knows none.
package cost
