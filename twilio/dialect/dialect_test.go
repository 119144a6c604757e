package dialect

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"trunkline/media"
)

var update = flag.Bool("update", false, "rewrite the golden transcripts")

// Each carrier's transcript has its messages (<, and <b in hexadecimal where
// they are binary), what we read in them (=), and at the end what we write in
// the stream that its first start began (>).
func TestTranscripts(t *testing.T) {
	t.Parallel()
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := "testdata/" + name + ".txt"
			golden, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := transcribe(t, name, golden)
			if *update {
				if err := os.WriteFile(file, got, 0o600); err != nil {
					t.Fatal(err)
				}
			} else if diff := cmp.Diff(string(golden), string(got)); diff != "" {
				t.Errorf("transcript (-want +got):\n%s", diff)
			}
		})
	}
}

func transcribe(t *testing.T, name string, golden []byte) []byte {
	t.Helper()
	d, ok := ByName(name)
	if !ok {
		t.Fatalf("%q has no dialect", name)
	}
	var out bytes.Buffer
	var m Message
	var start *Message
	for line := range strings.Lines(string(golden)) {
		line = strings.TrimSuffix(line, "\n")
		kind, data, _ := strings.Cut(line, " ")
		raw, binary := []byte(data), kind == "<b"
		if kind != "<" && !binary {
			continue
		}
		if binary {
			var err error
			if raw, err = hex.DecodeString(data); err != nil {
				t.Fatal(err)
			}
		}
		fmt.Fprintln(&out, line)
		if err := d.Read(&m, binary, raw); err != nil {
			fmt.Fprintf(&out, "= error: %v\n", err)

			continue
		}
		fmt.Fprintf(&out, "= %s\n", describe(&m))
		if m.Kind == Started && start == nil {
			kept := m
			start = &kept
		}
	}
	w := d.Writer(start)
	audio := start.Format.Encode(nil, []int16{0, 256, -256, 1000})
	if media := w.Media(nil, audio); d.Binary {
		fmt.Fprintf(&out, ">b %x\n", media)
	} else {
		fmt.Fprintf(&out, "> %s\n", media)
	}
	fmt.Fprintf(&out, "> %s\n> %s\n", w.Mark(nil, media.Mark{Generation: 7, Frames: 12800}), w.Clear(nil))

	return out.Bytes()
}

func describe(m *Message) string {
	switch m.Kind {
	case Connected:
		return "connected"
	case Started:
		var parameters []string
		for _, k := range slices.Sorted(maps.Keys(m.Parameters)) {
			parameters = append(parameters, k+"="+m.Parameters[k])
		}

		return fmt.Sprintf("started: stream %q, call %q, account %q, %s, %s", m.Stream, m.Call, m.Account, m.Format, strings.Join(parameters, " "))
	case Media:
		return fmt.Sprintf("media: chunk %d at %d ms (told: %v), outbound %v, %x", m.Chunk, m.At, m.Timed, m.Outbound, m.Audio)
	case Digit:
		return fmt.Sprintf("digit %c, %v", m.Key.Key, m.Key.Duration)
	case Played:
		mark, ours := ParseMark(m.Name)

		return fmt.Sprintf("played %q: %+v, ours: %v", m.Name, mark, ours)
	case Cleared:
		return "cleared"
	case Stopped:
		return fmt.Sprintf("stopped: %q", m.Why)
	case Failed:
		return fmt.Sprintf("failed: %q", m.Why)
	default:
		return "nothing"
	}
}

// What we write is what the carriers' own example of a message has in it.
func TestWritesSoundMessages(t *testing.T) {
	t.Parallel()
	for _, name := range Names() {
		d, _ := ByName(name)
		for _, f := range d.Formats {
			w := d.Writer(&Message{Stream: "MZ1", Format: f})
			messages := [][]byte{w.Mark(nil, media.Mark{Generation: 1, Frames: 2}), w.Clear(nil)}
			if !d.Binary {
				messages = append(messages, w.Media(nil, []byte{1, 2, 3}))
			}
			for _, m := range messages {
				if !json.Valid(m) || bytes.Contains(m, []byte("$")) {
					t.Errorf("%s, %s: %s", name, f, m)
				}
			}
		}
	}
	if _, ok := ByName("nobody"); ok {
		t.Error("nobody has a dialect")
	}
}

// Audio survives the way out and back in every format of every carrier.
func TestFormats(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d, _ := ByName(rapid.SampledFrom(Names()).Draw(t, "carrier"))
		f := rapid.SampledFrom(d.Formats).Draw(t, "format")
		samples := rapid.SliceOfN(rapid.Int16(), 1, 200).Draw(t, "samples")
		encoded := f.Encode([]byte{9}, samples)
		if len(encoded) != 1+len(samples)*f.octets() || encoded[0] != 9 {
			t.Fatalf("%d octets for %d samples", len(encoded), len(samples))
		}
		back := f.Decode([]int16{7}, encoded[1:])
		if len(back) != 1+len(samples) || back[0] != 7 {
			t.Fatalf("%d samples of %d came back", len(back)-1, len(samples))
		}
		for i, s := range samples {
			off := int(back[i+1]) - int(s)
			if linear := f.Encoding == L16 || f.Encoding == L16Little; linear && off != 0 || off > 1100 || off < -1100 {
				t.Fatalf("%s: %d became %d", f, s, back[i+1])
			}
		}
	})
	for _, tt := range []struct {
		format Format
		name   string
		size   int
	}{{Format{PCMU, 8000}, "PCMU", 160}, {Format{PCMA, 8000}, "PCMA", 160}, {Format{L16, 8000}, "L16/8000", 320}, {Format{L16Little, 16000}, "L16/16000", 640}, {Format{L16Little, 24000}, "L16/24000", 960}, {Format{}, "unknown", 0}} {
		if tt.format.String() != tt.name || tt.format.Size(1) != tt.size {
			t.Errorf("%s has %d octets a frame, want %s and %d", tt.format, tt.format.Size(1), tt.name, tt.size)
		}
	}
}

