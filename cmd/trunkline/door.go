package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"syscall"

	"trunkline/config"
	"trunkline/media/dtls"
	"trunkline/media/dtmf"
	"trunkline/media/g711"
	"trunkline/media/rtp"
	"trunkline/route"
	"trunkline/sip"
	"trunkline/sip/certs"
	"trunkline/sip/digest"
	"trunkline/sip/hep"
	"trunkline/sip/overload"
	"trunkline/sip/sdp"
	"trunkline/stir"
)

// sipConfig is the SIP door's part of the configuration.
func sipConfig(c *config.Config, pool *rtp.Pool, log *slog.Logger) (sip.Config, error) {
	endpoint, err := dtls.NewEndpoint()
	if err != nil {
		return sip.Config{}, err
	}
	out := sip.Config{
		Media:     sip.RTP(pool, rtp.Options{Log: log, DTLS: endpoint}),
		UserAgent: "trunkline/" + version,
		MaxCalls:  c.Calls.MaxCalls,
		Origins:   c.SIP.Origins,
		Limits:    sip.Limits{CallsPerSecond: c.SIP.Limits.CallsPerSecond, Messages: c.SIP.Limits.Messages},
		Log:       log,
		Session: sip.SessionTimer{
			Off: c.SIP.SessionTimer.Use == "off", Interval: c.SIP.SessionTimer.Interval, Minimum: c.SIP.SessionTimer.Minimum,
		},
		NoReliable:  c.SIP.Reliable == "off",
		Fingerprint: endpoint.Fingerprint(),
	}
	if limit := c.SIP.Limits.CPU; limit > 0 {
		out.Limits.Busy = overload.New(limit).Busy
	}
	for _, l := range c.SIP.Listen {
		network, addr, err := config.ParseListen(l)
		if err != nil {
			return out, err
		}
		out.Listen = append(out.Listen, sip.Listen{Network: network, Addr: addr.String()})
	}
	if c.SIP.Advertise != "" {
		out.Advertise = netip.MustParseAddr(c.SIP.Advertise) // validated
	}
	for _, name := range c.SIP.Codecs {
		codec, ok := g711.ByName(name)
		if !ok {
			return out, fmt.Errorf("sip.codecs: %q is not known", name)
		}
		out.Codecs = append(out.Codecs, codec)
	}
	for i := range c.SIP.Trunks {
		trunk, err := sipTrunk(&c.SIP.Trunks[i])
		if err != nil {
			return out, fmt.Errorf("sip.trunks: %q: %w", c.SIP.Trunks[i].Name, err)
		}
		out.Trunks = append(out.Trunks, trunk)
	}

	return out, identities(&c.SIP.STIR, &out)
}

// sipTrunk is a trunk of the configuration as the SIP door wants it.
func sipTrunk(t *config.Trunk) (sip.Trunk, error) {
	keys, err := dtmf.ParseMode(t.DTMF)
	if err != nil {
		return sip.Trunk{}, fmt.Errorf("dtmf: %w", err)
	}
	security, err := sdp.ParseSecurity(t.SRTP.Policy)
	if err != nil {
		return sip.Trunk{}, fmt.Errorf("srtp.policy: %w", err)
	}
	out := sip.Trunk{
		Name: t.Name, MaxCalls: t.MaxCalls, CallsPerSecond: t.CallsPerSecond, Keys: keys,
		Audio:        sip.Audio{ComfortNoise: t.ComfortNoise},
		SRTP:         sip.SRTP{Security: security, PlainSignalling: t.SRTP.AllowPlainSignalling, Keying: keyings[t.SRTP.Keys]},
		Certificates: t.Certificates, Trusted: t.Trusted, Proxy: t.Proxy, ChallengeMD5: t.ChallengeMD5,
		Identity: sip.Identity{CallerID: t.CallerID, User: t.FromUser, Host: t.FromHost},
		Numbers: sip.Numbers{
			Format: numberFormats[t.Numbers.Format], Country: t.Numbers.Country, Prefix: t.Numbers.Prefix, International: t.Numbers.International,
		},
		Probes: sip.Probes(t.Probes), Redirects: t.Redirects, Recodes: t.AlignCodecs,
		Attest: attesting[t.STIR.Check], Sign: stir.Attestation(t.STIR.Sign),
	}
	for _, s := range t.Sources {
		prefix, err := config.ParseSource(s)
		if err != nil {
			return out, err
		}
		out.Sources = append(out.Sources, prefix)
	}
	for _, target := range t.Targets {
		out.Targets = append(out.Targets, sip.Target{URI: target.URI, Priority: target.Priority, Weight: cmp.Or(target.Weight, 1)})
	}
	if r := t.Register; r != nil {
		out.Register = &sip.Registration{Registrar: r.Registrar, User: r.User, Expires: r.Expires, Bulk: r.Bulk}
	}
	if out.Account, err = credentials(&t.Account); err != nil {
		return out, fmt.Errorf("account: %w", err)
	}
	out.Challenge, err = credentials(&t.Challenge)

	return out, err
}

// letRefer lets the calls of each trunk have those called in their place whom
// the routes name.
func letRefer(door *sip.Config, routes *route.Table) {
	for i := range door.Trunks {
		t := &door.Trunks[i]
		t.Transfer = func(user string) bool {
			_, ok := routes.Refer(t.Name, user)

			return ok
		}
	}
}

// keyings are the values of srtp.keys.
var keyings = map[string]sip.Keying{"": sip.KeyingAuto, "auto": sip.KeyingAuto, "sdes": sip.KeyingSDES, "dtls": sip.KeyingDTLS}

// numberFormats are the values of numbers.format.
var numberFormats = map[string]sip.NumberFormat{
	"": sip.NumberE164, "e164": sip.NumberE164, "digits": sip.NumberDigits, "national": sip.NumberNational,
}

func credentials(a *config.Account) (digest.Credentials, error) {
	if a.User == "" {
		return digest.Credentials{}, nil
	}
	password, err := a.Password()

	return digest.Credentials{User: a.User, Password: password, Realm: a.Realm}, err
}

// exportSIP has copies of the door's messages sent where the configuration
// says.
func (g *gateway) exportSIP(door *sip.Config) {
	h := g.cfg.SIP.HEP
	if h.Endpoint == "" {
		return
	}
	c := hep.Config{Endpoint: h.Endpoint, Node: h.NodeID, Log: g.log}
	if h.PasswordEnv != "" {
		c.Password = os.Getenv(h.PasswordEnv)
	}
	g.hep = hep.Start(c)
	door.Exporter = g.hep
	g.onStop("the HEP export", partStop, func(context.Context) error {
		g.hep.Close()

		return nil
	})
}

// openCertificate opens our certificate, and reads it again on SIGHUP.
func (g *gateway) openCertificate(door *sip.Config) error {
	files := certs.Files(g.cfg.SIP.TLS)
	if files.Certificate == "" {
		return nil
	}
	store, err := certs.Open(files, g.log)
	if err != nil {
		return fmt.Errorf("sip.tls: %w", err)
	}
	door.TLS = sip.TLS{Server: store.Server(), Client: store.Client()}
	hangups, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		defer close(done)
		for range hangups {
			if err := store.Reload(); err != nil {
				g.log.Error("the certificate was not read again; the one before is still used", slog.Any("error", err))
			} else {
				g.log.Info("certificate read again")
			}
		}
	}()
	g.onStop("the certificate", partStop, func(context.Context) error {
		signal.Stop(hangups)
		close(hangups)
		<-done

		return nil
	})

	return nil
}
