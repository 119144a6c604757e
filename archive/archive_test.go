package archive_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"trunkline/archive"
	"trunkline/media"
	"trunkline/media/record"
	"trunkline/media/record/seal"
	"trunkline/storage"
)

// shelf keeps records in memory.
type shelf struct {
	mu    sync.Mutex
	saved map[uuid.UUID]storage.Recording
	fails int // this many times yet
}

func (s *shelf) SaveRecording(_ context.Context, r storage.Recording) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails > 0 {
		s.fails--
		return storage.ErrNotFound
	}
	if s.saved == nil {
		s.saved = map[uuid.UUID]storage.Recording{}
	}
	s.saved[r.CallID] = r
	return nil
}

func (s *shelf) of(call uuid.UUID) storage.Recording {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.saved[call]
}

// place takes uploads, or fails as it is told.
type place struct {
	mu    sync.Mutex
	errs  []error // of the next uploads, in order
	times []time.Time
	got   map[string][]byte
}

func (p *place) Upload(ctx context.Context, o archive.Object, body io.Reader) error {
	b, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.times = append(p.times, time.Now())
	if len(p.errs) > 0 {
		err := p.errs[0]
		p.errs = p.errs[1:]
		if err != nil {
			return err
		}
	}
	if int64(len(b)) != o.Size || sha256.Sum256(b) != o.SHA256 {
		return errors.New("the object is not what it says")
	}
	if p.got == nil {
		p.got = map[string][]byte{}
	}
	p.got[o.File] = b
	return ctx.Err()
}

// tries are when uploads came, and copies what arrived.
func (p *place) tries() []time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.times)
}

func (p *place) copies() map[string][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.got)
}

func (p *place) Target(o archive.Object) string { return "there/" + o.File }

func keyring(t testing.TB) *seal.Keyring {
	t.Helper()
	k, err := seal.ParseKeys(hex.EncodeToString(bytes.Repeat([]byte{7}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func start(t testing.TB, c archive.Config) *archive.Archive {
	t.Helper()
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	a := archive.New(c)
	if err := a.Start(); err != nil {
		t.Fatal(err)
	}
	return a
}

// call records a call of so many ticks.
func call(t testing.TB, a *archive.Archive, ticks int) uuid.UUID {
	t.Helper()
	id := storage.NewID()
	r, _, err := a.Begin(id)
	if err != nil {
		t.Fatal(err)
	}
	for i := range ticks {
		f := media.Frame{int16(i)}
		r.Write(&f, &f)
	}
	if err := a.Finish(r); err != nil {
		t.Fatal(err)
	}
	return id
}

func files(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestRecordingIsKeptAndRecorded(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string]*seal.Keyring{"plain": nil, "sealed": keyring(t)} {
		synctest.Test(t, func(t *testing.T) {
			dir, records := t.TempDir(), &shelf{fails: 2} // the call's own record comes late
			a := start(t, archive.Config{Dir: dir, Keys: keys, Records: records})
			id := call(t, a, 60)
			time.Sleep(time.Minute)
			got := records.of(id)
			content, err := os.ReadFile(filepath.Join(dir, got.File))
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(content)
			if got.Length != 1200*time.Millisecond || got.Cut || got.Problem != "" || got.SHA256 != hex.EncodeToString(sum[:]) ||
				got.Bytes != int64(len(content)) || (got.KeyID == "") != (keys == nil) || !got.UploadedAt.IsZero() {
				t.Errorf("%s: %+v", name, got)
			}
			for _, f := range files(t, dir) {
				if strings.HasSuffix(f, ".pending") {
					t.Errorf("%s: the marker is left: %s", name, f)
				}
			}
			a.Stop()
			a.Stop()
		})
	}
}

func TestUploadIsTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir, records := t.TempDir(), &shelf{}
		p := &place{errs: []error{errors.New("no route"), &archive.RetryError{After: 3 * time.Minute, Err: errors.New("slow down")}, errors.New("no route")}}
		a := start(t, archive.Config{Dir: dir, Records: records, Upload: p, Delete: true, RetryMin: time.Second})
		id := call(t, a, 10)
		time.Sleep(time.Second / 4)
		if got := records.of(id); got.UploadTries != 1 || !strings.Contains(got.UploadProblem, "no route") || !got.UploadedAt.IsZero() {
			t.Errorf("after the first try: %+v", got)
		}
		time.Sleep(time.Hour)
		got := records.of(id)
		if got.UploadTries != 4 || got.UploadProblem != "" || got.UploadedAt.IsZero() || got.UploadedTo != "there/"+got.File || got.DeletedAt.IsZero() {
			t.Errorf("in the end: %+v", got)
		}
		if len(p.copies()) != 1 || len(files(t, dir)) != 0 {
			t.Errorf("%d copies, left here: %v", len(p.copies()), files(t, dir))
		}
		for i, least := range []time.Duration{time.Second / 2, 3 * time.Minute, 2 * time.Second} {
			if pause := p.tries()[i+1].Sub(p.tries()[i]); pause < least {
				t.Errorf("pause %d is %v, want at least %v", i, pause, least)
			}
		}
		a.Stop()
	})
}

func TestUploadGoesOnAfterRestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir, records := t.TempDir(), &shelf{}
		refused := &place{errs: []error{&archive.RetryError{Never: true, Err: errors.New("401")}}}
		a := start(t, archive.Config{Dir: dir, Records: records, Upload: refused})
		id := call(t, a, 10)
		time.Sleep(24 * time.Hour)
		if len(refused.tries()) != 1 {
			t.Errorf("%d tries after a final refusal, want one", len(refused.tries()))
		}
		a.Stop()
		p := &place{}
		a = start(t, archive.Config{Dir: dir, Records: records, Upload: p})
		time.Sleep(time.Minute)
		if got := records.of(id); len(p.copies()) != 1 || got.UploadedAt.IsZero() || got.UploadTries != 2 || got.Cut {
			t.Errorf("after a restart: %d copies, %+v", len(p.copies()), got)
		}
		a.Stop()
	})
}

func TestUploadGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &place{errs: slices.Repeat([]error{errors.New("away")}, 100)}
		a := start(t, archive.Config{Dir: t.TempDir(), Records: &shelf{}, Upload: p, Retries: 3})
		call(t, a, 10)
		time.Sleep(24 * time.Hour)
		if len(p.tries()) != 4 || a.Waiting() != 0 {
			t.Errorf("%d tries and %d waiting, want 4 and 0", len(p.tries()), a.Waiting())
		}
		a.Stop()
	})
}

// More recordings than memory holds wait on the disk.
func TestQueueIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &place{errs: slices.Repeat([]error{errors.New("away")}, 12)}
		records := &shelf{}
		a := start(t, archive.Config{Dir: t.TempDir(), Records: records, Upload: p, Waiting: 3, AtOnce: 1})
		var ids []uuid.UUID
		for range 9 {
			ids = append(ids, call(t, a, 1))
			if n := a.Waiting(); n > 3 {
				t.Errorf("%d wait in memory, want at most 3", n)
			}
		}
		time.Sleep(24 * time.Hour)
		for _, id := range ids {
			if records.of(id).UploadedAt.IsZero() {
				t.Errorf("recording %v was forgotten", id)
			}
		}
		a.Stop()
	})
}

// What a crash left is repaired at the next start; what a living process
// writes is left alone.
func TestCrashIsRepaired(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string]*seal.Keyring{"plain": nil, "sealed": keyring(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, records := t.TempDir(), &shelf{}
			before := start(t, archive.Config{Dir: dir, Keys: keys, Records: records})
			id := storage.NewID()
			r, path, err := before.Begin(id)
			if err != nil {
				t.Fatal(err)
			}
			f := media.Frame{1}
			for range 60 {
				r.Write(&f, &f)
			}
			for size := int64(0); size < 32_000; {
				info, err := os.Stat(path)
				if err != nil {
					t.Fatal(err)
				}
				size = info.Size()
			}
			beside := start(t, archive.Config{Dir: dir, Keys: keys, Records: records})
			if beside.Waiting() != 0 {
				t.Error("a living call's recording is taken")
			}
			beside.Stop()

			crashed := t.TempDir() // as it is on the disk now
			for _, f := range files(t, dir) {
				content, err := os.ReadFile(filepath.Join(dir, f))
				if err != nil {
					t.Fatal(err)
				}
				if strings.HasSuffix(f, ".pending") {
					content = append(content, `{"call":"torn`...)
				}
				if err := os.WriteFile(filepath.Join(crashed, f), content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			p := &place{}
			after := start(t, archive.Config{Dir: crashed, Keys: keys, Records: records, Upload: p, Plain: true})
			for records.of(id).SHA256 == "" {
				time.Sleep(time.Millisecond)
			}
			after.Stop()
			if got := records.of(id); !got.Cut || got.Length != time.Second || !strings.Contains(got.Problem, "crash") {
				t.Errorf("%+v", got)
			}
			a, err := record.DecodeWAV(bytes.NewReader(p.copies()[id.String()+".wav"]))
			if err != nil || len(a.Samples[0]) != media.SampleRate {
				t.Errorf("the copy: %v", err)
			}
			if err := before.Finish(r); err != nil {
				t.Error(err)
			}
			before.Stop()
		})
	}
}

func TestBeginFails(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "gone")
	a := start(t, archive.Config{Dir: dir, Records: &shelf{}})
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.Begin(storage.NewID()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Begin = %v", err)
	}
	a.Stop()
}
