package digest

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Verdict is what a Server thinks of a request.
type Verdict uint8

// The verdicts. All but Proven are answered with Challenges.
const (
	Unproven Verdict = iota // no answer to a challenge of ours, or none that can be read
	Wrong                   // another user, or another password
	Stale                   // right, but with a nonce that is too old or was used already
	Proven
)

const (
	// nonceLife is how long a nonce may be used.
	nonceLife = 5 * time.Minute
	// maxNonces bounds the nonces whose uses are remembered. When it is
	// reached, all of them are stale: their senders are asked once more.
	maxNonces = 4096
	// window is how far out of order the counts of one nonce may come.
	window = 64
)

// A Server makes challenges and checks what they are answered with. Nonces
// are signed, so nothing is kept for those who only ask. Its methods may be
// called from any goroutine.
type Server struct {
	realm       string
	credentials Credentials
	algorithms  []Algorithm
	key         [32]byte

	mu     sync.Mutex
	since  time.Time // nonces made before are stale
	used   map[string]*uses
	pruned time.Time
}

// uses are the counts that came with a nonce.
type uses struct {
	made    time.Time
	highest uint64
	seen    uint64 // bit i: highest-i has come
}

// NewServer makes a Server that lets one user in. The realm is shown to the
// far end. Without algorithms both are offered, SHA-256 first (RFC 8760
// section 2.4); MD5 alone is for peers that read only the first challenge.
func NewServer(realm string, c Credentials, algorithms ...Algorithm) *Server {
	if len(algorithms) == 0 {
		algorithms = []Algorithm{SHA256, MD5}
	}

	s := &Server{realm: realm, credentials: c, algorithms: algorithms, used: make(map[string]*uses)}

	_, _ = rand.Read(s.key[:]) // never fails: crypto/rand ends the process instead

	return s
}

// Challenges are the values of the challenge's headers, one for each
// algorithm.
func (s *Server) Challenges(now time.Time, stale bool) []string {
	nonce := s.nonce(now)
	values := make([]string, 0, 2)

	for _, a := range s.algorithms {
		value := fmt.Sprintf(`Digest realm=%s, nonce="%s", algorithm=%s, qop="auth"`, quote(s.realm), nonce, a)
		if stale {
			value += ", stale=true"
		}

		values = append(values, value)
	}

	return values
}

const (
	stampSize = 8
	saltSize  = 8
)

// nonce is the time and a salt, both signed.
func (s *Server) nonce(now time.Time) string {
	var body [stampSize + saltSize]byte

	binary.BigEndian.PutUint64(body[:], uint64(now.UnixNano()))

	_, _ = rand.Read(body[stampSize:]) // never fails, see NewServer

	return base64.RawURLEncoding.EncodeToString(append(body[:], s.sign(body[:])...))
}

func (s *Server) sign(body []byte) []byte {
	mac := hmac.New(sha256.New, s.key[:])
	mac.Write(body)

	return mac.Sum(nil)[:16]
}

// made says when a nonce of ours was made.
func (s *Server) made(nonce string) (time.Time, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(nonce)
	if err != nil || len(raw) != stampSize+saltSize+16 {
		return time.Time{}, false
	}

	body := raw[:stampSize+saltSize]
	if !hmac.Equal(s.sign(body), raw[len(body):]) {
		return time.Time{}, false
	}

	return time.Unix(0, int64(binary.BigEndian.Uint64(body))), true
}

// Verify checks the value of an Authorization or Proxy-Authorization header
// against the method of its request. The digest's URI is not compared with
// the Request-URI, which proxies may rewrite; a header that was read on the
// way is of no use again, because each count of a nonce is taken once.
func (s *Server) Verify(value, method string, now time.Time) Verdict {
	p, err := parse(value)
	if err != nil {
		return Unproven
	}

	a, known := parseAlgorithm(p["algorithm"])
	count, err := strconv.ParseUint(p["nc"], 16, 32)

	if !known || !slices.Contains(s.algorithms, a) || err != nil || len(p["nc"]) != 8 || count == 0 || !strings.EqualFold(p["qop"], "auth") || p["realm"] != s.realm {
		return Unproven
	}

	made, ours := s.made(p["nonce"])
	if !ours {
		return Unproven
	}

	secret := a.hash(s.credentials.User, s.realm, s.credentials.Password)
	want := a.hash(secret, p["nonce"], p["nc"], p["cnonce"], "auth", a.hash(method, p["uri"]))
	right := subtle.ConstantTimeCompare([]byte(want), []byte(strings.ToLower(p["response"]))) == 1
	same := subtle.ConstantTimeCompare([]byte(p["username"]), []byte(s.credentials.User)) == 1

	if !right || !same {
		return Wrong
	}

	if !s.use(p["nonce"], made, count, now) {
		return Stale
	}

	return Proven
}

// use notes one count of a nonce. It reports false when the nonce is too old
// or the count has come before.
func (s *Server) use(nonce string, made time.Time, count uint64, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.prune(now)

	if age := now.Sub(made); age < 0 || age > nonceLife || made.Before(s.since) {
		return false
	}

	u, ok := s.used[nonce]
	if !ok {
		if len(s.used) >= maxNonces {
			clear(s.used)
			s.since = now

			return false
		}

		u = &uses{made: made}
		s.used[nonce] = u
	}

	return u.take(count)
}

func (u *uses) take(count uint64) bool {
	if count > u.highest {
		u.seen = u.seen<<min(count-u.highest, window) | 1
		u.highest = count

		return true
	}

	behind := u.highest - count
	if behind >= window || u.seen&(1<<behind) != 0 {
		return false
	}

	u.seen |= 1 << behind

	return true
}

// prune forgets nonces whose time is over, now and then.
func (s *Server) prune(now time.Time) {
	if now.Sub(s.pruned) < nonceLife/4 {
		return
	}

	s.pruned = now

	for nonce, u := range s.used {
		if now.Sub(u.made) > nonceLife {
			delete(s.used, nonce)
		}
	}
}
