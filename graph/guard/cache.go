package guard

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/vektah/gqlparser/v2/ast"
)

// maxCached is the longest document a cache keeps, in bytes. A parsed document
// takes about thirty times its length, and clients that send the same
// operation again, as the console and the CLI do, send shorter ones.
const maxCached = 8 << 10

// NewCache returns a query cache for the executor that keeps the n documents
// used last, but none so long that a few clients could fill the memory.
func NewCache(n int) graphql.Cache[*ast.QueryDocument] {
	documents, err := lru.New[string, *ast.QueryDocument](max(n, 1))
	if err != nil {
		return graphql.NoCache[*ast.QueryDocument]{} // not for a positive size
	}
	return cache{documents}
}

type cache struct {
	documents *lru.Cache[string, *ast.QueryDocument]
}

func (c cache) Get(_ context.Context, query string) (*ast.QueryDocument, bool) {
	return c.documents.Get(query)
}

func (c cache) Add(_ context.Context, query string, doc *ast.QueryDocument) {
	if len(query) <= maxCached {
		c.documents.Add(query, doc)
	}
}
