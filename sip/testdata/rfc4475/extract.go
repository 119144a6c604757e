//go:build ignore

// Extract writes the torture messages of RFC 4475 to the working directory.
// The RFC's text is read from standard input; Debian has it in the package
// doc-rfc-informational:
//
//	zcat /usr/share/doc/RFC/informational/rfc4475.txt.gz | go run extract.go
//
// Appendix A holds them, bit by bit, as a compressed archive in base64. The
// archive has one file that is none of the RFC's messages, test.dat, which is
// left out.
package main

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"io"
	"log"
	"os"
	"path"
	"regexp"
	"strings"
)

func main() {
	if err := extract(os.Stdin); err != nil {
		log.Fatal(err)
	}
}

// encoded is a line of the archive; page breaks are none.
var encoded = regexp.MustCompile(`^ *([A-Za-z0-9+/=]+) *$`)

func extract(rfc io.Reader) error {
	var (
		text   strings.Builder
		inside bool
		lines  = bufio.NewScanner(rfc)
	)

	for lines.Scan() {
		switch line := lines.Text(); {
		case strings.HasSuffix(line, "-- BEGIN MESSAGE ARCHIVE --"):
			inside = true
		case strings.HasSuffix(line, "-- END MESSAGE ARCHIVE --"):
			inside = false
		case inside && encoded.MatchString(line):
			text.WriteString(encoded.FindStringSubmatch(line)[1])
		}
	}

	if err := lines.Err(); err != nil {
		return err
	}

	unzipped, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, strings.NewReader(text.String())))
	if err != nil {
		return err
	}

	for files := tar.NewReader(unzipped); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}

		if err != nil {
			return err
		}

		if name := path.Base(header.Name); strings.HasSuffix(name, ".dat") && name != "test.dat" {
			data, err := io.ReadAll(files)
			if err != nil {
				return err
			}

			if err := os.WriteFile(name, data, 0o644); err != nil {
				return err
			}
		}
	}
}
