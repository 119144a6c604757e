package acceptance

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"trunkline/config"
	"trunkline/pipeline/turn"
)

// A card number that a caller says, and one that they key in where nobody asked
// for it, stand nowhere on the disk: not in the database, the spool, the log or
// the recordings' directory.
func TestNoCardNumberOnDisk(t *testing.T) {
	t.Parallel()
	const keyed, written = "5500000000000004", "4111 1111 1111 1111"
	spoken := "four" + strings.Repeat(" one", 15)
	agent := desk()
	agent.Recogniser.Declared.Says = []string{"my card is " + spoken + " or " + written}
	g := serve(t, agent, func(c *config.Config) { c.SIP.Trunks[0].DTMF = "inband" })
	dir := t.TempDir()
	play(t, dir, slices.Concat(speech(t, "yes-please"), silence(1200*time.Millisecond), keyTones(t, keyed), silence(2*time.Second)))
	g.sipp(t, "conversation", dir, "-m", "1")
	h := g.only(t)
	if n := len(recorded(t, h, turn.Final)); n == 0 {
		t.Fatal("the caller was not understood")
	}
	if n := len(recorded(t, h, turn.KeyPressed)); n != len(keyed) {
		t.Fatalf("%d keys are recorded, want %d", n, len(keyed))
	}
	if keys := strings.Join(recorded(t, h, turn.KeyPressed), ""); strings.Contains(keys, keyed) || !strings.HasPrefix(keys, keyed[:8]+"[") {
		t.Errorf("the keys are recorded as %q", keys)
	}
	if code := g.stop(t); code != 0 {
		t.Errorf("serve exits with %d", code)
	}
	all := map[string]string{"the log": read(t, g.stderr), "the output": read(t, g.stdout), "the database": tables(t, g)}
	err := filepath.WalkDir(g.cfg.StateDir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		all[path] = path + string(content)

		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for where, content := range all {
		plain := strings.NewReplacer(" ", "", "-", "").Replace(content)
		for _, number := range []string{keyed, "4111111111111111", strings.ReplaceAll(spoken, " ", "")} {
			if strings.Contains(plain, number) {
				t.Errorf("%s has the number %s", where, number)
			}
		}
	}
	if !strings.Contains(all["the database"], "[card number]") {
		t.Error("the database has no mark of a number that was taken out")
	}
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
