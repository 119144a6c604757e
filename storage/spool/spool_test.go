package spool

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func mustOpen(t *testing.T, files Files, o Options) *Spool {
	t.Helper()
	s, err := Open(files, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})

	return s
}

func add(t *testing.T, s *Spool, payloads ...string) {
	t.Helper()
	for _, p := range payloads {
		if _, err := s.Append([]byte(p)); err != nil {
			t.Fatalf("append %q: %v", p, err)
		}
	}
}

// rest reads and settles everything, a few records at a time.
func rest(t *testing.T, s *Spool) []string {
	t.Helper()
	var all []string
	for {
		records, err := s.Next(3)
		if err != nil {
			t.Fatal(err)
		}
		if len(records) == 0 {
			return all
		}
		for _, r := range records {
			all = append(all, string(r.Payload))
		}
		if err := s.Settle(records[len(records)-1].Number); err != nil {
			t.Fatal(err)
		}
	}
}

// quiet returns when nothing runs behind the appends.
func quiet(s *Spool) {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.making.Wait()
}

func TestOnRealFiles(t *testing.T) {
	t.Parallel()
	for _, reserve := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "spool")
		o := Options{Segment: 256, Reserve: reserve}
		open := func() *Spool {
			files, err := Directory(dir)
			if err != nil {
				t.Fatal(err)
			}

			return mustOpen(t, files, o)
		}
		s := open()
		if _, err := Directory(dir); !errors.Is(err, ErrBusy) {
			t.Errorf("a second user of the directory: %v, want ErrBusy", err)
		}
		var want []string
		for i := range 20 {
			want = append(want, fmt.Sprintf("record %d %s", i, strings.Repeat("x", i*7)))
		}
		add(t, s, want[:12]...)
		records, err := s.Next(5)
		if err != nil || len(records) != 5 {
			t.Fatal(records, err)
		}
		if err := s.Settle(records[3].Number); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open()
		if got := s.Stats(); got.Waiting != 8 || got.Settled != 4 || got.Last != 12 || got.Damaged != 0 {
			t.Errorf("reserve %v: after a restart: %+v", reserve, got)
		}
		add(t, s, want[12:]...)
		if diff := cmp.Diff(want[4:], rest(t, s)); diff != "" {
			t.Errorf("reserve %v: %s", reserve, diff)
		}
		if got := s.Stats(); got.Waiting != 0 || got.Bytes > o.Segment {
			t.Errorf("reserve %v: when all is settled: %+v", reserve, got)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if s = open(); s.Stats().Last != 20 {
			t.Errorf("reserve %v: numbers begin again at %d", reserve, s.Stats().Last)
		}
	}
}

func TestTornWriteIsCutOff(t *testing.T) {
	t.Parallel()
	s := salt{1}
	framed := appendRecord(nil, s, Record{Number: 3, Payload: []byte("torn")})
	for cut := 1; cut < len(framed); cut++ {
		d := newDisk()
		data := appendRecord(nil, s, Record{Number: 1, Payload: []byte("one")})
		data = appendRecord(data, s, Record{Number: 2, Payload: []byte("two")})
		name := segmentName(1, s)
		good := len(data)
		data = append(data, framed[:cut]...)
		d.now[name] = &content{data: data, synced: data}
		var damages []Damage
		sp := mustOpen(t, d, Options{Damaged: func(d Damage) { damages = append(damages, d) }})
		want := []Damage{{Segment: name, Offset: int64(good), Length: int64(cut), After: 2, Torn: true}}
		if diff := cmp.Diff(want, damages); diff != "" {
			t.Fatalf("cut at %d: %s", cut, diff)
		}
		if len(d.now[name].data) != good {
			t.Fatalf("cut at %d: %d bytes are left, want %d", cut, len(d.now[name].data), good)
		}
		add(t, sp, "three")
		if diff := cmp.Diff([]string{"one", "two", "three"}, rest(t, sp)); diff != "" {
			t.Fatalf("cut at %d: %s", cut, diff)
		}
	}
}

