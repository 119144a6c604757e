package carrier

import (
	"net/http"
	"net/url"
	"slices"
	"time"
)

// recording is one of a call. It has no audio: what is tested is its control.
type recording struct {
	sid    string
	status string // in-progress, paused or stopped
	began  time.Time
}

func (c *Call) recordingResource(r *recording) map[string]any {
	return map[string]any{
		"sid": r.sid, "account_sid": c.c.o.AccountSID, "call_sid": c.SID, "status": r.status, "channels": 2,
		"source": "StartCallRecordingAPI", "start_time": when(r.began), "date_created": when(r.began), "date_updated": when(time.Now()),
		"uri": "/2010-04-01/Accounts/" + c.c.o.AccountSID + "/Calls/" + c.SID + "/Recordings/" + r.sid + ".json",
	}
}

// startRecording starts one of the call's recordings.
func (c *Carrier) startRecording(r *http.Request) (int, any, *apiError) {
	call := c.Call(r.PathValue("call"))
	if call == nil {
		return 0, nil, missing(r)
	}
	if call.Status() != inProgress {
		return 0, nil, fault(http.StatusBadRequest, 21220, "Requested resource is not eligible for recording")
	}
	call.mu.Lock()
	defer call.mu.Unlock()
	rec := &recording{sid: sid("RE"), status: inProgress, began: time.Now()}
	call.recordings = append(call.recordings, rec)

	return http.StatusCreated, call.recordingResource(rec), nil
}

// recordingOf finds a recording; "Twilio.CURRENT" is the latest that runs.
func (c *Carrier) recordingOf(r *http.Request) (*Call, *recording) {
	call := c.Call(r.PathValue("call"))
	if call == nil {
		return nil, nil
	}
	call.mu.Lock()
	defer call.mu.Unlock()
	for _, rec := range slices.Backward(call.recordings) {
		if rec.sid == name(r) || name(r) == "Twilio.CURRENT" && rec.status != "stopped" {
			return call, rec
		}
	}

	return nil, nil
}

func (c *Carrier) fetchRecording(r *http.Request) (int, any, *apiError) {
	call, rec := c.recordingOf(r)
	if rec == nil {
		return 0, nil, missing(r)
	}
	call.mu.Lock()
	defer call.mu.Unlock()

	return http.StatusOK, call.recordingResource(rec), nil
}

// updateRecording pauses, resumes or stops a recording.
func (c *Carrier) updateRecording(r *http.Request) (int, any, *apiError) {
	call, rec := c.recordingOf(r)
	if rec == nil {
		return 0, nil, missing(r)
	}
	status := r.Form.Get("Status")
	if !slices.Contains([]string{"paused", inProgress, "stopped"}, status) {
		return 0, nil, fault(http.StatusBadRequest, 20001, "Status %q is invalid", status)
	}
	call.mu.Lock()
	defer call.mu.Unlock()
	if rec.status == "stopped" {
		return 0, nil, fault(http.StatusBadRequest, 21220, "the recording has been stopped")
	}
	rec.status = status

	return http.StatusOK, call.recordingResource(rec), nil
}

// Recordings are the statuses of the call's recordings, oldest first.
func (c *Call) Recordings() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []string
	for _, r := range c.recordings {
		all = append(all, r.status)
	}

	return all
}

func (c *Carrier) numberResource(n *Number) map[string]any {
	return map[string]any{
		"sid": n.SID, "account_sid": c.o.AccountSID, "phone_number": n.Number, "friendly_name": n.Number,
		"voice_url": n.VoiceURL, "voice_method": n.VoiceMethod, "voice_fallback_url": n.VoiceFallbackURL,
		"voice_fallback_method": http.MethodPost, "status_callback": n.StatusCallback,
		"status_callback_method": n.StatusCallbackMethod, "capabilities": map[string]bool{"voice": true, "sms": true},
		"uri": "/2010-04-01/Accounts/" + c.o.AccountSID + "/IncomingPhoneNumbers/" + n.SID + ".json",
	}
}

func (c *Carrier) listNumbers(r *http.Request) (int, any, *apiError) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []any
	for i := range c.numbers {
		n := &c.numbers[i]
		if want := r.Form.Get("PhoneNumber"); want == "" || want == n.Number {
			found = append(found, c.numberResource(n))
		}
	}

	return http.StatusOK, page(r, "incoming_phone_numbers", found), nil
}

// numberOf finds a number; the lock is held.
func (c *Carrier) numberOf(r *http.Request) *Number {
	for i := range c.numbers {
		if c.numbers[i].SID == name(r) {
			return &c.numbers[i]
		}
	}

	return nil
}

func (c *Carrier) fetchNumber(r *http.Request) (int, any, *apiError) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.numberOf(r)
	if n == nil {
		return 0, nil, missing(r)
	}

	return http.StatusOK, c.numberResource(n), nil
}

// updateNumber changes what a number's calls do.
func (c *Carrier) updateNumber(r *http.Request) (int, any, *apiError) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.numberOf(r)
	if n == nil {
		return 0, nil, missing(r)
	}
	for name, code := range map[string]int{"VoiceUrl": 21502, "VoiceFallbackUrl": 21502, "StatusCallback": 21502} {
		if v := r.Form.Get(name); v != "" {
			if u, err := url.Parse(v); err != nil || u.Host == "" {
				return 0, nil, fault(http.StatusBadRequest, code, "%s is not a valid URL", name)
			}
		}
	}
	for name, field := range map[string]*string{
		"VoiceUrl": &n.VoiceURL, "VoiceMethod": &n.VoiceMethod, "VoiceFallbackUrl": &n.VoiceFallbackURL,
		"StatusCallback": &n.StatusCallback, "StatusCallbackMethod": &n.StatusCallbackMethod,
	} {
		if r.Form.Has(name) {
			*field = r.Form.Get(name)
		}
	}

	return http.StatusOK, c.numberResource(n), nil
}

// Numbers are the account's incoming numbers.
func (c *Carrier) Numbers() []Number {
	c.mu.Lock()
	defer c.mu.Unlock()

	return slices.Clone(c.numbers)
}
