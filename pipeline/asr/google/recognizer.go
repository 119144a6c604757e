package google

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"cloud.google.com/go/speech/apiv2/speechpb"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"

	"trunkline/media"
	"trunkline/pipeline"
)

const (
	provider = "google"
	scope    = "https://www.googleapis.com/auth/cloud-platform"
)

// Config chooses a recogniser. The zero value of a field takes the default that
// its comment gives.
type Config struct {
	Project   string   // empty: the credentials' own
	Location  string   // such as "us" or "europe-west4"; empty: "global"
	Endpoint  string   // host and port; empty: the location's
	Model     string   // such as "telephony", "chirp_3": "telephony"
	Languages []string // BCP 47 tags, at least one: "en-US"
	Phrases   []string // that are to be expected

	// Credentials is the path of a service account's JSON file; empty: the
	// application default credentials (GOOGLE_APPLICATION_CREDENTIALS, the
	// user's own, or the machine's).
	Credentials string
	Tokens      oauth2.TokenSource // in place of Credentials; may be nil
	Plain       bool               // without TLS: of a server on this machine, for tests

	Connections int           // shared by all calls, each for at most 100 talkspurts at a time: 4
	Longest     time.Duration // of a stream, by its audio; below Google's five minutes: 4m40s
}

// Recognizer opens a stream per talkspurt. It is safe for concurrent use.
type Recognizer struct {
	cfg   Config
	conns []*grpc.ClientConn
	next  atomic.Uint32
	token token
}

var (
	_ pipeline.Recognizer = (*Recognizer)(nil)
	_ pipeline.Warmer     = (*Recognizer)(nil)
)

// Validate says which settings cannot work.
func (c Config) Validate() error {
	for _, part := range []string{c.Project, c.Location} {
		if strings.ContainsAny(part, "/ \r\n") {
			return fmt.Errorf("google: %q is no name of a project or location", part)
		}
	}
	if c.Connections < 0 || c.Connections > 64 {
		return fmt.Errorf("google: %d connections: use 1 to 64", c.Connections)
	}
	if c.Longest < 0 || c.Longest >= 5*time.Minute {
		return fmt.Errorf("google: longest is %v: Google ends a stream after five minutes", c.Longest)
	}

	return nil
}

// New makes a Recognizer; it fails when there are no credentials. Close it.
func New(c Config) (*Recognizer, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c.Location = cmp.Or(c.Location, "global")
	c.Model = cmp.Or(c.Model, "telephony")
	c.Connections = cmp.Or(c.Connections, 4)
	c.Longest = cmp.Or(c.Longest, 280*time.Second)
	if len(c.Languages) == 0 {
		c.Languages = []string{"en-US"}
	}
	if c.Endpoint == "" {
		c.Endpoint = "speech.googleapis.com:443"
		if c.Location != "global" {
			c.Endpoint = c.Location + "-" + c.Endpoint
		}
	}
	if c.Tokens == nil {
		cred, err := find(c.Credentials)
		if err != nil {
			return nil, err
		}
		c.Tokens, c.Project = cred.TokenSource, cmp.Or(c.Project, cred.ProjectID)
	}
	if c.Project == "" {
		return nil, errors.New("google: the credentials name no project: set it")
	}
	r := &Recognizer{cfg: c, token: token{source: c.Tokens, plain: c.Plain}}
	transport := credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12})
	if c.Plain {
		transport = insecure.NewCredentials()
	}
	for range c.Connections {
		conn, err := grpc.NewClient(c.Endpoint, grpc.WithTransportCredentials(transport), grpc.WithPerRPCCredentials(&r.token),
			grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 2 * time.Minute, Timeout: 10 * time.Second}),
			grpc.WithIdleTimeout(0), grpc.WithDisableRetry())
		if err != nil {
			_ = r.Close() // the error says enough

			return nil, fmt.Errorf("google: the endpoint %q: %w", c.Endpoint, err)
		}
		r.conns = append(r.conns, conn)
	}

	return r, nil
}

