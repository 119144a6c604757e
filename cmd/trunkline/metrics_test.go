package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"trunkline/call"
	"trunkline/engine"
	"trunkline/jobs"
	"trunkline/trace"
	"trunkline/twilio"
	"trunkline/twilio/rest"
)

var update = flag.Bool("update", false, "rewrite docs/metrics.md")

// described reads what a metric's description says of itself.
var described = regexp.MustCompile(`^Desc\{fqName: ("(?:[^"\\]|\\.)*"), help: ("(?:[^"\\]|\\.)*"), .*variableLabels: \{(.*)\}\}$`)

// TestEveryMetricIsDocumented compares docs/metrics.md with the registry.
func TestEveryMetricIsDocumented(t *testing.T) {
	t.Parallel()
	g := &gateway{registry: prometheus.NewRegistry()}
	if _, err := call.NewMetrics(g.registry); err != nil {
		t.Fatal(err)
	}
	if _, err := engine.NewMetrics(g.registry); err != nil {
		t.Fatal(err)
	}
	if err := registerTraces(g.registry, func() trace.Stats { return trace.Stats{} }); err != nil {
		t.Fatal(err)
	}
	if _, err := rest.NewMetrics(g.registry); err != nil {
		t.Fatal(err)
	}
	door, err := twilio.New(twilio.Config{PublicURL: "https://voice.example.com"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.registry.Register(door); err != nil {
		t.Fatal(err)
	}
	if err := g.registry.Register(jobs.NewMetrics(nil)); err != nil { // Describe asks nobody
		t.Fatal(err)
	}
	if err := registerCollectors(g); err != nil {
		t.Fatal(err)
	}
	descs := make(chan *prometheus.Desc)
	go func() {
		defer close(descs)
		g.registry.Describe(descs)
	}()
	var rows []string
	for d := range descs {
		m := described.FindStringSubmatch(d.String())
		if m == nil {
			t.Fatalf("%s is not understood", d)
		}
		name, _ := strconv.Unquote(m[1])
		help, _ := strconv.Unquote(m[2])
		if !strings.HasPrefix(name, "trunkline_") {
			continue // the runtime's and the process's own
		}
		for _, private := range []string{"call", "number", "caller"} {
			if slices.Contains(strings.Split(m[3], ","), private) {
				t.Errorf("%s has the label %s", name, private)
			}
		}
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s |", name, strings.ReplaceAll(m[3], ",", ", "), help))
	}
	slices.Sort(rows)
	path := filepath.Join("..", "..", "docs", "metrics.md")
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const head = "| metric | labels | meaning |\n|---|---|---|\n"
	before, table, found := strings.Cut(string(src), head)
	if !found {
		t.Fatalf("%s has no table", path)
	}
	want := strings.Join(rows, "\n") + "\n"
	if *update {
		if err := os.WriteFile(path, []byte(before+head+want), 0o600); err != nil {
			t.Fatal(err)
		}

		return
	}
	if d := cmp.Diff(want, table); d != "" {
		t.Errorf("docs/metrics.md is not what is registered; run this test with -update (-want +got):\n%s", d)
	}
}
