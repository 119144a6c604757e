package main

import (
	"fmt"
	"runtime/debug"
)

// version is the release; builds from a checkout add the commit.
const version = "0.1.0"

type versionCmd struct{}

func (versionCmd) Run(std *streams) error {
	_, err := fmt.Fprintf(std.out, "trunkline %s%s\n", version, commit())

	return err
}

// commit is the commit that the binary was built from, if Go recorded it.
func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return " (" + s.Value[:min(12, len(s.Value))] + ")"
		}
	}

	return ""
}
