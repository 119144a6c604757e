package config

import (
	"maps"
	"net/url"
	"os"
	"slices"
)

// Traces says where the calls' OpenTelemetry traces go.
type Traces struct {
	// Endpoint is a collector's URL with its path, such as
	// http://127.0.0.1:4318/v1/traces; empty: no traces.
	Endpoint string `yaml:"endpoint"`
	Protocol string `yaml:"protocol"` // http/protobuf
	// HeadersEnv are headers sent along, such as an API key: their values stand
	// in these environment variables.
	HeadersEnv map[string]string `yaml:"headers_env"`
	Sample     float64           `yaml:"sample"` // part of the calls that are traced, 0 to 1
	// Private exports personal data too: words, numbers and the arguments of
	// tools, in attributes that begin with trunkline.private.
	Private bool `yaml:"private"`
}

// traces checks where traces go.
func (v *validator) traces(t *Traces) {
	v.oneOf("traces.protocol", t.Protocol, "http/protobuf")
	if !(t.Sample >= 0 && t.Sample <= 1) {
		v.addf("traces.sample", "is %v; use a part of the calls, 0 to 1", t.Sample)
	}
	if t.Endpoint == "" {
		return
	}
	u, err := url.Parse(t.Endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		v.addf("traces.endpoint", "%q is no URL of a collector; write for example http://127.0.0.1:4318/v1/traces", t.Endpoint)
	} else if u.Path == "" || u.Path == "/" {
		v.addf("traces.endpoint", "%q has no path; a collector takes traces at /v1/traces", t.Endpoint)
	}
	for _, name := range slices.Sorted(maps.Keys(t.HeadersEnv)) {
		if env := t.HeadersEnv[name]; os.Getenv(env) == "" {
			v.addf("traces.headers_env."+name, "the environment variable %q is empty; set it to the header's value", env)
		}
	}
}
