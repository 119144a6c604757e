package spool

import (
	"testing"

	"golang.org/x/sys/unix"
)

// A program that was forked off before it begins has all our descriptors: that
// must not keep the directory from who opens it next.
func TestCloseUnlocksForForkedPrograms(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	files, err := Directory(path)
	if err != nil {
		t.Fatal(err)
	}
	d, ok := files.(*directory)
	if !ok {
		t.Fatalf("%T", files)
	}
	forked, err := unix.Dup(int(d.lock.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(forked)
	if err := files.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Directory(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}
