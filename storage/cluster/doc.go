// Package cluster runs a private PostgreSQL cluster made from the programs
// that are installed on the machine, for a gateway that was given no database.
// cmd/trunkline starts one before it opens storage and stops it last; package
// clustertest gives tests a database of their own.
//
// The server listens on a Unix socket only, in a directory that nobody but the
// server's account and root may enter. It never runs as root: a gateway of
// root runs it as postgres, or as nobody where that account is missing.
//
// Gateways that use the same directory share one server. It is started again
// when it ends by itself, and stopped by the last of them; a server that
// killed gateways left behind is taken over by the next Start.
//
// The package knows nothing of tables, and never touches a PostgreSQL server
// of the machine's own.
package cluster
