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
	text strings.Builder // what w wrote, the spaces at the ends of lines too
	head []string
	none string // said to a person instead of a table without rows
	rows int
}

func (s *session) table(out io.Writer, none string, head ...string) *table {
	t := &table{session: s, out: out, head: head, none: none}
	t.w = tabwriter.NewWriter(&t.text, 0, 0, 2, ' ', 0)
	return t
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
	_, err := fmt.Fprintln(t.w, strings.Join(cells, "\t")) // cells that are missing at an end would end a column there
	return err
}

func (t *table) end() error {
	if t.rows == 0 {
		t.say(t.out, "%s", t.none)
	}
	if err := t.w.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(t.text.String()) {
		if _, err := fmt.Fprintln(t.out, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}
