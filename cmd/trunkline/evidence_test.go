package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"trunkline/jobs"
	"trunkline/storage/evidence"
)

// desk runs commands with one configuration and database.
type desk struct {
	*testing.T

	file string
}

func newDesk(t *testing.T, more string) *desk {
	t.Helper()

	return &desk{t, gatewayConfig(t, more)}
}

// ok runs a command that must succeed, and returns what it printed.
func (d *desk) ok(in string, args ...string) (out, err string) {
	d.Helper()
	code, out, err := command(d.T, in, append([]string{"--config", d.file}, args...)...)
	if code != exitOK {
		d.Fatalf("%s: exit %d: %s%s", strings.Join(args, " "), code, out, err)
	}

	return out, err
}

// says runs a command that must succeed and print what matches.
func (d *desk) says(want, in string, args ...string) []string {
	d.Helper()
	out, err := d.ok(in, args...)
	found := regexp.MustCompile(want).FindStringSubmatch(out)
	if found == nil {
		d.Errorf("%s prints %q%s, want %q", strings.Join(args, " "), out, err, want)
		found = make([]string, 9)
	}

	return found
}

// fails runs a command that must fail with a message.
func (d *desk) fails(code int, want, in string, args ...string) {
	d.Helper()
	got, out, err := command(d.T, in, append([]string{"--config", d.file}, args...)...)
	if got != code || !strings.Contains(err, want) {
		d.Errorf("%s: exit %d: %s%s, want %d with %q", strings.Join(args, " "), got, out, err, code, want)
	}
}

// What is wrong on the command line is told before a database is asked.
func TestEvidenceCommandsRefuseMistakes(t *testing.T) {
	t.Parallel()
	d := &desk{t, write(t, "trunkline.yaml", "database: {url: \"postgres://nobody@127.0.0.1:1/none\"}\n")}
	const number = `"2125550123" is no telephone number: write it with its country code, as +12125550123`
	for want, args := range map[string][]string{
		number:                             {"dnc", "add", "2125550123"},
		"is no telephone number":           {"dnc", "lift", "+0125550123", "--consent", uuid.NewString()},
		`"+1" is no`:                       {"consent", "show", "+1"},
		`"+1212555012x" is no`:             {"decide", "+1212555012x"},
		`"sip:a@b" is no`:                  {"subject", "erase", "sip:a@b"},
		`"12125550123" is no`:              {"subject", "export", "12125550123"},
		`"+12125550123456789" is no`:       {"reassigned", "add", "+12125550123456789", "--answer", "no", "--since", "2026-01-01T00:00:00Z"},
		`"x" is no`:                        {"caller-id", "add", "x", "--seller", "s", "--proof", "p"},
		`--list "martian" is not known`:    {"dnc", "import", "--list", "martian", "-"},
		"--scope seller needs --seller":    {"dnc", "add", "+12125550123", "--scope", "seller"},
		"--scope campaign needs":           {"dnc", "add", "+12125550123", "--scope", "campaign"},
		"--scope must be one of":           {"dnc", "add", "+12125550123", "--scope", "world"},
		"--answer must be one of":          {"reassigned", "add", "+12125550123", "--answer", "maybe", "--since", "2026-01-01T00:00:00Z"},
		"missing flags: --since":           {"reassigned", "add", "+12125550123", "--answer", "no"},
		"missing flags: --proof":           {"caller-id", "add", "+12125550123", "--seller", "s"},
		"missing flags: --consent":         {"dnc", "lift", "+12125550123"},
		`<id>: "seven" is no id`:           {"consent", "revoke", "seven"},
		`--since: "May" is no time`:        {"reassigned", "add", "+12125550123", "--answer", "no", "--since", "May"},
		"see trunkline consent --help":     {"consent"},
		"see trunkline dnc add --help":     {"dnc", "add"},
		"give a number or --call":          {"subject", "hold", "--matter", "Doe v. Acme"},
		`--kind "chores" is not known`:     {"retention", "jobs", "--kind", "chores"},
		"--most must be at least 1":        {"retention", "jobs", "--most", "0"},
		"must be one of":                   {"retention", "ask", "erasure"},
		"expected a valid 64 bit int":      {"retention", "retry", "seven"},
		"--key":                            {"audit", "verify", "-", "--key", "short"},
		`--at "tomorrow" is not a day`:     {"rules", "--at", "tomorrow"},
		"expected \"<file>\"":              {"consent", "import"},
		"unexpected argument +12125550123": {"audit", "recheck", "+12125550123"},
		"unknown flag --everything":        {"dnc", "import", "--list", "national", "--everything", "-"},
		"missing flags: --matter":          {"subject", "hold", "+12125550123"},
		`expected "<hold>"`:                {"subject", "free"},
		"expected \"<number>\"":            {"decide"},
		"missing flags: --list":            {"dnc", "import", "-"},
	} {
		d.fails(exitUsage, want, "", args...)
	}
	for want, args := range map[string][]string{
		"/no/such.csv":     {"dnc", "import", "--list", "national", "/no/such.csv"},
		"/no/such.jsonl":   {"consent", "import", "/no/such.jsonl"},
		"/no/such/rejects": {"consent", "import", "--rejects", "/no/such/rejects", "-"},
		"the database is":  {"retention", "jobs"},
		"- is broken":      {"audit", "verify", "-"},
	} {
		d.fails(exitFailed, want, "", args...)
	}
}

