package archive

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"trunkline/media"
	"trunkline/media/record"
	"trunkline/media/record/seal"
	"trunkline/storage"
)

// Records keep what is known of recordings; *storage.Store is one. An error
// that is storage.ErrNotFound says that the call's own record is not there
// yet.
type Records interface {
	SaveRecording(ctx context.Context, r storage.Recording) error
}

// An Uploader brings a copy of a recording to another place. It reads body to
// its end, which has size bytes with the given SHA-256, and returns when the
// copy has arrived. An error may be a *RetryError.
type Uploader interface {
	Upload(ctx context.Context, o Object, body io.Reader) error
	// Target is where o goes, without secrets.
	Target(o Object) string
}

// Object is what is uploaded.
type Object struct {
	Call   uuid.UUID
	File   string // name of the recording
	Size   int64
	SHA256 [sha256.Size]byte
}

// A RetryError says when, or that never, another try makes sense.
type RetryError struct {
	After time.Duration // at the earliest; 0: as always
	Never bool          // not before the next start
	Err   error
}

func (e *RetryError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *RetryError) Unwrap() error { return e.Err }

// Config sets up an Archive. Dir, Records and Log are needed.
type Config struct {
	Dir     string
	Keys    *seal.Keyring // encrypts new recordings and opens old ones; nil: neither
	Gap     record.Gap
	Records Records
	Log     *slog.Logger

	Upload   Uploader // nil: recordings stay here alone
	Plain    bool     // upload the audio of encrypted recordings decrypted
	Delete   bool     // delete the local file when its copy has arrived
	Retries  int      // after the first try, until the next start; 0: 10
	Waiting  int      // recordings in memory at once; 0: 1000. Others wait on the disk.
	AtOnce   int      // uploads at once; 0: 2
	RetryMin time.Duration
	RetryMax time.Duration // between tries, doubling from RetryMin; 0: 5 s and 15 min
}

// Archive takes care of recordings. Start it before the first Begin, and Stop
// it after the last Finish.
type Archive struct {
	cfg    Config
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup
	wake   chan struct{} // capacity AtOnce: something is to be done

	mu     sync.Mutex
	open   map[*record.Recorder]*marker // of calls
	queue  []*item
	passed bool // markers were left on the disk for want of room
}

// item is a recording that waits for its next step.
type item struct {
	*marker

	due   time.Time
	tries int // that failed since the last success
}

// New makes an Archive.
func New(c Config) *Archive {
	c.Retries = cmp.Or(c.Retries, 10)
	c.Waiting = cmp.Or(c.Waiting, 1000)
	c.AtOnce = cmp.Or(c.AtOnce, 2)
	c.RetryMin = cmp.Or(c.RetryMin, 5*time.Second)
	c.RetryMax = cmp.Or(c.RetryMax, 15*time.Minute)
	a := &Archive{cfg: c, wake: make(chan struct{}, c.AtOnce), open: map[*record.Recorder]*marker{}}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	return a
}

// Start repairs what a crash left and begins to work. Recordings that another
// process has in hand are left to it.
func (a *Archive) Start() error {
	if err := os.MkdirAll(a.cfg.Dir, 0o750); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	if err := a.find(); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	for range a.cfg.AtOnce {
		a.work.Go(a.run)
	}
	return nil
}

// Stop ends the work at once; what is not done is done after the next Start.
// It may be called twice, and before Start.
func (a *Archive) Stop() {
	a.cancel()
	a.work.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, i := range a.queue {
		i.release()
	}
	a.queue = nil
}

// Waiting is how many recordings wait for their next step.
func (a *Archive) Waiting() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.queue)
}

// Begin begins the recording of a call and tells its path.
func (a *Archive) Begin(call uuid.UUID) (*record.Recorder, string, error) {
	name := call.String() + ".wav"
	if a.cfg.Keys != nil {
		name += ".sealed"
	}
	m, err := newMarker(a.cfg.Dir, state{Call: call, File: name, Stage: recording})
	if err != nil {
		return nil, "", fmt.Errorf("archive: %w", err)
	}
	path := filepath.Join(a.cfg.Dir, name)
	r, err := record.Create(path, record.Options{Keys: a.cfg.Keys, Gap: a.cfg.Gap})
	if err != nil {
		return nil, "", errors.Join(fmt.Errorf("archive: %w", err), m.remove())
	}
	a.mu.Lock()
	a.open[r] = m
	a.mu.Unlock()
	return r, path, nil
}

