package record_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/media"
	"trunkline/media/record"
	"trunkline/media/record/seal"
)

// keys is a ring of one key made of the given byte.
func keys(t testing.TB, b byte) *seal.Keyring {
	t.Helper()
	k, err := seal.ParseKeys(hex.EncodeToString(bytes.Repeat([]byte{b}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// content reads a recording in full.
func content(t testing.TB, path string, k *seal.Keyring) (audio *record.Audio, complete, err error) {
	t.Helper()
	c, err := record.Open(filepath.Dir(path), filepath.Base(path), k)
	if err != nil {
		return nil, nil, err
	}
	defer c.Close()
	a, err := record.DecodeWAV(c.Reader())
	return a, c.Complete(), err
}

func TestSealedRecording(t *testing.T) {
	t.Parallel()
	k := keys(t, 1)
	for _, n := range []int{0, 1, 49, 50, 51, 210} {
		synctest.Test(t, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "call.wav.sealed")
			r, err := record.Create(path, record.Options{Keys: k})
			if err != nil {
				t.Fatal(err)
			}
			for i := range n {
				r.Write(frame(i, 1), frame(i, -1))
				synctest.Wait()
			}
			if err := r.Close(); err != nil {
				t.Fatalf("Close: %v", err)
			}
			if all, paused := r.Length(); all != time.Duration(n)*media.FrameDuration || paused != 0 {
				t.Errorf("Length = %v, %v", all, paused)
			}
			a, complete, err := content(t, path, k)
			if err != nil || complete != nil {
				t.Fatalf("%d ticks: complete %v, error %v", n, complete, err)
			}
			if !slices.Equal(a.Samples[0], ticks(0, n, 1)) || !slices.Equal(a.Samples[1], ticks(0, n, -1)) {
				t.Errorf("%d ticks are not what was written", n)
			}
			if found, err := record.Repair(path, k); err != nil || found.Cut || found.Dropped != 0 {
				t.Errorf("Repair = %+v, %v", found, err)
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if n > 1 && bytes.Contains(raw, []byte{1, 0, 0xff, 0xff, 2, 0, 0xfe, 0xff}) {
				t.Error("the audio stands in the file")
			}
		})
	}
}

func TestSealedNeedsItsKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "call.wav.sealed")
	r, err := record.Create(path, record.Options{Keys: keys(t, 1)})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	for name, k := range map[string]*seal.Keyring{"no key": nil, "another key": keys(t, 2)} {
		if _, _, err := content(t, path, k); !errors.Is(err, seal.ErrNoKey) {
			t.Errorf("%s: %v, want ErrNoKey", name, err)
		}
		if _, err := record.Repair(path, k); !errors.Is(err, seal.ErrNoKey) {
			t.Errorf("%s: Repair: %v, want ErrNoKey", name, err)
		}
	}
	if err := seal.Destroy(record.KeyPath(path)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := content(t, path, keys(t, 1)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without its key file: %v", err)
	}
}

// Ranges are what a browser asks for.
func TestContentAnywhere(t *testing.T) {
	t.Parallel()
	k := keys(t, 1)
	path := filepath.Join(t.TempDir(), "call.wav.sealed")
	r, err := record.Create(path, record.Options{Keys: k})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 80 {
		r.Write(frame(i, 1), frame(i, -1))
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := record.Open(filepath.Dir(path), filepath.Base(path), k)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	whole, err := io.ReadAll(c.Reader())
	if err != nil || int64(len(whole)) != c.Size() {
		t.Fatalf("%d of %d bytes, error %v", len(whole), c.Size(), err)
	}
	for _, off := range []int{0, 1, 43, 44, 45, 32043, 32044, 32045, len(whole) - 1} {
		for _, n := range []int{1, 44, 100, 40000} {
			p := make([]byte, n)
			got, err := c.ReadAt(p, int64(off))
			want := whole[off:min(off+n, len(whole))]
			if !bytes.Equal(p[:got], want) || (got < n) != errors.Is(err, io.EOF) {
				t.Errorf("ReadAt(%d bytes at %d) = %d, %v", n, off, got, err)
			}
		}
	}
}

// A pause keeps its audio out of the file and everything else in its place.
func TestPauseKeepsTime(t *testing.T) {
	t.Parallel()
	for _, gap := range []record.Gap{record.Tone, record.Silence} {
		synctest.Test(t, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "call.wav")
			r, err := record.Create(path, record.Options{Gap: gap})
			if err != nil {
				t.Fatal(err)
			}
			if r.Resume() || !r.Pause() || r.Pause() || !r.Resume() {
				t.Error("Pause and Resume do not tell what changes")
			}
			const from, to, n = 33, 171, 250
			for i := range n {
				switch i {
				case from:
					r.Pause()
				case to:
					r.Resume()
				}
				r.Write(frame(i, 1), frame(i, -1))
				synctest.Wait()
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			if all, paused := r.Length(); all != n*media.FrameDuration || paused != (to-from)*media.FrameDuration {
				t.Errorf("Length = %v, %v", all, paused)
			}
			a := read(t, path)
			before, after := from*media.FrameSamples, to*media.FrameSamples
			for c, sign := range []int16{1, -1} {
				if !slices.Equal(a.Samples[c][:before], ticks(0, from, sign)) || !slices.Equal(a.Samples[c][after:], ticks(to, n, sign)) {
					t.Errorf("channel %d is not in its place around the pause", c)
				}
				loudest := int16(0)
				for _, s := range a.Samples[c][before:after] {
					loudest = max(loudest, s, -s)
				}
				if gap == record.Silence && loudest != 0 || gap == record.Tone && (loudest < 800 || loudest > 2000) {
					t.Errorf("the gap of kind %d peaks at %d", gap, loudest)
				}
			}
		})
	}
}

func TestParseGap(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]record.Gap{"tone": record.Tone, "silence": record.Silence} {
		if got, err := record.ParseGap(name); got != want || err != nil {
			t.Errorf("ParseGap(%q) = %v, %v", name, got, err)
		}
	}
	if _, err := record.ParseGap("music"); err == nil {
		t.Error("music is a gap")
	}
}

// A writer process that is killed leaves all but the last two seconds, in
// either format.
func TestKilledWriter(t *testing.T) {
	t.Parallel()
	for name, k := range map[string]*seal.Keyring{"plain": nil, "sealed": keys(t, 1)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "call.wav")
			cmd := exec.Command(os.Args[0], "-test.run=^TestWriterProcess$")
			cmd.Env = append(os.Environ(), "TRUNKLINE_TEST_WRITES="+path, "TRUNKLINE_TEST_FORMAT="+name)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(out, make([]byte, len(written))); err != nil {
				t.Errorf("the writer did not get to its work: %v", err)
			}
			_ = cmd.Process.Kill()
			_ = cmd.Wait()

			found, err := record.Repair(path, k)
			if err != nil {
				t.Fatalf("Repair: %v", err)
			}
			if found.Length < writtenTicks*media.FrameDuration-2*time.Second {
				t.Errorf("%v are left, want all but the last two seconds of %v", found.Length, writtenTicks*media.FrameDuration)
			}
			a, complete, err := content(t, path, k)
			if err != nil || (complete == nil) != (k == nil) {
				t.Fatalf("complete %v, error %v", complete, err)
			}
			// The kill may come within the write of a tick.
			n := int(found.Length * media.SampleRate / time.Second)
			if !slices.Equal(a.Samples[0], ticks(0, writtenTicks, 1)[:n]) || !slices.Equal(a.Samples[1], ticks(0, writtenTicks, -1)[:n]) {
				t.Errorf("what is left is not what was written")
			}
		})
	}
}

