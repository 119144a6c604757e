// Package assemblyaitest is a server that speaks AssemblyAI's streaming API,
// failures included, for tests without a network.
package assemblyaitest
