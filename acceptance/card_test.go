package acceptance

import (
	"bytes"
	"compress/gzip"
	"context"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"trunkline/compliance/redact"
	"trunkline/media/rtp"
	"trunkline/pipeline/turn"
	"trunkline/sip"
	"trunkline/softphone"
	"trunkline/storage/cluster"
)

// The card that is said and keyed where nobody asked for it.
const (
	cardKeyed   = "5500000000000004"
	cardWritten = "4111111111111111"
)

// A card number that a caller says, and one that they key in where nobody asked
// for it, by tones, telephone events and INFO, stand nowhere on the disk: not in
// the spool while the database is away, nor in the log, the traces, the
// recordings, the database's files or its write-ahead log.
func TestNoCardNumberOnDisk(t *testing.T) {
	t.Parallel()
	spoken := "four" + strings.Repeat(" one", 15)
	c, db := ownDatabase(t)
	c.Agents[0].Recogniser.Declared.Says = []string{"my card is " + spoken + " or 4111 1111 1111 1111"}
	c.SIP.Trunks[0].DTMF = "inband"
	traces := collect(t)
	c.Traces.Endpoint, c.Traces.Private = traces.server.URL+"/v1/traces", true
	g := serveConfig(t, c)

	stopDatabase(t, db)
	dir := t.TempDir()
	play(t, dir, slices.Concat(speech(t, "yes-please"), silence(1200*time.Millisecond), keyTones(t, cardKeyed), silence(2*time.Second)))
	g.sipp(t, "conversation", dir, "-m", "1")
	eventually(t, patience, "the call waits on disk", func() bool { return strings.Contains(all(files(t, g.cfg.StateDir)), "[card number]") })
	noCard(t, "while the database is away", files(t, g.cfg.StateDir))
	startDatabase(t, db)
	g.ended(t, 1)
	other := configuration(t, c.Agents[0]) // by INFO and events
	other.Database.URL, other.Traces = c.Database.URL, c.Traces
	other.Compliance.KeyFile = c.EvidenceKeyFile()
	h := serveConfig(t, other)
	h.keyByInfo(t, cardKeyed)
	h.dial(t, softphone.Config{Digits: cardKeyed, HangupAfter: time.Second}).end(t)
	for i, h := range g.ended(t, 3) {
		keys := strings.Join(recorded(t, &h, turn.KeyPressed), "")
		if keys != strings.Repeat(redact.CardMark, len(cardKeyed)) {
			t.Errorf("call %d: the keys are recorded as %q", i+1, keys)
		}
		if caller, _ := recording(t, h.Call.Recording); keysIn(caller) != "" {
			t.Errorf("call %d: the keys %q can be heard in the recording", i+1, keysIn(caller))
		}
		if i == 0 && len(recorded(t, &h, turn.Final)) == 0 {
			t.Error("the caller was not understood")
		}
	}
	rows := tables(t, g)
	if !strings.Contains(rows, "[card number]") || !strings.Contains(rows, "INFO sip:") {
		t.Error("the database lacks the mark of a number that was taken out, or the calls' ladders")
	}
	left := map[string]string{"the database": rows}
	for _, g := range []*gateway{g, h} {
		if code := g.stop(t); code != 0 {
			t.Errorf("serve exits with %d", code)
		}
		maps.Copy(left, files(t, g.cfg.StateDir))
		left[g.stderr], left[g.stdout] = read(t, g.stderr), read(t, g.stdout)
	}
	left["the traces"] = traces.said(t)
	of := databaseFiles(t, db)
	stopDatabase(t, db)
	maps.Copy(left, files(t, of))
	startDatabase(t, db) // the calls are replayed
	noCard(t, "at the end", left)
}

// databaseFiles is the directory of a private server's data, its log and its
// write-ahead log.
func databaseFiles(t *testing.T, db *cluster.Cluster) string {
	t.Helper()
	u, err := url.Parse(db.URL())
	if err != nil {
		t.Fatal(err)
	}

	return filepath.Dir(u.Query().Get("host"))
}

// keyByInfo calls and keys by INFO.
func (g *gateway) keyByInfo(t *testing.T, keys string) {
	t.Helper()
	pool, err := rtp.NewPool(netip.MustParseAddr("127.0.0.1"), 32768, 60999)
	if err != nil {
		t.Fatal(err)
	}
	ua, err := sip.New(sip.Config{Listen: []sip.Listen{{Network: "udp", Addr: "127.0.0.1:0"}}, Media: sip.RTP(pool, rtp.Options{})}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := ua.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	defer func() {
		if err := ua.Stop(ctx); err != nil {
			t.Error(err)
		}
	}()
	d, err := ua.Dial(ctx, g.target(), sip.DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(keys) {
		if err := d.SendInfoDigit(ctx, keys[i], 100*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		time.Sleep(200 * time.Millisecond) // as people press them
	}
	time.Sleep(time.Second) // the turn ends
	if err := d.Hangup(ctx, ""); err != nil {
		t.Error(err)
	}
}

// signalled reports a key in the body of an INFO, as keyByInfo sends it.
func signalled(text string) bool {
	for {
		_, after, found := strings.Cut(text, "Signal=")
		if !found {
			return false
		}
		if after != "" && after[0] >= '0' && after[0] <= '9' {
			return true
		}
		text = after
	}
}

// noCard checks that a card number stands nowhere, and no key that was told by
// INFO.
func noCard(t *testing.T, when string, left map[string]string) {
	t.Helper()
	spoken := "four" + strings.Repeat("one", 15)
	for where, content := range left {
		plain := joined(content)
		for _, number := range []string{cardKeyed, cardWritten, spoken} {
			if strings.Contains(plain, number) {
				t.Errorf("%s: %s has the number %s", when, where, number)
			}
		}
		if signalled(content) {
			t.Errorf("%s: %s has a key that was told by INFO", when, where)
		}
	}
}

// joined is a text without what stands between digits, and without the room that
// files have in reserve.
func joined(text string) string {
	out := make([]byte, 0, len(text))
	for i := range len(text) {
		if c := text[i]; c != ' ' && c != '-' && c != 0 {
			out = append(out, c)
		}
	}

	return string(out)
}

// files are all files below a directory, with their names.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		out[path] = path + string(content)

		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	return out
}

// all is what several files hold.
func all(files map[string]string) string {
	return strings.Join(slices.Collect(maps.Values(files)), "\n")
}

// collector takes traces, as they come.
type collector struct {
	server *httptest.Server

	mu  sync.Mutex
	got bytes.Buffer
}

func collect(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	c.server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		plain, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Error(err)

			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if _, err := c.got.ReadFrom(plain); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(c.server.Close)

	return c
}

// said is what the traces told, which must be something.
func (c *collector) said(t *testing.T) string {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !strings.Contains(c.got.String(), "trunkline.private") {
		t.Error("no trace told what was said")
	}

	return c.got.String()
}

// tables is all rows of the gateway's database, as text.
func tables(t *testing.T, g *gateway) string {
	t.Helper()
	pool := g.store.Pool()
	rows, err := pool.Query(t.Context(), `SELECT quote_ident(table_name) FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`)
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, table := range names {
		rows, err := pool.Query(t.Context(), `SELECT x::text FROM `+table+` x`)
		if err != nil {
			t.Fatal(err)
		}
		texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(strings.Join(texts, "\n"))
	}

	return all.String()
}