func TestDoNotCallCommands(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "")
	left := filepath.Join(t.TempDir(), "rejects")
	out, progress := d.ok("2125550123\nnobody\n\n2125550124\n12\n", "dnc", "import", "--list", "national", "--account", "SAN-1", "--rejects", left, "-")
	if !strings.Contains(out, "national: 2 numbers in ") || !strings.Contains(out, "2 lines rejected; version ") || progress != "" {
		t.Errorf("%s%s", out, progress)
	}
	if text, err := os.ReadFile(left); err != nil || string(text) != "2\tit is no telephone number\n5\tit is no telephone number\n" {
		t.Errorf("rejects: %q, %v", text, err)
	}
	// Without a file for them the first are shown; a list of many tells how far
	// it is.
	var many strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&many, "21255%05d\n", i)
	}
	many.WriteString(strings.Repeat("nobody\n", shownRejects+5))
	code, out, progress := command(t, many.String(), "--config", d.file, "dnc", "import", "--list", "state:TX", "-")
	if code != exitFailed || !strings.Contains(progress, fmt.Sprintf("%d lines were left out", shownRejects+5)) ||
		!strings.Contains(out, "state:TX: 100000 numbers") || !strings.Contains(out, fmt.Sprintf("%d lines rejected", shownRejects+5)) ||
		!strings.Contains(progress, "\r100000 numbers read") || strings.Count(progress, "it is no telephone number") != shownRejects {
		t.Errorf("%s%s", out, progress)
	}
	d.fails(exitFailed, "as in state:TX", "2125550123\n", "dnc", "import", "--list", "state", "-")
	d.fails(exitFailed, "", "nobody\n", "dnc", "import", "--list", "national", "-")

	d.says(`\+12125550123 is never called again \(suppression [0-9a-f-]{36}\)`, "", "dnc", "add", "+12125550123", "--cause", "complaint")
	d.says("^recorded: whether .* since 2026-01-31 was answered no\n$", "", "reassigned", "add", "+12125550123", "--answer", "no", "--since", "2026-01-31")
	d.fails(exitFailed, "consent", "", "dnc", "lift", "+12125550123", "--consent", uuid.NewString())
	consent := uuid.NewString()
	d.says(`^1 consents recorded, 0 lines rejected\n$`, d.consent(consent, time.Now()), "consent", "import", "-")
	d.says(`^1 suppressions ended\n$`, "", "dnc", "lift", "+12125550123", "--consent", consent)
}

