package evidence

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"trunkline/compliance"
	"trunkline/privacy"
)

// Consent is the record of a person's consent to be called (47 CFR
// 64.1200(f)(9), 16 CFR 310.5(a)(8)), in the form in which files of them are
// imported and exported: one a line.
type Consent struct {
	ID     uuid.UUID `json:"consent_id"` // made when it is zero
	Tenant string    `json:"tenant,omitempty"`
	// The person.
	Number    privacy.Number `json:"e164"`
	Name      privacy.Words  `json:"name,omitempty"`
	IP        string         `json:"ip,omitempty"`
	UserAgent string         `json:"user_agent,omitempty"`
	// What they consented to.
	Seller          string                  `json:"seller"`
	SellerLegalName string                  `json:"seller_legal_name,omitempty"`
	Level           compliance.ConsentLevel `json:"level"`
	Purposes        []compliance.Purpose    `json:"purposes"`
	Subject         string                  `json:"subject,omitempty"`
	Channels        []string                `json:"channels,omitempty"`
	Scope           string                  `json:"scope,omitempty"`
	ArtificialVoice bool                    `json:"artificial_voice"`
	NotCondition    bool                    `json:"not_condition"`
	// How it is proved.
	DisclosureText   string    `json:"disclosure_text,omitempty"` // word for word
	DisclosureSHA256 string    `json:"disclosure_sha256,omitempty"`
	RequestSHA256    string    `json:"request_sha256,omitempty"` // of the request in the manner and format in which it was shown
	GivenSHA256      string    `json:"given_sha256,omitempty"`   // of the consent as it was given
	EvidenceURI      string    `json:"evidence_uri,omitempty"`
	EvidenceSHA256   string    `json:"evidence_sha256,omitempty"`
	SignatureKind    string    `json:"signature_kind,omitempty"`
	SignatureValue   string    `json:"signature_value,omitempty"`
	CapturedAt       time.Time `json:"captured_at"`
	ReceivedAt       time.Time `json:"received_at"`  // zero: at the import
	EffectiveAt      time.Time `json:"effective_at"` // zero: at the capture
	ExpiresAt        time.Time `json:"expires_at"`   // zero: never
	Method           string    `json:"method,omitempty"`
	URL              string    `json:"url,omitempty"`
	FormVersion      string    `json:"form_version,omitempty"`
	LeadSource       string    `json:"lead_source,omitempty"`
	ContractID       string    `json:"contract_id,omitempty"`
	RecordingURI     string    `json:"recording_uri,omitempty"` // of an oral consent
	RevokedAt        time.Time `json:"revoked_at"`              // only in exports; zero: not revoked
}

// person is what is sealed of a consent.
type person struct {
	Number    string `json:"number"`
	Name      string `json:"name,omitempty"`
	IP        string `json:"ip,omitempty"`
	UserAgent string `json:"user_agent,omitempty"`
}

// complete fills in what follows from the rest, and says what is wrong.
func (c *Consent) complete(tenant string, now time.Time) error {
	if c.ID == uuid.Nil {
		c.ID = uuid.Must(uuid.NewV7())
	}
	c.Tenant = tenant
	if c.ReceivedAt.IsZero() {
		c.ReceivedAt = now
	}
	if c.EffectiveAt.IsZero() {
		c.EffectiveAt = c.CapturedAt
	}
	if text := c.DisclosureText; text != "" {
		sum := sha256.Sum256([]byte(text))
		hash := hex.EncodeToString(sum[:])
		if c.DisclosureSHA256 != "" && c.DisclosureSHA256 != hash {
			return errors.New("disclosure_sha256 is not that of disclosure_text")
		}
		c.DisclosureSHA256 = hash
	}
	_, _, callable := place(c.Number)
	switch {
	case !callable:
		return errors.New("e164: want a number such as +12125550123")
	case c.Seller == "":
		return errors.New("seller is missing: consent is given to somebody")
	case c.Level != compliance.NoConsent && c.Level != compliance.Inquiry && c.Level != compliance.PriorExpress && c.Level != compliance.PriorExpressWritten:
		return fmt.Errorf("level %q is not known; use none, inquiry, pec or pewc", c.Level)
	case len(c.Purposes) == 0:
		return errors.New("purposes is missing")
	case c.CapturedAt.IsZero():
		return errors.New("captured_at is missing")
	case c.CapturedAt.After(now):
		return errors.New("captured_at lies in the future")
	}

	return nil
}

