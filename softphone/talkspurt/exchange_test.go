package talkspurt

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// at is an instant in ms.
func at(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }

func spurts(ms ...int) []Spurt {
	var out []Spurt
	for i := 0; i < len(ms); i += 2 {
		out = append(out, Spurt{at(ms[i]), at(ms[i+1])})
	}

	return out
}

func TestExchanges(t *testing.T) {
	t.Parallel()
	const gap = 600 * time.Millisecond
	for _, test := range []struct {
		name          string
		caller, agent []Spurt
		want          []Exchange
	}{
		{"nobody", nil, nil, []Exchange{}},
		{"no agent", spurts(1000, 2000), nil, []Exchange{{Caller: Spurt{at(1000), at(2000)}}}},
		{
			"in turn", spurts(1000, 2000, 5000, 6000), spurts(0, 400, 2700, 3000, 3300, 4300, 6500, 7000),
			[]Exchange{
				{Caller: Spurt{at(1000), at(2000)}, Reply: at(2700)},
				{Caller: Spurt{at(5000), at(6000)}, Reply: at(6500)},
			},
		},
		{
			"no reply before the next turn", spurts(1000, 2000, 5000, 6000), spurts(6500, 7000),
			[]Exchange{
				{Caller: Spurt{at(1000), at(2000)}},
				{Caller: Spurt{at(5000), at(6000)}, Reply: at(6500)},
			},
		},
		{
			"interrupts", spurts(1000, 1800), spurts(200, 1120, 2300, 3000),
			[]Exchange{{Caller: Spurt{at(1000), at(1800)}, Reply: at(2300), Interrupted: true, Quiet: at(1120)}},
		},
		{
			"agent pauses, goes on, then gives way", spurts(1000, 1800), spurts(200, 1100, 1400, 1700, 2300, 3000),
			[]Exchange{{Caller: Spurt{at(1000), at(1800)}, Reply: at(2300), Interrupted: true, Quiet: at(1700)}},
		},
		{
			"agent is between two sentences", spurts(1000, 1800), spurts(200, 900, 1100, 1200, 2300, 3000),
			[]Exchange{{Caller: Spurt{at(1000), at(1800)}, Reply: at(2300), Interrupted: true, Quiet: at(1200)}},
		},
		{
			"agent gives way after the caller's turn", spurts(1000, 1200), spurts(200, 1500, 2300, 3000),
			[]Exchange{{Caller: Spurt{at(1000), at(1200)}, Reply: at(2300), Interrupted: true, Quiet: at(1500)}},
		},
		{
			"agent had finished", spurts(1000, 1800), spurts(200, 990, 2300, 3000),
			[]Exchange{{Caller: Spurt{at(1000), at(1800)}, Reply: at(2300)}},
		},
		{
			"agent cuts in", spurts(1000, 1800), spurts(100, 200, 1400, 2000, 4000, 5000),
			[]Exchange{{Caller: Spurt{at(1000), at(1800)}, Reply: at(4000), CutIn: true}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, Exchanges(test.caller, test.agent, gap)); diff != "" {
				t.Errorf("exchanges (-want +got):\n%s", diff)
			}
		})
	}
}

func TestExchangeDurations(t *testing.T) {
	t.Parallel()
	e := Exchanges(spurts(1000, 1800), spurts(200, 1120, 2300, 3000), time.Second)[0]
	if got, ok := e.Response(); !ok || got != 500*time.Millisecond {
		t.Errorf("response = %v, %v", got, ok)
	}
	if got, ok := e.Yield(); !ok || got != 120*time.Millisecond {
		t.Errorf("yield = %v, %v", got, ok)
	}
	e = Exchanges(spurts(1000, 1800), nil, time.Second)[0]
	if _, ok := e.Response(); ok {
		t.Error("a response where there was none")
	}
	if _, ok := e.Yield(); ok {
		t.Error("a yield where there was none")
	}
}

func TestTurns(t *testing.T) {
	t.Parallel()
	const gap = 700 * time.Millisecond
	for _, test := range []struct {
		name                string
		caller, agent, want []Spurt
	}{
		{"none", nil, nil, nil},
		{"a pause", spurts(0, 500, 1100, 1500), nil, spurts(0, 1500)},
		{"three", spurts(0, 500, 1100, 1500, 2000, 2500), nil, spurts(0, 2500)},
		{"a long pause", spurts(0, 500, 1200, 1500), nil, spurts(0, 500, 1200, 1500)},
		{"agent spoke between", spurts(0, 500, 1100, 1500), spurts(800, 2000), spurts(0, 500, 1100, 1500)},
		{"agent was speaking", spurts(0, 500, 1100, 1500), spurts(300, 2000), spurts(0, 1500)},
		{"agent spoke before", spurts(1000, 1500, 2000, 2500), spurts(0, 300, 400, 600), spurts(1000, 2500)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, Turns(test.caller, test.agent, gap)); diff != "" {
				t.Errorf("turns (-want +got):\n%s", diff)
			}
		})
	}
}
