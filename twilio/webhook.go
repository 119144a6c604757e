package twilio

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"trunkline/stir"
	"trunkline/twilio/signature"
)

// maxBody is the longest body that is read; carriers send a few hundred octets.
const maxBody = 64 << 10

// request is a carrier's request, parsed.
type request struct {
	account *account
	values  url.Values // of the query and of the body
	signed  signature.Request
}

// routes are the paths below the public URL: /ACCOUNT/WHAT.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	for pattern, handle := range map[string]func(http.ResponseWriter, *request){
		"voice": s.voice, "status": s.status, "stream": s.streamStatus, "action": s.action, "amd": s.amd, "fallback": s.fallback,
		"transferred": s.transferred, "person": s.person, "briefing": s.briefing, "accept": s.accept,
	} {
		mux.HandleFunc("/{account}/"+pattern, s.webhook(handle))
		mux.HandleFunc("/{account}/"+pattern+"/{$}", s.webhook(handle))
	}
	mux.HandleFunc("GET /{account}/media", s.media)
	mux.HandleFunc("GET /{account}/media/{$}", s.media)

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, p := range s.prefixes {
			if strings.HasPrefix(r.URL.Path, p+"/") {
				http.StripPrefix(p, mux).ServeHTTP(w, r)

				return
			}
		}
		mux.ServeHTTP(w, r) // a load balancer has taken the prefix off
	})
}

// webhook reads and checks a request before it is handled.
func (s *Server) webhook(handle func(http.ResponseWriter, *request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a := s.accounts[r.PathValue("account")]
		if a == nil {
			http.NotFound(w, r)

			return
		}
		in, status, err := a.read(w, r)
		if err != nil {
			s.counts.malformed.Add(1)
			if status == http.StatusMethodNotAllowed {
				w.Header().Set("Allow", "GET, POST")
			}
			http.Error(w, err.Error(), status)

			return
		}
		if !a.guard.webhook(r, &in.signed) {
			s.forged(w, r, a, &in.signed)

			return
		}
		s.counts.webhooks.Add(1)
		handle(w, in)
	}
}

// forged refuses a request that its carrier did not sign.
func (s *Server) forged(w http.ResponseWriter, r *http.Request, a *account, signed *signature.Request) {
	s.counts.forged.Add(1)
	why := "if the carrier sent it, the auth token is another, or twilio.public_url is not the URL that it was given"
	if base := a.signedOver(r, signed); base != "" {
		why = "it is signed over " + base + "/" + a.Name + "/…: if that is yours, set twilio.public_url to " + base
	}
	s.cfg.Log.Warn("refused a request without a valid signature of the carrier; "+why,
		slog.String("account", a.Name), slog.String("path", r.URL.Path), slog.String("from", r.RemoteAddr))
	http.Error(w, "the signature is not valid", http.StatusForbidden)
}

// read parses a request. On an error it says with which status to answer.
func (a *account) read(w http.ResponseWriter, r *http.Request) (in *request, status int, err error) {
	target := r.URL.EscapedPath() // without the public URL's own path
	if r.URL.RawQuery != "" {
		target += "?" + r.URL.RawQuery
	}
	in = &request{account: a, signed: signature.Request{Target: target, Form: url.Values{}}}
	if in.values, err = url.ParseQuery(r.URL.RawQuery); err != nil {
		return nil, http.StatusBadRequest, errors.New("the query cannot be read")
	}
	switch r.Method {
	case http.MethodGet:
		return in, 0, nil
	case http.MethodPost:
	default:
		return nil, http.StatusMethodNotAllowed, errors.New("only GET and POST are understood")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, http.StatusRequestEntityTooLarge, errors.New("the body is too large")
	} else if err != nil {
		return nil, http.StatusBadRequest, errors.New("the body did not come whole")
	}
	in.signed.Body = body
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")) // what is none is refused below
	switch kind {
	case "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, http.StatusBadRequest, errors.New("the form cannot be read")
		}
		in.signed.Form = form
		for k, v := range form {
			in.values[k] = append(v, in.values[k]...)
		}
	case "application/json":
		in.signed.Form = nil
		var o map[string]any
		if err := json.Unmarshal(body, &o); err != nil {
			return nil, http.StatusBadRequest, errors.New("the body is no JSON object")
		}
		for k, v := range o {
			if text, ok := v.(string); ok {
				in.values.Set(k, text)
			}
		}
	default:
		return nil, http.StatusUnsupportedMediaType, errors.New("send a form or JSON")
	}

	return in, 0, nil
}

// call is the request's call; nil when there is none.
func (s *Server) call(in *request) *Call {
	c := s.find(in.account, in.values.Get("call"), in.values.Get(in.account.words.call))
	if c == nil {
		s.counts.unknown.Add(1)
	} else {
		c.bind(in.values.Get(in.account.words.call))
	}

	return c
}

// info is what the request says of its call.
func (in *request) info() Info {
	words := &in.account.words

	return Info{
		Account: in.account.Name, Carrier: in.account.Carrier,
		ID: in.values.Get(words.call), From: in.values.Get(words.from), To: in.values.Get(words.to), Attestation: stir.None,
	}
}

