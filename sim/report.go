package sim

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"trunkline/softphone"
)

// Report is what came of the scenarios.
type Report struct {
	Mode    Mode          `json:"mode"`
	Seed    uint64        `json:"seed"`
	Took    time.Duration `json:"took_ns"`
	Results []*Result     `json:"scenarios"`
}

// Result is what came of one scenario.
type Result struct {
	Scenario *Scenario `json:"-"`
	Name     string    `json:"name"`
	File     string    `json:"file"`
	About    string    `json:"about,omitempty"`
	Skipped  string    `json:"skipped,omitempty"` // why it was not run
	Need     int       `json:"need"`              // runs that must pass
	Passed   int       `json:"passed"`
	OK       bool      `json:"ok"`

	Response softphone.Summary `json:"response"` // from the caller's last sound to the agent's first
	Yield    softphone.Summary `json:"yield"`    // from an interruption's first sound to the agent's last
	Runs     []Trial           `json:"runs,omitempty"`

	done int
}

// Trial is one call.
type Trial struct {
	Seed      uint64          `json:"seed"`
	Failures  []Failure       `json:"failures,omitempty"`
	Latencies []time.Duration `json:"latencies_ns,omitempty"`
	Yields    []time.Duration `json:"yields_ns,omitempty"`
	Trace     *Trace          `json:"trace,omitempty"`
}

// sum adds up the runs.
func (r *Result) sum() {
	var responses, yields []time.Duration
	for i := range r.Runs {
		if len(r.Runs[i].Failures) == 0 {
			r.Passed++
		}
		responses = append(responses, r.Runs[i].Latencies...)
		yields = append(yields, r.Runs[i].Yields...)
	}
	r.OK = r.Passed >= r.Need
	r.Response, r.Yield = softphone.Summarise(responses), softphone.Summarise(yields)
}

// OK reports whether every scenario that was run passed.
func (r *Report) OK() bool {
	return !slices.ContainsFunc(r.Results, func(s *Result) bool { return s.Skipped == "" && !s.OK })
}

// verdict is the result in a word.
func (r *Result) verdict() string {
	switch {
	case r.Skipped != "":
		return "skipped"
	case r.OK:
		return "pass"
	default:
		return "FAIL"
	}
}

// Line is the result in a line.
func (r *Result) Line() string {
	return fmt.Sprintf("%s: %s (%d of %d runs)", r.Name, r.verdict(), r.Passed, len(r.Runs))
}

// WriteText prints the report: the failures with their timelines, and a
// table.
func (r *Report) WriteText(w io.Writer) error {
	for _, s := range r.Results {
		if s.Skipped == "" && !s.OK {
			s.writeFailure(w)
		}
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "scenario\tresult\truns\treplies\tp50 ms\tp95 ms\tinterruptions\tyield p95 ms")
	var ran, failed int
	for _, s := range r.Results {
		if s.Skipped != "" {
			fmt.Fprintf(table, "%s\tskipped\t\t\t\t\t\t%s\n", s.Name, s.Skipped)

			continue
		}
		ran++
		if !s.OK {
			failed++
		}
		fmt.Fprintf(table, "%s\t%s\t%d/%d\t%d\t%s\t%s\t%d\t%s\n", s.Name, s.verdict(), s.Passed, len(s.Runs),
			s.Response.Count, figure(&s.Response, s.Response.P50MS), figure(&s.Response, s.Response.P95MS),
			s.Yield.Count, figure(&s.Yield, s.Yield.P95MS))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s mode: %d of %d scenarios passed in %v (seed %d)\n",
		r.Mode, ran-failed, ran, r.Took.Round(100*time.Millisecond), r.Seed)

	return err
}

func figure(s *softphone.Summary, ms float64) string {
	if s.Count == 0 {
		return "–"
	}

	return strconv.FormatFloat(ms, 'f', 0, 64)
}

// writeFailure prints the first run that failed.
func (r *Result) writeFailure(w io.Writer) {
	fmt.Fprintf(w, "%s failed: %d of %d runs passed, want %d (%s)\n", r.Name, r.Passed, len(r.Runs), r.Need, r.File)
	for i := range r.Runs {
		run := &r.Runs[i]
		if len(run.Failures) == 0 {
			continue
		}
		fmt.Fprint(w, indent(r.explain(run)))

		break
	}
	fmt.Fprintln(w)
}

// explain is a failed run in lines.
func (r *Result) explain(run *Trial) string {
	var b strings.Builder
	fmt.Fprintf(&b, "run with seed %d:\n", run.Seed)
	for _, f := range run.Failures {
		fmt.Fprintf(&b, "✗ %s: %s\n", f.Where, f.What)
	}
	if run.Trace != nil {
		for _, e := range run.Trace.Timeline(r.Scenario) {
			fmt.Fprintf(&b, "%7.2f s  %s\n", e.At.Seconds(), e.What)
		}
	}

	return b.String()
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n  ") + "\n"
}

// WriteJSON writes the whole report, with the trace of every run.
func (r *Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")

	return enc.Encode(r)
}

// The JUnit XML that build servers read: one suite, a case for each scenario.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		File    string        `xml:"file,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitFailure `xml:"failure,omitempty"`
		Skipped *junitSkipped `xml:"skipped,omitempty"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
	junitSkipped struct {
		Message string `xml:"message,attr"`
	}
)

// WriteJUnit writes the report as JUnit XML.
func (r *Report) WriteJUnit(w io.Writer) error {
	suite := junitSuite{Name: "trunkline sim " + string(r.Mode), Tests: len(r.Results), Time: seconds(r.Took)}
	for _, s := range r.Results {
		c := junitCase{Name: s.Name, Class: "sim." + string(r.Mode), File: s.File, Time: seconds(s.length())}
		switch {
		case s.Skipped != "":
			suite.Skipped++
			c.Skipped = &junitSkipped{Message: s.Skipped}
		case !s.OK:
			suite.Failures++
			c.Failure = s.junitFailure()
		}
		suite.Cases = append(suite.Cases, c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(junitSuites{Suites: []junitSuite{suite}}); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")

	return err
}

func (r *Result) junitFailure() *junitFailure {
	f := &junitFailure{Message: fmt.Sprintf("%d of %d runs passed, want %d", r.Passed, len(r.Runs), r.Need)}
	for i := range r.Runs {
		if run := &r.Runs[i]; len(run.Failures) > 0 {
			f.Text += r.explain(run)
		}
	}

	return f
}

// length is how long the scenario's calls lasted together.
func (r *Result) length() time.Duration {
	var all time.Duration
	for i := range r.Runs {
		if t := r.Runs[i].Trace; t != nil {
			all += t.Length
		}
	}

	return all
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) }
