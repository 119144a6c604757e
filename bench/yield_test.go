//go:build offline

package bench

import (
	"flag"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/pipeline"
)

var everySound = flag.Bool("every-sound", false, "make all sounds of yield, not one in eight")

// TestYield makes the sounds of yield in virtual time, in which the engine's
// computing takes none: what is judged does not depend on the machine.
func TestYield(t *testing.T) {
	t.Parallel()
	b := &bench{dir: t.TempDir()}
	set, err := soundings(t.Context(), yieldVoices, 1)
	if err != nil {
		t.Fatal(err)
	}
	if !*everySound {
		set = set[:len(set)/8]
	}
	lines, err := b.monologue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	phrases, err := receptionPhrases()
	if err != nil {
		t.Fatal(err)
	}
	// Other tests run at the same time: each sound takes a decoder.
	offline, err := b.recogniser(t.Context(), phrases, len(set))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = offline.Close() }) // nothing was written

	declaredOnes, offlineOnes := make(yields, len(set)), make(yields, len(set))
	t.Run("calls", func(t *testing.T) {
		for i := range set {
			t.Run(strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				for into, r := range map[*yielded]pipeline.Recognizer{&declaredOnes[i]: declaredFor(&set[i]), &offlineOnes[i]: offline} {
					synctest.Test(t, func(t *testing.T) {
						var err error
						if *into, err = makeSound(t.Context(), &set[i], r, lines, staggered(i)); err != nil {
							t.Error(err)
						}
					})
				}
			})
		}
	})

	var out strings.Builder
	table := newTable(yieldColumns...)
	for _, class := range soundClasses {
		table.row(declaredOnes.row("declared", class)...)
	}
	for _, class := range soundClasses {
		table.row(offlineOnes.row("offline", class)...)
	}
	table.write(&out)
	printNotes(&out, append(declaredOnes.wrong("declared"), offlineOnes.wrong("offline")...))
	t.Logf("\n%s", out.String())
	for _, tt := range []struct {
		name, class string
		all         yields
		right       float64 // at least: few sounds are made, and the voices never say one twice alike
	}{
		{"declared", interrupting, declaredOnes, 0.95},
		{"declared", agreeing, declaredOnes, 0.95},
		{"declared", coughing, declaredOnes, 0.85},
		{"offline", interrupting, offlineOnes, 0.75},
		{"offline", agreeing, offlineOnes, 0.75},
		{"offline", coughing, offlineOnes, 0.85},
		{"offline", clattering, offlineOnes, 0.9},
		{"offline", echoing, offlineOnes, 1},
	} {
		n, right := 0.0, 0.0
		var silent sample
		for i := range tt.all {
			if y := &tt.all[i]; y.class == tt.class {
				n++
				if y.right() {
					right++
				}
				silent = append(silent, y.silent)
			}
		}
		if right < tt.right*n {
			t.Errorf("%s, %s: %v of %v are right", tt.name, tt.class, right, n)
		}
		if late, _ := silent.quantile(0.95); (tt.class == interrupting || tt.class == agreeing) && late > 120*time.Millisecond {
			t.Errorf("%s, %s: silent after %v", tt.name, tt.class, late)
		}
	}
}