const (
	written      = "written\n"
	writtenTicks = 320
)

// TestWriterProcess is the process that TestKilledWriter kills.
func TestWriterProcess(t *testing.T) {
	path := os.Getenv("TRUNKLINE_TEST_WRITES")
	if path == "" {
		t.Skip("this is a part of TestKilledWriter")
	}
	o := record.Options{}
	if os.Getenv("TRUNKLINE_TEST_FORMAT") == "sealed" {
		o.Keys = keys(t, 1)
	}
	r, err := record.Create(path, o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range writtenTicks {
		write(r, path, i)
	}
	awaitDisk(r, path, writtenTicks)
	_, _ = os.Stdout.WriteString(written)
	time.Sleep(time.Hour)
}

// write records one tick as soon as the disk is not more behind than the
// recorder can bear, so that none is dropped on the slowest machine.
func write(r *record.Recorder, path string, i int) {
	awaitDisk(r, path, i)
	r.Write(frame(i, 1), frame(i, -1))
}

// awaitDisk waits until all of the first ticks but the last second begun and
// the one before are in the file, or the recorder has failed.
func awaitDisk(r *record.Recorder, path string, ticks int) {
	for !failed(r) && fileSize(path) < int64(ticks/50-1)*50*media.FrameSamples*4 {
		time.Sleep(time.Millisecond)
	}
}

func failed(r *record.Recorder) bool {
	select {
	case <-r.Failed():
		return true
	default:
		return false
	}
}

func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// A disk that is full ends the recording and nothing else.
func TestFullDiskEndsRecording(t *testing.T) {
	t.Parallel()
	for name, k := range map[string]*seal.Keyring{"plain": nil, "sealed": keys(t, 1)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "call.wav")
			cmd := exec.Command("bash", "-c", `ulimit -f 100; trap '' XFSZ; exec "$0" -test.run='^TestBoundedWriter$'`, os.Args[0])
			cmd.Env = append(os.Environ(), "TRUNKLINE_TEST_BOUNDED="+path, "TRUNKLINE_TEST_FORMAT="+name)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			a, complete, err := content(t, path, k)
			if err != nil || (complete == nil) != (k == nil) {
				t.Fatalf("complete %v, error %v", complete, err)
			}
			if n := len(a.Samples[0]) / media.FrameSamples; n != 150 || !slices.Equal(a.Samples[0], ticks(0, n, 1)) {
				t.Errorf("%d ticks are left, want the 150 that there was room for", n)
			}
		})
	}
}

// TestBoundedWriter is the process of TestFullDiskEndsRecording: its files
// may have 100 KiB.
func TestBoundedWriter(t *testing.T) {
	path := os.Getenv("TRUNKLINE_TEST_BOUNDED")
	if path == "" {
		t.Skip("this is a part of TestFullDiskEndsRecording")
	}
	o := record.Options{}
	if os.Getenv("TRUNKLINE_TEST_FORMAT") == "sealed" {
		o.Keys = keys(t, 1)
	}
	r, err := record.Create(path, o)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; !failed(r); i++ {
		write(r, path, i)
	}
	for i := range 300 {
		r.Write(frame(i, 1), frame(i, -1)) // the call goes on
	}
	if err := r.Close(); err == nil || !strings.Contains(err.Error(), "file too large") || r.Err() == nil {
		t.Errorf("Close = %v", err)
	}
}