// Finish takes over a recording that Begin began. It closes it and returns
// what was wrong with it; the rest goes on behind the call.
func (a *Archive) Finish(r *record.Recorder) error {
	err := r.Close()
	a.mu.Lock()
	m := a.open[r]
	delete(a.open, r)
	a.mu.Unlock()
	if m == nil {
		return err
	}
	k := &known{}
	k.Length, k.Paused = r.Length()
	if err != nil {
		k.Cut, k.Problem = true, firstLine(err)
	}
	m.Known = k // the hash follows behind the call
	a.put(&item{marker: m, due: time.Now()})
	return err
}

// Silence has silence written over stretches of a recording that Begin began,
// on both channels, before anything else is made of it; also after a crash.
func (a *Archive) Silence(r *record.Recorder, stretches ...record.Stretch) error {
	return a.note(r, func(s *state) { s.Silence = append(slices.Clone(s.Silence), stretches...) })
}

// Suspect says that a recording may hold from somewhere on what may not stay in
// it: should the process die before Finish, that is silenced. A place below 0
// ends the suspicion.
func (a *Archive) Suspect(r *record.Recorder, from media.Samples) error {
	return a.note(r, func(s *state) {
		if s.Suspect = nil; from >= 0 {
			s.Suspect = &from
		}
	})
}

// Destroy has a recording that Begin began destroyed when it is finished,
// instead of anything else. why is for its record.
func (a *Archive) Destroy(r *record.Recorder, why string) error {
	return a.note(r, func(s *state) { s.Destroy = why })
}

// note changes what is to be done with a recording that a call writes.
func (a *Archive) note(r *record.Recorder, change func(*state)) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	m := a.open[r]
	if m == nil {
		return errors.New("archive: the recording is not being written")
	}
	s := m.state
	change(&s)

	return m.set(s)
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// put queues an item, or leaves it on the disk when there is no room.
func (a *Archive) put(i *item) {
	a.mu.Lock()
	if len(a.queue) >= a.cfg.Waiting || a.ctx.Err() != nil {
		a.passed = true
		a.mu.Unlock()
		i.release()
		return
	}
	a.queue = append(a.queue, i)
	a.mu.Unlock()
	a.nudge()
}

func (a *Archive) nudge() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// find queues what the markers in the directory say is to be done.
func (a *Archive) find() error {
	entries, err := os.ReadDir(a.cfg.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), markerSuffix) {
			continue
		}
		if a.Waiting() >= a.cfg.Waiting {
			a.mu.Lock()
			a.passed = true
			a.mu.Unlock()
			return nil
		}
		m, err := openMarker(a.cfg.Dir, e.Name())
		switch {
		case errors.Is(err, errTaken), errors.Is(err, fs.ErrNotExist):
		case err != nil:
			a.cfg.Log.Error("a recording is left alone", slog.Any("error", err))
		default:
			a.put(&item{marker: m, due: time.Now()})
		}
	}
	return nil
}

