package googletest

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"cloud.google.com/go/speech/apiv2/speechpb"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	rpc "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"trunkline/media"
	"trunkline/pipeline/asr/asrtest"
	"trunkline/pipeline/vendortest"
)

// Server recognises one talkspurt per stream.
type Server struct {
	script *asrtest.Script
	// Longest is the audio after which a stream is out of range; 0: 5 minutes.
	Longest time.Duration
}

// New makes a Server.
func New() *Server { return &Server{script: asrtest.NewScript()} }

// Script is where tests say what happens.
func (s *Server) Script() *asrtest.Script { return s.script }

// Has says what the protocol can do.
func (*Server) Has() asrtest.Abilities { return asrtest.Abilities{Late: true} }

const method = "/google.cloud.speech.v2.Speech/StreamingRecognize"

// Recognizer is the one that the server knows.
const Recognizer = "projects/acme/locations/global/recognizers/_"

// ServeHTTP serves one stream (gRPC over HTTP/2).
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer s.script.Leave()
	st := &stream{Server: s, w: w, r: r}
	w.Header().Set("Content-Type", "application/grpc")
	w.Header().Set("Trailer", "Grpc-Status, Grpc-Message, Grpc-Status-Details-Bin")
	switch {
	case r.URL.Path != method || r.ProtoMajor != 2:
		st.end(codes.Unimplemented, 0)
	case r.Header.Get("Authorization") != "Bearer "+vendortest.Key:
		st.end(codes.Unauthenticated, 0)
	case r.Header.Get("X-Goog-Request-Params") == "":
		st.end(codes.InvalidArgument, 0)
	default:
		code, retry := st.serve()
		st.end(code, retry)
	}
}

// stream is one talkspurt.
type stream struct {
	*Server

	w      http.ResponseWriter
	r      *http.Request
	octets []byte
	told   int
}

// end sends the status.
func (st *stream) end(code codes.Code, retry time.Duration) {
	h := st.w.Header()
	h.Set("Grpc-Status", strconv.Itoa(int(code)))
	if code == codes.OK {
		return
	}
	h.Set("Grpc-Message", "no: Bearer "+vendortest.Key)
	if retry > 0 {
		info, err := anypb.New(&errdetails.RetryInfo{RetryDelay: durationpb.New(retry)})
		if err != nil {
			panic(err) // its own message
		}
		raw, err := proto.Marshal(&rpc.Status{Code: int32(code), Details: []*anypb.Any{info}})
		if err != nil {
			panic(err) // its own message
		}
		h.Set("Grpc-Status-Details-Bin", base64.StdEncoding.EncodeToString(raw))
	}
}

// next reads a message.
func (st *stream) next() (*speechpb.StreamingRecognizeRequest, error) {
	var head [5]byte
	if _, err := io.ReadFull(st.r.Body, head[:]); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(head[1:]))
	if _, err := io.ReadFull(st.r.Body, body); err != nil {
		return nil, err
	}
	var m speechpb.StreamingRecognizeRequest

	return &m, proto.Unmarshal(body, &m)
}

func (st *stream) send(m *speechpb.StreamingRecognizeResponse) {
	raw, err := proto.Marshal(m)
	if err != nil {
		panic(err) // its own message
	}
	st.write(raw)
}

func (st *stream) write(raw []byte) {
	head := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(raw)))
	_, _ = st.w.Write(append(head, raw...)) // the client sees it
	if err := http.NewResponseController(st.w).Flush(); err != nil {
		panic(http.ErrAbortHandler) // the client has gone
	}
}

func (st *stream) say(text string, final bool) {
	st.send(&speechpb.StreamingRecognizeResponse{Results: []*speechpb.StreamingRecognitionResult{{
		Alternatives: []*speechpb.SpeechRecognitionAlternative{{Transcript: text}}, IsFinal: final, LanguageCode: "en-us",
	}}})
}

var statuses = map[int]codes.Code{
	http.StatusTooManyRequests: codes.ResourceExhausted, http.StatusBadRequest: codes.InvalidArgument, http.StatusServiceUnavailable: codes.Unavailable,
}

// serve hears a talkspurt and says what the script wants.
func (st *stream) serve() (codes.Code, time.Duration) {
	first, err := st.next()
	if err != nil || !valid(first) {
		return codes.InvalidArgument, 0
	}
	var reply asrtest.Reply
	longest := st.Longest
	if longest == 0 {
		longest = 5 * time.Minute
	}
	for {
		m, err := st.next()
		if errors.Is(err, io.EOF) {
			break
		}
		switch {
		case err != nil:
			return codes.Canceled, 0
		case len(m.GetAudio()) == 0 || len(m.GetAudio()) > 25<<10 || m.GetStreamingConfig() != nil:
			return codes.InvalidArgument, 0
		}
		if st.octets == nil {
			reply = st.script.Take()
			if reply.Status != 0 {
				return statuses[reply.Status], reply.RetryAfter
			}
		}
		st.octets = append(st.octets, m.GetAudio()...)
		if len(st.octets) > int(media.SamplesIn(longest)) {
			return codes.OutOfRange, 0
		}
		for ; st.told < len(reply.Partials) && len(st.octets) >= (st.told+1)*media.SampleRate/10; st.told++ {
			if st.told == 1 && reply.Fails() {
				return st.fail(&reply), 0
			}
			st.say(reply.Partials[st.told], false)
		}
	}
	st.script.Hear(st.octets)
	if reply.Fails() {
		<-st.r.Context().Done()

		return codes.Canceled, 0
	}
	time.Sleep(reply.Delay)
	if reply.Final != "" {
		st.say(reply.Final, true)
	}

	return codes.OK, 0
}

func valid(m *speechpb.StreamingRecognizeRequest) bool {
	c := m.GetStreamingConfig().GetConfig()
	d := c.GetExplicitDecodingConfig()

	return m.GetRecognizer() == Recognizer && c.GetModel() != "" && len(c.GetLanguageCodes()) > 0 &&
		d.GetEncoding() == speechpb.ExplicitDecodingConfig_MULAW && d.GetSampleRateHertz() == media.SampleRate
}

func (st *stream) fail(r *asrtest.Reply) codes.Code {
	switch {
	case r.Cut:
		panic(http.ErrAbortHandler) // the documented way to cut a stream
	case r.Junk:
		st.write([]byte{0xff, 0xff, 0xff})

		return codes.OK
	case r.Error != "":
		return codes.Unavailable
	}
	<-st.r.Context().Done()

	return codes.Canceled
}
