// Package wire measures calls from a packet capture: how long the agent takes
// to reply and how soon it falls silent when interrupted, by the time stamps
// of the packets themselves.
//
// Analyse reads a classic pcap file, as `dumpcap -P -i lo` writes it, and
// finds the G.711 streams and the talkspurts in them. Calls pairs the streams
// of the two directions, and Responses joins their turns. The softphone
// measures the same figures live, with the same rules (talkspurt); a capture
// adds independence from the softphone's own scheduling, which counts when
// hundreds of calls share a processor. The benchmarks use it.
//
// The package is pure. It reads IPv4 with UDP, static payload types 0 and 8;
// whatever else is in the file is passed over.
package wire
