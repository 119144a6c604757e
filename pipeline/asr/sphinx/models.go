package sphinx

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"trunkline/pipeline/asr/sphinx/lexicon"
	"trunkline/pipeline/asr/sphinx/narrowband"
	"trunkline/pipeline/asr/sphinx/ngram"
)

// models is what a decoder is made from.
type models struct {
	mode       Mode
	acoustic   string           // directory of the wideband model
	narrowband narrowband.Files // what replaces parts of it
	dictionary string
	general    string // language model; empty in the mode Domain
	domain     string // language model; empty in the mode General
}

// prepare makes what is not yet in the cache. It reports the words of the
// phrases that nothing could be done for.
func prepare(c Config) (*models, error) {
	m := &models{mode: c.Mode, acoustic: c.AcousticModel, dictionary: c.Dictionary, general: c.LanguageModel}
	var err error
	if m.narrowband, err = narrowband.Ensure(c.AcousticModel, c.Cache); err != nil {
		return nil, err
	}
	if c.Mode == General {
		return m, nil
	}

	phrases := domainPhrases(&c)
	entries, guessed, unsayable, err := pronounce(c.Dictionary, &phrases)
	if err != nil {
		return nil, err
	}
	if len(guessed) > 0 {
		c.Log.Warn("the dictionary lacks words of the phrases: their sound is guessed from their spelling", "words", describe(guessed))
	}
	if len(unsayable) > 0 {
		c.Log.Warn("the recogniser cannot hear some words of the phrases: their phrases are left out; write the words as they are spoken", "words", unsayable)
	}
	var model ngram.Model
	for _, p := range phrases {
		if !containsAny(p.words, unsayable) {
			model.Add(p.words, p.weight)
		}
	}

	var arpa, dictionary bytes.Buffer
	if err := model.WriteARPA(&arpa); err != nil {
		return nil, err
	}
	if c.Mode == GeneralAndDomain {
		base, err := os.ReadFile(c.Dictionary)
		if err != nil {
			return nil, fmt.Errorf("read dictionary: %w", err)
		}
		dictionary.Write(base)
		entries = guessed
	}
	if err := lexicon.Write(&dictionary, slices.Concat(entries, spoken)); err != nil {
		return nil, err
	}
	if m.domain, err = keep(c.Cache, "domain", ".arpa", arpa.Bytes()); err != nil {
		return nil, err
	}
	m.dictionary, err = keep(c.Cache, "domain", ".dict", dictionary.Bytes())
	return m, err
}

// arguments configure a decoder as a command line would.
func (m *models) arguments() []string {
	args := []string{
		"-hmm", m.acoustic,
		"-mean", m.narrowband.Means,
		"-var", m.narrowband.Variances,
		"-featparams", m.narrowband.FeatParams,
		"-dict", m.dictionary,
	}
	args = append(args, searchSettings...)
	switch m.mode {
	case Domain:
		args = append(append(args, everyFrame...), "-lm", m.domain)
	case General:
		args = append(append(args, everyOther...), "-lm", m.general)
	case GeneralAndDomain:
		args = append(args, everyOther...) // the language models follow when the decoder exists
	}
	return args
}

// pronounce finds the entries of all words in phrases: those of the
// dictionary, then guessed ones. Words that cannot be guessed are returned.
// Optional phrases with a word that the dictionary lacks are taken out.
func pronounce(dictionary string, phrases *[]phrase) (entries, guessed []lexicon.Entry, unsayable []string, err error) {
	var words []string
	for _, p := range *phrases {
		words = append(words, p.words...)
	}
	file, err := os.Open(dictionary)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("read dictionary: %w", err)
	}
	defer file.Close()
	entries, missing, err := lexicon.Select(file, words)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("%s: %w", dictionary, err)
	}
	*phrases = slices.DeleteFunc(*phrases, func(p phrase) bool { return p.optional && containsAny(p.words, missing) })
	missing = slices.DeleteFunc(missing, func(word string) bool {
		return !slices.ContainsFunc(*phrases, func(p phrase) bool { return slices.Contains(p.words, word) })
	})
	for _, word := range missing {
		if phones, ok := lexicon.Guess(word); ok {
			guessed = append(guessed, lexicon.Entry{Word: word, Phones: phones})
		} else {
			unsayable = append(unsayable, word)
		}
	}
	return append(entries, guessed...), guessed, unsayable, nil
}

func describe(entries []lexicon.Entry) []string {
	var out []string
	for _, e := range entries {
		out = append(out, e.Word+" = "+e.Phones)
	}
	return out
}

func containsAny(words, others []string) bool {
	for _, w := range words {
		for _, o := range others {
			if w == o {
				return true
			}
		}
	}
	return false
}

// keep writes data into the cache under a name made from its content, unless
// it is there, and returns the path.
func keep(cache, prefix, suffix string, data []byte) (string, error) {
	sum := sha256.Sum256(data)
	path := filepath.Join(cache, prefix+"-"+hex.EncodeToString(sum[:8])+suffix)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	temp, err := os.CreateTemp(cache, ".domain-*")
	if err != nil {
		return "", fmt.Errorf("write cache: %w", err)
	}
	defer func() { _ = os.Remove(temp.Name()) }() // gone already when the rename went well
	_, err = io.Copy(temp, bytes.NewReader(data))
	if closeErr := temp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return "", fmt.Errorf("write cache: %w", err)
	}
	return path, nil
}
