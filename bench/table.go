package bench

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// table is printed as Markdown with its columns aligned.
type table struct {
	head []string
	rows [][]string
}

func newTable(head ...string) *table { return &table{head: head} }

// row adds a row; values that are not strings are printed with %v.
func (t *table) row(cells ...any) {
	row := make([]string, len(t.head))
	for i := range min(len(cells), len(row)) {
		row[i] = fmt.Sprint(cells[i])
	}
	t.rows = append(t.rows, row)
}

// write prints the table after an empty line: the first column to the left,
// the others to the right.
func (t *table) write(w io.Writer) {
	widths := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var out strings.Builder
	line := func(row []string) {
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				out.WriteString("| " + cell + pad)
			} else {
				out.WriteString(" | " + pad + cell)
			}
		}
		out.WriteString(" |\n")
	}
	out.WriteByte('\n')
	line(t.head)
	for i, width := range widths {
		rule := strings.Repeat("-", width)
		if i == 0 {
			out.WriteString("|-" + rule + "-")
		} else {
			out.WriteString("|-" + rule + ":")
		}
	}
	out.WriteString("|\n")
	for _, row := range t.rows {
		line(row)
	}
	fmt.Fprint(w, out.String())
}
