package seal_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"trunkline/media/record/seal"
)

// memory is a file in memory.
type memory struct{ b []byte }

func (m *memory) ReadAt(p []byte, off int64) (int, error) { return bytes.NewReader(m.b).ReadAt(p, off) }

func (m *memory) WriteAt(p []byte, off int64) (int, error) {
	if need := int(off) + len(p); need > len(m.b) {
		m.b = append(m.b, make([]byte, need-len(m.b))...)
	}
	return copy(m.b[off:], p), nil
}

func (m *memory) Truncate(size int64) error {
	m.b = m.b[:size]
	return nil
}

const (
	chunk  = 64
	stride = chunk + 16
	head   = 28
)

var (
	keyA = strings.Repeat("0a", 32)
	keyB = base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xb}, 32))
)

func ring(t rapid.TB, text string) *seal.Keyring {
	t.Helper()
	k, err := seal.ParseKeys(text)
	if err != nil {
		t.Fatalf("ParseKeys: %v", err)
	}
	return k
}

// sealed is a file with the given content, and its key.
func sealed(t rapid.TB, content []byte) (*memory, *seal.Key) {
	t.Helper()
	key, err := ring(t, keyA).New()
	if err != nil {
		t.Fatal(err)
	}
	m := &memory{}
	w, err := seal.NewWriter(m, key, chunk)
	if err != nil {
		t.Fatal(err)
	}
	for ; len(content) >= chunk; content = content[chunk:] {
		if err := w.Write(content[:chunk]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.End(content); err != nil {
		t.Fatal(err)
	}
	return m, key
}

// opened is the content of a file as far as it can be read.
func opened(m *memory, key *seal.Key) (content []byte, complete, err error) {
	r, err := seal.NewReader(m, int64(len(m.b)), key)
	if err != nil {
		return nil, nil, err
	}
	content, err = io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
	return content, r.Complete(), err
}

func bytesOf(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7)
	}
	return b
}

func TestContentComesBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		content := rapid.SliceOfN(rapid.Byte(), 0, 5*chunk).Draw(t, "content")
		m, key := sealed(t, content)
		got, complete, err := opened(m, key)
		if err != nil || complete != nil || !bytes.Equal(got, content) {
			t.Fatalf("%d bytes come back as %d, complete %v, error %v", len(content), len(got), complete, err)
		}
		if len(content) > 8 && bytes.Contains(m.b, content) {
			t.Fatal("the content stands in the file")
		}
		r, err := seal.NewReader(m, int64(len(m.b)), key)
		if err != nil {
			t.Fatal(err)
		}
		for range 5 { // in any order
			off := rapid.IntRange(0, len(content)).Draw(t, "offset")
			p := make([]byte, rapid.IntRange(0, 2*chunk).Draw(t, "length"))
			n, err := r.ReadAt(p, int64(off))
			if !bytes.Equal(p[:n], content[off:off+n]) || (n < len(p)) != errors.Is(err, io.EOF) {
				t.Fatalf("ReadAt(%d bytes at %d) = %d, %v", len(p), off, n, err)
			}
		}
	})
}

// Any flipped bit is found, and what lies before it can be read.
func TestFlippedBit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		content := bytesOf(rapid.IntRange(0, 4*chunk).Draw(t, "length"))
		m, key := sealed(t, content)
		bit := rapid.IntRange(0, 8*len(m.b)-1).Draw(t, "bit")
		m.b[bit/8] ^= 1 << (bit % 8)
		got, complete, err := opened(m, key)
		if err == nil && complete == nil {
			t.Fatalf("bit %d of %d flipped: nothing is found", bit, 8*len(m.b))
		}
		if want := max(0, bit/8-head) / stride * chunk; bit/8 >= head && !bytes.Equal(got, content[:min(want, len(content))]) {
			t.Fatalf("bit %d flipped: %d bytes before it can be read, want %d", bit, len(got), want)
		}
	})
}

