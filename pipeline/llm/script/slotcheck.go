package script

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"trunkline/pipeline"
)

// slot checks a slot and makes it ready, all but the texts that may name
// other slots.
func (c *compiler) slot(at string, in *slot) *slotPlan {
	s := &slotPlan{
		name: in.Name, key: "{" + in.Name + "}", kind: in.Kind,
		from: 0, to: 24*60 - 1, min: in.Min, max: in.Max, examples: in.Examples,
	}
	if in.Name == "" || strings.ContainsAny(in.Name, "{} \t\n") {
		c.failf(at, "slot name %q must be one word", in.Name)
	}
	c.onlyFor(at, in)
	switch in.Kind {
	case kindDay:
		c.days(at, in, s)
	case kindTime:
		c.hours(at, in, s)
	case kindNumber, kindDigits:
		if in.Min < 0 || in.Max < 0 || in.Max > 0 && in.Max < in.Min {
			c.failf(at+".max", "min %d and max %d do not bound anything; max must be at least min", in.Min, in.Max)
		}
		if in.Kind == kindDigits {
			s.collect = c.collect(at, in)
		}
		if in.Kind == kindNumber && in.Max > 999_999 || in.Kind == kindDigits && max(in.Min, in.Max) > maxDigits {
			c.failf(at+".max", "the bound is too great; numbers go up to 999999 and digits up to 32")
		}
	case kindName:
		if len(in.Examples) == 0 {
			c.failf(at, "slot %q of kind name needs examples: the recogniser learns names from them", in.Name)
		}
	case kindChoice:
		c.choices(at, in, s)
	default:
		c.failf(at+".kind", "kind %q is not known; use day, time, number, digits, name or choice", in.Kind)
	}
	return s
}

// onlyFor refuses keys that another kind of slot has.
func (c *compiler) onlyFor(at string, in *slot) {
	for _, k := range []struct {
		key   string
		set   bool
		kinds []kind
	}{
		{"values", len(in.Values) > 0, []kind{kindChoice}},
		{"only", len(in.Only) > 0, []kind{kindDay}},
		{"from", in.From != "", []kind{kindTime}},
		{"to", in.To != "", []kind{kindTime}},
		{"min", in.Min != 0, []kind{kindNumber, kindDigits}},
		{"max", in.Max != 0, []kind{kindNumber, kindDigits}},
		{"keys", in.Keys != nil, []kind{kindDigits}},
		{"examples", len(in.Examples) > 0, []kind{kindName}},
	} {
		if k.set && !slices.Contains(k.kinds, in.Kind) {
			c.failf(at+"."+k.key, "%s does nothing in a slot of kind %s; remove it", k.key, in.Kind)
		}
	}
}

// Bounds of the waits for keys.
const (
	leastKeyWait = 500 * time.Millisecond
	mostKeyWait  = time.Minute
)

// collect is the act that has pressed digits taken as one entry.
func (c *compiler) collect(at string, in *slot) *pipeline.Act {
	k := keys{}
	if in.Keys != nil {
		k = *in.Keys
	}
	k.Terminator = cmp.Or(k.Terminator, "#")
	for _, f := range []struct{ key, keys string }{{"terminator", k.Terminator}, {"erase", k.Erase}} {
		if f.keys != "" && strings.Trim(f.keys, "*#ABCD") != "" {
			c.failf(at+".keys."+f.key, "%q cannot be the %s; use *, # or A to D, digits are part of the value", f.keys, f.key)
		}
	}
	if strings.ContainsAny(k.Terminator, k.Erase) {
		c.failf(at+".keys.erase", "a key cannot both end the digits and begin them anew")
	}
	for _, w := range []struct {
		key  string
		wait time.Duration
	}{{"first", k.First}, {"between", k.Between}} {
		if w.wait != 0 && (w.wait < leastKeyWait || w.wait > mostKeyWait) {
			c.failf(at+".keys."+w.key, "%v is no wait for a key; use 500ms to 1m", w.wait)
		}
	}
	return &pipeline.Act{Name: pipeline.ActCollect, Args: map[string]string{
		"min": strconv.Itoa(in.Min), "max": strconv.Itoa(in.Max),
		"terminator": k.Terminator, "erase": k.Erase, "first": k.First.String(), "between": cmp.Or(k.Between, 3*time.Second).String(),
	}}
}

func (c *compiler) days(at string, in *slot, s *slotPlan) {
	known := append(slices.Clone(weekdays), relativeDays...)
	if len(in.Only) > 0 {
		s.allowed = make(map[string]bool)
		for _, d := range in.Only {
			if !slices.Contains(known, d) {
				c.failf(at+".only", "day %q is not known; use monday to sunday, today or tomorrow", d)
			}
			s.allowed[d] = true
		}
	}
	for _, d := range known {
		if s.allowed != nil && !s.allowed[d] && slices.Contains(relativeDays, d) {
			continue // which weekday it is cannot be told
		}
		say := d
		if slices.Contains(weekdays, d) {
			say = capital(d)
		}
		s.options = append(s.options, option{value: say, words: newWords([]string{d})})
	}
}

func (c *compiler) hours(at string, in *slot, s *slotPlan) {
	for _, b := range []struct {
		key, text string
		to        *clockTime
	}{{"from", in.From, &s.from}, {"to", in.To, &s.to}} {
		if b.text == "" {
			continue
		}
		t, ok := parseClock(b.text)
		if !ok {
			c.failf(at+"."+b.key, "%q is no time; write it as \"HH:MM\"", b.text)
		}
		*b.to = t
	}
	if s.to < s.from {
		c.failf(at+".to", "the last time allowed is before the first")
	}
}

func (c *compiler) choices(at string, in *slot, s *slotPlan) {
	if len(in.Values) == 0 {
		c.failf(at, "slot %q of kind choice needs values", in.Name)
	}
	for _, v := range in.Values {
		for _, say := range append([]string{v.Value}, v.Say...) {
			words := fold(say)
			if len(words) == 0 {
				c.failf(at+".values", "a value has no words; write what callers say")
				continue
			}
			s.options = append(s.options, option{value: v.Value, words: newWords(words)})
		}
	}
}

// askAndRefuse fills in the texts of a slot, which may name the other slots
// of the intent.
func (c *compiler) askAndRefuse(at string, in *slot, s *slotPlan, all []*slotPlan) {
	s.ask = c.texts(at+".ask", in.Ask, all)
	if len(in.Ask) == 0 {
		c.failf(at, "slot %q has no ask; add the question that the agent asks for it", in.Name)
	}
	s.refuse = c.text(at+".refuse", in.Refuse, all)
	bounded := len(in.Only) > 0 || in.From != "" || in.To != "" || in.Min != 0 || in.Max != 0
	if bounded && in.Refuse == "" {
		c.failf(at, "slot %q does not allow every value; add refuse, what the agent says to the others", in.Name)
	}
	for i, other := range all {
		if other.name == s.name && all[i] != s {
			c.failf(at+".name", "the intent has two slots named %q; rename one", in.Name)
		}
	}
}
