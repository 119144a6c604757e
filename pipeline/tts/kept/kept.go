package kept

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/gob"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"trunkline/media"
	"trunkline/pipeline"
)

// unused is how long a sentence is kept that nobody asks for.
const unused = 90 * 24 * time.Hour

// Store is a directory of sentences. It is safe for concurrent use, also by
// several processes.
type Store struct {
	dir string
	log *slog.Logger
}

// Open makes the directory, and forgets in it what was not asked for in 90 days.
func Open(dir string, log *slog.Logger) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("keep spoken lines: %w", err)
	}
	s := &Store{dir: dir, log: log}
	s.forget(time.Now().Add(-unused))

	return s, nil
}

func (s *Store) forget(before time.Time) {
	files, err := os.ReadDir(s.dir)
	if err != nil {
		s.log.Warn("kept lines cannot be looked through", slog.Any("error", err))
	}
	for _, f := range files {
		if info, err := f.Info(); err == nil && info.Mode().IsRegular() && info.ModTime().Before(before) {
			_ = os.Remove(filepath.Join(s.dir, f.Name())) // the next start tries again
		}
	}
}

// sentence is a file.
type sentence struct {
	Samples []int16
	Words   []media.Word
}

// path is where a sentence lies. voice names everything that its sound depends
// on.
func (s *Store) path(voice, text string) string {
	sum := sha256.Sum256([]byte(voice + "\x00" + text))

	return filepath.Join(s.dir, hex.EncodeToString(sum[:16])+".speech")
}

// load reads a sentence. What cannot be read is not there.
func (s *Store) load(voice, text string) (pipeline.Speech, bool) {
	path := s.path(voice, text)
	data, err := os.ReadFile(path)
	if err != nil {
		return pipeline.Speech{}, false
	}
	var in sentence
	if gob.NewDecoder(bytes.NewReader(data)).Decode(&in) != nil || len(in.Samples) == 0 {
		return pipeline.Speech{}, false
	}
	now := time.Now()
	_ = os.Chtimes(path, now, now) // at worst it is made again in 90 days

	return pipeline.Speech(in), true
}

// keep writes a sentence: all of it, or nothing.
func (s *Store) keep(voice, text string, sp pipeline.Speech) error {
	var data bytes.Buffer
	if err := gob.NewEncoder(&data).Encode(sentence(sp)); err != nil {
		return err
	}
	f, err := os.CreateTemp(s.dir, ".new-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // it has another name by then
	if _, err = f.Write(data.Bytes()); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}

	return os.Rename(f.Name(), s.path(voice, text))
}

// Recorder is a voice whose whole sentences are kept.
func (s *Store) Recorder(voice string, of pipeline.Synthesizer) pipeline.Synthesizer {
	return recorder{Synthesizer: of, voice: voice, store: s}
}

type recorder struct {
	pipeline.Synthesizer

	voice string
	store *Store
}

// Synthesize speaks, and keeps what was spoken to its end.
func (r recorder) Synthesize(ctx context.Context, text string) iter.Seq2[pipeline.Speech, error] {
	return func(yield func(pipeline.Speech, error) bool) {
		var all pipeline.Speech
		for sp, err := range r.Synthesizer.Synthesize(ctx, text) {
			if !yield(sp, err) || err != nil {
				return
			}
			all.Samples = append(all.Samples, sp.Samples...)
			all.Words = append(all.Words, sp.Words...)
		}
		if len(all.Samples) == 0 {
			return
		}
		if err := r.store.keep(r.voice, text, all); err != nil {
			r.store.log.Warn("a spoken line cannot be kept", slog.Any("error", err))
		}
	}
}

// Voice says what the first of some voices has said before, else what of says;
// and when that fails, what any of them has said before.
func (s *Store) Voice(of pipeline.Synthesizer, voices ...string) pipeline.Synthesizer {
	return &voice{store: s, of: of, voices: voices}
}

type voice struct {
	store  *Store
	of     pipeline.Synthesizer // its Recorders
	voices []string             // first choice first
}

// Synthesize implements pipeline.Synthesizer.
func (v *voice) Synthesize(ctx context.Context, text string) iter.Seq2[pipeline.Speech, error] {
	return func(yield func(pipeline.Speech, error) bool) {
		if sp, ok := v.store.load(v.voices[0], text); ok {
			yield(sp, nil)

			return
		}
		began := false
		for sp, err := range v.of.Synthesize(ctx, text) {
			if err == nil || began || ctx.Err() != nil {
				began = began || len(sp.Samples) > 0
				if !yield(sp, err) {
					return
				}

				continue
			}
			for _, other := range v.voices[1:] {
				if sp, ok := v.store.load(other, text); ok {
					yield(sp, nil)

					return
				}
			}
			yield(sp, err)

			return
		}
	}
}
