package archive_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/archive"
	"trunkline/media"
	"trunkline/media/record"
	"trunkline/media/record/seal"
	"trunkline/storage"
)

// loud writes so many ticks of a sound.
func loud(r *record.Recorder, ticks int) {
	var f media.Frame
	for i := range f {
		f[i] = 1000
	}
	for range ticks {
		r.Write(&f, &f)
	}
}

// silent are the ticks of a recording in which neither side is heard.
func silent(t testing.TB, a *record.Audio) (ticks []int) {
	t.Helper()
	zero := func(x int16) bool { return x == 0 }
	for i := range len(a.Samples[0]) / media.FrameSamples {
		from, to := i*media.FrameSamples, (i+1)*media.FrameSamples
		caller, agent := a.Samples[0][from:to], a.Samples[1][from:to]
		if !slices.ContainsFunc(caller, func(x int16) bool { return !zero(x) }) && !slices.ContainsFunc(agent, func(x int16) bool { return !zero(x) }) {
			ticks = append(ticks, i)
		}
	}

	return ticks
}

// ticks is a stretch by its ticks.
func ticks(from, to int) record.Stretch {
	return record.Stretch{From: media.Samples(from) * media.FrameSamples, To: media.Samples(to) * media.FrameSamples}
}

// What may not stay in a recording is in no copy of it, and its record tells.
func TestWhatMayNotStayIsErasedFirst(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string]*seal.Keyring{"plain": nil, "sealed": keyring(t)} {
		synctest.Test(t, func(t *testing.T) {
			dir, records, p := t.TempDir(), &shelf{}, &place{}
			a := start(t, archive.Config{Dir: dir, Keys: keys, Records: records, Upload: p, Plain: true})
			id := storage.NewID()
			r, path, err := a.Begin(id)
			if err != nil {
				t.Fatal(err)
			}
			loud(r, 70)
			if err := a.Silence(r, ticks(10, 20)); err != nil {
				t.Error(err)
			}
			if err := a.Suspect(r, 0); err != nil { // of nothing in the end: the call lives on
				t.Error(err)
			}
			if err := a.Silence(r, ticks(15, 25), ticks(69, 1000)); err != nil {
				t.Error(err)
			}
			if err := a.Finish(r); err != nil {
				t.Error(err)
			}
			if err := a.Silence(r, ticks(0, 1)); err == nil {
				t.Errorf("%s: it was finished", name)
			}
			time.Sleep(time.Minute)
			a.Stop()
			got := records.of(id)
			if got.Silenced != 16*media.FrameDuration || got.SHA256 == "" || got.UploadedAt.IsZero() {
				t.Errorf("%s: %+v", name, got)
			}
			want := append(slices.Collect(func(yield func(int) bool) {
				for i := 10; i < 25 && yield(i); i++ {
				}
			}), 69)
			copied, err := record.DecodeWAV(bytes.NewReader(p.copies()[id.String()+".wav"]))
			if err != nil {
				t.Fatal(err)
			}
			if got := silent(t, copied); !slices.Equal(got, want) {
				t.Errorf("%s: the copy is silent in the ticks %v, want %v", name, got, want)
			}
			c, err := record.Open(dir, filepath.Base(path), keys)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			here, err := record.DecodeWAV(c.Reader())
			if err != nil {
				t.Fatal(err)
			}
			if got := silent(t, here); !slices.Equal(got, want) {
				t.Errorf("%s: the file is silent in the ticks %v, want %v", name, got, want)
			}
		})
	}
}

func TestWhatMayNotStayAtAllIsDestroyed(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string]*seal.Keyring{"plain": nil, "sealed": keyring(t)} {
		synctest.Test(t, func(t *testing.T) {
			dir, records, p := t.TempDir(), &shelf{}, &place{}
			a := start(t, archive.Config{Dir: dir, Keys: keys, Records: records, Upload: p})
			id := storage.NewID()
			r, _, err := a.Begin(id)
			if err != nil {
				t.Fatal(err)
			}
			loud(r, 60)
			if err := a.Destroy(r, "a card number was said"); err != nil {
				t.Error(err)
			}
			if err := a.Finish(r); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Minute)
			a.Stop()
			if left := files(t, dir); len(left) > 0 || len(p.tries()) > 0 {
				t.Errorf("%s: %q are left, and %d uploads were made", name, left, len(p.tries()))
			}
			if got := records.of(id); got.Destroyed != "a card number was said" || got.DeletedAt.IsZero() || got.Length != 60*media.FrameDuration {
				t.Errorf("%s: %+v", name, got)
			}
		})
	}
}

// A process that dies while a number is being said leaves none of it.
func TestACrashLeavesNoPartOfANumber(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string]*seal.Keyring{"plain": nil, "sealed": keyring(t)} {
		for _, over := range []bool{false, true} { // it was no such number
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				before := start(t, archive.Config{Dir: dir, Keys: keys, Records: &shelf{}})
				id := storage.NewID()
				r, path, err := before.Begin(id)
				if err != nil {
					t.Fatal(err)
				}
				loud(r, 70)
				synctest.Wait() // a second of it is on the disk
				if err := before.Silence(r, ticks(2, 5)); err != nil {
					t.Error(err)
				}
				if err := before.Suspect(r, ticks(30, 0).From); err != nil {
					t.Error(err)
				}
				if over {
					if err := before.Suspect(r, -1); err != nil {
						t.Error(err)
					}
				}
				crashed := t.TempDir()
				for _, f := range files(t, dir) {
					content, err := os.ReadFile(filepath.Join(dir, f))
					if err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(filepath.Join(crashed, f), content, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				records := &shelf{}
				after := start(t, archive.Config{Dir: crashed, Keys: keys, Records: records})
				time.Sleep(time.Minute)
				after.Stop()
				c, err := record.Open(crashed, filepath.Base(path), keys)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				a, err := record.DecodeWAV(c.Reader())
				if err != nil {
					t.Fatal(err)
				}
				want := []int{2, 3, 4}
				if !over {
					for i := 30; i < 50; i++ {
						want = append(want, i)
					}
				}
				if got := silent(t, a); !slices.Equal(got, want) {
					t.Errorf("%s, over %v: silent in %v, want %v", name, over, got, want)
				}
				if got := records.of(id); got.Silenced != time.Duration(len(want))*media.FrameDuration || !got.Cut {
					t.Errorf("%s: %+v", name, got)
				}
				if err := before.Finish(r); err != nil {
					t.Error(err)
				}
				before.Stop()
			})
		}
	}
}