// voice is the first webhook of a call, or that again.
func (s *Server) voice(w http.ResponseWriter, in *request) {
	defer func(since time.Time) { s.answers.Observe(time.Since(since).Seconds()) }(time.Now())
	words := &in.account.words
	info := in.info()
	if info.ID == "" {
		s.counts.malformed.Add(1)
		http.Error(w, "the request names no call ("+words.call+")", http.StatusBadRequest)

		return
	}
	var known bool
	if info.Attestation, known = stir.ParseVerstat(in.values.Get(words.verstat)); !known {
		s.cfg.Log.Warn("an unknown word about a caller's signature", slog.String("account", info.Account), slog.String("verstat", in.values.Get(words.verstat)))
	}
	c, made := s.find(in.account, in.values.Get("call"), info.ID), false
	switch {
	case c != nil:
		c.bind(info.ID)
	case in.values.Has("call"): // of ours, and given up
		s.counts.unknown.Add(1)
		s.answer(w, words.hangup)

		return
	default:
		c, made = s.enter(in.account, info)
	}
	switch {
	case c == nil:
		s.counts.refused.Add(1)
		s.answer(w, in.account.refusal)

		return
	case made:
		s.counts.calls.Add(1)
		s.work.Go(func() { s.handler.Incoming(c) })
	}
	s.decide(w, c)
}

// decide waits for what becomes of a call and answers that. A repeated request
// gets the same answer; one that comes when the call's stream is over, which
// the carrier's instructions may lead back here, goes on as after the stream.
func (s *Server) decide(w http.ResponseWriter, c *Call) {
	timer := time.NewTimer(s.cfg.Decide)
	defer timer.Stop()
	select {
	case <-c.decided:
	case <-c.done:
	case <-timer.C:
	}
	c.mu.Lock()
	a, spent, over := c.answer, c.leg != nil, c.cause != nil
	c.mu.Unlock()
	switch {
	case spent:
		s.answer(w, c.after)
	case a.body != nil:
		s.write(w, a)
	case over:
		s.answer(w, c.account.refusal)
	default:
		s.counts.undecided.Add(1)
		c.end(ErrUndecided)
		c.finish() // it goes where the fallback says
		s.answer(w, func() (instructions, error) { return c.account.words.fallback(&c.account.Fallback) })
	}
}

// status is a callback about where a call is.
func (s *Server) status(w http.ResponseWriter, in *request) {
	words := &in.account.words
	if c := s.call(in); c != nil {
		number, err := strconv.Atoi(in.values.Get(words.sequence))
		if err != nil {
			number = -1
		}
		c.told(number, statusOf(strings.ToLower(in.values.Get(words.status))), in.values.Get(words.reason))
	}
	w.WriteHeader(http.StatusNoContent)
}

// streamStatus is a callback about a call's stream.
func (s *Server) streamStatus(w http.ResponseWriter, in *request) {
	if c := s.call(in); c != nil && in.values.Get("StreamEvent") == "stream-error" {
		fault := in.values.Get("StreamError")
		s.cfg.Log.Warn("the carrier tells a fault of a stream", slog.String("account", in.account.Name), slog.String("fault", fault), slog.String("hint", streamHint(fault)))
		c.mu.Lock()
		streamed := c.leg != nil && (c.away == nil || c.away.back == nil)
		c.mu.Unlock()
		if !streamed {
			s.counts.noStream.Add(1)
			c.end(ErrNoStream)
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// action asks what comes after a stream.
func (s *Server) action(w http.ResponseWriter, in *request) {
	if c := s.call(in); c != nil {
		s.answer(w, c.after)
	} else {
		s.answer(w, in.account.words.hangup)
	}
}

// amd tells who answered a call of ours, a person or a machine.
func (s *Server) amd(w http.ResponseWriter, in *request) {
	if c := s.call(in); c != nil {
		select {
		case c.machine <- in.values.Get(in.account.words.machine):
		default: // it was told before
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// fallback is asked when the carrier could not use our answer.
func (s *Server) fallback(w http.ResponseWriter, in *request) {
	s.cfg.Log.Error("the carrier could not use our answer and asks for the fallback",
		slog.String("account", in.account.Name), slog.String("error_code", in.values.Get("ErrorCode")), slog.String("error_url", in.values.Get("ErrorUrl")),
		slog.String("hint", answerHint(in.values.Get("ErrorCode"))))
	if c := s.call(in); c != nil {
		c.end(ErrNoStream)
		c.finish()
	} else if info := in.info(); info.ID != "" && s.cfg.FellBack != nil {
		s.cfg.FellBack(info)
	}
	s.answer(w, func() (instructions, error) { return in.account.words.fallback(&in.account.Fallback) })
}

// answer writes the instructions that f makes.
func (s *Server) answer(w http.ResponseWriter, f func() (instructions, error)) {
	a, err := f()
	if err != nil {
		s.cfg.Log.Error("a carrier's instructions cannot be written", slog.Any("error", err))
		http.Error(w, "internal error", http.StatusInternalServerError)

		return
	}
	s.write(w, a)
}

func (s *Server) write(w http.ResponseWriter, a instructions) {
	w.Header().Set("Content-Type", a.content)
	w.Header().Set("Cache-Control", "no-store")
	if _, err := w.Write(a.body); err != nil {
		s.cfg.Log.Debug("the carrier did not take our answer", slog.Any("error", err))
	}
}