func (k *Keys) consentEntry(c *Consent) (entry, error) {
	data, err := json.Marshal(person{string(c.Number), string(c.Name), c.IP, c.UserAgent})
	if err != nil {
		return entry{}, err
	}
	sealed, callee := k.Seal(data, c.ID), k.Callee(c.Number)
	shown := *c
	shown.Number, shown.Name, shown.IP, shown.UserAgent = "", "", "", ""

	return newEntry(c.Tenant, KindConsent, c.ID, c.ReceivedAt, struct {
		Callee  Callee  `json:"callee"`
		Sealed  []byte  `json:"sealed"`
		Consent Consent `json:"consent"`
	}{callee, sealed, shown}, func(b *pgx.Batch) {
		purposes := make([]string, len(c.Purposes))
		for i, p := range c.Purposes {
			purposes[i] = string(p)
		}
		channels := c.Channels
		if channels == nil {
			channels = []string{}
		}
		var expires *time.Time
		if !c.ExpiresAt.IsZero() {
			expires = new(instant(c.ExpiresAt))
		}
		b.Queue(`INSERT INTO consents (id, tenant, callee, sealed, seller, seller_legal_name, level, purposes, subject, channels, scope,
				disclosure_text, disclosure_sha256, request_sha256, given_sha256, evidence_uri, evidence_sha256, signature_kind, signature_value,
				not_condition, artificial_voice, captured_at, received_at, effective_at, expires_at, method, url, form_version, lead_source,
				contract_id, recording_uri)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31)
			ON CONFLICT (id) DO NOTHING`,
			c.ID, c.Tenant, callee[:], sealed, c.Seller, c.SellerLegalName, string(c.Level), purposes, c.Subject, channels, c.Scope,
			c.DisclosureText, c.DisclosureSHA256, c.RequestSHA256, c.GivenSHA256, c.EvidenceURI, c.EvidenceSHA256, c.SignatureKind, c.SignatureValue,
			c.NotCondition, c.ArtificialVoice, instant(c.CapturedAt), instant(c.ReceivedAt), instant(c.EffectiveAt), expires,
			c.Method, c.URL, c.FormVersion, c.LeadSource, c.ContractID, c.RecordingURI)
	})
}

// AddConsents records consents of one tenant. One whose id is recorded already
// stays as it is.
func (l *Ledger) AddConsents(ctx context.Context, tenant string, all ...Consent) error {
	var entries []entry
	for i := range all {
		if err := all[i].complete(tenant, time.Now()); err != nil {
			return err
		}
		e, err := l.keys.consentEntry(&all[i])
		if err != nil {
			return err
		}
		entries = append(entries, e)
	}

	return l.add(ctx, "record a consent", entries)
}

// importBatch is how many consents go into one transaction.
const importBatch = 500

// ImportConsents reads consents, one JSON object a line, and records those
// that are complete. It returns how many were; the others are told with their
// line.
func (l *Ledger) ImportConsents(ctx context.Context, tenant string, file io.Reader, rejected func(line int, why string)) (int, error) {
	lines := bufio.NewScanner(file)
	lines.Buffer(make([]byte, 0, 1<<16), 1<<20)
	var batch []Consent
	count := 0
	flush := func() error {
		err := l.AddConsents(ctx, tenant, batch...)
		if err == nil {
			count += len(batch)
		}
		batch = batch[:0]

		return err
	}
	for n := 1; lines.Scan(); n++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		c, err := parseConsent(lines.Bytes(), tenant)
		if err != nil {
			rejected(n, err.Error())

			continue
		}
		if batch = append(batch, c); len(batch) == importBatch {
			if err := flush(); err != nil {
				return count, err
			}
		}
	}
	if err := lines.Err(); err != nil {
		return count, fmt.Errorf("read the consents: %w", err)
	}

	return count, flush()
}

func parseConsent(text []byte, tenant string) (Consent, error) {
	var c Consent
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return c, err
	}
	if !c.RevokedAt.IsZero() {
		return c, errors.New("revoked_at is set: a consent that was revoked is none")
	}

	return c, c.complete(tenant, time.Now())
}

const selectConsentRows = `SELECT c.id, c.tenant, c.sealed, c.seller, c.seller_legal_name, c.level, c.purposes, c.subject, c.channels, c.scope,
	c.artificial_voice, c.not_condition, c.disclosure_text, c.disclosure_sha256, c.request_sha256, c.given_sha256, c.evidence_uri, c.evidence_sha256,
	c.signature_kind, c.signature_value, c.captured_at, c.received_at, c.effective_at, c.expires_at, c.method, c.url, c.form_version, c.lead_source,
	c.contract_id, c.recording_uri, (SELECT min(revoked_at) FROM consent_revocations r WHERE r.consent_id = c.id) FROM consents c`

