package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/google/uuid"

	"trunkline/archive"
	"trunkline/call"
	"trunkline/config"
	"trunkline/console"
	"trunkline/media/record"
	"trunkline/media/record/seal"
)

// recordingKeys are the configured keys of recordings, nil when there are
// none.
func recordingKeys(c *config.Config) (*seal.Keyring, error) {
	if text := os.Getenv(config.RecordingKeyEnv); text != "" {
		keys, err := seal.ParseKeys(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", config.RecordingKeyEnv, err)
		}

		return keys, nil
	}
	if c.Recording.KeyFile == "" {
		return nil, nil //nolint:nilnil // no key is configured
	}

	return seal.LoadKeys(c.Recording.KeyFile)
}

// startArchive takes care of recordings: of new ones when they are wanted, and
// in any case of what earlier runs left. It returns nil when calls are not
// recorded.
func (g *gateway) startArchive() (call.Recordings, error) {
	var err error
	if g.keys, err = recordingKeys(&g.cfg); err != nil {
		return nil, err
	}
	dir := g.cfg.RecordingDir()
	if _, err := os.Stat(dir); err != nil && !g.cfg.Recording.Enabled {
		return nil, nil //nolint:nilnil // nothing is recorded
	}
	gap, err := record.ParseGap(g.cfg.Recording.Gap)
	if err != nil {
		return nil, fmt.Errorf("recording.gap: %w", err)
	}
	u := &g.cfg.Recording.Upload
	settings := archive.Config{
		Dir: dir, Keys: g.keys, Gap: gap, Records: g.store, Log: g.log,
		Plain: u.Content == "wav", Delete: u.DeleteLocal, Retries: u.Retries,
	}
	if u.URL != "" {
		up := &archive.HTTP{URL: u.URL, Method: u.Method, Header: http.Header{}, Timeout: u.Timeout}
		for name, variable := range u.HeaderEnv {
			up.Header.Set(name, os.Getenv(variable))
		}
		settings.Upload = up
	}
	a := archive.New(settings)
	if err := a.Start(); err != nil {
		return nil, fmt.Errorf("recording.directory: %w", err)
	}
	g.onStop("the archive", partStop, func(context.Context) error {
		a.Stop()

		return nil
	})
	if !g.cfg.Recording.Enabled {
		return nil, nil //nolint:nilnil // nothing is recorded
	}

	return a, nil
}

// setRecording is console.Config.Record.
func (g *gateway) setRecording(id uuid.UUID, state, by string) error {
	err := g.calls.SetRecording(id, call.RecordingState(state), by)
	switch {
	case errors.Is(err, call.ErrNotRunning):
		return console.ErrNotRunning
	case errors.Is(err, call.ErrNotRecorded):
		return console.ErrNotRecorded
	case errors.Is(err, call.ErrRecordingOver):
		return console.ErrRecordingOver
	}

	return err
}
