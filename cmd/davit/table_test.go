package main

import (
	"strings"
	"testing"
)

func TestColumnsStandBelowEachOtherAlsoWhereTheLastCellIsEmpty(t *testing.T) {
	t.Parallel()

	var out strings.Builder
	list := (&session{}).table(&out, "none", "NAME", "REPLICAS", "URL")
	for _, cells := range [][]string{{"a", "1 of 1 run", "http://a"}, {"much-longer", "none", ""}, {"b", "", ""}, {"c", "2 of 2 run", "http://c"}} {
		if err := list.row(nil, cells...); err != nil {
			t.Fatal(err)
		}
	}
	if err := list.end(); err != nil {
		t.Fatal(err)
	}
	const want = `NAME         REPLICAS    URL
a            1 of 1 run  http://a
much-longer  none
b
c            2 of 2 run  http://c
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}
