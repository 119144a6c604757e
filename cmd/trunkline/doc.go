// Command trunkline is a telephone line for a voice agent: it answers calls on
// SIP, lets the agent listen, think and speak, and keeps the records.
//
// The package wires the rooms together and holds no logic of its own. Run
// `trunkline --help` for the commands.
package main