// Any one byte that changes costs the record that it stands in and no other,
// and its place is told.
func TestDamageCostsOneRecord(t *testing.T) {
	t.Parallel()
	s := salt{9, 8, 7}
	words := []string{"alpha", "", "gamma ray", "delta"}
	var data []byte
	var begins []int
	for i, w := range words {
		begins = append(begins, len(data))
		data = appendRecord(data, s, Record{Number: uint64(i + 1), Payload: []byte(w)})
	}
	for at := range data {
		hit := len(begins) - 1
		for begins[hit] > at {
			hit--
		}
		bad := slices.Clone(data)
		bad[at] ^= 0x10
		d := newDisk()
		d.now[segmentName(1, s)] = &content{data: bad, synced: bad}
		last := salt{1}
		end := appendRecord(nil, last, Record{Number: 9, Payload: []byte("end")})
		d.now[segmentName(9, last)] = &content{data: end, synced: end}
		var damages []Damage
		sp := mustOpen(t, d, Options{Damaged: func(d Damage) { damages = append(damages, d) }})
		want := append(slices.Delete(slices.Clone(words), hit, hit+1), "end")
		if diff := cmp.Diff(want, rest(t, sp)); diff != "" {
			t.Fatalf("byte %d of record %d: %s", at, hit+1, diff)
		}
		if len(damages) != 1 || damages[0].Offset != int64(begins[hit]) || damages[0].Torn {
			t.Fatalf("byte %d of record %d at %d: reported %v", at, hit+1, begins[hit], damages)
		}
		if w := sp.Stats().Waiting; w != 0 {
			t.Fatalf("byte %d: %d records wait in the end", at, w)
		}
	}
}

func TestPayloadThatHoldsRecords(t *testing.T) {
	t.Parallel()
	d := newDisk()
	s := mustOpen(t, d, Options{})
	add(t, s, "first")
	fake := appendRecord(nil, salt{}, Record{Number: 7, Payload: []byte("fake")})
	add(t, s, string(fake), "last")
	name := s.segments[0].name
	d.now[name].data[recordHeader+len("first")+1] ^= 1 // the header of the record with the fake
	if diff := cmp.Diff([]string{"first", "last"}, rest(t, s)); diff != "" {
		t.Error(diff)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	fail := func(want string, err error) func(string) error {
		return func(op string) error {
			if op == want {
				return err
			}

			return nil
		}
	}
	for name, c := range map[string]struct {
		fault func(string) error
		want  error
	}{
		"disk full":            {noSpace, ErrDiskFull},
		"write fails":          {fail("write", errIO), errIO},
		"fsync fails":          {fail("sync", errIO), errIO},
		"no new file":          {fail("create", errIO), nil}, // the open one takes it
		"cut fails, too":       {func(op string) error { return errors.Join(fail("write", errIO)(op), fail("truncate", errIO)(op)) }, errIO},
		"directory not synced": {fail("sync directory", errIO), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for short := range 60 {
				d := newDisk()
				s := mustOpen(t, d, Options{})
				add(t, s, "before")
				d.short, d.fault = short, c.fault
				_, err := s.Append([]byte("during"))
				if !errors.Is(err, c.want) {
					t.Fatalf("append: %v, want %v", err, c.want)
				}
				if (s.Stats().Failing != nil) != (c.want != nil) {
					t.Errorf("failing: %v", s.Stats().Failing)
				}
				d.fault = nil
				add(t, s, "after")
				if s.Stats().Failing != nil {
					t.Errorf("still failing: %v", s.Stats().Failing)
				}
				got := slices.DeleteFunc(rest(t, s), func(p string) bool { return p == "during" && c.want != nil })
				want := []string{"before", "during", "after"}
				if c.want != nil {
					want = []string{"before", "after"}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatal(diff)
				}
			}
		})
	}
}

func TestReservedRoomOutlivesAFullDisk(t *testing.T) {
	t.Parallel()
	d := newDisk()
	s := mustOpen(t, d, Options{Reserve: true, Segment: 1 << 10})
	quiet(s)
	d.fault = func(op string) error {
		if op == "write" { // into room that was taken before
			return nil
		}

		return noSpace(op)
	}
	var want []string
	for i := range 20 {
		want = append(want, fmt.Sprint("stop calling me ", i))
	}
	add(t, s, want...)
	quiet(s)
	d.crash(func(int) int { return 0 })
	if diff := cmp.Diff(want, rest(t, mustOpen(t, d, Options{}))); diff != "" {
		t.Error(diff)
	}
}

func TestBound(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, newDisk(), Options{Bound: 1000, Segment: 300})
	var n int
	for ; ; n++ {
		if _, err := s.Append(make([]byte, 76)); err != nil {
			if !errors.Is(err, ErrFull) {
				t.Fatal(err)
			}

			break
		}
	}
	if n != 10 {
		t.Errorf("%d records of 100 bytes in 1000", n)
	}
	records, err := s.Next(4)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Settle(records[3].Number); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(make([]byte, 76)); err != nil {
		t.Errorf("a segment was settled, and yet: %v", err)
	}
	if _, err := s.Append(make([]byte, MaxRecord+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a record beyond MaxRecord: %v", err)
	}
}

