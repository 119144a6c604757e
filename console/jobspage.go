package console

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"trunkline/jobs"
)

// standingView is how the jobs of a kind do, as their page shows it.
type standingView struct {
	Kind, Does     string
	Every          string
	State          string // "due", "fine", "failing" or "idle", which colours it
	Told           string // the state in words
	Last, Done     *time.Time
	Node           string
	Took           string
	Runs, Failures string
	Waiting        string
	Next           *time.Time
	Progress       []fact
	Failure        string
}

// jobView is one job as the page shows it.
type jobView struct {
	jobs.Job

	Tries string
	When  *time.Time
	Shown []fact
}

// does says what the jobs of a kind are for.
var does = map[string]string{
	"retention": "removes what is not kept any longer",
	"erasure":   "erases what is kept of a person",
	"purge":     "destroys recordings on the node that has them",
	"recheck":   "checks the chain of the evidence",
}

// jobsShown bounds the jobs on the page.
const jobsShown = 30

// pageJobs is how the jobs do.
func (s *console) pageJobs(w http.ResponseWriter, r *http.Request) error {
	if s.Jobs == nil {
		return errPath
	}
	var view struct {
		At        time.Time
		Standings []standingView
		Jobs      []jobView
	}
	view.At = time.Now()
	standings, err := s.Jobs.Standings(r.Context())
	if err != nil {
		return err
	}
	for i := range standings {
		view.Standings = append(view.Standings, viewStanding(&standings[i], view.At))
	}
	all, err := s.Jobs.List(r.Context(), "", jobsShown)
	if err != nil {
		return err
	}
	for _, j := range all {
		v := jobView{Job: j, Tries: fmt.Sprintf("%d of %d", j.Attempt, j.Attempts), Shown: progressFacts(j.Progress), When: instant(j.NextAt)}
		if !j.EndedAt.IsZero() {
			v.When = instant(j.EndedAt)
		}
		view.Jobs = append(view.Jobs, v)
	}
	return s.writePage(w, http.StatusOK, "jobs.html", view)
}

func viewStanding(s *jobs.Standing, now time.Time) standingView {
	v := standingView{
		Kind: s.Kind, Does: does[s.Kind], Every: "when asked for", Last: instant(s.EndedAt), Done: instant(s.DoneAt), Next: instant(s.NextAt), Node: s.Node,
		Runs: fmt.Sprint(s.Runs), Failures: fmt.Sprint(s.Failures), Waiting: fmt.Sprint(s.Waiting), Progress: progressFacts(s.Progress), Failure: s.Failure,
	}
	if s.Every > 0 {
		v.Every = s.Every.String()
		if v.Next == nil && v.Last != nil {
			v.Next = instant(s.BeganAt.Add(s.Every))
		}
	}
	if !s.EndedAt.IsZero() {
		v.Took = milliseconds(s.EndedAt.Sub(s.BeganAt))
	}
	switch {
	case s.Overdue(now):
		v.State, v.Told = "due", "has not succeeded for two periods"
	case s.Failure != "":
		v.State, v.Told = "failing", "the latest attempt failed"
	case s.EndedAt.IsZero():
		v.State, v.Told = "idle", "has not run yet"
	default:
		v.State, v.Told = "fine", "the latest attempt succeeded"
	}
	return v
}

// instant is t for a page; nil when it is not known.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// progressFacts are the counts of what a job showed, those of its dry run
// before it first.
func progressFacts(shown json.RawMessage) []fact {
	if len(shown) == 0 {
		return nil
	}
	var tree map[string]any
	if json.Unmarshal(shown, &tree) != nil {
		return []fact{{"shown", string(shown), ""}}
	}
	var out []fact
	var walk func(prefix string, of map[string]any)
	walk = func(prefix string, of map[string]any) {
		names := slices.SortedFunc(maps.Keys(of), func(a, b string) int {
			return cmp.Or(-cmp.Compare(strings.Count(a, "would"), strings.Count(b, "would")), cmp.Compare(a, b))
		})
		for _, name := range names {
			switch value := of[name].(type) {
			case map[string]any:
				walk(prefix+words(name)+": ", value)
			case float64:
				out = append(out, fact{prefix + words(name), fmt.Sprintf("%.0f", value), ""})
			case []any, nil: // names of nodes
			default:
				out = append(out, fact{prefix + words(name), fmt.Sprint(value), ""})
			}
		}
	}
	walk("", tree)
	return out
}
