// Package transfer reads and writes what hands a call to somebody else: the
// headers Refer-To (RFC 3515), Replaces (RFC 3891) and Subscription-State
// (RFC 6665), and the reports of a transfer's progress (RFC 3420). It is pure;
// package sip sends and answers the requests.
package transfer
