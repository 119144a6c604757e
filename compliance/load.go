package compliance

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	_ "time/tzdata" // zones must not depend on the machine

	"github.com/goccy/go-yaml"

	"trunkline/compliance/npa"
)

//go:embed rules/*.yaml
var files embed.FS

// housePack is always loaded: rules of ours that hold whatever the law is.
const housePack = "house"

// DefaultPacks are the packs in use unless a configuration names others.
func DefaultPacks() []string { return []string{"us-federal", "us-states"} }

// Packs are the names of all packs in the program, sorted, but for the house's
// own, which is always in use.
func Packs() []string {
	var names []string
	entries, _ := files.ReadDir("rules") // it is in the program
	for _, e := range entries {
		if name := strings.TrimSuffix(e.Name(), ".yaml"); name != housePack {
			names = append(names, name)
		}
	}

	return names
}

// Source is a further file of rules, of the same form as the packs. It can
// only make decisions stricter: it may open no destination, and all rules must
// hold.
type Source struct {
	Name string // of the file, for messages
	YAML []byte
}

// PackInfo is what a pack says of itself.
type PackInfo struct {
	Name    string
	Version string // the day of its last change
	SHA256  string // of the file, in hex
	About   string
}

// Rules are the rules in use. They do not change after Load and may be used
// from many goroutines.
type Rules struct {
	packs        []PackInfo
	rules        []Rule // in the order in which Decide looks at them
	destinations []destination
	calendars    map[string]calendar
	zones        map[string]*time.Location
	stateZones   map[string][]string // every zone of a state, by its area codes
	version      string
	tzdata       string
	longest      time.Duration
}

// packFile is the shape of a file of rules.
type packFile struct {
	Pack         string               `yaml:"pack"`
	Version      Day                  `yaml:"version"`
	About        string               `yaml:"about"`
	Requires     []string             `yaml:"requires"`
	Destinations []destination        `yaml:"destinations"`
	Calendars    map[string][]holiday `yaml:"calendars"`
	Rules        []Rule               `yaml:"rules"`
}

// destination is a country that a pack has rules for.
type destination struct {
	Country  string    `yaml:"country"` // ISO 3166-1
	Union    string    `yaml:"union"`   // a jurisdiction above it, such as EU
	Prefix   string    `yaml:"prefix"`  // country calling code; 1 for the area codes of Country in our table
	Zones    []string  `yaml:"zones"`   // of the whole country; with prefix 1 the area code says it
	Purposes []Purpose `yaml:"purposes"`
}

// LoadError is one mistake in a file of rules.
type LoadError struct {
	File  string
	Rule  string // id, or empty for the file's head
	Field string
	What  string
}

func (e *LoadError) Error() string {
	at := e.File
	if e.Rule != "" {
		at += ": rule " + e.Rule
	}
	if e.Field != "" {
		at += ": " + e.Field
	}

	return at + ": " + e.What
}

// Load reads the named packs and further files. The error joins a LoadError
// for each mistake.
func Load(packs []string, more ...Source) (*Rules, error) {
	l := loader{out: &Rules{calendars: make(map[string]calendar)}, ids: make(map[string]string), names: []string{housePack}}
	l.file(housePack, true, l.builtIn(housePack))
	for _, name := range packs {
		if slices.Contains(l.names, name) {
			continue
		}
		l.names = append(l.names, name)
		if src := l.builtIn(name); src != nil {
			l.file(name, true, src)
		}
	}
	for _, m := range more {
		l.file(m.Name, false, m.YAML)
	}
	l.finish()
	if len(l.errs) > 0 {
		return nil, errors.Join(l.errs...)
	}

	return l.out, nil
}

// loader gathers files and what is wrong with them.
type loader struct {
	out      *Rules
	names    []string
	ids      map[string]string // rule id to its file
	requires []LoadError       // what a pack needs beside it; What is the pack's name
	used     []LoadError       // calendars that rules name; What is the calendar's name
	hash     []string
	errs     []error
}

func (l *loader) faultf(file, rule, field, format string, args ...any) {
	l.errs = append(l.errs, &LoadError{File: file, Rule: rule, Field: field, What: fmt.Sprintf(format, args...)})
}

func (l *loader) builtIn(name string) []byte {
	src, err := files.ReadFile("rules/" + name + ".yaml")
	if err != nil {
		l.faultf("packs", "", "", "there is no pack %q; there are %s", name, strings.Join(Packs(), ", "))

		return nil
	}

	return src
}

// file reads one file.
func (l *loader) file(name string, builtIn bool, src []byte) {
	var f packFile
	if err := yaml.UnmarshalWithOptions(src, &f, yaml.Strict()); err != nil {
		l.faultf(name, "", "", "%v", err)

		return
	}
	switch {
	case f.Pack == "":
		l.faultf(name, "", "pack", "is missing; give the file's rules a name")
	case builtIn && f.Pack != name:
		l.faultf(name, "", "pack", "is %q; it must be the file's name", f.Pack)
	case !builtIn && (slices.Contains(Packs(), f.Pack) || f.Pack == housePack):
		l.faultf(name, "", "pack", "%q is a pack of the program; choose another name", f.Pack)
	}
	if f.Version.start.IsZero() {
		l.faultf(name, "", "version", "is missing; give the day of the last change")
	}
	if !builtIn && len(f.Destinations) > 0 {
		l.faultf(name, "", "destinations", "a further file can only make decisions stricter; remove them")
	}
	for _, need := range f.Requires {
		l.requires = append(l.requires, LoadError{File: name, Field: "requires", What: need})
	}
	l.destinations(name, f.Destinations)
	l.calendars(name, f.Calendars)
	for i := range f.Rules {
		rule := &f.Rules[i]
		rule.pack = f.Pack
		l.rule(name, rule)
		l.out.rules = append(l.out.rules, *rule)
	}
	sum := sha256.Sum256(src)
	l.out.packs = append(l.out.packs, PackInfo{
		Name: f.Pack, Version: f.Version.String(), SHA256: hex.EncodeToString(sum[:]), About: strings.TrimSpace(f.About),
	})
	l.hash = append(l.hash, fmt.Sprintf("%s@%s:%s", f.Pack, f.Version, hex.EncodeToString(sum[:4])))
}

