package record_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/zaf/g711"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"trunkline/media"
	"trunkline/media/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// frame is 20 ms whose samples tell the tick and the place in it.
func frame(tick int, sign int16) *media.Frame {
	var f media.Frame
	for i := range f {
		f[i] = sign * int16((tick*media.FrameSamples+i)%30_000+1)
	}
	return &f
}

func create(t *testing.T) (*record.Recorder, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "call.wav")
	r, err := record.Create(path, record.Options{})
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	return r, path
}

func read(t *testing.T, path string) *record.Audio {
	t.Helper()
	a, err := record.ReadWAV(path)
	if err != nil {
		t.Fatalf("ReadWAV: %v", err)
	}
	if a.Rate != 8000 || a.Channels != 2 || len(a.Samples) != 2 {
		t.Fatalf("rate %d, %d channels, want 8000 and 2", a.Rate, a.Channels)
	}
	return a
}

// ticks is the audio of ticks, one direction.
func ticks(from, to int, sign int16) []int16 {
	var out []int16
	for i := from; i < to; i++ {
		out = append(out, frame(i, sign)[:]...)
	}
	return out
}

func TestBothDirectionsAreRecorded(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 49, 50, 51, 210} {
		synctest.Test(t, func(t *testing.T) {
			r, path := create(t)
			for i := range n {
				r.Write(frame(i, 1), frame(i, -1))
				synctest.Wait()
			}
			if err := errors.Join(r.Close(), r.Close()); err != nil {
				t.Fatalf("Close: %v", err)
			}
			a := read(t, path)
			if !slices.Equal(a.Samples[0], ticks(0, n, 1)) || !slices.Equal(a.Samples[1], ticks(0, n, -1)) {
				t.Errorf("%d ticks are not what was written", n)
			}
			if r.Dropped() != 0 {
				t.Errorf("%d ticks dropped", r.Dropped())
			}
		})
	}
}

func TestSlowDiskLeavesSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, path := create(t)
		const n = 1200
		for i := range n {
			r.Write(frame(i, 1), frame(i, -1)) // in bursts that no disk keeps up with
			if i%400 == 399 {
				synctest.Wait()
			}
		}
		if err := r.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
		a := read(t, path)
		if got := len(a.Samples[0]); got != n*media.FrameSamples {
			t.Fatalf("%d samples, want %d: a dropped tick keeps its place", got, n*media.FrameSamples)
		}
		silent := uint64(0)
		for i := range n {
			in, out := a.Samples[0][i*media.FrameSamples:][:media.FrameSamples], a.Samples[1][i*media.FrameSamples:][:media.FrameSamples]
			switch {
			case slices.Equal(in, frame(i, 1)[:]) && slices.Equal(out, frame(i, -1)[:]):
			case slices.Max(in) == 0 && slices.Min(out) == 0:
				silent++
			default:
				t.Fatalf("tick %d is neither in its place nor silent", i)
			}
		}
		if silent != r.Dropped() {
			t.Errorf("%d silent ticks, %d dropped", silent, r.Dropped())
		}
		if silent == 0 {
			t.Error("nothing was dropped: the test shows nothing")
		}
	})
}

func TestCrashLeavesAudio(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, path := create(t)
		for i := range 120 {
			r.Write(frame(i, 1), frame(i, -1))
			synctest.Wait()
		}
		crashed, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
		want := [][]int16{ticks(0, 100, 1), ticks(0, 100, -1)}

		a, err := record.DecodeWAV(bytes.NewReader(crashed))
		if err != nil {
			t.Fatalf("DecodeWAV of the file after a crash: %v", err)
		}
		if !slices.EqualFunc(want, a.Samples, slices.Equal) {
			t.Error("after a crash the audio is not what was written")
		}

		// Audio reached the file, its header did not; the last sample is torn.
		left := filepath.Join(t.TempDir(), "left.wav")
		binary.LittleEndian.PutUint32(crashed[4:], 36)
		binary.LittleEndian.PutUint32(crashed[40:], 0)
		if err := os.WriteFile(left, append(crashed, 1, 2, 3), 0o600); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := record.Repair(left, nil); err != nil {
				t.Fatalf("Repair: %v", err)
			}
			if !slices.EqualFunc(want, read(t, left).Samples, slices.Equal) {
				t.Error("after the repair the audio is not what was written")
			}
		}
	})
}

func TestRepairRefusesOtherFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, content := range map[string][]byte{
		"empty.wav": {},
		"short.wav": []byte("RIFF"),
		"text.wav":  []byte(strings.Repeat("not audio ", 20)),
		"mono.wav":  wav(t, &record.Audio{Rate: 8000, Channels: 1, Samples: [][]int16{{1, 2, 3}}}),
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := record.Repair(path, nil); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("Repair(%s) = %v, want an error that names the file", name, err)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, content) {
			t.Errorf("%s was changed (%v)", name, err)
		}
	}
	if _, err := record.Repair(filepath.Join(dir, "none.wav"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Repair of no file = %v", err)
	}
}

func TestCreateFails(t *testing.T) {
	t.Parallel()
	if _, err := record.Create(filepath.Join(t.TempDir(), "no", "such", "folder.wav"), record.Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Create = %v, want os.ErrNotExist", err)
	}
}

func TestFullDiskIsReported(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full here")
	}
	if _, err := record.Create("/dev/full", record.Options{}); err == nil {
		t.Error("Create on a full disk gives no error")
	}
}

func TestWriteAfterClose(t *testing.T) {
	t.Parallel()
	r, path := create(t)
	if err := r.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	for i := range 300 {
		r.Write(frame(i, 1), frame(i, -1))
	}
	if n := len(read(t, path).Samples[0]); n != 0 {
		t.Errorf("%d samples after Close", n)
	}
}

func TestWriteAllocatesNothing(t *testing.T) {
	r, _ := create(t)
	caller, agent := frame(0, 1), frame(0, -1)
	if got := testing.AllocsPerRun(1000, func() { r.Write(caller, agent) }); got != 0 {
		t.Errorf("Write allocates %v times, want none", got)
	}
	if err := r.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
}

func BenchmarkWrite(b *testing.B) {
	r, err := record.Create(filepath.Join(b.TempDir(), "call.wav"), record.Options{})
	if err != nil {
		b.Fatal(err)
	}
	caller, agent := frame(0, 1), frame(0, -1)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r.Write(caller, agent)
		if i%50 == 0 {
			b.StopTimer()
			time.Sleep(time.Millisecond)
			b.StartTimer()
		}
	}
	if err := r.Close(); err != nil {
		b.Fatal(err)
	}
}

// wav encodes a.
func wav(t testing.TB, a *record.Audio) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := record.EncodeWAV(&b, a); err != nil {
		t.Fatalf("EncodeWAV: %v", err)
	}
	return b.Bytes()
}

func TestWAVRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := &record.Audio{
			Rate:     rapid.IntRange(1, 192000).Draw(t, "rate"),
			Channels: rapid.IntRange(1, 8).Draw(t, "channels"),
		}
		n := rapid.IntRange(0, 50).Draw(t, "samples")
		for range a.Channels {
			a.Samples = append(a.Samples, rapid.SliceOfN(rapid.Int16(), n, n).Draw(t, "channel"))
		}
		var b bytes.Buffer
		if err := record.EncodeWAV(&b, a); err != nil {
			t.Fatal(err)
		}
		got, err := record.DecodeWAV(&b)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(a, got, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	})
}

