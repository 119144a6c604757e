package migrations

import "embed"

// Files holds the migrations, named NNNNN_what.sql.
//
//go:embed *.sql
var Files embed.FS
