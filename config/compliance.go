package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"trunkline/compliance"
	"trunkline/compliance/language"
	"trunkline/compliance/opening"
)

// Environment variables that hold the secrets of the evidence. They win over
// the files.
const (
	EvidenceKeyEnv = "TRUNKLINE_EVIDENCE_KEY"
	AuditKeyEnv    = "TRUNKLINE_AUDIT_KEY"
)

// Compliance is by what rules calls are placed, and how that is proved.
type Compliance struct {
	Tenant string `yaml:"tenant"` // whose records these are
	// KeyFile holds the secret by which telephone numbers in the evidence are
	// hashed and sealed; made when it is missing. Default: STATE_DIR/evidence.key.
	KeyFile string `yaml:"key_file"`
	// AuditKeyFile holds the Ed25519 seed that signs exports.
	AuditKeyFile string   `yaml:"audit_key_file"`
	Packs        []string `yaml:"packs"` // of rules; the house's own are always in use
	Rules        []string `yaml:"rules"` // files with further rules, which can only be stricter
	// DialsSince is the day from which every dial is in these records; empty:
	// not known, so caps count as reached until their window lies behind.
	DialsSince string `yaml:"dials_since"`
	Clock      string `yaml:"clock"` // "kernel" or "trusted"
	// OptOutKey is the key with which people whom we call say that they do not
	// want that again; empty: words alone count.
	OptOutKey string     `yaml:"opt_out_key"`
	Campaigns []Campaign `yaml:"campaigns"`
	Voices    []Licence  `yaml:"voices"`
	Retention Retention  `yaml:"retention"`
	// Recheck is the time between checks of the ledger's chain; 0: only by hand.
	Recheck time.Duration `yaml:"recheck"`
}

// Campaign is one reason to call people, on behalf of one seller.
type Campaign struct {
	ID                string        `yaml:"id"`
	Seller            string        `yaml:"seller"`
	Active            bool          `yaml:"active"`
	LegalName         string        `yaml:"legal_name"`
	CallbackNumber    string        `yaml:"callback_number"`
	TollFreeOptOut    string        `yaml:"toll_free_opt_out"`
	RingTimeout       time.Duration `yaml:"ring_timeout"`
	OptOutPolicy      string        `yaml:"opt_out_policy"`  // id of the written policy
	OpeningSaysAI     bool          `yaml:"opening_says_ai"` // in its first sentence
	Registrations     []string      `yaml:"registrations"`   // states, two letters
	EmergencyBasis    string        `yaml:"emergency_basis"`
	RegistryException bool          `yaml:"registry_exception"`
	// Opening are the campaign's own sentences, by language such as "en"; what
	// is empty is said in the plain words.
	Opening map[string]Opening `yaml:"opening"`
}

// Opening is what a call of a campaign says at its beginning and at its end.
type Opening struct {
	Identity      string `yaml:"identity"`         // with {name} in it
	OptOut        string `yaml:"opt_out"`          // with {key} in it
	OptOutByVoice string `yaml:"opt_out_by_voice"` // where compliance.opt_out_key is empty
	Recording     string `yaml:"recording"`
	Purpose       string `yaml:"purpose"`  // of a sales call: what is offered
	Callback      string `yaml:"callback"` // with {number} in it
}

// Texts are the sentences as the room that plays them knows them.
func (o *Opening) Texts() opening.Texts {
	return opening.Texts{
		Identity: o.Identity, OptOut: o.OptOut, OptOutByVoice: o.OptOutByVoice, Recording: o.Recording, Purpose: o.Purpose, Callback: o.Callback,
	}
}

// Licence is the right to speak with a synthetic voice.
type Licence struct {
	Agent          string   `yaml:"agent"`
	Voice          string   `yaml:"voice"`
	Licence        string   `yaml:"licence"`
	SpeakerConsent string   `yaml:"speaker_consent"`
	Sellers        []string `yaml:"sellers"`    // "*": all
	ExpiresAt      string   `yaml:"expires_at"` // a day, YYYY-MM-DD
}

// Retention is how long what is not evidence is kept; 0: for ever.
type Retention struct {
	Recordings  time.Duration `yaml:"recordings"`
	Transcripts time.Duration `yaml:"transcripts"`
	Calls       time.Duration `yaml:"calls"`
	Every       time.Duration `yaml:"every"` // between runs; 0: only by hand
}

// Spool bounds what waits on disk while the database is away.
type Spool struct {
	Directory string `yaml:"directory"` // default: STATE_DIR/spool/NODE
	MaxMB     int    `yaml:"max_mb"`    // history; revocations have 64 MB of their own
}