func TestWriteWAV(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.wav")
	want := &record.Audio{Rate: 16000, Channels: 1, Samples: [][]int16{{1, -2, math.MaxInt16, math.MinInt16}}}
	if err := record.WriteWAV(path, want); err != nil {
		t.Fatalf("WriteWAV: %v", err)
	}
	got, err := record.ReadWAV(path)
	if err != nil {
		t.Fatalf("ReadWAV: %v", err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if err := record.WriteWAV(t.TempDir(), want); err == nil {
		t.Error("WriteWAV to a folder gives no error")
	}
	if _, err := record.ReadWAV(path + ".not"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("ReadWAV of no file = %v", err)
	}
}

func TestEncodeWAVRefuses(t *testing.T) {
	t.Parallel()
	for name, a := range map[string]*record.Audio{
		"no channels":      {Rate: 8000},
		"too many":         {Rate: 8000, Channels: 9, Samples: make([][]int16, 9)},
		"missing channel":  {Rate: 8000, Channels: 2, Samples: make([][]int16, 1)},
		"unequal channels": {Rate: 8000, Channels: 2, Samples: [][]int16{{1}, {}}},
		"no rate":          {Channels: 1, Samples: [][]int16{{1}}},
	} {
		if err := record.EncodeWAV(&bytes.Buffer{}, a); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// file builds a WAV file of chunks.
func file(chunks ...[]byte) []byte {
	return append([]byte("RIFF\xff\xff\xff\xffWAVE"), slices.Concat(chunks...)...)
}

// chunk builds a chunk, padded to an even length.
func chunk(id string, content ...byte) []byte {
	b := binary.LittleEndian.AppendUint32([]byte(id), uint32(len(content)))
	return append(append(b, content...), make([]byte, len(content)%2)...)
}

// format builds a fmt chunk for 8 kHz.
func format(code, channels, bits int, extra ...byte) []byte {
	le := binary.LittleEndian
	b := le.AppendUint16(nil, uint16(code))
	b = le.AppendUint16(b, uint16(channels))
	b = le.AppendUint32(b, 8000)
	b = le.AppendUint32(b, uint32(8000*channels*bits/8))
	b = le.AppendUint16(b, uint16(channels*bits/8))
	b = le.AppendUint16(b, uint16(bits))
	return chunk("fmt ", append(b, extra...)...)
}

func sized(id string, size uint32, content ...byte) []byte {
	return append(binary.LittleEndian.AppendUint32([]byte(id), size), content...)
}

func TestDecodeWAV(t *testing.T) {
	t.Parallel()
	extensible := append([]byte{22, 0, 16, 0, 3, 0, 0, 0}, []byte("\x01\x00\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71")...)
	for name, tt := range map[string]struct {
		in   []byte
		want [][]int16
	}{
		"mono":                {file(format(1, 1, 16), chunk("data", 1, 0, 0xff, 0xff)), [][]int16{{1, -1}}},
		"stereo":              {file(format(1, 2, 16), chunk("data", 1, 0, 2, 0, 3, 0, 4, 0)), [][]int16{{1, 3}, {2, 4}}},
		"A-law":               {file(format(6, 1, 8, 0, 0), chunk("data", 0xd5, 0x2a)), [][]int16{{g711.DecodeAlawFrame(0xd5), g711.DecodeAlawFrame(0x2a)}}},
		"µ-law":               {file(format(7, 1, 8), chunk("data", 0xff, 0, 0x80)), [][]int16{{0, g711.DecodeUlawFrame(0), g711.DecodeUlawFrame(0x80)}}},
		"extensible":          {file(format(0xfffe, 2, 16, extensible...), chunk("data", 1, 0, 2, 0)), [][]int16{{1}, {2}}},
		"other chunks":        {file(chunk("LIST", 1, 2, 3), format(1, 1, 16), chunk("fact", 9, 9, 9, 9), chunk("data", 1, 0), chunk("LIST", 1)), [][]int16{{1}}},
		"streamed":            {file(format(1, 1, 16), sized("data", 0xffffffff, 1, 0, 2, 0, 3)), [][]int16{{1, 2}}},
		"incomplete sample":   {file(format(1, 2, 16), chunk("data", 1, 0, 2, 0, 3, 0)), [][]int16{{1}, {2}}},
		"no samples":          {file(format(1, 1, 16), chunk("data")), [][]int16{{}}},
		"no samples, two":     {file(format(1, 2, 16), chunk("data")), [][]int16{{}, {}}},
		"padded fmt chunk":    {file(format(1, 1, 16, 0), chunk("data", 5, 0)), [][]int16{{5}}},
		"fmt chunk, 18 bytes": {file(format(1, 1, 16, 0, 0), chunk("data", 5, 0)), [][]int16{{5}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, err := record.DecodeWAV(bytes.NewReader(tt.in))
			if err != nil {
				t.Fatalf("DecodeWAV: %v", err)
			}
			if d := cmp.Diff(&record.Audio{Rate: 8000, Channels: len(tt.want), Samples: tt.want}, a); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestDecodeWAVErrors(t *testing.T) {
	t.Parallel()
	noRate := format(1, 1, 16)
	clear(noRate[12:16])
	for name, tt := range map[string]struct {
		in   []byte
		want []string // parts of the message
	}{
		"empty":         {nil, []string{"not a WAV file: it is empty", "sox"}},
		"MP3":           {[]byte("ID3\x04\x00 and so on, a music file"), []string{"not a WAV file", "ID3", "sox"}},
		"not WAVE":      {[]byte("RIFF\x00\x00\x00\x00AVI LIST"), []string{"not a WAV file"}},
		"no chunks":     {file(), []string{"ends before its data chunk"}},
		"no data chunk": {file(format(1, 1, 16)), []string{"ends before its data chunk"}},
		"data first":    {file(chunk("data", 1, 0)), []string{"before the fmt chunk"}},
		"24 bits":       {file(format(1, 1, 24), chunk("data")), []string{"24 bits, want 16", "sox"}},
		"float":         {file(format(3, 1, 32), chunk("data")), []string{"0x0003", "floating point", "sox"}},
		"ADPCM":         {file(format(2, 1, 4), chunk("data")), []string{"Microsoft ADPCM"}},
		"IMA ADPCM":     {file(format(0x11, 1, 4), chunk("data")), []string{"IMA ADPCM"}},
		"GSM":           {file(format(0x31, 1, 0), chunk("data")), []string{"GSM 06.10"}},
		"MP3 in WAV":    {file(format(0x55, 1, 0), chunk("data")), []string{"MP3"}},
		"who knows":     {file(format(0x4242, 1, 0), chunk("data")), []string{"0x4242", "unknown"}},
		"16-bit A-law":  {file(format(6, 1, 16), chunk("data")), []string{"16 bits, want 8"}},
		"no channel":    {file(format(1, 0, 16), chunk("data")), []string{"0 channels"}},
		"9 channels":    {file(format(1, 9, 16), chunk("data")), []string{"9 channels", "sox"}},
		"no rate":       {file(noRate, chunk("data")), []string{"0 samples per second"}},
		"short fmt":     {file(chunk("fmt ", 1, 0, 1, 0)), []string{"fmt chunk has 4 bytes"}},
		"huge fmt":      {file(sized("fmt ", 1<<30)), []string{"fmt chunk has"}},
		"cut in fmt":    {file(format(1, 1, 16)[:20]), []string{"within its fmt chunk"}},
		"cut in LIST":   {file(sized("LIST", 100, 1, 2, 3)), []string{`"LIST"`, "100 bytes", "cut short"}},
		"cut in data":   {file(format(1, 1, 16), sized("data", 100, 1, 2, 3, 4)), []string{"after 4 of 100 bytes"}},
		"endless data":  {file(format(1, 1, 16), sized("data", 0xfffffff0, 1, 2)), []string{"4294967280 bytes of audio"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, err := record.DecodeWAV(bytes.NewReader(tt.in))
			if err == nil {
				t.Fatalf("no error but %+v", a)
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not say %q", err, part)
				}
			}
		})
	}
}

func TestReadWAVNamesTheFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "greeting.wav")
	if err := os.WriteFile(path, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := record.ReadWAV(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("ReadWAV = %v, want an error that names the file", err)
	}
}

func FuzzDecodeWAV(f *testing.F) {
	f.Add([]byte{})
	f.Add(wav(f, &record.Audio{Rate: 8000, Channels: 2, Samples: [][]int16{{1, 2}, {3, 4}}}))
	f.Add(file(format(6, 1, 8, 0, 0), chunk("fact", 2, 0, 0, 0), chunk("data", 0xd5, 0x2a)))
	f.Add(file(format(7, 2, 8), chunk("data", 0xff, 0x7f)))
	f.Add(file(format(0xfffe, 1, 16, make([]byte, 24)...), chunk("data", 1, 0)))
	f.Add(file(format(1, 1, 16), sized("data", 0xffffffff, 1, 0)))
	f.Add(file(chunk("LIST", 1, 2, 3), format(1, 1, 16), sized("data", 100, 1)))
	f.Fuzz(func(t *testing.T, in []byte) {
		a, err := record.DecodeWAV(bytes.NewReader(in))
		if err != nil {
			return
		}
		again, err := record.DecodeWAV(bytes.NewReader(wav(t, a)))
		if err != nil {
			t.Fatalf("what was read cannot be written and read: %v", err)
		}
		if d := cmp.Diff(a, again); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	})
}
