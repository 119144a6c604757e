// Command generate makes compliance/npa/table.csv: the time zones and states
// of each area code of the United States and Canada, from the library
// phonenumbers and from corrections.yaml. Run it from the top of the
// repository:
//
//	go run ./compliance/npa/generate
//
// It writes to standard output with -.
package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/nyaruka/phonenumbers"
)

const room = "compliance/npa"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1) //nolint:forbidigo // it is a main
	}
}

func run(args []string) error {
	src, err := os.ReadFile(room + "/corrections.yaml")
	if err != nil {
		return fmt.Errorf("%w; run it from the top of the repository", err)
	}
	areas, err := library()
	if err != nil {
		return err
	}
	table, err := makeTable(areas, src)
	if err != nil {
		return err
	}
	if slices.Contains(args, "-") {
		_, err = os.Stdout.Write(table)

		return err
	}

	return os.WriteFile(room+"/table.csv", table, 0o644) //nolint:gosec // the path has no part from outside
}

// correction is an entry of corrections.yaml.
type correction struct {
	NPA     string   `yaml:"npa"`
	Like    string   `yaml:"like"`
	Zones   []string `yaml:"zones"`
	States  []string `yaml:"states"`
	Because string   `yaml:"because"`
}

// set is the names seen.
type set map[string]struct{}

func (s set) add(names ...string) {
	for _, n := range names {
		s[n] = struct{}{}
	}
}

func (s set) join() string { return strings.Join(slices.Sorted(maps.Keys(s)), " ") }

// area is one row of the table in the making.
type area struct{ states, zones set }

// makeTable corrects the areas and writes them as CSV.
func makeTable(areas map[string]area, corrections []byte) ([]byte, error) {
	if err := correct(areas, corrections); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	fmt.Fprintln(&out, "npa,states,zones")
	for _, npa := range slices.Sorted(maps.Keys(areas)) {
		fmt.Fprintf(&out, "%s,%s,%s\n", npa, areas[npa].states.join(), areas[npa].zones.join())
	}

	return out.Bytes(), nil
}

// mostZones is the most zones that the library gives for one exchange whose
// place it knows; of others it gives all that North America has.
const mostZones = 6

// everyPlace: the state is looked up of one exchange in so many, since an area
// code lies in one state and the lookup is slow. Zones are looked up of all.
const everyPlace = 8

// fromLibrary joins what the library says of the exchanges of an area code.
func fromLibrary(npa int) (area, error) {
	a := area{states: set{}, zones: set{}}
	for nxx := 200; nxx < 1000; nxx++ {
		country, national := int32(1), uint64(npa)*10_000_000+uint64(nxx)*10_000
		zones, err := phonenumbers.GetTimezonesForPrefix(fmt.Sprintf("1%d", national))
		if err != nil {
			return area{}, fmt.Errorf("zones of %d-%d: %w", npa, nxx, err)
		}
		if len(zones) > mostZones {
			continue
		}
		a.zones.add(zones...)
		if nxx%everyPlace != 0 {
			continue
		}
		place, err := phonenumbers.GetGeocodingForNumber(&phonenumbers.PhoneNumber{CountryCode: &country, NationalNumber: &national}, "en")
		if err != nil {
			return area{}, fmt.Errorf("place of %d-%d: %w", npa, nxx, err)
		}
		a.states.add(statesOf(place)...)
	}

	return a, nil
}

// library is every area code that the library knows a state of.
func library() (map[string]area, error) {
	areas := make(map[string]area)
	for npa := 200; npa < 1000; npa++ {
		a, err := fromLibrary(npa)
		if err != nil {
			return nil, err
		}
		if len(a.states) > 0 {
			areas[strconv.Itoa(npa)] = a
		}
	}

	return areas, nil
}

// statesOf reads the library's name of a place: "Tampa, FL", "Florida", or
// "Nova Scotia/Prince Edward Island". Places outside the two countries, and
// the countries themselves, are no states.
func statesOf(place string) []string {
	if at := strings.LastIndex(place, ", "); at >= 0 {
		place = place[at+len(", "):]
	}
	var found []string
	for name := range strings.SplitSeq(place, "/") {
		if code, ok := states[name]; ok {
			found = append(found, code)
		}
	}

	return found
}

// correct applies corrections.yaml. What is said to be like another code takes
// that code's zones after its own correction.
func correct(areas map[string]area, src []byte) error {
	var all []correction
	if err := yaml.UnmarshalWithOptions(src, &all, yaml.Strict()); err != nil {
		return fmt.Errorf("corrections.yaml: %w", err)
	}
	for _, c := range all {
		a, ok := areas[c.NPA]
		if !ok {
			a = area{states: set{}, zones: set{}}
		}
		a.zones.add(c.Zones...)
		if c.Like != "" {
			parent, ok := areas[c.Like]
			if !ok {
				return fmt.Errorf("corrections.yaml: %s is like %s, which the library does not know", c.NPA, c.Like)
			}
			a.zones.add(slices.Collect(maps.Keys(parent.zones))...)
		}
		if len(c.States) > 0 {
			a.states = set{}
			a.states.add(c.States...)
		}
		if len(a.states) == 0 || len(a.zones) == 0 || c.Because == "" {
			return fmt.Errorf("corrections.yaml: %s has no state, no zone or no reason", c.NPA)
		}
		areas[c.NPA] = a
	}

	return nil
}
