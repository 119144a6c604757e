package evidence

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"trunkline/compliance"
	"trunkline/privacy"
)

// However little is in the tables when a plan is made, each fact is found by an
// index: the plan is kept while the tables grow.
func TestFactsAreFoundByIndexes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	conn, err := b.commits.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	prepare := "PREPARE facts (text, bytea, bigint, integer, timestamptz, uuid, text, bigint, uuid[]) AS " + selectFacts
	if _, err := conn.Exec(t.Context(), prepare); err != nil {
		t.Fatal(err)
	}
	rows, err := conn.Query(t.Context(), `EXPLAIN EXECUTE facts ('acme', sha256(''), 1212555, 123, now(), NULL, '+12125550199', 1, '{}')`, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range plan {
		if strings.Contains(line, "Seq Scan") || strings.Contains(line, "Bitmap") {
			t.Errorf("%s in\n%s", line, strings.Join(plan, "\n"))
		}
	}
}

// Of each list the newest version is found, whatever came before it and in
// whatever order it came.
func TestNewestOfEachListIsFound(t *testing.T) {
	t.Parallel()
	b := setup(t)
	now := instant(time.Now())
	load := func(l List, numbers string) string {
		l.Tenant = "acme"
		s, _, err := b.ImportList(t.Context(), l, strings.NewReader(numbers))
		if err != nil {
			t.Fatal(err)
		}

		return s.ID
	}
	var want []compliance.ListSnapshot
	for _, l := range []List{
		{Kind: compliance.InternalList},
		{Kind: compliance.NationalList},
		{Kind: compliance.NationalList, State: "GB"},
		{Kind: compliance.StateList, State: "FL"},
		{Kind: compliance.StateList, State: "TX"},
	} {
		l.ObtainedAt, l.AreaCodes = now.Add(-time.Hour), []string{"212", "646"}
		load(l, "2125550123\n")
		l.ObtainedAt = now
		newest := load(l, "2125550199\n")
		l.ObtainedAt = now.Add(-2 * time.Hour)
		load(l, "2125550123\n")
		want = append(want, compliance.ListSnapshot{ID: newest, Kind: l.Kind, State: l.State, ObtainedAt: now, AreaCodes: []string{"212"}})
	}
	facts(t, b, sampleAttempt()) // of lists that are not known, and then of known ones
	got := facts(t, b, sampleAttempt()).Lists.Value
	for i := range got {
		got[i].SHA256 = ""
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	elsewhere := sampleAttempt()
	elsewhere.To = "+13125550123"
	for _, l := range facts(t, b, elsewhere).Lists.Value {
		if len(l.AreaCodes) != 0 {
			t.Errorf("the list covers %v", l.AreaCodes)
		}
	}
	other := sampleAttempt()
	other.Tenant = "other"
	if got := facts(t, b, other).Lists; !got.Known || len(got.Value) != 0 {
		t.Errorf("another tenant's: %+v", got)
	}
}

// A list that was imported by another process counts from its commit on, and what
// stands on known lists is looked up for each number.
func TestListsThatOthersImport(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other, err := Open(t.Context(), b.store, b.keys, "acme")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.Close)
	at := instant(time.Now())
	for i, numbers := range []string{"2125550123\n", "2125550199\n", "2125550123\n2125550199\n"} {
		l := List{Tenant: "acme", Kind: compliance.NationalList, ObtainedAt: at.Add(time.Duration(i) * time.Second), AreaCodes: []string{"212"}}
		newest, _, err := other.ImportList(t.Context(), l, strings.NewReader(numbers))
		if err != nil {
			t.Fatal(err)
		}
		for _, last := range []string{"0199", "0123", "0199", "0124"} {
			a := sampleAttempt()
			a.To = privacy.Number("+1212555" + last)
			want := []compliance.ListSnapshot{newest}
			want[0].Hit = strings.Contains(numbers, "555"+last)
			if diff := cmp.Diff(want, facts(t, b, a).Lists.Value); diff != "" {
				t.Errorf("version %d, %s: %s", i, last, diff)
			}
		}
	}
}

