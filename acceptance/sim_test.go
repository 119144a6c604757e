package acceptance

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSimulationOverABadLine plays callers over real SIP legs that lose
// packets and return the agent's voice. Recognition is not what is tried: the
// agent hears the callers' words as they were said. A machine that is busy for
// a moment may spoil one call, so that each scenario has a second try.
func TestSimulationOverABadLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	junit, report := filepath.Join(dir, "junit.xml"), filepath.Join(dir, "report.json")
	args := []string{"sim", "--mode", "sip", "--exact", "--seed", "1", "--parallel", "8", "--junit", junit, "--json", report}
	for _, name := range []string{
		"bad-line-interruption", "bad-line-backchannel", "bad-line-digits", "double-talk", "mid-sentence-pause",
	} {
		args = append(args, "../testdata/sim/"+name+".yaml")
	}
	r := command(t, args...)
	if r.code == 1 {
		t.Logf("tried again after:\n%s", r.stdout)
		r = command(t, args...)
	}
	if r.code != 0 || !strings.Contains(r.stdout, "sip mode: 5 of 5 scenarios passed") {
		t.Fatalf("exit %d:\n%s%s", r.code, r.stdout, r.stderr)
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
	if len(suites.Suites) != 1 || suites.Suites[0].Tests != 5 || suites.Suites[0].Failures != 0 {
		t.Errorf("JUnit has %+v", suites)
	}
	var all struct {
		Scenarios []struct {
			Name string `json:"name"`
			OK   bool   `json:"ok"`
		} `json:"scenarios"`
	}
	if err := json.Unmarshal([]byte(read(t, report)), &all); err != nil {
		t.Fatal(err)
	}
	if len(all.Scenarios) != 5 || all.Scenarios[0].Name != "bad-line-interruption" || !all.Scenarios[0].OK {
		t.Errorf("JSON has %+v", all)
	}
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