// A file cut anywhere can be read up to its last whole chunk, says that it was
// cut, and stays so after a repair.
func TestCutAnywhere(t *testing.T) {
	t.Parallel()
	content := bytesOf(3*chunk + 10)
	whole, key := sealed(t, content)
	for size := range whole.b {
		m := &memory{b: bytes.Clone(whole.b[:size])}
		got, complete, err := opened(m, key)
		if size < head {
			if !errors.Is(err, seal.ErrNotSealed) {
				t.Fatalf("cut to %d bytes: error %v, want ErrNotSealed", size, err)
			}
			continue
		}
		want := content[:(size-head)/stride*chunk]
		if err != nil || !errors.Is(complete, seal.ErrCut) || !bytes.Equal(got, want) {
			t.Fatalf("cut to %d bytes: %d bytes, complete %v, error %v; want %d and ErrCut", size, len(got), complete, err, len(want))
		}
		for again := range 2 {
			dropped, err := seal.Repair(m, int64(len(m.b)), key)
			if wantDropped := int64((size - head) % stride); err != nil || again == 0 && dropped != wantDropped || again == 1 && dropped != 0 {
				t.Fatalf("repair %d of a file cut to %d bytes: %d dropped, want %d; error %v", again, size, dropped, wantDropped, err)
			}
			got, complete, err = opened(m, key)
			if err != nil || !errors.Is(complete, seal.ErrCut) || !bytes.Equal(got, want) {
				t.Fatalf("cut to %d bytes and repaired: %d bytes, complete %v, error %v", size, len(got), complete, err)
			}
		}
	}
}

// Pages that were never written are zero after a power failure.
func TestRepairDropsUnsoundEnd(t *testing.T) {
	t.Parallel()
	content := bytesOf(5 * chunk)
	m, key := sealed(t, content)
	clear(m.b[head+3*stride+5:])
	dropped, err := seal.Repair(m, int64(len(m.b)), key)
	if err != nil || dropped != 2*stride+16 {
		t.Fatalf("Repair = %d, %v", dropped, err)
	}
	got, complete, err := opened(m, key)
	if err != nil || !errors.Is(complete, seal.ErrCut) || !bytes.Equal(got, content[:3*chunk]) {
		t.Errorf("%d bytes, complete %v, error %v", len(got), complete, err)
	}
}

func TestRepairLeavesWholeFile(t *testing.T) {
	t.Parallel()
	m, key := sealed(t, bytesOf(200))
	before := bytes.Clone(m.b)
	if dropped, err := seal.Repair(m, int64(len(m.b)), key); dropped != 0 || err != nil || !bytes.Equal(m.b, before) {
		t.Errorf("Repair = %d, %v", dropped, err)
	}
}

func TestChunksCannotChangePlaces(t *testing.T) {
	t.Parallel()
	m, key := sealed(t, bytesOf(3*chunk))
	first, second := bytes.Clone(m.b[head:head+stride]), m.b[head+stride:head+2*stride]
	copy(m.b[head:], second)
	copy(second, first)
	if _, _, err := opened(m, key); !errors.Is(err, seal.ErrDamaged) {
		t.Errorf("error %v, want ErrDamaged", err)
	}
}

func TestWriterKeepsOrder(t *testing.T) {
	t.Parallel()
	key, err := ring(t, keyA).New()
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{0, -1, 1<<20 + 1} {
		if _, err := seal.NewWriter(&memory{}, key, size); err == nil {
			t.Errorf("chunks of %d bytes: no error", size)
		}
	}
	w, err := seal.NewWriter(&memory{}, key, chunk)
	if err != nil {
		t.Fatal(err)
	}
	if w.Write(make([]byte, chunk-1)) == nil || w.End(make([]byte, chunk)) == nil {
		t.Error("chunks of the wrong size are taken")
	}
	if err := w.Cut(); err != nil {
		t.Fatal(err)
	}
	if w.Cut() == nil || w.End(nil) == nil || w.Write(make([]byte, chunk)) == nil {
		t.Error("a file that has ended goes on")
	}
}

