package evidence

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"

	"trunkline/storage/evidence/bundle"
)

// Export writes the chains of a tenant, or of all for an empty one, as of one
// instant, as a bundle that key signs. told is called now and then with the
// number of entries so far; it may be nil.
func (l *Ledger) Export(ctx context.Context, w io.Writer, tenant string, key ed25519.PrivateKey, told func(entries int64)) ([]bundle.Head, error) {
	b, err := bundle.NewWriter(w, key, time.Now())
	if err != nil {
		return nil, err
	}
	rows, err := l.store.Pool().Query(ctx, `SELECT tenant, seq, entry, hash FROM ledger WHERE $1 = '' OR tenant = $1 ORDER BY tenant, seq`, tenant)
	if err != nil {
		return nil, l.store.Explain("export the evidence", err)
	}
	var (
		of          string
		seq, count  int64
		entry, hash []byte
	)
	_, err = pgx.ForEachRow(rows, []any{&of, &seq, &entry, &hash}, func() error {
		if count++; told != nil && count%100_000 == 0 {
			told(count)
		}

		return b.Add(of, seq, entry, hash)
	})
	if err != nil {
		return nil, l.store.Explain("export the evidence", err)
	}
	heads, err := b.Close()
	if err != nil {
		return nil, fmt.Errorf("export the evidence: %w", err)
	}

	return heads, nil
}