// find reads credentials.
func find(path string) (*google.Credentials, error) {
	ctx := context.Background() // of the token source, for as long as it lives
	if path == "" {
		cred, err := google.FindDefaultCredentials(ctx, scope)
		if err != nil {
			return nil, errors.New("google: there are no application default credentials: set the path of a service account's file, or GOOGLE_APPLICATION_CREDENTIALS")
		}

		return cred, nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("google: read the credentials: %w", err)
	}
	cred, err := google.CredentialsFromJSONWithType(ctx, raw, google.ServiceAccount, scope)
	if err != nil { // it may quote the file
		return nil, fmt.Errorf("google: %s is no service account's JSON file", path)
	}

	return cred, nil
}

// Close closes the connections.
func (r *Recognizer) Close() error {
	var errs []error
	for _, c := range r.conns {
		errs = append(errs, c.Close())
	}

	return errors.Join(errs...)
}

// Warm gets a token and opens a connection.
func (r *Recognizer) Warm(ctx context.Context) error {
	if _, err := r.token.get(); err != nil {
		return err
	}
	conn := r.conns[int(r.next.Load())%len(r.conns)]
	conn.Connect()
	for {
		switch s := conn.GetState(); {
		case s == connectivity.Ready:
			return nil
		case s == connectivity.TransientFailure || s == connectivity.Shutdown:
			return &pipeline.ProviderError{Provider: provider, Kind: pipeline.Unavailable, Err: errNoConnection}
		case !conn.WaitForStateChange(ctx, s):
			return context.Cause(ctx)
		}
	}
}

var errNoConnection = errors.New("no connection")

// Open begins a call's stream, which asks Google for the first time when the
// first talkspurt begins.
func (r *Recognizer) Open(ctx context.Context) (pipeline.Recognition, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}

	return newStream(r), nil
}

// stream opens one of Google's streams and configures it.
func (r *Recognizer) stream(ctx context.Context) (speechpb.Speech_StreamingRecognizeClient, error) {
	name := "projects/" + r.cfg.Project + "/locations/" + r.cfg.Location + "/recognizers/_"
	ctx = metadata.AppendToOutgoingContext(ctx, "x-goog-request-params", "recognizer="+url.QueryEscape(name))
	conn := r.conns[int(r.next.Add(1))%len(r.conns)]
	s, err := speechpb.NewSpeechClient(conn).StreamingRecognize(ctx)
	if err != nil {
		return nil, fault(ctx, err)
	}
	_ = s.Send(&speechpb.StreamingRecognizeRequest{ // what is wrong with it is what Recv tells
		Recognizer:       name,
		StreamingRequest: &speechpb.StreamingRecognizeRequest_StreamingConfig{StreamingConfig: r.settings()},
	})

	return s, nil
}

// settings are how a stream is to be.
func (r *Recognizer) settings() *speechpb.StreamingRecognitionConfig {
	c := &speechpb.RecognitionConfig{
		DecodingConfig: &speechpb.RecognitionConfig_ExplicitDecodingConfig{ExplicitDecodingConfig: &speechpb.ExplicitDecodingConfig{
			Encoding: speechpb.ExplicitDecodingConfig_MULAW, SampleRateHertz: media.SampleRate, AudioChannelCount: 1,
		}},
		Model: r.cfg.Model, LanguageCodes: r.cfg.Languages,
	}
	if len(r.cfg.Phrases) > 0 {
		set := &speechpb.PhraseSet{}
		for _, p := range r.cfg.Phrases {
			set.Phrases = append(set.Phrases, &speechpb.PhraseSet_Phrase{Value: p})
		}
		c.Adaptation = &speechpb.SpeechAdaptation{PhraseSets: []*speechpb.SpeechAdaptation_AdaptationPhraseSet{{
			Value: &speechpb.SpeechAdaptation_AdaptationPhraseSet_InlinePhraseSet{InlinePhraseSet: set},
		}}}
	}

	return &speechpb.StreamingRecognitionConfig{
		Config:            c,
		StreamingFeatures: &speechpb.StreamingRecognitionFeatures{InterimResults: true},
	}
}

// token authorises each stream.
type token struct {
	source oauth2.TokenSource
	plain  bool
}

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (t *token) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	got, err := t.get()
	if err != nil {
		return nil, err
	}

	return map[string]string{"authorization": got.Type() + " " + got.AccessToken}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials.
func (t *token) RequireTransportSecurity() bool { return !t.plain }