func TestSettleKnowsWhatNextGave(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, newDisk(), Options{})
	add(t, s, "a", "b")
	if _, err := s.Next(1); err != nil {
		t.Fatal(err)
	}
	if err := s.Settle(2); err == nil {
		t.Error("a record that Next did not give was settled")
	}
}

func TestDamagedCursorRepeats(t *testing.T) {
	t.Parallel()
	d := newDisk()
	s := mustOpen(t, d, Options{})
	add(t, s, "a", "b", "c")
	if _, err := s.Next(2); err != nil {
		t.Fatal(err)
	}
	if err := s.Settle(2); err != nil {
		t.Fatal(err)
	}
	d.now[cursorName].data[3] ^= 1
	if diff := cmp.Diff([]string{"a", "b", "c"}, rest(t, mustOpen(t, d, Options{}))); diff != "" {
		t.Error(diff)
	}
}

func TestGroupCommit(t *testing.T) {
	t.Parallel()
	d := newDisk()
	s := mustOpen(t, d, Options{})
	const writers = 50
	s.writing.Lock() // a write is under way
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			if _, err := s.Append(fmt.Appendf(nil, "%d", i)); err != nil {
				t.Error(err)
			}
		})
	}
	for queued := int64(0); queued < writers; {
		s.mu.Lock()
		if s.pending != nil {
			queued = int64(len(s.pending.records))
		}
		s.mu.Unlock()
	}
	s.writing.Unlock()
	wg.Wait()
	if d.syncs != 1 {
		t.Errorf("%d fsyncs for %d records that waited together", d.syncs, writers)
	}
	if got := rest(t, s); len(got) != writers {
		t.Errorf("%d of %d records", len(got), writers)
	}
}

// A segment is ready before it is needed: appends that fill one after another
// neither make nor reserve files themselves.
func TestAppendsFindTheNextSegmentReady(t *testing.T) {
	t.Parallel()
	d := newDisk()
	s := mustOpen(t, d, Options{Reserve: true, Segment: 100})
	var want []string
	for i := range 10 {
		quiet(s)
		s.writing.Lock()
		ready := s.spareReady()
		s.writing.Unlock()
		if !ready {
			t.Fatalf("before record %d no segment is ready", i)
		}
		want = append(want, fmt.Sprintf("%d %s", i, strings.Repeat("x", 60)))
		add(t, s, want[i])
	}
	quiet(s)
	// One that is ready and not used is no damage, and is not kept.
	d.crash(func(int) int { return 0 })
	var damages []Damage
	next := mustOpen(t, d, Options{Damaged: func(d Damage) { damages = append(damages, d) }})
	if len(damages) != 0 || len(next.segments) != 10 {
		t.Errorf("%d segments after a crash, and %v", len(next.segments), damages)
	}
	if diff := cmp.Diff(want, rest(t, next)); diff != "" {
		t.Error(diff)
	}
}

// When the disk has no room for a spare, the appends go on in what they have,
// are refused when that is full, and go on when there is room again.
func TestNoRoomForASpare(t *testing.T) {
	t.Parallel()
	d := newDisk()
	s := mustOpen(t, d, Options{Reserve: true, Segment: 100})
	quiet(s)
	d.fault = func(op string) error {
		if op == "write" {
			return nil
		}

		return noSpace(op)
	}
	full := strings.Repeat("x", 76)
	add(t, s, full, full) // into the active segment and the spare
	quiet(s)
	if _, err := s.Append([]byte(full)); !errors.Is(err, ErrDiskFull) {
		t.Errorf("with no room: %v", err)
	}
	d.fault = nil
	add(t, s, full)
	if got := rest(t, s); len(got) != 3 {
		t.Errorf("%d records", len(got))
	}
}

// Of a segment that a newer one follows, the end that was not written is no
// damage; and an unfinished write is cut off although an unused segment follows.
func TestEndsBeforeASpare(t *testing.T) {
	t.Parallel()
	d := newDisk()
	one, two, three := salt{1}, salt{2}, salt{3}
	put := func(order uint64, s salt, data []byte) {
		d.now[segmentName(order, s)] = &content{data: data, synced: data}
	}
	zeros := make([]byte, 50)
	put(1, one, append(appendRecord(nil, one, Record{Number: 1, Payload: []byte("one")}), zeros...))
	torn := appendRecord(nil, two, Record{Number: 3, Payload: []byte("never promised")})
	put(2, two, append(append(appendRecord(nil, two, Record{Number: 2, Payload: []byte("two")}), torn[:30]...), zeros...))
	put(3, three, zeros)
	var damages []Damage
	s := mustOpen(t, d, Options{Damaged: func(d Damage) { damages = append(damages, d) }})
	if len(damages) != 1 || !damages[0].Torn || damages[0].Segment != segmentName(2, two) {
		t.Errorf("reported %v", damages)
	}
	add(t, s, "three")
	if diff := cmp.Diff([]string{"one", "two", "three"}, rest(t, s)); diff != "" {
		t.Error(diff)
	}
}