// consent is a line of a file of them.
func (d *desk) consent(id string, captured time.Time) string {
	d.Helper()
	line, err := json.Marshal(map[string]any{
		"consent_id": id, "e164": "+12125550123", "name": "Ann Doe", "seller": "acme-inc", "level": "pewc", "purposes": []string{"telemarketing"},
		"artificial_voice": true, "not_condition": true, "disclosure_text": "By signing you agree.", "signature_value": "on",
		"captured_at": captured.Format(time.RFC3339Nano),
	})
	if err != nil {
		d.Fatal(err)
	}

	return string(line) + "\n"
}

func TestConsentCommands(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "")
	id, left := uuid.NewString(), filepath.Join(t.TempDir(), "rejects")
	lines := d.consent(id, time.Now().Add(-time.Hour)) + "{\"e164\": \"12\"}\nno JSON\n"
	d.says(`^1 consents recorded, 2 lines rejected\n$`, lines, "consent", "import", "--rejects", left, "-")
	// What docs/compliance-officer.md shows.
	shown := newDesk(t, "")
	shown.says(`^1 consents recorded, 0 lines rejected\n$`, "", "consent", "import", filepath.Join("..", "..", "testdata", "config", "consents.jsonl"))
	d.fails(exitFailed, "2 lines were left out", lines, "consent", "import", "-")
	d.fails(exitFailed, "1 lines were left out", "no JSON\n", "consent", "import", "--rejects", left+"2", "-")
	if _, err := d.ok("", "consent", "show", "+12125550199"); err != "there is no consent of +12125550199\n" {
		t.Errorf("shows %q", err)
	}
	if text, err := os.ReadFile(left); err != nil || !strings.HasPrefix(string(text), "2\te164: want a number such as +12125550123\n3\t") {
		t.Errorf("rejects: %q, %v", text, err)
	}
	file := filepath.Join(t.TempDir(), "consents.jsonl")
	d.ok("", "consent", "export", "-o", file)
	d.fails(exitFailed, "file exists", "", "consent", "export", "-o", file)
	text, err := os.ReadFile(file)
	var got evidence.Consent
	if err == nil {
		err = json.Unmarshal(text, &got)
	}
	if err != nil || got.ID.String() != id || got.Number != "+12125550123" || got.Name != "Ann Doe" {
		t.Errorf("exported: %s, %v", text, err)
	}
	d.says(`"consent_id":"`+id, "", "consent", "show", "+12125550123")
	if out, _ := d.ok("", "consent", "show", "+12125550199"); out != "" {
		t.Errorf("of somebody else: %s", out)
	}
	d.fails(exitFailed, "there is no consent with this id", "", "consent", "revoke", uuid.NewString())
	d.ok("", "consent", "revoke", id, "--method", "letter")
	d.says(`"revoked_at":"2`, "", "consent", "show", "+12125550123")
}

