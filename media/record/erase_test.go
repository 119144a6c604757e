package record_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"trunkline/media"
	"trunkline/media/record"
	"trunkline/media/record/seal"
)

// recorded is a recording of so many ticks.
func recorded(t testing.TB, n int, k *seal.Keyring) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "call.wav")
	r, err := record.Create(path, record.Options{Keys: k})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		r.Write(frame(i, 1), frame(i, -1))
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if r.Dropped() > 0 {
		t.Fatalf("%d ticks were dropped", r.Dropped())
	}

	return path
}

// inside says whether a sample is in one of the stretches.
func inside(stretches []record.Stretch, at media.Samples) bool {
	return slices.ContainsFunc(stretches, func(s record.Stretch) bool { return at >= s.From && at < s.To })
}

// checkErased reads a recording: silence in the stretches, and all else as it
// was.
func checkErased(t rapid.TB, a *record.Audio, n int, stretches []record.Stretch) {
	t.Helper()
	if len(a.Samples[0]) != n*media.FrameSamples {
		t.Fatalf("%d samples, want %d", len(a.Samples[0]), n*media.FrameSamples)
	}
	for i := range a.Samples[0] {
		caller, agent := frame(i/media.FrameSamples, 1)[i%media.FrameSamples], frame(i/media.FrameSamples, -1)[i%media.FrameSamples]
		if inside(stretches, media.Samples(i)) {
			caller, agent = 0, 0
		}
		if a.Samples[0][i] != caller || a.Samples[1][i] != agent {
			t.Fatalf("sample %d is %d and %d, want %d and %d", i, a.Samples[0][i], a.Samples[1][i], caller, agent)
		}
	}
}

func TestErase(t *testing.T) {
	t.Parallel()
	second := media.Samples(media.SampleRate)
	for name, stretches := range map[string][]record.Stretch{
		"nothing":               nil,
		"the beginning":         {{0, second}},
		"in a second":           {{100, 200}},
		"over the seconds' end": {{second - 10, second + 10}},
		"two that overlap":      {{10, second}, {second / 2, 2 * second}},
		"to beyond the end":     {{second, 100 * second}},
		"before and after":      {{-5, 0}, {100 * second, 200 * second}, {7, 3}},
		"all":                   {{-second, 100 * second}},
	} {
		for sealed, k := range map[string]*seal.Keyring{"plain": nil, "sealed": keys(t, 1)} {
			t.Run(name+", "+sealed, func(t *testing.T) {
				t.Parallel()
				const ticks = 90
				path := recorded(t, ticks, k)
				for range 2 { // as after a crash
					if err := record.Erase(path, k, stretches); err != nil {
						t.Fatal(err)
					}
					a, complete, err := content(t, path, k)
					if err != nil || complete != nil {
						t.Fatalf("complete %v, error %v", complete, err)
					}
					checkErased(t, a, ticks, stretches)
				}
				if found, err := record.Repair(path, k); err != nil || found.Cut {
					t.Errorf("Repair = %+v, %v", found, err)
				}
				left, err := filepath.Glob(path + "*")
				if want := map[string]int{"plain": 1, "sealed": 2}[sealed]; err != nil || len(left) != want {
					t.Errorf("beside it: %q, %v", left, err)
				}
			})
		}
	}
}

// A copy of a sealed recording that was made before tells nothing afterwards.
func TestErasedCopiesCannotBeRead(t *testing.T) {
	t.Parallel()
	k := keys(t, 1)
	path := recorded(t, 60, k)
	copied, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := record.Erase(path, k, []record.Stretch{{From: 100, To: 200}}); err != nil {
		t.Fatal(err)
	}
	now, err := os.ReadFile(path)
	if err != nil || bytes.Equal(now, copied) {
		t.Fatalf("the file is as before: %v", err)
	}
	if err := os.WriteFile(path, copied, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := content(t, path, k); !errors.Is(err, seal.ErrDamaged) {
		t.Errorf("the old audio with the new key: %v", err)
	}
}

// However a crash cuts an Erase off, a Repair and another one make it whole.
func TestACrashInAnErase(t *testing.T) {
	t.Parallel()
	k := keys(t, 1)
	stretches := []record.Stretch{{From: 100, To: 9000}}
	for name, crash := range map[string]func(t *testing.T, path, other string){
		"while it is written": func(t *testing.T, path, other string) {
			t.Helper()
			move(t, other, path+".anew")
			if err := os.Truncate(path+".anew", 1000); err != nil {
				t.Fatal(err)
			}
		},
		"before its key is": func(t *testing.T, path, other string) {
			t.Helper()
			move(t, other, path+".anew")
			remove(t, record.KeyPath(path+".anew"))
		},
		"with the old key gone": func(t *testing.T, path, other string) {
			t.Helper()
			move(t, other, path+".anew")
			remove(t, record.KeyPath(path))
		},
		"between the two names": func(t *testing.T, path, other string) {
			t.Helper()
			move(t, other, path+".anew")
			remove(t, record.KeyPath(path))
			if err := os.Rename(path+".anew", path); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path, other := recorded(t, 90, k), recorded(t, 90, k)
			crash(t, path, other)
			if _, err := record.Repair(path, k); err != nil {
				t.Fatal(err)
			}
			if err := record.Erase(path, k, stretches); err != nil {
				t.Fatal(err)
			}
			a, complete, err := content(t, path, k)
			if err != nil || complete != nil {
				t.Fatalf("complete %v, error %v", complete, err)
			}
			checkErased(t, a, 90, stretches)
		})
	}
}

// move gives a recording and its key another name.
func move(t *testing.T, from, to string) {
	t.Helper()
	if err := errors.Join(os.Rename(from, to), os.Rename(record.KeyPath(from), record.KeyPath(to))); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func TestTogether(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		size := media.Samples(rapid.IntRange(0, 50).Draw(t, "size"))
		stretches := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) record.Stretch {
			return record.Stretch{From: media.Samples(rapid.IntRange(-5, 60).Draw(t, "from")), To: media.Samples(rapid.IntRange(-5, 60).Draw(t, "to"))}
		}), 0, 5).Draw(t, "stretches")
		want := media.Samples(0)
		for i := range size {
			if inside(stretches, i) {
				want++
			}
		}
		if got := record.Together(stretches, size); got != want {
			t.Errorf("%v cover %d of %d, want %d", stretches, got, size, want)
		}
	})
}

func TestDestroy(t *testing.T) {
	t.Parallel()
	for range 2 {
		path := recorded(t, 3, keys(t, 1))
		for range 2 {
			if err := record.Destroy(path); err != nil {
				t.Error(err)
			}
		}
		for _, name := range []string{path, record.KeyPath(path)} {
			if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s is there: %v", name, err)
			}
		}
	}
}
