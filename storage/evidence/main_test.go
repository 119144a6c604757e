package evidence

import (
	"context"
	"encoding/base64"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"trunkline/compliance"
	"trunkline/storage"
	"trunkline/storage/cluster/clustertest"
)

func TestMain(m *testing.M) { os.Exit(clustertest.Main(m)) }

const callee = "+12125550123"

// bundleOf is what a test of the database works with.
type bundleOf struct {
	*Ledger
	url string
}

func testKeys(t testing.TB, fill byte) *Keys {
	t.Helper()
	secret := make([]byte, secretBytes)
	for i := range secret {
		secret[i] = fill
	}
	k, err := ParseKeys(base64.StdEncoding.EncodeToString(secret))
	if err != nil {
		t.Fatal(err)
	}

	return k
}

func setup(t testing.TB) bundleOf {
	t.Helper()
	url := clustertest.URL(t)
	store, err := storage.Open(context.Background(), url, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	if _, err := store.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	l, err := Open(context.Background(), store, testKeys(t, 7), "acme")
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(l.Close)

	return bundleOf{l, url}
}

// owner is a connection that may do everything.
func (b bundleOf) owner(t testing.TB) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), b.url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })

	return conn
}

func sampleAttempt() compliance.Attempt {
	return compliance.Attempt{
		Tenant: "acme", Seller: "acme-inc", Campaign: "renewals", Subject: "policy", To: callee, From: "+12125550199",
		Purpose: compliance.Telemarketing, Voice: "v1", At: time.Now(),
	}
}

// allow is a decision for as long as given.
func allow(a *compliance.Attempt, valid time.Duration) compliance.Decision {
	return compliance.Decision{
		Allow: true, At: a.At, ValidFor: valid, Purpose: compliance.Telemarketing, Line: compliance.Wireless, RulesetVersion: "test",
		Reasons: []compliance.Reason{{Rule: "r1", Verdict: compliance.Pass, Code: "ok", Why: "it is a test"}},
	}
}

func deny(a *compliance.Attempt) compliance.Decision {
	return compliance.Decision{
		At: a.At, RulesetVersion: "test",
		Reasons: []compliance.Reason{{Rule: "r1", Verdict: compliance.Deny, Code: "NO", Why: "it is a test"}},
	}
}
