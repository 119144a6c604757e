// Package breaker keeps callers away from a provider that fails, and lets it
// come back.
//
// A Breaker stands before one provider and is shared by all calls. It is closed
// while the provider works. Failures open it for a cool-down; after that one
// trial at a time goes through, and its outcome closes the breaker or opens it
// for longer. pipeline/failover asks it before each attempt. It has no clock
// and no goroutine: the time is an argument.
package breaker
