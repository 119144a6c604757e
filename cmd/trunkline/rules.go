package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"trunkline/compliance"
	"trunkline/compliance/npa"
	"trunkline/config"
)

// rulesCmd shows the rules in use.
type rulesCmd struct {
	At       string `help:"Show what is in force on this day instead of today." placeholder:"YYYY-MM-DD"`
	State    string `help:"Show what holds for a place alone, such as US-FL." placeholder:"PLACE"`
	Unproven bool   `help:"Show rules alone that are written from memory."`
	JSON     bool   `help:"Print JSON." name:"json"`
}

// ruleRow is one rule as it is shown.
type ruleRow struct {
	ID           string `json:"id"`
	Pack         string `json:"pack"`
	Jurisdiction string `json:"jurisdiction"`
	From         string `json:"effective_from,omitempty"`
	To           string `json:"effective_to,omitempty"`
	Citation     string `json:"citation"`
	Confidence   string `json:"confidence"`
	ReviewedBy   string `json:"reviewed_by"`
}

func (r *rulesCmd) Run(c *cli, std *streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	at := time.Now()
	if r.At != "" {
		if at = config.Day(r.At); at.IsZero() {
			return usageError(fmt.Sprintf("--at %q is not a day; write it as 2026-01-31", r.At))
		}
	}
	rules, err := cfg.Compliance.LoadRules()
	if err != nil {
		return err
	}
	var rows []ruleRow
	all := rules.All()
	for i := range all {
		if rule := &all[i]; r.shows(rule, at) {
			rows = append(rows, ruleRow{
				ID: rule.ID, Pack: rule.Pack(), Jurisdiction: rule.Jurisdiction, From: rule.From.String(), To: rule.To.String(),
				Citation: rule.Citation, Confidence: string(rule.Confidence), ReviewedBy: rule.ReviewedBy,
			})
		}
	}
	if r.JSON {
		enc := json.NewEncoder(std.out)
		enc.SetIndent("", "  ")

		return enc.Encode(rows)
	}

	return printRules(std.out, rules, rows)
}

// shows says whether a rule was asked for.
func (r *rulesCmd) shows(rule *compliance.Rule, at time.Time) bool {
	country, _, _ := strings.Cut(r.State, "-")

	return rule.InForce(at) && (!r.Unproven || rule.Confidence == compliance.Memory) &&
		(r.State == "" || slices.Contains([]string{"*", country, r.State}, rule.Jurisdiction))
}

func printRules(out io.Writer, rules *compliance.Rules, rows []ruleRow) error {
	for _, p := range rules.Packs() {
		fmt.Fprintf(out, "%s of %s, SHA-256 %s\n", p.Name, p.Version, p.SHA256[:16])
	}
	fmt.Fprintf(out, "area codes %s, time zones %s\n\n", npa.Version(), rules.TzdataVersion())
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "RULE\tPLACE\tFROM\tUNTIL\tREAD IN\tREVIEWED BY\tSOURCE")
	for _, row := range rows {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", row.ID, row.Jurisdiction, row.From, row.To, row.Confidence, row.ReviewedBy, row.Citation)
	}

	return table.Flush()
}