// SpoolDir is where this node's spool is: gateways that share a directory of
// state have one each.
func (c *Config) SpoolDir() string {
	if c.Spool.Directory != "" {
		return c.Spool.Directory
	}

	return filepath.Join(c.StateDir, "spool", filepath.Base(c.Node))
}

// EvidenceKeyFile is where the secret of the evidence is.
func (c *Config) EvidenceKeyFile() string {
	if c.Compliance.KeyFile != "" {
		return c.Compliance.KeyFile
	}

	return filepath.Join(c.StateDir, "evidence.key")
}

// Day reads a validated day; an empty one is zero.
func Day(text string) time.Time {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return time.Time{}
	}

	return t
}

// LoadRules reads the packs and the files with further rules.
func (c *Compliance) LoadRules() (*compliance.Rules, error) {
	var more []compliance.Source
	for _, file := range c.Rules {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		more = append(more, compliance.Source{Name: file, YAML: text})
	}

	return compliance.Load(c.Packs, more...)
}

// rules checks that the packs go together and that further rules can be read.
// The packs of the program alone are checked by tests.
func (v *validator) rules(c *Compliance) {
	unknown := slices.ContainsFunc(c.Packs, func(p string) bool { return !slices.Contains(compliance.Packs(), p) })
	if unknown || len(c.Rules) == 0 && slices.Equal(c.Packs, compliance.DefaultPacks()) {
		return
	}
	_, err := c.LoadRules()
	for _, one := range flatten(err) {
		path := "compliance.rules"
		if bad := (*compliance.LoadError)(nil); errors.As(one, &bad) && !slices.Contains(c.Rules, bad.File) {
			path = "compliance.packs"
		}
		v.addf(path, "%v", one)
	}
}

// flatten is the errors that were joined to one.
func flatten(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	if err == nil {
		return nil
	}

	return []error{err}
}

func (v *validator) compliance(c *Config) {
	p := &c.Compliance
	v.require("compliance.tenant", p.Tenant)
	v.oneOf("compliance.clock", p.Clock, "kernel", "trusted")
	v.oneOf("compliance.opt_out_key", p.OptOutKey, "", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "#")
	for i, pack := range p.Packs {
		v.oneOf(fmt.Sprintf("compliance.packs[%d]", i), pack, compliance.Packs()...)
	}
	if _, err := os.Stat(p.AuditKeyFile); p.AuditKeyFile != "" && err != nil {
		v.addf("compliance.audit_key_file", "%v", err)
	}
	v.rules(p)
	v.oneOf("calls.database_away", c.Calls.DatabaseAway, "answer", "refuse")
	v.day("compliance.dials_since", p.DialsSince)
	var ids []string
	for i := range p.Campaigns {
		at := fmt.Sprintf("compliance.campaigns[%d]", i)
		v.require(at+".id", p.Campaigns[i].ID)
		v.require(at+".seller", p.Campaigns[i].Seller)
		if slices.Contains(ids, p.Campaigns[i].ID) {
			v.addf(at+".id", "%q names two campaigns; ids must differ", p.Campaigns[i].ID)
		}
		ids = append(ids, p.Campaigns[i].ID)
		v.openings(at+".opening", p.Campaigns[i].Opening)
	}
	for i := range p.Voices {
		at := fmt.Sprintf("compliance.voices[%d]", i)
		if _, ok := c.Agent(p.Voices[i].Agent); !ok {
			v.addf(at+".agent", "%q is not one of the agents; correct the name", p.Voices[i].Agent)
		}
		v.require(at+".voice", p.Voices[i].Voice)
		v.day(at+".expires_at", p.Voices[i].ExpiresAt)
	}
	r := p.Retention
	for path, d := range map[string]time.Duration{"recordings": r.Recordings, "transcripts": r.Transcripts, "calls": r.Calls, "every": r.Every} {
		if d < 0 {
			v.addf("compliance.retention."+path, "is negative; use 0s to keep for ever")
		}
	}
	if p.Recheck < 0 {
		v.addf("compliance.recheck", "is negative; use 0s to check by hand only")
	}
	if c.Spool.MaxMB < 1 {
		v.addf("spool.max_mb", "must be at least 1")
	}
}

// openings checks a campaign's own sentences.
func (v *validator) openings(path string, all map[string]Opening) {
	for _, code := range slices.Sorted(maps.Keys(all)) {
		o := all[code]
		texts := o.Texts()
		if err := texts.Validate(); err != nil {
			v.addf(path+"."+code, "%v", err)
		}
		if code != language.Base(code) {
			v.addf(path+"."+code, "is no plain language; write it as %q, for all its regions", language.Base(code))
		}
	}
}

func (v *validator) day(path, text string) {
	if text != "" && Day(text).IsZero() {
		v.addf(path, "%q is not a day; write it as 2026-01-31", text)
	}
}
