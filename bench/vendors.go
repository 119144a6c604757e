package bench

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"trunkline/pipeline"
	"trunkline/pipeline/asr/asrtest"
	"trunkline/pipeline/asr/assemblyai"
	"trunkline/pipeline/asr/assemblyai/assemblyaitest"
	"trunkline/pipeline/asr/deepgram"
	"trunkline/pipeline/asr/deepgram/deepgramtest"
	"trunkline/pipeline/asr/google"
	"trunkline/pipeline/asr/google/googletest"
	asropenai "trunkline/pipeline/asr/openai"
	asropenaitest "trunkline/pipeline/asr/openai/openaitest"
	"trunkline/pipeline/asr/whisper"
	"trunkline/pipeline/asr/whisper/whispertest"
	"trunkline/pipeline/llm/anthropic"
	"trunkline/pipeline/llm/anthropic/anthropictest"
	"trunkline/pipeline/llm/gemini"
	"trunkline/pipeline/llm/gemini/geminitest"
	"trunkline/pipeline/llm/llmtest"
	llmopenai "trunkline/pipeline/llm/openai"
	llmopenaitest "trunkline/pipeline/llm/openai/openaitest"
	"trunkline/pipeline/realtime"
	"trunkline/pipeline/realtime/realtimetest"
	"trunkline/pipeline/tts/aura"
	"trunkline/pipeline/tts/aura/auratest"
	"trunkline/pipeline/tts/cartesia"
	"trunkline/pipeline/tts/cartesia/cartesiatest"
	"trunkline/pipeline/tts/elevenlabs"
	"trunkline/pipeline/tts/elevenlabs/elevenlabstest"
	ttsopenai "trunkline/pipeline/tts/openai"
	ttsopenaitest "trunkline/pipeline/tts/openai/openaitest"
	"trunkline/pipeline/tts/ttstest"
	"trunkline/pipeline/vendortest"
)

// What the stand-ins for vendors declare.
const (
	vendorFinal = 100 * time.Millisecond // from the end of a talkspurt to its last words
	vendorToken = 300 * time.Millisecond
	vendorAudio = 150 * time.Millisecond
	vendorTrip  = 20 * time.Millisecond // what the distant ones add to each flight from the client
)

// vendor is one that stands in, and the provider that talks to it. One of the
// three is set, or none for the speech-to-speech model.
type vendor struct {
	name    string
	serve   func() http.Handler
	plain   bool // without TLS
	hears   func(url string) (pipeline.Recognizer, error)
	thinks  func(url string) pipeline.Model
	speaks  func(url string) pipeline.Synthesizer
	session func(url string) *realtime.Provider
}

// vendors are all that have a protocol of their own.
func vendors() []vendor {
	const key = vendortest.Key
	hears := func(r pipeline.Recognizer) (pipeline.Recognizer, error) { return r, nil }

	return []vendor{
		{name: "deepgram", serve: standInEar(deepgramtest.New()), hears: func(u string) (pipeline.Recognizer, error) {
			return hears(deepgram.New(deepgram.Config{BaseURL: u, Key: key, Model: "m"}))
		}},
		{name: "assemblyai", serve: standInEar(assemblyaitest.New()), hears: func(u string) (pipeline.Recognizer, error) {
			return hears(assemblyai.New(assemblyai.Config{BaseURL: u, Key: key, Model: "m"}))
		}},
		{name: "openai transcription", serve: standInEar(asropenaitest.New()), hears: func(u string) (pipeline.Recognizer, error) {
			return hears(asropenai.New(asropenai.Config{BaseURL: u, Key: key, Model: "m"}))
		}},
		{name: "google", serve: standInEar(googletest.New()), plain: true, hears: func(u string) (pipeline.Recognizer, error) {
			return google.New(google.Config{
				Project: "acme", Endpoint: strings.TrimPrefix(u, "http://"), Plain: true, Phrases: []string{"trunkline"},
				Tokens: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: key}),
			})
		}},
		{name: "whisper", serve: standInEar(whispertest.New()), hears: func(u string) (pipeline.Recognizer, error) {
			return hears(whisper.New(whisper.Config{BaseURL: u, Key: key, Model: "m"}))
		}},
		{name: "openai", serve: standInModel(llmopenaitest.New()), thinks: func(u string) pipeline.Model {
			return llmopenai.New(llmopenai.Config{BaseURL: u, Key: key, Model: "m"})
		}},
		{name: "anthropic", serve: standInModel(anthropictest.New()), thinks: func(u string) pipeline.Model {
			return anthropic.New(anthropic.Config{BaseURL: u, Key: key, Model: "m"})
		}},
		{name: "gemini", serve: standInModel(geminitest.New()), thinks: func(u string) pipeline.Model {
			return gemini.New(gemini.Config{BaseURL: u, Key: key, Model: "m"})
		}},
		{name: "elevenlabs", serve: standInVoice(elevenlabstest.New()), speaks: func(u string) pipeline.Synthesizer {
			return elevenlabs.New(elevenlabs.Config{BaseURL: u, Key: key, Voice: "anna", Model: "m"})
		}},
		{name: "cartesia", serve: standInVoice(cartesiatest.New()), speaks: func(u string) pipeline.Synthesizer {
			return cartesia.New(cartesia.Config{BaseURL: u, Key: key, Voice: "anna", Model: "m"})
		}},
		{name: "aura", serve: standInVoice(auratest.New()), speaks: func(u string) pipeline.Synthesizer {
			return aura.New(aura.Config{BaseURL: u, Key: key, Voice: "aura-2-thalia-en"})
		}},
		{name: "openai speech", serve: standInVoice(ttsopenaitest.New()), speaks: func(u string) pipeline.Synthesizer {
			return ttsopenai.New(ttsopenai.Config{BaseURL: u, Key: key, Voice: "alloy", Model: "m"})
		}},
		{name: "openai-realtime", serve: func() http.Handler { return realtimetest.New("yes") }, session: func(u string) *realtime.Provider {
			return realtime.NewProvider(realtime.Config{BaseURL: u, Key: key, Model: "m"})
		}},
	}
}

