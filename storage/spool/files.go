package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Files is what the spool needs of a file system. Directory makes the real
// one; tests have one that fails.
type Files interface {
	// Names lists the files.
	Names() ([]string, error)
	// Create makes a file for appending; it must not exist.
	Create(name string) (File, error)
	// Open opens a file for reading and cutting.
	Open(name string) (File, error)
	// Replace makes data the content of a file, all or nothing, durably.
	Replace(name string, data []byte) error
	// Remove deletes a file.
	Remove(name string) error
	// Sync makes creations and removals durable.
	Sync() error
	// Close gives the directory free for another user.
	Close() error
}

// File is one open file.
type File interface {
	io.Writer
	io.ReaderAt
	io.Closer
	// Sync makes what was written durable.
	Sync() error
	// Truncate cuts the file, durably after the next Sync.
	Truncate(size int64) error
	// Reserve takes disk space for the first size bytes of a new file, which
	// read as zeros, durably.
	Reserve(size int64) error
	// Size is the file's length in bytes.
	Size() (int64, error)
}

// ErrBusy says that another process uses the directory.
var ErrBusy = errors.New("another process uses the spool")

const (
	lockName  = "lock"
	dirMode   = 0o700
	fileMode  = 0o600
	scratchOf = ".new"
)

type directory struct {
	path string
	lock *os.File
}

// Directory makes path when it is missing and takes it for this process
// alone, until Close or the process's end.
func Directory(path string) (Files, error) {
	if err := os.MkdirAll(path, dirMode); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(path, lockName), os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = lock.Close() // the lock's error is the one to tell
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = ErrBusy
		}

		return nil, fmt.Errorf("lock %s: %w", lock.Name(), err)
	}

	return &directory{path: path, lock: lock}, nil
}

func (d *directory) Names() ([]string, error) {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}

	return names, nil
}

func (d *directory) Create(name string) (File, error) {
	f, err := os.OpenFile(filepath.Join(d.path, name), os.O_RDWR|os.O_CREATE|os.O_EXCL, fileMode)

	return file{f}, err
}

func (d *directory) Open(name string) (File, error) {
	f, err := os.OpenFile(filepath.Join(d.path, name), os.O_RDWR, 0)

	return file{f}, err
}

func (d *directory) Replace(name string, data []byte) error {
	path := filepath.Join(d.path, name)
	f, err := os.OpenFile(path+scratchOf, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fileMode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+scratchOf, path); err != nil {
		return err
	}

	return d.Sync()
}

func (d *directory) Remove(name string) error {
	if err := os.Remove(filepath.Join(d.path, name)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}

	return nil
}

func (d *directory) Sync() error {
	dir, err := os.Open(d.path)
	if err != nil {
		return err
	}

	return errors.Join(dir.Sync(), dir.Close())
}

// Close gives up the directory. It unlocks by name: closing alone would leave the
// lock with a program that was forked off a moment ago and has not begun yet.
func (d *directory) Close() error {
	return errors.Join(unix.Flock(int(d.lock.Fd()), unix.LOCK_UN), d.lock.Close())
}

type file struct{ *os.File }

func (f file) Sync() error { return unix.Fdatasync(int(f.Fd())) }

// reserveStep is how many zeros Reserve writes at once: an append to another
// file that syncs meanwhile waits for no more than these.
const reserveStep = 256 << 10

// Reserve writes zeros: where blocks are only allocated, the first write to
// each makes fdatasync wait for the file system's journal.
func (f file) Reserve(size int64) error {
	if err := unix.Fallocate(int(f.Fd()), 0, 0, size); err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
		return err
	}
	zeros := make([]byte, min(size, reserveStep))
	for at := int64(0); at < size; at += reserveStep {
		if _, err := f.WriteAt(zeros[:min(reserveStep, size-at)], at); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
	}

	return nil
}

func (f file) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}

	return info.Size(), nil
}