func (l *loader) destinations(file string, all []destination) {
	for i, d := range all {
		field := fmt.Sprintf("destinations[%d]", i)
		if d.Country == "" || d.Prefix == "" || len(d.Purposes) == 0 {
			l.faultf(file, "", field, "needs country, prefix and purposes")
		}
		if (d.Prefix == "1") != (len(d.Zones) == 0) {
			l.faultf(file, "", field+".zones", "are needed for every prefix but 1, whose area codes say it")
		}
		for _, p := range d.Purposes {
			if !knownPurpose(p) {
				l.faultf(file, "", field+".purposes", "%q is no purpose", p)
			}
		}
	}
	l.out.destinations = append(l.out.destinations, all...)
}

func (l *loader) calendars(file string, all map[string][]holiday) {
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if _, taken := l.out.calendars[name]; taken {
			l.faultf(file, "", "calendars."+name, "stands in another file too")
		}
		days, err := makeCalendar(all[name])
		if err != nil {
			l.faultf(file, "", "calendars."+name, "%v", err)
		}
		l.out.calendars[name] = days
	}
}

// finish checks what spans files and prepares what Decide looks up.
func (l *loader) finish() {
	for _, need := range l.requires {
		if !slices.Contains(l.names, need.What) {
			l.faultf(need.File, "", need.Field, "the pack %q must be in use beside it", need.What)
		}
	}
	for _, use := range l.used {
		if _, ok := l.out.calendars[use.What]; !ok {
			l.faultf(use.File, use.Rule, use.Field, "there is no calendar %q", use.What)
		}
	}
	r := l.out
	if err := r.loadZones(); err != nil {
		l.errs = append(l.errs, err)
	}
	if len(l.errs) > 0 {
		return
	}
	slices.SortStableFunc(r.rules, func(a, b Rule) int { return order(&a) - order(&b) })
	for i := range r.rules {
		r.longest = max(r.longest, r.rules[i].window())
	}
	r.version = strings.Join(l.hash, " ")
	r.tzdata = fingerprint(r.zones)
}

// order is when Decide looks at a rule: first what is cheap to mend.
func order(r *Rule) int {
	return slices.Index([]string{
		"place", "clock", "emergency", "blocked", "campaign", "registered", "caller_id", "voice", "suppressions",
		"consent", "reassigned", "registry", "hours", "cap", "abandonment", "opening", "recording", "opt_out", "retention",
	}, r.kinds()[0])
}

// window is how far back the rule looks at dials.
func (r *Rule) window() time.Duration {
	var longest time.Duration
	if r.Cap != nil {
		longest = max(r.Cap.Window, r.Cap.AfterConversation)
	}
	if r.Consent != nil {
		for _, caps := range r.Consent.Exemptions {
			for _, c := range caps {
				longest = max(longest, c.Window)
			}
		}
	}

	return longest
}

func (r *Rules) loadZones() error {
	r.zones, r.stateZones = make(map[string]*time.Location), make(map[string][]string)
	add := func(zone string) error {
		if r.zones[zone] != nil {
			return nil
		}
		loc, err := time.LoadLocation(zone)
		if err != nil || zone == "" || zone == "Local" {
			return fmt.Errorf("compliance: zone %q: %w", zone, err)
		}
		r.zones[zone] = loc

		return nil
	}
	for _, area := range npa.All() {
		for _, zone := range area.Zones {
			if err := add(zone); err != nil {
				return err
			}
			for _, state := range area.States {
				if !slices.Contains(r.stateZones[state], zone) {
					r.stateZones[state] = append(r.stateZones[state], zone)
				}
			}
		}
	}
	for _, d := range r.destinations {
		for _, zone := range d.Zones {
			if err := add(zone); err != nil {
				return err
			}
		}
	}

	return nil
}

// The years that holiday calendars and the zones' fingerprint reach over.
const (
	firstYear = 2020
	lastYear  = 2040
)

// fingerprint identifies the time zone data by what it says: the offsets of
// the zones in use on one day of each week. The data has no version that a
// program can read on every machine.
func fingerprint(zones map[string]*time.Location) string {
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(zones)) {
		last := 1 // no zone's offset
		for at := time.Date(firstYear, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() < lastYear; at = at.AddDate(0, 0, 7) {
			if _, offset := at.In(zones[name]).Zone(); offset != last {
				fmt.Fprintf(sum, "%s %s %d\n", name, at.Format(time.DateOnly), offset)
				last = offset
			}
		}
	}

	return "sha256:" + hex.EncodeToString(sum.Sum(nil)[:8])
}

// Version identifies the rules: each pack with its day and the beginning of
// its file's SHA-256.
func (r *Rules) Version() string { return r.version }

// TzdataVersion identifies the time zone data by its contents.
func (r *Rules) TzdataVersion() string { return r.tzdata }

// Packs are the packs in use, the house's first.
func (r *Rules) Packs() []PackInfo { return slices.Clone(r.packs) }

// All are the rules, in the order in which Decide looks at them. The caller
// must not change them.
func (r *Rules) All() []Rule { return r.rules }

// LongestWindow is how far back History must reach for every cap.
func (r *Rules) LongestWindow() time.Duration { return r.longest }
