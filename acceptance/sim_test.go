package acceptance

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestSimulationOverABadLine plays callers over real SIP legs that lose
// packets and return the agent's voice. Recognition is not what is tried: the
// agent hears the callers' words as they were said. These calls take real time,
// and a machine that is busy for a moment spoils one: a scenario that fails is
// played again, alone with others that failed, twice at most.
func TestSimulationOverABadLine(t *testing.T) {
	t.Parallel()
	left := []string{"bad-line-interruption", "bad-line-backchannel", "bad-line-digits", "double-talk", "mid-sentence-pause"}
	for range 3 {
		var story string
		if left, story = playOverSIP(t, left); len(left) == 0 {
			return
		}
		t.Logf("failed: %v\n%s", left, story)
	}
	t.Errorf("%v failed three times", left)
}

// playOverSIP returns the scenarios that failed, and what the command printed.
// Its exit code, its table and both its reports must agree about them.
func playOverSIP(t *testing.T, names []string) (failed []string, story string) {
	t.Helper()
	dir := t.TempDir()
	junit, report := filepath.Join(dir, "junit.xml"), filepath.Join(dir, "report.json")
	args := []string{"sim", "--mode", "sip", "--exact", "--seed", "1", "--parallel", "3", "--junit", junit, "--json", report}
	for _, name := range names {
		args = append(args, "../testdata/sim/"+name+".yaml")
	}
	r := command(t, args...)
	var all struct {
		Scenarios []struct {
			Name string `json:"name"`
			OK   bool   `json:"ok"`
		} `json:"scenarios"`
	}
	if err := json.Unmarshal([]byte(read(t, report)), &all); err != nil {
		t.Fatal(err)
	}
	played := []string{}
	for _, s := range all.Scenarios {
		played = append(played, s.Name)
		if !s.OK {
			failed = append(failed, s.Name)
		}
	}
	if !slices.Equal(played, names) {
		t.Fatalf("JSON tells of %v, want %v", played, names)
	}
	var suites struct {
		Suites []struct {
			Tests    int `xml:"tests,attr"`
			Failures int `xml:"failures,attr"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal([]byte(read(t, junit)), &suites); err != nil {
		t.Fatal(err)
	}
	if len(suites.Suites) != 1 || suites.Suites[0].Tests != len(names) || suites.Suites[0].Failures != len(failed) {
		t.Errorf("JUnit has %+v, JSON %d failures", suites, len(failed))
	}
	if (r.code == 0) != (len(failed) == 0) || r.code > 1 {
		t.Errorf("exit %d with %d failures:\n%s", r.code, len(failed), r.stderr)
	}
	if want := fmt.Sprintf("sip mode: %d of %d scenarios passed", len(names)-len(failed), len(names)); !strings.Contains(r.stdout, want) {
		t.Errorf("no %q in:\n%s", want, r.stdout)
	}

	return failed, r.stdout
}

// TestSimulationTellsByItsExitCode: 1 for an agent that does otherwise, with
// the run's story, and 2 for a file that is wrong, with the place.
func TestSimulationTellsByItsExitCode(t *testing.T) {
	t.Parallel()
	write := func(src string) string {
		file := filepath.Join(t.TempDir(), "talk.yaml")
		if err := os.WriteFile(file, []byte(src), 0o600); err != nil {
			t.Fatal(err)
		}

		return file
	}
	const agent = "agent: {greeting: Hello., replies: [{say: We are open.}]}\n"
	r := command(t, "sim", write(agent+"steps:\n  - say: are you open\n    expect: {says: closed}\n"))
	if r.code != 1 || !strings.Contains(r.stdout, `the agent was to say "closed"; it said "We are open."`) {
		t.Errorf("exit %d:\n%s%s", r.code, r.stdout, r.stderr)
	}
	file := write(agent + "steps:\n  - sya: are you open\n")
	r = command(t, "sim", file)
	if r.code != 2 || !strings.Contains(r.stderr, "trunkline: "+file+`:3:5: unknown key "sya"`) {
		t.Errorf("exit %d:\n%s", r.code, r.stderr)
	}
}
