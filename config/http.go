package config

import (
	"fmt"
	"net"
	"net/netip"

	"trunkline/access"
)

func (v *validator) http(h *HTTP) {
	host, _, err := net.SplitHostPort(h.Listen)
	if err != nil {
		v.addf("http.listen", "%q is not HOST:PORT; write for example 127.0.0.1:8080", h.Listen)

		return
	}
	if len(h.Keys) == 0 && !loopback(host) {
		v.addf("http.keys", "is empty while http.listen is %s: all who reach that address could listen to calls; "+
			"make a key with `trunkline key NAME --role ROLE`, or listen on 127.0.0.1", h.Listen)
	}
	for i, k := range h.Keys {
		at := fmt.Sprintf("http.keys[%d]", i)
		v.require(at+".name", k.Name)
		v.oneOf(at+".role", k.Role, access.Roles()...)
		if _, err := access.ParseSum(k.SHA256); err != nil {
			v.addf(at+".sha256", "%v", err)
		}
		for j := range i {
			if h.Keys[j].SHA256 == k.SHA256 {
				v.addf(at+".sha256", "is that of http.keys[%d]; give each holder a key of its own", j)
			}
		}
	}
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)

	return host == "localhost" || err == nil && addr.IsLoopback()
}

// Access is who may use the API and the pages.
func (h *HTTP) Access() (*access.Keys, error) {
	keys := new(access.Keys)
	for _, k := range h.Keys {
		role, err := access.ParseRole(k.Role)
		if err != nil {
			return nil, fmt.Errorf("http.keys: %q: %w", k.Name, err)
		}
		sum, err := access.ParseSum(k.SHA256)
		if err != nil {
			return nil, fmt.Errorf("http.keys: %q: %w", k.Name, err)
		}
		if err := keys.Add(sum, access.Holder{Name: k.Name, Role: role}); err != nil {
			return nil, fmt.Errorf("http.keys: %w", err)
		}
	}

	return keys, nil
}
