package twilio

import (
	"net/http"
	"strings"

	"trunkline/twilio/signature"
)

// signedOver finds the public URL over which a refused request of Twilio's kind
// was signed, among those by which it may have come; "" when there is none. It is
// for the log alone: what the headers say is anybody's word, and is not believed.
func (a *account) signedOver(r *http.Request, signed *signature.Request) string {
	given := r.Header.Get(signature.TwilioHeader)
	if a.Carrier == "signalwire" && given == "" {
		given = r.Header.Get("X-Signalwire-Signature")
	}
	if a.Carrier != "twilio" && a.Carrier != "signalwire" || given == "" {
		return ""
	}
	before, _, found := strings.Cut(r.RequestURI, "/"+a.Name+"/")
	if !found {
		return ""
	}
	as := *signed
	as.Target = r.RequestURI
	for _, host := range []string{r.Host, r.Header.Get("X-Forwarded-Host"), r.Header.Get("X-Original-Host")} {
		for _, scheme := range []string{"https://", "http://"} {
			v, err := signature.NewTwilio(scheme+host, a.Tokens...)
			if err == nil && v.Valid(&as, given) {
				return scheme + host + before
			}
		}
	}

	return ""
}

// streamHints say what to look at for Twilio's errors of streams
// (https://www.twilio.com/docs/api/errors).
var streamHints = map[string]string{
	"31901": "the socket could not be opened in time: is twilio.public_url reachable from the Internet on port 443?",
	"31902": "the connection was refused: does the load balancer or the tunnel run?",
	"31920": "the handshake was not answered with 101: the balancer must pass WebSockets on; a 403 of ours is in the log and in trunkline_twilio_webhooks_total",
	"31921": "the socket was closed early: look at the balancer's idle time, and here for why a socket was closed",
	"31922": "the URL of the socket is not wss: twilio.public_url must begin with https",
	"31923": "the URL of the socket cannot be read: see twilio.public_url",
	"31924": "the WebSocket protocol was broken: something between changes frames; switch its compression or inspection off",
	"31950": "a message of ours was not understood: report it with the call's id",
}

// streamHint finds the hint for a fault that a carrier tells in words with a
// code in them.
func streamHint(fault string) string {
	for code, hint := range streamHints {
		if strings.Contains(fault, code) {
			return hint
		}
	}

	return "see the carrier's documentation of the fault"
}

// answerHints say what to look at for Twilio's errors of webhooks, of which it
// tells when it asks for the fallback (https://www.twilio.com/docs/api/errors).
var answerHints = map[string]string{
	"11200": "our answer did not come, or was no success: the log has a refused request or an error of ours, or the balancer answered in our place",
	"11205": "no connection could be made: do the load balancer or the tunnel, and the gateway, run?",
	"11206": "what answered speaks no HTTP: is it the right port?",
	"11210": "the host of twilio.public_url has no address",
	"11215": "too many redirects: give the carrier the URL that the balancer redirects to, as twilio.public_url",
	"11220": "the TLS handshake failed: look at the balancer's TLS versions and its certificate",
	"11235": "the certificate is for another host than that of twilio.public_url",
	"11237": "the certificate's chain is incomplete, or of an authority that is not public",
	"12100": "what answered is no TwiML: something between answers in our place, or changes our answers",
	"12300": "what answered has another content type than XML: something between answers in our place",
}

// answerHint finds the hint for a code.
func answerHint(code string) string {
	if hint := answerHints[code]; hint != "" {
		return hint
	}

	return "see the carrier's documentation of the code"
}
