package cluster

import (
	"slices"
	"strings"
	"testing"
)

func TestBuffers(t *testing.T) {
	t.Parallel()
	for memory, want := range map[uint64]uint64{0: 32, 256 << 20: 32, 1 << 30: 64, 4 << 30: 256, 24 << 30: 512, 1 << 40: 512} {
		if got := buffers(memory); got != want {
			t.Errorf("with %d bytes of memory: %d MiB, want %d", memory, got, want)
		}
	}
	if memory() == 0 {
		t.Error("the kernel tells no memory")
	}
}

// What a commit says is durable is so, but in scratch clusters.
func TestSettingsOfEvidence(t *testing.T) {
	t.Parallel()
	for scratch, want := range map[bool]string{false: "=on", true: "=off"} {
		args := settings(Options{Connections: 50, Scratch: scratch})
		for _, name := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
			if !slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, name) && a == name+want }) {
				t.Errorf("scratch %v: want %s in %q", scratch, name+want, args)
			}
		}
	}
}
