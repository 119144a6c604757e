// Package locate finds where requests for a SIP URI go: network, address and
// port, best first, by the records of RFC 3263 (NAPTR, then SRV, then
// addresses).
//
// Room sip calls it for the targets, proxies and registrars of trunks. Find
// is pure but for the Lookup that it is given, DNS asks name servers and
// remembers what they said, and Penalties remembers what failed, so that the
// next call goes elsewhere at once.
//
// Never: a connection. Whether a hop answers is found out by room sip.
package locate
