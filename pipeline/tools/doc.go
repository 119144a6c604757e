// Package tools runs what an agent's model calls: HTTP calls that the
// configuration declares, and the built-in ones (transfer, hang up, send keys,
// schedule a callback, opt out).
//
// A model's words are not believed. Arguments are checked against the tool's
// JSON Schema before anything happens and are escaped into the path, the query
// or the JSON body of the configured URL; no argument changes the host, and no
// redirect leaves it. A transfer goes to a configured target by name.
//
// Every call ends by its deadline with a result that the model can use: what
// the server answered, or in plain words what went wrong. A call is sent again
// when that can do no harm: by an idempotent method, or with an
// Idempotency-Key that is the same each time. Headers that hold secrets are in
// no result, error or log.
//
// Package pipeline declares the interface and decides when a call runs and
// whether it may be repeated; this package only runs it.
package tools
