package evidence

import (
	"context"
	"fmt"
	"time"
)

// BrokenError says which entry of a chain is the first that is not what it was.
type BrokenError struct {
	Tenant string
	Seq    int64
}

// Error implements error.
func (e *BrokenError) Error() string {
	return fmt.Sprintf("the ledger of tenant %q is broken at entry %d: it, or one before it, was changed, added or taken away outside trunkline; "+
		"compare with the latest export (trunkline audit verify)", e.Tenant, e.Seq)
}

// Head is the end of a tenant's chain.
type Head struct {
	Tenant  string    `json:"tenant"`
	Entries int64     `json:"entries"`
	Hash    string    `json:"hash"` // of the last entry, in hexadecimal
	At      time.Time `json:"at"`
}

// recheckPortion is how many entries are hashed in one query.
const recheckPortion = 20_000

// selectBroken hashes the entries of a tenant after one whose hash is given, as
// ledger_append does, and finds the first that differs or has a gap before it.
const selectBroken = `SELECT count(*), min(p.seq) FILTER (WHERE p.seq <> $2 + p.place OR p.hash <> sha256(p.before || int8send(p.seq) || convert_to(p.entry, 'UTF8'))),
		(array_agg(p.hash ORDER BY p.seq DESC))[1]
	FROM (SELECT seq, entry, hash, row_number() OVER (ORDER BY seq) AS place, coalesce(lag(hash) OVER (ORDER BY seq), $3::bytea) AS before
		FROM (SELECT seq, entry, hash FROM ledger WHERE tenant = $1 AND seq > $2 ORDER BY seq LIMIT $4) l) p`

// Recheck computes a tenant's chain again, where it stands, and compares. It
// returns a *BrokenError for the first entry that was tampered with. Entries
// that were cut off at the end leave no trace in the chain: the exported heads
// find those. told is called now and then with the entries so far.
func (l *Ledger) Recheck(ctx context.Context, tenant string, told func(entries int64)) (Head, error) {
	h := Head{Tenant: tenant}
	hash := make([]byte, secretBytes) // the first is made from zeros
	for {
		var count int64
		var broken *int64
		var last []byte
		err := l.store.Pool().QueryRow(ctx, selectBroken, tenant, h.Entries, hash, recheckPortion).Scan(&count, &broken, &last)
		switch {
		case err != nil:
			return h, l.store.Explain("check the ledger", err)
		case broken != nil:
			return h, &BrokenError{Tenant: tenant, Seq: *broken}
		case count == 0:
			h.Hash, h.At = fmt.Sprintf("%x", hash), instant(time.Now())

			return h, nil
		}
		h.Entries += count
		hash = last
		told(h.Entries)
	}
}
