// Package llmsuite is the suite that every model behind a vendor's protocol
// passes. Each vendor's room has a server that speaks the documented protocol,
// failures included; the suite tells that server what to do and looks at what
// reached it.
package llmsuite