func (l *Ledger) scanConsent(row pgx.CollectableRow) (Consent, error) {
	var (
		c                Consent
		sealed           []byte
		expires, revoked *time.Time
	)
	err := row.Scan(&c.ID, &c.Tenant, &sealed, &c.Seller, &c.SellerLegalName, &c.Level, &c.Purposes, &c.Subject, &c.Channels, &c.Scope,
		&c.ArtificialVoice, &c.NotCondition, &c.DisclosureText, &c.DisclosureSHA256, &c.RequestSHA256, &c.GivenSHA256, &c.EvidenceURI, &c.EvidenceSHA256,
		&c.SignatureKind, &c.SignatureValue, &c.CapturedAt, &c.ReceivedAt, &c.EffectiveAt, &expires, &c.Method, &c.URL, &c.FormVersion, &c.LeadSource,
		&c.ContractID, &c.RecordingURI, &revoked)
	if err != nil {
		return c, err
	}
	data, err := l.keys.Open(sealed, c.ID)
	if err != nil {
		return c, fmt.Errorf("consent %s: %w", c.ID, err)
	}
	var p person
	if err := json.Unmarshal(data, &p); err != nil {
		return c, fmt.Errorf("consent %s: %w", c.ID, err)
	}
	c.Number, c.Name, c.IP, c.UserAgent = privacy.Number(p.Number), privacy.Words(p.Name), p.IP, p.UserAgent
	c.CapturedAt, c.ReceivedAt, c.EffectiveAt = c.CapturedAt.UTC(), c.ReceivedAt.UTC(), c.EffectiveAt.UTC()
	if expires != nil {
		c.ExpiresAt = expires.UTC()
	}
	if revoked != nil {
		c.RevokedAt = revoked.UTC()
	}

	return c, nil
}

// EachConsent gives the consents of a tenant to take, of one number or for an
// empty one of all, oldest first.
func (l *Ledger) EachConsent(ctx context.Context, tenant string, number privacy.Number, take func(Consent) error) error {
	callee := l.keys.Callee(number)
	rows, err := l.store.Pool().Query(ctx, selectConsentRows+` WHERE c.tenant = $1 AND ($2 OR c.callee = $3) ORDER BY c.captured_at, c.id`, tenant, number == "", callee[:])
	if err != nil {
		return l.store.Explain("read consents", err)
	}
	defer rows.Close()
	for rows.Next() {
		c, err := l.scanConsent(rows)
		if err != nil {
			return err
		}
		if err := take(c); err != nil {
			return err
		}
	}

	return l.store.Explain("read consents", rows.Err())
}

// ErrNoConsent says that there is no consent with an id.
var ErrNoConsent = errors.New("there is no consent with this id")

// RevokeConsent records that a consent was taken back. Calls are stopped by a
// suppression; this says what became of the consent.
func (l *Ledger) RevokeConsent(ctx context.Context, tenant string, consent uuid.UUID, at time.Time, method string) error {
	id := uuid.NewSHA1(suppressionSpace, []byte("revocation\x00"+consent.String()))
	e, err := newEntry(tenant, KindRevocation, id, at, struct {
		Consent uuid.UUID `json:"consent"`
		Method  string    `json:"method"`
	}{consent, method}, func(b *pgx.Batch) {
		b.Queue(`INSERT INTO consent_revocations (id, tenant, consent_id, revoked_at, method) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING`,
			id, tenant, consent, instant(at), method)
	})
	if err != nil {
		return err
	}

	var of []byte
	err = l.store.Pool().QueryRow(ctx, `SELECT callee FROM consents WHERE id = $1 AND tenant = $2`, consent, tenant).Scan(&of)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("revoke a consent: %w", ErrNoConsent)
	case err != nil:
		return l.store.Explain("revoke a consent", err)
	}
	var callee Callee
	copy(callee[:], of)

	return l.add(ctx, "revoke a consent", []entry{e}, callee)
}

// ErrNoOptIn says that a consent does not lift a suppression.
var ErrNoOptIn = errors.New("the consent is not of this number, or is not later than the suppression")

// Lift ends the suppressions of a number that stood when its owner gave a
// consent again, and returns how many.
func (l *Ledger) Lift(ctx context.Context, tenant string, number privacy.Number, consent uuid.UUID) (int, error) {
	var given *Consent
	err := l.EachConsent(ctx, tenant, number, func(c Consent) error {
		if c.ID == consent && c.RevokedAt.IsZero() {
			given = &c
		}

		return nil
	})
	if err != nil {
		return 0, err
	}
	if given == nil {
		return 0, ErrNoOptIn
	}
	standing, err := l.SuppressionsOf(ctx, tenant, number)
	if err != nil {
		return 0, err
	}
	var entries []entry
	now := time.Now()
	for i := range standing {
		s := &standing[i]
		if !s.At.Before(given.CapturedAt) || s.Scope == compliance.ScopeEverything {
			continue
		}
		id := uuid.NewSHA1(suppressionSpace, []byte("lift\x00"+s.ID.String()+consent.String()))
		e, err := newEntry(tenant, KindLift, id, now, struct {
			Suppression uuid.UUID `json:"suppression"`
			Consent     uuid.UUID `json:"consent"`
		}{s.ID, consent}, func(b *pgx.Batch) {
			b.Queue(`INSERT INTO suppression_lifts (id, tenant, suppression_id, consent_id, lifted_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING`,
				id, tenant, s.ID, consent, instant(now))
		})
		if err != nil {
			return 0, err
		}
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		return 0, ErrNoOptIn
	}

	return len(entries), l.add(ctx, "lift suppressions", entries)
}