// Whatever fails and crashes in whatever order: a record that Append has taken
// comes out until it is settled and never after, each once between crashes,
// in order; and only records come out that were given in.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := newDisk()
		o := Options{Segment: 200, Reserve: rapid.Bool().Draw(t, "reserve")}
		s, err := Open(d, o)
		if err != nil {
			t.Fatal(err)
		}
		quiet(s) // here and below: what comes is to be the same in every run
		var (
			given   []string // in order
			taken   = map[string]bool{}
			settled = map[string]bool{}
		)
		read := func(n int) {
			records, err := s.Next(n)
			if err != nil {
				t.Fatal(err)
			}
			last := -1
			got := map[string]bool{}
			for _, r := range records {
				p := string(r.Payload)
				at := slices.Index(given, p)
				if at <= last || settled[p] {
					t.Fatalf("%q came out of order or after it was settled", p)
				}
				last, got[p] = at, true
			}
			for _, p := range given[:last+1] {
				if taken[p] && !settled[p] && !got[p] {
					t.Fatalf("%q was passed over", p)
				}
			}
			if len(records) < n {
				for p := range taken {
					if !settled[p] && !got[p] {
						t.Fatalf("%q is lost", p)
					}
				}
			}
			if len(records) == 0 || !rapid.Bool().Draw(t, "settle") {
				return
			}
			upTo := rapid.IntRange(0, len(records)-1).Draw(t, "up to")
			if err := s.Settle(records[upTo].Number); err != nil {
				t.Fatal(err)
			}
			quiet(s)
			for _, p := range given[:slices.Index(given, string(records[upTo].Payload))+1] {
				settled[p] = true
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				p := fmt.Sprintf("%d:%s", len(given), strings.Repeat("y", rapid.IntRange(0, 90).Draw(t, "length")))
				given = append(given, p)
				if op := rapid.SampledFrom([]string{"", "", "write", "sync", "create", "sync directory"}).Draw(t, "fault"); op != "" {
					d.short = rapid.IntRange(0, 120).Draw(t, "short")
					d.fault = func(o string) error {
						if o == op {
							return errIO
						}

						return nil
					}
				}
				if _, err := s.Append([]byte(p)); err == nil {
					taken[p] = true
				}
				quiet(s)
				d.fault = nil
			},
			"read": func(t *rapid.T) { read(rapid.IntRange(1, 5).Draw(t, "n")) },
			"crash": func(t *rapid.T) {
				d.crash(func(unsynced int) int { return rapid.IntRange(0, unsynced).Draw(t, "torn") })
				if s, err = Open(d, o); err != nil {
					t.Fatal(err)
				}
				quiet(s)
			},
		})
		read(len(given) + 1)
	})
}

// Whatever stands in a segment, the scanner ends, and gives only whole
// records in the order of their numbers.
func FuzzScanner(f *testing.F) {
	s := salt{4, 2}
	good := appendRecord(appendRecord(nil, s, Record{Number: 1, Payload: []byte("one")}), s, Record{Number: 2, Payload: nil})
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(append([]byte{0x7A, 0x5C}, good...))
	f.Add(append(good[:5:5], good...))
	f.Fuzz(func(t *testing.T, data []byte) {
		covered := int64(0)
		var damaged int64
		sc := newScanner(readerAt(data), "fuzz", s, 0, int64(len(data)), func(d Damage) { damaged += d.Length })
		last := uint64(0)
		for {
			r, err := sc.next()
			if err != nil {
				break
			}
			if r.Number <= last {
				t.Fatalf("record %d after %d", r.Number, last)
			}
			last = r.Number
			covered += int64(recordHeader + len(r.Payload))
		}
		if covered+damaged != int64(len(data)) {
			t.Fatalf("%d bytes of records and %d of damage in %d", covered, damaged, len(data))
		}
	})
}

func FuzzSegmentName(f *testing.F) {
	f.Add(segmentName(7, salt{1, 2, 3}))
	f.Fuzz(func(t *testing.T, name string) {
		if first, s, ok := parseSegmentName(name); ok && segmentName(first, s) != name {
			t.Fatalf("%q is read as %q", name, segmentName(first, s))
		}
	})
}

func readerAt(data []byte) *handle {
	return &handle{disk: newDisk(), content: &content{data: data}}
}
