package guard_test

import (
	"fmt"
	"testing"
)

func TestThreeNestedPagesFitTheDefaultLimits(t *testing.T) {
	t.Parallel()

	const query = "{projects(first:100){nodes{environments(first:20){nodes{logs(limit:2){text}}}}}}"
	if message, _ := try(t, house(), query, ""); message != "" {
		t.Error(message)
	}
}

func TestCost(t *testing.T) {
	t.Parallel()

	const connection = "projects%s{edges{node{id}} nodes{id} pageInfo{hasNextPage} totalCount}"
	// The connection and three things in it, and per project an edge, its
	// node, and an item of nodes.
	connectionOf := func(n int) int { return 4 + 3*n }

	tests := []struct {
		name, query, variables string
		want                   int
	}{
		{"leaves are free", "{viewer{id}}", "", 1},
		{"unless they have a weight", "{viewer{id name}}", "", 3},
		{"a page takes its default", "{" + fmt.Sprintf(connection, "") + "}", "", connectionOf(20)},
		{"a page takes first", "{" + fmt.Sprintf(connection, "(first:3)") + "}", "", connectionOf(3)},
		{"a page takes last", "{" + fmt.Sprintf(connection, "(last:4)") + "}", "", connectionOf(4)},
		{"a page takes the larger of first and last", "{" + fmt.Sprintf(connection, "(first:5,last:4)") + "}", "", connectionOf(5)},
		{"an empty page", "{" + fmt.Sprintf(connection, "(first:0)") + "}", "", connectionOf(0)},
		{"null is absent", "{" + fmt.Sprintf(connection, "(first:null)") + "}", "", connectionOf(20)},
		{"a negative number is absent", "{" + fmt.Sprintf(connection, "(first:-7)") + "}", "", connectionOf(20)},
		{"a variable", "query($n:Int){" + fmt.Sprintf(connection, "(first:$n)") + "}", `{"n":6}`, connectionOf(6)},
		{"a variable that is null", "query($n:Int){" + fmt.Sprintf(connection, "(first:$n)") + "}", `{"n":null}`, connectionOf(20)},
		{"a variable that is absent", "query($n:Int){" + fmt.Sprintf(connection, "(first:$n)") + "}", "", connectionOf(20)},
		{"a variable with a default", "query($n:Int=7){" + fmt.Sprintf(connection, "(first:$n)") + "}", "", connectionOf(7)},
		{"a connection without arguments", "{open{nodes{id}}}", "", 2 + 20},
		{"a page that is no connection", `{search(query:"a"){hits{id}}}`, "", 10 + 1 + 30},
		{"pages in pages", "{projects(first:3){nodes{environments(first:2){nodes{id}}}}}", "", 2 + 3*(1+2+2)},
		{"a list with a limit", "{projects(first:1){nodes{environments(first:1){nodes{logs{text}}}}}}", "", 2 + 1 + 2 + 1 + 1 + 200},
		{"a list without a size", "{viewer{roles{users{id}}}}", "", 1 + 1 + 5*(1+1+5)},
		{"ids", `{nodes(ids:["a","b","c"]){id}}`, "", 1 + 3},
		{"ids in a variable", "query($i:[ID!]!){nodes(ids:$i){id}}", `{"i":["a","b"]}`, 1 + 2},
		{"a single id", `{nodes(ids:"a"){id}}`, "", 1 + 1},
		{"a single id in a variable", "query($i:[ID!]!){nodes(ids:$i){id}}", `{"i":"a"}`, 1 + 1},
		{
			"one fragment on pages of two sizes",
			"{a:projects(first:2){...P} b:projects(first:3){...P}} fragment P on ProjectConnection{nodes{id}}",
			"", 2 + 2 + 2 + 3,
		},
		{
			"fragments count where they are spread, each time",
			"{viewer{...F ...on User{...F}}} fragment F on User{friend{id}}",
			"", 3,
		},
		{
			"a number beyond all limits",
			"{projects(first:2000000000){nodes{id}}}",
			"", 1_000_000_000,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := house()
			g.Limits.Cost = tt.want
			if message, _ := try(t, g, tt.query, tt.variables); message != "" {
				t.Errorf("costs more than %d: %s", tt.want, message)
			}
			g = house()
			g.Limits.Cost = tt.want - 1
			if g.Limits.Cost == 0 {
				return
			}
			if message, _ := try(t, g, tt.query, tt.variables); message == "" {
				t.Errorf("costs less than %d", tt.want)
			}
		})
	}
}
