package google

import (
	"context"
	"errors"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"trunkline/pipeline"
)

// get is a token, or a fault that repeats nothing of the answer to the
// request for one: it may hold parts of the key.
func (t *token) get() (*oauth2.Token, error) {
	got, err := t.source.Token()
	if err == nil {
		return got, nil
	}
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		return nil, status.Error(codes.Unauthenticated, "no token")
	}

	return nil, status.Error(codes.Unavailable, "no token")
}

// longestWait bounds what Google may ask for.
const longestWait = time.Hour

// fault is what a stream's error says, without its message: that may repeat a
// key, or words of the call.
func fault(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	s := status.Convert(err)
	f := &pipeline.ProviderError{Provider: provider, Kind: kind(s), Err: codeError(s.Code())}
	for _, d := range s.Details() {
		if retry, ok := d.(*errdetails.RetryInfo); ok && f.Kind == pipeline.RateLimited {
			f.RetryAfter = min(max(0, retry.GetRetryDelay().AsDuration()), longestWait)
		}
	}

	return f
}

// codeError is a gRPC status.
type codeError codes.Code

func (c codeError) Error() string { return "gRPC status " + codes.Code(c).String() }

func kind(s *status.Status) pipeline.FaultKind {
	switch s.Code() {
	case codes.ResourceExhausted:
		return pipeline.RateLimited
	case codes.DeadlineExceeded:
		return pipeline.Slow
	case codes.Unauthenticated, codes.PermissionDenied, codes.InvalidArgument, codes.NotFound, codes.FailedPrecondition, codes.Unimplemented:
		return pipeline.Rejected
	case codes.Internal: // grpc's own word for a message that it cannot read
		if strings.Contains(s.Message(), "unmarshal") {
			return pipeline.Garbled
		}
	}

	return pipeline.Unavailable
}
