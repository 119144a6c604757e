// Package chaos says what is broken while calls run, and whether anything was
// lost by it. A Plan is drawn from a seed: calls in both directions, people who
// do not want to be called any more, outages of the database and deaths of the
// gateway. Account compares what the world outside saw (Seen) with what the
// records hold afterwards (Kept).
//
// The benchmark of the same name carries plans out, and calls this. The package
// is pure: it starts and kills nothing, and waits for nobody.
package chaos
