package storage

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"
)

func TestAmountsAreWrittenAsMoney(t *testing.T) {
	t.Parallel()
	for a, want := range map[Amount]string{
		0: "0.00", 1: "0.000000001", 3_000_000_000: "3.00", 12_300_000: "0.0123", 1_500_000_000: "1.50", -1_250_000_000: "-1.25",
	} {
		if got := a.String(); got != want {
			t.Errorf("%d is %q, want %q", int64(a), got, want)
		}
	}
}

func TestAmountsSurviveTheRecord(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := Cost{Stage: "think", Provider: "gpt", Amount: Amount(rapid.Int64Range(-1e17, 1e17).Draw(t, "amount"))}
		b, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got Cost
		if err := json.Unmarshal(b, &got); err != nil || got != want {
			t.Fatalf("%s became %+v, %v", b, got, err)
		}
	})
	for _, bad := range []string{`"1"`, `1e3`, `0.0000000001`, `99999999999999999999`} {
		var a Amount
		if err := json.Unmarshal([]byte(bad), &a); err == nil {
			t.Errorf("%s was read as %s", bad, a)
		}
	}
}
