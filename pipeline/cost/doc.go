// Package cost tells what the providers of a call cost, and chooses a cheaper
// model when a call grows long.
//
// cmd wraps each provider that has a price: it then tells the conversation by
// pipeline.News what each use costs, which is summed and held against the
// call's budget. A
// Router is a model that chooses among models by rules over the request alone.
// Prices come from the configuration; the package knows none.
package cost
