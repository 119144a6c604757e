package route

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWhomCallersMayHaveCalled(t *testing.T) {
	t.Parallel()
	c := config
	boss := Refer{Name: "boss", Trunk: "carrier", Users: []string{"2001", "+15550100555", "+18765551234"}, Ring: 20 * time.Second}
	branch := Refer{Name: "branch", Trunk: "carrier", Users: []string{"30*"}, Record: true}
	office := Refer{Name: "office", Trunk: "carrier", Users: []string{"+12125550177", "+9990"}, Route: "all"}
	c.Refers = []Refer{boss, branch, office}
	x, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		trunk, user string
		want        Referred
		ok          bool
	}{
		{"carrier", "2001", Referred{Refer: boss, To: "2001", Door: "sip", Trunk: "carrier"}, true},
		{"carrier", "+15550100555", Referred{Refer: boss, To: "+15550100555", Door: "sip", Trunk: "carrier"}, true},
		{"carrier", "3099", Referred{Refer: branch, To: "3099", Door: "sip", Trunk: "carrier"}, true},
		{"carrier", "+12125550177", Referred{Refer: office, To: "+12125550177", From: "+12125550100", Door: "sip", Trunk: "carrier"}, true},
		{"carrier", "200", Referred{}, false},
		{"carrier", "20011", Referred{}, false},
		{"carrier", "", Referred{}, false},
		{"backup", "2001", Referred{}, false},
	} {
		if got, ok := x.Refer(tt.trunk, tt.user); ok != tt.ok || !cmp.Equal(got, tt.want) {
			t.Errorf("%q on %s is %+v, %v; want %+v, %v", tt.user, tt.trunk, got, ok, tt.want, tt.ok)
		}
	}
	for _, dear := range []string{"+18765551234", "+9990"} {
		if got, ok := x.Refer("carrier", dear); ok {
			t.Errorf("%s may be called: %+v", dear, got)
		}
	}
}

func TestReferralsThatCannotBe(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]Refer{
		"names no user":     {Name: "a"},
		"have anybody":      {Name: "a", Users: []string{"*"}},
		"no outbound route": {Name: "a", Users: []string{"1"}, Route: "nowhere"},
	} {
		c := config
		c.Refers = []Refer{r}
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", r, err, want)
		}
	}
}
