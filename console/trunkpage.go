package console

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// trunkView is a trunk as its page shows it.
type trunkView struct {
	Name    string
	Facts   []fact
	Targets []targetView
	Calls   []directionView
	Delays  []delayView // empty: no call out was heard of yet
}

type targetView struct {
	URI, State, Answer, Doubt string
	Since                     *time.Time
}

type directionView struct {
	Name, Attempts, Answers, Ratio string
	Failures                       []fact // by class, the most frequent first
}

// delayView is how many calls out were heard of within a time.
type delayView struct{ Within, Calls, Share string }

// pageTrunks is how the trunks do.
func (s *console) pageTrunks(w http.ResponseWriter, _ *http.Request) error {
	if s.Trunks == nil {
		return errPath
	}
	var view struct {
		Trunks []trunkView
		At     time.Time
	}
	view.At = time.Now()
	for _, t := range s.Trunks() {
		view.Trunks = append(view.Trunks, viewTrunk(&t, view.At))
	}
	return s.writePage(w, http.StatusOK, "trunks.html", view)
}

func viewTrunk(t *Trunk, now time.Time) trunkView {
	v := trunkView{Name: t.Name}
	limit := "no limit of its own"
	if t.MaxCalls > 0 {
		limit = fmt.Sprintf("of %d at once", t.MaxCalls)
	}
	v.Facts = []fact{{"Calls now", fmt.Sprint(t.Calls), limit}}
	if r := t.Registration; r != nil {
		v.Facts = append(v.Facts, fact{"Registration", r.State, registrationNote(r, now)})
	}
	v.Facts = append(v.Facts, fact{"Calls out answered", ratio(t.Outbound.Answers, t.Outbound.Attempts), "answer-seizure ratio"})
	if d := &t.PostDial; d.Calls > 0 {
		v.Facts = append(v.Facts, fact{"Post-dial delay", took(d.MeanMS), "mean, from our INVITE to the first sign of the callee"})
	}
	for i := range t.Targets {
		v.Targets = append(v.Targets, viewTarget(&t.Targets[i]))
	}
	v.Calls = []directionView{viewCalls("in", &t.Inbound), viewCalls("out", &t.Outbound)}
	for _, u := range t.PostDial.Within {
		v.Delays = append(v.Delays, delayView{took(u.MS), fmt.Sprint(u.Calls), ratio(u.Calls, t.PostDial.Calls)})
	}
	return v
}

func registrationNote(r *Registration, now time.Time) string {
	var parts []string
	if r.Status > 0 {
		parts = append(parts, fmt.Sprintf("last answer %d", r.Status))
	}
	switch {
	case r.Until == nil:
	case r.Until.After(now):
		parts = append(parts, "binding ends in "+lasting(r.Until.Sub(now)))
	default:
		parts = append(parts, "binding ended")
	}
	return strings.Join(parts, ", ")
}

func viewTarget(t *TrunkTarget) targetView {
	v := targetView{URI: t.URI, State: t.State, Since: t.Since, Answer: "none", Doubt: "none"}
	switch {
	case t.DoubtOf == 0:
		v.State, v.Answer, v.Doubt = "not asked", "–", "–"
	case t.Status > 0:
		v.Answer = fmt.Sprintf("%d after %s", t.Status, took(t.TookMS))
	}
	if t.Doubt > 0 {
		outcomes, becomes := "failures", "down"
		if t.State == "down" {
			outcomes, becomes = "successes", "up"
		}
		v.Doubt = fmt.Sprintf("%d of the %d %s in a row that make it %s", t.Doubt, t.DoubtOf, outcomes, becomes)
	}
	return v
}

func viewCalls(direction string, c *TrunkCalls) directionView {
	v := directionView{Name: direction, Attempts: fmt.Sprint(c.Attempts), Answers: fmt.Sprint(c.Answers), Ratio: ratio(c.Answers, c.Attempts)}
	classes := slices.SortedFunc(maps.Keys(c.Failures), func(a, b string) int {
		return cmp.Or(cmp.Compare(c.Failures[b], c.Failures[a]), cmp.Compare(a, b))
	})
	for _, class := range classes {
		v.Failures = append(v.Failures, fact{words(class), fmt.Sprint(c.Failures[class]), ""})
	}
	return v
}

// ratio is a share of calls in per cent.
func ratio(part, whole uint64) string {
	if whole == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f %%", 100*float64(part)/float64(whole))
}

// took writes a number of milliseconds as people read it.
func took(ms float64) string {
	if ms >= 1000 {
		return fmt.Sprintf("%.3g s", ms/1000)
	}
	return fmt.Sprintf("%.0f ms", ms)
}
