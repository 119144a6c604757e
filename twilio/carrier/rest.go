package carrier

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// apiError is an error of the REST API
// (https://www.twilio.com/docs/usage/twilios-response#exceptions).
type apiError struct {
	Code     int    `json:"code"`
	Message  string `json:"message"`
	MoreInfo string `json:"more_info"`
	Status   int    `json:"status"`
}

func fault(status, code int, format string, args ...any) *apiError {
	return &apiError{
		Code: code, Status: status, Message: fmt.Sprintf(format, args...),
		MoreInfo: "https://www.twilio.com/docs/errors/" + strconv.Itoa(code),
	}
}

// answer writes a resource or an error.
func answer(w http.ResponseWriter, status int, resource any, fail *apiError) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Twilio-Request-Id", sid("RQ"))
	if fail != nil {
		status, resource = fail.Status, fail
		if status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "1")
		}
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(resource) //nolint:errchkjson // plain values; and the client may be gone
}

// api is the REST API.
func (c *Carrier) api() http.Handler {
	mux := http.NewServeMux()
	const account = "/2010-04-01/Accounts/{account}"
	for pattern, handle := range map[string]func(r *http.Request) (int, any, *apiError){
		"GET /2010-04-01/Accounts/{file}":                     c.fetchAccount,
		"POST " + account + "/Calls.json":                     c.createCall,
		"GET " + account + "/Calls.json":                      c.listCalls,
		"GET " + account + "/Calls/{file}":                    c.fetchCall,
		"POST " + account + "/Calls/{file}":                   c.updateCall,
		"POST " + account + "/Calls/{call}/Recordings.json":   c.startRecording,
		"POST " + account + "/Calls/{call}/Recordings/{file}": c.updateRecording,
		"GET " + account + "/Calls/{call}/Recordings/{file}":  c.fetchRecording,
		"GET " + account + "/IncomingPhoneNumbers.json":       c.listNumbers,
		"GET " + account + "/IncomingPhoneNumbers/{file}":     c.fetchNumber,
		"POST " + account + "/IncomingPhoneNumbers/{file}":    c.updateNumber,
	} {
		mux.Handle(pattern, c.guarded(handle))
	}

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { c.troubled(w, r, mux) })
}

// troubled does to a request what Trouble says.
func (c *Carrier) troubled(w http.ResponseWriter, r *http.Request, next http.Handler) {
	var f *Failure
	if c.o.Trouble.REST != nil {
		f = c.o.Trouble.REST(r)
	}
	if f == nil {
		next.ServeHTTP(w, r)

		return
	}
	if !sleep(c.ctx, f.Delay) {
		return
	}
	if f.Execute {
		next.ServeHTTP(discard{http.Header{}}, r)
	}
	switch {
	case f.Status == 0:
		panic(http.ErrAbortHandler) //nolint:forbidigo // how a handler cuts its connection
	case f.Code == 0:
		w.WriteHeader(f.Status)
		fmt.Fprint(w, "<html>the service is not available</html>")
	default:
		answer(w, 0, nil, fault(f.Status, f.Code, "trouble"))
	}
}

// discard is a client that hears no answer.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

// guarded admits requests of the account alone, and not too many.
func (c *Carrier) guarded(handle func(r *http.Request) (int, any, *apiError)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		known := subtle.ConstantTimeCompare([]byte(user), []byte(c.o.AccountSID)) &
			subtle.ConstantTimeCompare([]byte(password), []byte(c.o.AuthToken))
		account := r.PathValue("account")
		if account == "" {
			account = strings.TrimSuffix(r.PathValue("file"), ".json")
		}
		if known != 1 {
			answer(w, 0, nil, fault(http.StatusUnauthorized, 20003, "Authenticate"))

			return
		}
		if account != c.o.AccountSID {
			answer(w, 0, nil, missing(r))

			return
		}
		if !c.admit() {
			answer(w, 0, nil, fault(http.StatusTooManyRequests, 20429, "Too Many Requests"))

			return
		}
		defer c.dismiss()
		r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
		if err := r.ParseForm(); err != nil {
			answer(w, 0, nil, fault(http.StatusBadRequest, 20001, "%v", err))

			return
		}
		status, resource, fail := handle(r)
		answer(w, status, resource, fail)
	})
}

func (c *Carrier) admit() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.requests >= c.o.Requests {
		return false
	}
	c.requests++

	return true
}

func (c *Carrier) dismiss() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests--
}

// missing says that a resource does not exist.
func missing(r *http.Request) *apiError {
	return fault(http.StatusNotFound, 20404, "The requested resource %s was not found", r.URL.Path)
}

// name is the identifier in the path of a resource.
func name(r *http.Request) string { return strings.TrimSuffix(r.PathValue("file"), ".json") }

func (c *Carrier) fetchAccount(*http.Request) (int, any, *apiError) {
	return http.StatusOK, map[string]any{
		"sid": c.o.AccountSID, "friendly_name": "trunkline's fake carrier", "status": "active", "type": "Full",
		"owner_account_sid": c.o.AccountSID, "date_created": when(time.Now()), "date_updated": when(time.Now()),
	}, nil
}

// when writes a time as the API does; null when it is zero.
func when(t time.Time) any {
	if t.IsZero() {
		return nil
	}

	return t.UTC().Format(time.RFC1123Z)
}

// page cuts a list as the API does, and says where it goes on.
func page(r *http.Request, key string, resources []any) map[string]any {
	size, err := strconv.Atoi(r.Form.Get("PageSize"))
	if err != nil || size < 1 || size > 1000 {
		size = 50
	}
	n, err := strconv.Atoi(r.Form.Get("Page"))
	if err != nil || n < 0 {
		n = 0
	}
	from := min(n*size, len(resources))
	to := min(from+size, len(resources))
	uri := func(n int) string {
		query := url.Values{}
		for name, values := range r.URL.Query() {
			query[name] = values
		}
		query.Set("Page", strconv.Itoa(n))
		query.Set("PageSize", strconv.Itoa(size))

		return r.URL.Path + "?" + query.Encode()
	}
	out := map[string]any{
		key: resources[from:to], "page": n, "page_size": size, "start": from, "end": max(to-1, 0), "uri": r.URL.RequestURI(),
		"first_page_uri": uri(0), "next_page_uri": nil, "previous_page_uri": nil,
	}
	if to < len(resources) {
		out["next_page_uri"] = uri(n + 1)
	}
	if n > 0 {
		out["previous_page_uri"] = uri(n - 1)
	}

	return out
}
