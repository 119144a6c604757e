package endpoint

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestDecide(t *testing.T) {
	t.Parallel()
	c := Config{}.WithDefaults()
	for _, tt := range []struct {
		text string
		want time.Duration
	}{
		{"", c.Unknown},
		{"  ...  ", c.Unknown},
		{"yes", c.Short},
		{"No, thank you.", c.Short},
		{"that's all", c.Short},
		{"what are your opening hours", c.Complete},
		{"What are your opening hours?", c.Short},
		{"i want to book a table", c.Complete},
		{"i want to book a table and", c.Open},
		{"i want to", c.Open},
		{"my name is", c.Open},
		{"can i", c.Open},
		{"who is this for", c.Complete},
		{"where is", c.Open},
		{"um", c.Filler},
		{"i would say you know", c.Filler},
		{"I was thinking...", c.Filler},
		{"hold on", c.Hold},
		{"uh just a second", c.Hold},
		{"yes let me check", c.Hold},
		{"five six seven", c.String},
		{"my number is five", c.String},
		{"at five", c.Complete},
		{"my daughter is five", c.Complete},
		{"it is double four", c.String},
		{"555", c.String},
		{"five six seven one two three four", c.String},
		{"two oh two five six seven oh one two three", c.Complete},
		{"2025550123", c.Complete},
		{"triple five triple one triple two nine", c.Complete},
		{"s m i", c.String},
		{"b as in bravo n for november", c.String},
		{"sierra mike", c.String},
		{"me and i", c.Open},
		{"john dot", c.Open},
		{"tomorrow at", c.Open},
	} {
		d := Decide(Config{}, tt.text)
		if d.Wait != tt.want {
			t.Errorf("Decide(%q) = %v %q, want %v", tt.text, d.Wait, d.Reasons, tt.want)
		}
	}
}

func TestDecideIsBounded(t *testing.T) {
	t.Parallel()
	d := Decide(Config{Min: 700 * time.Millisecond, Max: time.Second}, "yes")
	if d.Wait != 700*time.Millisecond || len(d.Reasons) != 2 {
		t.Errorf("below the minimum: %+v", d)
	}
	d = Decide(Config{Max: time.Second}, "hold on")
	if d.Wait != time.Second || len(d.Reasons) != 2 {
		t.Errorf("above the maximum: %+v", d)
	}
	rapid.Check(t, func(t *rapid.T) {
		d := Decide(Config{}, rapid.String().Draw(t, "text"))
		if d.Wait < 200*time.Millisecond || d.Wait > 3*time.Second || len(d.Reasons) == 0 {
			t.Fatalf("%+v", d)
		}
	})
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		c    Config
		ok   bool
	}{
		{"defaults", Config{}, true},
		{"min above max", Config{Min: 4 * time.Second}, false},
		{"negative", Config{Min: -1}, false},
		{"endless", Config{Max: time.Minute}, false},
	} {
		if err := tt.c.Validate(); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
