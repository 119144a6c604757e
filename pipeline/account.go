package pipeline

import (
	"slices"
	"sync"
)

// Charge is what one provider cost in one stage of a call.
type Charge struct {
	Stage    Stage
	Provider string
	Cost     Money
}

// account sums what the providers of a call cost.
type account struct {
	mu    sync.Mutex
	all   []Charge
	total Money
}

// add takes a cost, and reports whether the total reached the budget by it.
func (a *account) add(n *News, budget Money) (spent bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i := slices.IndexFunc(a.all, func(c Charge) bool { return c.Stage == n.Stage && c.Provider == n.Provider })
	if i < 0 {
		i = len(a.all)
		a.all = append(a.all, Charge{Stage: n.Stage, Provider: n.Provider})
	}
	a.all[i].Cost += n.Cost
	before := a.total
	a.total += n.Cost

	return budget > 0 && before < budget && a.total >= budget
}

func (a *account) charges() []Charge {
	a.mu.Lock()
	defer a.mu.Unlock()

	return slices.Clone(a.all)
}
