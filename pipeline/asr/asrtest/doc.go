// Package asrtest is what the servers share that speak the protocols of
// vendors' recognisers, failures included: a script says what they do. Tests and
// measurements use them.
package asrtest
