// Package testdata embeds the samples that trunkline ships: the dialogue file
// of the built-in reception desk, and the caller's lines that the demo and the
// tests play.
package testdata

import "embed"

// Files holds audio/*.wav (8 kHz, 16-bit, mono) and scripts/*.yaml.
//
//go:embed audio/*.wav audio/lines.tsv scripts/*.yaml
var Files embed.FS

// ReceptionScript is the path of the built-in agent's dialogue file in Files.
const ReceptionScript = "scripts/reception.yaml"
