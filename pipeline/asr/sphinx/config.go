package sphinx

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
)

// Where the Debian package pocketsphinx-en-us puts its files.
const (
	debianAcousticModel = "/usr/share/pocketsphinx/model/en-us/en-us"
	debianDictionary    = "/usr/share/pocketsphinx/model/en-us/cmudict-en-us.dict"
	debianLanguageModel = "/usr/share/pocketsphinx/model/en-us/en-us.lm.bin"
)

// Mode says which language model a decoder hears with.
type Mode string

// The modes, from small and sharp to large and loose.
const (
	// Domain knows the words of Config.Phrases and little else. It is the
	// most accurate on what an agent expects, and carries the most calls.
	Domain Mode = "domain"
	// GeneralAndDomain adds a general model of English.
	GeneralAndDomain Mode = "general+domain"
	// General knows English and nothing of the agent.
	General Mode = "general"
)

// Config of a Recognizer. Paths left empty are those of the Debian package
// pocketsphinx-en-us.
type Config struct {
	AcousticModel string // directory of the 16 kHz acoustic model
	Dictionary    string // pronunciations
	LanguageModel string // general language model; not read in the mode Domain
	Cache         string // directory for what is made from these; empty is trunkline in the user's cache directory

	Mode    Mode     // empty is Domain
	Phrases []string // what callers of this agent may say; the mode Domain needs some
	Pool    int      // most streams at once; 0 is DefaultPool

	// Interjections are short phrases that callers say over any agent's voice,
	// such as "uh huh" or "wait". Those with a word that the dictionary lacks
	// are left out.
	Interjections []string

	Log *slog.Logger // nil is silent
}

// DefaultPool is how many streams a Recognizer has when Config.Pool is 0. Two
// cores carry about that many callers who all speak at once.
const DefaultPool = 16

// withDefaults fills in what c leaves out and checks what can be checked
// without the engine. Its errors name the field or the package to install.
func (c Config) withDefaults() (Config, error) {
	if c.Mode == "" {
		c.Mode = Domain
	}
	switch c.Mode {
	case Domain, GeneralAndDomain:
		if len(c.Phrases) == 0 {
			return c, fmt.Errorf("the mode %q needs phrases to make a language model from, and there are none", c.Mode)
		}
	case General:
	default:
		return c, fmt.Errorf("unknown mode %q, want %q, %q or %q", c.Mode, Domain, GeneralAndDomain, General)
	}
	if c.Pool == 0 {
		c.Pool = DefaultPool
	}
	if c.Pool < 0 {
		return c, fmt.Errorf("a pool of %d streams, want at least 1", c.Pool)
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return c, fmt.Errorf("find a cache directory: %w; set one", err)
		}
		c.Cache = filepath.Join(dir, "trunkline")
	}
	return c, errors.Join(
		locate(&c.AcousticModel, debianAcousticModel, "acoustic model"),
		locate(&c.Dictionary, debianDictionary, "dictionary"),
		locateGeneral(&c.LanguageModel, c.Mode),
	)
}

func locateGeneral(path *string, mode Mode) error {
	if mode == Domain {
		return nil // it is not read
	}
	return locate(path, debianLanguageModel, "general language model")
}

// locate sets an empty path to Debian's and makes sure that it exists.
func locate(path *string, debian, what string) error {
	advice := ""
	if *path == "" {
		*path = debian
		advice = "; install it with: apt-get install pocketsphinx-en-us"
	}
	if _, err := os.Stat(*path); err != nil {
		return fmt.Errorf("%s: %w%s", what, err, advice)
	}
	return nil
}

// running bounds how many decoders compute at the same instant, so that the
// threads they block never outnumber the cores that the line clocks need too.
func running() int { return max(1, runtime.GOMAXPROCS(0)) }
