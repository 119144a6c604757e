// Package retention removes what is not to be kept any longer, and looks after
// what is: as jobs, which one node does for all.
//
//   - retention, every now and then: what is older than the limits of its class
//     goes out of the database, and the files of recordings become due;
//   - erasure, when a person asks for it: the same for the calls with a number;
//   - purge, by each node that has files that are due: their keys and they
//     themselves are destroyed;
//   - recheck, every now and then: the chains of the ledger are computed again.
//
// cmd/trunkline gives the Handlers to package jobs; its commands and the API ask
// for the jobs. What is removed is package storage/evidence's to find, and a
// legal hold beats every one of these jobs. The package never removes evidence.
package retention
