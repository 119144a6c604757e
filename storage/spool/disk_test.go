package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"syscall"
)

// disk is a file system in memory that loses what was not synced when it
// crashes, and fails as it is told.
type disk struct {
	mu      sync.Mutex
	now     map[string]*content // what a running process sees
	durable map[string]*content // the names that survive a crash
	fault   func(op string) error
	short   int // bytes that the next failing write leaves behind
	syncs   int
}

// content is a file's bytes; synced is what of them survives for certain.
type content struct {
	data   []byte
	synced []byte
}

func newDisk() *disk {
	return &disk{now: map[string]*content{}, durable: map[string]*content{}}
}

// crash loses names that were not synced, and of each file keeps what was
// synced and as much of the rest as torn says, which is given its length.
func (d *disk) crash(torn func(unsynced int) int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = nil
	d.now = maps.Clone(d.durable)
	for _, name := range slices.Sorted(maps.Keys(d.now)) {
		c := d.now[name]
		kept := slices.Clone(c.synced)
		if extra := len(c.data) - len(c.synced); extra > 0 {
			kept = append(kept, c.data[len(c.synced):len(c.synced)+torn(extra)]...)
		}
		d.now[name] = &content{data: kept, synced: slices.Clone(kept)}
		d.durable[name] = d.now[name]
	}
}

func (d *disk) failing(op string) error {
	if d.fault == nil {
		return nil
	}

	return d.fault(op)
}

func (d *disk) Names() ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()

	return slices.Collect(maps.Keys(d.now)), d.failing("names")
}

func (d *disk) Create(name string) (File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.failing("create"); err != nil {
		return nil, err
	}
	if d.now[name] != nil {
		return nil, fs.ErrExist
	}
	d.now[name] = &content{}

	return &handle{disk: d, content: d.now[name]}, nil
}

func (d *disk) Open(name string) (File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.now[name] == nil {
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}

	return &handle{disk: d, content: d.now[name]}, d.failing("open")
}

func (d *disk) Replace(name string, data []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.failing("replace"); err != nil {
		return err
	}
	d.now[name] = &content{data: slices.Clone(data), synced: slices.Clone(data)}
	d.durable[name] = d.now[name]

	return nil
}

func (d *disk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.failing("remove"); err != nil {
		return err
	}
	delete(d.now, name)
	delete(d.durable, name)

	return nil
}

func (d *disk) Sync() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.failing("sync directory"); err != nil {
		return err
	}
	d.durable = maps.Clone(d.now)

	return nil
}

func (d *disk) Close() error { return nil }

type handle struct {
	disk    *disk
	content *content
	at      int
}

func (h *handle) Write(p []byte) (int, error) {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	if err := h.disk.failing("write"); err != nil {
		n := min(h.disk.short, len(p))
		h.put(p[:n])

		return n, err
	}
	h.put(p)

	return len(p), nil
}

func (h *handle) put(p []byte) {
	if grow := h.at + len(p) - len(h.content.data); grow > 0 {
		h.content.data = append(h.content.data, make([]byte, grow)...)
	}
	h.at += copy(h.content.data[h.at:], p)
}

func (h *handle) ReadAt(p []byte, at int64) (int, error) {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	if err := h.disk.failing("read"); err != nil {
		return 0, err
	}
	if at >= int64(len(h.content.data)) {
		return 0, io.EOF
	}
	n := copy(p, h.content.data[at:])
	if n < len(p) {
		return n, io.EOF
	}

	return n, nil
}

func (h *handle) Sync() error {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	h.disk.syncs++
	if err := h.disk.failing("sync"); err != nil {
		return err
	}
	h.content.synced = slices.Clone(h.content.data)

	return nil
}

func (h *handle) Truncate(size int64) error {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	if err := h.disk.failing("truncate"); err != nil {
		return err
	}
	h.content.data = h.content.data[:min(size, int64(len(h.content.data)))]
	h.content.synced = h.content.synced[:min(size, int64(len(h.content.synced)))]

	return nil
}

func (h *handle) Reserve(size int64) error {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	if err := h.disk.failing("reserve"); err != nil {
		return err
	}
	h.content.data = append(h.content.data, make([]byte, size)...)
	h.content.synced = slices.Clone(h.content.data)

	return nil
}

func (h *handle) Size() (int64, error) {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()

	return int64(len(h.content.data)), nil
}

func (h *handle) Close() error { return nil }

var errIO = errors.New("input/output error")

// noSpace fails what needs space.
func noSpace(op string) error {
	switch op {
	case "write", "create", "reserve", "replace":
		return syscall.ENOSPC
	default:
		return nil
	}
}
