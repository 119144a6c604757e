// Package acceptance tests the real program against real peers: sipp and
// baresip call it, dumpcap watches the line, PostgreSQL keeps its records. It
// holds tests only, and nothing imports it.
//
// TestMain builds cmd/trunkline once, with the race detector and the offline
// speech engines. Every gateway runs as a process of its own on free ports of
// loopback, with a database of its own; when it ends, its standard error must
// hold no data race, and the events of every call that it recorded must replay
// through the turn machine to the recorded actions.
//
// Where it does not matter what is said, agents have declared engines: they
// hear, think and speak after stated delays. A missing peer skips its tests,
// or fails them when TRUNKLINE_REQUIRE_PEERS is set.
//
// Speech in real time needs a machine that keeps time. TestMain notes when this
// one stood still; calmly runs again what fails meanwhile, and only that.
package acceptance
