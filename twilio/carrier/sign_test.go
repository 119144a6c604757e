package carrier

import (
	"net/url"
	"testing"

	"github.com/twilio/twilio-go/client"
)

// TestSignature has Twilio's own published example and its Go library check us.
func TestSignature(t *testing.T) {
	t.Parallel()
	const token, address = "12345", "https://mycompany.com/myapp.php?foo=1&bar=2"
	params := map[string]string{
		"CallSid": "CA1234567890ABCDE", "Caller": "+14158675309", "Digits": "1234", "From": "+14158675309", "To": "+18005551212",
	}
	form := url.Values{}
	for name, value := range params {
		form.Set(name, value)
	}
	got := Sign(token, address, form)
	if got != "RSOYDt4T1cUTdK1PDd93/VVr8B8=" {
		t.Errorf("signature %s", got)
	}
	validator := client.NewRequestValidator(token)
	if !validator.Validate(address, params, got) {
		t.Error("twilio-go does not accept the signature")
	}
	body := []byte(`{"hello":"world"}`)
	signed, sig, err := SignBody(token, address, body)
	if err != nil || !validator.ValidateBody(signed, body, sig) {
		t.Errorf("twilio-go does not accept the signature of a body: %s, %v", signed, err)
	}
}
