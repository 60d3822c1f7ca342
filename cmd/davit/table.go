package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// table prints a list: rows in columns for a person, objects for a program.
type table struct {
	*session
	out  io.Writer
	w    *tabwriter.Writer
	head []string
	none string // said to a person instead of a table without rows
	rows int
}

func (s *session) table(out io.Writer, none string, head ...string) *table {
	return &table{session: s, out: out, w: tabwriter.NewWriter(out, 0, 0, 2, ' ', 0), head: head, none: none}
}

// row prints v with --json, and otherwise the cells.
func (t *table) row(v any, cells ...string) error {
	if t.json {
		return t.emit(t.out, v)
	}
	if t.rows == 0 {
		fmt.Fprintln(t.w, strings.Join(t.head, "\t"))
	}
	t.rows++
	for i := range cells {
		cells[i] = plain(cells[i])
	}
	_, err := fmt.Fprintln(t.w, strings.TrimRight(strings.Join(cells, "\t"), "\t"))
	return err
}

func (t *table) end() error {
	if t.rows == 0 {
		t.say(t.out, "%s", t.none)
	}
	return t.w.Flush()
}
