package config

import (
	"fmt"
	"maps"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"trunkline/compliance/language"
)

// recording checks what becomes of recordings.
func (v *validator) recording(c *Config) {
	r := c.Recording
	v.oneOf("recording.begin", r.Begin, "answer", "early_media", "asked")
	v.oneOf("recording.gap", r.Gap, "tone", "silence")
	v.oneOf("recording.cards", r.Cards, "silence", "destroy", "keep")
	v.oneOf("recording.notice.say", r.Notice.Say, "always", "off")
	if r.Notice.Say == "off" && r.Notice.Reason == "" {
		v.addf("recording.notice.reason", "is missing: without a notice, the records must say who tells callers of the recording")
	}
	for _, code := range slices.Sorted(maps.Keys(r.Notice.Text)) {
		if code != language.Base(code) || r.Notice.Text[code] == "" {
			v.addf("recording.notice.text", "%q: want a plain language such as en, and a sentence", code)
		}
	}
	for i, p := range r.Places {
		if !place.MatchString(p) {
			v.addf(fmt.Sprintf("recording.places[%d]", i), "%q is no place; write a country such as DE, or with a state such as US-TX", p)
		}
	}
	if r.KeyFile != "" {
		if _, err := os.Stat(r.KeyFile); err != nil {
			v.addf("recording.key_file", "%v; make one with: (umask 077; head -c 32 /dev/urandom | base64 > FILE)", err)
		}
	}
	u := r.Upload
	v.oneOf("recording.upload.method", u.Method, "PUT", "POST")
	v.oneOf("recording.upload.content", u.Content, "stored", "wav")
	if u.Timeout <= 0 {
		v.addf("recording.upload.timeout", "must be longer than 0")
	}
	if u.Retries < 1 {
		v.addf("recording.upload.retries", "must be at least 1")
	}
	for _, name := range slices.Sorted(maps.Keys(u.HeaderEnv)) {
		if os.Getenv(u.HeaderEnv[name]) == "" {
			v.addf("recording.upload.header_env", "the environment variable %q, for the header %s, is empty; set it or leave the header out", u.HeaderEnv[name], name)
		}
	}
	switch {
	case u.URL != "":
		if what := wrongUploadURL(u.URL); what != "" {
			v.addf("recording.upload.url", "%s", what)
		}
	case u.DeleteLocal:
		v.addf("recording.upload.delete_local", "would delete recordings that have no copy; set recording.upload.url")
	}
}

// place is a country, or one with a state.
var place = regexp.MustCompile("^[A-Z]{2}(-[A-Z0-9]{1,3})?$")

// wrongUploadURL says what is wrong with an address of uploads, without
// quoting it: it may hold secrets.
func wrongUploadURL(address string) string {
	u, err := url.Parse(strings.NewReplacer("{call}", "x", "{file}", "x").Replace(address))
	switch {
	case err != nil:
		return "is no URL; write for example https://store.example.net/recordings/{file}"
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return fmt.Sprintf("begins with %q; write http://HOST/... or https://HOST/...", u.Scheme)
	case !strings.Contains(address, "{call}") && !strings.Contains(address, "{file}"):
		return "has neither {call} nor {file} in it, so every recording would go to the same place"
	}

	return ""
}
