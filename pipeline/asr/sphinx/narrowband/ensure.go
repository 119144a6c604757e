package narrowband

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// version names the projection. It is part of the cache's key: a change of the
// arithmetic or of feat.params must change it.
const version = "narrowband 1"

// Files are the parts of an acoustic model that the projection replaces. The
// decoder takes the others from the source model.
type Files struct {
	Means      string
	Variances  string
	FeatParams string
}

// Ensure returns the narrowband files for the acoustic model in the directory
// model, and makes them under the directory cache if they are not there. That
// takes well under a second and 1.7 MB. Several processes may call it at once
// with the same cache: the result appears whole or not at all.
func Ensure(model, cache string) (Files, error) {
	var source [3][]byte
	for i, name := range []string{"feat.params", "means", "variances"} {
		data, err := os.ReadFile(filepath.Join(model, name))
		if err != nil {
			return Files{}, fmt.Errorf("narrowband: read acoustic model: %w", err)
		}
		source[i] = data
	}
	if err := checkFeatParams(source[0]); err != nil {
		return Files{}, fmt.Errorf("narrowband: %s: %w", filepath.Join(model, "feat.params"), err)
	}

	hash := sha256.New()
	hash.Write([]byte(version))
	for _, data := range source {
		sum := sha256.Sum256(data)
		hash.Write(sum[:])
	}
	dir := filepath.Join(cache, "narrowband-"+hex.EncodeToString(hash.Sum(nil)[:8]))
	files := Files{
		Means:      filepath.Join(dir, "means"),
		Variances:  filepath.Join(dir, "variances"),
		FeatParams: filepath.Join(dir, "feat.params"),
	}
	if _, err := os.Stat(dir); err == nil {
		return files, nil
	}

	p := newProjection(keptFilters)
	means, err := project(source[1], p.mean)
	if err != nil {
		return Files{}, fmt.Errorf("narrowband: %s: %w", filepath.Join(model, "means"), err)
	}
	variances, err := project(source[2], p.variance)
	if err != nil {
		return Files{}, fmt.Errorf("narrowband: %s: %w", filepath.Join(model, "variances"), err)
	}
	if err := writeDir(dir, map[string][]byte{
		"means":       means,
		"variances":   variances,
		"feat.params": []byte(featParams()),
	}); err != nil {
		return Files{}, fmt.Errorf("narrowband: write cache: %w", err)
	}
	return files, nil
}

// project parses a parameter file, applies f to each of its vectors and
// returns the new file.
func project(data []byte, f func(stream int, vector []float32)) ([]byte, error) {
	p, err := parseParams(data)
	if err != nil {
		return nil, err
	}
	if len(p.lengths) != len(residual) {
		return nil, fmt.Errorf("%d feature streams, want %d (statics, deltas, double deltas)", len(p.lengths), len(residual))
	}
	for _, length := range p.lengths {
		if length != cepstra {
			return nil, fmt.Errorf("feature streams of length %v, want %d each", p.lengths, cepstra)
		}
	}
	p.streams(f)
	return p.bytes(), nil
}

// checkFeatParams makes sure that the source model was made with the analysis
// that the projection undoes.
func checkFeatParams(data []byte) error {
	got := map[string]string{}
	fields := strings.Fields(string(bytes.TrimSpace(data)))
	for i := 0; i+1 < len(fields); i += 2 {
		got[fields[i]] = fields[i+1]
	}
	for _, want := range [][2]string{
		{"-nfilt", strconv.Itoa(wideFilters)},
		{"-lowerf", "130"},
		{"-upperf", "6800"},
		{"-transform", "dct"},
		{"-lifter", strconv.Itoa(lifter)},
		{"-feat", "1s_c_d_dd"},
		{"-svspec", "0-12/13-25/26-38"},
	} {
		if got[want[0]] != want[1] {
			return fmt.Errorf("%s is %q, want %q: this projection fits Debian's pocketsphinx-en-us only", want[0], got[want[0]], want[1])
		}
	}
	return nil
}

// featParams is the analysis of telephone audio that the projected model fits.
func featParams() string {
	return fmt.Sprintf(`-samprate 8000
-nfft 256
-lowerf %g
-upperf %g
-nfilt %d
-transform dct
-lifter %d
-feat 1s_c_d_dd
-svspec 0-12/13-25/26-38
-agc none
-cmn live
-varnorm no
-model ptm
`, lowerEdge, upperEdge, keptFilters, lifter)
}

// writeDir makes the directory dir with the given files, all or nothing.
func writeDir(dir string, files map[string][]byte) error {
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(parent, ".narrowband-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(temp) }() // gone already when the rename went well
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(temp, name), data, 0o644); err != nil {
			return err
		}
	}
	if err := os.Chmod(temp, 0o755); err != nil {
		return err
	}
	err = os.Rename(temp, dir)
	if errors.Is(err, fs.ErrExist) {
		return nil // another process made it first
	}
	return err
}