func TestMarks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := media.Mark{Generation: rapid.Uint32().Draw(t, "generation"), Frames: rapid.Uint64().Draw(t, "frames")}
		if back, ok := ParseMark(appendMark(nil, m)); !ok || back != m {
			t.Fatalf("%+v became %+v", m, back)
		}
	})
	for _, name := range []string{"", "g", "g1", "g1:", "g:1", "x1:1", "g-1:1", "g1:-1", "g4294967296:1", "g1:18446744073709551616", "g1:1:1", "hello"} {
		if m, ok := ParseMark([]byte(name)); ok {
			t.Errorf("%q is taken for %+v", name, m)
		}
	}
}

func mediaMessage(frames int) []byte {
	payload := base64.StdEncoding.EncodeToString(make([]byte, frames*160))

	return []byte(`{"event":"media","sequenceNumber":"4","media":{"track":"inbound","chunk":"2","timestamp":"20","payload":"` + payload + `"},"streamSid":"MZ18ad3ab5a668481ce02b83e7395059f0"}`)
}

func TestUsualMessagesAllocateNothing(t *testing.T) {
	d, _ := ByName("twilio")
	m := Message{Audio: make([]byte, 0, 4096)}
	data, mark := mediaMessage(1), []byte(`{"event":"mark","sequenceNumber":"4","streamSid":"MZ1","mark":{"name":"g7:640"}}`)
	w := d.Writer(&Message{Stream: "MZ1", Format: narrow})
	out := make([]byte, 0, 4096)
	if got := testing.AllocsPerRun(100, func() {
		if d.Read(&m, false, data) != nil || m.Kind != Media || m.At != 20 {
			t.Fatal("not read")
		}
		if d.Read(&m, false, mark) != nil || m.Kind != Played {
			t.Fatal("no mark")
		}
		if back, ours := ParseMark(m.Name); !ours || back != (media.Mark{Generation: 7, Frames: 640}) {
			t.Fatalf("%+v", back)
		}
		out = w.Media(out[:0], m.Audio)
		out = w.Mark(out, media.Mark{Generation: 1, Frames: 2})
		out = w.Clear(out)
	}); got != 0 {
		t.Errorf("%v allocations, want none", got)
	}
}

func BenchmarkRead(b *testing.B) {
	d, _ := ByName("twilio")
	var m Message
	data := mediaMessage(1)
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Read(&m, false, data); err != nil {
			b.Fatal(err)
		}
	}
}

// Whatever comes is refused or read; what the quick way reads the thorough one
// reads alike.
func FuzzRead(f *testing.F) {
	for _, name := range Names() {
		file, err := os.Open("testdata/" + name + ".txt")
		if err != nil {
			f.Fatal(err)
		}
		lines := bufio.NewScanner(file)
		for lines.Scan() {
			if message, ok := strings.CutPrefix(lines.Text(), "< "); ok {
				f.Add([]byte(message), false)
			}
		}
		if err := file.Close(); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(mediaMessage(1), false)
	for _, odd := range []string{
		`{"event":"mark","mark":{"name":"a","name":"b"}}`, `{"event":"mark","mark":{"name":"a"},"mark":{"name":"b"}}`, `{"event":"mark","event":"media","mark":{"name":"a"}}`,
		`{"event":"mark","mark":{"name":""}}`, `{"event":"mark","mark":{}}`, `{"event":"mark","mark":{"name":7}}`, `{"mark":{"name":"g1:1"},"event":"mark"}`,
		`{"event":"mark","media":{"payload":"AAAA"},"mark":{"name":"a"}}`, `{"event":"mark","mark":{"name":"g1:1"},"media":{}}`, `{"event":7,"mark":{"name":"a"}}`,
		`{"event":"mark","mark":{"name":"g1:1"},"media":{"chunk":"7","timestamp":"1","track":"outbound"}}`,
	} {
		f.Add([]byte(odd), false)
	}
	f.Add([]byte{0, 1}, true)
	f.Fuzz(func(t *testing.T, data []byte, binary bool) {
		if len(data) > MaxMessage {
			return
		}
		for _, name := range Names() {
			d, _ := ByName(name)
			var m, quick, slow Message
			err := d.Read(&m, binary, data)
			if err == nil && len(m.Audio) > len(data) {
				t.Errorf("%s: %d octets of audio in %d", name, len(m.Audio), len(data))
			}
			if !binary && readUsual(&quick, data, d.mark == nameOfMark) {
				if err := d.read(&slow, data); err != nil && !d.Binary {
					t.Fatalf("%s: the thorough way fails: %v", name, err)
				} else if diff := cmp.Diff(quick, slow); !d.Binary && diff != "" {
					t.Errorf("%s: quick and thorough differ: %s", name, diff)
				}
			}
		}
	})
}
