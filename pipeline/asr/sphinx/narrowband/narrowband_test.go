package narrowband

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// wideFeatParams is what Debian's en-us model says of itself, as far as it
// matters here.
const wideFeatParams = `-lowerf 130
-upperf 6800
-nfilt 25
-transform dct
-lifter 22
-feat 1s_c_d_dd
-svspec 0-12/13-25/26-38
`

// sample is a small parameter file's content.
func sample(seed float32) *params {
	p := &params{codebooks: 2, densities: 3, lengths: []int{cepstra, cepstra, cepstra}}
	for i := range p.codebooks * p.densities * 3 * cepstra {
		p.values = append(p.values, seed+float32(i%17)/4)
	}
	return p
}

func writeModel(t *testing.T, featParams string) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range map[string][]byte{
		"feat.params": []byte(featParams),
		"means":       sample(-2).bytes(),
		"variances":   sample(1).bytes(),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestParamsRoundTrip(t *testing.T) {
	t.Parallel()
	want := sample(1)
	got, err := parseParams(want.bytes())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(params{})); diff != "" {
		t.Error(diff)
	}
}

func TestParseParamsRefusesDamage(t *testing.T) {
	t.Parallel()
	good := sample(1).bytes()
	flipped := bytes.Clone(good)
	flipped[len(flipped)-20] ^= 4
	for name, data := range map[string][]byte{
		"empty":        nil,
		"text":         []byte("s3\nversion 1.0\n"),
		"other":        []byte("RIFF....WAVE"),
		"truncated":    good[:len(good)-5],
		"only header":  good[:len("s3\nversion 1.0\nchksum0 yes\nendhdr\n")],
		"one bit off":  flipped,
		"big endian":   bytes.Replace(good, []byte{0x44, 0x33, 0x22, 0x11}, []byte{0x11, 0x22, 0x33, 0x44}, 1),
		"huge streams": bytes.Replace(good, []byte{3, 0, 0, 0, 3, 0, 0, 0}, []byte{255, 255, 255, 127, 3, 0, 0, 0}, 1),
	} {
		if _, err := parseParams(data); !errors.Is(err, errFormat) {
			t.Errorf("%s: error %v, want %v", name, err, errFormat)
		}
	}
}

func FuzzParseParams(f *testing.F) {
	f.Add(sample(1).bytes())
	f.Add([]byte("s3\nendhdr\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := parseParams(data)
		if err != nil {
			return
		}
		again, err := parseParams(p.bytes())
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again.bytes(), p.bytes()) {
			t.Error("a parsed file does not come back")
		}
	})
}

// The projection that keeps every filter changes nothing.
func TestProjectionIdentity(t *testing.T) {
	t.Parallel()
	p := newProjection(wideFilters)
	rapid.Check(t, func(t *rapid.T) {
		vector := rapid.SliceOfN(rapid.Float32Range(-40, 40), cepstra, cepstra).Draw(t, "vector")
		mean, variance := bytesOf(vector), bytesOf(vector)
		p.mean(0, mean)
		p.variance(1, variance)
		near := cmpopts.EquateApprox(0, 1e-4)
		if diff := cmp.Diff(vector, mean, near); diff != "" {
			t.Errorf("mean: %s", diff)
		}
		if diff := cmp.Diff(vector, variance, near); diff != "" {
			t.Errorf("variance: %s", diff)
		}
	})
}

func bytesOf(v []float32) []float32 { return append([]float32(nil), v...) }

// Cepstra of a spectrum that 13 coefficients describe fully: the projection
// must give what the analysis of its lowest filters gives.
func TestProjectionAgreesWithAnalysis(t *testing.T) {
	t.Parallel()
	p := newProjection(keptFilters)
	rapid.Check(t, func(t *rapid.T) {
		wide := rapid.SliceOfN(rapid.Float32Range(-20, 20), cepstra, cepstra).Draw(t, "cepstra")
		var energies [wideFilters]float64
		for k := range energies {
			for i, c := range wide {
				energies[k] += float64(c) / lift(i) * dct(i, k, wideFilters)
			}
		}
		want := make([]float32, cepstra)
		for i := range want {
			var sum float64
			for k := range keptFilters {
				sum += energies[k] * dct(i, k, keptFilters)
			}
			want[i] = float32(lift(i) * sum)
		}
		got := bytesOf(wide)
		p.mean(0, got)
		if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-4, 1e-3)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestVarianceStaysPositiveAndGrowsWithResidual(t *testing.T) {
	t.Parallel()
	p := newProjection(keptFilters)
	statics, doubleDeltas := make([]float32, cepstra), make([]float32, cepstra)
	p.variance(0, statics)
	p.variance(2, doubleDeltas)
	for i := range statics {
		if !(statics[i] > 0) || math.Abs(float64(doubleDeltas[i]/statics[i])-2.8) > 1e-3 {
			t.Errorf("coefficient %d: residual variance %g for statics, %g for double deltas", i, statics[i], doubleDeltas[i])
		}
	}
}

func TestEnsure(t *testing.T) {
	t.Parallel()
	model, cache := writeModel(t, wideFeatParams), t.TempDir()

	// Many starts at once with one cache.
	var wg sync.WaitGroup
	var results [8]Files
	for i := range results {
		wg.Go(func() {
			var err error
			if results[i], err = Ensure(model, cache); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	files := results[0]
	for _, other := range results {
		if other != files {
			t.Errorf("one model gave %v and %v", files, other)
		}
	}
	entries, err := os.ReadDir(cache)
	if err != nil || len(entries) != 1 {
		t.Fatalf("the cache holds %v (error %v), want one directory", entries, err)
	}

	for _, name := range []string{files.Means, files.Variances} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		p, err := parseParams(data)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.values) != 2*3*3*cepstra {
			t.Errorf("%s holds %d values", name, len(p.values))
		}
	}
	text, err := os.ReadFile(files.FeatParams)
	if err != nil || !strings.Contains(string(text), "-samprate 8000\n-nfft 256\n-lowerf 130\n-upperf 3446.495\n-nfilt 18\n") {
		t.Errorf("feat.params is %q (error %v)", text, err)
	}

	// A second start takes what is there.
	if err := os.WriteFile(files.Means, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Ensure(model, cache); err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(files.Means); string(data) != "kept" {
		t.Error("the cached file was written again")
	}
}

func TestEnsureRefuses(t *testing.T) {
	t.Parallel()
	if _, err := Ensure(t.TempDir(), t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no model: error %v", err)
	}
	other := writeModel(t, strings.Replace(wideFeatParams, "-nfilt 25", "-nfilt 40", 1))
	if _, err := Ensure(other, t.TempDir()); err == nil || !strings.Contains(err.Error(), `-nfilt is "40", want "25"`) {
		t.Errorf("another analysis: error %v", err)
	}
	damaged := writeModel(t, wideFeatParams)
	if err := os.WriteFile(filepath.Join(damaged, "variances"), []byte("s3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Ensure(damaged, t.TempDir()); !errors.Is(err, errFormat) {
		t.Errorf("damaged variances: error %v", err)
	}
}

// BenchmarkEnsure is the whole work of a first start on the installed model.
func BenchmarkEnsure(b *testing.B) {
	const model = "/usr/share/pocketsphinx/model/en-us/en-us"
	if _, err := os.Stat(model); err != nil {
		b.Skip("Debian's pocketsphinx-en-us is not installed")
	}
	for b.Loop() {
		if _, err := Ensure(model, b.TempDir()); err != nil {
			b.Fatal(err)
		}
	}
}
