// Package engine makes what an agent listens, thinks and speaks with from the
// configuration: each provider with its key, its price, its breaker and its
// measurements, and those of a stage in one list, in which the next takes over
// when one fails.
//
// cmd opens a Set for each agent and closes it when no call uses it any more. A
// Set also tells of each of its providers: how it is named and reached, how it
// does, whether its key is good, and how soon it answers a probe. The package
// knows no call and no carrier, and holds no conversation.
package engine
