package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"trunkline/media/record"
	"trunkline/media/record/seal"
)

// recordingCmd works on files of recordings.
type recordingCmd struct {
	Set     recordingSetCmd `cmd:"" help:"Begin, pause, resume or stop the recording of a running call."`
	Decrypt decryptCmd      `cmd:"" help:"Write a recording as a plain WAV file."`
	Erase   eraseCmd        `cmd:"" help:"Destroy an encrypted recording, all copies of it included, by destroying its key; or delete a plain one."`
}

// recordingSetCmd asks the running gateway for a call's recording to be
// otherwise.
type recordingSetCmd struct {
	Call  string `arg:"" help:"The call's id." name:"call"`
	State string `arg:"" help:"What it is to be: recording, paused, or stopped for good." enum:"recording,paused,stopped" name:"state"`
}

func (r *recordingSetCmd) Run(ctx context.Context, c *cli, std *streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	body := map[string]string{"state": r.State}
	if err := ask(ctx, &cfg, http.MethodPost, "/v1/calls/"+url.PathEscape(r.Call)+"/recording", body, nil); err != nil {
		return err
	}
	fmt.Fprintf(std.out, "call %s: %s\n", r.Call, r.State)

	return nil
}

// decryptCmd writes a recording as a WAV file.
type decryptCmd struct {
	File string `arg:"" help:"The recording, with its .key file beside it." type:"path"`
	Out  string `short:"o" required:"" help:"Where the WAV file goes; - is standard output." placeholder:"FILE"`
}

func (d *decryptCmd) Run(c *cli, std *streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	keys, err := recordingKeys(&cfg)
	if err != nil {
		return err
	}
	from, err := record.Open(filepath.Dir(d.File), filepath.Base(d.File), keys)
	if err != nil {
		return fmt.Errorf("decrypt: %w", err)
	}
	defer func() { _ = from.Close() }() // it was only read
	if d.Out == "-" {
		_, err = io.Copy(std.out, from.Reader())
	} else {
		err = writeWAV(d.Out, from)
	}
	if err != nil {
		return fmt.Errorf("decrypt: %w", err)
	}
	if err := from.Complete(); err != nil {
		fmt.Fprintf(std.err, "trunkline: the recording is written as far as it goes: %v\n", err)
	}

	return nil
}

// writeWAV writes the recording at path. What cannot be read whole is not
// left there.
func writeWAV(path string, from *record.Content) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, from.Reader())
	if err := errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}

	return nil
}

// eraseCmd destroys a recording.
type eraseCmd struct {
	File string `arg:"" help:"The recording." type:"path"`
}

func (e *eraseCmd) Run(std *streams) error {
	key := record.KeyPath(e.File)
	_, err := os.Stat(key)
	sealed := err == nil
	if err := errors.Join(seal.Destroy(key), removeFile(e.File, sealed)); err != nil {
		return fmt.Errorf("erase: %w", err)
	}
	if sealed {
		fmt.Fprintf(std.out, "The key of %s is destroyed: nobody can read it any more, nor any copy of it.\n", e.File)
	} else {
		fmt.Fprintf(std.out, "%s is deleted. It was not encrypted: copies elsewhere can still be read.\n", e.File)
	}

	return nil
}

// removeFile deletes a file, which may be gone when the key was still there.
func removeFile(path string, mayBeGone bool) error {
	err := os.Remove(path)
	if mayBeGone && errors.Is(err, os.ErrNotExist) {
		return nil
	}

	return err
}