// callOf records a call of an attempt, as the journal does.
type callOf struct {
	after               time.Duration // its beginning, after the first
	answered            bool
	greeted, opened     time.Duration // after the answer; negative: never
	by, campaign, state string
	noAttempt           bool
}

func TestAbandonedCallsAreCounted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	owner := b.owner(t)
	began := instant(time.Now().Add(-time.Hour))
	for i, c := range []callOf{
		{answered: true, greeted: -1, opened: time.Second},
		{answered: true, greeted: 3 * time.Second, opened: 5 * time.Second},
		{answered: true, greeted: 3 * time.Second, opened: 5*time.Second + time.Millisecond}, // late
		{answered: true, greeted: -1, opened: 2500 * time.Millisecond, by: "human"},          // late
		{answered: true, greeted: -1, opened: -1},                                            // nobody spoke
		{answered: true, greeted: -1, opened: -1, by: "machine"},
		{answered: true, greeted: -1, opened: -1, by: "fax"},
		{greeted: -1, opened: -1},
		{answered: true, greeted: -1, opened: -1, campaign: "another"},
		{answered: true, greeted: -1, opened: -1, state: "in_progress"},
		{answered: true, greeted: -1, opened: -1, noAttempt: true},
		{answered: true, greeted: -1, opened: -1, after: -time.Hour},
		{answered: true, greeted: -1, opened: -1, after: time.Hour + time.Minute},
	} {
		b.record(t, owner, began, i, c)
	}
	for within, abandoned := range map[time.Duration]int{2 * time.Second: 3, 3 * time.Second: 1, time.Second: 4} {
		got, err := b.Abandoned(t.Context(), "acme", "renewals", began, began.Add(time.Hour), within)
		want := compliance.Abandonment{From: began, To: began.Add(time.Hour), Live: 5, Abandoned: abandoned}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("within %s: %v %s", within, err, diff)
		}
	}
	if got, err := b.Abandoned(t.Context(), "other", "renewals", began, began.Add(time.Hour), time.Second); err != nil || got.Live != 0 {
		t.Errorf("another tenant's: %+v, %v", got, err)
	}
}

// record writes an attempt and its call.
func (b bundleOf) record(t *testing.T, owner *pgx.Conn, began time.Time, i int, c callOf) {
	t.Helper()
	exec := func(sql string, args ...any) {
		var tag pgconn.CommandTag
		tag, err := owner.Exec(t.Context(), sql, args...)
		if err != nil {
			t.Fatal(fmt.Errorf("call %d: %s: %w", i, tag, err))
		}
	}
	after := func(from *time.Time, d time.Duration) *time.Time {
		if from == nil || d < 0 {
			return nil
		}

		return new(from.Add(d))
	}
	var attempt *uuid.UUID
	if !c.noAttempt {
		a := sampleAttempt()
		r, err := b.Decide(t.Context(), b.caseOf(a), func(*compliance.Facts) compliance.Decision { return allow(&a, time.Minute) })
		if err != nil {
			t.Fatal(err)
		}
		attempt = &r.Attempt
	}
	if c.campaign == "" {
		c.campaign = "renewals"
	}
	if c.state == "" {
		c.state = "ended"
	}
	at := began.Add(c.after)
	var answered, ended *time.Time
	reason, fault := "", ""
	if c.answered {
		answered = new(at.Add(9 * time.Second))
	}
	if c.state == "ended" {
		ended, reason, fault = new(at.Add(time.Minute)), "hung_up", "callee"
	}
	exec(`INSERT INTO calls (id, node, boot, direction, door, state, started_at, answered_at, greeted_at, opened_at, ended_at, end_reason, fault, attempt_id, campaign, answered_by)
		VALUES ($1, 'n', $1, 'outbound', 'sip', $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		uuid.New(), c.state, at, answered, after(answered, c.greeted), after(answered, c.opened), ended, reason, fault, attempt, c.campaign, c.by)
}
