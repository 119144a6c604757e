package rest

import (
	"context"
	"errors"

	openapi "github.com/twilio/twilio-go/rest/api/v2010"
)

// ErrNoNumber says that a number is not the account's.
var ErrNoNumber = errors.New("the number is not one of the Twilio account's")

// Account is the account as Twilio shows it.
type Account struct {
	Name   string
	Status string // active, suspended or closed
	Type   string // Full or Trial
}

// Account reads the account: it shows that the credentials are right.
func (c *Client) Account(ctx context.Context) (Account, error) {
	a, err := c.api(ctx).FetchAccount(c.o.AccountSID)
	if err != nil {
		return Account{}, fromAPI(err)
	}

	return Account{Name: deref(a.FriendlyName), Status: deref(a.Status), Type: deref(a.Type)}, nil
}

// Number is one of the account's incoming numbers and what its calls do.
type Number struct {
	SID      string
	Number   string // E.164
	Webhooks Webhooks
}

// Webhooks are what Twilio asks about a number's calls.
type Webhooks struct {
	Voice    string // URL, asked by POST for what a call is to do
	Fallback string // asked when that fails
	Status   string // told how a call ends
}

// Number reads one of the account's numbers; ErrNoNumber when it is none.
func (c *Client) Number(ctx context.Context, number string) (Number, error) {
	p := &openapi.ListIncomingPhoneNumberParams{}
	p.SetPhoneNumber(number).SetPageSize(20)
	list, err := c.api(ctx).PageIncomingPhoneNumber(p, "", "")
	if err != nil {
		return Number{}, fromAPI(err)
	}
	for _, n := range list.IncomingPhoneNumbers {
		if deref(n.PhoneNumber) == number {
			return Number{SID: deref(n.Sid), Number: number, Webhooks: Webhooks{
				Voice: deref(n.VoiceUrl), Fallback: deref(n.VoiceFallbackUrl), Status: deref(n.StatusCallback),
			}}, nil
		}
	}

	return Number{}, ErrNoNumber
}

// Point sets a number's webhooks, all asked by POST.
func (c *Client) Point(ctx context.Context, sid string, w Webhooks) error {
	p := &openapi.UpdateIncomingPhoneNumberParams{}
	p.SetVoiceUrl(w.Voice).SetVoiceMethod("POST").SetVoiceFallbackUrl(w.Fallback).SetVoiceFallbackMethod("POST")
	p.SetStatusCallback(w.Status).SetStatusCallbackMethod("POST")
	if _, err := c.api(ctx).UpdateIncomingPhoneNumber(sid, p); err != nil {
		return fromAPI(err)
	}

	return nil
}