func TestKeysRotate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.key")
	key, err := ring(t, keyA).New()
	if err != nil {
		t.Fatal(err)
	}
	if err := key.Save(path); err != nil {
		t.Fatal(err)
	}
	if err := key.Save(path); !errors.Is(err, os.ErrExist) {
		t.Errorf("a key file is replaced: %v", err)
	}
	m := &memory{}
	w, err := seal.NewWriter(m, key, chunk)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.End([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	rotated := ring(t, "# the new one\n"+keyB+" # writes\n\n"+keyA)
	if rotated.ID() == ring(t, keyA).ID() || rotated.ID() != ring(t, keyB).ID() {
		t.Error("the first key does not write")
	}
	again, err := rotated.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, complete, err := opened(m, again); string(got) != "hello" || complete != nil || err != nil {
		t.Errorf("%q, %v, %v", got, complete, err)
	}
	if _, err := ring(t, keyB).Load(path); !errors.Is(err, seal.ErrNoKey) || !strings.Contains(err.Error(), key.KeyID) {
		t.Errorf("error %v, want ErrNoKey with the key's id", err)
	}
	if err := errors.Join(seal.Destroy(path), seal.Destroy(path)); err != nil {
		t.Errorf("Destroy: %v", err)
	}
	if _, err := rotated.Load(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the key file is still there: %v", err)
	}
}

func TestOtherFilesKeyDoesNotFit(t *testing.T) {
	t.Parallel()
	m, _ := sealed(t, bytesOf(100))
	_, other := sealed(t, nil)
	if _, _, err := opened(m, other); !errors.Is(err, seal.ErrDamaged) {
		t.Errorf("error %v, want ErrDamaged", err)
	}
}

func TestParseKeysRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing":   "",
		"a comment": "# " + keyA,
		"short":     "abcd",
		"31 bytes":  strings.Repeat("0a", 31),
		"twice":     keyA + "\n" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xa}, 32)),
	} {
		_, err := seal.ParseKeys(text)
		if err == nil {
			t.Errorf("%s: no error", name)
		} else if strings.Contains(err.Error(), "0a0a") || strings.Contains(err.Error(), "abcd") {
			t.Errorf("%s: the error quotes a key: %v", name, err)
		}
	}
}

func TestLoadKeys(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys")
	if _, err := seal.LoadKeys(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(path, []byte(keyA), 0o600); err != nil {
		t.Fatal(err)
	}
	if k, err := seal.LoadKeys(path); err != nil || k.ID() != ring(t, keyA).ID() {
		t.Errorf("LoadKeys: %v", err)
	}
	if err := os.Chmod(path, 0o604); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.LoadKeys(path); err == nil || !strings.Contains(err.Error(), "chmod") {
		t.Errorf("a file for everybody: %v", err)
	}
}

func FuzzKeyFile(f *testing.F) {
	k := ring(f, keyA)
	path := filepath.Join(f.TempDir(), "a.key")
	key, err := k.New()
	if err != nil {
		f.Fatal(err)
	}
	if err := key.Save(path); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("trunkline recording key 1\nfile \nkey \ndata \n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		if _, err := k.Open(content); err == nil && !bytes.Contains(content, []byte(k.ID())) {
			t.Error("a key file without its key's id is taken")
		}
	})
}

func FuzzReader(f *testing.F) {
	m, key := sealed(f, bytesOf(150))
	f.Add(m.b)
	f.Add(m.b[:head+stride+5])
	f.Add([]byte(hex.EncodeToString(m.b)))
	f.Fuzz(func(t *testing.T, file []byte) {
		content, complete, err := opened(&memory{b: file}, key)
		if err == nil && complete == nil && !bytes.Equal(content, bytesOf(150)) {
			t.Errorf("a forged file is taken: %d bytes", len(content))
		}
		if !bytes.HasPrefix(bytesOf(150), content) {
			t.Errorf("forged content is taken: %d bytes", len(content))
		}
		cp := &memory{b: bytes.Clone(file)}
		if _, err := seal.Repair(cp, int64(len(cp.b)), key); err == nil {
			if repaired, _, err := opened(cp, key); err == nil && !bytes.HasPrefix(bytesOf(150), repaired) {
				t.Error("a repair changed the content")
			}
		}
	})
}
