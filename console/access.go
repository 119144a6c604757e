package console

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"trunkline/access"
)

// Act is something that somebody asked for by the API.
type Act struct {
	At     time.Time
	Actor  string // name of the key
	Role   access.Role
	What   string // in plain words
	Object string // the path that names what it is about
}

// holderKey is the context's key of the request's access.Holder.
type holderKey struct{}

// holding lets those requests through whose sender has a right.
func (s *console) holding(needs access.Right, tell report, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, known := s.Access.Holder(r)
		switch {
		case !known:
			s.Log.Warn("request without a known key", slog.String("path", r.URL.Path), slog.String("from", r.RemoteAddr))
			// Programs are told how, people are asked by their browser.
			w.Header().Add("WWW-Authenticate", `Bearer realm="trunkline"`)
			w.Header().Add("WWW-Authenticate", `Basic realm="trunkline", charset="UTF-8"`)
			tell(w, r, errNoKey)
		case !h.Role.May(needs):
			tell(w, r, &problem{
				Status: http.StatusForbidden, Code: "forbidden", Message: fmt.Sprintf("A key with the role %s may not %s.", h.Role, needs),
				Hint: "Use a key with another role (http.keys).",
			})
		default:
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), holderKey{}, h)))
		}
	})
}

// holder is who sends a request that holding let through.
func holder(r *http.Request) access.Holder {
	h, _ := r.Context().Value(holderKey{}).(access.Holder)

	return h
}

// actOf is the act that a request is, and is told to the log.
func (s *console) actOf(r *http.Request, what string) Act {
	h := holder(r)
	a := Act{At: time.Now(), Actor: h.Name, Role: h.Role, What: what, Object: r.URL.Path}
	s.Log.Info("asked by the API", slog.String("act", a.What), slog.String("actor", a.Actor), slog.String("object", a.Object))

	return a
}

// note records an act before it is done. What only runs calls is done even
// when that fails: a call must be able to end while the database is away.
func (s *console) note(r *http.Request, needs access.Right, what string) error {
	a := s.actOf(r, what)
	if s.Act == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	err := s.Act(ctx, a)
	if err == nil || needs != access.Run {
		return err
	}
	s.Log.Error("an act could not be recorded", slog.String("act", a.What), slog.String("actor", a.Actor),
		slog.String("object", a.Object), slog.Any("error", err))

	return nil
}
