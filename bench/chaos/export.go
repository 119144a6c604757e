package chaos

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"
)

// longest bounds a line of an export, in bytes.
const longest = 16 << 20

// Read takes decisions, attempts and suppressions from an export of the
// evidence (package storage/evidence/bundle), which somebody else verifies.
// numberOf names the person of a callee as the export has it; empty: nobody of
// this run.
func (k *Kept) Read(export io.Reader, numberOf func(callee string) string) error {
	k.Decisions, k.Attempts = map[uuid.UUID]Decision{}, map[uuid.UUID]uuid.UUID{}
	k.ByCall, k.Stopped = map[uuid.UUID][]uuid.UUID{}, map[string]int{}
	lines := bufio.NewScanner(export)
	lines.Buffer(nil, longest)
	for n := 1; lines.Scan(); n++ {
		var line struct {
			Entry *entry `json:"entry"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return fmt.Errorf("line %d of the export: %w", n, err)
		}
		if line.Entry == nil {
			continue // of the file, not of the ledger
		}
		if err := k.take(line.Entry, numberOf); err != nil {
			return fmt.Errorf("line %d of the export: %w", n, err)
		}
	}

	return lines.Err()
}

// entry is one of the ledger, as far as it is looked at.
type entry struct {
	Kind string          `json:"kind"`
	ID   uuid.UUID       `json:"id"`
	Body json.RawMessage `json:"body"`
}

func (k *Kept) take(e *entry, numberOf func(string) string) error {
	var body struct {
		Callee   string          `json:"callee"`
		Call     uuid.UUID       `json:"call"`
		Decision json.RawMessage `json:"decision"`
	}
	switch e.Kind {
	case "decision", "attempt", "suppression":
	default:
		return nil
	}
	if err := json.Unmarshal(e.Body, &body); err != nil {
		return err
	}
	switch e.Kind {
	case "decision":
		var d struct {
			Allow    bool          `json:"allow"`
			At       time.Time     `json:"at"`
			ValidFor time.Duration `json:"valid_for_ns"`
		}
		if err := json.Unmarshal(body.Decision, &d); err != nil {
			return err
		}
		k.Decisions[e.ID] = Decision{d.Allow, d.At, d.At.Add(d.ValidFor)}
	case "attempt":
		var by uuid.UUID
		if err := json.Unmarshal(body.Decision, &by); err != nil {
			return err
		}
		if _, twice := k.Attempts[e.ID]; twice {
			return errors.New("the attempt stands there twice")
		}
		k.Attempts[e.ID] = by
		k.ByCall[body.Call] = append(k.ByCall[body.Call], e.ID)
	default:
		k.Stopped[numberOf(body.Callee)]++
	}

	return nil
}