func TestDecideCommand(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "compliance: {clock: trusted}\n")
	d.ok("", "caller-id", "add", "+12125550199", "--seller", "acme-inc", "--proof", "loa-1", "--answered")
	d.ok("", "reassigned", "add", "+12125550123", "--answer", "no", "--since", "2026-01-01T00:00:00Z")
	args := []string{"--config", d.file, "decide", "+12125550123", "--purpose", "telemarketing", "--from", "+12125550199", "--seller", "acme-inc", "--at", "2026-11-20T16:00:00Z"}
	code, out, stderr := command(t, "", args...)
	if code != exitFailed || !strings.Contains(stderr, "the call is not allowed") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	for _, want := range []string{"deny", "us-hours", "pass", "judged as telemarketing to a wireless line in [US-NY], zones [America/New_York]"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	if code, recorded, _ := command(t, "", append(args, "--record")...); code != exitFailed || recorded == "" {
		t.Errorf("recorded: exit %d: %s", code, recorded)
	}
	// What was done and decided is in the chain, which can be checked where it is
	// and in an export.
	key := write(t, "audit.key", strings.Repeat("A", 43)+"=\n")
	t.Run("audit", func(t *testing.T) {
		t.Parallel()
		whole := d.says(`the chain of tenant default is whole: (\d+) entries, head ([0-9a-f]{64})`, "", "audit", "recheck")
		none := filepath.Join(t.TempDir(), "none")
		d.fails(exitFailed, "there is no key that signs exports", "", "audit", "export", none)
		if _, err := os.Stat(none); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("it leaves an empty file: %v", err)
		}
		signed := write(t, "signed.yaml", strings.Replace(read(t, d.file), "clock: trusted", "clock: trusted, audit_key_file: "+key, 1))
		file := filepath.Join(t.TempDir(), "evidence.jsonl")
		export := &desk{t, signed}
		_, told := export.ok("", "audit", "export", file)
		public := regexp.MustCompile(`signed by (\S+)`).FindStringSubmatch(told)
		if public == nil {
			t.Fatal(told)
		}
		good := export.says(`is whole: made at .*\n.*tenant default: (\d+) entries`, "", "audit", "verify", file, "--key", public[1])
		if good[1] != whole[1] && good[1] < whole[1] {
			t.Errorf("%s entries of %s", good[1], whole[1])
		}
		export.says(`1 decision\n`, "", "audit", "verify", file)
		export.fails(exitFailed, "is broken", strings.Replace(read(t, file), "acme-inc", "acme-ltd", 1), "audit", "verify", "-")
	})
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}

	return string(text)
}

func TestSubjectCommands(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "")
	d.ok("", "dnc", "add", "+12125550123", "--cause", "complaint")
	out := filepath.Join(t.TempDir(), "subject.jsonl")
	d.ok("", "subject", "export", "+12125550123", "-o", out)
	if text := read(t, out); !strings.Contains(text, `{"suppression":`) || !strings.Contains(text, "complaint") {
		t.Errorf("exported: %s", text)
	}
	hold := d.says(`^held; release it with: trunkline subject free ([0-9a-f-]{36})\n$`, "", "subject", "hold", "+12125550123", "--matter", "Doe v. Acme")[1]
	d.says(`^would remove 0 turns, 0 events, the numbers of 0 calls, 0 callbacks and 0 recordings; legal holds keep 0 calls\n$`,
		"", "subject", "erase", "+12125550123", "--dry-run")
	d.says(`^removed 0 turns`, "", "subject", "erase", "+12125550123")
	d.ok("", "subject", "free", hold)
	d.says(`"suppression"`, "", "subject", "export", "+12125550123") // it outlives the erasure
}

func TestRetentionCommands(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "compliance: {retention: {transcripts: 24h}}\n")
	d.says(`^would remove 0 turns, .* legal holds keep 0 calls\n$`, "", "retention", "run", "--dry-run")
	d.says(`^removed 0 turns, `, "", "retention", "run")
	id := d.says(`^job (\d+), recheck, is available; follow it with: trunkline retention jobs\n$`, "", "retention", "ask", "recheck")[1]
	d.says(`^job `+id+`, `, "", "retention", "ask", "recheck") // the same one
	d.says(`JOB +KIND +STATE +TRIES[^\n]*\n`+id+` +recheck +available +0 of 3 `, "", "retention", "jobs")
	text, _ := d.ok("", "retention", "jobs", "--kind", "recheck", "--json")
	var all []jobs.Job
	if err := json.Unmarshal([]byte(text), &all); err != nil || len(all) != 1 || all[0].Kind != "recheck" || all[0].State != "available" {
		t.Errorf("%s, %v", text, err)
	}
	if out, _ := d.ok("", "retention", "jobs", "--kind", "purge"); strings.Count(out, "\n") != 1 {
		t.Errorf("others: %s", out)
	}
	d.says(`^job `+id+`, recheck, is `, "", "retention", "retry", id)
	d.fails(exitFailed, "there is no such job", "", "retention", "retry", "999999")
}
