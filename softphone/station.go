package softphone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"

	sipgo "github.com/emiago/sipgo/sip"

	"trunkline/media/clock"
	"trunkline/media/rtp"
	"trunkline/sip"
)

// Ports of a Station that is given none: above the gateway's own by default.
const (
	defaultLow  = 32768
	defaultHigh = 60999
)

// StationConfig says where a Station is on the network.
type StationConfig struct {
	Local     netip.Addr // address to bind and to be reached at; zero means 127.0.0.1
	Low, High uint16     // range of RTP ports; zero means 32768 to 60999
	// Through puts something between the calls' audio and the network, such as
	// a bad one; nil means nothing.
	Through func(sip.Media) (sip.Media, error)
	Log     *slog.Logger
}

// Station is what the calls of one process share: a SIP user agent on UDP and
// TCP, a pool of RTP ports and a clock. Place may be called from any number
// of goroutines.
type Station struct {
	ua    *sip.UA
	pool  *rtp.Pool
	clock *clock.Clock
	log   *slog.Logger
}

// NewStation makes a Station. It opens nothing yet.
func NewStation(c StationConfig) (*Station, error) {
	if !c.Local.IsValid() {
		c.Local = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	if c.Low == 0 && c.High == 0 {
		c.Low, c.High = defaultLow, defaultHigh
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Through == nil {
		c.Through = func(m sip.Media) (sip.Media, error) { return m, nil }
	}
	pool, err := rtp.NewPool(c.Local, c.Low, c.High)
	if err != nil {
		return nil, fmt.Errorf("softphone: %w", err)
	}
	audio, err := c.Through(sip.RTP(pool, rtp.Options{Log: c.Log}))
	if err != nil {
		return nil, fmt.Errorf("softphone: %w", err)
	}
	addr := net.JoinHostPort(c.Local.String(), "0")
	ua, err := sip.New(sip.Config{
		Listen:    []sip.Listen{{Network: "udp", Addr: addr}, {Network: "tcp", Addr: addr}},
		Media:     audio,
		UserAgent: "trunkline-softphone",
		Log:       c.Log,
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("softphone: %w", err)
	}

	return &Station{ua: ua, pool: pool, clock: clock.New(clock.Options{}), log: c.Log}, nil
}

// Start opens the sockets. On an error nothing is left open.
func (s *Station) Start() error {
	if err := s.ua.Start(); err != nil {
		return fmt.Errorf("softphone: %w", err)
	}
	if err := s.clock.Start(); err != nil {
		return errors.Join(fmt.Errorf("softphone: %w", err), s.ua.Stop(context.Background()))
	}

	return nil
}

// Stop hangs up all calls, waits until they are over and closes the sockets.
// It may be called twice, and before Start. The error is that of sip.UA.Stop.
func (s *Station) Stop(ctx context.Context) error {
	err := s.ua.Stop(ctx)
	s.clock.Stop()
	if err != nil {
		return fmt.Errorf("softphone: %w", err)
	}

	return nil
}

// InUse is how many calls hold an RTP port.
func (s *Station) InUse() int { return s.pool.InUse() }

// Place makes one call on a Station of its own; see Station.Place.
func Place(ctx context.Context, c Config) (*Report, error) {
	if err := c.validate(); err != nil {
		return nil, usage(err)
	}
	local, err := localFor(ctx, c.Target)
	if err != nil {
		return nil, err
	}
	station, err := NewStation(StationConfig{Local: local, Log: c.Log})
	if err != nil {
		return nil, &Error{Cause: err.Error(), Err: err}
	}
	if err := station.Start(); err != nil {
		return nil, &Error{Cause: err.Error(), Err: err}
	}
	report, err := station.Place(ctx, c)
	// The call is over and its BYE answered or timed out: nothing is cut off.
	if stop := station.Stop(context.WithoutCancel(ctx)); stop != nil && err == nil {
		err = &Error{Cause: stop.Error(), Err: stop}
	}

	return report, err
}

// localFor is the address that the way to target begins at.
func localFor(ctx context.Context, target string) (netip.Addr, error) {
	uri, err := parseTarget(target)
	if err != nil {
		return netip.Addr{}, usage(err)
	}
	port := uri.Port
	if port == 0 {
		port = sipgo.DefaultUdpPort
	}
	// Connecting a UDP socket sends nothing; it only picks the route.
	conn, err := new(net.Dialer).DialContext(ctx, "udp", net.JoinHostPort(uri.Host, strconv.Itoa(port)))
	if err != nil {
		return netip.Addr{}, &Error{Kind: Unreachable, Cause: fmt.Sprintf("%s: no way there: %v", target, err), Err: err}
	}
	defer conn.Close()
	local, ok := conn.LocalAddr().(*net.UDPAddr)
	if !ok {
		return netip.Addr{}, &Error{Cause: fmt.Sprintf("%s: no local address", target)}
	}

	return local.AddrPort().Addr().Unmap(), nil
}

// parseTarget reads the address to call.
func parseTarget(target string) (*sipgo.Uri, error) {
	var uri sipgo.Uri
	if err := sipgo.ParseUri(target, &uri); err != nil || uri.Scheme != "sip" || uri.Host == "" {
		return nil, fmt.Errorf("softphone: %q is no SIP address: want sip:USER@HOST[:PORT][;transport=tcp], such as sip:agent@127.0.0.1:5060", target)
	}

	return &uri, nil
}
