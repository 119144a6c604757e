package evidence

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"trunkline/compliance"
	"trunkline/privacy"
)

// List is a version of a do-not-call list that is to be imported.
type List struct {
	Tenant     string
	Kind       compliance.ListKind
	State      string // of a state's list: two letters
	Account    string // subscription by which it was obtained
	ObtainedAt time.Time
	// AreaCodes are those that it covers; empty, unless Everywhere: those that
	// occur in it.
	AreaCodes  []string
	Everywhere bool

	Rejected func(line int, why string) // told of each line that is no number; may be nil
	Progress func(numbers int64)        // told after every 100,000 numbers; may be nil
}

// blockBytes are a bit for each of the ten thousand numbers of a block.
const blockBytes = 10_000 / 8

// longestLine of a list file, in bytes.
const longestLine = 4096

// ImportList reads a file with one number a line and makes it the newest
// version of its list: whole, or after an error not at all. A number is ten
// digits, which are taken for the North American plan's, or E.164; as in the
// national registry's files a comma may stand after the area code. Further
// columns are ignored, and a line that is no number is told and left out. The
// numbers are kept in memory, one bit each: a list of all North American ones
// takes less than a gigabyte.
func (l *Ledger) ImportList(ctx context.Context, list List, file io.Reader) (compliance.ListSnapshot, int64, error) {
	if list.Kind == compliance.StateList && len(list.State) != 2 {
		return compliance.ListSnapshot{}, 0, fmt.Errorf("a state's list needs its state, as in state:TX")
	}
	read, err := list.read(file)
	if err != nil {
		return compliance.ListSnapshot{}, 0, err
	}
	if read.numbers == 0 && list.Kind != compliance.InternalList && list.Kind != compliance.LitigatorList {
		return compliance.ListSnapshot{}, 0, errors.New("the file holds no number: an empty list would let every call pass")
	}
	s := compliance.ListSnapshot{
		ID: uuid.Must(uuid.NewV7()).String(), Kind: list.Kind, State: strings.ToUpper(list.State), Account: list.Account,
		ObtainedAt: instant(list.ObtainedAt), SHA256: read.sha256, Everywhere: list.Everywhere, AreaCodes: list.AreaCodes,
	}
	if !s.Everywhere && len(s.AreaCodes) == 0 {
		s.AreaCodes = read.areaCodes()
	}

	return s, read.numbers, l.writeList(ctx, list.Tenant, &s, read)
}

// contents is a list file as it was read.
type contents struct {
	blocks  map[int64]*[blockBytes]byte
	numbers int64 // that differ
	sha256  string
}

func (list *List) read(file io.Reader) (*contents, error) {
	sum := sha256.New()
	c := &contents{blocks: map[int64]*[blockBytes]byte{}}
	lines := bufio.NewScanner(io.TeeReader(file, sum))
	lines.Buffer(make([]byte, 0, 1<<16), longestLine)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" {
			continue
		}
		prefix, bit, ok := place(listed(text))
		if !ok {
			if list.Rejected != nil {
				list.Rejected(n, "it is no telephone number")
			}

			continue
		}
		if c.add(prefix, bit) && c.numbers%100_000 == 0 && list.Progress != nil {
			list.Progress(c.numbers)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the list: %w", err)
	}
	c.sha256 = hex.EncodeToString(sum.Sum(nil))

	return c, nil
}

// add puts a number in, and says whether it was not there.
func (c *contents) add(prefix int64, bit int) bool {
	b := c.blocks[prefix]
	if b == nil {
		b = new([blockBytes]byte)
		c.blocks[prefix] = b
	}
	mask := byte(1) << (bit % 8) // as PostgreSQL's get_bit counts
	if b[bit/8]&mask != 0 {
		return false
	}
	b[bit/8] |= mask
	c.numbers++

	return true
}

// areaCodes are the North American ones among the numbers.
func (c *contents) areaCodes() []string {
	codes := map[string]bool{}
	for prefix := range c.blocks {
		if digits := fmt.Sprint(prefix); len(digits) == 7 && digits[0] == '1' {
			codes[digits[1:4]] = true
		}
	}

	return slices.Sorted(maps.Keys(codes))
}

// listed is the number in a line of a list file; empty when there is none.
func listed(text string) privacy.Number {
	fields := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ';' || r == '\t' })
	if len(fields) == 0 {
		return ""
	}
	digits := func(s string) string {
		return strings.Map(func(r rune) rune {
			if strings.ContainsRune(" -().\"", r) {
				return -1
			}

			return r
		}, s)
	}
	first := digits(fields[0])
	if len(first) == 3 && len(fields) > 1 { // area code, number
		first += digits(fields[1])
	}
	switch {
	case strings.HasPrefix(first, "+"):
		return privacy.Number(first)
	case len(first) == 10 && first[0] >= '2':
		return privacy.Number("+1" + first)
	case len(first) == 11 && first[0] == '1':
		return privacy.Number("+" + first)
	default:
		return ""
	}
}

func (l *Ledger) writeList(ctx context.Context, tenant string, s *compliance.ListSnapshot, read *contents) error {
	id := uuid.MustParse(s.ID)
	now := instant(time.Now())
	codes := s.AreaCodes
	if codes == nil {
		codes = []string{}
	}
	e, err := newEntry(tenant, KindList, id, now, struct {
		compliance.ListSnapshot
		Numbers int64 `json:"numbers"`
	}{*s, read.numbers}, func(b *pgx.Batch) {
		b.Queue(`INSERT INTO list_snapshots (id, tenant, kind, state, account, obtained_at, imported_at, sha256, everywhere, area_codes, numbers)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			id, tenant, string(s.Kind), s.State, s.Account, s.ObtainedAt, now, s.SHA256, s.Everywhere, codes, read.numbers)
	})
	if err != nil {
		return err
	}
	prefixes := slices.Sorted(maps.Keys(read.blocks))
	err = pgx.BeginFunc(ctx, l.store.Pool(), func(tx pgx.Tx) error {
		_, err := tx.CopyFrom(ctx, pgx.Identifier{"list_blocks"}, []string{"snapshot_id", "prefix", "members"},
			pgx.CopyFromSlice(len(prefixes), func(i int) ([]any, error) {
				return []any{id, prefixes[i], read.blocks[prefixes[i]][:]}, nil
			}))
		if err != nil {
			return err
		}
		var b pgx.Batch // last: the chain is locked until the commit
		queue(&b, e)

		return tx.SendBatch(ctx, &b).Close()
	})

	return l.store.Explain("import a list", err)
}
