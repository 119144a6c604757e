// Package console is the HTTP API and the web pages: the list of calls, each
// call's page with its waveform, transcript and waterfall, how the trunks do, the
// recordings, the checks of health and readiness, and the metrics.
//
// cmd/trunkline serves the handler that New returns, on loopback unless the
// configuration says otherwise, and the demo writes a call's page to a file
// with RenderCall. The console holds no state: it reads every answer from the
// records. All it changes is whether a running call's recording is paused, and
// it authenticates nobody.
package console