// run is one worker.
func (a *Archive) run() {
	for {
		i, wait := a.next()
		if i != nil {
			a.step(i)
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-a.wake:
		case <-timer.C:
		case <-a.ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// next takes an item that is due, or tells how long none will be.
func (a *Archive) next() (*item, time.Duration) {
	a.mu.Lock()
	if a.passed && len(a.queue) == 0 && a.ctx.Err() == nil {
		a.passed = false
		a.mu.Unlock()
		if err := a.find(); err != nil {
			a.cfg.Log.Error("recordings are left alone", slog.Any("error", err))
		}
		a.mu.Lock()
	}
	defer a.mu.Unlock()
	wait := time.Hour
	if a.ctx.Err() != nil {
		return nil, wait
	}
	now := time.Now()
	for n, i := range a.queue {
		if left := i.due.Sub(now); left > 0 {
			wait = min(wait, left)
			continue
		}
		a.queue = append(a.queue[:n], a.queue[n+1:]...)
		return i, 0
	}
	return nil, wait
}

// step does what is next for i, and queues it again until nothing is left.
func (a *Archive) step(i *item) {
	log := a.cfg.Log.With(slog.String("call", i.Call.String()))
	done, err := a.advance(i, log)
	switch {
	case err == nil && done:
		if err := i.remove(); err != nil {
			log.Warn("the recording's marker stays", slog.Any("error", err))
		}
	case err == nil:
		i.tries, i.due = 0, time.Now()
		a.put(i)
	case a.ctx.Err() != nil:
		i.release()
	default:
		a.again(i, err, log)
	}
}

// again queues i for another try, or leaves it until the next start.
func (a *Archive) again(i *item, err error, log *slog.Logger) {
	i.tries++
	retry, _ := errors.AsType[*RetryError](err)
	if retry == nil {
		retry = &RetryError{Err: err}
	}
	upload := i.Stage == finished && i.Known.SHA256 != ""
	if upload {
		i.Known.UploadTries++
		i.Known.UploadProblem = firstLine(err)
		if err := errors.Join(i.set(i.state), a.cfg.Records.SaveRecording(a.ctx, i.record())); err != nil {
			log.Warn("the records do not tell of a failed upload", slog.Any("error", err))
		}
	}
	if retry.Never || upload && i.tries > a.cfg.Retries || errors.Is(err, errHopeless) {
		log.Error("a recording is left alone until the next start", slog.String("file", i.File), slog.Int("tries", i.tries), slog.Any("error", err))
		i.release()
		return
	}
	pause := a.cfg.RetryMax
	if n := i.tries - 1; n < 20 {
		pause = min(pause, a.cfg.RetryMin<<n)
	}
	pause = max(pause/2+time.Duration(rand.Int64N(int64(pause/2)+1)), min(retry.After, a.cfg.RetryMax))
	log.Warn("a recording waits for another try", slog.String("file", i.File), slog.Int("tries", i.tries),
		slog.Duration("pause", pause), slog.Any("error", err))
	i.due = time.Now().Add(pause)
	a.put(i)
}

// errHopeless says that no further try will help this file.
var errHopeless = errors.New("the recording cannot be used")

// advance takes i one stage further.
func (a *Archive) advance(i *item, log *slog.Logger) (done bool, err error) {
	switch i.Stage {
	case recording:
		return a.settle(i, log)
	case finished:
		return false, a.upload(i)
	default:
		return true, a.conclude(i)
	}
}

func (a *Archive) path(i *item) string { return filepath.Join(a.cfg.Dir, i.File) }

// settle makes sure that the recording is whole, and learns what it is. A
// recording that was not finished by this process is one that a crash cut off.
func (a *Archive) settle(i *item, log *slog.Logger) (gone bool, err error) {
	path := a.path(i)
	k := i.Known
	if k == nil {
		found, err := record.Repair(path, a.cfg.Keys)
		if errors.Is(err, fs.ErrNotExist) {
			if _, missing := os.Stat(path); errors.Is(missing, fs.ErrNotExist) {
				log.Warn("a recording is gone", slog.String("file", i.File))
				return true, nil
			}
		}
		if err != nil {
			return false, fmt.Errorf("%w: %w", errHopeless, err)
		}
		k = &known{Length: found.Length, Cut: true, Problem: "the gateway crashed"}
		if i.Suspect != nil {
			i.Silence = append(i.Silence, record.Stretch{From: *i.Suspect, To: media.SamplesIn(found.Length)})
		}
		log.Warn("repaired the recording of a call that a crash cut off", slog.String("file", i.File),
			slog.Duration("kept", found.Length), slog.Int64("dropped_bytes", found.Dropped))
	}
	if i.Destroy != "" {
		return false, a.destroy(i, k)
	}
	if err := a.silence(i, k); err != nil {
		return false, err
	}
	if a.cfg.Keys != nil {
		if c, err := record.Open(a.cfg.Dir, i.File, a.cfg.Keys); err == nil {
			k.KeyID = c.KeyID()
			_ = c.Close()
		}
	}
	sum, size, err := hash(a.ctx, path)
	if err != nil {
		return false, err
	}
	k.Bytes, k.SHA256 = size, hex.EncodeToString(sum[:])
	s := i.state
	s.Stage, s.Known = finished, k
	if err := i.set(s); err != nil {
		return false, err
	}
	return false, nil
}

// silence writes silence over what may not stay in a recording.
func (a *Archive) silence(i *item, k *known) error {
	if len(i.Silence) == 0 {
		return nil
	}
	if err := record.Erase(a.path(i), a.cfg.Keys, i.Silence); err != nil {
		return err
	}
	k.Silenced = record.Together(i.Silence, media.SamplesIn(k.Length)).Duration()

	return nil
}

// destroy destroys a recording that may not stay, and its key first.
func (a *Archive) destroy(i *item, k *known) error {
	if err := record.Destroy(a.path(i)); err != nil {
		return err
	}
	k.Destroyed, k.DeletedAt = i.Destroy, time.Now()
	s := i.state
	s.Stage, s.Known = uploaded, k // there is nothing to upload

	return i.set(s)
}

// hash is the SHA-256 and the size of a file.
func hash(ctx context.Context, path string) (sum [sha256.Size]byte, size int64, err error) {
	file, err := os.Open(path)
	if err != nil {
		return sum, 0, err
	}
	defer file.Close()
	h := sha256.New()
	size, err = io.Copy(h, untilDone{ctx, file})
	return [sha256.Size]byte(h.Sum(nil)), size, err
}

// untilDone is a reader that ends with its context.
type untilDone struct {
	ctx context.Context
	r   io.Reader
}

func (u untilDone) Read(p []byte) (int, error) {
	if u.ctx.Err() != nil {
		return 0, context.Cause(u.ctx)
	}
	return u.r.Read(p)
}

// upload brings the copy to its place.
func (a *Archive) upload(i *item) error {
	k := *i.Known
	if a.cfg.Upload != nil {
		o, body, err := a.object(i)
		if err != nil {
			return fmt.Errorf("%w: %w", errHopeless, err)
		}
		defer body.Close()
		sent := sha256.New()
		if err := a.cfg.Upload.Upload(a.ctx, o, io.TeeReader(body, sent)); err != nil {
			return fmt.Errorf("upload: %w", err)
		}
		if [sha256.Size]byte(sent.Sum(nil)) != o.SHA256 {
			return fmt.Errorf("upload: %w: the file changed while it was sent", errHopeless)
		}
		k.UploadedAt, k.UploadedTo, k.UploadProblem = time.Now(), a.cfg.Upload.Target(o), ""
		k.UploadTries++
	}
	s := i.state
	s.Stage, s.Known = uploaded, &k
	return i.set(s)
}

// object opens what is uploaded of i: the file as it is stored, or its audio.
func (a *Archive) object(i *item) (Object, io.ReadCloser, error) {
	o := Object{Call: i.Call, File: i.File, Size: i.Known.Bytes}
	if !a.cfg.Plain || i.Known.KeyID == "" {
		file, err := os.Open(a.path(i))
		if err != nil {
			return o, nil, err
		}
		_, err = hex.Decode(o.SHA256[:], []byte(i.Known.SHA256))
		return o, file, err
	}
	c, err := record.Open(a.cfg.Dir, i.File, a.cfg.Keys)
	if err != nil {
		return o, nil, err
	}
	h := sha256.New()
	if o.Size, err = io.Copy(h, untilDone{a.ctx, c.Reader()}); err != nil {
		return o, nil, errors.Join(err, c.Close())
	}
	o.SHA256 = [sha256.Size]byte(h.Sum(nil))
	o.File = strings.TrimSuffix(i.File, ".sealed")
	return o, struct {
		io.Reader
		io.Closer
	}{c.Reader(), c}, nil
}

// conclude deletes the local file, when that is wanted, and writes the record.
func (a *Archive) conclude(i *item) error {
	if a.cfg.Delete && !i.Known.UploadedAt.IsZero() && i.Known.DeletedAt.IsZero() {
		if err := a.delete(i); err != nil {
			return err
		}
		s, k := i.state, *i.Known
		k.DeletedAt = time.Now()
		s.Known = &k
		if err := i.set(s); err != nil {
			return err
		}
	}
	return a.cfg.Records.SaveRecording(a.ctx, i.record())
}

// delete removes the local file. The key of a sealed copy stays: without it
// the copy could not be read.
func (a *Archive) delete(i *item) error {
	err := os.Remove(a.path(i))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err == nil && a.cfg.Plain && i.Known.KeyID != "" {
		err = seal.Destroy(record.KeyPath(a.path(i)))
	}
	return err
}