func standInEar(v asrtest.Vendor) func() http.Handler {
	v.Script().Say(asrtest.Reply{Partials: []string{"when", "when do you"}, Final: "when do you open", Delay: vendorFinal})

	return func() http.Handler { return v }
}

func standInModel(v llmtest.Vendor) func() http.Handler {
	v.Script().Say(llmtest.Reply{
		Text: []string{"We are open ", "from nine ", "to five."}, FirstToken: vendorToken, Usage: &pipeline.Usage{InputTokens: 9, OutputTokens: 9},
	})

	return func() http.Handler { return v }
}

func standInVoice(v ttstest.Vendor) func() http.Handler {
	tone := bytes.Repeat([]byte{0x10, 0x10, 0x10, 0x10, 0x90, 0x90, 0x90, 0x90}, 1000) // a second of 1 kHz
	v.Script().Say(ttstest.Reply{Octets: tone, Chunks: 5, FirstAudio: vendorAudio})

	return func() http.Handler { return v }
}

// places are where the stand-ins are, by vendor: near ones, ones with a
// round trip, and ones that are down.
type places struct {
	Near map[string]string `json:"near"`
	Far  map[string]string `json:"far"`
	Down map[string]string `json:"down"`
	Echo string            `json:"echo"` // the bare one
}

// Vendors serves the stand-ins in a process of their own, so that their
// processor time is not counted. A file holds their certificate with its key. It
// says where they are, and ends with ctx.
func Vendors(ctx context.Context, certificate string, out io.Writer) error {
	cert, err := tls.LoadX509KeyPair(certificate, certificate)
	if err != nil {
		return fmt.Errorf("stand-ins for vendors: %w", err)
	}
	at := places{Near: map[string]string{}, Far: map[string]string{}, Down: map[string]string{}}
	var servers []*http.Server
	defer func() {
		for _, s := range servers {
			_ = s.Close() // nothing is left to be said
		}
	}()
	open := func(v *vendor, h http.Handler) (string, error) {
		ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		url := "https://" + ln.Addr().String()
		s := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute, ErrorLog: quietLog(), Protocols: new(http.Protocols)}
		s.Protocols.SetHTTP1(true)
		s.Protocols.SetHTTP2(true)
		if v.plain {
			url = "http" + strings.TrimPrefix(url, "https")
			s.Protocols.SetUnencryptedHTTP2(true)
			go func() { _ = s.Serve(ln) }() // it ends by Close
		} else {
			s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13}
			go func() { _ = s.ServeTLS(ln, "", "") }()
		}
		servers = append(servers, s)

		return url, nil
	}
	for _, v := range vendors() {
		h := v.serve()
		down := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
		var errs [2]error
		at.Near[v.name], errs[0] = open(&v, h)
		at.Down[v.name], errs[1] = open(&v, down)
		scheme, near, _ := strings.Cut(at.Near[v.name], "://")
		distant, err := far(ctx, near)
		if err := errors.Join(append(errs[:], err)...); err != nil {
			return fmt.Errorf("stand-in for %s: %w", v.name, err)
		}
		defer distant.Close()
		at.Far[v.name] = scheme + "://" + distant.Addr().String()
	}
	echo, err := lateEcho(ctx)
	if err != nil {
		return err
	}
	defer echo.Close()
	at.Echo = echo.Addr().String()
	if err := json.NewEncoder(out).Encode(at); err != nil {
		return err
	}
	<-ctx.Done()

	return nil
}

// far serves a place that is a way off from another one: what the client sends
// arrives later.
func far(ctx context.Context, near string) (net.Listener, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() { // it ends when the listener is closed
		for {
			client, err := ln.Accept()
			if err != nil {
				return
			}
			server, err := new(net.Dialer).DialContext(ctx, "tcp", near)
			if err != nil {
				client.Close()

				continue
			}
			go delay(server, client)
			go func() {
				_, _ = io.Copy(client, server) // its end is all that counts
				client.Close()
			}()
		}
	}()

	return ln, nil
}

// delay copies, and each piece arrives vendorTrip after it was sent.
func delay(to, from net.Conn) {
	type piece struct {
		data []byte
		due  time.Time
	}
	way := make(chan piece, 256)
	go func() {
		defer to.Close()
		for p := range way {
			time.Sleep(time.Until(p.due))
			_, _ = to.Write(p.data) // the reader sees the end
		}
	}()
	defer close(way)
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			way <- piece{slices.Clone(buf[:n]), time.Now().Add(vendorTrip)}
		}
		if err != nil {
			return
		}
	}
}

// selfSigned writes a certificate for this machine and its key to a file.
func selfSigned(file string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "trunkline bench"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}

	return os.WriteFile(file, slices.Concat(
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	), 0o600)
}
